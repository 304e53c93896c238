"""The engine side of the protocol: a mirror of the document, evaluations, one training at a time.

The working thread handles requests in order. The reading thread queues them, but acts at once on
requests that steer a training or run, such as Pause and Stop. During a training, the working thread
handles queued requests between chunks of steps.
"""

from __future__ import annotations

import os
import queue
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from nodeflow.data.document_folder import DocumentFolder
from nodeflow.document.io import flow
from nodeflow.document.model.errors import DocumentError
from nodeflow.document.model.records import Change
from nodeflow.engine.memory import Budget
from nodeflow.engine.runtime.thread_pool import default_threads
from nodeflow.engine.warm_up import begin_to_compile
from nodeflow.errors import EngineBusy, GraphError, NodeflowError
from nodeflow.file_reading import chosen_limit, set_limit
from nodeflow.graph.session_hooks import activity
from nodeflow.host import protocol as p
from nodeflow.host.evaluation.evaluator import Evaluator
from nodeflow.host.long_tasks.long_tasks import LongTasks
from nodeflow.host.long_tasks.predicting import predict
from nodeflow.host.own_ops.probe_client import ProbeClient
from nodeflow.host.past.past_steps import PastSteps
from nodeflow.host.profiling import measure
from nodeflow.host.request_queue import RequestQueue
from nodeflow.host.state.engine_settings import EngineSettings
from nodeflow.host.state.idle_work import IdleWork
from nodeflow.host.state.mirrored_document import Mirror
from nodeflow.host.state.requested_values import RequestedValues
from nodeflow.host.training.compile_ahead import Preparation
from nodeflow.host.training.event_receivers import TrainingOutputs
from nodeflow.host.training.live_edits import Places, concerns_training
from nodeflow.host.training.running_training import RunningTraining
from nodeflow.host.training.training_requests import TrainingRequests
from nodeflow.host.views.value_source import ViewSource
from nodeflow.host.views.watched_views import WatchedViews
from nodeflow.ops.user import PLUGINS
from nodeflow.train.control import Control
from nodeflow.train.saving.assignment import assigned, kinds
from nodeflow.train.saving.weights import load_saved, save_weights

READING = (p.FetchTensor, p.Evaluate, p.SaveWeights, p.Predict, p.CheckGradients)
"""Requests that need the current values of the variables, also during a training."""
PAUSE_SECONDS = 0.1
"""Seconds without a request after which the engine counts as idle."""
PREPARE_SECONDS = 0.3
"""Further idle seconds after which the engine prepares the training that the document describes."""
REST_SECONDS = 1.0
"""Further idle seconds, after the preparation, until the engine collects garbage and rests."""


