"""Displays of one array as a table of numbers or as a histogram. They do not use pyqtgraph."""

from __future__ import annotations

from typing import Any

import numpy as np
from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QPersistentModelIndex,
    QPointF,
    QRectF,
    Qt,
    Signal,
)
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QTableView, QWidget

from nodeflow.host.picture_arrangement import measured
from nodeflow.number_text import count, number
from nodeflow.ui.core.theming.theme import SPACE, TYPE, Theme, font
from nodeflow.ui.core.theming.theme_manager import ThemeManager

BINS = 48
MOST_SAMPLED = 400_000
"""Maximum number of elements read for a histogram and the statistics. Larger arrays are sampled
regularly.
"""
COLUMN_WIDTH, ROW_HEIGHT = 96, 22


def sample(array: np.ndarray) -> np.ndarray:
    """Return all elements flattened, or a regular sample of at most `MOST_SAMPLED`."""
    flat = array.reshape(-1)
    step = -(-flat.size // MOST_SAMPLED) or 1
    return flat[::step]


def extremes(array: np.ndarray) -> tuple[float, float]:
    """Return the smallest and the largest finite element; there must be at least one."""
    low, high = array.min(), array.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        finite = array[np.isfinite(array)]
        low, high = finite.min(), finite.max()
    return float(low), float(high)


def figures(array: np.ndarray) -> list[tuple[str, str]]:
    """Return names and texts of an array's statistics."""
    rows = [
        ("dtype", str(array.dtype)),
        ("shape", _shape(array.shape)),
        ("elements", count(array.size)),
    ]
    is_complex = array.dtype.kind == "c"
    array = measured(array)
    values = sample(array).astype(np.float64)
    finite = values[np.isfinite(values)]
    if finite.size:
        low, high = extremes(array)
        rows += [
            ("smallest magnitude" if is_complex else "minimum", number(low)),
            ("largest magnitude" if is_complex else "maximum", number(high)),
            ("mean", number(finite.mean())),
            ("standard deviation", number(finite.std())),
        ]
        zeros = float((finite == 0).mean())
        if zeros:
            rows.append(("zeros", f"{zeros:.0%}"))
    bad = values.size - finite.size
    if bad:
        rows.append(("not finite", count(bad)))
    return rows


class ArrayModel(QAbstractTableModel):
    """An array as a table model. Axes beyond two are stacked as rows.

    Signals:
        typed(position, text): a cell was edited; its position is the flat index of the element.
    """

    typed = Signal(int, str)

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.is_editable = False
        self._rows = np.zeros((0, 0))
        self._lead: tuple[int, ...] = ()
        self._shape: tuple[int, ...] = (0,)
        self._names: tuple[str, ...] = ()

    def show(self, array: np.ndarray, names: tuple[str, ...] = ()) -> None:
        is_same = names == self._names and array.shape == self._shape
        if is_same and self._rows.size:  # keep the selection
            self._rows = array.reshape(self._rows.shape)
            last = self.index(self._rows.shape[0] - 1, self._rows.shape[1] - 1)
            self.dataChanged.emit(self.index(0, 0), last)
            return
        self.beginResetModel()
        self._names, self._shape = names, array.shape
        self._lead = array.shape[:-1]
        if array.ndim <= 1:
            self._rows = array.reshape(-1, 1)
        else:
            self._rows = array.reshape(-1, array.shape[-1]) if array.size else np.zeros((0, 0))
        self.endResetModel()

    def rowCount(self, parent: QModelIndex | QPersistentModelIndex = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else self._rows.shape[0]

    def columnCount(self, parent: QModelIndex | QPersistentModelIndex = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else self._rows.shape[1]

    def data(self, index: QModelIndex | QPersistentModelIndex, role: int = 0) -> Any:
        if role == Qt.ItemDataRole.DisplayRole:
            return number(self._rows[index.row(), index.column()])
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.EditRole):
            return str(self._rows[index.row(), index.column()].item())
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None

    def flags(self, index: QModelIndex | QPersistentModelIndex) -> Qt.ItemFlag:
        found = super().flags(index)
        return found | Qt.ItemFlag.ItemIsEditable if self.is_editable else found

    def setData(
        self,
        index: QModelIndex | QPersistentModelIndex,
        value: Any,
        role: int = Qt.ItemDataRole.EditRole,
    ) -> bool:
        text = str(value).strip()
        if role != Qt.ItemDataRole.EditRole or text == self.data(index, role):
            return False
        self.typed.emit(index.row() * self._rows.shape[1] + index.column(), text)
        return True

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        if orientation == Qt.Orientation.Vertical and len(self._lead) > 1:
            return ", ".join(str(i) for i in np.unravel_index(section, self._lead))
        if orientation == Qt.Orientation.Horizontal and section < len(self._names):
            return self._names[section]
        return str(section)


class TableView(QTableView):
    """A table view that shows an array of numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.array_model = ArrayModel(self)
        self.setModel(self.array_model)
        self.horizontalHeader().setDefaultSectionSize(COLUMN_WIDTH)
        self.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
        self.setWordWrap(False)
        self.setAccessibleName("Values")
        self.setFrameShape(self.Shape.NoFrame)

    def show_array(self, array: np.ndarray, names: tuple[str, ...] = ()) -> None:
        """Show an array.

        Args:
            names: the names of its columns.
        """
        width = COLUMN_WIDTH * (2 if array.dtype.kind == "c" else 1)
        self.horizontalHeader().setDefaultSectionSize(width)
        self.array_model.show(array, names)

    @property
    def is_editing(self) -> bool:
        """Return whether a cell is being edited. Showing other values would end the edit."""
        return self.state() == self.State.EditingState


class HistogramView(QWidget):
    """A histogram of the elements of an array."""

    def __init__(self, themes: ThemeManager) -> None:
        super().__init__()
        self._theme = themes.theme
        self._counts = np.zeros(0)
        self._edges = np.zeros(0)
        self.setAccessibleName("Histogram")
        themes.changed.connect(self.set_theme)

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self.update()

    def show_array(self, array: np.ndarray) -> None:
        values = sample(array).astype(np.float64)
        values = values[np.isfinite(values)]
        if values.size:
            low, high = float(values.min()), float(values.max())
            if not np.isfinite(high - low):
                low, high = low / 2, high / 2
            edge = 0.5 if high == low else 0.0
            self._counts, self._edges = np.histogram(values, BINS, (low - edge, high + edge))
        else:
            self._counts = np.zeros(0)
        self.update()

    def paintEvent(self, _: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setFont(font(TYPE["caption"]))
        if not self._counts.size:
            painter.setPen(self._theme.color("ink_muted"))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, "No values.")
            return
        area = QRectF(self.rect()).adjusted(SPACE[2], SPACE[3], -SPACE[2], -22)
        self._paint_bars(painter, area)
        painter.setPen(self._theme.color("border_strong"))
        painter.drawLine(area.bottomLeft(), area.bottomRight())
        self._paint_scale(painter, area)

    def _paint_bars(self, painter: QPainter, area: QRectF) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._theme.color("accent", 0.8))
        step = area.width() / len(self._counts)
        top = self._counts.max()
        for index, height_of in enumerate(self._counts.tolist()):
            if height_of:
                height = max(1.0, area.height() * height_of / top)
                left = area.left() + index * step
                painter.drawRect(QRectF(left, area.bottom() - height, max(1.0, step - 1), height))

    def _paint_scale(self, painter: QPainter, area: QRectF) -> None:
        painter.setPen(self._theme.color("ink_muted"))
        ends = ((0.0, Qt.AlignmentFlag.AlignLeft), (0.5, Qt.AlignmentFlag.AlignHCenter))
        for part, align in (*ends, (1.0, Qt.AlignmentFlag.AlignRight)):
            value = self._edges[0] + part * (self._edges[-1] - self._edges[0])
            box = QRectF(area.left(), area.bottom() + 4, area.width(), 16)
            painter.drawText(box, int(align), number(value))
        top = count(self._counts.max())
        painter.drawText(QPointF(area.left(), area.top() - 2), top)


def _shape(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape)) if shape else "scalar"
