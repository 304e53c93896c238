"""The original names of an imported model's inputs, outputs and sizes.

Names such as ``sigmoid_0.tmp_0`` and ``input:0`` are not valid for nodes. A node's record keeps
such a name even if the node is renamed, and fetches, feeds and exports accept it: ``"onnx":
{"name": "input:0", "sizes": ["batch", null]}``. Unknown sizes with the same name are equal.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nodeflow.document.model.document import Document
from nodeflow.document.model.records import Json, NodeRecord
from nodeflow.graph.graph import Graph, Node

FIELD, NAME, SIZES = "onnx", "name", "sizes"
"""Keys of a record. ONNX was the first program; the field is the same for all."""

SizeNames = tuple[str | None, ...]


def foreign_fields(graph: Graph) -> dict[Node, dict[str, Any]]:
    """Return node -> JSON fields that keep names from an imported file.

    These are the tensor names and the symbolic size names that the file used.
    """
    found: dict[Node, dict[str, Any]] = {}
    for name, tensor in graph.aliases.items():
        found.setdefault(tensor.node, {})[NAME] = name
    for tensor, sizes in graph.size_names.items():
        found.setdefault(tensor.node, {})[SIZES] = list(sizes)
    return {node: {FIELD: fields} for node, fields in found.items()}


def restore_names(graph: Graph, records: Mapping[Node, NodeRecord]) -> None:
    """Copy the foreign names from nodes' records into their graph."""
    for node, record in records.items():
        if not record.extra or not node.outputs:
            continue
        if (name := foreign_name(record)) is not None:
            graph.aliases.setdefault(name, node.outputs[0])
        if sizes := size_names(record):
            graph.size_names[node.outputs[0]] = sizes


def foreign_name(record: NodeRecord) -> str | None:
    """Return the name of a node's first output in the imported file, or None."""
    found = _field(record).get(NAME)
    return found if isinstance(found, str) and found else None


def size_names(record: NodeRecord) -> SizeNames:
    """Return the names of the sizes of a node's first output; None for a size without a name."""
    found = _field(record).get(SIZES)
    sizes = found if isinstance(found, list) else []
    return tuple(size if isinstance(size, str) and size else None for size in sizes)


def called(doc: Document, name: str) -> NodeRecord | None:
    """Return the node whose first output has this name in the imported file, or None."""
    return next((r for r in doc.nodes.values() if r.extra and foreign_name(r) == name), None)


def _field(record: NodeRecord) -> Mapping[str, Json]:
    found = record.extra.get(FIELD) if record.extra else None
    return found if isinstance(found, dict) else {}
