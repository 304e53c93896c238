"""What is different while training: a flag, and assigns that go along with each step.

Dropout and batch normalisation work differently in training. They ask a bool placeholder called
``is_training``, which is false unless it is fed: by the user, or by a run that trains.
What must change with each step besides the weights (moving averages, step counters) is an assign
with ``each_step``, which an optimizer runs if its loss depends on the variable; so looking at a
graph changes nothing in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from nodeflow.errors import ShapeError
from nodeflow.graph.declaration import Port, StandIn
from nodeflow.graph.graph import Graph, Node, Tensor, ancestors, moves_average
from nodeflow.graph.types import BOOL, TensorType, shape_text
from nodeflow.ops.composed import resolve

FLAG = "is_training"


def training_flag(graph: Graph, attrs: Mapping[str, Any] | None = None) -> Tensor:
    """The bool tensor that is true while the graph is trained; created at the first request.

    Args:
        attrs: of a node that it stands in for, which it does not depend on.
    """
    for flag in graph.get_collection(FLAG):
        if flag.name in graph and graph.node(flag.name) is flag.node:  # none of a failed node
            return flag
    flag = graph.apply("placeholder", dtype="bool", shape=(), sample=False, name=FLAG)
    graph.add_to_collection(FLAG, flag)
    return flag


TRAINING = Port(
    "training", "Whether to act as in training; without a wire, the run decides.", BOOL,
    optional=True, stand_in=StandIn(TensorType("bool", ()), training_flag),
)  # fmt: skip


def check_flag(training: Sequence[TensorType]) -> None:
    """Raises ShapeError unless the training flag, if wired, is one bool."""
    if training and training[0].ndims:
        raise ShapeError(
            f"training must be one bool, not of shape {shape_text(training[0].shape)}",
            port="training",
        )


def is_flag(tensor: Tensor) -> bool:
    """Whether a tensor is a flag: a bool placeholder of that name, the user's own included."""
    if tensor.type.dtype != "bool":  # asked of every feed of every run
        return False
    named = tensor.node.op.id == "placeholder" and tensor.type == TensorType("bool", ())
    return named and tensor.name.split("/")[-1].startswith(FLAG)


def training_feeds(graph: Graph) -> dict[Tensor, bool]:
    """What to feed in each training step, besides data."""
    return {p: True for p in graph.placeholders if is_flag(p)}


def step_assigns(graph: Graph, needed: Iterable[Node]) -> list[Node]:
    """The assigns that go along with a step that computes the ``needed`` nodes.

    If the optimizer waits for some that move averages, those are all of that kind: so TensorFlow
    1's ``with control_dependencies(update_ops)`` says which ones move.
    """
    before = ancestors(needed)
    assigns = (n for n in graph.nodes if n.op.id == "assign" and n.attrs["each_step"])
    derived = {n.name for n in before}
    used = (n for n in assigns if n.derived_from is None or n.derived_from in derived)
    found = [n for n in used if resolve(n.inputs[0]).node in before]
    named = set(filter(moves_average, graph.awaited))
    return [n for n in found if not named or n in named or not moves_average(n)]


def chosen_updates(optimizer: Node) -> list[Node]:
    """The assigns of layers that an optimizer was told to wait for, if it moves others without."""
    named = [node for node in optimizer.control_inputs if moves_average(node)]
    assigns = step_assigns(optimizer.graph, [t.node for t in optimizer.inputs])
    own = {n for n in assigns if moves_average(n) and n.index < optimizer.index}
    return [] if own == set(named) else named
