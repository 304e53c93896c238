"""Typing into the inspector: nothing is taken before Enter or leaving, and the focus stays."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialogButtonBox, QFileDialog

from nodeflow.document.edit import commands
from nodeflow.ui.inspector.editors.table_editor_dialog import rows_of

Key, Keys = Qt.Key, Qt.KeyboardModifier

# what the offscreen platform says of popups
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)


@pytest.fixture
def keys(window, qtbot):
    """Presses keys as the platform does: they go where the focus, or a popup, is."""
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    return Keyboard(window)


class Keyboard:
    def __init__(self, window) -> None:
        self.window = window

    def press(self, key: Qt.Key, modifiers: Qt.KeyboardModifier = Keys.NoModifier) -> None:
        QTest.keyClick(self.window.windowHandle(), key, modifiers)

    def type(self, text: str) -> None:
        for letter in text:
            QTest.keyClick(self.window.windowHandle(), letter)


def select(window, op: str, attrs: dict | None = None, name: str | None = None) -> str:
    node = commands.add_node(window.workspace.document, op, (0, 0), name, attrs)
    window.canvas.selection.select([node])
    return node


def page(window):
    return window.panels["inspector"].outside.page


def row(window, name: str):
    return page(window).attributes.attr_rows[name]


def value(window, node: str, name: str):
    return window.workspace.document.nodes[node].attrs.get(name)


def choose_csv(window) -> None:
    kind = page(window).source.editor.kind
    kind.setCurrentIndex(kind.findData("csv"))
    kind.activated.emit(kind.currentIndex())


@pytest.fixture
def csv(tmp_path):
    path = tmp_path / "boom.csv"
    path.write_text("x,y\n1,2\n3,4\n")
    return path


@pytest.mark.thorough
def test_a_data_path_is_typed_without_losing_the_keyboard(window, keys, csv):
    document = window.workspace.document
    node = select(window, "dataset")
    choose_csv(window)
    keys.type(str(csv))
    field = page(window).source.editor.file.line
    assert field.text() == str(csv) and field.hasFocus()
    assert "source" not in document.nodes[node].attrs, "nothing is taken before Enter"
    keys.press(Key.Key_Return)
    assert document.nodes[node].attrs["source"] == f"csv:{csv}"
    assert page(window).source.editor.file.line.hasFocus()
    assert "features" in page(window).attributes.attr_rows
    assert not document.nodes[node].extra, "no letter ran as a command"
    document.undo()
    assert "source" not in document.nodes[node].attrs, "one undo step"


@pytest.mark.thorough
def test_a_path_is_completed_from_what_lies_in_the_folder(window, keys, tmp_path, qtbot):
    (tmp_path / "deep").mkdir()
    for name in ("deep/points.csv", "deep/picture.png", "deep/.hidden.csv"):
        (tmp_path / name).write_text("x,y\n1,2\n")
    node = select(window, "dataset")
    choose_csv(window)
    file = page(window).source.editor.file
    assert file.completions(f"{tmp_path}/deep/") == [f"{tmp_path}/deep/points.csv"]
    keys.type(f"{tmp_path}/de")
    popup = file.line.completer().popup()
    qtbot.waitUntil(popup.isVisible)
    keys.press(Key.Key_Down)
    keys.press(Key.Key_Return)
    assert file.path == f"{tmp_path}/deep/"
    qtbot.waitUntil(popup.isVisible)
    keys.press(Key.Key_Down)
    keys.press(Key.Key_Return)
    assert value(window, node, "source") == f"csv:{tmp_path}/deep/points.csv"
    window.workspace.document.undo()
    assert value(window, node, "source") is None, "the folder on the way was no choice"


def test_a_path_is_relative_to_the_document_when_browsed(window, qtbot, csv, monkeypatch):
    window.workspace.document.path = csv.parent / "graph.flow"
    node = select(window, "dataset")
    choose_csv(window)
    asked = []

    def choose(_parent, _title, start, _filter):
        asked.append(start)
        return str(csv), ""

    monkeypatch.setattr(QFileDialog, "getOpenFileName", choose)
    qtbot.mouseClick(page(window).source.editor.file.browse, Qt.MouseButton.LeftButton)
    assert asked == [str(csv.parent)]
    assert value(window, node, "source") == "csv:boom.csv"


FIELDS = [
    ("gradient_descent", "learning_rate", "0.25", 0.25),
    ("placeholder", "shape", "?, 784", [None, 784]),
    ("constant", "value", "12.5", 12.5),
    ("random_normal", "seed", "7", 7),
    ("reduce_sum", "axis", "0", 0),
]


@pytest.mark.thorough
@pytest.mark.parametrize(("op", "name", "text", "expected"), FIELDS)
def test_every_field_is_read_at_enter_and_at_leaving(window, keys, op, name, text, expected):
    node = select(window, op)
    before = value(window, node, name)
    row(window, name).editor.focus_widget().setFocus()
    keys.press(Key.Key_A, Keys.ControlModifier)
    keys.type(text)
    assert value(window, node, name) == before, "not while it is typed"
    keys.press(Key.Key_Return)
    assert value(window, node, name) == expected
    assert row(window, name).editor.focus_widget().hasFocus()
    window.workspace.document.undo()
    assert value(window, node, name) == before
    keys.press(Key.Key_A, Keys.ControlModifier)
    keys.type(text)
    keys.press(Key.Key_Tab)
    assert value(window, node, name) == expected
    assert not row(window, name).editor.focus_widget().hasFocus()


@pytest.mark.sample(1)
@pytest.mark.parametrize(("op", "name", "text", "expected"), FIELDS)
def test_what_is_typed_survives_a_page_made_anew(window, keys, op, name, text, expected):
    node = select(window, op)
    before = value(window, node, name)
    row(window, name).editor.focus_widget().setFocus()
    keys.press(Key.Key_A, Keys.ControlModifier)
    keys.type(text[:-1])
    old = page(window)
    window.panels["inspector"].outside.rebuild()
    assert page(window) is not old and value(window, node, name) == before
    keys.type(text[-1])
    keys.press(Key.Key_Return)
    assert value(window, node, name) == expected


@pytest.mark.thorough
def test_the_cursor_stays_where_it_is(window, keys):
    document = window.workspace.document
    node = select(window, "constant", name="weights")
    field = page(window).name.field
    field.setFocus()
    keys.press(Key.Key_Home)
    keys.type("my_")
    window.panels["inspector"].outside.rebuild()
    assert page(window).name.field is not field and page(window).name.field.hasFocus()
    keys.type("own_")
    keys.press(Key.Key_Return)
    assert document.nodes[node].name == "my_own_weights"


def test_a_note_is_taken_when_it_is_left_or_with_control_enter(window, keys):
    document = window.workspace.document
    frame = commands.add_frame(document, (0, 0, 300, 200), "Layer")
    window.workspace.select([frame])
    page(window).rows["note"].editor.focus_widget().setFocus()
    keys.type("one")
    keys.press(Key.Key_Return)
    keys.type("tw")
    window.panels["inspector"].outside.rebuild()
    keys.type("o")
    assert document.frames[frame].note == ""
    keys.press(Key.Key_Return, Keys.ControlModifier)
    assert document.frames[frame].note == "one\ntwo"
    keys.type(" m")
    keys.press(Key.Key_Escape)
    assert document.frames[frame].note == "one\ntwo"
    assert page(window).rows["note"].editor.focus_widget().toPlainText() == "one\ntwo"
    keys.press(Key.Key_Escape)
    assert window.canvas.hasFocus()


@pytest.mark.thorough
def test_escape_takes_back_what_is_typed_and_then_leaves(window, keys):
    node = select(window, "gradient_descent", {"learning_rate": 0.5})
    field = row(window, "learning_rate").editor.field
    field.setFocus()
    keys.press(Key.Key_A, Keys.ControlModifier)
    keys.type("9x")
    keys.press(Key.Key_Escape)
    assert field.text() == "0.5" and field.hasFocus()
    keys.press(Key.Key_Escape)
    assert window.canvas.hasFocus() and value(window, node, "learning_rate") == 0.5


def test_a_command_takes_what_is_typed_first(window, keys, qtbot, engine):
    """By its key and by its button: a button of the toolbar leaves the keyboard where it is."""
    node = select(window, "constant", {"value": 1.0})
    row(window, "value").editor.focus_widget().setFocus()
    keys.press(Key.Key_A, Keys.ControlModifier)
    keys.type("7")
    keys.press(Key.Key_F5)
    assert value(window, node, "value") == 7
    keys.type("8")
    run = window.actions_["run"]  # its button comes soon after the first node
    qtbot.waitUntil(lambda: window.toolbar.widgetForAction(run) is not None)
    button = window.toolbar.widgetForAction(run)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert value(window, node, "value") == 78


@pytest.mark.thorough
def test_choosing_another_node_takes_what_is_typed(window, keys):
    other = commands.add_node(window.workspace.document, "constant", (300, 0))
    node = select(window, "constant", {"value": 1.0})
    row(window, "value").editor.focus_widget().setFocus()
    keys.press(Key.Key_A, Keys.ControlModifier)
    keys.type("5")
    window.canvas.selection.select([other])
    assert value(window, node, "value") == 5 and value(window, other, "value") is None
    keys.type("m")
    assert not window.workspace.document.nodes[other].extra, "no letter runs as a command"


@pytest.mark.thorough
def test_enter_commits_a_number_and_makes_no_second_one(window, keys):
    node = select(window, "constant", {"value": 2.0})
    window.canvas.setFocus()
    keys.press(Key.Key_Return)  # edits the selected node
    field = row(window, "value").editor.field
    assert field.hasFocus() and field.textCursor().selectedText() == "2.0"
    keys.press(Key.Key_Return)
    keys.type("0")
    keys.press(Key.Key_Return)
    assert value(window, node, "value") == 0
    keys.type("2 0")
    keys.press(Key.Key_Return)
    assert value(window, node, "value") == 0 and "2, 0" in row(window, "value").message
    for text, expected in (("2, 0", [2, 0]), ("[3]", [3]), ("[[1], [2]]", [[1], [2]])):
        keys.press(Key.Key_A, Keys.ControlModifier)
        keys.type(text)
        keys.press(Key.Key_Return)
        assert value(window, node, "value") == expected and not row(window, "value").message


@pytest.mark.thorough
def test_undo_means_the_text_while_typing_and_the_edit_after_enter(window, keys):
    node = select(window, "constant")
    field = page(window).attributes.attr_rows["value"].editor.focus_widget()
    field.setFocus()
    before = value(window, node, "value")
    field.selectAll()
    keys.type("3.5")
    keys.press(Key.Key_Z, Keys.ControlModifier)
    assert value(window, node, "value") == before and window.workspace.document.can_undo
    assert node in window.workspace.document.nodes, "the text was meant, not the last edit"
    field.selectAll()
    keys.type("4.5")
    keys.press(Key.Key_Return)
    assert value(window, node, "value") == 4.5
    window.actions_.refresh()
    keys.press(Key.Key_Z, Keys.ControlModifier)
    assert value(window, node, "value") == before and node in window.workspace.document.nodes
    window.actions_.refresh()
    keys.press(Key.Key_Z, Keys.ControlModifier | Keys.ShiftModifier)
    assert value(window, node, "value") == 4.5


@pytest.mark.thorough
def test_a_click_selects_a_number_to_type_over(window, keys, qtbot):
    node = select(window, "constant", {"value": 2.0})
    field = row(window, "value").editor.field
    qtbot.mouseClick(field.viewport(), Qt.MouseButton.LeftButton)
    keys.type("5")
    keys.press(Key.Key_Return)
    assert value(window, node, "value") == 5


def test_values_are_edited_as_a_table(window, keys, qtbot):
    """Also when the window could paste nodes, and as soon as the dialog is there."""
    node = select(window, "constant", {"value": 2.0})
    window.canvas.setFocus()
    window.actions_.refresh()
    keys.press(Key.Key_C, Keys.ControlModifier)
    qtbot.waitUntil(lambda: window.actions_["paste"].isEnabled())
    editor = row(window, "value").editor

    def fill() -> None:
        dialog = QApplication.activeModalWidget()
        dialog.form.setCurrentText("Table")
        QApplication.clipboard().setText("1\t2.5\n3\t4\n")
        QTest.keyClick(dialog.cells, Key.Key_V, Keys.ControlModifier)
        dialog.buttons.button(QDialogButtonBox.StandardButton.Ok).click()

    QTimer.singleShot(0, fill)
    qtbot.mouseClick(editor.table, Qt.MouseButton.LeftButton)
    assert value(window, node, "value") == [[1, 2.5], [3, 4]]
    window.workspace.document.undo()
    assert value(window, node, "value") == 2.0


@pytest.mark.parametrize(
    ("given", "cells"),
    [
        (2.0, [[2.0]]),
        (None, [[0]]),
        ([1, 2], [[1, 2]]),
        ([[1], [2]], [[1], [2]]),
        ([[[1]]], None),
        ([], None),
        ([0] * 20_000, None),
    ],
)
def test_what_is_a_table(given, cells):
    assert rows_of(given) == cells
