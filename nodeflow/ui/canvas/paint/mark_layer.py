"""The marks of a comparison. Each kind has its colour, line and sign.

Added: solid line, plus in a disc. Removed: dashed and pale, minus in a square. Changed: wave in
a diamond. Changed inside: dotted, three dots.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPen

from nodeflow.document.diff.comparison_view import INSIDE
from nodeflow.document.diff.differences import ADDED, CHANGED, REMOVED
from nodeflow.drawing.cards.card_looks import FRAME_RADIUS, RADIUS
from nodeflow.drawing.wires import wire_shape
from nodeflow.ui.canvas.paint.card_layer import outlines, view_rects
from nodeflow.ui.canvas.paint.paint_context import PaintContext
from nodeflow.ui.canvas.paint.wire_layer import CURVE_SCALE
from nodeflow.ui.canvas.scene.detail import BLOCK, FAR_SCALE
from nodeflow.ui.canvas.scene.drawn_marks import CODES, KINDS
from nodeflow.ui.core.painting import array_painting
from nodeflow.ui.core.theming.theme import Theme

ROLES = {ADDED: "added", REMOVED: "removed", CHANGED: "changed", INSIDE: "changed"}
"""The colour of each kind of mark, as the name of a colour of the theme."""
DASHES = {ADDED: (), REMOVED: (3.0, 2.5), CHANGED: (), INSIDE: (0.6, 1.8)}
"""Dash and gap of the lines around marked nodes, in line widths; empty for solid."""
GONE_DASH = (8.0, 9.0)
"""Dash and gap of the lines of removed wires, in view pixels. Round line ends fill some of the
gap.
"""
MOST_ROUND = 400
"""Maximum number of visible marked nodes with round lines and signs. With more, lines are plain
bars.
"""
MOST_SIGNS = 200
"""Maximum number of visible marked wires with signs."""
SAMPLES, SIGN_PLACES = 16, [8, 6, 10, 4, 12, 2, 14]
"""Number of points along a wire, and the order in which they are tried for its sign. The first
free one is used.
"""
GAP = 3.0
"""Distance between a card and the line around it, in pixels."""
SIGN = 9.0
"""Radius of a sign at full size, in pixels."""
LARGEST = 2.0
"""The largest growth factor of lines and signs."""
VEIL = 0.5
"""Opacity of the background colour that is painted over removed nodes and wires."""


def paint_wire_marks(painter: QPainter, context: PaintContext) -> None:
    """Paint marked frames and wires, below the cards."""
    if context.scene.marks is None:
        return
    _paint_frames(painter, context)
    for kind, ends, lanes in _marked_wires(context):
        _paint_wires(painter, context, kind, ends, lanes)


def _marked_wires(context: PaintContext) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yield the visible wires that a comparison of documents marks: the kind of mark, then in view
    coordinates the end points (n, 4) and the heights of detours around cards.

    Removed wires come first, so that existing wires are painted over them.
    """
    marks, scene = context.scene.marks, context.scene
    assert marks is not None
    offset = np.tile([context.offset.x(), context.offset.y()], 2)
    if len(marks.gone):
        box, area = wire_shape.bounds(marks.gone_ends), context.area
        near = (box[:, 0] <= area.right()) & (box[:, 2] >= area.left())
        near &= (box[:, 1] <= area.bottom()) & (box[:, 3] >= area.top())
        ends = marks.gone_ends[near]
        if len(ends):
            yield REMOVED, ends * context.scale + offset, np.full(len(ends), np.nan)
    slots, ends = scene.wires_in(context.area)
    codes, lanes = marks.wires[slots], scene.wires.lane[slots]
    for kind in (REMOVED, CHANGED, ADDED):
        chosen = codes == CODES[kind]
        if chosen.any():
            lane = lanes[chosen] * context.scale + context.offset.y()
            yield kind, ends[chosen] * context.scale + offset, lane


