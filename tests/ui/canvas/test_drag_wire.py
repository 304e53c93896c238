"""Wires by mouse: from either end, onto ports and bodies, picked up, refused, cancelled."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt

from nodeflow.document.edit import commands
from nodeflow.document.model.records import Wire
from nodeflow.ui.canvas import WireContext
from nodeflow.ui.canvas.gestures.drag_wire import DragWire


def test_dragging_from_an_output_to_an_input_connects_them(document, hands, expression):
    b, e = expression["b"], expression["e"]
    hands.drag(hands.port(b, "out"), hands.port(e, "y"))
    assert document.wires[(e, "y")] == Wire(b, "out", e, "y")
    document.undo()
    assert (e, "y") not in document.wires


def test_dragging_from_an_input_back_to_an_output_connects_them(document, hands, expression):
    b, e = expression["b"], expression["e"]
    hands.drag(hands.port(e, "x"), hands.port(b, "out"))
    assert document.wires[(e, "x")] == Wire(b, "out", e, "x")


def test_dropping_on_a_body_takes_the_first_free_port_that_fits(document, hands, expression):
    b, c, e = (expression[n] for n in "bce")
    body = hands.at(400, 380)
    hands.drag(hands.port(b, "out"), body)
    hands.drag(hands.port(c, "out"), body)
    assert {w.target_port: w.source for w in document.wires_into(e)} == {"x": b, "y": c}


def test_the_verdict_is_shown_at_the_port_while_dragging(document, canvas, hands, expression):
    d, p = expression["d"], expression["p"]
    commands.connect(document, expression["b"], "out", p, "y")
    hands.press(hands.port(d, "out"))
    hands.move(hands.port(p, "x"))
    gesture = canvas.mouse.gesture
    assert isinstance(gesture, DragWire)
    assert not gesture.verdict.ok
    assert "matrix" in gesture.verdict.reason
    before = dict(document.wires)
    hands.release(hands.port(p, "x"))
    assert document.wires == before
    assert any("matrix" in text for text in hands.messages)


def test_a_refused_wire_looks_different_from_an_accepted_one(canvas, hands, expression, picture):
    d, e, p = (expression[n] for n in "dep")
    hands.press(hands.port(d, "out"))
    hands.move(hands.port(e, "x"))
    assert canvas.mouse.gesture.verdict.ok
    accepted = picture()
    hands.move(hands.port(p, "x"))
    assert (picture() != accepted).any()
    hands.key(Qt.Key.Key_Escape)


def test_a_loop_is_refused_with_the_reason(document, canvas, hands, expression):
    d, e = expression["d"], expression["e"]
    commands.connect(document, d, "out", e, "x")
    before = dict(document.wires)
    hands.press(hands.port(e, "out"))
    hands.move(hands.port(d, "x"))
    assert "loop" in canvas.mouse.gesture.verdict.reason
    hands.release(hands.port(d, "x"))
    assert document.wires == before


def test_picking_a_wire_up_and_dropping_it_on_nothing_removes_it(document, hands, expression):
    d = expression["d"]
    hands.drag(hands.port(d, "x"), hands.at(200, 500))
    assert (d, "x") not in document.wires
    document.undo()
    assert (d, "x") in document.wires


def test_moving_a_wire_to_another_port_is_one_step(document, hands, expression):
    b, d, e = (expression[n] for n in "bde")
    hands.drag(hands.port(d, "x"), hands.port(e, "y"))
    assert (d, "x") not in document.wires
    assert document.wires[(e, "y")].source == b
    document.undo()
    assert document.wires[(d, "x")].source == b
    assert (e, "y") not in document.wires


def test_putting_a_picked_up_wire_back_changes_nothing(document, hands, expression):
    d, revision = expression["d"], document.revision
    port = hands.port(d, "x")
    hands.press(port)
    hands.move(port + QPoint(-60, 30))
    hands.move(port)
    hands.release(port)
    assert document.revision == revision


def test_clicking_a_wired_port_changes_nothing(document, hands, expression):
    revision = document.revision
    hands.click(hands.port(expression["d"], "x"))
    assert document.revision == revision


def test_a_wire_that_replaces_another_is_one_step(document, hands, expression):
    c, d, e = (expression[n] for n in "cde")
    hands.drag(hands.port(c, "out"), hands.port(d, "x"))
    assert document.wires[(d, "x")].source == c
    document.undo()
    assert document.wires[(d, "x")].source == expression["b"]
    assert not document.wires_into(e)


@pytest.mark.parametrize(("node", "port", "side"), [("d", "out", "out"), ("e", "x", "in")])
def test_a_wire_dropped_on_nothing_asks_what_to_add(
    canvas, hands, expression, qtbot, node, port, side
):
    start = hands.port(expression[node], port)
    with qtbot.waitSignal(canvas.signals.search_requested) as asked:
        hands.drag(start, hands.at(700, 500))
    scene, view, context = asked.args
    assert isinstance(context, WireContext)
    assert (context.node, context.port, context.side) == (expression[node], port, side)
    assert (scene.x(), scene.y()) == pytest.approx((700, 500), abs=1)
    assert view.toPoint() == hands.at(700, 500)


def test_escape_cancels_a_wire(document, canvas, hands, expression):
    revision = document.revision
    hands.press(hands.port(expression["d"], "x"))
    hands.move(hands.at(200, 500))
    hands.key(Qt.Key.Key_Escape)
    assert canvas.mouse.gesture is None
    hands.release(hands.at(200, 500))
    assert document.revision == revision


def test_escape_shows_a_wire_again_that_was_taken_off_its_port(canvas, hands, expression, picture):
    away = hands.at(200, 500)
    hands.move(away)
    before = picture()
    hands.press(hands.port(expression["d"], "x"))
    hands.move(away)
    assert (picture() != before).any()
    hands.key(Qt.Key.Key_Escape)
    hands.release(away)
    assert (picture() == before).all()


def test_a_wire_can_be_selected_and_deleted(document, canvas, hands, expression):
    start, end = hands.port(expression["b"], "out"), hands.port(expression["d"], "x")
    hands.click((start + end) / 2)
    assert canvas.selection.wire == (expression["d"], "x")
    hands.key(Qt.Key.Key_Delete)
    assert (expression["d"], "x") not in document.wires


def test_a_dataset_feeds_a_placeholder(document, canvas, hands):
    data = commands.add_node(document, "dataset", (40, 40), attrs={"source": "spirals"})
    card = canvas.scene.card(canvas.scene.nodes.get(data))
    column = card.outputs[0]
    assert column.type_text
    kind = canvas.scene.analysis.type_of(data, column.name)
    attrs = {"dtype": kind.dtype, "shape": list(kind.shape)}
    x = commands.add_node(document, "placeholder", (400, 40), attrs=attrs)
    hands.drag(hands.port(data, column.name), hands.port(x, "feed"))
    assert document.wires[(x, "feed")].source == data


def test_ports_that_would_take_the_wire_are_marked(document, canvas, hands, expression):
    commands.connect(document, expression["c"], "out", expression["p"], "y")
    hands.press(hands.port(expression["b"], "out"))
    hands.move(hands.at(600, 500))
    marked = {(hit.node, hit.port.name) for hit in canvas.mouse.gesture._fitting()}
    assert (expression["e"], "x") in marked
    assert (expression["d"], "x") not in marked  # has its wire
    assert not any(node == expression["p"] for node, _ in marked)  # scalars are no matrices
    hands.key(Qt.Key.Key_Escape)
