"""What is different while training: a flag, and updates that go along with each step.

Dropout and batch normalisation work differently in training. They ask one bool of the graph, a
placeholder that is false unless it is fed, and the training loop feeds true. What must change with
each step besides the weights (moving averages, step counters) is an assign that the optimizer runs
if its loss depends on what it belongs to; so looking at a graph changes nothing in it.
"""

from __future__ import annotations

from collections.abc import Iterable

from nodeflow.graph.graph import Graph, Node, Tensor, ancestors

FLAG = "training_flag"
UPDATES = "updates"


def training_flag(graph: Graph) -> Tensor:
    """The bool that tells whether the graph is being trained; made when first asked for."""
    for flag in graph.get_collection(FLAG):
        if graph_has(graph, flag.node):
            return flag
    flag = graph.apply("placeholder", dtype="bool", shape=(), sample=False, name="is_training")
    graph.add_to_collection(FLAG, flag)
    return flag


def training_feeds(graph: Graph) -> dict[Tensor, bool]:
    """What to feed in each training step, besides data."""
    return {f: True for f in graph.get_collection(FLAG) if graph_has(graph, f.node)}


def add_update(assign: Tensor, belongs_to: Tensor) -> None:
    """Let optimizers run ``assign`` in each step whose loss depends on ``belongs_to``."""
    assign.graph.add_to_collection(UPDATES, (belongs_to.node, assign.node))


def updates_of(graph: Graph, needed: Iterable[Node]) -> list[Node]:
    """The assigns that go along with a step that computes the ``needed`` nodes."""
    before = ancestors(needed)
    pairs = graph.get_collection(UPDATES)
    return [a for owner, a in pairs if owner in before and graph_has(graph, a)]


def graph_has(graph: Graph, node: Node) -> bool:
    """Whether a node is still in the graph: those of a failed macro node are dropped."""
    return node.name in graph and graph.node(node.name) is node
