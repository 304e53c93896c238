"""The table of runs, with sorting, filtering and editing in place."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QSortFilterProxyModel, Qt, Signal
from PySide6.QtGui import QColor, QIcon, QPixmap

from nodeflow.number_text import count, number
from nodeflow.run_store.run_records import Run
from nodeflow.ui.core.widgets.time_and_size_text import moment
from nodeflow.ui.panels.trainings.sorted_rows import NOWHERE, Index, SortedRows
from nodeflow.ui.panels.trainings.training_history import duration

PLOT, STAR, NAME, LOSS = "Plot", "★", "Name", "Loss"
TAGS, NOTE = "Tags", "Note"
BEFORE = (PLOT, STAR, NAME, LOSS)
AFTER = ("Epochs", "Steps", "Time", "Status", "Started", "File", TAGS, NOTE)
MOST_METRICS = 4
"""Maximum number of columns with metrics. The most frequent metrics are shown."""
FIELDS = {NAME: "name", NOTE: "note", TAGS: "tags"}
"""The columns edited in place, with the names of their fields in the run store."""

_WORDS: Mapping[str, Callable[[Run], Any]] = {
    LOSS: lambda run: run.loss,
    "Epochs": lambda run: run.epochs,
    "Steps": lambda run: run.steps,
    "Time": lambda run: run.seconds,
    "Status": lambda run: run.status,
    "Started": lambda run: run.created,
    "File": lambda run: Path(run.file).name,
    NAME: lambda run: run.name,
    TAGS: lambda run: ", ".join(run.tags),
    NOTE: lambda run: run.note,
}
_TEXTS: Mapping[str, Callable[[Any], str]] = {
    "Epochs": count,
    "Steps": count,
    "Time": duration,
    "Started": moment,
    LOSS: number,
}


class RunModel(SortedRows[Run]):
    """The model of the runs, newest first unless sorted otherwise.

    Signals:
        edited(id, field, value): the user changed a cell.
        plotted(id, on): the user wants the run's curves drawn, or no longer drawn.
    """

    edited = Signal(str, str, object)
    plotted = Signal(str, bool)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.columns: tuple[str, ...] = (*BEFORE, *AFTER)
        self.colors: dict[str, str] = {}
        """Colours of the runs whose curves are drawn, by id."""

    @property
    def runs(self) -> list[Run]:
        """The runs in their current order."""
        return self.rows

    @property
    def titles(self) -> tuple[str, ...]:
        return self.columns

    def show(self, runs: Sequence[Run]) -> None:
        """Show these runs. Rows that stay keep their selection."""
        columns = (*BEFORE, *metrics_of(runs), *AFTER)
        wanted = self.in_order(runs)
        found = {run.id: run for run in wanted}
        here = {run.id for run in self.rows}
        if columns != self.columns:
            self.beginResetModel()
            self.rows, self.columns = wanted, columns
            self.endResetModel()
            return
        for first, last in reversed(stretches(run.id not in found for run in self.rows)):
            self.beginRemoveRows(NOWHERE, first, last)
            del self.rows[first : last + 1]
            self.endRemoveRows()
        for row, run in enumerate(self.rows):
            new = found[run.id]
            if new is run:
                continue
            if new != run:
                self.rows[row] = new
                self.tell(row)
            else:
                found[run.id] = run  # keep the old object: rows are compared by identity
        self.arrange([found[run.id] for run in wanted if run.id in here])
        for first, last in stretches(run.id not in here for run in wanted):
            self.beginInsertRows(NOWHERE, first, last)
            self.rows[first:first] = wanted[first : last + 1]
            self.endInsertRows()

    def set_colors(self, colors: Mapping[str, str]) -> None:
        """Set which runs are drawn, and in which colours."""
        self.colors = dict(colors)
        if self.rows:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self.rows) - 1, 0))
            self.sort_again()

    # ---- data for views -----------------------------------------------------------------------

    def key_of(self, row: Run, title: str) -> Any:
        if title == PLOT:
            return row.id not in self.colors
        return not row.star if title == STAR else sortable(self._value(row, title))

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < len(self.columns):
            return None
        title = self.columns[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return "" if title == PLOT else title
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return {STAR: "Star"}.get(title, title)
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        found = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        title = self.columns[index.column()]
        if title == PLOT:
            found |= Qt.ItemFlag.ItemIsUserCheckable
        if title in FIELDS:
            found |= Qt.ItemFlag.ItemIsEditable
        return found

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        run, title = self.rows[index.row()], self.columns[index.column()]
        if title == PLOT:
            return self._plot_data(run, role)
        if title == STAR:
            if role == Qt.ItemDataRole.DisplayRole:
                return "★" if run.star else "☆"
            if role == Qt.ItemDataRole.AccessibleTextRole:
                return "Starred" if run.star else "Not starred"
            return int(Qt.AlignmentFlag.AlignCenter) if role == _ALIGN else None
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return self._text(run, title)
        is_number = title != "Started" and isinstance(self._value(run, title), (int, float))
        if role == _ALIGN and is_number:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        return None

    def _plot_data(self, run: Run, role: int) -> Any:
        is_drawn = run.id in self.colors
        if role == Qt.ItemDataRole.CheckStateRole:
            return Qt.CheckState.Checked if is_drawn else Qt.CheckState.Unchecked
        if role == Qt.ItemDataRole.DecorationRole:
            return swatch(self.colors.get(run.id) or run.colour)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return "Drawn in the plots" if is_drawn else "Not drawn"
        return None

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        run, title = self.rows[index.row()], self.columns[index.column()]
        if title == PLOT and role == Qt.ItemDataRole.CheckStateRole:
            self.plotted.emit(run.id, Qt.CheckState(value) == Qt.CheckState.Checked)
            return True
        if title not in FIELDS or role != Qt.ItemDataRole.EditRole:
            return False
        text = str(value).strip()
        if text == self._text(run, title) or (title == NAME and not text):
            return False
        self.edited.emit(run.id, FIELDS[title], tags_of(text) if title == TAGS else text)
        return True

    def _value(self, run: Run, title: str) -> Any:
        return _WORDS[title](run) if title in _WORDS else run.metrics.get(title)

    def _text(self, run: Run, title: str) -> str:
        value = self._value(run, title)
        if value is None:
            return "–"
        write = _TEXTS.get(title) or (str if title in _WORDS else number)
        return write(value)


class RunFilter(QSortFilterProxyModel):
    """The runs that match the filter, in the order of the model."""

    def __init__(self, model: RunModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._words: list[str] = []
        self._file, self._starred = "", False
        self.setSourceModel(model)

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort the rows of the model below, which is faster than sorting in this filter."""
        self.sourceModel().sort(column, order)

    def search(self, text: str) -> None:
        """Show only the runs that contain all words of a text."""
        self._words = text.casefold().split()
        self.invalidate()

    def only(self, file: str, starred: bool) -> None:
        """Show only the runs of one file (all files if empty), and only starred runs if
        ``starred``.
        """
        self._file, self._starred = file, starred
        self.invalidate()

    def filterAcceptsRow(self, source_row: int, source_parent: Index) -> bool:
        model = self.sourceModel()
        assert isinstance(model, RunModel)
        run = model.rows[source_row]
        if (self._file and run.file != self._file) or (self._starred and not run.star):
            return False
        return not self._words or all(word in searched(run) for word in self._words)


