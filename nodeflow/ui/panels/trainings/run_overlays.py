"""The kept runs whose curves are drawn beside the curves of the training."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QObject, QTimer, Signal, Slot
from PySide6.QtGui import QColor

from nodeflow.run_store.curves import EPOCH_LOSS, LOSS
from nodeflow.run_store.curves import Curve as KeptCurve
from nodeflow.run_store.run_history import history
from nodeflow.run_store.run_records import RUNNING, Run
from nodeflow.run_store.store import RunStore
from nodeflow.ui.core.engine_link.run_library import RunLibrary
from nodeflow.ui.core.state.user_settings import Settings
from nodeflow.ui.panels.plots.curve import Curve, is_loss
from nodeflow.ui.panels.plots.shared_plots import DrawnRun, SharedPlots

COLORS = ("#D55E00", "#009E73", "#CC79A7", "#0072B2", "#E69F00", "#56B4E9", "#8C6BB1", "#7F7F7F")
"""Colours that can be distinguished in both themes and by colour-blind people."""
ALL_COLORS = (
    *COLORS,
    *(QColor(color).lighter(145).name() for color in COLORS),
    *(QColor(color).darker(150).name() for color in COLORS),
)
"""The colours and lighter shades of them, for more runs than there are colours."""
SHOW_MS = 30
"""Milliseconds during which answers are collected, because each drawing redraws all curves."""
CURVES = "curves"
"""Key of requests to the library."""


class RunOverlays(QObject):
    """The chosen runs that are drawn, including those still training.

    Attributes:
        library: the library of the runs.
        colors: the colours of the drawn runs, by id.

    Signals:
        changed(): the drawn runs or their colours changed.
    """

    changed = Signal()

    def __init__(self, library: RunLibrary, plots: SharedPlots, settings: Settings) -> None:
        super().__init__(library)
        self.library, self._plots, self._settings = library, plots, settings
        self.colors: dict[str, str] = {}
        self._drawn: dict[str, tuple[Run, list[Curve], list[tuple[int, str]]]] = {}
        self._asked: dict[str, Run] = {}
        self._showing = QTimer(self, singleShot=True, interval=SHOW_MS)
        self._showing.timeout.connect(self._show)
        library.changed.connect(self._follow)
        library.answered.connect(self._on_answered)

    def draw(self, id: str, on: bool) -> None:
        """Draw the curves of a run, or stop drawing them."""
        run = self.library.run(id)
        if on and run is not None and id not in self.colors:
            self.colors[id] = run.colour or self._free_color()
            self._ask(run)
        elif not on:
            self.colors.pop(id, None)
            self._drawn.pop(id, None)
            self._asked.pop(id, None)
            self._show()
        self.changed.emit()

    @Slot()
    def clear(self) -> None:
        """Stop drawing and comparing runs, because another document is open."""
        self.colors, self._drawn, self._asked = {}, {}, {}
        self.library.compare(())
        self._show()
        self.changed.emit()

    def _free_color(self) -> str:
        used = list(self.colors.values())
        return min(ALL_COLORS, key=used.count)

    def _ask(self, run: Run) -> None:
        self._asked[run.id] = run
        color, smoothing = self.colors[run.id], self._settings.smoothing
        self.library.ask(
            (CURVES, run.id),
            lambda store: (
                curves_of(store, run, color, smoothing),
                [(edit.step, edit.mark) for edit in history(store, run).edits],
            ),
        )

    @Slot()
    def _follow(self) -> None:
        """Update the drawn runs, which may have been deleted, renamed, recoloured, or trained
        further.
        """
        before = dict(self.colors)
        for id in list(self.colors):
            run = self.library.run(id)
            if run is None:
                self.draw(id, False)
                continue
            if run.colour and run.colour != self.colors[id]:
                self.colors[id] = run.colour
            known = self._asked.get(id)
            seen = (run.name, self.colors[id], run.steps, run.epochs)
            if known is None or seen != (known.name, before[id], known.steps, known.epochs):
                self._ask(run)
        if before != self.colors:
            self.changed.emit()

    @Slot(object, object)
    def _on_answered(self, key: object, answer: tuple[list[Curve], list[tuple[int, str]]]) -> None:
        if not isinstance(key, tuple) or key[0] != CURVES or key[1] not in self.colors:
            return
        self._drawn[key[1]] = self._asked[key[1]], *answer
        if not self._showing.isActive():  # several answers arrive in a row
            self._showing.start()

    @Slot()
    def _show(self) -> None:
        drawn = {id: self._drawn[id] for id in self.colors if id in self._drawn}
        self._plots.show_overlays(
            [curve for _, curves, _ in drawn.values() for curve in curves],
            [
                DrawnRun(id, run.name, self.colors[id], tuple(changes))
                for id, (run, _, changes) in drawn.items()
            ],
        )


def curves_of(store: RunStore, run: Run, color: str, smoothing: float) -> list[Curve]:
    """Return the curves of a run for the plots. This may be called on any thread."""
    found: Mapping[str, KeptCurve] = store.curves(run)
    name = f"{run.name} (trains)" if run.status == RUNNING else run.name
    drawn = []
    schedule = run.schedule
    hidden = {EPOCH_LOSS, *(() if schedule is None else (LOSS, *schedule.losses))}
    for kept in found.values():
        if kept.name in hidden or not len(kept):
            continue
        keep = smoothing if is_loss(kept.name) else 0.0
        share = kept.name in run.shares
        curve = Curve(kept.name, run=name, color=color, smoothing=keep, is_share=share)
        curve.extend(kept.step.astype(float), kept.epoch, kept.seconds, kept.values)
        drawn.append(curve)
    return drawn
