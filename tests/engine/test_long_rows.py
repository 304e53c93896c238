"""Reductions of long rows that compute what they reduce, beside numpy in the documented order."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine.compiler import cache
from nodeflow.engine.kernels.long_rows import LongRows
from nodeflow.engine.kernels.reductions import ROW_BLOCK
from nodeflow.engine.kernels.row_formulas import LONGEST
from nodeflow.engine.plan.plan import make_plan
from nodeflow.engine.plan.summing import MANY_BLOCKS
from nodeflow.engine.schedule.schedule import build_schedule
from tests.engine.graphs import run, same

FLOATS = ["float32", "float64"]
LENGTHS = [LONGEST + 1, 4099, ROW_BLOCK, ROW_BLOCK + 1, 3 * ROW_BLOCK + 77, 200_003]
OPTIONS = [{"without": ["sums"]}, {"threads": 1}, {"threads": 3}, {"threads": 8}]


def reductions_of(wanted: Sequence[nf.Tensor]) -> list[int]:
    """How many results each kernel makes that computes what it reduces."""
    schedule = build_schedule(wanted, [])
    plan = make_plan(schedule, schedule.specialise({}), ())
    return [len(a.outputs) for a in plan.actions.items if isinstance(a.lowering, LongRows)]


def numbers(*shape: int, dtype: str = "float32", seed: int = 0) -> np.ndarray:
    random = np.random.default_rng([seed, *shape])
    x = random.normal(size=shape).astype(dtype)
    x[random.random(shape) < 0.1] = -0.0
    return x


def block_sum(x: np.ndarray) -> np.ndarray:
    """The sum of some elements as four vectors of 16 lanes add them up."""
    lanes = np.full((4, 16), -0.0, x.dtype)
    whole = len(x) // 64 * 64
    for part in x[:whole].reshape(-1, 4, 16):
        lanes += part
    vectors = (len(x) - whole) // 16
    for part in x[whole : whole + 16 * vectors].reshape(-1, 16):
        lanes[0] += part
    rest = x[whole + 16 * vectors :]
    lanes[1, : len(rest)] += rest
    total = (lanes[0] + lanes[1]) + (lanes[2] + lanes[3])
    while len(total) > 1:
        total = total[: len(total) // 2] + total[len(total) // 2 :]
    return total[0]


def row_sum(x: np.ndarray) -> np.ndarray:
    """Sums of blocks, which are added up in the same way."""
    while len(x) > ROW_BLOCK:
        x = np.array([block_sum(x[at : at + ROW_BLOCK]) for at in range(0, len(x), ROW_BLOCK)])
    return block_sum(x)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("n", LENGTHS)
def test_sums_add_up_in_the_documented_order(n: int, dtype: str) -> None:
    x, y = numbers(2, n, dtype=dtype), numbers(2, n, dtype=dtype, seed=1)
    with nf.Graph():
        a, b = nf.variable(x), nf.variable(y)
        outs = [
            nf.reduce_sum(nf.square(a - b), axis=1),
            nf.reduce_sum(a * b, axis=1),
            nf.reduce_mean(a * b, axis=1),
        ]
    assert sum(reductions_of(outs)) == (3 if n <= ROW_BLOCK else 2)  # a mean begins as its sum
    found = run(outs)
    products = np.stack([row_sum(row) for row in x * y])
    expected = [
        np.stack([row_sum(row) for row in np.square(x - y)]),
        products,
        products / np.dtype(dtype).type(n),
    ]
    assert same(found, expected)
    for options in OPTIONS:
        assert same(found, run(outs, **options)), options


@pytest.mark.sample(15)
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize(
    ("op", "of_numpy"), [(nf.reduce_max, np.max), (nf.reduce_min, np.min)], ids=["max", "min"]
)
def test_extremes_are_those_of_numpy(
    op: Callable[..., nf.Tensor], of_numpy: Callable[..., np.ndarray], n: int, dtype: str
) -> None:
    """With a NaN or an infinity at any place: in the first block, its rest, or the last one."""
    x = numbers(7, n, dtype=dtype)
    x[1, 3], x[2, -1], x[3, n // 2], x[4, 70], x[5, -1] = np.nan, np.nan, np.nan, np.inf, -np.inf
    x[6] = -np.inf
    with nf.Graph():
        outs = [op(nf.variable(x) * 2.0, axis=1)]
    assert reductions_of(outs) == [1]
    found = run(outs)
    np.testing.assert_array_equal(found[0], of_numpy(x * 2, axis=1))
    for options in OPTIONS:
        assert same(found, run(outs, **options)), options


def test_what_belongs_to_a_row_or_to_all_rows_is_found_in_its_place() -> None:
    x, row, column = numbers(3, 30, 400), numbers(3, 1, 1), numbers(1, 30, 400)
    with nf.Graph():
        a, b, c = nf.variable(x), nf.variable(row), nf.variable(column)
        outs = [nf.reduce_sum(nf.square(a - b) * c + 0.5, axis=(1, 2))]
    assert reductions_of(outs) == [1]
    found = run(outs)
    expected = (np.square(x.astype("d") - row) * column + 0.5).sum((1, 2))
    np.testing.assert_allclose(found[0], expected, rtol=1e-5)
    for options in OPTIONS:
        assert same(found, run(outs, **options)), options


def test_one_array_as_rows_and_as_columns_is_left_to_other_kernels() -> None:
    n = LONGEST + 1
    x = numbers(n)
    with nf.Graph():
        a = nf.variable(x)
        outs = [nf.reduce_sum(nf.reshape(a, (n, 1)) * nf.reshape(a, (1, n)), axis=1)]
    assert reductions_of(outs) == []
    expected = x.astype("d") * x.astype("d").sum()
    np.testing.assert_allclose(run(outs)[0], expected, rtol=1e-3, atol=1e-3)


@pytest.mark.thorough
def test_sums_of_the_same_arrays_are_one_kernel() -> None:
    """As a cosine: three sums, one of an array that is kept."""
    x, y = numbers(50_000), numbers(50_000, seed=1)
    with nf.Graph():
        a, b = nf.variable(x), nf.variable(y)
        outs = [nf.reduce_sum(each) for each in (a * b, nf.square(a), nf.square(b), a)]
    assert reductions_of(outs) == [4]
    found = run(outs)
    assert same(found, [row_sum(each) for each in (x * y, x * x, y * y, x)])
    for options in OPTIONS:
        assert same(found, run(outs, **options)), options


@pytest.mark.thorough
def test_a_difference_that_the_gradient_needs_is_left_to_one_kernel() -> None:
    x, y = numbers(100, 300), numbers(100, 300, seed=1)
    with nf.Graph():
        a, b = nf.variable(x), nf.constant(y)
        loss = nf.reduce_mean(nf.square(a - b))
        outs = [loss, *nf.gradients(loss, [a])]
    assert reductions_of([loss]) == [1]
    assert reductions_of(outs) == []
    found = run(outs)
    np.testing.assert_allclose(found[0], np.square(x.astype("d") - y).mean(), rtol=1e-6)
    np.testing.assert_allclose(found[1], 2 * (x - y) / x.size, rtol=1e-6, atol=1e-12)
    for options in OPTIONS:
        assert same(found, run(outs, **options)), options


def test_what_is_fetched_or_read_by_a_product_is_kept_and_read() -> None:
    with nf.Graph():
        x, w = nf.variable(numbers(100, 300)), nf.variable(numbers(300, 4))
        squares = nf.square(x)
        total, product = nf.reduce_sum(squares), squares @ w
    assert reductions_of([total]) == [1]
    for outs in ([total, squares], [total, product]):
        assert reductions_of(outs) == []
        assert same(run(outs), run(outs, without=["sums"]))


@pytest.mark.thorough
def test_formulas_that_take_long_are_computed_once_and_by_all_threads() -> None:
    """Few blocks would leave threads without work, and a formula is not cut in two for a sum."""
    large, small = MANY_BLOCKS * ROW_BLOCK, ROW_BLOCK + 1
    with nf.Graph():
        a, b = nf.variable(numbers(large)), nf.variable(numbers(small))
        long = nf.reduce_sum(nf.square(nf.exp(a)))
        short = nf.reduce_sum(nf.square(nf.exp(b)))
        exponentials = nf.exp(a * 0.5)
        twice = [nf.reduce_sum(exponentials * a), nf.reduce_max(exponentials)]
    assert reductions_of([long]) == [1]
    assert reductions_of([short]) == []
    assert reductions_of(twice) == [1]  # the product, of what is kept
    for outs in ([long, short], twice):
        found = run(outs)
        for options in OPTIONS:
            assert same(found, run(outs, **options)), options
    np.testing.assert_allclose(run([long])[0], np.exp(2 * numbers(large).astype("d")).sum(), 1e-5)


def test_minus_zero_stays_the_sum_of_minus_zeros() -> None:
    with nf.Graph():
        outs = [nf.reduce_sum(nf.negative(nf.variable(np.zeros(5000, "float32"))))]
    assert reductions_of(outs) == [1]
    assert np.signbit(run(outs)[0])


@pytest.mark.thorough
def test_masks_are_bools() -> None:
    x = numbers(40_000)
    with nf.Graph():
        a = nf.variable(x)
        kept = nf.where(a > 0.5, nf.square(a), nf.zeros_like(a))
        outs = [nf.reduce_sum(kept), nf.reduce_sum(nf.cast(a > 0.5, "float32"))]
    assert reductions_of(outs) == [2]
    found = run(outs)
    assert found[1] == (x > 0.5).sum()
    assert same(found, run(outs, without=["sums"]))


def test_other_numbers_of_rows_and_elements_compile_nothing() -> None:
    with nf.Graph() as g:
        x = nf.placeholder("float32", (None, None), name="x")
        wanted = nf.reduce_sum(nf.square(x) * 3.0, axis=1)
    with nf.Session(g, tier="compiled") as s:
        s.run(wanted, {x: np.ones((3, 150_000), "float32")})
        before = cache.compile_count()
        for shape in ((4, 150_000), (5, 200_001), (1, 160_000)):
            found = s.run(wanted, {x: np.ones(shape, "float32")})
            assert found.tobytes() == np.full(shape[0], 3.0 * shape[1], "float32").tobytes()
        assert cache.compile_count() == before
        assert s.run(wanted, {x: np.ones((0, 150_000), "float32")}).shape == (0,)
        assert s.run(wanted, {x: np.ones((2, 0), "float32")}).tolist() == [0, 0]
