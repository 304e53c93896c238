"""The panel of points: what is pointed at, chosen, searched and near, with real events."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt

from nodeflow.data.catalog import open_dataset
from nodeflow.host.protocol import ViewValue
from nodeflow.host.views.kinds.projection import ProjectionData, nearest
from nodeflow.ui.views.qt_sheet import point_of

LEFT = Qt.MouseButton.LeftButton


def cloud(**changes) -> ProjectionData:
    """Nine points on a grid of three by three, labelled by their column."""
    grid = np.array([[x, y] for y in range(3) for x in range(3)], np.float64)
    near, distances = nearest(grid, "euclidean")
    fields = {
        "tensor": "hidden",
        "candidates": ("hidden", "logits"),
        "split": "test",
        "splits": ("test", "train"),
        "total": 100,
        "dims": 2,
        "method": "pca",
        "metric": "euclidean",
        "points": grid.astype(np.float32),
        "explained": (0.6, 0.4),
        "labels": ("cat", "dog", "eel") * 3,
        "groups": np.array([0, 1, 2] * 3, np.int16),
        "names": ("cat", "dog", "eel"),
        "pictures": np.arange(9 * 16, dtype=np.uint8).reshape(9, 4, 4),
        "texts": (),
        "near": near,
        "distances": distances,
        **changes,
    }
    return ProjectionData(**fields)


@pytest.fixture
def panel(window, qtbot):
    window.actions_.trigger("show_points")
    panel = window.panels["points"]
    qtbot.waitUntil(panel.isVisible)
    answer(panel, cloud())
    qtbot.waitUntil(panel.canvas.isVisible)
    return panel


def answer(panel, data: ProjectionData | None = None, error: str = "") -> None:
    panel._views.arrived.emit(ViewValue(1, panel.spec, data, error, None, None))


def at(panel, index: int) -> QPoint:
    return panel.canvas.position(index).toPoint()


def test_a_point_says_its_label_and_shows_its_picture(panel, qtbot):
    qtbot.mouseMove(panel.canvas, at(panel, 5))
    qtbot.waitUntil(lambda: panel.canvas.pointed == 5)
    with_card = panel.canvas.grab().toImage()
    qtbot.mouseMove(panel.canvas, QPoint(1, 1))
    qtbot.waitUntil(lambda: panel.canvas.pointed == -1)
    assert with_card != panel.canvas.grab().toImage()
    assert panel.canvas.picture(5).width() == 4
    assert "9 of 100 test rows" in panel.canvas.accessibleDescription()


@pytest.mark.thorough
def test_what_is_near_stands_beside_the_chosen_point_and_can_be_chosen(panel, qtbot):
    qtbot.mouseClick(panel.canvas, LEFT, pos=at(panel, 0))
    assert panel.canvas.selected == 0 and "row 0: cat" in panel.heading.text()
    data = panel.shown
    texts = [panel.near.item(i).text() for i in range(panel.near.count())]
    assert len(texts) == 8 and texts[0].startswith("row 1: dog") and texts[-1].startswith("row 8")
    assert not panel.near.item(0).icon().isNull()
    rect = panel.near.visualItemRect(panel.near.item(1))
    qtbot.mouseClick(panel.near.viewport(), LEFT, pos=rect.center())
    assert panel.canvas.selected == data.near[0][1] == 3
    qtbot.mouseClick(panel.canvas, LEFT, pos=QPoint(6, panel.canvas.height() // 2))
    assert panel.canvas.selected == -1 and not panel.near.count()


def test_searching_fades_what_is_not_found_and_enter_goes_on(panel, qtbot):
    panel.search.setFocus()
    qtbot.keyClicks(panel.search, "do")
    np.testing.assert_array_equal(panel.canvas.found, [False, True, False] * 3)
    assert panel.found.text() == "3 found"
    for wanted in (1, 4, 7, 1):
        qtbot.keyClick(panel.search, Qt.Key.Key_Return)
        assert panel.canvas.selected == wanted
    panel.search.clear()
    assert panel.canvas.found is None
    qtbot.keyClicks(panel.search, "row 8")
    assert panel.canvas.found.sum() == 1 and panel.canvas.found[8]
    panel.search.clear()
    qtbot.keyClicks(panel.search, "zebra")
    assert panel.found.text() == "None found"


def test_a_double_click_shows_the_row_on_all_nodes(window, panel, qtbot, monkeypatch):
    shown = []
    monkeypatch.setattr(window.data, "show_row", lambda split, row: shown.append((split, row)))
    qtbot.mouseDClick(panel.canvas, LEFT, pos=at(panel, 4))
    assert shown == [("test", 4)]
    qtbot.mouseClick(panel.canvas, LEFT, pos=at(panel, 7))
    qtbot.mouseClick(panel.show_row, LEFT)
    assert shown[-1] == ("test", 7)


def test_the_wheel_zooms_about_the_pointer_and_dragging_pans(panel, qtbot):
    from PySide6.QtCore import QPointF
    from PySide6.QtGui import QWheelEvent
    from PySide6.QtWidgets import QApplication

    canvas = panel.canvas
    before = QPointF(at(panel, 4) + QPoint(20, 0))
    event = QWheelEvent(
        before, canvas.mapToGlobal(before), QPoint(), QPoint(0, 480), Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    at_data = canvas.chart.to_data(point_of(before))
    QApplication.sendEvent(canvas, event)
    np.testing.assert_allclose(canvas.chart.to_data(point_of(before)), at_data, atol=1e-6)
    assert canvas._zoom > 1.5
    place = canvas.position(4)
    start = QPoint(canvas.width() // 2 + 30, canvas.height() // 2)
    qtbot.mousePress(canvas, LEFT, pos=start)
    qtbot.mouseMove(canvas, start + QPoint(12, 0))
    qtbot.mouseMove(canvas, start + QPoint(30, 0))
    qtbot.mouseRelease(canvas, LEFT, pos=start + QPoint(30, 0))
    assert canvas.selected == -1
    if canvas.position(4) != place:  # the offscreen platform may not say which button is down
        assert canvas.position(4).x() > place.x()


def test_arrow_keys_choose_points(panel, qtbot):
    panel.canvas.setFocus()
    qtbot.keyClick(panel.canvas, Qt.Key.Key_Right)
    assert panel.canvas.selected == 0
    qtbot.keyClick(panel.canvas, Qt.Key.Key_Right)
    assert panel.canvas.selected == 1
    qtbot.keyClick(panel.canvas, Qt.Key.Key_Up)
    assert panel.canvas.selected == 4
    qtbot.keyClick(panel.canvas, Qt.Key.Key_Left)
    assert panel.canvas.selected == 3


def test_what_is_chosen_is_asked_for(panel, qtbot):
    panel.nodes.setFocus()
    qtbot.keyClick(panel.nodes, Qt.Key.Key_Down)
    panel.metrics.setFocus()
    qtbot.keyClick(panel.metrics, Qt.Key.Key_Down)
    assert panel.spec.name == "logits" and panel.spec.option("metric") == "cosine"
    answer(panel, error="Two of its rows are not finite.")
    assert "not finite" in panel.heading.text() and panel.metrics.isVisible()
    qtbot.keyClick(panel.metrics, Qt.Key.Key_Up)
    answer(panel, cloud(tensor="logits"))
    assert panel.canvas.data.tensor == "logits"


@pytest.mark.thorough
def test_another_document_forgets_the_points(window, panel):
    window.files.begin_empty()
    assert panel.shown is None and panel.spec.name == "" and not panel.canvas.isVisible()


def test_the_real_engine_shows_digits_as_points(live_window, qtbot):
    window = live_window("mnist")
    window.actions_.trigger("show_points")
    panel = window.panels["points"]
    qtbot.waitUntil(lambda: panel.shown is not None, timeout=30_000)
    rows = min(1000, len(open_dataset("mnist").split("test")["images"]))
    assert panel.shown.tensor == "hidden" and len(panel.shown.points) == rows
    qtbot.mouseClick(panel.pictures, LEFT)
    qtbot.mouseClick(panel.canvas, LEFT, pos=at(panel, 17))
    assert panel.canvas.selected >= 0 and panel.near.count() == 8
