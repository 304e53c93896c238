"""Python's cycle collector, restricted to the window's own thread.

Automatic collection runs in the thread whose allocation passes the threshold, for example the
thread that reads the engine's messages. It would destroy widgets in that thread, and Qt would
end the process. So automatic collection is off, and a timer on the window's thread collects
instead.
"""

from __future__ import annotations

import gc

from PySide6.QtCore import QCoreApplication, QObject, QTimer

from nodeflow.free_memory import give_back

CHECK_MS = 500
CLEAR_UP = 6
"""Number of checks before a closed document is collected. By then another document is shown."""
THRESHOLDS = (50_000, 20, 100)
"""Thresholds of the three generations. A large graph has millions of lasting objects. With
Python's default thresholds, full collections visit all of them every now and then, which
stops the window for half a second. Collections of young objects remain; they take
milliseconds.
"""


def collect_here(app: QObject) -> None:
    """Start to collect garbage on the application's thread, unless a collector is already
    running.
    """
    if app.findChild(Collector) is None:
        Collector(app)


def pause() -> None:
    """Stop collecting while a thread makes millions of lasting objects."""
    collector = _collector()
    if collector is not None:
        collector.pauses += 1


def go_on() -> None:
    """Resume collecting after a `pause`."""
    collector = _collector()
    if collector is not None:
        collector.pauses -= 1


def clear_up() -> None:
    """Free the memory of a closed document soon."""
    collector = _collector()
    if collector is not None:
        collector.clear_up()


def _collector() -> Collector | None:
    app = QCoreApplication.instance()
    return None if app is None else app.findChild(Collector)


class Collector(QObject):
    """A timer that runs the garbage collector, which is otherwise off, in the window's thread."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.pauses = self._clears_up = 0
        gc.set_threshold(*THRESHOLDS)
        gc.disable()
        self._timer = QTimer(self, interval=CHECK_MS)
        self._timer.timeout.connect(self.check)
        self._timer.start()

    def clear_up(self) -> None:
        """Collect a closed document after a few checks, and return its memory to the system."""
        self._clears_up = CLEAR_UP

    def _give_back(self) -> None:
        if self._clears_up:
            self._clears_up -= 1
            if not self._clears_up:
                gc.collect()
                give_back()

    def check(self) -> None:
        """Collect the oldest generation whose threshold is passed, if any."""
        if self.pauses:
            return
        self._give_back()
        for generation, (count, limit) in reversed(
            list(enumerate(zip(gc.get_count(), gc.get_threshold(), strict=True)))
        ):
            if count > limit:
                gc.collect(generation)
                return
