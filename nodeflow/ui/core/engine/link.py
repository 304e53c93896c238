"""The window's end of the engine process.

One thread reads the pipe and hands every message to one slot on the GUI thread through a queued
connection. Everything else here runs on the GUI thread: it keeps the engine's mirror of the
document in step and restarts the engine when it dies. `live_values` asks for live values.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, get_args

from PySide6.QtCore import QObject, Qt, Signal, Slot

from nodeflow.document.analysis.outside_data import outside_weights
from nodeflow.document.model.records import Change
from nodeflow.engine.events import CompileFailure
from nodeflow.errors import EngineBusy, EngineDied
from nodeflow.host import protocol as p
from nodeflow.train import events
from nodeflow.ui.core.engine.client import Client, ClientFactory, Inbox, engine_client
from nodeflow.ui.core.engine.live_values import LiveValues
from nodeflow.ui.core.engine.requests import EngineRequests
from nodeflow.ui.core.engine.shown_step import ShownStep
from nodeflow.ui.core.engine.step_ops import StepOps
from nodeflow.ui.core.engine.watch import EngineWatch
from nodeflow.ui.core.thread_signal import ThreadSignal
from nodeflow.ui.core.workspace import Workspace

log = logging.getLogger("nodeflow")

CRASHES, CRASH_WINDOW = 3, 60.0
"""The engine is not restarted automatically after so many crashes within so many seconds."""


class EngineLink(QObject, EngineRequests):
    """The connection to the engine: it sends requests and turns messages into signals.

    ``state`` is ``off``, ``starting``, ``idle``, ``preparing``, ``running``, ``training`` or
    ``paused``. ``watch`` says whether the engine shows signs of life. Nothing here waits for the
    engine.
    """

    arrived = Signal(int, object)
    state_changed = Signal(str)
    previews = Signal(object)
    derived = Signal(object)
    """Previews of derived nodes: the answer to `ask_derived`."""
    tensor = Signal(object)
    view = Signal(object)
    """A ViewValue of a view from `watch_views`."""
    profiled = Signal(object)
    training = Signal(object)
    """The events of a training (`nodeflow.train.events`), in order."""
    edits = Signal(object)
    """EditState: the progress of edits that are to reach the training."""
    files_written = Signal(object)
    """TrainingFilesWritten: a training began or stopped writing files for another program."""
    download = Signal(object)
    """DownloadProgress, Downloaded, or Failed."""
    predictions = Signal(object)
    """PredictedRows, Predicted, or Failed."""
    gradients = Signal(object)
    """GradientChecked, GradientsChecked, or Failed."""
    done = Signal(object)
    """VariablesInitialized, WeightsSaved, WeightsChecked or WeightsLoaded."""
    failed = Signal(object)
    died = Signal(object, bool)
    """Died, and whether the engine is being restarted."""
    restarted = Signal()
    """A new engine replaced an ended engine; it has the document."""

    def __init__(
        self,
        workspace: Workspace,
        factory: ClientFactory = engine_client,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self._factory = factory
        self._client: Client | None = None
        self._generation = 0
        self._inbox = ThreadSignal(self, "arrived")
        self._request = 0
        self._oldest = 0
        self._trainings: list[int] = []
        """The request numbers of trainings that have not ended."""
        self._prepared: int | None = None
        """The request number of the training that has not begun."""
        self._elsewhere: set[int] = set()
        """The request numbers of trainings that belong to a document which is no longer open."""
        self._watch = 0
        self._watched: tuple[p.ViewSpec, ...] = ()
        self._predicting = -2  # no request has this number
        self._quiet: set[int] = set()
        self._download: int | None = None
        self._derived = 0  # requests count from 1; a training's previews say -1
        self._crashes: list[float] = []
        self.state = "off"
        self.tier = ""
        self.threads = 0
        self.has_trained = False
        self.training_folders: dict[str, str] = {}
        """Folders for the files that trainings write for other programs, by kind; or empty."""
        self.edit_state = p.EditState()
        self.ever_ready = False
        self.watch = EngineWatch(self._pulse, self._is_busy, self)
        self.live = LiveValues(workspace, self, self)
        self.past = ShownStep(self, self)
        self.ops = StepOps(self.past, self, self)
        self.arrived.connect(self._on_message, Qt.ConnectionType.QueuedConnection)
        workspace.edited.connect(self._on_change)
        workspace.replaced.connect(self._on_replaced)
        workspace.saved.connect(self._on_saved)
        workspace.allowed.connect(self._on_allowed)
        self._waits_for_weights = False
        self._folder = workspace.base_dir
        self._lasting: dict[type, p.Request] = {}
        """The latest request of each kind that every engine gets when it starts."""
        self._iterations: dict[str, int | None] = {}

    # ---- start and end ----------------------------------------------------------------------

    def start(self) -> None:
        """Start an engine process and give it the document. Return at once."""
        self.close()
        self._generation += 1
        self._client = self._factory(Inbox(self._inbox, self._generation))
        self._set_state("starting")
        self._client.start()
        for request in self._lasting.values():
            self._send(request)
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
        client, self._client = self._client, None
        self._generation += 1
        self.live.stop()
        at_once = at_once or self.watch.is_silent
        self.watch.forget()
        if client is not None:
            client.close(at_once=at_once)
        self._set_state("off")

    def _forget_engine(self) -> None:
        """Drop everything that was asked of an engine that has ended."""
        self.live.forget()
        self.has_trained = False
        self.past.forget()
        self._on_edits(p.EditState())
        self._trainings.clear()
        self._elsewhere.clear()
        self._prepared = self._download = None

    def _pulse(self) -> Any:
        return self._client.pulse if self._client is not None else None

    def _is_busy(self) -> bool:
        return self.live.is_awaited or self.state in ("running", "preparing", "training")

    @property
    def crashes(self) -> int:
        """Return the number of recent crashes since the user started an engine."""
        return len(self._crashes)

    @property
    def is_up(self) -> bool:
        return self._client is not None

    @property
    def is_training(self) -> bool:
        return self.state in ("training", "paused")

    @property
    def is_preparing(self) -> bool:
        """Whether a requested training has not begun."""
        return self.state == "preparing"

    # ---- requests ---------------------------------------------------------------------------

    def sync(self, keep: bool = False) -> None:
        """Send the whole document. Answers to earlier requests no longer count.

        ``keep``: the engine already has this document, so that variables keep their values.
        """
        document = self._workspace.root
        self._folder = self._workspace.base_dir
        self._oldest = self._request + 1
        self.live.forget()
        text, folder = self._workspace.text(), self._folder
        request = p.SyncDocument(text, document.revision, folder.path or None, keep, folder.allowed)
        self._send(request)
        self._watch_again()
        if not keep:
            self.live.begin_again()
            self._load_named_weights()
        self.live.refresh_soon()

    def _load_named_weights(self) -> None:
        """Load the weights file that the document names, once the document may read it."""
        document = self._workspace.root
        self._waits_for_weights = outside_weights(document) is not None
        if document.weights and document.path and not self._waits_for_weights:
            self.load_weights(str(document.path.parent / document.weights))

    @Slot()
    def _on_allowed(self) -> None:
        if self._client is not None:
            self.sync(keep=True)
            if self._waits_for_weights:
                self._load_named_weights()

    def load_plugins(self, folder: str, skip: tuple[tuple[str, str], ...] = ()) -> None:
        """Let the engine load the user's own ops, now and when it starts. Old answers are void.

        Args:
            folder: empty for none.
            skip: pairs (file, reason) of the files that are left out.
        """
        if folder:
            self._send_lasting(p.LoadPlugins(folder, skip))
        else:
            self._lasting.pop(p.LoadPlugins, None)
        self._oldest = self._request + 1
        self.live.forget()
        self._watch_again()
        self.live.refresh_soon()

    def show_iterations(self, numbers: Mapping[str, int | None]) -> None:
        """Ask soon for values inside loops: iteration by loop name, None for the last."""
        if numbers != self._iterations:
            self._iterations = dict(numbers)
            self._send_lasting(p.ShowIterations(self._iterations))
            self.live.outdate()

    def _send_data(self) -> None:
        self.live.send_choices()

    def run(self, names: tuple[str, ...] | None = None) -> int:
        """Compute tensors (None: all) now. Missing feeds are reported as a failure."""
        self.past.back()
        self._send_data()
        request = self._next()
        revision = self._workspace.root.revision
        self._send(p.Evaluate(revision, request, names, watch=False))
        return request

    def show_step(self, step: int | None, run: str = "") -> int:
        """Let the engine answer with values of a step (None: the current one); ask for them."""
        request = self._next()
        self._send(p.ShowStep(step, request, run))
        self.live.ask_now()
        return request

    def ask_derived(self, names: tuple[str, ...]) -> None:
        """Ask for previews of derived nodes; ``derived`` answers."""
        self._derived = self._next()
        revision = self._workspace.root.revision
        self._send(p.Evaluate(revision, self._derived, names))

    def watch_views(self, specs: tuple[p.ViewSpec, ...]) -> None:
        """Let the engine compute these views whenever values change; it answers with ``view``."""
        if specs != self._watched:
            self._watched = specs
            self._watch_again()

    def _watch_again(self) -> None:
        """Ask for the watched views under a new number, so that earlier answers are ignored."""
        if self._watched or self._watch:
            self._watch = self._next()
            self._send(p.WatchViews(self._watched, self._watch))

    def set(self, setting: p.SetThreads | p.SetMemory | p.FollowEdits | p.SetBackend) -> None:
        """Give the engine a setting, now and whenever it starts."""
        self._send_lasting(setting)

    def measure(self, of: str) -> None:
        """Let previews include a measure from now on; empty for none."""
        if p.Measure(of) != self._lasting.get(p.Measure, p.Measure()):
            self._send_lasting(p.Measure(of))
            self.live.refresh_soon()

    def set_budget(self, budget: p.SetBudget) -> None:
        """Limit the cost of live values, now and later."""
        self._send_lasting(budget)
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
        request = self._next()
        self._trainings.append(request)
        path = self._workspace.root.path
        file = str(path.resolve()) if path else ""
        files = tuple((kind, folder) for kind, folder in self.training_folders.items() if folder)
        title = self._workspace.title
        self._send(p.Train(request, resume, keep, file, branch, branch_run, files, title))
        if self._client is not None:
            self._prepared = request
            self._set_state("preparing")
        return request

    def keep_weights(self, path: str) -> None:
        """Write the variables for recovery. No message reports success or failure."""
        self._quiet.add(self.save_weights(path))

    def predict(self, source: str, path: str | None = None) -> int:
        """Ask for predictions for another file, as rows, or written as CSV to ``path``."""
        self._predicting = self._next()
        self._send(p.Predict(source, self._predicting, path))
        return self._predicting

    def start_download(self, name: str) -> int:
        request = self._download = self._next()
        self._send(p.DownloadData(name, request))
        return request

    # ---- internals --------------------------------------------------------------------------

    def _next(self) -> int:
        self._request += 1
        return self._request

    def _send_lasting(self, request: p.Request) -> None:
        """Send to this engine and to each later one when it starts."""
        self._lasting[type(request)] = request
        self._send(request)

    def _send(self, request: p.Request) -> None:
        """Send if there is an engine. The reading thread reports its death, once."""
        if self._client is None:
            return
        what = type(request).__name__
        try:
            self._client.send(request)
        except EngineDied as error:
            log.info("not sent, %s: %s", what, error)
        except EngineBusy as error:
            refused = p.Failed(getattr(request, "request", -1), what, p.ErrorData.of(error))
            self.arrived.emit(self._generation, refused)
        self.watch.expect()

    @Slot(object)
    def _on_change(self, change: Change) -> None:
        if self._client is not None and self._workspace.base_dir != self._folder:
            self.sync(keep=True)  # because relative paths now start at another folder
        elif self._client is not None:
            self._send(p.SyncChange(change.text, change.revision))
        if not change.only_moves:
            self.live.refresh_soon()

    @Slot()
    def _on_replaced(self) -> None:
        self.has_trained = False
        self.past.forget()
        self._watched, self._watch = (), 0
        if self._client is not None:
            self._elsewhere |= {*self._trainings}
            if self.is_training or self.is_preparing:
                self.stop()
            self._end_preparation()
            self.sync()

    @Slot()
    def _on_saved(self) -> None:
        if self._workspace.base_dir != self._folder and self._client is not None:
            self.sync(keep=True)

    @Slot(int, object)
    def _on_message(self, generation: int, message: p.Message) -> None:
        if generation != self._generation:
            return
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
            self._prepared = None
        if self._prepared is None:  # else a request from before the training runs or ends
            self._set_state(message.state)

    def _on_previews(self, message: p.Previews) -> None:
        self.live.answered(message.request)
        run = self.past.run if self.past.step is not None else ""
        if (message.past, message.run) != (self.past.step, run):
            return
        self.past.on_arrived(message.notices)
        if message.request == self._derived:
            self.derived.emit(message)
            return
        if message.step is not None:
            self.live.on_trained(message.names)
            if not self._muted:
                self.previews.emit(message)
            return
        stale = message.watch and message.revision < self._workspace.root.revision
        if message.request >= self._oldest and not stale:
            self.previews.emit(message)

    def _on_tensor(self, message: p.TensorValue) -> None:
        if message.request >= self._oldest:
            self.tensor.emit(message)

    def _on_view(self, message: p.ViewValue) -> None:
        is_old = message.request < self._watch and message.spec not in self._watched
        if message.request >= self._oldest and not is_old and not self._muted:
            self.view.emit(message)

    def _on_profiled(self, message: p.Profiled) -> None:
        if message.request >= self._oldest:
            self.profiled.emit(message)

    @property
    def _muted(self) -> bool:
        """Return whether training messages belong to a document that is no longer open."""
        return bool(self._trainings) and self._trainings[0] in self._elsewhere

    def _end_preparation(self) -> None:
        self._prepared = None
        if self.is_preparing:
            self._set_state("idle")

    def _end_training(self, request: int) -> None:
        self._trainings.remove(request)
        self._elsewhere.discard(request)

    def _on_training(self, message: Any) -> None:
        muted = self._muted
        if isinstance(message, events.Done) and self._trainings:
            self._end_training(self._trainings[0])
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
        if isinstance(message, p.WeightsSaved) and message.request in self._quiet:
            self._quiet.discard(message.request)
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
        if message.request == self._predicting:
            self.predictions.emit(message)

    @property
    def is_downloading(self) -> bool:
        return self._download is not None

    def _on_download(self, message: Any) -> None:
        if isinstance(message, p.Downloaded):
            self._download = None
        self.download.emit(message)
        if isinstance(message, p.Downloaded):
            self.sync(keep=True)

    def _on_failed(self, message: p.Failed) -> None:
        self.live.answered(message.request)
        if self.state == "running":
            self._set_state("idle")
        if message.request in self._trainings:
            self._end_training(message.request)
            self._end_preparation()
        if message.what == "CheckGradients":
            self.gradients.emit(message)
            return
        if message.what == "OpenRun":
            self.past.on_failed(message)
            return
        if message.request in self._quiet:
            self._quiet.discard(message.request)
            log.warning("not kept for recovery: %s", message.error)
        elif message.request == self._download:
            self._download = None
            self.download.emit(message)
        elif message.request == self._predicting:
            self.predictions.emit(message)
        elif not message.request or message.request >= self._oldest:
            self.failed.emit(message)

    def _on_compile_failure(self, message: CompileFailure) -> None:
        log.warning("%s", message)

    def _on_printed(self, message: p.Printed) -> None:
        log.info("%s", message.text)

    def _on_died(self, message: p.Died) -> None:
        self._client = None
        self.watch.forget()
        now = time.monotonic()
        self._crashes = [t for t in self._crashes if now - t < CRASH_WINDOW] + [now]
        again = len(self._crashes) < CRASHES
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
