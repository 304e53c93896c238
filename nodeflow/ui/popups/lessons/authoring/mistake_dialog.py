"""Asks for the hint of a typical mistake that the author has drawn."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QDialog, QDialogButtonBox, QPlainTextEdit, QWidget

from nodeflow.ui.core.theming.theme import SPACE
from nodeflow.ui.core.widgets.common_widgets import column, label, switch

WIDTH, MOST = 460, 6
TEXT = "An answer with the values of this graph gets the hint. A good hint asks, and does not tell."


class MistakeDialog(QDialog):
    """A dialog with the differences from the solution, and a field for the hint.

    Args:
        changes: what differs from the solution, in words.
    """

    def __init__(self, parent: QWidget, changes: Sequence[str]) -> None:
        super().__init__(parent)
        self.setObjectName("lessonMistake")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("This graph is a mistake")
        more = [f"and {len(changes) - MOST} more"] if len(changes) > MOST else []
        shown = label("\n".join([*changes[:MOST], *more]), "muted", wrap=True)
        shown.setAccessibleName("What differs from the solution")
        self.field = QPlainTextEdit()
        self.field.setAccessibleName("Hint")
        self.field.setPlaceholderText("Such as: what do the rows sum to?")
        self.field.setTabChangesFocus(True)
        self.field.setFixedHeight(4 * self.field.fontMetrics().lineSpacing())
        self.back = QCheckBox("Then go back to the solution")
        self.back.setChecked(True)
        box = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.keep = box.addButton("Keep the mistake", QDialogButtonBox.ButtonRole.AcceptRole)
        self.keep.setProperty("kind", "primary")
        box.accepted.connect(self.accept)
        box.rejected.connect(self.reject)
        layout = column(
            label("It differs from the solution in:"),
            shown,
            label("Hint"),
            self.field,
            label(TEXT, "caption", wrap=True),
            self.back,
            box,
            gap=3,
        )
        layout.setContentsMargins(SPACE[5], SPACE[5], SPACE[5], SPACE[4])
        self.setLayout(layout)
        self.setMinimumWidth(WIDTH)
        self.field.textChanged.connect(self._refresh)
        self._refresh()
        self.field.setFocus()

    @property
    def hint(self) -> str:
        """The hint."""
        return self.field.toPlainText().strip()

    @property
    def goes_back(self) -> bool:
        """Whether the graph becomes the solution again."""
        return self.back.isChecked()

    def _refresh(self) -> None:
        switch(self.keep, "" if self.hint else "Type a hint.")
