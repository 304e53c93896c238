"""Batch normalisation from Python as in TensorFlow 1: update ops, fused, what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.errors import AttributeProblem, GraphError
from nodeflow.ops.namespaces import losses, nn
from nodeflow.ops.training.optimizers import GradientDescentOptimizer
from nodeflow.ops.variables.collections import GraphKeys, get_collection, get_collection_ref
from nodeflow.ops.variables.initializers import constant_initializer
from nodeflow.ops.variables.scope import AUTO_REUSE

BOTH = pytest.mark.parametrize("tier", ["reference", "compiled"])
ROWS = np.random.default_rng(0).normal(size=(6, 3)).astype("float32")


def two_nets(scope: str | None) -> nf.Graph:
    """A generator and a discriminator; the step waits for the updates of a scope, if any."""
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None, 3], name="x")
        on = nf.placeholder("bool", [], name="on")
        made = nf.layers.batch_normalization(x, training=on, name="gen/bn")
        seen = nf.layers.batch_normalization(made + 1, training=on, name="disc/bn")
        loss = nf.reduce_mean(nf.square(seen), name="loss")
        updates = get_collection(GraphKeys.UPDATE_OPS, scope=scope) if scope else []
        with nf.control_dependencies(updates):
            GradientDescentOptimizer(0.0, name="train").minimize(loss)
    return graph


def moved(graph: nf.Graph, fetches: Any, tier: Any, on: bool = True) -> set[str]:
    """The scopes whose averages a run moves."""
    with nf.Session(graph, tier=tier) as session:
        session.initialize()
        session.run(fetches, {"x": ROWS, "on": on})
        names = [n for n in session.variables if n.endswith("moving_mean")]
        return {n.split("/")[0] for n in names if session.variables[n].any()}


@pytest.mark.sample(4)
@BOTH
@pytest.mark.parametrize("saved", [False, True])
@pytest.mark.parametrize(
    ("scope", "scopes"), [(None, {"gen", "disc"}), ("gen", {"gen"}), (".*", {"gen", "disc"})]
)
def test_an_optimizer_moves_the_averages_it_waits_for_else_all(
    scope: str | None, scopes: set[str], saved: bool, tier: str, tmp_path: Path
) -> None:
    graph = two_nets(scope)
    if saved:
        nf.save(graph, tmp_path / "nets.flow")
        graph = nf.load(tmp_path / "nets.flow")
    assert moved(graph, "train", tier) == scopes
    assert moved(graph, "train", tier, on=False) == set()
    assert moved(graph, "loss", tier) == set()


@pytest.mark.thorough
@BOTH
def test_update_ops_are_read_off_the_graph_and_run_by_themselves(tier: str, tmp_path: Path) -> None:
    graph = two_nets(None)
    nf.save(graph, tmp_path / "nets.flow")
    for each in (graph, nf.load(tmp_path / "nets.flow")):
        with each:
            updates = get_collection(GraphKeys.UPDATE_OPS, scope="disc")
            assert [t.name for t in updates] == ["disc/bn/update_mean", "disc/bn/update_variance"]
            assert len(each.get_collection("update_ops")) == 4
            with pytest.raises(GraphError, match="cannot be changed"):
                get_collection_ref("update_ops")
        assert moved(each, updates, tier) == {"disc"}


@pytest.mark.sample(3)
@BOTH
@pytest.mark.parametrize("saved", [False, True])
def test_a_group_and_what_waits_run_the_updates(saved: bool, tier: str, tmp_path: Path) -> None:
    graph = two_nets(None)
    with graph:
        updates = get_collection(GraphKeys.UPDATE_OPS, scope="gen")
        nf.group(updates, name="all")
        with nf.control_dependencies(updates):
            nf.identity(graph.tensor("loss"), name="after")
    if saved:
        nf.save(graph, tmp_path / "group.flow")
        graph = nf.load(tmp_path / "group.flow")
    assert moved(graph, "all", tier) == {"gen"}
    assert moved(graph, "after", tier) == {"gen"}


@pytest.mark.thorough
def test_a_file_holds_no_updates_that_run_anyway() -> None:
    from nodeflow.document.from_graph.convert import from_graph

    for scope, count in ((None, 0), (".*", 0), ("gen", 2)):
        ops = [record.op for record in from_graph(two_nets(scope)).nodes.values()]
        assert ops.count("inner_variable") == count


def test_a_layer_that_is_called_again_adds_its_updates() -> None:
    with nf.Graph() as graph:
        for name in ("first", "second"):
            x = nf.placeholder("float32", [None, 3], name=name)
            nf.layers.batch_normalization(x, name="bn", reuse=AUTO_REUSE)
        assert len(get_collection(GraphKeys.UPDATE_OPS)) == 4
        assert len(graph.variables) == 4


@BOTH
@pytest.mark.parametrize(
    ("shape", "axis", "fused", "less"),
    [
        ((5, 2, 3, 4), -1, None, 1),
        ((5, 4, 2, 3), 1, None, 1),
        ((5, 2, 3, 4), -1, True, 1),
        ((5, 2, 3, 4), -1, False, 0),
        ((5, 2, 4, 3), 2, None, 0),
        ((5, 3, 4), -1, None, 0),
        ((5, 4), 1, None, 0),
    ],
)
def test_the_variance_moves_as_in_tensorflow(
    shape: tuple[int, ...], axis: int, fused: bool | None, less: int, tier: str
) -> None:
    """Figures of TensorFlow 1.15: its fused kernel divides by the count less 1."""
    values = np.random.default_rng(1).normal(2.0, 3.0, shape).astype("float32")
    features = shape[axis]
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [features if a == axis % len(shape) else None
                                       for a in range(len(shape))])  # fmt: skip
        out = nf.layers.batch_normalization(x, axis, training=True, fused=fused, name="bn")
    with nf.Session(graph, tier=tier) as session:
        session.initialize()
        got, _ = session.run([out, graph.update_ops], {x: values})
        others = tuple(a for a in range(len(shape)) if a != axis % len(shape))
        variance = values.astype("float64").var(others, ddof=less)
        expected = 0.99 + 0.01 * variance
        np.testing.assert_allclose(session.variables["bn/moving_variance"], expected, rtol=2e-6)
        np.testing.assert_allclose(got.astype("float64").var(others), 1, atol=1e-3)


def test_of_one_row_the_variance_is_not_divided_by_zero() -> None:
    with nf.Graph() as graph:
        x = nf.constant(np.ones((1, 1, 1, 2), np.float32))
        nf.layers.batch_normalization(x, training=True, name="bn")
    with nf.Session(graph, tier="reference") as session:
        session.initialize()
        session.run(graph.update_ops)
        expected = np.full(2, 0.99, np.float32)
        np.testing.assert_allclose(session.variables["bn/moving_variance"], expected)


def test_penalties_and_initializers_are_those_given() -> None:
    with nf.Graph() as graph:
        x = nf.constant(ROWS)
        nf.layers.batch_normalization(
            x,
            beta_initializer=constant_initializer(2.0),
            gamma_initializer=constant_initializer(3.0),
            moving_mean_initializer=constant_initializer(4.0),
            moving_variance_initializer=constant_initializer(5.0),
            beta_regularizer=nn.l2_loss,
            gamma_regularizer=nf.reduce_sum,
            activity_regularizer=nf.reduce_max,
            name="bn",
        )
        beta, gamma, activity = losses.get_regularization_losses()
    with nf.Session(graph, tier="reference") as session:
        session.initialize()
        variables = {n: session.variables[f"bn/{n}"][0] for n in ("beta", "gamma")}
        assert variables == {"beta": 2, "gamma": 3}
        assert session.variables["bn/moving_mean"][0] == 4
        assert session.variables["bn/moving_variance"][0] == 5
        assert session.run(sorted([beta, gamma], key=lambda t: t.name)) == [6.0, 9.0]
        scaled = 3 * (ROWS - 4) / np.sqrt(5 + 1e-3) + 2
        np.testing.assert_allclose(session.run(activity), scaled.max(), rtol=1e-6)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("renorm", True),
        ("renorm_clipping", {"rmax": 3.0}),
        ("virtual_batch_size", 2),
        ("adjustment", lambda shape: (1, 0)),
        ("beta_constraint", nf.relu),
        ("gamma_constraint", nf.relu),
        ("fused", True),
    ],
)
def test_what_is_not_supported_is_an_error_that_names_it(setting: str, value: Any) -> None:
    with nf.Graph(), pytest.raises(AttributeProblem, match=setting):
        nf.layers.batch_normalization(nf.constant(ROWS), **{setting: value})


def test_arguments_that_change_nothing_are_accepted() -> None:
    with nf.Graph() as graph:
        nf.layers.batch_normalization(
            nf.constant(ROWS),
            renorm=False,
            renorm_momentum=0.9,
            fused=False,
            virtual_batch_size=None,
        )
    assert len(graph.variables) == 4
