"""The grid that cuts rows into cells: by shapes and dtypes alone, so that runs are reproducible."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

WHOLE_BYTES = 1 << 27
"""Largest peak bytes of rows that run whole without a memory limit; see `CELL_BYTES` for limits."""
STEP_BYTES = 1 << 24
"""Largest peak bytes of rows of a training step that is not cut even under a memory limit."""
CELL_BYTES = 1 << 23
"""Largest bytes of the rows of a cell, unless a single row takes more. Such a cell takes long
compared to starting a run (about 50 us) and is small compared to the program itself."""


@dataclass(frozen=True)
class Grid:
    """Rows in cells of ``height`` rows; the last cell may have fewer.

    Attributes:
        number: number of rows.
    """

    number: int
    height: int

    @property
    def cells(self) -> int:
        """The number of cells."""
        return -(-self.number // self.height)

    @property
    def heights(self) -> tuple[int, ...]:
        """The different heights of cells."""
        last = self.number % self.height
        return (self.height, last) if last else (self.height,)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Yield the first row of each cell, and the row after its last."""
        for start in range(0, self.number, self.height):
            yield start, min(start + self.height, self.number)


def grid_for(number: int, row_bytes: float, joined: int) -> Grid | None:
    """Return the grid for rows with this many bytes of intermediate values each; None: one cell.

    The height is a power of two, so that small changes of a graph do not change it.

    Args:
        joined: bytes of batch reductions that each cell adds to. The cell's rows may take as many
            bytes: fewer would save little memory, and large gradients would be summed too often.
    """
    if number < 2 or not row_bytes:
        return None
    fitting = max(1, int(max(CELL_BYTES, joined) // row_bytes))
    grid = Grid(number, 1 << (fitting.bit_length() - 1))
    return grid if grid.cells > 1 else None
