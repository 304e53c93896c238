"""while_loop, map_fn, scan, foldl and foldr: values, gradients, random numbers, errors."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.errors import Cancelled, DtypeError, GraphError, RunError, ShapeError

TIERS = pytest.mark.parametrize("tier", ["reference", "compiled"])


@TIERS
def test_a_loop_runs_as_often_as_values_say(tier: str) -> None:
    with nf.Graph():
        n = nf.placeholder("int32", [], name="n")
        i, total = nf.while_loop(lambda i, s: i < n, lambda i, s: (i + 1, s + i * i), [0, 0])
        with nf.Session(tier=tier) as session:  # type: ignore[arg-type]
            for count in (0, 1, 7):
                expected = [max(count, 0), sum(k * k for k in range(count))]
                assert session.run([i, total], {n: count}) == expected


@pytest.mark.sample(3)
@TIERS
@pytest.mark.parametrize("steps", [0, 1, 4])
def test_gradients_of_a_loop_are_those_of_the_unrolled_graph(tier: str, steps: int) -> None:
    rng = np.random.default_rng(steps)
    with nf.Graph():
        n = nf.placeholder("int32", [], name="n")
        h0 = nf.variable(rng.normal(size=(2, 3)))
        w = nf.variable(rng.normal(size=(3, 3)))
        b = nf.variable(rng.normal(size=3))

        def layer(h: nf.Tensor) -> nf.Tensor:
            return nf.tanh(nf.matmul(h, w) + b) * nf.cond(
                nf.reduce_sum(h) > 0, lambda: b, lambda: nf.sin(b)
            )

        _, h = nf.while_loop(lambda i, h: i < n, lambda i, h: (i + 1, layer(h)), [0, h0])
        plain = h0
        for _ in range(steps):
            plain = layer(plain)
        xs = [h0, w, b]
        looped, unrolled = (
            [nf.zeros_like(x) if g is None else g for x, g in zip(xs, found, strict=True)]
            for found in (nf.gradients(h * h, xs), nf.gradients(plain * plain, xs))
        )
        second = nf.gradients(looped[1] * looped[1], [w, h0])
        expected = nf.gradients(unrolled[1] * unrolled[1], [w, h0])
        expected = [nf.zeros_like(x) if g is None else g for x, g in zip([w, h0], expected)]
        with nf.Session(tier=tier) as session:  # type: ignore[arg-type]
            session.initialize()
            found = session.run([h, *looped, *second], {n: steps})
            wanted = session.run([plain, *unrolled, *expected])
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11)


def test_gradients_of_a_loop_are_finite_differences() -> None:
    """Newton's method for the square root of x; the number of iterations depends on x."""
    with nf.Graph():
        x = nf.placeholder("float64", [], name="x")
        root = nf.while_loop(
            lambda r: nf.abs(r * r - x) > 1e-3, lambda r: (r + x / r) / 2, [x], name="newton"
        )
        (grad,) = nf.gradients(root, x)
        with nf.Session() as session:
            for value in (2.0, 30.0):
                ends = [session.run(root, {x: value + e}) for e in (1e-5, -1e-5)]
                expected = (ends[0] - ends[1]) / 2e-5
                np.testing.assert_allclose(session.run(grad, {x: value}), expected, rtol=1e-7)


@TIERS
def test_map_fn_and_scan_and_folds_are_what_python_computes(tier: str) -> None:
    x = np.random.default_rng(0).normal(size=(4, 3))
    with nf.Graph():
        t = nf.variable(x)
        w = nf.constant(np.array([1.0, 2.0, 3.0]))
        mapped = nf.map_fn(lambda v: nf.sin(v) * w, t)
        pair = nf.map_fn(lambda p: (p[0] + p[1], p[0] > 0), (t, 2 * t), dtype=("float64", "bool"))
        first = nf.scan(lambda a, v: a * 0.5 + v, t)
        started = nf.scan(lambda a, v: a * 0.5 + v, t, w)
        back = nf.scan(lambda a, v: a * 0.5 + v, t, reverse=True)
        left = nf.foldl(lambda a, v: nf.tanh(a * v), t, w)
        right = nf.foldr(lambda a, v: a * 0.5 - v, t)
        fetches = [mapped, *pair, first, started, back, left, right]
        with nf.Session(tier=tier) as session:  # type: ignore[arg-type]
            session.initialize()
            found = session.run(fetches)
            grads = nf.gradients([nf.reduce_sum(f * f) for f in (mapped, first, left, right)], t)
            grad = session.run(grads[0])
            bumped = [nf.reduce_sum(f * f) for f in (mapped, first, left, right)]

            def loss(array: np.ndarray) -> float:
                session.variables[t.name] = array
                return sum(session.run(bumped))

            numeric = np.zeros_like(x)
            for place in np.ndindex(*x.shape):
                step = np.zeros_like(x)
                step[place] = 1e-6
                numeric[place] = (loss(x + step) - loss(x - step)) / 2e-6
    accumulated = [x[0]]
    for row in x[1:]:
        accumulated.append(accumulated[-1] * 0.5 + row)
    from_w = [np.array([1.0, 2.0, 3.0])]
    for row in x:
        from_w.append(from_w[-1] * 0.5 + row)
    backwards = [x[3]]
    for row in x[2::-1]:
        backwards.append(backwards[-1] * 0.5 + row)
    last = np.array([1.0, 2.0, 3.0])
    for row in x:
        last = np.tanh(last * row)
    folded = x[3]
    for row in x[2::-1]:
        folded = folded * 0.5 - row
    expected = [
        np.sin(x) * [1, 2, 3],
        3 * x,
        x > 0,
        accumulated,
        from_w[1:],
        backwards[::-1],
        last,
        folded,
    ]
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, np.array(b), rtol=1e-12)
    np.testing.assert_allclose(grad, numeric, rtol=1e-5, atol=1e-7)


