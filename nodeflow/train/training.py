"""The settings of a training, bound to the nodes of a graph and to its data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from nodeflow.data.data_splits import DataSplits
from nodeflow.data.pipeline.elements import Elements
from nodeflow.errors import DataError, GraphError, SurfaceText
from nodeflow.graph.graph import Graph, Node, Tensor, ancestors
from nodeflow.ops.macro_ops import Optimizer
from nodeflow.ops.objectives.metric_state import METRIC, Accumulating
from nodeflow.ops.summaries.ops import ScalarSummary
from nodeflow.train.schedule import Schedule, Turn
from nodeflow.train.settings import PlainSettings, declared, usual_batch_size
from nodeflow.train.watched_tensors.bounds import Bounded, Bounds

AT_END = 0
"""The value of `Metric.every` for a metric that is measured once, after the last epoch."""
SCOPE = "schedule"
"""The scope of the groups that hold the optimizers of a schedule."""
SHARES = frozenset("accuracy top_k_accuracy binary_accuracy precision recall f1_score auc".split())


@dataclass(frozen=True)
class Metric:
    """A scalar or accumulating metric, measured on one split after every ``every`` epochs.

    With ``every=0`` it is measured once, after the last epoch, with the final weights. A training
    that the user stops does not measure it.

    ``key`` names it in reports: the node's name, or ``split/name`` if a node is measured on two
    splits. ``found``: whether it comes from a node of the graph instead of the user's choice.
    """

    tensor: Tensor
    split: str = "test"
    every: int = 1
    key: str = ""
    found: bool = False

    @property
    def is_once(self) -> bool:
        """True if the metric is measured only after the last epoch."""
        return self.every == AT_END

    @property
    def is_share(self) -> bool:
        """True if the metric lies between 0 and 1: for example accuracy, or a mean of truth
        values.
        """
        node = self.tensor.node
        if node.op.id in SHARES:
            return True
        of = node.inputs[0].node if node.op.id == "reduce_mean" else node
        return of.op.id == "cast" and of.inputs[0].dtype == "bool" and of is not node


@dataclass(frozen=True)
class Monitor:
    """The value that early stopping watches.

    Attributes:
        metric: a scalar, measured after each epoch; None is the training loss of the epoch.
        goal: ``min`` or ``max``: which values are better.
    """

    metric: Metric | None = None
    goal: str = "min"

    def __post_init__(self) -> None:
        if self.metric is not None and not isinstance(self.metric, Metric):
            raise GraphError(f"early stopping watches an nf.train.Metric, not {self.metric!r:.60}")
        if self.goal not in ("min", "max"):
            raise GraphError(f"the goal of early stopping must be min or max, not {self.goal!r}")
        if self.metric and self.metric.tensor.shape != ():
            raise GraphError(
                f"early stopping watches a scalar, not {self.metric.tensor.type}",
                node=self.metric.tensor.node.name,
                hint="Choose another node to watch.",
            )

    @property
    def title(self) -> str:
        """The watched value in words: ``validation loss``."""
        return f"{self.metric.split} {self.metric.tensor.name}" if self.metric else "training loss"


@dataclass(frozen=True)
class Binding:
    """A column of a data set that feeds a placeholder."""

    dataset: DataSplits
    column: str


@dataclass(frozen=True)
class ElementStream:
    """A data set whose elements are the batches of a training, one for each step.

    Attributes:
        places: the placeholder that each component feeds, by number of the component.
        steps: elements of an epoch; None for a pass.
    """

    stage: Elements
    places: Mapping[int, Tensor]
    steps: int | None = None


@dataclass(frozen=True)
class Phase:
    """One optimizer of a training, with the loss that its steps report.

    Attributes:
        steps: the number of steps of its turn in a schedule.
        start: the number of steps to make before its first turn.
    """

    optimizer: Node
    loss: Tensor
    steps: int = 1
    start: int = 0

    @property
    def turn(self) -> Turn:
        """The phase as a `Turn`, with the optimizer's name."""
        return Turn(self.optimizer.name, self.steps, self.start)


