"""A table model whose rows stay sorted by a column.

Qt's sorting proxy calls Python twice for each comparison, which blocks the window for a third of a
second with two thousand rows. This model computes one key for each row instead.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Generic, TypeVar

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
)

Row = TypeVar("Row")
Index = QModelIndex | QPersistentModelIndex
NOWHERE = QModelIndex()


class SortedRows(QAbstractTableModel, Generic[Row]):
    """A table model whose rows are in the order that the user chose.

    Attributes:
        rows: the rows in their current order.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.rows: list[Row] = []
        self._title, self._falls = "", False

    @property
    def titles(self) -> tuple[str, ...]:
        """The titles of the columns."""
        raise NotImplementedError

    def key_of(self, row: Row, title: str) -> Any:
        """Return the sort key of a row in a column."""
        raise NotImplementedError

    def rowCount(self, parent: Index = NOWHERE) -> int:
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: Index = NOWHERE) -> int:
        return 0 if parent.isValid() else len(self.titles)

    # ---- order --------------------------------------------------------------------------------

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column from now on. Equal rows keep their order."""
        titles = self.titles
        self._title = titles[column] if 0 <= column < len(titles) else ""
        self._falls = order == Qt.SortOrder.DescendingOrder
        self.sort_again()

    def in_order(self, rows: Iterable[Row]) -> list[Row]:
        """Return rows in the current sort order."""
        title = self._title
        if not title:
            return list(rows)
        return sorted(rows, key=lambda row: self.key_of(row, title), reverse=self._falls)

    def sort_again(self) -> None:
        """Sort again, because the sort keys of rows have changed."""
        self.arrange(self.in_order(self.rows))

    def arrange(self, wanted: list[Row]) -> None:
        """Reorder the rows.

        Args:
            wanted: the same row objects in the new order.
        """
        if all(one is other for one, other in zip(wanted, self.rows, strict=True)):
            return
        self.layoutAboutToBeChanged.emit()
        places = {id(row): number for number, row in enumerate(wanted)}
        before = self.persistentIndexList()
        after = [self.index(places[id(self.rows[i.row()])], i.column()) for i in before]
        self.rows[:] = wanted
        self.changePersistentIndexList(before, after)
        self.layoutChanged.emit()

    def insert(self, row: Row) -> None:
        """Insert a new row at its sorted position."""
        at = self._place_of(row, self.rows)
        self.beginInsertRows(NOWHERE, at, at)
        self.rows.insert(at, row)
        self.endInsertRows()

    def change(self, at: int, row: Row) -> None:
        """Replace a row and move it to its sorted position."""
        self.rows[at] = row
        self.tell(at)
        to = self._place_of(row, self.rows[:at] + self.rows[at + 1 :]) if self._title else at
        if to != at:
            self.beginMoveRows(NOWHERE, at, at, NOWHERE, to if to < at else to + 1)
            self.rows.insert(to, self.rows.pop(at))
            self.endMoveRows()

    def _place_of(self, row: Row, others: list[Row]) -> int:
        """Return the index for a row among other sorted rows, after all equal rows."""
        low, high = 0, len(others)
        if not self._title:
            return high
        key = self.key_of(row, self._title)
        while low < high:
            middle = (low + high) // 2
            other = self.key_of(others[middle], self._title)
            if other < key if self._falls else key < other:
                high = middle
            else:
                low = middle + 1
        return low

    def tell(self, first: int, last: int | None = None) -> None:
        """Emit that all cells of some rows have changed."""
        end = self.index(first if last is None else last, len(self.titles) - 1)
        self.dataChanged.emit(self.index(first, 0), end)
