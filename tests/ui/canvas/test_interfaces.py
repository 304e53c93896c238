"""The canvas as a screen reader finds it: nodes, ports, states, places, actions, focus."""

from __future__ import annotations

import gc

import pytest
import shiboken6
from PySide6.QtCore import QCoreApplication, QEvent, QPoint, Qt
from PySide6.QtGui import QAccessible
from PySide6.QtTest import QTest

from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.edit import commands, set_flags
from nodeflow.document.model.document import Document
from nodeflow.host.protocol import Preview
from nodeflow.ui.canvas.a11y import interfaces
from nodeflow.ui.canvas.a11y.interfaces import AccessibleTree, NodeObject
from nodeflow.ui.canvas.scene.badges import Badge
from nodeflow.ui.canvas.view.view import CanvasView

Role, Text = QAccessible.Role, QAccessible.Text


def small() -> tuple[Document, dict[str, str]]:
    document = Document()

    def add(op, name, pos, **attrs):
        return commands.add_node(document, op, pos, name=name, attrs=attrs)

    ids = {
        "a": add("constant", "a", (0, 0), value=[1.0, 2.0, 3.0]),
        "b": add("constant", "b", (0, 200), value=2.0),
        "sum": add("add", "sum", (300, 0)),
        "bad": add("matmul", "bad", (600, 0)),
        "odd": add("from_tomorrow", "odd", (600, 300)),
    }
    for source, target, port in (
        ("a", "sum", "x"), ("b", "sum", "y"), ("sum", "bad", "x"), ("b", "bad", "y"),
        ("b", "odd", "in"),
    ):  # fmt: skip
        commands.connect(document, ids[source], "out", ids[target], port)
    return document, ids


@pytest.fixture
def canvas(qtbot):
    document, ids = small()
    view = CanvasView(document, Analysis(document))
    view.ids = ids
    view.resize(1000, 600)
    qtbot.addWidget(view)
    view.show()
    qtbot.waitExposed(view)
    view.viewport.fit_all()
    return view


def root(view):
    return QAccessible.queryAccessibleInterface(view)


def node(view, name):
    found = root(view)
    return found.child(list(view.document.nodes).index(view.ids[name]))


def name_of(found) -> str:
    return found.text(Text.Name)


def test_the_canvas_has_its_nodes_as_children_and_they_their_ports(canvas) -> None:
    top = root(canvas)
    assert top.role() == Role.Canvas and name_of(top) == "Canvas"
    assert top.childCount() == 5 and "5 nodes" in top.text(Text.Description)
    names = []
    for place in range(top.childCount()):
        child = top.child(place)
        assert child.isValid() and child.role() == Role.ListItem
        assert top.indexOfChild(child) == place
        assert child.parent().object() is canvas
        names.append(name_of(child).split(",")[0])
        for index in range(child.childCount()):
            port = child.child(index)
            assert child.indexOfChild(port) == index and port.childCount() == 0
            assert port.parent().object() is child.object() and name_of(port)
    assert names == ["a", "b", "sum", "bad", "odd"]
    assert top.child(99) is None and top.child(-1) is None
    assert node(canvas, "a").child(9) is None


def test_a_node_says_op_type_value_and_problem(canvas) -> None:
    canvas.node_state.set_values({"sum": Preview("scalar", "float32", (), "9")})
    assert name_of(node(canvas, "sum")) == "sum, Add node, output float32 (3,), value 9"
    bad = name_of(node(canvas, "bad"))
    assert bad.startswith("bad, Matmul node, error: ")
    assert name_of(node(canvas, "odd")).startswith("odd, unknown op from_tomorrow node, error: ")
    canvas.node_state.set_status({canvas.ids["sum"]: "running"})
    assert "running" in name_of(node(canvas, "sum"))
    assert node(canvas, "sum").state().busy
    assert node(canvas, "sum").text(Text.Value) == "9"
    set_flags.set_mode(canvas.document, [canvas.ids["sum"]], "muted")
    assert "muted" in name_of(node(canvas, "sum")) and node(canvas, "sum").state().disabled


