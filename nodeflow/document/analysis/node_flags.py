"""Flags of nodes and wires: collapsed, muted, bypassed, breakpoints, hidden wires, views, devices.

They are fields of a node beside its attributes, stored in files:

- `collapsed`: show only the title.
- `folded`: a constant or variable that its readers show, see `folded_values`.
- `unfolded`: also show ports that only override settings.
- `mode`: muted or bypassed, see `passthrough_nodes`.
- `breakpoint`: pause a training in the window when the value is not finite, or true.
- `hidden`: names of in-ports whose wires are drawn as stubs.
- `bounds`: `[low, high]`, either may be null; a training ends when a value leaves them.
- `view`: the view drawn instead of the value: `{"kind": "plot"}` and its options.
- `device`: the device to compute the node on: `/device:GPU:0`.
"""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from typing import Any

from nodeflow.document.model.errors import BadValue
from nodeflow.document.model.records import Json, NodeRecord
from nodeflow.graph.devices import lawful_device
from nodeflow.number_text import plain

LARGEST = sys.float_info.max


def is_collapsed(record: NodeRecord) -> bool:
    """Return whether only a node's title is shown."""
    return record.extra.get("collapsed") is True


def is_unfolded(record: NodeRecord) -> bool:
    """Return whether a node also shows the in-ports that only override settings."""
    return bool(record.extra) and record.extra.get("unfolded") is True


def has_breakpoint(record: NodeRecord) -> bool:
    """Return whether a node has a breakpoint."""
    return record.extra.get("breakpoint") is True


def bounds_of(record: NodeRecord) -> tuple[float | None, float | None]:
    """Return the lower and the upper bound of a node's values; None for no bound."""
    found = record.extra.get("bounds") if record.extra else None
    if not isinstance(found, list) or len(found) != 2:
        return None, None
    low, high = (float(n) if is_number(n) else None for n in found)
    is_empty = low is not None and high is not None and low > high
    return (None, None) if is_empty else (low, high)


def is_bounded(record: NodeRecord) -> bool:
    """Return whether a node's values have bounds."""
    return bool(record.extra) and bounds_of(record) != (None, None)


def bounds_text(record: NodeRecord) -> str:
    """Return the bounds of a node in words: `at least 0`, `-1 to 1`; "" without bounds."""
    low, high = bounds_of(record)
    if low is None:
        return "" if high is None else f"at most {high:.15g}"
    return f"at least {low:.15g}" if high is None else f"{low:.15g} to {high:.15g}"


EDGES = (
    *(("at least", False), (">=", False), ("≥", False)),
    *(("at most", True), ("<=", True), ("≤", True)),
)
"""The words and signs before a single bound, and whether it is the upper one."""


def read_bounds(text: str) -> tuple[float | None, float | None]:
    """Return the bounds in a typed text: `-1 to 1`, `>= 0`, `at most 5`; none for an empty text.

    Raises:
        BadValue: the text has none of these forms.
    """
    typed = plain(text.strip()).lower()
    if not typed:
        return None, None
    words, is_high = next((edge for edge in EDGES if typed.startswith(edge[0])), ("", False))
    parts = [typed.removeprefix(words)] if words else re.split(r"to|\.\.|…|,|;", typed)
    try:
        found = [float(part) for part in parts]
    except ValueError:
        found = []
    if words and len(found) == 1:
        return (None, found[0]) if is_high else (found[0], None)
    if len(found) != 2:
        raise BadValue(f"{text!r} are no bounds", hint="Write -1 to 1, at least 0, or at most 100.")
    return found[0], found[1]


def is_number(value: Json) -> bool:
    """Return whether a value of a file is a finite number."""
    return (
        isinstance(value, (int, float))
        and not isinstance(value, bool)
        and -LARGEST <= value <= LARGEST
    )


def is_plotted(record: NodeRecord) -> bool:
    """Return whether a training plots the node's value of each step."""
    return bool(record.extra) and record.extra.get("plotted") is True


def device_of(record: NodeRecord) -> str:
    """Return the device to compute a node on, such as ``/device:GPU:0``; "" for the default."""
    return lawful_device(record.extra.get("device")) if record.extra else ""


def hidden_ports(record: NodeRecord) -> list[str]:
    """Return the in-ports of a node whose wires are drawn as stubs."""
    found = record.extra.get("hidden") if record.extra else None
    return [p for p in found if isinstance(p, str)] if isinstance(found, list) else []


def view_of(record: NodeRecord) -> dict[str, Json] | None:
    """Return the kind and options of the view shown instead of the value, or None."""
    found = record.extra.get("view") if record.extra else None
    if isinstance(found, dict) and isinstance(found.get("kind"), str):
        return found
    return None


def slider_of(record: NodeRecord) -> tuple[float, float] | None:
    """Return the least and greatest value of the slider that a node shows, or None."""
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
    """Return a node with a changed field beside its attributes; None removes the field."""
    extra: dict[str, Any] = {k: v for k, v in record.extra.items() if k != name}
    if value is not None:
        extra[name] = value
    return replace(record, extra=extra)
