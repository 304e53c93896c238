"""When to take snapshots of a training, and which to keep: pure functions of steps and times.

A snapshot is due if the newest one is old, or if as many steps have passed as lie between evenly
spread snapshots that fill the memory; but only while copying costs at most `SHARE` of the time. If
memory is full, the oldest snapshot is removed whose removal leaves a small enough gap. So old
snapshots lie up to twice as far apart as evenly spread ones, and new ones lie closer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SHARE = 0.01
"""Fraction of a training's time that copying may take."""
AGE = 0.25
"""Seconds of training after which the newest snapshot is old."""


@dataclass(frozen=True)
class Pace:
    """The measurements that decide whether a snapshot is due.

    Attributes:
        steps: steps of the training so far.
        since: steps since the newest snapshot.
        seconds: seconds of training since the newest snapshot.
        elapsed: seconds of the training so far.
        spent: the part of ``elapsed`` that copying took.
        cost: expected seconds of the next snapshot.
    """

    steps: int
    since: int
    seconds: float
    elapsed: float
    spent: float
    cost: float


def is_due(pace: Pace, most: int) -> bool:
    """Return whether to take a snapshot now, if memory holds ``most`` snapshots.

    >>> is_due(Pace(1000, 300, 0.3, elapsed=1.0, spent=0.001, cost=0.001), most=10)
    True
    >>> is_due(Pace(1000, 300, 0.3, elapsed=1.0, spent=0.001, cost=0.02), most=10)  # too dear
    False
    """
    if not pace.since or pace.spent + pace.cost > SHARE * pace.elapsed:
        return False
    return pace.seconds >= AGE or pace.since * (most - 1) >= pace.steps


def superfluous(steps: Sequence[int], most: int) -> int | None:
    """Return the index of the snapshot to delete next, or None if memory holds them all.

    The first and the newest snapshot stay, unless memory holds only one. The remaining ones are
    spaced so that, where possible, no gap between neighbours exceeds twice the gap of ``most``
    evenly spread snapshots.

    Args:
        steps: steps of the snapshots, ascending; one more than memory holds.
        most: the number of snapshots that memory holds.

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
    """Return the indices of the ``most`` snapshots to keep of a finished training.

    These are the first, the newest, and the snapshots nearest to evenly spread steps between them.

    Args:
        steps: steps of the snapshots, ascending.

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
