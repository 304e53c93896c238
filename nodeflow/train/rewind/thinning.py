"""When a training is copied, and which copies stay: pure functions of steps and times.

A copy is due when the newest is old, or when as many steps have passed as lie between two of all
the copies that memory holds, spread evenly; and only while copying costs at most `SHARE` of the
time. Where memory is full, the oldest copy goes without which the gap is still small enough: so old
copies lie up to twice as far apart as evenly spread ones, and new ones closer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SHARE = 0.01
"""Of the time of a training, what copying may take."""
AGE = 0.25
"""Seconds of training after which the newest copy is old."""


@dataclass(frozen=True)
class Pace:
    """What decides whether a copy is due.

    Attributes:
        steps: of the training, so far.
        since: steps since the newest copy.
        seconds: of training since the newest copy.
        elapsed: seconds of the training, so far.
        spent: seconds of it that copies took.
        cost: seconds that the next one may take.
    """

    steps: int
    since: int
    seconds: float
    elapsed: float
    spent: float
    cost: float


def is_due(pace: Pace, most: int) -> bool:
    """Whether to copy now, where memory holds ``most`` copies.

    >>> is_due(Pace(1000, 300, 0.3, elapsed=1.0, spent=0.001, cost=0.001), most=10)
    True
    >>> is_due(Pace(1000, 300, 0.3, elapsed=1.0, spent=0.001, cost=0.02), most=10)  # too dear
    False
    """
    if not pace.since or pace.spent + pace.cost > SHARE * pace.elapsed:
        return False
    return pace.seconds >= AGE or pace.since * (most - 1) >= pace.steps


def superfluous(steps: Sequence[int], most: int) -> int | None:
    """The index of the copy that goes, or None where memory holds them all.

    The first and the newest one stay, unless memory holds one alone. Between those that stay lie at
    most twice the steps of ``most`` evenly spread copies, or as many as before: the sum of all gaps
    over a copy is at most twice the whole, so the smallest of them is within that.

    Args:
        steps: of the copies, ascending; one more than memory holds.

    >>> superfluous([0, 10, 20, 30], 3)
    1
    """
    if len(steps) <= most:
        return None
    if most < 2:
        return 0
    limit = 2 * (steps[-1] - steps[0]) / (most - 1)
    over = [after - before for before, after in zip(steps, steps[2:], strict=False)]
    found = next((i for i, gap in enumerate(over) if gap <= limit), None)
    return 1 + (over.index(min(over)) if found is None else found)


def spread(steps: Sequence[int], most: int) -> list[int]:
    """The indices of the copies that stay when a training is over and ``most`` of them are kept:
    the first, the newest, and those nearest to even places between.

    Args:
        steps: of the copies, ascending.

    >>> spread([0, 10, 20, 90, 95, 100], 3)
    [0, 2, 5]
    """
    if len(steps) <= most:
        return list(range(len(steps)))
    if most < 2:
        return [0][:most]
    places = np.linspace(steps[0], steps[-1], most)
    after = np.clip(np.searchsorted(steps, places), 1, len(steps) - 1)
    known = np.asarray(steps)
    nearer = places - known[after - 1] <= known[after] - places
    return sorted({int(index) for index in np.where(nearer, after - 1, after)})
