"""The recording of the engine process's trainings as kept runs.

A training that continues from the weights of another run becomes a branch of that run.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator

from nodeflow.document.io import flow
from nodeflow.document.to_graph.task import Task
from nodeflow.document.to_graph.variable_ids import slot_names, variable_ids
from nodeflow.engine.session import Session
from nodeflow.host.protocol import Train
from nodeflow.paths import runs_folder
from nodeflow.run_store.recording.recorded_facts import About
from nodeflow.run_store.recording.recorder import Recording
from nodeflow.run_store.resume_by_name import states_of
from nodeflow.train.edits.variant import Variant
from nodeflow.train.events import Event
from nodeflow.train.loop.checkpointed_training import Keeping
from nodeflow.train.rewind.replay import Past
from nodeflow.train.training import Training


class KeptRuns:
    """The recorder of one training at a time."""

    def __init__(self) -> None:
        self._recording: Recording | None = None
        self._events: Generator[Event, None, None] | None = None
        self._before: Recording | None = None

    def watch(
        self,
        session: Session,
        training: Training,
        events: Iterator[Event],
        task: Task,
        request: Train,
        keeping: Keeping,
    ) -> Iterator[Event]:
        """Return the events of a training unchanged. Also record them as a run on disk, unless the
        user has switched off recording.
        """
        folder = runs_folder()
        if folder is None:
            return events
        goes_on = request.resume or request.branch is not None
        before = self._before if goes_on else None
        step = before.step if before is not None else None
        if request.branch is not None:
            step = request.branch - 1
        parent = request.branch_run or (before.run.id if before is not None else "")
        about = About(
            text=flow.dumps(task.document),
            file=request.file,
            surface="window",
            ids=(variable_ids(task.build), slot_names(task.build)),
            parent=parent,
            parent_step=step if parent else None,
            **states_of(keeping),
        )
        self._recording = Recording(folder, about)
        self._events = self._recording.watch(session, training, events)
        return self._events

    def remember(self, past: Past) -> None:
        """Store snapshots of the variables in the recorded run, so that its steps can be
        replayed.
        """
        if self._recording is not None:
            self._recording.remember(past)

    def take(self, variant: Variant) -> None:
        """Record that the training continues with an edit."""
        if self._recording is not None:
            self._recording.take(variant)

    def note(self, kind: str) -> None:
        """Write an action of the user into the recorded run, if there is one: pause, resume or
        single step.
        """
        if self._recording is not None:
            self._recording.note(kind)

    def end(self) -> None:
        """End the recording, however the training ended. Wait until it is written."""
        if self._events is not None:
            self._events.close()
        self._before, self._recording, self._events = self._recording, None, None

    def forget(self) -> None:
        """Forget the previous recorded run, because a training of another document is not a
        continuation of it.
        """
        self._before = None
