"""Selects the variables to initialise, and checks that there is enough memory for them."""

from __future__ import annotations

from collections.abc import Iterable

from nodeflow.engine.memory import require, size_of
from nodeflow.engine.schedule.schedule import is_variable
from nodeflow.errors import RunError, UnknownName, suggest
from nodeflow.graph.graph import Graph, Node, Tensor


def variables_named(graph: Graph, names: Iterable[str | Tensor | Node] | None) -> list[Node]:
    """Return the variables with these names, or all variables of a graph.

    Raises:
        UnknownName: there is no such variable.
    """
    given = [names] if isinstance(names, (str, Tensor, Node)) else list(names or ())
    nodes = [n for n in given if isinstance(n, Node) and is_variable(n)]
    if names is not None and len(nodes) == len(given):
        return nodes
    every = {v.node.name: v.node for v in graph.variables}
    if names is None:
        return list(every.values())
    wanted = {n if isinstance(n, str) else n.name for n in given}
    for name in wanted - every.keys():
        raise UnknownName(f"there is no variable {name!r}", hint=suggest(name, every))
    return [node for name, node in every.items() if name in wanted]


def require_memory(variable: Node) -> None:
    """Raise RunError if the machine has no memory for a variable."""
    try:
        require(size_of(tensor.type for tensor in variable.outputs))
    except MemoryError as error:
        text = f"not enough memory for this variable: {error}"
        raise RunError(text, node=variable.name) from error
