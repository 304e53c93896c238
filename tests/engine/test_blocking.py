"""Caches of any size give the same bits, and those that a system describes are read right."""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine import blocking
from nodeflow.engine.blocking import Blocks, blocks_of
from nodeflow.engine.blocks import grid
from nodeflow.engine.caches import (
    Caches,
    Found,
    caches,
    from_folders,
    from_numbers,
    from_records,
    smallest,
)
from nodeflow.engine.kernels import reductions
from nodeflow.engine.kernels.copies import transpose_source
from nodeflow.engine.kernels.matmul_panels import panels_source
from nodeflow.engine.session import Session
from nodeflow.engine.sum_orders import sum_orders
from nodeflow.graph.graph import Tensor
from nodeflow.ops.namespaces.slices import tensor_scatter_nd_add
from tests.engine.test_thread_counts import GRAPHS, randoms

KIB = 1 << 10
MACHINES = {
    "a small laptop": Caches(32 * KIB, 256 * KIB),
    "AVX2 laptops": Caches(32 * KIB, 512 * KIB, 16384 * KIB),
    "Zen 4": Caches(32 * KIB, 1024 * KIB, 32768 * KIB),
    "long lines": Caches(128 * KIB, 4096 * KIB, line=128),
    "tiny": Caches(8 * KIB, 64 * KIB, line=32),
}

SHARED = (
    *("elementwise", "sum of columns", "softmax of rows", "product", "batched product", "conv2d"),
    *("conv2d, strided, grouped", "conv2d_transpose", "random numbers", "cumsum", "sort", "top k"),
    *("transpose", "attention", "lstm"),
)
MORE: dict[str, Callable[[], Tensor]] = {
    "one row": lambda: nf.matmul(randoms(1, 784), randoms(784, 3000, seed=1)),
    "float64": lambda: nf.matmul(
        nf.cast(randoms(300, 700), "float64"), nf.cast(randoms(700, 333, seed=1), "float64")),
    "transposed": lambda: nf.matmul(
        randoms(200, 600), randoms(500, 600, seed=1), transpose_b=True),
    "few terms": lambda: nf.matmul(randoms(900, 30), randoms(30, 96, seed=1)),
    "one picture": lambda: nf.conv2d(randoms(1, 28, 28, 64), randoms(3, 3, 64, 64, seed=1)),
    "angles": lambda: nf.sin(randoms(300, 900) * nf.constant(
        np.where(np.arange(900) == 450, 1e9, 1).astype("float32"))),
    "cumsum of rows": lambda: nf.cumsum(randoms(700, 900), axis=1),
    "scatter": lambda: tensor_scatter_nd_add(
        randoms(3000, 24), nf.constant(np.arange(900).reshape(-1, 1) * 7 % 3000),
        randoms(900, 24, seed=1)),
}  # fmt: skip


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Blocks], None]]:
    """Lets kernels be made for other blocks than this machine's."""

    def use(chosen: Blocks) -> None:
        for name, module in list(sys.modules.items()):
            if name.startswith(("nodeflow.engine.kernels.", "nodeflow.engine.plan.")):
                for value in list(vars(module).values()):
                    if hasattr(value, "cache_clear"):
                        value.cache_clear()
                if vars(module).get("blocks") is not None:
                    monkeypatch.setattr(module, "blocks", lambda: chosen)

    yield use
    use(blocking.blocks())


def bits(graph: nf.Graph, wanted: list[Tensor]) -> list[bytes]:
    with Session(graph, tier="compiled", threads=2, seed=3) as session:
        session.initialize()
        found = [np.asarray(v).tobytes() for v in session.run(wanted)]
        assert session.tier == "compiled"
    return found


@pytest.mark.thorough
@pytest.mark.parametrize("name", [*SHARED, *MORE])
def test_caches_of_any_size_give_the_same_bits(name: str, on) -> None:
    with nf.Graph() as graph:
        out = (GRAPHS | MORE)[name]()
        turn = np.cos(np.arange(np.prod(out.shape, dtype=int))).reshape(out.shape)
        total = nf.reduce_sum(out * nf.constant(turn.astype(out.dtype)))
        trained = [node.outputs[0] for node in graph.nodes if node.op.id == "variable"]
        wanted = [out, *(s for s in nf.gradients(total, trained) if s is not None)]
    here = bits(graph, wanted)
    for machine, sizes in MACHINES.items():
        on(blocks_of(sizes, zen=True, avx512=machine != "AVX2 laptops"))
        assert bits(graph, wanted) == here, machine


def test_the_text_of_a_kernel_names_its_sizes(on) -> None:
    """So machines that share a folder of kernels do not take each other's."""
    texts = set()
    for sizes in MACHINES.values():
        on(blocks_of(sizes, zen=False, avx512=True))
        texts.add((panels_source("float32", False, False, 1, 1), transpose_source(2, 4, 0)))
    assert len(texts) == 3  # both laptops and Zen 4 have the same first cache


