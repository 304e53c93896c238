"""Ends a training that diverges, with the variables of the last epoch that was finite.

The loss of every step is looked at, and the variables once per chunk of steps. That costs a
thousandth of a step, so it is always on unless the setting ``allow_nonfinite`` says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nodeflow.engine.variables import Variables
from nodeflow.errors import NonFiniteError, SurfaceText
from nodeflow.graph.graph import Node, ancestors
from nodeflow.graph.types import number_kind
from nodeflow.ops.composed import resolve
from nodeflow.train.events import Diverged
from nodeflow.train.training import Training
from nodeflow.train.weights import is_finite

STEPS, SECONDS = 256, 0.03
"""Variables are looked at after so many steps or so much time, so that steps of microseconds stay
cheap."""
ADVICE = "Lower the learning rate, scale the inputs, or clip the gradients"


@dataclass(frozen=True)
class Found:
    """What is not finite.

    Attributes:
        node: the loss, or a variable.
        count: how many of the steps looked at ran up to it.
        value: the loss; a variable has one element that is not finite.
    """

    node: str
    count: int
    value: float


class FiniteGuard:
    """Watches the loss and the variables that a training changes.

    A variable that is not finite before the first step is left alone: it is meant to be so.

    Args:
        epoch: the last one before the training; its variables are kept first.
    """

    def __init__(self, variables: Variables, training: Training, epoch: int) -> None:
        self._variables = variables
        self._loss = training.loss.node.name
        runs = ancestors([training.optimizer])
        assigned = dict.fromkeys(resolve(n.inputs[0]).node for n in runs if n.op.id == "assign")
        self._nodes = [n for n in assigned if self._is_watched(n)]
        self._good = {n: variables.read(n).copy() for n in self._nodes}
        self._latest = {n: array.copy() for n, array in self._good.items()}
        self._good_epoch = self._latest_epoch = epoch
        self._steps, self._seconds = 0, 0.0

    def _is_watched(self, node: Node) -> bool:
        array = self._variables.held(node)
        return array is not None and number_kind(array.dtype) == "f" and is_finite(array)

    def look(self, losses: np.ndarray, seconds: float) -> Found | None:
        """What a chunk of steps shows: the first loss that is not finite, or a variable."""
        bad = np.flatnonzero(~np.isfinite(losses))
        if len(bad):
            first = int(bad[0])
            return Found(self._loss, first + 1, float(losses[first]))
        self._steps += len(losses)
        self._seconds += seconds
        if self._steps < STEPS and self._seconds < SECONDS:
            return None
        return self._look_at_variables(len(losses))

    def end_epoch(self, epoch: int, is_last: bool) -> Found | None:
        """Keep the variables of an epoch, once they are known to be finite."""
        for node, kept in self._latest.items():
            np.copyto(kept, self._variables.read(node))
        self._latest_epoch = epoch
        if not is_last and self._steps:  # not looked at since the last step: see `restore`
            return None
        found = self._look_at_variables(0)
        if found is None:
            self._good, self._latest = self._latest, self._good
            self._good_epoch = epoch
        return found

    def _look_at_variables(self, count: int) -> Found | None:
        self._steps, self._seconds = 0, 0.0
        for node in self._nodes:
            array = self._variables.read(node)
            if not is_finite(array):
                return Found(node.name, count, float(array[~np.isfinite(array)].flat[0]))
        return None

    def restore(self) -> int:
        """Set the variables to those of the last epoch that was finite; returns the epoch."""
        if self._latest_epoch > self._good_epoch and all(map(is_finite, self._latest.values())):
            self._good, self._good_epoch = self._latest, self._latest_epoch
        for node, array in self._good.items():
            self._variables.put(node, array)
        return self._good_epoch


def diverged(
    found: Found, step: int, epoch: int, kept_epoch: int, first_epoch: int, resumed: int | None
) -> Diverged:
    """The event that ends a training; ``resumed`` is the step whose variables it went on from, if
    these are the ones that are kept."""
    if resumed is not None:
        kept = f"those of step {resumed}"
    elif kept_epoch >= first_epoch:
        kept = f"those of epoch {kept_epoch}"
    else:
        kept = "those from before this training" if first_epoch > 1 else "the initial ones"
    return Diverged(step, epoch, found.node, found.value, kept_epoch, kept)


def error_of(event: Diverged) -> NonFiniteError:
    """The error that tells Python and the command line of it."""
    hint = SurfaceText(
        f"{ADVICE} (clip_norm); allow_nonfinite=True goes on regardless.",
        cli=f"{ADVICE} (clip_norm); --allow-nonfinite goes on regardless.",
        window=f"{ADVICE}.",
    )
    return NonFiniteError(
        f"{event.what}; the weights are {event.kept}", node=event.node, step=event.step, hint=hint
    )
