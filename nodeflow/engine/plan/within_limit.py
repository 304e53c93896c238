"""Plans within a limit of memory: the same, or with values computed again instead of kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from nodeflow.engine.interpreter import peak_of
from nodeflow.engine.schedule.recompute import recompute
from nodeflow.engine.schedule.schedule import Schedule
from nodeflow.graph.types import TensorType

P = TypeVar("P")
SHARES = (0.85, 0.7, 0.55, 0.45, 0.36, 0.29, 0.23, 0.18, 0.14, 0.1)
"""Parts of what a schedule holds that are tried, one after the other. A plan holds less than its
schedule says where kernels keep values to themselves, and more where sizes do not fit into each
other, so only trying tells."""


def plan_within(
    limit: int | None,
    schedule: Schedule,
    types: Sequence[TensorType],
    make: Callable[[Schedule, Sequence[TensorType]], P],
    needs: Callable[[P], int],
) -> P:
    """What ``make`` makes of a schedule, if it needs no more than the limit; else that of the
    first, or least demanding, schedule that computes values again."""
    found = make(schedule, types)
    if limit is None or needs(found) <= limit:
        return found
    whole = peak_of(schedule, types)[0]
    for share in SHARES:
        if (less := recompute(schedule, types, whole * share)) is None:
            continue
        other = make(*less)
        if needs(other) < needs(found):
            found = other
        if needs(found) <= limit:
            break
    return found


def schedule_within(
    limit: int | None, schedule: Schedule, types: Sequence[TensorType]
) -> tuple[Schedule, Sequence[TensorType]]:
    """The schedule, or one that holds less at a time by the reference, if the limit asks for it."""
    if limit is None or peak_of(schedule, types)[0] <= limit:
        return schedule, types
    return plan_within(limit, schedule, types, lambda *pair: pair, lambda pair: peak_of(*pair)[0])
