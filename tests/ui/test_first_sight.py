"""What a newcomer sees at first stays calm: buttons are there while they are needed."""

from __future__ import annotations

import pytest
from first_sight import buttons, entries, fields, tabs
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QLineEdit, QToolButton

from nodeflow.document.edit import commands
from nodeflow.resources import example
from nodeflow.ui.actions.menus import MOST_ENTRIES

IN_SIGHT = {"empty": 9, "mnist_layers": 18}
"""Most tabs, buttons and fields; before they were counted, there were 33 and 52."""


@pytest.mark.parametrize("what", IN_SIGHT)
def test_few_things_are_in_sight(window, qtbot, what):
    window.resize(1280, 720)
    if what != "empty":
        window.files.open_path(example(what))
    window.docking.show("viewer")
    qtbot.waitUntil(lambda: window.docking.docks["viewer"].is_front)
    window.actions_.refresh_now()
    things = [*tabs(window), *buttons(window), *fields(window)]
    assert 5 < len(things) <= IN_SIGHT[what], things


def test_the_menus_have_few_entries(window):
    counts = [len(entries(top.menu())) for top in window.menuBar().actions()]
    assert len(counts) == 6 and max(counts) <= MOST_ENTRIES and sum(counts) <= 51


def button(window, action: str) -> QToolButton | None:
    return window.toolbar.widgetForAction(window.actions_[action])


def test_save_undo_and_redo_come_with_the_first_edit(window, qtbot):
    window.files.open_path(example("mnist_layers"))
    window.actions_.refresh_now()
    assert not any(button(window, name) for name in ("save", "undo", "redo"))
    qtbot.waitUntil(button(window, "train").isVisible)
    place = button(window, "train").geometry()
    commands.set_training(window.workspace.document, epochs=3)
    for name in ("save", "undo", "redo"):
        qtbot.waitUntil(lambda name=name: button(window, name) is not None)
        qtbot.waitUntil(button(window, name).isVisible)
    assert button(window, "train").geometry() == place, "nothing on the left moves"
    qtbot.waitUntil(button(window, "undo").isEnabled)
    qtbot.mouseClick(button(window, "undo"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: button(window, "save") is None)  # as in the file again
    assert button(window, "redo").isEnabled() and button(window, "undo") is not None


def test_a_hidden_panel_has_a_button(window, qtbot):
    window.files.open_path(example("expression"))
    for name, panel in (("panel_left", "palette"), ("panel_right", "inspector")):
        qtbot.waitUntil(lambda name=name: button(window, name) is None)
        window.docking.docks[panel].hide()
        qtbot.waitUntil(lambda name=name: button(window, name) is not None)
        qtbot.mouseClick(button(window, name), Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda name=name: button(window, name) is None)
        assert window.docking.docks[panel].isVisible()
    assert button(window, "panel_bottom").isVisible()


def test_a_metric_can_be_removed_while_the_user_is_at_it(window, qtbot):
    window.files.open_path(example("mnist_layers"))
    page = window.panels["inspector"].outside.page
    (node,) = (c for c in page.findChildren(QComboBox) if c.accessibleName() == "Node to measure")
    (remove,) = (b for b in page.findChildren(QToolButton) if b.accessibleName() == "Remove")
    assert not remove.isVisible()
    place = node.geometry()
    node.setFocus(Qt.FocusReason.TabFocusReason)
    qtbot.waitUntil(remove.isVisible)
    assert node.geometry() == place
    for _ in range(2):
        qtbot.keyClick(window.focusWidget(), Qt.Key.Key_Tab)
    assert window.focusWidget() is remove
    window.canvas.setFocus()
    qtbot.waitUntil(lambda: not remove.isVisible())


def test_a_panel_can_be_hidden_while_the_user_is_at_it(window, qtbot):
    window.files.open_path(example("expression"))
    dock = window.docking.docks["palette"]
    (cross,) = (b for b in dock.findChildren(QToolButton) if b.accessibleName() == "Hide Ops")
    assert not cross.isVisible()
    dock.findChild(QLineEdit).setFocus()
    qtbot.waitUntil(cross.isVisible)
    qtbot.mouseClick(cross, Qt.MouseButton.LeftButton)
    assert not dock.isVisible()


def test_nothing_runs_in_an_empty_graph(window, qtbot):
    window.files.begin_empty()
    window.pages.show_canvas()
    qtbot.waitUntil(lambda: window.run_bar.shown == ())
    commands.add_node(window.workspace.document, "constant", (0, 0))
    qtbot.waitUntil(lambda: window.run_bar.shown == ("run", "train"))


def test_problems_are_in_the_status_bar_while_there_are_some(window, qtbot):
    window.files.open_path(example("expression"))
    assert not window.status.problems.isVisible()
    commands.add_node(window.workspace.document, "add", (0, 0))
    qtbot.waitUntil(window.status.problems.isVisible)
    assert "2 incomplete" in window.status.problems.text()
    window.actions_.trigger("undo")
    qtbot.waitUntil(lambda: not window.status.problems.isVisible())
