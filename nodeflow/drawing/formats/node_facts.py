"""The facts about a node that a page shows beside the drawing, as plain texts."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from nodeflow.document.analysis.declarations import declaration
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import NodeRecord
from nodeflow.drawing.cards import value_preview
from nodeflow.drawing.cards.card_data import PortData
from nodeflow.drawing.graph_drawing import DrawnNode
from nodeflow.drawing.message_text import brief
from nodeflow.visible_text import visible

LONGEST = 300
"""Characters of one text about a node."""
_NOT_SHOWN = ("definition", "body", "ports")

Facts = dict[str, Any]


def node_facts(document: Document, node: DrawnNode) -> Facts:
    """Return the facts about a node that an exported page shows.

    Texts are shortened, and control characters removed.

    Args:
        document: the graph, or the inside of a subgraph, that holds the node.
    """
    record, card = document.nodes[node.id], node.card
    op = declaration(record, document)
    return {
        "id": node.id,
        "name": _said(record.name),
        "op": _said(card.subtitle or (op.title if op else record.op)),
        "about": _said(op.summary) if op is not None else "",
        "rect": [round(part, 1) for part in node.rect],
        "problem": _said(card.problem),
        **value_facts(card.value),
        "attributes": [[_said(k), _said(_written(v))] for k, v in _attributes(record)],
        "inputs": [_port(port, lambda p: _source(document, node.id, p)) for port in card.inputs],
        "outputs": [_port(port, lambda _: "") for port in card.outputs],
        "inside": None,
    }


def value_facts(preview: Any | None) -> Facts:
    """Return a preview of a node's value as text and as figures, for an exported page."""
    return {"value": _said(value_preview.plain_text(preview)), "figures": _figures(preview)}


def _said(text: str) -> str:
    return visible(brief(text, LONGEST))


def _attributes(record: NodeRecord) -> list[tuple[str, Any]]:
    return [(k, v) for k, v in sorted(record.attrs.items()) if k not in _NOT_SHOWN]


def _written(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)


def _port(port: PortData, source: Callable[[str], str]) -> list[str]:
    shape = port.type_text or ("control" if port.kind == "control" else "")
    parts = filter(None, (shape, source(port.name)))
    return [_said(port.label or port.name), _said(", ".join(parts)) or "–"]


def _source(document: Document, node_id: str, port: str) -> str:
    wire = next((w for w in document.wires_into(node_id) if w.target_port == port), None)
    source = document.nodes.get(wire.source) if wire is not None else None
    return f"from {source.name}" if source is not None else "not connected"


def _figures(preview: Any | None) -> list[list[str]]:
    if preview is None or getattr(preview, "minimum", None) is None:
        return []
    origin = value_preview.origin_text(preview)
    found = [[name, text] for name, text in value_preview.facts(preview)]
    return [*found, ["of", _said(origin)]] if origin else found
