"""The optimizer of a training, as far as other libraries have the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nodeflow.exchange.code.errors import NotInCode
from nodeflow.graph.graph import Node
from nodeflow.ops.macro_ops import Optimizer as OptimizerOp
from nodeflow.train.training import Training

KNOWN = {"gradient_descent": (), "momentum": ("momentum", "nesterov"),
         "adam": ("beta1", "beta2", "epsilon")}  # fmt: skip
"""Optimizer -> its numbers beside the learning rate."""
PLAIN = {"weight_decay": 0.0, "average_decay": None, "variables": None}
"""What every other library has otherwise, or not at all: the values that mean nothing."""


@dataclass(frozen=True)
class Optimizer:
    """An optimizer with constant numbers.

    Attributes:
        op: ``gradient_descent``, ``momentum`` or ``adam``.
        rate: learning rate.
        numbers: the others, by attribute.
        clip_value, clip_norm: limits of each element of the gradients, and of the norm of all of
            them together.
        schedule: op and attributes of the schedule of the learning rate, if there is one.
    """

    op: str
    rate: float
    numbers: Mapping[str, Any]
    clip_value: float | None
    clip_norm: float | None
    schedule: tuple[str, Mapping[str, Any]] | None = None


def optimizer_of(training: Training) -> Optimizer:
    """The optimizer of a training.

    Raises:
        NotInCode: it is another kind, or has settings that other libraries lack.
    """
    node = training.optimizer
    if not isinstance(node.op, OptimizerOp) or node.op.id not in KNOWN:
        known = ", ".join(KNOWN)
        raise NotInCode(
            f"the optimizer {node.op.id} cannot be written: known are {known}",
            node=node.name,
            hint="Export to ONNX, which has no training.",
        )
    for name, value in PLAIN.items():
        if node.attrs[name] != value:
            raise NotInCode(
                f"{name} {node.attrs[name]} of the optimizer cannot be written",
                node=node.name,
                port=name,
                hint="Export to ONNX, which has no training.",
            )
    if any(n.op.id == "touched_rows" and n.made_by == node.name for n in node.graph.nodes):
        raise NotInCode(
            "an optimizer that changes only the rows of a lookup cannot be written",
            node=node.name,
            port="rows",
            hint="Set rows to all, or export to ONNX, which has no training.",
        )
    schedule = None
    if len(node.inputs) > 1:
        schedule = _schedule(node)
    return Optimizer(
        node.op.id,
        float(node.attrs["learning_rate"]),
        {name: node.attrs[name] for name in KNOWN[node.op.id]},
        node.attrs["clip_value"],
        node.attrs["clip_norm"],
        schedule,
    )


def _schedule(node: Node) -> tuple[str, Mapping[str, Any]]:
    source = node.inputs[1].node
    plain = source.op.id in SCHEDULES and not source.inputs and not source.attrs["warmup_steps"]
    if len(node.inputs) > 2 or not plain:
        raise NotInCode(
            "the numbers of the optimizer are computed in a way that cannot be written",
            node=node.name,
            hint="Export to ONNX, which has no training.",
        )
    return source.op.id, dict(source.attrs)


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
"""Schedule -> a function of the step."""
