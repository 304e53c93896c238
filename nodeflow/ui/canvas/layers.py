"""The layers of the picture, from back to front, each a few batched calls.

Every layer takes a ``Shot``: what to paint, how large, and in which theme. The window paints into
its frame through an atlas of cards; an export paints the same layers with ``atlas`` None, real
curves, and text as outlines. Detail is decided once, when the shot is made.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np
from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPen

from nodeflow.ui.canvas import arrays, text, wires
from nodeflow.ui.canvas.atlas import CardAtlas, Page, margin_pixels
from nodeflow.ui.canvas.card_painter import FAR, FULL, RADIUS, CardPainter, blend
from nodeflow.ui.canvas.scene import DTYPE_CODES, FEED_STYLE, SceneModel
from nodeflow.ui.theme import Theme, mix

FULL_SCALE = 0.55
FAR_SCALE = 0.24
CURVE_SCALE = 0.16
GRID = 24.0
DIM = 0.22
PATIENT_CARDS = 60
"""Up to so many cards are all painted in one frame; beyond, late ones show as blocks first."""


@dataclass
class Shot:
    """One painting of the scene: camera, theme, detail, and what has been left for later."""

    scene: SceneModel
    theme: Theme
    scale: float
    offset: QPointF
    area: QRectF
    step: int = 0
    dpr: float = 1.0
    atlas: CardAtlas | None = None
    deadline: float | None = None
    hidden: np.ndarray | None = None
    hidden_frame: str = ""
    hidden_wire: tuple[str, str] | None = None
    shift: QPointF = field(default_factory=QPointF)
    missing: int = 0

    @property
    def exporting(self) -> bool:
        return self.atlas is None

    @property
    def level(self) -> str:
        """``full``, ``far`` (large names) or ``block`` (coloured rectangles)."""
        if self.exporting or self.scale >= FULL_SCALE:
            return FULL
        return FAR if self.scale >= FAR_SCALE else "block"

    def late(self) -> bool:
        return self.deadline is not None and time.perf_counter() > self.deadline

    def nodes(self) -> np.ndarray:
        """Slots of the visible nodes, in painting order: selected ones on top."""
        found = self.scene.nodes_in(self.area)
        if self.hidden is not None:
            found = found[~self.hidden[found]]
        chosen = self.scene.selected[found]
        return np.concatenate([found[~chosen], found[chosen]]) if chosen.any() else found

    def place(self, painter: QPainter) -> None:
        """Let the painter take scene coordinates."""
        painter.translate(self.offset)
        painter.scale(self.scale, self.scale)
        painter.translate(self.shift)


# ---- background and frames ------------------------------------------------------------------


def paint_background(painter: QPainter, shot: Shot) -> None:
    """The ground, with a grid of dots whose spacing adapts to the zoom."""
    painter.fillRect(painter_area(shot), shot.theme.color("canvas"))
    spacing = GRID
    while spacing * shot.scale < 18:
        spacing *= 2
    left = np.floor(shot.area.left() / spacing) * spacing
    top = np.floor(shot.area.top() / spacing) * spacing
    x = np.arange(left, shot.area.right() + spacing, spacing) * shot.scale + shot.offset.x()
    y = np.arange(top, shot.area.bottom() + spacing, spacing) * shot.scale + shot.offset.y()
    dots = np.ones((len(x) * len(y), 4)) * 1.5
    dots[:, 0] = np.repeat(np.round(x * shot.dpr) / shot.dpr, len(y)) - 0.75
    dots[:, 1] = np.tile(np.round(y * shot.dpr) / shot.dpr, len(x)) - 0.75
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(shot.theme.color("grid"))
    arrays.draw_rects(painter, dots)


def painter_area(shot: Shot) -> QRectF:
    """The painted scene rectangle in view coordinates."""
    corner = QPointF(shot.area.left() * shot.scale, shot.area.top() * shot.scale) + shot.offset
    return QRectF(corner, shot.area.size() * shot.scale)


FRAME_BAR = 34.0


def frame_color(theme: Theme, name: str) -> QColor:
    """The colour a frame asks for: ``#rrggbb``, a category's name, or the default."""
    if name.startswith("#") and QColor.isValidColorName(name):
        return QColor(name)
    return theme.category(name) if name in theme.categories else theme.color("accent")


