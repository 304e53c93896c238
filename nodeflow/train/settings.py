"""What to train and how: settings of a graph, independent of where they came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nodeflow.data.dataset import Dataset
from nodeflow.errors import DataError, GraphError
from nodeflow.graph.graph import Node, Tensor, ancestors
from nodeflow.ops.metric_state import Accumulating


@dataclass(frozen=True)
class Metric:
    """What is measured on one split after every ``every`` epochs: a scalar, or what accumulates.

    ``key`` is how it is reported: the node's name, or ``split/name`` where one node is measured
    on two splits.
    """

    tensor: Tensor
    split: str = "test"
    every: int = 1
    key: str = ""


@dataclass(frozen=True)
class EarlyStopping:
    """When to end before the last epoch.

    Attributes:
        metric: the scalar that is watched, each epoch; None is the epoch's training loss.
        patience: epochs without improvement after which training ends.
        min_change: an improvement is a change by more than this.
        goal: ``min`` or ``max``: which values are better.
        restore_best: in the end, give the variables the values of the best epoch.
    """

    metric: Metric | None = None
    patience: int = 3
    min_change: float = 0.0
    goal: str = "min"
    restore_best: bool = True

    def __post_init__(self) -> None:
        if self.goal not in ("min", "max") or self.patience < 1 or not self.min_change >= 0:
            raise GraphError(
                f"early stopping cannot have goal {self.goal!r}, patience {self.patience} and "
                f"min_change {self.min_change}",
                hint="The goal is min or max, patience at least 1, and min_change at least 0.",
            )

    @property
    def title(self) -> str:
        """What is watched, for people: ``validation loss``."""
        return f"{self.metric.split} {self.metric.tensor.name}" if self.metric else "training loss"


@dataclass(frozen=True)
class Binding:
    """A placeholder fed from a data set's column."""

    dataset: Dataset
    column: str


@dataclass(frozen=True)
class Training:
    """One training task.

    Attributes:
        optimizer: node whose control inputs are the updates.
        loss: scalar that is reported; the mean of its batch values over an epoch.
        bindings: placeholder -> column that feeds it.
        feeds: constant values for other placeholders.
        stopping: when to end early, if at all.
        use_averages: measure with the running means of the weights that the optimizer keeps (its
            ``average_decay``), and end with those as weights.
        breakpoints: tensors after whose hits the control pauses, see `Breakpoints`.
    """

    optimizer: Node
    loss: Tensor
    epochs: int = 10
    batch_size: int = 100
    seed: int = 1
    shuffle: bool = True
    metrics: tuple[Metric, ...] = ()
    bindings: Mapping[Tensor, Binding] = field(default_factory=dict)
    feeds: Mapping[Tensor, Any] = field(default_factory=dict)
    stopping: EarlyStopping | None = None
    use_averages: bool = False
    breakpoints: tuple[Tensor, ...] = ()

    def __post_init__(self) -> None:
        if self.loss.shape != ():
            raise GraphError(
                f"the loss must be a scalar, not {self.loss.type}",
                node=self.loss.node.name,
                hint="Reduce it with reduce_mean.",
            )
        for metric in self.measured():
            if metric.tensor.shape != () and not _is_table(metric.tensor):
                raise GraphError(
                    f"a metric must be a scalar, not {metric.tensor.type}",
                    node=metric.tensor.node.name,
                    hint="Reduce it with reduce_mean.",
                )
        if self.stopping and self.stopping.metric and self.stopping.metric.tensor.shape != ():
            raise GraphError(
                f"early stopping watches a scalar, not {self.stopping.metric.tensor.type}",
                node=self.stopping.metric.tensor.node.name,
                hint="Choose another node to watch.",
            )

    def measured(self) -> tuple[Metric, ...]:
        """The metrics, and what early stopping watches if it is none of them."""
        watched = self.stopping.metric if self.stopping else None
        return self.metrics if watched in (None, *self.metrics) else (*self.metrics, watched)

    def used_bindings(self, targets: list[Node]) -> dict[Tensor, Binding]:
        """The bindings that the targets depend on."""
        needed = ancestors(targets)
        return {t: b for t, b in self.bindings.items() if t.node in needed}

    def rows(self, bindings: Mapping[Tensor, Binding], split: str) -> int | None:
        """Number of rows that the bound columns have in a split; None when nothing is bound.

        Raises:
            DataError: no rows, or data sets of different length.
        """
        sizes = {b.dataset.name: len(b.dataset.split(split)[b.column]) for b in bindings.values()}
        if len(set(sizes.values())) > 1:
            text = " and ".join(f"{n} has {s} rows" for n, s in sizes.items())
            raise DataError(f"data sets of different length feed one batch: {text}")
        return next(iter(sizes.values()), None)


def _is_table(tensor: Tensor) -> bool:
    """A figure that is more than a number, such as a confusion matrix."""
    return isinstance(tensor.node.op, Accumulating) and None not in tensor.shape


def metric_keys(named: list[tuple[str, str]]) -> list[str]:
    """Report keys of (node name, split) pairs: the name, or ``split/name`` where it repeats.

    >>> metric_keys([("accuracy", "test"), ("loss", "test"), ("loss", "validation")])
    ['accuracy', 'test/loss', 'validation/loss']
    """
    names = [name for name, _ in named]
    return [f"{split}/{name}" if names.count(name) > 1 else name for name, split in named]
