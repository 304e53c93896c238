"""The layout while a window becomes small and large again, by real resize events and drags."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QSignalSpy

from nodeflow.resources import example
from nodeflow.ui.window.docking import LEFT_WIDTH, RIGHT_WIDTH
from nodeflow.ui.window.stage_modes import BESIDE

LEFT = Qt.MouseButton.LeftButton
SMALL = ((1280, 720), (1000, 640), (900, 600), (1280, 720))


@pytest.fixture
def wide(window, qtbot):
    """A window of 1920 x 1080 with panels at all places."""
    resize(qtbot, window, 1920, 1080)
    window.files.open_example(example("linear_regression"))
    window.docking.show("training")
    qtbot.waitUntil(lambda: window.docking.docks["training"].is_front)
    return window


def resize(qtbot, window, width: int, height: int) -> None:
    spy = QSignalSpy(window.docking.sizes.settled)
    window.resize(width, height)
    qtbot.waitUntil(lambda: spy.count() > 0)


def sizes(window) -> dict[str, int]:
    docks = window.docking.docks
    return {
        "palette": docks["palette"].width(),
        "inspector": docks["inspector"].width(),
        "training": docks["training"].height(),
    }


def drag(qtbot, window, start: QPoint, by: QPoint) -> None:
    """Drag a separator of the window."""
    qtbot.mouseMove(window, start)
    qtbot.mousePress(window, LEFT, pos=start)
    before = sizes(window)
    qtbot.mouseMove(window, start + by)
    qtbot.waitUntil(lambda: sizes(window) != before)  # Qt moves a separator by a timer
    qtbot.mouseRelease(window, LEFT, pos=start + by)


def drag_all(qtbot, window) -> dict[str, int]:
    docks = window.docking.docks
    palette, inspector = docks["palette"].geometry(), docks["inspector"].geometry()
    drag(qtbot, window, QPoint(palette.right() + 1, palette.center().y()), QPoint(90, 0))
    drag(qtbot, window, QPoint(inspector.left() - 1, inspector.center().y()), QPoint(-150, 0))
    middle = window.pages.geometry()
    drag(qtbot, window, QPoint(middle.center().x(), middle.bottom() + 1), QPoint(0, -180))
    chosen = {"palette": LEFT_WIDTH + 60, "inspector": RIGHT_WIDTH + 100, "training": 300}
    qtbot.waitUntil(lambda: all(sizes(window)[name] >= least for name, least in chosen.items()))
    qtbot.waitUntil(lambda: not window.docking.sizes._released.isActive())
    return sizes(window)


def test_dragged_sizes_come_back_each_time_the_window_is_large_again(wide, qtbot):
    chosen = drag_all(qtbot, wide)
    for _ in range(3):
        for width, height in SMALL:
            resize(qtbot, wide, width, height)
            if width == 1280:
                qtbot.waitUntil(lambda: sizes(wide)["palette"] >= LEFT_WIDTH - 8)
            assert wide.canvas.width() >= 240 and wide.canvas.height() >= 160
        resize(qtbot, wide, 1920, 1080)
        qtbot.waitUntil(lambda: sizes(wide) == chosen)


def test_a_size_chosen_in_a_small_window_stays(wide, qtbot):
    large = drag_all(qtbot, wide)["inspector"]
    resize(qtbot, wide, 1280, 720)
    qtbot.waitUntil(lambda: sizes(wide)["inspector"] <= 0.7 * large)
    qtbot.waitUntil(lambda: sizes(wide)["palette"] >= LEFT_WIDTH - 8)
    edge = wide.docking.docks["inspector"].geometry()
    before = edge.width()
    drag(qtbot, wide, QPoint(edge.left() - 1, edge.center().y()), QPoint(60, 0))
    qtbot.waitUntil(lambda: sizes(wide)["inspector"] < before)
    qtbot.waitUntil(lambda: not wide.docking.sizes._released.isActive())
    chosen = sizes(wide)["inspector"]
    resize(qtbot, wide, 1920, 1080)
    qtbot.waitUntil(lambda: sizes(wide)["inspector"] == chosen)


def test_initial_sizes_come_back(wide, qtbot):
    before = sizes(wide)
    for width, height in (*SMALL, (1920, 1080)):
        resize(qtbot, wide, width, height)
    qtbot.waitUntil(lambda: sizes(wide) == before)


def test_the_ops_beside_the_stage_come_and_go_with_the_width(window, qtbot):
    resize(qtbot, window, 1920, 1080)
    window.files.open_example(example("spirals"))
    qtbot.waitUntil(lambda: window.stage_modes.mode == BESIDE)
    ops = window.docking.docks["palette"]
    for _ in range(3):
        qtbot.waitUntil(ops.isVisible)
        resize(qtbot, window, 1280, 720)
        qtbot.waitUntil(ops.isHidden)
        resize(qtbot, window, 1920, 1080)
    qtbot.waitUntil(ops.isVisible)
    assert ops.width() == LEFT_WIDTH
