"""Large branches run one after the other: each goes on to its end before the next one begins.

Chains that do not depend on each other share a level, so that threads have enough to do. A chain of
as many tasks as there may be is enough alone. Where several write more than a cache holds and run
at once, none finds its own values in cache any more, and all need memory at the same time. So
levels that contain such chains are taken apart, depth first (the rewrite ``serialize``). It changes
no kernel, so it is exact.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

from nodeflow.engine.plan.chaining import TaskChain

LARGE = 4 << 20
"""Bytes that a chain writes from which it may have a level alone."""
TOGETHER = 16 << 20
"""Bytes that large chains write at one level from which they run one after the other."""


def serialize_branches(
    chains: Sequence[TaskChain],
    phase_of: Callable[[TaskChain], int],
    written: Callable[[TaskChain], int],
) -> list[TaskChain]:
    """Give chains new levels in those phases where several large ones share one; returns those.

    Args:
        chains: all, each after those that it follows.
        phase_of: only chains of one phase are moved against each other.
        written: bytes that a chain writes, 0 where it is not enough for all threads.
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
    """One large chain a level, the one that has just become possible before older ones."""
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
