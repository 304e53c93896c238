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
    """The parts of the running training; None where none runs.

    Attributes:
        control: steers it.
        session: has its variables.
        ids: the identities of its variables, by name.
        edits: carries edits of the document to it.
        doctor: looks for troubles in it.
        step: its last step, once it has made one.
        shown: what its last previews covered.
        viewed: the step of the last views.
        previews: says when its previews are due.
        epochs_done: the epochs of this and of the trainings that it continues.
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
        """Note that it has ended."""
        self.session = self.control = self.edits = self.doctor = self.step = None
        self.previews = None
