"""How often a training is told: often enough to look alive, seldom enough to leave it alone.

Each message wakes the window, which takes a core from a team of threads that wait for each other.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from itertools import groupby
from typing import Any

import numpy as np

from nodeflow.host.protocol import EpochDone, Several, StepsDone

REPORT_SECONDS = 0.08
"""Losses and epochs of so long come in one message."""
PREVIEW_SECONDS = 0.3
PREVIEW_SHARE = 0.05
"""Part of the time that previews may take from a training."""


class Reports:
    """Joins what a training tells into few messages, in its order; nothing is left out.

    Args:
        send: takes StepsDone and EpochDone, or several of them.
    """

    def __init__(self, send: Callable[[StepsDone | EpochDone | Several], None]) -> None:
        self._send = send
        self._kept: list[StepsDone | EpochDone] = []
        self._next = 0.0

    def add(self, message: StepsDone | EpochDone, at_once: bool = False) -> None:
        """Take what follows the last one; tell all if it is time, or ``at_once``."""
        self._kept.append(message)
        if at_once or time.perf_counter() >= self._next:
            self.flush()

    def flush(self) -> None:
        """Tell what is kept, before anything that comes after it is told."""
        if not self._kept:
            return
        told: list[StepsDone | EpochDone] = []
        for kind, run in groupby(self._kept, type):
            part: list[Any] = list(run)
            told += [_joined(part)] if kind is StepsDone else part
        self._kept = []
        self._send(told[0] if len(told) == 1 else Several(tuple(told)))
        self._next = time.perf_counter() + REPORT_SECONDS


def _joined(steps: list[StepsDone]) -> StepsDone:
    """One message for steps that follow each other."""
    losses = np.concatenate([part.losses for part in steps])
    return replace(steps[-1], first=steps[0].first, losses=losses)


class PreviewClock:
    """Decides when previews are due: a few times a second, and at most a part of the time."""

    def __init__(self) -> None:
        self._next = 0.0
        self._started = 0.0

    def due(self) -> bool:
        return time.perf_counter() >= self._next

    def __enter__(self) -> None:
        self._started = time.perf_counter()

    def __exit__(self, *exc: object) -> None:
        now = time.perf_counter()
        self._next = now + max(PREVIEW_SECONDS, (now - self._started) / PREVIEW_SHARE)
