"""Programs: tables of kernels that the compiled driver walks step after step.

A program is a list of *levels*; a level is a list of rows (kernel, args, number of tasks) without
dependencies among them. The tasks of one level are one flat list that the team shares; levels with
a single task, or marked serial, run on one thread without meeting the others. A row may follow
another of its level: each of its tasks runs right after the other's task of the same number.
Nothing here depends on who runs which task, so results cannot depend on the number of threads.

Building one::

    builder = ProgramBuilder()
    row = builder.add(kernel, [pointer, n, float_slot(0.5, "float32")], tasks=4)
    builder.end_level()
    program = builder.build()
    program.args(row)[0] = other_pointer      # between drives
    outcome = team.run(program, first_step=0, count=100)

The caller keeps the buffers alive that the args point to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from nodeflow.engine.compiler.cache import load_kernel
from nodeflow.engine.compiler.object_code import Kernel
from nodeflow.engine.devicelib import abi
from nodeflow.engine.kernels.base_kernels import RECORD, RECORD_KINDS, dispatch_loop_source


@lru_cache(maxsize=1)
def dispatch_loop() -> Kernel:
    """The compiled loop that walks programs; from the cache, or compiled once per machine."""
    return load_kernel(dispatch_loop_source(), "dispatch_loop")


def record_kernel() -> Kernel:
    """Kernel that writes scalars into row ``step % size`` of a ring (see `Ring`)."""
    return load_kernel(RECORD, "record")


@dataclass(frozen=True)
class Failure:
    """A kernel reported an error: which row, which code of `layout`, which element (or None)."""

    row: int
    code: int
    detail: int | None


@dataclass(frozen=True)
class Outcome:
    """What a drive did: complete steps, whether a stop word ended it, and the failure if any.

    After a failure or a stop ``now`` the last step is incomplete, and buffers hold parts of it.
    """

    steps: int
    stopped: bool = False
    failure: Failure | None = None


@dataclass
class _Level:
    rows: list[int] = field(default_factory=list)
    serial: bool = False
    loop: tuple[int, int] | None = None  # begins a loop: addresses of the counter and the turns
    end_loop: bool = False


@dataclass
class _Row:
    address: int
    args: int  # offset
    tasks: int
    work: float
    next: int | None = None  # the row that follows it


class ProgramBuilder:
    """Collects rows level by level."""

    def __init__(self) -> None:
        self._rows: list[_Row] = []
        self._args: list[int] = []
        self._kernels: list[Kernel] = []
        self._levels: list[_Level] = []
        self._open = _Level()
        self._depth = 0

    def add(
        self,
        kernel: Kernel,
        args: Sequence[int],
        tasks: int = 1,
        *,
        work: float = 1.0,
        after: int | None = None,
    ) -> int:
        """Add a row to the open level; returns its number.

        Args:
            kernel: what to call.
            args: int64 slots: pointers, dimensions, scalars (`float_slot`).
            tasks: how many times to call it, with ``task`` 0 to tasks - 1.
            work: how long all tasks take compared with other rows; threads get equal shares.
            after: the row of the open level that it follows, with as many tasks.
        """
        self._args += (abi.NO_DETAIL, 0)
        self._rows.append(_Row(kernel.address, len(self._args), tasks, work))
        self._args += args
        self._kernels.append(kernel)
        number = len(self._rows) - 1
        if after is None:
            self._open.rows.append(number)
        else:
            self._rows[after].next = number
        return number

    def end_level(self, *, serial: bool = False) -> None:
        """Close the level: what comes after may use its results. ``serial`` keeps it on one thread,
        its rows in the order they were added."""
        if self._open.rows:
            self._open.serial = serial
            self._levels.append(self._open)
        self._open = _Level()

    def begin_loop(self, counter: int, turns: int) -> None:
        """Repeat the levels up to `end_loop`; both are addresses of an int64.

        The word at ``counter`` holds the number of the turn, which kernels read; the word at
        ``turns`` is read each time round, so a kernel may compute it.
        """
        self.end_level()
        self._depth += 1
        self._levels.append(_Level(loop=(counter, turns)))

    def end_loop(self) -> None:
        """Close the innermost loop."""
        self.end_level()
        if self._depth == 0:
            raise ValueError("end_loop without begin_loop")
        self._depth -= 1
        self._levels.append(_Level(end_loop=True))

    def build(self) -> Program:
        """The program; the builder must not be used afterwards."""
        self.end_level()
        if self._depth:
            raise ValueError("begin_loop without end_loop")
        return Program(self._rows, self._args, self._levels, self._kernels)


class Program:
    """Kernels and their arguments, ready for `Team.drive`."""

    def __init__(
        self, rows: list[_Row], args: list[int], levels: list[_Level], kernels: list[Kernel]
    ) -> None:
        self._levels = levels
        self._kernels = kernels  # their code must outlive the program
        self._args = np.array(args or [0], np.int64)
        self._offsets = np.array([r.args for r in rows] + [len(args) + 2], np.int64)
        self._work = [r.work for r in rows]
        self._next = [r.next for r in rows]
        self._place = _places(levels, len(rows))
        self._rows = np.zeros((max(len(rows), 1), abi.ROW_SLOTS), np.int64)
        base = self._rows.ctypes.data
        for number, row in enumerate(rows):
            after = 0 if row.next is None else base + 8 * abi.ROW_SLOTS * self._place[row.next]
            self._rows[self._place[number], :5] = (
                row.address, self._args.ctypes.data + 8 * row.args, row.tasks, 0, after
            )  # fmt: skip
        self._block = np.zeros(abi.PROGRAM_SLOTS, np.int64)
        self._segments = np.zeros((0, abi.SEGMENT_SLOTS), np.int64)
        self._shares: list[np.ndarray] = []
        self._threads = 1
        self.parallel = False
        self._lay_out()

    # -- for the planner ------------------------------------------------------------------------

    def args(self, row: int) -> np.ndarray:
        """The row's slots, writable between drives."""
        return self._args[self._offsets[row] : self._offsets[row + 1] - abi.ARGS_HEADER]

    def set_tasks(self, tasks: dict[int, int]) -> None:
        """Change rows' numbers of tasks (sizes changed); not during a drive."""
        for row, count in tasks.items():
            self._rows[self._place[row], 2] = count
        self._lay_out()

    @property
    def step_address(self) -> int:
        """Address of the int64 that holds the current step's number, for args of kernels."""
        return self._word(abi.STEP)

    @property
    def stop_address(self) -> int:
        """Address of the stop word: a kernel that stores STOP_STEP there is a breakpoint."""
        return self._word(abi.STOP)

    # -- for whoever watches --------------------------------------------------------------------

    def stop(self, *, now: bool = False) -> None:
        """Ask a running drive, or the next one, to end: after the step, or between two kernels.

        May be called from any thread and from a signal handler.
        """
        self._block[abi.STOP] = abi.STOP_NOW if now else abi.STOP_STEP

    # -- for the profiler -----------------------------------------------------------------------

    def entry(self, row: int) -> tuple[int, int, int]:
        """The row's kernel address, address of its args, and number of tasks."""
        address, args, tasks = self._rows[self._place[row], :3]
        return int(address), int(args), int(tasks)

    def note_failure(self) -> None:
        """A kernel that was called from outside the driver failed: `outcome` tells."""
        self._block[abi.FAILED] = 1

    # -- for the team ---------------------------------------------------------------------------

    @property
    def address(self) -> int:
        """Address of the program block."""
        return self._block.ctypes.data

    def prepare(self, first_step: int, count: int, threads: int = 1) -> None:
        """Set the counters for a drive, and cut each level for this number of threads."""
        if threads != self._threads:
            self._threads = threads
            self._lay_out()
        self._block[abi.STEP] = first_step
        self._block[abi.COUNT] = count
        self._block[abi.DONE] = 0
        self._block[abi.FAILED] = 0

    def outcome(self) -> Outcome:
        """Read what a drive did, and forget its stop and its failure."""
        stopped = bool(self._block[abi.STOP])
        self._block[abi.STOP] = 0
        failure = self._take_failure() if self._block[abi.FAILED] else None
        return Outcome(int(self._block[abi.DONE]), stopped, failure)

    def _word(self, slot: int) -> int:
        return self._block.ctypes.data + 8 * slot

    def _take_failure(self) -> Failure | None:
        """The first failed row in table order, whichever thread failed first."""
        starts = self._offsets[:-1]
        codes = self._args[starts + abi.CODE]
        failed = np.flatnonzero(codes)
        if not failed.size:
            return None
        row = int(failed[0])
        detail = int(self._args[starts[row] + abi.DETAIL])
        failure = Failure(row, int(codes[row]), None if detail == abi.NO_DETAIL else detail)
        self._args[starts + abi.CODE] = 0
        self._args[starts + abi.DETAIL] = abi.NO_DETAIL
        return failure

    def _lay_out(self) -> None:
        """Segments from levels: neighbouring serial levels become one."""
        segments: list[list[int]] = []
        loops: list[int] = []
        self._shares = []
        for level in self._levels:
            if level.loop is not None:
                loops.append(len(segments))
                segments.append([abi.LOOP, 0, 0, 0, 0, *level.loop, 0])
            elif level.end_loop:
                self._close_loop(segments, loops.pop())
            else:
                self._add_level(segments, level)
        self._segments = np.array(segments, np.int64).reshape(-1, abi.SEGMENT_SLOTS)
        self.parallel = any(s[0] == abi.PARALLEL for s in segments)
        self._block[abi.SEGMENTS] = self._segments.ctypes.data
        self._block[abi.NSEGMENTS] = len(segments)
        self._block[abi.ROWS] = self._rows.ctypes.data

    def _add_level(self, segments: list[list[int]], level: _Level) -> None:
        first = self._place[level.rows[0]]
        last = first + len(level.rows)
        tasks = self._rows[first:last, 2]
        total = int(tasks.sum())
        if total > 1 and not level.serial:
            self._rows[first:last, 3] = np.cumsum(tasks) - tasks
            shares = self._cut([self._work_of(r) for r in level.rows], tasks)
            self._shares.append(shares)
            segments.append([abi.PARALLEL, first, last, total, 0, 0, 0, shares.ctypes.data])
        elif segments and segments[-1][0] == abi.SERIAL:
            segments[-1][2] = last
        else:
            segments.append([abi.SERIAL, first, last, 0, 0, 0, 0, 0])

    def _work_of(self, row: int | None) -> float:
        """Of a row and all that follow it."""
        total = 0.0
        while row is not None:
            total += self._work[row]
            row = self._next[row]
        return total

    def _cut(self, work: list[float], tasks: np.ndarray) -> np.ndarray:
        """The number of the first task of each thread, and of all tasks: equal shares of work."""
        each = np.repeat(np.array(work) / np.maximum(tasks, 1), tasks)
        middle = np.cumsum(each) - each / 2
        edges = np.arange(1, self._threads) / self._threads * each.sum()
        cuts = np.searchsorted(middle, edges)
        return np.array([0, *cuts, len(each)], np.int64)

    @staticmethod
    def _close_loop(segments: list[list[int]], begin: int) -> None:
        """An empty loop jumps to its end; the end jumps back. Both then move one further."""
        segments[begin][4] = len(segments)
        segments.append([abi.END_LOOP, 0, 0, 0, begin, *segments[begin][5:7], 0])


def _places(levels: list[_Level], count: int) -> list[int]:
    """Where each row is in the table: those of a level together, and then all that follow one."""
    heads = [row for level in levels for row in level.rows]
    order = heads + sorted(set(range(count)).difference(heads))
    place = [0] * count
    for at, row in enumerate(order):
        place[row] = at
    return place


class Ring:
    """Scalars of the last ``size`` steps, written by the program itself and drained by the host.

    A row of the program (`row`) copies scalars from the arena into ``step % size``; with drives of
    at most ``size`` steps none is lost.
    """

    def __init__(self, size: int, columns: int) -> None:
        self.values = np.zeros((size, max(columns, 1)), np.float64)

    def args(self, program_step: int, sources: Sequence[tuple[int, str]]) -> list[int]:
        """Args for `record_kernel`: the step's address and (address, dtype) of each scalar."""
        size = len(self.values)
        slots = [program_step, self.values.ctypes.data, size, len(sources)]
        for address, dtype in sources:
            slots += (address, RECORD_KINDS[dtype])
        return slots

    def rows(self, first_step: int, count: int) -> np.ndarray:
        """Copy of the rows of steps first_step to first_step + count - 1, oldest first."""
        return self.values[(first_step + np.arange(count)) % len(self.values)]
