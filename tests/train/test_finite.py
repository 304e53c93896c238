"""A training that diverges stops, says where, and keeps the weights of the last finite epoch.

That is where memory holds no copy to replay from; where it does, see `test_first_bad`.
"""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.data.data_splits import DataSplits
from nodeflow.engine.columns import Column
from nodeflow.errors import NonFiniteError
from nodeflow.train.doctor.checks import Doctor
from nodeflow.train.events import Diverged, Done, Epoch, Steps, as_json
from nodeflow.train.loop.event_stream import train
from nodeflow.train.training import Binding, Training

pytestmark = pytest.mark.usefixtures("no_copies")
BOTH = pytest.mark.parametrize("tier", ["reference", "compiled"])
STEPS = 4  # of an epoch


@pytest.fixture
def no_copies(monkeypatch):
    monkeypatch.setenv("NODEFLOW_HISTORY_MB", "0")


def growing(rate: float = 2.0, epochs: int = 30, **settings):
    """A weight that each step multiplies by 1 - 2 * rate: with 2.0, by -3."""
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None], name="x")
        w = nf.variable(1.0, name="w")
        loss = nf.reduce_mean(nf.square(x - w), name="loss")
        optimizer = nf.gradient_descent(loss, learning_rate=rate, name="train")
    data = DataSplits("d", "memory", {"train": {"x": Column(np.zeros(STEPS, np.float32))}})
    bindings = {x: Binding(data, "x")}
    training = Training(optimizer, loss, epochs=epochs, batch_size=1, bindings=bindings, **settings)
    return graph, training


def by_numpy(steps: int) -> tuple[np.ndarray, list[np.float32]]:
    """The losses, and the weight before each step and after the last."""
    weights, losses = [np.float32(1)], []
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(steps):
            losses.append(np.square(weights[-1]))
            weights.append(np.float32(weights[-1] - np.float32(2) * (np.float32(2) * weights[-1])))
    return np.array(losses), weights


def run(graph, training, tier, **how):
    events, error = [], None
    with nf.Session(graph, tier=tier) as session:
        session.initialize()
        try:
            for event in Doctor(training).examined(train(session, training, **how)):
                events.append(event)
        except NonFiniteError as raised:
            error = raised
        return events, error, dict(session.variables.items())


def losses(events) -> np.ndarray:
    return np.concatenate([e.losses for e in events if isinstance(e, Steps)])


