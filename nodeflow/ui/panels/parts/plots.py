"""The plots of a training. Imports pyqtgraph, so import this module only when it is needed."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtGui import QFontMetricsF, QPen
from PySide6.QtWidgets import QWidget

from nodeflow.number_text import count
from nodeflow.ui.core.theme import TYPE, Theme, font
from nodeflow.ui.core.theme_manager import ThemeManager
from nodeflow.ui.panels.parts.training_history import Losses

MOST_EPOCHS = 500
"""More points than the panel has pixels only cost time."""
MOST_SYMBOLS = 60
"""More symbols would touch each other."""
BETWEEN_TICKS = 10
"""Pixels, at least, between the numbers along an axis."""


class WholeNumbers(pg.AxisItem):
    """An axis of steps or epochs, with few ticks, all at whole numbers and with room for them."""

    def tickSpacing(self, minVal: float, maxVal: float, size: float) -> list[tuple[float, float]]:
        metrics = QFontMetricsF(font(TYPE["caption"]))
        room = metrics.horizontalAdvance(count(round(maxVal))) + BETWEEN_TICKS
        least = max(1.0, (maxVal - minVal) * room / max(size, 1.0))
        levels = [spacing for spacing, _ in super().tickSpacing(minVal, maxVal, size)]
        fitting = [(spacing, 0.0) for spacing in levels if spacing >= least]
        return fitting or [(round_spacing(least), 0.0)]

    def tickStrings(self, values: list[float], scale: float, spacing: float) -> list[str]:
        return [count(round(value * scale)) for value in values]


class Plot(pg.PlotWidget):
    """A quiet plot: hairline grid, our fonts, no menu, mouse zoom along x.

    A subclass follows the theme once its curves exist.
    """

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent, axisItems={"bottom": WholeNumbers("bottom")})
        self.title = title
        self.plot: Any = self.getPlotItem()  # its methods are made while it is constructed
        self.plot.setMenuEnabled(False)
        self.plot.hideButtons()
        self.plot.setClipToView(True)
        self.setFrameShape(self.Shape.NoFrame)
        self.setAccessibleName(f"Plot of {title}")

    def set_theme(self, theme: Theme) -> None:
        self.theme = theme
        self.setBackground(theme.color("surface"))
        for name in ("left", "bottom"):
            axis = self.plot.getAxis(name)
            axis.setPen(pg.mkPen(theme.color("border")))
            axis.setTextPen(pg.mkPen(theme.color("ink_muted")))
            axis.setTickFont(font(TYPE["caption"]))
            axis.setStyle(tickLength=-4, tickTextOffset=6, maxTickLevel=0)
        self.plot.showGrid(x=False, y=True, alpha=0.08 if theme.is_dark else 0.12)

    def pen(self, role: str, alpha: float = 1.0, width: float = 1.75) -> QPen:
        pen = pg.mkPen(self.theme.color(role, alpha), width=width)
        pen.setCosmetic(True)
        return pen


class LossPlot(Plot):
    """The loss of each step, faint, under the smoothed loss."""

    def __init__(self, themes: ThemeManager) -> None:
        super().__init__("loss")
        self._right, self._height = 0, (0.0, 0.0)
        self.raw = self.plot.plot([], [])
        self.smooth = self.plot.plot([], [])
        options = {"position": 0.86, "anchors": [(1.05, 0.5), (1.05, 0.5)]}  # left of the line
        self.line = pg.InfiniteLine(angle=90, label="not finite", labelOpts=options)
        self.line.hide()
        self.plot.addItem(self.line, ignoreBounds=True)
        themes.follow(self.set_theme)

    def set_theme(self, theme: Theme) -> None:
        super().set_theme(theme)
        self.raw.setPen(self.pen("accent", 0.22, 1))
        self.smooth.setPen(self.pen("accent"))
        self.line.setPen(self.pen("error", width=1.5))
        self.line.label.setColor(theme.color("error"))
        self.line.label.setFont(font(TYPE["caption"]))

    def mark(self, step: int | None) -> None:
        """Draw a line where the loss is not finite for the first time; None takes it away."""
        self.line.setVisible(step is not None)
        if step is not None:
            self.line.setValue(step)

    def show_losses(self, losses: Losses, ended: bool = False) -> None:
        """Draw the losses.

        The axes stay while the losses fit, since they cost more than the curves; curves are
        antialiased only when the training has ended and no longer needs the processor.
        """
        for curve, points in (
            (self.raw, losses.course.points()),
            (self.smooth, losses.smooth_course.middles()),
        ):
            curve.setData(*points, skipFiniteCheck=True, antialias=ended)
        self._fit(losses, ended)

    def clear_losses(self) -> None:
        """Forget the curves, and the axes that were made for them."""
        self._right, self._height = 0, (0.0, 0.0)
        for curve in (self.raw, self.smooth):
            curve.setData([], [])
        self.plot.setRange(xRange=(1, 2), yRange=(0, 1), padding=0.01)

    def _fit(self, losses: Losses, ended: bool) -> None:
        """Fit the axes; the peak of the first steps may be cut off so that the rest is readable."""
        extent = losses.course.extent(0.995)
        if extent is None:
            return
        right = max(2, losses.count if ended else round_up(losses.count))
        if right != self._right:
            self._right = right
            self.plot.setXRange(1, right, padding=0.01)
        low, high = extent
        if high <= low:
            high = low + max(1e-6, abs(low) * 0.1)
        low = min(low, 0.0) if low > 0 and low < 0.5 * high else low
        bottom, top = self._height
        if not (bottom <= low < high <= top and high - low > 0.85 * (top - bottom)):
            pad = 0.04 * (high - low)
            self._height = (low - pad, high + pad)
            self.plot.setYRange(*self._height, padding=0)


class MetricPlot(Plot):
    """The metrics after each epoch."""

    ROLES = ("ok", "accent", "warning", "error")

    def __init__(self, themes: ThemeManager) -> None:
        super().__init__("metrics")
        self.curves: dict[str, Any] = {}
        self.colors: dict[str, int] = {}
        """Which role a curve has, where several plots share their colours."""
        self._drawn: tuple[dict[str, int], int, bool] = ({}, 0, False)
        themes.follow(self.set_theme)

    def set_theme(self, theme: Theme) -> None:
        super().set_theme(theme)
        for name in self.curves:
            self._style(name)

    def show_metrics(
        self, metrics: dict[str, list[tuple[int, float]]], epochs: int, unit: bool = False
    ) -> None:
        """Draw the metrics if there are new values; ``unit`` lets the axis run from 0 to 1."""
        counts = {name: len(points) for name, points in metrics.items()}
        if (counts, epochs, unit) == self._drawn:
            return
        self._drawn = (counts, epochs, unit)
        for name in [n for n in self.curves if n not in metrics]:
            self.plot.removeItem(self.curves.pop(name))
        low, high = np.inf, -np.inf
        for name, points in metrics.items():
            if name not in self.curves:
                self.curves[name] = self.plot.plot([], [])
                self._style(name)
            every = -(-len(points) // MOST_EPOCHS)
            x, y = np.array(points[::-every][::-1]).T  # with the last one
            symbol = "o" if len(points) <= MOST_SYMBOLS else None
            self.curves[name].setData(x, y, symbol=symbol, antialias=symbol is not None)
            finite = y[np.isfinite(y)]
            low, high = min(low, finite.min(initial=np.inf)), max(high, finite.max(initial=-np.inf))
        if unit:
            self.plot.setYRange(-0.03, 1.06, padding=0)
        elif low <= high:
            pad = max((high - low) * 0.15, 0.005)
            self.plot.setYRange(low - pad, high + pad, padding=0)
        self.plot.setXRange(0.5, max(2, epochs) + 0.5, padding=0)

    def clear_metrics(self) -> None:
        """Forget the curves, and the axes that were made for them."""
        self.show_metrics({}, 0)
        self.plot.setYRange(0, 1)

    def color(self, name: str) -> str:
        """The colour of a metric, also of its label."""
        return self.theme.color(self._role(name)).name()

    def _role(self, name: str) -> str:
        own = list(self.curves).index(name) if name in self.curves else 0
        return self.ROLES[self.colors.get(name, own) % len(self.ROLES)]

    def _style(self, name: str) -> None:
        curve, role = self.curves[name], self._role(name)
        curve.setPen(self.pen(role, width=2))
        curve.setSymbolSize(6)
        curve.setSymbolPen(pg.mkPen(self.theme.color("surface"), width=1.5))
        curve.setSymbolBrush(self.theme.color(role))


def round_spacing(least: float) -> float:
    """The smallest of 1, 2, 5, 10, 20, 50, … that is not below a number from 1 on.

    >>> round_spacing(1), round_spacing(3), round_spacing(60)
    (1.0, 5.0, 100.0)
    """
    unit = 10.0 ** math.floor(math.log10(least))
    return next(step * unit for step in (1, 2, 5, 10) if step * unit >= least)


def round_up(steps: int) -> int:
    """A number up to a sixteenth above the steps: an axis that ends there rarely moves."""
    each = max(1, 1 << max(0, steps.bit_length() - 5))
    return -(-steps // each) * each
