"""The shared state of the plots of trainings, by which panels influence them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal

from nodeflow.ui.panels.plots.curve import Curve, is_loss


@dataclass(frozen=True)
class DrawnRun:
    """A kept run whose curves are drawn.

    Attributes:
        changes: (preceding step, text) of each change during its training.
    """

    id: str
    title: str
    color: str
    changes: tuple[tuple[int, str], ...] = ()


class SharedPlots(QObject):
    """Curves of other runs, and the selected step, for all plots.

    Signals:
        overlays_changed(): other curves are drawn beside those of the training.
        cursor_changed(): another step is selected.
        step_chosen(int): the user clicked at a step of the plots.
    """

    overlays_changed = Signal()
    cursor_changed = Signal()
    step_chosen = Signal(int)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.overlays: tuple[Curve, ...] = ()
        self.runs: tuple[DrawnRun, ...] = ()
        self.cursor: int | None = None

    def show_overlays(self, curves: Iterable[Curve], runs: Iterable[DrawnRun] = ()) -> None:
        """Draw these curves of other runs, each in the plots of curves with its name."""
        self.overlays, self.runs = tuple(curves), tuple(runs)
        self.overlays_changed.emit()

    def smooth_overlays(self, smoothing: float) -> None:
        """Smooth the loss curves of other runs.

        They are redrawn together with the curves of the training.
        """
        for curve in self.overlays:
            if is_loss(curve.name):
                curve.set_smoothing(smoothing)

    def show_cursor(self, step: int | None) -> None:
        """Mark a step in all plots; None removes the mark."""
        if step != self.cursor:
            self.cursor = step
            self.cursor_changed.emit()
