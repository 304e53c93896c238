"""Plans within a limit of memory: the same, or with values computed again instead of kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from nodeflow.engine.ir.plan import Plan
from nodeflow.engine.peak import peak_of
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
    plan_of: Callable[[P], Plan | None],
) -> P:
    """What ``make`` makes of a schedule, if its plan needs no more than the limit; else that of the
    first, or least demanding, schedule that computes values again.

    First steps run as early as they can, as without a limit, then one after the other: that may
    hold less, and takes longer.
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
    """Slots of the schedule whose values are in memory, and not only in a kernel."""
    storage = plan.actions.storage
    return {slot for slot in range(len(plan.schedule.slots)) if storage[slot] in plan.allocations}


def schedule_within(
    limit: int | None, schedule: Schedule, types: Sequence[TensorType]
) -> tuple[Schedule, Sequence[TensorType]]:
    """The schedule, or one that holds less at a time by the reference, if the limit asks for it."""
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