@dataclass(frozen=True)
class Training(PlainSettings):
    """A training: settings bound to a graph and its data.

    Attributes:
        optimizer: node whose control inputs are the updates. With a schedule, no step runs it: it
            is a group of all optimizers and losses, see `scheduled`.
        loss: scalar to report; the loss of an epoch is the mean over its batches. With a schedule,
            the loss of its first phase.
        schedule: the phases that take turns, see `train.schedule`; empty for one optimizer.
        bindings: the column that feeds each placeholder.
        feeds: constant values for other placeholders.
        monitor: the value that early stopping watches if ``patience`` switches it on.
        breakpoints: tensors that pause the training, see `Breakpoints`.
        bounds: tensors that end the training if their values leave a range, see `Bounds`.
        plotted: tensors of one number, by the names of their curves. `Steps` has their value in
            each step.
        stream: the source of batches, instead of the bindings' rows of the train split.
        row_seed: the seed of the order of the rows, if it is not ``seed``.

    Raises:
        GraphError: a setting is out of range, or the loss or a metric is not a scalar.
    """

    optimizer: Node
    loss: Tensor
    metrics: tuple[Metric, ...] = ()
    bindings: Mapping[Tensor, Binding] = field(default_factory=dict)
    feeds: Mapping[Tensor, Any] = field(default_factory=dict)
    monitor: Monitor = Monitor()
    breakpoints: tuple[Tensor, ...] = ()
    bounds: tuple[Bounded, ...] = ()
    plotted: Mapping[str, Tensor] = field(default_factory=dict)
    stream: ElementStream | None = None
    row_seed: int | None = None
    schedule: tuple[Phase, ...] = ()

    def __post_init__(self) -> None:
        for setting in declared(PlainSettings):
            setting.attr.check(getattr(self, setting.name))
        for phase in self.phases:
            if phase.loss.shape != ():
                raise GraphError(
                    f"the loss must be a scalar, not {phase.loss.type}",
                    node=phase.loss.node.name,
                    hint="Reduce it with reduce_mean.",
                )
        for metric in self.measured():
            if metric.every < AT_END:
                raise GraphError(
                    f"the metric {metric.key or metric.tensor.name} is measured every "
                    f"{metric.every} epochs",
                    hint="Give 1 or more, or 0 to measure it after the last epoch.",
                )
            if metric.tensor.shape != () and not _is_table(metric.tensor):
                raise GraphError(
                    f"a metric must be a scalar, not {metric.tensor.type}",
                    node=metric.tensor.node.name,
                    hint="Reduce it with reduce_mean.",
                )

    def with_found(self, graph: Graph, *, metric_nodes: bool) -> Training:
        """Return the training with metrics for the scalar summaries and metric nodes of a graph.

        A summary or metric node, such as an accuracy, is measured if there are rows for it.

        Args:
            metric_nodes: whether to include metric nodes; False if the user chose the metrics.
        """
        chosen = tuple(metric for metric in self.metrics if not metric.found)
        known = {m.tensor for m in chosen}
        fed = {t.node for t in (*self.bindings, *self.feeds)}
        more = []
        for node in graph.nodes:
            tensor = _measured_by(node, metric_nodes)
            if tensor is None or tensor in known:
                continue
            used = self.used_bindings([node]).values()
            splits = [s for s in ("test", "validation", "train")
                      if all(s in b.dataset.splits for b in used)]  # fmt: skip
            has_values = all(
                n in fed or n.attrs["sample"] is not None
                for n in ancestors([node])
                if n.op.id == "placeholder"
            )
            if splits and has_values and tensor.shape == ():
                more.append(Metric(tensor, splits[0], key=node.name, found=True))
        return replace(self, metrics=(*chosen, *more))

    @property
    def phases(self) -> tuple[Phase, ...]:
        """The optimizers of the training with their losses, one phase for each entry of the
        schedule. Without a schedule there is a single phase.
        """
        return self.schedule or (Phase(self.optimizer, self.loss),)

    @cached_property
    def turns(self) -> Schedule | None:
        """The schedule with names of optimizers; None for one optimizer."""
        return Schedule(phase.turn for phase in self.schedule) if self.schedule else None

    def bounds_by_phase(self) -> list[Bounds]:
        """Return the bounds checks that the steps of each optimizer make, in the order of the
        schedule's phases.
        """
        if self.turns is None:
            return [Bounds(self.bounds, self.optimizer)]
        phases = [phase.optimizer for phase in self.phases]
        return [Bounds(self.bounds, optimizer, optimizer.name) for optimizer in phases]

    def phase_of(self, step: int) -> Phase:
        """Return the phase of the schedule, an optimizer with its loss, that makes a step.

        Args:
            step: the number of the step, counted from 1.
        """
        return self.phases[0 if self.turns is None else self.turns.phase_at(step - 1)]

    @property
    def watched(self) -> Metric | None:
        """The metric that early stopping watches; None if it is off or watches the training
        loss.
        """
        return self.monitor.metric if self.patience is not None else None

    def measured(self) -> tuple[Metric, ...]:
        """Return the metrics, including the metric that early stopping watches."""
        watched = self.watched
        return self.metrics if watched in (None, *self.metrics) else (*self.metrics, watched)

    def measured_once(self) -> tuple[Metric, ...]:
        """Return the metrics that are measured only after the last epoch."""
        return tuple(m for m in self.metrics if m.is_once and m is not self.watched)

    def used_bindings(self, targets: list[Node]) -> dict[Tensor, Binding]:
        """Return the bindings that the targets depend on."""
        needed = ancestors(targets)
        return {t: b for t, b in self.bindings.items() if t.node in needed}

    def rows(self, bindings: Mapping[Tensor, Binding], split: str) -> int | None:
        """Return the number of rows of the bound columns in a split; None if nothing is bound.

        Raises:
            DataError: there are no rows, or data sets of different length.
        """
        sizes = {b.dataset.name: len(b.dataset.split(split)[b.column]) for b in bindings.values()}
        if len(set(sizes.values())) > 1:
            text = " and ".join(f"{n} has {s} rows" for n, s in sizes.items())
            raise DataError(f"data sets of different length feed one batch: {text}")
        return next(iter(sizes.values()), None)

    def with_fitting_batches(self) -> Training:
        """Return the training with a smaller batch size if a batch has more rows than the data set,
        or else the training itself.
        """
        bindings = self.used_bindings([self.optimizer, self.loss.node])
        rows = None if self.stream else self.rows(bindings, "train")
        if rows is None or rows >= self.batch_size:
            return self
        return replace(self, batch_size=usual_batch_size(rows))


