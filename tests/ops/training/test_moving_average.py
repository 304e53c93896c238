"""`train.ExponentialMovingAverage` against its definition in TensorFlow 1."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.errors import GraphError
from nodeflow.ops.training.global_step import get_or_create_global_step
from nodeflow.ops.training.moving_average import ExponentialMovingAverage
from nodeflow.ops.training.optimizers import GradientDescentOptimizer

BOTH = pytest.mark.parametrize("tier", ["reference", "compiled"])
START = np.array([1.0, -2.0])


def moving(num_updates: bool = False) -> tuple[nf.Graph, ExponentialMovingAverage]:
    """w falls by 0.5 * w at each step, and its mean follows."""
    with nf.Graph() as graph:
        w = nf.variable(START, name="w")
        step = get_or_create_global_step()
        loss = nf.reduce_sum(0.5 * w * w)
        train = GradientDescentOptimizer(0.5).minimize(loss, global_step=step)
        means = ExponentialMovingAverage(0.9, step if num_updates else None)
        with nf.control_dependencies([train]):
            nf.group(means.apply([w]), name="train")
    return graph, means


@pytest.mark.thorough
@BOTH
@pytest.mark.parametrize("num_updates", [False, True])
def test_means_follow_the_values_after_each_step(
    num_updates: bool, tier: str, tmp_path: Path
) -> None:
    graph, means = moving(num_updates)
    nf.save(graph, tmp_path / "means.flow")
    name = means.average_name(graph.tensor("w"))
    assert name == "w/ExponentialMovingAverage"
    for each in (graph, nf.load(tmp_path / "means.flow")):
        with nf.Session(each, tier=tier) as session:
            session.initialize()
            w, mean = START, START
            for step in range(1, 5):
                session.run("train")
                w = w - 0.5 * w
                decay = min(0.9, (1 + step) / (10 + step)) if num_updates else 0.9
                mean = mean - (1 - decay) * (mean - w)
                np.testing.assert_allclose(session.variables["w"], w, rtol=1e-14)
                np.testing.assert_allclose(session.variables[name], mean, rtol=1e-6)


@BOTH
def test_means_of_tensors_begin_at_zero_and_miss_nothing(tier: str) -> None:
    with nf.Graph() as graph:
        x = nf.placeholder("float64", [2], name="x")
        square = nf.square(x, name="square")
        means = ExponentialMovingAverage(0.75)
        update = means.apply([square])
        average = means.average(square)
        assert average is not None and average.name == "square/ExponentialMovingAverage"
    biased = np.zeros(2)
    with nf.Session(graph, tier=tier) as session:
        session.initialize()
        for step, value in enumerate(([1.0, 2.0], [3.0, 0.0], [5.0, -1.0]), 1):
            session.run(update, {x: value})
            biased = 0.75 * biased + 0.25 * np.square(value)
            found = session.variables[average.name]
            np.testing.assert_allclose(found, biased / (1 - 0.75**step), rtol=1e-14)


def test_a_saver_can_load_means_in_place_of_variables() -> None:
    graph, means = moving()
    with graph:
        w = graph.tensor("w")
        other = nf.variable(1.0, name="other")
        names = means.variables_to_restore()
        average = means.average(w)
        assert average is not None and not average.node.attrs["trainable"]
        assert names["w/ExponentialMovingAverage"] is w
        assert names["other/ExponentialMovingAverage"] is other  # trainable: its mean is expected
        assert names["global_step"] is graph.tensor("global_step")
        assert average not in names.values()
        assert means.variables_to_restore([w])["other"] is other
        assert nf.trainable_variables() == [w, other]
        assert means.average(other) is None
        with pytest.raises(GraphError, match="already"):
            means.apply([w])
        with pytest.raises(GraphError, match="not a float tensor"):
            means.apply([nf.constant(3)])


def test_the_mean_is_made_outside_scopes_and_waits_for_nothing() -> None:
    graph, means = moving()
    average = means.average(graph.tensor("w"))
    assert average is not None and not average.node.control_inputs
    with nf.Session(graph) as session:
        session.initialize()
        np.testing.assert_array_equal(session.run(average), START)
        np.testing.assert_array_equal(session.variables["w"], START)
