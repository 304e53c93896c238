"""Text that becomes a value when it is complete: at Enter, when it is left, or after a pause.

A half-typed list (``3, -``) is not a value yet, and no mistake either: so nothing is reported while
the user types. A shortcut, such as that of Train, first takes what was typed.
"""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QWidget

PAUSE_MS = 350
"""Longer than between two typed keys, shorter than a look at the result."""

NO_SHORTCUT = Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.KeypadModifier


class DebouncedEdit(QObject):
    """Signals when the text that is being typed in a field is to be read.

    Signals:
        paused: no key for a moment; what is no value yet may become one.
        ended: it is complete: Enter, the focus left, or a shortcut comes.
    """

    paused = Signal()
    ended = Signal()

    def __init__(self, field: QWidget) -> None:
        super().__init__(field)
        self._timer = QTimer(self, singleShot=True, interval=PAUSE_MS)
        self._timer.timeout.connect(self.paused)
        field.installEventFilter(self)

    @property
    def is_going_on(self) -> bool:
        """Keys came that were not read yet."""
        return self._timer.isActive()

    def go_on(self) -> None:
        """A key came."""
        self._timer.start()

    def end(self) -> None:
        """Read what was typed now."""
        self._timer.stop()
        self.ended.emit()

    def eventFilter(self, _: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.FocusOut or (
            event.type() == QEvent.Type.ShortcutOverride
            and isinstance(event, QKeyEvent)
            and self.is_going_on
            and _is_shortcut(event)
        ):
            self.end()
        return False


def _is_shortcut(event: QKeyEvent) -> bool:
    function_key = Qt.Key.Key_F1 <= event.key() <= Qt.Key.Key_F35
    return function_key or bool(event.modifiers() & ~NO_SHORTCUT)
