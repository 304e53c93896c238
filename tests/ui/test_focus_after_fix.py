"""After a fix that a banner offers, the keyboard is on the canvas: Ctrl+Z undoes the fix."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from nodeflow.document.edit import commands

Key, Keys = Qt.Key, Qt.KeyboardModifier


@pytest.fixture
def loss(window, qtbot):
    """A graph with a loss and no optimizer, in an active window."""
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    document = window.workspace.document
    w = commands.add_node(document, "variable", (0, 0), "w", {"value": 1.0})
    loss = commands.add_node(document, "square", (300, 0), "loss")
    commands.connect(document, w, "out", loss, "x")
    return loss


def press(window, key: Qt.Key, modifiers: Qt.KeyboardModifier = Keys.NoModifier) -> None:
    QTest.keyClick(window.windowHandle(), key, modifiers)


def test_the_fix_of_a_banner_is_undone_by_its_key(window, loss, qtbot):
    document = window.workspace.document
    train = window.actions_["train"]  # its button comes soon after the first node
    qtbot.waitUntil(lambda: window.toolbar.widgetForAction(train) is not None)
    button = window.toolbar.widgetForAction(train)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert window.info.button.isVisible()
    qtbot.mouseClick(window.info.button, Qt.MouseButton.LeftButton)
    assert len(document.nodes) == 3 and window.canvas.hasFocus()
    press(window, Key.Key_Z, Keys.ControlModifier)
    assert len(document.nodes) == 2


@pytest.mark.thorough
def test_so_it_is_where_the_fix_was_reached_by_keyboard(window, loss, qtbot):
    document = window.workspace.document
    window.panels["palette"].search.setFocus()
    window.actions_.trigger("train")
    window.info.button.setFocus(Qt.FocusReason.TabFocusReason)
    press(window, Key.Key_Space)
    assert len(document.nodes) == 3 and window.canvas.hasFocus()
    press(window, Key.Key_Z, Keys.ControlModifier)
    assert len(document.nodes) == 2


@pytest.mark.thorough
def test_a_dismissed_banner_gives_the_keyboard_to_the_canvas(window, loss, qtbot):
    window.actions_.trigger("train")
    window.info._close.setFocus()
    press(window, Key.Key_Space)
    assert window.canvas.hasFocus() and not window.info.isVisible()


@pytest.mark.thorough
def test_a_banner_that_goes_leaves_the_keyboard_where_it_is(window, loss, qtbot):
    window.actions_.trigger("train")
    field = window.panels["palette"].search
    field.setFocus()
    window.messages.dismissed.emit()
    assert field.hasFocus()
