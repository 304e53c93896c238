"""What a plan is made of: levels of rows, and repeats of levels.

The rows of a level do not depend on each other. A repeat runs its levels some number of times; it
is a loop of the driver, so its length costs nothing in the table.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nodeflow.engine.plan.emit import KernelLaunch


@dataclass
class LoopLevel:
    """Levels that run ``turns`` times, at least once."""

    turns: int
    levels: list[Level] = field(default_factory=list)


Level = list["KernelLaunch"] | LoopLevel


def all_rows(levels: Sequence[Level]) -> Iterator[KernelLaunch]:
    """Every row once, those that follow others included, as the driver's table numbers them."""
    for level in levels:
        if isinstance(level, LoopLevel):
            yield from all_rows(level.levels)
        else:
            yield from (row for head in level for row in head.chain())


def work_of(levels: Sequence[Level]) -> float:
    """Estimated nanoseconds on one core, repeats included."""
    return sum(
        level.turns * work_of(level.levels)
        if isinstance(level, LoopLevel)
        else sum(row.work for row in all_rows([level]))
        for level in levels
    )


def repeats(levels: Sequence[Level]) -> int:
    """How many repeats there are, those inside others included."""
    inner = [level.levels for level in levels if isinstance(level, LoopLevel)]
    return len(inner) + sum(map(repeats, inner))
