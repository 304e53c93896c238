"""The dispatch loop: order, levels, loops, stops and failures, against what Python would do."""

from __future__ import annotations

from itertools import chain, pairwise

import numpy as np
import pytest

from nodeflow.engine.compiler.cache import load_kernel
from nodeflow.engine.devicelib import abi
from nodeflow.engine.devicelib.abi import float_slot
from nodeflow.engine.kernels.base_kernels import RECORD, RECORD_KINDS
from nodeflow.engine.runtime.program import Failure, ProgramBuilder, Ring
from nodeflow.engine.runtime.thread_pool import Team

HEAD = """
import numpy as np
from nodeflow.engine.devicelib.intrinsics import atomic_add, set_slot, slot
from nodeflow.engine.devicelib.intrinsics import slot_f32, slot_f64
from nodeflow.engine.devicelib.intrinsics import store
def kernel(args, task, ntasks):
"""
# Appends the number in slot 1 to the list at slot 0, whose first word is its length.
APPEND = (
    HEAD
    + """
    log = slot(args, 0)
    count = slot(log, 0) + 1
    set_slot(log, count, slot(args, 1))
    set_slot(log, 0, count)
"""
)
# Appends the word at the address in slot 1.
APPEND_FROM = APPEND.replace("slot(args, 1))", "slot(slot(args, 1), 0))")
# Counts task t in word t, and notes the number of tasks.
COUNT = (
    HEAD
    + """
    atomic_add(slot(args, 0) + 8 * task, 1)
    set_slot(slot(args, 1), task, ntasks)
"""
)


class Log:
    """A list of numbers that kernels append to."""

    def __init__(self) -> None:
        self.words = np.zeros(1000, np.int64)

    @property
    def address(self) -> int:
        return self.words.ctypes.data

    @property
    def entries(self) -> list[int]:
        return self.words[1 : 1 + self.words[0]].tolist()


@pytest.fixture
def log() -> Log:
    return Log()


def test_rows_run_in_order_step_after_step(log: Log) -> None:
    builder = ProgramBuilder()
    append = load_kernel(APPEND)
    for number in (5, 6):
        builder.add(append, [log.address, number])
        builder.end_level()
    builder.add(append, [log.address, 7])
    outcome = Team(1).run(builder.build(), count=3)
    assert outcome.steps == 3 and not outcome.stopped and outcome.failure is None
    assert log.entries == [5, 6, 7] * 3


def test_kernels_see_the_step(log: Log) -> None:
    builder = ProgramBuilder()
    row = builder.add(load_kernel(APPEND_FROM), [log.address, 0])
    program = builder.build()
    program.args(row)[1] = program.step_address
    Team(1).run(program, first_step=41, count=3)
    assert log.entries == [41, 42, 43]


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_every_task_runs_exactly_once(threads: int) -> None:
    counts, told = np.zeros((4, 500), np.int64), np.zeros((4, 500), np.int64)
    builder = ProgramBuilder()
    kernel, tasks = load_kernel(COUNT), (500, 1, 0, 37)
    for i, number in enumerate(tasks):
        builder.add(kernel, [counts[i].ctypes.data, told[i].ctypes.data], number)
    program = builder.build()
    Team(threads).run(program, count=20)
    for i, number in enumerate(tasks):
        assert (counts[i, :number] == 20).all() and not counts[i, number:].any()
        assert (told[i, :number] == number).all()


def test_a_serial_level_keeps_its_order(log: Log) -> None:
    builder = ProgramBuilder()
    for number in range(50):
        builder.add(load_kernel(APPEND), [log.address, number])
    builder.end_level(serial=True)
    program = builder.build()
    assert not program.parallel
    Team(2).run(program)
    assert log.entries == list(range(50))


def test_an_empty_program_counts_steps() -> None:
    assert Team(2).run(ProgramBuilder().build(), count=5).steps == 5


def test_scalars_arrive_in_args_bit_for_bit() -> None:
    source = (
        HEAD
        + """
    store(slot(args, 0), slot_f32(args, 1))
    store(slot(args, 0) + 8, slot_f64(args, 2))
"""
    )
    out = np.zeros(2)
    builder = ProgramBuilder()
    slots = [out.ctypes.data, float_slot(-0.1, "float32"), float_slot(0.1, "float64")]
    builder.add(load_kernel(source), slots)
    Team(1).run(builder.build())
    assert out.view(np.float32)[0] == np.float32(-0.1) and out[1] == 0.1


