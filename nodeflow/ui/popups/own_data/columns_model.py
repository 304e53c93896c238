"""The columns of a table and their roles, as a model with check boxes."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, Signal

from nodeflow.document.starters.choices import Choices
from nodeflow.ui.core.widgets.plain_tips import plain_tip
from nodeflow.ui.popups.own_data.column_texts import kind_text, missing_text, spoken, values_text

NAME, INPUT, LABEL, KIND, VALUES = range(5)
HEADINGS = ("Column", "Input", "Label", "Type", "Values")
CHECKED, UNCHECKED = Qt.CheckState.Checked, Qt.CheckState.Unchecked

Index = QModelIndex | QPersistentModelIndex


class ColumnsModel(QAbstractTableModel):
    """A table model with one row per column of the data.

    ``edited``: the user changed the role of a column.
    """

    edited = Signal()

    def __init__(self, choices: Choices) -> None:
        super().__init__()
        self.choices = choices
        self.columns = choices.survey.columns

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.columns)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(HEADINGS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return HEADINGS[section]
        return None

    def data(self, index: Index, role: int = 0) -> Any:
        found = self.columns[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(index)
        if role == Qt.ItemDataRole.CheckStateRole and index.column() in (INPUT, LABEL):
            used = self._used(index.column())
            return CHECKED if found.name in used else UNCHECKED
        if role == Qt.ItemDataRole.ToolTipRole:
            return plain_tip(spoken(found))
        if role == Qt.ItemDataRole.AccessibleTextRole and index.column() in (INPUT, LABEL):
            return f"{found.name} is {'an input' if index.column() == INPUT else 'the label'}"
        return None

    def _text(self, index: Index) -> str:
        found = self.columns[index.row()]
        if index.column() == NAME:
            return found.name
        if index.column() == KIND:
            return kind_text(found)
        if index.column() == VALUES:
            return "; ".join(filter(None, (values_text(found), missing_text(found))))
        return ""

    def _used(self, column: int) -> tuple[str, ...]:
        return self.choices.inputs if column == INPUT else self.choices.labels

    def flags(self, index: Index) -> Qt.ItemFlag:
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        if index.column() in (INPUT, LABEL):
            flags |= Qt.ItemFlag.ItemIsUserCheckable
        return flags

    def setData(self, index: Index, value: Any, role: int = 0) -> bool:
        if role != Qt.ItemDataRole.CheckStateRole or index.column() not in (INPUT, LABEL):
            return False
        name, used = self.columns[index.row()].name, Qt.CheckState(value) == CHECKED
        if index.column() == INPUT:
            self.choices.use_as_input(name, used)
        else:
            self.choices.use_as_label(name, used)
        last = self.index(len(self.columns) - 1, LABEL)
        self.dataChanged.emit(self.index(0, INPUT), last, [Qt.ItemDataRole.CheckStateRole])
        self.edited.emit()
        return True
