"""The dispatch loop: the compiled loop that executes a program's table, the same for every graph.

Thread 0, the dispatcher, goes through the segments. It runs serial segments itself, and
publishes each parallel segment as *tickets*: one word per thread, from which a thread takes a
task by an atomic addition. Every thread first takes from its own ticket, so that its cache
still holds its results from the last level or step, and then from the others' tickets. Threads
that come late, or not at all, cost nothing: the dispatcher waits for tasks, never for threads.
So the loop works with more threads than cores, and results never depend on the thread that ran
a task.

A launch may name another launch: each of its tasks then continues with the task of the same
number there. Or a launch is the whole body of a loop: each task then runs all iterations
without waiting for others.

This file's text is itself compiled and cached like a kernel (`program.dispatch_loop`). Its
entry is ``kernel(thread_block)``; `abi` describes the layout of the words shared with Python.
"""

# Intrinsics are called without the typing context that their definitions show.
# pyright: reportCallIssue=false, reportGeneralTypeIssues=false
from __future__ import annotations

from numba import njit

from nodeflow.engine.devicelib.abi import (
    ABSENT,
    BODY_OF,
    CODE,
    COUNT,
    DONE,
    EMPTY,
    FAILED,
    FINISHED,
    GET,
    LAUNCH_SLOTS,
    LAUNCHES,
    LEAVE,
    LINGER,
    LOOP,
    LOOP_ARGS,
    LOOP_COPIES,
    LOOP_FIRST,
    LOOP_ITERATIONS,
    LOOP_STRIDE,
    LOOP_WORDS,
    NSEGMENTS,
    PARALLEL,
    PRESENT,
    PROGRAM,
    RAISED,
    SEGMENT_SLOTS,
    SEGMENTS,
    SERIAL,
    SET,
    SPINS,
    STEP,
    STOP,
    STOP_NOW,
    TICKET_SLOTS,
    TICKETS,
    YIELD,
)
from nodeflow.engine.devicelib.busy_cores import (
    give_core_away,
    leave_core,
    note_core,
    note_long_wait,
    turn_is_over,
)
from nodeflow.engine.devicelib.intrinsics import (
    atomic_add,
    atomic_load,
    atomic_store,
    call_int,
    call_kernel,
    call_void,
    call_with_int,
    set_slot,
    slot,
)

_helper = njit(nogil=True, error_model="numpy")


@_helper
def run_chain(program, launch, task, away):
    """Run one task of a launch, then the same task of the launches chained to it. Return False at a
    failure.

    If a kernel raises an error, its status says so like a failure that the kernel reports.

    Args:
        away: bytes to add to the address of each launch's arguments, to use a copy of them.
    """
    while launch != 0:
        address, args, ntasks = slot(launch, 0), slot(launch, 1), slot(launch, 2)
        if call_kernel(address, args + away, task, ntasks) != 0:
            set_slot(args, CODE, RAISED)
        elif slot(args + away, CODE) != 0:
            set_slot(args, CODE, slot(args + away, CODE))
        if slot(args, CODE) != 0:
            atomic_store(program + 8 * FAILED, 1)
            return False
        launch = slot(launch, 4)
    return True


@_helper
def run_iterations(program, launch, task):
    """Run one task of a loop body in all iterations, with the launches of each iteration's
    beginning.

    The task has its own copy of the arguments, because addresses in them change with the iteration.
    """
    loop = slot(launch, BODY_OF)
    first, begin, words = slot(loop, LOOP_FIRST), slot(loop, LOOP_ARGS), slot(loop, LOOP_WORDS)
    own = slot(loop, LOOP_COPIES) + 8 * slot(loop, LOOP_STRIDE) * task
    for at in range(words):
        set_slot(own, at, slot(begin, at))
    away, number = own - begin, own + 8 * words
    set_slot(slot(first, 1) + away, 0, number)
    for iteration in range(slot(slot(loop, LOOP_ITERATIONS), 0)):
        set_slot(number, 0, iteration)
        if not run_chain(program, first, 0, away) or not run_chain(program, launch, task, away):
            break
        if atomic_load(program + 8 * STOP) == STOP_NOW:
            break


@_helper
def run_task(program, launch, task):
    """Run one task of a launch, and the same task of the launches chained to it. If the launch
    starts a loop, run all iterations.
    """
    if slot(launch, BODY_OF) != 0:
        run_iterations(program, launch, task)
    else:
        run_chain(program, launch, task, 0)


