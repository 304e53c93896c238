"""The messages between the window and the engine process: frozen data, pickled over a connection.

The window sends `Request`, the engine sends `Message`. A request that expects an answer carries a
``request`` number, which the answer repeats. Revisions count versions of the document: the window
drops an answer for an older revision than its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nodeflow.engine.events import CompileFailure
from nodeflow.engine.gradient_check.check import Checked as Checked
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
from nodeflow.host.messages.files import Predict as Predict
from nodeflow.host.messages.files import Predicted as Predicted
from nodeflow.host.messages.files import PredictedRows as PredictedRows
from nodeflow.host.messages.files import TrainingFilesWritten as TrainingFilesWritten
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
from nodeflow.lessons.grading.results import Result
from nodeflow.train.events import Event

# ---- values ---------------------------------------------------------------------------------


# ---- requests of the window -----------------------------------------------------------------


@dataclass(frozen=True)
class SyncDocument:
    """A request to load the whole document, given as ``.flow`` text.

    Args:
        folder: the folder of relative data paths.
        allowed: files outside the folder that the user allows the document to read
            (`nodeflow.data.document_folder`).
        keep: whether the document is the same as before (saved elsewhere, or the mirror diverged).
            Variables whose declaration did not change then keep their trained values.
    """

    text: str
    revision: int
    folder: str | None = None
    keep: bool = False
    allowed: tuple[str, ...] = ()


@dataclass(frozen=True)
class LoadPlugins:
    """A request to load (or reload) the user's own ops from a folder. The window reports errors.

    Args:
        skip: pairs (file, reason) of the files to skip because they end their process.
    """

    folder: str
    skip: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class SyncChange:
    """A request to apply one committed transaction, as ``Change.text``, to the mirror."""

    change: str
    revision: int


@dataclass(frozen=True)
class Evaluate:
    """A request to compute tensors on the preview batch. The answer is Previews.

    Args:
        names: names of tensors, including tensors of derived nodes. None means every tensor that
            can be computed. An automatic refresh leaves out the names that cannot be computed.
        watch: True for an automatic refresh, which neither assigns nor prints. An explicit run
            (False) does both.
        follow: whether the previews of a training show these tensors from now on.
    """

    revision: int
    request: int
    names: tuple[str, ...] | None = None
    watch: bool = True
    follow: bool = False


@dataclass(frozen=True)
class ShowData:
    """A request to compute previews and tensors on other data from now on.

    The next previews name these data.

    Args:
        split: the split of every data set. A data set without this split shows the split it has.
        first: the first row, from 0.
        count: how many rows. None means the training's batch size.
    """

    split: str = "test"
    first: int = 0
    count: int | None = None


@dataclass(frozen=True)
class ShowIterations:
    """A request to also send previews of the tensors inside these loops and branches.

    Args:
        numbers: the iteration to show, by the name of the loop or branch. None is the last
            iteration.
    """

    numbers: dict[str, int | None] = field(default_factory=dict)


@dataclass(frozen=True)
class ShownIteration:
    """The iteration of a loop that previews show. ``taken`` says which branch ran."""

    number: int
    count: int
    taken: bool | None = None


@dataclass(frozen=True)
class Measure:
    """A request to send this measure of each tensor with its preview (`Measured`); "" ends it."""

    of: str = ""


@dataclass(frozen=True)
class FetchTensor:
    """A request for the full value of one tensor on the preview batch. Answered by TensorValue."""

    name: str
    request: int


@dataclass(frozen=True)
class WatchViews:
    """A request to compute these views now, whenever values change, and while training.

    The answers are `ViewValue` messages, one for each change. A later request replaces this one.
    """

    views: tuple[ViewSpec, ...]
    request: int


@dataclass(frozen=True)
class Profile:
    """A request to time every kernel of a training step, or of a run if there is no optimizer.

    The answer is Profiled. No variable changes.
    """

    request: int


@dataclass(frozen=True)
class SetThreads:
    """The number of compute threads to use. None means one per core. The answer is Ready."""

    threads: int | None


@dataclass(frozen=True)
class SetMemory:
    """The memory, in bytes, that the values of a run or training step may take; None: all free
    memory.

    Applies from the next training and the next predictions.
    """

    limit: int | None


@dataclass(frozen=True)
class FollowEdits:
    """A request to pass edits to running trainings, or to stop doing so. The answer is
    EditState.
    """

    on: bool


@dataclass(frozen=True)
class SetBackend:
    """The backend of all trainings from now on, by its name."""

    backend: str


@dataclass(frozen=True)
class SetBudget:
    """The limits for computing the live value of one node. A run may use all free memory.

    Args:
        bytes: the size of its outputs, estimated from their shapes before the computation.
        seconds: the time of its computation.
        read_bytes: bytes that it may read from a data file.
        run_bytes: bytes that a run may read from a data file. 0 means half of the memory.
        any_file: whether pipes, devices and system files may be read.
        history: bytes for the snapshots of the next training. 0 means `default_budget`.
    """

    bytes: int
    seconds: float
    read_bytes: int = PREVIEW_BYTES
    run_bytes: int = 0
    any_file: bool = False
    history: int = 0


@dataclass(frozen=True)
class Keep:
    """The folder in which the state of a training is kept while it runs.

    Args:
        every: the interval at which the state is written, as text.
        go_on: whether the training continues from the state in the folder.
    """

    folder: str
    every: str
    go_on: bool = False


@dataclass(frozen=True)
class Train:
    """A request to train with the settings of the document.

    Args:
        resume: continue from the current weights.
        file: the file of the document, which identifies its runs. Empty if it has none.
        branch: branch off before this step (from 1) of the previous training, or of ``branch_run``.
        branch_run: the kept run to branch from. Empty for the previous training.
        files: the kinds of files that the training writes for other programs, each with the
            parent of the folder that it creates for them.
        title: the title of the document, used in the names of these folders.
    """

    request: int
    resume: bool = False
    keep: Keep | None = None
    file: str = ""
    branch: int | None = None
    branch_run: str = ""
    files: tuple[tuple[str, str], ...] = ()
    title: str = ""


@dataclass(frozen=True)
class Pause:
    pass


@dataclass(frozen=True)
class Resume:
    pass


@dataclass(frozen=True)
class Step:
    """A request to run ``count`` steps of a paused training, which then stays paused."""

    count: int = 1


@dataclass(frozen=True)
class Stop:
    """A request to stop the run, or the training after its current step. Trained values stay."""


@dataclass(frozen=True)
class InitializeVariables:
    """A request to reset every variable to its initial value."""


@dataclass(frozen=True)
class CheckGradients:
    """A request to compare the gradients of nodes with finite differences.

    The variables keep their current values. The answers are one GradientChecked for each node, then
    GradientsChecked or Failed.

    Args:
        names: full names. None means all nodes of the document's top graph.
    """

    request: int
    names: tuple[str, ...] | None = None


@dataclass(frozen=True)
class CancelGradientChecks:
    pass


@dataclass(frozen=True)
class MarkLesson:
    """A request to mark the document as an answer to a lesson. LessonMarked or Failed answers.

    Args:
        lesson: the text of the lesson's file.
        checks: ids of the checks to run; None for all checks that do not train.
        seeds: secret seeds of further inputs.
        path: the path of the lesson's file, next to which its data lie; empty for none.
    """

    request: int
    lesson: str
    checks: tuple[str, ...] | None = None
    seeds: tuple[int, ...] = ()
    path: str = ""


@dataclass(frozen=True)
class CheckLesson:
    """A request to check the document as a lesson with its solution, and to make its copy for
    students. LessonChecked or Failed answers, unless CancelMarking comes first.
    """

    request: int


@dataclass(frozen=True)
class CancelMarking:
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
    | MarkLesson
    | CheckLesson
    | CancelMarking
    | DownloadData
    | CancelDownload
    | Shutdown
)


# ---- messages of the engine -----------------------------------------------------------------


@dataclass(frozen=True)
class Ready:
    """The message that the engine process is ready, or that its number of threads has changed."""

    pid: int
    threads: int


@dataclass(frozen=True)
class Resync:
    """The message that the mirror cannot apply a change and needs the whole document."""

    reason: str


@dataclass(frozen=True)
class State:
    """The engine's state: ``idle``, ``running``, ``training`` or ``paused``.

    ``tier`` is set while training. Computations beside a training do not change the state.
    """

    state: str
    tier: str = ""


@dataclass(frozen=True)
class Previews:
    """Previews by tensor name.

    Attributes:
        missing: placeholders without a feed.
        notices: facts about the data that the user has to know, such as a stand-in for MNIST.
        names: the names of the request. None means all.
        pending: whether further values follow in a second message with the same request number,
            once derived nodes are up to date.
        data: the rows that the values show. None where no data set feeds a placeholder.
        iterations: the iteration that values inside a loop show, by the name of the loop.
        past: the step requested by `ShowStep`, in the run ``run``. The values then show its batch.
        whole: False if the message has only the values that a training changes; the others stay
            valid. During a training, the first message is whole, and the first message after a
            change of rows or overrides.
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
    """The whole value of a tensor. ``is_what_if``: whether it depends on an overridden value."""

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
    """The drawing data of a view.

    Attributes:
        request: the number of the `WatchViews` request. 0 where there was none.
        data: the result that the module of the view's kind computes from the tensors, small enough
            for the screen. None where there is an error.
        error: the reason why nothing can be drawn.
        step: the training step that the data show. None outside training.
        rate: recent updates per second while training.
        is_what_if: whether the tensor depends on an overridden value.
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
        times: the number of training steps that were timed. 0 for a run.
        trace: the trace in Chrome's format, to be written as JSON.
        plan: the optimized plan and its code, as text.
    """

    request: int
    times: int
    threads: int
    trace: dict[str, Any]
    plan: str


