"""Attributes that wires give, in the inspector: locked, with the value, and a way to its node."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMenu

from nodeflow.document.edit import commands
from nodeflow.graph.registry import REGISTRY
from nodeflow.ui.popups.search.vary_pick import places

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)


def row(window, name: str):
    return window.panels["inspector"].outside.page.attributes.attr_rows[name]


def select(window, name: str) -> str:
    node = window.workspace.document.node_named(name).id
    window.canvas.selection.select([node])
    return node


@pytest.mark.thorough
def test_a_learning_rate_from_a_wire_is_shown_locked_and_leads_to_its_node(live_window, qtbot):
    window = live_window("mnist_cnn_layers")
    train, document = select(window, "train"), window.workspace.document
    rate = row(window, "learning_rate")
    qtbot.waitUntil(lambda: rate.given.text() == "from rate: 0.004", timeout=30_000)
    assert rate.given.isVisible() and not rate.editor.isVisible()
    menu = QMenu()
    rate.fill_menu(menu)
    assert [action.text() for action in menu.actions()] == ["Back to the default"]
    assert not row(window, "beta1").is_given
    before = document.revision
    inspector = window.panels["inspector"].outside
    assert inspector.focus_attribute("learning_rate") and rate.given.hasFocus()
    for key in (Qt.Key.Key_1, Qt.Key.Key_0):
        qtbot.keyClick(rate.given, key)
    assert document.revision == before and "learning_rate" not in document.nodes[train].attrs
    qtbot.keyClick(rate.given, Qt.Key.Key_Space)
    assert [document.nodes[i].name for i in window.workspace.selection] == ["rate"]
    source = window.workspace.selection[0]
    assert source in set(window.canvas.viewport.visible_ids())
    commands.set_attr(document, source, "learning_rate", 0.02)
    select(window, "train")
    rate = row(window, "learning_rate")
    qtbot.waitUntil(lambda: rate.given.text() == "from rate: 0.02", timeout=30_000)
    qtbot.mouseClick(rate.given, Qt.MouseButton.LeftButton)
    assert [document.nodes[i].name for i in window.workspace.selection] == ["rate"]


@pytest.mark.thorough
def test_without_the_wire_the_field_takes_a_value_again(window, qtbot):
    document = window.workspace.document
    rate = commands.add_node(document, "constant", (0, 0), "rate", {"value": 0.5})
    train = commands.add_node(document, "adam", (300, 0), "train")
    window.canvas.selection.select([train])
    commands.connect(document, rate, "out", train, "schedule")
    assert row(window, "learning_rate").given.isVisible()
    commands.disconnect(document, (train, "schedule"))
    found = row(window, "learning_rate")
    assert found.editor.isVisible() and not found.is_given
    field = found.editor.focus_widget()
    field.setFocus()
    field.selectAll()
    qtbot.keyClicks(field, "0.25")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert document.nodes[train].attrs["learning_rate"] == 0.25


@pytest.mark.thorough
def test_every_attribute_that_a_wire_gives_is_locked(window):
    """For one op with each set of such attributes, and each of its ports that gives some."""
    document, checked = window.workspace.document, 0
    source = commands.add_node(document, "constant", (0, 0), "source")
    known = [op for op in REGISTRY if not op.own and op.givers and not op.hidden]
    for op in {tuple(op.givers.items()): op for op in known}.values():
        node = commands.add_node(document, op.id, (300, 0))
        window.canvas.selection.select([node])
        for port in {port for ports in op.givers.values() for port in ports}:
            commands.connect(document, source, "out", node, port)
            given = {name for name, ports in op.givers.items() if port in ports}
            rows = window.panels["inspector"].outside.page.attributes.attr_rows
            locked = {name for name, one in rows.items() if one.is_given}
            assert locked == given, (op.id, port)
            assert all(not rows[name].editor.isVisible() for name in locked)
            commands.disconnect(document, (node, port))
            checked += len(given)
        commands.remove(document, [node])
    assert checked > 40


@pytest.mark.thorough
def test_a_card_and_a_sweep_leave_out_what_a_wire_gives(window):
    document = window.workspace.document
    rate = commands.add_node(document, "constant", (0, 0), "rate", {"value": 0.5})
    train = commands.add_node(document, "adam", (300, 0), "train", {"learning_rate": 0.25})

    def card():
        return window.canvas.scene.builder.build(document.nodes[train])

    assert "learning rate 0.25" in card().subtitle
    assert "train.learning_rate" in {place.name for place in places(window.workspace)}
    commands.connect(document, rate, "out", train, "schedule")
    assert "learning rate" not in card().subtitle
    assert "train.learning_rate" not in {place.name for place in places(window.workspace)}


@pytest.mark.thorough
def test_a_value_of_a_wire_is_written_in_few_letters(window):
    document = window.workspace.document
    shape = {"value": [2, 3], "dtype": "int32"}
    sizes = commands.add_node(document, "constant", (0, 0), "sizes", shape)
    node = commands.add_node(document, "reshape", (300, 0))
    commands.connect(document, sizes, "out", node, "shape")
    window.canvas.selection.select([node])
    assert row(window, "shape").given.text() == "from sizes: [2, 3]"
