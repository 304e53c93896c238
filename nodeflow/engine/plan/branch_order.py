"""Large branches take turns: each goes on to its end before the next one begins.

Strands that do not depend on each other share a level, so that threads have enough to do. A strand
of as many tasks as there may be is enough alone. Where several write more than a cache holds, to
run them all at once means that each finds nothing of its own there any more, and memory for all. So
levels that contain such strands are taken apart, depth first (the rewrite ``turns``). It changes no
kernel, so it is exact.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

from nodeflow.engine.plan.chaining import TaskChain

LARGE = 4 << 20
"""Bytes that a strand writes from which it may have a level alone."""
TOGETHER = 16 << 20
"""Bytes that large strands write at one level from which they take turns."""


def take_turns(
    strands: Sequence[TaskChain],
    phase_of: Callable[[TaskChain], int],
    written: Callable[[TaskChain], int],
) -> list[TaskChain]:
    """Give strands new levels in those phases where several large ones share one; returns those.

    Args:
        strands: all, each after those that it follows.
        phase_of: only strands of one phase are moved against each other.
        written: bytes that a strand writes, 0 where it is not enough for all threads.
    """
    phases: dict[int, list[TaskChain]] = defaultdict(list)
    for strand in strands:
        phases[phase_of(strand)].append(strand)
    apart = []
    for together in phases.values():
        large = {s: size for s in together if (size := written(s)) >= LARGE}
        sizes: dict[int, list[int]] = defaultdict(list)
        for strand, size in large.items():
            sizes[strand.level].append(size)
        if any(len(each) > 1 and sum(each) > TOGETHER for each in sizes.values()):
            _depth_first(together, large)
            apart += large
    return apart


def _depth_first(strands: Sequence[TaskChain], large: dict[TaskChain, int]) -> None:
    """One large strand a level, the one that has just become possible before older ones."""
    users: dict[TaskChain, list[TaskChain]] = defaultdict(list)
    missing = dict.fromkeys(strands, 0)
    for strand in strands:
        for source in strand.after & missing.keys():
            users[source].append(strand)
            missing[strand] += 1
    ready = [s for s in strands if missing[s] == 0]
    small = [s for s in ready if s not in large]
    waiting = [s for s in reversed(ready) if s in large]
    level = 0
    while small or waiting:
        together, small = (small, []) if small else ([waiting.pop()], [])
        freed = []
        for strand in together:
            strand.level = level
            for user in users[strand]:
                missing[user] -= 1
                if missing[user] == 0:
                    freed.append(user)
        small = [s for s in freed if s not in large]
        waiting += [s for s in reversed(freed) if s in large]
        level += 1
