"""Flags of nodes and wires: collapsed, muted, bypassed, breakpoints, hidden wires, views, devices.

They are fields of a node beside its attributes, stored in files: `collapsed` (only the title is
shown), `unfolded` (ports that only override settings are shown, too), `mode` (see `passthrough`),
`breakpoint` (a training in the window pauses when the value is not finite, or true), `hidden`
(names of in-ports whose wires are drawn as stubs), `view` (what is drawn in place of the value:
`{"kind": "plot"}` and choices), and `device` (where the node is to be computed: `/device:GPU:0`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from nodeflow.document.model.records import Json, NodeRecord
from nodeflow.graph.devices import lawful_device


def is_collapsed(record: NodeRecord) -> bool:
    """Returns whether only a node's title is shown."""
    return record.extra.get("collapsed") is True


def is_unfolded(record: NodeRecord) -> bool:
    """Returns whether a node shows the in-ports, too, that only override settings."""
    return bool(record.extra) and record.extra.get("unfolded") is True


def has_breakpoint(record: NodeRecord) -> bool:
    """Returns whether a node has a breakpoint."""
    return record.extra.get("breakpoint") is True


def is_plotted(record: NodeRecord) -> bool:
    """Returns whether a training plots the node's value of each step."""
    return bool(record.extra) and record.extra.get("plotted") is True


def device_of(record: NodeRecord) -> str:
    """Returns where a node is to be computed, ``/device:GPU:0``; empty where nothing says so."""
    return lawful_device(record.extra.get("device")) if record.extra else ""


def hidden_ports(record: NodeRecord) -> list[str]:
    """Returns the in-ports of a node whose wires are drawn as stubs."""
    found = record.extra.get("hidden") if record.extra else None
    return [p for p in found if isinstance(p, str)] if isinstance(found, list) else []


def view_of(record: NodeRecord) -> dict[str, Json] | None:
    """Returns the view that a node shows in place of its value: its kind and choices, or None."""
    found = record.extra.get("view") if record.extra else None
    if isinstance(found, dict) and isinstance(found.get("kind"), str):
        return found
    return None


def slider_of(record: NodeRecord) -> tuple[float, float] | None:
    """Returns the least and greatest value of the slider that a node shows, or None."""
    found = record.extra.get("slider") if record.extra else None
    if isinstance(found, list) and len(found) == 2:
        low, high = found
        if (
            all(isinstance(n, (int, float)) and not isinstance(n, bool) for n in found)
            and low < high
        ):
            return float(low), float(high)
    return None


def with_field(record: NodeRecord, name: str, value: Json) -> NodeRecord:
    """Returns a node with a field beside its attributes; None removes the field."""
    extra: dict[str, Any] = {k: v for k, v in record.extra.items() if k != name}
    if value is not None:
        extra[name] = value
    return replace(record, extra=extra)
