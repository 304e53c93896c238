"""What a training tells the world: plain data, in this order."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Started:
    """Before the first step."""

    epochs: int
    steps_per_epoch: int
    first_epoch: int = 1
    notices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Steps:
    """Some steps were done; ``losses`` holds each one's loss, computed before its update."""

    first: int
    losses: np.ndarray
    seconds: float = 0.0
    tier: str = ""

    @property
    def last(self) -> int:
        return self.first + len(self.losses) - 1


@dataclass(frozen=True)
class Epoch:
    """An epoch ended: mean of its batch losses, the metrics measured, steps and seconds so far."""

    epoch: int
    loss: float
    metrics: dict[str, float]
    steps: int
    seconds: float


@dataclass(frozen=True)
class Done:
    """The end: all epochs done, or stopped by the user after ``epochs`` whole epochs."""

    epochs: int
    metrics: dict[str, float] = field(default_factory=dict)
    steps: int = 0
    steps_per_second: float = 0.0
    seconds: float = 0.0
    stopped: bool = False
    notices: tuple[str, ...] = ()


Event = Started | Steps | Epoch | Done