def searched(run: Run) -> str:
    """Return the text of a run that a search looks into, including settings such as
    ``epochs=10``.
    """
    settings = (f"{name}={value}" for name, value in run.settings.items())
    parts = (run.id, run.name, run.file, run.status, run.note, *run.tags, *settings)
    return "\n".join(parts).casefold()


@cache
def swatch(color: str) -> QIcon:
    """Return a colour as an icon that looks the same in a selected row; transparent without a
    colour.
    """
    pixmap = QPixmap(24, 24)
    pixmap.setDevicePixelRatio(2)
    pixmap.fill(QColor(color) if color else QColor(Qt.GlobalColor.transparent))
    icon = QIcon()
    for mode in (QIcon.Mode.Normal, QIcon.Mode.Selected):
        icon.addPixmap(pixmap, mode)
    return icon


def metrics_of(runs: Iterable[Run]) -> tuple[str, ...]:
    """Return the most frequent metrics, at most `MOST_METRICS`."""
    found = Counter(name for run in runs for name in run.metrics)
    return tuple(name for name, _ in found.most_common(MOST_METRICS) if name not in _WORDS)


def sortable(value: Any) -> tuple[bool, Any]:
    """Return a sort key for any value in a column: numbers, then None and NaN, then texts."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return False, math.inf
    return (True, value.casefold()) if isinstance(value, str) else (False, float(value))


def stretches(wanted: Iterable[bool]) -> list[tuple[int, int]]:
    """Return the first and last index of each run of true values.

    >>> stretches([True, True, False, True])
    [(0, 1), (3, 3)]
    """
    places = [place for place, is_wanted in enumerate(wanted) if is_wanted]
    found: list[tuple[int, int]] = []
    for place in places:
        if found and found[-1][1] == place - 1:
            found[-1] = found[-1][0], place
        else:
            found.append((place, place))
    return found


def tags_of(text: str) -> tuple[str, ...]:
    """Parse tags as a user writes them.

    >>> tags_of("good, wide ,good")
    ('good', 'wide')
    """
    return tuple(dict.fromkeys(tag.strip() for tag in text.split(",") if tag.strip()))


_ALIGN = Qt.ItemDataRole.TextAlignmentRole
