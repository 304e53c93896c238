"""The events of a training: plain data, used in Python, in the engine process and in the window.

`train` yields Started; Resumed if it resumes from a checkpoint; RunKept if the training is kept as
a run; then Steps, Hit, NumberChanged, VariableChanged, Edited, Epoch and CheckpointWritten as they
happen; and at the end Done, or Diverged before it raises. The engine process pickles them
unchanged. `as_json` returns the output of ``nodeflow train --json``.
"""

from __future__ import annotations

import math  # noqa: F401  for the examples
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nodeflow.train.diagnosis.causes import cause_of
from nodeflow.train.diagnosis.crossing import Crossing
from nodeflow.train.diagnosis.culprit import Culprit
from nodeflow.train.diagnosis.hints import Hint
from nodeflow.train.schedule import LOSS, Schedule


@dataclass(frozen=True)
class Started:
    """The event before the first step.

    Attributes:
        notices: facts about the data that the user has to know.
        shares: keys of the metrics that lie between 0 and 1.
        measured: key, split and number of rows of each metric.
        schedule: the turns of several optimizers; None for one optimizer.
        once: keys of the metrics that are measured only after the last epoch; `Done` has their
            values.
    """

    epochs: int
    steps_per_epoch: int
    first_epoch: int = 1
    notices: tuple[str, ...] = ()
    shares: tuple[str, ...] = ()
    measured: tuple[tuple[str, str, int], ...] = ()
    schedule: Schedule | None = None
    once: tuple[str, ...] = ()


@dataclass(frozen=True)
class Resumed:
    """The event after `Started` that says that a training resumes.

    Attributes:
        step: the last step that was made before the interruption.
        epoch: the epoch of the next step.
        losses: the loss of each earlier step, float64 (steps,).
        epochs: the epochs that ended before, without the tables of their metrics.
        first: the number of the first step in ``losses``.
        seconds: duration of those steps.
        notices: facts that the user has to know.
        marks: the edits during those steps: the last step before each, and a few words.
    """

    step: int
    epoch: int
    losses: np.ndarray
    epochs: tuple[Epoch, ...]
    first: int = 1
    seconds: float = 0.0
    notices: tuple[str, ...] = ()
    marks: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True)
class CheckpointWritten:
    """The event that a checkpoint was written, or could not be written.

    Attributes:
        step, epoch: the last step in the checkpoint, and the epoch of the next step.
        path: the path of the checkpoint; empty if it was not written.
        seconds: how long writing took, beside the training.
        problem: why it is not in its folder, in words; empty if it is.
    """

    step: int
    epoch: int
    path: str
    seconds: float = 0.0
    problem: str = ""


@dataclass(frozen=True)
class Steps:
    """Consecutive steps.

    Attributes:
        first: number of the first step, counted from 1 over the whole training.
        losses: the loss of each step, computed before the step's update.
        seconds: duration of all steps of the training so far.
        scalars: values of plotted nodes, by key: float64, one for each step.
    """

    first: int
    losses: np.ndarray
    seconds: float = 0.0
    tier: str = ""
    scalars: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def last(self) -> int:
        return self.first + len(self.losses) - 1


@dataclass(frozen=True)
class Hit:
    """The event that a step hit the breakpoints of these nodes. The training pauses after it."""

    step: int
    nodes: tuple[str, ...]
    reason: str = ""


@dataclass(frozen=True)
class VariableChanged:
    """The event that the user gave a variable another value, from the next step on.

    Attributes:
        step: the last step with the old value.
        node: the variable.
        elements: how many of its elements changed.
    """

    step: int
    node: str
    elements: int


@dataclass(frozen=True)
class NumberChanged:
    """The event that the user changed a number of an optimizer, from the next step on.

    Attributes:
        step: the last step with the old number.
        node, attr: the optimizer and the attribute.
        value, before: the new and the old number.
    """

    step: int
    node: str
    attr: str
    value: float
    before: float


