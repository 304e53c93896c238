"""Bounds: a training ends at the first step in which a watched tensor leaves them.

The smallest and the largest element of each tensor are recorded beside the loss, by the same plan,
so chunks of steps stay whole and no bit changes. A variable counts as the step's update leaves it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from nodeflow.graph.dtypes import as_dtype
from nodeflow.graph.graph import Graph, Node, Tensor, ancestors
from nodeflow.graph.types import TensorType
from nodeflow.ops import functions as F
from nodeflow.ops.composed import resolve
from nodeflow.train.diagnosis.crossing import Crossing
from nodeflow.train.plotted import RECORDED

SCOPE = "bounds"


def can_bound(kind: TensorType) -> bool:
    """Whether values of this type are ordered numbers."""
    return kind.dtype != "bool" and not kind.dtype.startswith(("complex", "string"))


@dataclass(frozen=True)
class Bounded:
    """A tensor whose elements have to stay from ``low`` to ``high``; None bounds nothing."""

    tensor: Tensor
    low: float | None = None
    high: float | None = None


class Bounds:
    """The watched tensors of a training.

    Attributes:
        probes: scalars to record, one for each side that is bounded.
    """

    def __init__(self, watched: Iterable[Bounded], optimizer: Node) -> None:
        updates = _updates(optimizer)
        self._sides: list[_Side] = []
        for one in sorted(watched, key=lambda one: one.tensor.node.index):
            if can_bound(one.tensor.type):
                seen = updates.get(one.tensor.node, one.tensor)
                for edge, is_high in ((one.low, False), (one.high, True)):
                    if edge is not None:
                        self._sides.append(_Side(one, seen, _as(edge, seen), is_high))
        self.probes = [_probe(side) for side in self._sides]

    def __bool__(self) -> bool:
        return bool(self.probes)

    def crossed(self, recorded: np.ndarray) -> tuple[int, Crossing, Tensor] | None:
        """The first of some steps that leaves bounds: its index, how, and by which tensor.

        Args:
            recorded: the values of the probes, float64 (steps, probes).
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
        seen: what is looked at: the tensor, or a variable's next value.
        edge: the bound as the dtype has it.
    """

    of: Bounded
    seen: Tensor
    edge: float
    is_high: bool

    def outside(self, values: np.ndarray) -> np.ndarray:
        inside = values <= self.edge if self.is_high else values >= self.edge
        return ~inside  # NaN lies within nothing

    def crossing(self, value: float) -> Crossing:
        return Crossing(self.of.tensor.name, value, self.of.low, self.of.high, self.is_high)


def _updates(optimizer: Node) -> dict[Node, Tensor]:
    """The variables that a training step changes, and what it sets each to."""
    assigns = (n for n in ancestors([optimizer]) if n.op.id == "assign")
    return {resolve(node.inputs[0]).node: node.inputs[1] for node in assigns}


def _as(edge: float, tensor: Tensor) -> float:
    """A bound as the dtype of a tensor has it: 0.1 of float32 is a little more."""
    if not tensor.type.is_float:
        return edge
    with np.errstate(over="ignore"):
        return float(np.asarray(edge, as_dtype(tensor.dtype).as_numpy_dtype))


def _probe(side: _Side) -> Tensor:
    graph: Graph = side.seen.node.graph
    end = "max" if side.is_high else "min"
    name = f"{SCOPE}/{side.of.tensor.name.replace(':', '_')}/{end}"
    if name in graph:  # from an earlier training
        return graph.tensor(name)
    reduce = F.reduce_max if side.is_high else F.reduce_min
    with graph, graph.deriving(name):
        if side.seen.dtype in RECORDED:
            return reduce(side.seen, name=name)
        wide = "float32" if side.seen.type.is_float else "int64"
        return F.cast(reduce(side.seen), wide, name=name)
