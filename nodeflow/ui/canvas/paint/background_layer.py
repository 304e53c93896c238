"""The back layers: the ground with its grid, and frames with their titles and notes."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPixmap

from nodeflow.document.model.records import FrameRecord
from nodeflow.ui.canvas.paint import frame_notes
from nodeflow.ui.canvas.paint.card_painter import FULL
from nodeflow.ui.canvas.paint.paint_context import Shot
from nodeflow.ui.canvas.scene import array_painting, text_metrics
from nodeflow.ui.core.theme import Theme, mix

GRID = 24.0
DOT = 1.5
"""Size of a dot of the grid, in view pixels."""


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
    size = max(1, round(DOT * shot.dpr))
    columns = np.floor(x * shot.dpr + 0.499) - size // 2  # device pixels
    rows = np.floor(y * shot.dpr + 0.499) - size // 2
    if shot.exporting:
        _paint_dots(painter, columns, rows, DOT, shot.theme.color("grid"))
        return
    strip = QPixmap(int(columns[-1] - columns[0]) + size, size)  # a row of dots, copied per row
    strip.fill(Qt.GlobalColor.transparent)
    strip_painter = QPainter(strip)
    _paint_dots(strip_painter, columns - columns[0], rows[:1] * 0, size, shot.theme.color("grid"))
    strip_painter.end()
    strip.setDevicePixelRatio(shot.dpr)
    for row in rows:
        painter.drawPixmap(QPointF(columns[0] / shot.dpr, row / shot.dpr), strip)


def _paint_dots(
    painter: QPainter, columns: np.ndarray, rows: np.ndarray, size: float, color: QColor
) -> None:
    dots = np.full((len(columns) * len(rows), 4), float(size))
    dots[:, 0] = np.repeat(columns, len(rows))
    dots[:, 1] = np.tile(rows, len(columns))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(color)
    array_painting.draw_rects(painter, dots)


def painter_area(shot: Shot) -> QRectF:
    """The painted scene rectangle in view coordinates."""
    corner = QPointF(shot.area.left() * shot.scale, shot.area.top() * shot.scale) + shot.offset
    return QRectF(corner, shot.area.size() * shot.scale)


FRAME_BAR = 34.0
FRAME_RADIUS = 14.0


_FORMER = {"metrics": "metric"}
"""Names in older files."""


def frame_color(theme: Theme, name: str) -> QColor:
    """The colour a frame asks for: ``#rrggbb``, a category's name, or the default."""
    if name.startswith("#") and QColor.isValidColorName(name):
        return QColor(name)
    name = _FORMER.get(name, name)
    return theme.category(name) if name in theme.categories else theme.color("accent")


def stacked(frames: Iterable[FrameRecord]) -> list[FrameRecord]:
    """Frames as they lie on each other: large ones below, so that none hides one within it."""
    return sorted(frames, key=lambda frame: -frame.rect[2] * frame.rect[3])


def paint_frames(painter: QPainter, shot: Shot) -> None:
    """Titled grounds behind nodes, with their notes."""
    painter.save()
    shot.place(painter)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    for frame in stacked(shot.scene.document.frames.values()):
        rect = QRectF(*frame.rect)
        if rect.intersects(shot.area) and frame.id not in shot.hidden_frames:
            paint_frame(painter, shot, rect, frame.title, frame.note, frame.color)
    painter.restore()


def paint_frame(
    painter: QPainter, shot: Shot, rect: QRectF, title: str, note: str, color_name: str
) -> None:
    theme = shot.theme
    color = frame_color(theme, color_name)
    painter.setPen(QPen(mix(theme.color("canvas"), color, 0.35), 1.25))
    painter.setBrush(mix(theme.color("canvas"), color, 0.07 if not theme.is_dark else 0.10))
    painter.drawRoundedRect(rect, FRAME_RADIUS, FRAME_RADIUS)
    if shot.level == "block":
        return
    ink = mix(color, theme.color("ink"), 0.45)
    room = rect.width() - 32
    style = text_metrics.FRAME_TITLE if shot.level == FULL else text_metrics.FAR_FRAME_TITLE
    heading = text_metrics.elide(title, style, room)
    y = rect.top() + 11 + style[0]
    text_metrics.draw(painter, rect.left() + 16, y, heading, style, ink, as_path=shot.exporting)
    top = rect.top() + (style[0] + 24 if title else 16)
    _paint_note(painter, shot, QRectF(rect.left() + 16, top, room, rect.bottom() - top - 8), note)


def _paint_note(painter: QPainter, shot: Shot, area: QRectF, note: str) -> None:
    """As many lines of a note as fit; larger ones from afar."""
    if note and area.height() > 0:
        style = text_metrics.NOTE if shot.level == FULL else text_metrics.FAR_NOTE
        ink = shot.theme.color("ink_muted")
        frame_notes.paint(painter, area, note, style, ink, as_path=shot.exporting)
