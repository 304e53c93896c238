"""A run trains if it executes an optimizer's update: its phase, streams and kernels say so."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.data.data_splits import DataSplits
from nodeflow.engine.columns import Column
from nodeflow.ops.layers.functions.without_variables import dropout
from nodeflow.train.events import Steps
from nodeflow.train.loop.event_stream import train
from nodeflow.train.training import Binding, Training

BOTH = pytest.mark.parametrize("tier", ["reference", "compiled"])
ROWS, BATCH, EPOCHS = 24, 6, 3


def network() -> tuple[nf.Graph, Training]:
    """Dropout, batch normalisation and Adam, on a few rows."""
    numbers = np.random.default_rng(4)
    rows = numbers.normal(size=(ROWS, 5)).astype(np.float32)
    answers = (rows[:, :1] - rows[:, 1:2] ** 2).astype(np.float32)
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None, 5], name="x")
        y = nf.placeholder("float32", [None, 1], name="y")
        hidden = nf.layers.dense(x, 7, activation=nf.relu, name="hidden")
        hidden = nf.layers.batch_normalization(hidden, momentum=0.9, name="bn")
        out = nf.layers.dense(dropout(hidden, 0.4, name="drop"), 1, name="out")
        loss = nf.reduce_mean(nf.square(out - y), name="loss")
        step = nf.adam(loss, learning_rate=0.01, name="train")
    data = DataSplits("d", "memory", {"train": {"x": Column(rows), "y": Column(answers)}})
    bindings = {t: Binding(data, t.name) for t in (x, y)}
    settings = {"epochs": EPOCHS, "batch_size": BATCH, "shuffle": False}
    return graph, Training(step, loss, bindings=bindings, **settings)


def batches(training: Training):
    for _ in range(EPOCHS):
        for start in range(0, ROWS, BATCH):
            yield {
                t: b.dataset.split("train")[b.column].rows(slice(start, start + BATCH))
                for t, b in training.bindings.items()
            }


def by_the_loop(tier: str) -> tuple[list[float], dict[str, np.ndarray]]:
    graph, training = network()
    with nf.Session(graph, tier=tier, seed=5) as session:
        session.initialize()
        events = [e for e in train(session, training) if isinstance(e, Steps)]
        return [x for e in events for x in e.losses.tolist()], dict(session.variables.items())


@pytest.mark.thorough
@BOTH
def test_a_loop_of_runs_computes_the_bits_of_the_training_loop(tier: str) -> None:
    losses, expected = by_the_loop(tier)
    graph, training = network()
    with nf.Session(graph, tier=tier, seed=5) as session:
        session.initialize()
        found = []
        for feeds in batches(training):
            session.run(["out", "bn"], feeds)  # looking at it changes nothing
            found.append(session.run([training.optimizer, training.loss], feeds)[1].item())
        assert found == losses
        assert set(session.variables) == set(expected)
        for name, value in expected.items():
            np.testing.assert_array_equal(session.variables[name], value, err_msg=name)
        assert session.variables["bn/moving_mean"].any()
        assert session.tier == tier


@BOTH
def test_updates_of_a_run_flush_denormals_as_those_of_the_loop_do(tier: str) -> None:
    with nf.Graph() as graph:
        w = nf.variable(np.float32(1), name="w")
        loss = nf.reduce_sum(w * np.float32(0))
        step = nf.momentum(loss, momentum=1e-4, learning_rate=0.1, name="train")
    training = Training(step, loss, epochs=1)

    def velocity(act) -> np.ndarray:
        with nf.Session(graph, tier=tier) as session:
            session.initialize()
            session.variables["train/w/velocity"] = np.float32(1e-38)
            act(session)
            return session.variables["train/w/velocity"]

    looped = velocity(lambda session: list(train(session, training)))
    run = velocity(lambda session: session.run(step))
    np.testing.assert_array_equal(looped, run)
    assert (run == 0) == (tier == "compiled")


def dropped() -> tuple[nf.Graph, nf.Tensor, nf.Tensor, nf.Node]:
    with nf.Graph() as graph:
        w = nf.variable(np.ones(64, np.float32), name="w")
        out = nf.dropout(w, rate=0.5, name="drop")
        loss = nf.reduce_sum(out * out, name="loss")
        step = nf.gradient_descent(loss, learning_rate=0.0, name="train")
    return graph, out, loss, step


@BOTH
def test_the_phase_holds_for_the_whole_run(tier: str) -> None:
    graph, out, _, step = dropped()
    reached = nf.group(step, name="reached")
    with graph, nf.control_dependencies([step]):
        after = nf.identity(nf.constant(1.0), name="after")
    with nf.Session(graph, tier=tier) as session:
        session.initialize()
        for fetch in (step, reached, after, "train/w/assign"):
            assert set(session.run([out, fetch])[0]) == {0, 2}, fetch
        assert set(session.run(out)) == {1}
        assert set(session.run(out, training=True)) == {0, 2}
        assert set(session.run([out, step], training=False)[0]) == {1}
        fed = {"drop/is_training": True}
        assert set(session.run(out, fed, training=False)) == {0, 2}
        assert set(session.run([out, step], {"drop/is_training": False})[0]) == {1}


@BOTH
def test_what_a_layer_is_given_comes_first(tier: str) -> None:
    with nf.Graph() as graph:
        w = nf.variable(np.ones(64, np.float32), name="w")
        never = dropout(w, training=False)
        always = dropout(w, training=True)
        step = nf.gradient_descent(nf.reduce_sum(never + always), learning_rate=0.0)
    with nf.Session(graph, tier=tier) as session:
        session.initialize()
        for how in ({}, {"training": True}, {"training": False}):
            for fetches in ([never, always], [never, always, step]):
                values = session.run(fetches, **how)
                assert set(values[0]) == {1} and set(values[1]) == {0, 2}


@BOTH
def test_steps_draw_anew_and_evaluations_between_them_change_nothing(tier: str) -> None:
    graph, out, loss, step = dropped()
    with nf.Session(graph, tier=tier, seed=2) as session:
        session.initialize()
        first = [session.run([out, step])[0] for _ in range(3)]
        assert not any(np.array_equal(a, b) for a, b in pairwise(first))
        session.initialize()
        for expected in first:
            session.run(loss, training=True)
            np.testing.assert_array_equal(session.run([out, step])[0], expected)


@BOTH
def test_batch_normalisation_moves_averages_only_by_what_it_normalises_with(tier: str) -> None:
    x = np.array([[1.0], [3.0]], np.float32)
    with nf.Graph() as graph:
        w = nf.variable(x, name="w")
        out = nf.layers.batch_normalization(w, momentum=0.5, name="bn")
        step = nf.gradient_descent(nf.reduce_mean(out * out), learning_rate=0.0, name="train")
    with nf.Session(graph, tier=tier) as session:
        session.initialize()
        value = session.run([out, step], training=False)[0]
        np.testing.assert_allclose(value, x / np.sqrt(1.001), rtol=1e-6)
        assert session.variables["bn/moving_mean"] == 0
        value = session.run([out, step])[0]
        np.testing.assert_allclose(value, [[-1 / np.sqrt(1.001)], [1 / np.sqrt(1.001)]], rtol=1e-6)
        assert session.variables["bn/moving_mean"] == 1
        np.testing.assert_allclose(session.variables["bn/moving_variance"], 1.0)


def test_profiles_and_plans_have_a_phase_too() -> None:
    graph, out, _, step = dropped()
    with nf.Session(graph) as session:
        session.initialize()
        assert set(session.profile([out, step])[0][0]) == {0, 2}
        assert set(session.profile(out)[0]) == {1}
        assert set(session.profile(out, training=True)[0]) == {0, 2}
        assert session.explain(step) != session.explain(step, training=False)
