"""The messages between the window and the engine process: frozen data, pickled over a connection.

The window sends `Request`, the engine sends `Message`. A request that has an answer carries a
``request`` number, which the answer repeats. Revisions are those of the document: the window drops
an answer for an older revision than its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nodeflow.engine.events import CompileFailure
from nodeflow.engine.gradient_check.check import Checked as Checked
from nodeflow.engine.runtime.context import Backend
from nodeflow.file_reading import PREVIEW_BYTES
from nodeflow.host.messages.edits import EditState as EditState
from nodeflow.host.messages.error_data import ErrorData as ErrorData
from nodeflow.host.messages.overrides import Override as Override
from nodeflow.host.messages.overrides import SetVariable as SetVariable

# fmt: off
from nodeflow.host.messages.steps import (  # isort: skip
    FetchOrder as FetchOrder, FetchStep as FetchStep, FollowStep as FollowStep,
    OpenRun as OpenRun, PastProgress as PastProgress, PastSteps as PastSteps,
    RunAtStep as RunAtStep, RunOpened as RunOpened, ShowStep as ShowStep,
    StepMessage as StepMessage, StepOrder as StepOrder, StepRequest as StepRequest,
    StepShown as StepShown,
)
# fmt: on
from nodeflow.host.messages.files import CancelDownload as CancelDownload
from nodeflow.host.messages.files import CancelPredictions as CancelPredictions
from nodeflow.host.messages.files import DownloadData as DownloadData
from nodeflow.host.messages.files import Downloaded as Downloaded
from nodeflow.host.messages.files import DownloadProgress as DownloadProgress
from nodeflow.host.messages.files import EventFilesWritten as EventFilesWritten
from nodeflow.host.messages.files import Predict as Predict
from nodeflow.host.messages.files import Predicted as Predicted
from nodeflow.host.messages.files import PredictedRows as PredictedRows
from nodeflow.host.messages.values import Measured as Measured
from nodeflow.host.messages.values import Preview as Preview
from nodeflow.host.messages.values import ShownData as ShownData
from nodeflow.host.messages.values import ShownRows as ShownRows
from nodeflow.host.messages.values import ViewSpec as ViewSpec
from nodeflow.host.messages.weights import CheckWeights as CheckWeights
from nodeflow.host.messages.weights import LoadWeights as LoadWeights
from nodeflow.host.messages.weights import SaveWeights as SaveWeights
from nodeflow.host.messages.weights import WeightsChecked as WeightsChecked
from nodeflow.host.messages.weights import WeightsLoaded as WeightsLoaded
from nodeflow.host.messages.weights import WeightsSaved as WeightsSaved
from nodeflow.train.events import Event

# ---- values ---------------------------------------------------------------------------------


# ---- requests of the window -----------------------------------------------------------------


@dataclass(frozen=True)
class SyncDocument:
    """The whole document, as ``.flow`` text.

    Args:
        folder: what relative data paths start from.
        allowed: what the user lets it read elsewhere (`nodeflow.data.document_folder`).
        keep: it is the same document as before (saved elsewhere, or the mirror diverged), so
            variables that are still declared the same keep what they learned.
    """

    text: str
    revision: int
    folder: str | None = None
    keep: bool = False
    allowed: tuple[str, ...] = ()


@dataclass(frozen=True)
class LoadPlugins:
    """Load (or reload) the user's own ops from this folder; the window reports what is wrong.

    Args:
        skip: (file, why) of those that are not run, because they end their process.
    """

    folder: str
    skip: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class SyncChange:
    """One committed transaction, as ``Change.text``; the mirror applies it."""

    change: str
    revision: int


@dataclass(frozen=True)
class Evaluate:
    """Compute tensors on the preview batch and answer with Previews.

    Args:
        names: tensor names, of derived nodes too; None means every tensor that can be computed. An
            automatic refresh leaves out the names that cannot.
        watch: an automatic refresh, which neither assigns nor prints; an explicit run (False)
            does both.
        follow: whether the previews of a training are of these tensors from now on.
    """

    revision: int
    request: int
    names: tuple[str, ...] | None = None
    watch: bool = True
    follow: bool = False


@dataclass(frozen=True)
class ShowData:
    """Compute previews and tensors on other data from now on; the next previews say which.

    Args:
        split: of every data set; one that lacks it shows what it has.
        first: the first row, from 0.
        count: how many rows; None means the training's batch size.
    """

    split: str = "test"
    first: int = 0
    count: int | None = None


@dataclass(frozen=True)
class ShowIterations:
    """Send previews of what is inside these loops and branches, too.

    Args:
        numbers: name of each -> the iteration to look at; None is the last one.
    """

    numbers: dict[str, int | None] = field(default_factory=dict)


@dataclass(frozen=True)
class ShownIteration:
    """Which iteration of a loop previews are of; ``taken`` says which branch ran."""

    number: int
    count: int
    taken: bool | None = None


@dataclass(frozen=True)
class Measure:
    """Send a measure of each tensor with its preview, see `Measured`; empty for none."""

    of: str = ""


@dataclass(frozen=True)
class FetchTensor:
    """The full value of one tensor on the preview batch; answered by TensorValue."""

    name: str
    request: int


@dataclass(frozen=True)
class WatchViews:
    """Compute these views now, whenever values change, and while training; no others.

    Each is answered by `ViewValue`, again and again. A later request replaces this one.
    """

    views: tuple[ViewSpec, ...]
    request: int


@dataclass(frozen=True)
class Profile:
    """Time every kernel of a training step, or of a run if there is no optimizer.

    Answered by Profiled. No variable changes.
    """

    request: int


@dataclass(frozen=True)
class SetThreads:
    """Set the number of compute threads; None means one per core. Answered by Ready."""

    threads: int | None


@dataclass(frozen=True)
class SetMemory:
    """Set how many bytes the values of a run or training step may take; None: what is free. The
    next training and the next predictions follow it."""

    limit: int | None


@dataclass(frozen=True)
class FollowEdits:
    """Set whether edits reach trainings that run; answered by EditState as they do."""

    on: bool


@dataclass(frozen=True)
class SetBackend:
    """Set who computes the trainings that begin from now on: ``numba`` or ``jax``."""

    backend: Backend


@dataclass(frozen=True)
class SetBudget:
    """Set what the live value of one node may take; a run may compute what there is memory for.

    Args:
        bytes: of its outputs, judged from their shapes before it is computed.
        seconds: of its computation.
        read_bytes: to read a data file for it.
        run_bytes: to read a data file for a run; 0 is half of the memory.
        any_file: read pipes, devices and files of the system too.
        history: of the copies of a training, from the next one on; 0 is `default_budget`.
    """

    bytes: int
    seconds: float
    read_bytes: int = PREVIEW_BYTES
    run_bytes: int = 0
    any_file: bool = False
    history: int = 0


@dataclass(frozen=True)
class Keep:
    """Where the state of a training is kept while it runs.

    Args:
        every: how often it is written.
        go_on: the training goes on from what is kept there.
    """

    folder: str
    every: str
    go_on: bool = False


@dataclass(frozen=True)
class Train:
    """Train with the settings of the document; ``resume`` continues from the current weights.

    Args:
        file: of the document, by which its run is known; empty where it has none.
        branch: go on from before this step, from 1, of the training that ran last, or of
            ``branch_run``, a kept run.
        event_folder: where it writes event files for TensorBoard, in a folder of its own; empty for
            nowhere.
        title: what the document is called, for the name of that folder.
    """

    request: int
    resume: bool = False
    keep: Keep | None = None
    file: str = ""
    branch: int | None = None
    branch_run: str = ""
    event_folder: str = ""
    title: str = ""


@dataclass(frozen=True)
class Pause:
    pass


@dataclass(frozen=True)
class Resume:
    pass


@dataclass(frozen=True)
class Step:
    """While paused: run ``count`` steps and stay paused."""

    count: int = 1


@dataclass(frozen=True)
class Stop:
    """Stop the training after the current step, or the run; the trained values stay."""


@dataclass(frozen=True)
class InitializeVariables:
    """Reset every variable to its initial value."""


@dataclass(frozen=True)
class CheckGradients:
    """Compare the gradients of nodes with finite differences, with the variables as they are.

    Answered by GradientChecked for each, and GradientsChecked or Failed.

    Args:
        names: full names; None means all nodes of the document's own graph.
    """

    request: int
    names: tuple[str, ...] | None = None


@dataclass(frozen=True)
class CancelGradientChecks:
    pass


@dataclass(frozen=True)
class Shutdown:
    pass


Request = (
    SyncDocument
    | LoadPlugins
    | SyncChange
    | Evaluate
    | ShowData
    | Override
    | SetVariable
    | ShowIterations
    | Measure
    | FetchTensor
    | StepRequest
    | StepShown
    | WatchViews
    | Profile
    | SetThreads
    | SetMemory
    | FollowEdits
    | SetBackend
    | SetBudget
    | Train
    | Pause
    | Resume
    | Step
    | Stop
    | InitializeVariables
    | SaveWeights
    | CheckWeights
    | LoadWeights
    | Predict
    | CancelPredictions
    | CheckGradients
    | CancelGradientChecks
    | DownloadData
    | CancelDownload
    | Shutdown
)


# ---- messages of the engine -----------------------------------------------------------------


@dataclass(frozen=True)
class Ready:
    """The engine process is ready, or has changed its number of threads."""

    pid: int
    threads: int


@dataclass(frozen=True)
class Resync:
    """The mirror cannot apply a change and needs the whole document."""

    reason: str


@dataclass(frozen=True)
class State:
    """``idle``, ``running``, ``training`` or ``paused``; ``tier`` is set while training. What is
    computed beside a training changes nothing here."""

    state: str
    tier: str = ""


@dataclass(frozen=True)
class Previews:
    """Previews by tensor name, and the placeholders without a feed (``missing``).

    ``notices`` say what the user has to know about the data, such as a stand-in for MNIST. Values
    that are not ``whole`` are those that the training changes; the others are as they were. While
    training, the first message is whole, and the first of other rows or overrides. ``names``
    are those of the request; None means all. ``pending`` values come in a second message with the
    same request number, once derived nodes are up to date. ``data`` says which rows the values are
    of; it is None where no data set feeds anything. ``iterations`` says which iteration values
    inside a loop are of, by its name. ``past`` is the step that was asked for by `ShowStep`, of
    ``run``; the values are then of its batch.
    """

    revision: int
    request: int
    values: dict[str, Preview]
    missing: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    step: int | None = None
    watch: bool = True
    names: tuple[str, ...] | None = None
    pending: bool = False
    data: ShownData | None = None
    iterations: dict[str, ShownIteration] = field(default_factory=dict)
    past: int | None = None
    run: str = ""
    whole: bool = True


@dataclass(frozen=True)
class TensorValue:
    """The whole value of a tensor; ``is_what_if``: it follows from what is overridden."""

    request: int
    name: str
    array: np.ndarray
    image_shape: tuple[int, int] | None = None
    step: int | None = None
    tier: str = "reference"
    data: ShownRows | None = None
    column_shape: tuple[int, int] | None = None
    past: int | None = None
    is_what_if: bool = False
    run: str = ""
    notices: tuple[str, ...] = ()


@dataclass(frozen=True)
class ViewValue:
    """What is drawn in a view.

    Attributes:
        request: number of the `WatchViews` that asked for it; 0 where none did.
        data: what the kind's module makes of the tensors, small enough for the screen; None where
            there is an error.
        error: why nothing can be drawn.
        step: training step that it belongs to; None outside training.
        rate: how often per second it was computed lately, while training.
        is_what_if: whether the tensor follows from what is overridden.
    """

    request: int
    spec: ViewSpec
    data: Any = None
    error: str = ""
    step: int | None = None
    rate: float | None = None
    is_what_if: bool = False


@dataclass(frozen=True)
class Profiled:
    """The result of a profile.

    Attributes:
        times: how many training steps were timed; 0 where it was a run.
        trace: in Chrome's format, to be written as JSON.
        plan: the optimized plan and its code, as text.
    """

    request: int
    times: int
    threads: int
    trace: dict[str, Any]
    plan: str


@dataclass(frozen=True)
class EventBatch:
    """Training events sent together, in their order; the client delivers them one by one."""

    events: tuple[Event, ...]


@dataclass(frozen=True)
class VariablesInitialized:
    count: int


@dataclass(frozen=True)
class GradientChecked:
    """The gradients of one node are compared; ``done`` of ``total`` nodes are."""

    request: int
    checked: Checked
    done: int
    total: int


@dataclass(frozen=True)
class GradientsChecked:
    """All gradients are compared, or the checks were ``cancelled`` after so many."""

    request: int
    count: int
    cancelled: bool = False


@dataclass(frozen=True)
class Printed:
    """What a print node wrote."""

    text: str


@dataclass(frozen=True)
class Failed:
    """A request failed; it changed nothing, and the engine is idle again."""

    request: int
    what: str
    error: ErrorData


@dataclass(frozen=True)
class Died:
    """The engine process ended unexpectedly; the client creates this message.

    ``doing`` is the node that it computed at the time: ``mix (blend, blend.py, line 4)``.
    """

    exit_code: int | None
    doing: str = ""


Message = (
    Ready
    | Resync
    | State
    | Previews
    | StepMessage
    | EditState
    | TensorValue
    | ViewValue
    | Profiled
    | Event
    | EventBatch
    | CompileFailure
    | VariablesInitialized
    | WeightsSaved
    | WeightsChecked
    | WeightsLoaded
    | PredictedRows
    | Predicted
    | GradientChecked
    | GradientsChecked
    | DownloadProgress
    | Downloaded
    | EventFilesWritten
    | Printed
    | Failed
    | Died
)
