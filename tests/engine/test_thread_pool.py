"""The team of threads: it helps, never hangs, and leaves no trace in the results."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from nodeflow.engine.compiler.cache import load_kernel
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


def test_helpers_work_at_the_same_time_as_the_caller() -> None:
    words = np.zeros(2, np.int64)
    builder = ProgramBuilder()
    builder.add(load_kernel(MEET), [words.ctypes.data], tasks=2)
    Team(2).run(builder.build())
    assert words.tolist() == [2, 1]


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
