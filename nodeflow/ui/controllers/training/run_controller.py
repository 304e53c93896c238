"""The Run menu: starts runs and trainings, and shows their reports."""

from __future__ import annotations

import logging
from collections.abc import Set
from typing import Any

from PySide6.QtCore import QObject, Signal, Slot

from nodeflow.document.analysis.subgraphs.instance_paths import scoped_name
from nodeflow.document.analysis.training_settings import trainers
from nodeflow.document.analysis.traversal import levels
from nodeflow.document.edit import commands
from nodeflow.document.edit.optimizer_turns import take_turns
from nodeflow.document.model.names import natural_key
from nodeflow.document.model.problems import Problem
from nodeflow.document.model.records import Change, NodeRecord
from nodeflow.engine.feeds import feed_hint
from nodeflow.errors import MissingInput, NonFiniteError, OutOfBoundsError
from nodeflow.host import protocol as p
from nodeflow.number_text import counted
from nodeflow.train.events import Event, Hit
from nodeflow.ui.actions.action_set import ActionSet
from nodeflow.ui.actions.binding import Binding, Blocked
from nodeflow.ui.canvas import CanvasView
from nodeflow.ui.controllers.training.node_status import NodeStatus
from nodeflow.ui.controllers.training.unfinished_training import UnfinishedTraining
from nodeflow.ui.core.engine_link.engine_link import EngineLink
from nodeflow.ui.core.state.problem_list import ProblemList
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.user_messages import Messages, listed, sentence

log = logging.getLogger("nodeflow")

OPTIMIZER = "gradient_descent"
NOTHING_RUNS = Blocked("This subgraph is not open inside an instance, so nothing in it can run.")
NO_VALUE = ("error", "deferred")
LOSS_WORDS = ("loss", "cost", "entropy", "error")


