"""The picture of a hidden wire under the pointer: a faint line, and the names of both ends."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPen

from nodeflow.ui.canvas.scene.scene_model import SceneModel
from nodeflow.ui.canvas.scene.viewport import Viewport
from nodeflow.ui.core.painting import array_painting, text_metrics
from nodeflow.ui.core.theming.theme import Theme


def paint(
    painter: QPainter, theme: Theme, scene: SceneModel, viewport: Viewport, key: tuple[str, str]
) -> None:
    """Draw a hidden wire in full as a dashed line. Label each end with the name of the node and
    port at the other end.
    """
    wire, slot = scene.document.wires.get(key), scene.wires.slots.get(key)
    if wire is None or slot is None:
        return
    painter.setPen(QPen(theme.color("ink_muted", 0.7), 1.25))
    lines = viewport.wire_lines([key])
    dashes = np.ascontiguousarray(lines[::2])  # every other segment
    array_painting.draw_lines(painter, dashes)
    nodes = scene.document.nodes
    start = viewport.port_position(wire.source, wire.source_port, "out")
    end = viewport.port_position(wire.target, wire.target_port, "in")
    target = f"{nodes[wire.target].name}:{wire.target_port} →"
    source = f"← {nodes[wire.source].name}:{wire.source_port}"
    _label(painter, theme, viewport, target, start, is_right=True)
    _label(painter, theme, viewport, source, end, is_right=False)


def _label(
    painter: QPainter, theme: Theme, viewport: Viewport, text: str, at: QPointF, is_right: bool
) -> None:
    width = text_metrics.width(text, text_metrics.HINT) + 16
    left = at.x() + 14 if is_right else at.x() - 14 - width
    box = viewport.kept_inside(QRectF(left, at.y() - 34, width, 24))
    painter.setPen(QPen(theme.color("border_strong"), 1))
    painter.setBrush(theme.color("raised"))
    painter.drawRoundedRect(box, 6, 6)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    ink = theme.color("ink")
    text_metrics.draw(painter, box.left() + 8, box.top() + 17, text, text_metrics.HINT, ink)
