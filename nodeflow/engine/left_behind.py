"""Work on a thread that can be left behind: nothing can stop numpy in the middle of an op.

Whoever waits for the work sees when one piece of it takes too long, and goes on without it. The
thread then runs to its end unheard, and what it finds is dropped.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from nodeflow.ops.user.guard import TooSlow, raise_in

GRACE_SECONDS = 0.3
"""An op that asks whether it is interrupted ends within this time."""


class Attempt:
    """Work that consists of pieces.

    Attributes:
        lock: held while a result is stored, and while the work is left behind.
        is_left: nobody waits for results any more.
        current: the piece that runs.
        since: when it began.
        result: what the work returned.
        cancelled: set when the work is to end, for pieces that ask.
    """

    def __init__(self, cancelled: threading.Event | None = None) -> None:
        self.cancelled = cancelled or threading.Event()
        self.lock = threading.Lock()
        self.is_left = False
        self.current: Any = None
        self.since = time.monotonic()
        self.result: Any = None
        self._error: BaseException | None = None
        self._ended = threading.Event()

    def begin(self, piece: object) -> None:
        """Called by the work at the start of each piece."""
        self.since, self.current = time.monotonic(), piece

    def run(self, work: Callable[[], Any]) -> None:
        """Start the work on a thread of its own."""

        def call() -> None:
            try:
                self.result = work()
            except BaseException as error:
                self._error = error
            self._ended.set()

        self._thread = threading.Thread(target=call, name="nodeflow-values", daemon=True)
        self._thread.start()

    @property
    def has_ended(self) -> bool:
        return self._ended.is_set()

    def leave(self) -> None:
        """End the piece that runs if it asks, or if it is written in Python; go on without it."""
        with self.lock:
            self.is_left = True
        self.cancelled.set()
        if not self._ended.wait(GRACE_SECONDS):
            raise_in(self._thread, TooSlow)

    def wait(self, seconds: float) -> bool:
        """Wait so long at most; whether it has ended. Raises what it raised."""
        if not self._ended.wait(max(0.0, seconds)):
            return False
        if self._error is not None:
            raise self._error
        return True


def overdue(attempt: Attempt, seconds: float) -> Any:
    """Wait for work, and leave it behind as soon as a piece takes longer than so many seconds.

    Returns:
        The piece that takes too long; None when the work has ended.

    Raises:
        Exception: what the work raised.
    """
    while not attempt.wait(attempt.since + seconds - time.monotonic()):
        piece = attempt.current
        if time.monotonic() - attempt.since >= seconds:
            attempt.leave()
            return piece
    return None
