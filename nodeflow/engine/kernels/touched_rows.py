"""Kernels for the rows that lookups name: find distinct rows, mark them, and write values into
a table.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from nodeflow.engine.ir.actions import Actions
from nodeflow.engine.ir.groups import Group
from nodeflow.engine.ir.launches import Bound, KernelLaunch, Pointer, Region, limited_tasks
from nodeflow.engine.kernels.expressions import integer_of_size
from nodeflow.engine.kernels.indexing import FROM_END
from nodeflow.engine.kernels.kernel import (
    Array,
    CallKernel,
    GroupToLaunch,
    Kernel,
    KernelCall,
    around,
    sizes_of,
)
from nodeflow.engine.kernels.registry import handles
from nodeflow.graph.types import TensorType, numpy_dtype
from nodeflow.ops.lowering import FirstOccurrences, MarkRows, PutRows


@handles(FirstOccurrences)
class FirstOccurrencesKernel(CallKernel[FirstOccurrences]):
    """The kernel that finds the first occurrences of row numbers, by one pass with an
    open-addressing hash table. The numbers are few and the rows many.
    """

    label = "distinct rows"

    def calls(self, lowering: FirstOccurrences, types: Sequence[TensorType]) -> list[KernelCall]:
        inputs = types[: len(lowering.from_end)]
        counts = [each.size or 0 for each in inputs]
        source = first_source(tuple(t.dtype for t in inputs), lowering.from_end)
        args = (lowering.extent, types[-1].size or 0, *counts, *map(Array, range(len(types))))
        return [KernelCall(source, args, 1, sum(counts) * 8.0)]

    def checks_elements(self, lowering: FirstOccurrences) -> bool:
        return True


@cache
def first_source(dtypes: tuple[str, ...], from_end: tuple[bool, ...]) -> str:
    """Return the source of a kernel that finds the distinct row numbers in several inputs and the
    first occurrence of each.

    Kernel arguments: rows of the table, size of the working memory, number of row numbers in each
    input, the inputs; rows, first, first of each input, working memory.
    """
    parts = len(dtypes)
    outs = 2 + 2 * parts
    text = f"""import numpy as np
from nodeflow.engine.devicelib.intrinsics import load, set_slot, slot, view1
from nodeflow.engine.devicelib.abi import CODE, INDEX_OUT_OF_RANGE


def kernel(args, task, ntasks):
    n, room = slot(args, 0), slot(args, 1)
    total = {" + ".join(f"slot(args, {2 + j})" for j in range(parts))}
    rows = view1(slot(args, {outs}), total, np.int64)
    first = view1(slot(args, {outs + 1}), total, np.int64)
    table = view1(slot(args, {outs + 2 + parts}), room, np.int64)
    for i in range(room):
        table[i] = np.int64(-1)
    at = np.int64(0)
"""
    for j, (dtype, wraps) in enumerate(zip(dtypes, from_end, strict=True)):
        text += f"""    count{j} = slot(args, {2 + j})
    indices{j} = slot(args, {2 + parts + j})
    own{j} = view1(slot(args, {outs + 2 + j}), count{j}, np.int64)
    for k in range(count{j}):
        place = np.int64(load(indices{j} + {numpy_dtype(dtype).itemsize} * k, np.{dtype}))
        {FROM_END if wraps else ""}
        if place < 0 or place >= n:
            set_slot(args, CODE, INDEX_OUT_OF_RANGE)
            place = np.int64(0)
        h = ((place * 2654435761) >> 15) & (room - 1)
        found = table[h]
        while found >= 0 and rows[found] != place:
            h = (h + 1) & (room - 1)
            found = table[h]
        if found < 0:
            table[h] = at
            found = at
        rows[at] = place
        first[at] = found
        own{j}[k] = found
        at += 1