def minimized(node: Node) -> Tensor:
    """Return the loss of an optimizer, or of the only optimizer that a group runs.

    Raises:
        GraphError: the node has no loss.
    """
    found = [node] if isinstance(node.op, Optimizer) else node.control_inputs
    losses = [one.inputs[0] for one in found if isinstance(one.op, Optimizer)]
    if len(losses) == 1:
        return losses[0]
    raise GraphError(
        f"{node.name} is a {node.op.id}, which has no loss of its own",
        node=node.name,
        port="training.loss",
        hint=SurfaceText(
            "Give the scalar to report: nf.train.train(graph, optimizer=..., loss=...).",
            window="Choose the loss in the training settings.",
        ),
    )


def scheduled(phases: Sequence[Phase]) -> dict[str, Any]:
    """Return the values of the fields ``optimizer``, ``loss`` and ``schedule`` for a training with
    several optimizers.

    The ``optimizer`` is a group that depends on all optimizers and losses, so the nodes of a step
    are found from it for every optimizer.

    Args:
        phases: the optimizers with their losses and numbers of steps.

    Raises:
        GraphError: the phases make no schedule.
    """
    turns = Schedule(phase.turn for phase in phases)
    name = f"{SCOPE}/{'_'.join(name.replace('/', '_') for name in turns.names)}"
    optimizers = list(dict.fromkeys(phase.optimizer for phase in phases))
    losses = list(dict.fromkeys(phase.loss for phase in phases))
    group = _group(phases[0].optimizer.graph, name, optimizers, losses)
    return {"optimizer": group, "loss": phases[0].loss, "schedule": tuple(phases)}


def _group(graph: Graph, name: str, optimizers: list[Node], losses: list[Tensor]) -> Node:
    for node in graph.nodes:  # from an earlier training
        is_one = node.op.id == "group" and node.name.startswith(f"{SCOPE}/")
        if is_one and (list(node.control_inputs), list(node.inputs)) == (optimizers, losses):
            return node
    with graph, graph.deriving(name):
        return graph.add_node("group", losses, name=name, control_inputs=optimizers)


def _is_table(tensor: Tensor) -> bool:
    """Return whether a metric is more than a number, such as a confusion matrix."""
    return isinstance(tensor.node.op, Accumulating) and tensor.type.is_static


def metric_keys(named: list[tuple[str, str]]) -> list[str]:
    """Return report keys of (node name, split) pairs: the name, or ``split/name`` if it repeats.

    >>> metric_keys([("accuracy", "test"), ("loss", "test"), ("loss", "validation")])
    ['accuracy', 'test/loss', 'validation/loss']
    """
    names = [name for name, _ in named]
    return [f"{split}/{name}" if names.count(name) > 1 else name for name, split in named]


def _measured_by(node: Node, metric_nodes: bool) -> Tensor | None:
    """Return the tensor that a summary or metric node measures; None for any other node."""
    if isinstance(node.op, ScalarSummary):
        return node.inputs[0]
    return node.outputs[0] if metric_nodes and node.op.category == METRIC else None
