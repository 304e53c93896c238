"""The sign of zero, and the order of products: the same in both tiers, at every place of a row.

Zeros of both signs stand in vectors' lanes and in their tails, in rows and in columns.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest

import nodeflow as nf

SIZES = (1, 2, 3, 7, 16, 17, 33, 64, 65, 100, 131)
DTYPES = ("float32", "float64")


def both_tiers(
    build: Callable[..., nf.Tensor], *arrays: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """What a graph of placeholders gives by reference and compiled."""
    with nf.Graph() as graph:
        fed = [nf.placeholder(a.dtype.name, list(a.shape)) for a in arrays]
        out = build(*fed)
    feeds = dict(zip(fed, arrays, strict=True))
    reference, compiled = (
        nf.Session(graph, tier=tier).run(out, feeds) for tier in ("reference", "compiled")
    )
    return reference, compiled


def assert_same_bits(reference: np.ndarray, compiled: np.ndarray) -> None:
    np.testing.assert_array_equal(reference, compiled)
    np.testing.assert_array_equal(np.signbit(reference), np.signbit(compiled))


def zeros(size: int, dtype: str) -> np.ndarray:
    """One row for each place of the only -0, one for the only 0, one of each alone."""
    one = np.where(np.eye(size, dtype=bool), -0.0, 0.0)
    return np.concatenate([one, -one, np.full((1, size), -0.0), np.zeros((1, size))]).astype(dtype)


UNARY: dict[str, Callable[[nf.Tensor], nf.Tensor]] = {
    "relu": nf.relu,
    "clip from 0": lambda x: nf.clip_by_value(x, 0.0, 1.0),
    "clip from -0": lambda x: nf.clip_by_value(x, -0.0, 1.0),
    "clip to 0": lambda x: nf.clip_by_value(x, -1.0, 0.0),
    "clip to -0": lambda x: nf.clip_by_value(x, -1.0, -0.0),
    "no upper bound": lambda x: nf.clip_by_value(x, 0.0, None),
    "no lower bound": lambda x: nf.clip_by_value(x, None, 0.0),
    **{f"sum {axis}": lambda x, axis=axis: nf.reduce_sum(x, axis) for axis in (0, 1, None, ())},
    "mean": lambda x: nf.reduce_mean(x, 1),
    **{
        f"cumsum {axis} {exclusive} {reverse}": lambda x, axis=axis, e=exclusive, r=reverse: (
            nf.cumsum(x, axis, e, r)
        )
        for axis, exclusive, reverse in itertools.product((0, 1), (False, True), (False, True))
    },
}


@pytest.mark.thorough
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", UNARY)
def test_of_one_input(name: str, dtype: str) -> None:
    for size in SIZES:
        for x in (zeros(size, dtype), np.ascontiguousarray(zeros(size, dtype).T)):
            assert_same_bits(*both_tiers(UNARY[name], x))


@pytest.mark.thorough
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["maximum", "minimum"])
def test_of_two_inputs_the_first_of_equal_ones_counts(name: str, dtype: str) -> None:
    for size in SIZES:
        x = zeros(size, dtype)
        for y in (x[::-1].copy(), np.full((), 0.0, dtype), np.full((), -0.0, dtype)):
            reference, compiled = both_tiers(getattr(nf, name), x, y)
            assert_same_bits(reference, compiled)
            np.testing.assert_array_equal(np.signbit(reference), np.signbit(x))


@pytest.mark.parametrize("dtype", DTYPES)
def test_of_wired_bounds(dtype: str) -> None:
    x = zeros(33, dtype)
    for low, high in itertools.product((0.0, -0.0), repeat=2):
        bounds = np.full((), low, dtype), np.full((), high, dtype)
        assert_same_bits(*both_tiers(nf.clip, x, *bounds))


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_sum_is_minus_zero_only_of_minus_zeros(dtype: str) -> None:
    for size in SIZES:
        for sums in both_tiers(lambda x: nf.reduce_sum(x, 1), zeros(size, dtype)):
            alone = np.all(np.signbit(zeros(size, dtype)), axis=1)
            np.testing.assert_array_equal(np.signbit(sums), alone)
    for nothing in both_tiers(lambda x: nf.reduce_sum(x, 0), np.zeros((0, 3), dtype)):
        np.testing.assert_array_equal(np.signbit(nothing), [False] * 3)


# ---- products -----------------------------------------------------------------------------------

LARGE = {"float32": 1e30, "float64": 1e200}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("count", [4, 64, 130, 1000])
def test_a_product_overflows_only_where_its_order_does(dtype: str, count: int) -> None:
    """Large and small alternate: from first to last no part overflows, in lanes each would."""
    row = np.where(np.arange(count) % 2, 1 / LARGE[dtype], LARGE[dtype]).astype(dtype)
    for x in (row[None], np.tile(row[:, None], (1, 70)).T.copy()):
        for products in both_tiers(lambda x: nf.reduce_prod(x, 1), x):
            np.testing.assert_allclose(products, np.ones(len(x)), rtol=1e-4)
        for products in both_tiers(lambda x: nf.reduce_prod(x, 0), x.T.copy()):
            np.testing.assert_allclose(products, np.ones(len(x)), rtol=1e-4)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("shape", "axis"),
    [((3, 130), 1), ((130, 3), 0), ((3, 9000), 1), ((9000, 3), 0), ((9000, 70), 0),
     ((6, 5, 7), (0, 2)), ((6, 5, 7), None), ((6, 1, 7), (0, 1)), ((2, 5000, 3), (0, 1)),
     ((4, 3, 5, 1000), (1, 3)), ((20000,), 0)],
)  # fmt: skip
def test_products_have_the_same_bits_in_both_tiers(
    dtype: str, shape: tuple[int, ...], axis: int | tuple[int, ...] | None
) -> None:
    x = np.random.default_rng(3).uniform(0.9, 1.1, shape).astype(dtype)
    for keepdims in (False, True):
        reference, compiled = both_tiers(lambda x, k=keepdims: nf.reduce_prod(x, axis, k), x)
        assert_same_bits(reference, compiled)
        exact = np.prod(x, axis=axis, keepdims=keepdims, dtype=np.longdouble)
        np.testing.assert_allclose(reference, exact, rtol=2e-4 if dtype == "float32" else 1e-12)


def test_blocks_are_those_of_the_documentation() -> None:
    """One block of 4096 overflows and the next becomes 0; one after the other neither would."""
    x = np.concatenate([np.full(4096, 2.0), np.full(4096, 0.5)])
    assert all(np.isnan(p) for p in both_tiers(nf.reduce_prod, x))
    assert np.prod(x[np.r_[:512, 4096:4608]]) == 1.0
    alternating = np.tile([2.0, 0.5], 4096)
    assert [p.item() for p in both_tiers(nf.reduce_prod, alternating)] == [1.0, 1.0]


# ---- exact bounds -------------------------------------------------------------------------------


def test_bounds_of_int64_are_exact() -> None:
    x = np.array([0, 2**53, 2**53 + 1, 2**53 + 2, 2**62 + 1, 2**62 + 2], "int64")
    expected = np.clip(x, 2**53 + 1, 2**62 + 1)
    for found in both_tiers(lambda x: nf.clip_by_value(x, 2**53 + 1, 2**62 + 1), x):
        np.testing.assert_array_equal(found, expected)


def test_bounds_may_be_tensors_or_missing() -> None:
    x = np.linspace(-2, 2, 9)
    low, high = np.full((), -0.5), np.linspace(-1, 1, 9)
    for found in both_tiers(lambda x, low, high: nf.clip_by_value(x, low, high), x, low, high):
        np.testing.assert_array_equal(found, np.minimum(np.maximum(x, low), high))
    for found in both_tiers(lambda x, high: nf.clip_by_value(x, -0.25, high), x, high):
        np.testing.assert_array_equal(found, np.minimum(np.maximum(x, -0.25), high))
    for found in both_tiers(lambda x, low: nf.clip_by_value(x, low, None), x, low):
        np.testing.assert_array_equal(found, np.maximum(x, low))
