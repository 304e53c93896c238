"""Signals emitted by other threads, to objects that the GUI thread may be deleting at that
moment.
"""

from __future__ import annotations

import threading
from typing import Any

from PySide6.QtCore import QObject
from shiboken6 import isValid


class ThreadSignal:
    """A signal of an object, emitted from another thread unless the object has been deleted.

    The deletion of the object waits for a running emission to end, so that no emission meets a
    half-deleted object.
    """

    def __init__(self, owner: QObject, name: str) -> None:
        self._owner: QObject | None = owner
        self._name = name
        self._lock = threading.RLock()

        def forget(_: object = None) -> None:
            with self._lock:
                self._owner = None

        owner.destroyed.connect(forget)

    def emit(self, *values: Any) -> None:
        """Emit the signal, unless its object has been deleted."""
        with self._lock:
            owner = self._owner
            if owner is None:
                return
            try:
                getattr(owner, self._name).emit(*values)
            except RuntimeError:
                if isValid(owner):  # else its deletion has begun, and `forget` waits for the lock
                    raise
