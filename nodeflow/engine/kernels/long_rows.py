"""Sums and extremes of formulas along long rows in one pass, without storing the formulas' values.

Examples are a loss over all elements, the norm of all weights and the statistics of a picture.
A stretch of a row is computed into memory that stays in the first-level cache, and is reduced
from there, in the order of `reductions.rows_source`. `column_sums` does the same for columns,
`row_formulas` for rows up to `row_formulas.LONGEST`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from nodeflow.engine.kernels.cluster_source import Cluster, formulas
from nodeflow.engine.kernels.elementwise import cost
from nodeflow.engine.kernels.expressions import numpy_name
from nodeflow.engine.kernels.kernel import Array, CallKernel, KernelCall, UnitsPerTask
from nodeflow.engine.kernels.reductions import ROW_NS, Stage, identity
from nodeflow.engine.kernels.registry import handles
from nodeflow.graph.types import TensorType, numpy_dtype
from nodeflow.ops.lowering import Lowering

STRETCH = 512
"""Number of elements that are computed before they are reduced: a multiple of `PARTS`."""
PARTS = 64
"""Number of partial results of a row in `vector_reduce`."""


@dataclass(frozen=True)
class LongRows(Lowering):
    """The first stage of some reductions of rows, all of one kind.

    Attributes:
        cluster: formulas over [outer, n], whose outputs are reduced.
        stage: the stage that all the reductions have in common.
    """

    cluster: Cluster
    stage: Stage


@handles(LongRows)
class LongRowsKernel(CallKernel[LongRows]):
    """The kernel of reductions of formulas, with an output (outer, blocks) for each reduction."""

    label = "reductions of formulas"

    def calls(self, lowering: LongRows, types: Sequence[TensorType]) -> list[KernelCall]:
        cluster, stage = lowering.cluster, lowering.stage
        units = stage.outer * stage.blocks
        arrays = map(Array, range(len(types)))
        shape = (stage.outer, stage.n, stage.blocks, stage.length)
        divisor = (stage.divisor,) if stage.divisor else ()
        each = cost(cluster) + 0.1 * len(cluster.outputs)
        work = stage.outer * stage.n * each + units * ROW_NS
        source = long_rows_source(stage.kind, cluster, bool(divisor))
        return [KernelCall(source, (*shape, UnitsPerTask(), *arrays, *divisor), units, work)]


@cache
def long_rows_source(kind: str, cluster: Cluster, mean: bool) -> str:
    """Return the source of a kernel that reduces long rows, whose elements are computed on the fly
    from the inputs. A unit of work is a block of a row.

    Kernel arguments: rows, n, blocks, length of a block, blocks of a task; inputs; a result for
    each reduction; for a mean, the divisor.
    """
    body, functions = formulas(cluster)
    at = 5 + len(cluster.inputs)
    dtypes = [cluster.nodes[output.node].dtype for output in cluster.outputs]
    addresses = [f"p{k} = slot(args, {5 + k})" for k in range(len(cluster.inputs))]
    numbers, stretches = [], []
    for k, (dtype, (has_rows, has_elements)) in enumerate(cluster.inputs):
        size, name = numpy_dtype(dtype).itemsize, numpy_name(dtype)
        if not has_elements:
            numbers.append(f"a{k} = load(p{k} + {size if has_rows else 0} * row, {name})")
            continue
        place = f"p{k} + {size} * ({'row * n + ' if has_rows else ''}first)"
        stretches.append(f"x{k} = view1({place}, size, {name})")
    memory, begun, ends = [], [], []
    for j, dtype in enumerate(dtypes):
        size, name = numpy_dtype(dtype).itemsize, numpy_name(dtype)
        memory += [
            f"s{j} = local_memory({size * STRETCH})",
            f"parts{j} = local_memory({size * PARTS})",
        ]
        begun += [
            f"empty = view1(parts{j}, {PARTS}, {name})",
            "for c in range(empty.size):",
            f"    empty[c] = {identity(kind, dtype)}",
        ]
        stretches.append(f"y{j} = view1(s{j}, size, {name})")
        result = f"{kind}_of_parts(parts{j}, {name})"
        if mean:
            result = f"{name}({result} / {name}(slot(args, {at + len(dtypes)})))"
        ends.append(f"store(slot(args, {at + j}) + {size} * unit, {result})")
    lines = [
        "import numpy as np",
        "from nodeflow.engine.devicelib.intrinsics import (",
        "    independent, interleaved, load, local_memory, slot, store, view1",
        ")",
        f"from nodeflow.engine.devicelib.vector_reduce import {kind}_more, {kind}_of_parts",
    ]
    if functions:
        used = ", ".join(sorted(functions))
        lines.append(f"from nodeflow.engine.devicelib.math_functions import {used}")
    loop = "interleaved(independent(y0.size))" if functions else "independent(y0.size)"
    lines += [
        "",
        "",
        "def kernel(args, task, ntasks):",
        "    rows, n, blocks, length = slot(args, 0), slot(args, 1), slot(args, 2), slot(args, 3)",
        *("    " + line for line in (*addresses, *memory)),
        "    units = rows * blocks",
        "    begin = min(units, slot(args, 4) * task)",
        "    for unit in range(begin, min(units, begin + slot(args, 4))):",
        "        row = unit // blocks",
        "        first = (unit - row * blocks) * length",
        "        last = min(first + length, n)",
        *("        " + line for line in (*numbers, *begun)),
        "        while first < last:",
        f"            size = min(np.int64({STRETCH}), last - first)",
        *("            " + line for line in stretches),
        f"            for i in range({loop}):",
        *("                " + line for line in body),
        *(
            f"            {kind}_more(parts{j}, s{j}, size, {numpy_name(dtype)})"
            for j, dtype in enumerate(dtypes)
        ),
        "            first += size",
        *("        " + line for line in ends),
        "",
    ]
    return "\n".join(lines)
