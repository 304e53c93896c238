"""Guides, alignment, collapse, mute, bypass and what depends on what, on the canvas."""

from __future__ import annotations

from itertools import pairwise

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt

from nodeflow.document.edit import commands
from nodeflow.document.model.records import BYPASSED, MUTED
from nodeflow.ui.canvas.view.dependency_highlight import REST_MS

ALT = Qt.KeyboardModifier.AltModifier


@pytest.fixture
def boxes(document, canvas):
    """Three loose cards, none of them level with another."""
    places = ((40, 40), (320, 101), (620, 333))
    return [
        commands.add_node(document, "constant", at, name=f"n{i}", attrs={"value": 1.0})
        for i, at in enumerate(places)
    ]


def test_a_dragged_card_snaps_to_another_ones_edge_and_shows_the_line(
    document, canvas, hands, boxes
):
    start = hands.title(boxes[1])
    hands.press(start)
    hands.move(start + QPoint(0, -30))
    hands.move(start + QPoint(0, -58))  # 43: three away from 40
    assert [g.axis for g in canvas.mouse.gesture.guides] == [1] * len(canvas.mouse.gesture.guides)
    assert canvas.mouse.gesture.guides[0].at == 40
    hands.release(start + QPoint(0, -58))
    assert document.nodes[boxes[1]].pos[1] == 40


def test_a_dragged_card_snaps_so_that_its_wire_is_level(document, canvas, hands, boxes):
    relu = commands.add_node(document, "relu", (320, 420), name="relu")
    commands.connect(document, boxes[2], "out", relu, "x")
    start = hands.title(relu)
    level = document.nodes[boxes[2]].pos[1]  # both ports are in the first row
    hands.press(start)
    hands.move(start + QPoint(0, -50))
    end = start + QPoint(0, round(level - 420) + 3)
    hands.move(end)
    hands.release(end)
    assert document.nodes[relu].pos[1] == level


def test_alt_moves_freely(document, canvas, hands, boxes):
    start = hands.title(boxes[1])
    hands.drag(start, start + QPoint(1, -58))
    assert document.nodes[boxes[1]].pos == (320, 40)
    document.undo()
    gesture_start = hands.title(boxes[1])
    hands.press(gesture_start)
    canvas.mouse.gesture.move(gesture_start.toPointF() + QPoint(11, -58).toPointF(), ALT)
    canvas.mouse.gesture.end(gesture_start.toPointF() + QPoint(11, -58).toPointF(), ALT)
    canvas.mouse.gesture = None
    assert document.nodes[boxes[1]].pos == (331, 43)


@pytest.mark.parametrize("edge", ["left", "right", "top", "bottom", "center_x", "center_y"])
def test_aligning_is_one_step(document, canvas, boxes, edge):
    before = {i: document.nodes[i].pos for i in boxes}
    canvas.selection.select(boxes)
    canvas.edits.align(edge)
    rects = [canvas.scene.rect(canvas.scene.nodes.get(i)) for i in boxes]
    line = {
        "left": lambda r: r.left(),
        "right": lambda r: r.right(),
        "top": lambda r: r.top(),
        "bottom": lambda r: r.bottom(),
        "center_x": lambda r: r.center().x(),
        "center_y": lambda r: r.center().y(),
    }[edge]
    assert [line(rect) for rect in rects] == pytest.approx([line(rects[0])] * 3)
    document.undo()
    assert {i: document.nodes[i].pos for i in boxes} == before


@pytest.mark.parametrize("axis", [0, 1])
def test_distributing_makes_gaps_equal(document, canvas, boxes, axis):
    canvas.selection.select(boxes)
    canvas.edits.distribute(axis)
    rects = sorted(
        (canvas.scene.rect(canvas.scene.nodes.get(i)) for i in boxes),
        key=lambda r: (r.left(), r.top())[axis],
    )
    low, high = (("left", "right"), ("top", "bottom"))[axis]
    first, second = (getattr(b, low)() - getattr(a, high)() for a, b in pairwise(rects))
    assert first == pytest.approx(second)
    assert document.undo_label.startswith("Distribute")


def test_snapping_puts_corners_on_the_grid(document, canvas, boxes):
    canvas.selection.select(boxes)
    canvas.edits.snap_to_grid()
    assert document.nodes[boxes[1]].pos == (320, 104)


def test_a_collapsed_card_is_its_title_and_keeps_its_wires(document, canvas, expression):
    d = expression["d"]
    whole = canvas.viewport.node_rect(d)
    canvas.selection.select([d])
    canvas.edits.toggle_collapsed()
    rect = canvas.viewport.node_rect(d)
    assert rect.height() == 46 < whole.height()
    ports = [canvas.viewport.port_position(d, port, "in") for port in ("x", "y")]
    assert rect.top() < ports[0].y() < ports[1].y() < rect.bottom()
    slot = canvas.scene.wires.slots.get((d, "y"))
    end = canvas.scene.wires.ends([slot], canvas.scene.positions)[0, 2:]
    assert tuple(end) == (ports[1].x(), ports[1].y())
    document.undo()
    assert canvas.viewport.node_rect(d) == whole


