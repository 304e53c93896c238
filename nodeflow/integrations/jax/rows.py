"""The sources of rows for training steps on JAX.

If columns fit on the device, they are sent there once, in their stored form, and steps gather
rows there; this includes memory-mapped files. Columns that do not fit, or that have to be read
first, such as pictures, are sent in blocks: the rows for some steps are gathered on the host
and then sent. The compiled function and the results are the same in both cases.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from nodeflow.engine.columns import Column, LazyColumn
from nodeflow.engine.memory import free_memory
from nodeflow.graph.types import numpy_dtype
from nodeflow.integrations.jax.errors import jax_package

BLOCK_BYTES, MOST_STEPS = 1 << 26, 64
"""Limits of a block of rows that is sent: number of bytes, and number of steps."""
SHARE = 2
"""Divisor of the free memory. Columns are sent whole if they take less than this part of it."""

Columns = Mapping[int, Column]
"""Columns of a data set, by the slot that each feeds."""


class Rows(Protocol):
    """A source of rows for training steps on JAX."""

    def piece(
        self, order: np.ndarray, at: int, count: int
    ) -> tuple[tuple[Any, ...], Any, int, int]:
        """Return the stored rows for up to ``count`` training steps, from step ``at`` of an epoch.

        Args:
            order: the numbers of all rows in the order of the epoch.

        Returns:
            The stored rows of each column; the order of these rows in the steps; the number of
            the first step in this order; and the number of steps that have all their rows.
        """
        ...


def rows_of(columns: Columns, batch_size: int) -> Rows:
    """Return an object that supplies the rows of data columns to JAX: from device memory if they
    fit there, otherwise sent in blocks.
    """
    size = sum(column.array.nbytes for column in columns.values())
    waits = any(isinstance(c, LazyColumn) and c.mapped is None for c in columns.values())
    if waits or not _fits(size):
        return _SentRows(columns, batch_size)
    return _PlacedRows(columns)


def _fits(size: int) -> bool:
    """Return whether an array of ``size`` bytes may stay on the device."""
    device = jax_package().devices()[0]
    stats = device.memory_stats() or {} if device.platform != "cpu" else {}
    if "bytes_limit" in stats:
        free = stats["bytes_limit"] - stats.get("bytes_in_use", 0)
    else:
        free = free_memory()
    return free is None or SHARE * size < free


class _PlacedRows:
    """A source of rows that keeps all rows on the device."""

    def __init__(self, columns: Columns) -> None:
        jnp = jax_package().numpy
        whole = (c.stored(np.arange(len(c))) if c.lazy else c.array for c in columns.values())
        self._stored = tuple(jnp.asarray(array) for array in whole)
        self._sent: tuple[np.ndarray | None, Any] = (None, None)

    def piece(
        self, order: np.ndarray, at: int, count: int
    ) -> tuple[tuple[Any, ...], Any, int, int]:
        if self._sent[0] is not order:  # once an epoch
            self._sent = order, jax_package().numpy.asarray(order)
        return self._stored, self._sent[1], at, count


class _SentRows:
    """A source of rows that sends the rows for a block of steps at a time."""

    def __init__(self, columns: Columns, batch_size: int) -> None:
        self._columns, self._batch_size = columns, batch_size
        row = sum(c.array[:1].nbytes for c in columns.values())
        self._steps = max(1, min(MOST_STEPS, BLOCK_BYTES // max(1, row * batch_size)))
        self._order = np.arange(self._steps * batch_size, dtype=np.int64)

    def piece(
        self, order: np.ndarray, at: int, count: int
    ) -> tuple[tuple[Any, ...], Any, int, int]:
        count = min(count, self._steps)
        which = order[at * self._batch_size : (at + count) * self._batch_size]
        sent = tuple(self._block(c.stored(which)) for c in self._columns.values())
        return sent, self._order, 0, count

    def _block(self, rows: np.ndarray) -> np.ndarray:
        """Pad rows with zeros to the size of a block, so that all blocks have the same shape."""
        block = np.zeros((len(self._order), *rows.shape[1:]), rows.dtype)
        block[: len(rows)] = rows
        return block


def batch_of(columns: Columns, stored: Sequence[Any], which: Any) -> dict[int, Any]:
    """Gather the rows with numbers ``which`` from the stored columns. Return the traced arrays by
    slot, converted to the form that placeholders take.
    """
    jnp = jax_package().numpy
    return {
        slot: decoded(column, jnp.take(array, which, axis=0, mode="clip"))
        for (slot, column), array in zip(columns.items(), stored, strict=True)
    }


def decoded(column: Column, rows: Any) -> Any:
    """Decode traced rows of a column from their stored form to the form that placeholders take."""
    jnp, dtype = jax_package().numpy, numpy_dtype(column.dtype)
    if column.depth is not None:
        classes = jnp.arange(column.depth, dtype=rows.dtype)
        return (rows[:, None] == classes).astype(dtype)
    rows = rows.astype(dtype)
    return rows if column.scale is None else rows * jnp.asarray(column.scale, dtype)
