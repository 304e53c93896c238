"""Loops and branches that values decide, compiled: the same values as by reference, in one plan."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.errors import Cancelled, RunError
from nodeflow.ops.samples import values
from nodeflow.ops.training.optimizers import AdamOptimizer
from nodeflow.ops.variables.scope import Variable

Tensors = Any


def run(fetches: Any, feeds: Any = None, tier: Any = "compiled", graph: Any = None, **more: Any):
    with nf.Session(graph, tier=tier, seed=3, **more) as session:
        session.initialize()
        found = session.run(fetches, feeds)
        return found, dict(session.executions)


def same(fetches: Any, feeds: Any = None, *, compiled: bool = True) -> Any:
    """The value, which both tiers agree on bit for bit, and that the kernels computed all of."""
    (one, _), (other, by_reference) = run(fetches, feeds, "reference"), run(fetches, feeds)
    assert not (compiled and by_reference), by_reference
    for a, b in zip(np.atleast_1d(one), np.atleast_1d(other), strict=True):
        np.testing.assert_array_equal(a, b)
    return other


def collatz(n: Tensors) -> Tensors:
    """The steps from n to 1, and the largest number on the way."""

    def step(n: Any, count: Any, top: Any) -> Any:
        even = nf.equal(n % 2, 0)
        n = nf.cond(even, lambda: n // 2, lambda: 3 * n + 1)
        return n, count + 1, nf.maximum(top, n)

    start = [n, nf.constant(0), n]
    return nf.while_loop(lambda n, *_: n > 1, step, start)[1:]


@pytest.mark.parametrize("n", [1, 2, 7, 27, 97])
def test_a_loop_with_a_branch_inside_ends_when_values_say(n: int) -> None:
    count, top, x = 0, n, n
    while x > 1:
        x = x // 2 if x % 2 == 0 else 3 * x + 1
        count, top = count + 1, max(top, x)
    with nf.Graph():
        place = nf.placeholder("int32", [], name="n")
        assert list(same(collatz(place), {place: n})) == [count, top]


def test_one_plan_runs_loops_of_any_length() -> None:
    with nf.Graph():
        n = nf.placeholder("int32", [])
        total = nf.while_loop(lambda i, _: i < n, lambda i, s: (i + 1, s + i), [0, 0])[1]
        with nf.Session(tier="compiled") as session:
            for length in (5, 0, 1, 1000, 2, -3):
                assert session.run(total, {n: length}) == sum(range(length))
            assert not session.executions
            assert "until data end it" in session.explain(total, {n: 1})


@pytest.mark.parametrize("limit", [0, 1, 3, 10])
def test_a_limit_ends_a_loop(limit: int) -> None:
    with nf.Graph():
        out = nf.while_loop(
            lambda i, _: i < 5, lambda i, s: (i + 1, 2 * s), [0, 1], maximum_iterations=limit
        )
        assert list(same(out)) == [min(limit, 5), 2 ** min(limit, 5)]


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_what_is_carried_may_change_places_and_stay(count: int) -> None:
    with nf.Graph():
        a, b, c = (nf.constant(np.full(s, v, np.float32)) for v, s in ((1, 3), (2, 3), (5, (2, 0))))

        def step(i: Any, a: Any, b: Any, same: Any, none: Any) -> Any:
            return i + 1, b, a, same, none

        out = nf.while_loop(lambda i, *_: i < count, step, [0, a, b, a, c])
        got, by_reference = run(out)
    assert not by_reference
    assert got[1].tolist() == [1.0 + count % 2] * 3 and got[2].tolist() == [2.0 - count % 2] * 3
    assert got[3].tolist() == [1.0] * 3 and got[4].shape == (2, 0)


def test_results_that_are_one_value_go_to_several_places() -> None:
    with nf.Graph():
        out = nf.while_loop(
            lambda i, *_: i < 3, lambda i, a, b: (i + 1, a + b, a + b), [0, 1.0, 2.0]
        )
        assert list(same(out)) == [3, 12.0, 12.0]
        pred = nf.placeholder("bool", [])
        x = nf.constant([1.0, 2.0])
        both = nf.cond(pred, lambda: (x + 1, x + 1, x), lambda: (x, x, x * 2))
        for chosen, expected in (
            (True, [[2, 3], [2, 3], [1, 2]]),
            (False, [[1, 2]] * 2 + [[2, 4]]),
        ):
            np.testing.assert_array_equal(same(both, {pred: chosen}), expected)


def test_only_what_is_wanted_of_a_branch_is_computed() -> None:
    with nf.Graph():
        pred = nf.placeholder("bool", [])
        x = nf.constant(4)
        first, _ = nf.cond(pred, lambda: (x + 1, x // 0), lambda: (x - 1, x))
        assert run(first, {pred: True})[0] == 5
        assert same([first], {pred: False}) == [3]


def test_the_branch_that_is_not_taken_does_not_run() -> None:
    with nf.Graph():
        x = nf.placeholder("int32", [])
        out = nf.cond(x > 0, lambda: 10 // x, lambda: x)
        assert same([out], {x: 5}) == [2]
        assert same([out], {x: 0}) == [0]


def test_loops_in_loops_and_scans() -> None:
    with nf.Graph():
        rows = nf.constant(np.arange(6, dtype="int32"))

        def triangle(n: Any) -> Any:
            return nf.while_loop(lambda i, _: i <= n, lambda i, s: (i + 1, s + i), [0, 0])[1]

        each = nf.map_fn(triangle, rows)
        assert same(each).tolist() == [0, 1, 3, 6, 10, 15]

        def outer(i: Any, s: Any) -> Any:
            return i + 1, s + triangle(i)

        assert same(nf.while_loop(lambda i, _: i < 6, outer, [0, 0])[1:]) == [35]


def test_a_matrix_goes_round_as_in_numpy() -> None:
    w, h = values((8, 8), "float64", -0.3, 0.3), values((4, 8), "float64")
    with nf.Graph():
        kernel = Variable(w)
        out = nf.while_loop(
            lambda i, _: i < 50, lambda i, h: (i + 1, nf.matmul(h, kernel) + 1), [0, nf.constant(h)]
        )[1]
        got, by_reference = run(out)
    for _ in range(50):
        h = h @ w + 1
    np.testing.assert_allclose(got, h, rtol=1e-12)
    assert not by_reference


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_do_not_change_a_loop(threads: int) -> None:
    big = values((300, 400), "float32")
    with nf.Graph():
        x = nf.constant(big)
        out = nf.while_loop(lambda i, _: i < 7, lambda i, h: (i + 1, nf.sin(h) * 1.5 + x), [0, x])[
            1
        ]
        one, _ = run(out, threads=1)
        other, _ = run(out, threads=threads)
    np.testing.assert_array_equal(one, other)


# ---- gradients ----------------------------------------------------------------------------------


def powers(x: Any, n: Any) -> Any:
    return nf.while_loop(lambda i, _: i < n, lambda i, y: (i + 1, y * x), [0, nf.ones_like(x)])[1]


@pytest.mark.parametrize("n", [0, 1, 2, 5])
@pytest.mark.parametrize("tier", ["reference", "compiled"])
def test_gradients_of_every_order_of_a_loop(n: int, tier: str) -> None:
    with nf.Graph():
        x, count = nf.constant([0.5, 2.0], dtype="float64"), nf.placeholder("int32", [])
        y = powers(x, count)
        (first,) = nf.gradients(y, [x])
        (second,) = nf.gradients(first, [x])
        got, _ = run([y, first, second], {count: n}, tier)
    at = np.array([0.5, 2.0])
    expected = at**n, n * at ** (n - 1.0), n * (n - 1) * at ** (n - 2.0)
    for value, wanted in zip(got, expected, strict=True):
        np.testing.assert_allclose(value, wanted, rtol=1e-12, atol=1e-15)


def test_the_gradient_of_a_loop_is_compiled_around_its_length() -> None:
    with nf.Graph():
        x = nf.constant([0.5, 2.0], dtype="float64")
        (slope,) = nf.gradients(powers(x, nf.constant(9)), [x])
        _, by_reference = run(slope)
    assert set(by_reference) <= {n for n in by_reference if n.endswith("steps")}


@pytest.mark.parametrize("tier", ["reference", "compiled"])
def test_a_loop_that_ends_by_a_value_has_a_gradient(tier: str) -> None:
    """x doubles until it passes 10: the gradient is 2 to the power of the iterations."""
    with nf.Graph():
        x = nf.placeholder("float64", [])
        y = nf.while_loop(lambda v: v < 10, lambda v: v * 2, [x], maximum_iterations=6)
        (slope,) = nf.gradients(y, [x])
        for start, count in ((3.0, 2), (10.0, 0), (0.001, 6)):
            assert run(slope, {x: start}, tier)[0] == 2**count


@pytest.mark.parametrize("tier", ["reference", "compiled"])
def test_the_gradient_of_a_branch_in_a_loop(tier: str) -> None:
    with nf.Graph():
        x = nf.constant(1.5, dtype="float64")

        def step(i: Any, y: Any) -> Any:
            return i + 1, nf.cond(nf.equal(i % 2, 0), lambda: y * x, lambda: y + x)

        y = nf.while_loop(lambda i, _: i < 4, step, [0, nf.ones_like(x)])[1]
        (slope,) = nf.gradients(y, [x])
        got, _ = run([y, slope], tier=tier)
    np.testing.assert_allclose(got, [(1.5 + 1.5) * 1.5 + 1.5, 4 * 1.5 + 1], rtol=1e-14)


# ---- what goes wrong ----------------------------------------------------------------------------


def test_a_failure_names_the_node_inside_and_the_iteration() -> None:
    with nf.Graph():
        n = nf.placeholder("int32", [])
        out = nf.while_loop(
            lambda i, _: i < 9, lambda i, s: (i + 1, s + 12 // (n - i)), [0, 0], name="loop"
        )[1]
        assert same([out], {n: 20})
        with pytest.raises(RunError, match="in iteration 4") as caught:
            run(out, {n: 4})
    assert (caught.value.node or "").startswith("loop/")


def test_a_loop_without_end_can_be_cancelled() -> None:
    with nf.Graph():
        out = nf.while_loop(lambda i: i >= 0, lambda i: nf.minimum(i + 1, 7), [nf.constant(0)])
        with nf.Session(tier="compiled") as session:
            session.explain(out)
            timer = threading.Timer(0.5, session.cancel)
            timer.start()
            start = time.monotonic()
            with pytest.raises(Cancelled):
                session.run(out)
            timer.join()
            assert time.monotonic() > start


@pytest.mark.parametrize(
    "make",
    [
        lambda: nf.while_loop(
            lambda i, _: i < 4, lambda i, x: (i + 1, x + nf.random_normal([])), [0, 0.0]
        )[1],
        lambda: nf.cond(nf.constant(1) > 0, lambda: nf.random_uniform([2]), lambda: nf.zeros([2])),
        lambda: nf.while_loop(
            lambda i, _: i < 4,
            lambda i, x: (i + 1, nf.concat([x, [i]], 0)),
            [nf.constant(0), nf.constant([7])],
            shape_invariants=[nf.constant(0).shape, [None]],
        )[1],
    ],
)
def test_what_has_no_kernels_runs_by_reference(make: Callable[[], Any]) -> None:
    with nf.Graph():
        same([make()], compiled=False)


def recurrent(w: Any, x: Any) -> Any:
    return nf.while_loop(lambda i, _: i < 4, lambda i, h: (i + 1, nf.matmul(h, w) + x), [0, x])[1]


@pytest.mark.thorough
def test_a_loop_is_trained_through_as_by_reference() -> None:
    losses = []
    for tier in ("reference", "compiled"):
        with nf.Graph() as graph:
            w = Variable(np.full((2, 2), 0.3), name="w")
            h = recurrent(w, nf.constant(values((3, 2), "float64")))
            loss = nf.reduce_mean(nf.square(h))
            step = AdamOptimizer(0.1).minimize(loss)
        with nf.Session(graph, tier=tier) as session:
            session.initialize()
            losses.append([session.run([loss, step])[0] for _ in range(5)])
    np.testing.assert_allclose(*losses, rtol=1e-12)
    assert losses[0][-1] < losses[0][0]


def test_a_profile_shows_what_a_loop_ran() -> None:
    with nf.Graph():
        out = nf.while_loop(
            lambda i, _: i < 3,
            lambda i, h: (i + 1, nf.sin(h)),
            [0, nf.constant([1.0])],
            name="loop",
        )[1]
        with nf.Session(tier="compiled") as session:
            value, trace = session.profile(out)
    np.testing.assert_allclose(value, np.sin(np.sin(np.sin([1.0]))), rtol=1e-6)
    ran = [e["name"] for e in trace["traceEvents"] if "loop/sin" in e["name"]]
    assert len(ran) == 3
