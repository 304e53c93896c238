"""The training that runs in the engine, if any."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from nodeflow.document.to_graph.variable_ids import VariableId
from nodeflow.engine.session import Session
from nodeflow.host.training.live_edits import LiveEdits
from nodeflow.host.training.progress_batching import PreviewClock
from nodeflow.train.control import Control
from nodeflow.train.doctor.checks import Doctor


@dataclass(eq=False)
class RunningTraining:
    """The objects of the running training; None if no training runs.

    Attributes:
        control: steers it.
        session: has its variables.
        ids: the identities of its variables, by name.
        edits: passes edits of the document to it.
        doctor: looks for problems in it.
        step: its last step, once it has made one.
        shown: the nodes and data of its last previews.
        viewed: the step of the last views.
        previews: decides when its previews are due.
        epochs_done: the epochs of this training and of the trainings that it continues.
        stops: whether the user wants it to stop, perhaps before it has begun.
    """

    control: Control | None = None
    session: Session | None = None
    ids: dict[str, VariableId] = field(default_factory=dict)
    edits: LiveEdits | None = None
    doctor: Doctor | None = None
    step: int | None = None
    shown: Any = None
    viewed: int = 0
    previews: PreviewClock | None = None
    epochs_done: int = 0
    stops: bool = False

    def end(self) -> None:
        """Record that the training has ended."""
        self.session = self.control = self.edits = self.doctor = self.step = None
        self.previews = None
