"""The plots of a training. Imports pyqtgraph, so import this only when there is one to draw."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtGui import QPen
from PySide6.QtWidgets import QWidget

from nodeflow.ui.panels.record import Losses, thin
from nodeflow.ui.theme import TYPE, Theme, font

MOST_POINTS = 1500
"""More points than a panel has pixels only cost time."""


class WholeNumbers(pg.AxisItem):
    """An axis of steps or epochs: ticks at whole numbers, and few of them however far it goes."""

    def tickSpacing(self, minVal: float, maxVal: float, size: float) -> list[tuple[float, float]]:
        levels = super().tickSpacing(minVal, maxVal, size)
        return [(spacing, 0) for spacing, _ in levels if spacing >= 1] or [(1, 0)]


class Plot(pg.PlotWidget):
    """A quiet plot: hairline grid, our fonts, no menu, mouse zoom along x."""

    def __init__(self, title: str, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent, axisItems={"bottom": WholeNumbers("bottom")})
        self.title = title
        self.plot = self.getPlotItem()
        self.plot.setMenuEnabled(False)
        self.plot.hideButtons()
        self.plot.setClipToView(True)
        self.setFrameShape(self.Shape.NoFrame)
        self.setAccessibleName(f"Plot of {title}")
        self.set_theme(theme)

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
    """Loss of each step, faint, under its smoothed course."""

    def __init__(self, theme: Theme) -> None:
        super().__init__("loss", theme)
        self.raw = self.plot.plot([], [])
        self.smooth = self.plot.plot([], [])
        self._restyle()

    def set_theme(self, theme: Theme) -> None:
        super().set_theme(theme)
        if hasattr(self, "smooth"):
            self._restyle()

    def _restyle(self) -> None:
        self.raw.setPen(self.pen("accent", 0.22, 1))
        self.smooth.setPen(self.pen("accent"))

    def show_losses(self, losses: Losses) -> None:
        self.raw.setData(*_finite(*thin(losses.raw, MOST_POINTS)))
        self.smooth.setData(*_finite(*thin(losses.smooth, MOST_POINTS)))
        self._fit(losses)

    def _fit(self, losses: Losses) -> None:
        """The whole course: the first steps' peak may be cut off, so that the rest is readable."""
        if not losses.count:
            return
        self.plot.setXRange(1, max(2, losses.count), padding=0.01)
        raw = losses.raw[np.isfinite(losses.raw)]
        if not len(raw):
            return
        step = max(1, len(raw) // 4000)
        low, high = float(raw.min()), float(np.quantile(raw[::step], 0.995))
        if high <= low:
            high = low + max(1e-6, abs(low) * 0.1)
        self.plot.setYRange(
            min(low, 0.0) if low > 0 and low < 0.5 * high else low, high, padding=0.04
        )


class MetricPlot(Plot):
    """Each metric after each epoch."""

    ROLES = ("ok", "accent", "warning", "error")

    def __init__(self, theme: Theme) -> None:
        self.curves: dict[str, Any] = {}
        super().__init__("metrics", theme)

    def set_theme(self, theme: Theme) -> None:
        super().set_theme(theme)
        for index, curve in enumerate(self.curves.values()):
            self._style(curve, index)

    def show_metrics(self, metrics: dict[str, list[tuple[int, float]]], epochs: int) -> None:
        for name in [n for n in self.curves if n not in metrics]:
            self.plot.removeItem(self.curves.pop(name))
        for name, points in metrics.items():
            if name not in self.curves:
                curve = self.curves[name] = self.plot.plot([], [])
                self._style(curve, len(self.curves) - 1)
            self.curves[name].setData(*map(list, zip(*points, strict=True)))
        values = [v for points in metrics.values() for _, v in points if np.isfinite(v)]
        if values:
            low, high = min(values), max(values)
            pad = max((high - low) * 0.15, 0.005)
            self.plot.setYRange(low - pad, high + pad, padding=0)
        self.plot.setXRange(0.5, max(2, epochs) + 0.5, padding=0)

    def color(self, name: str) -> str:
        """The colour of a metric, for its label."""
        index = list(self.curves).index(name) if name in self.curves else 0
        return self.theme.color(self.ROLES[index % len(self.ROLES)]).name()

    def _style(self, curve: Any, index: int) -> None:
        role = self.ROLES[index % len(self.ROLES)]
        curve.setPen(self.pen(role, width=2))
        curve.setSymbol("o")
        curve.setSymbolSize(6)
        curve.setSymbolPen(pg.mkPen(self.theme.color("surface"), width=1.5))
        curve.setSymbolBrush(self.theme.color(role))


def _finite(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    good = np.isfinite(y)
    return x[good], y[good]
