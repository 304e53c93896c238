"""Asks for one number. 0 has a special meaning, such as "as many as cores" or "all free memory"."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QSpinBox, QWidget

from nodeflow.ui.core.theming.theme import SPACE
from nodeflow.ui.core.widgets.common_widgets import column, label, padded, row


class NumberDialog(QDialog):
    """A dialog with a text, and a field for a number.

    Args:
        title: title of the window.
        text: meaning of the number.
        name: label before the field.
        most: the highest number.
        nothing: the words shown for 0.

    Attributes:
        field: the field with the chosen value. Callers set its suffix, steps and accessible name.
    """

    def __init__(
        self, parent: QWidget, title: str, text: str, *, name: str, most: int, nothing: str
    ) -> None:
        super().__init__(parent)
        self.setObjectName(title.lower())
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(title)
        self.field = padded(QSpinBox())
        self.field.setRange(0, most)
        self.field.setSpecialValueText(nothing)
        self.field.setMinimumWidth(180)
        standard = QDialogButtonBox.StandardButton
        buttons = QDialogButtonBox(standard.Ok | standard.Cancel)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        words = label(text, "muted", wrap=True)
        words.setMinimumWidth(380)
        layout = column(words, row(label(name), self.field, None), buttons, gap=4)
        layout.setContentsMargins(SPACE[5], SPACE[5], SPACE[5], SPACE[4])
        self.setLayout(layout)
