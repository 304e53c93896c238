"""The window's connection to the engine process: it sends requests and emits answers as signals.

It restarts the engine process when it dies. `channel` sends and receives, `document_mirror`
keeps the engine's copy of the document in step, and `live_values` asks for live values.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, get_args

from PySide6.QtCore import QObject, Signal, Slot

from nodeflow.document.model.records import Change
from nodeflow.engine.events import CompileFailure
from nodeflow.host import protocol as p
from nodeflow.train import events
from nodeflow.ui.core.engine_link.asked_trainings import AskedTrainings
from nodeflow.ui.core.engine_link.awaited_answers import Awaited
from nodeflow.ui.core.engine_link.channel import EngineChannel
from nodeflow.ui.core.engine_link.client_interface import ClientFactory, engine_client
from nodeflow.ui.core.engine_link.crash_counter import Crashes
from nodeflow.ui.core.engine_link.document_mirror import DocumentMirror
from nodeflow.ui.core.engine_link.engine_watchdog import EngineWatch
from nodeflow.ui.core.engine_link.live_values import LiveValues
from nodeflow.ui.core.engine_link.shown_step import ShownStep
from nodeflow.ui.core.engine_link.simple_requests import EngineRequests
from nodeflow.ui.core.engine_link.step_ops import StepOps
from nodeflow.ui.core.engine_link.watched_views import WatchedViews
from nodeflow.ui.core.state.workspace import Workspace

log = logging.getLogger("nodeflow")


class EngineLink(QObject, EngineRequests):
    """The connection to the engine: it sends requests and turns messages into signals.

    ``state`` is ``off``, ``starting``, ``idle``, ``preparing``, ``running``, ``training`` or
    ``paused``. ``watch`` says whether the engine shows signs of life. Nothing here waits for the
    engine.
    """

    state_changed = Signal(str)
    previews = Signal(object)
    ran = Signal(object)
    """The previews that answer `run`."""
    derived = Signal(object)
    """The previews of generated nodes that answer `ask_derived`."""
    tensor = Signal(object)
    view = Signal(object)
    """A ViewValue of a view from `watch_views`."""
    profiled = Signal(object)
    training = Signal(object)
    """The events of a training (`nodeflow.train.events`), in order."""
    edits = Signal(object)
    """The progress of edits on their way to the running training (EditState)."""
    files_written = Signal(object)
    """A training began or stopped writing files for another program (TrainingFilesWritten)."""
    download = Signal(object)
    """The progress or end of a download: DownloadProgress, Downloaded, or Failed."""
    predictions = Signal(object)
    """The answer to a request for predictions: PredictedRows, Predicted, or Failed."""
    gradients = Signal(object)
    """The answer to a check of gradients: GradientChecked, GradientsChecked, or Failed."""
    lessons = Signal(object)
    """The mark of the document as an answer to a lesson, or its check as a lesson: LessonMarked,
    LessonChecked or Failed."""
    done = Signal(object)
    """The end of a request about variables: VariablesInitialized, WeightsSaved, WeightsChecked
    or WeightsLoaded.
    """
    failed = Signal(object)
    died = Signal(object, bool)
    """The engine died: a Died, and whether the engine is being restarted."""
    restarted = Signal()
    """A new engine has replaced an ended one and has the document."""

    def __init__(
        self,
        workspace: Workspace,
        factory: ClientFactory = engine_client,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self.channel = EngineChannel(factory, self._on_message, self._is_busy, self)
        self.live = LiveValues(workspace, self.channel, self)
        self.past = ShownStep(self, self)
        self.ops = StepOps(self.past, self, self)
        self._mirror = DocumentMirror(workspace, self.channel)
        self._views = WatchedViews(self.channel)
        self._trainings = AskedTrainings()
        self._awaited = Awaited()
        self._crashes = Crashes()
        self.state = "off"
        self.tier = ""
        self.threads = 0
        self.has_trained = False
        self.training_folders: dict[str, str] = {}
        """Folders for the files that trainings write for other programs, by kind of file; empty
        for none.
        """
        self.edit_state = p.EditState()
        self.ever_ready = False
        workspace.edited.connect(self._on_change)
        workspace.replaced.connect(self._on_replaced)
        workspace.saved.connect(self._on_saved)
        workspace.allowed.connect(self._on_allowed)

    # ---- start and end ----------------------------------------------------------------------

    def start(self) -> None:
        """Start an engine process and give it the document. Return at once."""
        self.close()
        self.channel.start()
        self._set_state("starting")
        self.channel.send_lasting_again()
        self.sync()

    def restart(self) -> None:
        """Restart at the user's request, which resets the count of crashes."""
        self._crashes.clear()
        self.close(at_once=True)
        self._forget_engine()
        self.start()
        self.restarted.emit()

    def close(self, *, at_once: bool = False) -> None:
        """End the engine process, if any, within 2 seconds."""
        self.live.stop()
        self.channel.close(at_once=at_once)
        self._set_state("off")

    def _forget_engine(self) -> None:
        """Reset the state of all requests, because the engine has ended and will not answer
        them.
        """
        self.live.forget()
        self.has_trained = False
        self.past.forget()
        self._on_edits(p.EditState())
        self._trainings.forget()
        self._awaited.download = None

    def _is_busy(self) -> bool:
        return self.live.is_awaited or self.state in ("running", "preparing", "training")

    @property
    def crashes(self) -> int:
        """Return the number of recent crashes since the user started an engine."""
        return len(self._crashes)

    @property
    def watch(self) -> EngineWatch:
        """The check whether the engine shows signs of life."""
        return self.channel.watch

    @property
    def is_up(self) -> bool:
        return self.channel.is_up

    @property
    def is_training(self) -> bool:
        return self.state in ("training", "paused")

    @property
    def is_preparing(self) -> bool:
        """Whether a training was requested that has not begun."""
        return self.state == "preparing"

    # ---- requests ---------------------------------------------------------------------------

    def sync(self, keep: bool = False) -> None:
        """Send the whole document. Answers to earlier requests are ignored from now on.

        Args:
            keep: whether the engine already has this document, so that variables keep their values.
        """
        self._awaited.oldest = self.channel.coming
        self.live.forget()
        self._mirror.send_whole(keep)
        self._views.ask_again()
        if not keep:
            self.live.begin_again()
            self._load_named_weights()
        self.live.refresh_soon()

    def _load_named_weights(self) -> None:
        """Load the weights file that the document names, as soon as the document may read it."""
        if path := self._mirror.weights():
            self.load_weights(path)

    @Slot()
    def _on_allowed(self) -> None:
        if self.is_up:
            self.sync(keep=True)
            if self._mirror.waits_for_weights:
                self._load_named_weights()

    def load_plugins(self, folder: str, skip: tuple[tuple[str, str], ...] = ()) -> None:
        """Let the running engine and every later one load the user's own ops. Answers to earlier
        requests are ignored.

        Args:
            folder: the folder with the ops; empty for none.
            skip: pairs (file, reason) of files to leave out.
        """
        if folder:
            self.channel.send_lasting(p.LoadPlugins(folder, skip))
        else:
            self.channel.forget_lasting(p.LoadPlugins)
        self._awaited.oldest = self.channel.coming
        self.live.forget()
        self._views.ask_again()
        self.live.refresh_soon()

    def show_iterations(self, numbers: Mapping[str, int | None]) -> None:
        """Ask soon for the values inside loops at certain iterations.

        Args:
            numbers: the iteration by loop name; None is the last iteration.
        """
        wanted = p.ShowIterations(dict(numbers))
        if not self.channel.has_lasting(wanted, p.ShowIterations({})):
            self.channel.send_lasting(wanted)
            self.live.outdate()

    def run(self, names: tuple[str, ...] | None = None) -> int:
        """Compute tensors now (None: all). A missing feed is reported as a failure."""
        self.past.back()
        self.live.send_choices()
        request = self.channel.next()
        revision = self._workspace.root.revision
        self.channel.send(p.Evaluate(revision, request, names, watch=False))
        return request

    def show_step(self, step: int | None, run: str = "") -> int:
        """Let the engine answer with the values of a training step, and ask for them.

        Args:
            step: the step; None for the current one.
            run: id of a kept run; empty for the training.
        """
        request = self.channel.next()
        self.channel.send(p.ShowStep(step, request, run))
        self.live.ask_now()
        return request

    def ask_derived(self, names: tuple[str, ...]) -> None:
        """Ask for previews of generated nodes. The signal `derived` delivers them."""
        self._awaited.derived = self.channel.next()
        revision = self._workspace.root.revision
        self.channel.send(p.Evaluate(revision, self._awaited.derived, names))

    @property
    def watches_views(self) -> bool:
        """Return whether the engine computes views."""
        return self._views.any

    def watch_views(self, specs: tuple[p.ViewSpec, ...]) -> None:
        """Let the engine compute these views whenever values change.

        The signal `view` delivers them.
        """
        self._views.watch(specs)

    def set(self, setting: p.SetThreads | p.SetMemory | p.FollowEdits | p.SetBackend) -> None:
        """Send a setting to the running engine and to every later one."""
        self.channel.send_lasting(setting)

    def measure(self, of: str) -> None:
        """Let previews include a measure of each value from now on; empty for none."""
        if not self.channel.has_lasting(p.Measure(of), p.Measure()):
            self.channel.send_lasting(p.Measure(of))
            self.live.refresh_soon()

    def set_budget(self, budget: p.SetBudget) -> None:
        """Limit the cost of live values, in the running engine and every later one."""
        self.channel.send_lasting(budget)
        self.live.refresh_soon()

    def train(
        self,
        resume: bool = False,
        keep: p.Keep | None = None,
        branch: int | None = None,
        branch_run: str = "",
    ) -> int:
        """Start a training and return its request number.

        Args:
            resume: continue from the current weights.
            keep: where to save the state, and whether to continue from the saved state.
            branch: the step to branch from, of the last training or of ``branch_run``. The branch
                starts before this step.
            branch_run: id of a kept run; empty for the last training.
        """
        request = self.channel.next()
        self._trainings.ask(request)
        path = self._workspace.root.path
        file = str(path.resolve()) if path else ""
        files = tuple((kind, folder) for kind, folder in self.training_folders.items() if folder)
        title = self._workspace.title
        self.channel.send(p.Train(request, resume, keep, file, branch, branch_run, files, title))
        if self.is_up:
            self._trainings.prepared = request
            self._set_state("preparing")
        return request

    def keep_weights(self, path: str) -> None:
        """Write the variables for recovery. No message reports success or failure."""
        self._awaited.quiet.add(self.save_weights(path))

    def predict(self, source: str, path: str | None = None) -> int:
        """Ask for predictions for another file, as rows, or written as CSV to ``path``."""
        self._awaited.predicting = self.channel.next()
        self.channel.send(p.Predict(source, self._awaited.predicting, path))
        return self._awaited.predicting

    def start_download(self, name: str) -> int:
        request = self._awaited.download = self.channel.next()
        self.channel.send(p.DownloadData(name, request))
        return request

    # ---- internals --------------------------------------------------------------------------

    @Slot(object)
    def _on_change(self, change: Change) -> None:
        if self.is_up and self._mirror.has_moved:
            self.sync(keep=True)  # because relative paths now start at another folder
        elif self.is_up:
            self._mirror.send_change(change)
        if not change.only_moves:
            self.live.refresh_soon()

    @Slot()
    def _on_replaced(self) -> None:
        self.has_trained = False
        self.past.forget()
        self._views.forget()
        if self.is_up:
            self._trainings.leave()
            if self.is_training or self.is_preparing:
                self.stop()
            self._end_preparation()
            self.sync()

    @Slot()
    def _on_saved(self) -> None:
        if self._mirror.has_moved and self.is_up:
            self.sync(keep=True)

    def _on_message(self, message: p.Message) -> None:
        handler = _HANDLERS.get(type(message))
        if handler is None:
            log.warning("the engine said something unknown: %s", type(message).__name__)
        else:
            handler(self, message)

    def _on_ready(self, message: p.Ready) -> None:
        self.threads = message.threads
        self.ever_ready = True
        if self.state == "starting":
            self._set_state("idle")
        elif self.state == "idle":
            self.state_changed.emit("idle")  # the number of threads changed

    def _on_resync(self, message: p.Resync) -> None:
        log.info("the engine asks for the whole document: %s", message.reason)
        self.sync(keep=True)

    def _on_state(self, message: p.State) -> None:
        self.tier = message.tier or self.tier
        if message.state in ("training", "paused"):
            self._trainings.prepared = None
        if self._trainings.prepared is None:  # else a request from before the training runs or ends
            self._set_state(message.state)

    def _on_previews(self, message: p.Previews) -> None:
        self.live.answered(message.request)
        run = self.past.run if self.past.step is not None else ""
        if (message.past, message.run) != (self.past.step, run):
            return
        self.past.on_arrived(message.notices)
        if message.request == self._awaited.derived:
            self.derived.emit(message)
            return
        if message.step is not None:
            self.live.on_trained(message.names)
            if not self._trainings.is_muted:
                self.previews.emit(message)
            return
        stale = message.watch and message.revision < self._workspace.root.revision
        if message.request >= self._awaited.oldest and not stale:
            self.previews.emit(message)
            if not message.watch:
                self.ran.emit(message)

    def _on_tensor(self, message: p.TensorValue) -> None:
        if message.request >= self._awaited.oldest:
            self.tensor.emit(message)

    def _on_view(self, message: p.ViewValue) -> None:
        is_newer = message.request >= self._awaited.oldest and self._views.awaits(message)
        if is_newer and not self._trainings.is_muted:
            self.view.emit(message)

    def _on_profiled(self, message: p.Profiled) -> None:
        if message.request >= self._awaited.oldest:
            self.profiled.emit(message)

    def _end_preparation(self) -> None:
        self._trainings.prepared = None
        if self.is_preparing:
            self._set_state("idle")

    def _on_training(self, message: Any) -> None:
        muted = self._trainings.is_muted
        if isinstance(message, events.Done):
            self._trainings.end_first()
        if muted:
            if isinstance(message, events.Started):
                self.stop()  # another document was opened before the training began
            return
        self.past.on_event(message)
        if isinstance(message, events.Done):
            self.has_trained = True
        if isinstance(message, events.Diverged) and message.kept_epoch:
            self.has_trained = True
        self.training.emit(message)

    def _on_edits(self, state: p.EditState) -> None:
        self.edit_state = state
        self.edits.emit(state)

    def _on_done(self, message: Any) -> None:
        if isinstance(message, p.WeightsSaved) and message.request in self._awaited.quiet:
            self._awaited.quiet.discard(message.request)
            return
        if isinstance(message, p.VariablesInitialized):
            self.has_trained = False
        if isinstance(message, p.WeightsLoaded):
            self.has_trained = True
        self.done.emit(message)
        if not isinstance(message, (p.WeightsSaved, p.WeightsChecked)):
            self.live.refresh_soon()

    def _on_gradients(self, message: Any) -> None:
        self.gradients.emit(message)

    def _on_predictions(self, message: Any) -> None:
        if message.request == self._awaited.predicting:
            self.predictions.emit(message)

    @property
    def is_downloading(self) -> bool:
        return self._awaited.download is not None

    def _on_download(self, message: Any) -> None:
        if isinstance(message, p.Downloaded):
            self._awaited.download = None
        self.download.emit(message)
        if isinstance(message, p.Downloaded):
            self.sync(keep=True)

    def _on_failed(self, message: p.Failed) -> None:
        self.live.answered(message.request)
        if self.state == "running":
            self._set_state("idle")
        if message.request in self._trainings:
            self._trainings.end(message.request)
            self._end_preparation()
        if message.what == "CheckGradients":
            self.gradients.emit(message)
            return
        if message.what in ("MarkLesson", "CheckLesson"):
            self.lessons.emit(message)
            return
        if message.what == "OpenRun":
            self.past.on_failed(message)
            return
        if message.request in self._awaited.quiet:
            self._awaited.quiet.discard(message.request)
            log.warning("not kept for recovery: %s", message.error)
        elif message.request == self._awaited.download:
            self._awaited.download = None
            self.download.emit(message)
        elif message.request == self._awaited.predicting:
            self.predictions.emit(message)
        elif not message.request or message.request >= self._awaited.oldest:
            self.failed.emit(message)

    def _on_compile_failure(self, message: CompileFailure) -> None:
        log.warning("%s", message)

    def _on_printed(self, message: p.Printed) -> None:
        log.info("%s", message.text)

    def _on_died(self, message: p.Died) -> None:
        self.channel.lost()
        again = self._crashes.add()
        log.error("the engine ended unexpectedly, exit code %s", message.exit_code)
        self._set_state("off")
        self.died.emit(message, again)
        self._forget_engine()
        if again:
            self.start()
            self.restarted.emit()

    def _set_state(self, state: str) -> None:
        if state != self.state:
            self.state = state
            self.state_changed.emit(state)


