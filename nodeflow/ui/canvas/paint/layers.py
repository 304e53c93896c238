"""The layers of the canvas from back to front, the same for the window and for exports."""

from __future__ import annotations

from PySide6.QtGui import QPainter

from nodeflow.ui.canvas.paint.background_layer import (
    paint_background,
    paint_frame_labels,
    paint_frames,
)
from nodeflow.ui.canvas.paint.badge_layer import paint_badges
from nodeflow.ui.canvas.paint.card_layer import paint_bodies
from nodeflow.ui.canvas.paint.mark_layer import paint_node_marks, paint_wire_marks
from nodeflow.ui.canvas.paint.paint_context import PaintContext
from nodeflow.ui.canvas.paint.share_layer import paint_shares
from nodeflow.ui.canvas.paint.tint_layer import paint_node_tints
from nodeflow.ui.canvas.paint.wire_layer import paint_wires

LAYERS = (
    *(paint_background, paint_frames, paint_wires, paint_wire_marks, paint_shares),
    *(paint_bodies, paint_node_tints, paint_badges, paint_node_marks, paint_frame_labels),
)


def paint_all(painter: QPainter, context: PaintContext) -> None:
    """Paint all layers, back to front."""
    for layer in LAYERS:
        layer(painter, context)
