"""A search for name scopes with equal content: they become instances of one definition.

Two scopes are equal if their nodes have the same names within the scope, ops and attributes, and
the same wires between them; their inputs from outside may differ. The file builds the graph in the
same order as Python did, because gradients add up in that order and training has to give the same
bits. So a scope can only be an instance if its nodes were made one after another.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import Any, NamedTuple

from nodeflow.document.from_graph.flow_names import is_flow_node
from nodeflow.document.from_graph.node_attributes import attributes
from nodeflow.document.from_graph.node_records import wired_inputs
from nodeflow.document.model.records import compact_json
from nodeflow.graph.graph import Node
from nodeflow.ops.composed import Composed

FEWEST = 3
"""The smallest number of nodes in a scope that becomes a subgraph; smaller ones are easier to
read."""

Likeness = Hashable
"""A key that is equal for scopes that are alike."""
Value = tuple[Node, int]
"""A node, and the index of one of its outputs."""


class Alike(NamedTuple):
    """A scope that becomes an instance: the definition that it shares, and all its nodes in
    order.
    """

    kind: Likeness
    nodes: list[Node]


class RepeatedScopes:
    """A comparison of scopes among the nodes of one graph, given in the order of their creation.

    Args:
        fields: further fields of the nodes' records, which are also compared.
        folded: scopes that become instances even if they are small or unique.
    """

    def __init__(
        self,
        nodes: Sequence[Node],
        fields: Mapping[Node, Any],
        folded: Collection[str] = (),
    ) -> None:
        self._folded = folded
        self._index = {node: i for i, node in enumerate(nodes)}
        self._names = {node.name for node in nodes}
        self._waiting = _waiting(nodes)
        self._fields = fields
        self._texts: dict[Node, str] = {}
        self._known: set[Likeness] = set()

    def find(self, nodes: Sequence[Node], prefix: str) -> dict[str, Alike]:
        """Find name scopes with equal content; each becomes an instance of a subgraph.

        Return for each scope, by full name, the definition that it shares.

        Args:
            nodes: the nodes in one scope, in order.
            prefix: that scope's name with `/`; empty for all nodes.
        """
        found: dict[str, Alike] = {}
        level = _scopes(nodes, prefix)
        while level:
            alike = {scope: self._likeness(scope, held) for scope, held in level.items()}
            counts = Counter(kind for kind in alike.values() if kind is not None)
            deeper: dict[str, list[Node]] = {}
            for scope, held in level.items():
                kind = alike[scope]
                many = counts[kind] > 1 or kind in self._known or scope in self._folded
                if kind is not None and many:
                    found[scope] = Alike(kind, held)
                else:
                    deeper.update(_scopes(held, f"{scope}/"))
            self._known.update(scope.kind for scope in found.values())
            level = deeper
        return found

    def _likeness(self, scope: str, nodes: Sequence[Node]) -> Likeness | None:
        """Return a key that is equal for equal scopes; None if the scope cannot be an instance."""
        first, last = self._index[nodes[0]], self._index[nodes[-1]]
        together = last - first == len(nodes) - 1
        few = len(nodes) < FEWEST and scope not in self._folded
        if few or not together or scope in self._names:
            return None
        inside = {node: i for i, node in enumerate(nodes)}
        outside: dict[Value, int] = {}
        parts = []
        for node in nodes:
            order = self._before(node)
            here = inside.keys() >= {*self._waiting.get(node, ()), *order}
            known = all(t.node in self._index for _, t in wired_inputs(node))
            if not (here and known and _can_move(node)):
                return None
            sources = tuple(
                (port, inside[t.node], t.index)
                if t.node in inside
                else (port, -1, outside.setdefault((t.node, t.index), len(outside)))
                for port, t in wired_inputs(node)
            )
            name, waits = node.name[len(scope) + 1 :], tuple(inside[other] for other in order)
            parts.append((name, node.op.id, self._text(node), node.device, sources, waits))
        return tuple(parts)

    def _before(self, node: Node) -> list[Node]:
        return [other for other in node.control_inputs if other in self._index]

    def _text(self, node: Node) -> str:
        if node not in self._texts:
            self._texts[node] = compact_json([attributes(node), self._fields.get(node)])
        return self._texts[node]


def outside_values(nodes: Sequence[Node]) -> dict[Value, str]:
    """Return the values outside that nodes read, each with the name of the first port that reads
    it.
    """
    inside = set(nodes)
    found: dict[Value, str] = {}
    for node in nodes:
        for index, tensor in wired_inputs(node):
            if tensor.node not in inside:
                found.setdefault((tensor.node, tensor.index), node.op.input_name(index))
    return found


def _waiting(nodes: Sequence[Node]) -> dict[Node, list[Node]]:
    """Return node -> the nodes that wait for it because of a control input."""
    found: dict[Node, list[Node]] = {}
    for node in nodes:
        for before in node.control_inputs:
            found.setdefault(before, []).append(node)
    return found


def _scopes(nodes: Sequence[Node], prefix: str) -> dict[str, list[Node]]:
    """Return the outermost scopes within a prefix, by full name, with all their nodes."""
    found: dict[str, list[Node]] = {}
    for node in nodes:
        part, slash, _ = node.name[len(prefix) :].partition("/")
        if slash:
            found.setdefault(prefix + part, []).append(node)
    return found


def _can_move(node: Node) -> bool:
    """Return whether a node can be moved into a subgraph without a change of its results.

    It cannot if it is a placeholder, a loop or branch, refers to other nodes by name, is expanded
    from other nodes of the graph, or draws random numbers from a stream that is not named like it.
    """
    op = node.op
    late = op.macro and not isinstance(op, Composed)
    named = any(attr.kind == "names" for attr in op.attrs)
    drawn = op.random and node.stream != node.name
    return not (late or named or drawn or op.id == "placeholder" or is_flow_node(node))
