"""The one driver: the compiled loop that walks a program's table, for every graph.

Thread 0 conducts: it walks the segments, runs serial ones itself and publishes each parallel one as
a *ticket*, a word from which every thread takes the next task by one atomic addition. Threads that
come late, or not at all, cost nothing: the conductor waits for tasks, never for threads. So the
driver works with more threads than cores, and results never depend on who ran what.

This file's text is itself compiled and cached like a kernel (`driver.drive_kernel`): its entry is
``kernel(control, tid, n)``; `layout` says where things lie in the words shared with Python.
"""

# Intrinsics are called without the typing context that their definitions show.
# pyright: reportCallIssue=false, reportGeneralTypeIssues=false
from __future__ import annotations

from numba import njit

from nodeflow.engine.intrinsics import (
    atomic_add,
    atomic_load,
    atomic_store,
    call_kernel,
    call_void,
    set_slot,
    slot,
)
from nodeflow.engine.layout import (
    CODE,
    COUNT,
    DONE,
    EMPTY,
    FAILED,
    FINISHED,
    INSIDE,
    LEAVE,
    LOOP,
    NSEGMENTS,
    PARALLEL,
    PROGRAM,
    RAISED,
    ROW_SLOTS,
    ROWS,
    SEGMENT_SLOTS,
    SEGMENTS,
    SERIAL,
    SPINS,
    STEP,
    STOP,
    STOP_NOW,
    TICKET,
    YIELD,
)

_helper = njit(nogil=True, error_model="numpy")


@_helper
def run_task(program, address, args, task, ntasks):
    """Run one task; a kernel that raised is a failure like one that reports it."""
    if call_kernel(address, args, task, ntasks) != 0:
        set_slot(args, CODE, RAISED)
    if slot(args, CODE) != 0:
        atomic_store(program + 8 * FAILED, 1)


@_helper
def run_rows(program, first, last, through):
    """Run rows in order on this thread; stop at a failure unless ``through``. True to go on."""
    row = slot(program, ROWS) + 8 * ROW_SLOTS * first
    for _ in range(last - first):
        address, args, ntasks = slot(row, 0), slot(row, 1), slot(row, 2)
        for task in range(ntasks):
            run_task(program, address, args, task, ntasks)
        if slot(program, FAILED) != 0 and not through:
            return False
        if atomic_load(program + 8 * STOP) == STOP_NOW:
            return False
        row += 8 * ROW_SLOTS
    return slot(program, FAILED) == 0


@_helper
def find_row(rows, first, last, task):
    """Index of the row that holds the segment's task number ``task``."""
    low, high = first, last
    while high - low > 1:
        middle = (low + high) >> 1
        if slot(rows + 8 * ROW_SLOTS * middle, 3) <= task:
            low = middle
        else:
            high = middle
    return low


@_helper
def take_tasks(control):
    """Take tasks from the ticket until none is left, and report how many were finished."""
    finished = 0
    while True:
        ticket = atomic_add(control + 8 * TICKET, 1)
        if ticket < 0 or ticket & EMPTY:
            break
        program = slot(control, PROGRAM)
        segment = slot(program, SEGMENTS) + 8 * SEGMENT_SLOTS * (ticket >> 32)
        task = (ticket & 0xFFFFFFFF) - (EMPTY - slot(segment, 3))
        if atomic_load(program + 8 * STOP) != STOP_NOW:
            rows = slot(program, ROWS)
            row = rows + 8 * ROW_SLOTS * find_row(rows, slot(segment, 1), slot(segment, 2), task)
            run_task(program, slot(row, 0), slot(row, 1), task - slot(row, 3), slot(row, 2))
        finished += 1
    if finished:
        atomic_add(control + 8 * FINISHED, finished)


@_helper
def wait_a_little(control, spins):
    """Spin; after a few thousand rounds give the core away at each. Returns the next count."""
    if spins > slot(control, SPINS):
        call_void(slot(control, YIELD))
        return spins
    return spins + 1


@_helper
def follow(control):
    """What every thread but the first does: take tasks until the conductor says leave."""
    atomic_add(control + 8 * INSIDE, 1)
    spins = 0
    while True:
        ticket = atomic_load(control + 8 * TICKET)
        if ticket < 0:
            break
        if ticket & EMPTY:
            spins = wait_a_little(control, spins)
        else:
            take_tasks(control)
            spins = 0
    atomic_add(control + 8 * INSIDE, -1)


@_helper
def run_parallel(control, program, index, segment):
    """Publish a segment, take part, and wait until all its tasks are finished."""
    total = slot(segment, 3)
    atomic_store(control + 8 * FINISHED, 0)
    atomic_store(control + 8 * TICKET, (index << 32) + EMPTY - total)
    take_tasks(control)
    spins = 0
    while atomic_load(control + 8 * FINISHED) != total:
        spins = wait_a_little(control, spins)
    return slot(program, FAILED) == 0 and atomic_load(program + 8 * STOP) != STOP_NOW


@_helper
def run_step(control, program, n):
    """Walk the segments once. True if the step was completed."""
    segments, count = slot(program, SEGMENTS), slot(program, NSEGMENTS)
    index = 0
    while index < count:
        segment = segments + 8 * SEGMENT_SLOTS * index
        kind = slot(segment, 0)
        if kind == PARALLEL and n > 1:
            if not run_parallel(control, program, index, segment):
                return False
        elif kind in (SERIAL, PARALLEL):
            if not run_rows(program, slot(segment, 1), slot(segment, 2), kind == PARALLEL):
                return False
        elif kind == LOOP:
            set_slot(slot(segment, 5), 0, 0)
            if slot(slot(segment, 6), 0) <= 0:
                index = slot(segment, 4)
        else:
            turn = slot(slot(segment, 5), 0) + 1
            set_slot(slot(segment, 5), 0, turn)
            if turn < slot(slot(segment, 6), 0):
                index = slot(segment, 4)
        index += 1
    return True


@_helper
def conduct(control, n):
    """Run steps until COUNT are done, a failure, or a stop; then send the others away."""
    program = slot(control, PROGRAM)
    while slot(program, DONE) < slot(program, COUNT):
        if not run_step(control, program, n):
            break
        set_slot(program, STEP, slot(program, STEP) + 1)
        set_slot(program, DONE, slot(program, DONE) + 1)
        if atomic_load(program + 8 * STOP) != 0:
            break
    atomic_store(control + 8 * TICKET, LEAVE)
    spins = 0
    while atomic_load(control + 8 * INSIDE) != 0:
        spins = wait_a_little(control, spins)


def kernel(control, tid, n):
    """Entry: thread 0 of ``n`` conducts, the others follow."""
    if tid == 0:
        conduct(control, n)
    else:
        follow(control)
