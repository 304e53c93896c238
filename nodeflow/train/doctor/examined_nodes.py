"""The nodes of a graph that the doctor's rules examine: inputs of the loss, layers, their
owners.
"""

from __future__ import annotations

from collections.abc import Iterable

from nodeflow.graph.graph import Node, ancestors
from nodeflow.train.training import Training

WEIGHTS = {
    "matmul": ("y", "x"), "conv1d": ("filter",), "conv2d": ("filter",), "conv3d": ("filter",),
}  # fmt: skip
"""Ops with weights, and the in-ports of the weights."""


def placed(node: Node) -> Node:
    """Return the node that the user placed: the layer that derived a node, or else the node
    itself.
    """
    name = node.derived_from
    return node if name is None or name not in node.graph else node.graph.node(name)


def needed_nodes(training: Training) -> list[Node]:
    """Return the nodes that a loss depends on, in the graph's order, which orders the hints."""
    losses = [phase.loss.node for phase in training.phases]
    return sorted(ancestors(losses), key=lambda node: node.index)


def before(nodes: Iterable[Node]) -> set[Node]:
    """Return all nodes that the inputs of nodes depend on."""
    return ancestors(tensor.node for node in nodes for tensor in node.inputs)
