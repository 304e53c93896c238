"""The control of a training that several processes share: all stop after the same step."""

from __future__ import annotations

from nodeflow.engine.sharing import Sharing
from nodeflow.train.control import Control


class SharedControl(Control):
    """A control that grants the number of steps that all processes agree on. If one stops, all
    stop.
    """

    def __init__(self, peers: Sharing) -> None:
        super().__init__()
        self._peers = peers

    def allow(self, wanted: int, begins: bool = False) -> int:
        granted = super().allow(wanted, begins)
        least, going_on = self._peers.least([granted, 0 if self.stopped else 1])
        if not going_on:
            self.stop()
        return least if going_on else 0
