"""Lines at the changes during a training, with texts that never overlap; imports pyqtgraph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor

from nodeflow.ui.core.painting import text_metrics
from nodeflow.ui.core.theming.theme import TYPE, Theme, font
from nodeflow.ui.panels.plots.plotting import pg
from nodeflow.ui.panels.plots.stretch_box import StretchBox

ROW, TOP, APART = 15.0, 10.0, 8.0
"""Pixels between rows of texts, above the first one, and between two texts in a row."""
MOST_ROWS = 4
NEAR = 6.0
"""Maximum distance in pixels between the pointer and its lines."""

Change = tuple[float, str, str]
"""Position on the x axis, text, and colour; the colour is empty for the plot's own training."""


class ChangeMarks:
    """The lines of one plot. Texts are in rows; one without room appears only at the pointer.

    Args:
        plot: the plot item, to which lines are added.
        to_view: returns the view coordinate of a position on the x axis; None if it has none.
    """

    def __init__(
        self, plot: Any, box: StretchBox, to_view: Callable[[float], float | None]
    ) -> None:
        self._plot, self._box, self._to_view = plot, box, to_view
        self.lines: list[Any] = []
        self._changes: list[Change] = []
        self._theme: Theme | None = None
        box.sigRangeChanged.connect(self.stack)
        box.sigResized.connect(self.stack)

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self._style()

    def show(self, changes: list[Change]) -> None:
        """Draw a line for each change."""
        while len(self.lines) < len(changes):
            options = {"movable": False, "anchors": [(0, 0.5), (0, 0.5)]}
            line = pg.InfiniteLine(angle=90, label="", labelOpts=options)
            self.lines.append(line)
            self._plot.addItem(line, ignoreBounds=True)
        for line in self.lines[len(changes) :]:
            line.hide()
        self._changes = list(changes)
        self._style()
        for line, (x, text, _) in zip(self.lines, changes, strict=False):
            placed = self._to_view(x)
            line.setVisible(placed is not None)
            if placed is not None:
                line.setValue(placed)
            line.label.setFormat(text.replace("{", "{{").replace("}", "}}"))
        self.stack()

    def _style(self) -> None:
        if self._theme is None:
            return
        for line, (_, _, color) in zip(self.lines, self._changes, strict=False):
            shown = QColor(color or self._theme.ink_muted)
            line.setPen(pg.mkPen(shown, width=1, style=Qt.PenStyle.DotLine))
            line.label.setColor(shown)
            line.label.setFont(font(TYPE["caption"]))

    def stack(self, *signal: object) -> None:
        """Put each text into the first row in which it has room, beside its line."""
        width, height = self._box.width(), self._box.height()
        rows: list[list[tuple[float, float]]] = [
            [] for _ in range(min(MOST_ROWS, int((height / 2 - TOP) // ROW) + 1))
        ]
        for line, change in sorted(self._drawn(), key=lambda each: each[1][0]):
            place = self._pixel(change[0])
            wide = text_metrics.width(change[1], text_metrics.CAPTION) + APART
            sides = ((place, 0.0), (place - wide, 1.0))
            found = next(
                (
                    (row, start, anchor)
                    for row in range(len(rows))
                    for start, anchor in sides
                    if 0 <= start <= width - wide
                    and all(start + wide <= low or start >= high for low, high in rows[row])
                ),
                None,
            )
            line.label.setVisible(found is not None)
            if found is not None:
                row, start, anchor = found
                rows[row].append((start, start + wide))
                line.label.anchors = [(anchor, 0.5), (anchor, 0.5)]
                line.label.setPosition(1 - (TOP + row * ROW) / height)

    def at(self, x: float) -> list[tuple[str, str]]:
        """Return colour and text of the changes near a position of the x axis."""
        place = self._pixel(x)
        return [
            (line.pen.color().name(), text)
            for line, (at, text, _) in self._drawn()
            if abs(self._pixel(at) - place) <= NEAR
        ]

    def _drawn(self) -> list[tuple[Any, Change]]:
        pairs = zip(self.lines, self._changes, strict=False)
        return [(line, change) for line, change in pairs if line.isVisible()]

    def _pixel(self, x: float) -> float:
        low, high = self._box.viewRange()[0]
        placed = self._to_view(x)
        part = 0.0 if placed is None or high <= low else (placed - low) / (high - low)
        return part * self._box.width()
