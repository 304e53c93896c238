"""Nested fetches: lists, tuples, named tuples and dicts of targets, to any depth."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from nodeflow.engine.schedule.schedule import Target
from nodeflow.errors import FetchError, a_type
from nodeflow.graph.graph import Graph, Node, Tensor
from nodeflow.graph.session_hooks.session_query import Query
from nodeflow.ops.summaries.ops import Summary, encoded, inputs_of


def flatten_fetches(
    graph: Graph, fetches: Any, ask: Callable[[Query], Any]
) -> tuple[tuple[Target, ...], Callable]:
    """Flatten nested fetches. Return the targets, and a function that restores the structure.

    Args:
        fetches: a name, Tensor or Node, or nested lists, tuples and dicts of them.
        ask: returns the answer to a `Query`, an item that asks the session for something else than
            a value.

    Returns:
        The targets in order, and ``pack(values)``, which returns the values in the same structure.

    Raises:
        UnknownName: no node has this name; the hint lists similar names.
        FetchError: an item is not a name, tensor or node of this graph.
    """
    targets: list[Target] = []
    shape = _flatten(graph, fetches, targets, ask)
    one = isinstance(shape, int)
    return tuple(targets), itemgetter(shape) if one else lambda values: _pack(shape, values)


@dataclass(frozen=True)
class _Answer:
    """The answer to a query. In the structure, it stands where a target would have its position."""

    value: Any


def _flatten(graph: Graph, item: Any, targets: list[Target], ask: Callable[[Query], Any]) -> Any:
    """Append the targets in a nested structure of fetches to ``targets``. Return the structure with
    each target replaced by its position there.
    """
    if not isinstance(item, (Tensor, Node)):  # the most frequent kinds first
        if isinstance(item, (list, tuple)):
            return _sequence(item, [_flatten(graph, value, targets, ask) for value in item])
        if isinstance(item, Mapping):
            return _mapping(item, [_flatten(graph, value, targets, ask) for value in item.values()])
        if isinstance(item, Query):
            return _Answer(ask(item))
    target = as_target(graph, item)
    if isinstance(target, Node) and isinstance(target.op, Summary):
        first = len(targets)
        targets.extend(inputs_of(target))
        return _Encoded(target, range(first, len(targets)))
    targets.append(target)
    return len(targets) - 1


@dataclass(frozen=True)
class _Encoded:
    """A fetched summary, with the positions of the values that it is made from."""

    node: Node
    positions: range


def _pack(shape: Any, values: list[Any]) -> Any:
    if isinstance(shape, int):
        return values[shape]
    if isinstance(shape, (list, tuple)):
        return _sequence(shape, [_pack(part, values) for part in shape])
    if isinstance(shape, Mapping):
        return _mapping(shape, [_pack(part, values) for part in shape.values()])
    if isinstance(shape, _Encoded):
        return encoded(shape.node, [values[i] for i in shape.positions])
    return shape.value


def _mapping(like: Mapping[Any, Any], values: list[Any]) -> Mapping[Any, Any]:
    """Return the values under the keys of a mapping, in an OrderedDict if the mapping is one."""
    kind = OrderedDict if isinstance(like, OrderedDict) else dict
    return kind(zip(like, values, strict=True))


def _sequence(like: list[Any] | tuple[Any, ...], values: list[Any]) -> Any:
    """Return the values as a sequence of the same type as ``like``: a list, tuple or named
    tuple.
    """
    if isinstance(like, list):
        return values
    return type(like)(*values) if hasattr(like, "_fields") else tuple(values)


def as_target(graph: Graph, item: Any) -> Target:
    """Convert a tensor, node or name to a tensor, or to a node if it has no outputs."""
    if isinstance(item, str):
        node = graph.node(item) if ":" not in item else None
        item = node if node is not None and not node.outputs else graph.tensor(item)
    if not isinstance(item, (Tensor, Node)):
        raise FetchError(
            f"{a_type(item)} cannot be fetched",
            hint="nf.gradients gives None where there is no gradient: leave it out."
            if item is None
            else "Fetch tensors, nodes, their names, or lists, tuples and dicts of them.",
        )
    if item.graph is not graph:
        raise FetchError(
            f"{item.name} belongs to another graph",
            node=item.name,
            hint="Open a Session on that graph.",
        )
    return item.outputs[0] if isinstance(item, Node) and item.outputs else item
