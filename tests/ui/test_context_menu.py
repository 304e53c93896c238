"""Context menus by real events: what they are about, their keys, and that their actions work."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QContextMenuEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from nodeflow.document.edit import commands
from nodeflow.ui.actions.menus import CONTEXT_MENUS
from nodeflow.ui.actions.specs import ACTIONS

# what the offscreen platform says of popups
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)
RIGHT = Qt.MouseButton.RightButton


@pytest.fixture
def graph(window):
    window.files.begin_empty()
    window.pages.show_canvas()
    document = window.workspace.document
    b = commands.add_node(document, "constant", (0, 0), "b", {"value": 2.0})
    d = commands.add_node(document, "add", (300, 0), "d")
    commands.connect(document, b, "out", d, "x")
    frame = commands.add_frame(document, (-40, -80, 700, 400), "Sum")
    window.canvas.viewport.fit_all()
    return {"b": b, "d": d, "frame": frame}


def right_click(window, at: QPoint):
    """Press, and the event that the platform then sends."""
    canvas = window.canvas
    QTest.mousePress(canvas, RIGHT, pos=at)
    event = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, at, canvas.mapToGlobal(at))
    QApplication.sendEvent(canvas, event)
    QTest.mouseRelease(canvas, RIGHT, pos=at)
    return window.context_menu.menu


def ids(menu) -> list[str]:
    return [a.objectName() for a in menu.actions() if a.objectName()]


def flat(items) -> list[str]:
    return [i for i in items if isinstance(i, str) and i != "-"]


@pytest.mark.thorough
def test_each_thing_has_its_menu(window, graph):
    canvas = window.canvas
    places = {
        "node": canvas.viewport.node_rect(graph["d"]).center().toPoint(),
        "canvas": QPoint(4, canvas.height() - 4),
        "wire": QPointF(
            *canvas.viewport.wire_lines([(graph["d"], "x")])[12, :2].tolist()
        ).toPoint(),
    }
    rect = canvas.viewport.camera.rect_to_view(canvas.renderer.export_rect())
    places["frame"] = QPoint(
        round(rect.center().x()), round(rect.top() + 60 * canvas.viewport.camera.scale)
    )
    for kind, at in places.items():
        menu = right_click(window, at)
        assert ids(menu) == flat(CONTEXT_MENUS[kind]), kind
        menu.close()


@pytest.mark.thorough
def test_a_menu_entry_does_what_its_key_does(window, graph):
    menu = right_click(window, window.canvas.viewport.node_rect(graph["d"]).center().toPoint())
    wires = next(a.menu() for a in menu.actions() if a.text() == "Wires")
    mute = next(a for a in wires.actions() if a.objectName() == "mute")
    assert mute.shortcut().toString() == "M"
    mute.trigger()
    menu.close()
    document = window.workspace.document
    assert document.nodes[graph["d"]].extra == {"mode": "muted"}
    assert window.actions_["mute"].text() == "Unmute"


def test_a_dot_comes_where_the_menu_was_opened(window, graph):
    canvas, document = window.canvas, window.workspace.document
    at = QPointF(*canvas.viewport.wire_lines([(graph["d"], "x")])[16, :2].tolist()).toPoint()
    right_click(window, at).close()
    window.actions_["add_dot"].trigger()
    dot = document.wires[(graph["d"], "x")].source
    assert canvas.viewport.node_rect(dot).contains(at)


@pytest.mark.thorough
def test_letters_typed_into_a_field_on_the_canvas_are_letters(window, graph, qtbot):
    canvas, document = window.canvas, window.workspace.document
    window.activateWindow()
    canvas.setFocus()
    canvas.selection.select([graph["d"]])
    QTest.keyClick(canvas, Qt.Key.Key_Tab)
    assert window.search.field.hasFocus()
    QTest.keyClicks(window.search.field, "mbhw")
    assert window.search.field.text() == "mbhw"
    assert document.nodes[graph["d"]].extra == {}
    canvas.rename.node(graph["d"])
    QTest.keyClicks(canvas.rename.editor, "hmb")
    QTest.keyClick(canvas.rename.editor, Qt.Key.Key_Return)
    assert document.nodes[graph["d"]].name == "hmb"
    assert document.nodes[graph["d"]].extra == {}


@pytest.mark.parametrize(("entry", "axis"), [("distribute_x", 0), ("distribute_y", 1)])
def test_nodes_are_spread_along_the_axis_that_the_entry_names(window, graph, entry, axis):
    document = window.workspace.document
    c = commands.add_node(document, "constant", (500, 700), "c", {"value": 1.0})
    commands.move(document, {graph["d"]: (90, 90)})
    window.canvas.selection.select([graph["b"], graph["d"], c])
    before = {i: node.pos for i, node in document.nodes.items()}
    window.actions_.refresh()
    window.actions_.trigger(entry)
    moved = {i: node.pos for i, node in document.nodes.items() if node.pos != before[i]}
    assert list(moved) == [graph["d"]], "the first and the last stay"
    assert moved[graph["d"]][axis] != 90 == moved[graph["d"]][1 - axis]


@pytest.mark.thorough
def test_blocked_entries_say_why(window, graph):
    window.canvas.selection.select([])
    window.actions_.refresh()
    assert "Select" in window.actions_.blocked("replace").reason
    assert window.actions_.blocked("distribute_x").reason == "Select three nodes or more."


@pytest.mark.thorough
def test_every_entry_is_an_action(window):
    known = {spec.id for spec in ACTIONS}
    for items in CONTEXT_MENUS.values():
        assert set(flat(items)) <= known


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("key", "modifiers", "check"),
    [
        (Qt.Key.Key_Delete, Qt.KeyboardModifier.ControlModifier, "gone"),
        (Qt.Key.Key_D, Qt.KeyboardModifier.AltModifier, "loose"),
        (Qt.Key.Key_S, Qt.KeyboardModifier.AltModifier, "swapped"),
        (Qt.Key.Key_H, Qt.KeyboardModifier.NoModifier, "collapsed"),
        (Qt.Key.Key_B, Qt.KeyboardModifier.NoModifier, "bypassed"),
    ],
)
def test_keys_on_the_canvas(window, graph, qtbot, key, modifiers, check):
    canvas, document, d = window.canvas, window.workspace.document, graph["d"]
    window.activateWindow()
    canvas.setFocus()
    canvas.selection.select([d])
    qtbot.wait(20)  # actions are refreshed in the next turn of the loop
    QTest.keyClick(canvas, key, modifiers)
    record = document.nodes.get(d)
    found = {
        "gone": record is None,
        "loose": record is not None and not document.has_wires(d),
        "swapped": (d, "y") in document.wires,
        "collapsed": record is not None and record.extra.get("collapsed") is True,
        "bypassed": record is not None and record.extra.get("mode") == "bypassed",
    }
    assert found[check]
    document.undo()
    assert (d, "x") in document.wires
    assert document.nodes[d].extra == {}


@pytest.mark.thorough
def test_a_clicked_wire_is_hidden_by_its_key(window, graph):
    """Nothing was selected before: the key counts although the selection is as it was."""
    canvas = window.canvas
    canvas.setFocus()
    window.actions_.refresh()
    at = QPointF(*canvas.viewport.wire_lines([(graph["d"], "x")])[12, :2].tolist()).toPoint()
    QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=at)
    QTest.keyClick(canvas, Qt.Key.Key_H, Qt.KeyboardModifier.ShiftModifier)
    assert canvas.edits.is_wire_hidden((graph["d"], "x"))
