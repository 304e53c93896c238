"""The variables of a layer, by the short names that the layer gives them."""

from __future__ import annotations

from nodeflow.graph.graph import Node
from nodeflow.ops.composed import resolve


def layer_variables(layer: Node) -> dict[str, Node]:
    """Return the variables that a macro node, such as a layer, reads: a dict from short name to
    variable node, in reading order.

    A layer may read variables that it shares with another layer.
    """
    if not layer.op.macro:
        return {}
    found: dict[str, Node] = {}
    for node in _inside(layer):
        variables = (node,) if node.op.id == "variable" else (resolve(t).node for t in node.inputs)
        for variable in variables:
            if variable.op.id == "variable" and not _is_outside(variable, layer):
                found.setdefault(variable.name.rsplit("/", 1)[-1], variable)
    return found


def _inside(layer: Node) -> list[Node]:
    """Return the nodes that were created inside a macro node, such as a layer. In the graph, they
    come immediately before it.
    """
    owner = layer.name if layer.derived_from is None else layer.derived_from
    found = []
    for node in reversed(layer.graph.nodes[: layer.index]):
        if node.derived_from != owner:
            break
        if node.made_by == layer.name:
            found.append(node)
    return found[::-1]


def _is_outside(variable: Node, layer: Node) -> bool:
    """Return whether a variable is an input of a layer, instead of a part of it."""
    return any(resolve(t).node is variable for t in layer.inputs)
