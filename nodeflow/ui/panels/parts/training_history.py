"""The events of a training so far, as plots and figures show them; no Qt."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field

import numpy as np

from nodeflow.train.events import Diverged, Done, Epoch, Event, Resumed, Started, Steps

SPEED_SECONDS = 2.0
"""The window over which speed is averaged: steady enough to read, short enough to be current."""


MOST_STRETCHES = 1024
"""About the number of pixel columns of a plot."""


class MinMaxSeries:
    """A growing sequence as it is drawn: minimum and maximum of each stretch.

    Stretches have equal lengths, which double when there are too many, so the cost of drawing and
    of appending does not grow with the training. Values that are not finite are skipped; a stretch
    without finite values is NaN.
    """

    def __init__(self) -> None:
        self.count, self.width = 0, 1
        self._low = np.full(MOST_STRETCHES, np.nan)
        self._high = np.full(MOST_STRETCHES, np.nan)

    def extend(self, values: np.ndarray) -> None:
        """Append float64 values."""
        end = self.count + len(values)
        while end > MOST_STRETCHES * self.width:
            self._low, self._high = _halved(np.fmin, self._low), _halved(np.fmax, self._high)
            self.width *= 2
        where = np.arange(self.count, end) // self.width
        finite = np.where(np.isfinite(values), values, np.nan)
        np.fmin.at(self._low, where, finite)
        np.fmax.at(self._high, where, finite)
        self.count = end

    def points(self) -> tuple[np.ndarray, np.ndarray]:
        """x (from 1) and y of a line through both extremes of each stretch."""
        first, low, high = self._stretches()
        if self.width == 1:
            return first, low
        x = np.stack([first, first + self.width / 2], axis=1).ravel()
        return x, np.stack([low, high], axis=1).ravel()

    def middles(self) -> tuple[np.ndarray, np.ndarray]:
        """x and y of a line with one point per stretch, between its extremes."""
        first, low, high = self._stretches()
        return first + (self.width - 1) / 2, low + (high - low) / 2

    def extent(self, part: float = 1.0) -> tuple[float, float] | None:
        """The minimum, and the quantile ``part`` of the maxima; None if nothing is finite."""
        _, low, high = self._stretches()
        return (float(low.min()), float(np.quantile(high, part))) if len(low) else None

    def _stretches(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Number of the first value (from 1), minimum and maximum of each stretch that has one."""
        used = np.flatnonzero(~np.isnan(self._low))
        return used * self.width + 1.0, self._low[used], self._high[used]


def _halved(extreme: np.ufunc, values: np.ndarray) -> np.ndarray:
    """Neighbours combined; the second half is NaN again."""
    joined = extreme(values[0::2], values[1::2])
    return np.concatenate([joined, np.full(len(joined), np.nan)])


class Losses:
    """The losses of all steps, raw and smoothed, in growing arrays.

    ``course`` and ``smooth_course`` are what is drawn of them.
    """

    def __init__(self, smoothing: float = 0.9) -> None:
        self.smoothing = smoothing
        self._raw = np.zeros(1024)
        self._smooth = np.zeros(1024)
        self.count = 0
        self._mean, self._weight = 0.0, 0.0
        self.course, self.smooth_course = MinMaxSeries(), MinMaxSeries()

    @property
    def raw(self) -> np.ndarray:
        return self._raw[: self.count]

    @property
    def smooth(self) -> np.ndarray:
        return self._smooth[: self.count]

    def extend(self, losses: np.ndarray) -> None:
        """Append the losses of further steps."""
        values = np.asarray(losses, np.float64).reshape(-1)
        end = self.count + len(values)
        if end > len(self._raw):
            size = max(end, 2 * len(self._raw))
            self._raw = np.resize(self._raw, size)
            self._smooth = np.resize(self._smooth, size)
        self._raw[self.count : end] = values
        self._smooth[self.count : end] = smooth = self._smoothed(values.tolist())
        self.course.extend(values)
        self.smooth_course.extend(np.array(smooth))
        self.count = end

    def set_smoothing(self, smoothing: float) -> None:
        """Change the smoothing and recompute the smoothed losses."""
        self.smoothing = smoothing
        self._mean, self._weight = 0.0, 0.0
        self._smooth[: self.count] = self._smoothed(self.raw.tolist())
        self.smooth_course = MinMaxSeries()
        self.smooth_course.extend(self.smooth)

    def _smoothed(self, values: list[float]) -> list[float]:
        """Exponential means, bias-corrected, of finite values; the others leave gaps."""
        keep, result = self.smoothing, []
        mean, weight = self._mean, self._weight
        for value in values:
            if not math.isfinite(value):
                result.append(value)
                continue
            mean = keep * mean + (1 - keep) * value
            weight = keep * weight + (1 - keep)
            result.append(mean / weight)
        self._mean, self._weight = mean, weight
        return result


