"""Detects that the engine process shows no sign of life while it has work.

A long computation alone is no reason: the engine sends its heartbeat while numpy or a kernel
computes. The heartbeat ends when the process is stopped, when the machine swaps, or when an op
holds Python's lock.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from nodeflow.ui.core.engine_link.client_interface import Pulse

PATIENCE_SECONDS = 3.0
"""Seconds without a sign of life after which the engine counts as not answering."""
LOOK_MS = 500


class EngineWatch(QObject):
    """A check of the engine's pulse while an answer is awaited.

    Args:
        pulse: returns the engine's pulse, or None without an engine.
        is_busy: returns whether the engine has work.

    Signals:
        changed(bool): whether the engine has stopped answering.
    """

    changed = Signal(bool)

    def __init__(
        self, pulse: Callable[[], Pulse | None], is_busy: Callable[[], bool], parent: QObject
    ) -> None:
        super().__init__(parent)
        self._pulse, self._is_busy = pulse, is_busy
        self._beats, self._since, self._looked = 0, 0.0, 0.0
        self.is_silent = False
        self._timer = QTimer(self, interval=LOOK_MS)
        self._timer.timeout.connect(self._look)

    @property
    def doing(self) -> str:
        """Return the engine's current op: ``mix (blend, blend.py, line 4)``; empty if unknown."""
        pulse = self._pulse()
        return pulse.doing if pulse is not None else ""

    def expect(self) -> None:
        """Note that a request was sent."""
        if not self._timer.isActive():
            self._begin(self._now())
            self._timer.start()

    def forget(self) -> None:
        """Stop waiting for a sign of life, because the engine has ended or was replaced."""
        self._timer.stop()
        self._set(False)

    def _begin(self, beats: int) -> None:
        self._beats = beats
        self._since = self._looked = time.monotonic()

    def _now(self) -> int:
        pulse = self._pulse()
        return pulse.beats if pulse is not None else 0

    @Slot()
    def _look(self) -> None:
        beats, now = self._now(), time.monotonic()
        slept = now - self._looked > PATIENCE_SECONDS / 2  # this process itself did not run
        self._looked = now
        if not beats or slept:
            self._begin(beats)
        elif beats != self._beats:
            self._begin(beats)
            self._set(False)
            if not self._is_busy():
                self._timer.stop()
        elif now - self._since > PATIENCE_SECONDS:
            self._set(True)

    def _set(self, silent: bool) -> None:
        if silent != self.is_silent:
            self.is_silent = silent
            self.changed.emit(silent)
