"""A box beside the crosshair that shows the values of all curves."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from PySide6.QtCore import QRect, Qt
from PySide6.QtWidgets import QLabel, QWidget

from nodeflow.ui.core.painting import text_metrics
from nodeflow.ui.core.theming.theme import TYPE, Theme, font

GAP = 10
MOST_ROWS = 12
AROUND, NOTE_AROUND = 52, 36
"""Width of a row apart from its name and value, and of a note apart from its text, in pixels."""


class Readout(QLabel):
    """The box of values. Mouse events pass through it."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setTextFormat(Qt.TextFormat.RichText)
        self.setObjectName("readout")
        self.setFont(font(TYPE["caption"]))
        self.rows: tuple[tuple[str, str, str], ...] = ()
        self.notes: tuple[tuple[str, str], ...] = ()
        self.head = ""
        self.hide()

    def set_theme(self, theme: Theme) -> None:
        self.setStyleSheet(
            f"#readout {{ background: {theme.raised}; color: {theme.ink};"
            f" border: 1px solid {theme.border_strong}; border-radius: 4px; padding: 2px 5px;"
            f" font-size: {TYPE['caption']}px; }}"
        )

    def show_rows(
        self,
        head: str,
        rows: list[tuple[str, str, str]],
        x: float,
        area: QRect,
        at_bottom: bool = False,
        notes: Sequence[tuple[str, str]] = (),
    ) -> None:
        """Show rows (colour, name, value) beside the position x, and below them notes (colour,
        text).

        Args:
            head: the heading.
            area: the area of the parent in which the box must stay.
            at_bottom: place the box in the lower part of the area.
        """
        room = area.width() - AROUND - max(_width(value) for *_, value in rows)
        rows = [(c, text_metrics.elide(n, text_metrics.CAPTION, room), v) for c, n, v in rows]
        room = area.width() - NOTE_AROUND
        notes = [(c, text_metrics.elide(text, text_metrics.CAPTION, room)) for c, text in notes]
        head = text_metrics.elide(head, text_metrics.CAPTION, area.width() - GAP)
        if (head, tuple(rows), tuple(notes)) != (self.head, self.rows, self.notes):
            self.head, self.rows, self.notes = head, tuple(rows), tuple(notes)
            lines = [
                f"<tr><td><span style='color:{color}'>●</span>&nbsp;{escape(name)}&nbsp;&nbsp;</td>"
                f"<td align='right'>{escape(value)}</td></tr>"
                for color, name, value in rows[:MOST_ROWS]
            ]
            if len(rows) > MOST_ROWS:
                lines.append(f"<tr><td colspan='2'>and {len(rows) - MOST_ROWS} more</td></tr>")
            lines += [
                f"<tr><td colspan='2'><span style='color:{color}'>┊</span>&nbsp;{escape(text)}</td>"
                "</tr>"
                for color, text in notes
            ]
            self.setText(f"<b>{escape(head)}</b><table>{''.join(lines)}</table>")
            self.adjustSize()
        left = x + GAP
        if left + self.width() > area.right():
            left = x - GAP - self.width()
        top = area.bottom() - self.height() - 2 if at_bottom else area.top() + 2
        self.move(round(max(left, area.left())), max(top, area.top()))
        self.show()
        self.raise_()


def _width(text: str) -> float:
    return text_metrics.width(text, text_metrics.CAPTION)