def paint_frames(painter: QPainter, shot: Shot) -> None:
    """Titled grounds behind nodes, with their notes."""
    painter.save()
    shot.place(painter)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    for frame in shot.scene.document.frames.values():
        rect = QRectF(*frame.rect)
        if rect.intersects(shot.area) and frame.id != shot.hidden_frame:
            paint_frame(painter, shot, rect, frame.title, frame.note, frame.color)
    painter.restore()


def paint_frame(
    painter: QPainter, shot: Shot, rect: QRectF, title: str, note: str, color_name: str
) -> None:
    theme = shot.theme
    color = frame_color(theme, color_name)
    painter.setPen(QPen(mix(theme.color("canvas"), color, 0.35), 1.25))
    painter.setBrush(mix(theme.color("canvas"), color, 0.07 if not theme.is_dark else 0.10))
    painter.drawRoundedRect(rect, 14, 14)
    if shot.level == "block":
        return
    ink = mix(color, theme.color("ink"), 0.45)
    room = rect.width() - 32
    heading = text.elide(title, text.FRAME_TITLE, room)
    y = rect.top() + 27
    text.draw(painter, rect.left() + 16, y, heading, text.FRAME_TITLE, ink, as_path=shot.exporting)
    if not note or shot.level != FULL:
        return
    y = rect.top() + (FRAME_BAR if title else 10) + 16
    for line in text.wrap(note, text.NOTE, room):
        if y > rect.bottom() - 6:
            break
        muted = theme.color("ink_muted")
        text.draw(painter, rect.left() + 16, y, line, text.NOTE, muted, as_path=shot.exporting)
        y += 20


# ---- wires ----------------------------------------------------------------------------------


def wire_pen(theme: Theme, style: int, scale: float, faded: bool = False) -> QPen:
    """Pen of a wire in view pixels; dashes are added by the caller."""
    code = style % FEED_STYLE
    color = theme.dtype(DTYPE_CODES[code])
    if faded:
        color = mix(theme.color("canvas"), color, DIM)
    thickness = 2.6 if DTYPE_CODES[code] == "float64" else 2.0
    pen = QPen(color, max(1.0, thickness * min(scale, 1.25)) if scale > CURVE_SCALE else 1.0)
    pen.setCapStyle(Qt.PenCapStyle.FlatCap)
    return pen


def wire_dash(style: int) -> tuple[float, float] | None:
    """Dash and gap in view pixels, None for solid."""
    if style >= FEED_STYLE:
        return wires.FEED_DASH
    dtype = DTYPE_CODES[style % FEED_STYLE]
    return wires.UNKNOWN_DASH if not dtype else wires.DASHES.get(dtype)


def paint_wires(painter: QPainter, shot: Shot) -> None:
    """All wires that touch the area, but those of hidden nodes."""
    slots, ends = shot.scene.wires_in(shot.area)
    if shot.hidden_wire is not None:
        kept = slots != shot.scene.wires.slots.get(shot.hidden_wire)
        slots, ends = slots[kept], ends[kept]
    if shot.hidden is not None and len(slots):
        table = shot.scene.wires
        kept = ~(shot.hidden[table.source[slots]] | shot.hidden[table.target[slots]])
        slots, ends = slots[kept], ends[kept]
    paint_wire_set(painter, shot, slots, ends)


