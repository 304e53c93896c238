"""The handler of requests about trainings: it runs them, reports events, and applies edits."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from nodeflow.document.diff.facts import copied
from nodeflow.document.model.records import Change
from nodeflow.document.to_graph.task import Task
from nodeflow.engine.backend import NUMBA, supported
from nodeflow.engine.session import Session
from nodeflow.free_memory import give_back
from nodeflow.graph.graph import Graph
from nodeflow.host import protocol as p
from nodeflow.host.evaluation.evaluator import Evaluator
from nodeflow.host.past.past_steps import PastSteps
from nodeflow.host.state.engine_settings import EngineSettings
from nodeflow.host.state.mirrored_document import Mirror
from nodeflow.host.state.requested_values import RequestedValues
from nodeflow.host.training.compile_ahead import MOST_NODES, Preparation
from nodeflow.host.training.event_receivers import TrainingOutputs
from nodeflow.host.training.live_edits import BuiltVariant, LiveEdits, Places, built
from nodeflow.host.training.progress_batching import PreviewClock
from nodeflow.host.training.running_training import RunningTraining
from nodeflow.host.training.set_variable import change_variable
from nodeflow.host.training.training_options import by_reference, keeping_of, lower_priority
from nodeflow.host.views.watched_views import PACED_SHARE, VIEW_SHARE, WatchedViews
from nodeflow.train.control import Control
from nodeflow.train.doctor.checks import Doctor
from nodeflow.train.edits.variant import Variant
from nodeflow.train.events import (
    Diverged,
    Done,
    Edited,
    Epoch,
    Event,
    Hit,
    Resumed,
    Steps,
    VariableChanged,
)
from nodeflow.train.loop.checkpointed_training import KeptTraining
from nodeflow.train.loop.event_stream import held
from nodeflow.train.rewind.branching import branch
from nodeflow.train.rewind.replay import Past
from nodeflow.train.rewind.snapshots import Snapshots

GIVE_BACK_SECONDS = 1.0
"""Seconds between two calls that return freed memory. Each call takes milliseconds."""


class TrainingRequests:
    """The base class of `Engine` that handles the running training."""

    _send: Callable[[p.Message], None]
    _settings: EngineSettings
    _mirror: Mirror
    _asked: RequestedValues
    _training: RunningTraining
    _evaluator: Evaluator | None
    _outputs: TrainingOutputs
    _preparation: Preparation
    _past: PastSteps
    _views: WatchedViews
    _gave_back = 0.0

    def _current(self) -> Evaluator:
        """Return the evaluator of the current document."""
        raise NotImplementedError

    def _attempt(self, action: Callable[[], None], what: str, number: int = -1) -> None:
        """Call a function; if it raises an error, send a Failed message to the window."""
        raise NotImplementedError

    def _handle_waiting(self) -> None:
        """Handle the requests that arrived during the last steps."""
        raise NotImplementedError

    def _train(self, request: p.Train) -> None:
        task, evaluator = self._task(), self._current()
        training = task.training(attended=True)
        keep = request.keep
        goes_on = request.resume or (keep is not None and keep.go_on) or request.branch is not None
        variables = evaluator.variables() if request.resume else {}
        if not goes_on:
            self._training.epochs_done = 0
        begun = built(task, training, self._make_session)
        self._training.control = Control(idle=self._while_waiting)
        self._set_pace()
        if self._training.stops:  # Stop was requested during the preparation
            self._training.control.stop()
        self._training.session, self._training.ids = begun.session, dict(begun.ids)  # type: ignore[assignment]
        places = Places(self._mirror.folder, self._mirror.opened)
        self._training.edits = LiveEdits(
            begun, self._training.control, self._make_session, places, self._send
        )
        lower_priority()
        self._views.begin(afresh=not goes_on)
        self._send(p.State("training"))
        try:
            done = self._run_training(variables, begun, request)
        finally:
            self._training.edits.close()
            self._outputs.end()
            self._take_variables()
            self._training.session.close()
            self._training.end()
            self._views.share = VIEW_SHARE
            self._views.end()
            self._send(p.State("idle"))
        self._report(done)

    def _make_session(self, graph: Graph, seed: int) -> Session:
        """Return a session that trains a graph."""
        return Session(
            graph,
            seed=seed,
            on_compile_failure=self._send,
            **supported(
                self._settings.backend, threads=self._settings.threads, memory=self._settings.memory
            ),
        )

    def _run_training(
        self, variables: dict[str, np.ndarray], begun: BuiltVariant, request: p.Train
    ) -> Done:
        """Run a training, and send all its events to the window except the last. The caller sends
        the last one when the engine is idle.
        """
        assert self._training.session is not None and self._training.control is not None
        task, training = begun.task, begun.training
        for name, value in variables.items():
            if name in self._training.session.variables:
                self._training.session.variables[name] = value
        previews = self._training.previews = PreviewClock()
        self._set_pace()
        self._training.shown = None
        last = 0
        first_epoch = self._training.epochs_done + 1
        session, keeping = self._training.session, keeping_of(request)
        step, past = request.branch, self._past.rewinder.past
        if request.branch_run:
            past = self._past.runs.get(request.branch_run).past
        branched = None
        if step is not None and past is not None:
            branched = branch(past, step, session, training, begun.ids)
            state = replace(branched.state, numbers={})  # the document has all numbers
            branched = replace(branched, state=state)

        def remember(past: Past) -> None:
            current = self._training.edits.current if self._training.edits is not None else begun
            self._past.rewinder.remember(past, current.task)
            if self._training.doctor is not None:
                self._training.doctor.past = past
            self._outputs.runs.remember(past)

        events = KeptTraining(
            session,
            training,
            self._training.control,
            keeping,
            first_epoch,
            snapshots=Snapshots(self._settings.history or None),
            remember=remember,
            branched=branched,
            variant=begun,
            taken=self._take_edit,
        ).events()
        events = self._outputs.runs.watch(session, training, events, task, request, keeping)
        events = self._outputs.files.watch(session, training, events, request, self._trained_values)
        self._training.doctor = Doctor(
            training, by_reference(task, self._training.session), lambda: held(session, training)
        )
        for event in self._training.doctor.examined(events):
            if isinstance(event, Done):
                self._outputs.progress.flush()
                self._show_progress(last)  # so that nodes show the final values
                self._show_views(last, every=True)
                return event
            if isinstance(event, Diverged):  # the variables are back at the last finite epoch
                self._training.epochs_done = event.kept_epoch
                self._outputs.progress.flush()
                self._show_progress(last)
                self._show_views(last, every=True)
            self._report(event)
            if isinstance(event, Epoch):
                self._training.epochs_done = event.epoch
                self._give_back()
            elif isinstance(event, Resumed):
                self._training.epochs_done, last = event.epoch - 1, event.step
            elif isinstance(event, (Hit, VariableChanged)):
                self._show_progress(event.step)
                self._show_views(event.step, every=True)
            if isinstance(event, Steps):
                last = self._training.step = event.last
            self._handle_waiting()
            if isinstance(event, Steps):
                if previews.due():
                    with previews:
                        self._show_progress(last)
                self._show_views(last)
        raise AssertionError("a training ends with Done")

    def _give_back(self) -> None:
        """Return freed memory to the system, at most every `GIVE_BACK_SECONDS`."""
        if time.monotonic() - self._gave_back > GIVE_BACK_SECONDS:
            give_back()
            self._gave_back = time.monotonic()

    def _trained_values(self) -> Mapping[str, np.ndarray]:
        """Return the current variables of the training."""
        return {} if self._training.session is None else self._training.session.variables

    def _take_edit(self, variant: Variant) -> None:
        """Continue the running training with an edited version of its document, from the next step
        on.
        """
        assert isinstance(variant, BuiltVariant) and self._training.edits is not None
        self._training.edits.taken(variant, self._mirror.document)
        self._outputs.runs.take(variant)
        if self._training.doctor is not None:
            self._training.doctor.use(variant.training, by_reference(variant.task, variant.session))
        before, self._training.session = self._training.session, variant.session
        self._training.ids = dict(variant.ids)  # type: ignore[arg-type]
        if before is not None:
            before.close()

    def _report(self, event: Event) -> None:
        """Send an event to the window; send losses and epochs in batches."""
        if isinstance(event, (Steps, Epoch)):
            paused = self._training.control is not None and self._training.control.paused
            self._outputs.progress.add(event, at_once=paused)
            return
        if isinstance(event, (Hit, Edited, VariableChanged)):
            self._outputs.progress.flush()
        if isinstance(event, Hit):
            self._send(p.State("paused"))
        self._send(event)

    def _set_pace(self) -> None:
        """Set the speed limit of the running training to the one in the document, if any."""
        speed = self._mirror.document.training.get("speed")
        if self._training.control is not None:
            self._training.control.speed = speed
        self._views.share = VIEW_SHARE if speed is None else PACED_SHARE
        if self._training.previews is not None:
            self._training.previews.is_paced = speed is not None

    def _while_waiting(self) -> None:
        if self._training.control is not None and self._training.control.paused:
            self._outputs.progress.flush()
        else:
            self._outputs.progress.send_due()
        self._handle_waiting()
        if self._views.is_stale:
            self._show_views(self._training.viewed)

    def _show_views(self, step: int, *, every: bool = False) -> None:
        """Send the watched views that are due at a step of the training."""
        self._training.viewed = step
        if (past := self._past.rewinder.step) is not None:
            step, every = past, False
        self._attempt(lambda: self._views.show_due(step, every=every), "WatchViews")

    def _take_variables(self) -> None:
        """Copy the trained values to the evaluator's variables, as far as they still exist."""
        if self._training.session is not None and self._evaluator is not None:
            values = dict(self._training.session.variables.items())
            self._evaluator.take_variables(values, self._training.ids)

    def _show_progress(self, step: int) -> None:
        """Send previews on the fixed batch with the current variables.

        The first previews, and previews after a change of the shown nodes or data, include all
        nodes. Later previews include only the nodes that a training changes.
        """
        if self._past.rewinder.step is not None:
            return
        self._take_variables()
        evaluator = self._current()
        names, data = self._asked.followed, (self._asked.choice, self._asked.override)
        shown = (evaluator.version, names, self._asked.measure, data)
        is_whole = self._training.shown != shown
        evaluation = evaluator.previews(names, step=step, still=is_whole)
        if evaluation.pending:
            is_whole, shown = False, None
        self._training.shown = shown
        self._send(
            p.Previews(
                self._mirror.revision,
                -1,
                evaluation.values,
                evaluation.missing,
                evaluation.notices,
                step,
                names=names,
                data=evaluation.data,
                iterations=evaluation.iterations,
                whole=is_whole,
            )
        )

    def _task(self) -> Task:
        """Return an independent copy of the current document, built as a training task, so that
        later edits do not change it.
        """
        document = copied(self._mirror.document)
        return Task(
            document, base_dir=self._mirror.folder, opened=self._mirror.opened, for_edits=True
        )

    def _prepare_training(self) -> None:
        """Compile the kernels for the next Train while the engine is idle."""
        if (
            self._preparation.is_current
            or self._settings.backend != NUMBA
            or len(self._mirror.document.nodes) > MOST_NODES
        ):
            return
        self._preparation.is_current = True
        document, folder, opened = (
            copied(self._mirror.document),
            self._mirror.folder,
            self._mirror.opened,
        )
        read_bytes = self._settings.budget.read_bytes

        def make_task() -> Task:
            task = Task(document, base_dir=folder, opened=opened, for_edits=True)
            task.preview_bytes = read_bytes
            return task

        self._preparation.begin(make_task)

    def _initialize(self, request: p.InitializeVariables) -> None:
        self._training.epochs_done = 0
        self._send(p.VariablesInitialized(self._current().initialize()))

    def _set_variable(self, request: p.SetVariable) -> None:
        training = (
            self._training.edits.current.training if self._training.edits is not None else None
        )
        change_variable(
            request,
            self._training.control,
            self._training.session,
            self._current().ids(),
            self._training.ids,
            training is not None and training.allow_nonfinite,
        )

    def _follow_edits(self, request: p.FollowEdits) -> None:
        self._settings.follows = request.on
        if self._training.edits is not None and not request.on:
            self._training.edits.let_be()
        self._pass_edits_on()

    def _pass_edits_on(self, change: Change | None = None) -> None:
        """Pass the edited document to the running training, if the user has chosen that edits take
        effect during a training.
        """
        if self._settings.follows and self._training.edits is not None:
            self._training.edits.follow(self._mirror.document, change)
