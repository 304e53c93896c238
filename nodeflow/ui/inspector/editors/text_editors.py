"""Editors of text: a line, a block of lines, or a literal, which is a number or lists of
numbers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QLineEdit, QPlainTextEdit, QToolButton, QWidget

from nodeflow.document.model.records import plain, same
from nodeflow.errors import NodeflowError
from nodeflow.graph.declaration import Attr
from nodeflow.number_text import count
from nodeflow.ui.core.theming.theme import Theme, icon
from nodeflow.ui.core.widgets.common_widgets import restyle
from nodeflow.ui.inspector.editors import value_parsing
from nodeflow.ui.inspector.editors.attribute_editor import Editor, words
from nodeflow.ui.inspector.editors.committed_edit import CommittedEdit
from nodeflow.ui.inspector.editors.table_editor_dialog import MOST, TableDialog, rows_of

MOST_LINES = 8
TABLES = ("value", "sample", "mean", "deviation")
"""Attributes that may be tables, so that they can be edited cell by cell."""


class TypedEditor(Editor):
    """The base class of text editors. ``read`` parses the text once it is complete."""

    field: QWidget

    def _follow(self, typing: CommittedEdit) -> None:
        """Connect the editor to the signals of a field's typing, and parse complete text."""
        self.typing = typing
        typing.committed.connect(self._take)
        typing.cancelled.connect(self._on_cancelled)
        typing.left.connect(self.finished)
        self._is_refused = False
        self._shown: Any = None

    def set_value(self, value: Any) -> None:
        shown_before, self._shown = self._shown, value
        if self.typing.is_pending or (self._is_refused and same(value, shown_before)):
            return  # keep typed text until it is complete or corrected
        if self.field.hasFocus() and self._means(value):
            return  # keep the user's own way of writing this value
        self._show_text(value)
        self.refuse("")

    def text(self) -> str:
        """Return the text of the field."""
        raise NotImplementedError

    def read(self, text: str) -> Any:
        """Parse a text.

        Raises:
            ValueError: it is not a valid value; the message is the reason.
        """
        raise NotImplementedError

    def _show_text(self, value: Any) -> None:
        """Write a value into the field."""
        raise NotImplementedError

    def focus_widget(self) -> QWidget:
        return self.field

    def refuse(self, text: str) -> None:
        self._is_refused = bool(text)
        restyle(self.field, "invalid", "true" if text else "false")
        super().refuse(text)

    def _means(self, value: Any) -> bool:
        try:
            return plain(self.read(self.text())) == value
        except ValueError:
            return False

    def _on_typed(self) -> None:
        """Remove the error message once it no longer applies."""
        if not self._is_refused:
            return
        try:
            self.attr.check(self.read(self.text()))
        except (ValueError, NodeflowError):
            return
        self.refuse("")

    def _on_cancelled(self) -> None:
        self._show_text(self._shown)
        self.refuse("")

    def _take(self) -> None:
        """Submit the value of the text. If the text has none, show the reason."""
        try:
            value = self.read(self.text())
        except ValueError as error:
            self.refuse(str(error))
            return
        self.submit(value)


def shown_by(show: Callable[[Any], str], value: Any) -> str:
    """Format a value. If the file has a value of an unexpected kind, format it as JSON."""
    try:
        return show(value)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        return json.dumps(value, ensure_ascii=False, default=str)


def meaning(attr: Attr, otherwise: str = "automatic") -> str:
    """Return the meaning of an empty field, from the attribute's documentation.

    For example, return ``no limit`` if it says "none: no limit"; return ``otherwise`` if it
    says nothing.
    """
    found = re.search(r"\b(?:none|empty): ([^.;]+)", attr.doc)
    return found[1] if found else otherwise


class TextEditor(TypedEditor):
    """A line of text, parsed by ``parse``. Up and Down step numbers."""

    field: _Line

    def __init__(
        self,
        attr: Attr,
        theme: Theme,
        parse: Callable[[str], Any],
        show: Callable[[Any], str] = value_parsing.show,
        empty: str = "",
        empty_is_none: bool = False,
        mono: bool = False,
    ) -> None:
        super().__init__(attr, theme)
        self._parse, self._show, self._empty_is_none = parse, show, empty_is_none
        self.field = _Line(self)
        self.field.setPlaceholderText(empty)
        if mono:
            self.field.setProperty("role", "mono")
        self.field.textEdited.connect(self._on_typed)
        self._follow(self.field.typing)
        self.field.stepped.connect(self._on_step)
        self._layout.addWidget(self.field)
        self.setFocusProxy(self.field)

    def text(self) -> str:
        return self.field.text()

    def _show_text(self, value: Any) -> None:
        shown = shown_by(self._show, value)
        if self.field.text() != shown:
            self.field.setText(shown)

    def read(self, text: str) -> Any:
        none_allowed = self.attr.optional or self.attr.default is None
        if not text.strip() and (self._empty_is_none or none_allowed) and self.attr.kind != "axes":
            return None
        return self._parse(text)

    def _on_step(self, steps: float) -> None:
        if self.attr.kind not in ("int", "float", "number", "literal"):
            return
        try:
            value = self.read(self.field.text())
        except ValueError:
            return
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return
        integer = self.attr.kind == "int" or isinstance(value, int)
        by = (1 if steps > 0 else -1) if integer and abs(steps) < 1 else steps
        stepped = value + (int(by) if integer else by)
        self.field.setText(self._show(stepped if integer else round(stepped, 10)))
        self._take()


