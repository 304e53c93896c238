"""Running sums, products, extremes and smooth maxima along an axis."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from nodeflow.engine.kernels.expressions import numpy_name, typed_literal
from nodeflow.engine.kernels.kernel import Array, CallKernel, KernelCall, around, sizes_of
from nodeflow.engine.kernels.reductions import identity
from nodeflow.engine.kernels.registry import handles
from nodeflow.graph.types import TensorType, numpy_dtype
from nodeflow.ops.lowering import Running
from nodeflow.ops.math.cumsum import EIGHT, in_eights

TILE = 64
ROWS = 8
"""Number of rows that are computed side by side. A single row would wait for every addition."""


@handles(Running)
class RunningKernel(CallKernel[Running]):
    """The kernel that combines each element with all before it."""

    label = "running result"

    def calls(self, lowering: Running, types: Sequence[TensorType]) -> list[KernelCall]:
        shape = sizes_of(types[0])
        outer, n, inner = around(shape, lowering.axis)
        text = rows_source if inner == 1 else running_source
        source = text(lowering.kind, types[0].dtype, lowering.exclusive, lowering.reverse)
        arrays = Array(0), Array(1)
        if lowering.kind == "sum" and in_eights(types[0].dtype, shape, lowering.axis):
            source = eights_source(lowering.exclusive, lowering.reverse)
            return [KernelCall(source, (outer, n, *arrays), outer, outer * n * 0.5)]
        if inner == 1:
            return [KernelCall(source, (outer, n, *arrays), -(-outer // ROWS), outer * n * 0.5)]
        work = outer * n * inner * (0.5 if inner >= TILE else 1.5)
        return [KernelCall(source, (outer, n, inner, *arrays), outer * -(-inner // TILE), work)]


_COMBINE = {
    "sum": "{0} + {1}",
    "prod": "{0} * {1}",
    "max": "max_of({0}, {1})",
    "min": "min_of({0}, {1})",
    "logsumexp": "log_add({0}, {1})",
}
_IMPORTS = {
    "max": "from nodeflow.engine.devicelib.vector_reduce import max_of\n",
    "min": "from nodeflow.engine.devicelib.vector_reduce import min_of\n",
    "logsumexp": "from nodeflow.engine.devicelib.exponentials import log_add\n",
}


def _start(kind: str, dtype: str, exclusive: bool) -> str:
    """Return the initial value of a cumulative operation as source text, in the dtype of the
    accumulator.

    Exclusive sums start from 0. Other results start from the identity, so that a first element of
    -0 stays -0.
    """
    wide = "float64" if dtype == "float32" else dtype
    if kind == "sum" and exclusive:
        return typed_literal(0, wide)
    return typed_literal(-np.inf, wide) if kind == "logsumexp" else identity(kind, wide)


@cache
def running_source(kind: str, dtype: str, exclusive: bool, reverse: bool) -> str:
    """Return the source of a kernel that accumulates, such as a cumulative sum, along an axis that
    is not the last. A unit of work is a tile of 64 columns.

    Kernel arguments: outer, n, inner, x, out, where x and out have the shape (outer, n, inner).

    float32 is accumulated in float64, as in the reference, so both give the same bits.
    """
    size, name = numpy_dtype(dtype).itemsize, numpy_name(dtype)
    wide = "np.float64" if dtype == "float32" else name
    start = _start(kind, dtype, exclusive)
    add = f"total[c] = {wide}({_COMBINE[kind].format('total[c]', f'{wide}(x[c])')})"
    store = f"y[c] = {name}(total[c])"
    # x must not be read after y is written, because they may overlap.
    both = ["kept = x[c]", store, add.replace("x[c]", "kept")] if exclusive else [add, store]
    return f"""import numpy as np
from nodeflow.engine.devicelib.intrinsics import local_array, slot, view1
{_IMPORTS.get(kind, "")}

