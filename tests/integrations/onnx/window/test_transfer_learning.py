"""A network of another program gets new layers behind one of its own, and they learn.

By mouse and keys alone, as somebody does it who knows the window; each action is counted, and its
time estimated by the keystroke-level model of Card, Moran and Newell (1980).
"""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper
from PySide6.QtCore import QPoint, QPointF, QRectF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QToolBar
from thread_engine import ThreadClient

from nodeflow.data.catalog import open_dataset
from nodeflow.train.saving.weights import load_weights
from tests.integrations.onnx.models import model, value
from tests.ui.test_own_data import drop

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)
Key, Keys = Qt.Key, Qt.KeyboardModifier
LEFT, NONE = Qt.MouseButton.LeftButton, Keys.NoModifier
THINK, POINT, BUTTON, KEY, HAND = 1.35, 1.1, 0.1, 0.2, 0.4
"""Seconds for a thought, a way of the pointer, a button down or up, a key, and a hand's change."""
MOST_SECONDS = 60


def network() -> onnx.ModelProto:
    """A network for digits, which sorts them into seven kinds that nobody wants."""
    rng = np.random.default_rng(7)
    shapes = {
        "fc1.weight": (256, 784),
        "fc1.bias": (256,),
        "fc2.weight": (7, 256),
        "fc2.bias": (7,),
    }
    weights = [
        onnx.numpy_helper.from_array((rng.normal(size=s) * 0.2).astype("f4"), name)
        for name, s in shapes.items()
    ]
    nodes = [
        helper.make_node("Gemm", ["x", "fc1.weight", "fc1.bias"], ["h"], "/fc1/Gemm", transB=1),
        helper.make_node("Relu", ["h"], ["r"], "/features"),
        helper.make_node("Gemm", ["r", "fc2.weight", "fc2.bias"], ["l"], "/fc2/Gemm", transB=1),
        helper.make_node("Softmax", ["l"], ["probs"], "/Softmax", axis=-1),
    ]
    return model(nodes, [value("x", ["batch", 784])], [value("probs", ["batch", 7])], weights)


class Person:
    """Somebody with a mouse and a keyboard, whose actions are counted."""

    def __init__(self, window, qtbot) -> None:
        self.window, self.canvas, self.qtbot = window, window.canvas, qtbot
        self.actions: list[str] = []
        self.seconds = 0.0
        self.at_mouse = True

    def act(self, what: str, *, keys: int = 0, points: int = 0, buttons: int = 0) -> None:
        """Count an action: one thought, and what the hands do."""
        self.actions.append(what)
        self.seconds += THINK + KEY * keys + POINT * points + BUTTON * buttons
        if bool(points) != self.at_mouse:
            self.seconds += HAND
            self.at_mouse = bool(points)

    def drop(self, path) -> None:
        self.act(f"drop {path.name}", points=2, buttons=2)
        drop(self.window, path)

    def click(self, widget, at: QPoint | None = None, what: str = "") -> None:
        self.act(f"click {what or type(widget).__name__}", points=1, buttons=2)
        QTest.mouseClick(widget, LEFT, NONE, at if at is not None else widget.rect().center())

    def click_node(self, name: str) -> None:
        self.click(self.canvas, self.rect(name).center(), name)

    def press(self, key, keys=NONE, widget=None) -> None:
        self.act(f"press {Key(key).name}", keys=1 + bool(keys != NONE))
        QTest.keyClick(widget or self.window.focusWidget(), key, keys)

    def enter(self, start, text: str, keys=NONE) -> None:
        """Open a field by a key, type, and commit."""
        self.act(f"type {text}", keys=2 + len(text))
        assert self.window.focusWidget() is self.canvas
        QTest.keyClick(self.canvas, start, keys)
        field = QApplication.focusWidget()
        assert field is not self.canvas
        QTest.keyClicks(field, text)
        self.commit(field)

    def formula(self, text: str) -> None:
        """=, a formula; a click makes its unknown name a placeholder; Enter."""
        self.act(f"type {text}", keys=2 + len(text))
        QTest.keyClick(self.canvas, Key.Key_Equal)
        bar = self.window.popups.formula
        QTest.keyClicks(bar.field, text)
        declare = bar.declare_buttons["placeholder"]
        self.qtbot.waitUntil(declare.isVisible, timeout=10_000)
        self.click(declare, what="placeholder")
        self.commit(bar.field)
        self.qtbot.waitUntil(lambda: self.window.workspace.document.node_named("loss") is not None)

    def commit(self, field) -> None:
        self.qtbot.wait(50)  # what is typed is looked up a moment later
        QTest.keyClick(field, Key.Key_Return)

    def box(self, start: QPoint, end: QPoint) -> None:
        """Drag a box over the empty canvas."""
        self.act("drag a box", points=2, buttons=2)
        QTest.mousePress(self.canvas, LEFT, NONE, start)
        for part in (0.3, 0.7, 1.0):
            QTest.mouseMove(self.canvas, start + (end - start) * part)
        QTest.mouseRelease(self.canvas, LEFT, NONE, end)

    def rect(self, name: str):
        """Where a card is in view."""
        node = self.window.workspace.document.node_named(name)
        return self.canvas.viewport.node_rect(node.id).toRect()

    def frame(self, title: str):
        """Where the outermost frame of a title is in view."""
        frames = self.window.workspace.document.frames.values()
        x, y, width, height = next(f.rect for f in frames if f.title == title)
        view = self.canvas.viewport.camera.to_view
        return QRectF(view(QPointF(x, y)), view(QPointF(x + width, y + height))).toRect()