@TIERS
def test_loops_of_loops_and_unknown_lengths(tier: str) -> None:
    """Row sums of powers, by a loop in a map, over as many rows as are fed."""
    with nf.Graph():
        x = nf.placeholder("float64", [None, 3], name="x")

        def power(row: nf.Tensor) -> nf.Tensor:
            _, p = nf.while_loop(lambda i, p: i < 3, lambda i, p: (i + 1, p * row), [0, row])
            return nf.reduce_sum(p)

        y = nf.map_fn(power, x)
        (grad,) = nf.gradients(y, x)
        with nf.Session(tier=tier) as session:  # type: ignore[arg-type]
            for rows in (0, 2, 5):
                value = np.random.default_rng(rows).normal(size=(rows, 3))
                found = session.run([y, grad], {x: value})
                np.testing.assert_allclose(found[0], (value**4).sum(1), rtol=1e-12)
                np.testing.assert_allclose(found[1], 4 * value**3, rtol=1e-12)


def test_random_numbers_differ_between_iterations_and_not_between_tiers() -> None:
    with nf.Graph():
        x = nf.zeros([5, 3])
        mapped = nf.map_fn(lambda v: v + nf.random_normal([3]), x, name="draws")
        _, walk = nf.while_loop(
            lambda i, s: i < 5, lambda i, s: (i + 1, s + nf.random_uniform([])), [0, 0.0], name="w"
        )
        seeded = nf.map_fn(lambda v: nf.random_uniform([], seed=3), x)
        runs = {}
        for tier, threads in (("reference", 1), ("compiled", 1), ("compiled", 2)):
            with nf.Session(tier=tier, threads=threads, seed=7) as session:  # type: ignore[arg-type]
                runs[tier, threads] = [session.run([mapped, walk, seeded]) for _ in range(2)]
    first, *others = runs.values()
    rows = first[0][0]
    assert len({tuple(row) for row in rows.tolist()}) == 5
    assert len(set(first[0][2].tolist())) == 5
    assert (first[0][0] != first[1][0]).all()
    assert first[0][1] != first[1][1]
    for other in others:
        for mine, theirs in zip(first, other, strict=True):
            for a, b in zip(mine, theirs, strict=True):
                np.testing.assert_array_equal(a, b)


def test_the_gradient_sees_the_numbers_that_were_drawn() -> None:
    """Noise in each iteration, in a branch of it, too."""
    with nf.Graph():
        x = nf.variable(np.array(1.0))

        def noisy(i: nf.Tensor, p: nf.Tensor) -> tuple:
            noise = nf.random_uniform([], dtype="float64") + 0.5
            factor = nf.cond(
                nf.equal(i, 1), lambda: nf.random_uniform([], dtype="float64"), lambda: noise
            )
            return i + 1, p * factor * x

        _, p = nf.while_loop(lambda i, p: i < 4, noisy, [0, x])
        mapped = nf.map_fn(
            lambda v: v * nf.random_normal([], dtype="float64") * x, nf.ones([6], "float64")
        )
        grads = nf.gradients(p, x) + nf.gradients(mapped, x)
        with nf.Session(seed=1) as session:
            session.initialize()
            value, row, by_p, by_row = session.run([p, mapped, *grads])
    np.testing.assert_allclose(by_p, 5 * value, rtol=1e-12)  # p is c x^5, and x is 1
    np.testing.assert_allclose(by_row, row.sum(), rtol=1e-12)