class _Line(QLineEdit):
    """A line edit that reports arrow keys."""

    stepped = Signal(float)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.typing = CommittedEdit(self)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            size = 1.0
            if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
                size = 10.0
            elif event.modifiers() & Qt.KeyboardModifier.AltModifier:
                size = 0.1
            self.stepped.emit(size if event.key() == Qt.Key.Key_Up else -size)
            event.accept()
            return
        super().keyPressEvent(event)


class BlockEditor(TypedEditor):
    """A text field of several lines that grows with its content: nested lists, JSON, notes."""

    field: _Block
    wide = True

    def __init__(
        self,
        attr: Attr,
        theme: Theme,
        parse: Callable[[str], Any],
        show: Callable[[Any], str] = value_parsing.show,
        empty: str = "",
        mono: bool = True,
        multiline: bool = False,
    ) -> None:
        super().__init__(attr, theme)
        self._parse, self._show = parse, show
        self.field = _Block()
        self.field.setPlaceholderText(empty)
        if mono:
            self.field.setProperty("role", "mono")
        self.field.setTabChangesFocus(True)
        self.field.textChanged.connect(self._on_text)
        self._follow(CommittedEdit(self.field, multiline))
        self._layout.addWidget(self.field)
        self.setFocusProxy(self.field)
        self._setting = False

    def text(self) -> str:
        return self.field.toPlainText()

    def _show_text(self, value: Any) -> None:
        shown = shown_by(self._show, value)
        if self.field.toPlainText() != shown:
            self._setting = True
            self.field.setPlainText(shown)
            self._setting = False

    def read(self, text: str) -> Any:
        if not text.strip() and (self.attr.optional or self.attr.default is None):
            return None
        return self._parse(text)

    def _on_text(self) -> None:
        if not self._setting:
            self.typing.begin()
            self._on_typed()


class LiteralEditor(BlockEditor):
    """A number, or lists of numbers, as text.

    A table button opens the dialog to edit it cell by cell.
    """

    def __init__(self, attr: Attr, theme: Theme) -> None:
        super().__init__(attr, theme, value_parsing.literal, empty=meaning(attr, "no value"))
        self.field.selects_scalar = True
        self.table = QToolButton()
        self.table.setIcon(icon("table", theme, "ink_muted", 16))
        self.table.setAccessibleName(f"Edit {attr.name} as a table")
        self.table.clicked.connect(self._on_table)
        self._layout.addWidget(self.table, 0, Qt.AlignmentFlag.AlignTop)
        self.table.setVisible(attr.name in TABLES)
        self._say_what_table_does(None)

    def set_value(self, value: Any) -> None:
        super().set_value(value)
        self._say_what_table_does(value)

    def _say_what_table_does(self, value: Any) -> None:
        fits = rows_of(value) is not None
        self.table.setEnabled(fits)
        self.table.setToolTip(
            "Edit as a table…" if fits else f"No table: more than two axes or {count(MOST)} values"
        )

    def _on_table(self) -> None:
        self.typing.commit()
        dialog = TableDialog(self.window(), self.attr.label or words(self.attr.name), self._shown)
        if dialog.exec():
            self.submit(dialog.value)
            self.finished.emit()


class _Block(QPlainTextEdit):
    """A text field whose height follows its text, within limits."""

    selects_scalar = False
    """Whether the field selects a one-word text when it gets the focus, so that typing replaces
    it.
    """

    def __init__(self) -> None:
        super().__init__()
        self._selects_on_release = False
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self.document().documentLayout().documentSizeChanged.connect(self._grow)
        self._grow()

    def event(self, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.Show, QEvent.Type.StyleChange):
            self._grow()
        return super().event(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        reasons = Qt.FocusReason
        back = event.reason() in (reasons.PopupFocusReason, reasons.ActiveWindowFocusReason)
        if self.selects_scalar and not back and len(self.toPlainText().split()) == 1:
            self.selectAll()
            self._selects_on_release = event.reason() == reasons.MouseFocusReason

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        if self._selects_on_release and not self.textCursor().hasSelection():
            self.selectAll()
        self._selects_on_release = False

    def _grow(self) -> None:
        lines = max(1, min(MOST_LINES, round(self.document().size().height())))
        height = round(lines * self.fontMetrics().lineSpacing() + 20)
        if self.height() != height:
            self.setFixedHeight(height)
