"""Samples as cards in rows, each with input, true value, prediction and probability."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QToolTip, QWidget

from nodeflow.host.views.kinds.predictions import PredictionData
from nodeflow.ui.core.painting.pixel_image import fitted, pixel_image
from nodeflow.ui.core.theming.theme import SPACE, TYPE, Theme, font
from nodeflow.ui.core.theming.theme_manager import ThemeManager
from nodeflow.ui.core.widgets.plain_tips import plain_tip
from nodeflow.ui.panels.value_views.table_and_histogram import number

CARD = QSize(168, 116)
PICTURE = 56
BARS = 3
LINE = 17


class SampleGrid(QWidget):
    """A page of samples. Arrow keys move the current card; Enter or a click chooses it.

    Signals:
        chosen(row): a sample was chosen, given by its row number in its split.
    """

    chosen = Signal(int)

    def __init__(self, themes: ThemeManager) -> None:
        super().__init__()
        self._theme = themes.theme
        self._data: PredictionData | None = None
        self._images: list[QImage] = []
        self.current = -1
        self.shown_row: int | None = None
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setAccessibleName("Samples")
        themes.changed.connect(self.set_theme)

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self.update()

    def show_page(self, data: PredictionData) -> None:
        """Show a page of samples."""
        self._data = data
        self._images = []
        if data.pictures is not None:
            self._images = [pixel_image(picture) for picture in data.pictures]
        self.current = min(self.current, len(data.rows) - 1)
        self._fit()
        self.setAccessibleDescription("; ".join(map(self.words, range(len(data.rows)))))
        self.update()

    def words(self, index: int) -> str:
        """Return a sample as text: ``row 247: 4, answered 9 with 98 %``."""
        assert self._data is not None
        data = self._data
        text = f"row {data.rows[index] + 1}: {self._label(data.truth[index])}"
        text += f", answered {self._label(data.answer[index])}"
        if data.names:
            share = float(data.shares[index, int(data.answer[index])])
            text += f" with {share:.0%}"
        return text

    def _label(self, value: float) -> str:
        assert self._data is not None
        names = self._data.names
        return names[int(value)] if names else number(value)

    # ---- places -----------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        count = len(self._data.rows) if self._data is not None else 0
        rows = -(-count // self._columns)
        self.setMinimumHeight(rows * (CARD.height() + SPACE[2]) + SPACE[2])

    @property
    def _columns(self) -> int:
        return max(1, (self.width() - SPACE[2]) // (CARD.width() + SPACE[2]))

    def card(self, index: int) -> QRectF:
        """Return the rectangle of a sample's card."""
        row, column = divmod(index, self._columns)
        x = SPACE[2] + column * (CARD.width() + SPACE[2])
        y = SPACE[2] + row * (CARD.height() + SPACE[2])
        return QRectF(x, y, CARD.width(), CARD.height())

    def _at(self, point: QPointF) -> int:
        count = len(self._data.rows) if self._data is not None else 0
        return next((i for i in range(count) if self.card(i).contains(point)), -1)

    # ---- choosing a sample ------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._take(self._at(event.position()))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        index = self._at(event.position())
        self.setCursor(
            Qt.CursorShape.PointingHandCursor if index >= 0 else Qt.CursorShape.ArrowCursor
        )
        if index < 0:
            QToolTip.hideText()
            return
        assert self._data is not None
        inputs = f" Input {self._data.texts[index]}." if self._data.texts else ""
        text = f"{self.words(index)}.{inputs} Click to feed it to the graph."
        below = self.card(index).bottomLeft().toPoint()
        QToolTip.showText(self.mapToGlobal(below), plain_tip(text), self)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {
            Qt.Key.Key_Left: -1,
            Qt.Key.Key_Right: 1,
            Qt.Key.Key_Up: -self._columns,
            Qt.Key.Key_Down: self._columns,
        }
        key = Qt.Key(event.key())
        count = len(self._data.rows) if self._data is not None else 0
        if key in steps and count:
            self.current = min(max(0, self.current + steps[key]), count - 1)
            self.update()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._take(self.current)
        else:
            super().keyPressEvent(event)

    def _take(self, index: int) -> None:
        if index >= 0 and self._data is not None:
            self.current = index
            self.update()
            self.chosen.emit(int(self._data.rows[index]))

    # ---- painting ---------------------------------------------------------------------------

    def paintEvent(self, _: QPaintEvent) -> None:
        if self._data is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for index in range(len(self._data.rows)):
            self._paint_card(painter, index)

    def _paint_card(self, painter: QPainter, index: int) -> None:
        data, theme, box = self._data, self._theme, self.card(index)
        assert data is not None
        right = data.truth[index] == data.answer[index]
        fed = self.shown_row == int(data.rows[index])
        edge = "accent" if fed or (index == self.current and self.hasFocus()) else "border"
        painter.setPen(QPen(theme.color(edge), 2 if edge == "accent" else 1))
        painter.setBrush(theme.color("raised"))
        painter.drawRoundedRect(box.adjusted(1, 1, -1, -1), 8, 8)
        left = box.left() + SPACE[2]
        if self._images:
            place = QRectF(left, box.top() + SPACE[2], PICTURE, PICTURE)
            painter.drawImage(fitted(self._images[index].size(), place), self._images[index])
            words = QRectF(left + PICTURE + SPACE[2], place.top(), 0, PICTURE)
        else:
            words = QRectF(left, box.top() + SPACE[2], 0, PICTURE)
        words.setRight(box.right() - SPACE[2])
        y = words.top()
        if not self._images and data.texts:
            self._text(painter, words, y, data.texts[index], "ink_muted", TYPE["caption"])
            y += LINE
        self._text(painter, words, y, f"True {self._label(data.truth[index])}", "ink")
        role = "ok" if right else "error"
        answer = f"Answer {self._label(data.answer[index])}"
        self._text(painter, words, y + LINE, answer, role if data.names else "ink", weight=600)
        if data.names:
            self._paint_bars(painter, box, index)
        else:
            off = f"off by {number(abs(data.answer[index] - data.truth[index]))}"
            self._text(painter, words, y + 2 * LINE, off, "ink_muted", TYPE["caption"])

    def _paint_bars(self, painter: QPainter, box: QRectF, index: int) -> None:
        """Draw bars for the most likely classes of a sample."""
        data, theme = self._data, self._theme
        assert data is not None
        shares = data.shares[index]
        top = np.argsort(-shares, kind="stable")[:BARS]
        y = box.bottom() - SPACE[2] - len(top) * 13
        name_width = 42
        for place, label in enumerate(top.tolist()):
            line = QRectF(box.left() + SPACE[2], y + place * 13, name_width, 12)
            self._text(painter, line, line.top() - 2, data.names[label], "ink_muted", 10)
            whole = box.width() - 2 * SPACE[2] - name_width - 34
            start = line.right() + 4
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("sunken"))
            painter.drawRoundedRect(QRectF(start, line.top() + 2, whole, 8), 2, 2)
            role = "ok" if label == int(data.truth[index]) else "accent"
            painter.setBrush(theme.color(role))
            width = max(1.0, whole * float(shares[label]))
            painter.drawRoundedRect(QRectF(start, line.top() + 2, width, 8), 2, 2)
            share = QRectF(start + whole + 2, line.top(), 32, 12)
            self._text(painter, share, share.top() - 2, f"{shares[label]:.0%}", "ink_muted", 10)

    def _text(
        self,
        painter: QPainter,
        box: QRectF,
        y: float,
        text: str,
        role: str,
        size: int = TYPE["body"],
        weight: int = 400,
    ) -> None:
        painter.setFont(font(size, weight))
        painter.setPen(self._theme.color(role))
        shown = painter.fontMetrics().elidedText(
            text, Qt.TextElideMode.ElideRight, int(box.width())
        )
        place = QRectF(box.left(), y, box.width(), LINE)
        painter.drawText(place, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, shown)
