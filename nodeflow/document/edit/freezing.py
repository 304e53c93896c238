"""Freezing and thawing variables, as one undo step; trainings do not change frozen variables."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from nodeflow.document.analysis.plain_declaration import plain_declaration
from nodeflow.document.analysis.subgraphs.subgraph_interface import definition_of
from nodeflow.document.analysis.traversal import upstream
from nodeflow.document.edit import commands
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import SUBGRAPH, NodeRecord

TRAINABLE = "trainable"

Place = tuple[Document, NodeRecord]
"""A graph, and a node in it."""


def freezable(doc: Document, ids: Collection[str]) -> list[Place]:
    """Return the variables and layers to freeze for some nodes.

    These are the variables and layers among the nodes and inside them. If there are none, they are
    the ones upstream.
    """
    own = list(_learning(doc, ids))
    return own or list(_learning(doc, upstream(doc, ids)))


def set_trainable(doc: Document, ids: Collection[str], trainable: bool) -> int:
    """Freeze or thaw the variables of nodes, as one undo step; return how many changed.

    In a subgraph with several instances, all instances change.
    """
    found = [
        (graph, record)
        for graph, record in freezable(doc, ids)
        if record.attrs.get(TRAINABLE, True) != trainable
    ]
    with doc.root.transaction("Thaw" if trainable else "Freeze"):
        for graph, record in found:
            commands.set_attr(graph, record.id, TRAINABLE, trainable)
    return len(found)


def _learning(doc: Document, ids: Collection[str]) -> Iterator[Place]:
    seen: set[str] = set()
    waiting = [(doc, doc.nodes[i]) for i in sorted(ids) if i in doc.nodes]
    for graph, record in waiting:
        inside = definition_of(graph, record) if record.op == SUBGRAPH else None
        if inside is not None:
            if inside.scope not in seen:
                seen.add(inside.scope)
                waiting += ((inside, inner) for inner in inside.nodes.values())
            continue
        declared = plain_declaration(record.op)
        if declared is not None and any(a.name == TRAINABLE for a in declared.attrs):
            yield graph, record
