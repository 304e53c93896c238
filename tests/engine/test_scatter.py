"""Sums and extremes by index, beside numpy's that go through the indices in order."""

from __future__ import annotations

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine.kernels.indexing import COLUMNS, FEW, LARGE, ScatterAddKernel
from nodeflow.errors import RunError
from nodeflow.graph.types import TensorType
from nodeflow.ops.lowering import ScatterAdd

DTYPES = ["float32", "float64", "int32", "int64"]
SHAPES = [
    (1000, 1, 7),
    (1000, 1, 5000),
    (700, 3, 50),
    (500, COLUMNS, 40),
    (300, COLUMNS + 5, 20),
    (200, 3 * COLUMNS, 90),
    (LARGE // 64 // FEW, 64, LARGE // 64),
    (300, 100, LARGE // 100 + 1),
    (0, 100, LARGE // 100 + 1),
    (0, 3, 4),
]
"""Indices, elements of each, and rows of the result."""


def numbers(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    random = np.random.default_rng([*shape])
    x = random.normal(0, 100, shape)
    return x.astype(dtype)


def places(count: int, n: int, dtype: str = "int64") -> np.ndarray:
    """Some rows again and again, the last one among them."""
    random = np.random.default_rng([count, n])
    some = random.integers(0, n, max(1, n // 3))
    some[0] = n - 1
    return random.choice(some, count).astype(dtype)


def scattered(op: str, x: np.ndarray, at: np.ndarray, n: int, **options) -> np.ndarray:
    with nf.Graph() as g:
        wanted = g.apply(op, nf.constant(x), nf.constant(at), count=n)
    with nf.Session(g, **{"tier": "compiled", **options}) as s:
        return s.run(wanted)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("count", "inner", "n"), SHAPES)
def test_sums_are_made_in_the_order_of_the_indices(count: int, inner: int, n: int, dtype: str):
    x, at = numbers((count, inner), dtype), places(count, n)
    expected = np.zeros((n, inner), dtype)
    np.add.at(expected, at, x)
    for options in ({}, {"threads": 1}, {"threads": 3}, {"threads": 8}, {"tier": "reference"}):
        found = scattered("segment_sum", x, at, n, **options)
        if dtype == "float32" and "tier" in options:  # the reference adds up in float64
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-2)
        else:
            assert found.tobytes() == expected.tobytes(), options


@pytest.mark.parametrize("index", ["int32", "int64", "uint8"])
@pytest.mark.parametrize(("count", "inner", "n"), [(1000, 1, 200), (900, 64, 200), (900, 30, 200)])
def test_indices_of_other_types_name_the_same_rows(count: int, inner: int, n: int, index: str):
    x, at = numbers((count, inner), "float32"), places(count, n)
    expected = scattered("segment_sum", x, at, n)
    found = scattered("segment_sum", x, at.astype(index), n)
    assert found.tobytes() == expected.tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("count", "inner", "n"), SHAPES)
def test_extremes_are_those_of_numpy(count: int, inner: int, n: int, dtype: str) -> None:
    x, at = numbers((count, inner), dtype), places(count, n)
    floats = np.issubdtype(np.dtype(dtype), np.floating)
    if floats and count:
        x[0, 0], x[-1, -1] = np.nan, np.inf
    low, high = (-np.inf, np.inf) if floats else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    for op, add, nothing in (("segment_max", np.maximum, low), ("segment_min", np.minimum, high)):
        expected = np.full((n, inner), nothing, dtype)
        add.at(expected, at, x)
        for threads in (1, 3):
            np.testing.assert_array_equal(scattered(op, x, at, n, threads=threads), expected)


@pytest.mark.sample(2)
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("size", [5, 20, 60_000])
def test_a_gradient_of_a_gather_counts_negative_indices_from_the_end(axis: int, size: int) -> None:
    """Several results beside each other (axis 1), one element or several for each index."""
    for inner in ((), (7,), (COLUMNS,)):
        shape = (*(3,) * axis, size, *inner)
        at = np.array([0, -1, 2, -1, -size, 2, size - 1])
        flow = numbers((*shape[:axis], len(at), *inner), "float64")
        with nf.Graph() as g:
            x = nf.variable(np.zeros(shape))
            wanted = nf.gradients(nf.gather(x, nf.constant(at), axis=axis), [x], [flow])[0]
        expected = np.zeros(shape)
        np.add.at(expected, (slice(None),) * axis + (at % size,), flow)
        with nf.Session(g, tier="compiled") as s:
            s.initialize()
            assert s.run(wanted).tobytes() == expected.tobytes()


@pytest.mark.parametrize(
    ("inner", "n"), [(1, 50), (3, 50), (COLUMNS, 50), (64, LARGE // 16)], ids=str
)
@pytest.mark.parametrize("wrong", [-1, "n"])
def test_an_index_outside_is_an_error_that_names_the_node(inner: int, n: int, wrong) -> None:
    at = np.zeros(40, "int64")
    at[33] = n if wrong == "n" else wrong
    with nf.Graph() as g:
        x = nf.constant(np.ones((40, inner), "float32"))
        wanted = g.apply("segment_sum", x, nf.constant(at), count=n, name="sums")
    with nf.Session(g, tier="compiled") as s, pytest.raises(RunError, match=r"segment|index") as e:
        s.run(wanted)
    assert "sums" in str(e.value)


def test_the_lowering_says_what_it_adds_to() -> None:
    """Few indices of many rows are shared by rows, one element each by none, others by columns."""

    def units(count: int, inner: int, n: int) -> int:
        types = [
            TensorType("float32", (count, inner)),
            TensorType("int64", (count,)),
            TensorType("float32", (n, inner)),
        ]
        (call,) = ScatterAddKernel().calls(ScatterAdd(0), types)
        return call.units

    assert units(1000, 1, 10) == 1
    assert units(1000, 3 * COLUMNS, 10) == 3
    assert units(10, 64, LARGE // 64) > 1
