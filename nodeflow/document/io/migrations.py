"""Migrations of older `.flow` files on reading: one function from each version to the next.

A migration works on the parsed JSON, before any check. It preserves the file's computation: if a
default value has changed since, it writes the old default into the nodes that relied on it.
Migrations are only ever added to the list, never changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

Migration = Callable[[dict[str, Any]], dict[str, Any]]

_DEFAULTS_OF_VERSION_1: dict[str, dict[str, Any]] = {
    "adadelta": {"learning_rate": 1.0, "epsilon": 1e-6},
    "adagrad": {"epsilon": 1e-7},
    "rmsprop": {"epsilon": 1e-7, "initial_mean_square": 0.0},
    "placeholder": {"shape": []},
}
"""Defaults of version 1. Version 2 has TensorFlow 1's; a placeholder without a shape was a
scalar."""


def from_version_1(data: dict[str, Any]) -> dict[str, Any]:
    """Write the old defaults into the nodes that leave them out.

    In version 1, a list of one number was the number of parts of `split`; now it is the size of the
    only part.
    """
    for node in _nodes(data):
        old = _DEFAULTS_OF_VERSION_1.get(node["op"]) if isinstance(node.get("op"), str) else None
        attrs = node.get("attrs", {})
        if old and isinstance(attrs, dict):
            node["attrs"] = {**old, **attrs}
        parts = (
            attrs.get("parts") if isinstance(attrs, dict) and node.get("op") == "split" else None
        )
        if isinstance(parts, list) and len(parts) == 1:
            node["attrs"] = {**attrs, "parts": parts[0]}
    return data


def from_version_2(data: dict[str, Any]) -> dict[str, Any]:
    """Rename unknown fields of a version 2 file whose names have a meaning since version 3."""
    _keep_apart(data, "stage", "lesson")
    training = data.get("training")
    if isinstance(training, dict):
        _keep_apart(training, "speed", "until_stopped", "schedule")
    return data


def _keep_apart(fields: dict[str, Any], *names: str) -> None:
    for name in names:
        if name in fields:
            fields[_free(fields, name)] = fields.pop(name)


def _free(data: dict[str, Any], name: str) -> str:
    """Return an unused name, under which an object can preserve a field."""
    name = f"{name}_of_version_2"
    while name in data:
        name += "_"
    return name


def _nodes(data: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the nodes of the graph and of all subgraphs, as far as the file is well formed."""
    subgraphs = data.get("subgraphs")
    bodies = [data, *(subgraphs.values() if isinstance(subgraphs, dict) else ())]
    for body in bodies:
        nodes = body.get("nodes") if isinstance(body, dict) else None
        for node in nodes if isinstance(nodes, list) else ():
            if isinstance(node, dict):
                yield node


MIGRATIONS: dict[int, Migration] = {1: from_version_1, 2: from_version_2}
"""Version N -> migration to version N + 1."""
