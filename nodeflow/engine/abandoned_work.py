"""Work on a thread that can be abandoned, because nothing can stop numpy in the middle of an op.

If one piece of the work takes too long, the waiting caller continues without it. The thread
then runs to its end, and its result is dropped.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from nodeflow.ops.user.time_limit import TooSlow, raise_in

GRACE_SECONDS = 0.3
"""Seconds that an op which checks for interrupts gets to end."""


class Attempt:
    """Work that consists of pieces and can be abandoned.

    Attributes:
        lock: held while a result is stored, and while the work is abandoned.
        is_left: whether the work has been abandoned.
        current: the running piece.
        since: start time of the current piece.
        result: return value of the work.
        cancelled: set when the work should end, for pieces that check it.
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
        """Note that a piece starts. The work calls this."""
        self.since, self.current = time.monotonic(), piece

    def run(self, work: Callable[[], Any]) -> None:
        """Start the work on a new thread."""

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
        """Abandon work that runs in another thread: ask it to stop, and after a short time raise
        TooSlow in it. A piece of work ends only if it checks for this or is written in Python.
        """
        with self.lock:
            self.is_left = True
        self.cancelled.set()
        if not self._ended.wait(GRACE_SECONDS):
            raise_in(self._thread, TooSlow)

    def wait(self, seconds: float) -> bool:
        """Wait at most ``seconds`` for work in another thread. Return whether it has ended, and
        raise its error if it failed.
        """
        if not self._ended.wait(max(0.0, seconds)):
            return False
        if self._error is not None:
            raise self._error
        return True


def overdue(attempt: Attempt, seconds: float) -> Any:
    """Wait for work in another thread, and abandon it as soon as one of its pieces takes longer
    than ``seconds``.

    Returns:
        The piece that takes too long; None when the work has ended.

    Raises:
        Exception: the error of the work.
    """
    while not attempt.wait(attempt.since + seconds - time.monotonic()):
        piece = attempt.current
        if time.monotonic() - attempt.since >= seconds:
            attempt.leave()
            return piece
    return None
