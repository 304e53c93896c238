"""Runs the window's sweep in separate processes, and reports its progress by signals."""

from __future__ import annotations

import threading
import time

from PySide6.QtCore import QObject, Qt, Signal, Slot

from nodeflow.errors import NodeflowError
from nodeflow.sweeps.plan import Plan
from nodeflow.sweeps.results import Result
from nodeflow.sweeps.setup import Setup
from nodeflow.sweeps.sweep import Sweep, part_done
from nodeflow.ui.core.concurrency.thread_signal import ThreadSignal

PATIENCE_S = 5.0
"""Seconds that trials get to end by themselves when the window is closed."""


class SweepRunner(QObject):
    """A runner of one sweep at a time. The sweep ends when this object is closed.

    Attributes:
        sweep: the current or last sweep.
        results: the results by trial number, as of the last change.
        problem: the reason why the sweep ended early; empty if it did not.

    Signals (on the GUI thread):
        changed(result): a trial changed.
        ended(): no trial trains any more.
    """

    changed = Signal(object)
    ended = Signal()
    _showing = Signal(object, object)
    _over = Signal(object, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.sweep: Sweep | None = None
        self.results: dict[int, Result] = {}
        self.problem = ""
        self._trains = False
        self._began = 0.0
        self._thread: threading.Thread | None = None
        self._showing.connect(self._on_told, Qt.ConnectionType.QueuedConnection)
        self._over.connect(self._on_over, Qt.ConnectionType.QueuedConnection)
        begun: list[Sweep] = []
        self._begun = begun
        self.destroyed.connect(lambda: [sweep.cancel() for sweep in begun])
        self._tell, self._end = ThreadSignal(self, "_showing"), ThreadSignal(self, "_over")

    @property
    def trains(self) -> bool:
        return self._trains

    @property
    def part(self) -> float:
        """The finished fraction of the sweep, 0 to 1."""
        return 0.0 if self.sweep is None else part_done(self.sweep)

    @property
    def seconds_left(self) -> float | None:
        """Return an estimate of the remaining seconds; None until there is one."""
        part, taken = self.part, time.monotonic() - self._began
        return taken * (1 - part) / part if self._trains and part > 0.01 else None

    def start(self, plan: Plan, setup: Setup) -> None:
        """Start a sweep.

        Raises:
            SpecProblem, NotOffered, SoftwareMissing: the sweep cannot begin; the error says why.
        """
        sweep = Sweep(plan, setup)
        sweep.listen(lambda result: self._tell.emit(sweep, result))
        self.sweep, self.results, self.problem = sweep, {}, ""
        self._begun[:] = [sweep]
        self._trains, self._began = True, time.monotonic()

        def run() -> None:
            problem = ""
            try:
                sweep.run()
                problem = sweep.problem
            except NodeflowError as error:
                problem = error.text("window")
            except Exception as error:
                problem = f"{type(error).__name__}: {error}"
            self._end.emit(sweep, problem)

        self._thread = threading.Thread(target=run, name="nodeflow-sweep", daemon=True)
        self._thread.start()

    def cancel(self, number: int | None = None) -> None:
        """End one trial after its current step, or the whole sweep. Return at once."""
        if self.sweep is not None and self._trains:
            self.sweep.cancel(number)

    @Slot()
    def close(self) -> None:
        """End the sweep and wait until it is saved. Kill its trials after `PATIENCE_S`."""
        if self.sweep is not None and self._thread is not None:
            self.cancel()
            self._thread.join(PATIENCE_S)
            self.sweep.kill()
            self._thread.join(PATIENCE_S)

    @Slot(object, object)
    def _on_told(self, sweep: Sweep, result: Result) -> None:
        if sweep is self.sweep:
            self.results[result.trial.number] = result
            self.changed.emit(result)

    @Slot(object, str)
    def _on_over(self, sweep: Sweep, problem: str) -> None:
        if sweep is self.sweep:
            self._trains, self.problem = False, problem
            self.ended.emit()
