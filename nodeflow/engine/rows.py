"""Softmax and its logarithm, a row at a time: one kernel where parts would be five.

The parts pass over the whole array once each and meet between passes; here a row stays in cache
from its maximum to its quotient. The same formulas on the same rows in the same order give the same
bits, so this is an exact rewrite (``rows``) of what the op lowers to.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from nodeflow.engine.expressions import numpy_name
from nodeflow.engine.reductions import ROW_BLOCK
from nodeflow.graph.types import FLOATS, numpy_dtype

if TYPE_CHECKING:
    from nodeflow.engine.actions import Actions
    from nodeflow.engine.schedule import Step


TOGETHER = 2048
"""Elements of which exponentials are taken in one loop: rows may be shorter than a vector."""


@dataclass(frozen=True)
class RowSoftmax:
    """Softmax along the last axis, or its logarithm."""

    log: bool


def row_softmax(actions: Actions, step: Step) -> RowSoftmax | None:
    """max, x - max, exp, sum, quotient = one pass, where rows are short enough to be one block."""
    node = step.node
    if "rows" in actions.schedule.without or node.op.id not in ("softmax", "log_softmax"):
        return None
    type_ = actions.types[step.outputs[0]]
    axis, size = node.attrs["axis"] % max(type_.rank, 1), type_.size
    if type_.dtype not in FLOATS or axis != type_.rank - 1 or not size:
        return None
    length = type_.shape[-1] or 0
    return RowSoftmax(node.op.id == "log_softmax") if 2 <= length <= ROW_BLOCK else None


@cache
def softmax_source(dtype: str, log: bool) -> str:
    """Args of the kernel: rows, n, source, target, both (rows, n), and the rows of a task."""
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
    functions = "exp, log" if log else "exp"
    lines = [
        "import numpy as np",
        "from nodeflow.engine.intrinsics import slot, view1",
        "from nodeflow.engine.lanes import max_lanes, sum_lanes",
        f"from nodeflow.engine.mathlib import {functions}",
        "",
        "",
        "def kernel(args, task, ntasks):",
        "    rows, n = slot(args, 0), slot(args, 1)",
        "    source, target = slot(args, 2), slot(args, 3)",
        "    start = min(rows, slot(args, 4) * task)",
        "    stop = min(rows, start + slot(args, 4))",
        "    while start < stop:",
        f"        end = min(stop, start + max({TOGETHER} // n, 1))",
        *("        " + line for line in row),
        f"            best = max_lanes(at, n, {name})",
        "            for i in range(y.size):",
        f"                y[i] = {name}(x[i] - best)",
        f"        every = view1(target + {size} * (start * n), (end - start) * n, {name})",
        "        for i in range(every.size):",
        f"            every[i] = {name}(exp(every[i]))",
        *("        " + line for line in row),
        *("            " + line for line in last),
        "        start = end",
        "",
    ]
    return "\n".join(lines)
