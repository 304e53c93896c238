"""The layout of the words that the dispatch loop, its threads and Python share.

Kept apart from both sides, because the compiled side imports numba and the other must not. All
offsets count int64 slots.
"""

from __future__ import annotations

import struct

# Control block, one per team; each busy word on a cache line of its own. The words from PROGRAM on
# are on one that seldom changes. CORE is the number of the dispatcher's core. FIND_CORE, GET_MASK,
# SET_MASK and CLOCK are the addresses of the system's functions for a thread's core, its affinity
# mask, setting that, and reading a clock; 0 where the system has none. WHICH is the number of the
# clock. From TICKETS on, every thread has a ticket, TICKET_SLOTS apart.
FINISHED = 0
PROGRAM, YIELD, SPINS, LINGER, CORE, FIND_CORE, GET_MASK, SET_MASK = range(16, 24)
CLOCK, WHICH = 24, 25
TICKETS, TICKET_SLOTS = 32, 24

# Counted from a thread's ticket, and on other lines: PRESENT is 1 while it takes tasks. Four times
# in nanoseconds are its own: when it got its core, when its last task ended (0: unknown), how long
# it works before it yields the core (0: no limit), and when it last waited for the dispatcher.
PRESENT = 8
SINCE, LAST, TURN, MISSED = range(16, 20)

# Program block. STOP and FAILED are read between kernels, SEGMENTS and what follows by all threads.
# STEP to SET are thread 0's own, which writes some at each step, so they are on another line. GET
# and SET are the addresses of BLAS's functions of its number of threads; 0 where none calls it.
STOP, FAILED = 0, 1
STEP, COUNT, DONE, GET, SET = 16, 17, 18, 19, 20
SEGMENTS, NSEGMENTS, LAUNCHES = 24, 25, 26
PROGRAM_SLOTS = 32

# DONE of a run that has not begun, because threads have to be woken.
ABSENT = -1
# The number of the thread that dispatches without waiting for them.
AT_ONCE = -1

# Bytes of an affinity mask; a thread on a core beyond them stays where it is.
MASK_BYTES = 128

# Values of STOP: finish the step, or leave between two kernels.
STOP_STEP, STOP_NOW = 1, 2

# Segment: kind, first launch, last launch (exclusive), tasks in all, jump target, address of the
# iteration counter, address of the number of iterations, address of the number of each thread's
# first task and, after them, of all tasks.
SEGMENT_SLOTS = 8
SERIAL, PARALLEL, LOOP, END_LOOP = 0, 1, 2, 3

# Launch: kernel address, args address, tasks, number of its first task in the segment, address of
# the launch with which each task goes on (0: none), address of the loop of which it is the body,
# if each task goes through all iterations by itself (0: no), and spare.
LAUNCH_SLOTS = 8
BODY_OF = 5

# Such a loop: address of the number of iterations; the launch that begins each iteration, whose
# argument 0 is the address of the iteration's number; address and number of the words with the args
# of that launch and of the body; address of the tasks' copies of them, and words from one to the
# next.
LOOP_ITERATIONS, LOOP_FIRST, LOOP_ARGS, LOOP_WORDS, LOOP_COPIES, LOOP_STRIDE = 0, 1, 2, 3, 4, 5
LOOP_SLOTS = 6

# The slot before a launch's args holds the code of a failure, or 0.
ARGS_HEADER = 1
CODE = -1

# Codes of failures that kernels report.
RAISED = 1
DIVISION_BY_ZERO = 2
INDEX_OUT_OF_RANGE = 3
EMPTY_REDUCTION = 4

# A ticket is (segment << 32) + 2**31 - tasks left of one thread's share; with bit 31 set there is
# nothing left to take.
EMPTY = 1 << 31
LEAVE = -(1 << 62)


def float_slot(value: float, dtype: str) -> int:
    """A scalar as an int64 slot: the bits of a float32 or float64."""
    if dtype == "float32":
        return struct.unpack("<i", struct.pack("<f", value))[0]
    return struct.unpack("<q", struct.pack("<d", value))[0]
