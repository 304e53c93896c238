"""Reductions of rows of a few elements, beside numpy in the documented order."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine.compiler import cache
from nodeflow.engine.devicelib.short_rows import TOGETHER
from nodeflow.engine.kernels.reductions import LANES, is_short

FLOATS = ["float32", "float64"]
LENGTHS = [1, 2, 3, 5, 8, 11, LANES, LANES + 1]
ROWS = [1, TOGETHER - 1, TOGETHER, TOGETHER + 1, 1003]


def reduced(
    op: Callable[..., nf.Tensor], x: np.ndarray, threads: int = 2, tier: str = "compiled"
) -> np.ndarray:
    with nf.Graph() as g:
        wanted = op(nf.constant(x), axis=1)
    with nf.Session(g, tier=tier, threads=threads) as s:
        return s.run(wanted)


def halved(x: np.ndarray) -> np.ndarray:
    """The sum of each row: one half of 16 lanes is added to the other until one is left."""
    lanes = np.full((len(x), 16), -0.0, x.dtype)
    lanes[:, : min(x.shape[1], 16)] = x[:, :16]
    lanes[:, : x.shape[1] - 16 if x.shape[1] > 16 else 0] += x[:, 16:]
    while lanes.shape[1] > 1:
        half = lanes.shape[1] // 2
        lanes = lanes[:, :half] + lanes[:, half:]
    return lanes[:, 0]


def numbers(rows: int, n: int, dtype: str) -> np.ndarray:
    random = np.random.default_rng(rows + n)
    x = random.normal(size=(rows, n)).astype(dtype)
    x[random.random(x.shape) < 0.2] = -0.0
    return x


@pytest.mark.sample(3)
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("n", LENGTHS)
def test_sums_are_halves_of_lanes(n, dtype) -> None:
    for rows in ROWS:
        x = numbers(rows, n, dtype)
        expected = halved(x)
        for threads in (1, 2, 3, 8):
            assert reduced(nf.reduce_sum, x, threads).tobytes() == expected.tobytes()
        mean = reduced(nf.reduce_mean, x)
        assert mean.tobytes() == (expected / np.dtype(dtype).type(n)).tobytes()
        alone = reduced(nf.reduce_sum, x[-1:])
        assert alone.tobytes() == expected[-1:].tobytes()


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("n", LENGTHS)
def test_products_are_made_in_order(n, dtype) -> None:
    for rows in ROWS:
        x = numbers(rows, n, dtype)
        expected = x[:, 0].copy()
        for column in x.T[1:]:
            expected = expected * column
        assert reduced(nf.reduce_prod, x).tobytes() == expected.tobytes()


@pytest.mark.thorough
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("n", LENGTHS)
def test_extremes_and_their_places_are_those_of_numpy(n, dtype) -> None:
    random = np.random.default_rng(n)
    for rows, spoilt in ((9, 0.0), (1003, 0.0), (1003, 0.2)):
        x = random.integers(-3, 4, (rows, n)).astype(dtype)
        x[random.random(x.shape) < spoilt] = np.nan
        x[random.random(x.shape) < spoilt] = -np.inf
        x[random.random(x.shape) < spoilt] = np.inf
        for op, expected in (
            (nf.reduce_max, x.max(1)),
            (nf.reduce_min, x.min(1)),
            (nf.argmax, x.argmax(1)),
            (nf.argmin, x.argmin(1)),
        ):
            for threads in (1, 2, 3, 8):
                np.testing.assert_array_equal(reduced(op, x, threads), expected)


@pytest.mark.parametrize("n", [2, 9, LANES])
def test_formulas_of_short_rows_are_those_of_float64(n) -> None:
    random = np.random.default_rng(n)
    x = random.normal(size=(517, n)).astype("float32")
    with nf.Graph() as g:
        fed = nf.placeholder("float32", [None, n], name="x")
        wanted = [
            nf.reduce_sum(nf.square(fed), axis=1),
            nf.reduce_variance(fed, axis=1),
            nf.softmax(fed, axis=1),
            nf.l2_normalize(fed, axis=1),
        ]
    wide = x.astype("float64")
    powers = np.exp(wide - wide.max(1, keepdims=True))
    expected = [
        (wide**2).sum(1),
        wide.var(1),
        powers / powers.sum(1, keepdims=True),
        wide / np.sqrt((wide**2).sum(1, keepdims=True)),
    ]
    with nf.Session(g, tier="compiled", threads=2) as s:
        for found, truth in zip(s.run(wanted, {fed: x}), expected, strict=True):
            np.testing.assert_allclose(found, truth, rtol=2e-5, atol=2e-6)
        assert s.run(wanted[0], {fed: x[:0]}).shape == (0,)


def test_nothing_beyond_a_row_counts() -> None:
    x = np.ones((20, 3), "float32")
    x[1::2] = np.nan
    found = reduced(nf.reduce_sum, x)
    assert np.isnan(found[1::2]).all()
    assert (found[::2] == 3).all()


def test_which_rows_are_short() -> None:
    assert is_short(2, LANES, "float32")
    assert is_short(2, 1, "float64")
    assert not is_short(1, LANES, "float32")
    assert not is_short(2, LANES + 1, "float32")
    assert not is_short(2, 0, "float32")
    assert not is_short(2, 4, "int32")
    assert not is_short(2, 4, "float16")


def test_a_mean_over_a_small_batch_compiles_nothing_for_another() -> None:
    with nf.Graph() as g:
        x = nf.placeholder("float32", (None,), name="x")
        wanted = [nf.reduce_mean(x), nf.reduce_max(x, axis=0), nf.argmax(x, axis=0)]
    with nf.Session(g, tier="compiled") as s:
        s.run(wanted, {x: np.ones(3, "float32")})
        before = cache.compile_count()
        for n in (2, 5, 11, 16):
            mean, largest, place = s.run(wanted, {x: np.arange(n, dtype="float32")})
            assert (mean, largest, place) == ((n - 1) / 2, n - 1, n - 1)
        assert cache.compile_count() == before
