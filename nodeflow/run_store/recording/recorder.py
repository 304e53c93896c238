"""Records a training as a run while it runs, without slowing it down.

The training passes on its events, and a thread writes them (`writer_thread`) a few times per
second. So a killed process loses less than a second of its curve, and a training whose run cannot
be written continues.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Generator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from nodeflow.engine.session import Session
from nodeflow.errors import NodeflowError
from nodeflow.paths import runs_folder
from nodeflow.run_store.curves import Piece
from nodeflow.run_store.recording.best_weights import BestWeights
from nodeflow.run_store.recording.recorded_facts import About
from nodeflow.run_store.recording.writer_thread import Weights, Writer
from nodeflow.run_store.run_records import (
    DIVERGED,
    DONE,
    FAILED,
    RUNNING,
    STOPPED,
    Run,
    RunEvent,
    date_text,
    new_id,
)
from nodeflow.run_store.store import Batch
from nodeflow.train.edits.variant import Variant
from nodeflow.train.events import (
    Diverged,
    Done,
    Edited,
    Epoch,
    Event,
    Hit,
    NumberChanged,
    Resumed,
    RunKept,
    Started,
    Steps,
    VariableChanged,
)
from nodeflow.train.loop.checkpointed_training import KeptTraining
from nodeflow.train.rewind.kept_past import MOST, KeptPast
from nodeflow.train.rewind.replay import Past
from nodeflow.train.rewind.snapshots import Snapshots
from nodeflow.train.training import Training
from nodeflow.train.training_facts import settings_of

BEGIN_SECONDS, LAST_SECONDS = 0.5, 10.0
"""Seconds to wait until the run has begun, at the start of a training and before its end."""


def recording(about: About) -> Recording | None:
    """Create a recorder that keeps a training as a run in the user's store. Return None if the user
    has switched off the store.
    """
    folder = runs_folder()
    return None if folder is None else Recording(folder, about)


class Recording:
    """The recording of one training.

    Args:
        folder: the folder of the store.

    Attributes:
        run: the facts about the run, without its curves.
        step: the number of the last recorded step.
    """

    def __init__(self, folder: Path, about: About) -> None:
        self.run = Run(new_id(), "")
        self._about = about
        self._lock = threading.Lock()
        self._batch = Batch(self.run)
        self._steps: list[Steps] = []
        self._at: Steps | None = None
        self._ended_epoch: Epoch | None = None
        self._metrics: dict[str, float] = {}
        self._tier = ""
        self._writer = Writer(folder, about, self._take)
        self._pasts: dict[int, Past] = {}
        self._variant: Variant | None = None
        self._best: BestWeights | None = None
        self._changed: dict[str, tuple[Any, Any]] = {}
        """Settings that the latest edit of the graph changed, with old and new values."""
        self._reported = self._ended = False
        self._problem = ""

    def watch(
        self, session: Session, training: Training, events: Iterator[Event]
    ) -> Generator[Event, None, None]:
        """Yield the events of a training, and record them. Raise the errors of the training."""
        self._variant = Variant(session, training)
        best = self._best = BestWeights(training)
        try:
            for event in events:
                if isinstance(event, Started):
                    self._describe(event, session, training)
                elif isinstance(event, Epoch):
                    self._best.see(event, self._variant.session, self.step)
                self._take_in(event)
                if isinstance(event, Done):  # the last event must stay the last
                    self._end()
                    self._writer.begun.wait(LAST_SECONDS)
                    yield from self._news()
                yield event
                if not self._writer.started and not self._waits_for_resumed(event):
                    self._begin(training, event if isinstance(event, Resumed) else None)
                    best.go_on(self._writer.kept)
                yield from self._news()
        except GeneratorExit:
            raise
        except BaseException as error:
            what = error.message if isinstance(error, NodeflowError) else type(error).__name__
            status = DIVERGED if self.run.status == DIVERGED else FAILED
            self._change(status=status, ending=what)
            raise
        finally:
            close = getattr(events, "close", None)
            if close is not None:
                close()
            self._end()
            self._writer.finish()

    def copying(self, begun: KeptTraining, most: int = MOST) -> KeptTraining:
        """Return the training with snapshots switched on: copies of its variables, for replaying
        its steps later.

        While it runs, there are up to twice ``most`` snapshots, more of them near its end. At the
        end, ``most`` evenly spread ones are kept.
        """
        return replace(begun, snapshots=Snapshots(most=2 * most), remember=self.remember)

    def remember(self, past: Past) -> None:
        """Keep a reference to the data for replaying the training, whose snapshots are copies of
        the variables. At the end of the run, some snapshots are written to the store.
        """
        self._pasts[past.start if past.earlier is not None else 0] = past

    def take(self, variant: Variant) -> None:
        """Record that the training continues with an edit.

        The search for the best weights starts again, unless the edit does not affect learning.
        """
        before, best = self._best, BestWeights(variant.training)
        if before is not None and not variant.what and before.key == best.key:
            best.variables, best.epoch, best.value = before.variables, before.epoch, before.value
            best.step = before.step
        self._variant, self._best = variant, best
        old, new = self.run.settings, settings_of(variant.session, variant.training)
        names = (name for name in dict.fromkeys([*old, *new]) if old.get(name) != new.get(name))
        self._changed = {name: (old.get(name), new.get(name)) for name in names}
        self._change(settings=new)

    def note(self, kind: str, **data: Any) -> None:
        """Record an event, such as a pause; any thread may call this."""
        with self._lock:
            self._batch.events.append(RunEvent(self.step, time.time(), kind, data))

    # ---- the training's thread ----------------------------------------------------------------

    def _describe(self, event: Started, session: Session, training: Training) -> None:
        about, now = self._about, time.time()
        self._change(
            name=about.name or _name(about, now),
            file=about.file,
            surface=about.surface,
            created=now,
            updated=now,
            shares=event.shares,
            steps_per_epoch=event.steps_per_epoch,
            seed=training.seed,
            settings=settings_of(session, training),
            parent=about.parent,
            parent_step=about.parent_step,
            checkpoint=str(about.states.resolve()) if about.states else "",
            tags=about.tags,
        )

    def _waits_for_resumed(self, event: Event) -> bool:
        return self._about.resumes and isinstance(event, Started)

    def _begin(self, training: Training, resumed: Resumed | None) -> None:
        self._writer.begin(self.run, training, resumed)
        self._writer.begun.wait(BEGIN_SECONDS)

    def _news(self) -> Iterator[RunKept]:
        """Yield the event `RunKept` once the store has given the run its id, and once more if the
        recording fails.
        """
        kept, problem = self._writer.kept, self._writer.problem
        if kept is not None and not self._reported:
            self._reported = True
            self._change(id=kept.id, name=kept.name)
            yield RunKept(kept.id, kept.name)
        if problem and not self._problem:
            self._problem = problem
            yield RunKept(self.run.id if self._reported else "", "", problem)

    def _take_in(self, event: Event) -> None:
        """Collect an event for the next write, because steps and epochs come too often for
        single writes.
        """
        if isinstance(event, Steps):
            with self._lock:
                self._steps.append(event)
                self._at = event
        elif isinstance(event, Epoch):
            with self._lock:
                self._batch.epochs.append(replace(event, steps=self.step))
                self._ended_epoch = event
                self._metrics.update(event.metrics)
        elif isinstance(event, NumberChanged):
            changed = {f"{event.node}.{event.attr}": event.value}
            self._change(settings={**self.run.settings, **changed})
            self.note("changed", **vars(event))
        elif isinstance(event, VariableChanged):
            self._keep_graph(event.step)
            self.note("variable", **vars(event))
        elif isinstance(event, Edited):
            self._edit(event)
        elif isinstance(event, Hit):
            self.note("breakpoint", nodes=list(event.nodes), reason=event.reason)
        elif isinstance(event, Resumed):
            self._change(steps=event.step, seconds=event.seconds)
            self._ended_epoch = event.epochs[-1] if event.epochs else None
            for epoch in event.epochs:
                self._metrics.update(epoch.metrics)
        elif isinstance(event, Diverged):
            self._change(status=DIVERGED, ending=str(event.crossing or ""))
        elif isinstance(event, Done):
            status = STOPPED if event.stopped else DONE
            self._metrics.update(event.metrics)
            self._change(status=status, ending=event.ending)

    @property
    def step(self) -> int:
        return self.run.steps if self._at is None else self._at.last

    def _change(self, **fields: Any) -> None:
        with self._lock:
            self.run = replace(self.run, **fields)

    def _edit(self, event: Edited) -> None:
        """Record that the user edited the training: the changes in words, and the new graph."""
        self._keep_graph(event.step)
        changes, self._changed = self._changed, {}
        if event.what:
            said = {"what": list(event.what), "notices": list(event.notices)}
            self.note("edited", **said, changes=changes)
        elif changes:
            self.note("settings", changes=changes)

    def _keep_graph(self, step: int) -> None:
        """Add to the next batch of records the graph that the training uses after a step."""
        text = self._variant.text if self._variant is not None else ""
        if text or self._about.text:
            with self._lock:
                self._batch.graphs.append((step, text or self._about.text))

    def _end(self) -> None:
        """Pass the current weights to the writer, once."""
        if self._ended or self._variant is None or self._best is None:
            return
        self._ended = True
        if self.run.status == RUNNING:
            self._change(status=STOPPED, ending="stopped")
        best, variant = self._best, self._variant
        self._change(best=best.facts)
        final = dict(variant.session.variables.items())
        starts = sorted(self._pasts)  # empty if steps cannot be computed again
        ends = dict(zip(starts, [*starts[1:], math.inf], strict=False))
        pasts = {after: KeptPast.of(past, ends[after]) for after, past in self._pasts.items()}
        ids = (variant.ids, set(variant.kinds())) if variant.ids else None
        kept = best.variables if best.epoch else {}
        self._writer.end(Weights(final, kept, pasts, ids, best.step))

    # ---- the writing thread -------------------------------------------------------------------

    def _take(self) -> Batch:
        """Return the records collected since the last call, and the current facts about the run."""
        with self._lock:
            batch, self._batch = self._batch, Batch(self.run)
            steps, self._steps = self._steps, []
            at, epoch, metrics = self._at, self._ended_epoch, dict(self._metrics)
        for part in steps:
            marks = np.array([[part.last, part.seconds]])
            batch.pieces.append(Piece(part.first, np.asarray(part.losses, np.float64), marks))
            if part.tier != self._tier:
                self._tier = part.tier
                batch.tiers.append((part.first, part.tier))
        run = replace(self.run, metrics={**self.run.metrics, **metrics})
        if at is not None:
            run = replace(run, steps=at.last, seconds=at.seconds, loss=float(at.losses[-1]))
        if epoch is not None:
            run = replace(run, epochs=epoch.epoch, loss=epoch.loss)
        return replace(batch, run=run)


def _name(about: About, now: float) -> str:
    """Return the default name of a run: its file, the time and, for a branch, the step."""
    name = f"{Path(about.file).stem or 'training'} {date_text(now)}"
    return f"{name}, after step {about.parent_step}" if about.parent_step is not None else name
