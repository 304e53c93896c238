"""The messages about earlier steps of a training; `protocol` has them all.

A ``run`` is the id of a kept run; empty, it is the training that runs or ran last.
"""

from __future__ import annotations

from dataclasses import dataclass

from nodeflow.host.messages.error_data import ErrorData
from nodeflow.host.messages.values import Preview


@dataclass(frozen=True)
class ShowStep:
    """Answer `Evaluate` that watches, and `FetchTensor`, with values of this step, counted from 1;
    None is now.

    A later request replaces this one, also where its answers have not come.
    """

    step: int | None
    request: int
    run: str = ""


@dataclass(frozen=True)
class OpenRun:
    """Prepare to show steps of a kept run; RunOpened answers, or Failed where that is impossible.

    Data are read and compared with those that it was trained with.
    """

    run: str
    request: int


@dataclass(frozen=True)
class FetchStep:
    """Fetch the whole value of a tensor in a step; TensorValue or Failed answers.

    A later request replaces this one. What `ShowStep` shows stays.
    """

    name: str
    run: str
    step: int
    request: int


@dataclass(frozen=True)
class FollowStep:
    """Bring runs to a step, one after the other; RunAtStep says of each that it is there.

    A later request replaces this one; without runs nothing follows.

    Attributes:
        name: the tensor whose preview is wanted; empty for none.
    """

    runs: tuple[str, ...]
    step: int
    name: str
    request: int


@dataclass(frozen=True)
class FetchOrder:
    """Ask for the order in which the step that is shown computes its ops; StepOrder answers."""

    request: int


StepRequest = ShowStep | OpenRun | FetchStep | FollowStep | FetchOrder


@dataclass(frozen=True)
class StepShown:
    """Of the engine to itself: the values of a step are there, so views are to be drawn."""

    step: int


@dataclass(frozen=True)
class PastSteps:
    """Steps from ``first`` on, counted from 1, can be shown by `ShowStep`; 0: none can, and ``why``
    may say the reason."""

    first: int
    why: str = ""


@dataclass(frozen=True)
class RunOpened:
    """Steps of a kept run can be shown.

    Attributes:
        first, last: of its steps.
        per_epoch: steps of an epoch.
        differing: what is not as it was, in words.
        differences: of its graph and the open one, leaving out where nodes stand.
    """

    request: int
    run: str
    first: int
    last: int
    per_epoch: int
    differing: tuple[str, ...] = ()
    differences: int = 0


@dataclass(frozen=True)
class PastProgress:
    """How far a step is that was asked for: ``done`` of ``total`` steps, or still ``preparing``:
    kernels are compiled, or data are read."""

    request: int
    step: int
    done: int
    total: int
    preparing: bool = False
    run: str = ""


@dataclass(frozen=True)
class RunAtStep:
    """A run that follows has come to a step.

    Attributes:
        preview: of the tensor that was asked for; None where the run has no such tensor.
        notices: what is not as it was.
        error: why it has not come there.
    """

    request: int
    run: str
    step: int
    preview: Preview | None = None
    notices: tuple[str, ...] = ()
    error: ErrorData | None = None


@dataclass(frozen=True)
class StepOrder:
    """The order in which a step computes its ops.

    Attributes:
        kernels: names of the nodes of each kernel, in order; first of all come the nodes that have
            their values before anything is computed: batch, variables, constants.
    """

    request: int
    step: int
    run: str
    kernels: tuple[tuple[str, ...], ...]


StepMessage = PastSteps | RunOpened | PastProgress | RunAtStep | StepOrder
