"""The training of the open document that can be resumed after a stop or a crash.

While a training runs, the engine writes its state to a folder of the user. The folder is
deleted when the training is finished, when another training begins, and when the document is
closed.
"""

from __future__ import annotations

import json
import logging
from typing import Any

from PySide6.QtCore import QObject, Signal, Slot

from nodeflow.document.io import flow
from nodeflow.document.io.kept_training import KeptTraining, Unfinished
from nodeflow.document.model.document import Document
from nodeflow.errors import FileProblem
from nodeflow.host import protocol as p
from nodeflow.number_text import count
from nodeflow.train.events import CheckpointWritten, Diverged, Done, Event, Resumed
from nodeflow.ui.core.engine_link.engine_link import EngineLink
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.user_messages import Messages

log = logging.getLogger("nodeflow")

EVERY = "15s"
"""Interval between two writings of a training's state by the engine."""


class UnfinishedTraining(QObject):
    """The folder of the unfinished training, and the step to resume from.

    Attributes:
        step: the step; 0 if there is nothing to resume.

    Signals:
        changed: a training can be resumed now, or no longer.
    """

    changed = Signal()

    def __init__(self, workspace: Workspace, link: EngineLink, messages: Messages) -> None:
        super().__init__(link)
        self._workspace, self._link, self._messages = workspace, link, messages
        self._kept: KeptTraining | None = None
        self._runs = False
        self.step = 0
        self._ended_with = ""
        self._compared: tuple[Document, int, bool] | None = None
        link.training.connect(self._on_event)
        link.failed.connect(self._on_failed)
        link.state_changed.connect(self._on_state)
        workspace.replaced.connect(self.discard)

    @property
    def text(self) -> str:
        """A phrase for buttons of messages that says what Continue does."""
        return f"Continue at step {count(self.step)}" if self.is_next else "Continue"

    @property
    def tip(self) -> str:
        """Return a sentence for the tooltip of Continue that says what it does."""
        if self._link.state == "paused":
            return "Go on with the paused training"
        if self.is_next:
            return f"At step {count(self.step)}, exactly as if it had not ended"
        return "From the learned values, for more epochs"

    @property
    def is_next(self) -> bool:
        """Whether Continue resumes this training at its step.

        After an edit, the graph computes something else, so Continue instead trains from the
        learned values.
        """
        return self.step > 0 and not (self._link.has_trained and self._is_edited())

    def _is_edited(self) -> bool:
        """Return whether the graph was edited since the training ended.

        Changes of the layout do not count.
        """
        document = self._workspace.root
        if self._compared is None or self._compared[:2] != (document, document.revision):
            edited = bool(self._ended_with) and self._ended_with != _content(document)
            self._compared = document, document.revision, edited
        return self._compared[2]

    def begin(self) -> p.Keep | None:
        """Return where the engine is to store the state of a new training; None if that folder
        is not writable.
        """
        self.discard()
        try:
            self._kept = KeptTraining.begin(self._workspace.root, self._workspace.title)
        except FileProblem as error:
            log.warning("the training is not kept for a crash: %s", error)
            return None
        self._runs = True
        return p.Keep(str(self._kept.states), EVERY)

    def go_on(self) -> p.Keep | None:
        """Return the stored state that the engine resumes the training from; None if there is
        none.
        """
        if self._kept is None:
            return None
        self._runs = True
        self._set_step(0)
        return p.Keep(str(self._kept.states), EVERY, go_on=True)

    def take(self, found: Unfinished) -> bool:
        """Take over a training that a crash left behind.

        Return False if another window has taken it.
        """
        self.discard()
        self._kept = found.take()
        if self._kept is not None:
            self._set_step(self._kept.step)
        return self._kept is not None

    @Slot()
    def discard(self) -> None:
        """Delete the training's state, because it cannot be resumed any more."""
        if self._kept is not None:
            self._kept.discard()
            self._kept = None
        self._runs, self._ended_with, self._compared = False, "", None
        self._set_step(0)

    def _set_step(self, step: int) -> None:
        if step != self.step:
            self.step = step
            self.changed.emit()

    def look(self) -> bool:
        """Read the last step whose state was written before the training or the engine ended.

        Return whether the training ran and can be resumed.
        """
        ran, self._runs = self._runs, False
        self._ended_with = self._ended_with or _content(self._workspace.root)
        self._compared = None
        self._set_step(self._kept.step if self._kept is not None else 0)
        return ran and self.step > 0

    @Slot(object)
    def _on_event(self, event: Event) -> None:
        if isinstance(event, Resumed):
            self._ended_with, self._compared = "", None
            self._messages.show_status(f"Resumed after step {count(event.step)}")
            for notice in event.notices:
                log.info("%s", notice)
        elif isinstance(event, CheckpointWritten) and event.problem:
            log.warning("the training is not kept for a crash: %s", event.problem)
        elif isinstance(event, Diverged):
            self.discard()
        elif isinstance(event, Done):
            if event.stopped:
                self.look()
            else:
                self.discard()

    @Slot(str)
    def _on_state(self, state: str) -> None:
        if state == "starting":  # another engine, at the user's request
            self.look()

    @Slot(object)
    def _on_failed(self, message: p.Failed) -> None:
        if message.what == "Train" and self._runs:
            self.look()


def _content(document: Document) -> str:
    """Return a document as text, without positions and frames."""
    return json.dumps(_without_layout(json.loads(flow.dumps(document))))


def _without_layout(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_layout(v) for k, v in value.items() if k not in ("pos", "frames")}
    return [_without_layout(each) for each in value] if isinstance(value, list) else value
