"""A training between two edits: it has a separate graph, prepared while the previous one still
makes steps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from nodeflow.engine.session import Session
from nodeflow.errors import NodeflowError
from nodeflow.ops.macro_ops import Optimizer
from nodeflow.train.saving.weights import Id
from nodeflow.train.stepping.scheduled_stepper import AnyStepper
from nodeflow.train.stepping.steppers import stepper_of
from nodeflow.train.training import Training
from nodeflow.train.tunable_numbers import Numbers
from nodeflow.train.watched_tensors.breakpoints import Breakpoints
from nodeflow.train.watched_tensors.plotted_values import probes


@dataclass(eq=False)
class Variant:
    """A training between two edits.

    Attributes:
        session: a session for this graph alone; its variables are initialized.
        training: the settings, graph and data.
        ids: the identities of its variables by name, if a document defines them.
        what: the edit that led to this variant, in words; empty if it does not affect the result.
        notices: facts about it that the user has to know.
        text: the .flow file, for the recording of the run.
        at_epoch: whether it takes effect at the start of an epoch: needed unless both trainings
            have `same_batches`.
        refused: called if it cannot take effect.
        stepper: makes its steps, once `is_ready` has created it.
    """

    session: Session
    training: Training
    ids: Mapping[str, Id] = field(default_factory=dict)
    what: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    text: str = ""
    at_epoch: bool = False
    refused: Callable[[NodeflowError], None] = lambda error: None
    stepper: AnyStepper | None = None

    def is_ready(self) -> bool:
        """Return whether the training's steps are compiled. The first call plans and starts
        compiling them.

        Raises:
            NodeflowError: the steps cannot run.
        """
        return self.prepared().is_ready()

    def prepared(self) -> AnyStepper:
        """Return the object that runs the training steps of this edited training. Create it at the
        first call.

        Raise the same errors as `is_ready`.
        """
        if self.stepper is None:
            training = self.training
            watched = [*Breakpoints(training.breakpoints).probes, *probes(training.plotted)]
            recorded = [
                [*watched, *bounds.probes] for bounds in training.bounds_by_phase()
            ]  # the same lists as in the loop
            numbers = Numbers(training.optimizer)
            self.stepper = stepper_of(self.session, training, recorded, 0, numbers)
        return self.stepper

    def kinds(self) -> dict[str, str]:
        """Return the variables that optimizers keep for themselves, by name. The value is the id of
        the optimizer's op.
        """
        graph = self.session.graph
        owners = {n.name: n for n in graph.nodes if isinstance(n.op, Optimizer)}
        return {
            node.name: owners[node.derived_from].op.id
            for node in (tensor.node for tensor in graph.variables)
            if node.derived_from in owners
        }


BATCHES = ("batch_size", "seed", "row_seed", "shuffle")
"""The settings that, with the data, decide which rows a step takes."""


def same_batches(one: Training, other: Training) -> bool:
    """Return whether two trainings draw the same batches with the same schedule of optimizers.

    If so, an epoch that began with one training can be finished by the other.
    """
    columns = [
        {t.name: (b.dataset, b.column) for t, b in training.bindings.items()}
        for training in (one, other)
    ]
    settings = [[getattr(training, name) for name in BATCHES] for training in (one, other)]
    return columns[0] == columns[1] and settings[0] == settings[1] and one.turns == other.turns
