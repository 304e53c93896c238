"""Runs large branches one after the other, so that each ends before the next one begins.

Independent chains share a level, so that all threads have work. A chain with the maximum number
of tasks keeps all threads busy by itself. If several such chains run at once and together write
more than fits into a cache, none finds its values in the cache, and all need memory at the same
time. So levels with such chains are split, depth first (the rewrite ``serialize``). It changes
no kernel, so it is exact.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

from nodeflow.engine.plan.chaining import TaskChain

LARGE = 4 << 20
"""Minimum bytes that a chain must write to get a separate level."""
TOGETHER = 16 << 20
"""Maximum bytes that all large chains of one level may write together."""


def serialize_branches(
    chains: Sequence[TaskChain],
    phase_of: Callable[[TaskChain], int],
    written: Callable[[TaskChain], int],
) -> list[TaskChain]:
    """Make large independent chains run one after the other instead of in parallel, so that each
    keeps its values in cache.

    If several large chains share a level, the chains of that phase get new levels.

    Args:
        chains: all chains, each after its predecessors.
        phase_of: returns the phase of a chain; chains move only within their phase.
        written: returns the bytes that a chain writes, or 0 if it cannot occupy all threads.

    Returns:
        The large chains of the phases that changed.
    """
    phases: dict[int, list[TaskChain]] = defaultdict(list)
    for chain in chains:
        phases[phase_of(chain)].append(chain)
    apart = []
    for together in phases.values():
        large = {s: size for s in together if (size := written(s)) >= LARGE}
        sizes: dict[int, list[int]] = defaultdict(list)
        for chain, size in large.items():
            sizes[chain.level].append(size)
        if any(len(each) > 1 and sum(each) > TOGETHER for each in sizes.values()):
            _depth_first(together, large)
            apart += large
    return apart


def _depth_first(chains: Sequence[TaskChain], large: dict[TaskChain, int]) -> None:
    """Give each large chain a level of its own. A level is a place in the order of execution. Of
    several large chains that are ready, the one that became ready last comes first, as in a
    depth-first search.
    """
    users: dict[TaskChain, list[TaskChain]] = defaultdict(list)
    missing = dict.fromkeys(chains, 0)
    for chain in chains:
        for source in chain.after & missing.keys():
            users[source].append(chain)
            missing[chain] += 1
    ready = [s for s in chains if missing[s] == 0]
    small = [s for s in ready if s not in large]
    waiting = [s for s in reversed(ready) if s in large]
    level = 0
    while small or waiting:
        together, small = (small, []) if small else ([waiting.pop()], [])
        freed = []
        for chain in together:
            chain.level = level
            for user in users[chain]:
                missing[user] -= 1
                if missing[user] == 0:
                    freed.append(user)
        small = [s for s in freed if s not in large]
        waiting += [s for s in reversed(freed) if s in large]
        level += 1
