"""Kernels that read or write elements by indices: gather, scatter, pick.

They fail for an index outside the axis.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from nodeflow.engine.blocking import blocks
from nodeflow.engine.ir.launches import Bound, Region
from nodeflow.engine.kernels.expressions import integer_of_size, numpy_name
from nodeflow.engine.kernels.kernel import (
    Array,
    CallKernel,
    KernelCall,
    around,
    sizes_of,
)
from nodeflow.engine.kernels.reductions import identity
from nodeflow.engine.kernels.registry import handles
from nodeflow.graph.types import TensorType, numpy_dtype
from nodeflow.ops.lowering import Gather, Pick, ScatterAdd

COLUMNS = 64
"""Number of columns of a tile of the output."""
AHEAD = 4
"""Distance of prefetching in a tile, in rows."""
FEW, LARGE, PARTS = 4, 1 << 18, 16
"""Tasks share rows, not columns, if there are at least ``FEW`` times as many rows as indices,
and ``LARGE`` elements. The rows are then divided into ``PARTS``.
"""
FROM_END = "place = place + n if place < 0 else place"


@handles(Gather)
class GatherKernel(CallKernel[Gather]):
    """The kernel that takes slices along an axis, by index."""

    label = "gather"

    def calls(self, lowering: Gather, types: Sequence[TensorType]) -> list[KernelCall]:
        x, indices, out = types
        outer, n, inner = around(sizes_of(x), lowering.axis)
        count = indices.size or 0
        wraps = lowering.from_end
        source = gather_source(numpy_dtype(x.dtype).itemsize, indices.dtype, wraps, inner == 1)
        work = (out.size or 0) * 0.3 + outer * count * 3
        args = (outer, n, inner, count, Array(0), Array(1), Array(2))
        return [KernelCall(source, args, outer * count, work)]

    def checks_elements(self, lowering: Gather) -> bool:
        return True


@cache
def gather_source(size: int, index: str, wraps: bool, alone: bool) -> str:
    """Return the source of a gather kernel, which copies the elements with given indices along an
    axis.

    Kernel arguments: outer, n, inner, number of indices, x (outer, n, inner), indices, out.

    ``alone``: whether inner is 1. The source then has no loop over inner.
    """
    name = integer_of_size(size)
    at = numpy_dtype(index).itemsize
    return f"""import numpy as np
from nodeflow.engine.devicelib.abi import CODE, INDEX_OUT_OF_RANGE
from nodeflow.engine.devicelib.intrinsics import load, set_slot, slot, view1


def kernel(args, task, ntasks):
    outer, n, count = slot(args, 0), slot(args, 1), slot(args, 3)
    inner = {"np.int64(1)" if alone else "slot(args, 2)"}
    source, indices, target = slot(args, 4), slot(args, 5), slot(args, 6)
    units = outer * count
    first, end = units * task // ntasks, units * (task + 1) // ntasks
    above = first // max(count, 1)
    while above * count < end:
        for unit in range(max(first, above * count), min(end, above * count + count)):
            place = np.int64(load(indices + {at} * (unit - above * count), np.{index}))
            {FROM_END if wraps else ""}
            if place < 0 or place >= n:
                set_slot(args, CODE, INDEX_OUT_OF_RANGE)
            else:
                x = view1(source + {size} * ((above * n + place) * inner), inner, {name})
                y = view1(target + {size} * (unit * inner), inner, {name})
                for i in range(inner):
                    y[i] = x[i]
        above += 1
