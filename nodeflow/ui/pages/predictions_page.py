"""The page with predictions for the rows of another file."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
    Signal,
)
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QTableView, QVBoxLayout, QWidget

from nodeflow.drawing.message_text import plain
from nodeflow.host import protocol as p
from nodeflow.number_text import counted, number
from nodeflow.ui.core.theming.theme import SPACE, TYPE, Theme, font
from nodeflow.ui.core.theming.theme_manager import ThemeManager
from nodeflow.ui.core.user_messages import in_window
from nodeflow.ui.core.widgets.common_widgets import button, label, switch
from nodeflow.ui.core.widgets.plain_tips import plain_tip
from nodeflow.ui.pages.breadcrumbs import Breadcrumbs

Index = QModelIndex | QPersistentModelIndex
Cells = tuple[str, ...]
MEASURED = 60
"""Number of rows that determine the widths of columns."""
WIDEST = 260


class PredictionsModel(QAbstractTableModel):
    """Rows that arrive in parts. The last columns are predictions.

    Cells of the file and names of classes are shown unchanged, predicted numbers shortened.
    """

    def __init__(self, theme: Theme, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.theme = theme
        self.columns: Cells = ()
        self.added: tuple[bool, ...] = ()
        self.rows: list[Cells] = []
        self._at_right: tuple[bool, ...] = ()

    def clear(self) -> None:
        self.beginResetModel()
        self.columns, self.added, self.rows = (), (), []
        self.endResetModel()

    def append(self, columns: Cells, added: tuple[bool, ...], rows: tuple[Cells, ...]) -> None:
        """Append rows.

        Args:
            added: for each of the last columns, the predictions, whether it contains numbers.
        """
        if columns != self.columns:
            self.beginResetModel()
            self.columns, self.added = columns, added
            self.endResetModel()
        if rows:
            first = len(self.rows)
            if not first:
                self._at_right = _numeric(rows)
            self.beginInsertRows(QModelIndex(), first, first + len(rows) - 1)
            self.rows += rows
            self.endInsertRows()

    def is_prediction(self, column: int) -> bool:
        return column >= len(self.columns) - len(self.added)

    def holds_numbers(self, column: int) -> bool:
        """Return whether a column has predicted numbers."""
        return self.is_prediction(column) and self.added[column - len(self.columns)]

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.columns)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:
        if orientation == Qt.Orientation.Vertical:
            return str(section + 1) if role == Qt.ItemDataRole.DisplayRole else None
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            name = self.columns[section]
            return plain_tip(name) if role == Qt.ItemDataRole.ToolTipRole else name
        if role == Qt.ItemDataRole.FontRole:
            return font(TYPE["caption"], 600 if self.is_prediction(section) else 400)
        return None

    def data(self, index: Index, role: int = 0) -> Any:
        cell = self.rows[index.row()][index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return shortened(cell) if self.holds_numbers(index.column()) else cell
        if role == Qt.ItemDataRole.ToolTipRole:
            return plain_tip(cell)
        if role == Qt.ItemDataRole.BackgroundRole and self.is_prediction(index.column()):
            return self.theme.color("accent_soft", 0.6)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            right, left = Qt.AlignmentFlag.AlignRight, Qt.AlignmentFlag.AlignLeft
            side = right if self._at_right[index.column()] else left
            return side | Qt.AlignmentFlag.AlignVCenter
        return None


class PredictionsPage(QWidget):
    """The page with predictions, shown while they are computed.

    Signals:
        closed: show the graph again.
        save_requested: write all predictions to a file.
        stop_requested: stop computing.
    """

    closed = Signal()
    save_requested = Signal()
    stop_requested = Signal()

    def __init__(self, themes: ThemeManager) -> None:
        super().__init__()
        self.path = Breadcrumbs(themes)
        self.path.unpack_button.hide()
        self.path.back.connect(self.closed)
        self.model = PredictionsModel(themes.theme, self)
        self.table = QTableView()
        self.table.setAccessibleName("Predictions")
        self.table.setModel(self.model)
        self.table.setWordWrap(False)
        self.table.setTabKeyNavigation(False)
        self.table.verticalHeader().setDefaultSectionSize(24)
        self.save = button("Save as CSV…", "primary", self.save_requested.emit)
        self.stop = button("Stop", "", self.stop_requested.emit)
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName("Computing predictions")
        self.facts = label("", "muted", wrap=True)
        self.notice = label("", "warning", wrap=True)
        self.problem = label("", "error", wrap=True)
        head = QHBoxLayout()
        head.setSpacing(SPACE[2])
        head.addWidget(self.facts, 1)
        head.addWidget(self.stop)
        head.addWidget(self.save)
        body = QVBoxLayout()
        body.setContentsMargins(SPACE[3], SPACE[2], SPACE[3], SPACE[3])
        body.setSpacing(SPACE[2])
        body.addLayout(head)
        body.addWidget(self.progress)
        body.addWidget(self.notice)
        body.addWidget(self.problem)
        body.addWidget(self.table, 1)
        body.addStretch(0)  # keeps texts at the top while there is no table
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.path)
        layout.addLayout(body, 1)
        themes.follow(self.set_theme)

    def set_theme(self, theme: Theme) -> None:
        self.model.theme = theme

    def begin(self, outside: str, name: str) -> None:
        """Show that predictions for a file are awaited."""
        self.model.clear()
        self.path.show_path(outside, f"Predictions for {name}", "")
        self.facts.setText(f"Reading {name}…")
        self.table.show()
        self._say("", "")
        self._show_busy(0, 0)

    def begin_saving(self, name: str) -> None:
        """Show the progress of writing a file."""
        self.facts.setText(f"Writing {name}…")
        self._say(self.notice.text(), "")
        self._show_busy(0, 0)

    def show_rows(self, message: p.PredictedRows) -> None:
        """Append computed rows, or show the progress of writing them."""
        first = not self.model.rows
        if message.rows:
            self.model.append(message.columns, message.added, message.rows)
        if first and message.rows:
            self._fit_columns()
        self._show_busy(message.done, message.total)
        if not self.facts.text().startswith("Writing"):
            self.facts.setText(f"{counted(message.done, 'row')} so far…")

    def show_done(self, message: p.Predicted) -> None:
        """Show the final number of predicted rows."""
        self._stop_busy()
        shown = len(self.model.rows)
        text = counted(shown, "row")
        if message.cancelled:
            text += ", stopped"
        elif message.path is None and self._total > shown:
            text = f"The first {text} of {counted(self._total, 'row')}; Save writes all rows"
        self.facts.setText(f"{text}.")
        if message.notices:
            self._say(" ".join(message.notices), "")

    def show_failure(self, error: p.ErrorData) -> None:
        """Show that the file does not fit, or cannot be written."""
        self._stop_busy()
        self.facts.setText(counted(len(self.model.rows), "row") + "." if self.model.rows else "")
        hint = f" {in_window(error.hint)}" if error.hint else ""
        self._say("", f"{in_window(error.message)}.{hint}")
        self.table.setVisible(bool(self.model.rows))

    def _say(self, notice: str, problem: str) -> None:
        for widget, text in ((self.notice, notice), (self.problem, problem)):
            widget.setText(plain(text))
            widget.setVisible(bool(text))

    def _show_busy(self, done: int, total: int) -> None:
        self._total = total
        self.progress.setRange(0, total)
        self.progress.setValue(done)
        self.progress.show()
        self.stop.show()
        switch(self.save, "The predictions are still being computed.")

    def _stop_busy(self) -> None:
        self.progress.hide()
        self.stop.hide()
        self._allow_save()

    def _allow_save(self) -> None:
        switch(self.save, "" if self.model.rows else "There are no predictions to save.")

    def _fit_columns(self) -> None:
        metrics = self.table.fontMetrics()
        for column, name in enumerate(self.model.columns):
            shown = (self.model.index(row, column).data() for row in range(MEASURED))
            texts = [name, *filter(None, shown)]
            width = max(metrics.horizontalAdvance(text) for text in texts) + 2 * SPACE[3]
            self.table.setColumnWidth(column, min(width, WIDEST))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Return to the graph with Escape or Backspace."""
        if event.key() in (Qt.Key.Key_Escape, Qt.Key.Key_Backspace):
            self.closed.emit()
            return
        super().keyPressEvent(event)


def shortened(cell: str) -> str:
    """Format a number with six significant digits. The tooltip and the file have all digits."""
    return number(float(cell)) if _is_number(cell) else cell


def _numeric(rows: tuple[Cells, ...]) -> tuple[bool, ...]:
    """Return whether the cells of each column are numbers, judged by the first `MEASURED` rows."""
    return tuple(all(map(_is_number, filter(None, cells))) for cells in zip(*rows[:MEASURED]))


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
