"""Highlights all nodes upstream and downstream of the node under a resting pointer."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QRectF, Qt, QTimer
from PySide6.QtGui import QColor, QPainter, QPen
from PySide6.QtWidgets import QWidget

from nodeflow.drawing.cards.card_looks import RADIUS
from nodeflow.drawing.wires import wire_shape
from nodeflow.ui.canvas.scene.detail import FAR_SCALE
from nodeflow.ui.canvas.scene.scene_model import SceneModel
from nodeflow.ui.canvas.scene.viewport import Viewport
from nodeflow.ui.core.painting import array_painting
from nodeflow.ui.core.theming.theme import Theme

REST_MS = 180
MOST = 2000
"""Maximum number of nodes to follow in each direction. A larger highlight would not help."""
MOST_ROUND = 100
"""Maximum number of cards whose rings have round corners."""
MOST_SHOWN = 400
"""Maximum number of visible highlighted wires. With more, only the cards are marked."""


class DependencyHighlight:
    """The highlight around the hovered node, after a delay."""

    def __init__(self, widget: QWidget, scene: SceneModel, viewport: Viewport) -> None:
        self._widget, self._scene, self._viewport = widget, scene, viewport
        self.node = ""
        self.parts: list[tuple[str, np.ndarray, np.ndarray]] = []
        """For each direction: the name of its colour, the slots of nodes, and the slots of
        wires.
        """
        self._timer = QTimer(widget, singleShot=True, interval=REST_MS)
        self._timer.timeout.connect(self.show)

    def follow(self, node: str) -> None:
        """Note the node under the pointer, or none."""
        if node == self.node:
            return
        self.node, self.parts = node, []
        if node:
            self._timer.start()
        else:
            self._timer.stop()

    def suspend(self) -> None:
        """Stop the timer that would highlight the dependencies of the node under the pointer,
        because the user presses the node.
        """
        self._timer.stop()

    def show(self) -> None:
        """Highlight everything upstream and downstream of the node under the pointer."""
        document, scene = self._scene.document, self._scene
        if self.node not in document.nodes:
            return
        self.parts = []
        for role, into in (("accent", True), ("ok", False)):
            seen, keys, waiting = {self.node}, [], [self.node]
            while waiting and len(seen) < MOST:
                node = waiting.pop()
                step = document.wires_into(node) if into else document.wires_out_of(node)
                for wire in step:
                    keys.append(wire.key)
                    other = wire.source if into else wire.target
                    if other not in seen:
                        seen.add(other)
                        waiting.append(other)
            nodes = [scene.nodes.get(i) for i in seen - {self.node}]
            lines = [scene.wires.slots.get(key) for key in keys]
            self.parts.append((role, _slots(nodes), _slots(lines)))
        self._widget.update()

    def paint(self, painter: QPainter, theme: Theme) -> None:
        """Draw lines over the highlighted wires and rings around the cards, in view coordinates."""
        scene, camera, view = self._scene, self._viewport.camera, self._viewport.rect
        scale, offset = camera.scale, np.tile([camera.x, camera.y], 2)
        for role, nodes, lines in self.parts:
            ends = scene.wires.ends(lines, scene.positions) * scale + offset
            seen = (ends[:, [0, 2]].min(axis=1) < view.right()) & (ends[:, 2] > view.left() - 200)
            seen &= ends[:, [1, 3]].min(axis=1) < view.bottom() + 200
            seen &= ends[:, [1, 3]].max(axis=1) > view.top() - 200
            color = theme.color(role, 0.55)
            if 0 < seen.sum() <= MOST_SHOWN:
                lane = scene.wires.lane[lines[seen]] * scale + camera.y
                painter.setPen(QPen(color, max(2.0, 3.5 * min(scale, 1.0))))
                array_painting.draw_lines(
                    painter, wire_shape.segments(ends[seen], 24, None, scale, lane)
                )
            self._rings(painter, nodes, theme.color(role, 0.7))

    def _rings(self, painter: QPainter, nodes: np.ndarray, color: QColor) -> None:
        scene, camera, view = self._scene, self._viewport.camera, self._viewport.rect
        painter.setPen(QPen(color, 1.5))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        scale = camera.scale
        rects = np.concatenate([scene.positions[nodes], scene.sizes[nodes]], axis=1)
        rects *= scale
        rects += [camera.x - 2, camera.y - 2, 4, 4]
        seen = (rects[:, 0] < view.width()) & (rects[:, 0] + rects[:, 2] > 0)
        seen &= (rects[:, 1] < view.height()) & (rects[:, 1] + rects[:, 3] > 0)
        rects, radius = np.ascontiguousarray(rects[seen]), RADIUS * scale + 2
        if scale < FAR_SCALE or len(rects) > MOST_ROUND:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
            array_painting.draw_rects(painter, rects)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            return
        for x, y, width, height in rects.tolist():
            painter.drawRoundedRect(QRectF(x, y, width, height), radius, radius)


def _slots(found: list[int | None]) -> np.ndarray:
    return np.array([slot for slot in found if slot is not None], np.int64)
