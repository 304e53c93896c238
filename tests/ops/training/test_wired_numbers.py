"""Numbers of optimizers that tensors give: read anew in each step, else like attributes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.errors import AttributeProblem, ShapeError
from nodeflow.ops.training import optimizers
from nodeflow.ops.training.optimizers import AdamOptimizer, MomentumOptimizer
from nodeflow.ops.variables.scope import Variable

START = (1.0, -2.0, 3.0)
STEPS = 4
NUMBERS: dict[str, dict[str, float]] = {
    "MomentumOptimizer": {"momentum": 0.7},
    "AdamOptimizer": {"beta1": 0.8, "beta2": 0.9, "epsilon": 1e-3},
    "RMSPropOptimizer": {"decay": 0.8, "momentum": 0.3, "epsilon": 1e-4},
    "AdadeltaOptimizer": {"rho": 0.8, "epsilon": 1e-4},
    "FtrlOptimizer": {"l1_regularization_strength": 0.01, "l2_regularization_strength": 0.02},
    "ProximalAdagradOptimizer": {"l1_regularization_strength": 0.01},
}


def built(kind: str, dtype: str, wired: bool, *, apart: bool = False) -> tuple[Any, dict, Any]:
    """A graph, feeds of its numbers by name, and the node that makes a step."""
    with nf.Graph() as graph:
        w = Variable(np.array(START, dtype), name="w")
        loss = nf.reduce_sum(nf.square(w))
        numbers = {
            name: nf.placeholder(dtype, [], name=name) if wired else value
            for name, value in NUMBERS[kind].items()
        }
        optimizer = getattr(optimizers, kind)(0.1, **numbers)
        if apart:
            step = optimizer.apply_gradients(optimizer.compute_gradients(loss))
        else:
            step = optimizer.minimize(loss)
    return graph, NUMBERS[kind] if wired else {}, step


def trained(graph: Any, feeds: dict, step: str, tier: Any) -> bytes:
    with nf.Session(graph, tier=tier) as session:
        session.initialize()
        for _ in range(STEPS):
            session.run(step, feeds)
        return session.variables["w"].tobytes()


@pytest.mark.sample(3)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", NUMBERS)
def test_a_fed_number_trains_to_the_bits_of_the_attribute(kind: str, dtype: str, tmp_path: Path):
    for tier in ("reference", "compiled"):
        graph, feeds, step = built(kind, dtype, wired=False)
        expected = trained(graph, feeds, step.name, tier)
        for apart in (False, True):
            graph, feeds, step = built(kind, dtype, wired=True, apart=apart)
            assert trained(graph, feeds, step.name, tier) == expected
    nf.save(graph, tmp_path / "wired.flow")
    again = nf.load(tmp_path / "wired.flow")
    assert trained(again, feeds, step.name, "reference") == trained(
        graph, feeds, step.name, "reference"
    )


def test_a_number_is_read_anew_in_each_step() -> None:
    with nf.Graph() as graph:
        w = Variable(np.array(START), name="w")
        keep = nf.placeholder("float64", [], name="keep")
        step = MomentumOptimizer(0.1, momentum=keep).minimize(nf.reduce_sum(w * w))
    value, velocity = np.array(START), np.zeros(3)
    with nf.Session(graph, tier="reference") as session:
        session.initialize()
        for share in (0.0, 0.9, 0.5):
            session.run(step, {keep: share})
            velocity = share * velocity + 2 * value
            value = value - 0.1 * velocity
        np.testing.assert_allclose(session.variables["w"], value, rtol=1e-14)


def test_one_wired_number_leaves_the_others_as_attributes() -> None:
    with nf.Graph() as graph:
        w = Variable(np.array(START), name="w")
        loss = nf.reduce_sum(w * w)
        nf.adam(loss, beta1=0.8, beta2=nf.constant(0.9, dtype="float64"), name="wired")
    with nf.Graph() as other:
        w = Variable(np.array(START), name="w")
        nf.adam(nf.reduce_sum(w * w), beta1=0.8, beta2=0.9, name="plain")
    assert trained(graph, {}, "wired", "reference") == trained(other, {}, "plain", "reference")
    assert graph.node("wired").attrs["beta1"] == 0.8


def test_numbers_may_be_functions_and_numpy_numbers() -> None:
    with nf.Graph():
        w = Variable(np.array(START), name="w")
        optimizer = AdamOptimizer(lambda: 0.1, beta1=np.array(0.8), beta2=lambda: 0.9)
        step = optimizer.minimize(nf.reduce_sum(w * w))
    expected = {"learning_rate": 0.1, "beta1": 0.8, "beta2": 0.9}
    assert {name: step.attrs[name] for name in expected} == expected
    assert len(step.inputs) == 1


def test_a_number_is_one_number() -> None:
    with nf.Graph():
        w = Variable([1.0, 2.0], name="w")
        loss = nf.reduce_sum(w * w)
        optimizer = AdamOptimizer(0.1, beta1=w)
        with pytest.raises(ShapeError, match="beta1 must be a scalar"):
            optimizer.minimize(loss)
        with pytest.raises(ShapeError, match="beta1 must be a scalar"):
            optimizer.apply_gradients(optimizer.compute_gradients(loss))
        pairs = {"variables": ["w"], "wired": ["rho"], "rule": "adam"}
        with pytest.raises(AttributeProblem, match="adam takes no connected"):
            nf.apply_gradients(nf.constant(0.1), None, [w, nf.constant(0.5)], **pairs)
