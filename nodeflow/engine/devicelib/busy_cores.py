"""The behaviour of the dispatch loop's threads if other processes use the same cores.

The system schedules threads in time slices of a few milliseconds; a run may take a hundredth of
that. So a helper leaves the dispatcher's core, because the scheduler often keeps both on one
core. A helper also yields its own core between two tasks, so that it is not preempted within a
task for which all other threads would wait. None of this changes a result.
"""

# Intrinsics are called without the typing context that their definitions show.
# pyright: reportCallIssue=false, reportGeneralTypeIssues=false
from __future__ import annotations

from numba import njit

from nodeflow.engine.devicelib.abi import (
    CLOCK,
    CORE,
    FIND_CORE,
    GET_MASK,
    LAST,
    MASK_BYTES,
    MISSED,
    SET_MASK,
    SINCE,
    TURN,
    WHICH,
    YIELD,
)
from nodeflow.engine.devicelib.intrinsics import (
    call_for_core_mask,
    call_int,
    call_void,
    local_memory,
    read_clock,
    set_slot,
    slot,
)

_helper = njit(nogil=True, error_model="numpy")

AT_ONCE_NS = 50_000
"""Nanoseconds. A yield that returns within this time found no other thread waiting for the core."""
LOST_NS = 500_000
"""A longer time between the ends of two tasks counts as a preemption."""
SHORTEST_TURN_NS = 1_000_000
"""The shortest time that a thread works before it yields."""
APART_NS = 20_000_000
"""Nanoseconds. Helpers take turns only if the dispatcher was not preempted for this long."""


@_helper
def note_core(control):
    """Record the number of the core on which the dispatcher thread runs.

    It is written only if it changed, because all threads read that cache line.
    """
    if slot(control, FIND_CORE) != 0:
        core = call_int(slot(control, FIND_CORE))
        if core != slot(control, CORE):
            set_slot(control, CORE, core)


@_helper
def leave_core(control):
    """Move this helper thread to another core if it shares a core with the dispatcher, the thread
    that starts the tasks.

    If another process is busy, the scheduler may leave both on one core for seconds, and the helper
    only takes time from the dispatcher.
    """
    if slot(control, FIND_CORE) == 0:
        return
    core = call_int(slot(control, FIND_CORE))
    if core != slot(control, CORE) or core < 0 or core >= 8 * MASK_BYTES:
        return
    mask = local_memory(MASK_BYTES)
    if call_for_core_mask(slot(control, GET_MASK), MASK_BYTES, mask) < 0:
        return
    allowed = slot(mask, core >> 6)
    set_slot(mask, core >> 6, allowed & ~(1 << (core & 63)))
    if call_for_core_mask(slot(control, SET_MASK), MASK_BYTES, mask) == 0:
        set_slot(mask, core >> 6, allowed)
        call_for_core_mask(slot(control, SET_MASK), MASK_BYTES, mask)


@_helper
def turn_is_over(control, mine):
    """Record that this thread has finished a task. Return whether it should now yield its core,
    before the system would take the core away.

    If another process is busy, a thread is preempted every few milliseconds, mostly within a task,
    and all other threads wait until that task continues. A thread that yields between two tasks
    delays nobody. Each preemption shows how long the system lets a thread run.
    """
    if slot(control, CLOCK) == 0:
        return False
    now, last = read_clock(slot(control, CLOCK), slot(control, WHICH)), slot(mine, LAST)
    set_slot(mine, LAST, now)
    if last == 0 or now - last > LOST_NS:
        if last != 0 and now - slot(mine, MISSED) > APART_NS:
            kept = last - slot(mine, SINCE)
            set_slot(mine, TURN, max(kept - (kept >> 3), SHORTEST_TURN_NS))
        set_slot(mine, SINCE, now)
        return False
    return slot(mine, TURN) != 0 and now - slot(mine, SINCE) > slot(mine, TURN)


@_helper
def give_core_away(control, mine):
    """Yield this thread's core to another process, and set the time until the next yield.

    If another process was waiting, this thread works a little longer before the next yield. If none
    was, it works without a limit.
    """
    turn, before = slot(mine, TURN), slot(mine, LAST)
    call_void(slot(control, YIELD))
    now = read_clock(slot(control, CLOCK), slot(control, WHICH))
    set_slot(mine, TURN, turn + (turn >> 4) if now - before > AT_ONCE_NS else 0)
    set_slot(mine, SINCE, now)
    set_slot(mine, LAST, now)


@_helper
def note_long_wait(control, mine, missed):
    """After a long wait, reset the time since when this thread has been running on its core.

    If the dispatcher is ``missed`` within a run, another process has taken its core as well. Then
    it is best if both threads yield their cores at the same time, so helpers no longer yield
    between tasks.
    """
    set_slot(mine, LAST, 0)
    if missed and slot(control, CLOCK) != 0:
        set_slot(mine, TURN, 0)
        set_slot(mine, MISSED, read_clock(slot(control, CLOCK), slot(control, WHICH)))
