"""What a plan runs: levels of kernel launches, and loops over levels.

The launches of a level do not depend on each other. A loop runs its levels some number of times; it
is a loop of the dispatch loop, so its length costs nothing in the program.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from nodeflow.engine.ir.groups import Group
from nodeflow.engine.ir.launches import KernelLaunch


@dataclass
class LoopLevel:
    """Levels that run ``iterations`` times, and the group whose loop that is.

    Attributes:
        key: of a loop whose kernels decide how often it runs: what their arguments name it by
            (`LoopAddress`). It then runs ``iterations`` times at most.
        expected: how often it may run, for estimates.
        apart: whether each task goes through all iterations, without waiting for others: the loop
            then has two levels, the launch that begins an iteration and one with those of a chain.
    """

    iterations: int
    levels: list[Level] = field(default_factory=list)
    group: Group | None = None
    key: object = None
    expected: int | None = None
    apart: bool = False

    @property
    def estimate(self) -> int:
        """How often it runs, as far as that is known."""
        return self.iterations if self.expected is None else self.expected


Level = list[KernelLaunch] | LoopLevel


def all_launches(levels: Sequence[Level]) -> Iterator[KernelLaunch]:
    """Every launch once, those that follow others included, in the program's order."""
    for level in levels:
        if isinstance(level, LoopLevel):
            yield from all_launches(level.levels)
        else:
            yield from (launch for head in level for launch in head.chain())


def work_of(levels: Sequence[Level]) -> float:
    """Estimated nanoseconds on one core, iterations included."""
    return sum(
        level.estimate * work_of(level.levels)
        if isinstance(level, LoopLevel)
        else sum(launch.work for launch in all_launches([level]))
        for level in levels
    )


def count_loops(levels: Sequence[Level]) -> int:
    """How many loops there are, those inside others included."""
    inner = [level.levels for level in levels if isinstance(level, LoopLevel)]
    return len(inner) + sum(map(count_loops, inner))
