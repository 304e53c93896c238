"""The layer of cards: copied from the atlas, simple blocks at a small zoom, vectors in exports."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QPainter, QPen

from nodeflow.drawing.cards.card_data import CardData
from nodeflow.drawing.cards.card_looks import BESIDE, CRYSTAL, CURVE, RADIUS, SIGN_RADIUS
from nodeflow.ui.canvas.paint.card_atlas import Page
from nodeflow.ui.canvas.paint.card_painter import MARGIN, CardPainter, blend
from nodeflow.ui.canvas.paint.paint_context import PaintContext
from nodeflow.ui.canvas.scene import override_badge
from nodeflow.ui.canvas.scene.detail import BLOCK, FEW
from nodeflow.ui.canvas.scene.scene_model import SEVERITY_ROLES
from nodeflow.ui.core.painting import array_painting, text_metrics
from nodeflow.ui.core.theming.theme import mix

SMALLEST_SIGN = 4.5
"""The smallest radius of the signs on a card's corners, in pixels."""


def paint_bodies(painter: QPainter, context: PaintContext) -> None:
    """Paint the cards of all visible nodes."""
    paint_cards(painter, context, context.nodes())


def paint_cards(painter: QPainter, context: PaintContext, slots: np.ndarray) -> None:
    """Paint the cards of nodes with their marks, in as much detail as the zoom allows.

    Args:
        slots: positions of the nodes in the arrays of the scene.
    """
    if not len(slots):
        return
    if context.exporting:
        _export_cards(painter, context, slots)
    elif context.level == BLOCK:
        _paint_blocks(painter, context, slots)
    else:
        _paint_from_atlas(painter, context, slots)
    _paint_rings(painter, context, slots)
    _paint_breakpoints(painter, context, slots)
    _paint_plotted(painter, context, slots)
    _paint_bounded(painter, context, slots)
    _paint_frozen(painter, context, slots)
    if not context.exporting:  # an exported picture shows no overrides
        _paint_overridden(painter, context, slots)
    if context.level != BLOCK:
        _paint_order(painter, context, slots)


def view_rects(context: PaintContext, slots: np.ndarray) -> np.ndarray:
    """Return (n, 4) view rectangles whose corners lie on device pixels."""
    rects = np.empty((len(slots), 4))
    origin = np.array([context.offset.x(), context.offset.y()])
    shift = np.array([context.shift.x(), context.shift.y()])
    corner = (context.scene.positions[slots] + shift) * context.scale + origin
    # np.round would round halves to even numbers.
    rects[:, :2] = np.floor(corner * context.dpr + 0.499) / context.dpr
    rects[:, 2:] = context.scene.sizes[slots] * context.scale
    return rects


