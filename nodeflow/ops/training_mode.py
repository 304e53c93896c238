"""What is different while training: a flag, and assigns that go along with each step.

Dropout and batch normalisation work differently in training. They ask a bool placeholder called
``is_training``, which is false unless it is fed; the training loop feeds true to all of that name.
What must change with each step besides the weights (moving averages, step counters) is an assign
with ``each_step``, which an optimizer runs if its loss depends on the variable; so looking at a
graph changes nothing in it.
"""

from __future__ import annotations

from collections.abc import Iterable

from nodeflow.graph.graph import Graph, Node, Tensor, ancestors

FLAG = "is_training"


def training_flag(graph: Graph) -> Tensor:
    """The bool tensor that is true while the graph is trained; created at the first request."""
    for flag in graph.get_collection(FLAG):
        if flag.name in graph and graph.node(flag.name) is flag.node:  # none of a failed node
            return flag
    flag = graph.apply("placeholder", dtype="bool", shape=(), sample=False, name=FLAG)
    graph.add_to_collection(FLAG, flag)
    return flag


def training_feeds(graph: Graph) -> dict[Tensor, bool]:
    """What to feed in each training step, besides data."""
    flags = (p for p in graph.placeholders if p.name.split("/")[-1].startswith(FLAG))
    return {p: True for p in flags if p.dtype == "bool" and p.shape == ()}


def step_assigns(graph: Graph, needed: Iterable[Node]) -> list[Node]:
    """The assigns that go along with a step that computes the ``needed`` nodes."""
    before = ancestors(needed)
    assigns = (n for n in graph.nodes if n.op.id == "assign" and n.attrs["each_step"])
    return [n for n in assigns if n.inputs[0].node in before]
