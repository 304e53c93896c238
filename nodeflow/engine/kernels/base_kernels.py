"""Kernels that every compiled run needs: the dispatch loop, and the recorder of scalars."""

from __future__ import annotations

from pathlib import Path

RECORD = '''
import numpy as np
from nodeflow.engine.devicelib.intrinsics import load, slot, store

def kernel(args, task, ntasks):
    """args: address of the step, ring, its rows, columns, then (source, kind) of each column."""
    step = slot(slot(args, 0), 0)
    columns = slot(args, 3)
    target = slot(args, 1) + 8 * columns * (step % slot(args, 2))
    for column in range(columns):
        source, kind = slot(args, 4 + 2 * column), slot(args, 5 + 2 * column)
        value = np.float64(0)
        if kind == 0:
            value = np.float64(load(source, np.float32))
        elif kind == 1:
            value = load(source, np.float64)
        elif kind == 2:
            value = np.float64(load(source, np.int32))
        elif kind == 3:
            value = np.float64(load(source, np.int64))
        else:
            value = np.float64(load(source, np.uint8))
        store(target + 8 * column, value)
'''
"""The kernel text that writes scalars of any dtype as float64 into row ``step % rows`` of a
ring buffer.
"""
RECORD_KINDS = {"float32": 0, "float64": 1, "int32": 2, "int64": 3, "bool": 4, "uint8": 4}
"""The recorder's code for each dtype."""


def dispatch_loop_source() -> str:
    """Return the source of the dispatch loop, the function that starts all kernels of a run. It is
    compiled and cached like a kernel.
    """
    # The file is read as text, because importing the module would load numba.
    path = Path(__file__).parents[1] / "devicelib" / "work_stealing_loop.py"
    return path.read_text(encoding="utf-8")


def base_sources() -> list[str]:
    """Return the sources of the kernels that every compiled run needs: the dispatch loop, and the
    recorder of scalars.
    """
    return [dispatch_loop_source(), RECORD]
