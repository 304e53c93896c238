"""The optimizers that can be written for every library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nodeflow.graph.graph import Node
from nodeflow.ops.macro_ops import Optimizer as OptimizerOp
from nodeflow.train.training import Training

KNOWN = {"gradient_descent": (), "momentum": ("momentum", "nesterov"),
         "adam": ("beta1", "beta2", "epsilon")}  # fmt: skip
"""The hyperparameters of each known optimizer, besides the learning rate."""
PLAIN = {"weight_decay": 0.0, "average_decay": None, "variables": None}
"""Attributes that other libraries lack or define differently, each with the value that turns it
off.
"""


@dataclass(frozen=True)
class Optimizer:
    """An optimizer with constant hyperparameters.

    Attributes:
        op: ``gradient_descent``, ``momentum`` or ``adam``.
        rate: learning rate.
        numbers: the other hyperparameters, by attribute.
        clip_value, clip_norm: limits of each element of the gradients, and of the norm of all
            gradients together.
        schedule: op and attributes of the schedule of the learning rate, if any.
    """

    op: str
    rate: float
    numbers: Mapping[str, Any]
    clip_value: float | None
    clip_norm: float | None
    schedule: tuple[str, Mapping[str, Any]] | None = None


def problems_of(training: Training) -> list[str]:
    """Describe the parts of a training's optimizer that other libraries lack."""
    if training.turns is not None:
        return [f"the schedule of several optimizers ({training.turns})"]
    node = training.optimizer
    if not isinstance(node.op, OptimizerOp) or node.op.id not in KNOWN:
        return [f"the optimizer {node.op.id} ({node.name}), known are {', '.join(KNOWN)}"]
    found = [
        f"{name} {node.attrs[name]} of the optimizer {node.name}"
        for name, value in PLAIN.items()
        if node.attrs[name] != value
    ]
    if any(n.op.id == "touched_rows" and n.made_by == node.name for n in node.graph.nodes):
        found.append(f"changes of only the rows of a lookup, as {node.name} makes them")
    if len(node.inputs) > 1 and not _is_schedule(node):
        found.append(f"numbers of the optimizer {node.name} that the graph computes")
    return found


def optimizer_of(training: Training) -> Optimizer:
    """Return the optimizer of a training. `problems_of` must have found nothing."""
    node = training.optimizer
    source = node.inputs[1].node if len(node.inputs) > 1 else None
    return Optimizer(
        node.op.id,
        float(node.attrs["learning_rate"]),
        {name: node.attrs[name] for name in KNOWN[node.op.id]},
        node.attrs["clip_value"],
        node.attrs["clip_norm"],
        None if source is None else (source.op.id, dict(source.attrs)),
    )


def _is_schedule(node: Node) -> bool:
    """Return whether a known learning rate schedule is the optimizer's only wire besides the
    loss.
    """
    source = node.inputs[1].node
    plain = source.op.id in SCHEDULES and not source.inputs and not source.attrs["warmup_steps"]
    return plain and len(node.inputs) == 2


def schedule_text(optimizer: Optimizer) -> str:
    """Return the code of the function from step to learning rate; empty for a constant rate."""
    if optimizer.schedule is None:
        return ""
    op, attrs = optimizer.schedule
    return SCHEDULES[op].format(**attrs).rstrip()


SCHEDULES = {
    "cosine_decay": '''\
def learning_rate(step: int) -> float:
    """The learning rate of a step, counted from 0: along half a cosine."""
    share = min(step / {steps}, 1.0)
    return {final_rate} + ({learning_rate} - {final_rate}) * 0.5 * (1 + math.cos(math.pi * share))
''',
    "exponential_decay": '''\
def learning_rate(step: int) -> float:
    """The learning rate of a step, counted from 0: a factor for every so many steps."""
    return {learning_rate} * {factor} ** (step / {steps})
''',
}
"""The code of each known schedule, as a function of the step."""
