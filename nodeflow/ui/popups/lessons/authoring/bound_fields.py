"""Fields of a form that show a part of the lesson, and edit it while the author types."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QSignalBlocker
from PySide6.QtWidgets import QLineEdit, QPlainTextEdit, QSpinBox, QWidget

from nodeflow.lessons.errors import LessonProblem
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.widgets.undo_keys import UndoKeys


class Page(QWidget):
    """A page of the form. It shows the lesson of the open document."""

    def __init__(self, workspace: Workspace) -> None:
        super().__init__()
        self.workspace = workspace

    def refresh(self) -> None:
        """Show the lesson as it is now."""
        raise NotImplementedError


class Line(QLineEdit):
    """One line of text.

    Args:
        name: what the field holds, for screen readers.
        write: takes the text at each change.
    """

    def __init__(self, name: str, write: Callable[[str], object], placeholder: str = "") -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setPlaceholderText(placeholder)
        self.textEdited.connect(write)
        UndoKeys(self)

    def show_text(self, text: str) -> None:
        """Show a text, unless the field has it already."""
        if self.text() != text:
            self.setText(text)
            self.setCursorPosition(0)

    def show_value(self, value: Any, text: str, read: Callable[[str], Any]) -> None:
        """Show a value as text, unless the typed text stands for it already."""
        try:
            if read(self.text()) == value:
                return
        except (LessonProblem, ValueError):
            if self.hasFocus():
                return  # the author is still typing
        self.show_text(text)


class Box(QPlainTextEdit):
    """Several lines of text, with the arguments of `Line`."""

    def __init__(self, name: str, write: Callable[[str], object], placeholder: str = "") -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setPlaceholderText(placeholder)
        self.setTabChangesFocus(True)
        self._write = write
        self.textChanged.connect(self._on_change)

    def show_text(self, text: str) -> None:
        """Show a text, unless the field has it already."""
        if self.toPlainText() != text:
            with QSignalBlocker(self):
                self.setPlainText(text)

    def _on_change(self) -> None:
        self._write(self.toPlainText())


class Number(QSpinBox):
    """A whole number.

    Args:
        nothing: the words for the lowest number; empty if it is a number like others.
    """

    def __init__(
        self, name: str, write: Callable[[int], object], low: int, high: int, nothing: str = ""
    ) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setRange(low, high)
        if nothing:
            self.setSpecialValueText(nothing)
        self.setFixedWidth(120)
        self.valueChanged.connect(write)

    def show_number(self, number: int) -> None:
        """Show a number."""
        with QSignalBlocker(self):
            self.setValue(number)
