"""Every field and button of the window and its dialogs has a name for screen readers, and colour
is nowhere the only cue."""

from __future__ import annotations

import re
from itertools import combinations

import pytest
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSpinBox,
    QComboBox,
    QDialog,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QProgressBar,
    QSlider,
    QTabBar,
    QTextEdit,
    QWidget,
)

from nodeflow.document.edit import commands
from nodeflow.drawing.wires import wire_shape
from nodeflow.graph.types import DTYPES
from nodeflow.resources import example
from nodeflow.ui.canvas.a11y.descriptions import STATES
from nodeflow.ui.canvas.paint.wire_layer import wire_pen
from nodeflow.ui.canvas.scene.scene_model import DTYPE_CODES
from nodeflow.ui.core.theming.theme import LIGHT
from nodeflow.ui.popups.dialogs import confirmation_dialogs

FIELDS = (
    QAbstractButton, QAbstractItemView, QAbstractSpinBox, QComboBox, QLineEdit, QPlainTextEdit,
    QProgressBar, QSlider, QTextEdit,
)  # fmt: skip


def nameless(top: QWidget) -> list[str]:
    """Fields and buttons below a widget that a screen reader has no name for.

    Qt makes parts of its own (the field of a combo box, buttons of scroll bars), whose owner is
    named; a label whose buddy a field is names it.
    """
    found = []
    for widget in [top, *top.findChildren(QWidget)]:
        owner = widget.parentWidget()
        own = isinstance(widget, QHeaderView) or widget.objectName().startswith("qt_")
        if not isinstance(widget, FIELDS) or own:
            continue
        inside = isinstance(owner, (QComboBox, QAbstractSpinBox, QTabBar, QLineEdit))
        if inside or (owner is not None and isinstance(owner.parentWidget(), QComboBox)):
            continue
        if isinstance(widget, QAbstractButton) and not widget.isVisibleTo(top):
            continue  # its text comes when it is shown
        interface = QAccessible.queryAccessibleInterface(widget)
        if not interface.text(QAccessible.Text.Name).strip():
            path, step = [], widget
            while step is not None and step is not top:
                path.append(step.objectName() or type(step).__name__)
                step = step.parentWidget()
            found.append(" < ".join(path))
    return found


@pytest.mark.thorough
def test_everything_in_the_window_has_a_name(window, qtbot) -> None:
    window.files.open_path(example("mnist"))
    document = window.workspace.document
    assert nameless(window) == []
    kinds = {record.op: record.id for record in document.nodes.values()}
    for op in ("random_normal", "one_hot", "dropout", "reduce_mean", "clip", "print", "conv2d"):
        kinds[op] = commands.add_node(document, op, (0, 0))
    for node_id in [*kinds.values(), commands.add_frame(document, (0, 0, 100, 100))]:
        window.canvas.selection.select([node_id])
        assert nameless(window.panels["inspector"].outside) == [], node_id
    window.canvas.selection.select(list(kinds.values()))
    assert nameless(window.panels["inspector"].outside) == []
    for name in window.docking.docks:
        window.docking.show(name)
        assert nameless(window.docking.docks[name]) == [], name
    window.pages.show_welcome()
    assert nameless(window.pages.welcome) == []


def test_everything_that_pops_up_has_a_name(window) -> None:
    window.pages.show_canvas()
    for action in ("search", "formula", "command_palette", "keymap", "shortcuts", "about"):
        window.actions_.trigger(action)
    assert len(list(window.panels.values())) > 10, "all are made"
    assert nameless(window) == []
    for dialog in window.findChildren(QDialog):
        assert nameless(dialog) == [], dialog.objectName()
        dialog.close()


@pytest.mark.thorough
def test_descriptions_are_words_and_no_layout(window, qtbot) -> None:
    """Without a description of its own, what a widget says is its tooltip, marks and all."""
    window.files.open_path(example("mnist"))
    commands.set_training(window.workspace.document, seed=7)
    window.actions_.refresh_now()  # Undo has a button from the first edit on
    undo = window.toolbar.widgetForAction(window.actions_["undo"])
    qtbot.waitUntil(undo.isVisible)
    spoken = {}
    for made in window.findChildren(QWidget):
        interface = QAccessible.queryAccessibleInterface(made)
        if made.isVisible() and interface is not None:
            spoken[made] = interface.text(QAccessible.Text.Description)
    marked = {w: text for w, text in spoken.items() if re.search(r"<\w|&\w+;", text)}
    assert marked == {}
    redo = window.toolbar.widgetForAction(window.actions_["redo"])
    assert spoken[redo] == "Nothing to redo." and spoken[undo].startswith("Undo change")
    commands.add_node(window.workspace.document, "relu", (0, 0))
    interface = QAccessible.queryAccessibleInterface(undo)
    qtbot.waitUntil(lambda: interface.text(QAccessible.Text.Description).startswith("Undo add"))


@pytest.mark.thorough
def test_dialogs_have_names(window, qtbot) -> None:
    for made in (
        confirmation_dialogs.ErrorDialog(window, "/tmp/log"),
        confirmation_dialogs.ShortcutsDialog(window, window.actions_),
        confirmation_dialogs.AboutDialog(window),
    ):
        assert nameless(made) == [] and made.windowTitle(), made.objectName()
        made.deleteLater()


def test_what_only_shows_a_picture_says_what_it_is(window) -> None:
    window.pages.show_welcome()
    assert len(list(window.panels.values())) > 10, "all are made"
    for made in [w for w in window.findChildren(QLabel) if not w.pixmap().isNull()]:
        assert (
            made.accessibleName()
            or made.accessibleDescription()
            or made.text()
            or (QAccessible.queryAccessibleInterface(made).text(QAccessible.Text.Name))
        ), made.objectName()


# ---- colour is not the only cue -------------------------------------------------------------


@pytest.mark.parametrize(("one", "other"), list(combinations(DTYPES, 2)))
def test_wires_of_two_dtypes_differ_by_dash_or_thickness(one, other) -> None:
    looks = [
        (wire_shape.DASHES.get(d), wire_pen(LIGHT, DTYPE_CODES.index(d), 1.0).widthF())
        for d in (one, other)
    ]
    assert looks[0] != looks[1]


def test_every_state_of_a_node_has_words() -> None:
    for state in ("running", "done", "stale", "muted", "bypassed", "breakpoint", "hit"):
        assert STATES[state]
