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
class Hit:
    """Breakpoints at these nodes were hit in a step, after which the control pauses."""

    step: int
    nodes: tuple[str, ...]
    reason: str = ""


@dataclass(frozen=True)
class Epoch:
    """An epoch ended: mean of its batch losses, the metrics measured, steps and seconds so far.

    ``tables`` holds the metrics that are more than a number, such as a confusion matrix.
    """

    epoch: int
    loss: float
    metrics: dict[str, float]
    steps: int
    seconds: float
    tables: dict[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class Done:
    """The end: all epochs done, or stopped after ``epochs`` whole epochs.

    Attributes:
        stopped: the user stopped it.
        reason: why it ended early by itself; empty if it did not.
        best_epoch: the epoch whose weights were restored; 0 if none were.
    """

    epochs: int
    metrics: dict[str, float] = field(default_factory=dict)
    steps: int = 0
    steps_per_second: float = 0.0
    seconds: float = 0.0
    stopped: bool = False
    notices: tuple[str, ...] = ()
    tables: dict[str, np.ndarray] = field(default_factory=dict)
    last_epoch: int = 0
    reason: str = ""
    best_epoch: int = 0

    @property
    def ending(self) -> str:
        """How it ended, as a sentence without its full stop."""
        return ending(self.last_epoch, self.stopped, self.reason, self.best_epoch)


def ending(last_epoch: int, stopped: bool, reason: str, best_epoch: int) -> str:
    """How a training ended.

    >>> ending(7, False, "validation loss has not improved for 3 epochs", 4)
    'stopped after epoch 7: validation loss has not improved for 3 epochs; weights of epoch 4'
    """
    word = "stopped" if stopped or reason else "done"
    text = f"{word} after epoch {last_epoch}" + (f": {reason}" if reason else "")
    return f"{text}; weights of epoch {best_epoch}" if best_epoch else text


Event = Started | Steps | Hit | Epoch | Done
