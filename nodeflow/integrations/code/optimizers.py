"""The optimizers that can be written for every library."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from nodeflow.graph.graph import Node
from nodeflow.ops.macro_ops import Optimizer as OptimizerOp
from nodeflow.train.rewind.snapshots import assigned_variables
from nodeflow.train.schedule import loss_name
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
        name: the optimizer's node.
        trained: the variables that it changes, if several optimizers take turns.
    """

    op: str
    rate: float
    numbers: Mapping[str, Any]
    clip_value: float | None
    clip_norm: float | None
    schedule: tuple[str, Mapping[str, Any]] | None = None
    name: str = ""
    trained: tuple[Node, ...] = ()

    @property
    def loss(self) -> str:
        """The name of the loss that this optimizer minimizes, as a key in the generated code. It is
        used if several optimizers take turns.
        """
        return loss_name(self.name)

    @property
    def ident(self) -> str:
        """The optimizer's name, changed so that it can be a part of a Python name."""
        return re.sub(r"\W", "_", self.name, flags=re.ASCII)


def problems_of(training: Training) -> list[str]:
    """Return sentences about those settings of a training's optimizers that cannot be written as
    code for other libraries.
    """
    nodes = dict.fromkeys(phase.optimizer for phase in training.phases)
    return [text for node in nodes for text in _problems(node, bool(training.schedule))]


def _problems(node: Node, takes_turns: bool) -> list[str]:
    if not isinstance(node.op, OptimizerOp) or node.op.id not in KNOWN:
        return [f"the optimizer {node.op.id} ({node.name}), known are {', '.join(KNOWN)}"]
    found = [
        f"{name} {node.attrs[name]} of the optimizer {node.name}"
        for name, value in PLAIN.items()
        if node.attrs[name] != value and not (takes_turns and name == "variables")
    ]
    if any(n.op.id == "touched_rows" and n.made_by == node.name for n in node.graph.nodes):
        found.append(f"changes of only the rows of a lookup, as {node.name} makes them")
    if takes_turns and len(node.inputs) > 1:
        found.append(f"a changing learning rate of {node.name}, which takes turns with others")
    elif len(node.inputs) > 1 and not _is_schedule(node):
        found.append(f"numbers of the optimizer {node.name} that the graph computes")
    return found


def optimizer_of(training: Training) -> Optimizer:
    """Describe the optimizer of a training that has only one. The caller must have checked with
    `problems_of` that code can be written for it.
    """
    return _optimizer(training.optimizer)


def optimizers_of(training: Training) -> list[Optimizer]:
    """Return the optimizers that take turns in a training, each once. `problems_of` must have
    returned no problems.
    """
    found = []
    for node in dict.fromkeys(phase.optimizer for phase in training.schedule):
        changed = sorted(assigned_variables(node), key=lambda variable: variable.index)
        trained = tuple(v for v in changed if v.attrs["trainable"] and v.derived_from != node.name)
        found.append(replace(_optimizer(node), name=node.name, trained=trained))
    return found


def turns_text(training: Training) -> str:
    """Return generated code for optimizers that take turns: the constant with their turns, and the
    function that returns the optimizer of a step.
    """
    turns = () if training.turns is None else training.turns.turns
    listed = "".join(f'    ("{turn.name}", {turn.steps}, {turn.start}),\n' for turn in turns)
    return TURNS.format(listed=listed)


TURNS = '''\
TURNS = [
{listed}]
"""Optimizers that take turns: name, steps of a turn, steps before the first turn."""


def turns(steps: int) -> list[str]:
    """The optimizer of each step."""
    found: list[str] = []
    number = 0
    while len(found) < steps:
        name, count, start = TURNS[number % len(TURNS)]
        if start <= len(found):
            found += [name] * count
        number += 1
    return found[:steps]'''


def _optimizer(node: Node) -> Optimizer:
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
    """Return whether an optimizer's learning rate comes from a known schedule node without further
    inputs, so that it can be written as a function of the step.
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
