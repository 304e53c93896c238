"""Nodes that compute nothing: reroute dots, bypassed nodes, muted nodes.

A reroute dot is a node with the op `reroute`: its output is its input, which may also be a column
of a data set. The field `mode` of a node, stored beside its attributes, is `muted` (neither the
node nor its dependents run) or `bypassed` (each output is the first input of the same type). The
graph contains none of these nodes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from nodeflow.document.model.document import Document
from nodeflow.document.model.problems import Problem
from nodeflow.document.model.records import BYPASSED, MUTED, NodeRecord, Wire, mode_of
from nodeflow.graph.declaration import NodeDeclaration, Port
from nodeflow.graph.types import TensorType

REROUTE = "reroute"
Outputs = Mapping[str, TensorType]


class RerouteDeclaration(NodeDeclaration):
    """The declaration of a reroute dot, which only forwards a wire."""

    id = REROUTE
    category = "Utility"
    doc = "A dot on a wire.\n\nIt bends the wire; the value passes unchanged."
    inputs = (Port("x", "What passes."),)
    outputs = (Port("out", "The same."),)
    hidden = True
    computes = False

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        return types[0]


REROUTE_DECLARATION = RerouteDeclaration()


def origin(doc: Document, wire: Wire) -> Wire:
    """Return the first wire of a chain of reroute dots that ends with this wire."""
    seen = {wire.key}
    while doc.nodes[wire.source].op == REROUTE:
        before = doc.wires.get((wire.source, "x"))
        if before is None or before.key in seen:
            break
        seen.add(before.key)
        wire = before
    return wire


def bypass_routes(
    record: NodeRecord,
    inputs: Iterable[tuple[str, TensorType | None]],
    own: Outputs | None,
    outputs: Sequence[Port],
) -> tuple[dict[str, str], Problem | None]:
    """Return output port -> input port of a bypassed node, and its problem if it has one.

    Args:
        inputs: the wired tensor inputs, in order, with their types.
        own: the types that the node's outputs would have, or None if unknown. If unknown, a node
            with one output forwards its first input.
        outputs: the node's out-ports.
    """
    wired = list(inputs)
    if own is None:
        one = len(outputs) == 1 and not outputs[0].variadic
        if one and wired:
            return {outputs[0].name: wired[0][0]}, None
        return {}, _no_way(record, "nothing is wired into it" if one else "its type is unknown")
    routes: dict[str, str] = {}
    for port, kind in own.items():
        source = next((name for name, given in wired if given == kind), None)
        if source is None:
            return {}, _no_way(record, f"no input has the type of `{port}`, {kind}")
        routes[port] = source
    return routes, None


def _no_way(record: NodeRecord, why: str) -> Problem:
    return Problem(
        record.name,
        None,
        f"`{record.name}` is bypassed, but {why}",
        "Mute it instead, or put another node in its place.",
        kind="GraphError",
    )


__all__ = [
    "BYPASSED",
    "MUTED",
    "REROUTE",
    "REROUTE_DECLARATION",
    "RerouteDeclaration",
    "bypass_routes",
    "mode_of",
    "origin",
]
