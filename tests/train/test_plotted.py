"""Plotted nodes: their values of each step beside the loss, which stays the same to the bit."""

from __future__ import annotations

import numpy as np
import pytest

from nodeflow.document.edit.set_flags import toggle_plotted
from nodeflow.document.io.flow import load
from nodeflow.document.to_graph.task import Task
from nodeflow.engine.session import Session
from nodeflow.resources import example
from nodeflow.train.events import Steps
from nodeflow.train.loop.event_stream import train

STEPS = 60


def trained(document, tier: str) -> tuple[np.ndarray, dict[str, np.ndarray], dict]:
    """Losses, plotted values and final variables of some steps."""
    task = Task(document)
    training = task.training()
    session = Session(task.graph, tier=tier, threads=1, seed=training.seed)
    session.initialize()
    losses, plotted, count = [], {}, 0
    for event in train(session, training):
        if isinstance(event, Steps):
            losses.append(event.losses)
            for key, values in event.scalars.items():
                assert len(values) == len(event.losses)
                plotted.setdefault(key, []).append(values)
            count += len(event.losses)
            if count >= STEPS:
                break
    variables = {k: np.array(v) for k, v in session.variables.items()}
    session.close()
    joined = {key: np.concatenate(parts)[:STEPS] for key, parts in plotted.items()}
    return np.concatenate(losses)[:STEPS], joined, variables


def flow(*names: str):
    document = load(example("spirals"))
    toggle_plotted(document, [document.node_named(name).id for name in names])
    return document


@pytest.mark.parametrize("tier", ["reference", "compiled"])
def test_the_loss_that_is_plotted_is_the_loss_and_no_bit_changes(tier):
    document = flow()
    scalar = [r.name for r in document.nodes.values() if r.name in ("loss", "accuracy")]
    assert "loss" in scalar
    without, nothing, _ = trained(document, tier)
    losses, plotted, _ = trained(flow(*scalar), tier)
    assert nothing == {}
    np.testing.assert_array_equal(losses, without)
    np.testing.assert_array_equal(plotted["loss"], without)
    for key, values in plotted.items():
        assert key == "loss" or ((values >= 0) & (values <= 1)).all(), key


def test_what_a_metric_is_called_already_says_that_it_is_of_each_step():
    document = flow("accuracy")
    metrics = [m["node"] for m in document.training.get("metrics", [])]
    assert document.node_named("accuracy").id in metrics
    training = Task(document).training()
    assert list(training.plotted) == ["accuracy (each step)"]


def test_what_is_no_single_number_is_not_plotted():
    document = load(example("spirals"))
    wide = [r.id for r in document.nodes.values() if r.op in ("matmul", "placeholder", "adam")]
    assert wide
    toggle_plotted(document, wide)
    assert Task(document).training().plotted == {}
