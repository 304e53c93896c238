"""The levels of a plan: lists of kernel launches, and loops over levels.

The launches of a level do not depend on each other. The dispatch loop repeats the levels of a loop,
so the program does not grow with the number of iterations.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from nodeflow.engine.ir.groups import Group
from nodeflow.engine.ir.launches import KernelLaunch


@dataclass
class LoopLevel:
    """Levels that run ``iterations`` times, and the group of that loop.

    Attributes:
        key: if kernels determine the number of iterations, the key of their argument
            (`LoopAddress`). The loop then runs ``iterations`` times at most.
        expected: expected number of iterations, for estimates.
        apart: whether each task runs through all iterations without waiting for others. The
            loop then has two levels: one with the launch that begins an iteration, and one with
            a launch and its chain.
    """

    iterations: int
    levels: list[Level] = field(default_factory=list)
    group: Group | None = None
    key: object = None
    expected: int | None = None
    apart: bool = False

    @property
    def estimate(self) -> int:
        """The number of iterations to assume in estimates of time: the expected number if there is
        one, else the maximum.
        """
        return self.iterations if self.expected is None else self.expected


Level = list[KernelLaunch] | LoopLevel


def all_launches(levels: Sequence[Level]) -> Iterator[KernelLaunch]:
    """Yield each kernel launch of a program once, in order, including those in loops and chains."""
    for level in levels:
        if isinstance(level, LoopLevel):
            yield from all_launches(level.levels)
        else:
            yield from (launch for head in level for launch in head.chain())


def work_of(levels: Sequence[Level]) -> float:
    """Return the estimated nanoseconds that all launches of these levels take on one core,
    including all iterations of loops.
    """
    return sum(
        level.estimate * work_of(level.levels)
        if isinstance(level, LoopLevel)
        else sum(launch.work for launch in all_launches([level]))
        for level in levels
    )


def count_loops(levels: Sequence[Level]) -> int:
    """Return the number of loops, including nested loops."""
    inner = [level.levels for level in levels if isinstance(level, LoopLevel)]
    return len(inner) + sum(map(count_loops, inner))
