"""Painted cards kept in a few large pixmaps, so that the canvas copies cards instead of painting
them.

The key is the card's content with level of detail, zoom step and device pixel ratio. Cards are
packed in rows (shelves). When the pages exceed the budget, the least recently used page is
dropped. Most of a card's painting time is for its shadow and background. Cards of one size
share these, so such empty cards (bodies) are kept as well. If a card differs from its last
picture only in the value, only the value is painted over that picture. This is the usual case
during a training, when all cards change several times per second.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QImage, QPainter, QPixmap

from nodeflow.drawing.cards.card_data import DOT_FORM, CardData
from nodeflow.ui.canvas.paint.card_painter import MARGIN, CardPainter
from nodeflow.ui.canvas.scene.detail import Detail

PAGE = 2048
BODY_PIXELS = PAGE * PAGE
"""Maximum number of pixels of empty cards: the size of one page. A graph has few kinds of empty
cards at a time, and the largest zooms show few cards.
"""
MAX_PAGES = 8
"""Maximum number of pages. Eight pages take 128 MB. A full screen of cards takes one to three
at any zoom.
"""


Key = tuple[CardData, Detail, float]
"""The content of a card, its level of detail, and the device pixel ratio."""


def margin_pixels(pixels_per_unit: float) -> int:
    """Return the margin around a card in whole device pixels, so that its corners lie on pixels."""
    return math.ceil(MARGIN * pixels_per_unit)


def _blank_pixmap() -> QPixmap:
    """Return a transparent pixmap for the pictures of many cards.

    It is not filled. So the system provides memory only where cards are painted, which for most
    graphs is a small part. A card's place is cleared before the card is painted.
    """
    image = QImage(PAGE, PAGE, QImage.Format.Format_ARGB32_Premultiplied)
    return QPixmap.fromImage(image, Qt.ImageConversionFlag.NoFormatConversion)


@dataclass
class Page:
    """One pixmap with painted cards, arranged in rows (shelves)."""

    pixmap: QPixmap
    keys: set[Hashable] = field(default_factory=set)
    shelf_top: int = 0
    shelf_height: int = 0
    shelf_right: int = 0
    used: int = 0

    def place(self, width: int, height: int) -> tuple[int, int] | None:
        """Reserve room for a card's picture on this page, a pixmap that holds many cards. Return
        its top left pixel, or None if the page is full.
        """
        if self.shelf_right + width > self.pixmap.width():
            self.shelf_top += self.shelf_height
            self.shelf_height = self.shelf_right = 0
        if self.shelf_top + max(height, self.shelf_height) > self.pixmap.height():
            return None
        place = (self.shelf_right, self.shelf_top)
        self.shelf_right += width
        self.shelf_height = max(self.shelf_height, height)
        return place


class CardAtlas:
    """A cache of painted cards.

    ``begin_frame`` counts the paintings, to find the least recently used page.
    """

    def __init__(self, painter: CardPainter) -> None:
        self.painter = painter
        self.painted = 0
        self._pages: list[Page] = []
        self._places: dict[Hashable, tuple[Page, QRect]] = {}
        self._latest: dict[str, tuple[Key, float]] = {}
        self._bodies: dict[Hashable, QPixmap] = {}
        self._body_pixels = 0
        self._frame = 0

    def clear(self) -> None:
        self._bodies.clear()
        self._body_pixels = 0
        self._pages.clear()
        self._places.clear()
        self._latest.clear()

    def begin_frame(self) -> None:
        self._frame += 1

    def find(self, card: CardData, detail: Detail, dpr: float) -> tuple[Page, QRect] | None:
        """Return where the picture of a card is stored: the page of the cache and the rectangle
        on it. Return None if the card was not painted, or its picture was dropped.
        """
        found = self._places.get((card, detail, dpr))
        if found is not None:
            found[0].used = self._frame
        return found

    def find_like(self, card: CardData) -> tuple[Page, QRect, float] | None:
        """Return the latest picture of a node's card, to show it while there is no time to paint
        the card anew. It may have another zoom or value.

        Return the page, the rectangle on it, and its pixels per unit, or None.
        """
        key, pixels = self._latest.get(card.title, (None, 0.0))
        found = self._places.get(key) if key is not None else None
        return None if found is None else (*found, pixels)

    @staticmethod
    def room(pixels_per_unit: float) -> int:
        """Return the maximum width and height, in pixels, of cards whose pictures are cached.
        Larger cards are painted directly.
        """
        return PAGE - 2 * margin_pixels(pixels_per_unit) - 1

    def paint(self, card: CardData, detail: Detail, dpr: float) -> tuple[Page, QRect]:
        """Paint the picture of a card into a page, a pixmap that holds many cards, and remember it.
        Return the page and the rectangle on it.
        """
        key, pixels = (card, detail, dpr), detail.scale * dpr
        found = self._paint_over(key, pixels)
        if found is None:
            margin = margin_pixels(pixels)
            width = math.ceil(card.width * pixels) + 2 * margin
            height = math.ceil(card.height * pixels) + 2 * margin
            page, place = self._room(width, height)
            rect = QRect(place[0], place[1], width, height)
            with self._painting(page, rect, rect, key, pixels) as painter:
                self.painter.draw(painter, card, detail, card.form != DOT_FORM)
        else:
            page, rect = found
        page.keys.add(key)
        page.used = self._frame
        self._places[key] = (page, rect)
        self._latest[card.title] = (key, pixels)
        self.painted += 1
        return page, rect

    def _paint_over(self, key: Key, pixels: float) -> tuple[Page, QRect] | None:
        """Update the last picture of a card if only the shown value has changed, by painting the
        new value over it. Return its page (a pixmap of many cards) and the rectangle.

        Return None if the card differs in another way.
        """
        last, had = self._latest.get(key[0].title, (None, 0.0))
        if last is None or had != pixels or last[1:] != key[1:]:
            return None
        if last not in self._places or not key[0].differs_in_value(last[0]):
            return None
        page, rect = self._places.pop(last)
        page.keys.discard(last)
        area = self.painter.value_area(key[0], key[1])
        if area is not None:
            margin = margin_pixels(pixels)
            corner = QPointF(rect.topLeft()) + QPointF(margin, margin)
            within = QRectF(area.topLeft() * pixels + corner, area.size() * pixels)
            with self._painting(page, rect, within.toAlignedRect() & rect, key, pixels) as painter:
                self.painter.draw_value(painter, key[0], key[1])
        return page, rect

    @contextmanager
    def _painting(
        self, page: Page, rect: QRect, clip: QRect, key: Key, pixels: float
    ) -> Iterator[QPainter]:
        """Yield a painter for the content of a card. The card without content is already drawn at
        ``rect`` of a page, a pixmap that holds many cards.

        Args:
            clip: the part of the page that may be changed.
        """
        card, detail, margin = key[0], key[1], margin_pixels(pixels)
        body = self._body(card, detail, rect.size(), pixels) if card.form != DOT_FORM else None
        painter = QPainter(page.pixmap)
        try:
            painter.setClipRect(clip)
            painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_Source)
            painter.fillRect(clip, Qt.GlobalColor.transparent)
            painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_SourceOver)
            if body is not None:
                painter.drawPixmap(rect.topLeft(), body)
            painter.translate(QPointF(rect.topLeft()) + QPointF(margin, margin))
            painter.scale(pixels, pixels)
            yield painter
        finally:
            painter.end()

    def _body(self, card: CardData, detail: Detail, size: QSize, pixels: float) -> QPixmap:
        """Return the cached picture of a card without its contents, which many cards of the same
        size share.
        """
        key = (self.painter.body_key(card, detail), pixels)
        body = self._bodies.get(key)
        if body is not None:
            return body
        self._body_pixels += size.width() * size.height()
        if self._body_pixels > BODY_PIXELS:
            self._bodies.clear()
            self._body_pixels = size.width() * size.height()
        body = self._bodies[key] = QPixmap(size)
        body.fill(Qt.GlobalColor.transparent)
        painter = QPainter(body)
        try:
            painter.translate(margin_pixels(pixels), margin_pixels(pixels))
            painter.scale(pixels, pixels)
            self.painter.body(painter, card, detail)
        finally:
            painter.end()
        return body

    def _room(self, width: int, height: int) -> tuple[Page, tuple[int, int]]:
        if self._pages:
            place = self._pages[-1].place(width, height)
            if place is not None:
                return self._pages[-1], place
        if len(self._pages) >= MAX_PAGES:
            self._drop(min(self._pages, key=lambda page: page.used))
        page = Page(_blank_pixmap())
        self._pages.append(page)
        place = page.place(width, height)
        assert place is not None
        return page, place

    def _drop(self, page: Page) -> None:
        for key in page.keys:
            if self._places.get(key, (None,))[0] is page:
                del self._places[key]
        self._latest = {t: k for t, k in self._latest.items() if k[0] in self._places}
        self._pages.remove(page)