@pytest.mark.thorough
def test_new_layers_behind_a_network_of_others(live_window, embedded_digits, tmp_path, qtbot):
    onnx.save(network(), tmp_path / "net.onnx")
    window = live_window(size=(1600, 1000))
    window.activateWindow()
    window.canvas.setFocus()
    person = Person(window, qtbot)
    root = lambda: window.workspace.root  # noqa: E731

    person.drop(tmp_path / "net.onnx")
    dialog = window.models.dialog
    spot = dialog.trainable.rect().center()
    person.click(dialog.trainable, QPoint(12, spot.y()), "Let trainings change the weights")
    assert dialog.trainable.isChecked()
    person.press(Key.Key_Return, widget=dialog.open_button)
    qtbot.waitUntil(lambda: root().node_named("features") is not None, timeout=60_000)
    qtbot.waitUntil(lambda: window.models.dialog is None, timeout=10_000)
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow, timeout=10_000)

    box = person.frame("fc2/Gemm").united(person.rect("Softmax")).united(person.rect("probs"))
    box.adjust(-8, -8, 8, 8)
    person.box(box.bottomRight(), box.topLeft())
    person.press(Key.Key_Delete)
    left = {"x", "fc1/weight", "fc1/bias", "fc1/Gemm/matmul", "fc1/Gemm/add", "features"}
    assert {record.name for record in root().nodes.values()} == left
    person.click_node("features")
    person.enter(Key.Key_P, "freeze", Keys.ControlModifier | Keys.ShiftModifier)
    weight = lambda: root().node_named("fc1/weight").attrs  # noqa: E731
    qtbot.waitUntil(lambda: weight().get("trainable") is False, timeout=5_000)
    assert "fc2/Gemm" not in [frame.title for frame in root().frames.values()]
    person.enter(Key.Key_Tab, "dense 10")
    assert root().node_named("dense") is not None
    person.formula("loss = reduce_mean(softmax_cross_entropy_with_logits(labels, dense))")
    assert root().node_named("labels").op == "placeholder"
    person.enter(Key.Key_Tab, "adam")
    qtbot.waitUntil(window.status.waiting.isVisible, timeout=10_000)
    assert window.status.waiting.text() == "labels and x have no data yet"
    person.click(window.status.waiting, what="labels and x have no data yet")
    menu = window.attach_data.menu
    entry = next(action for action in menu.actions() if action.text() == "MNIST")
    person.click(menu, menu.actionGeometry(entry).center(), "MNIST")
    qtbot.waitUntil(lambda: window.actions_["train"].isEnabled(), timeout=10_000)
    before = load_weights(tmp_path / "net.initial.safetensors")
    button = window.findChild(QToolBar, "toolbar").widgetForAction(window.actions_["train"])
    person.click(button, what="Train")
    qtbot.waitUntil(lambda: window.link.state == "training", timeout=60_000)
    qtbot.waitUntil(lambda: window.link.state == "idle", timeout=200_000)
    weights = ThreadClient.made[-1].engine._evaluator.variables()
    for name in ("fc1/weight", "fc1/bias"):
        np.testing.assert_array_equal(weights[name], before[name], "frozen")
    test = open_dataset("mnist").split("test")
    rows = np.arange(500)
    images, labels = test["images"].rows(rows), test["labels"].rows(rows)
    features = np.maximum(images @ before["fc1/weight"].T + before["fc1/bias"], 0)
    scores = features @ weights["dense/kernel"] + weights["dense/bias"]
    assert (scores.argmax(1) == labels.argmax(1)).mean() > 0.8
    assert len(person.actions) == 14 and person.seconds < MOST_SECONDS, person.actions
