"""The team of threads: it helps, never hangs, and leaves no trace in the results."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import numpy as np
import pytest

from nodeflow.engine.compiler.cache import load_kernel
from nodeflow.engine.devicelib import abi
from nodeflow.engine.runtime.program import Program, ProgramBuilder
from nodeflow.engine.runtime.thread_pool import Team, default_threads

# Adds up part of a range into word `task`; the next level adds up the parts.
PART = """
from nodeflow.engine.devicelib.intrinsics import set_slot, slot
def kernel(args, task, ntasks):
    n, total = slot(args, 1), 0
    for i in range(n * task // ntasks, n * (task + 1) // ntasks):
        total += (i * 2654435761) & 0xFFFF
    set_slot(slot(args, 0), task, total)
"""
WHOLE = """
from nodeflow.engine.devicelib.intrinsics import set_slot, slot
def kernel(args, task, ntasks):
    total = slot(slot(args, 2), 0)
    for i in range(slot(args, 1)):
        total += slot(slot(args, 0), i)
    set_slot(slot(args, 2), 0, total)
"""
# Waits until the other task is running too (or gives up); word 1 says whether that happened.
MEET = """
from nodeflow.engine.devicelib.intrinsics import atomic_add, atomic_load, set_slot, slot
def kernel(args, task, ntasks):
    here = slot(args, 0)
    atomic_add(here, 1)
    for _ in range(20_000_000_000):
        if atomic_load(here) >= 2:
            set_slot(here, 1, 1)
            break
"""
# One task waits until all others are finished (or gives up); word 1 says whether that happened.
HELD = """
from nodeflow.engine.devicelib.intrinsics import atomic_add, atomic_load, set_slot, slot
def kernel(args, task, ntasks):
    here = slot(args, 0)
    if task == slot(args, 1):
        for _ in range(20_000_000_000):
            if atomic_load(here) == ntasks - 1:
                set_slot(here, 1, 1)
                break
    else:
        atomic_add(here, 1)
"""
WORK = """
from nodeflow.engine.devicelib.intrinsics import set_slot, slot
def kernel(args, task, ntasks):
    x = 1.0
    for i in range(slot(args, 0)):
        x = x * 0.999 + 1.0
    set_slot(slot(args, 1), 0, int(x))
"""


def sums(n: int, tasks: int) -> tuple[Program, np.ndarray, int]:
    """A program that adds up in two levels, its result, and what the result should be."""
    parts, result = np.zeros(tasks, np.int64), np.zeros(1, np.int64)
    builder = ProgramBuilder()
    builder.add(load_kernel(PART), [parts.ctypes.data, n], tasks)
    builder.end_level()
    builder.add(load_kernel(WHOLE), [parts.ctypes.data, tasks, result.ctypes.data])
    program = builder.build()
    program.keep = parts  # type: ignore[attr-defined]
    return program, result, sum((i * 2654435761) & 0xFFFF for i in range(n))


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
def test_the_number_of_threads_does_not_show(threads: int) -> None:
    program, result, expected = sums(3000, 7)
    team = Team(threads)
    assert team.run(program, count=200).steps == 200
    assert result[0] == 200 * expected


def run_together(team: Team) -> None:
    """Two tasks of which each waits until the other is running, too."""
    words = np.zeros(2, np.int64)
    builder = ProgramBuilder()
    builder.add(load_kernel(MEET), [words.ctypes.data], tasks=2)
    team.run(builder.build())
    assert words.tolist() == [2, 1]


def test_helpers_work_at_the_same_time_as_the_caller() -> None:
    run_together(Team(2))


@pytest.mark.parametrize("held", [0, 5, 6, 11])
def test_a_slow_core_delays_one_task(held: int) -> None:
    """Of two threads with six tasks each, one does not get on: the other takes the rest of both."""
    words = np.zeros(2, np.int64)
    builder = ProgramBuilder()
    builder.add(load_kernel(HELD), [words.ctypes.data, held], tasks=12)
    Team(2).run(builder.build())
    assert words.tolist() == [11, 1]


def test_small_drives_one_after_the_other() -> None:
    program, result, expected = sums(100, 3)
    team = Team(3)
    for _ in range(500):
        team.run(program)
    assert result[0] == 500 * expected


def test_two_callers_wait_for_each_other() -> None:
    jobs = [sums(2000, 5) for _ in range(2)]
    team = Team(2)

    def run(program: Program) -> None:
        for _ in range(50):
            team.run(program, count=3)

    threads = [threading.Thread(target=run, args=(job[0],)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for _, result, expected in jobs:
        assert result[0] == 150 * expected


def test_closing_ends_the_helpers_and_the_next_drive_starts_new_ones() -> None:
    before = set(threading.enumerate())

    def helpers() -> list[threading.Thread]:
        return [t for t in threading.enumerate() if t not in before]

    program, _, _ = sums(100, 3)
    team = Team(3)
    team.run(program)
    first = helpers()
    assert len(first) == 2
    team.close()
    for thread in first:
        thread.join(10)
    assert helpers() == []
    team.run(program)
    assert len(helpers()) == 2
    team.close()


FIND_CORE = YIELD = ctypes.CFUNCTYPE(ctypes.c_int)
MASK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_size_t, ctypes.POINTER(ctypes.c_int64))
CLOCK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.POINTER(ctypes.c_int64))


def masks_set(core: Callable[[], int], answer: int = 0) -> list[int]:
    """What masks a helper sets during a run, on a system of eight cores where ``core`` says on
    which a thread is and to set a mask gives ``answer``."""
    found: list[int] = []

    def get(thread: int, size: int, mask) -> int:
        assert (thread, size) == (0, abi.MASK_BYTES)
        mask[0] = 0b1111_0111
        return 0

    def note(thread: int, size: int, mask) -> int:
        found.append(mask[0])
        return answer

    before = set(threading.enumerate())
    functions = FIND_CORE(core), MASK(get), MASK(note)
    team = Team(2)
    team._control[abi.FIND_CORE : abi.SET_MASK + 1] = [
        ctypes.cast(each, ctypes.c_void_p).value for each in functions
    ]
    run_together(team)
    team.close()
    [helper] = [t for t in threading.enumerate() if t not in before]
    helper.join(10)  # until then it calls the functions
    return found


def test_a_helper_leaves_the_core_of_the_caller() -> None:
    """It allows itself all others that it may use, and then as many as before."""
    found = masks_set(lambda: 5)
    assert found
    assert set(found[::2]) == {0b1101_0111}
    assert set(found[1::2]) == {0b1111_0111}
    assert len(found) % 2 == 0


def test_a_helper_on_another_core_stays() -> None:
    caller = threading.get_ident()
    assert masks_set(lambda: 5 if threading.get_ident() == caller else 4) == []
    assert masks_set(lambda: 8 * abi.MASK_BYTES) == [], "a core that no mask has"


def test_a_helper_that_may_not_leave_keeps_its_cores() -> None:
    assert set(masks_set(lambda: 5, answer=-1)) == {0b1101_0111}


@pytest.mark.thorough
@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="the system has no such masks")
def test_a_helper_that_left_may_use_all_cores() -> None:
    before = set(threading.enumerate())
    team, first = Team(2), min(os.sched_getaffinity(0))
    here = FIND_CORE(lambda: first)
    team._control[abi.FIND_CORE] = ctypes.cast(here, ctypes.c_void_p).value
    run_together(team)
    [helper] = [t for t in threading.enumerate() if t not in before]
    time.sleep(0.1)  # it has begun to wait
    deadline = time.monotonic() + 10  # and may have to wait for the core to which it goes
    while os.sched_getaffinity(helper.native_id or 0) != os.sched_getaffinity(0):
        assert time.monotonic() < deadline
    team.close()
    helper.join(10)


def turns_ended(task_us: Callable[[int], int], away_us: int, missed_us: int = 0) -> list[int]:
    """After which of its 60 tasks a helper gives its core away, which comes back ``away_us`` later.

    ``task_us`` says how long each of them takes, from 1 to 60, by a clock of the test's own that
    begins with ``missed_us`` after it missed the caller, if that is not 0.
    """
    now, done, ended = [7_000_000_000], [0], list[int]()
    words = np.zeros(2, np.int64)

    def read(which: int, time: ctypes._Pointer[ctypes.c_int64]) -> int:
        if words[0] > done[0]:  # a task has ended since it was read
            done[0] = int(words[0])
            now[0] += 1000 * task_us(done[0])
        time[0], time[1] = divmod(now[0], 10**9)
        return 0

    def give() -> int:
        if done[0] < 60:  # else it waits for another run
            ended.append(done[0])
        now[0] += 1000 * away_us
        return 0

    before = set(threading.enumerate())
    functions = YIELD(give), CLOCK(read)
    builder = ProgramBuilder()
    builder.add(load_kernel(HELD), [words.ctypes.data, 0], tasks=61)  # the caller's first task
    team = Team(2)
    for at, function in zip((abi.YIELD, abi.CLOCK), functions, strict=True):
        team._control[at] = ctypes.cast(function, ctypes.c_void_p).value
    team._control[abi.SPINS] = 1 << 40  # no waiting yields, however busy the cores are
    if missed_us:
        team._control[abi.TICKETS + abi.TICKET_SLOTS + abi.MISSED] = now[0] - 1000 * missed_us
    team.run(builder.build())
    assert words.tolist() == [60, 1]
    team._control[abi.SPINS] = 0
    team.close()
    [helper] = [t for t in threading.enumerate() if t not in before]
    helper.join(10)  # until then it calls the functions
    return ended


def test_a_helper_that_loses_no_core_keeps_it() -> None:
    assert turns_ended(lambda task: 400, away_us=0) == []
    assert turns_ended(lambda task: 5000, away_us=0) == [], "long tasks are no losses"


def test_a_helper_gives_its_core_away_before_it_loses_it_again() -> None:
    """It lost it for 4 ms in its 11th task, after 10 that ended 3.6 ms after the first began to
    count: from then on it keeps it for 7/8 of that, and each time for 1/16 longer."""
    turn, expected, at = 3.6 * 7 / 8, [], 11
    while (at := at + int(turn / 0.4) + 1) < 60:
        expected.append(at)
        turn *= 17 / 16
    found = turns_ended(lambda task: 4400 if task == 11 else 400, away_us=4000)
    assert found == expected
    assert len(found) > 4


def test_a_helper_keeps_its_core_while_the_caller_loses_its_own() -> None:
    def lost(task: int) -> int:
        return 4400 if task == 11 else 400

    assert turns_ended(lost, away_us=4000, missed_us=11_000) == [], "19.4 ms ago"
    assert turns_ended(lost, away_us=4000, missed_us=13_000) != [], "21.4 ms ago"


def test_a_core_that_nobody_else_wants_is_given_away_once() -> None:
    assert turns_ended(lambda task: 4400 if task == 11 else 400, away_us=10) == [19]


def test_a_team_needs_a_thread() -> None:
    with pytest.raises(ValueError, match="at least one thread"):
        Team(0)


def test_the_number_of_threads_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NODEFLOW_NUM_THREADS", "7")
    assert default_threads() == 7
    monkeypatch.setenv("NODEFLOW_NUM_THREADS", "many")
    assert 1 <= default_threads() <= (os.cpu_count() or 1)


def _python(code: str, **options) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, **options
    )


_HERE = f"import sys; sys.path.insert(0, {os.path.dirname(__file__)!r})\n"


@pytest.mark.thorough
@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="cannot pin to a core here")
def test_more_threads_than_cores_do_not_hang() -> None:
    code = _HERE + (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "from test_thread_pool import Team, sums\n"
        "for threads in (1, 2, 3, 8):\n"
        "    program, result, expected = sums(3000, 16)\n"
        "    Team(threads).run(program, count=300)\n"
        "    assert result[0] == 300 * expected, threads\n"
    )
    done = _python(code)
    assert done.returncode == 0, done.stderr


@pytest.mark.thorough
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_fork_after_a_run_can_run() -> None:
    code = _HERE + (
        "import os, warnings; warnings.simplefilter('ignore')\n"
        "from test_thread_pool import Team, sums\n"
        "team = Team(2); program, result, expected = sums(3000, 16)\n"
        "team.run(program)\n"
        "child = os.fork()\n"
        "team.run(program, count=20)\n"
        "assert result[0] == 21 * expected\n"
        "if child:\n"
        "    _, status = os.waitpid(child, 0)\n"
        "    raise SystemExit(os.waitstatus_to_exitcode(status))\n"
    )
    done = _python(code)
    assert done.returncode == 0, done.stderr


@pytest.mark.thorough
@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_ctrl_c_is_seen_in_the_middle_of_a_long_step() -> None:
    done = _python(_HERE + "from test_thread_pool import strike_a_long_step; strike_a_long_step()")
    assert done.stdout == "seen\n", done.stderr


def strike_a_long_step() -> None:
    """Press Ctrl-C in a step of many seconds, made of kernels of about a millisecond; say when
    it was seen before the step's end."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores it
    out = np.zeros(1, np.int64)

    def strike() -> None:
        time.sleep(0.3)
        os.kill(os.getpid(), signal.SIGINT)

    builder = ProgramBuilder()
    kernel = load_kernel(WORK)
    for _ in range(20000):
        builder.add(kernel, [300_000, out.ctypes.data])
        builder.end_level()
    program, team = builder.build(), Team(1)
    team.run(program, count=0)
    threading.Thread(target=strike).start()
    try:
        team.run(program, interruptible=True)
    except KeyboardInterrupt:
        print("seen")


def test_an_interruptible_drive_does_the_same() -> None:
    program, result, expected = sums(3000, 7)
    assert Team(2).run(program, count=9, interruptible=True).steps == 9
    assert result[0] == 9 * expected


def test_interruptible_drives_share_a_thread() -> None:
    """A new one often begins on the core where a helper spins, and takes turns with it."""
    program, result, expected = sums(3000, 7)
    for count in (1, 2, 3):
        Team(count).run(program, interruptible=True)
    assert result[0] == 3 * expected
    assert [t.name for t in threading.enumerate()].count("nodeflow-dispatcher") == 1
