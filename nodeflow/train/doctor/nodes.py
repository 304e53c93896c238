"""Which node of the user's a node of the graph belongs to."""

from __future__ import annotations

from nodeflow.graph.graph import Node


def placed(node: Node) -> Node:
    """The node that the user placed: what a layer or composed op derived belongs to it."""
    name = node.derived_from
    return node if name is None or name not in node.graph else node.graph.node(name)
