"""Kernels that move elements: strided copies, gather, scatter, pick.

Copies do not care what the bytes mean, so dtypes of one size share a kernel.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from nodeflow.engine.kernels.expressions import numpy_name, typed_literal
from nodeflow.graph.types import TensorType, numpy_dtype
from nodeflow.ops.lowering import (
    Block,
    Copy,
    Gather,
    Permute,
    Pick,
    ScatterAdd,
    strides_of,
)

_BYTES = {1: "uint8", 4: "int32", 8: "int64"}


@dataclass(frozen=True)
class At:
    """An address: that of input number ``index`` (or, after the inputs, of the output), and bytes
    to add."""

    index: int
    offset: int = 0


Move = Permute | Copy | Gather | ScatterAdd | Pick
TILE = 16
"""Rows and columns that are turned at a time: a line of the cache, of float32."""


@dataclass(frozen=True)
class Share:
    """An argument that is the number of units of a task."""


@dataclass(frozen=True)
class Call:
    """One kernel call: text, arguments, how many tasks it can be cut into, estimated ns.

    ``step``: with a `Share`, it can be cut between so many leading rows of the output, too.
    """

    source: str
    args: tuple[int | At | Share, ...]
    units: int
    work: float
    step: int = 1


def calls(move: Move, types: Sequence[TensorType]) -> list[Call]:
    """The kernel calls for a move; ``types`` are those of its inputs and its output."""
    if isinstance(move, Permute):
        return [_copy(_permutation(move, types[0]), types[0].dtype, 0, 1)]
    if isinstance(move, Copy):
        return _copies(move, types)
    if isinstance(move, Gather):
        return [_gather(move, types)]
    if isinstance(move, ScatterAdd):
        return [_scatter(move, types)]
    return [_pick(move, types)]


def _sizes(type_: TensorType) -> list[int]:
    return [d or 0 for d in type_.shape]


# ---- copies -------------------------------------------------------------------------------------


def _permutation(permute: Permute, source: TensorType) -> Block:
    """The block that writes all of the output in order."""
    shape, strides = _sizes(source), strides_of(source.shape)
    sizes = tuple(shape[a] for a in permute.axes)
    return Block(sizes, 0, tuple(strides[a] for a in permute.axes), 0, strides_of(sizes))


def _copies(copy: Copy, types: Sequence[TensorType]) -> list[Call]:
    out = len(types) - 1
    if copy.fill is None:
        return [_copy(b, types[0].dtype, i, out) for i, b in enumerate(copy.blocks)]
    return [_filled(copy.blocks[0], copy.fill, types[0].dtype, types[-1].size or 0)]


def _merge(block: Block) -> tuple[list[int], list[int], list[int]]:
    """Sizes and strides on both sides with as few axes as possible, at least one."""
    merged: list[tuple[int, int, int]] = []
    axes = zip(block.sizes, block.source_strides, block.target_strides, strict=True)
    for size, source, target in axes:
        if size == 1:
            continue
        if merged and merged[-1][1] == size * source and merged[-1][2] == size * target:
            merged[-1] = (merged[-1][0] * size, source, target)
        else:
            merged.append((size, source, target))
    merged = merged or [(1, 1, 1)]
    sizes, sources, targets = zip(*merged, strict=True)
    return list(sizes), list(sources), list(targets)


def _copy(block: Block, dtype: str, source: int, target: int) -> Call:
    size = numpy_dtype(dtype).itemsize
    sizes, sources, targets = _merge(block)
    unit = sources[-1] == targets[-1] == 1
    args = (*sizes, *sources, *targets, At(source, size * block.source_offset),
            At(target, size * block.target_offset))  # fmt: skip
    elements = math.prod(sizes)
    along = _read_along(sizes, sources, targets)
    if along is not None:
        units = elements // (sizes[along] * sizes[-1]) * -(-sizes[along] // TILE)
        return Call(transpose_source(len(sizes), size, along), args, units, elements * 0.4)
    work = elements * (0.1 * size / 4 if unit else 1.0)
    return Call(copy_source(len(sizes), size, unit), args, max(1, math.prod(sizes[:-1])), work)


def _read_along(sizes: list[int], sources: list[int], targets: list[int]) -> int | None:
    """The axis whose elements lie side by side in the source, where in the target those of the last
    do and both are long enough to go by tiles."""
    if targets[-1] != 1 or sources[-1] == 1 or sizes[-1] < 4:
        return None
    return next((a for a, s in enumerate(sources) if s == 1 and sizes[a] >= 4), None)


def _filled(block: Block, fill: Any, dtype: str, total: int) -> Call:
    """Fill and copy in one task, since the copy must come second; slices along the first axis that
    make up the whole output are tasks of their own."""
    size = numpy_dtype(dtype).itemsize
    sizes, sources, targets = _merge(block)
    unit = sources[-1] == targets[-1] == 1
    apart = len(sizes) > 1 and 0 < sizes[0] * targets[0] == total
    parts = sizes[0] if apart else 1
    args = (*sizes, *sources, *targets, At(0, size * block.source_offset),
            At(1, size * block.target_offset), At(1), total, parts)  # fmt: skip
    source = copy_source(len(sizes), size, unit, (dtype, fill))
    return Call(source, args, parts, total * 0.1 + math.prod(sizes) * (0.1 if unit else 1.0))


@cache
def copy_source(rank: int, size: int, unit: bool, fill: tuple[str, Any] | None = None) -> str:
    """Copy a rectangle of elements of ``size`` bytes.

    Args of the kernel: sizes, source strides, target strides, source, target; with ``fill`` also
    the whole output and its number of elements, which are set to that number first, and in how many
    slices along the first axis that can be done.
    """
    name = f"np.{_BYTES[size]}"
    outer = range(rank - 1)
    base = 3 * rank
    lines = [
        "import numpy as np",
        "from nodeflow.engine.devicelib.intrinsics import load, slot, store, view1",
        "",
        "",
        "def kernel(args, task, ntasks):",
    ]
    lines += _axes(rank)
    lines += [
        f"    source, target = slot(args, {base}), slot(args, {base + 1})",
        f"    rows = {' * '.join(f'd{a}' for a in outer) or '1'}",
    ]
    if fill is None:
        lines.append("    first, end = rows * task // ntasks, rows * (task + 1) // ntasks")
    else:
        dtype, value = fill
        lines += [
            f"    parts = slot(args, {base + 4})",
            f"    size = slot(args, {base + 3}) // parts",
            "    first, end = parts * task // ntasks, parts * (task + 1) // ntasks",
            f"    at = slot(args, {base + 2}) + {size} * size * first",
            f"    whole = view1(at, size * (end - first), {numpy_name(dtype)})",
            "    for i in range(whole.size):",
            f"        whole[i] = {typed_literal(value, dtype)}",
            "    first, end = rows // parts * first, rows // parts * end",
        ]
    last = rank - 1
    lines += [
        "    for row in range(first, end):",
        "        rest, at, to = row, 0, 0",
    ]
    lines += _offsets(outer)
    if unit:
        lines += [
            f"        x = view1(source + {size} * at, d{last}, {name})",
            f"        y = view1(target + {size} * to, d{last}, {name})",
            "        for i in range(y.size):",
            "            y[i] = x[i]",
            "",
        ]
    else:
        lines += [
            f"        for i in range(d{last}):",
            f"            x = load(source + {size} * (at + i * s{last}), {name})",
            f"            store(target + {size} * (to + i * t{last}), x)",
            "",
        ]
    return "\n".join(lines)


def _axes(rank: int) -> list[str]:
    """Size and both strides of each axis."""
    lines = []
    for a in range(rank):
        slots = ", ".join(f"slot(args, {a + k * rank})" for k in range(3))
        lines.append(f"    d{a}, s{a}, t{a} = {slots}")
    return lines


def _offsets(axes: Sequence[int]) -> list[str]:
    """Take the number ``rest`` apart into places on some axes, and add what they mean."""
    lines = []
    for a in reversed(axes):
        lines += [
            f"        index = rest % d{a}",
            f"        rest = rest // d{a}",
            f"        at += index * s{a}",
            f"        to += index * t{a}",
        ]
    return lines


@cache
def transpose_source(rank: int, size: int, along: int) -> str:
    """Copy a rectangle whose source has other neighbours than its target: axis ``along``, not the
    last. Args of the kernel are those of `copy_source`.

    Tiles of 16 x 16 elements are read by lines, turned in the first cache and written by lines. So
    each line of memory is touched once, though the rows of a matrix whose length is a power of two
    share a few places of the cache.
    """
    name = f"np.{_BYTES[size]}"
    last = rank - 1
    lines = [
        "import numpy as np",
        "from nodeflow.engine.devicelib.intrinsics import local_array, slot, view1",
        "",
        "",
        "def kernel(args, task, ntasks):",
    ]
    lines += _axes(rank)
    others = [a for a in range(last) if a != along]
    lines += [
        f"    source, target = slot(args, {3 * rank}), slot(args, {3 * rank + 1})",
        f"    tile = local_array({TILE * TILE}, {name})",
        f"    strips = (d{along} + {TILE - 1}) // {TILE}",
        f"    units = {' * '.join(['strips', *(f'd{a}' for a in others)])}",
        "    for unit in range(units * task // ntasks, units * (task + 1) // ntasks):",
        "        rest = unit // strips",
        f"        first = (unit - rest * strips) * {TILE}",
        f"        at, to = first, first * t{along}",
    ]
    lines += _offsets(others)
    lines += [
        f"        height = min({TILE}, d{along} - first)",
        f"        for start in range(0, d{last}, {TILE}):",
        f"            width = min({TILE}, d{last} - start)",
        f"            if height == {TILE} and width == {TILE}:",
        *_tile(name, size, str(TILE), str(TILE), last, along),
        "            else:",
        *_tile(name, size, "height", "width", last, along),
        "",
    ]
    return "\n".join(lines)


def _tile(name: str, size: int, height: str, width: str, last: int, along: int) -> list[str]:
    """Turn one tile; where its sides are known, LLVM knows them too."""
    lines = [
        f"for i in range({width}):",
        f"    x = view1(source + {size} * (at + (start + i) * s{last}), {height}, {name})",
        f"    for r in range({height}):",
        f"        tile[r * {TILE} + i] = x[r]",
        f"for r in range({height}):",
        f"    y = view1(target + {size} * (to + r * t{along} + start), {width}, {name})",
        f"    for i in range({width}):",
        f"        y[i] = tile[r * {TILE} + i]",
    ]
    return ["                " + line for line in lines]


# ---- by index -----------------------------------------------------------------------------------


def _around(shape: Sequence[int], axis: int) -> tuple[int, int, int]:
    return math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :])


def _gather(gather: Gather, types: Sequence[TensorType]) -> Call:
    x, indices, out = types
    outer, n, inner = _around(_sizes(x), gather.axis)
    count = indices.size or 0
    source = gather_source(numpy_dtype(x.dtype).itemsize, indices.dtype)
    work = (out.size or 0) * 0.3 + outer * count * 3
    return Call(source, (outer, n, inner, count, At(0), At(1), At(2)), outer * count, work)


@cache
def gather_source(size: int, index: str) -> str:
    """Args: outer, n, inner, number of indices, x (outer, n, inner), indices, out."""
    name = f"np.{_BYTES[size]}"
    at = numpy_dtype(index).itemsize
    return f"""import numpy as np
