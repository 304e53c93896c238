"""The bar over a comparison: titles of both documents, kinds of marks, and the End button."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from PySide6.QtCore import QPointF, QSize, Qt, Signal
from PySide6.QtGui import QIcon, QPainter, QPixmap
from PySide6.QtWidgets import QCheckBox, QFrame, QLabel, QToolButton

from nodeflow.document.diff.differences import ADDED, CHANGED, REMOVED
from nodeflow.number_text import counted
from nodeflow.ui.canvas.paint.mark_layer import draw_sign
from nodeflow.ui.core.theming.theme import SPACE, Theme, icon
from nodeflow.ui.core.theming.theme_manager import ThemeManager
from nodeflow.ui.core.widgets.common_widgets import ElidedLabel, button, column, label, row
from nodeflow.ui.core.widgets.plain_tips import plain_tip

KINDS = (ADDED, REMOVED, CHANGED)
SIGN_SIZE = 16


def sign(kind: str, theme: Theme, size: int = SIGN_SIZE) -> QPixmap:
    """Return an icon for a kind of change that looks like the mark on the canvas."""
    pixmap = QPixmap(QSize(size, size) * 2)
    pixmap.setDevicePixelRatio(2)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    draw_sign(painter, theme, kind, QPointF(size / 2, size / 2), size * 0.4)
    painter.end()
    return pixmap


class ComparisonBanner(QFrame):
    """A bar that names both documents, counts the differences by kind, and steps through them.

    Signals:
        step(1 or -1): go to the next or the previous difference.
        layout_toggled(on): also compare positions.
        closed: end the comparison.
    """

    step = Signal(int)
    layout_toggled = Signal(bool)
    closed = Signal()

    def __init__(self, themes: ThemeManager, keys: Callable[[str], str]) -> None:
        super().__init__()
        self.setObjectName("panelHeader")
        self.setAccessibleName("Comparison")
        self._keys = keys
        self.titles = ElidedLabel("", "strong")
        self.counts: dict[str, QLabel] = {kind: label("", "muted") for kind in KINDS}
        self._signs: dict[str, QLabel] = {kind: QLabel() for kind in KINDS}
        self.nothing = label("No differences", "muted")
        self.nothing.hide()
        self.positions = QCheckBox("Positions")
        self.positions.setToolTip("Also show nodes and frames that were only moved")
        self.positions.toggled.connect(self.layout_toggled)
        self.place = label("", "muted")
        self.place.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.previous = self._tool("Previous change", partial(self.step.emit, -1))
        self.next = self._tool("Next change", partial(self.step.emit, 1))
        self.end = button("End comparison", "", self.closed.emit)
        self.end.setToolTip("Back to the graph (Escape)")
        legend = [part for kind in KINDS for part in (self._signs[kind], self.counts[kind], 1)]
        names = row(self.titles, 2, self.end)
        names.setStretchFactor(self.titles, 1)
        steps = row(self.previous, self.place, self.next, gap=1)
        layout = column(
            names, row(*legend, self.nothing, 1, self.positions, None, steps, gap=1), gap=1
        )
        layout.setContentsMargins(SPACE[3], SPACE[1], SPACE[2], SPACE[1])
        self.setLayout(layout)
        self.show_keys()
        themes.follow(self.set_theme)

    def _tool(self, name: str, slot: Callable[[], None]) -> QToolButton:
        tool = QToolButton()
        tool.setAccessibleName(name)
        tool.setIconSize(QSize(16, 16))
        tool.clicked.connect(slot)
        return tool

    def show_keys(self) -> None:
        """Show the keys of the buttons in their tooltips."""
        steps = ((self.previous, "previous_change"), (self.next, "next_change"))
        for widget, action in steps:
            name, keys = widget.accessibleName(), self._keys(action)
            widget.setToolTip(plain_tip(f"{name} ({keys})" if keys else name))

    def show_titles(self, before: str, after: str) -> None:
        self.titles.setText(f"Compared: {before} → {after}")

    def show_counts(self, counts: Mapping[str, int] | None, only_moved: bool = False) -> None:
        """Show the number of differences of each kind; None while it is unknown.

        Args:
            only_moved: whether only positions differ.
        """
        self.nothing.setText("Only positions differ" if only_moved else "No differences")
        self.nothing.setVisible(counts is not None and not counts)
        counts = counts or {}
        total = sum(counts.values())
        for kind in KINDS:
            number = counts.get(kind, 0)
            self.counts[kind].setText(f"{number} {kind}")
            for widget in (self.counts[kind], self._signs[kind]):
                widget.setVisible(bool(number))
        for widget in (self.previous, self.next, self.place):
            widget.setVisible(total > 0)
        self.setAccessibleDescription(f"{self.titles.text()}: {counted(total, 'difference')}")

    def show_place(self, number: int, total: int) -> None:
        """Show the number of the current difference, from 0; -1 for none."""
        self.place.setText(f"{number + 1} of {total}" if number >= 0 else counted(total, "change"))

    def set_theme(self, theme: Theme) -> None:
        for kind, widget in self._signs.items():
            widget.setPixmap(sign(kind, theme))
            widget.setAccessibleName(f"Sign of what was {kind}")
        self.previous.setIcon(icon("chevron-left", theme, "ink", 16))
        self.next.setIcon(icon("chevron-right", theme, "ink", 16))

    @staticmethod
    def icons(theme: Theme) -> dict[str, QIcon]:
        """Return the icons by kind of change."""
        return {kind: QIcon(sign(kind, theme)) for kind in KINDS}
