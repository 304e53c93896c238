"""Ways to look at one array: as a table, as pictures, as a histogram. Without pyqtgraph."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QPersistentModelIndex,
    QPointF,
    QRectF,
    QSize,
    Qt,
)
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QTableView, QWidget

from nodeflow.number_text import count, number
from nodeflow.ui.core.theme import SPACE, TYPE, Theme, font
from nodeflow.ui.core.theme_manager import ThemeManager

BINS = 48
MOST_SAMPLED = 400_000
"""Elements that a histogram and figures look at; of more, a regular sample."""
MOST_PICTURES = 400
COLUMN_WIDTH, ROW_HEIGHT = 96, 22


def sample(array: np.ndarray) -> np.ndarray:
    """All elements in one row, or a regular sample of many."""
    flat = array.reshape(-1)
    step = -(-flat.size // MOST_SAMPLED) or 1
    return flat[::step]


def figures(array: np.ndarray) -> list[tuple[str, str]]:
    """Names and texts of the figures of an array."""
    rows = [
        ("dtype", str(array.dtype)),
        ("shape", _shape(array.shape)),
        ("elements", count(array.size)),
    ]
    values = sample(array).astype(np.float64)
    finite = values[np.isfinite(values)]
    if finite.size:
        rows += [
            ("minimum", number(finite.min())),
            ("maximum", number(finite.max())),
            ("mean", number(finite.mean())),
            ("deviation", number(finite.std())),
        ]
        zeros = float((finite == 0).mean())
        if zeros:
            rows.append(("zeros", f"{zeros:.0%}"))
    bad = values.size - finite.size
    if bad:
        rows.append(("not finite", count(bad)))
    return rows


class ArrayModel(QAbstractTableModel):
    """An array as rows and columns; axes beyond two are stacked."""

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._rows = np.zeros((0, 0))
        self._lead: tuple[int, ...] = ()

    def show(self, array: np.ndarray) -> None:
        self.beginResetModel()
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
        if role == Qt.ItemDataRole.ToolTipRole:
            return str(self._rows[index.row(), index.column()].item())
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        if orientation == Qt.Orientation.Vertical and len(self._lead) > 1:
            return ", ".join(str(i) for i in np.unravel_index(section, self._lead))
        return str(section)


class TableView(QTableView):
    """A table of numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.array_model = ArrayModel(self)
        self.setModel(self.array_model)
        self.horizontalHeader().setDefaultSectionSize(COLUMN_WIDTH)
        self.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
        self.setWordWrap(False)
        self.setAccessibleName("Values")
        self.setFrameShape(self.Shape.NoFrame)

    def show_array(self, array: np.ndarray) -> None:
        self.array_model.show(array)


LAYOUTS = ("matrix", "rows", "columns", "filters")
LARGEST_FILTER = 11
"""Height and width up to which (n, n, channels, filters) are the weights of a convolution."""


def layouts(array: np.ndarray, image_shape: tuple[int, int] | None) -> list[str]:
    """Ways to draw an array: as one heat map, its rows or columns as square pictures, filters."""
    if array.ndim == 4 and 2 <= array.shape[0] == array.shape[1] <= LARGEST_FILTER:
        return ["filters", "rows"]
    if array.ndim in (3, 4):
        return ["rows"]
    if array.ndim != 2 or not array.size:
        return []
    ways = ["matrix"]
    if image_shape and array.shape[1] == math.prod(image_shape):
        ways.insert(0, "rows")
    elif _side(array.shape[1]):
        ways.append("rows")
    if _side(array.shape[0]):
        ways.append("columns")
    return ways


def pictures(array: np.ndarray, way: str, image_shape: tuple[int, int] | None) -> list[np.ndarray]:
    """The pictures of an array drawn in one of its `layouts`."""
    if way == "matrix":
        return [array]
    if way == "filters":
        return list(np.moveaxis(array.mean(axis=2), 2, 0)[:MOST_PICTURES])
    if array.ndim == 4:
        return list(array[:MOST_PICTURES].mean(axis=3))
    if array.ndim == 3:
        return list(array[:MOST_PICTURES])
    rows = array if way == "rows" else array.T
    side = _side(rows.shape[1])
    shape = image_shape if image_shape and rows.shape[1] == math.prod(image_shape) else (side, side)
    return [row.reshape(shape) for row in rows[:MOST_PICTURES]]


