"""A recurrent graph as a graph of one step, whose state is fed and fetched.

Its nodes are added to the same graph, with the same variables. This is possible only if all ops
treat each step by itself, except recurrent layers.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from nodeflow.errors import NodeflowError
from nodeflow.graph.graph import Node, Tensor, ancestors
from nodeflow.ops.elementwise import Elementwise
from nodeflow.ops.rnn.kinds import Layer as RecurrentLayer

LAST_AXIS = frozenset({"softmax", "log_softmax", "one_hot", "layer_normalization", "reduce_mean",
                       "reduce_max", "reduce_sum", "reduce_min", "argmax", "top_k"})  # fmt: skip
"""Ops that treat each step by itself if they work along the last axis."""


@dataclass
class Stepwise:
    """One step of a recurrent graph.

    Attributes:
        tokens: the placeholder for one token, (1, 1).
        out: the result for one step.
        states: placeholder of each state -> its new value.
    """

    tokens: Tensor
    out: Tensor
    states: dict[Tensor, Tensor] = field(default_factory=dict)


class _Mixed(Exception):
    """The signal that an op mixes steps."""


def stepwise(out: Tensor, tokens: Tensor) -> Stepwise | None:
    """Build a graph that computes one step of a recurrent model at a time. Return None without a
    recurrent layer, or if any other op combines steps.

    Args:
        out: a tensor with a row for each step.
        tokens: the placeholder of tokens: (rows, steps).
    """
    graph = out.graph
    mark = len(graph.nodes)
    with graph, graph.name_scope("one_step"):
        one = graph.apply("placeholder", dtype=tokens.dtype, shape=(1, 1), name="token")
        copier = _Copier(tokens, one)
        try:
            found = copier.copy(out)
        except (_Mixed, NodeflowError):
            return None
    if not copier.states or tuple(found.shape[:-1]) != (1, 1) or len(graph.nodes) == mark:
        return None
    return Stepwise(one, found, copier.states)


class _Copier:
    """A copier of the nodes between tokens and a result, for one step."""

    def __init__(self, tokens: Tensor, one: Tensor) -> None:
        self.tokens, self.one = tokens, one
        self.states: dict[Tensor, Tensor] = {}
        self._known: dict[Node, list[Tensor]] = {}
        self._varies: dict[Node, bool] = {}

    def copy(self, tensor: Tensor) -> Tensor:
        """Return the tensor of one step that corresponds to a tensor of all steps.

        Raises:
            _Mixed: an op mixes steps.
        """
        node = tensor.node
        if tensor is self.tokens:
            return self.one
        if not self._depends(node):
            return tensor
        if node.alias and not isinstance(node.op, RecurrentLayer):
            target = node.alias[tensor.index]
            assert target is not None
            return self.copy(target)
        if node not in self._known:
            self._known[node] = self._copied(node)
        return self._known[node][tensor.index]

    def _depends(self, node: Node) -> bool:
        if node not in self._varies:
            self._varies[node] = self.tokens.node in ancestors([node])
        return self._varies[node]

    def _copied(self, node: Node) -> list[Tensor]:
        if isinstance(node.op, RecurrentLayer):
            return self._recurrent(node, node.op)
        if not self._keeps_steps(node):
            raise _Mixed(node.name)
        inputs = [self.copy(tensor) for tensor in node.inputs]
        made = self.one.graph.add_node(node.op, inputs, node.attrs)
        return list(made.outputs)

    def _recurrent(self, node: Node, op: RecurrentLayer) -> list[Tensor]:
        x, *weights = node.inputs
        if node.attrs["reverse"] or len(weights) > 3 or any(map(self._varying, weights)):
            raise _Mixed(node.name)
        graph, units = self.one.graph, weights[1].shape[0]
        given = [
            graph.apply("placeholder", dtype=x.dtype, shape=(1, units), name=state)
            for state in op.states
        ]
        made = graph.add_node(op, [self.copy(x), *weights, *given], node.attrs)
        self.states |= dict(zip(given, made.outputs[1:], strict=True))
        return list(made.outputs)

    def _varying(self, tensor: Tensor) -> bool:
        return self._depends(tensor.node)

    def _keeps_steps(self, node: Node) -> bool:
        """Return whether an op computes each step by itself."""
        op, attrs = node.op, node.attrs
        if isinstance(op, Elementwise):
            return True
        if op.id in ("gather", "matmul"):
            first, second = node.inputs[:2]
            table, moving = (first, second) if op.id == "gather" else (second, first)
            if self._varying(table) or len(table.shape) != 2 or not self._varying(moving):
                return False
            if op.id == "gather":
                return attrs["axis"] == 0
            return not (attrs.get("transpose_x") or attrs.get("transpose_y"))
        axis = attrs.get("axis", -1)
        last = len(node.inputs[0].shape) - 1
        return op.id in LAST_AXIS and axis in (-1, last, (-1,), (last,), [-1], [last])
