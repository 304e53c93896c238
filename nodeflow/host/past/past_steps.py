"""The parts of the engine process that show past steps of trainings."""

from __future__ import annotations

from collections.abc import Callable

from nodeflow.host import protocol as p
from nodeflow.host.past.compared_steps import SideSteps
from nodeflow.host.past.opened_runs import OpenedRuns
from nodeflow.host.past.replay_thread import Rewinder


class PastSteps:
    """The kept runs, and the two threads that compute steps of these runs and of the training.

    Args:
        send: takes the messages. Any thread may call it.
        shown: called with a step whose values have been sent.
    """

    def __init__(self, send: Callable[[p.Message], None], shown: Callable[[int], None]) -> None:
        self.runs = OpenedRuns()
        self.rewinder = Rewinder(send, self.runs, shown)
        self.beside = SideSteps(send, self.runs, self.rewinder.live)

    def close(self) -> None:
        """End both threads."""
        self.rewinder.close()
        self.beside.close()