_HANDLERS: dict[type, Callable[[EngineLink, Any], None]] = {
    p.Ready: EngineLink._on_ready,
    p.Resync: EngineLink._on_resync,
    p.State: EngineLink._on_state,
    p.Previews: EngineLink._on_previews,
    **dict.fromkeys(get_args(p.StepMessage), lambda link, message: link.past.on_message(message)),
    p.EditState: EngineLink._on_edits,
    p.TensorValue: EngineLink._on_tensor,
    p.ViewValue: EngineLink._on_view,
    p.Profiled: EngineLink._on_profiled,
    **dict.fromkeys(get_args(events.Event), EngineLink._on_training),
    p.VariablesInitialized: EngineLink._on_done,
    p.WeightsSaved: EngineLink._on_done,
    p.WeightsChecked: EngineLink._on_done,
    p.WeightsLoaded: EngineLink._on_done,
    p.GradientChecked: EngineLink._on_gradients,
    p.GradientsChecked: EngineLink._on_gradients,
    p.LessonMarked: lambda link, message: link.lessons.emit(message),
    p.LessonChecked: lambda link, message: link.lessons.emit(message),
    p.PredictedRows: EngineLink._on_predictions,
    p.Predicted: EngineLink._on_predictions,
    p.TrainingFilesWritten: lambda link, message: link.files_written.emit(message),
    p.DownloadProgress: EngineLink._on_download,
    p.Downloaded: EngineLink._on_download,
    p.Failed: EngineLink._on_failed,
    CompileFailure: EngineLink._on_compile_failure,
    p.Printed: EngineLink._on_printed,
    p.Died: EngineLink._on_died,
}
