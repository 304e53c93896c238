"""Ctrl+Z in a field without uncommitted text: undo the last edit of the document, not the text.

Fields in Qt consume the keys of Undo and Redo even with nothing to undo. After Enter has
committed its text, a field leaves these keys to the window.
"""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject
from PySide6.QtGui import QKeyEvent, QKeySequence
from PySide6.QtWidgets import QLineEdit

KEYS = (QKeySequence.StandardKey.Undo, QKeySequence.StandardKey.Redo)


def is_left_to_window(event: QEvent, is_typing: bool) -> bool:
    """Return whether a field passes a key on to the window: Undo or Redo while nobody types in
    it.
    """
    asks = event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent)
    return asks and not is_typing and any(map(event.matches, KEYS))  # type: ignore[union-attr]


class UndoKeys(QObject):
    """An event filter that passes the keys of Undo and Redo on to the window while a field is
    unmodified.
    """

    def __init__(self, field: QLineEdit) -> None:
        super().__init__(field)
        self._field = field
        field.installEventFilter(self)

    def eventFilter(self, _: QObject, event: QEvent) -> bool:
        is_typing = self._field.isModified() or self._field.isRedoAvailable()
        if is_left_to_window(event, is_typing):
            event.ignore()
            return True
        return False
