"""Sums of formulas over columns in one pass, without storing the summands.

A batch normalisation and its gradient sum squares, products and masked values, each as large as
a whole picture. This kernel computes a stretch of rows into memory that stays in the
first-level cache, and sums it from there, in the order of `reductions.columns_source`. Data one
page ahead are prefetched, because waiting at the beginning of each page took a fifth of the
time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from nodeflow.engine.kernels.cluster_source import Cluster, formulas, nearer
from nodeflow.engine.kernels.elementwise import cost
from nodeflow.engine.kernels.expressions import numpy_name
from nodeflow.engine.kernels.kernel import Array, CallKernel, KernelCall
from nodeflow.engine.kernels.reductions import ROWS_AT_ONCE, Stage, identity
from nodeflow.engine.kernels.registry import handles
from nodeflow.engine.kernels.row_formulas import ONE, WHOLE
from nodeflow.graph.types import TensorType, numpy_dtype
from nodeflow.ops.lowering import Lowering

STRETCH = 512
"""Number of elements that are computed before they are summed; also the maximum number of
columns.
"""
PART = 128
"""Number of rows that are summed before their sum is added to the total
(`reductions.columns_source`).
"""


@dataclass(frozen=True)
class ColumnSums(Lowering):
    """The first stage of some sums over the middle axis of [1, n, inner].

    Attributes:
        cluster: formulas over [n, inner], whose outputs are added up.
        stage: the stage that all the sums have in common.
    """

    cluster: Cluster
    stage: Stage


@handles(ColumnSums)
class ColumnSumsKernel(CallKernel[ColumnSums]):
    """The kernel for partial sums of formulas, with an output (blocks, inner) for each sum."""

    label = "sums of formulas"

    def calls(self, lowering: ColumnSums, types: Sequence[TensorType]) -> list[KernelCall]:
        cluster, stage = lowering.cluster, lowering.stage
        rows = 1 << int(math.log2(min(PART, STRETCH // stage.inner)))
        arrays = map(Array, range(len(types)))
        args = (stage.n, stage.inner, stage.blocks, stage.length, rows, *arrays)
        work = stage.n * stage.inner * (cost(cluster) + 0.1 * len(cluster.outputs))
        return [KernelCall(sums_source(cluster), args, stage.blocks, work)]


@cache
def sums_source(cluster: Cluster) -> str:
    """Return the source of a kernel that computes elementwise formulas and sums them along the
    rows. A unit of work is a block of rows.

    Kernel arguments: n, inner, blocks, rows of a block, rows of a stretch; inputs; a result for
    each sum.
    """
    body, functions = formulas(cluster)
    at = 5 + len(cluster.inputs)
    stretches, loads, repeats, arrays = [], [], [], []
    for k, (dtype, pattern) in enumerate(cluster.inputs):
        size, name = numpy_dtype(dtype).itemsize, numpy_name(dtype)
        if pattern == WHOLE:
            loads.append(f"p{k} = slot(args, {5 + k})")
            stretches += [
                f"x{k} = view1(p{k} + {size} * inner * row, size, {name})",
                *nearer(f"p{k} + {size} * inner * row", size),
            ]
        elif pattern == ONE:
            loads.append(f"a{k} = load(slot(args, {5 + k}), {name})")
        else:
            arrays.append(f"r{k} = local_memory({size * STRETCH})")
            loads.append(f"x{k} = view1(slot(args, {5 + k}), inner, {name})")
            repeats += [
                f"to = view1(r{k} + {size} * inner * row, inner, {name})",
                "for c in range(to.size):",
                f"    to[c] = x{k}[c]",
            ]
            stretches.append(f"x{k} = view1(r{k}, size, {name})")
    dtypes = [cluster.nodes[output.node].dtype for output in cluster.outputs]
    for j, dtype in enumerate(dtypes):
        size, name = numpy_dtype(dtype).itemsize, numpy_name(dtype)
        arrays += [
            f"s{j} = local_memory({size * STRETCH})",
            f"part{j} = local_array({STRETCH}, {name})",
            f"total{j} = local_array({STRETCH}, {name})",
        ]
        stretches.append(f"y{j} = view1(s{j}, size, {name})")

    def added(count: int) -> list[str]:
        """Return kernel statements that add ``count`` rows to the sums of the columns in order.
        They read and write each sum only once.
        """
        lines = []
        for j, dtype in enumerate(dtypes):
            size, name, text = numpy_dtype(dtype).itemsize, numpy_name(dtype), f"part{j}[c]"
            for k in range(count):
                lines.append(f"z{k} = view1(s{j} + {size} * inner * (done + {k}), inner, {name})")
                text = f"{name}({text} + z{k}[c])"
            lines += ["for c in range(z0.size):", f"    part{j}[c] = {text}"]
        return [*lines, f"done += {count}"]

    def begun(what: str) -> list[str]:
        zeros = (f"    {what}{j}[c] = {identity('sum', d)}" for j, d in enumerate(dtypes))
        return ["for c in range(inner):", *zeros]

    lines = [
        "import numpy as np",
        "from nodeflow.engine.devicelib.intrinsics import load, local_array, local_memory",
        "from nodeflow.engine.devicelib.intrinsics import prefetch, slot, view1",
    ]
    if functions:
        used = ", ".join(sorted(functions))
        lines.append(f"from nodeflow.engine.devicelib.math_functions import {used}")
    lines += [
        "",
        "",
        "def kernel(args, task, ntasks):",
        "    n, inner, blocks, length = slot(args, 0), slot(args, 1), slot(args, 2), slot(args, 3)",
        "    rows = slot(args, 4)",
        *("    " + line for line in (*arrays, *loads)),
        *(["    for row in range(rows):"] if repeats else []),
        *("        " + line for line in repeats),
        "    for unit in range(blocks * task // ntasks, blocks * (task + 1) // ntasks):",
        "        row = unit * length",
        "        last = min(row + length, n)",
        *("        " + line for line in begun("total")),
        "        while row < last:",
        f"            end = min(row + {PART}, last)",
        *("            " + line for line in begun("part")),
        "            while row < end:",
        "                count = min(rows, end - row)",
        "                size = count * inner",
        *("                " + line for line in stretches),
        "                for i in range(y0.size):",
        *("                    " + line for line in body),
        "                done = np.int64(0)",
        f"                while done + {ROWS_AT_ONCE} <= count:",
        *("                    " + line for line in added(ROWS_AT_ONCE)),
        "                while done < count:",
        *("                    " + line for line in added(1)),
        "                row += count",
        "            for c in range(inner):",
        *(
            f"                total{j}[c] = {numpy_name(d)}(total{j}[c] + part{j}[c])"
            for j, d in enumerate(dtypes)
        ),
    ]
    for j, dtype in enumerate(dtypes):
        size, name = numpy_dtype(dtype).itemsize, numpy_name(dtype)
        lines += [
            f"        result = view1(slot(args, {at + j}) + {size} * inner * unit, inner, {name})",
            "        for c in range(result.size):",
            f"            result[c] = total{j}[c]",
        ]
    return "\n".join([*lines, ""])
