"""The rate at which a training reports: often enough to look alive, rarely enough not to slow it
down.

Each message wakes the window, which takes a core from a team of threads that wait for each other.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import groupby

import numpy as np

from nodeflow.engine.cores import cores
from nodeflow.host.protocol import EventBatch
from nodeflow.train.events import Epoch, Steps

REPORT_SECONDS = 0.12 if cores() >= 4 else 0.24
"""Seconds between two messages with losses and epochs.

With few cores, curves are drawn only three to four times per second, so more messages are useless.
"""
PREVIEW_SECONDS = 0.3 if cores() >= 4 else 0.8
"""Seconds between two previews. With few cores, drawing them takes time from the training."""
PREVIEW_SHARE = 0.02
"""Fraction of a training's time that previews may take."""

PACED_SECONDS, PACED_SHARE = 0.2, 0.3
"""The same for a training that waits between its steps, so that it can be watched."""


class ProgressBatcher:
    """A buffer that joins losses and epochs into few messages, in order and without loss.

    Args:
        send: takes single events and batches of them.
    """

    def __init__(self, send: Callable[[Steps | Epoch | EventBatch], None]) -> None:
        self._send = send
        self._pending: list[Steps | Epoch] = []
        self._next = 0.0

    def add(self, event: Steps | Epoch, at_once: bool = False) -> None:
        """Add the next event. Send all pending events if they are due, or if ``at_once``."""
        self._pending.append(event)
        if at_once or time.perf_counter() >= self._next:
            self.flush()

    def send_due(self) -> None:
        """Send the pending events if they are due."""
        if time.perf_counter() >= self._next:
            self.flush()

    def flush(self) -> None:
        """Send the pending events. Call this before sending anything that comes after them."""
        if not self._pending:
            return
        events = tuple(_merged(self._pending))
        self._pending = []
        self._send(events[0] if len(events) == 1 else EventBatch(events))
        self._next = time.perf_counter() + REPORT_SECONDS


def _merged(events: Iterable[Steps | Epoch]) -> Iterable[Steps | Epoch]:
    """Yield the events, with neighbouring Steps joined into one."""
    for is_steps, run in groupby(events, lambda event: isinstance(event, Steps)):
        if not is_steps:
            yield from run
            continue
        steps = [event for event in run if isinstance(event, Steps)]
        losses = np.concatenate([part.losses for part in steps])
        scalars = {
            name: np.concatenate([part.scalars[name] for part in steps])
            for name in steps[-1].scalars
        }
        yield replace(steps[-1], first=steps[0].first, losses=losses, scalars=scalars)


class PreviewClock:
    """The schedule of previews in a training: a few per second, and at most a fraction of the time.

    Attributes:
        is_paced: whether the training waits between its steps anyway.
    """

    is_paced = False

    def __init__(self) -> None:
        self._next = 0.0
        self._started = 0.0

    def due(self) -> bool:
        return time.perf_counter() >= self._next

    def __enter__(self) -> None:
        self._started = time.perf_counter()

    def __exit__(self, *exc: object) -> None:
        now = time.perf_counter()
        least, share = PREVIEW_SECONDS, PREVIEW_SHARE
        if self.is_paced:
            least, share = PACED_SECONDS, PACED_SHARE
        self._next = now + max(least, (now - self._started) / share)
