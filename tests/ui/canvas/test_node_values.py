"""Numbers are changed on their nodes: by dragging, typing and sliders."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from nodeflow.document.edit import commands
from nodeflow.document.edit.node_value import NodeValue, value_of
from nodeflow.document.edit.set_flags import set_slider
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document

SHIFT, NONE = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.NoModifier
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def rate(canvas) -> str:
    node = commands.add_node(canvas.document, "constant", (0, 0), "rate", {"value": 2.0})
    canvas.viewport.fit_all()
    return node


def middle(canvas, node: str) -> QPoint:
    return canvas.viewport.value_rect(node).center().toPoint()


def value(canvas, node: str):
    return canvas.document.nodes[node].attrs["value"]


def test_dragging_changes_the_number_while_it_goes_on(canvas, hands, rate):
    text, at = flow.dumps(canvas.document), middle(canvas, rate)
    where = canvas.document.nodes[rate].pos
    hands.press(at)
    seen = []
    for x in (10, 30, 60):
        hands.move(at + QPoint(x, 0))
        seen.append(value(canvas, rate))
    assert seen == [2.1, 2.3, 2.6], "a pixel is a hundredth"
    hands.release(at + QPoint(60, 0))
    assert value(canvas, rate) == 2.6 and canvas.document.nodes[rate].pos == where
    canvas.document.undo()
    assert flow.dumps(canvas.document) == text, "one step"
    canvas.document.redo()
    assert value(canvas, rate) == 2.6


def test_two_drags_are_two_steps(canvas, hands, rate):
    for _ in range(2):
        at = middle(canvas, rate)
        hands.drag(at, at + QPoint(20, 0))
    assert value(canvas, rate) == pytest.approx(2.4)
    canvas.document.undo()
    assert value(canvas, rate) == pytest.approx(2.2)


def test_escape_takes_the_drag_back(canvas, hands, rate):
    at = middle(canvas, rate)
    hands.press(at)
    hands.move(at + QPoint(40, 0))
    assert value(canvas, rate) == 2.4
    canvas.mouse.cancel_gesture()
    assert value(canvas, rate) == 2.0


def test_a_click_selects_and_changes_nothing(canvas, hands, rate):
    canvas.selection.select([])
    hands.click(middle(canvas, rate))
    assert canvas.selection.ids() == [rate] and value(canvas, rate) == 2.0


def test_typing_on_the_node(canvas, rate):
    QTest.mouseDClick(canvas, LEFT, NONE, middle(canvas, rate))
    editor = canvas.rename.editor
    assert editor.text() == "2.0" and editor.selectedText() == "2.0"
    QTest.keyClicks(editor, "0.125")
    QTest.keyClick(editor, Qt.Key.Key_Return)
    assert value(canvas, rate) == 0.125


def test_what_is_typed_wrong_is_refused_with_a_reason(canvas, rate):
    said = []
    canvas.signals.message.connect(said.append)
    canvas.rename.value(rate)
    QTest.keyClicks(canvas.rename.editor, "many")
    QTest.keyClick(canvas.rename.editor, Qt.Key.Key_Return)
    assert value(canvas, rate) == 2.0 and "not a number" in said[0]


def test_a_slider_goes_between_its_ends(canvas, hands, rate):
    canvas.rename.slider(rate)
    editor = canvas.rename.editor
    editor.setText("0 to 4")
    QTest.keyClick(editor, Qt.Key.Key_Return)
    slot = canvas.scene.nodes.get(rate)
    assert canvas.scene.card(slot).slider == 0.5
    rect = canvas.viewport.value_rect(rate)
    at = rect.center().toPoint()
    hands.drag(at, at + QPoint(int(rect.width()), 0))
    assert value(canvas, rate) == 4.0 and canvas.scene.card(slot).slider == 1.0
    hands.drag(at, at - QPoint(3 * int(rect.width()), 0))
    assert value(canvas, rate) == 0.0
    again = flow.loads(flow.dumps(canvas.document))
    assert again.nodes[rate].extra["slider"] == [0.0, 4.0], "it is kept in the file"
    canvas.rename.slider(rate)
    canvas.rename.editor.clear()
    QTest.keyClick(canvas.rename.editor, Qt.Key.Key_Return)
    assert canvas.scene.card(slot).slider is None


@pytest.mark.parametrize("text", ["4 to 0", "a to b", "1", "1 to 1"])
def test_a_slider_without_a_range_is_refused(canvas, rate, text):
    said = []
    canvas.signals.message.connect(said.append)
    canvas.rename.slider(rate)
    canvas.rename.editor.setText(text)
    QTest.keyClick(canvas.rename.editor, Qt.Key.Key_Return)
    assert said and "slider" not in canvas.document.nodes[rate].extra


def test_a_card_with_a_slider_shows_it(canvas, rate, picture):
    before = picture()
    set_slider(canvas.document, rate, (0.0, 4.0))
    assert (picture() != before).sum() > 100


def test_which_nodes_hold_a_number():
    doc = Document()
    yes = [
        commands.add_node(doc, "constant", (0, 0), attrs={"value": 3, "dtype": "int32"}),
        commands.add_node(doc, "variable", (0, 0), attrs={"value": 0.5}),
        commands.add_node(doc, "placeholder", (0, 0), attrs={"sample": 1.0, "shape": []}),
    ]
    no = [
        commands.add_node(doc, "constant", (0, 0), attrs={"value": [1.0, 2.0]}),
        commands.add_node(doc, "variable", (0, 0), attrs={"value": 0.5, "shape": [3]}),
        commands.add_node(doc, "placeholder", (0, 0)),
        commands.add_node(doc, "negative", (0, 0)),
    ]
    assert all(value_of(doc, i) for i in yes) and not any(value_of(doc, i) for i in no)


@pytest.mark.parametrize(
    ("start", "dtype", "pixels", "end"),
    [
        (2.0, "float32", 100, 3.0),
        (0.0, "float32", 50, 0.5),
        (0.003, "float32", 10, 0.0031),
        (5, "int32", 24, 8),
        (250, "uint8", 400, 255),
        (1, "uint8", -400, 0),
        (True, "bool", -40, False),
        (1500.0, "float64", -10, 1400.0),
    ],
)
def test_a_pixel_is_about_a_two_hundredth_of_the_number(start, dtype, pixels, end):
    assert NodeValue("value", start, dtype).dragged(pixels, 100.0) == pytest.approx(end)


def test_fine_and_coarse():
    two = NodeValue("value", 2.0, "float32")
    assert two.dragged(10, 100.0, 0.1) == pytest.approx(2.01)
    assert two.dragged(10, 100.0, 10.0) == pytest.approx(3.0)
