"""Kernels that change rows of a tensor: one finds the row numbers and may fail, the other
changes the rows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

from nodeflow.engine.blocking import blocks
from nodeflow.engine.ir.actions import Actions
from nodeflow.engine.ir.groups import Group
from nodeflow.engine.ir.launches import Bound, KernelLaunch, Pointer, Region, limited_tasks
from nodeflow.engine.kernels.expressions import integer_of_size, numpy_name
from nodeflow.engine.kernels.indexing import FROM_END
from nodeflow.engine.kernels.kernel import (
    Array,
    CallKernel,
    GroupToLaunch,
    Kernel,
    KernelCall,
    sizes_of,
)
from nodeflow.engine.kernels.registry import handles
from nodeflow.graph.types import TensorType, numpy_dtype
from nodeflow.ops.lowering import ChangeRows, NumberRows

PAGE = 4096
"""Bytes of neighbouring rows that belong to one task if all rows are copied. For changes in
place it is a cache line.
"""
MOST_TASKS = 4
"""Maximum number of tasks. Each task reads the numbers of all rows. With 1, 2 or 4 tasks, the
task of a row can be found without a division.
"""


@handles(NumberRows)
class NumberRowsKernel(CallKernel[NumberRows]):
    """The kernel that computes the numbers of the rows that indices name.

    It runs before anything is overwritten, so that a failing run changes nothing.
    """

    label = "number rows"

    def calls(self, lowering: NumberRows, types: Sequence[TensorType]) -> list[KernelCall]:
        indices, rows = types
        count = rows.size or 0
        source = number_source(indices.dtype, len(lowering.extents))
        each = max(1, count // max(1, lowering.batches))
        args = (count, *lowering.extents, Array(0), Array(1), each)
        return [KernelCall(source, args, count, count * 1.5 * len(lowering.extents))]

    def checks_elements(self, lowering: NumberRows) -> bool:
        return True


@cache
def number_source(index: str, axes: int) -> str:
    """Return the source of a kernel that converts indices along several axes to flat row numbers.

    Kernel arguments: number of named rows, sizes of the axes, indices (rows, axes), out (rows),
    named rows per batch.
    """
    at = numpy_dtype(index).itemsize
    text = f"""import numpy as np
from nodeflow.engine.devicelib.intrinsics import load, set_slot, slot, view1
from nodeflow.engine.devicelib.abi import CODE, INDEX_OUT_OF_RANGE


def kernel(args, task, ntasks):
    count, indices = slot(args, 0), slot(args, {1 + axes})
    rows = view1(slot(args, {2 + axes}), count, np.int64)
    each = slot(args, {3 + axes})
    for k in range(count * task // ntasks, count * (task + 1) // ntasks):
        row = k // each
"""
    for axis in range(axes):
        text += f"""\
        n = slot(args, {1 + axis})
        place = np.int64(load(indices + {at} * ({axes} * k + {axis}), np.{index}))
        {FROM_END}
        if place < 0 or place >= n:
            set_slot(args, CODE, INDEX_OUT_OF_RANGE)
            place = np.int64(0)
        row = row * n + place
"""
    return f"{text}        rows[k] = row\n"


@handles(ChangeRows)
class ChangeRowsKernel(Kernel[ChangeRows]):
    """The kernel that changes some rows of a tensor.

    In place, it touches only the named rows; otherwise it first copies all rows. A row belongs
    to one task, whatever the number of tasks, so its changes keep their order.
    """

    label = "change rows"
    scatters = True

    def launches(self, work: GroupToLaunch, lowering: ChangeRows) -> list[KernelLaunch]:
        table, rows = work.types[:2]
        sizes, named = sizes_of(table), rows.size or 0
        n, inner = math.prod(sizes[: lowering.axes]), math.prod(sizes[lowering.axes :])
        old, numbers, updates, out = work.pointers
        size = numpy_dtype(table.dtype).itemsize
        inplace = out.storage in work.inplace
        read: tuple[Pointer, ...] = (numbers, updates) if inplace else (numbers, updates, old)
        line = blocks().line
        together = max(1, (line if inplace else PAGE) // (inner * size)).bit_length() - 1
        spent = (named * inner + (0 if inplace else n * inner)) * 0.1 * size / 4 + named * 2.0
        tasks = limited_tasks(spent, min(MOST_TASKS, 1 + inner * size // line))
        tasks = 1 << (tasks.bit_length() - 1)
        region = Region(out.storage, bound=Bound(0, n), partial=inplace)
        return [
            KernelLaunch(
                change_source(table.dtype, lowering.mode, inplace),
                (n, inner, named, together, out, *read),
                tasks,
                spent,
                work.group,
                writes=(region,),
            )
        ]

    def may_overwrite(self, actions: Actions, group: Group, storage: int) -> bool:
        read = [actions.storage[s] for s in group.actions[0].inputs]
        return read[0] == storage and storage not in read[1:]


_COMBINED = {
    "update": "x[i]",
    "add": "{name}(y[i] + x[i])",
    "multiply": "{name}(y[i] * x[i])",
    "max": "{name}(max_of(y[i], x[i]))",
    "min": "{name}(min_of(y[i], x[i]))",
}


@cache
def change_source(dtype: str, mode: str, inplace: bool) -> str:
    """Return the kernel source that updates rows of a tensor: it sets them, or combines them with
    values.

    The number of tasks is a power of 2.

    Kernel arguments: rows of the tensor, elements of a row, number of named rows, logarithm of the
    rows that lie together in one task, out, numbers of rows, updates; unless ``inplace``, also the
    tensor before the change.
    """
    size = numpy_dtype(dtype).itemsize
    name = integer_of_size(size) if mode == "update" else numpy_name(dtype)
    used = f"from nodeflow.engine.devicelib.vector_reduce import {mode}_of\n" if mode in (
        "max", "min",
    ) else ""  # fmt: skip
    copied = f"""\
    source = slot(args, 7)
    for begin in range(task << together, n, ntasks << together):
        length = (min(begin + (1 << together), n) - begin) * inner
        z = view1(source + {size} * (begin * inner), length, {name})
        w = view1(target + {size} * (begin * inner), length, {name})
        for i in range(w.size):
            w[i] = z[i]
"""
    return f"""import numpy as np
from nodeflow.engine.devicelib.intrinsics import slot, view1
{used}

def kernel(args, task, ntasks):
    n, inner, count, together = slot(args, 0), slot(args, 1), slot(args, 2), slot(args, 3)
    target, updates = slot(args, 4), slot(args, 6)
    rows = view1(slot(args, 5), count, np.int64)
{"" if inplace else copied}\
    for k in range(count):
        row = rows[k]
        if row >= 0 and row < n and (row >> together) & (ntasks - 1) == task:
            x = view1(updates + {size} * (k * inner), inner, {name})
            y = view1(target + {size} * (row * inner), inner, {name})
            for i in range(y.size):
                y[i] = {_COMBINED[mode].format(name=name)}
"""
