"""Python's cycle collector, in the window's own thread alone.

Automatic collection runs in the thread that happens to allocate the object past the threshold: the
one that reads the engine's messages, or that loads the typesetting. Widgets in a cycle would be
destroyed there, and Qt ends the process. So it is switched off, and a timer collects instead.
"""

from __future__ import annotations

import gc

from PySide6.QtCore import QCoreApplication, QObject, QTimer

from nodeflow.free_memory import give_back

CHECK_MS = 500
CLEAR_UP = 6
"""Checks after which a document that was closed is collected: another one is shown by then."""
THRESHOLDS = (50_000, 20, 100)
"""A large graph has millions of objects that stay, and looking at all of them again, as the
defaults do every now and then, stops the window for half a second. Young objects are still looked
at, which costs milliseconds."""


def collect_here(app: QObject) -> None:
    """Let garbage be collected by the application's thread, if it is not yet."""
    if app.findChild(Collector) is None:
        Collector(app)


def pause() -> None:
    """Let nothing be collected while a thread makes millions of objects that stay."""
    collector = _collector()
    if collector is not None:
        collector.pauses += 1


def go_on() -> None:
    """Collect again what is garbage, after a `pause`."""
    collector = _collector()
    if collector is not None:
        collector.pauses -= 1


def clear_up() -> None:
    """A document was closed: let its memory be free soon."""
    collector = _collector()
    if collector is not None:
        collector.clear_up()


def _collector() -> Collector | None:
    app = QCoreApplication.instance()
    return None if app is None else app.findChild(Collector)


class Collector(QObject):
    """Collects what is garbage, now and then, for as long as it lives."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.pauses = self._clears_up = 0
        gc.set_threshold(*THRESHOLDS)
        gc.disable()
        self._timer = QTimer(self, interval=CHECK_MS)
        self._timer.timeout.connect(self.check)
        self._timer.start()

    def clear_up(self) -> None:
        """A document was closed: collect it soon, and give its memory back."""
        self._clears_up = CLEAR_UP

    def _give_back(self) -> None:
        if self._clears_up:
            self._clears_up -= 1
            if not self._clears_up:
                gc.collect()
                give_back()

    def check(self) -> None:
        """Collect the oldest generation whose time has come, if any."""
        if self.pauses:
            return
        self._give_back()
        for generation, (count, limit) in reversed(
            list(enumerate(zip(gc.get_count(), gc.get_threshold(), strict=True)))
        ):
            if count > limit:
                gc.collect(generation)
                return