@_helper
def run_launches(program, first, last, through):
    """Run the launches ``first`` to ``last`` (exclusive) in order, on this thread.

    Return whether the program may continue: False after a failure or a request to stop.

    Args:
        through: whether to run the remaining launches after a failure.
    """
    launch = slot(program, LAUNCHES) + 8 * LAUNCH_SLOTS * first
    for _ in range(last - first):
        for task in range(slot(launch, 2)):
            run_task(program, launch, task)
        if slot(program, FAILED) != 0 and not through:
            return False
        if atomic_load(program + 8 * STOP) == STOP_NOW:
            return False
        launch += 8 * LAUNCH_SLOTS
    return slot(program, FAILED) == 0


@_helper
def find_launch(launches, first, last, task):
    """Find the launch to which a task belongs. Tasks are numbered through all launches of a
    segment. Return the index of the launch.
    """
    low, high = first, last
    while high - low > 1:
        middle = (low + high) >> 1
        if slot(launches + 8 * LAUNCH_SLOTS * middle, 3) <= task:
            low = middle
        else:
            high = middle
    return low


@_helper
def ticket_of(control, tid):
    """Return the address of a thread's ticket."""
    return control + 8 * (TICKETS + TICKET_SLOTS * tid)


@_helper
def take_tasks(control, tid, n):
    """Run tasks of the current level until none is left, first those of this thread, then those of
    other threads. Report how many were finished.

    Return this thread's ticket (a word that offers tasks) in its empty state. As long as the ticket
    does not change, there is nothing to do.
    """
    own = LEAVE
    for offset in range(n):
        owner = tid + offset
        if owner >= n:
            owner -= n
        word, finished = ticket_of(control, owner), 0
        while True:
            ticket = atomic_load(word)
            if ticket >= 0 and not ticket & EMPTY:
                ticket = atomic_add(word, 1)
            if ticket < 0 or ticket & EMPTY:
                break
            program = slot(control, PROGRAM)
            segment = slot(program, SEGMENTS) + 8 * SEGMENT_SLOTS * (ticket >> 32)
            end = slot(slot(segment, 7), owner + 1)
            task = end - (EMPTY - (ticket & 0xFFFFFFFF))
            if atomic_load(program + 8 * STOP) != STOP_NOW:
                launches = slot(program, LAUNCHES)
                found = find_launch(launches, slot(segment, 1), slot(segment, 2), task)
                launch = launches + 8 * LAUNCH_SLOTS * found
                run_task(program, launch, task - slot(launch, 3))
            finished += 1
            if tid > 0 and turn_is_over(control, ticket_of(control, tid)):
                atomic_add(control + 8 * FINISHED, finished)
                finished = 0
                give_core_away(control, ticket_of(control, tid))
        if finished:
            atomic_add(control + 8 * FINISHED, finished)
        if offset == 0:
            own = ticket
    return own


@_helper
def wait_a_little(control, spins):
    """Wait for a moment in a polling loop: spin, or yield the core if more than SPINS rounds have
    passed. Return the number of rounds.
    """
    if spins > slot(control, SPINS):
        call_void(slot(control, YIELD))
        return spins
    return spins + 1


@_helper
def follow(control, tid, n):
    """Take tasks until the dispatcher lets this thread leave, then stay a little longer.

    Every thread but the first runs this function. It stays a while, because waking a thread
    often takes longer than the time to the next run. While there is nothing to take, each
    thread reads only its own ticket: reading another's would take the cache line from the
    thread that writes it.
    """
    ticket, present = ticket_of(control, tid), ticket_of(control, tid) + 8 * PRESENT
    while True:
        atomic_store(present, 1)
        spins, idle, seen = 0, 0, LEAVE
        while idle <= slot(control, LINGER):
            now = atomic_load(ticket)
            if now >= 0 and now != seen:
                seen = take_tasks(control, tid, n)
                spins = 0
            else:
                waits_long = spins > slot(control, SPINS)
                if spins == 0 or waits_long:
                    leave_core(control)
                if waits_long:
                    note_long_wait(control, ticket, now >= 0)
                spins = wait_a_little(control, spins)
            if now >= 0:
                idle = 0
            elif idle == 0:
                spins, idle = 0, 1
            elif spins > slot(control, SPINS):
                idle += 1
        atomic_store(present, 0)
        if atomic_load(ticket) < 0:
            break  # the next run began before it could see this thread leave


