"""The question of a step: a number or shape to type, or choices."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from nodeflow.lessons.schema import CHOICE, NUMBER, Prediction
from nodeflow.ui.core.theming.theme import SPACE
from nodeflow.ui.core.widgets.common_widgets import button, clear, label
from nodeflow.ui.core.widgets.escaped_text import on_button

FIELD_WIDTH = 120


class QuestionForm(QWidget):
    """The question of a step.

    Signals:
        answered(answer): the learner typed an answer, as text, or chose an index.
    """

    answered = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(SPACE[2])
        self.field: QLineEdit | None = None
        self.choices: list[QPushButton] = []

    def ask(self, prediction: Prediction, question: str, choices: list[str]) -> None:
        """Show a question."""
        self.forget()
        self._layout.addWidget(label(question, "strong", wrap=True))
        if prediction.kind == CHOICE:
            for index, text in enumerate(choices):
                choice = button(on_button(text), "", partial(self.answered.emit, index))
                choice.setStyleSheet("text-align: left;")
                self.choices.append(choice)
                self._layout.addWidget(choice)
            return
        self.field = QLineEdit()
        self.field.setAccessibleName(question)
        self.field.setFixedWidth(FIELD_WIDTH)
        self.field.setPlaceholderText("a number" if prediction.kind == NUMBER else "such as 3, 2")
        self.field.returnPressed.connect(self._submit)
        row = QHBoxLayout()
        row.addWidget(self.field)
        row.addWidget(button("Answer", "primary", self._submit))
        row.addStretch(1)
        self._layout.addLayout(row)

    def forget(self) -> None:
        """Remove the question."""
        clear(self._layout)
        self.field, self.choices = None, []

    def mark(self, index: int) -> None:
        """Mark a wrong choice by a cross, and disable it."""
        if index < len(self.choices) and self.choices[index].isEnabled():
            choice = self.choices[index]
            choice.setText(f"✗ {choice.text()}")
            choice.setEnabled(False)

    def _submit(self) -> None:
        if self.field is not None and self.field.text().strip():
            self.answered.emit(self.field.text())
