"""The sketch pad: drawn with real events, fed while it is drawn, answered at once."""

from __future__ import annotations

import os

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import (
    QColor,
    QDragEnterEvent,
    QDropEvent,
    QGuiApplication,
    QImage,
    QMouseEvent,
    QPainter,
    QPen,
    QPointingDevice,
    QTabletEvent,
)
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from nodeflow.data.pictures.digit_preparation import prepare_mnist
from nodeflow.document.edit import commands
from nodeflow.document.io import flow
from nodeflow.host import protocol as p
from nodeflow.resources import example
from nodeflow.ui.panels.sketching.drawing_pad import SIDE
from nodeflow.ui.panels.sketching.prediction_view import percent

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)

LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
SPLITS = {"train": 4000, "validation": 500, "test": 500}
DIGITS = tuple(str(digit) for digit in range(10))


@pytest.fixture
def panel(window, engine, qtbot):
    """The open pad of a window with mnist.flow."""
    engine.shows = p.ShownData(
        p.ShownRows("test", 0, 100),
        "MNIST",
        SPLITS,
        classes={"labels": DIGITS},
        columns={"images": "x", "labels": "y"},
    )
    window.workspace.open(flow.load(example("mnist.flow")))
    window.actions_.trigger("sketch")
    found = window.panels["sketch_pad"]
    qtbot.waitUntil(found.pad.isVisible)
    qtbot.waitUntil(lambda: window.data.shown is not None)
    return found


def at(pad, x: float, y: float) -> QPoint:
    """A point of the widget at parts of the square that is drawn in."""
    area = pad.area()
    return (area.topLeft() + QPointF(x * area.width(), y * area.height())).toPoint()


def draw(qtbot, pad, *points: tuple[float, float], button=LEFT) -> None:
    places = [at(pad, *point) for point in points]
    qtbot.mousePress(pad, button, pos=places[0])
    for place in places[1:]:
        QApplication.sendEvent(pad, _move(pad, place, button))
    qtbot.mouseRelease(pad, button, pos=places[-1])


def _move(pad, place: QPoint, buttons: Qt.MouseButton) -> QMouseEvent:
    none, kind = Qt.MouseButton.NoButton, QEvent.Type.MouseMove
    where = QPointF(pad.mapToGlobal(place))
    return QMouseEvent(kind, QPointF(place), where, none, buttons, Qt.KeyboardModifier.NoModifier)


ONE = ((0.5, 0.2), (0.5, 0.35), (0.5, 0.5), (0.5, 0.65), (0.5, 0.8))


def shows_by_hand(window) -> bool:
    shown = window.data.shown
    return shown is not None and shown.rows.split == ""


def fed(engine) -> list[p.Override]:
    return [request for request in engine.requests(p.Override) if request.rows]


def answer(window, panel, engine, values) -> None:
    """Let the engine answer the last question of the pad."""
    request = engine.requests(p.FetchTensor)[-1]
    rows = window.data.shown.rows
    engine.on_message(p.TensorValue(request.request, request.name, np.float32([values]), data=rows))


@pytest.mark.thorough
def test_a_line_drawn_with_the_mouse_feeds_the_placeholder_while_it_is_drawn(
    window, qtbot, engine, panel
):
    pad = panel.pad
    qtbot.mousePress(pad, LEFT, pos=at(pad, 0.5, 0.2))
    qtbot.waitUntil(lambda: len(fed(engine)) == 1)
    for _, y in ONE[1:]:
        QApplication.sendEvent(pad, _move(pad, at(pad, 0.5, y), LEFT))
    qtbot.waitUntil(lambda: len(fed(engine)) >= 2)
    qtbot.mouseRelease(pad, LEFT, pos=at(pad, 0.5, 0.8))
    drawn = pad.grey()
    assert drawn.shape == (SIDE, SIDE) and drawn.max() == 1
    expected = prepare_mnist(drawn).reshape(1, 784)

    def newest():
        return np.array_equal(fed(engine)[-1].values["x"], expected)

    qtbot.waitUntil(newest)
    assert fed(engine)[-1].values["x"].dtype == np.float32
    assert window.data.is_by_hand and window.data.text == "Sketch pad"
    np.testing.assert_array_equal(panel.prepared.picture.reshape(1, 784), expected)


@pytest.mark.thorough
def test_the_answer_has_bars_with_the_likeliest_class_named(window, qtbot, engine, panel):
    draw(qtbot, panel.pad, *ONE)
    window.shown_values.changed.emit(("probabilities",))
    qtbot.waitUntil(lambda: bool(engine.requests(p.FetchTensor)))
    assert engine.requests(p.FetchTensor)[-1].name == "probabilities"
    qtbot.waitUntil(lambda: shows_by_hand(window))
    values = np.full(10, 0.01)
    values[1] = 0.91
    answer(window, panel, engine, values)
    qtbot.waitUntil(lambda: panel.bars.top == 1)
    assert panel.bars.names == DIGITS
    assert panel.bars.accessibleDescription() == "1, 91.0 %"


