"""The trainings of an engine as runs; one that continues from the weights of another is its
branch."""

from __future__ import annotations

from collections.abc import Generator, Iterator

from nodeflow.document.build.task import Task
from nodeflow.document.build.variable_ids import slot_names, variable_ids
from nodeflow.document.io import flow
from nodeflow.engine.session import Session
from nodeflow.host.protocol import Train
from nodeflow.paths import runs_folder
from nodeflow.run_store.about import About
from nodeflow.run_store.recording import Recording
from nodeflow.run_store.resuming import states_of
from nodeflow.train.edits.variant import Variant
from nodeflow.train.events import Event
from nodeflow.train.keeping import Keeping
from nodeflow.train.rewind.replay import Past
from nodeflow.train.training import Training


class KeptRuns:
    """Keeps one training at a time."""

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
        """The events of a training, which is kept unless runs are switched off."""
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
        """Keep copies of the variables with the run, from which its steps are computed again."""
        if self._recording is not None:
            self._recording.remember(past)

    def take(self, variant: Variant) -> None:
        """The training goes on with an edit."""
        if self._recording is not None:
            self._recording.take(variant)

    def note(self, kind: str) -> None:
        """Something happens to the training: it pauses, goes on, or makes a step."""
        if self._recording is not None:
            self._recording.note(kind)

    def end(self) -> None:
        """The training has ended, in whatever way; waits until it is written."""
        if self._events is not None:
            self._events.close()
        self._before, self._recording, self._events = self._recording, None, None

    def forget(self) -> None:
        """Another document is open: what trains from now on continues nothing."""
        self._before = None