@dataclass
class TrainingRecord:
    """The history of one training."""

    smoothing: float = 0.9
    epochs: int = 0
    steps_per_epoch: int = 0
    first_epoch: int = 1
    epoch: int = 0
    last_step: int = 0
    metrics: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    tables: dict[str, np.ndarray] = field(default_factory=dict)
    """The latest metrics that are tables."""
    epoch_losses: list[tuple[int, float]] = field(default_factory=list)
    shares: tuple[str, ...] = ()
    """The metrics that lie between 0 and 1."""
    measured: dict[str, tuple[str, int]] = field(default_factory=dict)
    """The split of each metric, and how many rows it is measured on (0: no data)."""
    done: Done | None = None
    diverged: Diverged | None = None
    mark: int | None = None
    """Which of the losses, from 1, belongs to the first step that is not finite."""
    has_stepped: bool = False

    def __post_init__(self) -> None:
        self.losses = Losses(self.smoothing)
        self._marks: list[tuple[float, int]] = []

    def take(self, event: Event, now: float | None = None) -> None:
        """Record an event; ``now`` is the time of its arrival."""
        if isinstance(event, Started):
            self._start(event)
        elif isinstance(event, Resumed):
            self._resume(event)
        elif isinstance(event, Steps):
            self._steps(event, time.monotonic() if now is None else now)
        elif isinstance(event, Epoch):
            self._epoch(event)
        elif isinstance(event, Diverged):
            self.diverged = event
            self.mark = self.mark or self.losses.count
        elif isinstance(event, Done):
            self.done = event
            self.tables |= event.tables

    def _start(self, event: Started) -> None:
        self.epochs = event.epochs
        self.steps_per_epoch = event.steps_per_epoch
        self.first_epoch = event.first_epoch
        self.shares = event.shares
        self.measured = {name: (split, rows) for name, split, rows in event.measured}
        self.epoch = event.first_epoch - 1
        self.last_step = (event.first_epoch - 1) * event.steps_per_epoch
        self.done = self.diverged = self.mark = None
        self.has_stepped = False
        self._marks = []

    def _resume(self, event: Resumed) -> None:
        """The curves up to where the training goes on, and those of trainings before it."""
        earlier = self.losses.raw[: event.first - 1].copy()
        self.losses = Losses(self.losses.smoothing)
        self.losses.extend(earlier)
        self.losses.extend(event.losses)
        self.last_step, self.epoch = event.step, event.epoch - 1
        self.epoch_losses = [one for one in self.epoch_losses if one[0] < self.first_epoch]
        for name, values in self.metrics.items():
            self.metrics[name] = [one for one in values if one[0] < self.first_epoch]
        for epoch in event.epochs:
            self._epoch(epoch)
        self.epoch = event.epoch - 1

    def _epoch(self, event: Epoch) -> None:
        self.epoch = event.epoch
        self.epoch_losses.append((event.epoch, event.loss))
        for name, value in event.metrics.items():
            self.metrics.setdefault(name, []).append((event.epoch, value))
        self.tables |= event.tables

    def _steps(self, event: Steps, now: float) -> None:
        bad = np.flatnonzero(~np.isfinite(event.losses))
        if self.mark is None and len(bad):
            self.mark = self.losses.count + int(bad[0]) + 1
        self.losses.extend(event.losses)
        self.last_step = event.last
        self.has_stepped = self.has_stepped or len(event.losses) > 0
        self._marks.append((now, self.losses.count))
        while len(self._marks) > 2 and now - self._marks[0][0] > SPEED_SECONDS:
            self._marks.pop(0)

    def pause(self) -> None:
        """Restart the speed measurement: the pause must not count."""
        self._marks = []

    @property
    def shown_epochs(self) -> int:
        """The epochs that plots span: the planned ones, at the end those that were trained."""
        if self.done is None and self.diverged is None:
            return self.first_epoch - 1 + self.epochs
        return max(self.epoch, 1)

    @property
    def total_steps(self) -> int:
        return self.steps_per_epoch * (self.first_epoch - 1 + self.epochs)

    @property
    def part(self) -> float:
        """The fraction of all steps that is done; a continued training starts where it left off."""
        return min(1.0, self.last_step / self.total_steps) if self.total_steps else 0.0

    @property
    def speed(self) -> float | None:
        """Recent steps per second."""
        if len(self._marks) < 2:
            return None
        (start, first), (end, last) = self._marks[0], self._marks[-1]
        return (last - first) / (end - start) if end > start else None

    @property
    def seconds_left(self) -> float | None:
        speed = self.speed
        return max(0, self.total_steps - self.last_step) / speed if speed else None

    @property
    def last_loss(self) -> float | None:
        return float(self.losses.smooth[-1]) if self.losses.count else None

    def current_epoch(self) -> int:
        """The current epoch, or the last one."""
        if not self.steps_per_epoch:
            return self.epoch
        last = self.first_epoch - 1 + self.epochs
        return min(last, max(self.epoch, -(-self.last_step // self.steps_per_epoch)))


def duration(seconds: float) -> str:
    """``42 s``, ``3 min 5 s``, ``2 h 10 min``."""
    whole = math.ceil(seconds) if seconds < 100 else round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
