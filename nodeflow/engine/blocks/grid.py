"""The grid that divides rows into cells.

It depends only on shapes and dtypes, so that runs are reproducible.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

WHOLE_BYTES = 1 << 27
"""Maximum peak bytes of rows of a run without a memory limit that is not divided. For runs with
a limit, see `CELL_BYTES`.
"""
STEP_BYTES = 1 << 24
"""Maximum peak bytes of rows of a training step that is not divided, even under a memory limit."""
CELL_BYTES = 1 << 23
"""Maximum bytes of the rows of a cell, unless a single row takes more. Such a cell takes long
compared to starting a run (about 50 us), and is small compared to the memory of the program
itself.
"""


@dataclass(frozen=True)
class Grid:
    """A division of rows into cells of ``height`` rows. The last cell may have fewer.

    Attributes:
        number: the total number of rows.
    """

    number: int
    height: int

    @property
    def cells(self) -> int:
        """The number of cells."""
        return -(-self.number // self.height)

    @property
    def heights(self) -> tuple[int, ...]:
        """The different numbers of rows in cells (blocks of rows): the usual number, and that of
        the last cell if it is smaller.
        """
        last = self.number % self.height
        return (self.height, last) if last else (self.height,)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Yield (start, end) of the rows of each cell."""
        for start in range(0, self.number, self.height):
            yield start, min(start + self.height, self.number)


def grid_for(number: int, row_bytes: float, joined: int) -> Grid | None:
    """Divide rows into cells of equal height that fit into the cache; return None if one cell
    suffices.

    The height of cells is a power of two, so that small changes of a graph do not change it.

    Args:
        number: the number of rows.
        row_bytes: bytes of intermediate values per row.
        joined: bytes of the results of batch reductions to which each cell adds. The cell's rows
            may take as many bytes: fewer would save little memory, and large gradients would be
            summed too often.
    """
    if number < 2 or not row_bytes:
        return None
    fitting = max(1, int(max(CELL_BYTES, joined) // row_bytes))
    grid = Grid(number, 1 << (fitting.bit_length() - 1))
    return grid if grid.cells > 1 else None
