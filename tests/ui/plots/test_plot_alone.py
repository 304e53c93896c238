"""A plot by itself, and axes with three to eight ticks at any size."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QPainter, QPicture
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from nodeflow.ui.panels.plots.arrangement import Arrangement, PlotPlace
from nodeflow.ui.panels.plots.curve import LOSS, Curve
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
            assert len(values) >= 3, (low, high, size)
            texts = axis.tickStrings(values, 1.0, 1.0)
            assert all(texts) and len(set(texts)) == len(texts), (low, high, size)
            if is_log:
                read = [float(text.replace("−", "-").replace("\u202f", "")) for text in texts]
                np.testing.assert_allclose(np.log10(read), values, atol=0.01)


def drawn(axis) -> list[str]:
    """Return the numbers that an axis draws."""
    painter = QPainter(picture := QPicture())
    _, _, numbers = axis.generateDrawSpecs(painter)
    painter.end()
    assert not picture.isNull()
    return [text for _, _, text in numbers]


@pytest.mark.parametrize("height", [150, 160, 175, 300])
def test_every_axis_of_a_plot_draws_at_least_three_numbers(grid, height) -> None:  # noqa: F811
    grid.resize(900, height)
    shown(grid, training())
    for cell in grid.cells:
        for axis in (cell.plot.left, cell.plot.bottom):
            assert len(drawn(axis)) >= 3, (axis.orientation, axis.width(), axis.height())


def test_a_vertical_axis_does_not_become_narrower_with_its_numbers(grid) -> None:  # noqa: F811
    """Its width sets the width of the plot, which sets the range of values that is shown, which
    sets the numbers: without this rule, a plot could change its size for ever.
    """
    losses = Curve(LOSS, smoothing=0.9)
    widths = []
    for level in (0.001, 0.2, 2.0, 50.0):
        at = np.arange(1.0, 200) + losses.count
        losses.extend(at, at, at, level * (1 + np.sin(at)))
        shown(grid, [losses])
        widths.append(grid.cells[0].plot.left.width())
    assert drawn(grid.cells[0].plot.left)[-1] == "100" and widths == sorted(widths)


CHANGES = [
    (0.25, "learning_rate 0.1 → 0.01", ""),
    (0.26, "learning_rate 0.01 → 0.02", ""),
    (0.27, "dropout.rate 0.5 → 0.3", "#d55e00"),
    (0.275, "batch_size 50 → 100", ""),
    (0.28, "seed 1 → 2", ""),
    (0.29, "{braces}", ""),
    (0.95, "noise 0.1 → 0.2", ""),
]


@pytest.mark.parametrize("size", [(400, 140), (700, 260), (1500, 500)])
def test_texts_at_changes_never_overlap_and_a_hover_tells_all(qtbot, grid, size) -> None:  # noqa: F811
    grid.resize(*size)
    shown(grid, training()[:1])
    (cell,) = grid.visible_cells
    end = cell.plot.box.span[1]
    cell.plot.show_changes([(part * end, text, color) for part, text, color in CHANGES])
    QApplication.processEvents()
    lines = [line for line in cell.plot.changes.lines if line.isVisible()]
    texts = [line.label for line in lines if line.label.isVisible()]
    assert len(lines) == len(CHANGES) and texts
    boxes = [text.mapRectToScene(text.boundingRect()) for text in texts]
    boxes = [box.adjusted(4, 4, -4, -4) for box in boxes]  # without the margin of Qt's texts
    area = cell.plot.box.sceneBoundingRect().adjusted(-4, -4, 4, 4)
    for index, box in enumerate(boxes):
        assert area.contains(box), texts[index].textItem.toPlainText()
        assert not any(box.intersects(other) for other in boxes[:index])
    scene = cell.plot.box.mapViewToScene(QPointF(0.27 * end, 0.0))
    at = cell.plot.mapFromScene(scene)
    middle = cell.plot.mapFromScene(area.center())
    QTest.mouseMove(cell.plot.viewport(), QPoint(at.x() + 1, middle.y()))
    QTest.mouseMove(cell.plot.viewport(), QPoint(at.x(), middle.y()))
    qtbot.waitUntil(cell.plot.readout.isVisible)
    assert "dropout.rate 0.5 → 0.3" in cell.plot.readout.text()
    assert "noise" not in cell.plot.readout.text()


def test_titles_are_whole_where_there_is_room_and_else_in_the_tooltip(qtbot, grid) -> None:  # noqa: F811
    names = ["validation/a_metric_with_quite_a_long_name", "test/another_metric_of_this_graph"]
    shown(grid, [Curve(name) for name in names])
    grid.set_arrangement(Arrangement((PlotPlace(tuple(names)),)))
    (cell,) = grid.visible_cells
    grid.resize(1200, 240)
    QApplication.processEvents()
    assert all(name in cell.legend.text() for name in names) and "…" not in cell.legend.text()
    grid.resize(260, 240)
    QApplication.processEvents()
    assert cell.legend.text().count("…") == 2 and "test/" in cell.legend.text()
    assert all(name in cell.legend.toolTip() for name in names)
    assert cell.legend.sizeHint().width() <= cell.legend.width() + 4
