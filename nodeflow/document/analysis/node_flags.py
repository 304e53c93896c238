"""Flags of nodes and wires: collapsed, muted, bypassed, breakpoints, hidden wires.

They are fields of a node beside its attributes, stored in files: `collapsed` (only the title is
shown), `mode` (see `passthrough`), `breakpoint` (a training in the window pauses when the value is
not finite, or true), and `hidden` (names of in-ports whose wires are drawn as stubs).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from nodeflow.document.model.records import Json, NodeRecord


def is_collapsed(record: NodeRecord) -> bool:
    """Returns whether only a node's title is shown."""
    return record.extra.get("collapsed") is True


def has_breakpoint(record: NodeRecord) -> bool:
    """Returns whether a node has a breakpoint."""
    return record.extra.get("breakpoint") is True


def hidden_ports(record: NodeRecord) -> list[str]:
    """Returns the in-ports of a node whose wires are drawn as stubs."""
    found = record.extra.get("hidden") if record.extra else None
    return [p for p in found if isinstance(p, str)] if isinstance(found, list) else []


def with_field(record: NodeRecord, name: str, value: Json) -> NodeRecord:
    """Returns a node with a field beside its attributes; None removes the field."""
    extra: dict[str, Any] = {k: v for k, v in record.extra.items() if k != name}
    if value is not None:
        extra[name] = value
    return replace(record, extra=extra)