@pytest.mark.thorough
def test_clear_goes_back_to_the_rows_of_the_data(window, qtbot, engine, panel):
    window.data.show_batch("validation")
    draw(qtbot, panel.pad, *ONE)
    assert window.data.is_by_hand
    qtbot.mouseClick(panel.clear, LEFT)
    assert panel.pad.is_empty and not window.data.is_by_hand
    assert window.data.choice.split == "validation"
    assert panel.prepared.picture.max() == 0 and panel.bars.top is None


def test_undo_takes_strokes_back_one_by_one(window, qtbot, panel):
    pad = panel.pad
    draw(qtbot, pad, (0.2, 0.2), (0.2, 0.8))
    first = pad.grey()
    draw(qtbot, pad, (0.8, 0.2), (0.8, 0.8))
    assert not np.array_equal(pad.grey(), first)
    edits = window.workspace.document.revision
    pad.setFocus()
    qtbot.keyClick(pad, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert np.array_equal(pad.grey(), first)
    qtbot.mouseClick(panel.undo, LEFT)
    assert pad.is_empty
    assert window.workspace.document.revision == edits, "the graph's own undo is not meant"


@pytest.mark.thorough
def test_the_right_button_erases_and_the_brush_has_a_width(qtbot, panel):
    pad = panel.pad
    draw(qtbot, pad, (0.5, 0.2), (0.5, 0.8))
    thin = pad.grey().sum()
    pad.clear()
    panel.brush.setValue(2 * panel.brush.value())
    draw(qtbot, pad, (0.5, 0.2), (0.5, 0.8))
    assert pad.grey().sum() > 1.7 * thin
    draw(qtbot, pad, (0.5, 0.2), (0.5, 0.8), button=RIGHT)
    assert pad.grey().max() == 0


def test_a_pen_draws_wider_with_pressure(qtbot, panel):
    pad = panel.pad

    def stroke(pressure: float) -> float:
        pad.clear()
        device = QPointingDevice.primaryPointingDevice()
        for kind, y in (
            (QEvent.Type.TabletPress, 0.2),
            (QEvent.Type.TabletMove, 0.8),
            (QEvent.Type.TabletRelease, 0.8),
        ):
            place = QPointF(at(pad, 0.5, y))
            buttons = Qt.MouseButton.NoButton if kind == QEvent.Type.TabletRelease else LEFT
            event = QTabletEvent(
                kind,
                device,
                place,
                QPointF(pad.mapToGlobal(place.toPoint())),
                pressure,
                0,
                0,
                0.0,
                0.0,
                0.0,
                Qt.KeyboardModifier.NoModifier,
                LEFT,
                buttons,
            )
            QApplication.sendEvent(pad, event)
            assert event.isAccepted(), "else Qt makes a mouse event of it"
        return pad.grey().sum()

    light, strong = stroke(0.1), stroke(1.0)
    assert strong > 1.8 * light > 0


def test_a_finger_draws(window, qtbot, panel):
    pad = panel.pad
    device = QTest.createTouchDevice()
    touch = QTest.touchEvent(pad, device)
    touch.press(0, at(pad, 0.5, 0.2), pad).commit()
    touch.move(0, at(pad, 0.5, 0.5), pad).commit()
    touch.move(0, at(pad, 0.5, 0.8), pad).commit()
    touch.release(0, at(pad, 0.5, 0.8), pad).commit()
    drawn = pad.grey()
    assert drawn[int(SIDE * 0.3), SIDE // 2] == 1 and drawn[int(SIDE * 0.7), SIDE // 2] == 1
    assert drawn[:, : SIDE // 4].max() == 0


def paper(width: int = 300, height: int = 200) -> QImage:
    """A dark one on light paper, away from the middle."""
    image = QImage(width, height, QImage.Format.Format_RGB32)
    image.fill(QColor("#f0ead8"))
    painter = QPainter(image)
    painter.setPen(QPen(QColor("#202840"), 16))
    painter.drawLine(40, 40, 40, 160)
    painter.end()
    return image


def test_a_pasted_picture_of_ink_on_paper_is_turned_light_on_dark(window, qtbot, engine, panel):
    QGuiApplication.clipboard().setImage(paper())
    panel.pad.setFocus()
    qtbot.keyClick(panel.pad, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    assert panel.invert.isVisible() and panel.invert.isChecked()
    qtbot.waitUntil(lambda: bool(fed(engine)))
    picture = panel.prepared.picture
    assert picture[:, 14].max() == 1 and picture[:, :8].max() == 0
    rows = np.flatnonzero(picture.max(axis=1) > 0)
    assert rows[-1] - rows[0] + 1 == 20
    panel.invert.click()  # as it is
    assert panel.pad.grey()[100, 168] > 0.9
    assert len(window.workspace.document.nodes) == 31, "nothing was pasted on the canvas"


def test_a_picture_file_is_dropped_on_the_pad(window, qtbot, engine, panel, tmp_path):
    path = tmp_path / "one.png"
    paper().save(str(path))
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    place = at(panel.pad, 0.5, 0.5)
    none = Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(place, Qt.DropAction.CopyAction, data, LEFT, none)
    QApplication.sendEvent(panel.pad, enter)
    assert enter.isAccepted()
    QApplication.sendEvent(
        panel.pad, QDropEvent(QPointF(place), Qt.DropAction.CopyAction, data, LEFT, none)
    )
    qtbot.waitUntil(lambda: bool(fed(engine)))
    assert panel.prepared.picture.max() == 1


@pytest.mark.thorough
def test_a_picture_is_read_on_another_thread_and_a_pipe_is_refused(window, qtbot, panel, tmp_path):
    path = tmp_path / "one.png"
    paper().save(str(path))
    panel.pad.place_file(str(path))
    assert panel.pad.is_empty, "it comes when it is read"
    qtbot.waitUntil(lambda: not panel.pad.is_empty)
    for name, said in (("pipe.png", "a pipe"), ("zero.png", "a device")):
        odd = tmp_path / name
        if said == "a pipe":
            os.mkfifo(odd)
        else:
            odd.symlink_to("/dev/zero")
        with qtbot.waitSignal(panel.refused) as refused:
            panel.pad.place_file(str(odd))
        assert f"is {said}, not a regular file" in refused.args[0]
    path.write_bytes(b"\x89PNG nothing")
    with qtbot.waitSignal(panel.refused) as refused:
        panel.pad.place_file(str(path))
    assert refused.args == ["one.png is damaged or not a picture"]


@pytest.mark.thorough
def test_what_is_no_picture_is_refused_in_words(window, qtbot, panel):
    QGuiApplication.clipboard().setText("seven")
    with qtbot.waitSignal(panel.refused) as refused:
        panel.pad.paste()
    assert refused.args == ["There is no picture to paste."]
    assert panel.pad.is_empty


def test_the_preparation_can_be_switched_off(window, qtbot, engine, panel):
    draw(qtbot, panel.pad, (0.1, 0.1), (0.1, 0.4))
    panel.way.setCurrentIndex(panel.way.findData("plain"))
    panel.way.activated.emit(1)
    picture = panel.prepared.picture
    assert picture[:14, :6].max() > 0.9 and picture[14:].max() == 0, "it stays where it is"


def test_with_the_right_answer_the_labels_are_fed_too(window, qtbot, engine, panel):
    draw(qtbot, panel.pad, *ONE)
    assert window.overrides.of("y") is None
    panel.label_choice.setCurrentIndex(panel.label_choice.findText("7"))
    panel.label_choice.activated.emit(8)
    np.testing.assert_array_equal(window.overrides.of("y").array, np.eye(10, dtype="float32")[[7]])
    assert window.overrides.of("y").array.dtype == np.float32


@pytest.mark.thorough
def test_a_drawing_is_fed_and_asks_no_what_if(window, qtbot, engine, panel):
    bar = window.pages.override_bar
    draw(qtbot, panel.pad, *ONE)
    assert window.overrides.of("x") is not None
    assert not bar.isVisibleTo(window.pages)
    window.overrides.set("b2", np.zeros(10, "float32"), "typed")
    assert bar.isVisibleTo(window.pages) and bar.text.text().startswith("What if: b2 is")
    qtbot.mouseClick(bar.back, Qt.MouseButton.LeftButton)
    assert not bar.isVisibleTo(window.pages)
    assert list(window.overrides.by_name) == ["x"], "the drawing stays"


@pytest.mark.thorough
def test_other_rows_end_the_drawing_and_it_can_be_shown_again(window, qtbot, engine, panel):
    draw(qtbot, panel.pad, *ONE)
    window.actions_.trigger("data_test")
    qtbot.waitUntil(panel.back.isVisible)
    assert panel.state.text() == "Nodes show test rows 1–100."
    assert not panel.pad.is_empty
    qtbot.mouseClick(panel.back, LEFT)
    assert window.data.is_by_hand and not panel.back.isVisible()


@pytest.mark.thorough
def test_a_single_row_that_is_shown_is_answered_too(window, qtbot, engine, panel):
    window.data.show_row("test", 3)
    qtbot.waitUntil(lambda: window.data.text == "Test row 4")
    window.shown_values.changed.emit(("probabilities",))
    qtbot.waitUntil(lambda: bool(engine.requests(p.FetchTensor)))
    values = np.zeros(10)
    values[4] = 1
    answer(window, panel, engine, values)
    qtbot.waitUntil(lambda: panel.bars.top == 4)


def test_scores_before_softmax_become_probabilities(window, qtbot, engine, panel):
    window.workspace.document.mark_saved()
    window.workspace.open(flow.load(example("lstm.flow")))
    window.actions_.trigger("sketch")  # another document begins with the first tab
    qtbot.waitUntil(lambda: panel.answer is not None and panel.answer.name == "logits")
    draw(qtbot, panel.pad, *ONE)
    window.shown_values.changed.emit(("logits",))
    qtbot.waitUntil(lambda: bool(engine.requests(p.FetchTensor)))
    qtbot.waitUntil(lambda: shows_by_hand(window))
    logits = np.arange(10.0)
    answer(window, panel, engine, logits)
    qtbot.waitUntil(lambda: panel.bars.top == 9)
    expected = np.exp(logits) / np.exp(logits).sum()
    np.testing.assert_allclose(panel.bars.values, expected, rtol=1e-6)


@pytest.mark.thorough
def test_an_autoencoder_shows_what_it_gives_back(window, qtbot, engine, panel):
    window.workspace.document.mark_saved()
    window.workspace.open(flow.load(example("autoencoder.flow")))
    window.actions_.trigger("sketch")  # another document begins with the first tab
    qtbot.waitUntil(lambda: panel.answer is not None and panel.answer.name == "restored")
    draw(qtbot, panel.pad, *ONE)
    window.shown_values.changed.emit(("restored",))
    qtbot.waitUntil(lambda: bool(engine.requests(p.FetchTensor)))
    qtbot.waitUntil(lambda: shows_by_hand(window))
    values = np.linspace(0, 1, 784, dtype="float32")
    answer(window, panel, engine, values)
    qtbot.waitUntil(panel.restored.isVisible)
    np.testing.assert_array_equal(panel.restored.picture, values.reshape(28, 28))


@pytest.mark.thorough
def test_a_graph_without_a_picture_says_what_is_needed(window, qtbot, panel):
    window.workspace.document.mark_saved()
    window.workspace.open(flow.load(example("expression.flow")))
    qtbot.waitUntil(lambda: not panel.pad.isVisible())
    assert panel.pad.is_empty
    window.actions_.refresh_now()
    assert "picture" in window.actions_.blocked("sketch").reason


def test_percentages_are_written_as_people_write_them():
    assert percent(0.98234) == "98.2 %" and percent(1.0) == "100 %" and percent(1e-5) == "0 %"
    assert percent(-3.25) == "−3.25" and percent(float("nan")) == "–"


@pytest.mark.thorough
def test_a_placeholder_leads_to_the_pad(window, qtbot, engine):
    window.workspace.open(flow.load(example("mnist.flow")))
    node = window.workspace.document.node_named
    window.canvas.selection.select([node("y").id])
    assert not hasattr(window.panels["inspector"].outside.page, "draw")
    window.context_menu.open("node", QPoint(10, 10))
    assert window.actions_["sketch"] not in window.context_menu.menu.actions()
    window.context_menu.menu.close()
    window.canvas.selection.select([node("x").id])
    window.context_menu.open("node", QPoint(10, 10))
    assert window.context_menu.menu.actions()[0] is window.actions_["sketch"]
    window.context_menu.menu.close()
    button = window.panels["inspector"].outside.page.draw
    qtbot.mouseClick(button, LEFT)
    qtbot.waitUntil(lambda: bool(window.panels["sketch_pad"].in_front))


@pytest.mark.thorough
def test_of_several_placeholders_the_selected_one_is_fed(window, qtbot, engine, panel):
    document = window.workspace.document
    new = commands.add_node(
        document, "placeholder", (0, 400), name="other", attrs={"shape": [None, 16, 16, 1]}
    )
    window.canvas.selection.select([new])
    window.actions_.trigger("sketch")
    qtbot.waitUntil(lambda: len(panel.inputs) == 2)
    window.actions_.trigger("sketch")
    assert panel.input.name == "other" and panel.input_choice.isVisible()
    draw(qtbot, panel.pad, *ONE)
    assert window.overrides.of("other").array.shape == (1, 16, 16, 1)
