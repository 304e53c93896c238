"""``--memory``: what a run or a training step may take, said before it runs."""

from __future__ import annotations

import re

import numpy as np
import pytest

from nodeflow.resources import example

MNIST, CNN = example("mnist.flow"), example("mnist_cnn.flow")


@pytest.mark.thorough
def test_what_a_run_takes_is_said_before_it_runs(nodeflow):
    plain = nodeflow("run", MNIST, "--fetch", "loss", "--seed", "1", "--json")
    limited = nodeflow("run", MNIST, "--fetch", "loss", "--seed", "1", "--memory", "4MB", "--json")
    assert "memory" not in plain.err
    assert "nodeflow: memory: " in limited.err and "the limit is 4 MB" in limited.err
    assert limited.json == plain.json


@pytest.mark.thorough
def test_predictions_within_a_limit(nodeflow, tmp_path):
    found = []
    for limit in ((), ("--memory", "3MB")):
        out = tmp_path / f"{len(limit)}.npy"
        result = nodeflow("run", MNIST, "--fetch", "logits", "-o", out, "--seed", "1", *limit)
        assert result.code == 0, result.err
        found.append(np.load(out))
    assert "nodeflow: memory: " in result.err
    np.testing.assert_allclose(found[0], found[1], rtol=1e-4, atol=1e-4)


@pytest.mark.sample(1)
@pytest.mark.parametrize("tier", ["reference", "compiled"])
def test_what_does_not_fit_names_node_and_bytes(nodeflow, tier):
    options = ("--set", "training.batch_size=2000", "--tier", tier, "--memory", "2MB", "--no-run")
    result = nodeflow("train", MNIST, *options)
    assert result.code == 1
    assert " MB at a time, and the limit is 2 MB" in result.err
    assert "--memory" in result.err


@pytest.mark.thorough
def test_a_step_within_the_limit_has_the_losses_without(nodeflow):
    options = ("--set", "training.batch_size=2000", "--epochs", "2", "--no-run", "--json")
    found = []
    for limit in ((), ("--memory", "16MB")):
        result = nodeflow("train", MNIST, *options, *limit)
        assert result.code == 0, result.err
        found.append([line["loss"] for line in result.lines if line["event"] == "epoch"])
    assert found[0] == found[1]
    assert len(found[0]) == 2


@pytest.mark.thorough
def test_what_an_evaluation_takes_is_said_before_the_first_step(nodeflow):
    """A step of 10 pictures takes little, the 500 that are evaluated at a time more."""
    options = ("--set", "training.batch_size=10", "--epochs", "1", "--no-run", "--memory", "3MB")
    result = nodeflow("train", CNN, *options)
    assert result.code == 1
    said, problem = (
        re.search(pattern, result.err)
        for pattern in (r"memory: ([0-9.]+ MB) for values", r"values take ([0-9.]+ MB) at a time")
    )
    assert said and problem and said[1] == problem[1]


@pytest.mark.thorough
def test_large_steps_have_the_losses_of_all_limits(nodeflow):
    """A step of 500 pictures takes 73 MB whole."""
    options = ("--set", "training.batch_size=500", "--epochs", "1", "--no-run", "--json")
    found = []
    for limit, threads in (("16MB", 1), ("48MB", 2), ("1GB", 2)):
        limits = ("--memory", limit, "--threads", threads, "--tier", "compiled")
        result = nodeflow("train", CNN, *options, *limits)
        assert result.code == 0, result.err
        found.append([line["loss"] for line in result.lines if line["event"] == "epoch"])
    assert found[0] == found[1] == found[2]


def test_a_limit_is_a_size(nodeflow):
    result = nodeflow("run", CNN, "--memory", "plenty")
    assert result.code == 2
    assert "--memory" in result.err


def test_explain_says_how_rows_are_cut(nodeflow, monkeypatch):
    from nodeflow.engine.blocks import grid

    monkeypatch.setattr(grid, "WHOLE_BYTES", 1 << 20)
    monkeypatch.setattr(grid, "CELL_BYTES", 1 << 20)
    result = nodeflow("run", CNN, "--fetch", "accuracy", "--explain")
    assert "memory: " in result.out
    assert "blocks of" in result.out
