"""The training step whose values the window shows: the current one, or a past one, possibly of
a kept run.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from math import floor
from typing import Protocol

from PySide6.QtCore import QObject, Signal

from nodeflow.host import protocol as p
from nodeflow.number_text import count
from nodeflow.train.events import Diverged, Edited, Event, Resumed, Started, Steps
from nodeflow.ui.core.user_messages import sentence

ESTIMATED_AFTER = 0.4
"""Seconds of computing before the remaining time is estimated."""


class Engine(Protocol):
    """The engine requests that `ShownStep` uses. Each returns the number of its request."""

    def show_step(self, step: int | None, run: str) -> int:
        """Ask for the values of a step; None for the current values."""
        ...

    def open_run(self, run: str) -> int:
        """Ask the engine to prepare the steps of a kept run; return the number of the request."""
        ...


@dataclass(frozen=True)
class Span:
    """The range of available steps, and its division into epochs.

    If ``first`` is 0, there are none.
    """

    first: int = 0
    last: int = 0
    per_epoch: int = 0
    first_epoch: int = 1
    edits: tuple[tuple[int, float, int], ...] = ()
    """Edits that changed the number of steps per epoch, as (step before the edit, epochs up to
    that step, new steps per epoch).
    """

    def epochs_before(self, step: int) -> float | None:
        """Return the number of epochs that end before a step, with fractions; None if unknown."""
        since = (0, 0.0, self.per_epoch)
        since = max((edit for edit in self.edits if edit[0] < step), default=since)
        return since[1] + (step - 1 - since[0]) / since[2] if since[2] else None


class ShownStep(QObject):
    """The requested step and the progress of computing its values.

    Signals:
        requested: `show` or `back` was called, even if the step is shown already.
        chosen: another step, or the present, was requested.
        changed: the requested step, its progress, or the range of steps changed.
        refused(text): the steps of a run cannot be shown.
        followed(RunAtStep): a compared run reached a step.
        ordered(StepOrder): the order in which the step computes its ops.
        progressed(PastProgress): progress in computing any step, shown or not.

    Attributes:
        step: the requested step, counted from 1; None is the present.
        run: id of the kept run whose steps are shown; empty for the training.
        title: the title of that run.
        opening: id of the run that is being opened; empty for none.
        is_there: whether the values of the step are shown.
        progress: finished and total steps of the computation.
        is_preparing: whether kernels are being compiled or data read for the computation.
        notices: remarks on the step's values for the user.
        differences: number of differences between the run's graph and the open one.
    """

    requested = Signal()
    chosen = Signal()
    changed = Signal()
    refused = Signal(str)
    followed = Signal(object)
    ordered = Signal(object)
    progressed = Signal(object)

    def __init__(self, engine: Engine, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._engine, self._request = engine, 0
        self._live, self._of_run = Span(), Span()
        self._opening: tuple[int, str, int | None] = (0, "", None)
        self._title = ""
        self._computing = 0.0
        self.step: int | None = None
        self.run = self.title = ""
        self.is_there = False
        self.progress = (0, 0)
        self.is_preparing = False
        self.notices: tuple[str, ...] = ()
        self.differences = 0

    @property
    def span(self) -> Span:
        """The range of steps that can be shown now."""
        return self._of_run if self.run else self._live

    @property
    def first(self) -> int:
        return self.span.first

    @property
    def last(self) -> int:
        return self.span.last

    @property
    def per_epoch(self) -> int:
        return self.span.per_epoch

    @property
    def opening(self) -> str:
        return self._opening[1]

    @property
    def is_possible(self) -> bool:
        """Return whether any steps can be shown."""
        return 0 < self.first <= self.last

    @property
    def has_training(self) -> bool:
        """Return whether the current or last training has steps to show."""
        return 0 < self._live.first <= self._live.last

    @property
    def is_computing(self) -> bool:
        """Return whether the values of the requested step have not arrived yet."""
        return self.step is not None and not self.is_there

    @property
    def is_slow(self) -> bool:
        """Return whether computing the requested step takes so long that the engine reports
        progress.
        """
        return self.is_computing and (self.is_preparing or self.progress[1] > 0)

    @property
    def seconds_left(self) -> float | None:
        """Return an estimate of the remaining seconds; None until there is one."""
        done, total = self.progress
        passed = time.monotonic() - self._computing
        if not self._computing or not done or passed < ESTIMATED_AFTER:
            return None
        return passed * (total - done) / done

    def epoch_of(self, step: int) -> int:
        """Return the epoch that a step belongs to, or 0 if the steps per epoch are unknown."""
        epochs = self.span.epochs_before(step)
        return 0 if epochs is None else floor(epochs + 1e-9) + 1

    def show(self, step: int) -> None:
        """Show a past step, or the nearest available one."""
        if not self.is_possible:
            return
        self._choose(min(max(step, self.first), self.last))

    def back(self) -> None:
        """Show the current values instead of a past step."""
        self._choose(None)

    def open(self, run: str, title: str, step: int | None = None) -> None:
        """Show a step of a kept run (None: its last step). If this fails, `refused` is emitted."""
        if run == self.run:
            self.show(self.last if step is None else step)
            return
        self._opening = (self._engine.open_run(run), run, step)
        self._title = title
        self.changed.emit()

    def leave_run(self) -> None:
        """Leave the kept run: show the current values, and offer the steps of the training
        again.
        """
        self._opening = (0, "", None)
        if self.run:
            self._choose(None)
            self.run = self.title = ""
            self.differences = 0
        self.changed.emit()

    def _choose(self, step: int | None) -> None:
        self.requested.emit()
        if step == self.step:
            return
        self.step, self.is_there = step, False
        self.progress, self.is_preparing, self._computing = (0, 0), False, 0.0
        self._request = self._engine.show_step(step, self.run)
        self.chosen.emit()
        self.changed.emit()

    # ---- messages of the engine ---------------------------------------------------------------

    def forget(self) -> None:
        """Forget the training's steps, because it is gone or another training begins."""
        was = self.step
        self._live = replace(self._live, first=0, last=0)
        self._opening = (0, "", None)
        self.step, self.is_there = None, False
        self.run = self.title = ""
        self.differences = 0
        if was is not None:
            self.chosen.emit()
        self.changed.emit()

    def on_message(self, message: p.StepMessage) -> None:
        """Handle a message of the engine about past steps."""
        if isinstance(message, p.PastSteps):
            self._on_steps(message)
        elif isinstance(message, p.RunOpened):
            self._on_opened(message)
        elif isinstance(message, p.PastProgress):
            self._on_progress(message)
            self.progressed.emit(message)
        elif isinstance(message, p.RunAtStep):
            self.followed.emit(message)
        else:
            self.ordered.emit(message)

    def _on_steps(self, message: p.PastSteps) -> None:
        """Forget the previous training's steps, because another training begins or none is left."""
        self.forget()
        self._live = replace(self._live, first=message.first, last=0)
        self.changed.emit()

    def _on_opened(self, message: p.RunOpened) -> None:
        """Show the steps of a kept run that the engine opened."""
        request, run, step = self._opening
        if message.request != request:
            return
        self._opening = (0, "", None)
        self._choose(None)
        self.run, self.title = run, self._title
        self._of_run = Span(message.first, message.last, message.per_epoch)
        self.differences = message.differences
        self.show(message.last if step is None else step)

    def on_failed(self, message: p.Failed) -> None:
        """Emit `refused` if the failed request was to open a run."""
        if message.request == self._opening[0]:
            self._opening = (0, "", None)
            self.refused.emit(sentence(message.error))
            self.changed.emit()

    def _on_progress(self, message: p.PastProgress) -> None:
        """Note the progress of computing the requested step."""
        if message.request == self._request and message.step == self.step:
            if message.total and not self.progress[1]:
                self._computing = time.monotonic()
            self.progress = message.done, message.total
            self.is_preparing = message.preparing
            self.changed.emit()

    def on_arrived(self, notices: tuple[str, ...] = ()) -> None:
        """Note that the values of the step have arrived, with notices for the user."""
        self.notices = notices
        if self.step is not None and not self.is_there:
            self.is_there, self.is_preparing = True, False
            self.changed.emit()

    def on_event(self, event: Event) -> None:
        """Update the range of steps from an event of the training."""
        if isinstance(event, Started):
            self._live = replace(
                self._live,
                per_epoch=event.steps_per_epoch,
                first_epoch=event.first_epoch,
                edits=(),
            )
        elif isinstance(event, Edited):
            epochs = self._live.epochs_before(event.step + 1)
            if epochs is not None:
                edit = event.step, epochs, event.steps_per_epoch
                self._live = replace(self._live, edits=(*self._live.edits, edit))
        elif isinstance(event, (Steps, Diverged)):
            last = event.last if isinstance(event, Steps) else event.step
            self._live = replace(self._live, last=last)
            self.changed.emit()
        elif isinstance(event, Resumed):
            self._live = replace(self._live, last=event.step)


def left_text(seconds: float) -> str:
    """Format the remaining time roughly: ``3 s left``."""
    if seconds < 60:
        return f"{max(1, round(seconds))} s left"
    return f"{count(round(seconds / 60))} min left"
