"""The layout of the words that the dispatch loop, its threads and Python share.

It is a separate module, because the compiled side imports numba and the Python side must not.
All offsets count int64 slots.
"""

from __future__ import annotations

import struct

# Control block, one per team. Each busy word has its own cache line. The words from PROGRAM on
# share a line that seldom changes. CORE: number of the dispatcher's core. FIND_CORE, GET_MASK,
# SET_MASK, CLOCK: addresses of system functions that find a thread's core, get and set its affinity
# mask, and read a clock; 0 if the system has none. WHICH: number of the clock. From TICKETS on,
# each thread has a ticket, TICKET_SLOTS apart.
FINISHED = 0
PROGRAM, YIELD, SPINS, LINGER, CORE, FIND_CORE, GET_MASK, SET_MASK = range(16, 24)
CLOCK, WHICH = 24, 25
TICKETS, TICKET_SLOTS = 32, 24

# Offsets from a thread's ticket, on other cache lines. PRESENT is 1 while the thread takes tasks.
# The thread itself uses four times in nanoseconds: when it got its core, when its last task ended
# (0: unknown), how long it works before it yields the core (0: no limit), and when it last waited
# for the dispatcher.
PRESENT = 8
SINCE, LAST, TURN, MISSED = range(16, 20)

# Program block. STOP and FAILED are read between kernels; all threads read SEGMENTS and the words
# after it. Only thread 0 uses STEP to SET and writes some of them at each step, so they have
# another cache line. GET and SET: addresses of the BLAS functions for its number of threads; 0 if
# no kernel calls BLAS.
STOP, FAILED = 0, 1
STEP, COUNT, DONE, GET, SET = 16, 17, 18, 19, 20
SEGMENTS, NSEGMENTS, LAUNCHES = 24, 25, 26
PROGRAM_SLOTS = 32

# Value of DONE for a run that has not begun, because threads have to be woken.
ABSENT = -1
# Thread number of a dispatcher that does not wait for the other threads.
AT_ONCE = -1

# Bytes of an affinity mask. A thread on a core beyond the mask stays where it is.
MASK_BYTES = 128

# Values of STOP: finish the step, or leave between two kernels.
STOP_STEP, STOP_NOW = 1, 2

# Segment: kind; first launch; last launch (exclusive); number of tasks; jump target; address of the
# iteration counter; address of the number of iterations; address of the first task's number for
# each thread, followed by the number of all tasks.
SEGMENT_SLOTS = 8
SERIAL, PARALLEL, LOOP, END_LOOP = 0, 1, 2, 3

# Launch: kernel address; args address; tasks; number of its first task in the segment; address of
# the launch with which each task continues (0: none); address of the loop whose body it is, if each
# task goes through all iterations by itself (0: no); spare.
LAUNCH_SLOTS = 8
BODY_OF = 5

# Such a loop: address of the number of iterations; the launch that begins each iteration, whose
# argument 0 is the address of the iteration number; address and number of the words that hold the
# args of that launch and of the body; address of the tasks' copies of these words, and words from
# one copy to the next.
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

# A ticket is (segment << 32) + 2**31 - tasks left in one thread's share. With bit 31 set there is
# nothing left to take.
EMPTY = 1 << 31
LEAVE = -(1 << 62)


def float_slot(value: float, dtype: str) -> int:
    """Return a number as an int64 kernel argument that contains the bits of a float32 or
    float64.
    """
    if dtype == "float32":
        return struct.unpack("<i", struct.pack("<f", value))[0]
    return struct.unpack("<q", struct.pack("<d", value))[0]