def test_what_was_measured_stays() -> None:
    """On Zen 5 with AVX2, as when these were chosen, on Sapphire Rapids and on Zen 4."""
    measured = Blocks(16 * KIB, 128, 96, 2048 * KIB, 2048 * KIB, 256 * KIB, 512 * KIB, 2048, 64)
    assert blocks_of(Caches(48 * KIB, 1024 * KIB), zen=True, avx512=False) == measured
    assert measured.turned == 16
    for avx512 in (False, True):
        rapids = blocks_of(Caches(48 * KIB, 2048 * KIB), zen=False, avx512=avx512)
        assert (rapids.operand_in_place, rapids.panel) == (64 * KIB, 28 * KIB)
    wide, narrow = (
        blocks_of(MACHINES["Zen 4"], zen=True, avx512=avx512) for avx512 in (True, False)
    )
    assert (wide.panel, wide.rows_direct, wide.operand_in_place) == (64 * KIB, 96, 2048 * KIB)
    assert (narrow.panel, narrow.rows_direct, narrow.operand_in_place) == (16 * KIB, 48, 0)


@pytest.mark.parametrize("decides", [(reductions, "ROW_BLOCK"), (grid, "CELL_BYTES")])
def test_orders_of_sums_have_a_digest_that_caches_do_not_change(on, monkeypatch, decides) -> None:
    before = sum_orders()
    on(blocks_of(MACHINES["tiny"], zen=False, avx512=True))
    assert sum_orders() == before
    monkeypatch.setattr(*decides, 4096)
    sum_orders.cache_clear()
    assert sum_orders() != before
    sum_orders.cache_clear()


# ---- what systems say ---------------------------------------------------------------------------


def test_this_machine_says_something_plausible() -> None:
    sizes = caches()
    assert 8 * KIB <= sizes.first <= 1024 * KIB
    assert sizes.first <= sizes.second
    assert sizes.line in (32, 64, 128, 256)
    assert str(sizes.first // KIB) in sizes.text


def test_what_nobody_says_is_a_small_laptops() -> None:
    assert smallest([]) == Caches()
    assert smallest([Found(1, 0, 0, 1), Found(2, 1 << 40, 64, 1), Found(7, 1, 1, 1)]) == Caches()


def cores(folder: Path, *cores: list[tuple]) -> Path:
    names = ("level", "type", "size", "coherency_line_size", "shared_cpu_list")
    for number, entries in enumerate(cores):
        for index, entry in enumerate(entries):
            place = folder / f"cpu{number}" / "cache" / f"index{index}"
            place.mkdir(parents=True)
            for name, value in zip(names, entry, strict=True):
                (place / name).write_text(f"{value}\n")
    (folder / "cpufreq").mkdir()
    return folder


def test_linux_with_fast_and_slow_cores(tmp_path: Path) -> None:
    """Two threads share a fast core; four slow cores share a second cache."""
    fast = [
        (1, "Data", "48K", 64, "0-1"),
        (1, "Instruction", "16K", 64, "0-1"),
        (2, "Unified", "1280K", 64, "0-1"),
        (3, "Unified", "12M", 64, "0-5"),
    ]
    slow = [(1, "Data", "32K", 64, "2"), (2, "Unified", "2048K", 64, "2-5")]
    folder = cores(tmp_path, fast, fast, slow, slow, slow, slow)
    assert smallest(from_folders(folder)) == Caches(32 * KIB, 512 * KIB, 12 << 20)


def test_linux_that_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "cpu0" / "cache" / "index0").mkdir(parents=True)
    assert smallest(from_folders(tmp_path)) == Caches()
    assert smallest(from_folders(tmp_path / "none")) == Caches()


def test_macs() -> None:
    apple = {
        "hw.cachelinesize": 128, "hw.nperflevels": 2,
        "hw.perflevel0.l1dcachesize": 128 * KIB, "hw.perflevel0.l2cachesize": 12 << 20,
        "hw.perflevel0.cpusperl2": 4, "hw.perflevel1.l1dcachesize": 64 * KIB,
        "hw.perflevel1.l2cachesize": 4 << 20, "hw.perflevel1.cpusperl2": 4,
        "hw.l1dcachesize": 64 * KIB, "hw.l2cachesize": 4 << 20,
    }  # fmt: skip
    found = smallest(from_numbers(lambda name: apple.get(name, 0)))
    assert found == Caches(64 * KIB, 1 << 20, 0, 128)
    intel = {
        "hw.cachelinesize": 64, "hw.l1dcachesize": 32 * KIB, "hw.l2cachesize": 256 * KIB,
        "hw.l3cachesize": 6 << 20,
    }  # fmt: skip
    found = smallest(from_numbers(lambda name: intel.get(name, 0)))
    assert found == Caches(32 * KIB, 256 * KIB, 6 << 20)


def test_windows() -> None:
    def record(level: int, size: int, kind: int, mask: int) -> bytes:
        head = struct.pack("<IIBBHII", 2, 56, level, 8, 64, size, kind)
        return head + bytes(18) + struct.pack("<HQHHHH", 1, mask, 0, 0, 0, 0)

    data = b"".join(
        record(level, size, kind, mask)
        for core in (0b11, 0b1100)
        for level, size, kind, mask in (
            (1, 32 * KIB, 2, core),
            (1, 16 * KIB, 1, core),
            (2, 512 * KIB, 0, core),
            (3, 16 << 20, 0, 0b1111),
        )
    )
    assert smallest(from_records(data)) == Caches(32 * KIB, 512 * KIB, 16 << 20)
