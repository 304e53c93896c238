"""A grid of plots with a common x axis. They zoom together and share a crosshair.

It imports pyqtgraph, so import this module only when it is needed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QGridLayout, QWidget

from nodeflow.number_text import count, number
from nodeflow.ui.core.theming.theme import SPACE
from nodeflow.ui.core.theming.theme_manager import ThemeManager
from nodeflow.ui.panels.plots.arrangement import Arrangement, PlotPlace
from nodeflow.ui.panels.plots.curve import AXES, LOSS, Curve, is_loss
from nodeflow.ui.panels.plots.curve_item import CurveItem
from nodeflow.ui.panels.plots.curve_plot import NOT_FINITE
from nodeflow.ui.panels.plots.plot_cell import PlotCell
from nodeflow.ui.panels.plots.shared_plots import DrawnRun

MARGIN = 0.01
"""Margin at both ends of an axis, as a fraction of its length."""
REST_MS = 120
NEAREST = 1e-9
"""The shortest visible part, as a fraction of the whole axis."""


class PlotGrid(QWidget):
    """The grid that draws curves in the plots of an arrangement.

    Signals:
        arranged(Arrangement): the user rearranged the plots.
        pointed(x): the crosshair's position on the x axis; None if it is hidden.
        zoomed(): another part of the x axis is shown.
        step_chosen(int): the user clicked at this step.
        export_asked(PlotCell, str): write a plot to a file with this suffix.
    """

    arranged = Signal(object)
    pointed = Signal(object)
    zoomed = Signal()
    step_chosen = Signal(int)
    export_asked = Signal(object, str)

    def __init__(self, themes: ThemeManager, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._themes = themes
        self.arrangement = Arrangement()
        self.cells: list[PlotCell] = []
        self.curves: list[Curve] = []
        """The curves of this window's training."""
        self.overlays: list[Curve] = []
        """The curves of other runs."""
        self.span: tuple[float, float] | None = None
        """The part of the x axis chosen by the user, in view coordinates; None shows all."""
        self._mark: int | None = None
        self._mark_words = NOT_FINITE
        self._changes: list[tuple[int, str]] = []
        self._runs: list[DrawnRun] = []
        self._cursor: int | None = None
        self._alone: int | None = None
        """The number of the plot that is shown alone; None shows all."""
        self._is_over = True
        self._rest = QTimer(self, singleShot=True, interval=REST_MS)
        """Runs while the user pans or zooms. When it ends, lines are drawn smooth."""
        self._rest.timeout.connect(self._on_rest)
        self._end = 0.0
        self._layout = QGridLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setHorizontalSpacing(SPACE[3])
        self._layout.setVerticalSpacing(SPACE[1])
        self._arrange()

    # ---- display ------------------------------------------------------------------------------

    def show_curves(self, curves: Sequence[Curve]) -> None:
        """Draw these curves of the training. Call `refresh` after values are appended."""
        if list(curves) != self.curves:
            self.curves = list(curves)
            self._arrange()

    def show_overlays(self, curves: Sequence[Curve], runs: Sequence[DrawnRun] = ()) -> None:
        """Also draw these curves of other runs, each in the plots of curves with its name."""
        if list(curves) != self.overlays or list(runs) != self._runs:
            self.overlays, self._runs = list(curves), list(runs)
            self._arrange()
            self.refresh(self._is_over)

    def set_arrangement(self, arrangement: Arrangement) -> None:
        """Set the arrangement of the plots."""
        if arrangement == self.arrangement:
            self.arrangement = arrangement  # keeps unknown fields
            return
        if (arrangement.x, arrangement.log_x) != (self.arrangement.x, self.arrangement.log_x):
            self.span, self._end = None, 0.0
        self.arrangement = arrangement
        self._arrange()
        self.refresh(self._is_over)

    def forget(self) -> None:
        """Remove the training's curves, and reset the axes."""
        self.curves, self.span, self._mark, self._end = [], None, None, 0.0
        self._changes = []
        self._arrange()
        for cell in self.cells:
            cell.plot.forget_height()
        self.point(None)
        self.refresh()

    def mark(self, step: int | None, words: str = NOT_FINITE) -> None:
        """Draw a line with a text at the last step of a training; None removes it."""
        self._mark, self._mark_words = step, words
        placed = self.place_of(step) if step is not None else None
        for cell in self.cells:
            cell.plot.mark(placed if any(map(is_loss, cell.place.curves)) else None, words)

    def show_changes(self, changes: list[tuple[int, str]]) -> None:
        """Draw a line for each change (step, text) during the training.

        Changes of the other drawn runs get lines in the runs' colours.
        """
        self._changes = list(changes)
        placed = [(self.place_of(step), text, "") for step, text in changes]
        for run in self._runs:
            own = [curve for curve in self.overlays if curve.color == run.color]
            placed += [(self._place(step, own), text, run.color) for step, text in run.changes]
        known = [(x, text, color) for x, text, color in placed if x is not None]
        for cell in self.cells:
            cell.plot.show_changes(known)

    def show_cursor(self, step: int | None) -> None:
        """Draw a line at the selected step in all plots; None removes it."""
        self._cursor = step
        placed = self.place_of(step) if step is not None else None
        for cell in self.cells:
            cell.plot.show_cursor(placed)

    def place_of(self, step: int) -> float | None:
        """Return a step's position on the x axis; None if it is unknown."""
        return self._place(step, self.all_curves)

    def _place(self, step: int, curves: Sequence[Curve]) -> float | None:
        if self.arrangement.x == AXES[0]:
            return float(step)
        for curve in curves:
            index = curve.index_at(AXES[0], step)
            if index is not None:
                return float(curve.x(self.arrangement.x)[index])
        return None

    @property
    def all_curves(self) -> list[Curve]:
        return [*self.curves, *self.overlays]

    @property
    def names(self) -> list[str]:
        """The names of all curves, the loss first."""
        names = dict.fromkeys(curve.name for curve in self.all_curves)
        return sorted(names, key=lambda name: not is_loss(name))

    @property
    def places(self) -> tuple[PlotPlace, ...]:
        """The plots in their current arrangement."""
        shares = {curve.name for curve in self.all_curves if curve.is_share}
        return self.arrangement.placed(self.names, shares) or (PlotPlace((LOSS,)),)

    def item(self, name: str, run: str = "") -> CurveItem:
        """Return the drawn curve of a name and run, in the first plot that shows it."""
        return next(c.plot.items_[name, run] for c in self.cells if (name, run) in c.plot.items_)

    def color(self, curve: Curve) -> str:
        """Return the colour of a curve, in which its figures are also shown."""
        cell = next((c for c in self.cells if curve in c.plot.curves), self.cells[0])
        return cell.plot.color_of(curve).name()

    def _arrange(self) -> None:
        places, names = self.places, self.names
        while len(self.cells) < len(places):
            self._add_cell()
        while len(self.cells) > len(places):
            cell = self.cells.pop()
            self._layout.removeWidget(cell)
            cell.hide()
            cell.deleteLater()
        colors = {name: index for index, name in enumerate(names)}
        columns = self.arrangement.columns_for(len(places))
        arrangement = self.arrangement
        if self._alone is not None and self._alone >= len(places):
            self._alone = None
        seen = range(len(places)) if self._alone is None else [self._alone]
        columns = columns if self._alone is None else 1
        for index, (cell, place) in enumerate(zip(self.cells, places, strict=True)):
            cell.set_place(place, names, index, len(places))
            cell.plot.set_axes(arrangement.x, arrangement.log_x, place.log)
            cell.plot.show_curves([c for c in self.all_curves if c.name in place.curves], colors)
            cell.show_legend()
            cell.set_alone(self._alone == index, len(places))
            if index in seen:  # before it is shown, or it would be a window of its own for a moment
                at = seen.index(index)
                self._layout.addWidget(cell, at // columns, at % columns)
            cell.setVisible(index in seen)
        for column in range(self._layout.columnCount()):
            self._layout.setColumnStretch(column, 1 if column < min(columns, len(seen)) else 0)
        for row in range(self._layout.rowCount()):
            self._layout.setRowStretch(row, 1 if row * columns < len(seen) else 0)
        self.mark(self._mark, self._mark_words)
        self.show_changes(self._changes)
        self.show_cursor(self._cursor)

    def _add_cell(self) -> None:
        cell = PlotCell(self._themes)
        index = len(self.cells)
        self.cells.append(cell)
        cell.plot.asked.connect(self.zoom)
        cell.plot.whole_asked.connect(self.show_whole)
        cell.plot.pointed.connect(self.point)
        cell.plot.chosen.connect(self._on_chosen)
        cell.plot.box.sigResized.connect(partial(self._on_resized, cell))
        cell.log_toggled.connect(partial(self._on_log, index))
        cell.curve_toggled.connect(partial(self._on_curve, index))
        cell.moved.connect(partial(self._on_moved, index))
        cell.removed.connect(partial(self._on_removed, index))
        cell.alone_toggled.connect(partial(self._on_alone, index))
        cell.export_asked.connect(partial(self._on_export, index))

    # ---- the x axis ---------------------------------------------------------------------------

    def refresh(self, is_over: bool = True) -> None:
        """Draw new values.

        Args:
            is_over: whether the training has ended and no longer needs the processor. Then the
                axes end with the curves, and lines are smooth.
        """
        self._is_over = is_over
        for cell in self.cells:
            self._look(cell)
            if is_over:
                cell.plot.describe()

    def _look(self, cell: PlotCell) -> None:
        low, high = self.span or self._whole()
        fine = self._is_over and not self._rest.isActive()
        cell.plot.look(low, high, whole=self.span is None, fine=fine)

    def _on_resized(self, cell: PlotCell, _: object) -> None:
        self._look(cell)

    def _whole(self) -> tuple[float, float]:
        """Return the ends of the x axis for all curves, in view coordinates."""
        axis, is_log = self.arrangement.x, self.arrangement.log_x
        first, last = math.inf, -math.inf
        for curve in self.all_curves:
            places = curve.x(axis)
            start = int(np.searchsorted(places, 0, side="right")) if is_log else 0
            if start < len(places) and math.isfinite(places[start]):
                first, last = min(first, places[start]), max(last, places[-1])
        if not first <= last:
            return (0.0, 1.0) if is_log else (1.0, 2.0)
        if axis != AXES[0] and not is_log:
            first = min(first, 0.0)
        if last != self._end:
            fits = not self._is_over and last <= self._end <= 1.15 * last
            self._end = self._end if fits else last if self._is_over else round_up(last)
        last = max(self._end, last)
        if axis == AXES[0]:
            last = max(last, first + 1)
        if is_log:
            first, last = math.log10(first), math.log10(last)
        pad = MARGIN * (last - first) or 0.5
        return first - pad, last + pad

    @Slot(float, float)
    def zoom(self, low: float, high: float) -> None:
        """Show a part of the x axis in all plots, in view coordinates."""
        first, last = self._whole()
        if not (math.isfinite(low) and math.isfinite(high)):
            return
        size = min(max(high - low, NEAREST * (last - first)), last - first)
        if size >= last - first:
            self.show_whole()
            return
        low = min(max(low, first), last - size)
        self.span = (low, low + size)
        self._rest.start()
        self.point(None)
        self.refresh(self._is_over)
        self.zoomed.emit()

    @Slot()
    def _on_rest(self) -> None:
        self.refresh(self._is_over)

    @Slot()
    def show_whole(self) -> None:
        """Show the whole x axis, and follow it while it grows."""
        self.span = None
        self.refresh(self._is_over)
        self.zoomed.emit()

    # ---- crosshair ----------------------------------------------------------------------------

    @Slot(float)
    def point(self, x: float | None) -> None:
        """Show the values of all curves at a position of the x axis; None or NaN shows none."""
        found = None if x is None or math.isnan(x) else self._snapped(x)
        at, head = (None, "") if found is None else found
        for cell in self.cells:
            cell.plot.point_at(at, head, x)
        self.pointed.emit(at)

    def _snapped(self, x: float) -> tuple[float, str] | None:
        """Return the position of the nearest value, and a text with its step; None if there is
        none.
        """
        found = self._nearest(x)
        if found is None:
            return None
        curve, index = found
        head = f"Step {count(round(curve.steps[index]))}"
        epoch, seconds = curve.epochs[index], curve.seconds[index]
        if math.isfinite(epoch):
            head += f", epoch {number(epoch, 3)}"
        if math.isfinite(seconds):
            head += f", {number(seconds, 3)} s"
        return float(curve.x(self.arrangement.x)[index]), head

    def _nearest(self, x: float) -> tuple[Curve, int] | None:
        """Return the curve with a value near a position, and the value's index.

        Prefer the longest curve.
        """
        for curve in sorted(self.all_curves, key=lambda curve: -curve.count):
            index = curve.index_at(self.arrangement.x, x)
            if index is not None:
                return curve, index
        return None

    @Slot(float)
    def _on_chosen(self, x: float) -> None:
        found = self._nearest(x)
        if found is not None:
            curve, index = found
            self.step_chosen.emit(round(curve.steps[index]))

    # ---- arranging ----------------------------------------------------------------------------

    @property
    def explicit(self) -> Arrangement:
        """The arrangement with all its plots listed, also derived ones, so that it can be
        changed.
        """
        return replace(self.arrangement, plots=self.places)

    def _change(self, change: Callable[[Arrangement], Arrangement]) -> None:
        self.arranged.emit(change(self.explicit))

    def _on_log(self, index: int, on: bool) -> None:
        self._change(lambda a: a.with_plot(index, replace(a.plots[index], log=on)))

    def _on_curve(self, index: int, name: str, on: bool) -> None:
        def change(a: Arrangement) -> Arrangement:
            place = a.plots[index]
            names = (*place.curves, name) if on else tuple(n for n in place.curves if n != name)
            found = a.with_plot(index, replace(place, curves=names))
            shown = {n for one in found.plots for n in one.curves} | set(found.hidden)
            return found if on or name in shown else replace(found, hidden=(*found.hidden, name))

        self._change(change)

    def _on_moved(self, index: int, by: int) -> None:
        self._change(lambda a: a.with_move(index, index + by))

    def _on_removed(self, index: int) -> None:
        self._change(lambda a: a.with_plot(index, None))

    @property
    def visible_cells(self) -> list[PlotCell]:
        """The visible plots: all, or the one that is shown alone."""
        return self.cells if self._alone is None else [self.cells[self._alone]]

    def show_alone(self, index: int | None) -> None:
        """Show one plot alone; None shows all."""
        self._alone = index
        self._arrange()
        self.refresh(self._is_over)

    def _on_alone(self, index: int) -> None:
        self.show_alone(index if self._alone is None else None)

    def _on_export(self, index: int, suffix: str) -> None:
        self.export_asked.emit(self.cells[index], suffix)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self._alone is not None:
            self.show_alone(None)
            return
        super().keyPressEvent(event)

    def add_plot(self) -> None:
        """Add an empty plot, to be filled through its menu."""
        self._change(lambda a: replace(a, plots=(*a.plots, PlotPlace())))


def round_up(last: float) -> float:
    """Return a number up to an eighth larger, so that an axis that ends there rarely changes.

    >>> round_up(1000), round_up(1001), round_up(0.3)
    (1024.0, 1024.0, 0.3125)
    """
    if last <= 0:
        return last
    each = 2.0 ** (math.floor(math.log2(last)) - 3)
    return math.ceil(last / each) * each
