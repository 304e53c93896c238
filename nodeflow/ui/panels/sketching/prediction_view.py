"""The prediction for one row: bars of probabilities, or a reconstructed picture."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QImage, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from nodeflow.number_text import number
from nodeflow.ui.core.theming.theme import SPACE, TYPE, Theme, font
from nodeflow.ui.core.theming.theme_manager import ThemeManager

LOWEST_BAR, HIGHEST_BAR = 15, 26
LEAST_SHOWN = 0.0005
"""The smallest probability that is not shown as 0 %."""


class ProbabilityBars(QWidget):
    """The classes with their probabilities, the most likely class in large letters."""

    def __init__(self, themes: ThemeManager, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.names: tuple[str, ...] = ()
        self.values = np.zeros(0)
        self.note = ""
        self.setMinimumSize(170, 120)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Answer")
        themes.follow(self.set_theme)

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(280, 220)

    def show_values(self, names: tuple[str, ...], values: np.ndarray) -> None:
        """Show one value for each name: probabilities from 0 to 1, or other numbers."""
        self.names, self.values, self.note = names, np.asarray(values, np.float64), ""
        top = self.top
        text = "" if top is None else f"{names[top]}, {percent(self.values[top])}"
        self.setAccessibleDescription(text)
        self.update()

    def show_note(self, text: str) -> None:
        """Show a sentence instead of the bars."""
        self.names, self.values, self.note = (), np.zeros(0), text
        self.setAccessibleDescription(text)
        self.update()

    @property
    def top(self) -> int | None:
        """The class with the largest value; None if there is none."""
        finite = np.isfinite(self.values)
        return int(np.where(finite, self.values, -np.inf).argmax()) if finite.any() else None

    def paintEvent(self, _: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = QRectF(self.rect())
        if self.note or not self.names:
            painter.setPen(self._theme.color("ink_muted"))
            flags = int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap)
            painter.drawText(area, flags, self.note)
            return
        head = min(112.0, area.width() * 0.34)
        self._paint_top(painter, QRectF(area.left(), area.top(), head, area.height()))
        self._paint_bars(painter, area.adjusted(head + SPACE[3], 0, 0, 0))

    def _paint_top(self, painter: QPainter, area: QRectF) -> None:
        """Draw the most likely class, as large as possible, with its probability."""
        top = self.top
        if top is None:
            return
        name = self.names[top]
        size = 64.0
        while size > 15 and QFontMetricsF(font(size, 600)).horizontalAdvance(name) > area.width():
            size -= 3
        face = font(size, 600)
        name = QFontMetricsF(face).elidedText(name, Qt.TextElideMode.ElideRight, area.width())
        painter.setFont(face)
        painter.setPen(self._theme.color("ink"))
        line = size * 1.25
        y = area.center().y() - (line + 20) / 2
        centre = int(Qt.AlignmentFlag.AlignCenter)
        painter.drawText(QRectF(area.left(), y, area.width(), line), centre, name)
        painter.setFont(font(TYPE["title"], 500))
        painter.setPen(self._theme.color("ink_muted"))
        below = QRectF(area.left(), y + line, area.width(), 22)
        painter.drawText(below, centre, percent(self.values[top]))

    def _paint_bars(self, painter: QPainter, area: QRectF) -> None:
        most = max(1, int(area.height() // LOWEST_BAR))
        shown = list(range(len(self.names)))
        if len(shown) > most:  # the most likely ones, in their original order
            shown = sorted(np.argsort(-np.nan_to_num(self.values), kind="stable")[:most].tolist())
        step = min(float(HIGHEST_BAR), area.height() / len(shown))
        y = area.top() + (area.height() - step * len(shown)) / 2
        face = font(min(TYPE["body"], step * 0.72))
        painter.setFont(face)
        metrics = QFontMetricsF(face)
        widest = max(metrics.horizontalAdvance(self.names[index]) for index in shown)
        left = min(widest, area.width() * 0.35)
        right = metrics.horizontalAdvance("99.9 %")
        track = QRectF(
            area.left() + left + SPACE[2], 0, area.width() - left - right - 2 * SPACE[2], 0
        )
        top = self.top
        for index in shown:
            value = float(self.values[index])
            role = "ink" if index == top else "ink_muted"
            painter.setPen(self._theme.color(role))
            name = metrics.elidedText(self.names[index], Qt.TextElideMode.ElideRight, left)
            align = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            painter.drawText(QRectF(area.left(), y, left, step), align, name)
            end = QRectF(area.right() - right, y, right, step)
            painter.drawText(end, align, percent(value))
            bar = QRectF(track.left(), y + step * 0.2, track.width(), step * 0.6)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self._theme.color("border", 0.6))
            painter.drawRoundedRect(bar, 2, 2)
            part = min(1.0, max(0.0, value)) if np.isfinite(value) else 0.0
            if part >= LEAST_SHOWN:
                bar.setWidth(max(2.0, bar.width() * part))
                painter.setBrush(self._theme.color("accent", 1.0 if index == top else 0.55))
                painter.drawRoundedRect(bar, 2, 2)
            y += step


class PictureBox(QWidget):
    """One small grey picture with square pixels."""

    def __init__(
        self, themes: ThemeManager, name: str, side: int, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.picture = np.zeros((28, 28), np.float32)
        self._side = side
        self.setAccessibleName(name)
        self.setMinimumSize(side, side)
        themes.follow(self.set_theme)

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(self._side, self._side)

    def show_picture(self, picture: np.ndarray) -> None:
        """Show values from 0 (black) to 1."""
        self.picture = picture
        self.update()

    def paintEvent(self, _: QPaintEvent) -> None:
        painter = QPainter(self)
        values = np.ascontiguousarray(
            (np.nan_to_num(self.picture).clip(0, 1) * 255).astype(np.uint8)
        )
        height, width = values.shape
        image = QImage(values.data, width, height, width, QImage.Format.Format_Grayscale8)
        scale = min(self.width() / width, self.height() / height)
        place = QRectF(0, 0, width * scale, height * scale)
        place.moveCenter(QRectF(self.rect()).center())
        painter.drawImage(place, image)
        painter.setPen(QPen(self._theme.color("border_strong"), 1))
        painter.drawRect(place.adjusted(0, 0, -1, -1))


def percent(part: float) -> str:
    """Format a fraction as ``98.2 %``. A number outside 0 to 1 is formatted as it is.

    >>> percent(0.98234), percent(1.0), percent(0.00012), percent(-3.25)
    ('98.2 %', '100 %', '0 %', '−3.25')
    """
    if not np.isfinite(part):
        return "–"
    if not 0 <= part <= 1:
        return number(part, 3)
    if part < LEAST_SHOWN:
        return "0 %"
    return "100 %" if part >= 0.9995 else f"{100 * part:.1f} %"