@dataclass(frozen=True)
class Edited:
    """The event that the training continues with an edit from the next step on.

    Attributes:
        step: the last step before the edit.
        epoch, done: the epoch of the next step, and the number of its finished steps.
        what: the edit in words, a line each; empty if it does not affect the result.
        notices: facts that the user has to know: which variables start anew.
        epochs, steps_per_epoch, shares, measured, schedule, once: the new values, as in
            `Started`.
    """

    step: int
    epoch: int
    done: int
    what: tuple[str, ...]
    notices: tuple[str, ...] = ()
    epochs: int = 0
    steps_per_epoch: int = 0
    shares: tuple[str, ...] = ()
    measured: tuple[tuple[str, str, int], ...] = ()
    schedule: Schedule | None = None
    once: tuple[str, ...] = ()


@dataclass(frozen=True)
class Epoch:
    """The end of an epoch.

    Attributes:
        loss: mean of the batch losses; with a schedule, of the first phase that made a step.
        metrics: the scalars measured after it, by key; with a schedule, also the mean loss of each
            phase, ``loss/OPTIMIZER``.
        steps, seconds: totals of the training so far.
        tables: metrics that are more than a number, such as a confusion matrix.
        phase: the name of ``loss`` if there is a schedule: ``loss/OPTIMIZER``.
    """

    epoch: int
    loss: float
    metrics: dict[str, float]
    steps: int
    seconds: float
    tables: dict[str, np.ndarray] = field(default_factory=dict)
    phase: str = ""

    @property
    def losses(self) -> dict[str, float]:
        """The mean losses of the epoch by name: ``loss``, or if several optimizers take turns,
        ``loss/OPTIMIZER`` for each.
        """
        if not self.phase:
            return {LOSS: self.loss}
        return {k: v for k, v in self.metrics.items() if k.startswith(f"{LOSS}/")}

    @property
    def others(self) -> dict[str, float]:
        """The metrics, without the mean losses of a schedule."""
        losses = self.losses if self.phase else ()
        return {key: value for key, value in self.metrics.items() if key not in losses}


@dataclass(frozen=True)
class Done:
    """The end of the training, after ``epochs`` whole epochs.

    Attributes:
        stopped: whether the user stopped it.
        reason: the reason of early stopping; empty if it did not stop early.
        best_epoch: the epoch whose weights were restored; 0 if none were.
    """

    epochs: int
    metrics: dict[str, float] = field(default_factory=dict)
    steps: int = 0
    steps_per_second: float = 0.0
    seconds: float = 0.0
    stopped: bool = False
    notices: tuple[str, ...] = ()
    tables: dict[str, np.ndarray] = field(default_factory=dict)
    last_epoch: int = 0
    reason: str = ""
    best_epoch: int = 0

    @property
    def ending(self) -> str:
        """The end of the training, as a sentence without its full stop.

        >>> Done(7, last_epoch=7, reason="loss has not improved for 3 epochs", best_epoch=4).ending
        'stopped after epoch 7: loss has not improved for 3 epochs; weights of epoch 4'
        """
        word = "stopped" if self.stopped or self.reason else "done"
        reason = f": {self.reason}" if self.reason else ""
        weights = f"; weights of epoch {self.best_epoch}" if self.best_epoch else ""
        return f"{word} after epoch {self.last_epoch}{reason}{weights}"


@dataclass(frozen=True)
class Diverged:
    """The end of a training with a bad value: not finite, or out of the bounds of its node.

    It is the last event. Then `train` raises a NonFiniteError or OutOfBoundsError with the same
    facts.

    Attributes:
        step, epoch: the step with the bad value, counted as in `Steps` and `Epoch`.
        node: the loss, or the variable that is not finite, or the node that left its bounds.
        value: the loss, or one element.
        kept_epoch: the last epoch that ended before the restored weights.
        kept: the restored weights in words.
        fixes: possible remedies; each has the text of a button and edits.
        culprit: the op where the bad value began; None if unknown.
        crossing: the value that left its bounds; None for a value that is not finite.
    """

    step: int
    epoch: int
    node: str
    value: float
    kept_epoch: int
    kept: str
    fixes: tuple[Hint, ...] = ()
    culprit: Culprit | None = None
    crossing: Crossing | None = None

    @property
    def what(self) -> str:
        """A bad value in words, with its step and epoch.

        >>> Diverged(57, 3, "loss", math.inf, 2, "those of epoch 2").what
        'inf at step 57, in epoch 3'
        """
        return f"{self.value:g} at step {self.step}, in epoch {self.epoch}"


