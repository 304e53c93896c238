"""Nested fetches: lists, tuples, named tuples and dicts of targets, to any depth."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nodeflow.engine.schedule.schedule import Target
from nodeflow.errors import FetchError
from nodeflow.graph.graph import Graph, Node, Tensor


def flatten_fetches(graph: Graph, fetches: Any) -> tuple[tuple[Target, ...], Callable]:
    """The targets in a nested structure, and a function that puts values into that structure.

    Args:
        fetches: a name, Tensor or Node, or a list, tuple or dict of such, nested.

    Returns:
        The targets in order, and ``pack(values)``, which returns the same structure of values.

    Raises:
        UnknownName: no node has this name; the hint lists near names.
        FetchError: something that is no name, tensor or node of this graph.
    """
    targets: list[Target] = []
    shape = _flatten(graph, fetches, targets)
    return tuple(targets), lambda values: _pack(shape, values)


def _flatten(graph: Graph, item: Any, targets: list[Target]) -> Any:
    """The structure with each target replaced by its position."""
    if isinstance(item, Mapping):
        return {key: _flatten(graph, value, targets) for key, value in item.items()}
    if isinstance(item, (list, tuple)):
        parts = [_flatten(graph, value, targets) for value in item]
        if isinstance(item, list):
            return parts
        return type(item)(*parts) if hasattr(item, "_fields") else tuple(parts)
    targets.append(as_target(graph, item))
    return len(targets) - 1


def _pack(shape: Any, values: list[Any]) -> Any:
    if isinstance(shape, dict):
        return {key: _pack(part, values) for key, part in shape.items()}
    if isinstance(shape, list):
        return [_pack(part, values) for part in shape]
    if isinstance(shape, tuple):
        parts = [_pack(part, values) for part in shape]
        return type(shape)(*parts) if hasattr(shape, "_fields") else tuple(parts)
    return values[shape]


def as_target(graph: Graph, item: Any) -> Target:
    """A tensor, or a node without outputs, from a tensor, node or name."""
    if isinstance(item, str):
        node = graph.node(item) if ":" not in item else None
        item = node if node is not None and not node.outputs else graph.tensor(item)
    if not isinstance(item, (Tensor, Node)):
        raise FetchError(
            f"{type(item).__name__} cannot be fetched",
            hint="Fetch tensors, nodes, their names, or lists, tuples and dicts of them.",
        )
    if item.graph is not graph:
        raise FetchError(
            f"{item.name} belongs to another graph",
            node=item.name,
            hint="Open a Session on that graph.",
        )
    return item.outputs[0] if isinstance(item, Node) and item.outputs else item
