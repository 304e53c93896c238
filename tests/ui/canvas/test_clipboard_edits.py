"""Clipboard, delete, rename and the other edits, by their keys."""

from __future__ import annotations

import json

import pytest
from PySide6.QtCore import QMimeData, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit

from nodeflow.document.edit import commands
from nodeflow.document.io import flow
from nodeflow.ui.canvas.view.clipboard_edits import MIME

CONTROL = Qt.KeyboardModifier.ControlModifier
Key = Qt.Key


def test_delete_and_undo_and_redo_by_keys(document, canvas, hands, expression):
    full = flow.dumps(document)
    canvas.selection.select([expression["b"], expression["d"]])
    hands.key(Key.Key_Delete)
    assert {r.name for r in document.nodes.values()} == {"c", "e", "p"}
    assert not document.wires
    less = flow.dumps(document)
    hands.key(Key.Key_Z, CONTROL)
    assert flow.dumps(document) == full
    hands.key(Key.Key_Z, CONTROL | Qt.KeyboardModifier.ShiftModifier)
    assert flow.dumps(document) == less


def test_deleting_selected_nodes_says_that_the_selection_is_gone(canvas, hands, expression, qtbot):
    canvas.selection.select([expression["b"]])
    with qtbot.waitSignal(canvas.selection.changed) as said:
        hands.key(Key.Key_Delete)
    assert said.args == [[]]


def test_copy_and_paste_carry_nodes_and_the_wires_among_them(document, canvas, hands, expression):
    canvas.selection.select([expression["b"], expression["d"]])
    hands.key(Key.Key_C, CONTROL)
    data = QGuiApplication.clipboard().mimeData()
    assert json.loads(bytes(data.data(MIME)).decode()) == json.loads(data.text())
    hands.key(Key.Key_V, CONTROL)
    b, d = canvas.selection.ids()
    assert (document.nodes[b].op, document.nodes[d].op) == ("constant", "add")
    assert document.wires[(d, "x")].source == b
    assert (d, "y") not in document.wires
    document.undo()
    assert len(document.nodes) == 5


def test_cut_takes_away_what_paste_brings_back(document, canvas, hands, expression):
    canvas.selection.select([expression["e"]])
    hands.key(Key.Key_X, CONTROL)
    assert document.node_named("e") is None
    hands.key(Key.Key_V, CONTROL)
    assert document.node_named("e") is not None


@pytest.mark.parametrize("text", ["hello", '{"format": "nodeflow-clip", "nodes": 5}', "[" * 5000])
def test_a_foreign_clipboard_is_refused_with_a_message(document, hands, expression, text):
    data = QMimeData()
    data.setText(text)
    QGuiApplication.clipboard().setMimeData(data)
    revision = document.revision
    hands.key(Key.Key_V, CONTROL)
    assert document.revision == revision
    assert hands.messages


def test_a_paste_with_wires_takes_from_the_same_nodes(document, canvas, hands, expression):
    canvas.selection.select([expression["d"]])
    hands.key(Key.Key_C, CONTROL)
    (new,) = canvas.clipboard.paste(wired=True)
    assert document.wires[(new, "x")].source == expression["b"]
    document.undo()
    assert new not in document.nodes, "one step"


def test_a_frame_is_copied_with_what_it_holds(document, canvas, hands, expression):
    x, y = document.nodes[expression["d"]].pos
    frame = commands.add_frame(document, (x - 20, y - 60, 220, 200), "Sum")
    canvas.selection.select([frame])
    hands.key(Key.Key_C, CONTROL)
    hands.key(Key.Key_V, CONTROL)
    assert [document.nodes[i].name for i in canvas.selection.ids()] == ["d_1"]
    assert [f.title for f in document.frames.values()] == ["Sum", "Sum"]
    document.undo()
    canvas.selection.select([frame])
    hands.key(Key.Key_X, CONTROL)
    assert not document.frames and document.node_named("d") is None
    document.undo()
    assert frame in document.frames and document.node_named("d") is not None, "one step"


def test_a_copy_of_all_nodes_is_one_of_everything(document, canvas, hands, expression):
    commands.add_frame(document, (-900, -900, 100, 100), "Apart")
    hands.key(Key.Key_A, CONTROL)
    hands.key(Key.Key_C, CONTROL)
    hands.key(Key.Key_V, CONTROL)
    assert len(document.frames) == 2


def test_a_frame_moves_by_keys_with_what_it_holds(document, canvas, hands, expression):
    x, y = document.nodes[expression["d"]].pos
    frame = commands.add_frame(document, (x - 20, y - 60, 220, 200), "Sum")
    canvas.selection.select([frame])
    hands.key(Key.Key_Right, Qt.KeyboardModifier.AltModifier)
    hands.key(Key.Key_Right, Qt.KeyboardModifier.AltModifier)
    assert document.nodes[expression["d"]].pos == (x + 16, y)
    assert document.frames[frame].rect[0] == x - 4
    document.undo()
    assert document.frames[frame].rect[0] == x - 20, "repeated moves are one step"


def test_a_frame_is_resized_by_keys_as_one_step(document, canvas, hands, expression):
    x, y = document.nodes[expression["d"]].pos
    frame = commands.add_frame(document, (x - 20, y - 60, 220, 200), "Sum")
    canvas.selection.select([frame])
    alt = Qt.KeyboardModifier.AltModifier
    for key in (Key.Key_End, Key.Key_End, Key.Key_PageDown, Key.Key_Home):
        hands.key(key, alt)
    assert document.frames[frame].rect == (x - 20, y - 60, 228, 208)
    assert document.nodes[expression["d"]].pos == (x, y), "what lies on it stays"
    hands.key(Key.Key_Right, alt)
    hands.key(Key.Key_PageUp, alt)
    assert document.frames[frame].rect == (x - 12, y - 60, 228, 200)
    document.undo()
    assert document.frames[frame].rect == (x - 12, y - 60, 228, 208), "a move ends a series"
    document.undo()
    document.undo()
    assert document.frames[frame].rect == (x - 20, y - 60, 220, 200)


