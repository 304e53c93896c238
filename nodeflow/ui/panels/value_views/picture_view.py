"""A grid of pictures or one heat map, with a colour scale."""

from __future__ import annotations

import math

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QImage, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QToolTip, QWidget

from nodeflow.number_text import number
from nodeflow.ui.core.painting.heat_map_image import HeatScale, heat_image
from nodeflow.ui.core.theming.theme import SPACE, TYPE, Theme, font
from nodeflow.ui.core.theming.theme_manager import ThemeManager
from nodeflow.ui.core.widgets.plain_tips import plain_tip
from nodeflow.ui.panels.value_views.picture_options import Drawn

LEGEND = 84
"""Width of the colour scale in pixels. Narrow views have no scale."""
SCALES = (24.0, 16.0, 12.0, 8.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.5, 1.0)


class PictureView(QWidget):
    """Pictures of one tensor, all on one colour scale. A click on a picture enlarges it.

    Signals:
        opened(index): a picture was double-clicked.
    """

    opened = Signal(int)

    def __init__(self, themes: ThemeManager) -> None:
        super().__init__()
        self._theme = themes.theme
        self._images: list[QImage] = []
        self.drawn = Drawn([])
        self.each = ""
        self.scale = HeatScale(0.0, 1.0)
        self.enlarged: int | None = None
        self._whole: HeatScale | None = None
        self.setMouseTracking(True)
        self.setAccessibleName("Pictures")
        themes.changed.connect(self.set_theme)

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self.show_drawn(self.drawn, self.each, self._whole)

    def show_pictures(self, arrays: list[np.ndarray]) -> None:
        """Draw arrays of two axes. The colour scale covers the range of all of them."""
        self.show_drawn(Drawn(arrays))

    def show_drawn(self, drawn: Drawn, each: str = "", scale: HeatScale | None = None) -> None:
        """Draw pictures.

        Args:
            each: the kind of one picture, for tooltips.
            scale: the colour range of the whole tensor; by default, the range of the drawn part.
        """
        if len(drawn.pictures) != len(self.drawn.pictures):
            self.enlarged = None
        self.drawn, self.each, self._whole = drawn, each, scale
        shown = [a for a in drawn.pictures if a.size]
        self.scale = scale or HeatScale.of_arrays([a for a in shown if a.ndim == 2])
        self._images = [self._image(array) for array in shown]
        self.update()

    def _image(self, array: np.ndarray) -> QImage:
        if array.ndim == 2 and not self.drawn.is_grey:
            return heat_image(array, self.scale, self._theme)
        if array.ndim == 2:
            low, high = self.scale.low, self.scale.high
            grey = np.nan_to_num((array - low) / ((high - low) or 1.0)).clip(0, 1) * 255
            array = np.repeat(grey.astype(np.uint8)[:, :, None], 3, axis=2)
        data = np.ascontiguousarray(array)
        height, width = data.shape[:2]
        return QImage(data.data, width, height, 3 * width, QImage.Format.Format_RGB888).copy()

    # ---- drawing ----------------------------------------------------------------------------

    def paintEvent(self, _: QPaintEvent) -> None:
        painter = QPainter(self)
        if not self._images:
            painter.setPen(self._theme.color("ink_muted"))
            text = "Only two axes, or stacks of pictures, can be drawn."
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, text)
            return
        places = self._places()
        for image, place in zip(self._shown(), places, strict=False):
            if image.width() > place.width():
                painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(place, image)
        painter.setPen(QPen(self._theme.color("border"), 1))
        for place in places:
            painter.drawRect(place.adjusted(-0.5, -0.5, 0.5, 0.5))
        if self._has_legend:
            self._paint_legend(painter)
        total = len(self._images)
        if self.enlarged is None and len(places) < total and self.width() > 4 * LEGEND:
            painter.setFont(font(TYPE["caption"]))
            painter.setPen(self._theme.color("ink_muted"))
            box = QRectF(self.width() - LEGEND, self.height() - 20, LEGEND - SPACE[1], 18)
            painter.drawText(box, int(Qt.AlignmentFlag.AlignRight), f"{len(places)} of {total}")

    def _shown(self) -> list[QImage]:
        return self._images if self.enlarged is None else [self._images[self.enlarged]]

    @property
    def _has_legend(self) -> bool:
        """Whether the colour scale is shown: the pictures show numbers as colours, and there is
        space.
        """
        in_colours = not self.drawn.is_grey and self.drawn.pictures[0].ndim == 2
        return in_colours and self.width() > 4 * LEGEND and self.height() > 90

    def _paint_legend(self, painter: QPainter) -> None:
        """Draw the colour scale with its smallest and largest value, and with zero if zero is
        its middle.
        """
        height = min(160.0, self.height() - 2.0 * SPACE[3] - 14)
        bar = QRectF(self.width() - LEGEND + SPACE[2], SPACE[3], 12, height)
        ramp = np.linspace(self.scale.high, self.scale.low, 128)[:, None]
        painter.drawImage(bar, heat_image(ramp, self.scale, self._theme))
        painter.setPen(self._theme.color("border"))
        painter.drawRect(bar)
        painter.setFont(font(TYPE["caption"]))
        painter.setPen(self._theme.color("ink_muted"))
        marks = [(0.0, self.scale.high), (1.0, self.scale.low)]
        if self.scale.is_signed:
            marks.append((0.5, 0.0))
        for part, value in marks:
            y = bar.top() + part * bar.height()
            box = QRectF(bar.right() + SPACE[1], y - 9, LEGEND, 18)
            align = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
            sign = {0.0: "≥ ", 1.0: "≤ "}.get(part, "") if self.scale.is_clipped else ""
            painter.drawText(box, align, f"{sign if value else ''}{number(value, 3)}")

    def _places(self) -> list[QRectF]:
        """Return the place of each picture, as large as possible while all are visible."""
        gap = SPACE[1]
        width = self.width() - (LEGEND if self._has_legend else 0)
        height = self.height()
        images = self._shown()
        size = images[0].size()
        if len(images) == 1:
            scale = min((width - 2) / size.width(), (height - 2) / size.height())
            scale = math.floor(scale) if scale >= 2 else scale
            shown = QSize(round(size.width() * scale), round(size.height() * scale))
            left, top = (width - shown.width()) / 2, (height - shown.height()) / 2
            return [QRectF(left, top, shown.width(), shown.height())]
        scale = self._grid_scale(size, width, height, gap)
        w, h = size.width() * scale + gap, size.height() * scale + gap
        columns = max(1, int((width + gap) / w))
        rows = max(1, int((height + gap) / h))
        count = min(len(images), columns * rows)
        return [QRectF(i % columns * w, i // columns * h, w - gap, h - gap) for i in range(count)]

    def _grid_scale(self, size: QSize, width: int, height: int, gap: int) -> float:
        for scale in SCALES:
            columns = int((width + gap) / (size.width() * scale + gap))
            rows = int((height + gap) / (size.height() * scale + gap))
            if columns * rows >= len(self._images):
                return scale
        return 1.0

    # ---- the pointer ------------------------------------------------------------------------

    def picture_at(self, point: QPointF) -> int | None:
        """Return the index of the picture at a position."""
        if not self._images:
            return None
        for index, place in enumerate(self._places()):
            if place.contains(point):
                return index if self.enlarged is None else self.enlarged
        return None

    def value_at(self, point: QPointF) -> str:
        """Describe the element at a position. Return "" outside the pictures."""
        index = self.picture_at(point)
        if index is None:
            return ""
        place = self._places()[index if self.enlarged is None else 0]
        array = self.drawn.pictures[index]
        rows, columns = array.shape[:2]
        y = min(rows - 1, int((point.y() - place.top()) / place.height() * rows))
        x = min(columns - 1, int((point.x() - place.left()) / place.width() * columns))
        if self.drawn.note == "transposed":
            y, x = x, y
            element = array[x, y]
        else:
            element = array[y, x]
        value = ", ".join(map(number, np.atleast_1d(element)))
        if self.drawn.note == "tiled":
            return f"element {y * columns + x}: {value}"
        what = f"{self.each} {index}, " if self.each and len(self._images) > 1 else ""
        return f"{what}row {y}, column {x}: {value}"

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        text = self.value_at(event.position())
        if text:
            QToolTip.showText(event.globalPosition().toPoint(), plain_tip(text), self)
        else:
            QToolTip.hideText()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton or len(self._images) < 2:
            return
        index = self.picture_at(event.position())
        self.enlarged = index if self.enlarged is None else None
        self.update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        index = self.picture_at(event.position())
        if index is not None:
            self.opened.emit(index)
