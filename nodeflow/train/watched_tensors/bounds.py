"""Bounds: a training ends at the first step that takes a watched tensor out of its bounds.

The same plan records the smallest and the largest element of each tensor beside the loss, so chunks
of steps stay whole and no bit changes. For a variable, the value after the step's update counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from nodeflow.graph.dtype_objects import as_dtype
from nodeflow.graph.graph import Graph, Node, Tensor, ancestors
from nodeflow.graph.types import TensorType
from nodeflow.ops import functions as F
from nodeflow.ops.composed import resolve
from nodeflow.train.diagnosis.crossing import Crossing
from nodeflow.train.watched_tensors.plotted_values import RECORDED

SCOPE = "bounds"


def can_bound(kind: TensorType) -> bool:
    """Return whether values of this type are ordered numbers."""
    return kind.dtype != "bool" and not kind.dtype.startswith(("complex", "string"))


@dataclass(frozen=True)
class Bounded:
    """A tensor whose elements must stay between ``low`` and ``high``; None means no bound."""

    tensor: Tensor
    low: float | None = None
    high: float | None = None


class Bounds:
    """The tensors of a training that have bounds.

    Attributes:
        probes: scalars to record, one for each bound.
    """

    def __init__(self, watched: Iterable[Bounded], optimizer: Node, name: str = "") -> None:
        """Add scalars (probes) to the graph that let each step check the bounds of some tensors.

        Args:
            watched: the tensors with their bounds.
            optimizer: the node that each step runs. A variable is checked after its update by this
                node.
            name: tells the probes of several optimizers apart; empty if there is only one.
        """
        updates = _updates(optimizer)
        self._sides: list[_Side] = []
        for one in sorted(watched, key=lambda one: one.tensor.node.index):
            if can_bound(one.tensor.type):
                seen = updates.get(one.tensor.node, one.tensor)
                for edge, is_high in ((one.low, False), (one.high, True)):
                    if edge is not None:
                        self._sides.append(_Side(one, seen, _as(edge, seen), is_high))
        self.probes = [_probe(side, name) for side in self._sides]

    def __bool__(self) -> bool:
        return bool(self.probes)

    def crossed(self, recorded: np.ndarray) -> tuple[int, Crossing, Tensor] | None:
        """Find the first step that makes a tensor leave its bounds. Return None if there is none.

        Return the index of the step, a description of the violation, and the tensor.

        Args:
            recorded: the values of the probes, scalars that each step records: float64 (steps,
                probes).
        """
        columns = zip(self._sides, recorded.T, strict=True)
        outside = np.stack([side.outside(values) for side, values in columns], axis=1)
        steps = np.flatnonzero(outside.any(axis=1))
        if not len(steps):
            return None
        first = int(steps[0])
        number_of_side = int(np.argmax(outside[first]))
        side = self._sides[number_of_side]
        return first, side.crossing(float(recorded[first, number_of_side])), side.seen


@dataclass(frozen=True)
class _Side:
    """One bound of a tensor.

    Attributes:
        seen: the observed tensor: the tensor itself, or a variable's next value.
        edge: the bound, rounded to the dtype.
    """

    of: Bounded
    seen: Tensor
    edge: float
    is_high: bool

    def outside(self, values: np.ndarray) -> np.ndarray:
        inside = values <= self.edge if self.is_high else values >= self.edge
        return ~inside  # NaN lies within no bounds

    def crossing(self, value: float) -> Crossing:
        return Crossing(self.of.tensor.name, value, self.of.low, self.of.high, self.is_high)


def _updates(optimizer: Node) -> dict[Node, Tensor]:
    """Return for each variable that an optimizer's step assigns the tensor of its new value, by the
    variable's node.
    """
    assigns = (n for n in ancestors([optimizer]) if n.op.id == "assign")
    return {resolve(node.inputs[0]).node: node.inputs[1] for node in assigns}


def _as(edge: float, tensor: Tensor) -> float:
    """Return a bound rounded to the dtype of a tensor: 0.1 in float32 is a little more."""
    if not tensor.type.is_float:
        return edge
    with np.errstate(over="ignore"):
        return float(np.asarray(edge, as_dtype(tensor.dtype).as_numpy_dtype))


def _probe(side: _Side, optimizer: str) -> Tensor:
    graph: Graph = side.seen.node.graph
    end = "max" if side.is_high else "min"
    if optimizer and side.seen is not side.of.tensor:
        end = f"{end}/{optimizer}"
    name = f"{SCOPE}/{side.of.tensor.name.replace(':', '_')}/{end}"
    if name in graph:  # from an earlier training
        return graph.tensor(name)
    reduce = F.reduce_max if side.is_high else F.reduce_min
    with graph, graph.deriving(name):
        if side.seen.dtype in RECORDED:
            return reduce(side.seen, name=name)
        wide = "float32" if side.seen.type.is_float else "int64"
        return F.cast(reduce(side.seen), wide, name=name)
