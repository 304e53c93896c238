"""The layer of cards: copied from the atlas, blocks from far away, vectors in exports."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QRect, QRectF, Qt
from PySide6.QtGui import QPainter, QPen

from nodeflow.ui.canvas import arrays, text
from nodeflow.ui.canvas.atlas import Page, margin_pixels
from nodeflow.ui.canvas.card_painter import FULL, RADIUS, CardPainter, blend
from nodeflow.ui.canvas.shot import DIM, FAR_SCALE, Shot
from nodeflow.ui.theme import mix


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
    for group in np.unique(groups):
        category = scene.categories[int(group) // 8]
        color = blend(shot.theme, category, 0.62)
        if group % 4:
            color = shot.theme.color("warning" if group % 4 == 1 else "error")
        if group % 8 >= 4:
            color = mix(shot.theme.color("canvas"), color, DIM)
        painter.setBrush(color)
        arrays.draw_rects(painter, np.ascontiguousarray(rects[groups == group]))


def _paint_from_atlas(painter: QPainter, shot: Shot, slots: np.ndarray) -> None:
    assert shot.atlas is not None
    found: dict[int, tuple[Page, list[tuple[float, float, float, float, float]]]] = {}
    waiting: list[int] = []
    corners = _view_rects(shot, slots)
    margin = margin_pixels(shot.scale * shot.dpr)
    for index, slot in enumerate(slots.tolist()):
        place = _card(shot, slot)
        if place is None:
            waiting.append(index)
            continue
        page, rect = place
        _, rows = found.setdefault(id(page), (page, []))
        x, y = corners[index, :2]
        opacity = DIM if shot.scene.dimmed[slot] else 1.0
        rows.append((x, y, rect.x(), rect.y(), rect.width(), rect.height(), opacity))
    for page, rows in found.values():
        _copy_cards(painter, shot, page, np.array(rows, np.float64), margin)
    if waiting:
        shot.waiting += slots[waiting].tolist()
        _paint_blocks(painter, shot, slots[waiting])


def _card(shot: Shot, slot: int) -> tuple[Page, QRect] | None:
    """A card's place in the atlas, painting it if there is still time in this frame."""
    assert shot.atlas is not None
    face = shot.scene.face(slot)
    place = shot.atlas.find(face, shot.level, shot.step, shot.dpr)
    if place is None and not shot.late():
        place = shot.atlas.paint(face, shot.level, shot.step, shot.dpr, shot.scale)
    return place


def _copy_cards(painter: QPainter, shot: Shot, page: Page, rows: np.ndarray, margin: int) -> None:
    """Copy cards from a page; rows are x, y (view), left, top, width, height (pixels), opacity."""
    width, height = rows[:, 4], rows[:, 5]
    fragments = np.zeros((len(rows), arrays.FRAGMENT_FIELDS))
    fragments[:, 0] = rows[:, 0] + (width / 2 - margin) / shot.dpr
    fragments[:, 1] = rows[:, 1] + (height / 2 - margin) / shot.dpr
    fragments[:, 2:6] = rows[:, 2:6]
    fragments[:, 6:8] = 1 / shot.dpr
    fragments[:, 9] = rows[:, 6]
    arrays.draw_fragments(painter, fragments, page.pixmap)


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
    painter.setPen(QPen(shot.theme.color("accent"), 2))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    rounded = shot.scale >= FAR_SCALE and len(chosen) < 400
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, rounded)
    if not rounded:
        arrays.draw_rects(painter, np.ascontiguousarray(rects))
        return
    radius = RADIUS * shot.scale + gap
    for x, y, width, height in rects.tolist():
        painter.drawRoundedRect(QRectF(x, y, width, height), radius, radius)


def _paint_order(painter: QPainter, shot: Shot, slots: np.ndarray) -> None:
    """Numbers of the levels that run in parallel, on the cards' corners."""
    numbered = slots[shot.scene.order[slots] > 0]
    if not len(numbered):
        return
    style, radius = (text.BADGE, 11.0) if shot.level == FULL else (text.FAR_BADGE, 20.0)
    painter.save()
    shot.place(painter)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    for slot in numbered.tolist():
        rect = shot.scene.rect(slot)
        label = str(shot.scene.order[slot])
        width = max(2 * radius, text.width(label, style) + radius)
        badge = QRectF(rect.right() - width + 8, rect.top() - radius, width, 2 * radius)
        painter.setPen(QPen(shot.theme.color("canvas"), radius / 5))
        painter.setBrush(shot.theme.color("accent"))
        painter.drawRoundedRect(badge, radius, radius)
        at, ink = badge.center(), shot.theme.color("on_accent")
        text.draw(
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