def test_ports_of_a_collapsed_card_take_wires(document, canvas, hands, expression):
    e = expression["e"]
    canvas.selection.select([e])
    canvas.edits.toggle_collapsed()
    hands.drag(hands.port(expression["b"], "out"), hands.port(e, "y"))
    assert document.wires[(e, "y")].source == expression["b"]


@pytest.mark.parametrize("mode", [MUTED, BYPASSED])
def test_a_mode_is_drawn_and_toggled_in_one_step(
    document, canvas, hands, expression, picture, mode
):
    d = expression["d"]
    canvas.selection.select([d])
    hands.move(QPoint(5, 650))
    canvas.renderer.repaint_all()
    before = picture()
    canvas.edits.toggle_mode(mode)
    assert document.nodes[d].extra == {"mode": mode}
    assert canvas.scene.card(canvas.scene.nodes.get(d)).status == mode
    assert (picture() != before).any()
    canvas.edits.toggle_mode(mode)
    assert document.nodes[d].extra == {}
    canvas.renderer.repaint_all()
    assert (picture() == before).all()


def test_what_needs_a_muted_node_rests_until_it_does_not(document, canvas, expression):
    def status(name: str) -> str:
        return canvas.scene.card(canvas.scene.nodes.get(expression[name])).status

    canvas.selection.select([expression["b"]])
    canvas.edits.toggle_mode(MUTED)
    assert [status(n) for n in "bdec"] == ["muted", "inactive", "", ""]
    off = [bool(canvas.scene.off[canvas.scene.nodes.get(expression[n])]) for n in "bdec"]
    assert off == [True, True, False, False]
    commands.connect(document, expression["d"], "out", expression["e"], "x")
    assert status("e") == "inactive"
    commands.disconnect(document, (expression["d"], "x"))
    assert [status(n) for n in "bdec"] == ["muted", "", "", ""]
    document.undo()
    canvas.edits.toggle_mode(MUTED)
    assert [status(n) for n in "bdec"] == ["", "", "", ""]


def test_a_bypassed_card_shows_the_way_through(document, canvas, expression):
    canvas.selection.select([expression["d"]])
    canvas.edits.toggle_mode(BYPASSED)
    card = canvas.scene.card(canvas.scene.nodes.get(expression["d"]))
    assert card.passes == ((0, 0),)


def test_muting_a_frame_mutes_what_it_holds(document, canvas, expression):
    frame = commands.add_frame(document, (300, 40, 260, 600), "Sums")
    canvas.selection.select([frame])
    canvas.edits.toggle_mode(MUTED)
    muted = {n.name for n in document.nodes.values() if n.extra.get("mode") == MUTED}
    assert muted == {"d", "e"}
    document.undo()
    assert all(not n.extra for n in document.nodes.values())


def test_a_rested_pointer_shows_what_is_upstream_and_downstream(
    document, canvas, hands, expression, picture, qtbot
):
    commands.connect(document, expression["d"], "out", expression["e"], "x")
    hands.move(hands.title(expression["d"]))
    plain = picture()
    qtbot.waitUntil(lambda: bool(canvas.highlight.parts), timeout=2000)
    names = [
        {document.nodes[canvas.scene.nodes.key(s)].name for s in nodes.tolist()}
        for _, nodes, _ in canvas.highlight.parts
    ]
    assert names == [{"b", "c"}, {"e"}]
    assert (picture() != plain).any()
    hands.move(QPoint(5, 650))
    assert canvas.highlight.parts == []


@pytest.mark.thorough
def test_nothing_lights_up_while_dragging(document, canvas, hands, expression, qtbot):
    at = hands.title(expression["d"])
    hands.move(at)
    hands.press(at)
    hands.move(at + QPoint(30, 30))
    qtbot.wait(2 * REST_MS)
    assert canvas.highlight.parts == []
    hands.release(at + QPoint(30, 30))


def test_names_hold_from_afar_while_few_nodes_are_in_sight(canvas, expression, picture, qtbot):
    canvas.viewport.zoom(-20)  # 18 %
    qtbot.waitUntil(lambda: picture() is not None and canvas.renderer.is_settled)
    assert canvas.renderer.context(canvas.rect().toRectF()).level == "far"
    canvas.viewport.zoom(-4)  # 12 %
    qtbot.waitUntil(lambda: picture() is not None and canvas.renderer.is_settled)
    assert canvas.renderer.context(canvas.rect().toRectF()).level == "block"


def test_with_many_nodes_in_sight_they_are_blocks(document, canvas, picture, qtbot):
    with document.transaction("many"):
        for i in range(800):
            commands.add_node(document, "constant", (i % 25 * 180, i // 25 * 120))
    canvas.viewport.zoom(-20, QPointF(1, 1))
    qtbot.waitUntil(lambda: picture() is not None and canvas.renderer.is_settled)
    assert len(canvas.viewport.visible_ids()) > 400
    assert canvas.renderer.context(canvas.rect().toRectF()).level == "block"
