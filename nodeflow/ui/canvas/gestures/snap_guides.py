"""Lines to which a dragged card snaps: edges and middles of other cards, ports of its wires."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPen

if TYPE_CHECKING:
    from nodeflow.ui.canvas.view.view import CanvasView

REACH = 5.0
"""How near, in view pixels, a line attracts."""
MOST = 1500
"""With more cards in sight there are too many lines to be of help."""


@dataclass(frozen=True)
class Guide:
    """A line in scene units: at ``at`` along x or y (``axis`` 0 or 1), from ``low`` to ``high``."""

    axis: int
    at: float
    low: float
    high: float


class Guides:
    """The lines among which one drag looks; read once when it begins."""

    def __init__(self, view: CanvasView, moved: np.ndarray) -> None:
        scene = view.scene
        area = view.camera.rect_to_scene(QRectF(view.rect()))
        near = scene.nodes_in(area)
        near = near[~np.isin(near, moved)]
        if len(near) > MOST:
            near = near[:0]
        self.low = scene.positions[near]
        self.high = self.low + scene.sizes[near]
        self.ports = _level_ports(view, moved)

    def snap(self, box: QRectF, reach: float) -> tuple[QPointF, list[Guide]]:
        """How far to move a box so that it lines up, and the lines it then touches."""
        dx, x_lines = self._along(box, 0, reach)
        port = self._port(box, reach)
        if port is not None:
            return QPointF(dx, port[0]), [*x_lines, port[1]]
        dy, y_lines = self._along(box, 1, reach)
        return QPointF(dx, dy), x_lines + y_lines

    def _port(self, box: QRectF, reach: float) -> tuple[float, Guide] | None:
        """The move that makes a wire level, where one is near."""
        best = min(self.ports, key=lambda p: abs(p[1] - box.top() - p[0]), default=None)
        if best is None or abs(best[1] - box.top() - best[0]) > reach:
            return None
        down, height, x = best
        low, high = sorted((x, box.center().x()))
        return height - box.top() - down, Guide(1, height, low, high)

    def _along(self, box: QRectF, axis: int, reach: float) -> tuple[float, list[Guide]]:
        if not len(self.low):
            return 0.0, []
        ours = np.array([box.left(), box.center().x(), box.right()])
        if axis:
            ours = np.array([box.top(), box.center().y(), box.bottom()])
        theirs = np.stack(
            [self.low[:, axis], (self.low + self.high)[:, axis] / 2, self.high[:, axis]]
        )
        gaps = theirs[:, :, None] - ours[None, None, :]  # (3, cards, 3)
        same = gaps[[0, 1, 2], :, [0, 1, 2]]  # edges with like edges, (3, cards)
        step = same.flat[np.abs(same).argmin()]
        if abs(step) > reach:
            return 0.0, []
        lines = []
        across = 1 - axis
        spans = (box.top(), box.bottom()) if axis == 0 else (box.left(), box.right())
        for part in range(3):
            hit = np.abs(same[part] - step) < 0.51
            if hit.any():
                low = min(self.low[hit, across].min(), spans[0])
                high = max(self.high[hit, across].max(), spans[1])
                lines.append(Guide(axis, float(ours[part] + step), float(low), float(high)))
        return float(step), lines[::2] if len(lines) == 3 else lines  # edges say it all


def _level_ports(view: CanvasView, moved: np.ndarray) -> list[tuple[float, float, float]]:
    """For one card: (its port below its top, the other end's height, the other end's x)."""
    if len(moved) != 1:
        return []
    table, found = view.scene.wires, []
    for wire in view.scene.wires_of(moved.tolist()).tolist():
        x0, y0, x1, y1 = table.ends(np.array([wire]), view.scene.positions)[0].tolist()
        top = float(view.scene.positions[moved[0], 1])
        if table.source[wire] == moved[0] and table.target[wire] != moved[0]:
            found.append((y0 - top, y1, x1))
        elif table.target[wire] == moved[0] and table.source[wire] != moved[0]:
            found.append((y1 - top, y0, x0))
    return found


def paint(painter: QPainter, view: CanvasView, lines: Iterable[Guide]) -> None:
    """Thin lines with small ends, in view coordinates."""
    painter.setPen(QPen(view.theme.color("accent"), 1.0, Qt.PenStyle.SolidLine))
    for line in lines:
        ends = [QPointF(line.at, line.low), QPointF(line.at, line.high)]
        if line.axis == 1:
            ends = [QPointF(line.low, line.at), QPointF(line.high, line.at)]
        a, b = (view.scene_to_view(end) for end in ends)
        painter.drawLine(a, b)
        for end in (a, b):
            painter.drawLine(end - QPointF(3, 3), end + QPointF(3, 3))
            painter.drawLine(end - QPointF(3, -3), end + QPointF(3, -3))
