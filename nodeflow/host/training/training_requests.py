"""Trainings in the engine: how they run, what they report, and edits that reach them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from nodeflow.data.data_splits import DataSplits
from nodeflow.data.document_folder import DocumentFolder
from nodeflow.document.diff.facts import copied
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import Change
from nodeflow.document.to_graph.task import Task
from nodeflow.document.to_graph.variable_ids import VariableId
from nodeflow.engine.backend import NUMBA, supported
from nodeflow.engine.memory import Budget
from nodeflow.engine.session import Session
from nodeflow.free_memory import give_back
from nodeflow.graph.graph import Graph
from nodeflow.host import protocol as p
from nodeflow.host.evaluation.evaluator import Evaluator
from nodeflow.host.past.opened_runs import OpenedRuns
from nodeflow.host.past.rewinding import Rewinder
from nodeflow.host.training.changed_variable import change_variable
from nodeflow.host.training.kept_runs import KeptRuns
from nodeflow.host.training.live_edits import BuiltVariant, LiveEdits, Places, built
from nodeflow.host.training.preparing import MOST_NODES, Preparation
from nodeflow.host.training.progress_batching import PreviewClock, ProgressBatcher
from nodeflow.host.training.training_files import WatchedTraining
from nodeflow.host.training.training_ways import by_reference, keeping_of, lower_priority
from nodeflow.host.views.watch import PACED_SHARE, VIEW_SHARE, WatchedViews
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
from nodeflow.train.keeping import KeptTraining
from nodeflow.train.loop import held
from nodeflow.train.rewind.branching import branch
from nodeflow.train.rewind.replay import Past
from nodeflow.train.rewind.snapshots import Snapshots

GIVE_BACK_SECONDS = 1.0
"""Seconds between two calls that return freed memory. Each call takes milliseconds."""


class TrainingRequests:
    """Base of `Engine` that handles the running training."""

    _send: Callable[[p.Message], None]
    _threads: int | None
    _memory: int | None
    _backend: str
    _budget: Budget
    _history: int
    _document: Document
    _folder: DocumentFolder
    _opened: dict[Any, DataSplits]
    _evaluator: Evaluator | None
    _control: Control | None
    _stops: bool
    _edits: LiveEdits | None
    _doctor: Doctor | None
    _follows: bool
    _session: Session | None
    _trained: dict[str, VariableId]
    _epochs_done: int
    _progress: ProgressBatcher
    _runs: KeptRuns
    _files: WatchedTraining
    _preparation: Preparation
    _is_prepared: bool
    _opened_runs: OpenedRuns
    _rewinder: Rewinder
    _views: WatchedViews
    _step: int | None
    _choice: p.ShowData | None
    _override: p.Override
    _shown: Any
    _last_step: int
    _revision: int
    _followed: tuple[str, ...] | None
    _measure: str
    _gave_back = 0.0
    _previews: PreviewClock | None = None

    def _current(self) -> Evaluator:
        """Return the evaluator of the current document."""
        raise NotImplementedError

    def _attempt(self, action: Callable[[], None], what: str, number: int = -1) -> None:
        """Call an action, and send Failed if it raises."""
        raise NotImplementedError

    def _handle_waiting(self) -> None:
        """Handle the requests that arrived meanwhile."""
        raise NotImplementedError

    def _train(self, request: p.Train) -> None:
        task, evaluator = self._task(), self._current()
        training = task.training(attended=True)
        keep = request.keep
        goes_on = request.resume or (keep is not None and keep.go_on) or request.branch is not None
        variables = evaluator.variables() if request.resume else {}
        if not goes_on:
            self._epochs_done = 0
        begun = built(task, training, self._make_session)
        self._control = Control(idle=self._while_waiting)
        self._set_pace()
        if self._stops:  # Stop was requested during the preparation
            self._control.stop()
        self._session, self._trained = begun.session, dict(begun.ids)  # type: ignore[assignment]
        places = Places(self._folder, self._opened)
        self._edits = LiveEdits(begun, self._control, self._make_session, places, self._send)
        lower_priority()
        self._views.begin(afresh=not goes_on)
        self._send(p.State("training"))
        try:
            done = self._run_training(variables, begun, request)
        finally:
            self._edits.close()
            self._files.end()
            self._runs.end()
            self._progress.flush()
            self._take_variables()
            self._session.close()
            self._session = self._control = self._edits = self._doctor = self._step = None
            self._previews = None
            self._views.share = VIEW_SHARE
            self._send(p.State("idle"))
        self._report(done)

    def _make_session(self, graph: Graph, seed: int) -> Session:
        """Return a session that trains a graph."""
        return Session(
            graph,
            seed=seed,
            on_compile_failure=self._send,
            **supported(self._backend, threads=self._threads, memory=self._memory),
        )

    def _run_training(
        self, variables: dict[str, np.ndarray], begun: BuiltVariant, request: p.Train
    ) -> Done:
        """Run the training. Report all events but the last, which the caller sends once idle."""
        assert self._session is not None and self._control is not None
        task, training = begun.task, begun.training
        for name, value in variables.items():
            if name in self._session.variables:
                self._session.variables[name] = value
        previews = self._previews = PreviewClock()
        self._set_pace()
        self._shown = None
        last = 0
        first_epoch = self._epochs_done + 1
        session, keeping = self._session, keeping_of(request)
        step, past = request.branch, self._rewinder.past
        if request.branch_run:
            past = self._opened_runs.get(request.branch_run).past
        branched = None
        if step is not None and past is not None:
            branched = branch(past, step, session, training, begun.ids)
            state = replace(branched.state, numbers={})  # the document has all numbers
            branched = replace(branched, state=state)

        def remember(past: Past) -> None:
            current = self._edits.current if self._edits is not None else begun
            self._rewinder.remember(past, current.task)
            if self._doctor is not None:
                self._doctor.past = past
            self._runs.remember(past)

        events = KeptTraining(
            session,
            training,
            self._control,
            keeping,
            first_epoch,
            snapshots=Snapshots(self._history or None),
            remember=remember,
            branched=branched,
            variant=begun,
            taken=self._take_edit,
        ).events()
        events = self._runs.watch(session, training, events, task, request, keeping)
        events = self._files.watch(session, training, events, request, self._trained_values)
        self._doctor = Doctor(
            training, by_reference(task, self._session), lambda: held(session, training)
        )
        for event in self._doctor.examined(events):
            if isinstance(event, Done):
                self._progress.flush()
                self._show_progress(last)  # so that nodes show the final values
                self._show_views(last, every=True)
                return event
            if isinstance(event, Diverged):  # the variables are back at the last finite epoch
                self._epochs_done = event.kept_epoch
                self._progress.flush()
                self._show_progress(last)
                self._show_views(last, every=True)
            self._report(event)
            if isinstance(event, Epoch):
                self._epochs_done = event.epoch
                self._give_back()
            elif isinstance(event, Resumed):
                self._epochs_done, last = event.epoch - 1, event.step
            elif isinstance(event, (Hit, VariableChanged)):
                self._show_progress(event.step)
                self._show_views(event.step, every=True)
            if isinstance(event, Steps):
                last = self._step = event.last
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
        return {} if self._session is None else self._session.variables

    def _take_edit(self, variant: Variant) -> None:
        """Continue the training with an edit, from the next step on."""
        assert isinstance(variant, BuiltVariant) and self._edits is not None
        self._edits.taken(variant, self._document)
        self._runs.take(variant)
        if self._doctor is not None:
            self._doctor.use(variant.training, by_reference(variant.task, variant.session))
        before, self._session = self._session, variant.session
        self._trained = dict(variant.ids)  # type: ignore[arg-type]
        if before is not None:
            before.close()

    def _report(self, event: Event) -> None:
        """Send an event to the window; send losses and epochs in batches."""
        if isinstance(event, (Steps, Epoch)):
            paused = self._control is not None and self._control.paused
            self._progress.add(event, at_once=paused)
            return
        if isinstance(event, (Hit, Edited, VariableChanged)):
            self._progress.flush()
        if isinstance(event, Hit):
            self._send(p.State("paused"))
        self._send(event)

    def _set_pace(self) -> None:
        """Train at the speed that the document asks for; the rest of the time is for display."""
        speed = self._document.training.get("speed")
        if self._control is not None:
            self._control.speed = speed
        self._views.share = VIEW_SHARE if speed is None else PACED_SHARE
        if self._previews is not None:
            self._previews.is_paced = speed is not None

    def _while_waiting(self) -> None:
        if self._control is not None and self._control.paused:
            self._progress.flush()
        else:
            self._progress.send_due()
        self._handle_waiting()
        if self._views.is_stale:
            self._show_views(self._last_step)

    def _show_views(self, step: int, *, every: bool = False) -> None:
        """Send the watched views that are due at a step of the training."""
        self._last_step = step
        if (past := self._rewinder.step) is not None:
            step, every = past, False
        self._attempt(lambda: self._views.show_due(step, every=every), "WatchViews")

    def _take_variables(self) -> None:
        """Copy the trained values to those variables of the evaluator that still exist."""
        if self._session is not None and self._evaluator is not None:
            values = dict(self._session.variables.items())
            self._evaluator.take_variables(values, self._trained)

    def _show_progress(self, step: int) -> None:
        """Send previews on the fixed batch with the current variables.

        The first time, and whenever the shown nodes or data change, they cover all nodes. Otherwise
        they cover only the nodes that a training changes.
        """
        if self._rewinder.step is not None:
            return
        self._take_variables()
        evaluator = self._current()
        names, data = self._followed, (self._choice, self._override)
        shown = (evaluator.version, names, self._measure, data)
        is_whole = self._shown != shown
        evaluation = evaluator.previews(names, step=step, still=is_whole)
        if evaluation.pending:
            is_whole, shown = False, None
        self._shown = shown
        self._send(
            p.Previews(
                self._revision,
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
        """Return the current document, built for a run that later edits do not change."""
        document = copied(self._document)
        return Task(document, base_dir=self._folder, opened=self._opened, for_edits=True)

    def _prepare_training(self) -> None:
        """Compile the kernels for the next Train while the engine is idle."""
        if self._is_prepared or self._backend != NUMBA or len(self._document.nodes) > MOST_NODES:
            return
        self._is_prepared = True
        document, folder, opened = copied(self._document), self._folder, self._opened
        read_bytes = self._budget.read_bytes

        def make_task() -> Task:
            task = Task(document, base_dir=folder, opened=opened, for_edits=True)
            task.preview_bytes = read_bytes
            return task

        self._preparation.begin(make_task)

    def _initialize(self, request: p.InitializeVariables) -> None:
        self._epochs_done = 0
        self._send(p.VariablesInitialized(self._current().initialize()))

    def _set_variable(self, request: p.SetVariable) -> None:
        training = self._edits.current.training if self._edits is not None else None
        change_variable(
            request,
            self._control,
            self._session,
            self._current().ids(),
            self._trained,
            training is not None and training.allow_nonfinite,
        )

    def _follow_edits(self, request: p.FollowEdits) -> None:
        self._follows = request.on
        if self._edits is not None and not request.on:
            self._edits.let_be()
        self._pass_edits_on()

    def _pass_edits_on(self, change: Change | None = None) -> None:
        """Pass the document to the training, if edits are to reach it."""
        if self._follows and self._edits is not None:
            self._edits.follow(self._document, change)
