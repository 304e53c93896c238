"""Extracts the records of the verifier from drafts and plans."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from nodeflow.engine.ir.actions import Actions
from nodeflow.engine.ir.groups import Group
from nodeflow.engine.ir.launches import KernelLaunch, Pointer, Region
from nodeflow.engine.ir.levels import LoopLevel
from nodeflow.engine.ir.plan import FlowPlan, IterationPointer, LoopPlan, Plan
from nodeflow.engine.kernels.registry import can_fail
from nodeflow.engine.plan.draft import Draft
from nodeflow.engine.plan.verify.records import Event, Facts
from nodeflow.graph.types import numpy_dtype


def facts_of_actions(actions: Actions) -> Facts:
    """Return the reads and writes of actions, for the verifier of plans, when actions are not
    grouped into kernels yet. Each action has its own point in time.
    """
    storage = actions.storage
    events = [
        Event(
            action.node.name,
            time,
            0,
            0,
            tuple(dict.fromkeys(storage[s] for s in action.inputs)),
            tuple(Region(storage[s]) for s in action.outputs),
        )
        for time, action in enumerate(actions.items)
    ]
    return Facts(actions, events, _given(actions), _ends(actions))


def facts_of_groups(draft: Draft) -> Facts:
    """Return the reads and writes of groups of actions, for the verifier of plans.

    The time of a group is its level. Once the groups are chained, it is the time of its chain and
    the group's position there.
    """
    actions = draft.actions
    if not draft.chains:
        groups = enumerate(draft.groups)
        events = [_event(actions, group, group.level, number, 0) for number, group in groups]
    else:
        keys = {chain: _key(draft, chain.groups[0], chain.level) for chain in draft.chains}
        times = {key: time for time, key in enumerate(sorted(set(keys.values())))}
        events = [
            _event(actions, group, times[keys[chain]], number, position)
            for number, chain in enumerate(draft.chains)
            for position, group in enumerate(chain.groups)
        ]
    facts = Facts(actions, events, _given(actions), _ends(actions))
    if draft.updates is not None:
        facts.given.update(draft.updates.home.values())
    return facts


def _key(draft: Draft, group: Group, level: int) -> tuple[int, bool, int]:
    order = group.actions[0].node.index if group.is_fallback else level
    return draft.phase_of[group], group.is_fallback, order


def _event(actions: Actions, group: Group, time: int, chain: int, position: int) -> Event:
    writes = tuple(map(Region, sorted(group.outputs)))
    return Event(_nodes(group), time, chain, position, tuple(group.inputs), writes, group)


def facts_of_plan(plan: Plan, gathered: Iterable[int] = ()) -> Facts:
    """Return the reads and writes of a finished plan, for the verifier of plans: kernel launches,
    loops and reference calls, in order.
    """
    actions = plan.actions
    facts = Facts(
        actions,
        list(_events(plan)),
        _given(actions) | set(plan.home.values()),
        _ends(actions),
        set(plan.home.values()),
        plan.inplace,
        set(gathered),
        plan.allocations,
        plan.arena_size,
    )
    facts.given -= {storage for storage in facts.gathered if storage in facts.writers}
    if plan.home:  # the update itself is the last use of such a variable
        others = (s for v, s in actions.schedule.writes.items() if v not in plan.home)
        facts.ends = {actions.storage[s] for s in (*actions.fetches, *others) if s is not None}
    return facts


def _given(actions: Actions) -> set[int]:
    """Return the storages whose values exist before anything runs."""
    schedule = actions.schedule
    given = (*schedule.feeds.values(), *schedule.reads.values(), *actions.packed.values())
    return {*given, *actions.constants}


def _ends(actions: Actions) -> set[int]:
    """Return the storages whose values are read after all kernels have run: fetched values and new
    values of variables.
    """
    ends = (*actions.fetches, *actions.schedule.writes.values())
    return {actions.storage[s] for s in ends if s is not None}


def _nodes(group: Group) -> str:
    return ", ".join(group.names)


# ---- events of a plan ---------------------------------------------------------------------------


def _events(plan: Plan) -> Iterator[Event]:
    time = chain = 0
    for phase in plan.phases:
        for level in phase.levels:
            if isinstance(level, LoopLevel):
                yield _loop_event(plan, level, time)
            else:
                for head in level:
                    chain += 1
                    for position, launch in enumerate(head.chain()):
                        yield _launch_event(plan, launch, time, chain, position)
            time += 1
        for group in phase.fallback:
            writes = tuple(Region(plan.actions.storage[s]) for s in group.actions[0].outputs)
            inputs = tuple(group.inputs)
            yield Event(_nodes(group), time, 0, 0, inputs, writes, group, can_fail=True)
            time += 1


def _launch_event(plan: Plan, launch: KernelLaunch, time: int, chain: int, position: int) -> Event:
    group = launch.group
    pointed = dict.fromkeys(a.storage for a in launch.args if isinstance(a, Pointer))
    writes = launch.writes if launch.writes is not None else _regions(plan, group, pointed)
    written = {region.storage for region in writes}
    reads = [s for s in pointed if s not in written]
    if group is None:
        return Event(launch.label, time, chain, position, tuple(reads), writes, launch=launch)
    fails = any(can_fail(plan.actions, action) for action in group.actions)
    return Event(
        _nodes(group), time, chain, position, tuple(reads), writes, group, launch, can_fail=fails
    )


def _regions(plan: Plan, group: Group | None, pointed: Iterable[int]) -> tuple[Region, ...]:
    """Return the memory regions that a launch writes if its kernel declares none: the outputs of
    its group that it has pointers to.

    A new value that is written over a variable has no separate pointer if the kernel also reads the
    variable.
    """
    if group is None:
        return ()
    found: list[Region] = []
    for storage in dict.fromkeys([*pointed, *(s for s in group.outputs if s in plan.inplace)]):
        if storage in group.outputs:
            parts = [view for where in group.pieces.values() for whole, view in where
                     if whole == storage]  # fmt: skip
            sizes = tuple(d or 0 for d in group.shape or ())
            found += [Region(storage, v.offset, sizes, v.strides) for v in parts]
            if not parts:
                found.append(Region(storage))
    return tuple(found)


def _loop_event(plan: Plan, level: LoopLevel, time: int) -> Event:
    """Return all iterations of a loop as one event."""
    group = level.group
    assert group is not None
    loop = group.actions[0].lowering
    if isinstance(loop, FlowPlan):
        made = tuple(Region(plan.actions.storage[slot]) for slot in loop.wanted)
        regions = (Region(loop.workspace, partial=True), *made)
        fails = any(can_fail(p.plan.actions, a) for p in loop.parts for a in p.plan.actions.items)
        return Event(
            _nodes(group), time, -1, 0, tuple(group.inputs), regions, group, can_fail=fails
        )
    assert isinstance(loop, LoopPlan)
    writes = [Region(loop.workspace, partial=True)]
    for source, target in loop_writes(loop):
        nbytes = _nbytes(loop.plan.actions, source)
        for iteration in range(loop.iterations):
            pointer = address(target, iteration, loop.iterations)
            if pointer.storage != loop.workspace and nbytes:
                size = numpy_dtype(plan.actions.types[pointer.storage].dtype).itemsize
                offset, sizes = pointer.offset // size, (nbytes // size,)
                writes.append(Region(pointer.storage, offset, sizes, (1,)))
    inner = loop.plan.actions
    fails = any(can_fail(inner, action) for action in inner.items)
    reads = tuple(group.inputs)
    return Event(_nodes(group), time, -1, 0, reads, tuple(writes), group, can_fail=fails)


def loop_writes(loop: LoopPlan) -> list[tuple[int, IterationPointer]]:
    """Return the storages that a loop iteration writes outside its own workspace, each with its
    address, which depends on the iteration number.
    """
    inner = loop.plan.actions
    given = {*inner.schedule.feeds.values(), *inner.constants}
    found = [
        (storage, where)
        for storage, where in loop.sources.items()
        if isinstance(where, IterationPointer) and storage not in given
    ]
    return found + loop.copies


def loop_reads(loop: LoopPlan) -> list[tuple[int, IterationPointer]]:
    """Return the storages that a loop iteration reads at an address that depends on the iteration
    number, each with its address.
    """
    inner = loop.plan.actions
    read = {inner.storage[s] for action in inner.items for s in action.inputs}
    read.update(storage for storage, _ in loop.copies)
    feeds = (storage for storage in inner.schedule.feeds.values() if storage in read)
    sources = ((storage, loop.sources.get(storage)) for storage in feeds)
    return [(s, where) for s, where in sources if isinstance(where, IterationPointer)]


def address(where: IterationPointer, iteration: int, iterations: int) -> Pointer:
    """Return the address that a pointer with a stride per iteration has in a given iteration."""
    if iteration == iterations - 1 and where.last is not None:
        return where.last
    if iteration == 0 and where.first is not None:
        return where.first
    return where.base.plus(where.stride * ((iteration + where.shift) & where.mask))


def _nbytes(actions: Actions, storage: int) -> int:
    type_ = actions.types[storage]
    return (type_.size or 0) * numpy_dtype(type_.dtype).itemsize
