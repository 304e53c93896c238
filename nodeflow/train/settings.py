"""What to train and how: settings of a graph, independent of where they came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nodeflow.data.dataset import Dataset
from nodeflow.errors import DataError, GraphError
from nodeflow.graph.graph import Node, Tensor, ancestors


@dataclass(frozen=True)
class Metric:
    """A scalar measured on one split after every ``every`` epochs.

    ``key`` is how it is reported: the node's name, or ``split/name`` where one node is measured
    on two splits.
    """

    tensor: Tensor
    split: str = "test"
    every: int = 1
    key: str = ""


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

    def __post_init__(self) -> None:
        if self.loss.shape != ():
            raise GraphError(
                f"the loss must be a scalar, not {self.loss.type}",
                node=self.loss.node.name,
                hint="Reduce it with reduce_mean.",
            )
        for metric in self.metrics:
            if metric.tensor.shape != ():
                raise GraphError(
                    f"a metric must be a scalar, not {metric.tensor.type}",
                    node=metric.tensor.node.name,
                    hint="Reduce it with reduce_mean.",
                )

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


def metric_keys(named: list[tuple[str, str]]) -> list[str]:
    """Report keys of (node name, split) pairs: the name, or ``split/name`` where it repeats.

    >>> metric_keys([("accuracy", "test"), ("loss", "test"), ("loss", "validation")])
    ['accuracy', 'test/loss', 'validation/loss']
    """
    names = [name for name, _ in named]
    return [f"{split}/{name}" if names.count(name) > 1 else name for name, split in named]
