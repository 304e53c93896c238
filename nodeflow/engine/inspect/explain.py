"""Describes a plan as text: fusions, concurrency, memory, and the code with names."""

from __future__ import annotations

from collections.abc import Sequence

from nodeflow.engine.ir.launches import KernelLaunch
from nodeflow.engine.ir.levels import Level, LoopLevel, all_launches
from nodeflow.engine.ir.plan import FlowPlan, LoopPlan, Plan
from nodeflow.engine.kernels.kernel import GroupToLaunch
from nodeflow.engine.kernels.registry import kernel_of, label_of
from nodeflow.engine.plan.passes import rewrites_in_order


def explain(plan: Plan) -> str:
    """Describe a plan as text: levels with their kernels, then each kernel's source once.

    The printed source has names in comments. The compiled source has none, so that equal clusters
    share a kernel.
    """
    lines = _rewritten(plan)
    lines.append(f"arena: {plan.arena_size:,} bytes; kernels: {len(plan.sources())}")
    named = _named_sources(plan)
    numbers: dict[str, int] = {}
    labels: dict[str, str] = {}
    users: dict[str, dict[str, None]] = {}
    for index, phase in enumerate(plan.phases):
        for launch in all_launches(phase.levels):
            numbers.setdefault(launch.source, len(numbers))
            labels.setdefault(launch.source, label_of(launch))
            users.setdefault(launch.source, {})[_nodes(launch)] = None
        lines += _listed(phase.levels, numbers, f"phase {index}, level")
        for group in phase.fallback:
            lines.append(f"phase {index}, by reference: {group.actions[0].node.name}")
    texts = [
        f"# kernel {number}, {labels[source]}: {'; '.join(users[source])}\n{named[source]}"
        for source, number in numbers.items()
    ]
    return "\n".join([*lines, "", *texts])


def _listed(levels: Sequence[Level], numbers: dict[str, int], title: str) -> list[str]:
    """Describe the levels of a plan with their kernels as lines of text. Levels inside a loop are
    indented.
    """
    lines = []
    for number, level in enumerate(levels):
        if isinstance(level, LoopLevel):
            often = f"{level.iterations} times" if level.key is None else "until data end it"
            lines.append(f"{title} {number}, {often}:")
            lines += ["  " + line for line in _listed(level.levels, numbers, "level")]
            continue
        lines.append(f"{title} {number}:")
        for head in level:
            for launch in head.chain():
                then = "" if launch is head else "then "
                what = f"kernel {numbers[launch.source]}, {launch.tasks} tasks: {_nodes(launch)}"
                lines.append(f"  {then}{what}")
    return lines


def _rewritten(plan: Plan) -> list[str]:
    """Return text lines that list what each rewrite of the plan changed, and the offset of each
    buffer in memory.
    """
    actions = plan.actions
    done = {name: list(what) for name, what in actions.rewritten.items()}
    groups = {r.group for p in plan.phases for r in all_launches(p.levels) if r.group}
    for group in sorted(groups, key=lambda g: g.actions[0].node.index):
        names = group.names
        if len(names) > 1:
            done.setdefault("fuse", []).append(" + ".join(names))
    lines = []
    for rewrite in rewrites_in_order():
        if rewrite.id in done:
            lines += [f"{rewrite.id} ({rewrite.summary}):", *(f"  {w}" for w in done[rewrite.id])]
    lines.append("buffers:")
    for storage, allocation in sorted(plan.allocations.items(), key=lambda item: item[1].offset):
        if allocation.kind in ("arena", "result"):
            where = f"{allocation.offset:,}" if allocation.kind == "arena" else "result"
            lines.append(f"  {where:>10}  {actions.types[storage]}  {_slot_name(plan, storage)}")
    return lines


def _slot_name(plan: Plan, storage: int) -> str:
    """Return the name of a storage for people: that of its tensor, or "part of" the node for memory
    that an op uses internally.
    """
    slots = plan.schedule.slots
    if storage < len(slots):
        return slots[storage].name
    maker = (a.node.name for a in plan.actions.items if storage in a.outputs)
    return f"part of {next(maker, 'a copy')}"


def _nodes(launch: KernelLaunch) -> str:
    return launch.label if launch.group is None else ", ".join(launch.group.names)


def _named_sources(plan: Plan) -> dict[str, str]:
    """Return the text of each kernel of a plan, with node names from the first group that uses it.

    Kernels inside of loops are included.
    """
    named: dict[str, str] = {}
    for action in plan.actions.items:
        if isinstance(action.lowering, LoopPlan):
            named |= _named_sources(action.lowering.plan)
        elif isinstance(action.lowering, FlowPlan):
            for part in action.lowering.parts:
                named |= _named_sources(part.plan)
    needed = _needed(plan)
    for phase in plan.phases:
        for launch in all_launches(phase.levels):
            if launch.source not in named:
                named[launch.source] = _named_source(plan, launch, needed)
    return named


def _needed(plan: Plan) -> set[int]:
    """Return the storages (arrays) that are read outside the group of actions that computes them,
    or at the end of the run.
    """
    storage, schedule = plan.actions.storage, plan.schedule
    needed = {storage[s] for s in (*plan.actions.fetches, *schedule.writes.values())
              if s is not None}  # fmt: skip
    for phase in plan.phases:
        needed.update(s for group in phase.fallback for s in group.inputs)
        for launch in all_launches(phase.levels):
            if launch.group is not None:
                needed.update(launch.group.inputs)
    return needed


def _named_source(plan: Plan, launch: KernelLaunch, needed: set[int]) -> str:
    """Return the source of a launch's kernel, to show it to people. The kernels of groups have the
    names of their nodes as comments.
    """
    group = launch.group
    if group is None or group.moved is not None:  # kernels of loop bodies get their names there
        return launch.source
    over = {s: home for s, home in plan.inplace.items()
            if s in group.outputs and home in group.inputs}  # fmt: skip
    work = GroupToLaunch(plan.actions, group, needed, over)
    return kernel_of(group).named_source(work, launch)
