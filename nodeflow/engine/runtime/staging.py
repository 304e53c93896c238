"""Brings rows of lazily read columns into memory for the next training steps.

Kernels gather batches from arrays whose addresses never change. Where a column is read lazily, the
rows of a few steps are read into such arrays before those steps run. The kernels do the same to
them as to a column that is in memory, so the numbers have the same bits.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from nodeflow.engine.columns import Column
from nodeflow.graph.graph import Tensor

STAGED_BYTES, MOST_STEPS = 1 << 26, 64


class Staging:
    """The rows of the next steps.

    Attributes:
        columns: what kernels gather from: ``steps`` batches of each column.
        steps: how many steps fit.
        order: the rows of the staged steps, int64: one after the other.
    """

    def __init__(self, columns: Mapping[Tensor, Column], batch_size: int) -> None:
        self._sources = dict(columns)
        self._batch_size = batch_size
        step = batch_size * sum(_row_bytes(column) for column in columns.values())
        self.steps = max(1, min(MOST_STEPS, STAGED_BYTES // max(step, 1)))
        rows = self.steps * batch_size
        self.order = np.arange(rows, dtype=np.int64)
        self._arrays = {
            tensor: np.zeros((rows, *column.array.shape[1:]), column.array.dtype)
            for tensor, column in columns.items()
        }
        self.columns = {
            tensor: Column(self._arrays[tensor], column.dtype, column.scale, column.depth)
            for tensor, column in columns.items()
        }

    def fill(self, which: np.ndarray) -> None:
        """Read rows, at most ``steps`` batches of them.

        Raises:
            DataError: a row cannot be read.
        """
        for tensor, column in self._sources.items():
            self._arrays[tensor][: len(which)] = column.stored(which)


def staging_of(columns: Mapping[Tensor, Column], batch_size: int) -> Staging | None:
    """The staging of columns if one of them is lazy; None if all are in memory."""
    return Staging(columns, batch_size) if any(c.lazy for c in columns.values()) else None


def _row_bytes(column: Column) -> int:
    return int(np.prod(column.array.shape[1:], dtype=np.int64)) * column.array.itemsize
