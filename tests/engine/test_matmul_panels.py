"""Products of many rows by panels: right for every layout, in the order of products of a few."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine import processor
from nodeflow.engine.blocking import blocks, blocks_of
from nodeflow.engine.caches import Caches
from nodeflow.engine.compiler.cache import load_kernel
from nodeflow.engine.compiler.compile_kernel import _entry, translate_source
from nodeflow.engine.devicelib import blas
from nodeflow.engine.devicelib.tile_heights import TALL, lowest_tile
from nodeflow.engine.devicelib.vector_width import product_tile_shape
from nodeflow.engine.kernels import matmul_panels
from nodeflow.engine.kernels.matmul_blocked import Blocks, BlocksKernel
from nodeflow.engine.kernels.matmul_panels import (
    Panels,
    last_vectors,
    panel_columns,
    panels_args,
    panels_source,
    plan_half,
    plan_panels,
)
from nodeflow.engine.kernels.matmul_tiling import plan_tiles
from nodeflow.engine.plan.lower import build_actions
from nodeflow.engine.plan.plan import make_plan
from nodeflow.engine.runtime.program import ProgramBuilder
from nodeflow.engine.runtime.thread_pool import Team
from nodeflow.engine.schedule.schedule import build_schedule
from nodeflow.graph.types import TensorType

SHAPES = [
    *((128, 256, 96), (130, 300, 784), (77, 41, 600), (25, 1000, 33), (29, 35, 3), (13, 64, 0)),
    *((100, 10, 300), (53, 9, 257), (50, 1024, 40), (17, 80, 9), (17, 105, 9)),
    *((606, 300, 90), (1010, 100, 1100)),
]
"""Rows, columns and terms; direct ones are among them, aliased ones, narrow ones, and two
whose first operand, stored transposed, has terms far apart."""
LAYOUTS = [*itertools.product([False, True], repeat=2)]


@pytest.fixture
def copying(monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor with AVX2 at least, and a BLAS that copies the operands of every product."""
    if "avx2" not in processor.features():
        pytest.skip("not on this processor")
    monkeypatch.setattr(blas, "small_products", lambda: False)


def planned(m: int, n: int, k: int, dtype: str) -> Panels:
    """As it is cut, or would be if it were large enough."""
    columns = product_tile_shape(dtype, 128, 64).columns
    return plan_panels(m, n, k, dtype) or Panels(30, 2 * columns, 50)


def product(
    a: np.ndarray,
    b: np.ndarray,
    transpose_a: bool,
    transpose_b: bool,
    threads: int,
    shared: bool = False,
) -> np.ndarray:
    """op(a) @ op(b) by the kernel; ``shared``: with op(b) in blocks."""
    m, k = a.shape[::-1] if transpose_a else a.shape
    n = b.shape[0] if transpose_b else b.shape[1]
    dtype, c = str(a.dtype), np.full((m, n), np.nan, a.dtype)
    panels, kept = planned(m, n, k, dtype), b
    builder = ProgramBuilder()
    if shared:
        lowering = Blocks(transpose_b, n, panels.depth, panel_columns(dtype))
        types = [TensorType(dtype, b.shape), lowering.type_of(TensorType(dtype, b.shape))]
        (call,) = BlocksKernel().calls(lowering, types)
        kept = np.full(types[1].shape, np.nan, dtype)
        words = [b.ctypes.data, kept.ctypes.data, *call.args[2:]]
        builder.add(load_kernel(call.source), words, min(call.units, 3))
        builder.end_level()
    args = panels_args((m, n, k), transpose_a, transpose_b, panels)
    args[1:4] = [x.ctypes.data for x in (a, kept, c)]
    ends = last_vectors(n, dtype), panels.lowest(m)
    source = panels_source(dtype, transpose_a, transpose_b, *ends, shared=shared)
    builder.add(load_kernel(source), args, panels.tasks(m, n))
    Team(threads).run(builder.build())
    return c


@pytest.mark.thorough
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("ta", "tb"), LAYOUTS)
def test_products_of_every_layout(copying, dtype: str, ta: bool, tb: bool) -> None:
    random = np.random.default_rng(1)
    for m, n, k in SHAPES:
        a, b = random.normal(size=(m, k)).astype(dtype), random.normal(size=(k, n)).astype(dtype)
        stored = [np.ascontiguousarray(x.T) if t else x for x, t in ((a, ta), (b, tb))]
        found = product(*stored, ta, tb, threads=2)
        expected = a.astype(np.float64) @ b.astype(np.float64)
        bound = np.abs(a).astype(np.float64) @ np.abs(b).astype(np.float64)
        assert (np.abs(found - expected) <= (k + 2) * np.finfo(dtype).eps * bound).all(), (m, n, k)
        for threads in (1, 3, 8):
            again = product(*stored, ta, tb, threads)
            assert again.tobytes() == found.tobytes(), (m, n, k, threads)


