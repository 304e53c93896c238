"""A dialog that edits a number, a list or a matrix cell by cell, or by pasting."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QSpinBox,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from nodeflow.ui.core.widgets.common_widgets import column, label, padded, row
from nodeflow.ui.inspector.editors import value_parsing

MOST = 10_000
"""Maximum number of cells. A larger table should be in a file."""
NUMBER, LIST, MATRIX = "One number", "List", "Table"


def rows_of(value: Any) -> list[list[Any]] | None:
    """Return the cells of a value, row by row. Return None if it is not a table or is too large."""
    if not isinstance(value, (list, tuple)):
        return [[0 if value is None else value]]
    rows = [list(r) if isinstance(r, (list, tuple)) else None for r in value]
    flat = [list(value)] if None in rows else [r for r in rows if r is not None]
    nested = any(isinstance(cell, (list, tuple)) for r in flat for cell in r)
    fits = flat and len({len(r) for r in flat}) == 1 and 0 < len(flat) * len(flat[0]) <= MOST
    return flat if fits and not nested else None


def _form_of(value: Any) -> str:
    if not isinstance(value, (list, tuple)):
        return NUMBER
    return MATRIX if any(isinstance(r, (list, tuple)) for r in value) else LIST


class Cells(QTableWidget):
    """The table of cells. Cells copied from a spreadsheet can be pasted; the table grows if
    needed.
    """

    def event(self, event: QEvent) -> bool:
        """Claim the key for pasting, because the window behind the dialog uses the same key."""
        if (
            event.type() == QEvent.Type.ShortcutOverride
            and isinstance(event, QKeyEvent)
            and event.matches(QKeySequence.StandardKey.Paste)
        ):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Paste):
            self.paste(QGuiApplication.clipboard().text())
            return
        super().keyPressEvent(event)

    def paste(self, text: str) -> None:
        """Fill cells, from the current cell on, with a text of lines and columns."""
        lines = [line.split("\t") for line in text.strip("\r\n").splitlines()]
        if len(lines) == 1 or all(len(cells) == 1 for cells in lines):
            lines = [cells[0].split(",") if len(cells) == 1 else cells for cells in lines]
        top, left = max(0, self.currentRow()), max(0, self.currentColumn())
        self.setRowCount(max(self.rowCount(), top + len(lines)))
        self.setColumnCount(max(self.columnCount(), left + max(map(len, lines), default=0)))
        for y, cells in enumerate(lines):
            for x, cell in enumerate(cells):
                self.write(top + y, left + x, cell.strip())

    def write(self, y: int, x: int, text: str) -> None:
        """Show a text in a cell."""
        item = QTableWidgetItem(text)
        item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.setItem(y, x, item)


class TableDialog(QDialog):
    """A dialog for a value. ``value`` is the entered value after the dialog was accepted."""

    def __init__(self, parent: QWidget, title: str, value: Any) -> None:
        super().__init__(parent)
        self.setObjectName("tableDialog")
        self.setWindowTitle(title)
        self.resize(560, 420)
        self.value: Any = value
        shown = rows_of(value) or [[0]]
        self.form = QComboBox()
        self.form.setAccessibleName("Form")
        self.form.addItems([NUMBER, LIST, MATRIX])
        self.rows, self.columns = padded(QSpinBox()), padded(QSpinBox())
        for box, name in ((self.rows, "Rows"), (self.columns, "Columns")):
            box.setRange(1, MOST)
            box.setAccessibleName(name)
        self.cells = Cells(len(shown), len(shown[0]))
        self.cells.setAccessibleName("Values")
        for y, cells in enumerate(shown):
            for x, cell in enumerate(cells):
                self.cells.write(y, x, value_parsing.show(cell))
        self.rows.setValue(len(shown))
        self.columns.setValue(len(shown[0]))
        self._message = label("", "error", wrap=True)
        hint = "Cells from a spreadsheet can be pasted."
        self.buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )
        self.buttons.accepted.connect(self._on_accepted)
        self.buttons.rejected.connect(self.reject)
        sizes = row(
            *(self.form, 3, label("Rows", "muted"), self.rows),
            *(label("Columns", "muted"), self.columns, None),
        )
        self.setLayout(
            column(
                *(sizes, self.cells, label(hint, "caption"), self._message, self.buttons),
                margins=4,
                gap=3,
            )
        )
        self.form.setCurrentText(_form_of(value))
        self.form.currentTextChanged.connect(self._on_form)
        self.rows.valueChanged.connect(self._resize)
        self.columns.valueChanged.connect(self._resize)
        self.cells.model().rowsInserted.connect(self._on_grown)
        self.cells.model().columnsInserted.connect(self._on_grown)
        self._on_form(self.form.currentText())
        self.cells.setCurrentCell(0, 0)
        self.cells.setFocus()

    def _on_form(self, form: str) -> None:
        if form != MATRIX:
            self.rows.setValue(1)
        if form == NUMBER:
            self.columns.setValue(1)
        self.rows.setEnabled(form == MATRIX)
        self.columns.setEnabled(form != NUMBER)

    def _resize(self) -> None:
        self.cells.setRowCount(self.rows.value())
        self.cells.setColumnCount(self.columns.value())
        for y in range(self.cells.rowCount()):
            for x in range(self.cells.columnCount()):
                if self.cells.item(y, x) is None:
                    self.cells.write(y, x, "0")

    def _on_grown(self) -> None:
        """Adapt the form after a paste that enlarged the table."""
        size = (self.cells.rowCount(), self.cells.columnCount())
        if size[0] > 1:
            self.form.setCurrentText(MATRIX)
        elif size[1] > 1 and self.form.currentText() == NUMBER:
            self.form.setCurrentText(LIST)
        self.rows.setValue(size[0])
        self.columns.setValue(size[1])

    def _on_accepted(self) -> None:
        rows = []
        for y in range(self.cells.rowCount()):
            cells = []
            for x in range(self.cells.columnCount()):
                item = self.cells.item(y, x)
                try:
                    cells.append(value_parsing.literal(item.text() if item is not None else ""))
                    if isinstance(cells[-1], list):
                        raise ValueError("A cell holds one number")
                except ValueError as error:
                    self._message.setText(f"Row {y + 1}, column {x + 1}: {error}")
                    self.cells.setCurrentCell(y, x)
                    return
            rows.append(cells)
        form = self.form.currentText()
        self.value = rows if form == MATRIX else rows[0] if form == LIST else rows[0][0]
        self.accept()
