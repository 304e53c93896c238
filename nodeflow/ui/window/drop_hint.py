"""An overlay on the middle of the window that says what dropping the dragged file would do."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from nodeflow.ui.core.theming.theme import SPACE, TYPE, font
from nodeflow.ui.core.theming.theme_manager import ThemeManager


class DropHint(QWidget):
    """An overlay on its parent that passes all mouse events through."""

    def __init__(self, themes: ThemeManager, parent: QWidget) -> None:
        super().__init__(parent)
        self._themes = themes
        self.text = ""
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hide()

    def show_text(self, text: str) -> None:
        """Show the effect of a drop; hide if the text is empty."""
        self.text = text
        if not text:
            self.hide()
            return
        self.setAccessibleName(text)
        parent = self.parentWidget()
        assert parent is not None
        self.setGeometry(parent.rect())
        self.show()
        self.raise_()

    def paintEvent(self, _: QPaintEvent) -> None:
        theme, painter = self._themes.theme, QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), theme.color("canvas", 0.75))
        pen = QPen(theme.color("accent"), 2, Qt.PenStyle.DashLine)
        painter.setPen(pen)
        pad = SPACE[4]
        painter.drawRoundedRect(self.rect().adjusted(pad, pad, -pad, -pad), 12, 12)
        painter.setFont(font(TYPE["title"], 600))
        painter.setPen(theme.color("ink"))
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self.text)
