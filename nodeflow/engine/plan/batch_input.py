"""The first kernels of a training step: rows of data set columns, in the epoch's order.

They do what `Column.rows` does, in tasks of the program: images stay uint8 in memory and are scaled
here, labels become one-hot rows.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from nodeflow.engine.columns import Column
from nodeflow.engine.devicelib.abi import float_slot
from nodeflow.engine.ir.launches import KernelLaunch, Pointer, Region, StepAddress
from nodeflow.engine.kernels.expressions import converted, numpy_name
from nodeflow.graph.types import HALVES, numpy_dtype

FIRST, ORDER = 1, 2
"""Arguments that are set before a program runs: the number of the epoch's first step, and the
address of the order."""


def gather_launch(column: Column, batch_size: int, target: int) -> KernelLaunch:
    """Fill the storage ``target``, (batch_size, *row), from a column.

    The caller keeps ``column.array`` alive, which must be contiguous (`contiguous`) and not lazy.
    """
    width = math.prod(column.array.shape[1:])
    args = (StepAddress(), 0, 0, batch_size, width, column.array.ctypes.data, Pointer(target))
    made = (column.depth or width) * numpy_dtype(column.dtype).itemsize
    moved = batch_size * (width * column.array.itemsize + made)
    if column.depth is not None:
        source = one_hot_source(column.array.dtype.name, column.dtype)
        work = batch_size * column.depth * 0.3
        return KernelLaunch(
            source, (*args, column.depth), 1, work, moved=moved, writes=(Region(target),)
        )
    source = rows_source(column.array.dtype.name, column.dtype, column.scale is not None)
    scale = () if column.scale is None else (float_slot(column.scale, column.dtype),)
    work = batch_size * (width * 0.15 + 20)
    tasks = max(1, min(8, batch_size, round(work / 5000)))
    writes = (Region(target),)
    return KernelLaunch(source, (*args, *scale), tasks, work, moved=moved, writes=writes)


def contiguous(column: Column) -> Column:
    """The column itself, or one with a contiguous copy of its array; lazy ones stay lazy."""
    if column.lazy or (column.array.flags.c_contiguous and column.array.flags.aligned):
        return column
    array = np.ascontiguousarray(column.array)
    return Column(array, column.dtype, column.scale, column.depth)


_HEAD = """import numpy as np
from nodeflow.engine.devicelib.intrinsics import {names}{functions}


def kernel(args, task, ntasks):
    step = slot(slot(args, 0), 0) - slot(args, 1)
    order, batch, width = slot(args, 2), slot(args, 3), slot(args, 4)
    source, target = slot(args, 5), slot(args, 6)
"""


@cache
def rows_source(stored: str, dtype: str, scaled: bool) -> str:
    """Rows widened to ``dtype`` and, if ``scaled``, multiplied by the scale in slot 7."""
    size_in, size_out = np.dtype(stored).itemsize, numpy_dtype(dtype).itemsize
    names = "slot, view1"
    lines = []
    if scaled:
        get = "slot_f32" if dtype == "float32" else "slot_f64"
        names = f"slot, {get}, view1"
        lines.append(f"    scale = {get}(args, 7)")
    value, functions = converted("x[j]", stored, dtype)
    if scaled:
        value = f"{numpy_name(dtype)}({value} * scale)"
    lines += [
        "    for i in range(batch * task // ntasks, batch * (task + 1) // ntasks):",
        "        row = slot(order, step * batch + i)",
        f"        x = view1(source + {size_in} * (row * width), width, {numpy_name(stored)})",
        f"        y = view1(target + {size_out} * (i * width), width, {numpy_name(dtype)})",
        "        for j in range(y.size):",
        f"            y[j] = {value}",
        "",
    ]
    return _HEAD.format(names=names, functions=_imported(functions)) + "\n".join(lines)


def _imported(functions: set[str]) -> str:
    """The line that imports functions of `devicelib.half_floats`, if there are any."""
    names = ", ".join(sorted(functions))
    return names and f"\nfrom nodeflow.engine.devicelib.half_floats import {names}"


@cache
def one_hot_source(stored: str, dtype: str) -> str:
    """One-hot rows of the depth in slot 7 from class numbers."""
    size_in, size_out = np.dtype(stored).itemsize, numpy_dtype(dtype).itemsize
    name = numpy_name(dtype)
    bits = np.ones((), numpy_dtype(dtype)).view(np.uint16) if dtype in HALVES else 1
    one = f"{name}({bits})"
    lines = [
        "    depth = slot(args, 7)",
        "    for i in range(batch * task // ntasks, batch * (task + 1) // ntasks):",
        f"        at = source + {size_in} * slot(order, step * batch + i)",
        f"        label = np.int64(load(at, {numpy_name(stored)}))",
        f"        y = view1(target + {size_out} * (i * depth), depth, {name})",
        "        for j in range(y.size):",
        f"            y[j] = {one} if j == label else {name}(0)",
        "",
    ]
    return _HEAD.format(names="load, slot, view1", functions="") + "\n".join(lines)
