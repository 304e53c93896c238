"""The differences of a comparison as a tree: one row per difference, with fields as child rows."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QObject, QPersistentModelIndex, Qt
from PySide6.QtGui import QIcon

from nodeflow.document.diff.differences import CHANGED, Difference
from nodeflow.document.diff.text import heading, rows
from nodeflow.ui.core.widgets.plain_tips import plain_tip

Index = QModelIndex | QPersistentModelIndex
NOWHERE = QModelIndex()
WHAT, BEFORE, AFTER = range(3)


class ChangesModel(QAbstractItemModel):
    """The differences by number, in the order of `compare`.

    A difference of one field is one row. If it has several fields, these are its child rows.
    The internal id of an index is 0 for a difference; for a field it is the number of its
    difference plus 1.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._found: Sequence[Difference] = ()
        self._rows: dict[int, list[tuple[str, str, str]]] = {}
        self._icons: dict[str, QIcon] = {}

    def show(self, found: Sequence[Difference]) -> None:
        """Show another list of differences."""
        self.beginResetModel()
        self._found, self._rows = found, {}
        self.endResetModel()

    def set_icons(self, icons: dict[str, QIcon]) -> None:
        """Set the icons, by kind of change."""
        self._icons = icons
        self.layoutChanged.emit()

    def of(self, number: int) -> QModelIndex:
        """Return the model index of a difference."""
        return self.index(number, WHAT)

    def number(self, index: Index) -> int:
        """Return the number of the difference at an index, or -1."""
        if not index.isValid():
            return -1
        return index.internalId() - 1 if index.internalId() else index.row()

    def text_of(self, number: int) -> str:
        """Return a difference as text, with one line for each field."""
        title, fields = self._title(number), self._fields(number)
        if not self._has_children(number):
            return "\n".join([f"{title}: {_turned(*row[1:])}" for row in fields] or [title])
        said = [f"{field}: {_turned(before, after)}" for field, before, after in fields]
        return "\n".join([f"{title}, {self._found[number].change}", *said])

    # ---- Qt -------------------------------------------------------------------------------------

    def rowCount(self, parent: Index = NOWHERE) -> int:
        if not parent.isValid():
            return len(self._found)
        if parent.internalId() or parent.column() != WHAT:
            return 0
        return len(self._fields(parent.row())) if self._has_children(parent.row()) else 0

    def columnCount(self, parent: Index = NOWHERE) -> int:
        return 3

    def index(self, row: int, column: int, parent: Index = NOWHERE) -> QModelIndex:
        if row < 0 or row >= self.rowCount(parent) or not 0 <= column < 3:
            return QModelIndex()
        return self.createIndex(row, column, parent.row() + 1 if parent.isValid() else 0)

    def parent(self, index: Index = NOWHERE) -> QModelIndex:  # type: ignore[override]
        if not index.isValid() or not index.internalId():
            return QModelIndex()
        return self.createIndex(index.internalId() - 1, WHAT, 0)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> str | None:
        if role == Qt.ItemDataRole.DisplayRole and orientation == Qt.Orientation.Horizontal:
            return ("Change", "Before", "After")[section]
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        number = self.number(index)
        if number < 0:
            return None
        is_field = bool(index.internalId())
        if role == Qt.ItemDataRole.DisplayRole:
            return self._cell(number, index.row() if is_field else None, index.column())
        if role == Qt.ItemDataRole.ToolTipRole:
            return plain_tip(self.text_of(number))
        if role == Qt.ItemDataRole.DecorationRole and index.column() == WHAT and not is_field:
            return self._icons.get(self._found[number].change)
        if role == Qt.ItemDataRole.AccessibleTextRole and index.column() == WHAT and not is_field:
            return f"{self._title(number)}, {self._found[number].change}"
        return None

    # ---- internals ------------------------------------------------------------------------------

    def _fields(self, number: int) -> list[tuple[str, str, str]]:
        if number not in self._rows:
            self._rows[number] = rows(self._found[number])
        return self._rows[number]

    def _has_children(self, number: int) -> bool:
        found, fields = self._found[number], self._fields(number)
        whole = found.kind in ("node", "frame", "subgraph")
        return bool(fields) and whole and (len(fields) > 1 or found.change != CHANGED)

    def _title(self, number: int) -> str:
        found = self._found[number]
        title = f"{found.scope} ▸ {heading(found)}" if found.scope else heading(found)
        fields = self._fields(number)
        whole = found.kind in ("node", "frame", "subgraph")
        if whole and found.change == CHANGED and len(fields) == 1:
            return f"{title}: {fields[0][0]}"
        op = next((f.after if found.change != "removed" else f.before
                   for f in found.fields if f.field == "op"), None)  # fmt: skip
        return f"{title} ({op})" if found.change != CHANGED and isinstance(op, str) else title

    def _cell(self, number: int, field: int | None, column: int) -> str:
        fields = self._fields(number)
        if field is not None:
            return fields[field][column]
        if column == WHAT:
            return self._title(number)
        return "" if self._has_children(number) or not fields else fields[0][column]


def _turned(before: str, after: str) -> str:
    return f"{before} → {after}" if before and after else before or after
