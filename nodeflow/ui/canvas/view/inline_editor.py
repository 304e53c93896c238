"""The one real widget on the canvas: a line editor over the title that is being changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QFocusEvent, QKeyEvent
from PySide6.QtWidgets import QLineEdit

from nodeflow.ui.core import theme

if TYPE_CHECKING:
    from nodeflow.ui.canvas.view.view import CanvasView


class InlineEditor(QLineEdit):
    """Edits one text in place. Enter or leaving accepts, Escape leaves it as it was."""

    def __init__(
        self, view: CanvasView, rect: QRectF, text: str, accept: Callable[[str], None]
    ) -> None:
        super().__init__(text, view)
        self.setObjectName("inlineEditor")
        self.setAccessibleName("Name")
        self._text, self._accept, self._open = text, accept, True
        self.setFont(theme.font(max(13.0, min(13 * view.camera.scale, 26.0)), 600))
        area = rect.toRect()
        area.setWidth(max(area.width(), 140))
        area.setHeight(max(area.height(), 26))
        self.setGeometry(area)
        self.selectAll()
        self.show()
        self.setFocus(Qt.FocusReason.PopupFocusReason)

    def finish(self, accept: bool) -> None:
        """Close, taking the text over or not."""
        if not self._open:
            return
        self._open = False
        view, text = self.parentWidget(), self.text().strip()
        if accept and text != self._text:
            self._accept(text)
        self.hide()
        self.deleteLater()
        if view is not None:
            view.setFocus()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.finish(False)
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.finish(True)
        else:
            super().keyPressEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.finish(True)
