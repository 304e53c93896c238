"""The layer of cards: copied from the atlas, blocks from far away, vectors in exports."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QRect, QRectF, Qt
from PySide6.QtGui import QPainter, QPen

from nodeflow.ui.canvas.paint.card_atlas import Page
from nodeflow.ui.canvas.paint.card_painter import FULL, MARGIN, RADIUS, CardPainter, blend
from nodeflow.ui.canvas.paint.paint_context import DIM, Shot
from nodeflow.ui.canvas.scene import array_painting, text_metrics
from nodeflow.ui.canvas.scene.card_data import CardFace
from nodeflow.ui.core.theme import mix


def paint_bodies(painter: QPainter, shot: Shot) -> None:
    """The cards of all visible nodes."""
    paint_cards(painter, shot, shot.nodes())


def paint_cards(painter: QPainter, shot: Shot, slots: np.ndarray) -> None:
    """Cards of the given nodes, by level of detail, and rings around selected ones."""
    if not len(slots):
        return
    if shot.exporting:
        _export_cards(painter, shot, slots)
    elif shot.level == "block":
        _paint_blocks(painter, shot, slots)
    else:
        _paint_from_atlas(painter, shot, slots)
    _paint_rings(painter, shot, slots)
    if shot.level != "block":
        _paint_order(painter, shot, slots)


def _view_rects(shot: Shot, slots: np.ndarray) -> np.ndarray:
    """(n, 4) view rectangles whose corners lie on device pixels."""
    rects = np.empty((len(slots), 4))
    origin = np.array([shot.offset.x(), shot.offset.y()])
    shift = np.array([shot.shift.x(), shot.shift.y()])
    corner = (shot.scene.positions[slots] + shift) * shot.scale + origin
    rects[:, :2] = np.floor(corner * shot.dpr + 0.499) / shot.dpr  # np.round goes to even
    rects[:, 2:] = shot.scene.sizes[slots] * shot.scale
    return rects


def _paint_blocks(painter: QPainter, shot: Shot, slots: np.ndarray) -> None:
    rects = _view_rects(shot, slots)
    rects[:, 2:] = np.maximum(rects[:, 2:], 1.5)
    scene = shot.scene
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    painter.setPen(Qt.PenStyle.NoPen)
    groups = scene.category[slots].astype(np.int64) * 8
    groups += scene.dimmed[slots] * 4 + scene.severity[slots]
    for group in array_painting.distinct(groups):
        category = scene.categories[int(group) // 8]
        color = blend(shot.theme, category, 0.62)
        if group % 4:
            color = shot.theme.color("warning" if group % 4 == 1 else "error")
        if group % 8 >= 4:
            color = mix(shot.theme.color("canvas"), color, DIM)
        painter.setBrush(color)
        array_painting.draw_rects(painter, np.ascontiguousarray(rects[groups == group]))


Row = tuple[float, float, float, float, float, float, float, float]
"""A card to copy: its corner (view), left, top, width, height (pixels), opacity, stretch."""


def _paint_from_atlas(painter: QPainter, shot: Shot, slots: np.ndarray) -> None:
    assert shot.atlas is not None
    found: dict[int, tuple[Page, list[Row]]] = {}
    bare: list[int] = []
    pixels = shot.scale * shot.dpr
    rects = _view_rects(shot, slots)
    too_large = (rects[:, 2:].max(axis=1) * shot.dpr > shot.atlas.room(pixels)).tolist()
    dimmed = shot.scene.dimmed[slots].tolist()
    for index, (slot, corner) in enumerate(zip(slots.tolist(), rects.tolist(), strict=True)):
        face = shot.scene.face(slot)
        opacity = DIM if dimmed[index] else 1.0
        if too_large[index]:
            _paint_directly(painter, shot, face, corner, opacity)
            continue
        place = _card(shot, face)
        if place is None:
            shot.waiting.append(slot)
            place = shot.atlas.find_like(face)
        if place is None:
            bare.append(slot)
            continue
        page, rect, had = place
        _, rows = found.setdefault(id(page), (page, []))
        box = (rect.x(), rect.y(), rect.width(), rect.height())
        rows.append((corner[0], corner[1], *box, opacity, pixels / had))
    for page, rows in found.values():
        _copy_cards(painter, shot, page, np.array(rows, np.float64))
    if bare:
        _paint_bare(painter, shot, np.array(bare))


def _card(shot: Shot, face: CardFace) -> tuple[Page, QRect, float] | None:
    """A card's place in the atlas, painting it if there is still time in this frame."""
    assert shot.atlas is not None
    place = shot.atlas.find(face, shot.level, shot.step, shot.dpr)
    if place is None and not shot.late():
        place = shot.atlas.paint(face, shot.level, shot.step, shot.dpr, shot.scale)
    return None if place is None else (*place, shot.scale * shot.dpr)


