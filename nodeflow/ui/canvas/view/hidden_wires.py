"""A hidden wire under the pointer: where it goes, as a faint line, and the names of both ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPen

from nodeflow.ui.canvas.scene import array_painting, text_metrics

if TYPE_CHECKING:
    from nodeflow.ui.canvas.view.view import CanvasView


def paint(painter: QPainter, view: CanvasView, key: tuple[str, str]) -> None:
    """Show a hidden wire whole, with its ends' names beside its stubs."""
    wire, slot = view.document.wires.get(key), view.scene.wires.slots.get(key)
    if wire is None or slot is None:
        return
    painter.setPen(QPen(view.theme.color("ink_muted", 0.7), 1.25))
    lines = view.wire_lines(key)
    array_painting.draw_lines(
        painter, np.ascontiguousarray(lines[::2])
    )  # every other piece: dashes
    start = view.port_place(wire.source, wire.source_port, "out")
    end = view.port_place(wire.target, wire.target_port, "in")
    nodes = view.document.nodes
    _label(painter, view, start, f"{nodes[wire.target].name}:{wire.target_port} →", "left")
    _label(painter, view, end, f"← {nodes[wire.source].name}:{wire.source_port}", "right")


def _label(painter: QPainter, view: CanvasView, at: QPointF, name: str, side: str) -> None:
    width = text_metrics.width(name, text_metrics.HINT) + 16
    left = at.x() + 14 if side == "left" else at.x() - 14 - width
    box = view.kept_inside(QRectF(left, at.y() - 34, width, 24))
    painter.setPen(QPen(view.theme.color("border_strong"), 1))
    painter.setBrush(view.theme.color("raised"))
    painter.drawRoundedRect(box, 6, 6)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    text_metrics.draw(
        painter, box.left() + 8, box.top() + 17, name, text_metrics.HINT, view.theme.color("ink")
    )
