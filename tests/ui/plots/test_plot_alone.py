"""A plot by itself, and axes with three to eight ticks at any size."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from tests.ui.plots.test_plot_grid import grid, shown, training  # noqa: F401  a fixture


def test_a_plot_fills_the_grid_until_escape(grid) -> None:  # noqa: F811
    shown(grid, training())
    first, second = grid.cells
    width = second.width()
    QTest.mouseClick(second.alone, Qt.MouseButton.LeftButton)
    QApplication.processEvents()
    assert first.isHidden() and second.isVisible()
    assert second.width() > 1.8 * width and second.width() > 0.98 * grid.width()
    assert grid.visible_cells == [second]
    second.plot.setFocus()
    QTest.keyClick(second.plot, Qt.Key.Key_Escape)
    QApplication.processEvents()
    assert first.isVisible() and second.isVisible() and second.width() == width


def test_removing_plots_ends_the_view_of_one(grid) -> None:  # noqa: F811
    shown(grid, training())
    QTest.mouseClick(grid.cells[1].alone, Qt.MouseButton.LeftButton)
    grid.show_curves(training()[:1])
    assert [cell.isVisible() for cell in grid.cells] == [True]
    assert not grid.cells[0].alone.isVisible()


@pytest.mark.parametrize("orientation", ["left", "bottom"])
@pytest.mark.parametrize("is_log", [False, True])
def test_every_axis_has_three_to_eight_ticks(qapp, orientation, is_log) -> None:
    from nodeflow.ui.panels.plots.number_axis import NumberAxis

    axis, random = NumberAxis(orientation), np.random.default_rng(3)
    axis.set_scale(is_log, False)
    for size in (80 if orientation == "left" else 200, 300, 900, 3800):
        for _ in range(40):
            low = random.uniform(-3, 3)
            high = low + 10 ** random.uniform(-1, 1 if is_log else 4)
            found = axis.tickValues(low, high, size)
            values = found[0][1] if found else []
            assert len(values) <= 8, (low, high, size)
            if not is_log:
                assert len(values) >= 3, (low, high, size)
