"""What products become: halves, outer products, tiles; always by shape alone."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine.devicelib import blas
from nodeflow.engine.kernels import matmul_few
from nodeflow.engine.kernels.matmul import Product
from nodeflow.engine.kernels.matmul_tiling import plan_tiles
from nodeflow.engine.plan.lower import build_actions
from nodeflow.engine.schedule.schedule import build_schedule
from nodeflow.ops.lowering import Elementwise

tiled = pytest.mark.skipif(not blas.tiling_pays(), reason="another BLAS: not tiled")


def lowerings(m: int, k: int, n: int, **transposed: bool) -> list[object]:
    """What the product of an (m, k) by a (k, n) matrix becomes."""
    with nf.Graph():
        x = nf.placeholder("float32", [k, m] if transposed.get("transpose_x") else [m, k], name="x")
        y = nf.placeholder("float32", [n, k] if transposed.get("transpose_y") else [k, n], name="y")
        schedule = build_schedule([nf.matmul(x, y, **transposed)], [])
    return [a.lowering for a in build_actions(schedule, schedule.specialise({})).items]


@tiled
def test_a_long_sum_with_a_small_result_is_two_halves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blas, "small_products", lambda: True)
    first, second, total = lowerings(100, 784, 300)
    assert isinstance(first, Product) and (first.first, first.depth) == (0, 392)
    assert isinstance(second, Product) and (second.first, second.depth) == (392, 392)
    assert isinstance(total, Elementwise)


@pytest.mark.parametrize("shape", [(784, 100, 300), (100, 300, 10), (128, 128, 128), (4, 5, 6)])
def test_other_products_are_one(shape: tuple[int, int, int]) -> None:
    (product,) = lowerings(*shape)
    assert isinstance(product, Product) and product.depth == shape[1]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("tx", "ty"), [*itertools.product([False, True], repeat=2)])
def test_outer_products_are_those_of_numpy(dtype: str, tx: bool, ty: bool) -> None:
    random = np.random.default_rng(3)
    x, y = random.normal(size=70).astype(dtype), random.normal(size=33).astype(dtype)
    x[:6], y[:5] = [0, -0.0, np.inf, np.nan, 1e-30, -1e-42], [-0.0, 0, -np.inf, 1e-20, -1]
    with nf.Graph() as g:
        a = nf.placeholder(dtype, [1, 70] if tx else [70, 1], name="a")
        b = nf.placeholder(dtype, [33, 1] if ty else [1, 33], name="b")
        c = nf.matmul(a, b, transpose_x=tx, transpose_y=ty)
    with nf.Session(g, tier="compiled") as s:
        found = s.run(c, {a: x.reshape(a.type.shape), b: y.reshape(b.type.shape)})
    with np.errstate(invalid="ignore", under="ignore"):
        np.testing.assert_array_equal(found, np.multiply.outer(x, y))
    assert not np.signbit(found[0, 1]) and not np.signbit(found[1, 1])


def test_an_outer_product_fuses_with_the_update_that_uses_it() -> None:
    assert [type(low) for low in lowerings(30, 1, 20)] == [Elementwise]


def test_batches_of_halves_and_outer_products() -> None:
    random = np.random.default_rng(5)
    for shape_x, shape_y in [((3, 20, 900), (900, 30)), ((2, 1, 7, 1), (3, 1, 5))]:
        x, y = random.normal(size=shape_x), random.normal(size=shape_y)
        with nf.Graph() as g:
            a = nf.placeholder("float64", list(shape_x), name="a")
            b = nf.placeholder("float64", list(shape_y), name="b")
            c = nf.matmul(a, b)
        with nf.Session(g, tier="compiled") as s:
            np.testing.assert_allclose(s.run(c, {a: x, b: y}), x @ y, rtol=1e-11, atol=1e-11)


@tiled
def test_tiles_cover_the_result_and_blocks_stay_small() -> None:
    for m, n, k in itertools.product(
        [1, 10, 33, 100, 784, 1000], [1, 10, 31, 64, 300], [1, 10, 784]
    ):
        tiling = plan_tiles(m, n, k, "float32")
        assert tiling.tasks(m, n) == -(-m // tiling.height) * -(-n // tiling.width) <= 64
        if blas.small_products() and m * n * k < 400_000_000:
            block = min(m, tiling.rows) * min(n, tiling.columns) * min(k, tiling.depth)
            assert block <= 1_000_000, (m, n, k, tiling)


@tiled
def test_large_products_are_a_few_tiles() -> None:
    assert plan_tiles(1024, 1024, 1024, "float64").tasks(1024, 1024) == 8
    tall = plan_tiles(1000, 10, 300, "float32")
    assert tall.width == 10 and 4 <= tall.tasks(1000, 10) <= 16 and tall.height % 2 == 0
    assert plan_tiles(1, 1, 10**9, "float64").tasks(1, 1) == 1


# ---- a few rows ---------------------------------------------------------------------------------


@pytest.fixture
def copying(monkeypatch: pytest.MonkeyPatch) -> None:
    """A BLAS that copies the operands of every product."""
    monkeypatch.setattr(blas, "small_products", lambda: False)


def few(m: int, k: int, n: int, dtype: str, transposed: bool) -> tuple[nf.Graph, nf.Tensor]:
    random = np.random.default_rng(6)
    with nf.Graph() as g:
        x = nf.constant(random.normal(size=(k, m) if transposed else (m, k)).astype(dtype))
        y = nf.variable(random.normal(size=(k, n)).astype(dtype))
        return g, nf.matmul(x, y, transpose_x=transposed)


def bits(g: nf.Graph, wanted: Any, threads: Sequence[int] = (1,)) -> list[Any]:
    found = []
    for count in threads:
        with nf.Session(g, tier="compiled", threads=count) as s:
            s.initialize()
            found.append(s.run(wanted))
    return found


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize(
    ("k", "n"), [(784, 300), (50, 64), (1, 100), (0, 70), (7, 2500), (100, 1111), (300, 21)]
)
def test_a_few_rows_are_added_up_in_order(copying, k, n, transposed, dtype) -> None:
    for m in (1, 2, 3, matmul_few.ROWS):
        g, product = few(m, k, n, dtype, transposed)
        (found,) = bits(g, product)
        with nf.Session(g, tier="reference") as s:
            s.initialize()
            expected = s.run(product)
        tolerance = 1e-4 if dtype == "float32" else 1e-11
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.thorough
def test_a_few_rows_have_the_same_bits_on_every_number_of_threads(copying) -> None:
    for m, transposed in ((1, False), (5, False), (5, True)):
        g, product = few(m, 700, 1000, "float32", transposed)
        first, *others = bits(g, product, (1, 2, 3, 8))
        assert all(first.tobytes() == other.tobytes() for other in others)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("k", "n"), [(90, 70), (100, 1111), (300, 700)])
def test_each_row_has_the_bits_that_it_has_alone(copying, k, n, dtype) -> None:
    """Alone it is added up by another loop, so this compares the tiles and their strips, too."""
    random = np.random.default_rng(7)
    x = random.normal(size=(matmul_few.ROWS, k)).astype(dtype)
    with nf.Graph() as g:
        rows = nf.placeholder(dtype, [None, k], name="x")
        product = rows @ nf.constant(random.normal(size=(k, n)).astype(dtype))
    with nf.Session(g, tier="compiled") as s:
        alone = np.concatenate([s.run(product, {rows: row[None]}) for row in x])
        for count in range(2, len(x) + 1):
            together = s.run(product, {rows: x[:count]})
            assert together.tobytes() == alone[:count].tobytes()


@pytest.mark.parametrize("copies", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_many_terms_of_a_few_rows_are_two_sums(copies, dtype, monkeypatch) -> None:
    """Each half is too small to be halved itself, so its product is the sum that goes into both.

    An odd number of terms leaves one more to the second half."""
    if copies:
        monkeypatch.setattr(blas, "small_products", lambda: False)
    random = np.random.default_rng(8)
    x = random.normal(size=(3, 785)).astype(dtype)
    y = random.normal(size=(785, 300)).astype(dtype)
    with nf.Graph() as g:
        product = nf.constant(x) @ nf.variable(y)
        halves = [
            nf.constant(x[:, at]) @ nf.variable(y[at]) for at in (slice(392), slice(392, 785))
        ]
        row = nf.constant(x[1:2]) @ nf.variable(y)
        wanted = [product, halves[0] + halves[1], row]
    whole, added, alone = bits(g, wanted)[0]
    assert whole.tobytes() == added.tobytes()
    if copies:
        assert whole[1:2].tobytes() == alone.tobytes()
    tolerance = 1e-4 if dtype == "float32" else 1e-11
    np.testing.assert_allclose(whole, x.astype("float64") @ y, rtol=tolerance, atol=tolerance)
    assert [w.tobytes() for w in bits(g, wanted, (3,))[0]] == [
        whole.tobytes(),
        added.tobytes(),
        alone.tobytes(),
    ]


def test_what_is_a_few_rows(copying, monkeypatch) -> None:
    most = matmul_few.ROWS
    assert matmul_few.is_few(most, 100, "float32", False)
    assert not matmul_few.is_few(most + 1, 100, "float32", False)
    assert not matmul_few.is_few(1, 100, "float32", True), "stored transposed"
    wide = matmul_few.columns_of("float32")
    assert matmul_few.is_few(2, wide, "float32", False)
    assert not matmul_few.is_few(2, wide - 1, "float32", False), "narrow"
    assert matmul_few.is_few(1, wide - 1, "float32", False), "of one row a vector is enough"
    assert not matmul_few.is_few(1, 3, "float32", False), "narrow"
    assert not matmul_few.is_few(1, 100, "int32", False)
    monkeypatch.setattr(blas, "small_products", lambda: True)
    assert not matmul_few.is_few(1, 100, "float32", False)
    assert matmul_few.is_few(1, matmul_few.WIDE, "float32", False)
    assert not matmul_few.is_few(2, matmul_few.WIDE, "float32", False)
    assert matmul_few.is_few(1, 100, "float64", False)
