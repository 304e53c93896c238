"""What a training has told so far, ready to be drawn; no Qt."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field

import numpy as np

from nodeflow.host import protocol as p

SPEED_SECONDS = 2.0
"""Speed is measured over about so long: steady enough to read, quick enough to be true."""


class Losses:
    """The loss of every step, and its smoothed course, in arrays that grow."""

    def __init__(self, smoothing: float = 0.9) -> None:
        self.smoothing = smoothing
        self._raw = np.zeros(1024)
        self._smooth = np.zeros(1024)
        self.count = 0
        self._mean, self._weight = 0.0, 0.0

    @property
    def raw(self) -> np.ndarray:
        return self._raw[: self.count]

    @property
    def smooth(self) -> np.ndarray:
        return self._smooth[: self.count]

    def extend(self, losses: np.ndarray) -> None:
        """Add the losses of further steps."""
        values = np.asarray(losses, np.float64).reshape(-1)
        end = self.count + len(values)
        if end > len(self._raw):
            size = max(end, 2 * len(self._raw))
            self._raw = np.resize(self._raw, size)
            self._smooth = np.resize(self._smooth, size)
        self._raw[self.count : end] = values
        self._smooth[self.count : end] = self._smoothed(values.tolist())
        self.count = end

    def set_smoothing(self, smoothing: float) -> None:
        """Smooth everything anew."""
        self.smoothing = smoothing
        self._mean, self._weight = 0.0, 0.0
        self._smooth[: self.count] = self._smoothed(self.raw.tolist())

    def _smoothed(self, values: list[float]) -> list[float]:
        """Exponential means, corrected for their start; what is not finite is passed over."""
        keep, result = self.smoothing, []
        mean, weight = self._mean, self._weight
        for value in values:
            if math.isfinite(value):
                mean = keep * mean + (1 - keep) * value
                weight = keep * weight + (1 - keep)
            result.append(mean / weight if weight else value)
        self._mean, self._weight = mean, weight
        return result


def thin(values: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """At most about ``most`` points (x, y) that keep the minimum and maximum of each stretch."""
    count = len(values)
    if count <= most:
        return np.arange(1, count + 1), values
    block = -(-count // (most // 2))
    whole = count // block * block
    rows = values[:whole].reshape(-1, block)
    first = np.arange(len(rows)) * block
    with np.errstate(invalid="ignore"):
        low = first + np.nan_to_num(rows, nan=np.inf).argmin(axis=1)
        high = first + np.nan_to_num(rows, nan=-np.inf).argmax(axis=1)
    chosen = np.sort(np.concatenate([low, high, np.arange(whole, count)]))
    return chosen + 1, values[chosen]


@dataclass
class TrainingRecord:
    """One training, from its first step to its end."""

    smoothing: float = 0.9
    epochs: int = 0
    steps_per_epoch: int = 0
    first_epoch: int = 1
    epoch: int = 0
    last_step: int = 0
    metrics: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    tables: dict[str, np.ndarray] = field(default_factory=dict)
    """Metrics that are more than a number, as they were last."""
    epoch_losses: list[tuple[int, float]] = field(default_factory=list)
    done: p.TrainingDone | None = None
    tier: str = ""

    def __post_init__(self) -> None:
        self.losses = Losses(self.smoothing)
        self._marks: list[tuple[float, int]] = []

    def take(self, message: object, now: float | None = None) -> None:
        """Note what the engine says."""
        if isinstance(message, p.TrainingStarted):
            self._start(message)
        elif isinstance(message, p.StepsDone):
            self._steps(message, time.monotonic() if now is None else now)
        elif isinstance(message, p.EpochDone):
            self.epoch = message.epoch
            self.epoch_losses.append((message.epoch, message.loss))
            for name, value in message.metrics.items():
                self.metrics.setdefault(name, []).append((message.epoch, value))
            self.tables |= message.tables
        elif isinstance(message, p.TrainingDone):
            self.done = message
            self.tables |= message.tables

    def _start(self, message: p.TrainingStarted) -> None:
        self.epochs = message.epochs
        self.steps_per_epoch = message.steps_per_epoch
        self.first_epoch = message.first_epoch
        self.epoch = message.first_epoch - 1
        self.last_step = (message.first_epoch - 1) * message.steps_per_epoch
        self.done = None
        self._marks = []

    def _steps(self, message: p.StepsDone, now: float) -> None:
        self.losses.extend(message.losses)
        self.last_step = message.first + len(message.losses) - 1
        self.tier = message.tier or self.tier
        self._marks.append((now, self.losses.count))
        while len(self._marks) > 2 and now - self._marks[0][0] > SPEED_SECONDS:
            self._marks.pop(0)

    def pause(self) -> None:
        """Time that passes without steps says nothing about speed."""
        self._marks = []

    @property
    def total_steps(self) -> int:
        return self.steps_per_epoch * (self.first_epoch - 1 + self.epochs)

    @property
    def part(self) -> float:
        """How much is done, 0 to 1, of all steps: where training goes on, the bar goes on too."""
        return min(1.0, self.last_step / self.total_steps) if self.total_steps else 0.0

    @property
    def speed(self) -> float | None:
        """Steps a second, lately."""
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
        """The epoch that is going on, or the last one."""
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
