"""A canvas on the screen that is not there, and hands to use it: real mouse and key events."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest

import nodeflow.ui  # noqa: F401  before the first Qt call
from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.edit import commands
from nodeflow.document.model.document import Document
from nodeflow.ui.canvas import CanvasView
from nodeflow.ui.core.theming.theme import LIGHT

LEFT, MIDDLE = Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton
NONE = Qt.KeyboardModifier.NoModifier


class Hands:
    """Drives a canvas with real events; positions are view pixels or scene points."""

    def __init__(self, canvas: CanvasView) -> None:
        self.canvas = canvas
        self.messages: list[str] = []
        canvas.signals.message.connect(self.messages.append)

    def at(self, x: float, y: float) -> QPoint:
        """The view pixel of a scene point."""
        return self.canvas.viewport.camera.to_view(QPointF(x, y)).toPoint()

    def title(self, node_id: str) -> QPoint:
        rect = self.canvas.viewport.node_rect(node_id)
        return QPointF(rect.left() + 60, rect.top() + 16).toPoint()

    def port(self, node_id: str, port: str) -> QPoint:
        """The pixel of a port; an output of that name only where no input has it."""
        card = self.canvas.scene.card(self.canvas.scene.nodes.take(node_id))
        side = "in" if any(p.name == port for p in card.inputs) else "out"
        return self.canvas.viewport.port_position(node_id, port, side).toPoint()

    def press(self, at: QPoint, button=LEFT, keys=NONE) -> None:
        QTest.mousePress(self.canvas, button, keys, at)

    def move(self, at: QPoint) -> None:
        QTest.mouseMove(self.canvas, at)

    def release(self, at: QPoint, button=LEFT, keys=NONE) -> None:
        QTest.mouseRelease(self.canvas, button, keys, at)

    def click(self, at: QPoint, button=LEFT, keys=NONE) -> None:
        QTest.mouseClick(self.canvas, button, keys, at)

    def drag(self, start: QPoint, end: QPoint, button=LEFT, keys=NONE) -> None:
        self.press(start, button, keys)
        for part in (0.3, 0.7, 1.0):
            self.move(start + (end - start) * part)
        self.release(end, button, keys)

    def key(self, key: Qt.Key, modifiers=NONE) -> None:
        QTest.keyClick(self.canvas, key, modifiers)


@pytest.fixture
def document() -> Document:
    return Document()


@pytest.fixture
def canvas(qtbot, document: Document) -> Iterator[CanvasView]:
    """A shown canvas of 1000 x 700 over an empty document, its analysis kept up to date."""
    analysis = Analysis(document)
    touched: list[set[str]] = []
    document.subscribe(lambda change: touched.append(analysis.update(change)))
    view = CanvasView(document, analysis, LIGHT)
    document.subscribe(lambda change: view.scene.refresh(touched.pop()))
    qtbot.addWidget(view)
    view.resize(1000, 700)
    view.show()
    view.setFocus()
    qtbot.waitExposed(view)
    view.viewport.camera.step = 0
    view.viewport.camera.x = view.viewport.camera.y = 0.0
    view.renderer.repaint_all()
    yield view
    view.scene.close()


@pytest.fixture
def hands(canvas: CanvasView) -> Hands:
    return Hands(canvas)


@pytest.fixture
def expression(document: Document, canvas: CanvasView) -> dict[str, str]:
    """Name -> id of ``d = b + c``, and ``e`` (add) and ``p`` (matmul) without wires."""
    ids = {}
    for name, op, x, y, attrs in (
        ("b", "constant", 40, 40, {"value": 2.0}),
        ("c", "constant", 40, 220, {"value": 1.0}),
        ("d", "add", 320, 60, {}),
        ("e", "add", 320, 280, {}),
        ("p", "matmul", 600, 60, {}),
    ):
        ids[name] = commands.add_node(document, op, (x, y), name=name, attrs=attrs)
    commands.connect(document, ids["b"], "out", ids["d"], "x")
    commands.connect(document, ids["c"], "out", ids["d"], "y")
    return ids


@pytest.fixture
def picture(canvas: CanvasView) -> Callable[[], np.ndarray]:
    """What the canvas shows, as (height, width, 3) uint8."""

    def take() -> np.ndarray:
        image = canvas.grab().toImage()
        while canvas.renderer._waiting:
            canvas.renderer.paint_waiting()
            image = canvas.grab().toImage()
        return to_array(image)

    return take


def to_array(image: QImage) -> np.ndarray:
    image = image.convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).copy()


@pytest.fixture
def as_array() -> Callable[[QImage], np.ndarray]:
    return to_array
