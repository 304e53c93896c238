"""The piece of a graph between two sets of tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nodeflow.graph.graph import Node, Tensor
from nodeflow.ops.composed import resolve


@dataclass(frozen=True)
class Piece:
    """The nodes between two sets of tensors.

    Attributes:
        xs: float tensors that are varied.
        ys: float tensors that depend on the xs.
        nodes: nodes between them, in the graph's order.
        fixed: other tensors that these nodes read.
    """

    xs: tuple[Tensor, ...]
    ys: tuple[Tensor, ...]
    nodes: tuple[Node, ...]
    fixed: tuple[Tensor, ...]

    @property
    def needed(self) -> tuple[Tensor, ...]:
        """The tensors whose values a check needs."""
        return self.xs + self.fixed


def piece_between(xs: Sequence[Tensor], ys: Sequence[Tensor]) -> Piece | None:
    """Return the part of the graph between ``xs`` and ``ys``; None if no y depends on an x through
    floats.

    Paths through integers, booleans and `stop_gradient` do not count, as for gradients.
    """
    given = tuple(dict.fromkeys(t for t in map(resolve, xs) if t.type.is_float))
    wanted = tuple(dict.fromkeys(t for t in map(resolve, ys) if t.type.is_float))
    carries = set(given)
    moving: list[Node] = []
    for node in sorted(_behind(wanted, carries), key=lambda node: node.index):
        sources = [resolve(tensor) for tensor in node.inputs]
        if node.op.id != "stop_gradient" and not carries.isdisjoint(sources):
            found = [t for t in node.outputs if t.type.is_float and t not in given]
            if found:
                carries.update(found)
                moving.append(node)
    reached = tuple(tensor for tensor in wanted if tensor in carries and tensor not in given)
    if not reached:
        return None
    used = _behind(reached, set(given))
    nodes = tuple(node for node in moving if node in used)
    read = (resolve(tensor) for node in nodes for tensor in node.inputs)
    fixed = tuple(dict.fromkeys(tensor for tensor in read if tensor not in carries))
    return Piece(given, reached, nodes, fixed)


def _behind(tensors: Sequence[Tensor], ends: set[Tensor]) -> set[Node]:
    """Return the nodes on which tensors depend, directly or indirectly. The search stops at the
    tensors ``ends``.
    """
    found: set[Node] = set()
    waiting = [tensor for tensor in tensors if tensor not in ends]
    while waiting:
        node = waiting.pop().node
        if node not in found:
            found.add(node)
            waiting += [t for t in map(resolve, node.inputs) if t not in ends]
    return found
