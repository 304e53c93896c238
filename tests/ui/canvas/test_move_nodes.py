"""Selecting, moving, panning and zooming with the mouse and the keys."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from nodeflow.document.edit import commands
from nodeflow.document.io import flow

SHIFT, CONTROL = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier
MIDDLE = Qt.MouseButton.MiddleButton


def wheel(canvas, at: QPoint, angle: QPoint, pixels=None, keys=Qt.KeyboardModifier.NoModifier):
    event = QWheelEvent(
        QPointF(at),
        QPointF(canvas.mapToGlobal(at)),
        pixels or QPoint(),
        angle,
        Qt.MouseButton.NoButton,
        keys,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(canvas, event)


def test_clicking_selects_one_and_says_so(canvas, hands, expression, qtbot):
    with qtbot.waitSignal(canvas.selection.changed) as said:
        hands.click(hands.title(expression["d"]))
    assert said.args == [[expression["d"]]]
    hands.click(hands.title(expression["e"]))
    assert canvas.selection.ids() == [expression["e"]]
    hands.click(hands.at(700, 600))
    assert canvas.selection.ids() == []


@pytest.mark.parametrize("keys", [SHIFT, CONTROL])
def test_shift_and_control_add_and_take_away(canvas, hands, expression, keys):
    d, e = expression["d"], expression["e"]
    hands.click(hands.title(d))
    hands.click(hands.title(e), keys=keys)
    assert canvas.selection.ids() == [d, e]
    hands.click(hands.title(d), keys=keys)
    assert canvas.selection.ids() == [e]


def test_a_box_selects_what_it_touches(canvas, hands, expression):
    hands.drag(hands.at(20, 20), hands.at(100, 300))
    assert canvas.selection.ids() == [expression["b"], expression["c"]]
    hands.drag(hands.at(290, 500), hands.at(400, 350), keys=SHIFT)
    assert canvas.selection.ids() == [expression["b"], expression["c"], expression["e"]]
    hands.drag(hands.at(20, 20), hands.at(100, 60), keys=CONTROL)
    assert canvas.selection.ids() == [expression["c"], expression["e"]]


def test_escape_takes_a_box_back(canvas, hands, expression):
    canvas.selection.select([expression["e"]])
    hands.press(hands.at(20, 20), keys=SHIFT)
    hands.move(hands.at(100, 300))
    assert len(canvas.selection.ids()) == 3
    hands.key(Qt.Key.Key_Escape)
    assert canvas.selection.ids() == [expression["e"]]
    hands.release(hands.at(100, 300))


def test_dragging_moves_all_selected_nodes_in_one_step(document, canvas, hands, expression):
    b, c = expression["b"], expression["c"]
    canvas.selection.select([b, c])
    revision = document.revision
    hands.drag(hands.title(b), hands.title(b) + QPoint(80, 160))
    assert document.revision == revision + 1
    assert document.nodes[b].pos == (120, 200)
    assert document.nodes[c].pos == (120, 380)
    document.undo()
    assert document.nodes[b].pos == (40, 40)
    assert document.nodes[c].pos == (40, 220)


def test_moved_nodes_lie_on_the_grid(document, hands, expression):
    hands.drag(hands.title(expression["e"]), hands.title(expression["e"]) + QPoint(37, 22))
    x, y = document.nodes[expression["e"]].pos
    assert (x % 8, y % 8) == (0, 0)
    assert (x, y) == (360, 304)


def test_nothing_moves_before_the_button_is_released(document, hands, expression):
    e, revision = expression["e"], document.revision
    start = hands.title(e)
    hands.press(start)
    hands.move(start + QPoint(50, 50))
    assert document.revision == revision
    hands.key(Qt.Key.Key_Escape)
    hands.release(start + QPoint(50, 50))
    assert document.nodes[e].pos == (320, 280)
    assert document.revision == revision


@pytest.mark.parametrize("way", ["middle", "space"])
def test_panning_moves_the_view_and_not_the_document(document, canvas, hands, expression, way):
    revision, before = document.revision, canvas.viewport.camera.to_view(QPointF())
    start, end = hands.at(500, 500), hands.at(440, 530)
    if way == "middle":
        hands.drag(start, end, button=MIDDLE)
    else:
        QTest.keyPress(canvas, Qt.Key.Key_Space)
        hands.drag(start, end)
        QTest.keyRelease(canvas, Qt.Key.Key_Space)
    assert canvas.viewport.camera.to_view(QPointF()) - before == QPointF(-60, 30)
    assert document.revision == revision
    assert canvas.selection.ids() == []


def test_escape_takes_a_pan_and_a_resized_frame_back(document, canvas, hands, expression):
    x, y = canvas.viewport.camera.x, canvas.viewport.camera.y
    hands.press(QPoint(500, 600), MIDDLE)
    hands.move(QPoint(620, 480))
    assert (canvas.viewport.camera.x, canvas.viewport.camera.y) == (x + 120, y - 120)
    hands.key(Qt.Key.Key_Escape)
    hands.release(QPoint(620, 480), MIDDLE)
    assert (canvas.viewport.camera.x, canvas.viewport.camera.y) == (x, y)
    frame = commands.add_frame(document, (-20, -60, 700, 500), "All")
    corner = hands.at(678, 438)
    hands.press(corner)
    hands.move(corner + QPoint(80, 80))
    hands.key(Qt.Key.Key_Escape)
    hands.release(corner + QPoint(80, 80))
    assert document.frames[frame].rect == (-20, -60, 700, 500)


@pytest.mark.parametrize("keys", [Qt.KeyboardModifier.NoModifier, CONTROL])
def test_the_wheel_zooms_around_the_pointer(canvas, expression, keys):
    at = QPoint(400, 300)
    fixed = canvas.viewport.camera.to_scene(QPointF(at))
    wheel(canvas, at, QPoint(0, -240), keys=keys)
    assert canvas.viewport.camera.scale < 1
    off = canvas.viewport.camera.to_view(fixed) - QPointF(at)
    assert max(abs(off.x()), abs(off.y())) <= 0.51


def test_two_fingers_pan(canvas):
    before = canvas.viewport.camera.to_view(QPointF())
    wheel(canvas, QPoint(400, 300), QPoint(-90, 60), pixels=QPoint(-15, 10))
    assert canvas.viewport.camera.to_view(QPointF()) - before == QPointF(-15, 10)
    assert canvas.viewport.camera.scale == 1


def test_alt_and_arrows_nudge_and_repeated_nudges_are_one_step(document, canvas, hands, expression):
    canvas.selection.select([expression["b"]])
    document.seal()
    for _ in range(3):
        hands.key(Qt.Key.Key_Right, Qt.KeyboardModifier.AltModifier)
    hands.key(Qt.Key.Key_Down, Qt.KeyboardModifier.AltModifier)
    assert document.nodes[expression["b"]].pos == (64, 48)
    document.undo()
    assert document.nodes[expression["b"]].pos == (40, 40)


def test_fitting_shows_everything(canvas, expression):
    canvas.viewport.pan(-4000, 900)
    canvas.viewport.fit_all()
    for node_id in expression.values():
        assert canvas.viewport.node_rect(node_id).intersected(
            canvas.rect()
        ) == canvas.viewport.node_rect(node_id)
    canvas.selection.select([expression["p"]])
    canvas.viewport.fit(canvas.selection.ids())
    middle = canvas.viewport.node_rect(expression["p"]).center()
    assert abs(middle.x() - 500) < 2
    assert abs(middle.y() - 350) < 2


def test_centering_brings_a_node_to_the_middle_at_a_readable_size(canvas, expression):
    canvas.viewport.zoom(-30)
    canvas.viewport.center_on(expression["e"])
    middle = canvas.viewport.node_rect(expression["e"]).center()
    assert abs(middle.x() - 500) < 2
    assert canvas.viewport.camera.scale > 0.55


def test_frames_move_what_they_hold_in_one_step(document, hands, expression):
    frame = commands.add_frame(document, (24, 0, 240, 180), "Inputs")
    hands.drag(hands.at(60, 14), hands.at(60, 110))
    assert document.frames[frame].rect == (24, 96, 240, 180)
    assert document.nodes[expression["b"]].pos == (40, 136)
    assert document.nodes[expression["c"]].pos == (40, 220)
    document.undo()
    assert document.frames[frame].rect == (24, 0, 240, 180)
    assert document.nodes[expression["b"]].pos == (40, 40)


def test_a_frame_is_resized_at_its_corner(document, hands):
    frame = commands.add_frame(document, (96, 96, 240, 160), "Note")
    hands.drag(hands.at(332, 252), hands.at(412, 300))
    assert document.frames[frame].rect == (96, 96, 320, 208)


def test_dragging_on_a_frame_s_ground_selects_inside(document, canvas, hands, expression):
    commands.add_frame(document, (0, 0, 300, 400), "Inputs")
    hands.drag(hands.at(20, 60), hands.at(280, 390))
    assert canvas.selection.ids() == [expression["b"], expression["c"]]


def test_a_frame_is_selected_by_its_title_and_deleted_alone(document, canvas, hands, expression):
    frame = commands.add_frame(document, (24, 0, 240, 180), "Inputs")
    canvas.selection.select([expression["b"]])
    hands.click(hands.at(60, 14))
    assert canvas.selection.ids() == [frame]
    assert canvas.selection.nodes() == []
    hands.key(Qt.Key.Key_Delete)
    assert not document.frames
    assert expression["b"] in document.nodes
    assert canvas.selection.ids() == []


def test_a_right_click_selects_what_the_menu_is_about(canvas, hands, expression):
    canvas.selection.select([expression["b"], expression["c"]])
    hands.click(hands.title(expression["c"]), button=Qt.MouseButton.RightButton)
    assert canvas.selection.ids() == [expression["b"], expression["c"]]
    hands.click(hands.title(expression["e"]), button=Qt.MouseButton.RightButton)
    assert canvas.selection.ids() == [expression["e"]]


def test_a_drag_near_the_edge_moves_the_view(canvas, hands, expression, qtbot):
    before = canvas.viewport.camera.to_view(QPointF())
    hands.press(hands.at(700, 600))
    hands.move(QPoint(995, 400))
    qtbot.waitUntil(
        lambda: (canvas.viewport.camera.to_view(QPointF()) - before).x() < -10, timeout=2000
    )
    hands.key(Qt.Key.Key_Escape)
    hands.release(QPoint(995, 400))
    still = canvas.viewport.camera.to_view(QPointF())
    qtbot.wait(80)
    assert canvas.viewport.camera.to_view(QPointF()) == still


@pytest.fixture
def framed(document, canvas, expression):
    """A frame around two of the nodes, and one apart."""
    for node, place in ((expression["b"], (0, 0)), (expression["d"], (200, 0))):
        commands.move(document, {node: place})
    inner = commands.add_frame(document, (-20, -60, 420, 240), "Inner")
    apart = commands.add_frame(document, (2000, 2000, 200, 200), "Apart")
    canvas.viewport.fit_all()
    return inner, apart


def box_around(hands, document, frame):
    x, y, width, height = document.frames[frame].rect
    hands.drag(hands.at(x - 40, y - 40), hands.at(x + width + 40, y + height + 40))


def test_a_box_takes_frames_along_that_it_holds(document, canvas, hands, framed, expression):
    inner, apart = framed
    box_around(hands, document, inner)
    assert canvas.selection.frames == [inner]
    assert {expression["b"], expression["d"]} <= set(canvas.selection.ids())
    before = {i: f.rect[:2] for i, f in document.frames.items()}
    places = {i: document.nodes[i].pos for i in canvas.selection.nodes()}
    title = hands.title(expression["b"])
    hands.drag(title, title + QPoint(40, 24))
    moved = document.nodes[expression["b"]].pos
    dx, dy = moved[0] - places[expression["b"]][0], moved[1] - places[expression["b"]][1]
    assert (dx, dy) != (0, 0)
    assert document.frames[inner].rect[:2] == (before[inner][0] + dx, before[inner][1] + dy)
    assert document.frames[apart].rect[:2] == before[apart]
    document.undo()
    assert {i: f.rect[:2] for i, f in document.frames.items()} == before, "one step"
    assert {i: document.nodes[i].pos for i in places} == places


def test_what_only_touches_a_frame_leaves_it(document, canvas, hands, framed, expression):
    inner, _ = framed
    x, y, width, height = document.frames[inner].rect
    hands.drag(hands.at(x - 40, y - 40), hands.at(x + width - 40, y + height + 40))
    assert canvas.selection.nodes() and canvas.selection.frames == []


def test_frames_taken_along_move_by_keys_and_go_in_one_step(
    document, canvas, hands, framed, expression
):
    inner, apart = framed
    hands.key(Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    assert canvas.selection.frames == [inner, apart]
    x = document.frames[apart].rect[0]
    hands.key(Qt.Key.Key_Right, Qt.KeyboardModifier.AltModifier)
    hands.key(Qt.Key.Key_Right, Qt.KeyboardModifier.AltModifier)
    assert document.frames[apart].rect[0] == x + 16
    document.undo()
    assert document.frames[apart].rect[0] == x
    hands.key(Qt.Key.Key_Delete)
    assert not document.nodes and not document.frames
    document.undo()
    assert set(document.frames) == {inner, apart} and len(document.nodes) == 5


def test_escape_and_a_click_let_frames_go(document, canvas, hands, framed, expression):
    hands.key(Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    hands.key(Qt.Key.Key_Escape)
    assert canvas.selection.frames == [] and canvas.selection.ids() == []
    hands.key(Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    hands.click(canvas.viewport.node_rect(expression["b"]).center().toPoint())
    assert canvas.selection.frames == [] and canvas.selection.ids() == [expression["b"]]


def test_a_node_dropped_on_a_wire_makes_room_in_one_step(canvas, hands, expression):
    document = canvas.document
    wire = document.wires_into(expression["d"])[0]
    ids = [wire.source, wire.target]
    new = commands.add_node(document, "abs", (0, 900), "new")
    canvas.viewport.fit_all()
    text = flow.dumps(document)
    lines = canvas.viewport.wire_lines([wire.key])
    middle = QPoint(*(int(v) for v in lines[len(lines) // 2, :2]))
    hands.drag(hands.title(new), middle)
    assert document.wires[wire.key].source == new
    rects = [canvas.viewport.node_rect(i) for i in (ids[0], new, ids[1])]
    assert rects[0].right() < rects[1].left() and rects[1].right() < rects[2].left()
    document.undo()
    assert flow.dumps(document) == text
