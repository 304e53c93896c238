"""The names that a model's inputs, outputs and sizes have in the file that it came from.

``sigmoid_0.tmp_0`` and ``input:0`` are no names of nodes. A node's record keeps such a name through
renaming, and fetches, feeds and exports take it: ``"onnx": {"name": "input:0", "sizes": ["batch",
null]}``. A name of a size says which unknown sizes are equal.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nodeflow.document.model.document import Document
from nodeflow.document.model.records import Json, NodeRecord
from nodeflow.graph.graph import Graph, Node

FIELD, NAME, SIZES = "onnx", "name", "sizes"

SizeNames = tuple[str | None, ...]


def foreign_fields(graph: Graph) -> dict[Node, dict[str, Any]]:
    """Return the fields that records of nodes have for the names that a graph knows."""
    found: dict[Node, dict[str, Any]] = {}
    for name, tensor in graph.aliases.items():
        found.setdefault(tensor.node, {})[NAME] = name
    for tensor, sizes in graph.size_names.items():
        found.setdefault(tensor.node, {})[SIZES] = list(sizes)
    return {node: {FIELD: fields} for node, fields in found.items()}


def restore_names(graph: Graph, records: Mapping[Node, NodeRecord]) -> None:
    """Make known to a graph what the records of its nodes say."""
    for node, record in records.items():
        if not record.extra or not node.outputs:
            continue
        if (name := foreign_name(record)) is not None:
            graph.aliases.setdefault(name, node.outputs[0])
        if sizes := size_names(record):
            graph.size_names[node.outputs[0]] = sizes


def foreign_name(record: NodeRecord) -> str | None:
    """Return the name of a node's first output in the file that it came from; None without one."""
    found = _field(record).get(NAME)
    return found if isinstance(found, str) and found else None


def size_names(record: NodeRecord) -> SizeNames:
    """Return the names of the sizes of a node's first output; None for a size without one."""
    found = _field(record).get(SIZES)
    sizes = found if isinstance(found, list) else []
    return tuple(size if isinstance(size, str) and size else None for size in sizes)


def called(doc: Document, name: str) -> NodeRecord | None:
    """Return the node whose first output has this name in the file that it came from."""
    return next((r for r in doc.nodes.values() if r.extra and foreign_name(r) == name), None)


def _field(record: NodeRecord) -> Mapping[str, Json]:
    found = record.extra.get(FIELD) if record.extra else None
    return found if isinstance(found, dict) else {}
