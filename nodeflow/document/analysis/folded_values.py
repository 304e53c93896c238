"""Folded values: constants and variables that have no card, because their readers show them.

A reader shows a folded value at its port: a small constant as numbers, any other value by its type.
The document keeps node and wires; `folded` is a field of the node beside its attributes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from nodeflow.document.analysis.passthrough_nodes import REROUTE
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import NodeRecord, Wire
from nodeflow.number_text import number

FOLDED = "folded"
VALUES = ("constant", "variable")
"""Ops whose nodes can be folded."""
MOST_NUMBERS = 4
"""The largest number of elements of a constant that a port shows as numbers."""


def is_folded(doc: Document, record: NodeRecord) -> bool:
    """Return whether the readers of a node show it instead of a card."""
    return bool(record.extra) and record.extra.get(FOLDED) is True and can_fold(doc, record)


def can_fold(doc: Document, record: NodeRecord) -> bool:
    """Return whether a node is a constant or a variable without inputs, and its readers have
    ports where they can show it.
    """
    if record.op not in VALUES or doc.wires_into(record.id):
        return False
    readers = [doc.nodes[wire.target].op for wire in doc.wires_out_of(record.id)]
    return bool(readers) and REROUTE not in readers


def values_at(doc: Document, ids: Iterable[str]) -> Iterator[NodeRecord]:
    """Yield the constants and variables that can be shown in the ports that they feed.

    Considered are these nodes and the sources of their inputs.
    """
    seen: set[str] = set()
    for node_id in ids:
        for near in (node_id, *(wire.source for wire in doc.wires_into(node_id))):
            if near not in seen and can_fold(doc, doc.nodes[near]):
                yield doc.nodes[near]
            seen.add(near)


def folded_into(doc: Document, ids: Iterable[str]) -> list[str]:
    """Return the folded values that these nodes read, and no others."""
    readers = set(ids)
    return [
        record.id
        for record in values_at(doc, readers)
        if record.id not in readers
        and is_folded(doc, record)
        and readers.issuperset(wire.target for wire in doc.wires_out_of(record.id))
    ]


def folded_text(doc: Document, wire: Wire) -> str:
    """Return the numbers of a small folded constant, such as `2, 3`, for the port that reads it.

    It is empty for any other source.
    """
    record = doc.nodes[wire.source]
    if not record.extra or record.op != "constant" or not is_folded(doc, record):
        return ""
    numbers = list(_flat(record.attrs.get("value")))
    if not numbers or len(numbers) > MOST_NUMBERS:
        return ""
    return ", ".join(map(_short, numbers))


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, (list, tuple)):
        for part in value:
            yield from _flat(part)
    else:
        yield value


def _short(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    return number(value)
