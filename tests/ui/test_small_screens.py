"""The smallest screen, 1280 x 720, with all panels open: nothing is cut off."""

from __future__ import annotations

from itertools import pairwise

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QLabel, QWidget

from nodeflow.resources import example
from nodeflow.ui.canvas.paint.paint_context import FAR_SCALE
from nodeflow.ui.core.widgets.common_widgets import WrappingRow
from nodeflow.ui.panels.panel import Place
from nodeflow.ui.window.docking import LEFT_WIDTH, RIGHT_WIDTH


@pytest.fixture
def small(window, qtbot):
    window.resize(1280, 720)
    window.files.open_path(example("mnist"))
    window.docking.show("problems")
    qtbot.waitUntil(lambda: window.canvas.height() < 500)
    return window


def inside(popup) -> bool:
    return popup.parentWidget().rect().contains(popup.geometry())


@pytest.mark.thorough
def test_lists_that_pop_up_end_above_the_panels_below(small, qtbot) -> None:
    small.actions_.trigger("search")
    assert inside(small.search) and small.search.list.height() >= 2 * 40
    small.search.dismiss()
    small.actions_.trigger("command_palette")
    picks = small.quick_pick
    assert picks.isVisible() and inside(picks)


@pytest.mark.thorough
def test_dialogs_fit(small) -> None:
    for action in ("keymap", "shortcuts", "about", "new_op"):
        small.actions_.trigger(action)
        (dialog,) = [d for d in small.findChildren(QDialog) if d.isVisible()]
        assert dialog.width() <= 1280 and dialog.height() <= 690, action
        hint = dialog.minimumSizeHint()
        assert dialog.width() >= hint.width() and dialog.height() >= hint.height(), action
        dialog.close()


@pytest.mark.thorough
def test_the_window_and_its_panels_are_no_larger_than_the_screen(small) -> None:
    assert small.minimumSizeHint().width() <= 1280
    assert small.minimumSizeHint().height() <= 720
    for name in small.docking.docks:
        small.docking.show(name)
        dock = small.docking.docks[name]
        assert dock.width() >= dock.minimumSizeHint().width(), name
    assert small.size().width() == 1280 and small.size().height() == 720


@pytest.mark.thorough
def test_panels_below_leave_their_width_to_those_at_the_sides(small) -> None:
    small.docking._toggle(Place.LEFT)
    for name, width in (("palette", LEFT_WIDTH), ("inspector", RIGHT_WIDTH)):
        dock = small.docking.docks[name]
        small.resizeDocks([dock], [width], Qt.Orientation.Horizontal)
    for name, dock in small.docking.docks.items():
        small.docking.show(name)
        assert dock.isVisible()
    assert small.docking.docks["palette"].width() == LEFT_WIDTH
    assert small.docking.docks["inspector"].width() == RIGHT_WIDTH


def test_a_row_goes_on_below_where_it_is_narrow(qtbot) -> None:
    holder = QWidget()
    qtbot.addWidget(holder)
    row = WrappingRow(gap=1)
    holder.setLayout(row)
    labels = [QLabel("some words") for _ in range(4)]
    for each in labels:
        row.addWidget(each)
    labels[1].hide()
    holder.resize(row.sizeHint())
    holder.show()
    shown = [labels[0], labels[2], labels[3]]
    assert len({each.y() for each in shown}) == 1 and labels[3].geometry().right() < holder.width()
    gaps = [b.x() - a.geometry().right() for a, b in pairwise(shown)]
    assert gaps[0] == gaps[1]  # none for the one that is hidden
    holder.resize(row.sizeHint().width() - 1, 100)
    assert labels[3].y() > labels[2].y() and labels[3].x() == labels[0].x()


def visible(window) -> bool:
    return window.docking.docks["palette"].isVisible()


