"""The states that a training keeps while it runs: checkpoints in files, and copies for replays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nodeflow.engine.tier_record import TierRecord
from nodeflow.train.edits.marks import mark_of
from nodeflow.train.events import Event
from nodeflow.train.resume.checkpoints import Checkpoints
from nodeflow.train.rewind.replay import Past
from nodeflow.train.rewind.snapshots import Snapshots


@dataclass
class KeptStates:
    """The writers and copies that keep the states of a training.

    Attributes:
        checkpoints: writes states to files, or None.
        snapshots: keeps copies of the variables, or None.
        remember: takes the data to replay steps.
        record: the first compiled step of each plan, once the training has begun.
        past: the data to replay the steps so far, if there are copies.
        earlier: the data to replay the steps before an edit.
    """

    checkpoints: Checkpoints | None = None
    snapshots: Snapshots | None = None
    remember: Callable[[Past], None] = lambda past: None
    record: TierRecord | None = None
    past: Past | None = None
    earlier: Past | None = None

    def steps_left(self, step: int) -> int | None:
        """Return how many steps may run before a checkpoint is due. None or 0 means that no
        checkpoint limits them.
        """
        return self.checkpoints.steps_left(step) if self.checkpoints else None

    def is_copied_at(self, step: int) -> bool:
        """Return whether a copy of the variables is due after a step."""
        return self.snapshots is not None and self.snapshots.is_due(step)

    def marked(self, event: Event) -> Event:
        """If an event changes the training, record a mark: its step and a short text, which plots
        show.

        Return the event.
        """
        if self.past is not None and (mark := mark_of(event)) is not None:
            self.past.marks.append(mark)
        return event
