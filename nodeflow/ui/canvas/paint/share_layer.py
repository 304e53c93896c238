"""The layer of arcs from nodes that share weights to the owners of the weights."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QPainter, QPainterPath, QPen

from nodeflow.drawing.wires import share_arcs
from nodeflow.ui.canvas.paint.paint_context import PaintContext
from nodeflow.ui.canvas.paint.wire_layer import CURVE_SCALE
from nodeflow.ui.core.painting import array_painting
from nodeflow.ui.core.theming.theme import mix

MANY = 300
"""Maximum number of visible dashed arcs. With more, they are straight, solid lines."""


def paint_shares(painter: QPainter, context: PaintContext) -> None:
    """Paint the curves that connect nodes to the owners of their shared weights. Leave out nodes
    that are being dragged.
    """
    scene = context.scene
    pairs = scene.sharing
    if context.hidden is not None:
        pairs = pairs[~context.hidden[pairs].any(axis=1)]
    paint_share_set(painter, context, pairs, scene.positions)


def paint_share_set(
    painter: QPainter, context: PaintContext, pairs: np.ndarray, positions: np.ndarray
) -> None:
    """Paint curves from nodes that share weights to the owners of the weights.

    Args:
        pairs: rows of `SceneModel.sharing`, each with the array indices of a node and of the owner.
        positions: where all nodes are drawn.
    """
    if not len(pairs):
        return
    scene, area = context.scene, context.area
    curves = scene.arcs(pairs, positions)
    box = share_arcs.bounds(curves)
    seen = (box[:, 0] <= area.right()) & (box[:, 2] >= area.left())
    seen &= (box[:, 1] <= area.bottom()) & (box[:, 3] >= area.top())
    pairs, curves = pairs[seen], curves[seen]
    faded = (scene.dimmed | scene.off)[pairs].any(axis=1) | (scene.marks is not None)
    view = curves * context.scale + [context.offset.x(), context.offset.y()]
    plain = len(view) > MANY or context.scale <= CURVE_SCALE
    for is_faded in (False, True):
        _paint(painter, context, view[faded == is_faded], is_faded, plain)


def _paint(
    painter: QPainter, context: PaintContext, curves: np.ndarray, is_faded: bool, plain: bool
) -> None:
    if not len(curves):
        return
    color = context.theme.color(share_arcs.ROLE)
    if is_faded:
        color = mix(context.theme.color("canvas"), color, context.dim)
    scale = min(context.scale, 1.25)
    pen = QPen(color, max(1.0, share_arcs.THICKNESS * scale))
    pen.setCapStyle(Qt.PenCapStyle.FlatCap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, not plain)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    if plain:
        painter.setPen(pen)
        lines = curves[:, ::3].reshape(-1, 4)
        array_painting.draw_lines(painter, np.ascontiguousarray(lines))
        return
    pen.setDashPattern([max(part * scale, 2.5) / pen.widthF() for part in share_arcs.DASH])
    dot = max(2.0, share_arcs.DOT * scale)
    for curve in curves.tolist():
        start, *rest = (QPointF(*point) for point in curve)
        path = QPainterPath(start)
        path.cubicTo(*rest)
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPath(path)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color)
        painter.drawEllipse(rest[-1], dot, dot)
