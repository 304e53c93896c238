"""The nodes of a graph that the rules look at: what the loss depends on, layers, their owners."""

from __future__ import annotations

from collections.abc import Iterable

from nodeflow.graph.graph import Node, ancestors
from nodeflow.train.training import Training

WEIGHTS = {
    "matmul": ("y", "x"), "conv1d": ("filter",), "conv2d": ("filter",), "conv3d": ("filter",),
}  # fmt: skip
"""Ops with weights, and the in-ports where they are connected."""


def placed(node: Node) -> Node:
    """The node that the user placed: what a layer or composed op derived belongs to it."""
    name = node.derived_from
    return node if name is None or name not in node.graph else node.graph.node(name)


def needed_nodes(training: Training) -> list[Node]:
    """What the loss depends on, in the graph's order, so that hints always come in the same."""
    return sorted(ancestors([training.loss.node]), key=lambda node: node.index)


def before(nodes: Iterable[Node]) -> set[Node]:
    """All that the inputs of nodes depend on."""
    return ancestors(tensor.node for node in nodes for tensor in node.inputs)
