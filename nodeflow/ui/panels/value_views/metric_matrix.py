"""A metric that is a table, such as a confusion matrix, as a heat map with numbers."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFontMetricsF,
    QImage,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import QToolTip, QWidget

from nodeflow.number_text import number
from nodeflow.ui.core.painting.heat_map_image import HeatScale, heat_image
from nodeflow.ui.core.theming.theme import SPACE, TYPE, Theme, font
from nodeflow.ui.core.theming.theme_manager import ThemeManager
from nodeflow.ui.core.widgets.plain_tips import plain_tip

MARGIN = 18
"""The minimum space for the numbers or names of rows and columns, in pixels."""
WIDEST_NAME = 58
"""Width in pixels beyond which names are elided. Tooltips show the full names."""
SMALLEST_TEXT = 7
LIGHT, DARK = QColor("#ffffff"), QColor("#10141a")


class MatrixView(QWidget):
    """The heat map of an array with one or two axes. Rows are labels, columns predictions.

    Signals:
        cell_clicked(row, column): a cell was clicked.
    """

    cell_clicked = Signal(int, int)

    def __init__(self, themes: ThemeManager) -> None:
        super().__init__()
        self._theme = themes.theme
        self.array = np.zeros((0, 0))
        self._names: tuple[str, ...] = ()
        self._left = self._top = float(MARGIN)
        self._marked: tuple[int, int] | None = None
        self._longest = 1
        self.setMouseTracking(True)
        self.setMinimumSize(120, 120)
        themes.changed.connect(self.set_theme)

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self.update()

    def show_matrix(self, name: str, array: np.ndarray, names: tuple[str, ...] = ()) -> None:
        """Show an array. Axes beyond two are stacked as rows.

        Args:
            names: the classes of both axes.
        """
        self.array = array.reshape(-1, array.shape[-1]) if array.ndim else array.reshape(1, 1)
        self._names = names if self.array.shape == (len(names),) * 2 else ()
        self._longest = max((len(_short(value)) for value in self.array.flat), default=1)
        self.setAccessibleName(f"Matrix {name}")
        rows = (", ".join(map(number, row)) for row in self.array[:20])
        titled = (f"{title}: {row}" for title, row in zip(self._names, rows, strict=False))
        self.setAccessibleDescription("; ".join(titled if self._names else rows))
        self._fit_margins()
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_margins()

    def _fit_margins(self) -> None:
        """Reserve space for names at the left, and for upright column names above the cells."""
        metrics = QFontMetricsF(font(TYPE["caption"]))
        widest = max((metrics.horizontalAdvance(name) for name in self._names), default=0.0)
        room = max(float(MARGIN), min(WIDEST_NAME, widest) + SPACE[2])
        self._left, self._top = room, float(MARGIN)
        if self.array.size and widest + 2 > self._fitted(True).width() / self.array.shape[1]:
            self._top = room

    def mark(self, cell: tuple[int, int] | None) -> None:
        """Draw a frame around a cell."""
        self._marked = cell
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        cell = self.cell_at(event.position())
        if cell is not None and event.button() == Qt.MouseButton.LeftButton:
            self.cell_clicked.emit(*cell)

    def cell_at(self, point: QPointF) -> tuple[int, int] | None:
        """Return the row and column of the cell at a position; None outside of the cells."""
        if not self.array.size or not (area := self._area()).contains(point):
            return None
        rows, columns = self.array.shape
        row = int((point.y() - area.top()) / area.height() * rows)
        column = int((point.x() - area.left()) / area.width() * columns)
        return min(row, rows - 1), min(column, columns - 1)

    def _area(self) -> QRectF:
        """Return the square of the cells.

        Row and column numbers beside it need space only if they are legible.
        """
        return self._fitted(self._text_size() > 0)

    def _fitted(self, has_margins: bool) -> QRectF:
        rows, columns = self.array.shape
        left, top = (self._left, self._top) if has_margins else (0.0, 0.0)
        width, height = self.width() - left, self.height() - top
        side = max(1.0, min(width / max(1, columns), height / max(1, rows)))
        side = float(int(side)) if side >= 2 else side
        return QRectF(left, top, side * columns, side * rows)

    def _text_size(self) -> int:
        """Return the text size at which the longest number fits into a cell; 0 if no legible
        size does.
        """
        rows = self.array.shape[0]
        side = self._fitted(True).height() / rows
        size = min(TYPE["caption"], int((side - 2) / (0.62 * self._longest)), int(side - 2))
        return size if size >= SMALLEST_TEXT else 0

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        cell = self.cell_at(event.position())
        if cell is None:
            QToolTip.hideText()
            return
        QToolTip.showText(event.globalPosition().toPoint(), plain_tip(self._words(cell)), self)

    def _words(self, cell: tuple[int, int]) -> str:
        value = number(self.array[cell])
        if self._names:
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
        """Return the cells as an image.

        Colours show square roots, so that small values stay visible.
        """
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
        """Draw the names or numbers of rows and columns."""
        rows, columns = self.array.shape
        side = area.height() / rows
        painter.setFont(font(TYPE["caption"]))
        painter.setPen(self._theme.color("ink_muted"))
        metrics, middle = painter.fontMetrics(), Qt.AlignmentFlag.AlignVCenter
        right = int(Qt.AlignmentFlag.AlignRight | middle)
        upright = int(Qt.AlignmentFlag.AlignLeft | middle)
        shown = [
            metrics.elidedText(name, Qt.TextElideMode.ElideRight, WIDEST_NAME)
            for name in self._names or map(str, range(max(rows, columns)))
        ]
        for row in range(rows):
            place = QRectF(0, area.y() + row * side, self._left - SPACE[1], side)
            painter.drawText(place, right, shown[row])
        for column in range(columns):
            x = area.x() + column * side
            if self._top == MARGIN:
                place = QRectF(x, 0, side, MARGIN)
                painter.drawText(place, Qt.AlignmentFlag.AlignCenter, shown[column])
                continue
            painter.save()
            painter.translate(x, self._top - SPACE[1])
            painter.rotate(-90)
            painter.drawText(QRectF(0, 0, self._top, side), upright, shown[column])
            painter.restore()


def _short(value: np.generic) -> str:
    """Return a number in at most about five characters."""
    if isinstance(value, np.integer):
        return number(value) if abs(int(value)) < 10_000 else f"{int(value) / 1000:.0f}k"
    return number(value, 2)
