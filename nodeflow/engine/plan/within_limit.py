"""Plans within a memory limit, which recompute values instead of keeping them if necessary."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from nodeflow.engine.ir.plan import Plan
from nodeflow.engine.peak_memory import peak_of
from nodeflow.engine.schedule.recompute import recompute
from nodeflow.engine.schedule.schedule import Schedule
from nodeflow.graph.types import TensorType

P = TypeVar("P")
SHARES = (0.85, 0.7, 0.55, 0.45, 0.36, 0.29, 0.23, 0.18, 0.14, 0.1)
"""Fractions of a schedule's memory that are tried in turn as its limit. A plan needs less
memory than its schedule if values exist only inside kernels, and more if block sizes do not
fit, so the result is known only after planning.
"""


def plan_within(
    limit: int | None,
    schedule: Schedule,
    types: Sequence[TensorType],
    make: Callable[[Schedule, Sequence[TensorType]], P],
    plan_of: Callable[[P], Plan | None],
) -> P:
    """Return ``make(schedule, types)`` if its plan needs no more memory than the limit. Otherwise
    use a schedule that drops values and recomputes them later.

    If no schedule meets the limit, use the one that needs least memory. At first, recomputed steps
    may run as early as possible. Then steps run strictly one after the other, which may need less
    memory and takes longer.
    """
    found = make(schedule, types)
    plan = plan_of(found)
    if limit is None or plan is None or plan.needs()[0] <= limit:
        return found
    least = plan.needs()[0]
    stored, whole = _stored(plan), peak_of(schedule, types)[0]
    tried = [(least * share, stored) for share in SHARES]
    for budget, inside in (*tried, *((whole * share, None) for share in SHARES)):
        if (less := recompute(schedule, types, budget, inside)) is None:
            continue
        other = make(*less)
        needed = plan_of(other)
        if needed is not None and needed.needs()[0] < least:
            found, least = other, needed.needs()[0]
        if least <= limit:
            break
    return found


def _stored(plan: Plan) -> set[int]:
    """Return the slots of the schedule whose values the plan stores in memory; other values exist
    only inside a kernel.
    """
    storage = plan.actions.storage
    return {slot for slot in range(len(plan.schedule.slots)) if storage[slot] in plan.allocations}


def schedule_within(
    limit: int | None, schedule: Schedule, types: Sequence[TensorType]
) -> tuple[Schedule, Sequence[TensorType]]:
    """Return a schedule that the reference interpreter can run within a memory limit. If the given
    schedule exceeds the limit, return a version that recomputes values and needs less memory.
    """
    found, least = (schedule, types), peak_of(schedule, types)[0]
    if limit is None or least <= limit:
        return found
    whole = least
    for share in SHARES:
        less = recompute(schedule, types, whole * share)
        if less is not None and (peak := peak_of(*less)[0]) < least:
            found, least = less, peak
        if least <= limit:
            break
    return found
