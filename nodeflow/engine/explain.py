"""A plan in words: what was fused, what runs side by side, the memory, and the code, with names."""

from __future__ import annotations

from nodeflow.engine.codegen import elementwise_source
from nodeflow.engine.emit import Row, describe_cluster
from nodeflow.engine.plan import Plan


def explain(plan: Plan) -> str:
    """The plan as text: levels with their kernels, then each kernel's source once.

    Names stand in comments of the source; what is compiled has none, so that equal clusters share
    a kernel.
    """
    lines = [f"arena: {plan.arena_size:,} bytes; kernels: {len(plan.sources())}"]
    numbers: dict[str, int] = {}
    texts: list[str] = []
    for index, phase in enumerate(plan.phases):
        for number, level in enumerate(phase.levels):
            lines.append(f"phase {index}, level {number}:")
            for row in level:
                if row.source not in numbers:
                    numbers[row.source] = len(numbers)
                    texts.append(f"# kernel {len(numbers) - 1}\n{_named_source(plan, row)}")
                lines.append(f"  kernel {numbers[row.source]}, {row.tasks} tasks: {_nodes(row)}")
        for group in phase.python:
            lines.append(f"phase {index}, by reference: {group.actions[0].node.name}")
    return "\n".join([*lines, "", *texts])


def _nodes(row: Row) -> str:
    if row.group is None:
        return "copy"
    return ", ".join(dict.fromkeys(a.node.name for a in row.group.actions))


def _named_source(plan: Plan, row: Row) -> str:
    """The kernel's text, with the names of the first group that uses it."""
    if row.group is None or row.group.shape is None:
        return row.source
    needed = {r for phase in plan.phases for level in phase.levels for other in level
              if other.group is not None for r in other.group.inputs}  # fmt: skip
    needed |= {plan.actions.root[s] for s in plan.schedule.writes.values()}
    needed |= {plan.actions.root[s] for s in plan.actions.fetches if s is not None}
    over = {r: h for r, h in plan.inplace.items()
            if r in row.group.outputs and h in row.group.inputs}  # fmt: skip
    cluster, *_ = describe_cluster(plan.actions, row.group, needed, over, labels=True)
    return elementwise_source(cluster, comments=True)
