"""Training steps flush denormals where they update variables, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine.columns import Column
from nodeflow.engine.compiler.cache import load_kernel
from nodeflow.engine.kernels.cluster_source import Cluster, Output, elementwise_source
from nodeflow.engine.kernels.elementwise import cluster_node
from nodeflow.engine.plan.inplace import flush_updates
from nodeflow.engine.plan.lower import build_actions
from nodeflow.engine.schedule.schedule import build_schedule
from nodeflow.graph.types import TensorType
from nodeflow.ops.lowering import Elementwise

TINY = {"float32": 1.2e-38, "float64": 2.3e-308}
"""A little above the smallest normal number."""


def halves(dtype: str) -> Cluster:
    node = cluster_node(Elementwise("x * 0.5", ("x",)), ((False, 0),), (dtype,), dtype)
    return Cluster(1, ((dtype, (True,)),), (node,), (Output(0),))


def run(cluster: Cluster, x: np.ndarray) -> np.ndarray:
    out = np.ones_like(x)
    slots = np.array([0, 0, x.size, x.size, x.ctypes.data, out.ctypes.data])
    load_kernel(elementwise_source(cluster))(slots.ctypes.data + 16)
    return out


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_kernel_flushes_and_puts_the_mode_back(dtype: str) -> None:
    tiny = TINY[dtype]
    x = np.array([tiny, -tiny, tiny / 16, 1, np.inf, np.nan] * 7, dtype)
    plain, flushed = run(halves(dtype), x), run(replace(halves(dtype), flush=True), x)
    assert np.array_equal(plain, x / 2, equal_nan=True)
    small = np.abs(x) <= TINY[dtype]
    assert small.any() and not flushed[small].any() and (plain[small] != 0).all()
    assert np.array_equal(flushed[~small], plain[~small], equal_nan=True)
    assert np.array_equal(np.signbit(flushed), np.signbit(x))
    assert (x[:3] / 2 != 0).all(), "this thread still flushes"


def training():
    """A loss of a net that looks at its gradient, and a feature that may be always zero."""
    with nf.Graph() as g:
        x = nf.placeholder("float32", [None, 2], name="x")
        w = nf.variable(np.full((2, 3), 0.5, "float32"), name="w")
        loss = nf.reduce_mean(nf.square(x @ w), name="loss")
        attrs = {"learning_rate": 0.1, "momentum": 0.5, "clip_value": 1.0}
        train = g.apply("momentum", loss, name="train", **attrs)
        clipped = next(n for n in g.nodes if n.name.endswith("clipped"))
        nf.reduce_sum(clipped.outputs[0], name="look")
    return g, x, train


def steps(count: int, *, without=(), tier="compiled", value=1e-38):
    g, x, train = training()
    data = np.zeros((40, 2), "float32")
    data[:, 0] = np.linspace(-1, 1, 40)
    with nf.Session(g, tier=tier, without=without, threads=1) as s:
        s.initialize()
        s.variables["train/w/velocity"] = np.full((2, 3), value, "float32")
        stepper = s.stepper([train], [g.tensor("loss")], {x: Column(data, "float32")}, 4)
        stepper.start_epoch(np.arange(40))
        losses = stepper.run(count)[1]
        return losses[:, 0], {name: np.array(v) for name, v in s.variables.items()}


def test_a_slot_of_a_feature_that_is_always_off_ends_at_zero() -> None:
    _, flushed = steps(3)
    _, kept = steps(3, without=("flush",))
    assert not flushed["train/w/velocity"][1].any()
    np.testing.assert_allclose(kept["train/w/velocity"][1], 1e-38 / 8, rtol=1e-6)


def test_flushing_changes_numbers_by_less_than_the_smallest_normal_one() -> None:
    losses, flushed = steps(10)
    other, kept = steps(10, without=("flush",))
    np.testing.assert_array_equal(losses, other)
    for name, value in flushed.items():
        assert np.abs(value - kept[name]).max() <= np.finfo("float32").tiny, name
    _, reference = steps(10, tier="reference")
    for name, value in flushed.items():
        np.testing.assert_allclose(value, reference[name], rtol=1e-5, atol=1.2e-38)


def flushed_nodes(*fetches: str) -> set[str]:
    g, _, train = training()
    schedule = build_schedule([train, *(g.tensor(name) for name in fetches)], [])
    x = schedule.feeds[g.tensor("x")]
    actions = build_actions(schedule, schedule.specialise({x: TensorType("float32", (4, 2))}))
    flush_updates(actions)
    return {a.node.name for a in actions.items if actions.storage[a.outputs[0]] in actions.flushed}


def test_updates_flush_and_nothing_before_them() -> None:
    names = flushed_nodes()
    assert {"train/clipped", "train/w/new_velocity", "train/w/step", "train/w/new_value"} <= names
    assert all(name.startswith("train/") for name in names)


def test_looking_at_a_gradient_changes_nothing_about_it() -> None:
    assert flushed_nodes() == flushed_nodes("loss", "look")


def test_runs_of_a_graph_keep_denormals() -> None:
    with nf.Graph() as g:
        v = nf.variable(np.array([1e-38, 1e-40], "float32"), name="v")
        half = nf.assign(v, v * 0.5)
    with nf.Session(g, tier="compiled") as s:
        s.initialize()
        assert np.array_equal(s.run(half), np.array([1e-38, 1e-40], "float32") / 2)