@pytest.mark.thorough
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("ta", "tb"), LAYOUTS)
def test_columns_copied_for_all_tasks_change_no_bit(copying, dtype: str, ta: bool, tb: bool):
    random = np.random.default_rng(6)
    for m, n, k in SHAPES:
        shapes = (k, m) if ta else (m, k), (n, k) if tb else (k, n)
        a, b = (random.normal(size=shape).astype(dtype) for shape in shapes)
        expected = product(a, b, ta, tb, threads=2)
        for threads in (1, 2, 3, 8):
            found = product(a, b, ta, tb, threads, shared=True)
            assert found.tobytes() == expected.tobytes(), (m, n, k, threads)


@pytest.mark.parametrize(("ta", "tb"), LAYOUTS)
def test_neither_more_rows_nor_the_layout_change_a_bit(copying, ta: bool, tb: bool) -> None:
    random = np.random.default_rng(2)
    a, b = (random.normal(size=s).astype("float32") for s in ((140, 300), (300, 50)))
    expected = product(a[:31], b, False, False, 1)
    stored = [np.ascontiguousarray(x.T) if t else x for x, t in ((a, ta), (b, tb))]
    assert product(*stored, ta, tb, 2)[:31].tobytes() == expected.tobytes()


def test_terms_are_added_from_the_first_to_the_last(copying) -> None:
    random = np.random.default_rng(3)
    a, b = (random.normal(size=s).astype("float32") for s in ((64, 300), (300, 64)))
    forward, backward = np.zeros((2, 64, 64), "float32")
    for k in range(300):  # of float32, float64 holds each product: one rounding, as a fused one
        forward = (forward + np.multiply.outer(a[:, k].astype(float), b[k])).astype("float32")
        last = 299 - k
        backward = (backward + np.multiply.outer(a[:, last].astype(float), b[last])).astype(
            "float32"
        )
    found = product(a, b, False, False, 1)
    assert (found == forward).mean() > 0.999
    assert (found == backward).mean() < 0.5


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("ta", "tb"), LAYOUTS)
def test_its_kernels_compile_without_numbas_front_end(dtype: str, ta: bool, tb: bool) -> None:
    source = panels_source(dtype, ta, tb, 1, 1)
    translate_source(source, _entry(source, "<test>"))


def test_nan_and_infinity_stay_where_they_are(copying) -> None:
    a, b = np.ones((40, 64), np.float32), np.ones((64, 69), np.float32)
    a[3, 5], b[7, 68] = np.nan, np.inf
    found = product(a, b, False, False, 1)
    expected = np.full((40, 69), 64, np.float32)
    expected[:, 68], expected[3] = np.inf, np.nan
    np.testing.assert_array_equal(found, expected)


def test_which_products_are_cut_into_panels(copying, monkeypatch: pytest.MonkeyPatch) -> None:
    assert plan_panels(2048, 512, 128, "float32") is not None
    assert plan_panels(8192, 512, 128, "float32") is not None, "large, but of few terms"
    assert plan_panels(1024, 1024, 1024, "float32") is None, "packing the rows pays"
    assert plan_panels(8192, 128, 512, "float32") is not None, "the second operand is small"
    assert plan_panels(64, 64, 32, "float32") is not None
    assert plan_panels(20, 20, 20, "float32") is None, "small"
    assert plan_panels(100, 20, 300, "float32") is not None, "narrow, but more than a vector"
    assert plan_panels(10_000, 3, 100, "float32") is None, "narrow"
    assert plan_panels(2048, 512, 128, "int32") is None
    assert plan_panels(2048, 512, 128, "float16") is None
    monkeypatch.setattr(processor, "features", lambda: frozenset({"neon"}))
    assert plan_panels(2048, 512, 128, "float32") is None
    monkeypatch.setattr(processor, "features", lambda: frozenset({"avx2"}))
    monkeypatch.setattr(blas, "small_products", lambda: True)
    assert plan_panels(2048, 500, 128, "float32") is not None, "many wide rows"
    assert plan_panels(784, 300, 100, "float32") is not None, "many wide rows"
    assert plan_panels(2048, 128, 128, "float32") is not None, "columns fill the tiles"
    tile = product_tile_shape("float32", 128, 64)
    narrow = 2 * tile.columns + 4
    assert plan_panels(2048, narrow, 128, "float32") is None
    assert plan_panels(2048, narrow, 32, "float32") is not None, "many short sums"
    assert plan_panels(100, 512, 128, "float32") is not None, "some rows, full tiles"
    assert plan_panels(31, 512, 128, "float32") is None, "few rows"
    assert plan_panels(31, 512, 128, "float32", True) is not None, "few rows, stored transposed"
    assert plan_panels(31, 511, 128, "float32", True) is None, "few rows of a small matrix"
    assert plan_panels(31, tile.columns + 6, 3000, "float32", True) is not None
    assert plan_panels(32, tile.columns + 6, 3000, "float32", True) is None, "no longer few"
    ragged = plan_panels(100, 3 * tile.columns + 4, 300, "float32")
    assert ragged is not None and (ragged.height, ragged.tasks(100, 1)) == (50, 2)
    assert plan_panels(100, 500, 128, "float64") is not None
    assert plan_panels(100, 500, 128, "float32", True) is not None, "stored transposed"
    assert plan_panels(100, tile.columns + 6, 128, "float32", True) is None, "narrow"
    assert plan_panels(100, narrow, 128, "float32") is None, "narrow"
    assert plan_panels(2048, 512, 128, "float64") is not None
    assert plan_panels(64, 64, 64, "float64") is None, "so little is not copied"


