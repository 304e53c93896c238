"""Rows of lazily read columns, read into memory for the next training steps.

Kernels gather batches from arrays whose addresses never change. If a column is read lazily, the
rows for a block of steps are read into such arrays before these steps run, while another thread
reads the rows for the next block. For kernels, the arrays look like a column in memory, so the
results have the same bits.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from nodeflow.engine.columns import Column, LazyColumn
from nodeflow.graph.graph import Tensor

STAGED_BYTES, MOST_STEPS = 1 << 26, 16
"""Bytes of both blocks together, and maximum number of steps of a block. Blocks are short so
that the first one is ready soon.
"""


@dataclass
class _Block:
    """The steps ``first`` to ``last`` (exclusive) of an epoch, whose rows are read together into
    one of the two halves of the arrays.
    """

    first: int
    last: int
    half: int
    done: Future[None]


class Staging:
    """The rows for the next steps, in two alternating blocks.

    Attributes:
        columns: the columns that kernels gather from.
        steps: number of steps of a block.
    """

    def __init__(self, columns: Mapping[Tensor, Column], batch_size: int) -> None:
        self._sources = dict(columns)
        self._batch_size = batch_size
        step = batch_size * sum(_row_bytes(column) for column in columns.values())
        self.steps = max(1, min(MOST_STEPS, STAGED_BYTES // (2 * max(step, 1))))
        rows = 2 * self.steps * batch_size
        self._places = np.arange(rows, dtype=np.int64)
        self._arrays = {
            tensor: np.zeros((rows, *column.array.shape[1:]), column.array.dtype)
            for tensor, column in columns.items()
        }
        self.columns = {
            tensor: Column(self._arrays[tensor], column.dtype, column.scale, column.depth)
            for tensor, column in columns.items()
        }
        self._order = self._places[:0]
        self._blocks: list[_Block] = []
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="staging")

    def begin(self, order: np.ndarray) -> None:
        """Begin an epoch with the rows in this order: drop blocks of earlier rows, and start to
        read the first block.
        """
        self._drop(self._blocks)
        self._order = order
        if self._batch_size <= len(order):
            self._blocks = [self._read(0, 0)]

    def ready(self, step: int, count: int) -> tuple[np.ndarray, int]:
        """Return the row numbers for a step of the epoch, and for later steps as far as their rows
        are already in memory.

        Returns:
            Row numbers in `columns`, int64, and the number of steps, at most ``count``.

        Raises:
            DataError: a row cannot be read.
        """
        block = next((b for b in self._blocks if b.first <= step < b.last), None)
        if block is None:
            self._drop(self._blocks)
            block = self._read(step, 0)
        try:
            block.done.result()
        except BaseException:
            self._drop(self._blocks)
            raise
        following = [b for b in self._blocks if b.first == block.last]
        self._blocks = [block, *following]
        if not following and (block.last + 1) * self._batch_size <= len(self._order):
            self._blocks.append(self._read(block.last, 1 - block.half))
        start = (block.half * self.steps + step - block.first) * self._batch_size
        return self._places[start:], min(count, block.last - step)

    def _read(self, first: int, half: int) -> _Block:
        last = min(first + self.steps, len(self._order) // self._batch_size)
        which = self._order[first * self._batch_size : last * self._batch_size]
        start = half * self.steps * self._batch_size
        return _Block(first, last, half, self._thread.submit(self._fill, start, which))

    def _fill(self, start: int, which: np.ndarray) -> None:
        for tensor, column in self._sources.items():
            self._arrays[tensor][start : start + len(which)] = column.stored(which)

    def _drop(self, blocks: list[_Block]) -> None:
        """Forget blocks of rows that are being read ahead, after any read in progress has ended.
        Ignore errors of these reads.
        """
        for block in blocks:
            if not block.done.cancel():
                block.done.exception()
        self._blocks = []


def staging_of(columns: Mapping[Tensor, Column], batch_size: int) -> Staging | None:
    """Return an object that reads rows of columns from files ahead of the steps. Return None if all
    rows are in memory or mapped.
    """
    waits = any(isinstance(c, LazyColumn) and c.mapped is None for c in columns.values())
    return Staging(columns, batch_size) if waits else None


def _row_bytes(column: Column) -> int:
    return int(np.prod(column.array.shape[1:], dtype=np.int64)) * column.array.itemsize