def _copy_cards(painter: QPainter, shot: Shot, page: Page, rows: np.ndarray) -> None:
    """Copy cards from a page; those of another zoom are stretched to this one's size."""
    stretch = rows[:, 7]
    margins = np.ceil(MARGIN * shot.scale * shot.dpr / stretch)
    fragments = np.zeros((len(rows), array_painting.FRAGMENT_FIELDS))
    fragments[:, 0] = rows[:, 0] + (rows[:, 4] / 2 - margins) * stretch / shot.dpr
    fragments[:, 1] = rows[:, 1] + (rows[:, 5] / 2 - margins) * stretch / shot.dpr
    fragments[:, 2:6] = rows[:, 2:6]
    fragments[:, 6] = fragments[:, 7] = stretch / shot.dpr
    fragments[:, 9] = rows[:, 6]
    array_painting.draw_fragments(painter, fragments, page.pixmap)


def _paint_directly(
    painter: QPainter, shot: Shot, face: CardFace, corner: list[float], opacity: float
) -> None:
    """A card too large for the atlas, at the largest zooms."""
    assert shot.atlas is not None
    painter.save()
    painter.translate(corner[0], corner[1])
    painter.scale(shot.scale, shot.scale)
    painter.setOpacity(opacity)
    shot.atlas.painter.draw(painter, face)
    painter.restore()


def _paint_bare(painter: QPainter, shot: Shot, slots: np.ndarray) -> None:
    """Empty cards, where there was no time yet for what is on them."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    painter.setPen(QPen(shot.theme.color("border"), 1))
    painter.setBrush(shot.theme.color("raised"))
    array_painting.draw_rects(painter, _view_rects(shot, slots))


def _export_cards(painter: QPainter, shot: Shot, slots: np.ndarray) -> None:
    cards = CardPainter(shot.theme, as_path=True)
    for slot in slots.tolist():
        painter.save()
        shot.place(painter)
        x, y = shot.scene.positions[slot]
        painter.translate(x, y)
        painter.setOpacity(DIM if shot.scene.dimmed[slot] else 1.0)
        cards.draw(painter, shot.scene.face(slot))
        painter.restore()


def _paint_rings(painter: QPainter, shot: Shot, slots: np.ndarray) -> None:
    chosen = slots[shot.scene.selected[slots]]
    if not len(chosen) or shot.exporting:
        return
    rects = _view_rects(shot, chosen)
    gap = 2.0
    rects += [-gap, -gap, 2 * gap, 2 * gap]
    rounded = shot.scale >= shot.far_from and len(chosen) < 400
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, rounded)
    if not rounded:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(shot.theme.color("accent"))
        array_painting.draw_rects(painter, _outlines(rects, 2.0))
        return
    painter.setPen(QPen(shot.theme.color("accent"), 2))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    radius = RADIUS * shot.scale + gap
    for x, y, width, height in rects.tolist():
        painter.drawRoundedRect(QRectF(x, y, width, height), radius, radius)


def _outlines(rects: np.ndarray, thick: float) -> np.ndarray:
    """(4 n, 4) the sides of rectangles as bars, which are filled faster than lines are drawn."""
    x, y, width, height = (rects + [-thick / 2, -thick / 2, thick, thick]).T
    bar = np.full_like(x, thick)
    sides = (
        (x, y, width, bar),
        (x, y + height - thick, width, bar),
        (x, y, bar, height),
        (x + width - thick, y, bar, height),
    )
    return np.concatenate([np.stack(side, axis=1) for side in sides])


def _paint_order(painter: QPainter, shot: Shot, slots: np.ndarray) -> None:
    """Numbers of the levels that run in parallel, on the cards' corners."""
    numbered = slots[shot.scene.order[slots] > 0]
    if not len(numbered):
        return
    style, radius = (
        (text_metrics.BADGE, 11.0) if shot.level == FULL else (text_metrics.FAR_BADGE, 20.0)
    )
    painter.save()
    shot.place(painter)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    for slot in numbered.tolist():
        rect = shot.scene.rect(slot)
        label = str(shot.scene.order[slot])
        width = max(2 * radius, text_metrics.width(label, style) + radius)
        badge = QRectF(rect.right() - width + 8, rect.top() - radius, width, 2 * radius)
        painter.setPen(QPen(shot.theme.color("canvas"), radius / 5))
        painter.setBrush(shot.theme.color("accent"))
        painter.drawRoundedRect(badge, radius, radius)
        at, ink = badge.center(), shot.theme.color("on_accent")
        text_metrics.draw(
            painter,
            at.x(),
            at.y() + style[0] * 0.36,
            label,
            style,
            ink,
            align="center",
            as_path=shot.exporting,
        )
    painter.restore()
