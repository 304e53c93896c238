"""Typed text that becomes a value on Enter or when its field loses the focus.

While the user types, nothing reaches the document, because half a path or half a list is not a
value. So nothing that depends on the document is rebuilt under the cursor.
"""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent
from PySide6.QtWidgets import QLineEdit, QPlainTextEdit, QWidget

from nodeflow.ui.core.widgets.undo_keys import is_left_to_window

Field = QLineEdit | QPlainTextEdit


class CommittedEdit(QObject):
    """The signals of a text field about its complete text.

    Enter, leaving the field, and commands of the window commit the text; Escape discards it.
    While the user types, Undo changes the text. At other times Undo takes back the last edit of
    the document.

    Args:
        multiline: Enter begins another line; Ctrl+Enter commits.

    Signals:
        committed: the typed text is complete.
        cancelled: the user wants the previous text back.
        left: the user pressed Enter or left the field, with or without typing.
    """

    committed = Signal()
    cancelled = Signal()
    left = Signal()

    def __init__(self, field: Field, multiline: bool = False) -> None:
        super().__init__(field)
        self._multiline = multiline
        self.is_pending = False
        """Whether the field has uncommitted text."""
        if isinstance(field, QLineEdit):
            field.textEdited.connect(self.begin)
            field.returnPressed.connect(self._on_enter)  # also while completions are shown
        field.installEventFilter(self)

    def begin(self, *_: object) -> None:
        """Note that something was typed."""
        self.is_pending = True

    def commit(self) -> None:
        """Commit the typed text, if something was typed."""
        if self.is_pending:
            self.is_pending = False
            self.committed.emit()
        self.left.emit()

    def abandon(self) -> None:
        """Forget the typed text, because the field is about to be deleted."""
        self.is_pending = False

    def eventFilter(self, field: QObject, event: QEvent) -> bool:
        if isinstance(event, QFocusEvent) and event.type() == QEvent.Type.FocusOut:
            # Opening a menu does not count as leaving the field.
            if event.reason() != Qt.FocusReason.PopupFocusReason:
                self.commit()
        elif is_left_to_window(event, self.is_pending):
            event.ignore()
            return True
        elif isinstance(event, QKeyEvent):
            return self._takes(field, event)
        return False

    def _takes(self, field: QObject, event: QKeyEvent) -> bool:
        """Handle Escape while the user types, and Enter where it commits.

        Return whether the key was handled.
        """
        cancels = event.key() == Qt.Key.Key_Escape and self.is_pending
        commits = isinstance(field, QPlainTextEdit) and self._is_enter(event)
        if not (cancels or commits):
            return False
        if event.type() == QEvent.Type.ShortcutOverride:
            event.accept()
        elif event.type() == QEvent.Type.KeyPress:
            if cancels:
                self.is_pending = False
                self.cancelled.emit()
            else:
                self._on_enter()
        return True

    def _is_enter(self, event: QKeyEvent) -> bool:
        keys = Qt.KeyboardModifier
        modifiers = event.modifiers() & ~keys.KeypadModifier
        wanted = keys.ControlModifier if self._multiline else keys.NoModifier
        return event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and modifiers == wanted

    def _on_enter(self) -> None:
        field = self.parent()
        assert isinstance(field, Field)
        if not self._multiline:
            field.selectAll()
        self.commit()


def commit_typing(widget: QWidget | None) -> None:
    """Commit the typed text of the focused widget, if it has any."""
    for edit in widget.findChildren(CommittedEdit) if widget is not None else ():
        if edit.is_pending:
            edit.commit()
