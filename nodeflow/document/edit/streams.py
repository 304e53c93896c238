"""Streams of random numbers: kept when a node is renamed, grouped or unpacked; new for a copy.

A random op draws from the run's seed and its stream, which is the name that the node had first. So
renaming a node, or moving it into a subgraph, changes no number. The field `stream` is stored only
if it differs from the name (`records.stream_of`). An instance of a subgraph stores a prefix for the
streams inside it; the prefix is empty if grouping made the instance.

A stream is unique in the graph that runs. Few nodes store one, so the search for another node with
the same stream compares only a few names (`_Search`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain, count

from nodeflow.document.analysis.datasets.dataset_node import DATASET
from nodeflow.document.analysis.node_flags import with_field
from nodeflow.document.analysis.plain_declaration import plain_declaration
from nodeflow.document.analysis.subgraphs.instance_paths import (
    DEEPEST,
    graphs,
    instances_in,
    instances_of,
)
from nodeflow.document.analysis.subgraphs.subgraph_interface import BORDER, definition_of
from nodeflow.document.model.document import Document
from nodeflow.document.model.names import check_name
from nodeflow.document.model.records import SUBGRAPH, NodeRecord, stream_of
from nodeflow.graph.op import Op


def draws(record: NodeRecord) -> bool:
    """Return whether a node, or a node inside it, draws random numbers. For an unknown op,
    return True.
    """
    op = plain_declaration(record.op)
    return op.random if isinstance(op, Op) else op is None and record.op not in (*BORDER, DATASET)


def with_stream(record: NodeRecord, stream: str) -> NodeRecord:
    """Return a node with this stream, which is stored only if it differs from the name."""
    if stream == stream_of(record) and (stream != record.name or not record.extra):
        return record
    return with_field(record, "stream", None if stream == record.name else stream)


def renamed(record: NodeRecord, name: str) -> NodeRecord:
    """Return a node with another name and an unchanged stream; raise BadName."""
    found = replace(record, name=check_name(name))
    return with_stream(found, stream_of(record)) if draws(record) else found


def with_free_stream(graph: Document, record: NodeRecord) -> NodeRecord:
    """Return a node that is to be added to a graph, with a stream that no other node has.

    The stream stays if it is free; else it becomes the node's name, or `NAME@ID`.
    """
    if not draws(record):
        return record
    if stream_of(record) == record.name and not any(g.streams for g in graphs(graph)):
        return record
    search = _Search(graph, record)
    last = f"{record.name}@{record.id}"
    more = (f"{last}_{number}" for number in count(1))
    streams = chain((stream_of(record), record.name, last), more)
    return with_stream(record, next(s for s in streams if search.is_free(s)))


class _Search:
    """A search for other nodes of the file with the stream of a node of one graph.

    Streams are compared as they are in the graph that runs, with the prefixes of all instances.
    """

    def __init__(self, graph: Document, record: NodeRecord) -> None:
        self._root = graph.root
        self._record = record
        self._inside = definition_of(graph, record) if record.op == SUBGRAPH else None
        op = plain_declaration(record.op)
        self._derives = isinstance(op, Op) and op.macro
        self._prefixes = set(_prefixes(graph))

    def is_free(self, stream: str) -> bool:
        """Return whether no other node has this stream; for an instance, whether the prefix is
        free.
        """
        if self._record.op != SUBGRAPH and any(
            self._holds(self._root, prefix + stream) for prefix in self._prefixes
        ):
            return False
        if self._record.op != SUBGRAPH and not self._derives:
            return True
        if stream:
            return not any(self._is_prefix(self._root, p + stream) for p in self._prefixes)
        inner = list(_streams(self._inside)) if self._inside is not None else []
        return not any(self._holds(self._root, p + s) for p in self._prefixes for s in inner)

    def _holds(self, graph: Document, stream: str) -> bool:
        """Return whether another node in a graph, or in an instance at any depth, has a stream."""
        for record in self._others(graph, graph.ids_by_stream.get(stream, ())):
            if record.op != SUBGRAPH and draws(record):
                return True
        named = graph.node_named(stream)
        if named is not None and self._is_other(graph, named) and draws(named):
            return True
        return any(self._holds(inside, rest) for inside, rest in self._behind(graph, stream))

    def _is_prefix(self, graph: Document, prefix: str) -> bool:
        """Return whether another instance has this prefix, or another node's stream begins with
        it.
        """
        scope = f"{prefix}/"
        for record in self._others(graph, graph.streams):
            found = stream_of(record)
            if found.startswith(scope) or (record.op == SUBGRAPH and found == prefix):
                return True
        named = graph.node_named(prefix)
        if named is not None and named.op == SUBGRAPH and self._is_other(graph, named):
            return True
        slashed = (name for name in graph.slashed if name.startswith(scope))
        if any(self._is_other(graph, graph.nodes[graph.ids_by_name[name]]) for name in slashed):
            return True
        return any(self._is_prefix(inside, rest) for inside, rest in self._behind(graph, prefix))

    def _behind(self, graph: Document, stream: str) -> Iterator[tuple[Document, str]]:
        """Yield each subgraph definition that may hold the node of a random stream.

        Each comes with the rest of the stream's name, after the prefix of the instance.
        """
        found = list(self._others(graph, graph.prefixed))
        parts = stream.split("/")
        for depth in range(1, min(len(parts), DEEPEST)):
            named = graph.node_named("/".join(parts[:depth]))
            if named is not None and named.op == SUBGRAPH and self._is_other(graph, named):
                found.append(named)
        for record in found:
            prefix = stream_of(record)
            scope = f"{prefix}/" if prefix else ""
            inside = definition_of(graph, record)
            if inside is not None and stream.startswith(scope):
                yield inside, stream.removeprefix(scope)

    def _others(self, graph: Document, ids: Iterable[str]) -> Iterator[NodeRecord]:
        """Yield the nodes of a graph with these ids, except the node being searched for."""
        return (graph.nodes[i] for i in ids if i != self._record.id)

    def _is_other(self, graph: Document, record: NodeRecord) -> bool:
        """Return whether a node with a matching name is a different node whose stream is its
        name.
        """
        return record.id != self._record.id and record.id not in graph.streams


def _prefixes(graph: Document, depth: int = 0) -> Iterator[str]:
    """Yield the prefixes of the streams of a graph, one for each of its instances in the file."""
    if not graph.scope or depth > DEEPEST:
        yield ""
        return
    for holder, record in instances_of(graph, graph.scope):
        own = stream_of(record)
        for outer in set(_prefixes(holder, depth + 1)):
            yield f"{outer}{own}/" if own else outer


def _streams(graph: Document, depth: int = 0) -> Iterator[str]:
    """Yield the streams in a graph and in its instances, at any depth."""
    for record in graph.nodes.values():
        if record.op != SUBGRAPH and draws(record):
            yield stream_of(record)
    if depth > DEEPEST:
        return
    for record in instances_in(graph):
        inside, prefix = definition_of(graph, record), stream_of(record)
        scope = f"{prefix}/" if prefix else ""
        for stream in _streams(inside, depth + 1) if inside is not None else ():
            yield scope + stream