class RunController(QObject):
    """The actions that start runs and trainings, and the reports at their ends.

    Signals:
        notices_requested: the user wants to read the notices about the data.
        restarting: a training is about to replace learned values.
        training_started: a training was requested.
        profile_started: a profile was requested.
        profile_failed: the profile could not be measured.
        download_started: the full data set was requested.
    """

    notices_requested = Signal()
    restarting = Signal()
    training_started = Signal()
    profile_started = Signal()
    profile_failed = Signal()
    download_started = Signal()

    def __init__(
        self,
        workspace: Workspace,
        link: EngineLink,
        canvas: CanvasView,
        problems: ProblemList,
        messages: Messages,
        actions: ActionSet,
        unfinished: UnfinishedTraining,
    ) -> None:
        super().__init__(canvas)
        self.unfinished = unfinished
        self._workspace, self._link, self._canvas = workspace, link, canvas
        self._problems, self._messages, self._actions = problems, messages, actions
        self.shows_order = False
        self.target: str | None = None
        self._run = -1
        self.states = NodeStatus(workspace, link, canvas)
        link.ran.connect(self._on_ran)
        link.failed.connect(self._on_failed)
        link.done.connect(self._on_done)
        link.training.connect(self._on_training)
        link.state_changed.connect(self._on_state)
        workspace.changed.connect(self._on_changed)
        workspace.entered.connect(self._undim)
        workspace.replaced.connect(self._on_replaced)
        workspace.selected.connect(self._on_selected)
        actions.bind(self._bindings())
        actions.refreshing.connect(self._check_order)

    def _bindings(self) -> dict[str, Binding]:
        link = self._link
        return {
            "run": Binding(self._run_all, self._run_blocked),
            "run_to": Binding(self._run_to, self._run_to_blocked),
            "undim": Binding(self._undim),
            "order": Binding(self._toggle_order, self._order_blocked),
            "train": Binding(self.begin_afresh, self._train_blocked),
            "continue": Binding(self._continue, self._continue_blocked),
            "pause": Binding(self._pause, self._pause_blocked),
            "step": Binding(link.step, self._step_blocked),
            "stop": Binding(link.stop, self._stop_blocked),
            "profile": Binding(self._profile, self._run_blocked),
            "initialise": Binding(link.initialise, self._initialise_blocked),
            "fetch_data": Binding(self._fetch_data, self._fetch_blocked),
            "add_optimizer": Binding(self._add_optimizer),
            "take_turns": Binding(self._take_turns, self._turns_blocked),
        }

    # ---- run --------------------------------------------------------------------------------

    def _run_blocked(self) -> Blocked | None:
        if not self._workspace.root.nodes:
            return Blocked("The graph is empty.", "tutorial")
        return self._engine_blocked() or self._busy()

    def _run_all(self) -> None:
        self._undim()
        self._start(None)

    def _run_to_blocked(self) -> Blocked | None:
        if len(self._workspace.selection) != 1:
            return Blocked("Select one node to compute it and its inputs.")
        if self._workspace.is_apart:
            return NOTHING_RUNS
        return self._run_blocked()

    def _run_to(self) -> None:
        record = self._workspace.document.nodes[self._workspace.selection[0]]
        self.target = record.id
        self._dim()
        self._start(tuple(self._names_of(record)))
        text = f"Computed {record.name} and its inputs. Other nodes are dimmed."
        self._messages.show(text, "info", "undim", "Show everything")

    @Slot()
    def _undim(self) -> None:
        if self.target is not None:
            self.target = None
            self._canvas.node_state.set_dimmed(None)
            self._messages.message_retracted.emit("undim")

    def _toggle_order(self) -> None:
        self.shows_order = not self.shows_order
        self._number()
        if self.shows_order:
            self._messages.show_status("Nodes with the same number can run at the same time")

    def _order_blocked(self) -> Blocked | None:
        if not self._workspace.document.nodes:
            return Blocked("The graph is empty.")
        return None

    # ---- train ------------------------------------------------------------------------------

    def _train_blocked(self) -> Blocked | None:
        found = self._workspace.optimizers
        if not found:
            return Blocked("To train, connect an optimizer to the loss.", "add_optimizer")
        conflicts = [p for p in self._workspace.conflicts if p.severity == "error"]
        if conflicts:
            count = counted(len(conflicts), "conflict")
            return Blocked(f"A merge left {count} to resolve in this file.", "show_problems")
        broken = [path for path in found if path.split("/")[0] in self._broken()]
        if broken:
            return Blocked(self._what_breaks(min(broken)), "show_problems")
        settings = self._workspace.root.training
        if len(found) > 1 and not settings.get("optimizer") and not settings.get("schedule"):
            names = listed([scoped_name(self._workspace.root, path) or path for path in found])
            return Blocked(
                f"Several optimizers: {names}. Choose one in the inspector, or let them take "
                "turns.",
                "take_turns",
            )
        return self._engine_blocked() or self._busy()

    def _continue_blocked(self) -> Blocked | None:
        if self._link.state == "paused":
            return None
        blocked = self._train_blocked()
        if blocked is None and not (self._link.has_trained or self.unfinished.step):
            return Blocked("Nothing is learned yet, so there is nothing to continue.", "train")
        return blocked

    def begin_afresh(self) -> bool:
        """Train from the initial values. Return whether the training could begin."""
        if self._train_blocked() is not None:
            return False
        if self._link.has_trained:
            self.restarting.emit()
        self._begin(resume=False)
        return True

    def _continue(self) -> None:
        """Continue: after a pause, at the step of an unfinished training, or else from the
        current weights.
        """
        if self._link.state == "paused":
            self._link.resume()
        elif self.unfinished.is_next:
            self.go_on()
        else:
            self._begin(resume=True)

    def go_on(self) -> None:
        """Resume the stopped or interrupted training at its step, with bit-identical results."""
        self._prepare_training()
        self._link.train(keep=self.unfinished.go_on())

    def _pause_blocked(self) -> Blocked | None:
        if self._link.is_preparing:
            return Blocked("The training is about to begin.")
        return None if self._link.is_training else Blocked("No training is running.")

    def _pause(self) -> None:
        if self._link.state == "paused":
            self._link.resume()
        else:
            self._link.pause()

    def _step_blocked(self) -> Blocked | None:
        if self._link.state == "paused":
            return None
        if self._link.state == "training":
            return Blocked("Pause first, then make single steps.", "pause")
        return Blocked("No training is running.")

    def _stop_blocked(self) -> Blocked | None:
        if self._link.is_training or self._link.state in ("running", "preparing"):
            return None
        return Blocked("Nothing is running.")

    def _profile(self) -> None:
        self._problems.set_run_problems([])
        self._messages.dismissed.emit()
        self.profile_started.emit()
        self._link.profile()

    def _initialise_blocked(self) -> Blocked | None:
        if not self._workspace.has_variables:
            return Blocked("The graph has no variables.")
        return self._engine_blocked() or self._busy()

    def _fetch_blocked(self) -> Blocked | None:
        if self._link.is_downloading:
            return Blocked("A download is running. Its progress is in the training panel.")
        return self._engine_blocked()

    def _fetch_data(self) -> None:
        self.download_started.emit()
        self._link.start_download("mnist")

    def _add_optimizer(self) -> None:
        """Add an optimizer, connected to the probable loss, as one undo step."""
        document = self._workspace.document
        loss = self._likely_loss()
        with document.transaction("Add an optimizer"):
            x, y = loss.pos if loss else (0, 0)
            new = commands.add_node(document, OPTIMIZER, (x + 280, y))
            if loss is not None:
                port = next(iter(self._workspace.analysis.out_types(loss.id) or {}), "out")
                commands.connect(document, loss.id, port, new, "loss")
        self._canvas.selection.select([new])
        self._canvas.viewport.center_on(new)

    def _turns_blocked(self) -> Blocked | None:
        if len(trainers(self._workspace.root)) < 2:
            return Blocked("Turns need at least two optimizers.")
        if self._workspace.root.training.get("schedule"):
            return Blocked("The optimizers take turns already.")
        return None

    def _take_turns(self) -> None:
        take_turns(self._workspace.root)

    # ---- internals --------------------------------------------------------------------------

    def _broken(self) -> Set[str]:
        """Return the nodes that cannot run, cached for the current state of the document."""
        document = self._workspace.root
        if self._broken_at != (document, document.revision):
            self._broken_at = (document, document.revision)
            self._broken_nodes = self._workspace.root_analysis.broken()
        return self._broken_nodes

    def _what_breaks(self, optimizer: str) -> str:
        """Return a sentence about the missing input or the error that prevents an optimizer
        from training.
        """
        analysis, name = self._workspace.root_analysis, scoped_name(self._workspace.root, optimizer)
        needed = analysis.ancestors(optimizer.split("/")[0])
        problems = [p for node in needed for p in analysis.problems_of(node)]
        errors = [p for p in problems if p.severity == "error"]
        if any(problem.level == "error" for problem in errors) or not errors:
            return f"{name} cannot run because of an error in the graph."
        first = min(errors, key=lambda p: (p.node != name, natural_key(p.node)))
        if first.kind != MissingInput.__name__:
            return f"{name} cannot run yet. {sentence(first)}"
        if (first.node, first.port) == (name, "loss"):
            return f"To train, connect the loss to {name}."
        more = f", and {counted(len(errors) - 1, 'more input')}" if len(errors) > 1 else ""
        return f"To train, connect something to {first.port} of {first.node}{more}."

    _broken_at: tuple[object, int] | None = None
    _broken_nodes: Set[str] = frozenset()

    def _engine_blocked(self) -> Blocked | None:
        if not self._link.is_up and self._link.ever_ready:
            return Blocked("The engine is not running.", "restart_engine")
        return None

    def _busy(self) -> Blocked | None:
        if self._link.state == "paused":
            return Blocked("A training is paused.", "stop")
        if self._link.is_training:
            return Blocked("A training is running.", "stop")
        if self._link.is_preparing:
            return Blocked("A training is about to begin.", "stop")
        return None

    def _start(self, names: tuple[str, ...] | None) -> None:
        self._problems.set_run_problems([])
        workspace, target = self._workspace, self.target
        nodes = workspace.document.nodes
        wanted = nodes if target is None else workspace.analysis.ancestors(target)
        self.states.begin(list(wanted))
        self._run = self._link.run(names)

    def _begin(self, resume: bool) -> None:
        self._prepare_training()
        self._link.train(resume, self.unfinished.begin())

    def branch(self, step: int) -> None:
        """Train from the state before a step of the last training, with the edits made since
        then.
        """
        blocked = self._train_blocked()
        if blocked is not None:
            self._messages.show_status(blocked.reason)
            return
        self._prepare_training()
        run = self._link.past.run
        self._link.train(keep=self.unfinished.begin(), branch=step, branch_run=run)

    def _prepare_training(self) -> None:
        self._undim()
        self._problems.set_run_problems([])
        self._messages.dismissed.emit()
        self.training_started.emit()

    def _names_of(self, record: NodeRecord) -> list[str]:
        """Return the names of a node's tensors, or the node's own name if it has no tensors."""
        count = max(1, len(self._workspace.analysis.out_types(record.id) or {}))
        name = self._workspace.full_name(record.name)
        return [name, *(f"{name}:{i}" for i in range(1, count))]

    def _likely_loss(self) -> NodeRecord | None:
        """Return the probable loss: a float scalar without consumers, preferably with a name
        like a loss.
        """
        document, analysis = self._workspace.document, self._workspace.analysis
        found = []
        for record in document.nodes.values():
            first = next(iter((analysis.out_types(record.id) or {}).values()), None)
            if first is None or first.shape != () or not first.is_float:
                continue
            if document.wires_into(record.id) and not document.wires_out_of(record.id):
                found.append(record)
        named = [r for r in found if any(word in r.name.lower() for word in LOSS_WORDS)]
        return next(iter(named or found), None)

    def _dim(self) -> None:
        document = self._workspace.document
        if self.target is None or self.target not in document.nodes:
            self._undim()
            return
        needed = self._workspace.analysis.ancestors(self.target)
        self._canvas.node_state.set_dimmed(set(document.nodes) - needed)

    def _number(self) -> None:
        shown = levels(self._workspace.document) if self.shows_order else None
        self._canvas.node_state.set_order(shown)

    # ---- answers of the engine --------------------------------------------------------------

    @Slot(object)
    def _on_ran(self, message: p.Previews) -> None:
        if message.request == self._run:
            self._run = -1
            self.states.end(self._values_here(message))
            self._report(message)

    def _values_here(self, message: p.Previews) -> set[str]:
        """Return the names of the displayed graph's nodes that have a value."""
        scope = self._workspace.scope
        good = (name for name, value in message.values.items() if value.kind not in NO_VALUE)
        return {n.removeprefix(scope).partition(":")[0] for n in good if n.startswith(scope)}

        if self.shows_order:
            self._number()

    def _report(self, message: p.Previews) -> None:
        """Report the result of a run that the user requested."""
        problems = [self._missing_problem(name) for name in message.missing]
        for name, value in message.values.items():
            if value.kind == "error":
                problems.append(Problem(name.partition(":")[0], None, value.text))
        self._problems.set_run_problems(problems)
        if problems:
            self._tell(problems[0])
            return
        count = len(message.values)
        self._messages.show_status(f"Computed {counted(count, 'tensor')}")

    def _missing_problem(self, name: str) -> Problem:
        place = self._workspace.find(name)
        *path, node = (place or "").split("/")
        inside = self._workspace.root_analysis.at(path) if place else None
        kind = inside.type_of(node, "out") if inside is not None else None
        return Problem(
            name,
            "feed",
            f"this placeholder has no data yet{f'; it takes {kind}' if kind else ''}",
            feed_hint(name, kind) if kind else None,
            kind="MissingFeed",
        )

    def _tell(self, problem: Problem) -> None:
        place = self._workspace.find(problem.node) if problem.node else None
        fix, text = (f"node:{place}", "Show the node") if place else ("", "")
        self._messages.show(sentence(problem), "error", fix, text)

    @Slot(object)
    def _on_failed(self, message: p.Failed) -> None:
        error = message.error
        log.warning("%s failed: %s", message.what, error)
        if message.what == "LoadWeights":
            text = f"{sentence(error)} Variables have their initial values."
            self._messages.show(text, "warning", "", "")
            return
        if message.what == "Profile":
            self.profile_failed.emit()
        problem = Problem(error.node or "", error.port, error.message, error.hint, "error")
        if message.what in ("FetchTensor", "FetchStep"):
            return  # the viewer shows it
        if message.what == "Evaluate" and message.request != self._run:
            self._messages.show_status(f"No live values: {sentence(error)}")
            return
        self.states.end(set())
        self._problems.set_run_problems([problem])
        broken = (NonFiniteError.__name__, OutOfBoundsError.__name__)
        if error.kind not in broken:  # `Divergence` reports it, with fixes
            self._tell(problem)

    @Slot(object)
    def _on_training(self, event: Event) -> None:
        if not isinstance(event, Hit):
            return
        self.states.hit(event.nodes)
        first = self._workspace.find(event.nodes[0])
        text = f"Breakpoint: {event.reason}. Paused after step {event.step}."
        fix, words = (f"node:{first}", "Show the node") if first else ("", "")
        self._messages.show(text, "warning", fix, words)

    @Slot(object)
    def _on_done(self, message: Any) -> None:
        self._actions.refresh_soon()  # variables have learned or initial values now
        if isinstance(message, p.VariablesInitialized):
            self._messages.show_status(f"Initialised {message.count} variables")

    @Slot(object)
    def _on_changed(self, change: Change) -> None:
        if change.only_moves:
            return
        if self.shows_order:
            self._number()
        if self.target is not None:
            self._dim()

    @Slot(str)
    def _on_state(self, state: str) -> None:
        # Retract the message, because the reason that blocked the action no longer holds.
        self._messages.message_retracted.emit("stop")
        self._actions.refresh_soon()

    def _check_order(self) -> None:
        self._actions["order"].setChecked(self.shows_order)

    @Slot()
    def _on_replaced(self) -> None:
        self.target = None
        self.shows_order = False
        self._problems.set_run_problems([])

    @Slot(object)
    def _on_selected(self, ids: tuple[str, ...]) -> None:
        if not ids:
            self._undim()
