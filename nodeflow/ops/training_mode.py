"""Training mode: a flag, and assigns that run in each training step.

Dropout and batch normalization work differently in training. They read a bool placeholder called
``is_training``, which is false unless it is fed by the user or by a run that trains.

Values other than weights that change in each step (moving averages, step counters) are stored by
assigns with ``each_step``. An optimizer runs such an assign if its loss depends on the variable. So
inspecting a graph changes nothing in it.
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
    """Return the graph's bool placeholder that is true in training and false otherwise. Create it
    at the first call.

    Args:
        attrs: ignored; accepted because the function creates default inputs of nodes.
    """
    for flag in graph.get_collection(FLAG):
        # the flag may belong to a node that failed
        if flag.name in graph and graph.node(flag.name) is flag.node:
            return flag
    flag = graph.apply("placeholder", dtype="bool", shape=(), sample=False, name=FLAG)
    graph.add_to_collection(FLAG, flag)
    return flag


TRAINING = Port(
    "training", "Whether to act as in training; if not connected, the run decides.", BOOL,
    optional=True, stand_in=StandIn(TensorType("bool", ()), training_flag),
)  # fmt: skip


def check_flag(training: Sequence[TensorType]) -> None:
    """Raise ShapeError unless the training flag, if connected, is one bool."""
    if training and training[0].ndims:
        raise ShapeError(
            f"training must be one bool, not of shape {shape_text(training[0].shape)}",
            port="training",
        )


def is_flag(tensor: Tensor) -> bool:
    """Return whether a tensor is a training flag: a bool placeholder of that name, even a
    user's.
    """
    if tensor.type.dtype != "bool":  # called for every feed of every run, so check the dtype first
        return False
    named = tensor.node.op.id == "placeholder" and tensor.type == TensorType("bool", ())
    return named and tensor.name.split("/")[-1].startswith(FLAG)


def training_feeds(graph: Graph) -> dict[Tensor, bool]:
    """Return the feeds of each training step, besides data."""
    return {p: True for p in graph.placeholders if is_flag(p)}


def step_assigns(graph: Graph, needed: Iterable[Node]) -> list[Node]:
    """Return the assigns to run in a training step that computes the ``needed`` nodes.

    If the optimizer has control dependencies on updates of moving averages, leave out all other
    updates of moving averages. This is how TensorFlow 1's ``with control_dependencies(update_ops)``
    selects updates.
    """
    before = ancestors(needed)
    assigns = (n for n in graph.nodes if n.op.id == "assign" and n.attrs["each_step"])
    derived = {n.name for n in before}
    used = (n for n in assigns if n.derived_from is None or n.derived_from in derived)
    found = [n for n in used if resolve(n.inputs[0]).node in before]
    named = set(filter(moves_average, graph.awaited))
    return [n for n in found if not named or n in named or not moves_average(n)]


def chosen_updates(optimizer: Node) -> list[Node]:
    """Return the layers' moving-average updates that an optimizer must name as control inputs.

    Return an empty list if they are the updates that the optimizer would run anyway.
    """
    named = [node for node in optimizer.control_inputs if moves_average(node)]
    assigns = step_assigns(optimizer.graph, [t.node for t in optimizer.inputs])
    own = {n for n in assigns if moves_average(n) and n.index < optimizer.index}
    return [] if own == set(named) else named
