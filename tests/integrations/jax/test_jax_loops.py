"""Loops and branches on JAX: values, gradients, random numbers, failures."""

from __future__ import annotations

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.errors import RunError

pytest.importorskip("jax")

from nodeflow.integrations.jax.errors import NotOnJax


def same(graph: nf.Graph, fetches, feeds=None, tolerance: float = 1e-12) -> None:
    """Both compute the same."""
    with nf.Session(graph, tier="reference", seed=2) as ours, \
            nf.Session(graph, backend="jax", seed=2) as theirs:  # fmt: skip
        ours.initialize()
        theirs.initialize()
        expected, found = ours.run(fetches, feeds), theirs.run(fetches, feeds)
        for a, b in zip(expected, found, strict=True):
            np.testing.assert_allclose(b, a, rtol=tolerance, atol=tolerance)


@pytest.mark.thorough
def test_a_while_loop_runs_as_often_as_its_condition_says():
    with nf.Graph() as graph:
        n = nf.placeholder("int32", [], name="n")
        i, x = nf.while_loop(
            lambda i, x: i < n, lambda i, x: [i + 1, x * 1.5], [nf.constant(0), nf.constant(1.0)]
        )
    for count in (0, 1, 7):
        same(graph, [i, x], {n: count}, 1e-6)


@pytest.mark.thorough
def test_a_while_loop_ends_at_its_maximum():
    with nf.Graph() as graph:
        i, x = nf.while_loop(
            lambda i, x: i < 10,
            lambda i, x: [i + 1, x + 2.0],
            [nf.constant(0), nf.constant(1.0)],
            maximum_iterations=4,
        )
    same(graph, [i, x])


def loop_with_gradient(maximum: int | None):
    with nf.Graph() as graph:
        n = nf.placeholder("int32", [], name="n")
        w = nf.variable(np.array([[0.5, -0.2], [0.3, 0.8]]), dtype="float64", name="w")
        start = nf.constant(np.array([[1.0, 2.0]]), dtype="float64")
        _, h = nf.while_loop(
            lambda i, h: i < n,
            lambda i, h: [i + 1, nf.tanh(nf.matmul(h, w) + 0.1)],
            [nf.constant(0), start],
            maximum_iterations=maximum,
            name="repeat",
        )
        loss = nf.reduce_sum(nf.square(h))
        (by_w,) = nf.gradients(loss, [w])
    return graph, n, [loss, by_w]


@pytest.mark.sample(3)
@pytest.mark.parametrize("count", [0, 1, 3, 6, 9])
def test_the_gradient_of_a_loop_with_a_maximum(count):
    graph, n, fetches = loop_with_gradient(6)
    same(graph, fetches, {n: count})


def test_the_gradient_of_a_loop_without_a_maximum_is_refused_by_name():
    graph, n, fetches = loop_with_gradient(None)
    with nf.Session(graph, backend="jax") as session:
        session.initialize()
        with pytest.raises(NotOnJax, match=r"repeat.*maximum_iterations") as caught:
            session.run(fetches, {n: 3})
    assert caught.value.node == "repeat"


@pytest.mark.thorough
def test_scans_and_their_gradients_both_ways():
    rng = np.random.default_rng(0)
    with nf.Graph() as graph:
        w = nf.variable(rng.normal(size=(3, 3)), dtype="float64", name="w")
        xs = nf.constant(rng.normal(size=(5, 2, 3)), dtype="float64")
        found = []
        for reverse in (False, True):
            states = nf.scan(
                lambda h, x: nf.tanh(nf.matmul(h, w) + x),
                xs,
                nf.zeros([2, 3], dtype="float64"),
                reverse=reverse,
            )
            loss = nf.reduce_sum(nf.square(states))
            found += [states, *nf.gradients(loss, [w, xs])]
    same(graph, found)


@pytest.mark.parametrize("yes", [True, False])
def test_one_branch_of_two_and_its_gradient(yes):
    with nf.Graph() as graph:
        p = nf.placeholder("bool", [], name="p")
        w = nf.variable([1.0, -2.0], dtype="float64", name="w")
        y = nf.cond(p, lambda: nf.square(w), lambda: nf.exp(w) * 3.0)
        (by_w,) = nf.gradients(nf.reduce_sum(y), [w])
    same(graph, [y, by_w], {p: yes})


@pytest.mark.thorough
def test_draws_inside_a_loop_are_those_of_the_reference():
    with nf.Graph() as graph:
        xs = nf.constant(np.zeros((4, 3)), dtype="float64")
        drawn = nf.map_fn(lambda x: x + nf.random_uniform([3], dtype="float64"), xs)
        _, total = nf.while_loop(
            lambda i, t: i < 3,
            lambda i, t: [i + 1, t + nf.random_uniform([2])],
            [nf.constant(0), nf.zeros([2])],
        )
    same(graph, [drawn, total], tolerance=0)


def test_a_failure_inside_a_loop_names_its_node():
    with nf.Graph() as graph:
        n = nf.placeholder("int32", [], name="n")
        _, x = nf.while_loop(
            lambda i, x: i < 3,
            lambda i, x: [i + 1, nf.floor_divide(x, n - i, name="share")],
            [nf.constant(0), nf.constant(100)],
            name="repeat",
        )
    with nf.Session(graph, backend="jax") as session:
        assert session.run(x, {n: 5}) == 1
        with pytest.raises(RunError, match="division by zero") as caught:
            session.run(x, {n: 2})
    assert caught.value.node == "repeat/share"


@pytest.mark.thorough
def test_a_failure_in_the_branch_that_does_not_run_is_none():
    with nf.Graph() as graph:
        n = nf.placeholder("int32", [], name="n")
        y = nf.cond(n > 0, lambda: nf.floor_divide(12, n, name="share"), lambda: nf.constant(-1))
    with nf.Session(graph, backend="jax") as session:
        assert session.run(y, {n: 3}) == 4
        assert session.run(y, {n: 0}) == -1