def paint_node_marks(painter: QPainter, context: PaintContext) -> None:
    """Paint lines around marked nodes, and signs on their corners."""
    marks = context.scene.marks
    if marks is None:
        return
    slots = context.nodes()
    slots = slots[marks.nodes[slots] > 0]
    rects, codes = view_rects(context, slots), marks.nodes[slots]
    plain = context.level == BLOCK or len(slots) > MOST_ROUND
    for code in array_painting.distinct(codes):
        chosen = np.ascontiguousarray(rects[codes == code])
        paint = _paint_bars if plain else _paint_rings
        paint(painter, context, KINDS[code], chosen)
    if context.scale >= FAR_SCALE:
        _paint_wire_signs(painter, context)


def _paint_wire_signs(painter: QPainter, context: PaintContext) -> None:
    """Paint a sign, such as a plus, on each wire that a comparison of documents marks as added,
    changed or removed.

    Signs are near the middle of the wire, and avoid cards and other signs.
    """
    size = min(max(SIGN * context.scale, 5.0), SIGN * 0.85 * _grown(context.scale))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    cards = view_rects(context, context.nodes())
    low, high = cards[:, :2] - size, cards[:, :2] + cards[:, 2:] + size
    for kind, ends, lanes in _marked_wires(context):
        if len(ends) > MOST_SIGNS:
            continue
        points = wire_shape.curve_points(ends, SAMPLES, context.scale, lanes)
        for places in points[:, SIGN_PLACES]:
            on_card = (places[:, None] > low) & (places[:, None] < high)
            free = places[~on_card.all(axis=2).any(axis=1)]
            if len(free):
                x, y = free[0]
                draw_sign(painter, context.theme, kind, QPointF(x, y), size)
                low, high = (
                    np.vstack([low, free[0] - 2 * size]),
                    np.vstack([high, free[0] + 2 * size]),
                )


def _paint_bars(painter: QPainter, context: PaintContext, kind: str, rects: np.ndarray) -> None:
    """Paint blocks in the colours of the marks, if cards are too small or too many for lines.

    Removed nodes get hollow blocks.
    """
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    painter.setPen(Qt.PenStyle.NoPen)
    if kind == REMOVED:
        painter.setBrush(context.theme.color("canvas", VEIL))
        array_painting.draw_rects(painter, rects)
    least = 5.0
    grown = np.maximum(rects[:, 2:], least)
    rects = np.concatenate([rects[:, :2] - (grown - rects[:, 2:]) / 2, grown], axis=1)
    painter.setBrush(context.theme.color(ROLES[kind]))
    solid = kind != REMOVED and context.level == BLOCK
    if not solid:
        rects = outlines(rects, 2.0)
    array_painting.draw_rects(painter, np.ascontiguousarray(rects))


def _paint_rings(painter: QPainter, context: PaintContext, kind: str, rects: np.ndarray) -> None:
    color = context.theme.color(ROLES[kind])
    scale = context.scale
    grown = _grown(scale)
    gap = GAP * grown
    radius = RADIUS * scale + gap
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    if kind == REMOVED:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(context.theme.color("canvas", VEIL))
        for x, y, width, height in rects.tolist():
            painter.drawRoundedRect(QRectF(x, y, width, height), radius, radius)
    painter.setPen(_line(kind, color, 2.5 * grown))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    around = rects + [-gap, -gap, 2 * gap, 2 * gap]
    for x, y, width, height in around.tolist():
        painter.drawRoundedRect(QRectF(x, y, width, height), radius, radius)
    size = min(max(SIGN * scale * 1.3, 5.5), SIGN * grown)
    for x, y, width, _ in around.tolist():
        draw_sign(
            painter, context.theme, kind, QPointF(x + width - size * 0.4, y + size * 0.4), size
        )


def _grown(scale: float) -> float:
    """Return how much to enlarge the lines and signs of a comparison at a scale of the view, as a
    factor.
    """
    return min(max(scale, 1.0), LARGEST)


def _line(kind: str, color: QColor, width: float) -> QPen:
    pen = QPen(color, width)
    if DASHES[kind]:
        pen.setCapStyle(Qt.PenCapStyle.RoundCap if kind == INSIDE else Qt.PenCapStyle.FlatCap)
        pen.setDashPattern(list(DASHES[kind]))
    return pen


