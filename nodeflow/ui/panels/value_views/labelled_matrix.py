"""A large matrix with named rows and columns, such as the similarity of words."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QImage, QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractScrollArea, QToolTip

from nodeflow.number_text import number
from nodeflow.ui.core.painting.heat_map_image import HeatScale, heat_image
from nodeflow.ui.core.theming.theme import SPACE, TYPE, Theme, font
from nodeflow.ui.core.theming.theme_manager import ThemeManager
from nodeflow.ui.core.widgets.plain_tips import plain_tip

SMALLEST_CELL, LARGEST_CELL = 13, 28
"""Limits of a cell's side in pixels. The lower limit fits a name; larger matrices scroll."""
WIDEST_NAME = 96


class LabelledMatrix(QAbstractScrollArea):
    """A heat map with row names at the left and column names at the top, which stay visible
    while it scrolls.
    """

    def __init__(self, themes: ThemeManager) -> None:
        super().__init__()
        self._theme = themes.theme
        self.array = np.zeros((0, 0))
        self.names: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
        self._image = QImage()
        self._at: tuple[int, int] | None = None
        self.setFrameShape(self.Shape.NoFrame)
        self.setAccessibleName("Matrix with names")
        self.viewport().setMouseTracking(True)
        self.setMouseTracking(True)
        themes.changed.connect(self.set_theme)

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self.show_matrix(self.array, *self.names)

    def show_matrix(
        self, array: np.ndarray, rows: tuple[str, ...], columns: tuple[str, ...]
    ) -> None:
        """Show a matrix with the names of its rows and columns."""
        self.array, self.names = array, (rows, columns)
        if array.size:
            self._image = heat_image(array, HeatScale.of_arrays([array]), self._theme)
        self._fit_bars()
        self.viewport().update()

    # ---- sizes ------------------------------------------------------------------------------

    @property
    def cell(self) -> int:
        """The side of a cell. The whole matrix fits, provided that cells stay large enough for
        a name.
        """
        rows, columns = self.array.shape
        room = self.viewport().size()
        fits = min(
            (room.width() - self._left) / max(1, columns),
            (room.height() - self._top) / max(1, rows),
        )
        return int(min(LARGEST_CELL, max(SMALLEST_CELL, fits)))

    @property
    def _left(self) -> float:
        return self._longest(self.names[0])

    @property
    def _top(self) -> float:
        return self._longest(self.names[1])

    def _longest(self, names: tuple[str, ...]) -> float:
        metrics = QFontMetricsF(font(TYPE["caption"]))
        widest = max((metrics.horizontalAdvance(name) for name in names), default=0.0)
        return min(WIDEST_NAME, widest) + SPACE[2]

    def _fit_bars(self) -> None:
        rows, columns = self.array.shape
        room, cell = self.viewport().size(), self.cell
        for bar, count, extent, margin in (
            (self.horizontalScrollBar(), columns, room.width(), self._left),
            (self.verticalScrollBar(), rows, room.height(), self._top),
        ):
            bar.setRange(0, max(0, round(count * cell + margin - extent)))
            bar.setPageStep(max(1, extent))
            bar.setSingleStep(cell)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_bars()

    def sizeHint(self) -> QSize:
        return QSize(320, 240)

    def cell_at(self, point: QPointF) -> tuple[int, int] | None:
        """Return row and column at a position in the viewport."""
        x = point.x() - self._left + self.horizontalScrollBar().value()
        y = point.y() - self._top + self.verticalScrollBar().value()
        if point.x() < self._left or point.y() < self._top:
            return None
        row, column = int(y // self.cell), int(x // self.cell)
        inside = row < self.array.shape[0] and column < self.array.shape[1]
        return (row, column) if inside else None

    def text_at(self, cell: tuple[int, int]) -> str:
        """Return the names and the value of a cell."""
        row, column = cell
        return f"{self.names[0][row]}, {self.names[1][column]}: {number(self.array[cell])}"

    # ---- drawing ----------------------------------------------------------------------------

    def paintEvent(self, _: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        if not self.array.size:
            return
        cell, left, top = self.cell, self._left, self._top
        dx, dy = self.horizontalScrollBar().value(), self.verticalScrollBar().value()
        rows, columns = self.array.shape
        room = self.viewport().size()
        painter.save()
        painter.setClipRect(QRectF(left, top, room.width() - left, room.height() - top))
        painter.drawImage(QRectF(left - dx, top - dy, columns * cell, rows * cell), self._image)
        if self._at is not None:
            painter.setPen(self._theme.color("ink"))
            row, column = self._at
            painter.drawRect(
                QRectF(left - dx + column * cell, top - dy + row * cell, cell - 1, cell - 1)
            )
        painter.restore()
        face = font(TYPE["caption"])
        painter.setFont(face)
        metrics = QFontMetricsF(face)
        at = self._at or (-1, -1)
        painter.save()
        painter.setClipRect(QRectF(0, top, left, room.height() - top))
        right = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        for row in range(dy // cell, min(rows, (dy + room.height()) // cell + 1)):
            painter.setPen(self._theme.color("ink" if row == at[0] else "ink_muted"))
            name = metrics.elidedText(self.names[0][row], Qt.TextElideMode.ElideRight, WIDEST_NAME)
            box = QRectF(0, top - dy + row * cell, left - SPACE[1], cell)
            painter.drawText(box, right, name)
        painter.restore()
        painter.setClipRect(QRectF(left, 0, room.width() - left, top))
        for column in range(dx // cell, min(columns, (dx + room.width()) // cell + 1)):
            painter.setPen(self._theme.color("ink" if column == at[1] else "ink_muted"))
            name = self.names[1][column]
            name = metrics.elidedText(name, Qt.TextElideMode.ElideRight, WIDEST_NAME)
            painter.save()
            painter.translate(left - dx + column * cell + cell / 2, top - SPACE[1])
            painter.rotate(-90)
            box = QRectF(0, -cell / 2, top, cell)
            align = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
            painter.drawText(box, align, name)
            painter.restore()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        cell = self.cell_at(event.position())
        if cell != self._at:
            self._at = cell
            self.viewport().update()
        if cell is None:
            QToolTip.hideText()
        else:
            at = event.globalPosition().toPoint()
            QToolTip.showText(at, plain_tip(self.text_at(cell)), self)