@dataclass(frozen=True)
class EventBatch:
    """Training events sent together, in their order. The client delivers them one by one."""

    events: tuple[Event, ...]


@dataclass(frozen=True)
class VariablesInitialized:
    count: int


@dataclass(frozen=True)
class GradientChecked:
    """The result of checking the gradients of one node. ``done`` of ``total`` nodes are checked."""

    request: int
    checked: Checked
    done: int
    total: int


@dataclass(frozen=True)
class GradientsChecked:
    """The end of gradient checks, after ``count`` nodes. ``cancelled``: whether some are left."""

    request: int
    count: int
    cancelled: bool = False


@dataclass(frozen=True)
class LessonMarked:
    """The mark of the document as an answer to a lesson.

    Args:
        answers: right answers to the questions of the lesson, by the id of the step.
    """

    request: int
    result: Result
    answers: dict[str, Any]


@dataclass(frozen=True)
class LessonChecked:
    """A lesson whose solution passes, and whose typical mistakes are told apart.

    Args:
        copy: the text of the copy for students.
        said: what the copy holds and what it leaves out, in sentences.
    """

    request: int
    copy: str
    said: str


@dataclass(frozen=True)
class Printed:
    """The output of a print node."""

    text: str


@dataclass(frozen=True)
class Failed:
    """The error of a request that failed. The request has changed nothing, and the engine is
    idle.
    """

    request: int
    what: str
    error: ErrorData


@dataclass(frozen=True)
class Died:
    """The message that the engine process ended unexpectedly. The client creates it.

    ``doing`` is the node that the engine computed at that time: ``mix (blend, blend.py, line 4)``.
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
    | LessonMarked
    | LessonChecked
    | DownloadProgress
    | Downloaded
    | TrainingFilesWritten
    | Printed
    | Failed
    | Died
)