def test_where_columns_are_read_where_they_are(copying, monkeypatch: pytest.MonkeyPatch) -> None:
    measured = blocks_of(Caches(48 << 10, 1 << 20), zen=True, avx512=True)
    monkeypatch.setattr(matmul_panels, "blocks", lambda: measured)

    def direct(m: int, n: int, k: int) -> bool:
        panels = plan_panels(m, n, k, "float32")
        assert panels is not None
        return panels.direct

    for m, n, k, many in ((1000, 512, 128, False), (1024, 512, 128, True), (2048, 300, 100, False)):
        panels = plan_panels(m, n, k, "float32")
        assert panels is not None and panels.shared == many, "of many rows that are not direct"
    assert direct(32, 300, 784) and direct(32, 512, 128)
    assert direct(100, 300, 784) and direct(784, 300, 100)
    assert not direct(32, 1024, 128), "rows displace each other"
    assert not direct(128, 512, 128), "so they do for many rows"
    assert not direct(128, 1000, 2000), "too much for the second cache"


def test_the_last_panel_is_as_wide_as_its_columns_need() -> None:
    shape = product_tile_shape("float32", 128, 64)
    whole = shape.columns
    for columns in (1, shape.lanes, shape.lanes + 1, whole - 1):
        for before in (0, 3):
            needed = last_vectors(before * whole + columns, "float32")
            assert (needed - 1) * shape.lanes < columns <= needed * shape.lanes
    assert last_vectors(3 * whole, "float32") == 0, "no text for a panel that there is not"


