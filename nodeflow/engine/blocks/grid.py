"""Where rows are cut: by shapes and dtypes alone, so that the same run has the same bits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

WHOLE_BYTES = 1 << 27
"""A run whose rows take no more than this at a time is not cut, unless there is a limit of memory:
then it is cut from `CELL_BYTES` on."""
STEP_BYTES = 1 << 24
"""A training step whose rows take no more than this is not cut under a limit either."""
CELL_BYTES = 1 << 23
"""What the rows of one cell take at most, unless a single row takes more: long against starting a
run (some 50 us), and little beside the program itself."""


@dataclass(frozen=True)
class Grid:
    """Rows in cells, all of ``height`` rows but perhaps the last.

    Attributes:
        number: of rows.
    """

    number: int
    height: int

    @property
    def cells(self) -> int:
        """How many there are."""
        return -(-self.number // self.height)

    @property
    def heights(self) -> tuple[int, ...]:
        """The different numbers of rows of a cell."""
        last = self.number % self.height
        return (self.height, last) if last else (self.height,)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """The first row of each cell, and the one after its last."""
        for start in range(0, self.number, self.height):
            yield start, min(start + self.height, self.number)


def grid_for(number: int, row_bytes: float, joined: int) -> Grid | None:
    """The grid for rows whose intermediate values take so many bytes each; None: one cell.

    Args:
        joined: bytes that each cell adds to the results of joins. Its rows may take as many: less
            would save little memory, and cells of a large gradient take long to add up.

    The height is a power of two, so that it does not follow every small change of a graph.
    """
    if number < 2 or not row_bytes:
        return None
    fitting = max(1, int(max(CELL_BYTES, joined) // row_bytes))
    grid = Grid(number, 1 << (fitting.bit_length() - 1))
    return grid if grid.cells > 1 else None
