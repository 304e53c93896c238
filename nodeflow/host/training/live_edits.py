"""Edits of the document that are passed on to the running training.

After a short pause without edits, the document is copied, built and compiled in a separate thread,
and offered to the training, which takes it between two steps. Only the last edit counts.
"""

from __future__ import annotations

import os
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from nodeflow.data.data_splits import DataSplits
from nodeflow.document.diff.facts import copied
from nodeflow.document.diff.text import described
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import Change, Edit, NodeRecord, kind_of, stream_of
from nodeflow.document.to_graph.task import Task
from nodeflow.document.to_graph.variable_ids import variable_ids
from nodeflow.engine.session import Session
from nodeflow.errors import NodeflowError
from nodeflow.host import protocol as p
from nodeflow.host.training.live_numbers import LiveNumbers
from nodeflow.train.control import Control
from nodeflow.train.edits.content import content_of
from nodeflow.train.edits.variant import BATCHES, Variant, same_batches
from nodeflow.train.settings import UNTRAINED
from nodeflow.train.training import Training

QUIET_SECONDS = 0.15
"""Seconds between edits below which they count as one."""
POLL_SECONDS, CLOSE_SECONDS = 0.02, 1.0


@dataclass(eq=False, kw_only=True)
class BuiltVariant(Variant):
    """A variant of a training that is built from a document.

    Attributes:
        before: the document with which ``what`` compares the variant.
    """

    task: Task
    before: Document | None = None


def built(task: Task, training: Training, make_session: Callable[..., Session]) -> BuiltVariant:
    """Return a new version of the running training from an edited document, with initialized
    variables.
    """
    session = make_session(task.graph, seed=training.seed)
    session.initialize()
    ids = variable_ids(task.build)
    return BuiltVariant(session, training, ids, text=flow.dumps(task.document), task=task)


@dataclass
class Places:
    """The folders where data are found, as arguments of `Task`."""

    folder: str | os.PathLike[str] | None = None
    opened: dict[Any, DataSplits] = field(default_factory=dict)