def paint_wire_set(painter: QPainter, shot: Shot, slots: np.ndarray, ends: np.ndarray) -> None:
    """Paint the wires in ``slots`` between the given ends (scene units)."""
    if not len(slots):
        return
    table, dimmed = shot.scene.wires, shot.scene.dimmed
    faded = dimmed[table.source[slots]] | dimmed[table.target[slots]]
    groups = table.style[slots].astype(np.int64) * 2 + ~faded
    view = ends * shot.scale + np.tile([shot.offset.x(), shot.offset.y()], 2)
    for group in np.unique(groups):
        which = groups == group
        style, fade = int(group) // 2, not int(group) % 2
        pen = wire_pen(shot.theme, style, shot.scale, fade)
        if shot.exporting:
            _export_curves(painter, view[which], pen, wire_dash(style))
        else:
            _screen_curves(painter, shot, view[which], pen, wire_dash(style), len(slots))


def _screen_curves(
    painter: QPainter,
    shot: Shot,
    ends: np.ndarray,
    pen: QPen,
    dash: tuple[float, float] | None,
    total: int,
) -> None:
    curved = shot.scale > CURVE_SCALE and total < 3000
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, curved)
    painter.setPen(pen)
    if not curved:
        arrays.draw_lines(painter, np.ascontiguousarray(ends))
        return
    count = 32 if total < 200 else 16 if total < 1000 else 8
    if dash is not None and total < 1000:
        lines = wires.smooth(ends, dash)
    else:
        lines = wires.segments(ends, count, None)
    arrays.draw_lines(painter, lines)


def _export_curves(
    painter: QPainter, ends: np.ndarray, pen: QPen, dash: tuple[float, float] | None
) -> None:
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    if dash is not None:
        pen.setDashPattern([part / pen.widthF() for part in dash])
    painter.setPen(pen)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for (x0, y0, x1, y1), reach in zip(ends, wires.bend(ends), strict=True):
        path = QPainterPath(QPointF(x0, y0))
        path.cubicTo(x0 + reach, y0, x1 - reach, y1, x1, y1)
        painter.drawPath(path)


# ---- bodies ---------------------------------------------------------------------------------


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
    if shot.level == FULL:
        _paint_order(painter, shot, slots)


def _view_rects(shot: Shot, slots: np.ndarray) -> np.ndarray:
    """(n, 4) view rectangles whose corners lie on device pixels."""
    rects = np.empty((len(slots), 4))
    origin = np.array([shot.offset.x(), shot.offset.y()])
    shift = np.array([shot.shift.x(), shot.shift.y()])
    corner = (shot.scene.positions[slots] + shift) * shot.scale + origin
    rects[:, :2] = np.round(corner * shot.dpr) / shot.dpr
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
    patient = len(slots) <= PATIENT_CARDS
    for index, slot in enumerate(slots.tolist()):
        place = _card(shot, slot, patient)
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
        shot.missing += len(waiting)
        _paint_blocks(painter, shot, slots[waiting])


def _card(shot: Shot, slot: int, patient: bool) -> tuple[Page, QRect] | None:
    """A card's place in the atlas, painting it if there is still time in this frame."""
    assert shot.atlas is not None
    face = shot.scene.face(slot)
    place = shot.atlas.find(face, shot.level, shot.step, shot.dpr)
    if place is None and (patient or not shot.late()):
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
    painter.save()
    shot.place(painter)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    for slot in numbered.tolist():
        rect = shot.scene.rect(slot)
        label = str(shot.scene.order[slot])
        width = max(22.0, text.width(label, text.BADGE) + 12)
        badge = QRectF(rect.right() - width + 8, rect.top() - 11, width, 22)
        painter.setPen(QPen(shot.theme.color("canvas"), 2))
        painter.setBrush(shot.theme.color("accent"))
        painter.drawRoundedRect(badge, 11, 11)
        at, ink = badge.center(), shot.theme.color("on_accent")
        text.draw(
            painter,
            at.x(),
            at.y() + 4,
            label,
            text.BADGE,
            ink,
            align="center",
            as_path=shot.exporting,
        )
    painter.restore()


LAYERS = (paint_background, paint_frames, paint_wires, paint_bodies)


def paint_all(painter: QPainter, shot: Shot) -> None:
    """The whole picture, back to front."""
    for layer in LAYERS:
        layer(painter, shot)
