"""A plot with its legend and its menu."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from html import escape

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QLabel, QMenu, QSizePolicy, QToolButton, QWidget

from nodeflow.ui.core.painting import text_metrics
from nodeflow.ui.core.theming.theme import Theme, icon
from nodeflow.ui.core.theming.theme_manager import ThemeManager
from nodeflow.ui.core.widgets.common_widgets import column, row, switch
from nodeflow.ui.core.widgets.plain_tips import plain_tip
from nodeflow.ui.panels.plots.arrangement import PlotPlace
from nodeflow.ui.panels.plots.curve_plot import CurvePlot

DASHED = "<b>- -</b>"
EXPORTS = (
    (".png", "Export as a picture (PNG)…"),
    (".svg", "Export as a drawing (SVG)…"),
    (".csv", "Export the values (CSV)…"),
)
MARK, SHORTEST = 26.0, 40.0
"""Width of a curve's mark with the space around it, and of the shortest title, in pixels."""
LOWEST = 110
"""Minimum height of a legible plot, in pixels."""


class PlotCell(QWidget):
    """One plot of the grid.

    Signals:
        log_toggled(bool), curve_toggled(name, bool): chosen in the plot's menu.
        moved(int): move the plot by this many places.
        removed().
        alone_toggled(): show the plot by itself, or all plots again.
        export_asked(str): write the plot to a file with this suffix.
    """

    log_toggled = Signal(bool)
    curve_toggled = Signal(str, bool)
    moved = Signal(int)
    removed = Signal()
    alone_toggled = Signal()
    export_asked = Signal(str)

    def __init__(self, themes: ThemeManager) -> None:
        super().__init__()
        self.place = PlotPlace()
        self._names: Sequence[str] = ()
        self._place_number, self._count = 0, 1
        self.plot = CurvePlot(themes)
        self.plot.setMinimumHeight(LOWEST)
        self.legend = QLabel()
        self.legend.setTextFormat(Qt.TextFormat.RichText)
        self.legend.setProperty("role", "caption")
        self.legend.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.button = QToolButton()
        self.button.setAutoRaise(True)
        self.button.setAccessibleName("Menu of the plot")
        self.button.setToolTip("Choose the curves and the place of this plot")
        self.button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.menu = QMenu(self.button)
        self.menu.setToolTipsVisible(True)
        self.menu.aboutToShow.connect(self._fill_menu)
        self.button.setMenu(self.menu)
        self.alone = QToolButton()
        self.alone.setAutoRaise(True)
        self.alone.setAccessibleName("Full size")
        self.alone.clicked.connect(self._on_alone)
        head = row(1, self.legend, self.alone, self.button, gap=1)
        head.setStretch(1, 1)
        layout = column(head, self.plot, gap=0)
        layout.setStretch(1, 1)
        self.setLayout(layout)
        self._is_alone = False
        themes.follow(self._set_theme)

    def _set_theme(self, theme: Theme) -> None:
        self.button.setIcon(icon("ellipsis", theme, "ink_muted", 14))
        self.alone.setIcon(icon("maximize", theme, "ink_muted", 14))
        self.show_legend()

    def set_place(self, place: PlotPlace, names: Sequence[str], number: int, count: int) -> None:
        """Set the plot's place, the names of all curves, and its number among ``count`` plots."""
        self.place, self._names = place, names
        self._place_number, self._count = number, count

    def set_alone(self, is_alone: bool, count: int) -> None:
        """Show whether this is the only visible one of ``count`` plots."""
        self._is_alone = is_alone
        self.alone.setVisible(count > 1)
        words = "Show all plots again (Escape)" if is_alone else "Show this plot by itself"
        self.alone.setToolTip(plain_tip(words))

    def show_legend(self) -> None:
        """List the names of the curves, in their colours."""
        plot = self.plot
        named = [curve.title for curve in plot.curves]
        titles = self._fitting([plot.common_name, *map(plot.title_of, plot.curves)])
        texts = [
            f"<span style='color:{plot.color_of(c).name()}'>{DASHED if plot.is_dashed(c) else '●'}"
            f"</span> {escape(title)}"
            for c, title in zip(plot.curves, titles[1:], strict=True)
        ]
        if plot.common_name:
            texts.insert(0, escape(titles[0]))
        text = "&nbsp;&nbsp; ".join(texts) or escape(", ".join(self.place.curves)) or "No curves"
        if text != self.legend.text():
            self.legend.setText(text)
            self.legend.setToolTip(plain_tip("\n".join(named)))

    def _fitting(self, titles: list[str]) -> list[str]:
        """Return titles, the longest of them shortened if all together are wider than the head."""
        style = text_metrics.CAPTION
        widths = [text_metrics.width(title, style) for title in titles]
        room, most = self.legend.width() - MARK * sum(map(bool, titles)), max(widths)
        while most > SHORTEST and sum(min(width, most) for width in widths) > room:
            most -= 8
        return [
            title if width <= most else text_metrics.elide(title, style, most)
            for title, width in zip(titles, widths, strict=True)
        ]

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.show_legend()

    # ---- menu ---------------------------------------------------------------------------------

    def _fill_menu(self) -> None:
        menu = self.menu
        menu.clear()
        log = menu.addAction("Logarithmic")
        log.setCheckable(True)
        log.setChecked(self.place.log)
        log.toggled.connect(self.log_toggled)
        menu.addSection("Curves")
        for name in dict.fromkeys((*self._names, *self.place.curves)):
            entry = menu.addAction(name.replace("&", "&&"))
            entry.setCheckable(True)
            entry.setChecked(name in self.place.curves)
            entry.toggled.connect(partial(self._toggle, name))
        menu.addSeparator()
        drawn = any(curve.count for curve in self.plot.curves)
        for suffix, words in EXPORTS:
            entry = menu.addAction(words)
            switch(entry, "" if drawn else "Nothing is drawn yet.")
            entry.triggered.connect(partial(self._export, suffix))
        menu.addSeparator()
        for text, by in (("Move left", -1), ("Move right", 1)):
            entry = menu.addAction(text)
            is_there = 0 <= self._place_number + by < self._count
            switch(entry, "" if is_there else "There is no other plot on this side.")
            entry.triggered.connect(partial(self._move, by))
        entry = menu.addAction("Remove this plot")
        switch(entry, "" if self._count > 1 else "This is the only plot.")
        entry.triggered.connect(self._remove)

    def _toggle(self, name: str, on: bool) -> None:
        self.curve_toggled.emit(name, on)

    def _move(self, by: int, _: bool = False) -> None:
        self.moved.emit(by)

    def _on_alone(self, _: bool = False) -> None:
        self.alone_toggled.emit()

    def _export(self, suffix: str, _: bool = False) -> None:
        self.export_asked.emit(suffix)

    def _remove(self, _: bool = False) -> None:
        self.removed.emit()
