"""A cache of inferred types: in a large graph, and after undo, the same inference is needed often.

A key contains everything that the result depends on, so a result never becomes stale: the
declaration (a redeclared op is another object), the attributes, and the types wired into each port.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from nodeflow.document.analysis.datasets.dataset_node import DATASET
from nodeflow.document.analysis.inference.node_inference import Inferred, Outputs
from nodeflow.document.analysis.passthrough_nodes import REROUTE
from nodeflow.document.analysis.plain_declaration import plain_declaration
from nodeflow.document.analysis.port_names import DONE
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import INPUTS, SUBGRAPH, Json, NodeRecord, mode_of, share_of
from nodeflow.graph.declaration import NodeDeclaration
from nodeflow.graph.types import TensorType

MOST = 50_000
"""The maximum number of cached results; when it is reached, the cache is cleared."""
_CARRY = {DATASET, REROUTE, SUBGRAPH, INPUTS}
"""Ops whose outputs need not be values."""

CacheKey = tuple


class InferenceCache:
    """Results without problems, by key. Results with problems are not cached, because they contain
    names.

    Equal results are one object: a large graph has few different ones.
    """

    def __init__(self) -> None:
        self._found: dict[CacheKey, tuple[dict[str, Json], Inferred]] = {}
        self._equal: dict[tuple[tuple[str, TensorType], ...], Inferred] = {}

    def get(self, key: CacheKey) -> Inferred | None:
        """Return the cached result, or None."""
        found = self._found.get(key)
        return None if found is None else found[1]

    def put(self, key: CacheKey, record: NodeRecord, result: Inferred) -> Inferred:
        """Store an inferred result, unless it has problems.

        Return the result, or an equal one that is stored already, so that equal results share one
        object.
        """
        if result.problems:
            return result
        if len(self._found) >= MOST:
            self.clear()
        if result.out is not None and not result.passes and not result.kinds:
            result = self._equal.setdefault(tuple(result.out.items()), result)
        # The cache holds the attributes, so that their id is not reused.
        self._found[key] = (record.attrs, result)
        return result

    def clear(self) -> None:
        """Drop all results."""
        self._found.clear()
        self._equal.clear()


def cache_key(
    doc: Document, record: NodeRecord, out_types: Callable[[str], Outputs | None]
) -> CacheKey | None:
    """Return the cache key of a node, or None if its types depend on more than its wires.

    `out_types(id)` returns the types of a source. Attributes are compared by identity, since they
    are never changed in place; moving and renaming a node keep them.
    """
    op = plain_declaration(record.op)
    if op is None or names_others(op) or mode_of(record) or share_of(record):
        return None
    wired = []
    for source, source_port, _, port in doc.incoming.at(record.id):
        if doc.nodes[source].op in _CARRY or source_port == DONE:
            return None
        out = out_types(source)
        known = None if out is None else out.get(source_port)
        if out is not None and known is None:
            return None  # unknown output
        wired.append((port, known))
    if len(wired) > 1:
        wired.sort(key=_port)  # undo restores wires in another order
    return (op, id(record.attrs) if record.attrs else 0, *wired)


@lru_cache(maxsize=1024)
def names_others(op: NodeDeclaration) -> bool:
    """Return whether an op has an attribute that names other nodes."""
    return any(attr.kind == "names" for attr in op.attrs)


def _port(wired: tuple) -> str:
    return wired[0]
