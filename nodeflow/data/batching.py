"""The order in which rows are seen: a pure function of seed and epoch, the same everywhere.

An epoch's order sorts one Threefry key per row, so it needs no generator state, agrees on every
platform and numpy version, and any epoch can be had without those before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from nodeflow.data.dataset import Columns
from nodeflow.data.errors import DataError
from nodeflow.engine.columns import Column
from nodeflow.ops.threefry import threefry2x32

# Keeps shuffling apart from the streams of the ops, which are keyed by (run seed, node name).
SHUFFLE = 0x5348554C


def epoch_order(rows: int, seed: int, epoch: int) -> np.ndarray:
    """A permutation of ``rows`` row numbers, int64 (rows,), for one epoch.

    Args:
        seed: any integer; its lowest 64 bits count.
        epoch: 0 for the first.
    """
    mask = 0xFFFFFFFF
    key0, key1 = threefry2x32(seed & mask, (seed >> 32) & mask, SHUFFLE, epoch & mask)
    # Two words per row: with 64-bit keys two of 10^6 rows agree with probability 3e-8.
    high, low = threefry2x32(key0, key1, np.arange(rows, dtype=np.uint32), 0)
    keys = high.astype(np.uint64) << np.uint64(32) | low
    return np.argsort(keys, kind="stable").astype(np.int64, copy=False)


def row_count(columns: Columns) -> int:
    """Number of rows, which every column must have.

    Raises:
        DataError: there is no column, or the columns differ.
    """
    sizes = {name: len(column) for name, column in columns.items()}
    if len(set(sizes.values())) != 1:
        text = ", ".join(f"{name} has {size}" for name, size in sizes.items())
        raise DataError(
            f"all columns need the same number of rows: {text or 'there are no columns'}"
        )
    return next(iter(sizes.values()))


class Batches:
    """Batches without end, as TensorFlow's tutorial ``DataSet.next_batch`` gives them.

    Each epoch has an order of its own; a batch that reaches over the end of an epoch takes the
    rest of it and continues with the next, so that every row is seen once an epoch.

    Args:
        columns: name -> Column, equally long and not empty.
        seed: with the epoch number it decides the order.
        shuffle: False keeps the stored order in every epoch.

    Raises:
        DataError: the columns are empty or of different lengths.
    """

    def __init__(
        self, columns: Mapping[str, Column], *, seed: int = 0, shuffle: bool = True
    ) -> None:
        self.columns = dict(columns)
        self.rows = row_count(self.columns)
        if self.rows == 0:
            raise DataError("there are no rows to take batches from")
        self.seed = seed
        self.shuffle = shuffle
        self.epochs_completed = 0
        self.index_in_epoch = 0
        self._order = self._order_of(0)

    def _order_of(self, epoch: int) -> np.ndarray:
        if self.shuffle:
            return epoch_order(self.rows, self.seed, epoch)
        return np.arange(self.rows, dtype=np.int64)

    def next_indices(self, batch_size: int) -> np.ndarray:
        """Row numbers of the next batch, int64 (batch_size,).

        Raises:
            DataError: ``batch_size`` is below 1.
        """
        if batch_size < 1:
            raise DataError(f"a batch needs at least 1 row, not {batch_size}")
        parts, wanted = [], batch_size
        while wanted:
            if self.index_in_epoch == self.rows:
                self.epochs_completed += 1
                self.index_in_epoch = 0
                self._order = self._order_of(self.epochs_completed)
            part = self._order[self.index_in_epoch : self.index_in_epoch + wanted]
            parts.append(part)
            self.index_in_epoch += len(part)
            wanted -= len(part)
        return np.concatenate(parts)

    def next_batch(self, batch_size: int) -> dict[str, np.ndarray]:
        """Column -> the next ``batch_size`` rows, whatever the end of the epoch."""
        indices = self.next_indices(batch_size)
        return {name: column.rows(indices) for name, column in self.columns.items()}


def evaluation_batches(columns: Columns, batch_size: int) -> Iterator[dict[str, np.ndarray]]:
    """Every row once in the stored order; the last batch may be shorter.

    Raises:
        DataError: ``batch_size`` is below 1, or the columns differ in length.
    """
    if batch_size < 1:
        raise DataError(f"a batch needs at least 1 row, not {batch_size}")
    rows = row_count(columns)
    for start in range(0, rows, batch_size):
        part = slice(start, min(start + batch_size, rows))
        yield {name: column.rows(part) for name, column in columns.items()}


def first_rows(columns: Columns, count: int) -> dict[str, np.ndarray]:
    """The first ``count`` rows, or all there are: what a data set feeds outside training."""
    return {name: column.rows(slice(0, count)) for name, column in columns.items()}
