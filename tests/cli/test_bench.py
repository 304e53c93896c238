"""``nodeflow bench``, ``run --profile`` and ``run --explain``."""

from __future__ import annotations

import json

import pytest

from nodeflow.resources import example

ARRAY = example("expression_array.flow")
SPIRALS = example("spirals.flow")


def test_a_graph_is_timed(nodeflow):
    result = nodeflow("bench", ARRAY, "--seconds", "0.05", "--json")
    assert result.code == 0
    assert result.json["what"] == "run"
    assert result.json["fetches"] == ["a"]
    assert result.json["tier"] == "compiled"
    assert 0 < result.json["best_us"] <= result.json["median_us"]
    assert result.json["times"] >= 3


@pytest.mark.thorough
def test_training_steps_are_timed_too(nodeflow):
    result = nodeflow("bench", SPIRALS, "--seconds", "0.2", "--tier", "reference", "--json")
    assert result.code == 0
    timed = {line["what"]: line for line in result.lines}
    assert timed["training step"]["times"] > 1
    assert timed["training step"]["threads"] == 1


def test_an_optimizer_needs_not_be_named_to_be_timed(nodeflow, tmp_path):
    document = json.loads(SPIRALS.read_text())
    del document["training"]["optimizer"]
    path = tmp_path / "spirals.flow"
    path.write_text(json.dumps(document))
    result = nodeflow("bench", path, "--seconds", "0.05", "--tier", "reference", "--json")
    assert "training step" in {line["what"] for line in result.lines}


def test_people_read_a_sentence(nodeflow):
    result = nodeflow("bench", ARRAY, "--seconds", "0.02", "--tier", "reference")
    assert result.out.startswith("run of a: ")
    assert "reference" in result.out


def test_an_unknown_fetch_is_a_problem(nodeflow):
    result = nodeflow("bench", ARRAY, "--fetch", "aa")
    assert result.code == 1
    assert "aa" in result.err


def test_a_profile_is_written_and_values_are_printed(nodeflow, tmp_path):
    result = nodeflow("run", ARRAY, "--profile", "out.json", "--json")
    assert result.json["fetches"]["a"] == [[3.0 * k] for k in range(1, 11)]
    events = json.loads((tmp_path / "out.json").read_text())["traceEvents"]
    assert any("a" in e["args"].get("nodes", ()) for e in events)


@pytest.mark.parametrize("command", [("run", ARRAY), ("train", SPIRALS, "--epochs", "1")])
def test_a_profile_that_cannot_be_written_is_told_before_anything_runs(nodeflow, command):
    result = nodeflow(*command, "--profile", "missing/out.json")
    assert result.code == 1 and not result.out
    assert "missing/out.json" in result.err and "Traceback" not in result.err


def test_explain_prints_the_plan_and_runs_nothing(nodeflow):
    result = nodeflow("run", ARRAY, "--explain")
    assert result.code == 0
    assert "kernel 0" in result.out
    assert "# a" in result.out


@pytest.mark.thorough
def test_rewrites_can_be_switched_off_one_by_one(nodeflow):
    assert "fuse (" in nodeflow("run", ARRAY, "--explain").out
    apart = nodeflow("run", ARRAY, "--explain", "--without", "fuse", "--without", "share")
    assert apart.code == 0 and "fuse (" not in apart.out
    values = [nodeflow("run", ARRAY, "--json", *o).json for o in ((), ("--without", "fuse"))]
    assert values[0] == values[1]
    wrong = nodeflow("run", ARRAY, "--without", "fus")
    assert wrong.code == 1 and "Did you mean fuse" in wrong.err


def test_a_training_step_is_explained_and_nothing_is_trained(nodeflow):
    result = nodeflow("train", SPIRALS, "--explain")
    assert result.code == 0
    assert "/new_value" in result.out
    assert "epoch" not in result.out
