"""Lets an op that takes long end early: who runs it says by what, and the op asks."""

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
    """What runs inside ends soon after the event is set; None changes nothing."""
    saved = _current.event
    _current.event = event or saved
    try:
        yield
    finally:
        _current.event = saved


def check_interrupt() -> None:
    """For ops between two pieces of work.

    Raises:
        Cancelled: the user stopped the run.
    """
    if _current.event is not None and _current.event.is_set():
        raise Cancelled("the run was stopped")