@BOTH
def test_it_stops_at_the_first_loss_that_is_not_finite(tier):
    graph, training = growing()
    events, error, variables = run(graph, training, tier)
    expected, weights = by_numpy(120)
    bad = int(np.flatnonzero(~np.isfinite(expected))[0])  # the step that is not finite, from 0
    np.testing.assert_allclose(losses(events), expected[: bad + 1], rtol=1e-5)
    last = events[-1]
    assert isinstance(last, Diverged)
    assert (last.step, last.epoch, last.node) == (bad + 1, bad // STEPS + 1, "loss")
    assert last.value == np.inf and last.kept_epoch == bad // STEPS
    assert error is not None and error.step == bad + 1 and error.node == "loss"
    assert f"inf at step {bad + 1}" in str(error) and f"those of epoch {bad // STEPS}" in str(error)
    np.testing.assert_allclose(variables["w"], weights[bad // STEPS * STEPS], rtol=1e-5)
    assert [e.epoch for e in events if isinstance(e, Epoch)] == list(range(1, bad // STEPS + 1))
    assert not [e for e in events if isinstance(e, Done)]


def test_the_message_speaks_to_its_reader():
    _, error, _ = run(*growing(), "reference")
    assert error is not None
    assert "allow_nonfinite=True" in error.text("python")
    assert "--allow-nonfinite" in error.text("cli")
    assert "allow" not in error.text("window")
    again = pickle.loads(pickle.dumps(error))
    assert (again.step, str(again)) == (error.step, str(error))


def test_in_the_first_epoch_the_initial_weights_are_kept():
    events, error, variables = run(*growing(rate=1e30), "reference")
    assert isinstance(events[-1], Diverged) and events[-1].kept_epoch == 0
    assert variables["w"] == 1 and "the initial ones" in str(error)


@BOTH
def test_a_weight_that_is_not_finite_stops_it_though_the_loss_is_finite(tier):
    graph, training = growing(rate=0.1)
    with graph:
        huge = nf.variable(1.0, name="huge", trainable=False)
        grow = nf.assign(huge, huge * 1000.0, name="grow")
        both = nf.group(training.optimizer, grow, name="both")
    events, error, variables = run(graph, replace(training, optimizer=both), tier)
    assert error is not None and error.node == "huge" and isinstance(events[-1], Diverged)
    assert np.isfinite(losses(events)).all() and np.isfinite(variables["huge"])
    kept = events[-1].kept_epoch
    np.testing.assert_allclose(variables["huge"], 1000.0 ** (STEPS * kept), rtol=1e-5)
    np.testing.assert_allclose(variables["w"], 0.8 ** (STEPS * kept), rtol=1e-5)


def test_a_variable_that_is_meant_to_be_infinite_is_left_alone():
    graph, training = growing(rate=0.1, epochs=3)
    with graph:
        least = nf.variable(float("inf"), name="least", trainable=False)
        keep = nf.assign(least, nf.minimum(least, training.loss), name="keep")
        both = nf.group(training.optimizer, keep, name="both")
    _, error, variables = run(graph, replace(training, optimizer=both), "reference")
    assert error is None and np.isfinite(variables["least"])


@BOTH
def test_allowed_it_goes_on_as_numpy_would(tier):
    graph, training = growing(allow_nonfinite=True)
    events, error, variables = run(graph, training, tier)
    expected, weights = by_numpy(120)
    assert error is None and isinstance(events[-1], Done) and events[-1].epochs == 30
    np.testing.assert_allclose(losses(events), expected, rtol=1e-4)
    np.testing.assert_allclose(variables["w"], weights[-1], rtol=1e-4)


@BOTH
def test_watching_changes_no_bit_of_a_training_that_converges(tier):
    watched = run(*growing(rate=0.1), tier)
    alone = run(*growing(rate=0.1, allow_nonfinite=True), tier)
    assert losses(watched[0]).tobytes() == losses(alone[0]).tobytes()
    assert watched[2]["w"].tobytes() == alone[2]["w"].tobytes()


def test_continued_it_keeps_what_was_there_before():
    events, error, variables = run(*growing(rate=1e30), "reference", first_epoch=5)
    assert error is not None and variables["w"] == 1
    assert "from before this training" in str(error) and events[-1].kept_epoch == 4


def test_it_offers_a_smaller_rate_and_clipping_and_prints_as_json():
    events, _, _ = run(*growing(), "reference")
    last = events[-1]
    assert [hint.fix for hint in last.fixes] == [
        "Set the learning rate to 0.2",
        "Clip the gradients to a norm of 1",
    ]
    assert as_json(last) == {
        "event": "diverged",
        "step": last.step,
        "epoch": last.epoch,
        "node": "loss",
        "value": np.inf,
        "kept_epoch": last.kept_epoch,
    }


def test_inputs_that_are_not_scaled_can_be_scaled():
    rng = np.random.default_rng(3)
    rows = (rng.normal(size=(STEPS, 3)) * 1e4).astype(np.float32)
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None, 3], name="x")
        w = nf.variable(np.ones((3, 1), np.float32), name="w")
        loss = nf.reduce_mean(nf.square(x @ w), name="loss")
        optimizer = nf.gradient_descent(loss, learning_rate=1.0, name="train")
    bindings = {x: Binding(DataSplits("d", "memory", {"train": {"x": Column(rows)}}), "x")}
    training = Training(optimizer, loss, epochs=30, batch_size=1, bindings=bindings)
    events, error, variables = run(graph, training, "reference")
    assert error is not None and np.isfinite(variables["w"]).all()
    texts = [hint.fix for hint in events[-1].fixes]
    assert texts[0] == "Set the learning rate to 0.1" and "Insert Normalize after x" in texts
