"""`tf.train.Coordinator`, which stops several threads together.

A graph here has no queue runners.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from nodeflow.errors import OutOfRangeError


class Coordinator:
    """Tells threads to stop, waits for them, and raises the first exception of any of them.

    Args:
        clean_stop_exception_types: exceptions that stop the threads and are not raised by `join`;
            None: `OutOfRangeError`, the end of the data.
    """

    def __init__(
        self, clean_stop_exception_types: tuple[type[BaseException], ...] | None = None
    ) -> None:
        self._clean = clean_stop_exception_types or (OutOfRangeError,)
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._error: BaseException | None = None
        self._threads: set[threading.Thread] = set()
        self.joined = False

    def should_stop(self) -> bool:
        """Return whether somebody asked the threads to stop."""
        return self._stop.is_set()

    def request_stop(self, ex: Any = None) -> None:
        """Ask all threads to stop.

        Args:
            ex: an exception, or what `sys.exc_info` returned; `join` raises the first one.
        """
        with self._lock:
            error = ex[1] if isinstance(ex, tuple) else ex
            if self.joined and error is not None:
                raise error
            if not self._stop.is_set():
                if isinstance(error, BaseException) and not isinstance(error, self._clean):
                    self._error = error
                self._stop.set()

    def clear_stop(self) -> None:
        """Forget that the threads were asked to stop, and the exception."""
        with self._lock:
            self.joined, self._error = False, None
            self._stop.clear()

    def wait_for_stop(self, timeout: float | None = None) -> bool:
        """Wait until somebody asks the threads to stop. Return False if the time passes first."""
        return self._stop.wait(timeout)

    def register_thread(self, thread: threading.Thread) -> None:
        """Add a thread for which `join` waits."""
        self._threads.add(thread)

    def raise_requested_exception(self) -> None:
        """Raise the exception that a thread passed to `request_stop`, if there is one."""
        if self._error is not None:
            raise self._error

    @contextmanager
    def stop_on_exception(self) -> Iterator[None]:
        """Ask the threads to stop if the body of the ``with`` raises an exception."""
        try:
            yield
        except Exception:
            self.request_stop(sys.exc_info())

    def join(
        self,
        threads: Iterable[threading.Thread] | None = None,
        stop_grace_period_secs: float = 120,
        ignore_live_threads: bool = False,
    ) -> None:
        """Wait for the threads to end, then raise the exception with which one asked to stop.

        Args:
            threads: further threads to wait for.
            stop_grace_period_secs: longest time to wait for them after a request to stop.
            ignore_live_threads: do not raise an error for threads that still run.

        Raises:
            RuntimeError: threads still run after that time.
        """
        waiting = self._threads | {*(threads or ())}
        while any(t.is_alive() for t in waiting) and not self.wait_for_stop(1.0):
            pass
        last = time.monotonic() + stop_grace_period_secs
        for thread in waiting:
            thread.join(max(0.0, last - time.monotonic()))
        self.joined, self._threads = True, set()
        self.raise_requested_exception()
        alive = [thread.name for thread in waiting if thread.is_alive()]
        if alive and not ignore_live_threads:
            raise RuntimeError(f"threads still run: {', '.join(sorted(alive))}")


def start_queue_runners(
    sess: Any = None,
    coord: Coordinator | None = None,
    daemon: bool = True,
    start: bool = True,
    collection: str = "queue_runners",
) -> list[threading.Thread]:
    """Return the threads of all queue runners: none, because a graph here has no queues."""
    return []
