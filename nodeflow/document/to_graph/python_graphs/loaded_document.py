"""The document that a loaded graph was made from, so that saving the graph loses nothing.

A graph only grows: Python can only add to a loaded graph. So a saved file is the loaded document
plus the added nodes (see `python_additions`).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

from nodeflow.data.errors import OutsideData
from nodeflow.document.from_graph.kept_collections import Kept, kept_fields, restore
from nodeflow.document.model.document import Document
from nodeflow.document.model.names import natural_key
from nodeflow.document.model.records import NodeRecord
from nodeflow.document.to_graph.build_result import Build
from nodeflow.graph.graph import Graph, Node
from nodeflow.number_text import counted
from nodeflow.ops import REGISTRY


@dataclass(frozen=True)
class Origin:
    """The source of a loaded graph.

    Attributes:
        document: the document as it was read; nothing changes it.
        paths: node of the graph -> its path of ids in the document (`n4`, `n9/n4`).
        count: the number of nodes when the graph was loaded.
        shapes: the loaded shapes of placeholders, which `set_shape` changes.
        kept: the collections of the nodes, as their records list them.
    """

    document: Document
    paths: dict[Node, str]
    count: int
    shapes: dict[Node, Any]
    kept: dict[Node, Kept]


def keep_origin(built: Build) -> Graph:
    """Attach a document to the graph that was built from it, so that saving the graph keeps the
    document. Return the graph.
    """
    graph, records = built.graph, built.document.nodes
    # a dot or bypassed node shares the graph's node of the value that it passes on
    own = {node: i for i, node in built.nodes.items() if records[i].name == node.name}
    names = [*built.document.names, *built.instances]
    graph.occupy(names)
    graph.occupy(name[:end] for name in names for end in _ends_of_scopes(name))
    shapes = {node: node.attrs["shape"] for node in own if node.op.id == "placeholder"}
    restore(graph, {node: records[i].extra for node, i in own.items()})
    graph.origin = Origin(built.source, own, len(graph.nodes), shapes, kept_fields(graph))
    return graph


def _ends_of_scopes(name: str) -> list[int]:
    return [i for i, letter in enumerate(name) if letter == "/"]


def origin_of(graph: Graph) -> Origin | None:
    """Return the document that a graph was loaded from, as its `Origin`.

    Return None for a graph made in Python.
    """
    return graph.origin if isinstance(graph.origin, Origin) else None


class UnknownNodes(UserWarning):
    """The warning that a file holds nodes which this version of the program does not know."""


def refuse_broken(built: Build) -> None:
    """Raise the first error that stops a node from running.

    Nodes of unknown ops or with unknown attributes, and their dependents, cause no error: they stay
    in the file, and a warning says that the graph lacks them.
    """
    unknown: list[NodeRecord] = []
    for node_id in sorted(built.skipped, key=natural_key):
        first = built.why_skipped(node_id)[0]
        cause = built.document.node_named(first.node)
        if cause is None or first.kind == OutsideData.__name__ or not _is_unknown(cause):
            raise first.as_error()
        if cause.id == node_id:
            unknown.append(cause)
    if unknown:
        named = ", ".join(f"`{record.name}` ({record.op})" for record in unknown[:3])
        more = ", ..." if len(unknown) > 3 else ""
        warnings.warn(
            f"the graph lacks {counted(len(unknown), 'node')} that this version does not know, "
            f"and the nodes that depend on them: {named}{more}. Saving keeps them.",
            UnknownNodes,
            stacklevel=4,
        )


def _is_unknown(record: NodeRecord) -> bool:
    if record.op not in REGISTRY:
        return True
    known = {attr.name for attr in REGISTRY.lookup(record.op).attrs}
    return not known.issuperset(record.attrs)