def test_a_port_says_dtype_shape_and_what_it_is_connected_to(canvas) -> None:
    ports = [name_of(node(canvas, "sum").child(i)) for i in range(3)]
    assert ports == [
        "input x, float32 (3,), connected to a",
        "input y, float32 (), connected to b",
        "output out, float32 (3,), connected to bad:x",
    ]
    (out,) = [node(canvas, "b").child(0)]
    assert name_of(out) == "output out, float32 (), connected to sum:y, bad:y, odd:in"
    commands.disconnect(canvas.document, (canvas.ids["sum"], "x"))
    assert "not connected" in name_of(node(canvas, "sum").child(0))


def test_states_follow_selection_focus_and_errors(canvas) -> None:
    canvas.setFocus()
    canvas.selection.select([canvas.ids["sum"]])
    state = node(canvas, "sum").state()
    assert state.selected and state.focused and state.focusable and not state.invalid
    assert not node(canvas, "a").state().selected and not root(canvas).state().focused
    assert root(canvas).focusChild().object() is node(canvas, "sum").object()
    assert node(canvas, "bad").state().invalid
    canvas.selection.select([canvas.ids["a"], canvas.ids["b"]])
    assert node(canvas, "a").state().selected and not node(canvas, "a").state().focused
    assert root(canvas).focusChild() is None


def test_places_on_the_screen_lead_back_to_nodes_and_ports(canvas) -> None:
    top = root(canvas)
    for place in range(top.childCount()):
        child = top.child(place)
        middle = child.rect().center()
        assert top.rect().contains(middle)
        found = top.childAt(middle.x(), middle.y())
        assert found.object() is child.object()
        for index in range(child.childCount()):
            spot = child.child(index).rect().center()
            assert child.childAt(spot.x(), spot.y()).object() is child.child(index).object()
    corner = canvas.mapToGlobal(QPoint(2, 2))
    assert top.childAt(corner.x(), corner.y()) is None
    canvas.viewport.camera.pan(5000, 0)
    assert node(canvas, "a").state().offscreen


def test_actions_go_to_a_node_and_edit_it(canvas, qtbot) -> None:
    actions = node(canvas, "b").actionInterface()
    names = actions.setFocusAction(), actions.pressAction(), "open", actions.showMenuAction()
    assert actions.actionNames() == [*names]
    assert [actions.localizedActionName(n) for n in names] == ["Go to", "Edit", "Open", "Menu"]
    assert actions.keyBindingsForAction(actions.pressAction()) == ["Return"]
    actions.doAction(actions.setFocusAction())
    assert canvas.selection.nodes() == [canvas.ids["b"]]
    with qtbot.waitSignal(canvas.signals.edit_requested) as caught:
        actions.doAction(actions.pressAction())
    assert caught.args == [canvas.ids["b"]]
    with qtbot.waitSignal(canvas.signals.node_activated) as caught:
        actions.doAction("open")
    assert caught.args == [canvas.ids["b"]]
    with qtbot.waitSignal(canvas.signals.menu_requested) as caught:
        actions.doAction(actions.showMenuAction())
    assert caught.args[0] == "node"
    assert canvas.rect().contains(canvas.mapFromGlobal(caught.args[1]))


def test_pressing_a_port_starts_a_wire_and_an_input_can_be_disconnected(canvas, qtbot) -> None:
    port = node(canvas, "sum").child(0)
    actions = port.actionInterface()
    press = actions.pressAction()
    assert port.role() == Role.Button and actions.actionNames() == [press, "disconnect"]
    assert actions.localizedActionName(press) == "Connect"
    assert "into this port" in actions.localizedActionDescription(press)
    assert actions.keyBindingsForAction(press) == ["Shift+W"]
    with qtbot.waitSignal(canvas.signals.wire_requested) as caught:
        actions.doAction(press)
    assert caught.args == [canvas.ids["sum"], "in", "x"]
    assert canvas.selection.nodes() == [canvas.ids["sum"]] and canvas.hasFocus()
    actions.doAction("disconnect")
    assert "not connected" in name_of(port) and actions.actionNames() == [press]
    out = node(canvas, "sum").child(2).actionInterface()
    assert out.actionNames() == [press] and out.keyBindingsForAction(press) == ["W"]
    with qtbot.waitSignal(canvas.signals.wire_requested) as caught:
        out.doAction(press)
    assert caught.args == [canvas.ids["sum"], "out", "out"]
    commands.remove(canvas.document, [canvas.ids["sum"]])
    assert actions.actionNames() == [] and out.actionNames() == []
    out.doAction(press)


