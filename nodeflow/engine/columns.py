"""One column of a data set, stored compactly and widened only when rows are gathered.

Images stay uint8 and labels stay class numbers: MNIST takes 55 MB instead of 220. The engine reads
``array``, ``scale`` and ``depth`` directly to compile the same gather into its kernels. So the
arithmetic here is part of the contract: ``float(stored) * float(scale)``, both already in the
column's dtype, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nodeflow.engine.mapped_rows import FileMap, MappedRows
from nodeflow.errors import DataError
from nodeflow.graph.types import TensorType, dtype_name, numpy_dtype


class Column:
    """An immutable column of ``n`` rows, gathered in one of three ways.

    - plain: rows are ``array[i]``, widened to ``dtype`` (never narrowed);
    - ``scale`` given: rows are ``array[i] * scale`` in a float ``dtype``;
    - ``depth`` given: ``array`` contains class numbers and rows are one-hot, ``(depth,)``.

    The array is not copied; the caller must not change it afterwards.

    Args:
        array: shape (n, ...), of one of nodeflow's dtypes or a smaller integer.
        dtype: dtype of the rows. Default: float32 if scaled or one-hot, else the array's dtype.
        scale: factor for every element.
        depth: number of classes; ``array`` is then one-dimensional with integers 0 to depth - 1.

    Raises:
        DataError: the arguments contradict each other or a label is not below ``depth``.
        DtypeError: nodeflow has no such dtype.
    """

    __slots__ = ("array", "depth", "dtype", "scale", "type")

    lazy = False
    """Whether rows are read when they are gathered; ``array`` then gives only shape and dtype."""

    def __init__(
        self,
        array: Any,
        dtype: str | None = None,
        scale: float | None = None,
        depth: int | None = None,
    ) -> None:
        stored = np.asarray(array).view()
        stored.flags.writeable = False
        if stored.ndim == 0:
            raise DataError("a column needs rows, and a scalar has none")
        widened = scale is not None or depth is not None
        name = dtype_name(dtype or ("float32" if widened else stored.dtype))
        _check(stored, name, scale, depth)
        row = stored.shape[1:] if depth is None else (depth,)
        for field, value in (
            ("array", stored),
            ("dtype", name),
            ("scale", None if scale is None else float(scale)),
            ("depth", depth),
            ("type", TensorType(name, (None, *row))),
        ):
            object.__setattr__(self, field, value)

    array: np.ndarray
    dtype: str
    scale: float | None
    depth: int | None
    type: TensorType

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"a Column is immutable; make another one to change {name}")

    def __len__(self) -> int:
        return len(self.array)

    def __repr__(self) -> str:
        return f"Column({len(self)} rows, {self.type}, stored as {self.array.dtype})"

    @property
    def nbytes(self) -> int:
        """The number of bytes that the column takes in memory."""
        return self.array.nbytes

    def rows(self, which: Any) -> np.ndarray:
        """Return the rows ``which`` (a slice or integers) as a new array of ``dtype``.

        Raises:
            IndexError: an index is outside the column.
        """
        stored = self.stored(which)
        target = numpy_dtype(self.dtype)
        if self.depth is not None:
            result = np.zeros((len(stored), self.depth), dtype=target)
            result[np.arange(len(stored)), stored] = 1
            return result
        result = stored.astype(target)
        if self.scale is not None:
            result *= target.type(self.scale)
        return result

    def stored(self, which: Any) -> np.ndarray:
        """Return the rows ``which`` (a slice or integers) as they are stored.

        Raises:
            IndexError: an index is outside the column.
        """
        if isinstance(which, slice):
            return self.array[which]
        return np.take(self.array, np.asarray(which, dtype=np.int64), axis=0)

    def part(self, start: int, stop: int) -> Column:
        """Return the rows ``start`` to ``stop`` as a column that shares this column's memory."""
        return Column(self.array[start:stop], self.dtype, self.scale, self.depth)

    def take(self, indices: Any) -> Column:
        """Return the rows ``indices`` as a new column. The values stay in their stored form, such
        as uint8 with a scale.
        """
        stored = np.take(self.array, np.asarray(indices, dtype=np.int64), axis=0)
        return Column(stored, self.dtype, self.scale, self.depth)

    def __reduce__(self) -> tuple:
        return Column, (self.array, self.dtype, self.scale, self.depth)