def _side(count: int) -> int:
    """The side of a square picture with so many pixels, or 0."""
    side = math.isqrt(count)
    return side if side >= 6 and side * side == count else 0


class ImageView(QWidget):
    """A grid of pictures, or one heat map, in the theme's colours."""

    def __init__(self, themes: ThemeManager) -> None:
        super().__init__()
        self._theme = themes.theme
        self._images: list[QImage] = []
        self._arrays: list[np.ndarray] = []
        self.setAccessibleName("Pictures")
        themes.changed.connect(self.set_theme)

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self.show_pictures(self._arrays)

    def show_pictures(self, arrays: list[np.ndarray]) -> None:
        """Draw arrays of two axes, each stretched over one common range of values."""
        self._arrays = arrays
        finite = [a[np.isfinite(a)] for a in arrays if a.size]
        finite = [f for f in finite if f.size]
        low = min((float(f.min()) for f in finite), default=0.0)
        high = max((float(f.max()) for f in finite), default=1.0)
        table = heat_table(self._theme)
        self._images = [heat_image(a, low, high, table) for a in arrays if a.size]
        self.update()

    def paintEvent(self, _: QPaintEvent) -> None:
        painter = QPainter(self)
        if not self._images:
            painter.setPen(self._theme.color("ink_muted"))
            text = "Only two axes, or stacks of pictures, can be drawn."
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, text)
            return
        for image, place in zip(self._images, self._places(), strict=False):
            painter.drawImage(place, image)

    def _places(self) -> list[QRectF]:
        """Where each picture goes: as large as lets all of them, or as many as can, be seen."""
        gap = SPACE[1]
        width, height = self.width(), self.height()
        size = self._images[0].size()
        if len(self._images) == 1:
            scale = min(width / size.width(), height / size.height())
            scale = math.floor(scale) if scale >= 2 else scale
            shown = QSize(round(size.width() * scale), round(size.height() * scale))
            left, top = (width - shown.width()) / 2, (height - shown.height()) / 2
            return [QRectF(left, top, shown.width(), shown.height())]
        scale = self._grid_scale(size, width, height, gap)
        w, h = size.width() * scale + gap, size.height() * scale + gap
        columns = max(1, int((width + gap) / w))
        rows = max(1, int((height + gap) / h))
        count = min(len(self._images), columns * rows)
        return [QRectF(i % columns * w, i // columns * h, w - gap, h - gap) for i in range(count)]

    def _grid_scale(self, size: QSize, width: int, height: int, gap: int) -> float:
        for scale in (24.0, 16.0, 12.0, 8.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.5, 1.0):
            columns = int((width + gap) / (size.width() * scale + gap))
            rows = int((height + gap) / (size.height() * scale + gap))
            if columns * rows >= len(self._images):
                return scale
        return 1.0


def heat_table(theme: Theme) -> np.ndarray:
    """The theme's heat colours as 256 rows of red, green, blue."""
    colors = [QColor(color) for color in theme.heat]
    stops = np.array([(c.red(), c.green(), c.blue()) for c in colors], float)
    at = np.linspace(0, len(stops) - 1, 256)
    columns = [np.interp(at, np.arange(len(stops)), stops[:, i]) for i in range(3)]
    return np.stack(columns, axis=1).round().astype(np.uint8)


def heat_image(array: np.ndarray, low: float, high: float, table: np.ndarray) -> QImage:
    """An array of two axes as an image; what is not finite is red."""
    values = np.asarray(array, np.float64)
    span = high - low or 1.0
    with np.errstate(invalid="ignore"):
        index = np.nan_to_num((values - low) * (255 / span)).clip(0, 255).astype(np.uint8)
    rgb = np.empty((*values.shape, 4), np.uint8)
    rgb[..., :3] = table[index][..., ::-1]
    rgb[..., 3] = 255
    rgb[~np.isfinite(values)] = (60, 60, 220, 255)
    height, width = values.shape
    return QImage(rgb.data, width, height, 4 * width, QImage.Format.Format_RGB32).copy()


class HistogramView(QWidget):
    """How the values are spread."""

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
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, "There are no values.")
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