class Engine(TrainingRequests):
    """The handler of all requests of the window.

    Args:
        send: takes the messages. Any thread may call it.
        prober: finds the types of the user's own ops in a separate process.
    """

    collects_garbage = True
    """False where a window shares the process, whose widgets must be freed in its own thread."""

    def __init__(
        self,
        send: Callable[[p.Message], None],
        threads: int | None = None,
        prober: ProbeClient | None = None,
    ) -> None:
        self._send = send
        self._prober = prober
        self._settings = EngineSettings(threads)
        self._mirror = Mirror()
        self._asked = RequestedValues()
        self._training = RunningTraining()
        self._inbox = RequestQueue()
        self._evaluator: Evaluator | None = None
        self._handled: p.Request | None = None
        self._outputs = TrainingOutputs(send)
        self._preparation = Preparation(self._make_session)
        self._views = WatchedViews(send, self._view_source)
        self._past = PastSteps(send, lambda step: self.receive(p.StepShown(step)))
        self._tasks = LongTasks(send, self._mirror.opened)
        self._pending = IdleWork()
        self._handlers: dict[type, Callable[[Any], None]] = {
            p.SyncDocument: self._sync_document,
            p.LoadPlugins: self._load_plugins,
            p.SyncChange: self._sync_change,
            p.Evaluate: self._evaluate,
            p.ShowData: self._show_data,
            p.Override: self._override_values,
            p.ShowIterations: self._show_iterations,
            p.Measure: self._measure_as,
            p.FetchTensor: self._fetch_tensor,
            p.ShowStep: self._show_step,
            p.OpenRun: self._open_run,
            p.FetchStep: self._past.beside.ask,
            p.FollowStep: self._past.beside.ask,
            p.FetchOrder: self._past.rewinder.ask,
            p.StepShown: lambda request: self._views.refresh(("past", request.step)),
            p.WatchViews: self._watch_views,
            p.Profile: self._profile,
            p.SetThreads: self._set_threads,
            p.SetMemory: self._set_memory,
            p.SetBackend: self._set_backend,
            p.SetBudget: self._set_budget,
            p.FollowEdits: self._follow_edits,
            p.SetVariable: self._set_variable,
            p.Train: self._train,
            p.InitializeVariables: self._initialize,
            p.SaveWeights: self._save_weights,
            p.CheckWeights: self._check_weights,
            p.LoadWeights: self._load_weights,
            p.Predict: self._predict,
            p.CheckGradients: self._check_gradients,
            p.MarkLesson: self._mark_lesson,
            p.CheckLesson: self._check_lesson,
            p.DownloadData: self._tasks.download.start,
        }

    # ---- the reading thread -------------------------------------------------------------------

    def receive(self, request: p.Request) -> None:
        """Handle a request from the window. Execute it at once if it controls a running training or
        evaluation; queue any other request.
        """
        control = self._training.control
        if isinstance(request, p.ShowStep):
            self._past.rewinder.show(request)  # abandon the computation of another step at once
        if self._tasks.cancel(request):
            return
        if isinstance(request, p.Stop):
            self._training.stops = True
            if control := self._training.control:
                control.stop()  # live values beside a training end soon by themselves
            elif self._evaluator and not isinstance(self._handled, p.Train):
                self._evaluator.cancel()  # not for Train: it would hit the next evaluation
        elif isinstance(request, (p.Pause, p.Resume, p.Step)):
            if control:
                self._steer(control, request)
        else:
            if isinstance(request, p.Shutdown):
                self._tasks.end()
            if isinstance(request, p.Shutdown) and control:
                control.stop()
            if isinstance(request, p.Train):
                self._training.stops = False
            if isinstance(request, p.WatchViews):
                self._views.expect(request)
            try:
                self._inbox.put(request)
            except EngineBusy as error:
                self._refuse(request, error)
                return
            if (
                control
                and self._settings.follows
                and isinstance(request, (p.SyncChange, p.SyncDocument))
            ):
                control.prepare(True)  # a step requested later waits for the edit

    def _refuse(self, request: p.Request, error: NodeflowError) -> None:
        number = getattr(request, "request", -1)
        self._send(p.Failed(number, type(request).__name__, p.ErrorData.of(error)))

    def _steer(self, control: Control, request: p.Request) -> None:
        if isinstance(request, p.Pause):
            control.pause()
        elif isinstance(request, p.Resume):
            control.resume()
        elif isinstance(request, p.Step):
            control.step(request.count)
        self._outputs.runs.note(type(request).__name__.lower())
        self._send(p.State("paused" if control.paused else "training"))

    # ---- the working thread -------------------------------------------------------------------

    def work(self) -> None:
        """Handle requests until Shutdown."""
        self._attempt(begin_to_compile, "WarmUp")
        while not isinstance(request := self._next_request(), p.Shutdown):
            self._handled = request
            with activity.ending():
                self._handle(request)
            self._handled = None
        self._past.close()

    def _next_request(self) -> p.Request:
        """Wait for a request; while waiting, compute views, prepare runs and update derived
        nodes.
        """
        pauses = [
            (PREPARE_SECONDS, lambda: self._attempt(self._prepare_training, "Prepare")),
            (REST_SECONDS, lambda: self._pending.clear_up(self.collects_garbage)),
        ]
        while True:
            if self._views.is_stale and not self._inbox:
                self._attempt(self._views.show_next, "WatchViews")
                continue
            settled = self._evaluator is None or self._evaluator.is_settled
            idle = self._pending.is_warm and settled and self._asked.pending is None
            try:
                if not idle or self._views.waits:
                    return self._inbox.take(PAUSE_SECONDS)
                return self._inbox.take(pauses[0][0] if pauses else None)
            except queue.Empty:
                if idle and pauses and not self._views.waits:
                    pauses.pop(0)[1]()
                if not self._pending.is_warm:
                    self._attempt(self._pending.warm_up, "WarmUp")
                elif not idle:
                    self._attempt(self._settle, "Settle")

    def _settle(self) -> None:
        """Update outdated derived nodes, such as gradient nodes, until the next request arrives. If
        all are up to date, send the previews that wait for them.
        """
        assert self._evaluator is not None
        try:
            self._evaluator.settle(lambda: len(self._inbox) > 0)
        except Exception:
            self._evaluator.rebuild()
            raise
        if self._evaluator.is_settled and self._asked.pending is not None:
            self._evaluate(self._asked.pending)

    def _handle(self, request: p.Request) -> None:
        handler = self._handlers[type(request)]
        number = getattr(request, "request", -1)
        self._attempt(lambda: handler(request), type(request).__name__, number)

    def _attempt(self, action: Callable[[], None], what: str, number: int = -1) -> None:
        """Call a function. If it raises an error, send a Failed message to the window."""
        try:
            action()
        except Exception as error:
            details = "" if isinstance(error, NodeflowError) else traceback.format_exc()
            self._send(p.Failed(number, what, p.ErrorData.of(error, details)))

    def _handle_waiting(self) -> None:
        """Handle queued requests between chunks of a training."""
        while True:
            try:
                request = self._inbox.take(0)
            except queue.Empty:
                if self._training.edits is not None:
                    self._training.edits.tick(self._mirror.document)
                return
            if isinstance(request, (p.Train, p.Profile, p.LoadWeights)):
                self._refuse(request, GraphError("a training is running", hint="Stop it first."))
            elif isinstance(request, p.Shutdown):
                self._inbox.put(request)
                return
            else:
                if isinstance(request, READING):
                    self._take_variables()
                self._handle(request)

    # ---- the document -------------------------------------------------------------------------

    def _sync_document(self, request: p.SyncDocument) -> None:
        self._mirror.document = flow.loads(request.text)
        self._mirror.folder = DocumentFolder(request.folder or "", request.allowed)
        self._mirror.revision = request.revision
        self._preparation.is_current = False
        if self._training.edits is not None:
            self._training.edits.places = Places(self._mirror.folder, self._mirror.opened)
        self._set_pace()
        self._pass_edits_on()
        if request.keep and self._evaluator is not None:
            self._evaluator.use(self._mirror.document, self._mirror.folder)
        else:
            self._past.rewinder.forget()
            self._evaluator = None
            self._asked.begin_again()
            self._past.rewinder.override = self._asked.override
            self._training.epochs_done = 0
            self._views.forget()
            self._outputs.runs.forget()
            self._pending.has_garbage = True

    def _sync_change(self, request: p.SyncChange) -> None:
        change = Change.from_text(request.change)
        try:
            self._mirror.document.apply_change(change)
        except DocumentError as error:
            self._send(p.Resync(str(error)))
            return
        self._mirror.revision = request.revision
        if concerns_training(change):
            self._preparation.is_current = False
        self._set_pace()
        self._pass_edits_on(change)
        if self._evaluator is None:
            return
        try:
            self._evaluator.follow(change)
        except Exception:
            self._evaluator.rebuild()  # later values are right again, and the error is reported
            raise

    def _load_plugins(self, request: p.LoadPlugins) -> None:
        skip = dict(request.skip)
        if self._prober is not None:
            self._prober.use(request.folder, skip)
        if PLUGINS.load(Path(request.folder), skip=skip):
            self._pass_edits_on()
            if self._evaluator is not None:
                self._evaluator.rebuild()

    def _current(self) -> Evaluator:
        """Return the evaluator, which computes values of nodes and follows the edits of the
        document. Create it if there is none.
        """
        if self._evaluator is None:
            self._evaluator = Evaluator(
                self._mirror.document,
                base_dir=self._mirror.folder,
                opened=self._mirror.opened,
                threads=self._settings.threads,
                choice=self._asked.choice,
                budget=self._settings.budget,
                override=self._asked.override,
            )
            self._evaluator.iterations = self._asked.iterations
            self._evaluator.measure_as(self._asked.measure)
        return self._evaluator

    @contextmanager
    def _running(self) -> Iterator[None]:
        """Tell the window that the engine is running for the duration of this block, and idle
        afterwards. Do nothing during a training, which reports its own state.
        """
        says = self._training.control is None
        if says:
            self._send(p.State("running"))
        try:
            yield
        finally:
            if says:
                self._send(p.State("idle"))

    # ---- values -------------------------------------------------------------------------------

    def _evaluate(self, request: p.Evaluate) -> None:
        if request is self._asked.pending:
            self._asked.pending = None
        if request.revision != self._mirror.revision:
            return
        if request.follow:
            self._asked.followed = request.names
        if request.watch and self._past.rewinder.step is not None:
            self._past.rewinder.ask(request)
            return
        with nullcontext() if request.watch else self._running():
            evaluation = self._current().previews(
                request.names, effects=not request.watch, step=self._training.step
            )
            if request.watch:
                self._asked.pending = request if evaluation.pending else None
            self._send(
                p.Previews(
                    request.revision,
                    request.request,
                    evaluation.values,
                    evaluation.missing,
                    evaluation.notices,
                    watch=request.watch,
                    names=request.names,
                    pending=evaluation.pending,
                    data=evaluation.data,
                    iterations=evaluation.iterations,
                )
            )
        self._views.refresh(self._current().state, (self._asked.choice, self._asked.override))

    def _watch_views(self, request: p.WatchViews) -> None:
        if self._views.is_newest(request):
            self._views.watch(request)

    def _view_source(self) -> ViewSource:
        session, past = self._training.session, self._past.rewinder.variables
        trained = past if past is not None else None if session is None else session.variables
        return self._current().view_source(trained)

    def _show_step(self, request: p.ShowStep) -> None:
        if request.step is None:
            self._views.refresh(("now", request.request))

    def _open_run(self, request: p.OpenRun) -> None:
        self._past.beside.open(request, flow.dumps(self._mirror.document))

    def _show_data(self, request: p.ShowData) -> None:
        self._asked.choice = request
        if self._evaluator is not None:
            self._evaluator.choose(request)

    def _override_values(self, request: p.Override) -> None:
        self._asked.override = self._past.rewinder.override = request
        if self._evaluator is not None:
            self._evaluator.override(request)

    def _show_iterations(self, request: p.ShowIterations) -> None:
        self._asked.iterations = request.numbers
        if self._evaluator is not None:
            self._evaluator.iterations = request.numbers

    def _measure_as(self, request: p.Measure) -> None:
        self._asked.measure = self._past.rewinder.measure = request.of
        if self._evaluator is not None:
            self._evaluator.measure_as(request.of)

    def _fetch_tensor(self, request: p.FetchTensor) -> None:
        if self._past.rewinder.step is not None:
            self._past.rewinder.ask(request)
            return
        value = self._current().value(request.name, self._training.step)
        self._send(replace(value, request=request.request))

    def _profile(self, request: p.Profile) -> None:
        variables = self._current().variables()
        with self._running():
            result = measure(self._task(), variables, self._settings.threads, request.request)
        self._send(result)

    def _set_threads(self, request: p.SetThreads) -> None:
        self._settings.threads = self._past.runs.threads = request.threads
        if self._evaluator is not None:
            self._evaluator.use_threads(request.threads)
        self._send(p.Ready(os.getpid(), request.threads or default_threads()))

    def _set_backend(self, request: p.SetBackend) -> None:
        self._settings.backend = request.backend

    def _set_memory(self, request: p.SetMemory) -> None:
        self._settings.memory = request.limit

    def _set_budget(self, request: p.SetBudget) -> None:
        self._settings.history = request.history
        set_limit(chosen_limit(request.run_bytes, request.any_file))
        self._settings.budget = Budget(request.bytes, request.seconds, request.read_bytes)
        if self._evaluator is not None:
            self._evaluator.use_budget(self._settings.budget)

    # ---- predictions --------------------------------------------------------------------------

    def _check_gradients(self, request: p.CheckGradients) -> None:
        variables = self._current().variables()
        self._tasks.gradients.start(
            request, self._mirror.document, self._mirror.folder, variables, self._mirror.opened
        )

    def _mark_lesson(self, request: p.MarkLesson) -> None:
        self._tasks.lessons.start(request, self._mirror.document, self._mirror.folder)

    def _check_lesson(self, request: p.CheckLesson) -> None:
        self._tasks.lessons.check(request, self._mirror.document, self._mirror.folder)

    def _predict(self, request: p.Predict) -> None:
        self._tasks.stop_predicting.clear()
        variables = self._current().variables()
        with self._running():
            predict(
                self._mirror.document,
                request,
                variables,
                self._send,
                folder=self._mirror.folder,
                threads=self._settings.threads,
                memory=self._settings.memory,
                cancelled=self._tasks.stop_predicting.is_set,
            )

    # ---- weights and downloads ----------------------------------------------------------------

    def _save_weights(self, request: p.SaveWeights) -> None:
        save_weights(request.path, *self._current().learned())
        self._send(p.WeightsSaved(request.request, request.path))

    def _check_weights(self, request: p.CheckWeights) -> None:
        self._send(self._current().checked(request, load_saved(request.path)))

    def _load_weights(self, request: p.LoadWeights) -> None:
        saved, evaluator = load_saved(request.path), self._current()
        if request.taken is not None:
            saved = assigned(saved, request.taken, kinds(evaluator.variables()))
        self._send(p.WeightsLoaded(request.request, request.path, evaluator.load(saved)))
