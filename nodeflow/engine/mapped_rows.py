"""Rows of an array in a memory-mapped file, read when they are gathered.

The pages of the map belong to the system's file cache: they take no memory that is needed
elsewhere, and stay from epoch to epoch as long as there is room. If the file fits into free
memory, kernels gather batches straight from the map. A larger file is read ahead, block by
block (`runtime.staging`), because a kernel that waits for the disk holds up all threads.
"""

from __future__ import annotations

import math
import mmap
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from nodeflow.engine.memory import free_memory
from nodeflow.errors import DataError
from nodeflow.file_reading import allow, opened, parse_bytes, size_of
from nodeflow.graph.types import numpy_dtype

LARGE_BYTES = 1 << 26
"""Size in bytes above which arrays stay in their files, so that rows are read when needed."""
MAP_VARIABLE = "NODEFLOW_MAP_LIMIT"
"""The environment variable with the largest size of a file from which kernels may gather, such
as ``1GB``. Default: half of the free memory.
"""
GIVEN_BACK = 1 << 26
"""Number of bytes after which pages are released while all rows are read in turn."""
TAKEN_AT_ONCE = 64
"""Number of rows of a larger file that are copied before its pages are released."""


def most_resident() -> float:
    """Return the largest size in bytes of a file that may stay in memory as a whole."""
    try:
        return parse_bytes(os.environ.get(MAP_VARIABLE, ""))
    except ValueError:
        free = free_memory()
        return math.inf if free is None else free / 2


class FileMap:
    """An array of numbers in a file, mapped into memory.

    Args:
        path: path of a regular file.
        shape: shape of the array, rows first; at least one row.
        dtype: dtype in this machine's byte order.
        start: number of bytes before the elements, which are in row-major order.

    Attributes:
        array: the elements, read-only.
        fits: whether the whole file may stay in memory.

    Raises:
        ReadRefused: it is no regular file.
        DataError: the file is too short.
        OSError: it cannot be read.
    """

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: np.dtype, start: int) -> None:
        self.path, self.start = path, start
        self._end = start + math.prod(shape) * dtype.itemsize
        with opened(path) as file:
            if size_of(file) < self._end:
                raise DataError(f"{path} is shorter than its header says")
            self._pages = mmap.mmap(file.fileno(), self._end, access=mmap.ACCESS_READ)
        self.array = np.frombuffer(self._pages, dtype, math.prod(shape), start).reshape(shape)
        self.fits = self.array.nbytes <= most_resident()
        if not self.fits:
            self._advise("MADV_RANDOM")  # do not read neighbours along with a row

    def check(self) -> None:
        """Raise a DataError if the file was shortened, because reading beyond its end would
        kill the process.
        """
        if self._pages.size() < self._end:
            raise DataError(
                f"{self.path} was shortened while it was read",
                hint="Write a new file under another name, and let the data set read that.",
            )

    def announce(self, which: np.ndarray) -> None:
        """Tell the operating system which rows of a mapped file will be read, so that it reads
        ahead.
        """
        advice = getattr(mmap, "MADV_WILLNEED", None)
        if advice is None:
            return
        row = self.array.nbytes // len(self.array)
        first = (self.start + which * row) // mmap.PAGESIZE * mmap.PAGESIZE
        after = self.start + (which + 1) * row
        for start, end in zip(first.tolist(), after.tolist(), strict=True):
            self._pages.madvise(advice, start, end - start)

    def pieces(self) -> Iterator[np.ndarray]:
        """Yield consecutive pieces of a memory-mapped file that together contain all rows.

        Use a piece before you take the next one: then its pages are released.
        """
        count = max(1, GIVEN_BACK * len(self.array) // self.array.nbytes)
        for start in range(0, len(self.array), count):
            yield self.array[start : start + count]
            self.give_back()

    def give_back(self) -> None:
        """Release the memory pages of the mapped file. Later reads come from the system's cache or
        the disk.
        """
        self._advise("MADV_DONTNEED")

    def _advise(self, name: str) -> None:
        advice = getattr(mmap, name, None)  # Windows has none
        if advice is not None:
            self._pages.madvise(advice)

    def __reduce__(self) -> tuple:
        return FileMap, (self.path, self.array.shape, self.array.dtype, self.start)


class MappedRows:
    """Rows of a mapped array, converted to a dtype.

    Args:
        dtype: dtype that rows are converted to, like numpy's ``astype``.
        columns: range of elements of the last axis, as (start, stop); None: all.

    Attributes:
        array: the rows as stored in the file: (n, *row), each contiguous.
    """

    def __init__(self, file: FileMap, dtype: str, columns: tuple[int, int] | None = None) -> None:
        self.file, self.dtype, self.columns = file, dtype, columns
        self.array = file.array if columns is None else file.array[..., slice(*columns)]

    @property
    def is_direct(self) -> bool:
        """Whether kernels may gather rows directly from `array`."""
        return self.file.fits

    def __call__(self, which: np.ndarray) -> np.ndarray:
        """Read rows of a memory-mapped file by their numbers. Return them as a new array.

        Raises:
            ReadRefused: they take more than the limit.
            DataError: the file was shortened.
        """
        row = self.array.nbytes // len(self.array)
        allow(len(which) * row * 2, self.file.path)
        self.file.check()
        if self.file.fits:
            taken = np.take(self.array, which, axis=0)
        else:
            self.file.announce(which)
            taken = self._copied(which)
        return taken.astype(numpy_dtype(self.dtype), copy=False)

    def _copied(self, which: np.ndarray) -> np.ndarray:
        """Copy rows of a memory-mapped file into a new array, a few at a time, and release their
        pages after each piece. The system maps up to 2 MB around each row, so all at once might
        fill the memory.
        """
        taken = np.empty((len(which), *self.array.shape[1:]), self.array.dtype)
        for start in range(0, len(which), TAKEN_AT_ONCE):
            part = slice(start, start + TAKEN_AT_ONCE)
            np.take(self.array, which[part], axis=0, out=taken[part])
            self.file.give_back()
        return taken

    def __reduce__(self) -> tuple:
        return MappedRows, (self.file, self.dtype, self.columns)
