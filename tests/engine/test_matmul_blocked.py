"""Large products from copies of both operands: right for every layout, in the order of panels."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine import processor
from nodeflow.engine.blocking import blocks, blocks_of
from nodeflow.engine.caches import Caches
from nodeflow.engine.compiler.cache import load_kernel
from nodeflow.engine.compiler.compile_kernel import _entry, inspect_source, translate_source
from nodeflow.engine.devicelib.vector_width import tall_tile_shape
from nodeflow.engine.kernels import matmul_blocked
from nodeflow.engine.kernels.matmul_blocked import (
    Blocks,
    BlocksKernel,
    blocked_args,
    blocked_source,
    is_blocked,
    plan_blocked,
)
from nodeflow.engine.kernels.matmul_panels import Panels, last_vectors, panels_args, panels_source
from nodeflow.engine.plan.plan import make_plan
from nodeflow.engine.runtime.program import ProgramBuilder
from nodeflow.engine.runtime.thread_pool import Team
from nodeflow.engine.schedule.schedule import build_schedule
from nodeflow.graph.types import TensorType

LAYOUTS = [*itertools.product([False, True], repeat=2)]
SHAPES = [(64, 64, 64), (1, 5, 3), (145, 100, 300), (300, 33, 1000), (29, 1040, 7)]
"""Rows, columns and terms: whole and broken tiles, panels and pieces."""


@pytest.fixture(autouse=True)
def avx2() -> None:
    if "avx2" not in processor.features():
        pytest.skip("not on this processor")


def product(
    a: np.ndarray, b: np.ndarray, transpose_a: bool, transpose_b: bool, threads: int = 2
) -> np.ndarray:
    """op(a) @ op(b) by the kernels, whatever its size."""
    m, k = a.shape[::-1] if transpose_a else a.shape
    n = b.shape[0] if transpose_b else b.shape[1]
    dtype, c = str(a.dtype), np.full((m, n), np.nan, a.dtype)
    stored = TensorType(dtype, b.shape)
    width = tall_tile_shape(dtype).columns
    lowering = Blocks(transpose_b, n, plan_blocked(m, n, k, dtype).depth, width)
    made = lowering.type_of(stored)
    packed = np.full(made.shape, np.nan, dtype)
    (call,) = BlocksKernel().calls(lowering, [stored, made])
    builder = ProgramBuilder()
    args = [b.ctypes.data, packed.ctypes.data, *call.args[2:]]
    builder.add(load_kernel(call.source), args, min(call.units, 3))
    builder.end_level()
    args, tasks = blocked_args((m, n, k), dtype)
    args[1:4] = [x.ctypes.data for x in (a, packed, c)]
    tiles = plan_blocked(m, n, k, dtype).tiles
    builder.add(load_kernel(blocked_source(dtype, transpose_a, tiles)), args, tasks)
    Team(threads).run(builder.build())
    assert not np.isnan(packed).any(), "where no column is, there are zeros, not what lay there"
    return c


def in_panels(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a @ b by the kernel of `matmul_panels`."""
    (m, k), n, dtype = a.shape, b.shape[1], str(a.dtype)
    panels, c = Panels(m, n, 50), np.empty((m, n), a.dtype)
    args = panels_args((m, n, k), False, False, panels)
    args[1:4] = [x.ctypes.data for x in (a, b, c)]
    builder = ProgramBuilder()
    source = panels_source(dtype, False, False, last_vectors(n, dtype), panels.lowest(m))
    builder.add(load_kernel(source), args, panels.tasks(m, n))
    Team(1).run(builder.build())
    return c


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("ta", "tb"), LAYOUTS)
def test_products_of_every_layout(dtype: str, ta: bool, tb: bool) -> None:
    random = np.random.default_rng(1)
    for m, n, k in SHAPES:
        a, b = random.normal(size=(m, k)).astype(dtype), random.normal(size=(k, n)).astype(dtype)
        stored = [np.ascontiguousarray(x.T) if t else x for x, t in ((a, ta), (b, tb))]
        found = product(*stored, ta, tb)
        expected = a.astype(np.float64) @ b.astype(np.float64)
        bound = np.abs(a).astype(np.float64) @ np.abs(b).astype(np.float64)
        assert (np.abs(found - expected) <= (k + 2) * np.finfo(dtype).eps * bound).all(), (m, n, k)
        assert found.tobytes() == in_panels(a, b).tobytes(), "terms go from first to last"
        for threads in (1, 3):
            assert product(*stored, ta, tb, threads).tobytes() == found.tobytes()


def test_caches_change_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(2)
    a, b = random.normal(size=(150, 500)), random.normal(size=(500, 70))
    found = []
    for first in (8 << 10, 16 << 10, 48 << 10):
        sizes = blocks_of(Caches(first, 1 << 20), zen=False, avx512=True)
        for each in (plan_blocked, blocked_source):
            each.cache_clear()
        with monkeypatch.context() as patch:
            patch.setattr(matmul_blocked, "blocks", lambda sizes=sizes: sizes)
            found.append((plan_blocked(150, 70, 500, "float64").depth, product(a, b, False, False)))
    for each in (plan_blocked, blocked_source):
        each.cache_clear()
    assert len({depth for depth, _ in found}) == 3
    assert len({result.tobytes() for _, result in found}) == 1


