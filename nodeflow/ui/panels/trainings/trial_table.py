"""The table of a sweep's trials, the best first, with sorting."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal

from nodeflow.number_text import number
from nodeflow.run_store.curves import EPOCH_LOSS
from nodeflow.sweeps.results import DONE, FAILED, TRAINING, Result
from nodeflow.ui.panels.trainings.run_table import sortable, swatch
from nodeflow.ui.panels.trainings.sorted_rows import Index, SortedRows
from nodeflow.ui.panels.trainings.training_history import duration

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


class TrialModel(SortedRows[Result]):
    """The model of the trials in the user's order. Equal trials are in the order of their start.

    Signals:
        plotted(id, on): the user wants the curves of a run drawn, or no longer drawn.
    """

    plotted = Signal(str, bool)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._known: dict[int, Result] = {}
        self.names: tuple[str, ...] = ()
        self.colors: dict[str, str] = {}

    @property
    def results(self) -> list[Result]:
        """The trials in the order of their start."""
        return [*self._known.values()]

    @property
    def columns(self) -> tuple[str, ...]:
        return (*BEFORE, *self.names, *AFTER)

    @property
    def titles(self) -> tuple[str, ...]:
        return self.columns

    @property
    def key(self) -> str:
        """The name of the result by which trials are compared, for display."""
        found = next((result.key for result in self._known.values() if result.key), "")
        return "Loss" if found == EPOCH_LOSS else found

    def show(self, results: Iterable[Result]) -> None:
        """Show the trials of another sweep."""
        self.beginResetModel()
        self._known = {result.trial.number: result for result in results}
        first = next(iter(self._known.values()), None)
        self.names = () if first is None else tuple(first.trial.values)
        self.rows = self.in_order(self._known.values())
        self.endResetModel()

    def take(self, result: Result) -> None:
        """Add a trial that has begun, or update an existing one."""
        if not self._known:
            self.show([result])
            return
        number = result.trial.number
        before, had_key = self._known.get(number), bool(self.key)
        self._known[number] = result
        if before is None:
            self.insert(result)
            return
        self.change(next(n for n, row in enumerate(self.rows) if row is before), result)
        if not had_key:
            at = self.columns.index(RESULT)
            self.headerDataChanged.emit(Qt.Orientation.Horizontal, at, at)

    def set_colors(self, colors: Mapping[str, str]) -> None:
        """Set which runs are drawn, and in which colours."""
        self.colors = dict(colors)
        if self.rows:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self.rows) - 1, 0))
            self.sort_again()

    # ---- data for views -----------------------------------------------------------------------

    def key_of(self, row: Result, title: str) -> Any:
        if title == PLOT:
            return row.run not in self.colors, row.trial.number
        value = self._value(row, title)
        plain = value is None or isinstance(value, (int, float, str))
        return *sortable(value if plain else json.dumps(value)), row.trial.number

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
        if self.columns[index.column()] == PLOT and self.rows[index.row()].run:
            found |= Qt.ItemFlag.ItemIsUserCheckable
        return found

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        result, title = self.rows[index.row()], self.columns[index.column()]
        if title == PLOT:
            return self._plot_data(result, role)
        value = self._value(result, title)
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
        return None

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        run = self.rows[index.row()].run
        if (
            self.columns[index.column()] != PLOT
            or role != Qt.ItemDataRole.CheckStateRole
            or not run
        ):
            return False
        self.plotted.emit(run, Qt.CheckState(value) == Qt.CheckState.Checked)
        return True


def state_text(result: Result) -> str:
    """Return ``epoch 3 of 10`` while a trial trains, otherwise its final state."""
    if result.state == TRAINING:
        return f"epoch {result.epoch + 1} of {result.epochs}" if result.epochs else "preparing"
    if result.state in (DONE, FAILED):
        return result.state
    return f"{result.state} after {result.epoch}"
