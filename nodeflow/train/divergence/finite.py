"""A guard that ends a diverging training at the first bad step and restores the variables before
it.

The loss of every step is examined, and the variables once per chunk of steps. That costs a
thousandth of a step, so it is always on unless the setting ``allow_nonfinite`` is. `first_bad`
replays the chunk to find the step. If it cannot, the variables are reset to the last finite epoch.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nodeflow.engine.variables import Variables
from nodeflow.errors import NonFiniteError, RunError, SurfaceText
from nodeflow.graph.graph import Node
from nodeflow.graph.types import number_kind
from nodeflow.train.diagnosis.causes import cause_of, headline, operand_line
from nodeflow.train.diagnosis.culprit import Culprit
from nodeflow.train.divergence.out_of_bounds import error_of_crossing
from nodeflow.train.events import Diverged
from nodeflow.train.rewind.snapshots import assigned_variables
from nodeflow.train.saving.weights import is_finite
from nodeflow.train.training import Training

SHARE = 0.005
"""Fraction of a training's time that examining variables may take."""
ADVICE = "Lower the learning rate, scale the inputs, or clip the gradients"


@dataclass(frozen=True)
class Found:
    """A value that is not finite.

    Attributes:
        node: the loss, or a variable.
        count: the number of examined steps up to the value, including its own step.
        value: the loss, or one element of the variable.
    """

    node: str
    count: int
    value: float


class FiniteGuard:
    """A guard that examines the loss and the variables that a training changes.

    A variable that is not finite before the first step is ignored, because that is intended.

    Args:
        epoch: number of the last epoch before the training. The values of the variables at the
            end of that epoch are the first that the guard keeps.
    """

    def __init__(self, variables: Variables, training: Training, epoch: int) -> None:
        self._variables = variables
        self._training = training
        self.nodes = [n for n in assigned_variables(training.optimizer) if self._is_watched(n)]
        self._good = {n: variables.read(n).copy() for n in self.nodes}
        self._latest = {n: array.copy() for n, array in self._good.items()}
        self._good_epoch = self._latest_epoch = epoch
        self._steps, self._seconds, self._cost = 0, 0.0, 0.0

    def _is_watched(self, node: Node) -> bool:
        array = self._variables.held(node)
        return array is not None and number_kind(array.dtype) == "f" and is_finite(array)

    def look(self, losses: np.ndarray, seconds: float, made: int = 0) -> Found | None:
        """Find the first value in some consecutive steps that is not finite: a loss, or else an
        element of a variable. Return None if there is none.

        The variables are not examined each time if that takes too long.

        Args:
            losses: the loss of each step.
            seconds: the duration of the steps.
            made: the number of steps before them.
        """
        bad = np.flatnonzero(~np.isfinite(losses))
        if len(bad):
            first = int(bad[0])
            loss = self._training.phase_of(made + first + 1).loss
            return Found(loss.node.name, first + 1, float(losses[first]))
        self._steps += len(losses)
        self._seconds += seconds
        if self._cost > SHARE * self._seconds:  # steps of microseconds stay cheap
            return None
        return self.look_at_variables(len(losses))

    def end_epoch(self, epoch: int, is_last: bool) -> Found | None:
        """Copy the variables at the end of an epoch, and keep the copy if all variables are finite.

        Return the first value that is not finite, or None. Unless this is the last epoch, the
        variables may be examined later; then return None as well.
        """
        for node, kept in self._latest.items():
            np.copyto(kept, self._variables.read(node))
        self._latest_epoch = epoch
        if not is_last and self._steps:  # not examined since the last step: see `restore`
            return None
        found = self.look_at_variables(0)
        if found is None:
            self._good, self._latest = self._latest, self._good
            self._good_epoch = epoch
        return found

    def look_at_variables(self, count: int) -> Found | None:
        """Return a variable that is not finite after ``count`` steps, or None.

        Do nothing if no step ran since the last examination.
        """
        if not self._steps and count:
            return None
        started = time.thread_time()
        found = first_not_finite(self._variables, self.nodes)
        self._steps, self._seconds = 0, 0.0
        self._cost = time.thread_time() - started
        return None if found is None else Found(found[0], count, found[1])

    def restore(self) -> int:
        """Set the variables to their values after the last finite epoch, and return that epoch."""
        if self._latest_epoch > self._good_epoch and all(map(is_finite, self._latest.values())):
            self._good, self._good_epoch = self._latest, self._latest_epoch
        for node, array in self._good.items():
            self._variables.put(node, array)
        return self._good_epoch


def first_not_finite(variables: Variables, nodes: Sequence[Node]) -> tuple[str, float] | None:
    """Return the name of the first variable that is not finite, and such an element."""
    for node in nodes:
        array = variables.read(node)
        if not is_finite(array):
            return node.name, float(array[~np.isfinite(array)].flat[0])
    return None


def diverged(
    found: Found, step: int, epoch: int, kept_epoch: int, first_epoch: int, resumed: int | None
) -> Diverged:
    """Return the event that ends a training because a value is not finite, if the steps before
    cannot be replayed.

    Args:
        found: the bad value.
        kept_epoch: the epoch whose variables were restored.
        resumed: the step at which the training resumed, if its variables were restored instead;
            else None.
    """
    if resumed is not None:
        kept = f"those of step {resumed}"
    elif kept_epoch >= first_epoch:
        kept = f"those of epoch {kept_epoch}"
    else:
        kept = "those from before this training" if first_epoch > 1 else "the initial ones"
    return Diverged(step, epoch, found.node, found.value, kept_epoch, kept)


def put_back(variables: Variables, before: Mapping[Node, np.ndarray]) -> None:
    """Set variables to the values that they had before a step."""
    for node, array in before.items():
        variables.put(node, array)


def error_of(event: Diverged) -> RunError:
    """Return the error that reports a `Diverged` event in Python and on the command line."""
    culprit, text = event.culprit, f"{event.what}; the weights are {event.kept}"
    if event.crossing is not None:
        return error_of_crossing(event.crossing, event.step, event.epoch, event.kept)
    if culprit is None:
        hint = _hint(f"{ADVICE} (clip_norm)")
        return NonFiniteError(text, node=event.node, step=event.step, hint=hint)
    return NonFiniteError(
        f"{headline(culprit)}; so {event.node} is {text}",
        node=culprit.node,
        step=event.step,
        hint=_hint(cause_of(culprit).advice, culprit),
        inputs=culprit.inputs,
        watched=event.node,
    )


def _hint(advice: str, culprit: Culprit | None = None) -> SurfaceText:
    """Return the hint of the error about a value that is not finite: advice, how to continue
    anyway, and the inputs of the op that computed the value.

    Args:
        culprit: the op, if it is known.
    """
    lines = [f"\n  {operand_line(operand)}" for operand in culprit.inputs] if culprit else []
    advice, given = advice.rstrip("."), "".join(lines)
    return SurfaceText(
        f"{advice}; allow_nonfinite=True continues anyway.{given}",
        cli=f"{advice}; --allow-nonfinite continues anyway.{given}",
        window=f"{advice}.{given}",
    )