@dataclass(frozen=True)
class RunKept:
    """The event that this training is kept as a run, or why it is no longer kept.

    It comes once, soon after `Started`, and once more if a problem appears later. It does not come
    for a training that is not to be kept.

    Attributes:
        run, name: id and name of the run; empty if nothing is kept.
        problem: the problem in words; empty if there is none.
    """

    run: str
    name: str
    problem: str = ""


@dataclass(frozen=True)
class Hints:
    """The event with all current findings of the training doctor, which replace earlier findings.

    Only `doctor.checks.Doctor` yields it.
    """

    hints: tuple[Hint, ...]


Event = (
    Started
    | Resumed
    | Steps
    | Hit
    | NumberChanged
    | VariableChanged
    | Edited
    | Epoch
    | CheckpointWritten
    | RunKept
    | Hints
    | Diverged
    | Done
)


def as_json(event: Event) -> dict[str, Any] | None:
    """Return an event's fields for ``nodeflow train --json``, or None for an event that it
    omits.
    """
    if isinstance(event, Epoch):
        return {
            "event": "epoch",
            "epoch": event.epoch,
            **event.losses,
            "metrics": {**event.others, **event.tables},
            "steps": event.steps,
            "seconds": round(event.seconds, 4),
        }
    if isinstance(event, NumberChanged):
        return {"event": "changed", **vars(event)}
    if isinstance(event, VariableChanged):
        return {"event": "variable", **vars(event)}
    if isinstance(event, Edited):
        found = {"event": "edited", "step": event.step, "what": list(event.what)}
        return {**found, "notices": list(event.notices)}
    if isinstance(event, Resumed):
        return {"event": "resumed", "step": event.step, "epoch": event.epoch}
    if isinstance(event, CheckpointWritten):
        return {
            "event": "checkpoint",
            "step": event.step,
            "epoch": event.epoch,
            "path": event.path or None,
            "seconds": round(event.seconds, 4),
            **({"problem": event.problem} if event.problem else {}),
        }
    if isinstance(event, RunKept):
        found = {"event": "run", "run": event.run or None, "name": event.name or None}
        return {**found, **({"problem": event.problem} if event.problem else {})}
    if isinstance(event, Diverged):
        return {
            "event": "diverged",
            "step": event.step,
            "epoch": event.epoch,
            "node": event.node,
            "value": event.value,
            "kept_epoch": event.kept_epoch,
            **({"culprit": _culprit_json(event.culprit)} if event.culprit else {}),
            **({"bounds": _crossing_json(event.crossing)} if event.crossing else {}),
        }
    if isinstance(event, Hints):
        return {"event": "hints", "hints": [_hint_json(hint) for hint in event.hints]}
    if isinstance(event, Done):
        return {
            "event": "done",
            "epochs": event.epochs,
            "metrics": {**event.metrics, **event.tables},
            "steps_per_second": round(event.steps_per_second, 1),
            "seconds": round(event.seconds, 4),
            **({"stopped_early": event.reason} if event.reason else {}),
            **({"best_epoch": event.best_epoch} if event.best_epoch else {}),
        }
    return None


def _crossing_json(crossing: Crossing) -> dict[str, Any]:
    return {
        "min": crossing.low,
        "max": crossing.high,
        "left": "max" if crossing.is_high else "min",
        "at": None if crossing.at is None else list(crossing.at),
    }


def _culprit_json(culprit: Culprit) -> dict[str, Any]:
    cause = cause_of(culprit)
    return {
        "node": culprit.node,
        "op": culprit.op,
        "at": list(culprit.at),
        "value": culprit.value,
        "count": culprit.count,
        "size": culprit.size,
        "cause": cause.kind,
        "advice": cause.advice,
        "inputs": [
            {
                "name": one.name,
                "dtype": one.dtype,
                "shape": list(one.shape),
                "min": one.low,
                "max": one.high,
                "at": None if one.at is None else list(one.at),
                "value": one.value,
            }
            for one in culprit.inputs
        ],
    }


def _hint_json(hint: Hint) -> dict[str, Any]:
    shown = {"kind": hint.kind, "title": hint.title, "evidence": hint.evidence}
    return {**shown, "advice": hint.advice, **({"node": hint.node} if hint.node else {})}
