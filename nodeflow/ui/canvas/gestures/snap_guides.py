"""Snap guides: a dragged card snaps to the edges and middles of other cards, and makes its
wires level.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPen

from nodeflow.ui.canvas.scene.camera import Camera
from nodeflow.ui.canvas.scene.scene_model import SceneModel
from nodeflow.ui.canvas.scene.viewport import Viewport
from nodeflow.ui.core.theming.theme import Theme

SNAP_DISTANCE = 5.0
"""The distance within which a card snaps to a guide, in view pixels."""
MOST = 1500
"""Maximum number of visible cards. With more, there are no guides, because they would be too
many.
"""


@dataclass(frozen=True)
class SnapGuide:
    """A guide line in scene units: ``at`` is its x or y (``axis`` 0 or 1); it goes from ``low``
    to ``high``.
    """

    axis: int
    at: float
    low: float
    high: float


class SnapGuides:
    """The guides of one drag, collected at its start."""

    def __init__(self, scene: SceneModel, viewport: Viewport, moved: np.ndarray) -> None:
        near = scene.nodes_in(viewport.visible_area)
        near = near[~np.isin(near, moved)]
        if len(near) > MOST:
            near = near[:0]
        self.low = scene.positions[near]
        self.high = self.low + scene.sizes[near]
        self.ports = _level_ports(scene, moved)

    def snap(self, box: QRectF, reach: float) -> tuple[QPointF, list[SnapGuide]]:
        """Return the shift that snaps a box to guides, and the guides that it then touches."""
        dx, x_lines = self._along(box, 0, reach)
        port = self._port(box, reach)
        if port is not None:
            return QPointF(dx, port[0]), [*x_lines, port[1]]
        dy, y_lines = self._along(box, 1, reach)
        return QPointF(dx, dy), x_lines + y_lines

    def _port(self, box: QRectF, reach: float) -> tuple[float, SnapGuide] | None:
        """Return the vertical shift of a dragged card that makes one of its wires level, and the
        guide line to show. Return None if no shift within ``reach`` does.
        """
        best = min(self.ports, key=lambda p: abs(p[1] - box.top() - p[0]), default=None)
        if best is None or abs(best[1] - box.top() - best[0]) > reach:
            return None
        down, height, x = best
        low, high = sorted((x, box.center().x()))
        return height - box.top() - down, SnapGuide(1, height, low, high)

    def _along(self, box: QRectF, axis: int, reach: float) -> tuple[float, list[SnapGuide]]:
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
                lines.append(SnapGuide(axis, float(ours[part] + step), float(low), float(high)))
        # the middle of three lines adds nothing
        return float(step), lines[::2] if len(lines) == 3 else lines


def _level_ports(scene: SceneModel, moved: np.ndarray) -> list[tuple[float, float, float]]:
    """Return for each wire of a dragged card the numbers for snapping the card so that the wire is
    horizontal: the distance of its port from the card's top, and the y and x coordinates of its
    other end.

    Return an empty list if several cards are dragged.
    """
    if len(moved) != 1:
        return []
    table, found = scene.wires, []
    for wire in scene.wires_of(moved.tolist()).tolist():
        x0, y0, x1, y1 = table.ends(np.array([wire]), scene.positions)[0].tolist()
        top = float(scene.positions[moved[0], 1])
        if table.source[wire] == moved[0] and table.target[wire] != moved[0]:
            found.append((y0 - top, y1, x1))
        elif table.target[wire] == moved[0] and table.source[wire] != moved[0]:
            found.append((y1 - top, y0, x0))
    return found


def paint(painter: QPainter, theme: Theme, camera: Camera, guides: Iterable[SnapGuide]) -> None:
    """Draw guides as thin lines with small ends, in view coordinates."""
    painter.setPen(QPen(theme.color("accent"), 1.0, Qt.PenStyle.SolidLine))
    for line in guides:
        ends = [QPointF(line.at, line.low), QPointF(line.at, line.high)]
        if line.axis == 1:
            ends = [QPointF(line.low, line.at), QPointF(line.high, line.at)]
        a, b = (camera.to_view(end) for end in ends)
        painter.drawLine(a, b)
        for end in (a, b):
            painter.drawLine(end - QPointF(3, 3), end + QPointF(3, 3))
            painter.drawLine(end - QPointF(3, -3), end + QPointF(3, -3))