"""
    return text


@handles(MarkRows)
class MarkRowsKernel(CallKernel[MarkRows]):
    """The kernel that marks the named rows: False for all rows, then True for named rows."""

    label = "mark rows"
    scatters = True

    def calls(self, lowering: MarkRows, types: Sequence[TensorType]) -> list[KernelCall]:
        *inputs, out = types
        rows, counts = out.size or 0, [each.size or 0 for each in inputs]
        source = mark_source(tuple(each.dtype for each in inputs))
        args = (rows, *counts, *map(Array, range(len(types))))
        writes = (Region(len(inputs), bound=Bound(0, rows)),)
        return [KernelCall(source, args, 1, rows * 0.05 + sum(counts), writes=writes)]

    def checks_elements(self, lowering: MarkRows) -> bool:
        return True


@cache
def mark_source(dtypes: tuple[str, ...]) -> str:
    """Return the source of a kernel that marks which rows of a table occur in lists of row numbers.

    Kernel arguments: rows, number of row numbers in each input, the inputs, out (rows).
    """
    parts = len(dtypes)
    text = f"""import numpy as np
from nodeflow.engine.devicelib.intrinsics import load, set_slot, slot, view1
from nodeflow.engine.devicelib.abi import CODE, INDEX_OUT_OF_RANGE


def kernel(args, task, ntasks):
    n = slot(args, 0)
    marked = view1(slot(args, {1 + 2 * parts}), n, np.uint8)
    for i in range(n):
        marked[i] = np.uint8(0)
"""
    for j, dtype in enumerate(dtypes):
        text += f"""    indices{j} = slot(args, {1 + parts + j})
    for k in range(slot(args, {1 + j})):
        place = np.int64(load(indices{j} + {numpy_dtype(dtype).itemsize} * k, np.{dtype}))
        {FROM_END}
        if place < 0 or place >= n:
            set_slot(args, CODE, INDEX_OUT_OF_RANGE)
        else:
            marked[place] = np.uint8(1)
"""
    return text


@handles(PutRows)
class PutRowsKernel(Kernel[PutRows]):
    """The kernel that writes new values into some rows of a table.

    In place it touches only these rows; otherwise it copies all rows.
    """

    label = "put rows"
    scatters = True

    def launches(self, work: GroupToLaunch, lowering: PutRows) -> list[KernelLaunch]:
        table, named = work.types[0], work.types[1].size or 0
        _, n, inner = around(sizes_of(table), 0)
        old, rows, first, values, out = work.pointers
        size = numpy_dtype(table.dtype).itemsize
        inplace = out.storage in work.inplace
        read: tuple[Pointer, ...] = (rows, first, values) if inplace else (rows, first, values, old)
        moved = named * inner if inplace else (n + named) * inner
        tasks = limited_tasks(moved * 0.1 * size / 4, named if inplace else n)
        region = Region(out.storage, bound=Bound(0, n), partial=inplace)
        return [
            KernelLaunch(
                put_source(size, inplace),
                (n, inner, named, out, *read),
                tasks,
                moved * 0.1 * size / 4,
                work.group,
                writes=(region,),
            )
        ]

    def may_overwrite(self, actions: Actions, group: Group, storage: int) -> bool:
        read = [actions.storage[s] for s in group.actions[0].inputs]
        return read[0] == storage and storage not in read[1:]


@cache
def put_source(size: int, inplace: bool) -> str:
    """Return the source of a kernel that overwrites named rows of a table.

    Kernel arguments: rows of the table, elements of a row, number of named rows, out, rows, first,
    values; unless ``inplace``, also the table before the change.
    """
    name = integer_of_size(size)
    head = """import numpy as np
from nodeflow.engine.devicelib.intrinsics import slot, view1


def kernel(args, task, ntasks):
    n, inner, count, target = slot(args, 0), slot(args, 1), slot(args, 2), slot(args, 3)
    rows = view1(slot(args, 4), count, np.int64)
    first = view1(slot(args, 5), count, np.int64)
    values = slot(args, 6)
"""
    if inplace:
        loop = """    for k in range(count * task // ntasks, count * (task + 1) // ntasks):
        if first[k] == k and rows[k] >= 0 and rows[k] < n:
"""
    else:
        loop = f"""    low, high = n * task // ntasks, n * (task + 1) // ntasks
    z = view1(slot(args, 7) + {size} * (low * inner), (high - low) * inner, {name})
    w = view1(target + {size} * (low * inner), (high - low) * inner, {name})
    for i in range(w.size):
        w[i] = z[i]
    for k in range(count):
        if first[k] == k and rows[k] >= low and rows[k] < high:
"""
    return f"""{head}{loop}            x = view1(values + {size} * (k * inner), inner, {name})
            y = view1(target + {size} * (rows[k] * inner), inner, {name})
            for i in range(y.size):
                y[i] = x[i]
"""
