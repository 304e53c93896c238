"""The trials of a sweep as a table that sorts, the best first."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QObject, QSortFilterProxyModel, Qt, Signal

from nodeflow.number_text import number
from nodeflow.run_store.curves import EPOCH_LOSS
from nodeflow.sweeps.results import DONE, FAILED, TRAINING, Result
from nodeflow.ui.panels.parts.run_table import NOWHERE, SORT_ROLE, Index, sortable, swatch
from nodeflow.ui.panels.parts.training_history import duration

PLOT, NUMBER, STATE, RESULT = "Plot", "Trial", "State", "Result"
EPOCH, TIME, PROBLEM = "Best epoch", "Time", "What happened"
BEFORE, AFTER = (PLOT, NUMBER, STATE, RESULT), (EPOCH, TIME, PROBLEM)
_ALIGN = Qt.ItemDataRole.TextAlignmentRole

_VALUES: Mapping[str, Callable[[Result], Any]] = {
    NUMBER: lambda result: result.trial.number,
    STATE: lambda result: result.state,
    RESULT: lambda result: result.loss,
    EPOCH: lambda result: result.best_epoch or None,
    TIME: lambda result: result.seconds,
    PROBLEM: lambda result: result.problem,
}


class TrialModel(QAbstractTableModel):
    """The trials, in their order.

    Signals:
        plotted(id, on): the user wants the curves of a run drawn, or no longer.
    """

    plotted = Signal(str, bool)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.results: list[Result] = []
        self.names: tuple[str, ...] = ()
        self.colors: dict[str, str] = {}

    @property
    def columns(self) -> tuple[str, ...]:
        return (*BEFORE, *self.names, *AFTER)

    @property
    def key(self) -> str:
        """What is compared, as people call it."""
        found = next((result.key for result in self.results if result.key), "")
        return "Loss" if found == EPOCH_LOSS else found

    def show(self, results: Iterable[Result]) -> None:
        """Show the trials of another sweep."""
        self.beginResetModel()
        self.results = list(results)
        self.names = tuple(self.results[0].trial.values) if self.results else ()
        self.endResetModel()

    def take(self, result: Result) -> None:
        """A trial has begun, or is another now."""
        if not self.results:
            self.show([result])
            return
        for row in range(len(self.results) - 1, -1, -1):
            if self.results[row].trial.number == result.trial.number:
                had_key = bool(self.key)
                self.results[row] = result
                last = len(self.columns) - 1
                self.dataChanged.emit(self.index(row, 0), self.index(row, last))
                if not had_key:
                    at = self.columns.index(RESULT)
                    self.headerDataChanged.emit(Qt.Orientation.Horizontal, at, at)
                return
        row = len(self.results)
        self.beginInsertRows(NOWHERE, row, row)
        self.results.append(result)
        self.endInsertRows()

    def set_colors(self, colors: Mapping[str, str]) -> None:
        """Say which runs are drawn, and in which colours."""
        self.colors = dict(colors)
        if self.results:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self.results) - 1, 0))

    # ---- what views ask -----------------------------------------------------------------------

    def rowCount(self, parent: Index = NOWHERE) -> int:
        return 0 if parent.isValid() else len(self.results)

    def columnCount(self, parent: Index = NOWHERE) -> int:
        return 0 if parent.isValid() else len(self.columns)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < len(self.columns):
            return None
        title = self.columns[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return {PLOT: "", RESULT: self.key or RESULT}.get(title, title)
        return title if role == Qt.ItemDataRole.AccessibleTextRole else None

    def flags(self, index: Index) -> Qt.ItemFlag:
        found = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        if self.columns[index.column()] == PLOT and self.results[index.row()].run:
            found |= Qt.ItemFlag.ItemIsUserCheckable
        return found

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        result, title = self.results[index.row()], self.columns[index.column()]
        if title == PLOT:
            return self._plot_data(result, role)
        value = self._value(result, title)
        if role == SORT_ROLE:
            return sortable(value if isinstance(value, (int, float, str)) else json.dumps(value))
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(result, title, value)
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if role == _ALIGN and is_number:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        return None

    def _value(self, result: Result, title: str) -> Any:
        read = _VALUES.get(title)
        return read(result) if read is not None else result.trial.values.get(title)

    def _text(self, result: Result, title: str, value: Any) -> str:
        if title == STATE:
            return state_text(result)
        if title == RESULT:
            return "–" if math.isnan(result.value) else number(result.value)
        if title == TIME:
            return duration(result.seconds)
        if value is None and title == EPOCH:
            return "–"
        if isinstance(value, str):
            return value
        return number(value) if isinstance(value, float) else json.dumps(value)

    def _plot_data(self, result: Result, role: int) -> Any:
        if not result.run:
            return None
        is_drawn = result.run in self.colors
        if role == Qt.ItemDataRole.CheckStateRole:
            return Qt.CheckState.Checked if is_drawn else Qt.CheckState.Unchecked
        if role == Qt.ItemDataRole.DecorationRole:
            return swatch(self.colors.get(result.run, ""))
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return "Drawn in the plots" if is_drawn else "Not drawn"
        return int(not is_drawn) if role == SORT_ROLE else None

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        run = self.results[index.row()].run
        if (
            self.columns[index.column()] != PLOT
            or role != Qt.ItemDataRole.CheckStateRole
            or not run
        ):
            return False
        self.plotted.emit(run, Qt.CheckState(value) == Qt.CheckState.Checked)
        return True


class TrialSorter(QSortFilterProxyModel):
    """The trials as the user wants them sorted."""

    def __init__(self, model: TrialModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.setSourceModel(model)
        self.setSortRole(SORT_ROLE)
        self.setDynamicSortFilter(True)

    def lessThan(self, left: Index, right: Index) -> bool:
        """Equal values stand in the order of the trials."""
        model = self.sourceModel()
        first, second = (model.data(each, SORT_ROLE) for each in (left, right))
        return left.row() < right.row() if first == second else super().lessThan(left, right)


def state_text(result: Result) -> str:
    """``epoch 3 of 10`` while it trains, else what became of it."""
    if result.state == TRAINING:
        return f"epoch {result.epoch + 1} of {result.epochs}" if result.epochs else "preparing"
    if result.state in (DONE, FAILED):
        return result.state
    return f"{result.state} after {result.epoch}"
