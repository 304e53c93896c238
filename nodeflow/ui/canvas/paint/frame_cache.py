"""Keeps the painted picture of the view: a pan shifts it and paints only the exposed parts.

The damage is a list of rectangles in view coordinates, and painting clips to each of them. So a
changed value repaints only its card, and a pan only two strips, whatever the size of the graph.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from PySide6.QtCore import QPoint, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPixmap, QRegion

MOST_RECTS = 6
BAND = 200

Paint = Callable[[QPainter, QRectF], None]


class FrameCache:
    """A pixmap of the view's size, with a list of damaged parts.

    Args:
        paint: called with a painter and a rectangle, to repair a damaged part.
    """

    def __init__(self, paint: Paint) -> None:
        self._paint = paint
        self._pixmap = QPixmap()
        self._damage = QRegion()
        self._size = QSize()
        self._dpr = 1.0
        self.last_whole_ms = 0.0
        """Milliseconds that the last painting of the whole view took."""

    @property
    def pixmap(self) -> QPixmap:
        return self._pixmap

    @property
    def is_whole(self) -> bool:
        return self._damage.isEmpty() and not self._pixmap.isNull()

    def resize(self, size: QSize, dpr: float) -> None:
        if size == self._size and dpr == self._dpr and not self._pixmap.isNull():
            return
        self._size, self._dpr = QSize(size), dpr
        self._pixmap = QPixmap(size * dpr)
        self._pixmap.setDevicePixelRatio(dpr)
        self._pixmap.fill(Qt.GlobalColor.transparent)
        self.damage_all()

    def damage_all(self) -> None:
        self._damage = QRegion(QRect(QPoint(), self._size))

    def damage(self, rect: QRectF) -> QRect:
        """Mark a rectangle (view coordinates) of the cached picture to be painted again.

        Return the rectangle in whole pixels.
        """
        area = rect.toAlignedRect().adjusted(-1, -1, 1, 1) & QRect(QPoint(), self._size)
        if not area.isEmpty():
            self._damage += area
        return area

    def scroll(self, dx: float, dy: float) -> None:
        """Shift the cached picture of the canvas by whole device pixels. Mark the newly exposed
        parts to be painted.
        """
        x, y = round(dx * self._dpr), round(dy * self._dpr)
        everything = QRect(QPoint(), self._size)
        self._damage.translate(round(dx), round(dy))
        kept = everything.translated(round(dx), round(dy)) & everything
        if kept.isEmpty():
            self.damage_all()
            return
        self._pixmap.scroll(x, y, QRect(QPoint(), self._pixmap.size()))
        slack = 0 if float(self._dpr).is_integer() else 1  # a logical edge may cut a device pixel
        exposed = QRegion(everything) - QRegion(kept.adjusted(slack, slack, -slack, -slack))
        self._damage = (self._damage + exposed) & everything

    def repair(self) -> QPixmap:
        """Paint the damaged parts and return the picture."""
        if self._damage.isEmpty():
            return self._pixmap
        started = time.perf_counter()
        damage, self._damage = self._damage, QRegion()
        rects = _few(damage, self._size)
        painter = QPainter(self._pixmap)
        try:
            for rect in rects:
                painter.save()
                painter.setClipRect(rect)
                self._paint(painter, rect)
                painter.restore()
        finally:
            painter.end()
        if rects and rects[0].size().toSize() == self._size:
            self.last_whole_ms = (time.perf_counter() - started) * 1e3
        return self._pixmap


def _few(damage: QRegion, size: QSize) -> list[QRectF]:
    """Return a few rectangles that cover the region to repaint: its own rectangles, one per
    horizontal band of the view if there are too many, or a single one if they cover most of the
    view.
    """
    rects = [QRectF(rect) for rect in damage]  # type: ignore  # QRegion is iterable
    if len(rects) > MOST_RECTS:
        bands = [QRect(0, top, size.width(), BAND) for top in range(0, size.height(), BAND)]
        rects = [QRectF((damage & band).boundingRect()) for band in bands]
        rects = [rect for rect in rects if not rect.isEmpty()]
    if _area(rects) > 0.6 * size.width() * size.height():
        return [QRectF(damage.boundingRect())]
    return rects


def _area(rects: list[QRectF]) -> float:
    return sum(rect.width() * rect.height() for rect in rects)
