"""One plot of curves. It imports pyqtgraph, so import this module only when it is needed."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from PySide6.QtCore import QEvent, QPointF, Qt, Signal, Slot
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QWidget

from nodeflow.drawing.views.palette import class_color
from nodeflow.number_text import count, number
from nodeflow.ui.core.theming.theme import TYPE, Theme, font
from nodeflow.ui.core.theming.theme_manager import ThemeManager
from nodeflow.ui.panels.plots.change_marks import ChangeMarks
from nodeflow.ui.panels.plots.curve import AXES, Curve
from nodeflow.ui.panels.plots.curve_item import CurveItem
from nodeflow.ui.panels.plots.number_axis import ACROSS, UP, NumberAxis
from nodeflow.ui.panels.plots.plotting import pg
from nodeflow.ui.panels.plots.readout import Readout
from nodeflow.ui.panels.plots.stretch_box import StretchBox

FIRST_PART = 0.02
"""Fraction of the x axis, from its beginning, where a peak may be cut off to keep the rest
readable.
"""
THIS = "this training"
KEY_ZOOM, KEY_PAN = 1.5, 0.2
NOT_FINITE = "not finite"


class CurvePlot(pg.PlotWidget):
    """A plain plot: a hairline grid, the window's fonts, and no menu of pyqtgraph's.

    Signals:
        asked(low, high): the user wants this part of the x axis, in view coordinates.
        whole_asked(): the user wants the whole x axis again.
        pointed(x): the position of the pointer on the x axis; NaN after the pointer has left.
        chosen(x): the user clicked at this position of the x axis.
    """

    asked = Signal(float, float)
    whole_asked = Signal()
    pointed = Signal(float)
    chosen = Signal(float)

    def __init__(self, themes: ThemeManager, parent: QWidget | None = None) -> None:
        self.box = StretchBox()
        self.bottom, self.left = NumberAxis("bottom", True), NumberAxis("left")
        super().__init__(
            parent, viewBox=self.box, axisItems={"bottom": self.bottom, "left": self.left}
        )
        self.axis, self.log_x, self.log_y = AXES[0], False, False
        self.items_: dict[tuple[str, str], CurveItem] = {}
        """The drawn curves, by name and run."""
        self._spare: list[CurveItem] = []
        self.theme = themes.theme
        self.plot: Any = self.getPlotItem()  # pyqtgraph creates its methods dynamically
        self.plot.hideButtons()
        self.plot.layout.setContentsMargins(1, UP, ACROSS, 1)
        self.setFrameShape(self.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.readout = Readout(self.viewport())
        self.cross = pg.InfiniteLine(angle=90)
        options = {"position": 0.86, "anchors": [(1.05, 0.5), (1.05, 0.5)]}  # left of the line
        self.line = pg.InfiniteLine(angle=90, label=NOT_FINITE, labelOpts=options)
        self.cursor_line = pg.InfiniteLine(angle=90)
        """The line at the selected step."""
        for line in (self.cross, self.line, self.cursor_line):
            line.hide()
            self.plot.addItem(line, ignoreBounds=True)
        self.changes = ChangeMarks(self.plot, self.box, self._to_view)
        self._height: tuple[float, float] | None = None
        self._colors: dict[str, int] = {}
        self._is_whole = True
        self.box.asked.connect(self.asked)
        self.box.whole_asked.connect(self.whole_asked)
        self.box.clicked.connect(self._on_clicked)
        themes.follow(self.set_theme)

    def set_theme(self, theme: Theme) -> None:
        self.theme = theme
        self.setBackground(theme.color("surface"))
        for axis in (self.left, self.bottom):
            axis.setPen(pg.mkPen(theme.color("border")))
            axis.setTextPen(pg.mkPen(theme.color("ink_muted")))
            axis.setTickFont(font(TYPE["caption"]))
            axis.setStyle(tickLength=-4, tickTextOffset=6, maxTickLevel=0)
        self.plot.showGrid(x=False, y=True, alpha=0.08 if theme.is_dark else 0.12)
        self.cross.setPen(pg.mkPen(theme.color("ink_muted", 0.7), width=1))
        self.cursor_line.setPen(pg.mkPen(theme.color("accent"), width=1.5))
        self.line.setPen(pg.mkPen(theme.color("error"), width=1.5))
        self.line.label.setColor(theme.color("error"))
        self.line.label.setFont(font(TYPE["caption"]))
        self.changes.set_theme(theme)
        self.box.stretch.setPen(pg.mkPen(theme.color("accent", 0.7), width=1, cosmetic=True))
        self.box.stretch.setBrush(theme.color("accent", 0.15))
        self.readout.set_theme(theme)
        self._style()

    # ---- display ------------------------------------------------------------------------------

    @property
    def curves(self) -> list[Curve]:
        return [item.curve for item in self.items_.values()]

    def show_curves(self, curves: list[Curve], colors: dict[str, int]) -> None:
        """Draw these curves from now on.

        Args:
            colors: indices of colours, by name, for curves without a colour.
        """
        wanted = {(curve.name, curve.run): curve for curve in curves}
        for key in [k for k, item in self.items_.items() if wanted.get(k) is not item.curve]:
            item = self.items_.pop(key)
            item.hide()
            self._spare.append(item)
        for key, curve in wanted.items():
            if key not in self.items_:
                self.items_[key] = self._item(curve)
        self.items_ = {key: self.items_[key] for key in wanted}
        self._colors = colors
        self._style()
        names = ", ".join(dict.fromkeys(curve.name for curve in curves))
        self.setAccessibleName(f"Plot of {names}" if names else "Empty plot")

    def _item(self, curve: Curve) -> CurveItem:
        """Return an item for a curve. Unused items are reused, since removing one can crash Qt."""
        if self._spare:
            item = self._spare.pop()
            item.set_curve(curve)
            item.show()
        else:
            item = CurveItem(curve)
            self.plot.addItem(item, ignoreBounds=True)
        item.set_axes(self.axis, self.log_x, self.log_y)
        item.viewTransformChanged()
        return item

    @property
    def common_name(self) -> str:
        """The name that all curves share, if they differ only in their run; else ""."""
        names = {curve.name for curve in self.curves}
        return next(iter(names)) if len(names) == 1 and self._by_run else ""

    def title_of(self, curve: Curve) -> str:
        """Return the title that distinguishes a curve from the others in the plot."""
        return (curve.run or THIS) if self.common_name else curve.title

    def color_of(self, curve: Curve) -> QColor:
        if curve.color:
            return QColor(curve.color)
        return self.theme.of(class_color(0 if self._by_run else self._colors.get(curve.name, 0)))

    @property
    def _by_run(self) -> bool:
        """Whether colours distinguish runs. Then dashes distinguish the curves of one run."""
        return any(curve.run for curve in self.curves)

    def is_dashed(self, curve: Curve) -> bool:
        """Return whether a curve is dashed: if colours mark runs, and it is not the first curve
        of its run.
        """
        return self._by_run and curve.name != next(iter(self.items_))[0]

    def _style(self) -> None:
        for z, item in enumerate(self.items_.values()):
            curve, ground = item.curve, self.theme.color("surface")
            item.set_style(self.color_of(curve), ground, self.is_dashed(curve))
            item.setZValue(100 - z if not curve.run else 50 - min(z, 40))

    def set_axes(self, axis: str, log_x: bool, log_y: bool) -> None:
        """Choose the x axis, and whether axes are logarithmic."""
        if (axis, log_x, log_y) == (self.axis, self.log_x, self.log_y):
            return
        self.axis, self.log_x, self.log_y = axis, log_x, log_y
        self._height = None
        self.bottom.set_scale(log_x, axis == AXES[0])
        self.left.set_scale(log_y, False)
        for item in self.items_.values():
            item.set_axes(axis, log_x, log_y)

    def mark(self, x: float | None, words: str = NOT_FINITE) -> None:
        """Draw a line with a text at the end of a training; None removes it."""
        if words != self.line.label.format:
            self.line.label.setFormat(words)
        self._place(self.line, x)

    def show_changes(self, changes: list[tuple[float, str, str]]) -> None:
        """Draw a line for each change during a training: (x, text, colour or empty)."""
        self.changes.show(changes)

    def show_cursor(self, x: float | None) -> None:
        """Draw a line at the selected step; None removes it."""
        self._place(self.cursor_line, x)

    def _place(self, line: Any, x: float | None) -> None:
        placed = None if x is None else self._to_view(x)
        line.setVisible(placed is not None)
        if placed is not None:
            line.setValue(placed)

    def look(self, low: float, high: float, *, whole: bool, fine: bool = True) -> None:
        """Show a part of the x axis, and fit the y axis to its values.

        Args:
            low, high: view coordinates, which are logarithms on a logarithmic axis.
            whole: whether this is the whole x axis. If so, a peak in the first steps may be cut
                off.
            fine: whether to draw smooth lines, which take longer.
        """
        self._is_whole = whole
        if self.box.span != (low, high):
            self.box.setXRange(low, high, padding=0)
        pixels = max(2, round(self.box.width()))
        for item in self.items_.values():
            known = item.columns
            if item.look(low, high, pixels) is not known or item.is_fine != fine:
                item.is_fine = fine
                item.update()  # do not repaint unchanged items
        self._fit(low, high, whole)

    def _fit(self, low: float, high: float, whole: bool) -> None:
        """Fit the y axis. It changes only if necessary, because that takes longer than drawing
        the curves.
        """
        extent = self._extent(low, high, whole)
        if extent is None:
            return
        bottom, top = extent
        if top <= bottom:
            pad = 0.1 if self.log_y else max(1e-6, abs(top) * 0.1)
            bottom, top = bottom - pad, top + pad
        if not self.log_y and 0 < bottom < 0.5 * top:
            bottom = 0.0
        shown = self._height
        fits = shown is not None and shown[0] <= bottom <= top <= shown[1]
        if shown is None or not fits or top - bottom <= 0.85 * (shown[1] - shown[0]):
            pad = 0.04 * (top - bottom)
            self._height = (bottom - pad, top + pad)
            self.box.setYRange(*self._height, padding=0)

    def _extent(self, low: float, high: float, whole: bool) -> tuple[float, float] | None:
        """Return the smallest and largest value in a part of the x axis, in view coordinates."""
        curves = self.curves
        if curves and all(curve.is_share for curve in curves) and whole and not self.log_y:
            return 0.0, 1.0
        lows, highs = [], []
        for item in self.items_.values():
            columns = item.columns
            if not len(columns.x):
                continue
            first = 0
            if whole and not self.log_y and item.curve.count > 100:
                edge = low + FIRST_PART * (high - low)
                first = int(np.searchsorted(columns.x, 10**edge if self.log_x else edge))
                first = min(first, len(columns.x) - 1)
            bottom, top = columns.low[first:], columns.high[first:]
            if self.log_y:
                bottom, top = bottom[bottom > 0], top[top > 0]
            if len(bottom) and len(top):
                lows.append(float(bottom.min()))
                highs.append(float(top.max()))
        if not lows:
            return None
        bottom, top = min(lows), max(highs)
        return (math.log10(bottom), math.log10(top)) if self.log_y else (bottom, top)

    def forget_height(self) -> None:
        """Reset the y axis, because another training begins."""
        self._height = None
        self.box.setYRange(0, 1, padding=0)

    def describe(self) -> None:
        """Set an accessible description with the last values, for screen readers."""
        parts = [
            f"{curve.title} {number(curve.values[-1])} at step {count(round(curve.steps[-1]))}"
            for curve in self.curves
            if curve.count
        ]
        self.setAccessibleDescription("; ".join(parts))

    # ---- crosshair ----------------------------------------------------------------------------

    def point_at(self, x: float | None, head: str = "", pointer: float | None = None) -> None:
        """Draw the crosshair at a position of the x axis, with the values of the curves there.

        Args:
            pointer: the position of the pointer, which also shows the changes near it.
        """
        placed = None if x is None else self._to_view(x)
        if x is None or placed is None:
            self.cross.hide()
            self.readout.hide()
            return
        self.cross.setValue(placed)
        self.cross.show()
        rows = self.values_at(x)
        if not rows:
            self.readout.hide()
            return
        area = self.box.sceneBoundingRect()
        at = self.mapFromScene(self.box.mapViewToScene(QPointF(placed, 0)))
        around = self.mapFromScene(area).boundingRect()
        changes = self.changes.at(pointer) if pointer is not None else ()
        self.readout.show_rows(head, rows, at.x(), around, self._is_high(x), changes)

    def _is_high(self, x: float) -> bool:
        """Return whether the curves lie in the upper half at x.

        If so, the box of values goes below.
        """
        found = [c.values[i] for c in self.curves if (i := c.index_at(self.axis, x)) is not None]
        places = np.array([v for v in found if math.isfinite(v)])
        if self.log_y:
            places = np.log10(places[places > 0])
        bottom, top = self.box.viewRange()[1]
        return bool(len(places)) and float(places.mean()) > (bottom + top) / 2

    def values_at(self, x: float) -> list[tuple[str, str, str]]:
        """Return colour, title and value of each curve that has a value at a position of the x
        axis.
        """
        found = []
        for curve in self.curves:
            index = curve.index_at(self.axis, x)
            if index is not None:
                color = self.color_of(curve).name()
                found.append((color, self.title_of(curve), number(curve.values[index])))
        return found

    def _to_view(self, x: float) -> float | None:
        if not self.log_x:
            return x
        return math.log10(x) if x > 0 else None

    def mouseMoveEvent(self, ev: QMouseEvent) -> None:
        super().mouseMoveEvent(ev)
        self._point(ev.position())

    def _point(self, at: QPointF) -> None:
        scene = self.mapToScene(at.toPoint())
        if not self.box.sceneBoundingRect().contains(scene):
            self.pointed.emit(math.nan)
            return
        self.pointed.emit(self._from_view(self.box.mapSceneToView(scene).x()))

    def _on_clicked(self, x: float) -> None:
        self.chosen.emit(self._from_view(x))

    def _from_view(self, x: float) -> float:
        return 10.0 ** min(x, 300.0) if self.log_x else x

    @Slot(QEvent)
    def leaveEvent(self, ev: QEvent) -> None:
        super().leaveEvent(ev)
        self.pointed.emit(math.nan)

    def keyPressEvent(self, ev: QKeyEvent) -> None:
        """Zoom with plus and minus, pan with left and right, show all with Home."""
        low, high = self.box.span
        middle, half = (low + high) / 2, (high - low) / 2
        key = ev.key()
        if key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal, Qt.Key.Key_Minus):
            half *= KEY_ZOOM if key == Qt.Key.Key_Minus else 1 / KEY_ZOOM
        elif key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            middle += KEY_PAN * half * (1 if key == Qt.Key.Key_Right else -1)
        elif key == Qt.Key.Key_Home:
            self.whole_asked.emit()
            return
        else:
            ev.ignore()
            return
        self.asked.emit(middle - half, middle + half)
