"""The first kernels of a training step, which gather rows of data set columns in epoch order.

They compute the same as `Column.rows`, in tasks of the program: images stay uint8 in memory and
are scaled while they are gathered, and labels become one-hot rows.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from nodeflow.engine.blocking import blocks
from nodeflow.engine.columns import Column, LazyColumn
from nodeflow.engine.devicelib.abi import float_slot
from nodeflow.engine.ir.launches import KernelLaunch, Pointer, Region, StepAddress
from nodeflow.engine.kernels.expressions import converted, numpy_name
from nodeflow.engine.mapped_rows import MappedRows
from nodeflow.graph.types import HALVES, numpy_dtype

FIRST, ORDER = 1, 2
"""Positions of two arguments that are set before a program runs: the number of the epoch's
first step, and the address of the order, which contains row numbers of `gathered_from`.
"""


def gather_launch(column: Column, batch_size: int, target: int) -> KernelLaunch:
    """Return a kernel launch that gathers the rows of a batch from a data column into ``target``, a
    storage of shape (batch_size, *row).

    The column's array must be `contiguous`; a column that is read from a file must be
    memory-mapped. The caller keeps the column alive.
    """
    array = gathered_from(column)
    width = math.prod(array.shape[1:])
    args = (StepAddress(), 0, 0, batch_size, width, array.ctypes.data, Pointer(target))
    args = (*args, array.strides[0])
    made = (column.depth or width) * numpy_dtype(column.dtype).itemsize
    moved = batch_size * (width * array.itemsize + made)
    if column.depth is not None:
        source = one_hot_source(array.dtype.name, column.dtype)
        work = batch_size * column.depth * 0.3
        return KernelLaunch(
            source, (*args, column.depth), 1, work, moved=moved, writes=(Region(target),)
        )
    aligned = bool(array.flags.aligned)
    source = rows_source(array.dtype.name, column.dtype, column.scale is not None, aligned)
    scale = () if column.scale is None else (float_slot(column.scale, column.dtype),)
    work = batch_size * (width * 0.15 + 20)
    tasks = max(1, min(8, batch_size, 2 * round(work / 10_000)))
    writes = (Region(target),)
    return KernelLaunch(source, (*args, *scale), tasks, work, moved=moved, writes=writes)


def gathered_from(column: Column) -> np.ndarray:
    """Return the array that kernels gather the rows of a column from: the column's own array, or
    the array of its memory-mapped file.
    """
    mapped = mapped_of(column)
    return column.array if mapped is None else mapped.array


def mapped_of(column: Column) -> MappedRows | None:
    """Return the memory-mapped file that kernels gather the rows of a column from. Return None if
    the column has no such file.
    """
    return column.mapped if isinstance(column, LazyColumn) else None


def order_in(column: Column, order: np.ndarray) -> np.ndarray:
    """Translate row numbers of a data column into row numbers of the array that kernels gather its
    rows from. They may differ for a column whose rows are in a file.
    """
    return column.numbers[order] if isinstance(column, LazyColumn) else order


def contiguous(column: Column) -> Column:
    """Return the column, or a copy with a contiguous array. Lazy columns are returned unchanged."""
    if column.lazy or (column.array.flags.c_contiguous and column.array.flags.aligned):
        return column
    array = np.ascontiguousarray(column.array)
    return Column(array, column.dtype, column.scale, column.depth)


_HEAD = """import numpy as np
from nodeflow.engine.devicelib.intrinsics import {names}{functions}


def kernel(args, task, ntasks):
    step = slot(slot(args, 0), 0) - slot(args, 1)
    order, batch, width = slot(args, 2), slot(args, 3), slot(args, 4)
    source, target, pitch = slot(args, 5), slot(args, 6), slot(args, 7)
"""


@cache
def rows_source(stored: str, dtype: str, scaled: bool, aligned: bool = True) -> str:
    """Return the source text of a kernel loop that gathers rows of a batch and converts their
    elements from the stored dtype to ``dtype``.

    If ``scaled``, it multiplies each element by the kernel argument in slot 8.
    """
    size_in, size_out = numpy_dtype(stored).itemsize, numpy_dtype(dtype).itemsize
    used = {"prefetch", "slot", "view1"}
    lines = []
    view = "view1" if aligned else "unaligned_view1"
    used.add(view)
    if scaled:
        get = "slot_f32" if dtype == "float32" else "slot_f64"
        used.add(get)
        lines.append(f"    scale = {get}(args, 8)")
    value, functions = converted("x[j]", stored, dtype)
    if scaled:
        value = f"{numpy_name(dtype)}({value} * scale)"
    # The rows of a batch are scattered in memory, so the next row is prefetched while this one is
    # converted.
    lines += [
        "    end = batch * (task + 1) // ntasks",
        "    for i in range(batch * task // ntasks, end):",
        "        row = slot(order, step * batch + i)",
        "        after = source + pitch * slot(order, step * batch + min(i + 1, end - 1))",
        f"        for byte in range(0, min(width * {size_in}, 4096), {blocks().line}):",
        "            prefetch(after + byte)",
        f"        x = {view}(source + pitch * row, width, {numpy_name(stored)})",
        f"        y = view1(target + {size_out} * (i * width), width, {numpy_name(dtype)})",
        "        for j in range(y.size):",
        f"            y[j] = {value}",
        "",
    ]
    names = ", ".join(sorted(used))
    return _HEAD.format(names=names, functions=_imported(functions)) + "\n".join(lines)


def _imported(functions: set[str]) -> str:
    """Return an import statement for the named functions of `devicelib.half_floats`; "" if no
    function is named.
    """
    names = ", ".join(sorted(functions))
    return names and f"\nfrom nodeflow.engine.devicelib.half_floats import {names}"


@cache
def one_hot_source(stored: str, dtype: str) -> str:
    """Return the source text of a kernel loop that gathers class numbers of a batch and writes them
    as one-hot rows. The kernel argument in slot 8 is the number of classes.
    """
    size_out = numpy_dtype(dtype).itemsize
    name = numpy_name(dtype)
    bits = np.ones((), numpy_dtype(dtype)).view(np.uint16) if dtype in HALVES else 1
    one = f"{name}({bits})"
    lines = [
        "    depth = slot(args, 8)",
        "    for i in range(batch * task // ntasks, batch * (task + 1) // ntasks):",
        "        at = source + pitch * slot(order, step * batch + i)",
        f"        label = np.int64(load(at, {numpy_name(stored)}))",
        f"        y = view1(target + {size_out} * (i * depth), depth, {name})",
        "        for j in range(y.size):",
        f"            y[j] = {one} if j == label else {name}(0)",
        "",
    ]
    return _HEAD.format(names="load, slot, view1", functions="") + "\n".join(lines)
