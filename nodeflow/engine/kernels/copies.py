"""Kernels that copy elements: permutations of axes, and blocks with strides on both sides.

Copies do not depend on the meaning of the bytes, so dtypes of one size share a kernel.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from nodeflow.engine.blocking import blocks
from nodeflow.engine.ir.actions import Actions
from nodeflow.engine.ir.launches import KernelLaunch, Region, limited_tasks
from nodeflow.engine.kernels.expressions import integer_of_size, numpy_name, typed_literal
from nodeflow.engine.kernels.kernel import (
    Array,
    CallKernel,
    GroupToLaunch,
    KernelCall,
    sizes_of,
)
from nodeflow.engine.kernels.registry import handles
from nodeflow.graph.graph import Node
from nodeflow.graph.types import TensorType, numpy_dtype
from nodeflow.ops.lowering import Block, Copy, Permute, strides_of

RUN_NS = 6.0
"""Nanoseconds for each run of neighbouring elements, in addition to the elements."""
NARROW, NARROW_NS = 64, 1.0
"""Maximum bytes of a run whose length is part of the text, and nanoseconds of such a run."""
SHORT = 512
"""Maximum bytes of rows whose pieces one task writes together."""
STRETCH = 1024
"""Number of elements of a single row per unit of work."""


@handles(Permute)
class PermuteKernel(CallKernel[Permute]):
    """The kernel that copies all elements with the axes in another order."""

    label = "transpose"

    def lower(
        self,
        actions: Actions,
        node: Node,
        lowering: Permute,
        inputs: tuple[int, ...],
        outputs: tuple[int, ...],
    ) -> None:
        """Add the copy that permutes an array's axes.

        If the permutation keeps all axes in place, let output and input share memory instead.
        """
        if lowering.axes == tuple(range(len(lowering.axes))):
            actions.share_storage(outputs[0], inputs[0])
        else:
            super().lower(actions, node, lowering, inputs, outputs)

    def calls(self, lowering: Permute, types: Sequence[TensorType]) -> list[KernelCall]:
        return [_copy(permutation(lowering, types[0]), types[0].dtype, 0, 1)]


@handles(Copy)
class CopyKernel(CallKernel[Copy]):
    """The kernel that copies a block of each input."""

    label = "copy"

    def calls(self, lowering: Copy, types: Sequence[TensorType]) -> list[KernelCall]:
        out = len(types) - 1
        if lowering.fill is None:
            blocks = enumerate(lowering.blocks)
            return [_copy(block, types[0].dtype, i, out) for i, block in blocks]
        total = types[-1].size or 0
        return [_filled(lowering.blocks[0], lowering.fill, types[0].dtype, total)]

    def launches(self, work: GroupToLaunch, lowering: Copy) -> list[KernelLaunch]:
        """Return the kernel launches that copy the blocks of, for example, a concatenation. If rows
        are short, chain the launches, so that one task writes all pieces of a row.

        Different threads that write to the same cache lines would wait for each other.
        """
        apart = super().launches(work, lowering)
        rows = _rows_of(lowering, work.types[-1].dtype)
        if len(apart) < 2 or rows == 0:
            return apart
        tasks = limited_tasks(sum(launch.work for launch in apart), rows)
        head, *then = (replace(launch, tasks=tasks) for launch in apart)
        return [replace(head, then=tuple(then))]


def _rows_of(copy: Copy, dtype: str) -> int:
    """Return the number of target rows if every block of the copy writes a short piece of each of
    them, as when columns are joined; else 0.
    """
    found: set[tuple[int, int]] = set()
    for block in copy.blocks:
        sizes, sources, targets = _merge(block)
        if _read_along(sizes, sources, targets) is not None or targets == [1]:
            return 0
        alone = len(sizes) == 1  # an element of each row
        found.add((sizes[0], targets[0]) if alone else (math.prod(sizes[:-1]), targets[-2]))
    if copy.fill is not None or len(found) != 1:
        return 0
    ((rows, pitch),) = found
    return rows if pitch * numpy_dtype(dtype).itemsize <= SHORT else 0


def permutation(permute: Permute, source: TensorType) -> Block:
    """Return the copy that permutes the axes of an array, described by the sizes of the result and
    its strides in source and target.
    """
    shape, strides = sizes_of(source), strides_of(source.shape)
    sizes = tuple(shape[a] for a in permute.axes)
    return Block(sizes, 0, tuple(strides[a] for a in permute.axes), 0, strides_of(sizes))


def _merge(block: Block) -> tuple[list[int], list[int], list[int]]:
    """Merge the axes of a block copy as far as possible.

    Return the sizes, the source's strides and the target's strides, with at least one axis.
    """
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


def _copy(block: Block, dtype: str, source: int, target: int) -> KernelCall:
    size = numpy_dtype(dtype).itemsize
    sizes, sources, targets = _merge(block)
    step = _step(sources, targets)
    args = (*sizes, *sources, *targets, Array(source, size * block.source_offset),
            Array(target, size * block.target_offset))  # fmt: skip
    part = (Region(target, block.target_offset, tuple(sizes), tuple(targets)),)
    elements = math.prod(sizes)
    along = _read_along(sizes, sources, targets)
    if along is not None:
        units = elements // (sizes[along] * sizes[-1]) * -(-sizes[along] // blocks().turned)
        source_text = transpose_source(len(sizes), size, along)
        return KernelCall(source_text, args, units, elements * 0.4, writes=part)
    units = max(1, math.prod(sizes[:-1])) if len(sizes) > 1 else max(1, elements // STRETCH)
    narrow = sizes[-1] if step == 1 and len(sizes) > 1 and sizes[-1] * size <= NARROW else 0
    run = NARROW_NS if narrow else RUN_NS
    work = elements * 0.1 * size / 4 + units * run if step else elements * 1.0
    source_text = copy_source(len(sizes), size, step, narrow=narrow)
    return KernelCall(source_text, args, units, work, writes=part)


def _step(sources: list[int], targets: list[int]) -> int | None:
    """Return the source's stride along the target's contiguous last axis: 1, or -1 if reversed.

    Return None if the last axis is not contiguous in both.
    """
    return sources[-1] if targets[-1] == 1 and abs(sources[-1]) == 1 else None


def _read_along(sizes: list[int], sources: list[int], targets: list[int]) -> int | None:
    """Return the axis that is contiguous in the source, if the copy can be made by tiles, else
    None.

    The last axis must be contiguous in the target, and both axes must have at least 4 elements.
    """
    if targets[-1] != 1 or sources[-1] == 1 or sizes[-1] < 4:
        return None
    return next((a for a, s in enumerate(sources) if s == 1 and sizes[a] >= 4), None)


def _filled(block: Block, fill: Any, dtype: str, total: int) -> KernelCall:
    """Return a kernel call that fills the whole output and then copies a block into it. This is one
    task, because the copy must come second.

    If slices along the first axis make up the whole output, each slice is a task.
    """
    size = numpy_dtype(dtype).itemsize
    sizes, sources, targets = _merge(block)
    step = _step(sources, targets)
    apart = len(sizes) > 1 and 0 < sizes[0] * targets[0] == total
    parts = sizes[0] if apart else 1
    args = (*sizes, *sources, *targets, Array(0, size * block.source_offset),
            Array(1, size * block.target_offset), Array(1), total, parts)  # fmt: skip
    source = copy_source(len(sizes), size, step, (dtype, fill))
    return KernelCall(source, args, parts, total * 0.1 + math.prod(sizes) * (0.1 if step else 1.0))


@cache
def copy_source(
    rank: int, size: int, step: int | None, fill: tuple[str, Any] | None = None, narrow: int = 0
) -> str:
    """Return the source of a kernel that copies a strided block of elements between two arrays.

    Kernel arguments: sizes, source strides, target strides, source, target. With ``fill`` also the
    whole output, its number of elements, and the number of its slices along the first axis that can
    be filled separately.

    Args:
        rank: number of axes.
        size: bytes per element.
        step: distance in the source between neighbours of a target row (`_step`).
        fill: dtype and value that the whole output gets before the copy.
        narrow: elements per row, if rows are so short that they are copied without a loop; else 0.
    """
    name = integer_of_size(size)
    outer = range(rank - 1)
    base = 3 * rank
    lines = [
        "import numpy as np",
        "from nodeflow.engine.devicelib.intrinsics import copy_bytes, independent, load, slot",
        "from nodeflow.engine.devicelib.intrinsics import store, view1",
        "",
        "",
        "def kernel(args, task, ntasks):",
    ]
    lines += _axes(rank)
    lines += [
        f"    source, target = slot(args, {base}), slot(args, {base + 1})",
        f"    rows = {' * '.join(f'd{a}' for a in outer) or '1'}",
    ]
    last, along = rank - 1, rank - 2
    if fill is None and rank == 1:  # one row, shared by all tasks
        lines += [
            "    first, end = d0 * task // ntasks, d0 * (task + 1) // ntasks",
            "    at, to, d0 = first * s0, first * t0, end - first",
        ]
        return "\n".join([*lines, *_row(last, size, name, step, narrow, " " * 4), ""])
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
    if rank == 1:
        lines += ["    for row in range(first, end):", "        at, to = 0, 0"]
        return "\n".join([*lines, *_row(last, size, name, step, narrow, " " * 8), ""])
    lines += [
        "    row = first",
        "    while row < end:",
        "        rest, at, to = row, 0, 0",
        *_offsets(outer),
        f"        count = min(end - row, d{along} - row % d{along})",
        "        for _ in range(count):",  # no division per row: rows may be short
        *_row(last, size, name, step, narrow, " " * 12),
        f"            at += s{along}",
        f"            to += t{along}",
        "        row += count",
        "",
    ]
    return "\n".join(lines)


def _axes(rank: int) -> list[str]:
    """Return kernel statements that read, for each axis, its size and its strides in the source and
    the target.
    """
    lines = []
    for a in range(rank):
        slots = ", ".join(f"slot(args, {a + k * rank})" for k in range(3))
        lines.append(f"    d{a}, s{a}, t{a} = {slots}")
    return lines


def _row(last: int, size: int, name: str, step: int | None, narrow: int, indent: str) -> list[str]:
    """Return statements that copy one row."""
    if narrow:
        lines = [f"copy_bytes(target + {size} * to, source + {size} * at, {size * narrow})"]
    elif step == 1:
        lines = [
            f"x = view1(source + {size} * at, d{last}, {name})",
            f"y = view1(target + {size} * to, d{last}, {name})",
            "for i in range(y.size):",
            "    y[i] = x[i]",
        ]
    elif step == -1:
        lines = [
            f"x = view1(source + {size} * (at - d{last} + 1), d{last}, {name})",
            f"y = view1(target + {size} * to, d{last}, {name})",
            "for i in range(independent(y.size)):",
            "    y[i] = x[np.uint64(y.size - 1 - i)]",
        ]
    else:
        lines = [
            f"for i in range(d{last}):",
            f"    x = load(source + {size} * (at + i * s{last}), {name})",
            f"    store(target + {size} * (to + i * t{last}), x)",
        ]
    return [indent + line for line in lines]


def _offsets(axes: Sequence[int]) -> list[str]:
    """Return kernel statements that split the flat index ``rest`` into one index per axis. They add
    the byte offsets of these indices to the source and target addresses.
    """
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
    """Return the kernel text that copies a rectangle whose rows are contiguous only in the target.

    In the source, the axis ``along``, which is not the last, is contiguous. Kernel arguments:
    as for `copy_source`.

    Tiles (16 x 16 elements of 4 bytes if cache lines have 64) are read by lines, transposed in
    the first-level cache and written by lines. So each line of memory is touched once, even if
    the row length is a power of two and the rows share few sets of the cache.
    """
    name, side = integer_of_size(size), blocks().turned
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
        f"    tile = local_array({side * side}, {name})",
        f"    strips = (d{along} + {side - 1}) // {side}",
        f"    units = {' * '.join(['strips', *(f'd{a}' for a in others)])}",
        "    for unit in range(units * task // ntasks, units * (task + 1) // ntasks):",
        "        rest = unit // strips",
        f"        first = (unit - rest * strips) * {side}",
        f"        at, to = first, first * t{along}",
    ]
    lines += _offsets(others)
    lines += [
        f"        height = min({side}, d{along} - first)",
        f"        for start in range(0, d{last}, {side}):",
        f"            width = min({side}, d{last} - start)",
        f"            if height == {side} and width == {side}:",
        *_tile(name, size, str(side), str(side), last, along),
        "            else:",
        *_tile(name, size, "height", "width", last, along),
        "",
    ]
    return "\n".join(lines)


def _tile(name: str, size: int, height: str, width: str, last: int, along: int) -> list[str]:
    """Return kernel statements that copy one tile by transposing it in a small local array.

    The sides of the tile are literals, so that LLVM knows them.
    """
    lines = [
        f"for i in range({width}):",
        f"    x = view1(source + {size} * (at + (start + i) * s{last}), {height}, {name})",
        f"    for r in range({height}):",
        f"        tile[r * {blocks().turned} + i] = x[r]",
        f"for r in range({height}):",
        f"    y = view1(target + {size} * (to + r * t{along} + start), {width}, {name})",
        f"    for i in range({width}):",
        f"        y[i] = tile[r * {blocks().turned} + i]",
    ]
    return ["                " + line for line in lines]