def test_the_text_of_a_product_has_the_heights_of_its_tiles() -> None:
    """Rows are cut into as few tiles as possible, of about the same height."""
    for rows in range(1, 500):
        tiles = -(-rows // TALL)
        assert lowest_tile(rows) <= rows // tiles
    assert lowest_tile(20) == TALL - 1
    assert Panels(64, 64, 50).lowest(128) == TALL - 1
    assert Panels(64, 64, 50).lowest(130) == 1, "the last task has two rows"


def test_layers_of_a_network_have_the_same_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """So those of BLAS and those of panels go on without a barrier, in an even number of tasks."""
    monkeypatch.setattr(blas, "small_products", lambda: True)
    monkeypatch.setattr(blas, "tiling_pays", lambda: True)
    monkeypatch.setattr(processor, "features", lambda: frozenset({"avx2", "avx512f"}))
    for m in (129, 200, 512, 784, 1000):
        layer = plan_panels(m, 300, 784, "float32")
        assert layer is not None and layer.tasks(m, 300) % 2 == 0
        assert plan_tiles(m, 10, 300, "float32").height == layer.height


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_no_product_of_some_rows_is_one_task(copying, dtype: str) -> None:
    for m, n, k in itertools.product([32, 64, 100, 128], range(16, 1100, 16), [100, 256, 4096]):
        cut = plan_panels(m, n, k, dtype)
        assert cut is None or cut.tasks(m, n) > 1, (m, n, k)


def test_products_of_a_narrow_layer_are_cut_by_rows(copying) -> None:
    layer, gradient = plan_panels(100, 20, 300, "float32"), plan_panels(100, 300, 20, "float32")
    assert layer is not None and gradient is not None
    assert (layer.height, layer.width) == (50, 20)
    assert (gradient.height, gradient.width) == (50, 300)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_panels_fit_their_memory_and_cover_the_result(copying, dtype: str) -> None:
    shape = product_tile_shape(dtype, 128, 64)
    columns, size = shape.columns, np.dtype(dtype).itemsize
    for m, n, k in itertools.product([24, 100, 128, 1000, 5000], [64, 100, 512], [128, 700, 2048]):
        panels = plan_panels(m, n, k, dtype)
        if panels is not None:
            assert panels.depth * columns * size <= blocks().panel
            assert panels.width == n or panels.width % columns == 0
            assert panels.height <= 128 and (panels.width <= 128 or panels.width == n)
            assert panels.tasks(m, n) >= 2 or n <= columns
            assert panels.tasks(m, n) == -(-m // panels.height) * -(-n // panels.width)


def test_what_follows_a_product_goes_on_with_its_rows(copying) -> None:
    random = np.random.default_rng(4)
    x, w = (random.normal(size=s).astype("float32") for s in ((600, 128), (128, 256)))
    with nf.Graph() as g:
        fed = nf.placeholder("float32", [None, 128], name="x")
        out = nf.relu(fed @ nf.constant(w) + nf.constant(w[0]))
    schedule = build_schedule([out], [])
    types = schedule.specialise({schedule.feeds[fed]: fed.type.with_shape((600, 128))})
    ((head,),) = make_plan(schedule, types).phases[0].levels
    assert head.tasks == 6 and [row.tasks for row in head.then] == [6]
    found = []
    for threads in (1, 2, 3):
        with nf.Session(g, tier="compiled", threads=threads) as s:
            found.append(s.run(out, {fed: x}))
    expected = np.maximum(x.astype(np.float64) @ w + w[0], 0)
    np.testing.assert_allclose(found[0], expected, rtol=1e-4, atol=1e-4)
    assert all(f.tobytes() == found[0].tobytes() for f in found)


@pytest.mark.thorough
@pytest.mark.parametrize("small", [True, False])
@pytest.mark.parametrize(("ta", "tb"), LAYOUTS)
def test_halves_of_a_sum_go_through_panels(
    copying, monkeypatch: pytest.MonkeyPatch, ta: bool, tb: bool, small: bool
) -> None:
    """Each from its first term to its last, whatever the rows; then they are added up."""
    monkeypatch.setattr(blas, "small_products", lambda: small)
    monkeypatch.setattr(blas, "tiling_pays", lambda: True)
    random = np.random.default_rng(8)
    columns = panel_columns("float32")
    seen = 0
    for m, n, k in [(100, 300, 784), (17, 170, 1201), (140, 90, 1600), (64, 2 * columns, 901)]:
        half = plan_half(m, n, k // 2, "float32", ta or tb)
        if half is None:
            continue
        seen += 1
        a, b = (random.normal(size=s).astype("float32") for s in ((m, k), (k, n)))
        stored = [np.ascontiguousarray(x.T) if t else x for x, t in ((a, ta), (b, tb))]
        with nf.Graph() as g:
            x, y = map(nf.constant, stored)
            out = nf.matmul(x, y, transpose_x=ta, transpose_y=tb)
        schedule = build_schedule([out], [])
        launches = make_plan(schedule, schedule.specialise({})).phases[0].levels[0]
        assert len(launches) == 2 and all("panel_product" in each.source for each in launches)
        assert launches[0].tasks == launches[1].tasks == half.tasks(m, n) > 1
        parts = [
            product(np.ascontiguousarray(a[:, i:j]), b[i:j], False, False, threads=1)
            for i, j in ((0, k // 2), (k // 2, k))
        ]
        exact = a.astype(np.float64) @ b
        np.testing.assert_allclose(parts[0] + parts[1], exact, rtol=1e-4, atol=1e-3)
        for threads in (1, 2, 3, 8):
            with nf.Session(g, tier="compiled", threads=threads) as s:
                found = s.run(out)
            assert found.tobytes() == (parts[0] + parts[1]).tobytes(), (m, n, k, threads)
    assert seen >= 2


def test_which_products_are_halved_into_panels(copying, monkeypatch: pytest.MonkeyPatch) -> None:
    columns = panel_columns("float32")
    for kind in ("float32", "float64"):
        assert plan_half(100, 300, 392, kind, False) is not None
    assert plan_half(100, 300, 392, "float16", False) is None
    assert plan_half(15, 300, 392, "float32", False) is None, "few rows"
    assert plan_half(100, 3, 39_200, "float32", False) is None, "narrow"
    assert plan_half(100, columns - 1, 3920, "float32", True) is None, "narrow and transposed"
    assert plan_half(129, 300, 392, "float32", False) is None, "rows are tasks"
    assert plan_half(64, 64, 128, "float32", False) is None, "what follows goes on with its rows"
    monkeypatch.setattr(blas, "small_products", lambda: True)
    assert plan_half(129, columns + 1, 392, "float32", False) is not None
    assert plan_half(100, columns, 392, "float32", False) is None, "columns fill panels"
    assert plan_half(100, 300, 392, "float64", False) is None


def test_a_large_operand_is_copied_by_each_task(copying) -> None:
    """A copy of a gigabyte would cost more memory than it saves time."""
    x, table = TensorType("float32", (1024, 128)), TensorType("float32", (128, 1 << 21))
    with nf.Graph():
        found = [nf.placeholder(t.dtype, t.shape) for t in (x, table, table.with_shape((128, 512)))]
        products = [nf.matmul(found[0], y) for y in found[1:]]
    copies = []
    for product in products:
        schedule = build_schedule([product], [])
        actions = build_actions(schedule, schedule.specialise({}))
        copies.append(sum(isinstance(each.lowering, Blocks) for each in actions.items))
    assert copies == [0, 1]


@pytest.mark.parametrize("turned", [False, True])
def test_many_rows_share_what_is_copied(copying, turned: bool) -> None:
    random = np.random.default_rng(7)
    x, w = (random.normal(size=s).astype("float32") for s in ((6, 200, 128), (128, 512)))
    with nf.Graph() as g:
        fed = nf.placeholder("float32", [None, 200, 128], name="x")
        kept = nf.constant(np.ascontiguousarray(w.T) if turned else w)
        product = nf.matmul(fed, kept, transpose_y=turned)
        out = nf.relu(product + nf.constant(w[0]))
    schedule = build_schedule([out], [])
    types = schedule.specialise({schedule.feeds[fed]: fed.type.with_shape(x.shape)})
    (copy,), (head,) = make_plan(schedule, types).phases[0].levels
    assert copy.tasks > 1 and head.tasks == 10 and [row.tasks for row in head.then] == [10]
    with nf.Session(g, tier="compiled") as s:
        found, activated = s.run([product, out], {fed: x})
        few, _ = s.run([product, out], {fed: x[:2]})
    np.testing.assert_allclose(found, x.astype(np.float64) @ w, rtol=1e-4, atol=1e-4)
    assert activated.tobytes() == np.maximum(found + w[0], np.float32(0)).tobytes()
    assert few.tobytes() == found[:2].tobytes()


def test_sequences_times_one_matrix_are_rows_of_one_product(copying) -> None:
    random = np.random.default_rng(5)
    x, w = (random.normal(size=s).astype("float32") for s in ((6, 2, 50, 128), (1, 128, 256)))
    with nf.Graph() as g:
        fed = nf.placeholder("float32", [None, 2, 50, 128], name="x")
        product = fed @ nf.constant(w)
        out = nf.relu(product + nf.constant(w[0, 0]))
    schedule = build_schedule([out], [])
    types = schedule.specialise({schedule.feeds[fed]: fed.type.with_shape(x.shape)})
    ((head,),) = make_plan(schedule, types).phases[0].levels
    assert head.tasks == 6 and [row.tasks for row in head.then] == [6]
    with nf.Session(g, tier="compiled") as s:
        found, activated = s.run([product, out], {fed: x})
    expected = x.astype(np.float64) @ w.astype(np.float64)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    assert activated.tobytes() == np.maximum(found + w[0, 0], np.float32(0)).tobytes()
    rows, flat = [x[1:3].reshape(-1, 128)], nf.Graph()
    with flat, nf.Session(flat, tier="compiled") as s:
        rows.append(s.run(nf.constant(rows[0]) @ nf.constant(w[0])))
    assert rows[1].tobytes() == found[1:3].tobytes()


def test_some_rows_read_copied_columns_where_terms_must_be_near(
    copying, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the vectors of AVX2 and a first cache of 32 KB."""
    sizes = blocks_of(Caches(32 << 10, 1 << 20), zen=True, avx512=False)
    monkeypatch.setattr(matmul_panels, "blocks", lambda: sizes)
    directly = {
        m: plan.direct for m in (32, 64, 100) if (plan := plan_panels(m, 300, 784, "float32"))
    }
    assert directly == {32: True, 64: False, 100: False}
