"""The differences between two versions of a graph, as a text that can be copied."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtGui import QColor, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QPlainTextEdit, QPushButton, QWidget

from nodeflow.document.diff.differences import ADDED, CHANGED, REMOVED, compare
from nodeflow.document.diff.text import lines
from nodeflow.document.model.document import Document
from nodeflow.drawing.message_text import plain
from nodeflow.number_text import counted
from nodeflow.ui.core.theming.theme import SPACE, Theme
from nodeflow.ui.core.widgets.common_widgets import column, label

ROLES = {ADDED: "ok", REMOVED: "error", CHANGED: "warning"}
"""The colour of lines by kind of change, as the name of a colour of the theme. The signs + - ~
show the same.
"""
MOST_LINES = 5000

ShowOnCanvas = Callable[[Document, Document, str, str], None]
"""Draws a comparison. Arguments: the first document, the second document, and their titles."""


class DifferencesDialog(QDialog):
    """A dialog with the changes from one version to the other, one line for each node, wire and
    setting.

    Args:
        titles: the titles of both versions, such as ``on disk`` and ``in this window``.
        on_canvas: draws the comparison on the canvas; None if that is impossible.
    """

    def __init__(
        self,
        parent: QWidget,
        before: Document,
        after: Document,
        titles: tuple[str, str],
        theme: Theme,
        on_canvas: ShowOnCanvas | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("differences")
        self.setWindowTitle("Compare")
        self.resize(680, 460)
        self.wants_canvas = False
        found = compare(before, after)
        if not found and compare(before, after, layout=True):
            heading = "Only positions differ"
        else:
            heading = counted(len(found), "difference") if found else "No difference"
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setAccessibleName("Differences")
        self.text.setProperty("role", "mono")
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self._fill(list(lines(found, lambda line, change: f"{change}\0{line}")), theme)
        what = f"From the version {titles[0]} to {titles[1]}: + added, - removed, ~ changed."
        buttons = QDialogButtonBox()
        self.canvas = QPushButton("Show on the canvas")
        self.canvas.clicked.connect(self._on_canvas)
        copy = QPushButton("Copy")
        copy.clicked.connect(self._on_copy)
        close = QPushButton("Close")
        close.setDefault(True)
        for each, role in (
            (self.canvas, "ActionRole"),
            (copy, "ActionRole"),
            (close, "RejectRole"),
        ):
            buttons.addButton(each, QDialogButtonBox.ButtonRole[role])
        self.canvas.setVisible(on_canvas is not None and bool(found))
        buttons.rejected.connect(self.reject)
        self.heading = label(heading, "title")
        layout = column(
            self.heading, label(plain(what), "muted", wrap=True), self.text, buttons, gap=3
        )
        layout.setContentsMargins(SPACE[5], SPACE[5], SPACE[5], SPACE[4])
        self.setLayout(layout)

    def _fill(self, texts: list[str], theme: Theme) -> None:
        cursor = QTextCursor(self.text.document())
        plain_format = QTextCharFormat()
        for number, text in enumerate(texts[:MOST_LINES]):
            change, _, line = text.rpartition("\0")
            paint = QTextCharFormat(plain_format)
            if change:
                paint.setForeground(QColor(getattr(theme, ROLES[change])))
            cursor.insertText(("\n" if number else "") + plain(line), paint)
        if len(texts) > MOST_LINES:
            cursor.insertText(f"\nand {len(texts) - MOST_LINES} more", plain_format)
        self.text.moveCursor(QTextCursor.MoveOperation.Start)

    def _on_canvas(self) -> None:
        self.wants_canvas = True
        self.accept()

    def _on_copy(self) -> None:
        self.text.selectAll()
        self.text.copy()