"""


@handles(ScatterAdd)
class ScatterAddKernel(CallKernel[ScatterAdd]):
    """The kernel that combines slices by index, in an output that starts as zeros or another
    identity.
    """

    label = "scatter"
    scatters = True

    def calls(self, lowering: ScatterAdd, types: Sequence[TensorType]) -> list[KernelCall]:
        x, indices, out = types
        outer, n, inner = around(sizes_of(out), lowering.axis)
        count = indices.size or 0
        units, write = outer * -(-inner // COLUMNS), scatter_source
        if inner == 1:
            write = single_scatter_source
        elif n >= FEW * count and n * inner >= LARGE:
            units, write = outer * PARTS, sparse_scatter_source
        source = write(x.dtype, indices.dtype, lowering.from_end, lowering.kind)
        work = (out.size or 0) * 0.1 + (x.size or 0) * 0.5
        args = (outer, n, inner, count, Array(0), Array(1), Array(2))
        writes = (Region(2, adds=True, clears=True, bound=Bound(1, n)),)
        return [KernelCall(source, args, units, work, writes=writes)]

    def checks_elements(self, lowering: ScatterAdd) -> bool:
        return True


def _combining(dtype: str, kind: str) -> tuple[str, str, str]:
    """Return three pieces of kernel text for a scatter that combines elements: the initial value,
    the expression that combines ``x`` into ``y``, and an import.
    """
    name = numpy_name(dtype)
    if kind == "sum":
        return f"{name}(0)", f"{name}(y + x)", ""
    used = f"from nodeflow.engine.devicelib.vector_reduce import {kind}_of"
    return identity(kind, dtype), f"{name}({kind}_of(y, x))", used


def _scatter_text(used: str, lines: Sequence[str]) -> str:
    """Return the source of a kernel that takes the same arguments as the gather kernel. Its body
    consists of the given lines.
    """
    begin = [
        "import numpy as np",
        "from nodeflow.engine.devicelib.intrinsics import independent, load, prefetch",
        "from nodeflow.engine.devicelib.intrinsics import set_slot, slot, store, view1",
        "from nodeflow.engine.devicelib.abi import CODE, INDEX_OUT_OF_RANGE",
        used,
        "",
        "",
        "def kernel(args, task, ntasks):",
        "    outer, n, inner, count = slot(args, 0), slot(args, 1), slot(args, 2), slot(args, 3)",
        "    source, indices, target = slot(args, 4), slot(args, 5), slot(args, 6)",
    ]
    return "\n".join([*begin, *("    " + line for line in lines), ""])


def _filled(address: str, count: str, name: str, start: str) -> list[str]:
    return [
        f"empty = view1({address}, {count}, {name})",
        "for i in range(empty.size):",
        f"    empty[i] = {start}",
    ]


def _for_each_index(
    index: str, wraps: bool, body: Sequence[str], otherwise: str = "else"
) -> list[str]:
    """Return a kernel loop that runs ``body`` for each index in order. An index outside the axis
    makes the kernel fail.
    """
    return [
        "for k in range(count):",
        f"    place = np.int64(load(indices + {numpy_dtype(index).itemsize} * k, np.{index}))",
        *([f"    {FROM_END}"] if wraps else []),
        "    if place < 0 or place >= n:",
        "        set_slot(args, CODE, INDEX_OUT_OF_RANGE)",
        f"    {otherwise}:",
        *("        " + line for line in body),
    ]


@cache
def scatter_source(dtype: str, index: str, wraps: bool, kind: str) -> str:
    """Return the source of a scatter kernel, which combines rows into a target at given indices.
    Kernel arguments: as for `gather_source`.

    A unit of work is a tile of `COLUMNS`; indices are processed in order.
    """
    size, name = numpy_dtype(dtype).itemsize, numpy_name(dtype)
    start, combined, used = _combining(dtype, kind)
    nearer = [
        f"for line in range(0, {size * COLUMNS}, {blocks().line}):",
        f"    prefetch(row + {size * AHEAD} * inner + line)",
    ]

    def added(width: str, before: Sequence[str], elements: str) -> list[str]:
        body = [
            f"row = source + {size} * ((above * count + k) * inner + left)",
            f"total = target + {size} * ((above * n + place) * inner + left)",
            *before,
            f"xs, ys = view1(row, {width}, {name}), view1(total, {width}, {name})",
            f"for i in range({elements}):",
            "    x, y = xs[i], ys[i]",
            f"    ys[i] = {combined}",
        ]
        return ["        " + line for line in _for_each_index(index, wraps, body)]

    begin = f"target + {size} * ((above * n + row) * inner + left)"
    return _scatter_text(
        used,
        [
            f"tiles = (inner + {COLUMNS - 1}) // {COLUMNS}",
            "units = outer * tiles",
            "for unit in range(units * task // ntasks, units * (task + 1) // ntasks):",
            "    above = unit // tiles",
            f"    left = (unit - above * tiles) * {COLUMNS}",
            f"    width = min(np.int64({COLUMNS}), inner - left)",
            "    for row in range(n):",
            *("        " + line for line in _filled(begin, "width", name, start)),
            f"    if width == {COLUMNS}:",
            *added(str(COLUMNS), nearer, "independent(ys.size)"),
            "    else:",
            *added("width", (), "ys.size"),
        ],
    )


@cache
def single_scatter_source(dtype: str, index: str, wraps: bool, kind: str) -> str:
    """Return the source of a scatter kernel for slices of one element, which has no inner loop:
    such a loop would take longer than the addition.

    A unit of work is all indices.
    """
    size, name = numpy_dtype(dtype).itemsize, numpy_name(dtype)
    start, combined, used = _combining(dtype, kind)
    body = [
        f"x = load(source + {size} * (count * unit + k), {name})",
        f"y = load(total + {size} * place, {name})",
        f"store(total + {size} * place, {combined})",
    ]
    inside = [*_filled("total", "n", name, start), *_for_each_index(index, wraps, body)]
    return _scatter_text(
        used,
        [
            "for unit in range(outer * task // ntasks, outer * (task + 1) // ntasks):",
            f"    total = target + {size} * n * unit",
            *("    " + line for line in inside),
        ],
    )


@cache
def sparse_scatter_source(dtype: str, index: str, wraps: bool, kind: str) -> str:
    """Return the source of a scatter kernel for few indices, where most of the work is to write the
    initial values.

    A unit of work is a contiguous part of the rows. It looks at all indices and takes those in its
    part.
    """
    size, name = numpy_dtype(dtype).itemsize, numpy_name(dtype)
    start, combined, used = _combining(dtype, kind)
    body = [
        f"xs = view1(source + {size} * ((above * count + k) * inner), inner, {name})",
        f"ys = view1(total + {size} * place * inner, inner, {name})",
        "for i in range(ys.size):",
        "    x, y = xs[i], ys[i]",
        f"    ys[i] = {combined}",
    ]
    begin = f"total + {size} * first * inner"
    inside = [
        *_filled(begin, "(last - first) * inner", name, start),
        *_for_each_index(index, wraps, body, "elif first <= place and place < last"),
    ]
    return _scatter_text(
        used,
        [
            f"units = outer * {PARTS}",
            "for unit in range(units * task // ntasks, units * (task + 1) // ntasks):",
            f"    above = unit // {PARTS}",
            f"    part = unit - above * {PARTS}",
            f"    first, last = n * part // {PARTS}, n * (part + 1) // {PARTS}",
            f"    total = target + {size} * above * n * inner",
            *("    " + line for line in inside),
        ],
    )


@handles(Pick)
class PickKernel(CallKernel[Pick]):
    """The kernel that takes one element of each row, by index."""

    label = "pick"

    def calls(self, lowering: Pick, types: Sequence[TensorType]) -> list[KernelCall]:
        x, indices, _ = types
        rows, n = indices.size or 0, sizes_of(x)[-1]
        source = pick_source(numpy_dtype(x.dtype).itemsize, indices.dtype)
        return [
            KernelCall(
                source,
                (rows, n, Array(0), Array(1), Array(2)),
                rows,
                rows * 2.0,
            )
        ]

    def checks_elements(self, lowering: Pick) -> bool:
        return True


@cache
def pick_source(size: int, index: str) -> str:
    """Return the source of a kernel that picks one element of each row, given its index.

    Kernel arguments: rows, n, x (rows, n), indices, out (rows).
    """
    name = integer_of_size(size)
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