@TIERS
def test_shapes_change_where_an_invariant_says_so(tier: str) -> None:
    with nf.Graph():
        start = nf.constant([1.0])
        _, grown = nf.while_loop(
            lambda i, x: i < 3,
            lambda i, x: (i + 1, nf.concat([x, x], 0)),
            [0, start],
            shape_invariants=[(), (None,)],
        )
        assert grown.shape == (None,)
        with nf.Session(tier=tier) as session:  # type: ignore[arg-type]
            assert session.run(grown).tolist() == [1.0] * 8
        with pytest.raises(RunError, match="carried values of one shape"), nf.Session() as session:
            session.run(nf.gradients(grown, start))


def test_maximum_iterations_may_be_a_tensor() -> None:
    with nf.Graph():
        n = nf.placeholder("int32", [], name="n")
        fixed = nf.while_loop(lambda i: i < 10, lambda i: i + 1, [0], maximum_iterations=4)
        fed = nf.while_loop(lambda i: i < 10, lambda i: i + 1, [0], maximum_iterations=n)
        kept = nf.while_loop(lambda i: i < 2, lambda i: i + 1, [0], return_same_structure=True)
        with nf.Session() as session:
            assert session.run([fixed, fed], {n: 6}) == [4, 6]
            assert session.run([fixed, fed], {n: 60}) == [4, 10]
            assert session.run(kept) == [2]


def test_loop_variables_may_be_nested() -> None:
    with nf.Graph():
        state = {"i": 0, "ab": (1.0, [2.0])}
        found = nf.while_loop(
            lambda s: s["i"] < 3,
            lambda s: [{"i": s["i"] + 1, "ab": (s["ab"][1][0], [s["ab"][0] + s["ab"][1][0]])}],
            [state],
            return_same_structure=True,
        )
        with nf.Session() as session:
            assert session.run(found) == [{"i": 3, "ab": (5.0, [8.0])}]


def test_errors_say_where_and_when() -> None:
    with nf.Graph():
        end = nf.while_loop(
            lambda i: i > -2,
            lambda i: i - nf.floor_divide(2, i, name="share") // 9 - 1,
            [3],
            name="count",
        )
        with nf.Session() as session, pytest.raises(RunError) as caught:
            session.run(end)
        assert caught.value.node == "count/share"
        assert caught.value.message == "integer division by zero, in iteration 3"

        x = nf.placeholder("float32", [2], name="x")
        for kind, words, start, body, options in (
            (DtypeError, r"loop_vars\[0\] is int32 \(\) at first and float32 \(\) after one", [0],
             lambda i: nf.cast(i, "float32"), {}),
            (ShapeError, r"loop_vars\[0\] is float32 \(2,\) at first and float32 \(4,\) after", [x],
             lambda v: nf.concat([v, v], 0), {}),
            (GraphError, "body returns 2 values for 1 loop", [x], lambda v: (v, v), {}),
            (GraphError, "body returns nothing", [x], lambda v: None, {}),
            (ShapeError, "does not fit its invariant", [x], lambda v: v,
             {"shape_invariants": [(3,)]}),
        ):  # fmt: skip
            with pytest.raises(kind, match=words):
                nf.while_loop(lambda v: nf.constant(True), body, start, **options)
        with pytest.raises(GraphError, match="must be one bool, not float32"):
            nf.while_loop(lambda v: v, lambda v: v, [x])
        with pytest.raises(GraphError, match="cond must be a function"):
            nf.while_loop(True, lambda v: v, [x])  # type: ignore[arg-type]
        with pytest.raises(GraphError, match="cannot assign"):
            v = nf.variable(1.0)
            nf.while_loop(lambda i: i < 3, lambda i: (nf.assign(v, v + 1), i + 1)[1], [0])
        with pytest.raises(ShapeError, match="has no slices"):
            nf.map_fn(lambda v: v, nf.constant(1.0))
        with pytest.raises(ShapeError, match="has 3 slices, and others have 2"):
            nf.map_fn(lambda p: p[0], (x, nf.zeros([3])))
        with pytest.raises(DtypeError, match="fn returns float32, but dtype is int32"):
            nf.map_fn(lambda v: v, x, dtype="int32")
        with pytest.raises(ShapeError, match="initializer is float32"):
            nf.scan(lambda a, v: nf.zeros([3]), x, nf.zeros([2]))


def test_a_loop_ends_when_the_run_is_cancelled() -> None:
    with nf.Graph():
        forever = nf.while_loop(lambda i: i >= 0, lambda i: nf.minimum(i + 1, 5), [0])
        with nf.Session() as session:
            ended: list[BaseException] = []

            def run() -> None:
                try:
                    session.run(forever)
                except Cancelled as error:
                    ended.append(error)

            thread = threading.Thread(target=run)
            thread.start()
            while thread.is_alive():
                session.cancel()
                time.sleep(0.01)
            thread.join()
            assert len(ended) == 1
