"""Sizes that only data tell: runs in stages, against numpy, in both tiers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nodeflow as nf
from nodeflow.engine.columns import Column
from nodeflow.engine.session import Session
from nodeflow.errors import Cancelled, NodeflowError, RunError, ShapeError
from nodeflow.ops.dynamic.dynamic_functions import dynamic_partition

F = nf.functions
TIERS = ["reference", "compiled"]
Pair = tuple[nf.Tensor, np.ndarray]
"""A matrix with four columns, as a tensor and in numpy."""


def mask_rows(t: nf.Tensor, a: np.ndarray) -> Pair:
    return (
        nf.boolean_mask(t, F.reduce_sum(t, axis=1) > 1.0),
        a[a.sum(axis=1) > 1],
    )


def shift(t: nf.Tensor, a: np.ndarray) -> Pair:
    return F.tanh(t * 2.0 - 0.5), np.tanh(a * 2 - 0.5)


def rows_of_true(t: nf.Tensor, a: np.ndarray) -> Pair:
    places = nf.where(t > 0.25)
    rows = np.argwhere(a > 0.25)[:, 0]
    return F.gather(t, places[:, 0]), a[rows]


def all_but_last(t: nf.Tensor, a: np.ndarray) -> Pair:
    count = nf.shape(t)[0]
    return t[: F.maximum(count - 1, 0)], a[: max(len(a) - 1, 0)]


def distinct(t: nf.Tensor, a: np.ndarray) -> Pair:
    whole = F.cast(F.floor(F.reshape(t, shape=[-1]) * 3.0), dtype="int32")
    y, idx = nf.unique(whole)
    counts = nf.unique_with_counts(whole)[2]
    values, first, times = np.unique(np.floor(a.ravel() * 3), return_index=True, return_counts=True)
    order = np.argsort(first)
    column = F.cast(y * counts, dtype="float64")
    rows = F.tile(F.expand_dims(column, axis=1), [1, 4]) / 8.0
    assert idx.shape == whole.shape
    return rows, np.tile((values * times)[order][:, None], 4) / 8


def counted(t: nf.Tensor, a: np.ndarray) -> Pair:
    n = F.reduce_sum(F.cast(F.reduce_max(t, axis=1) > 0.0, dtype="int32"))
    numbers = F.cast(nf.range(n), dtype="float64")
    m = int((a.max(axis=1, initial=-np.inf) > 0).sum())
    grid = F.reshape(numbers, [n, 1]) * nf.ones([n, 4], "float64") / 7.0
    return grid, np.arange(m)[:, None] * np.ones((m, 4)) / 7


def twice(t: nf.Tensor, a: np.ndarray) -> Pair:
    return F.concat([t, -t], axis=0), np.concatenate([a, -a])


def flat_and_back(t: nf.Tensor, a: np.ndarray) -> Pair:
    return F.reshape(F.reshape(t, shape=[-1]), [nf.shape(t)[0], 4]) + 0.125, a + 0.125


MOVES: list[Callable[[nf.Tensor, np.ndarray], Pair]] = [
    mask_rows, shift, rows_of_true, all_but_last, distinct, counted, twice, flat_and_back,
]  # fmt: skip


def build(chosen: list[int], start: np.ndarray) -> tuple[nf.Graph, nf.Tensor, list[Pair]]:
    graph = nf.Graph()
    with graph:
        x = nf.placeholder("float64", [None, 4])
        tensor, array, pairs = x, start, []
        for move in chosen:
            tensor, array = MOVES[move](tensor, array)
            pairs.append((tensor, array))
    return graph, x, pairs


def check(tier: str, chosen: list[int], rows: int, seed: int) -> None:
    start = np.random.default_rng(seed).uniform(-1, 1, (rows, 4))
    graph, x, pairs = build(chosen, start)
    with Session(graph, tier=tier) as session:  # type: ignore[arg-type]
        found = session.run([t for t, _ in pairs], {x: start})
    for (tensor, expected), got in zip(pairs, found, strict=True):
        assert tensor.type.dtype == "float64"
        assert got.shape == expected.shape, tensor.name
        np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-14, err_msg=tensor.name)


@pytest.mark.thorough
@given(
    st.lists(st.integers(0, len(MOVES) - 1), min_size=1, max_size=5),
    st.integers(0, 6),
    st.integers(0, 1000),
)
@settings(max_examples=80)
def test_random_graphs_are_numpys_by_reference(chosen: list[int], rows: int, seed: int) -> None:
    check("reference", chosen, rows, seed)


@pytest.mark.thorough
@given(
    st.lists(st.integers(0, len(MOVES) - 1), min_size=2, max_size=4),
    st.integers(1, 6),
    st.integers(0, 1000),
)
@settings(max_examples=12, derandomize=True)
def test_random_graphs_are_numpys_compiled(chosen: list[int], rows: int, seed: int) -> None:
    check("compiled", chosen, rows, seed)


def test_only_what_finds_sizes_out_runs_by_reference() -> None:
    start = np.random.default_rng(3).uniform(-1, 1, (6, 4))
    graph, x, pairs = build([1, 0, 1, 5, 7, 1], start)
    with Session(graph, tier="compiled") as session:
        for _ in range(2):
            session.run(pairs[-1][0], {x: start})
        assert session.tier == "compiled"
        assert {graph.node(n).op.id for n in session.executions} == {
            "boolean_mask",
            "range",
            "fill",
        }
        text = session.explain(pairs[-1][0], {x: start})
    assert "then by reference, to find sizes that depend on data: boolean_mask" in text
    assert "then, for the sizes (" in text


def test_sizes_that_follow_from_shapes_are_compiled() -> None:
    with nf.Graph() as graph:
        x = nf.placeholder("float64", [None, 3, 2])
        n = nf.shape(x)[0]
        flat = F.reshape(x, [n, 3 * 2])
        assert flat.shape == (None, 6)
        noise = F.random_normal([n, 6], dtype="float64", seed=5)
        made = [
            flat + nf.zeros([n, 6], "float64") + noise, nf.range(n * 2), flat[: n - 1],
            F.one_hot(nf.range(n), n), F.tile(flat, [1, n]), F.broadcast_to(flat[0], [n, 6]),
        ]  # fmt: skip
    value = np.arange(24.0).reshape(4, 3, 2)
    rows = value.reshape(4, 6)
    results = []
    for tier in TIERS:
        with Session(graph, tier=tier) as session:  # type: ignore[arg-type]
            results.append(session.run(made, {x: value}))
            assert tier == "reference" or not session.executions
    for noisy, numbers, cut, hot, tiled, spread in results:
        assert noisy.shape == (4, 6)
        np.testing.assert_allclose(noisy, results[0][0], rtol=1e-12)
        np.testing.assert_array_equal(numbers, np.arange(8))
        np.testing.assert_array_equal(cut, rows[:3])
        np.testing.assert_array_equal(hot, np.eye(4))
        np.testing.assert_array_equal(tiled, np.tile(rows, (1, 4)))
        np.testing.assert_array_equal(spread, np.tile(rows[:1], (4, 1)))


def masked_regression() -> tuple[nf.Graph, nf.Tensor, nf.Tensor, nf.Tensor]:
    """Least squares over the rows whose first element is positive."""
    with nf.Graph() as graph:
        x = nf.placeholder("float64", [None, 3], name="x")
        w = nf.variable([[1.0], [2.0], [-1.0]], dtype="float64", name="w")
        kept = nf.boolean_mask(F.tanh(F.matmul(x, w)), x[:, 0] > 0.0)
        loss = F.reduce_mean(F.square(kept - 0.5))
        train = F.gradient_descent(loss, learning_rate=0.5, name="train")
    return graph, x, loss, train


def step_of(w: np.ndarray, batch: np.ndarray) -> tuple[float, np.ndarray]:
    """The loss, and the weights after a step of gradient descent, in numpy."""
    rows = batch[batch[:, 0] > 0]
    out = np.tanh(rows @ w)
    slope = 2 * (out - 0.5) * (1 - out**2) / len(rows)
    return float(np.mean((out - 0.5) ** 2)), w - 0.5 * rows.T @ slope


@pytest.mark.parametrize("tier", TIERS)
def test_training_by_steps_and_by_runs(tier: str) -> None:
    data = np.random.default_rng(1).uniform(-1, 1, (12, 3))
    data[::3, 0] = 0.5  # no batch is empty
    graph, x, loss, train = masked_regression()
    expected, w = [], np.array([[1.0], [2.0], [-1.0]])
    for start in range(0, 12, 4):
        value, w = step_of(w, data[start : start + 4])
        expected.append(value)
    with Session(graph, tier=tier) as session:  # type: ignore[arg-type]
        session.initialize()
        for start in range(0, 12, 4):
            session.run(train, {x: data[start : start + 4]})
        np.testing.assert_allclose(session.variables["w"], w, rtol=1e-12)
        assert np.isfinite(w).all()
        session.initialize()
        stepper = session.stepper([train], [loss], {x: Column(data)}, 4)
        stepper.start_epoch(np.arange(12))
        done, scalars = stepper.run(3)
        assert done == 3
        assert "by reference" in stepper.explain()
        np.testing.assert_allclose(scalars[:, 0], expected, rtol=1e-12)
        np.testing.assert_allclose(session.variables["w"], w, rtol=1e-12)


@pytest.mark.parametrize("tier", TIERS)
def test_nothing_is_assigned_where_a_later_stage_fails(tier: str) -> None:
    with nf.Graph() as graph:
        x = nf.placeholder("float64", [None], name="x")
        count = nf.variable(0.0, dtype="float64", name="count")
        kept = nf.boolean_mask(x, x > 0.0)
        bad = F.reshape(kept, shape=[2, 2], name="square")
        added = F.assign(count, count + 1.0)
    with Session(graph, tier=tier) as session:  # type: ignore[arg-type]
        session.initialize()
        session.run([bad, added], {x: np.arange(5.0)})
        assert session.variables["count"] == 1
        with pytest.raises((ShapeError, RunError), match="square"):
            session.run([bad, added], {x: np.arange(4.0)})
        assert session.variables["count"] == 1
        old, new = session.run([count, added], {x: np.arange(5.0)})
        assert (old, new) == (1, 2)


def test_a_run_stops_between_stages() -> None:
    with nf.Graph() as graph:
        x = nf.placeholder("float64", [None])
        kept = nf.boolean_mask(x, x > 0.0) * 2.0
    session = Session(graph, tier="reference")
    executor, given_, phase, _ = session._prepare(kept, {x: np.ones(3)}, None)
    session._cancel.set()
    with pytest.raises(Cancelled):
        executor.run(given_, session._streams(phase), session._cancel)


def test_random_numbers_do_not_depend_on_stages() -> None:
    with nf.Graph() as graph:
        x = nf.placeholder("float64", [None])
        kept = nf.boolean_mask(x, x > 0.0)
        late = F.random_uniform(nf.shape(kept), dtype="float64", name="late")
        early = F.random_uniform(shape=[3], dtype="float64", name="early")
    value = np.array([1.0, -1.0, 2.0, 3.0])
    with Session(graph, tier="reference", seed=4) as session:
        found = session.run([late, early], {x: value})
    with Session(graph, tier="compiled", seed=4) as session:
        again = session.run([late, early], {x: value})
    np.testing.assert_array_equal(found[0], again[0])
    np.testing.assert_array_equal(found[1], again[1])
    with nf.Graph() as plain:
        F.random_uniform(shape=[3], dtype="float64", name="late")
    with Session(plain, tier="reference", seed=4) as session:
        np.testing.assert_array_equal(session.run("late"), found[0])


def test_dynamic_partition_takes_apart() -> None:
    with nf.Graph() as graph:
        x = nf.placeholder("float64", [None, 2])
        parts = dynamic_partition(x, nf.constant([1, 0, 1, 2]), 3)
        slope = nf.gradients(F.reduce_sum(parts[1] * parts[1]), [x])[0]
    value = np.arange(8.0).reshape(4, 2)
    with Session(graph) as session:
        found, gradient = session.run([parts, slope], {x: value})
    for part, rows in zip(found, ([1], [0, 2], [3]), strict=True):
        np.testing.assert_array_equal(part, value[rows])
    np.testing.assert_array_equal(gradient, 2 * value * np.array([[1], [0], [1], [0]]))


def test_errors_name_node_and_port() -> None:
    with nf.Graph() as graph:
        x = nf.placeholder("float64", [3, 2], name="x")
        for call, text in (
            (lambda: nf.boolean_mask(x, nf.constant([True, False])), "boolean_mask:mask: a mask"),
            (lambda: nf.where(nf.constant([True]), x), "or neither"),
            (lambda: nf.unique(x), "unique:x: unique takes a vector"),
            (lambda: F.reshape(x, nf.constant([4, 2])), r"reshape:shape: \(3, 2\) has 6 elements"),
            (lambda: F.reshape(x, nf.constant(4)), "reshape:shape: shape must be a list"),
            (lambda: nf.range(nf.constant([4])), "range:start: start must be one number"),
            (lambda: nf.zeros(nf.constant([2, -1])), "zeros:shape: .* negative size"),
        ):
            with pytest.raises(NodeflowError, match=text):
                call()
        sizes = nf.placeholder("int32", [2], name="sizes")
        made = F.reshape(x, sizes, name="made")
    for tier in TIERS:
        with Session(graph, tier=tier) as session:  # type: ignore[arg-type]
            value = np.arange(6.0).reshape(3, 2)
            found = session.run(made, {x: value, sizes: [2, -1]})
            np.testing.assert_array_equal(found, value.reshape(2, 3))
            with pytest.raises(RunError, match=r"made:shape: \(3, 2\) has 6 elements"):
                session.run(made, {x: value, sizes: [4, 2]})


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("rows", [3, 3000])
def test_what_is_only_reshaped_is_the_callers_own_or_nobodys_copy(tier: str, rows: int) -> None:
    """A large feed goes on as it is; who fetches a reshape of it may change that."""
    start = np.random.default_rng(3).uniform(0, 1, (rows, 4))
    with nf.Graph() as graph:
        x = nf.placeholder("float64", [None, 4])
        w = nf.variable(np.zeros((rows, 4)))
        flat = F.reshape(x, shape=[-1])
        kept = nf.boolean_mask(flat, flat > 0.5)
        unsized = flat[: F.reduce_max(F.cast(x, dtype="int32")) + 8]
        put = nf.assign(w, x)
        outs = [kept, flat, unsized, put, F.reduce_sum(flat) + F.reduce_sum(kept)]
    with Session(graph, tier=tier) as session:  # type: ignore[arg-type]
        session.initialize()
        for _ in range(2):
            given = start.copy()
            found = session.run(outs, {x: given})
            assert found[0].tobytes() == start[start > 0.5].tobytes()
            for array, expected in ((found[1], start), (found[2], start[:2]), (found[3], start)):
                assert array.tobytes() == expected.tobytes()
                assert not np.shares_memory(array, given)
            np.testing.assert_allclose(found[4], start.sum() + start[start > 0.5].sum())
            given[:] = -1
            found[1][:] = found[2][:] = -2
            assert session.variables["variable"].tobytes() == start.tobytes()
