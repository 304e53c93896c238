"""Hands on the keyboard: keys go where the window's focus is, the mouse is not used.

``build_mnist`` builds the MNIST network from an empty document; the test checks it, and
``record_keyboard.py`` takes a picture of each step.
"""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

Key, Keys = Qt.Key, Qt.KeyboardModifier


class Typist:
    """Presses keys wherever the window's focus is; the mouse is not used."""

    def __init__(self, window) -> None:
        self.window = window

    @property
    def focus(self):
        return self.window.focusWidget()

    def press(self, key: Qt.Key, keys: Qt.KeyboardModifier = Keys.NoModifier) -> None:
        QTest.keyClick(self.focus, key, keys)

    def type(self, text: str) -> None:
        QTest.keyClicks(self.focus, text)

    def add(self, op: str, name: str) -> None:
        """Tab, the op's name, Enter; F2, the node's name, Enter."""
        self.press(Key.Key_Tab)
        self.type(op)
        self.press(Key.Key_Return)
        self.rename(name)

    def rename(self, name: str) -> None:
        """F2, the name, Enter."""
        self.press(Key.Key_F2)
        self.type(name)
        self.press(Key.Key_Return)

    def find(self, text: str) -> None:
        self.press(Key.Key_F, Keys.ControlModifier)
        self.type(text)
        self.press(Key.Key_Return)

    def wire(self, source: str, target: str) -> None:
        """Find the source, W, the target's port, Enter."""
        self.find(source)
        self.press(Key.Key_W)
        self.type(target)
        self.press(Key.Key_Return)

    def formula(self, text: str) -> None:
        """=, the formula, Enter."""
        self.press(Key.Key_Equal)
        self.type(text)
        self.press(Key.Key_Return)


NORMAL = "initializer={'op': 'random_normal', 'stddev': 0.03}"


def build_mnist(typist: Typist) -> Iterator[str]:
    """Build it step by step; yields what was done, for a picture of each step."""
    typist.add("dataset", "mnist")
    yield "Tab, dataset, Enter adds it with a placeholder for each column; F2 names it"
    for column, name in (("images", "x"), ("labels", "y")):
        typist.find(column)
        typist.rename(name)
    yield "F2 names the placeholders"
    typist.formula(f"W1 = variable(shape=[784, 300], {NORMAL}); b1 = variable(shape=[300])")
    typist.formula("hidden = relu(x @ W1 + b1)")
    yield "the hidden layer"
    typist.formula(f"W2 = variable(shape=[300, 10], {NORMAL}); b2 = variable(shape=[10])")
    typist.formula("logits = hidden @ W2 + b2; p = softmax(logits)")
    yield "the output layer"
    typist.formula("loss = reduce_mean(softmax_cross_entropy_with_logits(y, logits))")
    typist.formula("accuracy = reduce_mean(cast(argmax(p, axis=1) == argmax(y, axis=1)))")
    yield "the loss and the accuracy"
    typist.formula("train = adam(loss)")
    typist.press(Key.Key_0, Keys.ControlModifier)
    yield "the optimizer; Ctrl+0 fits everything"
