"""In which order a run computes its nodes, for whoever looks on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from nodeflow.engine.schedule.schedule import Schedule
from nodeflow.graph.graph import Node


def order_of_step(
    schedule: Schedule, kernels: Iterable[Sequence[str]] | None = None
) -> list[tuple[Node, ...]]:
    """The nodes of a schedule, those of a kernel together, in the order in which they run.

    First of all come the nodes whose values are there before anything runs. A node that has no
    kernel of its own, such as a reshape, or one that a rewrite has made superfluous, comes with the
    last of what it depends on.

    Args:
        kernels: names of the nodes that each computes, in order; None where nodes run one by one.
    """
    slot_at = [0] * len(schedule.slots)
    known = [slot.node for slot in schedule.slots]
    if kernels is None:
        at_of = {step.node.name: index for index, step in enumerate(schedule.steps, 1)}
    else:
        at_of = {}
        for index, names in enumerate(kernels, 1):
            at_of.update((name, index) for name in names)  # a node is there when its last one is
    placed: dict[Node, int] = {}
    for step in schedule.steps:
        from_inputs = max((slot_at[slot] for slot in step.inputs), default=0)
        at = at_of.get(step.node.name, from_inputs)
        placed[step.node] = at
        for slot in step.outputs:
            slot_at[slot] = at
    first = (node for node in dict.fromkeys(known) if node not in placed)
    groups: dict[int, list[Node]] = {0: list(first)}
    for node, at in placed.items():
        groups.setdefault(at, []).append(node)
    return [tuple(groups[at]) for at in sorted(groups)]