class LazyColumn(Column):
    """A column of ``n`` rows that are read when they are gathered, such as pictures in files.

    Its ``array`` has the shape and dtype of all rows, but takes no memory: all its elements are
    one zero.

    Args:
        read: returns the stored rows of row numbers, int64 (m,) -> (m, *row). It may keep a
            bounded amount in memory.
        numbers: the row number of each row, int64 (n,).
        row: shape of a stored row.
        stored: dtype of a stored row.
        dtype, scale: as for a `Column`.
    """

    __slots__ = ("numbers", "read")

    lazy = True
    read: Callable[[np.ndarray], np.ndarray]
    numbers: np.ndarray

    def __init__(
        self,
        read: Callable[[np.ndarray], np.ndarray],
        numbers: Any,
        row: tuple[int, ...],
        stored: str = "uint8",
        dtype: str | None = None,
        scale: float | None = None,
    ) -> None:
        numbers = np.array(numbers, np.int64)
        numbers.flags.writeable = False
        nothing = np.broadcast_to(np.zeros((), stored), (len(numbers), *row))
        super().__init__(nothing, dtype, scale)
        object.__setattr__(self, "read", read)
        object.__setattr__(self, "numbers", numbers)

    @property
    def mapped(self) -> MappedRows | None:
        """The memory-mapped file from which kernels can gather this column's rows themselves.

        None if the column needs another way of reading.
        """
        return self.read if isinstance(self.read, MappedRows) and self.read.is_direct else None

    @property
    def nbytes(self) -> int:
        """The bytes that this column takes in memory. It stores only row numbers; the values stay
        in the file.
        """
        return self.numbers.nbytes

    def stored(self, which: Any) -> np.ndarray:
        which = which if isinstance(which, slice) else np.asarray(which, np.int64)
        return self.read(self.numbers[which])

    def part(self, start: int, stop: int) -> LazyColumn:
        return self._of(self.numbers[start:stop])

    def take(self, indices: Any) -> LazyColumn:
        return self._of(self.numbers[np.asarray(indices, dtype=np.int64)])

    def _of(self, numbers: np.ndarray) -> LazyColumn:
        row, stored = self.array.shape[1:], self.array.dtype.name
        return LazyColumn(self.read, numbers, row, stored, self.dtype, self.scale)

    def __reduce__(self) -> tuple:
        row, stored = self.array.shape[1:], self.array.dtype.name
        return LazyColumn, (self.read, self.numbers, row, stored, self.dtype, self.scale)


def mapped_column(
    file: FileMap,
    dtype: str,
    scale: float | None = None,
    columns: tuple[int, int] | None = None,
) -> LazyColumn:
    """Return all rows of a memory-mapped array as a column, converted to ``dtype`` at each read.

    Args:
        dtype: narrower dtypes round, like numpy's ``astype``.
        scale: factor for every element.
        columns: range of elements of the last axis, as (start, stop); None: all.
    """
    stored = file.array.dtype
    widened = scale is not None or np.can_cast(stored, numpy_dtype(dtype), "safe")
    read = MappedRows(file, stored.name if widened else dtype, columns)
    numbers = np.arange(len(file.array))
    return LazyColumn(read, numbers, read.array.shape[1:], read.dtype, dtype, scale)


def _check(stored: np.ndarray, dtype: str, scale: float | None, depth: int | None) -> None:
    if scale is not None and depth is not None:
        raise DataError("a column is either scaled or one-hot, not both")
    if scale is not None:
        if dtype not in ("float32", "float64"):
            raise DataError(f"a scaled column is float32 or float64, not {dtype}")
        if stored.dtype.kind not in "biuf":
            raise DataError(f"{stored.dtype} cannot be scaled")
    elif depth is not None:
        _check_labels(stored, depth)
    elif not np.can_cast(stored.dtype, numpy_dtype(dtype), "safe"):
        raise DataError(
            f"{stored.dtype} does not fit into {dtype} without loss",
            hint="Convert the array first, so that the loss is visible.",
        )


def _check_labels(stored: np.ndarray, depth: int) -> None:
    if stored.ndim != 1 or stored.dtype.kind not in "iu":
        raise DataError(
            f"one-hot labels come from a list of whole numbers, not from {stored.dtype} "
            f"of rank {stored.ndim}"
        )
    if depth < 1:
        raise DataError(f"one-hot labels need at least one class, not {depth}")
    if stored.size and not 0 <= int(stored.min()) <= int(stored.max()) < depth:
        raise DataError(
            f"labels run from {stored.min()} to {stored.max()}, which does not fit 0 to {depth - 1}"
        )
