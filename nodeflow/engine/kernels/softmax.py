"""Softmax and its logarithm in one kernel, a row or a strip of columns at a time.

As five separate ops they would each pass over the whole array. Here a row stays in cache from
its maximum to its quotient. The same formulas on the same rows in the same order give the same
bits, so this is an exact rewrite (``softmax``) of the op's own lowering.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from nodeflow.engine.blocking import blocks
from nodeflow.engine.ir.actions import Actions
from nodeflow.engine.ir.groups import Group
from nodeflow.engine.ir.launches import KernelLaunch, Split, even_tiling, limited_tasks
from nodeflow.engine.kernels.expressions import numpy_name
from nodeflow.engine.kernels.kernel import GroupToLaunch, Kernel, leading_products
from nodeflow.engine.kernels.reductions import COLUMN_BLOCK, ROW_BLOCK, WIDEST, identity, tile_of
from nodeflow.engine.kernels.registry import handles
from nodeflow.engine.schedule.schedule import Step
from nodeflow.graph.types import TensorType, numpy_dtype
from nodeflow.ops.lowering import Lowering


@dataclass(frozen=True)
class RowSoftmax(Lowering):
    """The lowering to a softmax along the last axis, or its logarithm."""

    log: bool


@dataclass(frozen=True)
class ColumnSoftmax(Lowering):
    """Softmax, or its logarithm, along the middle axis of [outer, n, inner]."""

    log: bool
    outer: int
    n: int
    inner: int


def row_softmax(types: Sequence[TensorType], step: Step) -> RowSoftmax | ColumnSoftmax | None:
    """Return the lowering that computes a softmax step in a single pass, if the softmax axis is
    short enough; else None.
    """
    node = step.node
    if node.op.id not in ("softmax", "log_softmax"):
        return None
    type_ = types[step.outputs[0]]
    axis, size = node.attrs["axis"] % max(type_.rank, 1), type_.size
    if type_.dtype not in ("float32", "float64") or not size:
        return None
    log, length = node.op.id == "log_softmax", type_.shape[axis] or 0
    if axis == type_.rank - 1:
        return RowSoftmax(log) if 2 <= length <= ROW_BLOCK else None
    outer = math.prod(d or 0 for d in type_.shape[:axis])
    inner = math.prod(d or 0 for d in type_.shape[axis + 1 :])
    if inner < 2 or not 2 <= length <= COLUMN_BLOCK:
        return None
    return ColumnSoftmax(log, outer, length, inner)


@handles(RowSoftmax)
class RowSoftmaxKernel(Kernel[RowSoftmax]):
    """The kernel of the softmax of rows."""

    label = "softmax"

    def launches(self, work: GroupToLaunch, lowering: RowSoftmax) -> list[KernelLaunch]:
        type_ = work.types[-1]
        n = type_.shape[-1] or 1
        rows = (type_.size or 0) // n
        estimate = rows * n * (1.5 if type_.dtype == "float32" else 8.0) + rows * 20.0
        source = softmax_source(type_.dtype, lowering.log)
        tiling = work.tiling or even_tiling(rows, estimate)
        args = (rows, n, *work.pointers, tiling.units_per_task(rows))
        split = Split(rows, tiling.units_per_task(rows), work.task_rows)
        return [KernelLaunch(source, args, tiling.tasks, estimate, work.group, split=split)]

    def leading_rows(self, actions: Actions, group: Group, lowering: RowSoftmax) -> frozenset[int]:
        return leading_products(actions.types[group.actions[0].outputs[0]].shape[:-1])


@handles(ColumnSoftmax)
class ColumnSoftmaxKernel(Kernel[ColumnSoftmax]):
    """The kernel of the softmax of columns."""

    label = "softmax"

    def launches(self, work: GroupToLaunch, lowering: ColumnSoftmax) -> list[KernelLaunch]:
        dtype = work.types[-1].dtype
        shape = (lowering.outer, lowering.n, lowering.inner)
        estimate = math.prod(shape) * (1.5 if dtype == "float32" else 8.0)
        tile = tile_of(lowering.outer, lowering.inner)
        units = lowering.outer * -(-lowering.inner // tile)
        source = column_softmax_source(dtype, lowering.log)
        args = (*shape, *work.pointers, tile)
        return [KernelLaunch(source, args, limited_tasks(estimate, units), estimate, work.group)]


@cache
def softmax_source(dtype: str, log: bool) -> str:
    """Return the source of a kernel that computes softmax along the last axis.

    Kernel arguments: rows, n, source, target, both (rows, n), rows of a task.

    One loop computes the exponentials of several rows, because a row may be shorter than a vector.
    """
    size, name = numpy_dtype(dtype).itemsize, numpy_name(dtype)
    if log:
        last = [
            f"best = max_lanes(at, n, {name})",
            f"total = {name}(log(sum_lanes(to, n, {name})))",
            "for i in range(y.size):",
            f"    y[i] = {name}({name}(x[i] - best) - total)",
        ]
    else:
        last = [
            f"total = sum_lanes(to, n, {name})",
            "for i in range(y.size):",
            f"    y[i] = {name}(y[i] / total)",
        ]
    row = [
        "for row in range(start, end):",
        f"    at, to = source + {size} * (row * n), target + {size} * (row * n)",
        f"    x, y = view1(at, n, {name}), view1(to, n, {name})",
    ]
    functions = "exp_to_one, log" if log else "exp_to_one"
    lines = [
        "import numpy as np",
        "from nodeflow.engine.devicelib.intrinsics import interleaved, slot, view1",
        "from nodeflow.engine.devicelib.vector_reduce import max_lanes, sum_lanes",
        f"from nodeflow.engine.devicelib.math_functions import {functions}",
        "",
        "",
        "def kernel(args, task, ntasks):",
        "    rows, n = slot(args, 0), slot(args, 1)",
        "    source, target = slot(args, 2), slot(args, 3)",
        "    start = min(rows, slot(args, 4) * task)",
        "    stop = min(rows, start + slot(args, 4))",
        "    while start < stop:",
        f"        end = min(stop, start + max({blocks().numbers} // n, 1))",
        *("        " + line for line in row),
        f"            best = max_lanes(at, n, {name})",
        "            for i in range(y.size):",
        f"                y[i] = {name}(x[i] - best)",
        f"        every = view1(target + {size} * (start * n), (end - start) * n, {name})",
        "        for i in range(interleaved(every.size)):",
        f"            every[i] = {name}(exp_to_one(every[i]))",
        *("        " + line for line in row),
        *("            " + line for line in last),
        "        start = end",
        "",
    ]
    return "\n".join(lines)


@cache
def column_softmax_source(dtype: str, log: bool) -> str:
    """Return the source of a kernel that computes softmax along an axis that is not the last. A
    unit of work is a tile of columns.

    Kernel arguments: outer, n, inner, source, target, columns of a tile (at most WIDEST).

    The sums of columns are in the order of ``reductions.columns_source``: 128 rows at a time.
    """
    size, name = numpy_dtype(dtype).itemsize, numpy_name(dtype)
    functions = "exp_to_one, log" if log else "exp_to_one"
    value = f"{name}(exp_to_one({name}(x[c] - best[c])))"
    if log:
        added, total = [f"part[c] = {name}(part[c] + {value})"], f"{name}(log(total[c]))"
        last = f"y[c] = {name}({name}(x[c] - best[c]) - total[c])"
    else:
        added = [f"y[c] = {value}", f"part[c] = {name}(part[c] + y[c])"]
        total, last = "total[c]", f"y[c] = {name}(y[c] / total[c])"
    views = [
        f"x = view1(source + base + {size} * (row * inner), width, {name})",
        f"y = view1(target + base + {size} * (row * inner), width, {name})",
        "for c in range(interleaved(x.size)):",
    ]

    def folded(into: str, start: str, combined: str, body: list[str]) -> list[str]:
        return [
            "for c in range(width):",
            f"    {into}[c] = {start}",
            "first = np.int64(0)",
            "while first < n:",
            "    for c in range(width):",
            f"        part[c] = {start}",
            "    for row in range(first, min(first + 128, n)):",
            *("        " + line for line in views),
            *("            " + line for line in body),
            "    for c in range(width):",
            f"        {into}[c] = {name}({combined})",
            "    first += 128",
        ]

    largest = f"part[c] = {name}(max_of(part[c], x[c]))"
    unit = [
        "above = unit // tiles",
        "column = (unit - above * tiles) * tile",
        "width = min(tile, inner - column)",
        f"base = {size} * (above * n * inner + column)",
        *folded("best", identity("max", dtype), "max_of(best[c], part[c])", [largest]),
        *folded("total", identity("sum", dtype), "total[c] + part[c]", added),
        "for c in range(width):",
        f"    total[c] = {total}",
        "for row in range(n):",
        *("    " + line for line in views),
        f"        {last}",
    ]
    lines = [
        "import numpy as np",
        "from nodeflow.engine.devicelib.intrinsics import interleaved, local_array, slot, view1",
        "from nodeflow.engine.devicelib.vector_reduce import max_of",
        f"from nodeflow.engine.devicelib.math_functions import {functions}",
        "",
        "",
        "def kernel(args, task, ntasks):",
        "    outer, n, inner = slot(args, 0), slot(args, 1), slot(args, 2)",
        "    source, target = slot(args, 3), slot(args, 4)",
        "    tile = slot(args, 5)",
        "    tiles = (inner + tile - 1) // tile",
        "    units = outer * tiles",
        *(f"    {a} = local_array({WIDEST}, {name})" for a in ("best", "part", "total")),
        "    for unit in range(units * task // ntasks, units * (task + 1) // ntasks):",
        *("        " + line for line in unit),
        "",
    ]
    return "\n".join(lines)
