"""Jobs off the GUI thread; the latest result comes back as a signal."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal, Slot

from nodeflow.errors import NodeflowError
from nodeflow.ui.core.concurrency.thread_signal import ThreadSignal


class Background(QObject):
    """A runner of jobs on threads. A newer job makes the result of an older one void.

    A thread cannot be stopped, so an older job runs on, and its result is ignored.

    Signals (on the GUI thread):
        done(result): the return value of the latest job.
        failed(error): the NodeflowError that the latest job raised. Any other error is raised here.
        busy_changed(bool): whether a result is awaited.
    """

    done = Signal(object)
    failed = Signal(object)
    busy_changed = Signal(bool)
    _returned = Signal(int, object, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._latest = 0
        self._back = ThreadSignal(self, "_returned")
        self.is_busy = False
        self._returned.connect(self._on_returned, Qt.ConnectionType.QueuedConnection)

    def run(self, job: Callable[[], Any]) -> None:
        """Call ``job`` on a new thread. It must not touch widgets."""
        self._latest += 1
        thread = threading.Thread(
            target=self._work, args=(self._latest, job), name="nodeflow-background", daemon=True
        )
        self._set_busy(True)
        thread.start()

    def cancel(self) -> None:
        """Ignore the result of the running job."""
        self._latest += 1
        self._set_busy(False)

    def _work(self, number: int, job: Callable[[], Any]) -> None:
        result = error = None
        try:
            result = job()
        except Exception as raised:
            error = raised
        self._back.emit(number, result, error)

    @Slot(int, object, object)
    def _on_returned(self, number: int, result: Any, error: Exception | None) -> None:
        if number != self._latest:
            return
        self._set_busy(False)
        if error is None:
            self.done.emit(result)
        elif isinstance(error, NodeflowError):
            self.failed.emit(error)
        else:
            raise error

    def _set_busy(self, busy: bool) -> None:
        if busy != self.is_busy:
            self.is_busy = busy
            self.busy_changed.emit(busy)
