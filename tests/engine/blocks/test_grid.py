"""Where rows are cut."""

from __future__ import annotations

from nodeflow.engine.blocks.grid import CELL_BYTES, Grid, grid_for


def test_a_cell_takes_as_much_as_it_may_in_powers_of_two() -> None:
    assert grid_for(1000, CELL_BYTES / 100, joined=0) == Grid(1000, 64)
    assert grid_for(3, 2 * CELL_BYTES, joined=0) == Grid(3, 1)
    assert grid_for(100, CELL_BYTES / 150, joined=0) is None


def test_rows_of_a_cell_take_as_much_as_the_gradients_that_it_adds_up() -> None:
    row = CELL_BYTES / 16
    assert grid_for(1000, row, joined=4 * CELL_BYTES) == Grid(1000, 64)
    assert grid_for(50, row, joined=4 * CELL_BYTES) is None


def test_cells_are_all_rows_in_order() -> None:
    cells = list(Grid(203, 64))
    assert [start for start, _ in cells[1:]] == [stop for _, stop in cells[:-1]]
    assert (cells[0][0], cells[-1][1], len(cells)) == (0, 203, Grid(203, 64).cells)
    assert Grid(203, 64).heights == (64, 11)
