"""A list of whole numbers that grows: in memory while it is short, then in a temporary file."""

from __future__ import annotations

import tempfile
from typing import IO

import numpy as np

from nodeflow.engine import mapped_rows
from nodeflow.errors import DataError


class GrowingArray:
    """Numbers of one dtype, appended piece by piece.

    The temporary file disappears with the last array that refers to it.
    """

    def __init__(self, dtype: np.dtype | type) -> None:
        self.dtype = np.dtype(dtype)
        self._pieces: list[np.ndarray] = []
        self._bytes = 0
        self._file: IO[bytes] | None = None

    def append(self, numbers: np.ndarray) -> None:
        """Append numbers, which must fit into the dtype.

        Raises:
            DataError: the temporary file cannot be written.
        """
        piece = np.ascontiguousarray(numbers, self.dtype)
        self._bytes += piece.nbytes
        if self._file is None and self._bytes <= mapped_rows.LARGE_BYTES:
            self._pieces.append(piece)
            return
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(prefix="nodeflow-text-")  # noqa: SIM115
                for earlier in self._pieces:
                    self._file.write(earlier.data)
                self._pieces.clear()
            self._file.write(piece.data)
        except OSError as error:
            raise DataError(
                f"the temporary file for a large text cannot be written: {error.strerror or error}",
                hint="Set TMPDIR to a folder with space.",
            ) from error

    def array(self) -> np.ndarray:
        """Return all numbers, read-only; numbers in a file are mapped into memory."""
        if self._file is not None:
            self._file.flush()
            return np.memmap(self._file, self.dtype, "r")
        joined = np.concatenate([np.zeros(0, self.dtype), *self._pieces])
        joined.flags.writeable = False
        return joined