def _paint_blocks(painter: QPainter, context: PaintContext, slots: np.ndarray) -> None:
    rects = view_rects(context, slots)
    rects[:, 2:] = np.maximum(rects[:, 2:], 1.5)
    scene = context.scene
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    painter.setPen(Qt.PenStyle.NoPen)
    groups = scene.category[slots].astype(np.int64) * 8
    groups += scene.dimmed[slots] * 4 + scene.severity[slots]
    for group in array_painting.distinct(groups):
        category = scene.categories[int(group) // 8]
        color = blend(context.theme, category, 0.62)
        if group % 4:
            color = context.theme.color(SEVERITY_ROLES[group % 4])
        if group % 8 >= 4:
            color = mix(context.theme.color("canvas"), color, context.dim)
        painter.setBrush(color)
        array_painting.draw_rects(painter, np.ascontiguousarray(rects[groups == group]))


Row = tuple[float, float, float, float, float, float, float, float]
"""A card to copy: its corner in the view, left, top, width and height in pixels, opacity,
stretch.
"""


def _paint_from_atlas(painter: QPainter, context: PaintContext, slots: np.ndarray) -> None:
    assert context.atlas is not None
    found: dict[int, tuple[Page, list[Row]]] = {}
    bare: list[int] = []
    pixels = context.scale * context.dpr
    rects = view_rects(context, slots)
    too_large = (rects[:, 2:].max(axis=1) * context.dpr > context.atlas.room(pixels)).tolist()
    dimmed = context.scene.dimmed[slots].tolist()
    for index, (slot, corner) in enumerate(zip(slots.tolist(), rects.tolist(), strict=True)):
        card = context.scene.card(slot)
        opacity = context.dim if dimmed[index] else 1.0
        if too_large[index]:
            _paint_directly(painter, context, card, corner, opacity)
            continue
        place = _card(context, card)
        if place is None:
            context.waiting.append(slot)
            place = context.atlas.find_like(card)
        if place is None:
            bare.append(slot)
            continue
        page, rect, had = place
        _, rows = found.setdefault(id(page), (page, []))
        box = (rect.x(), rect.y(), rect.width(), rect.height())
        rows.append((corner[0], corner[1], *box, opacity, pixels / had))
    for page, rows in found.values():
        _copy_cards(painter, context, page, np.array(rows, np.float64))
    if bare:
        _paint_bare(painter, context, np.array(bare))


def _card(context: PaintContext, card: CardData) -> tuple[Page, QRect, float] | None:
    """Return where the picture of a card is stored: the page (a pixmap of many cards), the
    rectangle on it, and the scale.

    If the picture is missing, paint it. Return None if this frame has no time left to do so.
    """
    assert context.atlas is not None
    place = context.atlas.find(card, context.detail, context.dpr)
    if place is None and not context.late():
        place = context.atlas.paint(card, context.detail, context.dpr)
    return None if place is None else (*place, context.scale * context.dpr)


def _copy_cards(painter: QPainter, context: PaintContext, page: Page, rows: np.ndarray) -> None:
    """Draw painted cards from a page, a pixmap that holds the pictures of many cards. Scale the
    pictures that were painted for another zoom.

    Args:
        rows: for each card its place in the view and in the page, its opacity and its scale.
    """
    stretch = rows[:, 7]
    margins = np.ceil(MARGIN * context.scale * context.dpr / stretch)
    fragments = np.zeros((len(rows), array_painting.FRAGMENT_FIELDS))
    fragments[:, 0] = rows[:, 0] + (rows[:, 4] / 2 - margins) * stretch / context.dpr
    fragments[:, 1] = rows[:, 1] + (rows[:, 5] / 2 - margins) * stretch / context.dpr
    fragments[:, 2:6] = rows[:, 2:6]
    fragments[:, 6] = fragments[:, 7] = stretch / context.dpr
    fragments[:, 9] = rows[:, 6]
    array_painting.draw_fragments(painter, fragments, page.pixmap)


def _paint_directly(
    painter: QPainter, context: PaintContext, card: CardData, corner: list[float], opacity: float
) -> None:
    """Paint a card directly, without the cache of card pictures, because at the largest zooms it is
    too large for it.
    """
    assert context.atlas is not None
    painter.save()
    painter.translate(corner[0], corner[1])
    painter.scale(context.scale, context.scale)
    painter.setOpacity(opacity)
    context.atlas.painter.draw(painter, card, context.detail)
    painter.restore()


def _paint_bare(painter: QPainter, context: PaintContext, slots: np.ndarray) -> None:
    """Paint empty cards, because there was no time yet for their content."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    painter.setPen(QPen(context.theme.color("border"), 1))
    painter.setBrush(context.theme.color("raised"))
    array_painting.draw_rects(painter, view_rects(context, slots))


def _export_cards(painter: QPainter, context: PaintContext, slots: np.ndarray) -> None:
    cards = CardPainter(context.theme, as_path=True)
    for slot in slots.tolist():
        painter.save()
        context.place(painter)
        x, y = context.scene.positions[slot]
        painter.translate(x, y)
        painter.setOpacity(context.dim if context.scene.dimmed[slot] else 1.0)
        cards.draw(painter, context.scene.card(slot))
        painter.restore()


def _paint_rings(painter: QPainter, context: PaintContext, slots: np.ndarray) -> None:
    chosen = slots[context.scene.selected[slots]]
    if not len(chosen) or context.exporting:
        return
    rects = view_rects(context, chosen)
    gap = 2.0
    rects += [-gap, -gap, 2 * gap, 2 * gap]
    rounded = context.scale >= context.far_scale and len(chosen) < 400
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, rounded)
    if not rounded:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(context.theme.color("accent"))
        array_painting.draw_rects(painter, outlines(rects, 2.0))
        return
    painter.setPen(QPen(context.theme.color("accent"), 2))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    radius = RADIUS * context.scale + gap
    for x, y, width, height in rects.tolist():
        painter.drawRoundedRect(QRectF(x, y, width, height), radius, radius)


def _paint_breakpoints(painter: QPainter, context: PaintContext, slots: np.ndarray) -> None:
    """Paint discs on the upper left corners of nodes with a breakpoint, at every zoom."""
    stopping = slots[context.scene.stops[slots]]
    if not len(stopping):
        return
    radius = min(max(SIGN_RADIUS * context.scale, SMALLEST_SIGN), SIGN_RADIUS)
    corners = view_rects(context, stopping)[:, :2] + radius / 2
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(context.theme.color("canvas"), max(1.0, radius / 4)))
    painter.setBrush(context.theme.color("error"))
    for x, y in corners.tolist():
        painter.drawEllipse(QPointF(x, y), radius, radius)


def _paint_plotted(painter: QPainter, context: PaintContext, slots: np.ndarray) -> None:
    """Paint discs with a curve on the upper right corners of nodes whose values a training
    plots.
    """
    plotted = slots[context.scene.plotted[slots]]
    if not len(plotted):
        return
    radius = min(max(SIGN_RADIUS * context.scale, SMALLEST_SIGN), SIGN_RADIUS)
    rects = view_rects(context, plotted)
    corners = rects[:, :2] + np.stack([rects[:, 2], np.zeros(len(rects))], axis=1)
    corners += [-radius / 2, radius / 2]
    theme = context.theme
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    for x, y in corners.tolist():
        painter.setPen(QPen(theme.color("canvas"), max(1.0, radius / 4)))
        painter.setBrush(theme.color("accent"))
        painter.drawEllipse(QPointF(x, y), radius, radius)
        painter.setPen(QPen(theme.color("on_accent"), radius / 4.5))
        painter.drawPolyline([QPointF(x + radius * a, y + radius * b) for a, b in CURVE])


def _paint_bounded(painter: QPainter, context: PaintContext, slots: np.ndarray) -> None:
    """Paint discs with two bars on the lower left corners of nodes whose values have bounds."""
    bounded = slots[context.scene.bounded[slots]]
    if not len(bounded):
        return
    radius = min(max(SIGN_RADIUS * context.scale, SMALLEST_SIGN), SIGN_RADIUS)
    rects = view_rects(context, bounded)
    corners = rects[:, :2] + np.stack([np.zeros(len(rects)), rects[:, 3]], axis=1)
    corners += [radius / 2, -radius / 2]
    theme, arm, gap = context.theme, radius * 0.5, radius * 0.36
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    for x, y in corners.tolist():
        painter.setPen(QPen(theme.color("canvas"), max(1.0, radius / 4)))
        painter.setBrush(theme.color("warning"))
        painter.drawEllipse(QPointF(x, y), radius, radius)
        painter.setPen(QPen(theme.color("canvas"), radius / 4.5))
        for bar in (y - gap, y + gap):
            painter.drawLine(QPointF(x - arm, bar), QPointF(x + arm, bar))


def _paint_frozen(painter: QPainter, context: PaintContext, slots: np.ndarray) -> None:
    """Paint discs with a snow crystal on the lower left corners of nodes with frozen weights.

    Blocks have signs only if few nodes are frozen, because the signs of many would hide them.
    """
    frozen = slots[context.scene.frozen[slots]]
    if not len(frozen) or (context.level == BLOCK and len(frozen) > FEW):
        return
    radius = min(max(SIGN_RADIUS * context.scale, SMALLEST_SIGN), SIGN_RADIUS)
    rects = view_rects(context, frozen)
    centers = rects[:, :2] + np.stack([np.zeros(len(rects)), rects[:, 3]], axis=1)
    centers += [radius / 2, -radius / 2]
    centers[:, 0] += BESIDE * radius * context.scene.bounded[frozen]
    theme = context.theme
    edge = QPen(theme.color("canvas"), max(1.0, radius / 4))
    bar = QPen(theme.color("canvas"), radius / 5)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrush(theme.color("ink_muted"))
    for x, y in centers.tolist():
        painter.setPen(edge)
        painter.drawEllipse(QPointF(x, y), radius, radius)
        painter.setPen(bar)
        for a, b in CRYSTAL:
            end = QPointF(radius * a, radius * b)
            painter.drawLine(QPointF(x, y) - end, QPointF(x, y) + end)


def _paint_overridden(painter: QPainter, context: PaintContext, slots: np.ndarray) -> None:
    """Paint badges on the lower edges of overridden nodes."""
    overridden = slots[context.scene.overridden[slots]]
    if not len(overridden):
        return
    grown = override_badge.growth(context.scale)
    size, weight, mono = override_badge.STYLE
    style = (size * grown, weight, mono)
    painter.save()
    context.place(painter)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    theme = context.theme
    for slot in overridden.tolist():
        badge = override_badge.badge_rect(context.scene.rect(slot), context.scale)
        painter.setPen(QPen(theme.color("canvas"), 2.0 * grown))
        painter.setBrush(theme.color("warning"))
        painter.drawRoundedRect(badge, badge.height() / 2, badge.height() / 2)
        if not override_badge.has_words(context.scale):
            continue
        at, words = badge.center(), text_metrics.elide(override_badge.WORDS, style, badge.width())
        baseline = at.y() + style[0] * 0.36
        ink = theme.color("canvas")
        text_metrics.draw(painter, at.x(), baseline, words, style, ink, align="center")
    painter.restore()


def outlines(rects: np.ndarray, thick: float) -> np.ndarray:
    """Return (4 n, 4): the sides of rectangles as thin filled bars, because filling is faster
    than drawing lines.
    """
    x, y, width, height = (rects + [-thick / 2, -thick / 2, thick, thick]).T
    bar = np.full_like(x, thick)
    sides = (
        (x, y, width, bar),
        (x, y + height - thick, width, bar),
        (x, y, bar, height),
        (x + width - thick, y, bar, height),
    )
    return np.concatenate([np.stack(side, axis=1) for side in sides])


def _paint_order(painter: QPainter, context: PaintContext, slots: np.ndarray) -> None:
    """Paint on the corners of cards the number of the level in which each node runs in parallel
    with others.
    """
    numbered = slots[context.scene.order[slots] > 0]
    if not len(numbered):
        return
    style, radius = text_metrics.BADGE, 11.0
    grown = context.detail.badge(style)
    if not grown:
        return
    style, radius = context.detail.legible(style), radius * grown
    painter.save()
    context.place(painter)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    for slot in numbered.tolist():
        rect = context.scene.rect(slot)
        label = str(context.scene.order[slot])
        width = max(2 * radius, text_metrics.width(label, style) + radius)
        badge = QRectF(rect.right() - width + 8, rect.top() - radius, width, 2 * radius)
        painter.setPen(QPen(context.theme.color("canvas"), radius / 5))
        painter.setBrush(context.theme.color("accent"))
        painter.drawRoundedRect(badge, radius, radius)
        at, ink = badge.center(), context.theme.color("on_accent")
        text_metrics.draw(
            painter,
            at.x(),
            at.y() + style[0] * 0.36,
            label,
            style,
            ink,
            align="center",
            as_path=context.exporting,
        )
    painter.restore()
