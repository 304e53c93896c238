"""Combines the results of cells into the result for all rows, in grid order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from nodeflow.engine.rows import Rows, Taken
from nodeflow.graph.types import TensorType, number_kind, numpy_dtype


class Total(Protocol):
    """The accumulator for the results of cells."""

    def add(self, part: np.ndarray, start: int, stop: int) -> None:
        """Add the result of one block of rows, ``start`` to ``stop``, to the accumulator.

        The memory of ``part`` may be reused afterwards.
        """
        ...

    def result(self) -> np.ndarray:
        """Return the combined result for all rows."""
        ...


class Kept:
    """An accumulator that stores the rows of each cell in their place."""

    def __init__(self, type_: TensorType, rows: Rows, number: int) -> None:
        self._rows, self._number = rows, number
        self._whole = np.empty(type_.shape, numpy_dtype(type_.dtype))  # type: ignore[arg-type]

    def add(self, part: np.ndarray, start: int, stop: int) -> None:
        place = _apart(self._whole, self._rows, self._number)
        place[_cell(self._rows, start, stop)] = _apart(part, self._rows, stop - start)

    def result(self) -> np.ndarray:
        return self._whole


class Chosen:
    """An accumulator of selected rows, in the order of the selection."""

    def __init__(self, type_: TensorType, taken: Taken) -> None:
        self._numbers, self._axis = np.array(taken.which, np.int64), taken.axis
        self._whole = np.empty(type_.shape, numpy_dtype(type_.dtype))  # type: ignore[arg-type]

    def add(self, part: np.ndarray, start: int, stop: int) -> None:
        here = (self._numbers >= start) & (self._numbers < stop)
        place = np.moveaxis(self._whole, self._axis, 0)
        place[here] = np.moveaxis(part, self._axis, 0)[self._numbers[here] - start]

    def result(self) -> np.ndarray:
        return self._whole


class Folded:
    """An accumulator of a sum, maximum or minimum.

    Floats are summed in float64, because there may be many cells, and each cell's result is
    already rounded.
    """

    def __init__(self, type_: TensorType, fold: np.ufunc, *, wide: bool) -> None:
        self._dtype, self._fold = numpy_dtype(type_.dtype), fold
        self._wide = _wide(self._dtype) if wide else self._dtype
        self._total: np.ndarray | None = None

    def add(self, part: np.ndarray, start: int, stop: int) -> None:
        if self._total is None:
            self._total = np.array(part, self._wide)
            return
        with np.errstate(all="ignore"):
            self._fold(self._total, part, out=self._total)

    def result(self) -> np.ndarray:
        assert self._total is not None
        with np.errstate(all="ignore"):
            return self._total.astype(self._dtype, copy=False)


class Averaged(Folded):
    """An accumulator of a mean: the mean of the cells' means, weighted by their numbers of rows."""

    def __init__(self, type_: TensorType, number: int) -> None:
        super().__init__(type_, np.add, wide=True)
        self._number = number

    def add(self, part: np.ndarray, start: int, stop: int) -> None:
        share = self._wide.type((stop - start) / self._number)
        with np.errstate(all="ignore"):
            super().add(part.astype(self._wide) * share, start, stop)


JOINED: dict[str, Callable[[TensorType, int], Total]] = {
    "sum": lambda type_, number: Folded(type_, np.add, wide=True),
    "mean": Averaged,
    "max": lambda type_, number: Folded(type_, np.maximum, wide=False),
    "min": lambda type_, number: Folded(type_, np.minimum, wide=False),
}
"""The accumulator for each kind of `engine.rows.Join` that cells compute."""


def bytes_of(type_: TensorType, join: str) -> int:
    """Return the bytes of the accumulator of a value."""
    dtype = numpy_dtype(type_.dtype)
    wide = join in ("sum", "mean")
    return (type_.size or 0) * (dtype.itemsize + wide * _wide(dtype).itemsize)


def rows_of(array: np.ndarray, rows: Rows, number: int, start: int, stop: int) -> np.ndarray:
    """Return the rows ``start`` to ``stop`` of an array. The result is a view if the rows are
    contiguous, else a copy.
    """
    part = _apart(array, rows, number)[_cell(rows, start, stop)]
    size = rows.size(stop - start)
    return part.reshape(*array.shape[: rows.axis], size, *array.shape[rows.axis + 1 :])


def _apart(array: np.ndarray, rows: Rows, number: int) -> np.ndarray:
    """Return a view of an array in which the axis that contains the batch rows is split into three:
    (outer, rows, inner).
    """
    before, after = array.shape[: rows.axis], array.shape[rows.axis + 1 :]
    return array.reshape(*before, rows.outer, number, rows.inner, *after)


def _cell(rows: Rows, start: int, stop: int) -> tuple[slice, ...]:
    return (*[slice(None)] * (rows.axis + 1), slice(start, stop))


def _wide(dtype: np.dtype) -> np.dtype:
    kind = number_kind(dtype)
    return np.dtype(np.float64 if kind == "f" else np.complex128 if kind == "c" else dtype)