def _paint_wires(
    painter: QPainter, context: PaintContext, kind: str, ends: np.ndarray, lanes: np.ndarray
) -> None:
    scale = context.scale
    grown = _grown(scale)
    dash = (GONE_DASH[0] * grown, GONE_DASH[1] * grown) if kind == REMOVED else None
    curved = scale > CURVE_SCALE and len(ends) <= 5 * MOST_SIGNS
    pen = QPen(context.theme.color(ROLES[kind]), max(1.5, 3.5 * min(scale, LARGEST)))
    few = len(ends) <= MOST_SIGNS
    # Round ends, because otherwise the segments of wide curves would be visible.
    pen.setCapStyle(Qt.PenCapStyle.RoundCap if few and curved else Qt.PenCapStyle.FlatCap)
    painter.setPen(pen)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, curved)
    if not curved:
        array_painting.draw_lines(painter, np.ascontiguousarray(ends))
    elif few:
        array_painting.draw_lines(painter, wire_shape.smooth(ends, dash, scale, lanes))
    else:
        array_painting.draw_lines(painter, wire_shape.segments(ends, 32, dash, scale, lanes))


def _paint_frames(painter: QPainter, context: PaintContext) -> None:
    marks = context.scene.marks
    assert marks is not None
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    for frame_id, code in marks.frames.items():
        frame = context.scene.document.frames.get(frame_id)
        if frame is None or not QRectF(*frame.rect).intersects(context.area):
            continue
        x, y, width, height = (value * context.scale for value in frame.rect)
        rect = QRectF(x + context.offset.x(), y + context.offset.y(), width, height)
        kind = KINDS[code]
        painter.setPen(_line(kind, context.theme.color(ROLES[kind]), 2.5))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        radius = FRAME_RADIUS * context.scale
        painter.drawRoundedRect(rect, radius, radius)
        draw_sign(
            painter,
            context.theme,
            kind,
            rect.topRight(),
            min(max(SIGN * context.scale, 6), SIGN * _grown(context.scale)),
        )


def draw_sign(painter: QPainter, theme: Theme, kind: str, at: QPointF, size: float) -> None:
    """Draw the sign of a kind of change around a point; ``size`` is its radius in pixels."""
    color, ground = theme.color(ROLES[kind]), theme.color("raised")
    edge = color if kind == INSIDE else theme.color("canvas")
    painter.setPen(QPen(edge, max(1.0, size / 5)))
    painter.setBrush(ground if kind == INSIDE else color)
    if kind == REMOVED:
        side = size * 0.88
        painter.drawRoundedRect(QRectF(at.x() - side, at.y() - side, 2 * side, 2 * side), 2, 2)
    elif kind == CHANGED:
        reach = size * 1.2
        corners = ((0, -reach), (reach, 0), (0, reach), (-reach, 0))
        painter.drawPolygon([at + QPointF(*corner) for corner in corners])
    else:
        painter.drawEllipse(at, size, size)
    ink = QPen(color if kind == INSIDE else ground, max(1.3, size / 4.5))
    ink.setCapStyle(Qt.PenCapStyle.RoundCap)
    painter.setPen(ink)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    arm = size * 0.5
    if kind == INSIDE:
        for shift in (-0.5, 0.0, 0.5):
            painter.drawPoint(at + QPointF(shift * size, 0))
        return
    if kind == CHANGED:
        wave = QPainterPath(at + QPointF(-arm, arm * 0.3))
        wave.cubicTo(
            at + QPointF(-arm * 0.3, -arm),
            at + QPointF(arm * 0.3, arm),
            at + QPointF(arm, -arm * 0.3),
        )
        painter.drawPath(wave)
        return
    painter.drawLine(at - QPointF(arm, 0), at + QPointF(arm, 0))
    if kind == ADDED:
        painter.drawLine(at - QPointF(0, arm), at + QPointF(0, arm))
