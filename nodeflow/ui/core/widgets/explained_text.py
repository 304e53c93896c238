"""A label that explains the technical terms in its text: when the pointer rests on a term, or when
Tab focuses it.
"""

from __future__ import annotations

from html import escape

from PySide6.QtCore import QRect, QSize, Qt, QTimer, Slot
from PySide6.QtGui import QCursor, QFocusEvent
from PySide6.QtWidgets import QLabel, QSizePolicy

from nodeflow.ui.core.glossary import with_links, words
from nodeflow.ui.core.widgets.anchored_tips import show_beside

WIDTH = 300


class ExplainedText(QLabel):
    """A wrapped label. Tab goes from word to word, and shows the explanation of each."""

    def __init__(self, role: str = "") -> None:
        super().__init__()
        self.setWordWrap(True)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        if role:
            self.setProperty("role", role)
        self._plain = ""
        self.linkHovered.connect(self._on_hover)
        self.linkActivated.connect(self._show_at_words)

    @property
    def plain(self) -> str:
        """The shown text, without links."""
        return self._plain

    def show_text(self, text: str, color: str = "") -> None:
        """Show a text.

        Args:
            color: the color of explained words; empty to explain none.
        """
        self._plain = text
        shown = with_links(text, color) if color else ""
        has_words = "<a " in shown
        self.setTextFormat(Qt.TextFormat.RichText if has_words else Qt.TextFormat.PlainText)
        self.setText(shown if has_words else text)
        by_mouse = Qt.TextInteractionFlag.LinksAccessibleByMouse
        flags = by_mouse | Qt.TextInteractionFlag.LinksAccessibleByKeyboard
        self.setTextInteractionFlags(
            flags if has_words else Qt.TextInteractionFlag.NoTextInteraction
        )
        policy = Qt.FocusPolicy.TabFocus if has_words else Qt.FocusPolicy.NoFocus
        self.setFocusPolicy(policy)
        self.setAccessibleName(text)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        if event.reason() == Qt.FocusReason.TabFocusReason:
            self.focusNextPrevChild(True)
        elif event.reason() == Qt.FocusReason.BacktabFocusReason:
            self.focusNextPrevChild(False)
        QTimer.singleShot(0, self, self._show_at_words)  # Qt hides tips when the focus moves

    def focusOutEvent(self, event: QFocusEvent) -> None:
        show_beside("", QRect(), self)
        super().focusOutEvent(event)

    def focusNextPrevChild(self, next: bool) -> bool:
        """Go to the next or previous word, and explain it."""
        stays = super().focusNextPrevChild(next)
        if stays and self.hasFocus():
            self._show_at_words()
        return stays

    @Slot(str)
    def _on_hover(self, word: str) -> None:
        at = QRect(self.mapFromGlobal(QCursor.pos()), QSize(1, 16))
        show_beside(explanation(word), at, self)

    @Slot()
    def _show_at_words(self) -> None:
        """Explain the word that has the focus, below the whole text, so that no tip covers it."""
        show_beside(explanation(self.selectedText()), self.rect(), self)


def explanation(shown: str) -> str:
    """Return the tooltip of a word in the text; empty if the glossary has no such word."""
    found = shown.lower()
    known = words()
    forms = (found, found.removesuffix("s"), found.removesuffix("es"))
    name = next((form for form in forms if form in known), "")
    if not name:
        return ""
    return f"<div style='width: {WIDTH}px'><b>{escape(name)}</b>: {escape(known[name])}</div>"
