"""The events of a training so far, prepared for plots and figures. This module does not use Qt."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field

import numpy as np

from nodeflow.train.edits.marks import mark_of
from nodeflow.train.events import (
    Diverged,
    Done,
    Edited,
    Epoch,
    Event,
    Resumed,
    Started,
    Steps,
)
from nodeflow.train.schedule import Schedule
from nodeflow.train.settings import UNTIL_STOPPED
from nodeflow.ui.panels.plots.curve import LOSS, Curve

SPEED_SECONDS = 2.0
"""Seconds over which speed is averaged: long enough to be steady, short enough to be current."""


@dataclass
class TrainingRecord:
    """The history of one training."""

    smoothing: float = 0.9
    epochs: int = 0
    steps_per_epoch: int = 0
    first_epoch: int = 1
    epoch: int = 0
    last_step: int = 0
    metrics: dict[str, Curve] = field(default_factory=dict)
    """Metrics after each epoch, by key."""
    scalars: dict[str, Curve] = field(default_factory=dict)
    """Plotted nodes, one value for each step."""
    tables: dict[str, np.ndarray] = field(default_factory=dict)
    """The latest metrics that are tables."""
    shares: tuple[str, ...] = ()
    """The metrics that lie between 0 and 1."""
    measured: dict[str, tuple[str, int]] = field(default_factory=dict)
    """For each metric, the split on which it is measured and the number of rows (0: no data)."""
    once: tuple[str, ...] = ()
    """The metrics that are measured only after the last epoch."""
    done: Done | None = None
    diverged: Diverged | None = None
    mark: int | None = None
    """The first step with a loss that is not finite."""
    changes: list[tuple[int, str]] = field(default_factory=list)
    """Changes during the training: the last step before each, and its description."""
    edited: Edited | None = None
    """The latest edit of the graph."""
    has_stepped: bool = False

    def __post_init__(self) -> None:
        self.losses = Curve(LOSS, smoothing=self.smoothing)
        self.by_phase: dict[str, Curve] = {}
        """The losses of each optimizer, if several take turns; by the name of the curve."""
        self.schedule: Schedule | None = None
        self._marks: list[tuple[float, int]] = []
        self._offset = 0
        """Number of steps of an interrupted epoch that a continued training counts again."""
        self._since = self._plotted_since = (0, 0.0)
        """(step, epochs) at the last change of the number of steps per epoch, as counted by the
        training and by the plot.
        """
        self._seconds = 0.0
        """Duration of the earlier trainings whose curves are continued."""

    @property
    def curves(self) -> list[Curve]:
        """The plotted curves."""
        losses = [self.losses] if self.schedule is None else [*self.by_phase.values()]
        found = [*losses, *self.metrics.values(), *self.scalars.values()]
        return [curve for curve in found if curve.count]

    def set_smoothing(self, smoothing: float) -> None:
        """Change the smoothing of the curves that have a value for each step."""
        self.smoothing = smoothing
        for curve in (self.losses, *self.by_phase.values(), *self.scalars.values()):
            curve.set_smoothing(smoothing)

    def take(self, event: Event, now: float | None = None) -> None:
        """Record an event.

        Args:
            now: the time of its arrival.
        """
        if isinstance(event, Started):
            self._start(event)
        elif isinstance(event, Resumed):
            self._resume(event)
        elif isinstance(event, Steps):
            self._steps(event, time.monotonic() if now is None else now)
        elif isinstance(event, Epoch):
            self._epoch(event)
        elif isinstance(event, Edited):
            self._edit(event)
        elif isinstance(event, Diverged):
            self.diverged = event
            self.mark = self.mark or self._last
        elif isinstance(event, Done):
            self.done = event
            self.tables |= event.tables
            self._add_last(event)
        if (mark := mark_of(event)) is not None:
            step, text = mark
            self.changes.append((step + self._offset, text))

    def _start(self, event: Started) -> None:
        self.epochs, self.schedule = event.epochs, event.schedule
        self.steps_per_epoch = event.steps_per_epoch
        self.first_epoch = event.first_epoch
        self.shares = event.shares
        self.measured = {name: (split, rows) for name, split, rows in event.measured}
        self.once = event.once
        self.epoch = event.first_epoch - 1
        self.last_step = (event.first_epoch - 1) * event.steps_per_epoch
        self._offset, self._seconds = 0, 0.0
        if self.losses.count:
            self._offset = max(0, self._last - self.last_step)
            self._seconds = float(self.losses.seconds[-1])
        self.done = self.diverged = self.mark = self.edited = None
        self._since = self._plotted_since = (0, 0.0)
        self.has_stepped = False
        self._marks = []

    def _resume(self, event: Resumed) -> None:
        """Restore the curves up to the step at which the training resumes, also those of
        earlier trainings.
        """
        before = int(np.searchsorted(self.losses.steps, event.first))
        self.losses.cut(before)
        others = (*self.by_phase.values(), *self.metrics.values(), *self.scalars.values())
        for curve in others:
            curve.cut(int(np.searchsorted(curve.steps, event.first)))
        earlier = [(step, text) for step, text in self.changes if step < event.first]
        self.changes = [*earlier, *event.marks]
        self._offset = 0
        self._seconds = float(self.losses.seconds[-1]) if before else 0.0
        self._add_losses(event.first, 0, event.losses, self._seconds + event.seconds)
        self.last_step = event.step
        for epoch in event.epochs:
            self._epoch(epoch)
        self.epoch = event.epoch - 1

    def _edit(self, event: Edited) -> None:
        """Record an edit, which may change the number of steps per epoch."""
        step = event.step + self._offset
        each = self.steps_per_epoch
        self._plotted_since = (step, self._epochs_at(step))
        self._since = (event.step, event.epoch - 1 + (event.done / each if each else 0))
        self.epochs, self.steps_per_epoch = event.epochs, event.steps_per_epoch
        self.schedule = event.schedule
        self.shares = event.shares
        self.measured |= {name: (split, rows) for name, split, rows in event.measured}
        self.once = event.once
        if event.what:
            self.edited = event

    def _epochs(self, steps: np.ndarray) -> np.ndarray:
        """Return the positions of steps on the axis of epochs."""
        each, (since, epochs) = self.steps_per_epoch, self._plotted_since
        return epochs + (steps - since) / each if each else np.full(len(steps), float(self.epoch))

    def _epochs_at(self, step: int) -> float:
        return float(self._epochs(np.array([step], np.float64)).item())

    def _epoch(self, event: Epoch) -> None:
        self.epoch = event.epoch
        since, epochs = self._since
        step = since + round((event.epoch - epochs) * self.steps_per_epoch) + self._offset
        if not self.steps_per_epoch:  # the data set decides where an epoch ends
            step = self._last
        at = self.losses.index_at("step", step)
        seconds = self._seconds + event.seconds if at is None else self.losses.seconds[at]
        for name, value in event.others.items():
            self._add_metric(name, step, seconds, value)
        self.tables |= event.tables

    def _add_last(self, event: Done) -> None:
        """Add the metrics that were measured after the last epoch."""
        seconds = self._seconds + event.seconds
        for name in self.once:
            if name in event.metrics:
                self._add_metric(name, self._last, seconds, event.metrics[name])

    def _add_metric(self, name: str, step: int, seconds: float, value: float) -> None:
        if name not in self.metrics:
            self.metrics[name] = Curve(name, is_share=name in self.shares)
        at = (step, self._epochs_at(step), seconds, value)
        self.metrics[name].extend(*(np.array([number], np.float64) for number in at))

    def _steps(self, event: Steps, now: float) -> None:
        first = event.first + self._offset
        bad = np.flatnonzero(~np.isfinite(event.losses))
        if self.mark is None and len(bad):
            self.mark = first + int(bad[0])
        before = float(self.losses.seconds[-1]) if self.losses.count else 0.0
        for name, values in event.scalars.items():
            if name not in self.scalars:
                self.scalars[name] = Curve(name, smoothing=self.smoothing)
            self._extend(self.scalars[name], first, values, self._seconds + event.seconds, before)
        seconds = self._seconds + event.seconds
        self._add_losses(event.first, self._offset, event.losses, seconds, before)
        self.last_step = event.last
        self.has_stepped = self.has_stepped or len(event.losses) > 0
        self._marks.append((now, self.losses.count))
        while len(self._marks) > 2 and now - self._marks[0][0] > SPEED_SECONDS:
            self._marks.pop(0)

    def _add_losses(
        self, first: int, offset: int, losses: np.ndarray, seconds: float, since: float = 0.0
    ) -> None:
        """Append the losses of steps, also to the curves of their optimizers.

        Args:
            first: the number of the first step in its training.
            offset: the plotted number of a step, less its number.
        """
        at = self.losses.count
        self._extend(self.losses, first + offset, losses, seconds, since)
        if self.schedule is None:
            return
        for name, (steps, values) in self.schedule.split(first, losses).items():
            title = f"{LOSS}/{name.partition('/')[2]}"
            if title not in self.by_phase:
                self.by_phase[title] = Curve(title, smoothing=self.smoothing)
            of_it = at + steps - first
            all_steps, epochs, times = self.losses.steps, self.losses.epochs, self.losses.seconds
            self.by_phase[title].extend(all_steps[of_it], epochs[of_it], times[of_it], values)

    def _extend(
        self, curve: Curve, first: int, values: np.ndarray, seconds: float, since: float = 0.0
    ) -> None:
        """Append the values of some steps, with times spread evenly over their duration."""
        count = len(values)
        steps = np.arange(first, first + count, dtype=np.float64)
        epochs = self._epochs(steps)
        since = min(since, seconds)
        times = since + (seconds - since) * np.arange(1, count + 1) / max(count, 1)
        curve.extend(steps, epochs, times, values)

    @property
    def _last(self) -> int:
        """The last plotted step."""
        return int(self.losses.steps[-1]) if self.losses.count else 0

    def pause(self) -> None:
        """Restart the measurement of speed, so that a pause does not count."""
        self._marks = []

    @property
    def has_end(self) -> bool:
        """Whether the training ends by itself, after its epochs."""
        return self.epochs < UNTIL_STOPPED

    @property
    def total_steps(self) -> int:
        """The number of steps at the end of the training; 0 if it continues until it is stopped."""
        if not self.has_end:
            return 0
        last, (step, epochs) = self.first_epoch - 1 + self.epochs, self._since
        return step + round((last - epochs) * self.steps_per_epoch)

    @property
    def part(self) -> float:
        """The finished fraction of all steps.

        A continued training starts at the fraction where it left off.
        """
        return min(1.0, self.last_step / self.total_steps) if self.total_steps else 0.0

    @property
    def speed(self) -> float | None:
        """The number of steps per second, measured recently."""
        if len(self._marks) < 2:
            return None
        (start, first), (end, last) = self._marks[0], self._marks[-1]
        return (last - first) / (end - start) if end > start else None

    @property
    def seconds_left(self) -> float | None:
        speed = self.speed
        left = max(0, self.total_steps - self.last_step)
        return left / speed if speed and self.has_end else None

    @property
    def last_loss(self) -> float | None:
        """The smoothed loss of the last step; of several optimizers, of the first one."""
        losses = next(iter(self.by_phase.values()), self.losses) if self.schedule else self.losses
        return float(losses.smooth[-1]) if losses.count else None

    def current_epoch(self) -> int:
        """Return the current epoch, or the last one."""
        if not self.steps_per_epoch:
            return self.epoch
        last = self.first_epoch - 1 + self.epochs
        step, epochs = self._since
        current = math.ceil(round(epochs + (self.last_step - step) / self.steps_per_epoch, 9))
        return min(last, max(self.epoch, current))


def duration(seconds: float) -> str:
    """Format a duration: ``42 s``, ``3 min 5 s``, ``2 h 10 min``."""
    whole = math.ceil(seconds) if seconds < 100 else round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
