"""Reductions of rows and columns, and the search for the index of an extreme.

A reduction over axes is brought into the form [A, R, B] and reduces R. Blocks have fixed
lengths and partial results are combined in a fixed order, so results depend only on shapes.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from nodeflow.engine.ir.actions import Action, Actions
from nodeflow.engine.ir.groups import Group
from nodeflow.engine.ir.launches import KernelLaunch, Split, even_tiling, limited_tasks
from nodeflow.engine.kernels.expressions import numpy_name, typed_literal
from nodeflow.engine.kernels.kernel import GroupToLaunch, Kernel, LoweringRule, around
from nodeflow.engine.kernels.registry import handles
from nodeflow.graph.graph import Node
from nodeflow.graph.types import FLOATS, TensorType, numpy_dtype
from nodeflow.ops.lowering import PRODUCT_BLOCK, Elementwise, Lowering, Reduce, reduced_runs

ROW_BLOCK = 8192
"""Maximum length of a stretch that one task reduces. Longer rows first become partial results."""
LANES = 16
"""Number of elements of a vector in `vector_reduce`."""
COLUMN_TILE = 64
WIDEST = 256
"""Maximum number of columns of a tile, if there are many columns."""
ROWS_AT_ONCE = 8
"""Number of rows that are added to a tile of columns at a time."""
SEARCHED_AT_ONCE = 4
"""Number of rows that are searched at a time for the index of an extreme."""
PIECES = 8
"""Number of products along rows that are computed side by side: enough for a multiplication in
every cycle.
"""
COLUMN_BLOCK = 4096
"""Maximum number of rows of a column that one task sums. More rows first become partial results."""
SHORT_BLOCK = 1024
"""Number of rows of such a partial result, so few that there is work for several threads."""

ROW_NS = 4.0
"""Estimated nanoseconds of a row, in addition to its elements."""

_COMBINE = {
    "sum": "{0} + {1}",
    "prod": "{0} * {1}",
    "max": "max_of({0}, {1})",
    "min": "min_of({0}, {1})",
}


def tile_of(outer: int, inner: int) -> int:
    """Return how many columns a kernel that reduces a middle axis processes at a time: many, if
    that leaves enough tiles for all threads, else few.
    """
    return WIDEST if outer * inner > 32 * WIDEST else COLUMN_TILE


def identity(kind: str, dtype: str) -> str:
    """Return the identity element of a reduction, such as 1 for a product, as source text."""
    if kind in ("sum", "prod"):
        return typed_literal((-0.0 if dtype in FLOATS else 0) if kind == "sum" else 1, dtype)
    return _limit("low" if kind == "max" else "high", dtype)


def _limit(which: str, dtype: str) -> str:
    if dtype in FLOATS:
        return typed_literal(-np.inf if which == "low" else np.inf, dtype)
    info = np.iinfo(numpy_dtype(dtype))
    return typed_literal(info.min if which == "low" else info.max, dtype)


def _combined(kind: str, a: str, b: str, dtype: str) -> str:
    return f"{numpy_name(dtype)}({_COMBINE[kind].format(a, b)})"


# ---- from axes to stages ------------------------------------------------------------------------


@dataclass(frozen=True)
class Stage(Lowering):
    """One pass over [outer, n, inner], which reduces n in ``blocks`` pieces of ``length``.

    ``divisor``: divisor of the result in the last stage of a mean, else 0.
    """

    kind: str
    outer: int
    n: int
    inner: int
    blocks: int
    length: int
    divisor: int = 0


@handles(Reduce)
class ReduceRule(LoweringRule[Reduce]):
    """The rule that lowers a reduction to stages, from the last run of reduced axes to the first.

    Long runs take several stages.
    """

    def lower(
        self,
        actions: Actions,
        node: Node,
        lowering: Reduce,
        inputs: tuple[int, ...],
        outputs: tuple[int, ...],
    ) -> None:
        source, target = inputs[0], outputs[0]
        type_ = actions.types[source]
        sizes = [d or 0 for d in type_.shape]
        if _is_search(lowering.kind):
            outer, n, inner = around(sizes, lowering.axes[0])
            stage = Stage(lowering.kind, outer, n, inner, 1, max(n, 1))
            actions.add(Action(node, stage, (source,), (target,)))
            return
        kind = "sum" if lowering.kind == "mean" else lowering.kind
        count = math.prod(sizes[axis] for axis in lowering.axes)
        stages = list(_stages(kind, reduced_runs(sizes, lowering.axes)))
        if kind == "sum" and count == 0:
            nothing = math.nan if lowering.kind == "mean" else 0
            actions.add(Action(node, Elementwise("value", (), {"value": nothing}), (), (target,)))
            return
        if not stages:  # every reduced axis has size 1, so only the shape changes
            actions.share_storage(target, source)
            return
        if lowering.kind == "mean":
            last = stages[-1]
            stages[-1] = Stage(last.kind, last.outer, last.n, last.inner, 1, last.length, count)
        for stage in stages[:-1]:
            source = _add_stage(actions, node, stage, source)
        actions.add(Action(node, stages[-1], (source,), (target,)))

    def checks_elements(self, lowering: Reduce) -> bool:
        """Return whether the op must inspect its elements: True for argmax and argmin, which fail
        if the reduced axis has no elements.
        """
        return _is_search(lowering.kind)


def _is_search(kind: str) -> bool:
    return kind in ("argmax", "argmin")


def _add_stage(actions: Actions, node: Node, stage: Stage, source: int) -> int:
    """Add one stage of a reduction as an action. Return the new slot into which it writes."""
    size = stage.outer * stage.blocks * stage.inner
    slot = actions.new_slot(TensorType(actions.types[source].dtype, (size,)))
    actions.add(Action(node, stage, (source,), (slot,)))
    return slot


def _stages(kind: str, runs: list[tuple[bool, int]]) -> Iterator[Stage]:
    """Yield the stages of a reduction. Each stage reduces one run of neighbouring axes, or a part
    of it; the last run comes first.

    Args:
        runs: (whether it is reduced, size) of each run of axes.
    """
    runs = list(runs)
    while any(reduced for reduced, _ in runs):
        at = max(i for i, (reduced, _) in enumerate(runs) if reduced)
        outer = math.prod(size for _, size in runs[:at])
        inner = math.prod(size for _, size in runs[at + 1 :])
        n = runs[at][1]
        block = ROW_BLOCK if inner == 1 else COLUMN_BLOCK
        block = PRODUCT_BLOCK if kind == "prod" else block
        part = SHORT_BLOCK if block == COLUMN_BLOCK and kind != "prod" else block
        while n > block:
            blocks = -(-n // part)
            yield Stage(kind, outer, n, inner, blocks, part)
            n = blocks
        yield Stage(kind, outer, n, inner, 1, max(n, 1))
        del runs[at]


@handles(Stage)
class ReductionKernel(Kernel[Stage]):
    """The kernel of one pass of a reduction, or of the search for an extreme."""

    label = "reduction"

    def launches(self, work: GroupToLaunch, lowering: Stage) -> list[KernelLaunch]:
        stage, dtype = lowering, work.types[0].dtype
        elements = stage.outer * stage.n * stage.inner
        short = stage.inner == 1 and is_short(stage.outer, stage.n, dtype)
        if _is_search(stage.kind):
            estimate = elements * 0.3
            if short:
                source = short_search_source(stage.kind, dtype, stage.n)
            else:
                source = search_source(stage.kind, dtype, rows=stage.inner == 1)
            args = (stage.outer, stage.n, stage.inner, *work.pointers)
            units = stage.outer * -(-stage.inner // COLUMN_TILE)
            tasks = limited_tasks(estimate, units)
            return [KernelLaunch(source, args, tasks, estimate, work.group)]
        estimate = elements * (0.15 if dtype in FLOATS else 0.4)
        divisor = (stage.divisor,) if stage.divisor else ()
        if stage.inner == 1:
            units = stage.outer * stage.blocks
            if short:
                source = short_source(stage.kind, dtype, stage.n, bool(divisor))
            else:
                source = rows_source(stage.kind, dtype, bool(divisor))
                estimate += units * ROW_NS
            tiling = work.tiling or even_tiling(units, estimate)
            shape = (stage.outer, stage.n, stage.blocks, stage.length)
            args = (*shape, *work.pointers, tiling.units_per_task(units), *divisor)
            split = Split(units, tiling.units_per_task(units), work.task_rows)
            return [KernelLaunch(source, args, tiling.tasks, estimate, work.group, split=split)]
        source = columns_source(stage.kind, dtype, bool(divisor))
        shape = (stage.outer, stage.n, stage.inner, stage.blocks, stage.length)
        tile = tile_of(stage.outer * stage.blocks, stage.inner)
        args = (*shape, *work.pointers, tile, *divisor)
        units = stage.outer * stage.blocks * -(-stage.inner // tile)
        return [KernelLaunch(source, args, limited_tasks(estimate, units), estimate, work.group)]

    def can_fail(self, actions: Actions, action: Action, lowering: Stage) -> bool:
        return _is_search(lowering.kind) and lowering.n == 0

    def leading_rows(self, actions: Actions, group: Group, lowering: Stage) -> frozenset[int]:
        if lowering.inner != 1 or lowering.blocks != 1 or _is_search(lowering.kind):
            return frozenset()
        return frozenset({lowering.outer})


# ---- kernels ------------------------------------------------------------------------------------


_ROWS_BEGIN = (
    "def kernel(args, task, ntasks):",
    "    rows, n, blocks, length = slot(args, 0), slot(args, 1), slot(args, 2), slot(args, 3)",
    "    source, target = slot(args, 4), slot(args, 5)",
    "    units = rows * blocks",
    "    begin = min(units, slot(args, 6) * task)",
    "    end = min(units, begin + slot(args, 6))",
)
"""The beginning of kernels of rows. The pieces of a task are numbered from begin to end."""


def rows_source(kind: str, dtype: str, mean: bool = False) -> str:
    """Return the kernel source that reduces each of ``rows`` rows of ``n`` elements, in pieces.

    A row has ``blocks`` pieces, which give a result each. Kernel arguments: rows, n, blocks, length
    of a block, source, target (rows, blocks), pieces of a task; for a mean, the divisor.
    """
    size, name = numpy_dtype(dtype).itemsize, numpy_name(dtype)
    if dtype in FLOATS and kind == "prod":
        return _products_source(dtype)
    if dtype in FLOATS:
        inner = [f"acc = {kind}_lanes(at, size, {name})"]
        used = f"{kind}_lanes"
    else:
        inner = [
            f"acc = {identity(kind, dtype)}",
            f"x = view1(at, size, {name})",
            "for i in range(x.size):",
            f"    acc = {_combined(kind, 'acc', 'x[i]', dtype)}",
        ]
        used = f"{kind}_of" if kind in ("max", "min") else ""
    result = f"{name}(acc / {name}(slot(args, 7)))" if mean else "acc"
    lines = [
        "import numpy as np",
        "from nodeflow.engine.devicelib.intrinsics import slot, store, view1",
        f"from nodeflow.engine.devicelib.vector_reduce import {used}" if used else "",
        "",
        "",
        *_ROWS_BEGIN,
        "    for unit in range(begin, end):",
        "        row = unit // blocks",
        "        first = (unit - row * blocks) * length",
        "        size = min(length, n - first)",
        f"        at = source + {size} * (row * n + first)",
        *("        " + line for line in inner),
        f"        store(target + {size} * unit, {result})",
        "",
    ]
    return "\n".join(lines)


def is_short(rows: int, n: int, dtype: str) -> bool:
    """Return whether rows of n elements are short enough to be reduced several at a time.

    Return False for a single row: otherwise a mean over a batch would need a kernel for each small
    batch size. With longer rows, of 17 to 28 elements, sums would take 0.53 to 0.73 of the time
    with AVX2, but 0.68 to 1.33 with AVX-512.
    """
    return rows > 1 and dtype in ("float32", "float64") and 0 < n <= LANES


def short_source(kind: str, dtype: str, n: int, mean: bool) -> str:
    """Return the source of a kernel that reduces short rows of ``n`` elements, each row at once
    instead of in pieces.

    Arguments: as for `rows_source`.
    """
    size = numpy_dtype(dtype).itemsize
    lines = [
        "import numpy as np",
        "from nodeflow.engine.devicelib.intrinsics import slot, view1",
        f"from nodeflow.engine.devicelib.short_rows import {kind}_rows",
        "",
        "",
        *_ROWS_BEGIN,
        f"    here, count = target + {size} * begin, end - begin",
        *(
            f"    {line}"
            for line in short_rows(
                kind, dtype, n, f"source + {size * n} * begin", "here", 7 if mean else None
            )
        ),
    ]
    return "\n".join([*lines, ""])


def short_rows(
    kind: str, dtype: str, n: int, source: str, target: str, divisor: int | None
) -> list[str]:
    """Return kernel lines that reduce ``count`` rows of n elements to a number each.

    ``divisor``: number of the kernel argument that divides them, or None.
    """
    name = numpy_name(dtype)
    lines = [f"{kind}_rows({n}, {name}, {source}, {target}, count)"]
    if divisor is not None:
        lines += [
            f"means = view1({target}, count, {name})",
            "for i in range(means.size):",
            f"    means[i] = {name}(means[i] / {name}(slot(args, {divisor})))",
        ]
    return lines


def _products_source(dtype: str) -> str:
    """Return the source of a kernel that multiplies the elements of each row. Kernel arguments: as
    for `rows_source`.

    The order of a product is fixed and each multiplication waits for the one before, so several
    pieces are computed side by side.
    """
    size, name, several = numpy_dtype(dtype).itemsize, numpy_name(dtype), range(PIECES)
    lines = [
        "import numpy as np",
        "from nodeflow.engine.devicelib.intrinsics import slot, store, view1",
        "",
        "",
        *_ROWS_BEGIN,
        "    unit = begin",
        f"    one = {identity('prod', dtype)}",
        "    while unit < end:",
    ]
    for k in several:
        lines += [
            f"        at = min(unit + {k}, end - 1)",
            "        row = at // blocks",
            "        first = (at - row * blocks) * length",
            f"        here = source + {size} * (row * n + first)",
            f"        x{k} = view1(here, min(length, n - first), {name})",
            f"        p{k} = one",
        ]
    lines += [
        f"        shortest = min({', '.join(f'x{k}.size' for k in several)})",
        "        for i in range(shortest):",
        *(f"            p{k} = {name}(p{k} * x{k}[i])" for k in several),
    ]
    for k in several:
        lines += [
            f"        for i in range(shortest, x{k}.size):",
            f"            p{k} = {name}(p{k} * x{k}[i])",
            f"        store(target + {size} * min(unit + {k}, end - 1), p{k})",
        ]
    return "\n".join([*lines, f"        unit += {PIECES}", ""])


def columns_source(kind: str, dtype: str, mean: bool = False) -> str:
    """Return the source of a kernel that reduces the middle axis of [outer, n, inner]. The axis is
    divided into ``blocks`` blocks, each with its own result.

    Kernel arguments: outer, n, inner, blocks, length of a block, source, target (outer, blocks,
    inner), columns of a tile (at most `WIDEST`); for a mean, the divisor.

    A unit of work is a tile of columns of one block. Every 128 rows its partial results are added
    to the total, except for a product, whose factors are multiplied strictly in order.
    """
    size, name = numpy_dtype(dtype).itemsize, numpy_name(dtype)
    start = identity(kind, dtype)
    used = (
        f"from nodeflow.engine.devicelib.vector_reduce import {kind}_of"
        if kind in ("max", "min")
        else ""
    )
    result = f"{name}(total[c] / {name}(slot(args, 8)))" if mean else "total[c]"
    end = "last" if kind == "prod" else "min(first + 128, last)"

    def added(count: int) -> list[str]:
        """Return kernel lines that combine ``count`` rows with the partial results of a reduction,
        in order. They read and write each partial result only once.
        """
        text = "part[c]"
        for k in range(count):
            text = _combined(kind, text, f"x{k}[c]", dtype)
        return [
            f"at = source + {size} * ((above + row) * inner + column)",
            *(f"x{k} = view1(at + {size * k} * inner, width, {name})" for k in range(count)),
            "for c in range(x0.size):",
            f"    part[c] = {text}",
        ]

    lines = [
        "import numpy as np",
        "from nodeflow.engine.devicelib.intrinsics import local_array, slot, view1",
        used,
        "",
        "",
        "def kernel(args, task, ntasks):",
        "    outer, n, inner = slot(args, 0), slot(args, 1), slot(args, 2)",
        "    blocks, length = slot(args, 3), slot(args, 4)",
        "    source, target, tile = slot(args, 5), slot(args, 6), slot(args, 7)",
        "    tiles = (inner + tile - 1) // tile",
        "    units = outer * blocks * tiles",
        f"    part = local_array({WIDEST}, {name})",
        f"    total = local_array({WIDEST}, {name})",
        "    for unit in range(units * task // ntasks, units * (task + 1) // ntasks):",
        "        chunk = unit // tiles",
        "        column = (unit - chunk * tiles) * tile",
        "        width = min(tile, inner - column)",
        "        first = (chunk % blocks) * length",
        "        last = min(first + length, n)",
        "        above = (chunk // blocks) * n",
        "        for c in range(width):",
        f"            total[c] = {start}",
        "        while first < last:",
        "            for c in range(width):",
        f"                part[c] = {start}",
        f"            row, end = first, {end}",
        f"            while row + {ROWS_AT_ONCE} <= end:",
        *("                " + line for line in added(ROWS_AT_ONCE)),
        f"                row += {ROWS_AT_ONCE}",
        "            while row < end:",
        *("                " + line for line in added(1)),
        "                row += 1",
        "            for c in range(width):",
        f"                total[c] = {_combined(kind, 'total[c]', 'part[c]', dtype)}",
        "            first = end",
        f"        y = view1(target + {size} * (chunk * inner + column), width, {name})",
        "        for c in range(y.size):",
        f"            y[c] = {result}",
        "",
    ]
    return "\n".join(lines)


def search_source(kind: str, dtype: str, *, rows: bool) -> str:
    """Return the source of a kernel that finds a maximum or minimum along the middle axis of
    [outer, n, inner]. The result is its first index, as int64. NaN counts as the extreme.

    Kernel arguments: outer, n, inner, source, target (outer, inner). With ``rows``, inner is 1.
    Both forms are loops without branches, which vectorise.
    """
    size, name = numpy_dtype(dtype).itemsize, numpy_name(dtype)
    body = _search_rows(kind, dtype) if rows else _search_columns(kind, dtype)
    units = "outer" if rows else f"outer * ((inner + {COLUMN_TILE - 1}) // {COLUMN_TILE})"
    extreme = f"{kind.removeprefix('arg')}_lanes"
    lines = [
        "import numpy as np",
        "" if rows else "from nodeflow.engine.devicelib.arithmetic import select",
        "from nodeflow.engine.devicelib.intrinsics import local_array, set_slot, slot",
        "from nodeflow.engine.devicelib.intrinsics import store, view1",
        f"from nodeflow.engine.devicelib.vector_reduce import any_match, {extreme}"
        if rows and dtype in FLOATS
        else "",
        "from nodeflow.engine.devicelib.abi import CODE, EMPTY_REDUCTION",
        "",
        "",
        "def kernel(args, task, ntasks):",
        "    outer, n, inner = slot(args, 0), slot(args, 1), slot(args, 2)",
        "    source, target = slot(args, 3), slot(args, 4)",
        f"    units = {units}",
        "    if n == 0 and units > 0:",
        "        set_slot(args, CODE, EMPTY_REDUCTION)",
        "        units = 0",
        *("    " + line.format(size=size, name=name, tile=COLUMN_TILE) for line in body),
        "",
    ]
    return "\n".join(lines)


def short_search_source(kind: str, dtype: str, n: int) -> str:
    """Return the source of a kernel that finds the index of the maximum or minimum in each short
    row of ``n`` elements.

    Arguments: as for `search_source`.
    """
    return f"""import numpy as np
