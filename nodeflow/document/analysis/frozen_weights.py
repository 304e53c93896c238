"""Frozen weights: which nodes have weights, and whether optimizers leave all of them unchanged.

Variables, layers and instances of subgraphs have the attribute `trainable`. An instance whose
`trainable` is false freezes everything inside it, whatever the nodes inside say. A node that shares
weights is frozen if its owner is.
"""

from __future__ import annotations

from collections.abc import Iterator

from nodeflow.document.analysis.plain_declaration import plain_declaration
from nodeflow.document.analysis.subgraphs.loops_and_branches import is_flow
from nodeflow.document.analysis.subgraphs.shared_weights import owner_of
from nodeflow.document.analysis.subgraphs.subgraph_interface import definition_of
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import SUBGRAPH, NodeRecord

TRAINABLE = "trainable"

Place = tuple[Document, NodeRecord]
"""A graph, and a node in it."""


def can_freeze(record: NodeRecord) -> bool:
    """Return whether a node is a variable or a layer, so that it has the attribute `trainable`."""
    declared = plain_declaration(record.op) if record.op != SUBGRAPH else None
    return declared is not None and any(attr.name == TRAINABLE for attr in declared.attrs)


def is_switched_off(record: NodeRecord) -> bool:
    """Return whether the node's own attribute `trainable` is false."""
    return bool(record.attrs) and record.attrs.get(TRAINABLE, True) is False


def learning_nodes(doc: Document, record: NodeRecord) -> Iterator[Place]:
    """Yield the variables and layers of a node, each with its graph: itself, or all inside it.

    The inside of each definition comes once, and nodes that share weights are left out.
    """
    seen: set[str] = set()
    waiting = [(doc, owner_of(doc, record) or record)]
    for graph, found in waiting:
        inside = definition_of(graph, found) if found.op == SUBGRAPH else None
        if inside is not None:
            if inside.scope not in seen:
                seen.add(inside.scope)
                inner = inside.nodes.values()
                waiting += ((inside, each) for each in inner if "share" not in each.extra)
        elif can_freeze(found):
            yield graph, found


def is_frozen(doc: Document, record: NodeRecord) -> bool:
    """Return whether a node has weights that optimizers leave unchanged unless they name them."""
    owner = owner_of(doc, record) or record
    if owner.op != SUBGRAPH:
        return is_switched_off(owner) and can_freeze(owner)
    if is_switched_off(owner) and not is_flow(owner):
        return next(learning_nodes(doc, owner), None) is not None
    return _all_frozen(doc, owner, frozenset()) is True


def _all_frozen(doc: Document, instance: NodeRecord, around: frozenset[str]) -> bool | None:
    """Return whether everything inside an instance is frozen; None if nothing there has weights."""
    inside = definition_of(doc, instance)
    if inside is None or inside.scope in around:
        return None
    found = None
    for record in inside.nodes.values():
        if record.op == SUBGRAPH:
            frozen = _all_frozen(inside, record, around | {inside.scope})
            if frozen is not None and is_switched_off(record) and not is_flow(record):
                frozen = True
        else:
            frozen = is_switched_off(record) if can_freeze(record) else None
        if frozen is False and "share" not in record.extra:
            return False
        found = frozen or found
    return found