@_helper
def run_parallel(control, program, index, segment, n):
    """Offer the tasks of a segment (a group of kernel launches) to all threads, take part in the
    work, and wait until all tasks are finished.

    Return False if a kernel failed or the run was stopped.
    """
    total, shares = slot(segment, 3), slot(segment, 7)
    atomic_store(control + 8 * FINISHED, 0)
    for back in range(n):
        # The dispatcher takes from its own share last, because by then the other threads have
        # begun.
        tid = n - 1 - back
        share = slot(shares, tid + 1) - slot(shares, tid)
        atomic_store(ticket_of(control, tid), (index << 32) + EMPTY - share)
    take_tasks(control, 0, n)
    spins = 0
    while atomic_load(control + 8 * FINISHED) != total:
        spins = wait_a_little(control, spins)
    return slot(program, FAILED) == 0 and atomic_load(program + 8 * STOP) != STOP_NOW


@_helper
def run_step(control, program, n):
    """Run one step of a compiled program: run its segments (groups of kernel launches) in order.
    Return False if a kernel failed or the run was stopped.
    """
    segments, count = slot(program, SEGMENTS), slot(program, NSEGMENTS)
    index = 0
    while index < count:
        segment = segments + 8 * SEGMENT_SLOTS * index
        kind = slot(segment, 0)
        if kind == PARALLEL and n > 1:
            if not run_parallel(control, program, index, segment, n):
                return False
        elif kind in (SERIAL, PARALLEL):
            if not run_launches(program, slot(segment, 1), slot(segment, 2), kind == PARALLEL):
                return False
        elif kind == LOOP:
            set_slot(slot(segment, 5), 0, 0)
            if slot(slot(segment, 6), 0) <= 0:
                index = slot(segment, 4)
        else:
            iteration = slot(slot(segment, 5), 0) + 1
            set_slot(slot(segment, 5), 0, iteration)
            if iteration < slot(slot(segment, 6), 0):
                index = slot(segment, 4)
        index += 1
    return True


@_helper
def set_blas_threads(program, count):
    """Set the number of threads that BLAS uses, if a kernel of the program calls BLAS. Return the
    previous number, or 0.
    """
    if slot(program, GET) == 0:
        return 0
    before = call_int(slot(program, GET))
    if before != count:
        call_with_int(slot(program, SET), count)
    return before


@_helper
def all_present(control, n):
    """Announce the start of a program to the worker threads, so that none of them leaves. Return
    whether all threads are present.
    """
    present = True
    for tid in range(1, n):
        # There is no task yet. A thread that comes before the first tasks must wait and not leave.
        atomic_store(ticket_of(control, tid), EMPTY)
        if atomic_load(ticket_of(control, tid) + 8 * PRESENT) == 0:
            present = False
    return present


@_helper
def dispatch(control, n):
    """Run steps of a program until the wanted number is done, a kernel fails, or a stop is
    requested. Then let the other threads leave.

    If a kernel calls BLAS, BLAS is limited to one thread meanwhile.
    """
    program = slot(control, PROGRAM)
    set_slot(program, DONE, 0)
    note_core(control)
    before = set_blas_threads(program, 1)
    while slot(program, DONE) < slot(program, COUNT):
        if not run_step(control, program, n):
            break
        set_slot(program, STEP, slot(program, STEP) + 1)
        set_slot(program, DONE, slot(program, DONE) + 1)
        if atomic_load(program + 8 * STOP) != 0:
            break
    for tid in range(n):
        atomic_store(ticket_of(control, tid), LEAVE)
    set_blas_threads(program, before)


def kernel(thread_block, task, ntasks):
    """Run the main function of a thread until the run ends. Thread 0 of ``n`` dispatches tasks if
    all threads are present; the others take tasks.

    Thread AT_ONCE dispatches in any case.

    Args:
        thread_block: address of three words: address of the control block, thread number, and n.
        task, ntasks: part of every kernel's signature; not used here.
    """
    control, tid, n = slot(thread_block, 0), slot(thread_block, 1), slot(thread_block, 2)
    if tid > 0:
        follow(control, tid, n)
    elif all_present(control, n) or tid != 0:
        dispatch(control, n)
    else:
        set_slot(slot(control, PROGRAM), DONE, ABSENT)
