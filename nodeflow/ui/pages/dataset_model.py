"""The rows of one split of a data set as a table model. Another thread reads them in blocks."""

from __future__ import annotations

from collections import OrderedDict
from functools import partial
from typing import Any

import numpy as np
from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QSize,
    Qt,
)
from PySide6.QtGui import QPixmap

from nodeflow.data.survey import ColumnSurvey
from nodeflow.errors import NodeflowError
from nodeflow.ui.core.concurrency.background_jobs import Background
from nodeflow.ui.core.painting.pixel_image import pixel_image
from nodeflow.ui.core.widgets.plain_tips import plain_tip
from nodeflow.ui.pages.dataset_reader import Content, Rows
from nodeflow.ui.popups.own_data.column_texts import spoken

BLOCK, PICTURE_BLOCK = 200, 20
MOST_BLOCKS = 60
"""Maximum number of stored blocks of rows. The least recently shown ones are dropped."""
PICTURE = 44
"""Height of a row with pictures, in pixels."""
NUMERIC = ("number", "integer")

Index = QModelIndex | QPersistentModelIndex


class DatasetModel(QAbstractTableModel):
    """A table whose cells stay empty until their rows have been read."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: Rows | None = None
        self._numbers: Any = None
        self.surveys: tuple[ColumnSurvey, ...] = ()
        self._blocks: OrderedDict[int, list[list[Any]]] = OrderedDict()
        self._wanted: list[int] = []
        self._size = BLOCK
        self._reading = Background(self)
        self._reading.done.connect(self._on_block)
        self._reading.failed.connect(self._on_failed)

    def show(self, content: Content | None, split: str = "") -> None:
        """Show the rows of a split; None shows no rows."""
        self.beginResetModel()
        self._reading.cancel()
        self._blocks.clear()
        self._wanted = []
        self._rows = None if content is None else Rows(content, split)
        self.surveys = () if content is None else content.surveys[split]
        self._numbers = None if content is None else content.dataset.rows.get(split)
        pictures = content is not None and any(f.picture for f in content.fields)
        self._size = PICTURE_BLOCK if pictures else BLOCK
        self.endResetModel()

    @property
    def has_pictures(self) -> bool:
        return self._rows is not None and any(f.picture for f in self._rows.fields)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() or self._rows is None else self._rows.count

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() or self._rows is None else len(self._rows.fields)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:
        if orientation == Qt.Orientation.Vertical:
            if role != Qt.ItemDataRole.DisplayRole:
                return None
            number = section if self._numbers is None else int(self._numbers[section])
            return str(number + 1)
        if section >= len(self.surveys):
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self.surveys[section].name
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            text = spoken(self.surveys[section])
            return plain_tip(text) if role == Qt.ItemDataRole.ToolTipRole else text
        return None

    def data(self, index: Index, role: int = 0) -> Any:
        if role == Qt.ItemDataRole.TextAlignmentRole:
            numeric = self.surveys[index.column()].kind in NUMERIC
            side = Qt.AlignmentFlag.AlignRight if numeric else Qt.AlignmentFlag.AlignLeft
            return side | Qt.AlignmentFlag.AlignVCenter
        wanted = (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.DecorationRole)
        if role not in wanted:
            return None
        cell = self._cell(index.row(), index.column())
        if isinstance(cell, np.ndarray):
            return picture(cell) if role == Qt.ItemDataRole.DecorationRole else None
        return cell if role == Qt.ItemDataRole.DisplayRole else None

    # ---- reading ----------------------------------------------------------------------------

    def _cell(self, row: int, column: int) -> Any:
        number = row // self._size
        block = self._blocks.get(number)
        if block is None:
            self._want(number)
            return None
        self._blocks.move_to_end(number)
        return block[row % self._size][column]

    def _want(self, number: int) -> None:
        if number not in self._wanted:
            self._wanted.append(number)
            self._read_next()

    def _read_next(self) -> None:
        """Read the block that was requested last, because it is the visible one."""
        if self._reading.is_busy or not self._wanted or self._rows is None:
            return
        del self._wanted[:-4]
        number = self._wanted[-1]
        start = number * self._size
        self._reading.run(partial(_read, self._rows, number, start, start + self._size))

    def _on_block(self, found: tuple[int, list[list[Any]]]) -> None:
        number, block = found
        self._blocks[number] = block
        while len(self._blocks) > MOST_BLOCKS:
            self._blocks.popitem(last=False)
        if number in self._wanted:
            self._wanted.remove(number)
        first = number * self._size
        last = self.index(first + len(block) - 1, self.columnCount() - 1)
        self.dataChanged.emit(self.index(first, 0), last)
        self._read_next()

    def _on_failed(self, error: NodeflowError) -> None:
        """Show an error, such as a damaged picture, in the cells of its block."""
        number = self._wanted.pop()
        count = min(self._size, self.rowCount() - number * self._size)
        self._on_block((number, [[error.message] * self.columnCount() for _ in range(count)]))


def _read(rows: Rows, number: int, start: int, stop: int) -> tuple[int, list[list[Any]]]:
    return number, rows.block(start, stop)


def picture(pixels: np.ndarray, height: int = PICTURE - 6) -> QPixmap:
    """Return pixels, grey (h, w) or coloured (h, w, 3), as a picture of a given height."""
    smooth = Qt.TransformationMode.SmoothTransformation
    small = len(pixels) <= height
    mode = Qt.TransformationMode.FastTransformation if small else smooth
    keep = Qt.AspectRatioMode.KeepAspectRatio
    return QPixmap.fromImage(pixel_image(pixels).scaled(QSize(4 * height, height), keep, mode))