def test_ports_that_are_only_looked_at_have_no_actions(canvas) -> None:
    canvas.document.locked = "only to be looked at"
    port = node(canvas, "sum").child(0)
    assert port.actionInterface().actionNames() == [] and port.state().disabled
    assert len(node(canvas, "sum").actionInterface().actionNames()) == 4


def test_walking_by_keys_tells_where_the_focus_is(canvas, monkeypatch) -> None:
    told = []
    monkeypatch.setattr(QAccessible, "isActive", staticmethod(lambda: True))
    real = QAccessible.updateAccessibility

    def note(event) -> None:
        subject = event.object()
        if isinstance(subject, NodeObject) and event.type() == QAccessible.Event.Focus:
            told.append(canvas.document.nodes[subject.node].name)
        real(event)

    monkeypatch.setattr(QAccessible, "updateAccessibility", staticmethod(note))
    interfaces.attach(canvas._accessible)
    canvas.setFocus()
    canvas.selection.select([canvas.ids["a"]])
    QTest.keyClick(canvas, Qt.Key.Key_Right)
    QTest.keyClick(canvas, Qt.Key.Key_Right)
    assert told == ["a", "sum", "bad"]
    canvas.clearFocus()
    canvas.setFocus()
    assert told[-1] == "bad"


def test_objects_of_deleted_nodes_go_and_undo_brings_others(canvas) -> None:
    kept, gone = node(canvas, "a"), node(canvas, "sum")
    port = gone.child(0)
    subject = gone.object()
    commands.remove(canvas.document, [canvas.ids["sum"]])
    assert not gone.isValid() and name_of(gone) == "" and name_of(port) == ""
    assert root(canvas).childCount() == 4 and root(canvas).indexOfChild(kept) == 0
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    gc.collect()
    assert not shiboken6.isValid(subject)
    canvas.document.undo()
    assert name_of(node(canvas, "sum")).startswith("sum, Add node")


def test_another_document_has_other_children(canvas) -> None:
    assert root(canvas).childCount() == 5
    document = Document()
    commands.add_node(document, "constant", (0, 0), name="alone")
    canvas.set_document(document, Analysis(document))
    assert root(canvas).childCount() == 1
    assert name_of(root(canvas).child(0)).startswith("alone, Constant node")


@pytest.mark.thorough
def test_ten_thousand_nodes_cost_nothing_until_somebody_asks(qtbot, monkeypatch) -> None:
    made = []
    real = NodeObject.__init__

    def count(self, *args) -> None:
        made.append(self)
        real(self, *args)

    monkeypatch.setattr(NodeObject, "__init__", count)
    document = Document()
    for index in range(10_000):
        document.fill("node", f"n{index + 1}", commands.NodeRecord(
            f"n{index + 1}", "constant", f"c{index}", {}, (index % 100 * 300, index // 100 * 200)
        ))  # fmt: skip
    view = CanvasView(document, Analysis(document))
    qtbot.addWidget(view)
    view.show()
    qtbot.waitExposed(view)
    view.selection.select(["n1"])
    QTest.keyClick(view, Qt.Key.Key_Right)
    commands.move(document, {"n1": (5.0, 5.0)})
    assert view.findChild(AccessibleTree) is None and made == []
    top = root(view)
    assert top.childCount() == 10_000 and made == []
    assert name_of(top.child(9_999)).startswith("c9999,") and len(made) == 1


@pytest.mark.thorough
def test_interfaces_are_kept_until_their_objects_go(canvas, monkeypatch) -> None:
    monkeypatch.setattr(interfaces, "_look_again", 0)
    root(canvas).child(0)
    known = len(interfaces._kept)
    for _ in range(30):
        document, _ids = small()
        canvas.set_document(document, Analysis(document))
        for place in range(root(canvas).childCount()):
            assert name_of(root(canvas).child(place))
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        gc.collect()
        interfaces._look_again = 0
    assert len(interfaces._kept) <= known + 10


def test_what_a_badge_says_is_in_the_description(canvas) -> None:
    record = canvas.document.node_named("sum")
    canvas.node_state.set_badges({record.id: Badge("∇ 2e-9", "ok", "Gradient of sum: right.")})
    assert node(canvas, "sum").text(Text.Description).endswith("Gradient of sum: right.")
    assert "Gradient" not in node(canvas, "a").text(Text.Description)