def test_a_frame_is_made_no_smaller_than_its_title_and_stays_in_sight(document, canvas, hands):
    frame = commands.add_frame(document, (0, 0, 112, 400), "Sum")
    canvas.selection.select([frame])
    alt = Qt.KeyboardModifier.AltModifier
    for _ in range(4):
        hands.key(Key.Key_Home, alt)
    assert document.frames[frame].rect == (0, 0, 96, 400)
    assert hands.messages[-1] == "The frame cannot be smaller."
    for _ in range(100):
        hands.key(Key.Key_PageDown, alt)
    assert document.frames[frame].rect == (0, 0, 96, 1200)
    assert canvas.rect().contains(hands.at(96, 1200)), "the edge that moves"
    canvas.selection.select([])
    hands.key(Key.Key_PageDown, alt)
    assert document.frames[frame].rect == (0, 0, 96, 1200)
    assert hands.messages[-1] == "Select a frame to resize it."


def test_duplicate_keeps_inner_wires_and_selects_the_copies(document, canvas, hands, expression):
    canvas.selection.select([expression["b"], expression["d"]])
    hands.key(Key.Key_D, CONTROL)
    copies = canvas.selection.ids()
    assert len(copies) == 2
    assert not set(copies) & set(expression.values())
    assert document.wires[(copies[1], "x")].source == copies[0]


def test_select_all(canvas, hands, expression):
    hands.key(Key.Key_A, CONTROL)
    assert set(canvas.selection.ids()) == set(expression.values())


def editor(canvas) -> QLineEdit:
    found = [e for e in canvas.findChildren(QLineEdit, "inlineEditor") if e.isVisible()]
    assert len(found) == 1
    return found[0]


def test_f2_renames(document, canvas, hands, expression):
    canvas.selection.select([expression["d"]])
    hands.key(Key.Key_F2)
    field = editor(canvas)
    assert field.text() == "d"
    QTest.keyClicks(field, "total")
    QTest.keyClick(field, Key.Key_Return)
    assert document.nodes[expression["d"]].name == "total"
    assert document.undo_label == "Rename d to total"


def test_a_double_click_on_the_title_renames_and_escape_leaves_it(
    document, canvas, hands, expression
):
    QTest.mouseDClick(
        canvas,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
        hands.title(expression["d"]),
    )
    field = editor(canvas)
    QTest.keyClicks(field, "other")
    QTest.keyClick(field, Key.Key_Escape)
    assert document.nodes[expression["d"]].name == "d"


@pytest.mark.parametrize(("name", "word"), [("b", "another node"), ("not a name", "letters")])
def test_a_name_that_cannot_be_is_refused_with_the_reason(
    document, canvas, hands, expression, name, word
):
    canvas.selection.select([expression["d"]])
    hands.key(Key.Key_F2)
    field = editor(canvas)
    field.setText(name)
    QTest.keyClick(field, Key.Key_Return)
    assert document.nodes[expression["d"]].name == "d"
    assert word in " ".join(hands.messages)


def test_enter_edits_and_a_double_click_on_the_body_activates(canvas, hands, expression, qtbot):
    canvas.selection.select([expression["d"]])
    with qtbot.waitSignal(canvas.signals.edit_requested) as said:
        hands.key(Key.Key_Return)
    assert said.args == [expression["d"]]
    with qtbot.waitSignal(canvas.signals.node_activated) as said:
        QTest.mouseDClick(
            canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, hands.at(400, 180)
        )
    assert said.args == [expression["d"]]


def test_a_ghost_becomes_a_node_where_it_is_dropped(document, canvas, hands):
    start = canvas.mapToGlobal(hands.at(-50, 100))
    canvas.palette_drag.begin("add", start)
    canvas.palette_drag.move(canvas.mapToGlobal(hands.at(300, 200)))
    assert not document.nodes
    node = canvas.palette_drag.drop(canvas.mapToGlobal(hands.at(300, 200)))
    assert document.nodes[node].op == "add"
    assert canvas.viewport.node_rect(node).contains(300, 200)
    assert canvas.selection.ids() == [node]
    document.undo()
    assert not document.nodes


def test_a_ghost_dropped_elsewhere_or_cancelled_adds_nothing(document, canvas, hands):
    canvas.palette_drag.begin("add", canvas.mapToGlobal(hands.at(0, 0)))
    assert canvas.palette_drag.drop(canvas.mapToGlobal(hands.at(-200, 50))) is None
    canvas.palette_drag.begin("add", canvas.mapToGlobal(hands.at(50, 50)))
    hands.key(Key.Key_Escape)
    assert canvas.palette_drag.drop(canvas.mapToGlobal(hands.at(50, 50))) is None
    assert not document.nodes


def test_a_frame_s_title_is_edited_in_place(document, canvas, hands):
    frame = commands.add_frame(document, (40, 40, 240, 160), "Old")
    QTest.mouseDClick(
        canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, hands.at(80, 55)
    )
    field = editor(canvas)
    field.setText("New")
    QTest.keyClick(field, Key.Key_Return)
    assert document.frames[frame].title == "New"
