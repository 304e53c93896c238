"""A metric that is a table, such as a confusion matrix, as a heat map with numbers."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QImage, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QToolTip, QWidget

from nodeflow.number_text import number
from nodeflow.ui.core.heat import HeatScale, heat_image
from nodeflow.ui.core.plain_tips import plain_tip
from nodeflow.ui.core.theme import SPACE, TYPE, Theme, font
from nodeflow.ui.core.theme_manager import ThemeManager

MARGIN = 18
"""Space for the row and column numbers."""
SMALLEST_TEXT = 7
LIGHT, DARK = QColor("#ffffff"), QColor("#10141a")


class MatrixView(QWidget):
    """An array of one or two axes; rows are labels, columns predictions.

    ``cell_clicked(row, column)``.
    """

    cell_clicked = Signal(int, int)

    def __init__(self, themes: ThemeManager) -> None:
        super().__init__()
        self._theme = themes.theme
        self.array = np.zeros((0, 0))
        self._names: tuple[str, ...] = ()
        self._marked: tuple[int, int] | None = None
        self._longest = 1
        self.setMouseTracking(True)
        self.setMinimumSize(120, 120)
        themes.changed.connect(self.set_theme)

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self.update()

    def show_matrix(self, name: str, array: np.ndarray, names: tuple[str, ...] = ()) -> None:
        """Show an array; further axes become rows. ``names`` are those of rows and columns."""
        self._names = names
        self.array = array.reshape(-1, array.shape[-1]) if array.ndim else array.reshape(1, 1)
        self._longest = max((len(_short(value)) for value in self.array.flat), default=1)
        self.setAccessibleName(f"Matrix {name}")
        self.setAccessibleDescription(
            "; ".join(", ".join(map(number, row)) for row in self.array[:20])
        )
        self.update()

    def mark(self, cell: tuple[int, int] | None) -> None:
        """Draw a frame around a cell."""
        self._marked = cell
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        cell = self.cell_at(event.position())
        if cell is not None and event.button() == Qt.MouseButton.LeftButton:
            self.cell_clicked.emit(*cell)

    def cell_at(self, point: QPointF) -> tuple[int, int] | None:
        """Row and column at a position."""
        if not self.array.size or not (area := self._area()).contains(point):
            return None
        rows, columns = self.array.shape
        row = int((point.y() - area.top()) / area.height() * rows)
        column = int((point.x() - area.left()) / area.width() * columns)
        return min(row, rows - 1), min(column, columns - 1)

    def _area(self) -> QRectF:
        """The rectangle of the cells: square, as large as possible, and beside the row and column
        numbers if those are legible."""
        return self._fitted(MARGIN) if self._text_size() else self._fitted(0)

    def _fitted(self, margin: int) -> QRectF:
        rows, columns = self.array.shape
        width, height = self.width() - margin, self.height() - margin
        side = max(1.0, min(width / max(1, columns), height / max(1, rows)))
        side = float(int(side)) if side >= 2 else side
        return QRectF(margin, margin, side * columns, side * rows)

    def _text_size(self) -> int:
        """The text size with which the longest number fits a cell; 0 if none does."""
        rows = self.array.shape[0]
        side = self._fitted(MARGIN).height() / rows
        size = min(TYPE["caption"], int((side - 2) / (0.62 * self._longest)), int(side - 2))
        return size if size >= SMALLEST_TEXT else 0

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        cell = self.cell_at(event.position())
        if cell is None:
            QToolTip.hideText()
            return
        QToolTip.showText(event.globalPosition().toPoint(), plain_tip(self._words(cell)), self)

    def _words(self, cell: tuple[int, int]) -> str:
        value, count = number(self.array[cell]), len(self._names)
        if max(cell) < count:
            return f"True {self._names[cell[0]]}, answer {self._names[cell[1]]}: {value}"
        return f"row {cell[0]}, column {cell[1]}: {value}"

    def paintEvent(self, _: QPaintEvent) -> None:
        if not self.array.size:
            return
        painter, area = QPainter(self), self._area()
        image = self._image()
        painter.drawImage(area, image)
        size = self._text_size()
        if size:
            self._paint_numbers(painter, area, image, size)
            self._paint_margins(painter, area)
        if self._marked is not None and max(self._marked) < len(self.array):
            side = area.height() / self.array.shape[0]
            row, column = self._marked
            painter.setPen(QPen(self._theme.color("accent"), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(QRectF(area.x() + column * side, area.y() + row * side, side, side))

    def _image(self) -> QImage:
        """Draw the cells, coloured by square roots so that small values stay visible."""
        values = np.asarray(self.array, np.float64)
        roots = np.sign(values) * np.sqrt(np.abs(values))
        finite = roots[np.isfinite(roots)]
        low, high = (min(0.0, finite.min()), finite.max()) if finite.size else (0.0, 1.0)
        return heat_image(roots, HeatScale.of(float(low), float(high)), self._theme)

    def _paint_numbers(self, painter: QPainter, area: QRectF, image: QImage, size: int) -> None:
        painter.setFont(font(size))
        side = area.height() / self.array.shape[0]
        for (row, column), value in np.ndenumerate(self.array):
            back = image.pixelColor(column, row)
            painter.setPen(DARK if back.lightnessF() > 0.5 else LIGHT)
            cell = QRectF(area.x() + column * side, area.y() + row * side, side, side)
            painter.drawText(cell, Qt.AlignmentFlag.AlignCenter, _short(value))

    def _paint_margins(self, painter: QPainter, area: QRectF) -> None:
        """Draw the row and column numbers."""
        rows, columns = self.array.shape
        side = area.height() / rows
        painter.setFont(font(TYPE["caption"]))
        painter.setPen(self._theme.color("ink_muted"))
        right = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        for row in range(rows):
            place = QRectF(0, area.y() + row * side, MARGIN - SPACE[1], side)
            painter.drawText(place, right, str(row))
        for column in range(columns):
            place = QRectF(area.x() + column * side, 0, side, MARGIN)
            painter.drawText(place, Qt.AlignmentFlag.AlignCenter, str(column))


def _short(value: np.generic) -> str:
    """A number in about five characters at most."""
    if isinstance(value, np.integer):
        return number(value) if abs(int(value)) < 10_000 else f"{int(value) / 1000:.0f}k"
    return number(value, 2)