def kernel(args, task, ntasks):
    outer, n, inner = slot(args, 0), slot(args, 1), slot(args, 2)
    source, target = slot(args, 3), slot(args, 4)
    tiles = (inner + {TILE - 1}) // {TILE}
    units = outer * tiles
    total = local_array({TILE}, {wide})
    for unit in range(units * task // ntasks, units * (task + 1) // ntasks):
        above = unit // tiles
        column = (unit - above * tiles) * {TILE}
        width = min(np.int64({TILE}), inner - column)
        for c in range(width):
            total[c] = {start}
        for step in range(n):
            row = {"n - 1 - step" if reverse else "step"}
            at = {size} * ((above * n + row) * inner + column)
            x, y = view1(source + at, width, {name}), view1(target + at, width, {name})
            for c in range(y.size):
                {f"{chr(10)}                ".join(both)}
"""


@cache
def rows_source(kind: str, dtype: str, exclusive: bool, reverse: bool) -> str:
    """Return the source of a kernel that accumulates, such as a cumulative sum, along contiguous
    rows. A unit of work is eight rows.

    Kernel arguments: outer, n, x, out, both (outer, n). Accumulates like `running_source`.
    """
    size, name = numpy_dtype(dtype).itemsize, numpy_name(dtype)
    wide = "np.float64" if dtype == "float32" else name

    def sums(count: int) -> list[str]:
        """Return kernel statements that compute cumulative results along ``count`` rows at once,
        beginning at ``row``.
        """
        each = range(count)
        add = [f"t{r} = {wide}({_COMBINE[kind].format(f't{r}', f'{wide}(k{r})')})" for r in each]
        store = [f"y{r}[at] = {name}(t{r})" for r in each]
        body = [f"k{r} = x{r}[at]" for r in each] + (store + add if exclusive else add + store)
        views = [
            f"{v}{r} = view1({base} + {size} * (row + {r}) * n, n, {name})"
            for v, base in (("x", "source"), ("y", "target"))
            for r in each
        ]
        start = [f"t{r} = {_start(kind, dtype, exclusive)}" for r in each]
        at = "n - 1 - step" if reverse else "step"
        return [
            *views,
            *start,
            "for step in range(n):",
            f"    at = {at}",
            *("    " + b for b in body),
        ]

    lines = [
        "import numpy as np",
        "from nodeflow.engine.devicelib.intrinsics import slot, view1",
        _IMPORTS.get(kind, ""),
        "",
        "def kernel(args, task, ntasks):",
        "    outer, n, source, target = slot(args, 0), slot(args, 1), slot(args, 2), slot(args, 3)",
        f"    units = (outer + {ROWS - 1}) // {ROWS}",
        f"    row = {ROWS} * (units * task // ntasks)",
        f"    end = min(outer, {ROWS} * (units * (task + 1) // ntasks))",
        f"    while row + {ROWS} <= end:",
        *("        " + line for line in sums(ROWS)),
        f"        row += {ROWS}",
        "    while row < end:",
        *("        " + line for line in sums(1)),
        "        row += 1",
        "",
    ]
    return "\n".join(lines)


@cache
def eights_source(exclusive: bool, reverse: bool) -> str:
    """Return the source of a kernel that computes cumulative sums of rows, eight elements at a
    time. A unit of work is a row.

    Kernel arguments: outer, n, x, out, both float32 (outer, n).
    """
    flags = f"{exclusive}, {reverse}"
    start, step = ("n - 8 - at", "rest - 1 - k") if reverse else ("at", "n - rest + k")
    lane = f"{EIGHT - 1} - k" if reverse else "k"
    return f"""import numpy as np
from nodeflow.engine.devicelib.intrinsics import local_memory, slot, view1
from nodeflow.engine.devicelib.running_sums import add_eight

def kernel(args, task, ntasks):
    outer, n = slot(args, 0), slot(args, 1)
    few = local_memory({4 * EIGHT})
    part = view1(few, {EIGHT}, np.float32)
    rest = n % {EIGHT}
    for row in range(outer * task // ntasks, outer * (task + 1) // ntasks):
        source, target = slot(args, 2) + 4 * n * row, slot(args, 3) + 4 * n * row
        total = np.float64({"0.0" if exclusive else "-0.0"})
        for at in range(0, n - rest, {EIGHT}):
            place = 4 * ({start})
            total = add_eight(source + place, target + place, total, {flags})
        if rest > 0:
            x, y = view1(source, n, np.float32), view1(target, n, np.float32)
            for k in range({EIGHT}):
                part[k] = np.float32(-0.0)
            for k in range(rest):
                part[{lane}] = x[{step}]
            add_eight(few, few, total, {flags})
            for k in range(rest):
                y[{step}] = part[{lane}]
"""
