"""What depends on what: a rested pointer lights up all that is upstream and downstream."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QRectF, Qt, QTimer
from PySide6.QtGui import QPainter, QPen

from nodeflow.ui.canvas.paint.card_painter import RADIUS
from nodeflow.ui.canvas.paint.paint_context import FAR_SCALE
from nodeflow.ui.canvas.scene import array_painting, wire_table

if TYPE_CHECKING:
    from nodeflow.ui.canvas.view.view import CanvasView

REST_MS = 180
MOST = 2000
"""Nodes that are followed each way; a larger cone tells nothing."""
MOST_ROUND = 100
MOST_SHOWN = 400
"""Wires in sight; with more, only the cards are marked."""


class HoverCone:
    """Belongs to a view; follows its hover, a moment later."""

    def __init__(self, view: CanvasView) -> None:
        self.view = view
        self.node = ""
        self.parts: list[tuple[str, np.ndarray, np.ndarray]] = []
        """For each way: its colour's role, slots of nodes, slots of wires."""
        self._timer = QTimer(view, singleShot=True, interval=REST_MS)
        self._timer.timeout.connect(self.show)

    def follow(self, node: str) -> None:
        """The pointer is over this node now, or over none."""
        if node == self.node:
            return
        self.node, self.parts = node, []
        if node:
            self._timer.start()
        else:
            self._timer.stop()

    def show(self) -> None:
        """Find the cone of the node under the pointer."""
        document, scene = self.view.document, self.view.scene
        if self.node not in document.nodes or self.view.gesture is not None:
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
        self.view.update()

    def paint(self, painter: QPainter) -> None:
        """Lines over the wires and rings around the cards, in view coordinates."""
        view = self.view
        scale, offset = view.camera.scale, np.tile([view.camera.x, view.camera.y], 2)
        sight = QRectF(view.rect())
        for role, nodes, lines in self.parts:
            ends = view.scene.wires.ends(lines, view.scene.positions) * scale + offset
            seen = (ends[:, [0, 2]].min(axis=1) < sight.right()) & (ends[:, 2] > sight.left() - 200)
            seen &= ends[:, [1, 3]].min(axis=1) < sight.bottom() + 200
            seen &= ends[:, [1, 3]].max(axis=1) > sight.top() - 200
            color = view.theme.color(role, 0.55)
            if 0 < seen.sum() <= MOST_SHOWN:
                lane = view.scene.wires.lane[lines[seen]] * scale + view.camera.y
                painter.setPen(QPen(color, max(2.0, 3.5 * min(scale, 1.0))))
                array_painting.draw_lines(
                    painter, wire_table.segments(ends[seen], 24, None, scale, lane)
                )
            self._rings(painter, nodes, role)

    def _rings(self, painter: QPainter, nodes: np.ndarray, role: str) -> None:
        view = self.view
        painter.setPen(QPen(view.theme.color(role, 0.7), 1.5))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        scale, sight = view.camera.scale, view.rect()
        rects = np.concatenate([view.scene.positions[nodes], view.scene.sizes[nodes]], axis=1)
        rects *= scale
        rects += [view.camera.x - 2, view.camera.y - 2, 4, 4]
        seen = (rects[:, 0] < sight.width()) & (rects[:, 0] + rects[:, 2] > 0)
        seen &= (rects[:, 1] < sight.height()) & (rects[:, 1] + rects[:, 3] > 0)
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
