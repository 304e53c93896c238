"""The order in which a run computes its nodes, for display."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from nodeflow.engine.schedule.schedule import Schedule
from nodeflow.graph.graph import Node


def order_of_step(
    schedule: Schedule, kernels: Iterable[Sequence[str]] | None = None
) -> list[tuple[Node, ...]]:
    """Return the nodes of a schedule, grouped by kernel, in the order in which they run.

    Nodes whose values exist before anything runs come first. Some nodes have no own kernel,
    such as a reshape, or a node that a rewrite made superfluous. They are grouped with the last
    of their dependencies.

    Args:
        kernels: names of the nodes that each kernel computes, in order; None if nodes run one
            by one.
    """
    slot_at = [0] * len(schedule.slots)
    known = [slot.node for slot in schedule.slots]
    if kernels is None:
        at_of = {step.node.name: index for index, step in enumerate(schedule.steps, 1)}
    else:
        at_of = {}
        for index, names in enumerate(kernels, 1):
            at_of.update((name, index) for name in names)  # the last kernel completes a node
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
