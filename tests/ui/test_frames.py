"""Frames and notes in the window: added, coloured, written and pasted, by keys and by menus."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QContextMenuEvent, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from test_window import build_expression
from typist import Typist

from nodeflow.document.edit import commands
from nodeflow.ui.canvas.paint.background_layer import frame_color
from nodeflow.ui.core.theming.theme import DARK, LIGHT, contrast, mix
from nodeflow.ui.inspector.editors.frame_color_choice import FRAME_COLORS

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)
Key, Keys = Qt.Key, Qt.KeyboardModifier


@pytest.fixture
def typist(window) -> Typist:
    window.activateWindow()
    window.canvas.setFocus()
    return Typist(window)


def choose(window, at: QPoint, action: str) -> None:
    """A right click on the canvas, then an entry of the menu, as the platform sends them."""
    canvas = window.canvas
    QTest.mousePress(canvas, Qt.MouseButton.RightButton, pos=at)
    event = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, at, canvas.mapToGlobal(at))
    QApplication.sendEvent(canvas, event)
    QTest.mouseRelease(canvas, Qt.MouseButton.RightButton, pos=at)
    menu = window.context_menu.menu
    menu.setActiveAction(window.actions_[action])
    QTest.keyClick(menu, Key.Key_Return)


def test_a_note_is_written_by_keyboard_alone(window, typist, qtbot):
    document = window.workspace.document
    typist.press(Key.Key_N)
    (note,) = document.frames.values()
    assert window.canvas.selection.frame == note.id
    typist.type("**Try** a larger rate")
    typist.press(Key.Key_Return, Keys.ControlModifier)
    assert document.frames[note.id].note == "**Try** a larger rate"
    typist.press(Key.Key_Escape)
    assert window.canvas.hasFocus()
    typist.press(Key.Key_Return)
    assert window.panels["inspector"].outside.isAncestorOf(typist.focus), "Enter edits it again"
    document.undo()
    document.undo()
    assert not document.frames


@pytest.mark.thorough
def test_a_note_comes_where_the_menu_was_opened(window):
    canvas, at = window.canvas, QPoint(300, 200)
    choose(window, at, "note")
    (note,) = window.workspace.document.frames.values()
    corner = canvas.viewport.camera.to_view(QPointF(*note.rect[:2]))
    assert (corner - QPointF(at)).manhattanLength() <= 8


@pytest.mark.thorough
def test_nodes_are_pasted_where_the_menu_was_opened_and_else_in_the_middle(window, typist, qtbot):
    ids = build_expression(window.workspace.document)
    document, canvas = window.workspace.document, window.canvas
    canvas.selection.select([ids["a"]])
    typist.press(Key.Key_C, Keys.ControlModifier)
    at = QPoint(40, canvas.height() - 60)
    choose(window, at, "paste")
    new = document.nodes[canvas.selection.nodes()[0]]
    assert (canvas.viewport.camera.to_view(QPointF(*new.pos)) - QPointF(at)).manhattanLength() <= 8
    assert not document.wires_into(new.id)
    qtbot.waitUntil(lambda: canvas.mouse.menu_open_at is None)
    typist.press(Key.Key_V, Keys.ControlModifier)
    other = document.nodes[canvas.selection.nodes()[0]]
    assert other.pos != new.pos


@pytest.mark.thorough
def test_wires_come_along_by_keys_in_one_step(window, typist):
    document = window.workspace.document
    ids = build_expression(document)
    window.canvas.selection.select([ids["a"]])
    typist.press(Key.Key_C, Keys.ControlModifier)
    for key in (Key.Key_V, Key.Key_D):
        window.canvas.selection.select([ids["a"]])
        window.actions_.refresh()  # what the window does some milliseconds later
        typist.press(key, Keys.ControlModifier | Keys.ShiftModifier)
        (new,) = window.canvas.selection.nodes()
        sources = {w.target_port: w.source for w in document.wires_into(new)}
        assert sources == {"x": ids["d"], "y": ids["e"]}
        window.edits.undo()
        assert new not in document.nodes
    assert QGuiApplication.clipboard().mimeData().hasFormat("application/x-nodeflow+json")


@pytest.mark.thorough
def test_a_frame_is_coloured_in_the_inspector_by_keyboard(window, typist):
    document = window.workspace.document
    frame = commands.add_frame(document, (0, 0, 300, 200), "Layer")
    window.canvas.selection.select([frame])
    field = window.panels["inspector"].outside.page.rows["color"].editor.field
    field.setFocus()
    before = window.canvas.grab().toImage()
    QTest.keyClick(field, Key.Key_Down)
    assert document.frames[frame].color == list(FRAME_COLORS)[1]
    assert window.canvas.grab().toImage() != before
    document.undo()
    assert document.frames[frame].color == ""
    assert field.currentText() == "Standard"


def test_a_title_that_is_typed_twice_is_two_steps(window, typist):
    document = window.workspace.document
    frame = commands.add_frame(document, (0, 0, 300, 200), "Layer")
    window.canvas.selection.select([frame])
    window.panels["inspector"].outside.page.rows["title"].editor.focus_widget().setFocus()
    for text in ("Encoder", "Decoder"):
        typist.press(Key.Key_A, Keys.ControlModifier)
        typist.type(text)
        typist.press(Key.Key_Return)
    titles = [document.frames[frame].title]
    for _ in range(2):
        document.undo()
        titles.append(document.frames[frame].title)
    assert titles == ["Decoder", "Encoder", "Layer"]


def test_a_colour_from_a_file_is_kept(window):
    document = window.workspace.document
    frame = commands.add_frame(document, (0, 0, 300, 200), "Layer", color="#aa3355")
    window.canvas.selection.select([frame])
    assert (
        window.panels["inspector"].outside.page.rows["color"].editor.field.currentData()
        == "#aa3355"
    )
    assert document.frames[frame].color == "#aa3355"


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("color", FRAME_COLORS)
def test_text_on_a_frame_can_be_read(theme, color):
    ink = frame_color(theme, color)
    ground = mix(theme.color("canvas"), ink, 0.10 if theme.is_dark else 0.07)
    assert contrast(mix(ink, theme.color("ink"), 0.45), ground) >= 4.5
    assert contrast(theme.color("ink_muted"), ground) >= 4.5


def test_frames_and_notes_are_found_and_shown(window, typist):
    document = window.workspace.document
    build_expression(document)
    commands.add_frame(document, (4000, 3000, 300, 200), "Layer", "Read **this**\nand more")
    typist.find("read")
    (frame,) = document.frames
    assert window.canvas.selection.frame == frame and window.canvas.hasFocus()
    seen = window.canvas.viewport.camera.rect_to_view(window.canvas.renderer.export_rect([frame]))
    assert window.canvas.rect().contains(seen.adjusted(40, 40, -40, -40).toRect())
    window.canvas.viewport.fit_all()
    whole = window.canvas.viewport.camera.scale
    typist.press(Key.Key_F)
    assert window.canvas.viewport.camera.scale > whole, "F fits the selected frame"


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    ("command", "start"),
    [
        ("copy its formula", "(2 + 1) * (1 + 2)"),
        ("formula as latex", "(2 + 1)"),
        ("copy as python", "import nodeflow"),
    ],
)
def test_a_formula_is_copied_by_keyboard(window, typist, qtbot, command, start):
    typist.press(Key.Key_Equal)
    typist.type("b = 2; c = 1; a = (b + c) * (c + 2)")
    typist.press(Key.Key_Return)
    typist.find("a")
    typist.press(Key.Key_P, Keys.ControlModifier | Keys.ShiftModifier)
    typist.type(command)
    typist.press(Key.Key_Return)
    clipboard = QGuiApplication.clipboard()
    qtbot.waitUntil(lambda: start in clipboard.text())
