"""The attributes of a graph's node as a document stores them."""

from __future__ import annotations

from typing import Any

from nodeflow.document.model.records import plain, same

_SHOWN = ("dtype", "value", "shape")  # stored even if they have the default value


def attributes(node: Any) -> dict[str, Any]:
    """Return the attributes of a node, or of a node in a body, that differ from their defaults."""
    found: dict[str, Any] = {}
    for attr in node.op.attrs:
        value = plain(node.attrs[attr.name], where=f"{node.name}.{attr.name}")
        default = None if attr.required else plain(attr.default)
        shown = attr.name in _SHOWN and value is not None
        if node.op.explicit or attr.required or shown or not same(value, default):
            found[attr.name] = value
    return found
