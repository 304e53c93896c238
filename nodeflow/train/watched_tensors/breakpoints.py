"""Breakpoints: a training pauses after the first step in which a watched tensor hits.

A float hits if it is not finite, a bool if it is true, so every condition that ops can express is a
breakpoint: `loss > 3`. Each watched tensor is reduced to a scalar, which the engine records beside
the loss of the step.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from nodeflow.graph.graph import Tensor
from nodeflow.graph.types import TensorType
from nodeflow.ops import functions as F

SCOPE = "breakpoints"


def can_hit(kind: TensorType) -> bool:
    """Return whether a value of this type can hit a breakpoint. Integers cannot: they are always
    finite.
    """
    return kind.dtype == "bool" or kind.is_float


class Breakpoints:
    """The tensors of a training that have breakpoints.

    Attributes:
        probes: for each tensor that can hit, a scalar that is 1 in a step that hits, else 0.
    """

    def __init__(self, watched: Iterable[Tensor]) -> None:
        self._watched = [t for t in watched if can_hit(t.type)]
        self.probes = [_probe(t) for t in self._watched]

    def __bool__(self) -> bool:
        return bool(self.probes)

    def hits(self, recorded: Sequence[float] | np.ndarray) -> tuple[str, ...]:
        """Return the names of the nodes whose breakpoint was hit in one step.

        Args:
            recorded: for each breakpoint whether its condition was true, as a number.
        """
        found = [t.node.name for t, v in zip(self._watched, recorded, strict=True) if v]
        return tuple(dict.fromkeys(found))

    def reason(self, nodes: Iterable[str]) -> str:
        """Return why the breakpoints of these nodes stopped the training, such as `loss is not
        finite, large is true`.
        """
        truths = {t.node.name: t.dtype == "bool" for t in self._watched}
        return ", ".join(f"{n} is {'true' if truths[n] else 'not finite'}" for n in nodes)


def _probe(tensor: Tensor) -> Tensor:
    graph, name = tensor.node.graph, f"{SCOPE}/{tensor.name.replace(':', '_')}"
    if name in graph:  # from an earlier training
        return graph.tensor(name)
    with graph, graph.deriving(name):
        found = tensor if tensor.dtype == "bool" else ~F.less(F.abs(tensor), np.inf)
        return F.cast(F.reduce_any(found), "float32", name=name)
