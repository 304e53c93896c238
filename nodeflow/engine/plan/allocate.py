"""Assigns memory to every storage of a draft: arrays of variables and results, or the arena."""

from __future__ import annotations

from collections import Counter, defaultdict
from functools import partial

from nodeflow.engine.arena import Offsets
from nodeflow.engine.ir.groups import Group
from nodeflow.engine.ir.plan import Allocation
from nodeflow.engine.kernels.registry import kernel_of
from nodeflow.engine.plan.draft import Draft
from nodeflow.engine.plan.memory_reuse import MemoryPlanner
from nodeflow.graph.graph import Node

RESULT_BYTES = 1 << 16
"""Minimum bytes of a fetched value that is computed in its result array, not in the arena."""


def allocate(draft: Draft, *, reuse: bool) -> None:
    """Decide for each storage whether it lies in the arena or in the memory of a feed, variable or
    constant. The arena is the one block of memory for all intermediate values.

    Also decide the offsets in the arena, and its size.

    Args:
        reuse: whether later values may reuse the memory of values that nothing reads any more.
    """
    actions, allocations = draft.actions, draft.allocations
    offsets = Offsets()
    given = (*draft.schedule.feeds.values(), *draft.schedule.reads.values())
    for slot in (*given, *actions.packed.values()):
        allocations[slot] = Allocation("given")
    for slot in draft.gathered or ():
        allocations[slot] = Allocation("arena", offsets.take(draft.nbytes(slot)))
    if draft.updates is not None:
        for storage in (*draft.updates.home.values(), *draft.updates.inplace):
            allocations[storage] = Allocation("given")
    for storage in actions.constants:
        allocations[storage] = Allocation("constant")
    if not draft.is_step:
        draft.direct = _direct(draft)
        for storage in draft.direct.values():
            allocations[storage] = Allocation("shadow")
        for storage in draft.fetched - draft.written - allocations.keys():
            if storage in draft.made_by and draft.nbytes(storage) >= RESULT_BYTES:
                allocations[storage] = Allocation("result")
    clusters = (g for g in draft.groups if g.shape is not None)
    inside = {r for g in clusters for r in g.outputs if r not in draft.needed}
    keep = draft.fetched | draft.written
    planner = MemoryPlanner(
        allocations, offsets, draft.nbytes, keep, partial(may_replace, draft), reuse=reuse
    )
    planner.allocate(run_order(draft), inside)
    draft.arena_size = offsets.size


def may_replace(draft: Draft, group: Group, storage: int) -> bool:
    """Return whether the kernel of a group may overwrite the memory of an input with its result."""
    if group.is_fallback or any(launch.rereads for launch in draft.launches[group]):
        return False
    return kernel_of(group).may_overwrite(draft.actions, group, storage)


def run_order(draft: Draft) -> list[list[list[Group]]]:
    """Return the execution order as nested lists: for each point in time the chains that may run in
    parallel, and for each chain its groups in order.

    A group without a kernel runs alone, by calls of the ops' reference implementations, in graph
    order.
    """
    times: dict[tuple[int, bool, int], list[list[Group]]] = defaultdict(list)
    for chain in draft.chains:
        first = chain.groups[0]
        order = first.actions[0].node.index if first.is_fallback else chain.level
        times[draft.phase_of[first], first.is_fallback, order].append(chain.groups)
    return [times[key] for key in sorted(times)]


def _direct(draft: Draft) -> dict[Node, int]:
    """Return a dict from variables to the storages of their new values, for those variables whose
    new value a kernel can write into a separate array. After the run, that array becomes the
    variable's.
    """
    writes = draft.schedule.writes
    inplace = draft.updates.home if draft.updates else {}
    storages = [draft.actions.storage[s] for s in writes.values()]
    times = Counter(storages)
    return {
        variable: storage
        for variable, storage in zip(writes, storages, strict=True)
        if storage in draft.made_by
        and variable not in inplace
        and times[storage] == 1
        and not draft.made_by[storage].is_fallback
    }
