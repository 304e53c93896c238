"""The messages about earlier steps of a training. `protocol` collects all messages.

A ``run`` is the id of a kept run; "" means the training that runs or ran last.
"""

from __future__ import annotations

from dataclasses import dataclass

from nodeflow.host.messages.error_data import ErrorData
from nodeflow.host.messages.values import Preview


@dataclass(frozen=True)
class ShowStep:
    """A request to answer with values of this step, counted from 1; None means the current state.

    It applies to `FetchTensor` and to an `Evaluate` that watches. A later request replaces this
    one, even if its answers have not been sent.
    """

    step: int | None
    request: int
    run: str = ""


@dataclass(frozen=True)
class OpenRun:
    """A request to prepare a kept run for showing its steps. The answer is RunOpened or Failed.

    The engine reads the data and compares them with the data that the training used.
    """

    run: str
    request: int


@dataclass(frozen=True)
class FetchStep:
    """A request for the whole value of a tensor in a step. The answer is TensorValue or Failed.

    A later request replaces this one. The step that `ShowStep` shows does not change.
    """

    name: str
    run: str
    step: int
    request: int


@dataclass(frozen=True)
class FollowStep:
    """A request to replay kept runs up to a step, one after the other. RunAtStep reports each
    result.

    A later request replaces this one. Without runs, the replays end.

    Attributes:
        name: the tensor to preview. Empty for none.
    """

    runs: tuple[str, ...]
    step: int
    name: str
    request: int


@dataclass(frozen=True)
class FetchOrder:
    """A request for the order of the ops in the shown step. Answered by StepOrder."""

    request: int


StepRequest = ShowStep | OpenRun | FetchStep | FollowStep | FetchOrder


@dataclass(frozen=True)
class StepShown:
    """A message that the engine sends to itself: the values of a step are ready, so update the
    views.
    """

    step: int


@dataclass(frozen=True)
class PastSteps:
    """The steps that `ShowStep` can show: all from ``first`` on, counted from 1.

    If ``first`` is 0, no step can be shown, and ``why`` may give the reason.
    """

    first: int
    why: str = ""


@dataclass(frozen=True)
class RunOpened:
    """The answer that the steps of a kept run can be shown.

    Attributes:
        first, last: the first and the last step.
        per_epoch: steps per epoch.
        differing: descriptions of everything that has changed since the training.
        differences: the number of differences between its graph and the open one, not counting
            positions.
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
    """The progress of the replay for a requested step: ``done`` of ``total`` steps.

    While ``preparing``, kernels are compiled or data are read.
    """

    request: int
    step: int
    done: int
    total: int
    preparing: bool = False
    run: str = ""


@dataclass(frozen=True)
class RunAtStep:
    """The message that a run has been replayed up to a step.

    Attributes:
        preview: the preview of the requested tensor. None if the run has no such tensor.
        notices: descriptions of everything that has changed since the training.
        error: the reason why the step could not be computed.
    """

    request: int
    run: str
    step: int
    preview: Preview | None = None
    notices: tuple[str, ...] = ()
    error: ErrorData | None = None


@dataclass(frozen=True)
class StepOrder:
    """The order of the ops in a step.

    Attributes:
        kernels: names of the nodes of each kernel, in order. The first entry has the nodes whose
            values exist before any computation: batch, variables, constants.
    """

    request: int
    step: int
    run: str
    kernels: tuple[tuple[str, ...], ...]


StepMessage = PastSteps | RunOpened | PastProgress | RunAtStep | StepOrder