@pytest.mark.thorough
def test_the_ops_give_way_to_a_graph_that_needs_the_room(window, qtbot) -> None:
    window.resize(1280, 720)
    qtbot.waitUntil(lambda: window.canvas.height() > 500)
    assert visible(window)
    window.files.open_example(example("mnist"))
    qtbot.waitUntil(lambda: not visible(window) and window.canvas.width() > 900)
    camera, bounds = window.canvas.viewport.camera, window.canvas.scene.bounds()
    assert camera.scale > 0.29, "names have more than seven pixels"
    assert window.canvas.viewport.rect.contains(camera.rect_to_view(bounds))
    window.files.open_example(example("expression"))
    qtbot.waitUntil(lambda: visible(window))


@pytest.mark.thorough
def test_names_stay_readable_when_the_panels_below_open(window, qtbot) -> None:
    window.resize(1280, 720)
    canvas, viewport = window.canvas, window.canvas.viewport
    qtbot.waitUntil(lambda: canvas.height() > 500)
    window.files.open_example(example("mnist"))
    qtbot.waitUntil(lambda: canvas.width() > 900)
    whole = viewport.camera.scale
    window.docking.show("training")
    qtbot.waitUntil(lambda: canvas.height() < 400)
    seen = viewport.camera.rect_to_view(canvas.scene.bounds())
    assert FAR_SCALE <= viewport.camera.scale < whole
    assert seen.top() > 0 and seen.left() > 0 and seen.right() < canvas.width()
    assert seen.bottom() > canvas.height(), "rather than names, the last of the graph is outside"
    window.files.open_example(example("mnist"))
    assert viewport.camera.scale >= FAR_SCALE, "also of a graph that is opened now"
    window.actions_.trigger("fit")
    seen = viewport.camera.rect_to_view(canvas.scene.bounds())
    assert viewport.rect.contains(seen), "what is asked for is shown"
    window.resize(1280, 740)
    seen = viewport.camera.rect_to_view(canvas.scene.bounds())
    assert viewport.rect.contains(seen)
    window.files.open_example(example("mnist"))
    window.actions_.trigger("panel_bottom")
    qtbot.waitUntil(lambda: canvas.height() > 500)
    assert viewport.camera.scale == whole, "closing them shows all of it again"


@pytest.mark.thorough
def test_a_view_that_was_moved_stays_when_the_panels_below_open(window, qtbot) -> None:
    window.resize(1280, 720)
    canvas, viewport = window.canvas, window.canvas.viewport
    qtbot.waitUntil(lambda: canvas.height() > 500)
    window.files.open_example(example("mnist"))
    qtbot.waitUntil(lambda: canvas.width() > 900)
    viewport.pan_step(1, 0)
    scale, middle = viewport.camera.scale, viewport.camera.to_scene(viewport.center)
    window.docking.show("training")
    qtbot.waitUntil(lambda: canvas.height() < 400)
    gap = (viewport.camera.to_scene(viewport.center) - middle) * scale
    assert viewport.camera.scale == scale and gap.manhattanLength() <= 2


@pytest.mark.thorough
def test_the_ops_stay_where_the_user_wants_them(window, qtbot) -> None:
    window.resize(1280, 720)
    qtbot.waitUntil(lambda: window.canvas.height() > 500)
    window.files.open_example(example("mnist"))
    qtbot.waitUntil(lambda: not visible(window))
    window.actions_.trigger("panel_left")
    assert visible(window)
    window.files.open_example(example("mnist"))
    assert visible(window)


@pytest.mark.thorough
def test_a_wide_window_keeps_its_panels(window, qtbot) -> None:
    window.resize(1600, 900)
    qtbot.waitUntil(lambda: window.canvas.width() > 1000)
    window.files.open_example(example("mnist"))
    assert visible(window)


@pytest.mark.thorough
def test_what_gave_way_is_there_the_next_time(window, settings, qtbot) -> None:
    window.resize(1280, 720)
    qtbot.waitUntil(lambda: window.canvas.height() > 500)
    window.files.open_example(example("mnist"))
    qtbot.waitUntil(lambda: not visible(window))
    window.docking.save(settings)
    assert visible(window)
