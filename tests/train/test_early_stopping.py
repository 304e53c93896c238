"""Early stopping and running means: when training ends, with which weights, and what it says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.data.data_splits import DataSplits
from nodeflow.engine.columns import Column
from nodeflow.errors import GraphError, NodeflowError
from nodeflow.train.evaluation.early_stopping import Watch
from nodeflow.train.events import Done, Epoch
from nodeflow.train.loop.event_stream import train
from nodeflow.train.settings import PlainSettings
from nodeflow.train.training import Binding, Metric, Monitor, Training


def watch(values, goal="min", **settings):
    """Epochs until exhausted (or all), and the watch."""
    seen = Watch(PlainSettings(**settings), Monitor(goal=goal))
    seen.start(1)
    for epoch, value in enumerate(values, 1):
        seen.improves(epoch, value)
        if seen.exhausted:
            return epoch, seen
    return None, seen


def test_patience_counts_epochs_since_the_best():
    ended, seen = watch([5, 4, 3, 3, 3.5, 3, 2], patience=3)
    assert (ended, seen.best_epoch, seen.best_value) == (6, 3, 3)
    assert seen.reason == "training loss has not improved for 3 epochs"
    assert watch([5, 4, 4, 3, 3, 2, 2], patience=2)[0] is None


def test_small_changes_and_wrong_directions_are_no_improvement():
    assert watch([1, 0.95, 0.91, 0.5], patience=2, min_change=0.1)[0] == 3
    assert watch([0.5, 0.6, 0.7, 0.6, 0.7], patience=2, goal="max")[0] == 5
    assert watch([np.nan, 1, np.nan, np.nan], patience=2)[0] == 4
    assert watch([np.nan, np.nan], patience=2)[0] == 2


@pytest.mark.parametrize(
    ("setting", "bad", "problem"),
    [("patience", 0, "patience must be at least 1"), ("min_change", -1.0, "at least 0, not -1"),
     ("min_change", np.nan, "at least 0"), ("epochs", 0, "at least 1"), ("seed", -1, "at least 0"),
     ("batch_size", 2.5, "must be a whole number")],
)  # fmt: skip
def test_a_setting_out_of_range_is_refused(setting, bad, problem):
    _, training = overshooting()
    with pytest.raises(GraphError, match=problem):
        replace(training, **{setting: bad})


def test_a_goal_is_min_or_max():
    with pytest.raises(GraphError, match="must be min or max, not 'up'"):
        Monitor(goal="up")


def overshooting(split="test"):
    """A weight that passes the best value of the held-out loss on its way to its own."""
    with nf.Graph() as graph:
        x = nf.placeholder("float64", [None], name="x")
        w = nf.variable(np.float64(0), name="w")
        loss = nf.reduce_mean(nf.square(x - w), name="loss")
        optimizer = nf.gradient_descent(loss, learning_rate=0.05, average_decay=0.5, name="train")
    columns = {"train": np.full(20, 1.0), "test": np.full(7, 0.6)}
    data = DataSplits("d", "memory", {s: {"x": Column(v)} for s, v in columns.items()})
    return graph, Training(
        optimizer, loss, epochs=30, batch_size=10, bindings={x: Binding(data, "x")},
        metrics=(Metric(loss, split, key="loss"),),
    )  # fmt: skip


def ended(graph, training, first_epoch=1, variables=None):
    with nf.Session(graph, tier="reference") as session:
        session.initialize()
        session.variables.update(variables or {})
        events = list(train(session, training, first_epoch=first_epoch))
        return [e for e in events if isinstance(e, Epoch)], events[-1], dict(session.variables)


def test_it_stops_with_the_best_weights():
    graph, training = overshooting()
    training = replace(training, monitor=Monitor(training.metrics[0]), patience=3)
    epochs, done, variables = ended(graph, training)
    losses = [e.metrics["loss"] for e in epochs]
    best = int(np.argmin(losses)) + 1
    assert isinstance(done, Done) and len(epochs) == best + 3 < 30
    assert (done.epochs, done.last_epoch, done.best_epoch) == (best + 3, best + 3, best)
    assert done.metrics["loss"] == losses[best - 1] and not done.stopped
    w = 1 - 0.9 ** (2 * best)  # each of two steps an epoch goes a tenth of the way to 1
    assert variables["w"] == pytest.approx(w)
    assert done.ending == (
        f"stopped after epoch {best + 3}: test loss has not improved for 3 epochs; "
        f"weights of epoch {best}"
    )


def test_without_restoring_the_last_weights_stay():
    graph, training = overshooting()
    training = replace(
        training, monitor=Monitor(training.metrics[0]), patience=3, restore_best=False
    )
    epochs, done, variables = ended(graph, training)
    assert variables["w"] == pytest.approx(1 - 0.9 ** (2 * len(epochs)))
    assert done.best_epoch == 0 and done.ending.endswith("for 3 epochs")


def test_the_best_weights_are_kept_when_the_epochs_run_out():
    graph, training = overshooting()
    training = replace(training, monitor=Monitor(training.metrics[0]), patience=100)
    epochs, done, variables = ended(graph, training)
    best = int(np.argmin([e.metrics["loss"] for e in epochs])) + 1
    assert len(epochs) == 30 and done.reason == "" and done.best_epoch == best
    assert done.ending == f"done after epoch 30; weights of epoch {best}"
    assert variables["w"] == pytest.approx(1 - 0.9 ** (2 * best))


@pytest.mark.thorough
def test_watching_changes_no_number_of_the_training():
    graph, training = overshooting()
    plain, _, _ = ended(graph, training)
    training = replace(training, monitor=Monitor(training.metrics[0]), patience=100)
    watched, _, _ = ended(graph, replace(training, use_averages=True))
    assert [e.loss for e in plain] == [e.loss for e in watched]
    assert set(watched[0].metrics) == {"loss"}, "what is measured anyway is not measured twice"


def test_averages_are_measured_and_are_the_weights_in_the_end():
    graph, training = overshooting()
    epochs, _, variables = ended(graph, replace(training, epochs=4, use_averages=True))
    w, average, expected = 0.0, 0.0, []
    for step in range(8):
        w += 0.1 * (1 - w)
        average = 0.5 * average + 0.5 * w
        if step % 2:
            expected.append((0.6 - average) ** 2)
    assert [e.metrics["loss"] for e in epochs] == pytest.approx(expected)
    assert variables["w"] == pytest.approx(average)


def test_averages_need_an_optimizer_that_keeps_them():
    graph, training = overshooting()
    with graph:
        other = nf.adam(training.loss, name="other")
    with pytest.raises(GraphError, match="average_decay"):
        ended(graph, replace(training, optimizer=other, use_averages=True))


def test_continuing_counts_patience_from_its_own_start():
    graph, training = overshooting()
    training = replace(training, monitor=Monitor(training.metrics[0]), patience=2)
    epochs, done, _ = ended(graph, training, first_epoch=11, variables={"w": 0.9})
    assert [e.epoch for e in epochs] == [11, 12, 13] and done.best_epoch == 11


def test_a_split_that_is_not_there_is_told_before_the_first_step():
    graph, training = overshooting("validation")
    with pytest.raises(NodeflowError, match="no rows in the split 'validation'"):
        ended(graph, training)
