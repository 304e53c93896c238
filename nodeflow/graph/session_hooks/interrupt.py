"""Early termination of long ops: the caller sets an event, and the op checks it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from nodeflow.errors import Cancelled


class _Current(threading.local):
    event: threading.Event | None = None


_current = _Current()


@contextmanager
def interruptible(event: threading.Event | None) -> Iterator[None]:
    """Let ops in this block end soon after the event is set; with None, they cannot be
    interrupted.
    """
    saved = _current.event
    _current.event = event or saved
    try:
        yield
    finally:
        _current.event = saved


def check_interrupt() -> None:
    """Raise Cancelled if the user has stopped the run. Ops that take long call this function
    between two pieces of work.

    Raises:
        Cancelled: the user stopped the run.
    """
    if _current.event is not None and _current.event.is_set():
        raise Cancelled("the run was stopped")
