"""``nodeflow train`` ends where a value leaves its bounds: in text, in JSON, with exit status 1."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import nodeflow as nf
from nodeflow.document.edit import commands
from nodeflow.document.edit.set_flags import set_bounds
from nodeflow.document.io import flow
from nodeflow.resources import example


@pytest.fixture
def bounded(tmp_path):
    """linear_regression.flow, whose learning rate makes what it predicts grow."""
    document = flow.load(example("linear_regression"))
    commands.set_attr(document, document.node_named("train").id, "learning_rate", 2.5)
    set_bounds(document, [document.node_named("prediction").id], -9, 9)
    flow.save(document, tmp_path / "bounded.flow")
    return tmp_path / "bounded.flow"


@pytest.mark.thorough
def test_people_read_node_step_value_and_where(nodeflow, bounded):
    result = nodeflow("train", bounded)
    assert result.code == 1 and "Traceback" not in result.err
    assert "prediction: " in result.err and "bound" in result.err and "at step " in result.err
    assert "those from before step" in result.err or "the initial ones" in result.err


@pytest.mark.thorough
def test_json_has_them_as_fields(nodeflow, bounded):
    result = nodeflow("train", bounded, "--json")
    lines = [json.loads(line) for line in result.out.splitlines()]
    last = next(line for line in lines if line.get("event") == "diverged")
    assert result.code == 1 and last["node"] == "prediction"
    edge = last["bounds"]["max" if last["bounds"]["left"] == "max" else "min"]
    assert abs(last["value"]) > abs(edge) == 9
    assert isinstance(last["bounds"]["at"], list) and last["step"] >= 1


@pytest.mark.thorough
def test_a_sweep_keeps_the_trial_as_failed_and_goes_on(nodeflow, bounded, tmp_path, monkeypatch):
    monkeypatch.setenv("NODEFLOW_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("PYTHONPATH", str(Path(nf.__file__).parents[1]))
    rates = "train.learning_rate=[2.5, 0.01]"
    options = ("--set", rates, "--epochs", 2, "--tier", "reference", "--json")
    *each, _ = nodeflow("sweep", bounded, *options).lines
    by_trial = {line["trial"]: json.dumps(line) for line in each}
    assert "bound" in by_trial[1] and "bound" not in by_trial[2]