class LiveEdits:
    """The follower that applies edits of the document to one training.

    Args:
        begun: the task and settings that the training began with.
        control: the control of the training.
        make_session: makes a session from a graph and a seed.
        places: where the training finds its data when it begins.
        send: takes `protocol.EditState` and failures; called from any thread.

    Attributes:
        current: the task and settings that the training has now.
        places: where the training finds its data now.
    """

    def __init__(
        self,
        begun: BuiltVariant,
        control: Control,
        make_session: Callable[..., Session],
        places: Places,
        send: Callable[[p.Message], None],
    ) -> None:
        self.current = begun
        self._control, self._make_session, self._send = control, make_session, send
        self.places = places
        self._numbers = LiveNumbers(begun.task.build, begun.training, control)
        self._changed = threading.Condition()
        self._due: float | None = None
        self._wanted: Document | None = None
        self._closed = self._is_busy = self._is_abandoned = False
        self._thread: threading.Thread | None = None
        self._state = p.EditState()

    # ---- the engine's thread ------------------------------------------------------------------

    def follow(self, document: Document, change: Change | None = None) -> None:
        """Take over the edited document for the running training: pass on changed numbers at once,
        and schedule other edits. ``change`` is the last change, if known.
        """
        with self._changed:
            self._numbers.follow(document)
            if change is not None and not concerns_training(change):
                return
            self._due = time.monotonic() + QUIET_SECONDS
            self._control.prepare(True)

    def tick(self, document: Document) -> None:
        """If the user has made no edit for a while, start to prepare the edited document for the
        running training. The engine calls this whenever it is idle.
        """
        if self._due is None:
            with self._changed:
                if not self._is_busy and self._wanted is None:
                    self._control.prepare(False)
            return
        if time.monotonic() < self._due:
            return
        copy = copied(document)
        with self._changed:
            self._due, self._wanted = None, copy
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._work, name="nodeflow-live-edits", daemon=True
                )
                self._thread.start()
            self._changed.notify()

    def let_be(self) -> None:
        """Stop passing edits to the running training, and drop the edits that are not in effect
        yet.
        """
        with self._changed:
            self._due = self._wanted = None
            self._is_abandoned = True
        self._drop(self._control.offer(None))
        self._control.prepare(False)
        self._say(p.EditState())

    def taken(self, variant: BuiltVariant, document: Document) -> None:
        """Compare later edits with this version of the training, because it is now in effect."""
        if variant.before is not self.current.task.document:
            variant.what = described(self.current.task.document, variant.task.document)
        self.current = variant
        with self._changed:
            self._numbers = LiveNumbers(variant.task.build, variant.training, self._control)
            self._numbers.follow(document)
            if self._due is None and self._wanted is None:
                self._due = time.monotonic()  # an edit that waits for the next epoch
                self._control.prepare(True)

    def close(self) -> None:
        """Stop following edits, because the training is over."""
        with self._changed:
            self._closed = True
            self._due = None
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(CLOSE_SECONDS)  # it may be reading data, and then ends by itself
        self._drop(self._control.offer(None))
        self._say(p.EditState())

    # ---- its own thread -----------------------------------------------------------------------

    def _work(self) -> None:
        while True:
            with self._changed:
                while self._wanted is None and not self._closed:
                    self._changed.wait()
                if self._closed:
                    return
                document, self._wanted = self._wanted, None
                self._is_busy, self._is_abandoned = True, False
            assert document is not None
            try:
                state = self._prepare(document)
            except NodeflowError as error:
                state = p.EditState("invalid", p.ErrorData.of(error))
            except Exception as error:  # after any error, the training continues
                details = p.ErrorData.of(error, traceback.format_exc())
                self._send(p.Failed(-1, "LiveEdits", details))
                state = p.EditState("invalid", details)
            with self._changed:
                self._is_busy = False
                if self._is_overtaken():
                    continue
                if state.state == "invalid":
                    self._drop(self._control.offer(None))
                self._control.prepare(False)
            self._say(state)

    def _is_overtaken(self) -> bool:
        newer = self._due is not None or self._wanted is not None
        return newer or self._is_abandoned or self._closed

    def _prepare(self, document: Document) -> p.EditState:
        """Build the training from an edited document, and offer it to the running training once its
        kernels are compiled.

        Raises:
            NodeflowError: the document cannot be trained.
        """
        places = self.places
        task = Task(document, base_dir=places.folder, opened=places.opened, for_edits=True)
        training = task.training(attended=True)
        current = self.current
        ids = variable_ids(task.build)
        known = content_of(current.training, current.ids)
        content = content_of(training, ids)
        fits = same_batches(current.training, training)
        if content.learned == known.learned:
            with self._changed:  # else newer numbers are already set
                if not self._is_overtaken():
                    self._numbers.follow_build(task.build, training)
        if content == known and fits:
            self._drop(self._control.offer(None))
            return p.EditState()
        at_epoch = not fits
        if content != known and not fits:
            settings = {name: getattr(current.training, name) for name in BATCHES}
            first = replace(training, **settings)
            if same_batches(current.training, first):  # other batches follow in the next epoch
                training, at_epoch = first, False
        if self._is_overtaken():
            return p.EditState()
        self._say(p.EditState("preparing"))
        variant = built(task, training, self._make_session)
        variant.at_epoch, variant.refused = at_epoch, self._refused
        variant.before = current.task.document
        is_seen = content.learned != known.learned or not fits
        variant.what = described(variant.before, document) if is_seen else ()
        while not variant.is_ready():
            if self._is_overtaken():
                variant.session.close()
                return p.EditState("preparing")
            time.sleep(POLL_SECONDS)
        with self._changed:
            if self._is_overtaken():
                variant.session.close()
            else:
                self._drop(self._control.offer(variant))
        return p.EditState("waits" if at_epoch else "preparing")

    def _refused(self, error: NodeflowError) -> None:
        self._say(p.EditState("invalid", p.ErrorData.of(error)))

    def _drop(self, variant: Variant | None) -> None:
        if variant is not None:
            variant.session.close()

    def _say(self, state: p.EditState) -> None:
        if state != self._state:
            self._state = state
            self._send(state)


# ---- effects of edits ---------------------------------------------------------------------------


def concerns_training(change: Change) -> bool:
    """Return whether a change affects more than layout, names, notes and display settings."""
    return any(map(_concerns, change.edits))


def _concerns(edit: Edit) -> bool:
    kind, before, after = kind_of(edit.table), edit.before, edit.after
    if kind in ("frame", "weights", "stage", "lesson"):
        return False
    if kind == "node" and before is not None and after is not None:
        return _bare(before) != _bare(after)
    if kind == "training":
        return _trained(before) != _trained(after)
    return True


def _bare(record: NodeRecord) -> tuple[Any, ...]:
    """Return the parts of a node that affect a training: op, attributes, random stream and further
    fields, but not its name and position.
    """
    extra = {name: value for name, value in record.extra.items() if name != "stream"}
    return record.op, record.attrs, stream_of(record), extra


def _trained(settings: dict[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (settings or {}).items() if name not in UNTRAINED}
