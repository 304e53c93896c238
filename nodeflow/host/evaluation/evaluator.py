"""The evaluation of nodes on a small preview batch. A broken node does not affect the others.

An evaluator follows its document edit by edit. It keeps a build, a session with the variables, the
value of every shown node, and the preview of that value. After an edit, only dependent values are
computed again.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from nodeflow.data.data_splits import DataSplits
from nodeflow.document.analysis.datasets.dataset_node import is_dataset
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import Change
from nodeflow.document.to_graph.live.live_build import LiveBuild
from nodeflow.document.to_graph.live.live_graph import Patch
from nodeflow.document.to_graph.task import Task
from nodeflow.document.to_graph.variable_ids import VariableId
from nodeflow.engine.incremental import BLOCKED, Failure, IncrementalRun, Values
from nodeflow.engine.memory import Budget
from nodeflow.engine.session import Session
from nodeflow.engine.threefry_streams import Stream
from nodeflow.errors import MissingFeed, NodeflowError, OverBudget, ReadRefused, UnknownName
from nodeflow.graph.graph import Node, Tensor, ancestors, descendants
from nodeflow.host.color_measures import measure
from nodeflow.host.evaluation.chosen_data import ChosenData
from nodeflow.host.evaluation.loop_iterations import inner_values, iterations, shown_iteration
from nodeflow.host.evaluation.previews import Evaluation, make_preview, no_value
from nodeflow.host.evaluation.variable_access import VariableAccess
from nodeflow.host.evaluation.variables_across_edits import HeldVariables, InitialDraws, KeptValues
from nodeflow.host.overridden_tensors import Overriding
from nodeflow.host.protocol import Override, Preview, ShowData, ShownRows, TensorValue
from nodeflow.host.views.source_cache import SourceCache
from nodeflow.host.views.value_source import ViewSource
from nodeflow.train.settings import TrainingSettings

MOST_FAILURES = 8
"""The number of failed nodes after which a run stops."""


class Evaluator(VariableAccess):
    """The evaluation of a document for previews. Variables keep their values across edits.

    Call `follow` after each change of the document. A variable with an unchanged declaration keeps
    its value. A variable whose initial value was edited is initialized again.

    Attributes:
        task: the build, with its data.
        session: holds the variables; its graph changes with the document.
        seed: the seed of the session.
        version: increases whenever nodes are added or removed.
        iterations: the iteration to show, by the name of the loop. None for the last one.
        measured_as: the kind of measure in previews, see `measure_as`.
        overriding: the values that replace computed ones.
    """

    def __init__(
        self,
        document: Document,
        *,
        base_dir: str | os.PathLike | None = None,
        opened: dict[Any, DataSplits] | None = None,
        threads: int | None = None,
        choice: ShowData | None = None,
        budget: Budget | None = None,
        override: Override | None = None,
    ) -> None:
        self._document = document
        self.overriding = Overriding(override)
        self._data = ChosenData(choice, self.overriding)
        self._base_dir = base_dir
        self._opened: dict[Any, DataSplits] = {} if opened is None else opened
        self._threads = threads
        self._budget = budget
        self._kept = KeptValues()
        self.iterations: Mapping[str, int | None] = {}
        self.measured_as = ""
        self.version = 0
        self._views = SourceCache()
        self._live = LiveBuild(document, base_dir)
        self._begin()

    def use(self, document: Document, base_dir: str | os.PathLike | None) -> None:
        """Switch to another copy of the document."""
        self._document, self._base_dir = document, base_dir
        self.rebuild()

    def use_threads(self, threads: int | None) -> None:
        """Set the number of threads."""
        self._threads = threads
        self._start_session()

    def use_budget(self, budget: Budget | None) -> None:
        """Limit the time and the memory that the computation of a node's live value may take."""
        self._budget = budget
        self._start_session()

    def choose(self, choice: ShowData) -> None:
        """Compute previews on other data from now on."""
        self._forget(self._data.choose(choice, self.task))

    def override(self, request: Override) -> None:
        """Override computed values by the values in the request from now on, and recompute the
        nodes that depend on them.
        """
        other_rows = self.overriding.rows.keys() != request.rows.keys()
        self.overriding.request = request
        if other_rows:
            self._forget(self._data.bound(self.task))
            self._data.forget()
        self._find_overridden(self._tensor)

    def _find_overridden(self, tensor_of: Callable[[str], Tensor]) -> None:
        """Find the tensors of the current graph that the user has overridden, and forget the values
        that change thereby.
        """
        if not self.overriding and not self.overriding.tensors:
            return
        changed = self.overriding.find(tensor_of)
        self._run.overrides = self.overriding.tensors
        self._forget(changed)

    def measure_as(self, of: str) -> None:
        """Add a measure of each tensor, such as its fraction of zeros, to previews from now on (see
        `color_measures`); "" for none.
        """
        if of != self.measured_as:
            self.measured_as = of
            self._shown.clear()

    # ---- following the document ---------------------------------------------------------------

    def follow(self, change: Change) -> None:
        """Follow a change of the document."""
        self._take(self._live.follow(change))
        if self._seed() != self.seed:
            self._start_session()
        elif any(is_dataset(edit.before) or is_dataset(edit.after) for edit in change.edits):
            self._use_data_again()
        elif any(edit.table == "training" for edit in change.edits):
            self._use_data_again()  # the batch size may have changed

    @property
    def is_settled(self) -> bool:
        """Whether the nodes that are derived from optimizer and gradients nodes are up to date."""
        return self._live.is_settled

    def settle(self, interrupted: Callable[[], bool] | None = None) -> None:
        """Update the outdated derived nodes, such as gradient nodes. If the update is interrupted,
        the next call starts over.
        """
        self._take(self._live.settle(interrupted))
        if self._live.is_settled:
            self._settle_kept()

    def rebuild(self) -> None:
        """Build the graph from scratch. Variables with an unchanged declaration keep their
        values.
        """
        self._live = LiveBuild(self._document, self._base_dir)
        self._start_session()

    def _take(self, patch: Patch) -> None:
        """Drop the values that depend on changed nodes, and initialize new variables."""
        if patch.rebuilt:
            self._start_session()
            return
        if not patch.changed and not patch.removed:
            return
        self.session.forget_plans()
        self.version += 1
        self._moved = None
        for node in patch.removed:
            self._variables.keep(node)
        redrawn = self._initials.follow(patch.changed, patch.removed)
        self._forget([*patch.changed, *patch.removed, *redrawn])
        self._initialise(self._variables.declared_anew(patch.changed))
        if self._bound != self.task.build.bindings:
            self._use_data_again()
        self._find_overridden(self.task.tensor)

    def _start_session(self) -> None:
        self._variables.keep_all()
        self.session.close()
        self._begin()

    def _begin(self) -> None:
        """Create a session for the current build of the graph. Give variables the values that were
        kept from the previous session.
        """
        built = self._live.build
        self.version += 1
        self.seed = self._seed()
        self.session = Session(built.graph, tier="reference", threads=self._threads, seed=self.seed)
        self._variables = HeldVariables(self.session, self._kept, self._budget)
        self._execution = 0
        self._run = IncrementalRun(
            self._live.users, self._feed, self._variables.read, lambda node: self._stream(node)
        )
        self._run.budget = self._budget
        self._shown: dict[Tensor, Preview] = {}
        self._moved: set[Node] | None = None
        self._named_ids: tuple[int, dict[str, VariableId]] = (-1, {})
        self._initials = InitialDraws(built.graph.nodes, self._live.users)
        self._use_data_again()
        self._find_overridden(self.task.tensor)
        self._initialise([v.node for v in built.graph.variables])
        self._settle_kept()

    def _use_data_again(self) -> None:
        """Open the data sets of the document again where they have changed, and forget all values
        that depend on data.
        """
        built = self._live.build
        self.task = Task(self._document, base_dir=self._base_dir, opened=self._opened, built=built)
        self.task.preview_bytes = self._budget and self._budget.read_bytes
        self._bound = dict(built.bindings)
        self._shown.clear()
        self._data.forget()
        names = [name for name in built.bindings if name in built.graph]
        self._forget([built.graph.node(name) for name in names])

    def _seed(self) -> int:
        seed = self._document.training.get("seed")
        return TrainingSettings().seed if seed is None else seed

    def _forget(self, nodes: Iterable[Node]) -> None:
        gone = self._run.forget(nodes)
        self._data.forget(gone)
        if len(gone) < len(self._shown):
            for node in gone:
                for tensor in node.outputs:
                    self._shown.pop(tensor, None)
        else:
            self._shown = {t: shown for t, shown in self._shown.items() if t.node not in gone}

    # ---- variables ----------------------------------------------------------------------------

    def _initialise(self, nodes: list[Node]) -> None:
        """Set variables to their kept or initial values."""
        if any(node.inputs for node in nodes) and not self.is_settled:
            patch = self._live.settle()
            self._take(patch)
            if patch.rebuilt:
                return
            nodes = [n for n in nodes if n not in patch.removed]
        if nodes:
            self._variables.initialise(nodes, self.ids())

    def _initialise_large(self) -> None:
        """Initialize the variables that were skipped because they exceed the memory budget, so that
        previews can read them.
        """
        self._forget(self._variables.initialise_large())

    def _forget_assigned(self) -> None:
        """Drop the values that depend on changed variables."""
        self._forget(self._variables.assigned(self._run.outcomes))

    # ---- feeds and random numbers -------------------------------------------------------------

    def _feed(self, node: Node) -> np.ndarray | None:
        """Return the value that is fed to a placeholder: the chosen rows of its data set, or its
        sample value.
        """
        return self._data.feed(self.task, node)

    def _missing(self, unfed: Iterable[Node]) -> tuple[str, ...]:
        """Return the names of the given placeholders that still need a value from the user."""
        left_out = self._data.leaves_out
        return tuple(sorted(node.name for node in unfed if not left_out(self.task, node)))

    def _stream(self, node: Node) -> Stream:
        """Return the stream of random numbers of a node.

        A node that is used only for initial values draws the same numbers as the initialization of
        variables.
        """
        if node in self._initials:
            return self.session.stream_of("initialize", 0)(node)
        return self.session.stream_of("run", self._execution)(node)

    def _draw_for(self, step: int | None) -> None:
        """Use the random numbers of this training step for random nodes from now on. None stands
        for step 0.
        """
        execution = step or 0
        if execution != self._execution:
            self._execution = execution
            self._forget([node for node in self._run.outcomes if node.op.random])

    def _moving(self) -> set[Node]:
        """Return the nodes whose values change from step to step although the batch stays the same:
        those that depend on variables or random numbers.
        """
        if self._moved is None:
            self.settle()
            nodes = self.task.graph.nodes
            moving = (n for n in nodes if n.op.id == "variable" or n.op.random)
            self._moved = descendants(moving, self._live.users)
        return self._moved

    # ---- previews -----------------------------------------------------------------------------

    def visible(self) -> list[Tensor]:
        """Return all tensors that the user can see, as outputs of nodes in the document."""
        return _existing(tensor for node in self._live.nodes() for tensor in node.outputs)

    def previews(
        self,
        names: Iterable[str] | None = None,
        *,
        step: int | None = None,
        effects: bool = False,
        still: bool = True,
    ) -> Evaluation:
        """Evaluate tensors by name, or all of them.

        A node that fails gets a preview of kind ``error``, and its dependents get none. Without
        ``effects``, nodes that assign or print get no preview, and neither do their dependents.

        Args:
            names: names of tensors. Names that cannot be computed are skipped, unless ``effects``
                is set.
            step: step of the current training, recorded in the previews that it changes.
            effects: whether this is an explicit run: once, with assigns and prints.
            still: whether to include values that no training changes, such as constants and the
                preview batch.
        """
        if effects:
            overridden = self.overriding.request
            self.override(Override())  # a run computes without overrides
            try:
                return self._run_once(names)
            finally:
                self.override(overridden)
        result = Evaluation()
        self._draw_for(step)
        wanted = self._named(names)
        moving = self._moving() if step is not None else set()
        self._forget_assigned()
        shown = result.data = self._data.shown(self.task)
        rows = shown.rows if shown is not None else None
        steps = {
            tensor: step if tensor.node in moving else None
            for tensor in wanted.values()
            if still or tensor.node in moving
        }

        def draw(node: Node, values: Values) -> None:
            for tensor, value in zip(node.outputs, values, strict=True):
                if tensor in steps and value is not None and tensor not in self._shown:
                    self._shown[tensor] = self._preview(tensor, value, steps[tensor], rows)

        self._compute({t.node for t in steps if t not in self._shown}, result, draw)
        for name, tensor in wanted.items():
            outcome = self._run.outcomes.get(tensor.node)
            if type(outcome) is tuple and tensor not in self._shown:
                draw(tensor.node, outcome)  # it was known before
            preview = self._shown.get(tensor)
            if preview is not None and tensor in steps:
                if preview.step != steps[tensor]:
                    preview = self._shown[tensor] = replace(preview, step=steps[tensor])
                result.values[name] = preview
        self._look_inside(result)
        for node, error in self._run.failures.items():
            if not any(tensor in self._shown for tensor in node.outputs):
                result.values[node.name] = no_value(node, error)
        result.missing = self._missing(self._run.unfed)
        result.notices = self.task.notices()
        self._run.trim()
        return result

    def _open_for_run(self) -> None:
        """Allow reading the data sets that were too large to be read for a preview. Forget the
        nodes that failed for that reason, so that they are computed again.
        """
        task = self.task
        task.preview_bytes = None
        failures = self._run.failures.items()
        refused = [node for node, error in failures if isinstance(error, ReadRefused)]
        if refused:
            self._forget(refused)

    def _named(self, names: Iterable[str] | None) -> dict[str, Tensor]:
        """Return tensors by the names that the user sees. If the names are None, return all visible
        tensors.
        """
        if names is None:
            named = {tensor.name: tensor for tensor in self.visible()}
            named.update(self.task.build.instance_outputs())
            return named
        found: dict[str, Tensor] = {}
        for name in names:
            try:
                tensor = self._tensor(name)
            except NodeflowError:
                continue
            if _existing([tensor]):
                found[name] = found[tensor.name] = tensor
        return found

    def _tensor(self, name: str) -> Tensor:
        """Return the tensor with a name that the user sees. If it belongs to a derived node, update
        the derived nodes first.

        Raises:
            NodeflowError: there is no such tensor, or the update fails.
        """
        try:
            tensor = self.task.tensor(name)
            if tensor.node.derived_from is None:
                return tensor
        except UnknownName:
            pass
        self.settle()
        return self.task.tensor(name)

    def _compute(
        self,
        nodes: Iterable[Node],
        result: Evaluation,
        computed: Callable[[Node, Values], None] | None = None,
    ) -> None:
        result.pending = self._live.awaits
        for node in self._live.pending():
            if node.outputs:
                self._forget([node])
                self._run.outcomes[node] = BLOCKED
                result.pending = True
        seconds = self._budget.seconds if computed is not None and self._budget else None
        if not self._run.compute(nodes, computed, seconds=seconds):
            result.pending = result.partial = True

    def _preview(
        self, tensor: Tensor, value: np.ndarray, step: int | None, rows: ShownRows | None
    ) -> Preview:
        image_shape, column_shape = (self.task.image_shape(tensor, axis) for axis in (-1, 0))
        found = measure(self.measured_as, tensor, value)
        made = make_preview(value, image_shape, step, self._of(tensor, rows), column_shape, found)
        is_what_if = self.overriding.reaches(tensor.node, self._live.users)
        return replace(made, is_what_if=True) if is_what_if else made

    def _of(self, tensor: Tensor, rows: ShownRows | None) -> ShownRows | None:
        """Return ``rows`` if the value of a tensor depends on rows of data, else None."""
        return rows if rows and self._data.is_of_data(self.task, tensor.node) else None

    def _look_inside(self, result: Evaluation) -> None:
        """Add previews of tensors inside the loops whose iterations are shown.

        The first output of the shown iteration gets the name `NAME/`.
        """
        found = iterations(self.task.graph, self.iterations, self._inputs, self._stream)
        result.iterations.update({n: shown_iteration(one) for n, one in found.items()})
        result.values.update({key: make_preview(value) for key, value in inner_values(found)})

    def _inputs(self, node: Node) -> list[np.ndarray] | None:
        """Return the values of a node's inputs; None if an input is unknown or the node has no
        value.
        """
        self._run.compute([node, *(tensor.node for tensor in node.inputs)])
        if type(self._run.outcomes[node]) is not tuple:
            return None
        found = []
        for tensor in node.inputs:
            outcome = self._run.outcomes[tensor.node]
            value = outcome[tensor.index] if type(outcome) is tuple else None
            if value is None:
                return None
            found.append(value)
        return found

    def value(self, name: str, step: int | None = None) -> TensorValue:
        """Compute a tensor and return its full value as a message, with request number 0.

        If an assign has to run for it, the variables are restored afterwards.

        Args:
            step: step of the current training.

        Raises:
            NodeflowError: an error in the name, its feeds, or the run.
        """
        tensor = self._tensor(name)
        self._draw_for(step)
        self._forget_assigned()
        if tensor.node in self._live.pending():
            self.settle()
        self._compute([tensor.node], Evaluation())
        outcome = self._run.outcomes[tensor.node]
        if isinstance(outcome, Failure):
            raise outcome.error
        value = outcome[tensor.index] if type(outcome) is tuple else None
        array = np.array(value) if value is not None else self._run_for(tensor)
        shown = self._data.shown(self.task)
        moves = step is not None and tensor.node in self._moving()
        return TensorValue(
            0,
            name,
            array,
            self.task.image_shape(tensor),
            step if moves else None,
            data=self._of(tensor, shown.rows if shown is not None else None),
            column_shape=self.task.image_shape(tensor, 0),
            is_what_if=self.overriding.reaches(tensor.node, self._live.users),
        )

    def _run_for(self, tensor: Tensor) -> np.ndarray:
        """Compute a tensor that requires an assign to run first. Restore the variables
        afterwards.
        """
        self.settle()
        before = dict(self.session.variables.items())
        try:
            feeds = {**self._data.feeds(self.task, [tensor]), **self.overriding.tensors}
            return np.asarray(self.session.run(tensor, feeds))
        finally:
            self.session.variables.update(before)

    # ---- views --------------------------------------------------------------------------------

    @property
    def state(self) -> object:
        """An object that changes whenever the data of a view may have changed."""
        return self.version, self.session.variables.version, self.task, self.overriding.version

    def view_source(self, trained: Mapping[str, np.ndarray] | None = None) -> ViewSource:
        """Return the object that computes tensor values for views, such as plots.

        Args:
            trained: values of variables in a training, used where names and shapes match.
        """
        read = self._variables.read
        self._live.put_in_order()

        def make() -> ViewSource:
            stream_of = self.session.stream_of("run", 0)
            users = self._live.users
            return ViewSource(
                self.task,
                self._viewable,
                read,
                stream_of,
                users,
                self._feed,
                self.overriding,
            )

        return self._views.source((self.version, self.task), make, read, trained)

    def _viewable(self, name: str) -> Tensor:
        """Return the tensor with a name. Raise OverBudget if computing it would need a value above
        the memory budget.
        """
        tensor = self._tensor(name)
        for node, error in self._run.failures.items():
            if isinstance(error, OverBudget) and node in ancestors([tensor.node]):
                raise error
        return tensor

    # ---- explicit runs ------------------------------------------------------------------------

    def _run_once(self, names: Iterable[str] | None) -> Evaluation:
        """Run the fetches once, including their assigns and prints."""
        self.settle()
        self._open_for_run()
        result = Evaluation()
        if names is None:
            wanted = {tensor.name: tensor for tensor in self.visible()}
        else:
            wanted = {t.name: t for t in _existing(self._tensor(name) for name in names)}
        ready = self._without(list(wanted.values()), self._unready(wanted.values(), result))
        result.data = self._data.shown(self.task)
        failures = self._run.failures.items()
        over = {node for node, error in failures if isinstance(error, OverBudget)}
        self._initialise_large()
        held = descendants(over, self._live.users) & self._run.outcomes.keys()
        for _ in range(MOST_FAILURES):
            try:
                values = self.session.run(ready, self._data.feeds(self.task, ready))
            except NodeflowError as error:
                failed = self._failed_node(error, result)
                if failed is None:
                    break
                ready = self._without(ready, {failed})
                continue
            rows = result.data.rows if result.data is not None else None
            for tensor, value in zip(ready, values, strict=True):
                preview = self._preview(tensor, value, None, rows)
                result.values[tensor.name] = preview
                if tensor.node in held:
                    self._shown[tensor] = preview
            break
        shown = {tensor: name for name, tensor in self.task.build.instance_outputs().items()}
        for tensor, name in shown.items():
            if tensor.name in result.values:
                result.values[name] = result.values[tensor.name]
        result.notices = self.task.notices()
        return result

    def _unready(self, wanted: Iterable[Tensor], result: Evaluation) -> set[Node]:
        """Return the placeholders that have no value, because nothing feeds them or their data set
        fails. Add errors and missing feeds to ``result``.
        """
        needed = ancestors(tensor.node for tensor in wanted)
        self._compute([n for n in needed if n.op.id == "placeholder"], Evaluation())
        unfed = needed & self._run.unfed
        failed = {n for n in needed if n.op.id == "placeholder" and n in self._run.failures}
        for node in failed:
            result.values[node.name] = no_value(node, self._run.failures[node])
        result.missing = self._missing(unfed)
        return unfed | failed

    def _without(self, tensors: list[Tensor], excluded: set[Node]) -> list[Tensor]:
        """Return the tensors that do not depend on any excluded node."""
        blocked = descendants(excluded, self._live.users)
        return [t for t in tensors if t.node not in blocked]

    def _failed_node(self, error: NodeflowError, result: Evaluation) -> Node | None:
        """Record an error at the node that it names, and return the node. Return None if the graph
        has no such node.
        """
        if error.node is None or error.node not in self.task.graph:
            result.values[error.node or ""] = Preview("error", text=error.text("window"))
            return None
        node = self.task.graph.node(error.node)
        if not isinstance(error, MissingFeed):
            result.values[node.name] = Preview("error", text=error.message)
        return node

    def cancel(self) -> None:
        """Cancel the current computation from another thread; the computing thread raises
        Cancelled.
        """
        self._run.cancelled.set()
        self.session.cancel()


def _existing(tensors: Iterable[Tensor]) -> list[Tensor]:
    """Return the tensors except gradients that do not exist."""
    return [t for t in tensors if not (t.node.alias and t.node.alias[t.index] is None)]
