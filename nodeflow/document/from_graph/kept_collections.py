"""The collections of a graph and its seed, as stored in a file.

A node's record lists its collections, so an edit in the window keeps them: ``"collections":
{"losses": ["out"]}``. The members are names of outputs, an empty name for the node itself, and
``/kernel`` for a layer's variable. They are in the order of the nodes. A variable with its own
choice of collections has ``"variable_collections"``. The seed of `set_random_seed` is the file's
field ``seed``.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from nodeflow.document.from_graph.flow_names import out_port
from nodeflow.document.model.records import Json
from nodeflow.graph.graph import Graph, Node, Tensor
from nodeflow.number_text import whole_number
from nodeflow.ops.training_mode import FLAG
from nodeflow.ops.variables.collections import PLACED
from nodeflow.ops.variables.store import STORE

FIELD, PLACES, SEED = "collections", "variable_collections", "seed"
_OWN = (PLACED, STORE, FLAG)
"""Internal collections, not made by programs."""

Kept = dict[str, Any]
"""The fields of a node's record about collections."""


class NotKept(UserWarning):
    """The warning that a collection has a member that a file cannot store."""


def kept_fields(graph: Graph) -> dict[Node, Kept]:
    """Return a dict: node -> fields of its record that list the collections in which the node, or
    one of its tensors, is a member.

    Members that are neither nodes nor tensors are left out, with a warning.
    """
    found: dict[Node, Kept] = {}
    lost: dict[str, str] = {}
    for name, members in graph.collections.items():
        for member in members if name not in _OWN else ():
            place = _place(graph, member)
            if place is None:
                lost[name] = type(member).__name__
                continue
            node, part = place
            parts = found.setdefault(node, {}).setdefault(FIELD, {}).setdefault(name, [])
            if part not in parts:
                parts.append(part)
    for variable, names in graph.collections.get(PLACED, ()):
        if variable.node.derived_from is None:
            found.setdefault(variable.node, {})[PLACES] = list(names)
    if lost:
        named = ", ".join(f"{name!r} ({kind})" for name, kind in lost.items())
        text = f"a file keeps nodes and tensors of collections, and nothing else: {named}"
        warnings.warn(text, NotKept, stacklevel=5)
    return found


def _place(graph: Graph, member: Any) -> tuple[Node, str] | None:
    """Return the node that stores a member of a collection, and the member's name relative to it.

    Return None for a member that a file cannot store.
    """
    node = member.node if isinstance(member, Tensor) else member
    if not isinstance(node, Node) or node.name not in graph or graph.node(node.name) is not node:
        return None
    if node.derived_from is None:
        return node, out_port(node, member.index) if isinstance(member, Tensor) else ""
    owner, scope = graph.node(node.derived_from), f"{node.derived_from}/"
    return (owner, f"/{member.name.removeprefix(scope)}") if node.name.startswith(scope) else None


def restore(graph: Graph, records: Mapping[Node, Mapping[str, Json]]) -> None:
    """Put nodes into the collections that their records name.

    Args:
        records: node -> the fields of its record beside its attributes.
    """
    for node in sorted(records, key=lambda node: node.index):
        fields = records[node]
        names = fields.get(PLACES)
        if isinstance(names, list) and node.outputs:
            places = tuple(name for name in names if isinstance(name, str))
            graph.add_to_collection(PLACED, (node.outputs[0], places))
        found = fields.get(FIELD)
        for name, parts in found.items() if isinstance(found, dict) else ():
            for part in parts if isinstance(parts, list) else ():
                member = _part(graph, node, part)
                if member is not None and name not in _OWN:
                    graph.add_to_collection(name, member)


def _part(graph: Graph, node: Node, part: Json) -> Any:
    if part == "":
        return node
    if not isinstance(part, str):
        return None
    if part.startswith("/"):
        name, _, index = f"{node.name}{part}".partition(":")
        inside = graph.node(name).outputs if name in graph else ()
        number = whole_number(index) or 0
        return inside[number] if 0 <= number < len(inside) else None
    return next((t for t in node.outputs if out_port(node, t.index) == part), None)


def seed_of(fields: Mapping[str, Json]) -> int | None:
    """Return the graph's seed from the fields of a file, or None."""
    seed = fields.get(SEED)
    return seed if isinstance(seed, int) and not isinstance(seed, bool) else None