# ---- loops --------------------------------------------------------------------------------------


def _loops(log: Log, outer: int, inner: int) -> list[int]:
    words = np.array([0, outer, 0, inner], np.int64)
    address = words.ctypes.data
    builder = ProgramBuilder()
    builder.begin_loop(address, address + 8)
    builder.add(load_kernel(APPEND_FROM), [log.address, address])
    builder.begin_loop(address + 16, address + 24)
    builder.add(load_kernel(APPEND_FROM), [log.address, address + 16])
    builder.end_loop()
    builder.end_loop()
    builder.add(load_kernel(APPEND), [log.address, 99])
    Team(1).run(builder.build())
    return log.entries


@pytest.mark.parametrize(("outer", "inner"), [(2, 3), (0, 3), (3, 0), (1, 1), (-1, 2)])
def test_nested_loops(log: Log, outer: int, inner: int) -> None:
    expected = []
    for i in range(outer):
        expected += [i, *range(inner)]
    assert _loops(log, outer, inner) == [*expected, 99]


@pytest.mark.parametrize("threads", [1, 2])
def test_a_loop_over_a_parallel_level(threads: int) -> None:
    counts, told, words = np.zeros(8, np.int64), np.zeros(8, np.int64), np.array([0, 25], np.int64)
    builder = ProgramBuilder()
    builder.begin_loop(words.ctypes.data, words.ctypes.data + 8)
    builder.add(load_kernel(COUNT), [counts.ctypes.data, told.ctypes.data], 8)
    builder.end_loop()
    Team(threads).run(builder.build(), count=4)
    assert (counts == 100).all()


def test_unbalanced_loops_are_refused() -> None:
    builder = ProgramBuilder()
    with pytest.raises(ValueError, match="end_loop without"):
        builder.end_loop()
    builder.begin_loop(0, 0)
    with pytest.raises(ValueError, match="begin_loop without"):
        builder.build()


# ---- loops whose tasks go through all iterations ------------------------------------------------

# The first launch of an iteration: the argument as many bytes further as slot 1 says is the number.
ADVANCE = HEAD + "    set_slot(args + slot(args, 1), 0, slot(slot(args, 0), 0))\n"
# Adds the number in slot 1, and slot 2, to what task t has noted in row t, of slot 3 words.
NOTE = (
    HEAD
    + """
    row = slot(args, 0) + 8 * slot(args, 3) * task
    count = slot(row, 0) + 1
    set_slot(row, count, slot(args, 1) + slot(args, 2))
    set_slot(row, 0, count)
"""
)


class Apart:
    """A loop of two launches, one after the other, within a loop of two iterations."""

    def __init__(self, tasks: int, iterations: int, *, last: str = NOTE, code: int = 0) -> None:
        self.notes = np.zeros((tasks, 100), np.int64)
        self.words = np.array([0, 2, 0, iterations], np.int64)
        address, notes = self.words.ctypes.data, self.notes.ctypes.data
        builder = ProgramBuilder()
        builder.begin_loop(address, address + 8)
        builder.begin_loop(address + 16, address + 24, apart=True)
        self.first = builder.add(load_kernel(ADVANCE), [address + 16, 0])
        builder.end_level()
        self.head = builder.add(load_kernel(NOTE), [notes, 0, 100, 100], tasks)
        self.last = builder.add(load_kernel(last), [code or notes, 50, 200, 100], tasks,
                                after=self.head)  # fmt: skip
        builder.end_loop()
        builder.end_loop()
        self.program = builder.build()
        ahead = self.program.place(self.head, 1) - self.program.place(self.first, 0)
        self.program.args(self.first)[1] = 8 * ahead

    def rows(self) -> list[list[int]]:
        return [row[1 : 1 + row[0]].tolist() for row in self.notes]


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
@pytest.mark.parametrize("iterations", [0, 1, 7])
def test_each_task_goes_through_all_iterations(threads: int, iterations: int) -> None:
    loop = Apart(5, iterations)
    assert Team(threads).run(loop.program, count=3).steps == 3
    once = [number for i in range(iterations) for number in (100 + i, 250)]
    assert loop.rows() == [once * 2 * 3] * 5
    assert loop.program.args(loop.head)[1] == 0  # each task has moved its own copy


