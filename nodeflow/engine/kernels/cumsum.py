"""Running sums along an axis."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from nodeflow.engine.kernels.expressions import numpy_name
from nodeflow.engine.kernels.kernel import Array, CallKernel, KernelCall, around, sizes_of
from nodeflow.engine.kernels.registry import handles
from nodeflow.graph.types import FLOATS, TensorType, numpy_dtype
from nodeflow.ops.lowering import RunningSum

TILE = 64
ROWS = 8
"""Rows whose sums run side by side: each alone would wait for every addition."""


@handles(RunningSum)
class RunningSumKernel(CallKernel[RunningSum]):
    """Each element plus all before it."""

    label = "cumsum"

    def calls(self, lowering: RunningSum, types: Sequence[TensorType]) -> list[KernelCall]:
        outer, n, inner = around(sizes_of(types[0]), lowering.axis)
        text = rows_source if inner == 1 else running_source
        source = text(types[0].dtype, lowering.exclusive, lowering.reverse)
        arrays = Array(0), Array(1)
        if inner == 1:
            return [KernelCall(source, (outer, n, *arrays), -(-outer // ROWS), outer * n * 0.5)]
        work = outer * n * inner * (0.5 if inner >= TILE else 1.5)
        return [KernelCall(source, (outer, n, inner, *arrays), outer * -(-inner // TILE), work)]


def _start(dtype: str, exclusive: bool) -> str:
    """What sums start from: the first is 0 if it is exclusive, else the first element, -0 too."""
    return "0" if exclusive or dtype not in FLOATS else "-0.0"


@cache
def running_source(dtype: str, exclusive: bool, reverse: bool) -> str:
    """Args: outer, n, inner, x, out, both (outer, n, inner). A unit is a tile of 64 columns.

    float32 is added up in float64, as the reference does, so both have the same bits.
    """
    size, name = numpy_dtype(dtype).itemsize, numpy_name(dtype)
    wide = "np.float64" if dtype == "float32" else name
    start = _start(dtype, exclusive)
    add = f"total[c] = {wide}(total[c] + {wide}(x[c]))"
    store = f"y[c] = {name}(total[c])"
    # x may not be read again after y is written, since nothing says that they are apart.
    both = ["kept = x[c]", store, add.replace("x[c]", "kept")] if exclusive else [add, store]
    return f"""import numpy as np
from nodeflow.engine.devicelib.intrinsics import local_array, slot, view1


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
            total[c] = {wide}({start})
        for step in range(n):
            row = {"n - 1 - step" if reverse else "step"}
            at = {size} * ((above * n + row) * inner + column)
            x, y = view1(source + at, width, {name}), view1(target + at, width, {name})
            for c in range(y.size):
                {f"{chr(10)}                ".join(both)}
"""


@cache
def rows_source(dtype: str, exclusive: bool, reverse: bool) -> str:
    """Args: outer, n, x, out, both (outer, n). A unit is eight rows; sums as `running_source`."""
    size, name = numpy_dtype(dtype).itemsize, numpy_name(dtype)
    wide = "np.float64" if dtype == "float32" else name

    def sums(count: int) -> list[str]:
        """Running sums of ``count`` rows from ``row`` on."""
        each = range(count)
        add = [f"t{r} = {wide}(t{r} + {wide}(k{r}))" for r in each]
        store = [f"y{r}[at] = {name}(t{r})" for r in each]
        body = [f"k{r} = x{r}[at]" for r in each] + (store + add if exclusive else add + store)
        views = [
            f"{v}{r} = view1({base} + {size} * (row + {r}) * n, n, {name})"
            for v, base in (("x", "source"), ("y", "target"))
            for r in each
        ]
        start = [f"t{r} = {wide}({_start(dtype, exclusive)})" for r in each]
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
        "",
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