def test_nan_and_infinity_stay_where_they_are() -> None:
    a, b = np.ones((40, 64), np.float32), np.ones((64, 69), np.float32)
    a[3, 5], b[7, 68] = np.nan, np.inf
    expected = np.full((40, 69), 64, np.float32)
    expected[:, 68], expected[3] = np.inf, np.nan
    np.testing.assert_array_equal(product(a, b, False, False), expected)


@pytest.mark.thorough
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_its_kernels_compile_without_numbas_front_end(dtype: str) -> None:
    stored, made = TensorType(dtype, (64, 64)), TensorType(dtype, (64, 64))
    calls = [BlocksKernel().calls(Blocks(t, 64, 64, 32), [stored, made])[0] for t in (False, True)]
    texts = [blocked_source(dtype, t, 4, added) for t in (False, True) for added in ((), (1, 2))]
    for source in (*texts, *(call.source for call in calls)):
        translate_source(source, _entry(source, "<test>"))


@pytest.mark.thorough
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_half_of_the_multiplications_read_their_number(dtype: str) -> None:
    if "avx512f" not in processor.features():
        pytest.skip("AVX-512 alone has such instructions")
    text = inspect_source(blocked_source(dtype, False, 4)).assembly
    added = [line for line in text.splitlines() if "vfmadd231p" in line]
    reading = [line for line in added if "{1to" in line]
    assert added and len(reading) == len(added) / 2
    assert not any(re.search(r"\(%r\w+,%r", line) for line in reading), "as many would be two"


def test_which_products_are_large(monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_blocked(512, 512, 512, "float32") and is_blocked(1024, 1024, 1024, "float64")
    assert is_blocked(256, 4096, 4096, "float32")
    assert not is_blocked(256, 256, 256, "float32"), "small"
    assert not is_blocked(128, 4096, 4096, "float32"), "few rows"
    assert not is_blocked(2048, 512, 128, "float32"), "few terms"
    assert not is_blocked(8192, 256, 512, "float32"), "the second operand is small"
    assert not is_blocked(16384, 16384, 16384, "float32"), "too much to be copied"
    assert not is_blocked(1024, 1024, 1024, "int32")
    assert not is_blocked(1024, 1024, 1024, "float16")
    monkeypatch.setattr(processor, "features", lambda: frozenset({"neon"}))
    assert not is_blocked(1024, 1024, 1024, "float32")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_tasks_cover_the_result_and_are_shared_evenly(dtype: str) -> None:
    shape = tall_tile_shape(dtype)
    for m, n, k in itertools.product([256, 500, 512, 1024, 2048], [256, 700, 4096], [300, 2048]):
        cut = plan_blocked(m, n, k, dtype)
        assert cut.height % shape.positions == 0 and cut.height <= matmul_blocked.TASK_ROWS
        near = cut.depth * n * np.dtype(dtype).itemsize <= blocks().ahead
        most = matmul_blocked.FEW_ROWS if near else matmul_blocked.TASK_ROWS
        assert cut.height <= cut.tiles * shape.positions <= most, "as its text has memory for"
        assert cut.width == n or cut.width % shape.columns == 0
        assert cut.tasks(m, n) == -(-m // cut.height) * -(-n // cut.width) >= 2
        heights = [min(cut.height, m - top) for top in range(0, m, cut.height)]
        assert max(sum(heights[::2]), sum(heights[1::2])) <= 0.56 * m


@pytest.mark.parametrize(("ta", "tb"), LAYOUTS)
def test_what_is_added_is_added_in_order(ta: bool, tb: bool) -> None:
    random = np.random.default_rng(3)
    x, w, more = (
        random.normal(size=s).astype("float32") for s in ((520, 400), (400, 515), (520, 515))
    )
    stored = [np.ascontiguousarray(v.T) if t else v for v, t in ((x, ta), (w, tb))]
    with nf.Graph() as g:
        fed = nf.placeholder("float32", stored[0].shape, name="x")
        made = nf.matmul(fed, nf.constant(stored[1]), transpose_x=ta, transpose_y=tb)
        out = made + nf.constant(w[0, :1] + more[0]) + nf.constant(more)
    plan = make_plan(schedule := build_schedule([out], []), schedule.specialise({}))
    launches = [each for phase in plan.phases for level in phase.levels for each in level]
    assert len(launches) == 2, "one copies, the other multiplies and adds"
    found = []
    for threads in (1, 2):
        with nf.Session(g, tier="compiled", threads=threads) as s:
            found.append(s.run(out, {fed: stored[0]}))
            product = s.run(made, {fed: stored[0]})
    assert found[0].tobytes() == found[1].tobytes()
    assert found[0].tobytes() == ((product + (w[0, :1] + more[0])) + more).tobytes()
    expected = x.astype(np.float64) @ w
    np.testing.assert_allclose(product, expected, rtol=1e-4, atol=1e-3)