def test_arguments_may_be_set_between_runs_of_such_a_loop() -> None:
    loop = Apart(2, 1)
    Team(1).run(loop.program)
    loop.program.args(loop.last)[2] = 300
    Team(1).run(loop.program)
    assert loop.rows() == [[100, 250] * 2 + [100, 350] * 2] * 2


def test_a_failure_in_such_a_loop_names_the_launch_and_is_forgotten() -> None:
    loop = Apart(3, 4, last=FAIL, code=abi.DIVISION_BY_ZERO)
    failed = Team(2).run(loop.program, count=5)
    assert failed.failure == Failure(loop.last, abi.DIVISION_BY_ZERO) and failed.steps == 0
    assert loop.rows() == [[100]] * 3
    loop.program.args(loop.last)[0] = 0
    assert Team(2).run(loop.program).failure is None


def test_a_stop_ends_such_a_loop_between_two_iterations() -> None:
    loop = Apart(1, 50, last=STOP_AT, code=1)
    program = loop.program
    program.args(loop.last)[:] = (
        program.address + 8 * abi.STOP, abi.STOP_NOW, program.step_address, 0
    )  # fmt: skip
    assert Team(1).run(program).stopped
    assert loop.rows() == [[100]]


def test_a_loop_whose_tasks_are_apart_is_one_level() -> None:
    builder = ProgramBuilder()
    builder.begin_loop(0, 0, apart=True)
    for _ in range(3):
        builder.add(load_kernel(FAIL), [0])
        builder.end_level()
    with pytest.raises(ValueError, match="two levels of one launch"):
        builder.end_loop()


# ---- stops and failures -------------------------------------------------------------------------

# Stores slot 1 into the word at slot 0 when the step (address in slot 2) is slot 3.
STOP_AT = (
    HEAD
    + """
    if slot(slot(args, 2), 0) == slot(args, 3):
        set_slot(slot(args, 0), 0, slot(args, 1))
"""
)


@pytest.mark.parametrize(("word", "steps", "after"), [(abi.STOP_STEP, 4, 4), (abi.STOP_NOW, 3, 3)])
def test_a_kernel_can_stop_the_drive(log: Log, word: int, steps: int, after: int) -> None:
    builder = ProgramBuilder()
    builder.add(load_kernel(APPEND), [log.address, 1])
    builder.end_level()
    row = builder.add(load_kernel(STOP_AT), [0, word, 0, 3])
    builder.end_level()
    builder.add(load_kernel(APPEND), [log.address, 2])
    program = builder.build()
    program.args(row)[[0, 2]] = program.address + 8 * abi.STOP, program.step_address
    outcome = Team(1).run(program, count=10)
    assert outcome.stopped and outcome.steps == steps
    assert log.entries.count(1) == 4 and log.entries.count(2) == after
    assert not Team(1).run(program, first_step=4, count=2).stopped


def test_a_stop_asked_for_before_the_drive_ends_its_first_step() -> None:
    program = ProgramBuilder().build()
    program.stop()
    assert Team(1).run(program, count=5).steps == 1
    assert Team(1).run(program, count=5).steps == 5


FAIL = (
    HEAD
    + """
    if slot(args, 0) != 0:
        set_slot(args, -1, slot(args, 0))
"""
)


def test_a_failure_names_the_row_and_stops_the_step(log: Log) -> None:
    builder = ProgramBuilder()
    builder.add(load_kernel(FAIL), [0])
    builder.end_level()
    failing = builder.add(load_kernel(FAIL), [abi.DIVISION_BY_ZERO])
    builder.end_level()
    builder.add(load_kernel(APPEND), [log.address, 1])
    program = builder.build()
    outcome = Team(1).run(program, count=5)
    assert outcome.failure == Failure(failing, abi.DIVISION_BY_ZERO)
    assert outcome.steps == 0 and log.entries == []
    program.args(failing)[0] = 0
    outcome = Team(1).run(program, count=5)
    assert outcome.failure is None and log.entries == [1] * 5


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_of_several_failures_the_first_launch_is_reported(threads: int) -> None:
    builder = ProgramBuilder()
    codes = [0, 0, abi.INDEX_OUT_OF_RANGE, abi.DIVISION_BY_ZERO]
    for code in codes:
        builder.add(load_kernel(FAIL), [code], tasks=20)
    program, team = builder.build(), Team(threads)
    for _ in range(50):
        assert team.run(program).failure == Failure(2, abi.INDEX_OUT_OF_RANGE)


