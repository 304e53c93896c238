"""From an empty canvas to a net that reads digits, by layers: at most 12 actions by hand.

An action is a drag, a click, a menu choice or a committed entry. No starter, template or paste.
"""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QToolBar
from test_expand import shown
from thread_engine import ThreadClient

from nodeflow.data.catalog import open_dataset

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
MOST_ACTIONS = 12


@pytest.fixture
def window(live_window, embedded_digits):
    """An empty canvas with a real engine, and the embedded digits."""
    window = live_window(size=(1600, 1000))
    window.activateWindow()
    window.canvas.setFocus()
    return window


class Person:
    """Somebody with a mouse and a keyboard, whose actions are counted."""

    def __init__(self, window, qtbot) -> None:
        self.window, self.canvas, self.qtbot = window, window.canvas, qtbot
        self.actions: list[str] = []

    def enter_in_search(self, text: str) -> None:
        """Tab, some letters, Enter: one committed entry."""
        self.actions.append(f"Tab {text} Enter")
        assert self.canvas.hasFocus()
        QTest.keyClick(self.canvas, Qt.Key.Key_Tab)
        field = self.window.focusWidget()
        QTest.keyClicks(field, text)
        QTest.keyClick(field, Qt.Key.Key_Return)

    def press(self, key, modifiers=NONE) -> None:
        self.actions.append("a key")
        QTest.keyClick(self.canvas, key, modifiers)

    def drag(self, op_id: str, to: QPoint) -> None:
        """From the palette to a point of the canvas."""
        self.actions.append(f"drag {op_id}")
        panel = self.window.panels["palette"]
        index = panel._row_of(op_id)
        assert index.isValid(), op_id
        panel.tree.expand(index.parent())
        panel.tree.scrollTo(index)
        viewport = panel.tree.viewport()
        start = panel.tree.visualRect(index).center()
        QTest.mousePress(viewport, LEFT, NONE, start)
        end = viewport.mapFromGlobal(self.canvas.mapToGlobal(to))
        for part in range(1, 6):
            QTest.mouseMove(viewport, start + (end - start) * part / 5)
        QTest.mouseRelease(viewport, LEFT, NONE, end)

    def click(self, widget, at: QPoint | None = None) -> None:
        self.actions.append(f"click {type(widget).__name__}")
        QTest.mouseClick(widget, LEFT, NONE, at if at is not None else widget.rect().center())

    def setting(self, name: str):
        """The editor of an attribute in the inspector, scrolled to."""
        inspector = self.window.panels["inspector"].outside
        editor = inspector.page.attributes.attr_rows[name].editor
        self.qtbot.waitUntil(editor.isVisible)
        inspector.ensureWidgetVisible(editor)
        return editor.field

    def type_setting(self, name: str, text: str) -> None:
        """Click into a field, type, Enter: a click and an entry."""
        field = self.setting(name)
        self.click(field)
        self.actions.append(f"{name} = {text}")
        QTest.keyClick(field, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
        QTest.keyClicks(field, text)
        QTest.keyClick(field, Qt.Key.Key_Return)

    def choose(self, name: str, text: str) -> None:
        """Open a list by a click, and take an entry: its letters, Enter."""
        combo = self.setting(name)
        self.click(combo)
        view = combo.view()
        self.qtbot.waitUntil(view.isVisible)
        self.actions.append(f"{name} = {text}")
        QTest.keyClicks(view, text)
        assert combo.itemText(view.currentIndex().row()) == text
        QTest.keyClick(view, Qt.Key.Key_Return)

    def middle(self, name: str) -> QPoint:
        """The middle of a card in view."""
        node = self.canvas.document.node_named(name)
        return self.canvas.viewport.node_rect(node.id).center().toPoint()


@pytest.fixture
def person(window, qtbot) -> Person:
    return Person(window, qtbot)


def check_graph(window) -> None:
    """The graph that anybody would draw for this."""
    document = window.workspace.document
    wires = {
        (document.nodes[w.source].name, document.nodes[w.target].name, w.target_port)
        for w in document.wires.values()
    }
    assert wires == {
        ("dataset", "images", "feed"),
        ("dataset", "labels", "feed"),
        ("images", "dense", "x"),
        ("dense", "dense_1", "x"),
        ("dense_1", "softmax_cross_entropy_with_logits", "logits"),
        ("labels", "softmax_cross_entropy_with_logits", "labels"),
        ("softmax_cross_entropy_with_logits", "reduce_mean", "x"),
        ("reduce_mean", "adam", "loss"),
    }
    dense, last = document.node_named("dense"), document.node_named("dense_1")
    assert (dense.attrs["units"], dense.attrs["activation"]) == (300, "relu")
    assert (last.attrs["units"], last.attrs["activation"]) == (10, "linear")
    problems = window.workspace.analysis.all_problems()
    assert not [p for p in problems if p.severity == "error"]


def check_trained(window, qtbot) -> None:
    """Most digits of the test split are read, reckoned by numpy from the trained weights."""
    qtbot.waitUntil(lambda: window.link.state == "training", timeout=30_000)
    qtbot.waitUntil(lambda: window.link.state == "idle", timeout=200_000)
    weights = ThreadClient.made[-1].engine._evaluator.variables()
    test = open_dataset("mnist").split("test")
    rows = np.arange(500)
    images, labels = test["images"].rows(rows), test["labels"].rows(rows)
    hidden = np.maximum(images @ weights["dense/kernel"] + weights["dense/bias"], 0)
    scores = hidden @ weights["dense_1/kernel"] + weights["dense_1/bias"]
    assert (scores.argmax(1) == labels.argmax(1)).mean() > 0.85


@pytest.mark.thorough
def test_by_keyboard(window, qtbot, person):
    person.enter_in_search("mnist")
    person.enter_in_search("dense 300 relu")
    person.enter_in_search("dense 10")
    person.enter_in_search("softmax cross")
    person.enter_in_search("adam")
    check_graph(window)
    qtbot.waitUntil(lambda: window.actions_["train"].isEnabled(), timeout=10_000)
    person.press(Qt.Key.Key_T, Qt.KeyboardModifier.ControlModifier)
    assert len(person.actions) <= MOST_ACTIONS
    check_trained(window, qtbot)


@pytest.mark.thorough
@pytest.mark.qt_log_ignore("does not support")  # the offscreen platform, of the list's popup
def test_by_mouse(window, qtbot, person):
    canvas = window.canvas
    person.drag("dataset", QPoint(120, 200))
    person.drag("layers/dense", person.middle("images"))
    person.type_setting("units", "300")
    person.choose("activation", "relu")
    person.drag("layers/dense", person.middle("dense"))
    person.type_setting("units", "10")
    person.drag("softmax_cross_entropy_with_logits", person.middle("dense_1"))
    person.drag("adam", person.middle("softmax_cross_entropy_with_logits"))
    check_graph(window)
    qtbot.waitUntil(lambda: window.actions_["train"].isEnabled(), timeout=10_000)
    bar = window.findChild(QToolBar)
    qtbot.waitUntil(lambda: bar.widgetForAction(window.actions_["train"]) is not None)
    person.click(bar.widgetForAction(window.actions_["train"]))
    assert len(person.actions) <= MOST_ACTIONS, person.actions
    check_trained(window, qtbot)
    assert shown(canvas, "reduce_mean") is not None