from nodeflow.engine.devicelib.intrinsics import slot
from nodeflow.engine.devicelib.short_rows import {kind}_rows


def kernel(args, task, ntasks):
    rows, source, target = slot(args, 0), slot(args, 3), slot(args, 4)
    begin, end = rows * task // ntasks, rows * (task + 1) // ntasks
    source += {n * numpy_dtype(dtype).itemsize} * begin
    {kind}_rows({n}, {numpy_name(dtype)}, source, target + 8 * begin, end - begin)
"""


def _search_rows(kind: str, dtype: str) -> list[str]:
    """Return kernel lines that find the maximum or minimum of a row, and then its index while the
    row is still in the cache.
    """
    sign = ">" if kind == "argmax" else "<"
    found = "(x[i] == best) | (x[i] != x[i])" if dtype in FLOATS else "x[i] == best"
    if dtype in FLOATS:
        extreme = [
            f"    best = {kind.removeprefix('arg')}_lanes(at, n, {{name}})",
            "    first = np.int64(0)",
            f"    while first + {LANES} <= n and not any_match(at + {{size}} * first, best):",
            f"        first += {LANES}",
        ]
    else:
        extreme = [
            "    best = x[0]",
            "    for i in range(x.size):",
            f"        best = x[i] if x[i] {sign} best else best",
            "    first = np.int64(0)",
        ]
    return [
        "for unit in range(units * task // ntasks, units * (task + 1) // ntasks):",
        "    at = source + {size} * (unit * n)",
        "    x = view1(at, n, {name})",
        *extreme,
        "    place = np.int64(0)",
        "    for i in range(first, x.size):",
        f"        if {found}:",
        "            place = np.int64(i)",
        "            break",
        "    store(target + 8 * unit, place)",
    ]


def _search_columns(kind: str, dtype: str) -> list[str]:
    """Return kernel lines that find the maximum or minimum of each column in a tile, some rows at a
    time.

    If too few rows are left, the last row is repeated, which does not change the result.
    """
    sign = ">" if kind == "argmax" else "<"
    rows = range(SEARCHED_AT_ONCE)

    def compared(k: int) -> list[str]:
        better = f"x{k}[c] {sign} most"
        if dtype in FLOATS:
            better = f"({better}) | ((x{k}[c] != x{k}[c]) & (most == most))"
        return [
            f"            better = {better}",
            f"            most = select(better, x{k}[c], most)",
            f"            found = select(better, np.int32(row + {k}), found)",
        ]

    return [
        "tiles = (inner + {tile} - 1) // {tile}",
        "best = local_array({tile}, {name})",
        "place = local_array({tile}, np.int32)",
        "for unit in range(units * task // ntasks, units * (task + 1) // ntasks):",
        "    above = unit // tiles",
        "    column = (unit - above * tiles) * {tile}",
        "    width = min(np.int64({tile}), inner - column)",
        "    first = source + {size} * (above * n * inner + column)",
        "    x = view1(first, width, {name})",
        "    for c in range(x.size):",
        "        best[c] = x[c]",
        "        place[c] = np.int32(0)",
        f"    for row in range(1, n, {SEARCHED_AT_ONCE}):",
        *(f"        r{k} = min(row + {k}, n - 1) * inner" for k in rows),
        *(f"        x{k} = view1(first + {{size}} * r{k}, width, {{name}})" for k in rows),
        "        for c in range(x0.size):",
        "            most, found = best[c], place[c]",
        *itertools.chain.from_iterable(map(compared, rows)),
        "            best[c] = most",
        "            place[c] = found",
        "    y = view1(target + 8 * (above * inner + column), width, np.int64)",
        "    for c in range(y.size):",
        "        y[c] = np.int64(place[c])",
    ]
