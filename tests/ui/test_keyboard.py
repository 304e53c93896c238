"""Everything by keyboard: a graph is built, wired, found, moved and left by real key events."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtTest import QTest
from test_window import build_expression, shown
from typist import Typist, build_mnist

import nodeflow as nf
from nodeflow.document.edit import commands
from nodeflow.document.to_graph.build import build

# what the offscreen platform says of popups
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)
Key, Keys = Qt.Key, Qt.KeyboardModifier


@pytest.fixture
def typist(window) -> Typist:
    window.activateWindow()
    window.canvas.setFocus()
    return Typist(window)


def selected(window) -> list[str]:
    return [window.workspace.document.nodes[i].name for i in window.canvas.selection.nodes()]


@pytest.mark.thorough
def test_the_first_graph_is_built_by_keyboard_alone(window, typist, qtbot):
    document = window.workspace.document
    for name, value in (("b", "2"), ("c", "1"), ("two", "2")):
        typist.add("constant", name)
        typist.press(Key.Key_Return)
        assert window.panels["inspector"].outside.isAncestorOf(typist.focus)
        typist.press(Key.Key_A, Keys.ControlModifier)
        typist.type(value)
        typist.press(Key.Key_Return)
        typist.press(Key.Key_Escape)
        assert window.canvas.hasFocus()
    for name, op in (("d", "add"), ("e", "add"), ("a", "multiply")):
        typist.add(op, name)
    for source, target in (
        *(("b", "d:x"), ("c", "d:y"), ("c", "e:x")),
        *(("two", "e:y"), ("d", "a:x"), ("e", "a:y")),
    ):
        typist.wire(source, target)
    assert {r.name for r in document.nodes.values()} == {"b", "c", "two", "d", "e", "a"}
    assert len(document.wires) == 6
    qtbot.waitUntil(lambda: shown(window, "a") == "9")
    rects = [window.canvas.viewport.node_rect(i) for i in document.nodes]
    assert not any(a.intersects(b) for i, a in enumerate(rects) for b in rects[:i])


@pytest.mark.thorough
def test_the_first_graph_is_typed_as_a_formula(window, typist, qtbot):
    typist.press(Key.Key_Equal)
    typist.type("b = 2; c = 1; a = (b + c) * (c + 2)")
    typist.press(Key.Key_Return)
    assert window.canvas.hasFocus()
    qtbot.waitUntil(lambda: shown(window, "a") == "9")
    typist.press(Key.Key_Z, Keys.ControlModifier)
    assert not window.workspace.document.nodes


@pytest.mark.thorough
def test_arrows_walk_along_wires_and_between_siblings(window, typist):
    ids = build_expression(window.workspace.document)
    window.canvas.selection.select([ids["d"]])
    typist.press(Key.Key_Left)
    assert selected(window) == ["b"]
    typist.press(Key.Key_Down)
    assert selected(window) == ["c"]
    typist.press(Key.Key_Up)
    assert selected(window) == ["b"]
    typist.press(Key.Key_Right)
    assert selected(window) == ["d"]
    typist.press(Key.Key_Right)
    assert selected(window) == ["a"]
    typist.press(Key.Key_Left)
    assert selected(window) == ["d"], "a step back leads where one came from"


@pytest.mark.thorough
def test_a_walk_that_ends_says_so(window, typist):
    ids = build_expression(window.workspace.document)
    said = []
    window.canvas.signals.message.connect(said.append)
    window.canvas.selection.select([ids["a"]])
    typist.press(Key.Key_Right)
    assert selected(window) == ["a"] and said == ["Nothing uses a yet."]


@pytest.mark.thorough
def test_alt_and_arrows_move_the_selection(window, typist):
    document = window.workspace.document
    ids = build_expression(document)
    window.canvas.selection.select([ids["a"]])
    x, y = document.nodes[ids["a"]].pos
    typist.press(Key.Key_Right, Keys.AltModifier)
    typist.press(Key.Key_Down, Keys.AltModifier | Keys.ShiftModifier)
    assert document.nodes[ids["a"]].pos == (x + 8, y + 40)
    document.undo()
    assert document.nodes[ids["a"]].pos == (x, y)


@pytest.mark.thorough
def test_a_wire_by_keyboard_shows_what_fits_and_escape_cancels(window, typist):
    document = window.workspace.document
    ids = build_expression(document)
    before = dict(document.wires)
    window.canvas.selection.select([ids["a"]])
    typist.press(Key.Key_W)
    rows = {row.title: row for row in window.quick_pick.model.rows}
    assert not rows["d:x"].enabled and "loop" in rows["d:x"].detail
    typist.press(Key.Key_Return)
    assert document.wires == before, "a port that does not fit is not wired"
    typist.press(Key.Key_Escape)
    assert window.canvas.hasFocus() and not window.quick_pick.isVisible()
    assert document.wires == before


@pytest.mark.thorough
def test_a_wire_into_a_node_by_keyboard_asks_for_the_input_and_the_source(window, typist):
    document = window.workspace.document
    ids = build_expression(document)
    commands.disconnect(document, (ids["a"], "y"))
    window.canvas.selection.select([ids["a"]])
    typist.press(Key.Key_W, Keys.ShiftModifier)
    popup = window.quick_pick
    assert popup.heading.text() == "Wire into a: which input?"
    assert [(row.title, row.detail) for row in popup.model.rows] == [("y", ""), ("x", "wired to d")]
    typist.press(Key.Key_Return)
    assert popup.heading.text() == "Wire into a:y from"
    rows = {row.title: row for row in popup.model.rows}
    assert rows.keys() == {"b", "c", "two", "d", "e"} and all(r.enabled for r in rows.values())
    assert rows["e"].aside == "f32", "what an output gives"
    typist.type("e")
    typist.press(Key.Key_Return)
    assert document.wires[ids["a"], "y"].source == ids["e"] and window.canvas.hasFocus()
    window.canvas.selection.select([ids["d"]])
    typist.press(Key.Key_W, Keys.ShiftModifier)
    typist.press(Key.Key_Return)
    rows = {row.title: row for row in popup.model.rows}
    assert not rows["a"].enabled and "loop" in rows["a"].detail
    typist.press(Key.Key_Escape)
    document.undo()
    assert (ids["a"], "y") not in document.wires


@pytest.mark.thorough
def test_a_screen_reader_wires_two_nodes_by_pressing_a_port(window, typist):
    document = window.workspace.document
    ids = build_expression(document)
    before = dict(document.wires)
    commands.disconnect(document, (ids["a"], "x"))
    canvas = QAccessible.queryAccessibleInterface(window.canvas)
    node = canvas.child(list(document.nodes).index(ids["d"]))
    ports = [node.child(i) for i in range(node.childCount())]
    out = next(p for p in ports if p.text(QAccessible.Text.Name).startswith("output"))
    actions = out.actionInterface()
    actions.doAction(actions.pressAction())
    popup = window.quick_pick
    assert popup.isVisible() and popup.heading.text() == "Wire from d  f32 to"
    spoken = QAccessible.queryAccessibleInterface(popup.field).text(QAccessible.Text.Description)
    assert spoken.startswith("a:x"), "the nearest free port is said at once"
    typist.press(Key.Key_Return)
    assert dict(document.wires) == before and window.canvas.hasFocus()


@pytest.mark.thorough
def test_a_screen_reader_ends_a_wire_by_pressing_the_other_port(window, typist):
    document = window.workspace.document
    ids = build_expression(document)
    before = dict(document.wires)
    canvas = QAccessible.queryAccessibleInterface(window.canvas)

    def press(name: str, port: str) -> str:
        """Press a port; returns what that was said to do."""
        node = canvas.child(list(document.nodes).index(ids[name]))
        ports = [node.child(i) for i in range(node.childCount())]
        found = next(p for p in ports if p.text(QAccessible.Text.Name).startswith(port))
        actions = found.actionInterface()
        what = actions.localizedActionDescription(actions.pressAction())
        actions.doAction(actions.pressAction())
        return what

    for first, second in ((("d", "output"), ("a", "input x")), (("a", "input x"), ("d", "output"))):
        commands.disconnect(document, (ids["a"], "x"))
        assert press(*first).startswith("Draw a wire")
        assert window.quick_pick.isVisible()
        assert press(*second) == "End the wire here"
        assert dict(document.wires) == before and not window.quick_pick.isVisible()
        document.undo()
        assert (ids["a"], "x") not in document.wires
        document.undo()
    press("a", "output")
    assert press("d", "input x") == "End the wire here"
    assert dict(document.wires) == before, "a loop is refused"
    assert "loop" in window.status.text.text()
    press("d", "output")
    typist.press(Key.Key_Escape)
    assert press("a", "input x").startswith("Draw a wire"), "what was given up is forgotten"


def test_shift_f10_opens_the_menu_of_what_has_the_keyboard(window, typist):
    ids = build_expression(window.workspace.document)
    window.canvas.selection.select([ids["d"]])
    typist.press(Key.Key_F10, Keys.ShiftModifier)
    menu = window.context_menu.menu
    assert menu.isVisible() and "rename" in [a.objectName() for a in menu.actions()]
    menu.close()


@pytest.mark.thorough
def test_a_node_of_several_outputs_asks_which(window, typist, qtbot):
    typist.press(Key.Key_Equal)
    typist.type("s = split([1, 2, 3], parts=[1, 2]); t = exp(s[0])")
    typist.press(Key.Key_Return)
    typist.find("s")
    assert selected(window) == ["s"]
    typist.press(Key.Key_W)
    typist.type("parts.1")
    typist.press(Key.Key_Return)
    typist.type("t:x")
    typist.press(Key.Key_Return)
    document = window.workspace.document
    wire = document.wires[(document.node_named("t").id, "x")]
    assert wire.source_port == "parts.1"


@pytest.mark.thorough
def test_f6_leaves_the_canvas_and_comes_back(window, typist):
    ids = build_expression(window.workspace.document)
    window.canvas.selection.select([ids["b"]])
    seen = []
    for _ in range(8):
        typist.press(Key.Key_F6)
        seen.append(typist.focus)
        if window.canvas.hasFocus():
            break
    assert window.canvas.hasFocus()
    panes = (window.panels["palette"], window.panels["inspector"].outside)
    assert all(any(p.isAncestorOf(w) for w in seen) for p in panes)
    typist.press(Key.Key_F6, Keys.ShiftModifier)
    assert not window.canvas.hasFocus()
    typist.press(Key.Key_F6)
    assert window.canvas.hasFocus()


@pytest.mark.thorough
def test_mnist_is_built_by_keyboard_alone(window, typist):
    assert len(list(build_mnist(typist))) == 6
    workspace = window.workspace
    assert not workspace.analysis.all_problems()
    made = build(workspace.document)
    assert set(made.bindings) == {"x", "y"} and made.optimizers[0].op.id == "adam"
    rng = np.random.default_rng(0)
    feed = {"x": rng.random((5, 784), np.float32), "y": np.eye(10, dtype=np.float32)[:5]}
    session = nf.Session(made.graph, tier="reference")
    session.initialize()
    before = session.run("loss", feed)
    for _ in range(3):
        session.run("train", feed)
    assert session.run("loss", feed) < before
    rects = [window.canvas.viewport.node_rect(i) for i in workspace.document.nodes]
    assert not any(a.intersects(b) for i, a in enumerate(rects) for b in rects[:i])


@pytest.mark.sample(1)
@pytest.mark.parametrize("key", [Keys.NoModifier, Keys.ShiftModifier])
def test_a_conversion_that_makes_a_wire_fit_is_taken_by_keyboard(window, typist, key):
    document = window.workspace.document
    whole = commands.add_node(document, "constant", (0, 0), "n", {"value": 1, "dtype": "int32"})
    f = commands.add_node(document, "constant", (0, 200), "f", {"value": 1.0})
    total = commands.add_node(document, "add", (500, 0), "total")
    commands.connect(document, f, "out", total, "x")
    revision = document.revision
    out = key == Keys.NoModifier
    window.canvas.selection.select([whole if out else total])
    typist.press(Key.Key_W, key)
    if not out:
        typist.type("y")
        typist.press(Key.Key_Return)
    typist.type("total:y" if out else "n")
    row = window.quick_pick.model.rows[0]
    assert (row.detail, row.aside) == ("Insert Cast to float32", "gives f32")
    typist.press(Key.Key_Return)
    assert document.revision == revision + 1
    cast = document.nodes[document.wires[(total, "y")].source]
    assert cast.op == "cast" and document.wires[(cast.id, "x")].source == whole
    assert window.canvas.selection.nodes() == [cast.id]
    typist.press(Key.Key_Z, Keys.ControlModifier)
    assert (total, "y") not in document.wires and cast.id not in document.nodes


def test_shift_and_arrows_select_several_nodes(window, typist):
    ids = build_expression(window.workspace.document)
    window.canvas.selection.select([ids["b"]])
    typist.press(Key.Key_Right, Keys.ShiftModifier)
    typist.press(Key.Key_Right, Keys.ShiftModifier)
    assert set(selected(window)) == {"b", "d", "a"}
    typist.press(Key.Key_Left)
    assert selected(window) == ["d"]
    place = window.canvas.viewport.camera.x
    typist.press(Key.Key_Right, Keys.ControlModifier)
    assert selected(window) == ["d"] and window.canvas.viewport.camera.x == place - 48


@pytest.mark.thorough
def test_a_wire_is_selected_hidden_and_removed_by_keyboard(window, typist):
    document = window.workspace.document
    ids = build_expression(document)
    window.canvas.selection.select([ids["d"]])
    typist.press(Key.Key_L)
    titles = [row.title for row in window.quick_pick.model.rows]
    assert titles == ["b:out → d:x", "c:out → d:y", "d:out → a:x"]
    typist.type("c:")
    typist.press(Key.Key_Return)
    assert window.canvas.selection.wire == (ids["d"], "y") and window.canvas.hasFocus()
    typist.press(Key.Key_H, Keys.ShiftModifier)
    assert window.canvas.edits.is_wire_hidden((ids["d"], "y"))
    typist.press(Key.Key_Delete)
    assert (ids["d"], "y") not in document.wires and ids["d"] in document.nodes
    document.undo()
    window.canvas.selection.select_wire((ids["d"], "y"))
    typist.press(Key.Key_Left)
    assert selected(window) == ["c"] and window.canvas.selection.wire is None


@pytest.mark.thorough
def test_a_wire_gets_a_dot_from_the_commands(window, typist):
    document = window.workspace.document
    ids = build_expression(document)
    window.canvas.selection.select_wire((ids["d"], "x"))
    typist.press(Key.Key_P, Keys.ControlModifier | Keys.ShiftModifier)
    typist.type("add a dot")
    typist.press(Key.Key_Return)
    QTest.qWait(20)  # a command is done after the popup's own event
    assert document.nodes[document.wires[(ids["d"], "x")].source].op == "reroute"