def test_a_kernel_that_raises_is_a_failure() -> None:
    source = HEAD + "    if ntasks == 1:\n        raise ValueError('no')\n"
    builder = ProgramBuilder()
    builder.add(load_kernel(source), [])
    assert Team(1).run(builder.build()).failure == Failure(0, abi.RAISED)


# ---- scalars of each step -----------------------------------------------------------------------


def test_the_ring_keeps_scalars_of_every_dtype() -> None:
    sources = [
        np.array([1.5], np.float32),
        np.array([0.1], np.float64),
        np.array([-7], np.int32),
        np.array([1 << 40], np.int64),
        np.array([True]),
    ]
    ring = Ring(4, len(sources) + 1)
    builder = ProgramBuilder()
    columns = [(s.ctypes.data, RECORD_KINDS[str(s.dtype)]) for s in sources]
    recorder = builder.add(load_kernel(RECORD), [0] * (4 + 2 * (len(columns) + 1)))
    program = builder.build()
    columns.append((program.step_address, RECORD_KINDS["int64"]))
    program.args(recorder)[:] = (
        program.step_address, ring.values.ctypes.data, 4, len(columns), *chain(*columns)
    )  # fmt: skip
    assert Team(1).run(program, first_step=5, count=4).steps == 4
    rows = ring.rows(5, 4)
    assert rows[:, :5].tolist() == [[1.5, 0.1, -7, 1 << 40, 1]] * 4
    assert rows[:, 5].tolist() == [5, 6, 7, 8]


# ---- rows that follow others --------------------------------------------------------------------


@pytest.mark.parametrize("serial", [False, True])
def test_each_task_goes_on_with_the_row_that_follows(log: Log, serial: bool) -> None:
    builder = ProgramBuilder()
    append = load_kernel(APPEND)
    head = builder.add(append, [log.address, 1], tasks=2)
    second = builder.add(append, [log.address, 2], tasks=2, after=head)
    builder.add(append, [log.address, 4])
    builder.add(append, [log.address, 3], tasks=2, after=second)
    builder.end_level(serial=serial)
    builder.add(append, [log.address, 5])
    program = builder.build()
    Team(1).run(program, count=2)
    assert log.entries == [1, 2, 3, 1, 2, 3, 4, 5] * 2


def test_a_failure_ends_its_task_and_is_told_by_the_row_that_failed(log: Log) -> None:
    builder = ProgramBuilder()
    head = builder.add(load_kernel(APPEND), [log.address, 1])
    failing = builder.add(load_kernel(FAIL), [abi.DIVISION_BY_ZERO], after=head)
    builder.add(load_kernel(APPEND), [log.address, 2], after=failing)
    builder.end_level()
    builder.add(load_kernel(APPEND), [log.address, 3])
    outcome = Team(2).run(builder.build())
    assert outcome.failure == Failure(failing, abi.DIVISION_BY_ZERO)
    assert log.entries == [1]


@pytest.mark.parametrize("threads", [1, 2, 3, 5])
def test_threads_get_equal_shares_of_the_work(threads: int) -> None:
    counts, told = np.zeros((2, 40), np.int64), np.zeros((2, 40), np.int64)
    builder = ProgramBuilder()
    for i, (tasks, work) in enumerate(((30, 3000.0), (40, 1000.0))):
        args = [counts[i].ctypes.data, told[i].ctypes.data]
        builder.add(load_kernel(COUNT), args, tasks, work=work)
    program = builder.build()
    Team(threads).run(program, count=3)
    shares = program._shares[0]
    assert shares[0] == 0 and shares[-1] == 70 and len(shares) == threads + 1
    work = np.repeat([100.0, 25.0], [30, 40])
    parts = [work[a:b].sum() for a, b in pairwise(shares)]
    assert max(parts) - min(parts) <= 200
    assert (counts[0, :30] == 3).all() and (counts[1] == 3).all()
