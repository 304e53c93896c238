"""How often a training is told: often enough to look alive, seldom enough to leave it alone.

Each message wakes the window, which takes a core from a team of threads that wait for each other.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from nodeflow.host.protocol import StepsDone
from nodeflow.train.events import Steps

REPORT_SECONDS = 0.08
"""Losses of so long come in one message."""
PREVIEW_SECONDS = 0.3
PREVIEW_SHARE = 0.05
"""Part of the time that previews may take from a training."""


class StepReports:
    """Joins the steps of many chunks into one message; nothing is left out.

    Args:
        send: takes the messages.
    """

    def __init__(self, send: Callable[[StepsDone], None]) -> None:
        self._send = send
        self._kept: list[Steps] = []
        self._next = 0.0

    def add(self, steps: Steps, at_once: bool = False) -> None:
        """Take steps that follow the last ones; tell them if it is time, or ``at_once``."""
        self._kept.append(steps)
        if at_once or time.perf_counter() >= self._next:
            self.flush()

    def flush(self) -> None:
        """Tell what is kept, before anything that comes after it is told."""
        if not self._kept:
            return
        kept, self._kept = self._kept, []
        losses = np.concatenate([steps.losses for steps in kept])
        self._send(StepsDone(kept[0].first, losses, kept[-1].seconds, kept[-1].tier))
        self._next = time.perf_counter() + REPORT_SECONDS


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
