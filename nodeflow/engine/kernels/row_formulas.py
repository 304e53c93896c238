"""Formulas of rows and sums along them in one pass, such as a layer normalisation.

As separate ops, mean, difference, square, variance and quotient would each pass over the whole
array, and each would write the operand of the next. Here a few rows go through all of them
while they are in the first-level cache, and only values that something else reads are written
to memory. Sums are computed as in `reductions.rows_source`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from nodeflow.engine.ir.actions import Actions
from nodeflow.engine.ir.groups import Group
from nodeflow.engine.ir.launches import KernelLaunch, Split, even_tiling
from nodeflow.engine.kernels.cluster_source import Cluster, formulas
from nodeflow.engine.kernels.elementwise import cost
from nodeflow.engine.kernels.expressions import numpy_name
from nodeflow.engine.kernels.kernel import GroupToLaunch, Kernel
from nodeflow.engine.kernels.reductions import is_short, short_rows
from nodeflow.engine.kernels.registry import handles
from nodeflow.graph.types import numpy_dtype
from nodeflow.ops.lowering import Lowering

STRETCH = 1024
"""Number of elements of the rows that are computed at a time, if a row is shorter than that."""
LONGEST = 2048
"""Maximum number of elements of a row."""

Pattern = tuple[bool, bool]
WHOLE, ROWS, COLUMNS, ONE = (True, True), (True, False), (False, True), (False, False)
"""The axes of [rows, n] that a value has."""


@dataclass(frozen=True)
class Formulas:
    """Elementwise formulas over [rows, n], or over [rows] if ``wide`` is False.

    Attributes:
        cluster: the formulas.
        inputs: for each input of the cluster, its number in `RowProgram.values`.
        outputs: for each output of the cluster, its number in `RowProgram.values`.
    """

    cluster: Cluster
    wide: bool
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True)
class RowReduction:
    """A sum, a maximum or a minimum of each row of a value.

    Attributes:
        kind: ``sum``, ``max`` or ``min``.
        mean: whether the sum is divided by a number.
        source, target: numbers of the reduced value and of the result in `RowProgram.values`.
    """

    kind: str
    mean: bool
    source: int
    target: int


@dataclass(frozen=True)
class Value:
    """A value of a row program.

    Attributes:
        pattern: whether the value has the axis of rows, and whether it has the axis of n elements.
        argument: its number among the action's inputs, then outputs; None if it stays in the cache.
    """

    dtype: str
    pattern: Pattern
    argument: int | None


@dataclass(frozen=True)
class RowProgram:
    """The values and steps of a kernel that takes a few rows at a time through all steps."""

    values: tuple[Value, ...]
    steps: tuple[Formulas | RowReduction, ...]


@dataclass(frozen=True)
class RowFormulas(Lowering):
    """A program for ``rows`` rows of ``n`` elements.

    Attributes:
        divisors: divisor of each mean, in order.
        leading: numbers of leading rows into which it can be cut.
    """

    program: RowProgram
    rows: int
    n: int
    divisors: tuple[int, ...]
    leading: frozenset[int]


@handles(RowFormulas)
class RowFormulasKernel(Kernel[RowFormulas]):
    """The kernel of `RowFormulas`, which takes a few rows at a time through all steps."""

    label = "rows"

    def launches(self, work: GroupToLaunch, lowering: RowFormulas) -> list[KernelLaunch]:
        program, rows = lowering.program, lowering.rows
        each = 0.0
        for step in program.steps:
            if isinstance(step, RowReduction):
                each += 0.15 * lowering.n
            else:
                each += cost(step.cluster) * (lowering.n if step.wide else 1)
        tiling = work.tiling or even_tiling(rows, rows * each)
        share = tiling.units_per_task(rows)
        args = (rows, lowering.n, share, *work.pointers, *lowering.divisors)
        split = Split(rows, share, work.task_rows)
        summed = [s.source for s in program.steps if isinstance(s, RowReduction)]
        short = all(is_short(rows, lowering.n, program.values[source].dtype) for source in summed)
        source = rows_source(program, lowering.n if short else 0)
        return [KernelLaunch(source, args, tiling.tasks, rows * each, work.group, split=split)]

    def leading_rows(self, actions: Actions, group: Group, lowering: RowFormulas) -> frozenset[int]:
        return lowering.leading

    def reads_own_rows(
        self,
        actions: Actions,
        group: Group,
        lowering: RowFormulas,
        operand: int,
        slot: int,
        rows: int,
    ) -> bool:
        """Return whether rows of the result need only the same rows of this operand. A value that
        is the same for all rows is read by all tasks, so the answer is False.
        """
        return all(v.pattern[0] for v in lowering.program.values if v.argument == operand)


@cache
def rows_source(program: RowProgram, short: int) -> str:
    """Return the source of a kernel that computes formulas and reductions row by row.

    Kernel arguments: rows, n, rows of a task, addresses of inputs and outputs, divisors of means.

    Args:
        short: n if rows are so short that several are reduced at once, else 0.
    """
    return _Writer(program, short).source()


class _Writer:
    def __init__(self, program: RowProgram, short: int) -> None:
        self.program, self.short = program, short
        self.values = program.values
        self.functions: set[str] = set()
        self.reductions: set[str] = set()
        known = {v.argument for v in self.values} - {None}
        self.divisor = 3 + len(known)

    def source(self) -> str:
        steps = [line for step in self.program.steps for line in self._step(step)]
        lines = [
            "import numpy as np",
            "from nodeflow.engine.devicelib.intrinsics import (",
            "    independent, interleaved, load, local_memory, slot, store, view1",
            ")",
        ]
        if self.functions:
            used = ", ".join(sorted(self.functions))
            lines.append(f"from nodeflow.engine.devicelib.math_functions import {used}")
        if self.reductions:
            used = ", ".join(sorted(self.reductions))
            where = "short_rows" if self.short else "vector_reduce"
            lines.append(f"from nodeflow.engine.devicelib.{where} import {used}")
        lines += [
            "",
            "",
            "def kernel(args, task, ntasks):",
            "    rows, n = slot(args, 0), slot(args, 1)",
            "    row = min(rows, slot(args, 2) * task)",
            "    last = min(rows, row + slot(args, 2))",
            *(f"    {line}" for line in self._lasting()),
            "    while row < last:",
            f"        count = max(min({STRETCH} // n, last - row), np.int64(1))",
            *(f"        {line}" for line in self._places()),
            *(f"        {line}" for line in steps),
            "        row += count",
            "",
        ]
        return "\n".join(lines)

    def _lasting(self) -> list[str]:
        """Return the kernel statements that run once, before the loop over rows.

        They load values that are the same for all rows, and reserve memory for intermediate values
        of one row.
        """
        lines = []
        for k, value in enumerate(self.values):
            size, name = numpy_dtype(value.dtype).itemsize, numpy_name(value.dtype)
            if value.pattern == ONE:
                lines.append(f"c{k} = load(slot(args, {3 + (value.argument or 0)}), {name})")
            elif value.pattern == COLUMNS:
                lines.append(f"p{k} = slot(args, {3 + (value.argument or 0)})")
            elif value.argument is None:
                elements = LONGEST if value.pattern == WHOLE else STRETCH
                lines.append(f"p{k} = local_memory({size * elements})")
        return lines

    def _places(self) -> list[str]:
        """Return kernel lines that compute the addresses of the values in the current row.

        Each line sets ``pK`` to the address of value K at row ``row``. Only arguments of the kernel
        that differ from row to row have such a line.
        """
        lines = []
        for k, value in enumerate(self.values):
            if value.argument is not None and value.pattern[0]:
                size = numpy_dtype(value.dtype).itemsize
                elements = "row * n" if value.pattern == WHOLE else "row"
                lines.append(f"p{k} = slot(args, {3 + value.argument}) + {size} * ({elements})")
        return lines

    def _step(self, step: Formulas | RowReduction) -> list[str]:
        if isinstance(step, RowReduction):
            return self._reduction(step)
        body, functions = formulas(step.cluster)
        self.functions |= functions
        inputs = [(k, v, self.values[v]) for k, v in enumerate(step.inputs)]
        apart = step.wide and any(v.pattern in (ROWS, COLUMNS) for _, _, v in inputs)
        length = "n" if apart else "count * n" if step.wide else "count"
        lines = []
        for k, number, value in inputs:
            size, name = numpy_dtype(value.dtype).itemsize, numpy_name(value.dtype)
            if value.pattern == ONE:
                lines.append(f"a{k} = c{number}")
            elif value.pattern == COLUMNS:
                lines.append(f"x{k} = view1(p{number}, n, {name})")
            elif step.wide and value.pattern == ROWS:
                lines.append(f"a{k} = load(p{number} + {size} * r, {name})")
            else:
                lines.append(f"x{k} = view1({self._at(number, apart)}, {length}, {name})")
        for k, number in enumerate(step.outputs):
            name = numpy_name(self.values[number].dtype)
            lines.append(f"y{k} = view1({self._at(number, apart)}, {length}, {name})")
        end = "independent(y0.size)"
        end = f"interleaved({end})" if functions else end
        lines += [f"for i in range({end}):", *(f"    {line}" for line in body)]
        return ["for r in range(count):", *(f"    {line}" for line in lines)] if apart else lines

    def _at(self, number: int, apart: bool) -> str:
        """Return a kernel expression for the address of a value: in the first of the current rows,
        or in row ``r``.

        Args:
            number: which value.
            apart: whether the kernel goes through the rows one by one; ``r`` is then its loop
                variable.
        """
        size = numpy_dtype(self.values[number].dtype).itemsize
        return f"p{number} + {size} * (r * n)" if apart else f"p{number}"

    def _reduction(self, step: RowReduction) -> list[str]:
        dtype = self.values[step.source].dtype
        size, name = numpy_dtype(dtype).itemsize, numpy_name(dtype)
        if self.short:
            self.reductions.add(f"{step.kind}_rows")
            divisor = self.divisor if step.mean else None
            self.divisor += step.mean
            places = f"p{step.source}", f"p{step.target}"
            return short_rows(step.kind, dtype, self.short, *places, divisor)
        self.reductions.add(f"{step.kind}_lanes")
        text = f"{step.kind}_lanes({self._at(step.source, True)}, n, {name})"
        if step.mean:
            text = f"{name}({text} / {name}(slot(args, {self.divisor})))"
            self.divisor += 1
        return ["for r in range(count):", f"    store(p{step.target} + {size} * r, {text})"]