from nodeflow.engine.devicelib.intrinsics import load, set_slot, slot, view1
from nodeflow.engine.devicelib.abi import CODE, INDEX_OUT_OF_RANGE


def kernel(args, task, ntasks):
    outer, n, inner, count = slot(args, 0), slot(args, 1), slot(args, 2), slot(args, 3)
    source, indices, target = slot(args, 4), slot(args, 5), slot(args, 6)
    units = outer * count
    for unit in range(units * task // ntasks, units * (task + 1) // ntasks):
        above = unit // count
        place = np.int64(load(indices + {at} * (unit - above * count), np.{index}))
        if place < 0 or place >= n:
            set_slot(args, CODE, INDEX_OUT_OF_RANGE)
        else:
            x = view1(source + {size} * ((above * n + place) * inner), inner, {name})
            y = view1(target + {size} * (unit * inner), inner, {name})
            for i in range(y.size):
                y[i] = x[i]
"""


def _scatter(scatter: ScatterAdd, types: Sequence[TensorType]) -> Call:
    x, indices, out = types
    outer, n, inner = _around(_sizes(out), scatter.axis)
    count = indices.size or 0
    source = scatter_source(x.dtype, indices.dtype)
    work = (out.size or 0) * 0.1 + (x.size or 0) * 0.5
    units = outer * -(-inner // 64)
    return Call(source, (outer, n, inner, count, At(0), At(1), At(2)), units, work)


@cache
def scatter_source(dtype: str, index: str) -> str:
    """Args as those of gather. A unit is a tile of 64 columns; indices are taken in order."""
    size, name, at = numpy_dtype(dtype).itemsize, numpy_name(dtype), numpy_dtype(index).itemsize
    return f"""import numpy as np
from nodeflow.engine.devicelib.intrinsics import load, set_slot, slot, view1
from nodeflow.engine.devicelib.abi import CODE, INDEX_OUT_OF_RANGE


def kernel(args, task, ntasks):
    outer, n, inner, count = slot(args, 0), slot(args, 1), slot(args, 2), slot(args, 3)
    source, indices, target = slot(args, 4), slot(args, 5), slot(args, 6)
    tiles = (inner + 63) // 64
    units = outer * tiles
    for unit in range(units * task // ntasks, units * (task + 1) // ntasks):
        above = unit // tiles
        left = (unit - above * tiles) * 64
        width = min(np.int64(64), inner - left)
        for row in range(n):
            y = view1(target + {size} * ((above * n + row) * inner + left), width, {name})
            for i in range(y.size):
                y[i] = {name}(0)
        for k in range(count):
            place = np.int64(load(indices + {at} * k, np.{index}))
            if place < 0 or place >= n:
                set_slot(args, CODE, INDEX_OUT_OF_RANGE)
            else:
                x = view1(source + {size} * ((above * count + k) * inner + left), width, {name})
                y = view1(target + {size} * ((above * n + place) * inner + left), width, {name})
                for i in range(y.size):
                    y[i] = {name}(y[i] + x[i])
"""


def _pick(pick: Pick, types: Sequence[TensorType]) -> Call:
    x, indices, _ = types
    rows, n = indices.size or 0, _sizes(x)[-1]
    source = pick_source(numpy_dtype(x.dtype).itemsize, indices.dtype)
    return Call(source, (rows, n, At(0), At(1), At(2)), rows, rows * 2.0)


@cache
def pick_source(size: int, index: str) -> str:
    """Args: rows, n, x (rows, n), indices, out (rows)."""
    name = f"np.{_BYTES[size]}"
    at = numpy_dtype(index).itemsize
    return f"""import numpy as np
from nodeflow.engine.devicelib.intrinsics import load, set_slot, slot, store
from nodeflow.engine.devicelib.abi import CODE, INDEX_OUT_OF_RANGE


def kernel(args, task, ntasks):
    rows, n = slot(args, 0), slot(args, 1)
    source, indices, target = slot(args, 2), slot(args, 3), slot(args, 4)
    for row in range(rows * task // ntasks, rows * (task + 1) // ntasks):
        place = np.int64(load(indices + {at} * row, np.{index}))
        if place < 0 or place >= n:
            set_slot(args, CODE, INDEX_OUT_OF_RANGE)
        else:
            x = load(source + {size} * (row * n + place), {name})
            store(target + {size} * row, x)
"""
