"""Nodes that compute nothing themselves: reroute dots, bypassed nodes, muted nodes.

A reroute dot is a node of the document with the op `reroute`: its one output is its one input,
also where that is a dataset's column. How a node takes part is its field `mode`, kept beside its
attributes in the file: `muted` (it does not run, nor does what depends on it) or `bypassed` (each
output is the first input of the same type). The graph has no node for any of them.
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
    """A dot on a wire: it only leads the wire around."""

    id = REROUTE
    category = "Utility"
    doc = "A dot on a wire.\n\nIt leads the wire around; the value passes as it is."
    inputs = (Port("x", "What passes."),)
    outputs = (Port("out", "The same."),)
    hidden = True
    computes = False

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        return types[0]


REROUTE_DECLARATION = RerouteDeclaration()


def origin(doc: Document, wire: Wire) -> Wire:
    """Returns where a wire really starts: the one into the first of the dots it comes through."""
    seen = {wire.key}
    while doc.nodes[wire.source].op == REROUTE:
        before = doc.wires.get((wire.source, "x"))
        if before is None or before.key in seen:
            break
        seen.add(before.key)
        wire = before
    return wire


def passed(
    record: NodeRecord,
    inputs: Iterable[tuple[str, TensorType | None]],
    own: Outputs | None,
    outputs: Sequence[Port],
) -> tuple[dict[str, str], Problem | None]:
    """Says what a bypassed node passes: output port -> input port, and what is wrong with it.

    Args:
        inputs: the wired tensor inputs, in order, with their types.
        own: the types the node's outputs would have, or None where that is unknown; then a node
            with one output passes its first input.
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
    "mode_of",
    "origin",
    "passed",
]
