"""Windows of a text: consecutive tokens, and the tokens that follow them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nodeflow.engine import mapped_rows
from nodeflow.engine.columns import Column, LazyColumn
from nodeflow.file_reading import allow

ROW_BYTES = 24
"""Bytes per window besides its tokens: its place in the text, with copies."""


class Windows:
    """A reader of windows.

    Args:
        numbers: the tokens of the text.
        width: tokens of a window.
        first: the position of a window's first token, relative to its first target.
        ends: the positions of line ends, if no window may cross them; else None. The text then
            begins with a line end, and positions of a window outside its line hold line ends.
        again: a function that returns this reader in another process.
    """

    def __init__(
        self,
        numbers: np.ndarray,
        width: int,
        first: int,
        ends: np.ndarray | None,
        again: tuple[Callable[..., Windows], tuple],
    ) -> None:
        self.numbers, self.width, self.first, self.ends = numbers, width, first, ends
        self._again = again

    def __call__(self, targets: np.ndarray) -> np.ndarray:
        """Return the windows whose first target is at these positions: (n, width)."""
        allow(len(targets) * self.width * 16, "a batch of windows")
        places = (targets + self.first)[:, None] + np.arange(self.width)
        if self.ends is not None:
            line = np.searchsorted(self.ends, targets - 1, side="right")
            np.clip(places, self.ends[line - 1][:, None], self.ends[line][:, None], out=places)
        return self.numbers[places]

    def column(self, targets: np.ndarray) -> Column:
        """Return a column of windows. Small ones are stored, large ones are made on demand."""
        if len(targets) * self.width * self.numbers.itemsize <= mapped_rows.LARGE_BYTES:
            return Column(self(targets), dtype="int64")
        return LazyColumn(self, targets, (self.width,), self.numbers.dtype.name, "int64")

    def __reduce__(self) -> tuple:
        return self._again


def places_in_text(
    start: int, stop: int, *, width: int, stride: int, every: bool, path: object
) -> np.ndarray:
    """Return the positions of the first target of each window between two positions of a text."""
    first, after = (start + 1, stop - width + 1) if every else (start + width, stop)
    allow(max(0, after - first) // stride * ROW_BYTES, path)
    return np.arange(first, max(first, after), stride, dtype=np.int64)


def places_in_lines(
    ends: np.ndarray, lines: np.ndarray, *, stride: int, path: object
) -> np.ndarray:
    """Return where the windows over some lines of a text begin: the position of the first target
    token of each.

    Args:
        ends: the positions of line ends. Line i is between end i and end i + 1.
        lines: the numbers of the lines.
    """
    first = ends[lines] + 1
    counts = -(-(ends[lines + 1] + 1 - first) // stride)
    total = int(counts.sum())
    allow(total * ROW_BYTES, path)
    before = np.repeat(np.cumsum(counts) - counts, counts)
    return np.repeat(first, counts) + stride * (np.arange(total) - before)
