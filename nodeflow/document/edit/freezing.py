"""Freezing and thawing variables, as one undo step; trainings do not change frozen variables."""

from __future__ import annotations

from collections.abc import Collection

from nodeflow.document.analysis.frozen_weights import (
    TRAINABLE,
    Place,
    can_freeze,
    is_frozen,
    is_switched_off,
    learning_nodes,
)
from nodeflow.document.analysis.subgraphs.instance_paths import find_variable, graphs
from nodeflow.document.analysis.subgraphs.loops_and_branches import is_flow
from nodeflow.document.analysis.subgraphs.shared_weights import owner_of
from nodeflow.document.analysis.subgraphs.subgraph_interface import definition_of
from nodeflow.document.analysis.traversal import upstream
from nodeflow.document.edit import commands
from nodeflow.document.edit.references import variable_names, with_variables
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import SUBGRAPH, NodeRecord


def freezable(doc: Document, ids: Collection[str]) -> list[Place]:
    """Return the nodes to freeze for some nodes: variables, layers and instances with weights.

    These are the ones among the nodes; for a node that shares weights, the owner. For a loop or
    branch, they are the ones inside. If there are none, they are the ones upstream.
    """
    return _with_weights(doc, ids) or _with_weights(doc, upstream(doc, ids))


def _with_weights(doc: Document, ids: Collection[str]) -> list[Place]:
    found: dict[tuple[str, str], Place] = {}
    for record in (doc.nodes[i] for i in sorted(ids) if i in doc.nodes):
        own = owner_of(doc, record) or record
        inside = own.op == SUBGRAPH
        if inside and is_flow(own):
            places = list(learning_nodes(doc, own))
        elif inside:
            places = [(doc, own)] if next(learning_nodes(doc, own), None) else []
        else:
            places = [(doc, own)] if can_freeze(own) else []
        found |= {(graph.scope, node.id): (graph, node) for graph, node in places}
    return list(found.values())


def set_trainable(doc: Document, ids: Collection[str], trainable: bool) -> int:
    """Freeze or thaw the variables of nodes, as one undo step; return how many nodes changed.

    An instance of a subgraph is frozen as a whole, and other instances of the definition are not.
    Thawing an instance that is not frozen as a whole thaws the nodes inside it.

    An optimizer that lists a frozen variable by its full name would change it, so the name leaves
    the list. Patterns remain, because they mean trainable variables only.
    """
    found = [place for place in freezable(doc, ids) if is_frozen(*place) == trainable]
    with doc.root.transaction("Thaw" if trainable else "Freeze"):
        for graph, record in found:
            if trainable and record.op == SUBGRAPH and not is_switched_off(record):
                _thaw_inside(graph, record)
            else:
                commands.set_attr(graph, record.id, TRAINABLE, trainable)
        if not trainable:
            _leave_lists(doc, found)
    return len(found)


def _thaw_inside(doc: Document, instance: NodeRecord) -> None:
    for graph, record in _off_inside(doc, instance):
        commands.set_attr(graph, record.id, TRAINABLE, True)


def _off_inside(doc: Document, instance: NodeRecord) -> list[Place]:
    """Return the nodes inside an instance, at any depth, whose `trainable` is false."""
    found: dict[tuple[str, str], Place] = {}
    waiting, seen = [(doc, instance)], set()
    for graph, record in waiting:
        if is_switched_off(record):
            found[graph.scope, record.id] = graph, record
        inside = definition_of(graph, record) if record.op == SUBGRAPH else None
        if inside is not None and inside.scope not in seen:
            seen.add(inside.scope)
            waiting += ((inside, inner) for inner in inside.nodes.values())
    return list(found.values())


def _leave_lists(doc: Document, frozen: list[Place]) -> None:
    """Take frozen variables out of the lists of all optimizers in the file."""
    gone = {record.id for _, record in frozen}  # ids are unique in a file
    for graph in graphs(doc.root):
        for record in list(graph.nodes.values()):
            names = variable_names(record)
            kept = [name for name in names or () if gone.isdisjoint(_path(graph, name))]
            if names is not None and len(kept) < len(names):
                attrs = with_variables(record, kept).attrs
                commands.set_attr(graph, record.id, "variables", attrs["variables"])


def _path(graph: Document, name: object) -> set[str]:
    """Return the ids of the nodes that a variable's scoped name leads through.

    The owners of weights that these nodes share are included.
    """
    found: set[str] = set()
    if not isinstance(name, str):
        return found
    at: Document | None = graph
    path = find_variable(graph, name)
    if path is None:
        at, path = graph.root, find_variable(graph.root, name)
    for record in path or ():
        owner = owner_of(at, record) if at is not None else None
        found |= {record.id, (owner or record).id}
        at = definition_of(at, record) if at is not None else None
    return found
