"""The layer of wires, with colour and dash by dtype. Wires are curves if they are large enough."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPen

from nodeflow.drawing.wires import wire_routing, wire_shape
from nodeflow.ui.canvas.paint.paint_context import PaintContext
from nodeflow.ui.canvas.scene.detail import FAR_SCALE
from nodeflow.ui.canvas.scene.scene_model import DTYPE_CODES, FEED_STYLE
from nodeflow.ui.canvas.scene.tints import PLAIN, level_color
from nodeflow.ui.core.painting import array_painting
from nodeflow.ui.core.theming.theme import Theme, mix

CURVE_SCALE = 0.16
"""The scale below which wires are straight and not antialiased."""
MANY = 1000
"""Maximum number of visible wires with fine, dashed curves. With more, curves are coarse and
solid; with three times as many, wires are straight.
"""
MOST_STYLES = 2 * FEED_STYLE
"""An upper bound for the number of styles."""


def wire_pen(
    theme: Theme, style: int, scale: float, left: float = 1.0, tint: QColor | None = None
) -> QPen:
    """Return the Qt pen for drawing a wire in the view. The caller adds dashes.

    Args:
        style: the code of the wire's dtype, and whether it is a feed.
        scale: the scale of the view.
        left: the opacity of the wire.
        tint: a colour to use instead of the dtype's colour.
    """
    code = style % FEED_STYLE
    color = theme.dtype(DTYPE_CODES[code]) if tint is None else tint
    if left < 1.0:
        color = mix(theme.color("canvas"), color, left)
    thickness = wire_shape.THICKNESS.get(DTYPE_CODES[code], 2.0) + (0.0 if tint is None else 1.0)
    pen = QPen(color, max(1.0, thickness * min(scale, 1.25)) if scale > CURVE_SCALE else 1.0)
    pen.setCapStyle(Qt.PenCapStyle.FlatCap)
    return pen


def wire_dash(style: int) -> tuple[float, float] | None:
    """Return the dash pattern of a wire's line in view pixels, as lengths of dash and gap. Return
    None for a solid line.

    Args:
        style: the code of the wire's dtype, and whether it is a feed.
    """
    return wire_shape.dash_of(DTYPE_CODES[style % FEED_STYLE], style >= FEED_STYLE)


def paint_wires(painter: QPainter, context: PaintContext) -> None:
    """Paint all wires that touch the area, except wires of nodes that are being dragged."""
    slots, ends = context.scene.wires_in(context.area)
    if context.hidden_wire is not None:
        kept = slots != context.scene.wires.slots.get(context.hidden_wire)
        slots, ends = slots[kept], ends[kept]
    if context.scene.marks is not None:  # marked wires are drawn with their marks
        kept = context.scene.marks.wires[slots] == 0
        slots, ends = slots[kept], ends[kept]
    if context.hidden is not None and len(slots):
        table = context.scene.wires
        kept = ~(context.hidden[table.source[slots]] | context.hidden[table.target[slots]])
        slots, ends = slots[kept], ends[kept]
    paint_wire_set(painter, context, slots, ends)


def _paint_stubs(
    painter: QPainter, context: PaintContext, slots: np.ndarray, ends: np.ndarray
) -> None:
    """Paint the stubs of hidden wires: a short piece at both ends, with a bar where it is cut."""
    if context.scale < FAR_SCALE:
        return
    length = wire_shape.STUB * context.scale
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    for style in array_painting.distinct(context.scene.wires.style[slots]):
        lines = wire_shape.stubs(ends[context.scene.wires.style[slots] == style], length)
        painter.setPen(wire_pen(context.theme, int(style), context.scale))
        array_painting.draw_lines(painter, lines)
        tip = np.where(np.arange(len(lines)) < len(lines) // 2, lines[:, 2], lines[:, 0])
        high = 4.0 * min(context.scale, 1.25)
        bars = np.stack([tip, lines[:, 1] - high, tip, lines[:, 1] + high], axis=1)
        array_painting.draw_lines(painter, np.ascontiguousarray(bars))


def paint_wire_set(
    painter: QPainter, context: PaintContext, slots: np.ndarray, ends: np.ndarray
) -> None:
    """Paint the wires in ``slots`` between the given ends (scene units)."""
    if not len(slots):
        return
    table, dimmed = context.scene.wires, context.scene.dimmed
    faded = dimmed[table.source[slots]] | dimmed[table.target[slots]]
    faded |= context.scene.off[table.source[slots]] | (context.scene.marks is not None)
    groups = table.style[slots].astype(np.int64) * 2 + ~faded
    view = ends * context.scale + np.tile([context.offset.x(), context.offset.y()], 2)
    lanes = table.lane[slots] * context.scale + context.offset.y()
    hidden = table.hidden[slots]
    if hidden.any():
        _paint_stubs(painter, context, slots[hidden], view[hidden])
        slots, view, groups, lanes = (part[~hidden] for part in (slots, view, groups, lanes))
    if context.tints is not None:
        groups += 2 * MOST_STYLES * (context.tints.of_wires(context.scene, slots) - PLAIN)
    for group in array_painting.distinct(groups):
        which = groups == group
        style, left = int(group) // 2 % MOST_STYLES, 1.0 if int(group) % 2 else context.dim
        tint = None
        if context.tints is not None:
            tint = level_color(context.theme, int(group) // (2 * MOST_STYLES) + PLAIN)
        pen = wire_pen(context.theme, style, context.scale, left, tint)
        if context.exporting:
            _export_curves(painter, view[which], lanes[which], pen, wire_dash(style), context.scale)
        else:
            dash = wire_dash(style)
            shrink = min(1.0, max(0.4, context.scale))  # so that short wires keep several dashes
            scaled = dash and (dash[0] * shrink, dash[1] * shrink)
            _screen_curves(painter, context, view[which], lanes[which], pen, scaled, len(slots))


def _screen_curves(
    painter: QPainter,
    context: PaintContext,
    ends: np.ndarray,
    lanes: np.ndarray,
    pen: QPen,
    dash: tuple[float, float] | None,
    total: int,
) -> None:
    curved = context.scale > CURVE_SCALE and total < 3 * MANY
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, curved)
    painter.setPen(pen)
    if not curved:
        array_painting.draw_lines(painter, np.ascontiguousarray(ends))
        return
    count = 32 if total < 200 else 16 if total < MANY else 8
    if dash is not None and total < MANY:
        lines = wire_shape.smooth(ends, dash, context.scale, lanes)
    else:
        lines = wire_shape.segments(ends, count, None, context.scale, lanes)
    array_painting.draw_lines(painter, lines)


def _export_curves(
    painter: QPainter,
    ends: np.ndarray,
    lanes: np.ndarray,
    pen: QPen,
    dash: tuple[float, float] | None,
    scale: float,
) -> None:
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    if dash is not None:
        pen.setDashPattern([part / pen.widthF() for part in dash])
    painter.setPen(pen)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    back = wire_routing.takes_detour(ends, scale, lanes)
    forward = ends[~back]
    for (x0, y0, x1, y1), reach in zip(forward, wire_shape.bend(forward, scale), strict=True):
        path = QPainterPath(QPointF(x0, y0))
        path.cubicTo(x0 + reach, y0, x1 - reach, y1, x1, y1)
        painter.drawPath(path)
    for points in wire_routing.routes(ends[back], scale, lanes[back]).tolist():
        painter.drawPolyline([QPointF(x, y) for x, y in points])
