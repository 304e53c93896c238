"""Programs: tables of kernel launches that the dispatch loop walks step after step.

A program is a list of *levels*. A level is a list of launches (kernel, args, number of tasks) that
do not depend on each other. The tasks of one level are one flat list that all threads share. Levels
with a single task, or marked serial, run on one thread without a barrier. A launch may follow
another launch of its level: each of its tasks runs right after the other's task of the same number.
A loop repeats levels. If its tasks do not depend on each other, it is one level, whose tasks go
through all iterations. Nothing here depends on the thread that runs a task, so results cannot
depend on the number of threads.

Building a program::

    builder = ProgramBuilder()
    launch = builder.add(kernel, [pointer, n, float_slot(0.5, "float32")], tasks=4)
    builder.end_level()
    program = builder.build()
    program.args(launch)[0] = other_pointer      # between runs
    outcome = team.run(program, first_step=0, count=100)

The caller keeps the buffers alive that the args point to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from nodeflow.engine.arena import ALIGNMENT, zeros_on_a_line
from nodeflow.engine.compiler.cache import load_kernel
from nodeflow.engine.compiler.object_code import Kernel
from nodeflow.engine.devicelib import abi, blas
from nodeflow.engine.kernels.base_kernels import dispatch_loop_source


@lru_cache(maxsize=1)
def dispatch_loop() -> Kernel:
    """Return the compiled dispatch loop, which executes programs of kernel launches. It is loaded
    from the cache, or compiled once per machine.
    """
    return load_kernel(dispatch_loop_source(), "dispatch_loop")


@dataclass(frozen=True)
class Failure:
    """An error that a kernel reported: the launch, and the code of `abi`."""

    launch: int
    code: int


class Outcome(NamedTuple):
    """The result of a run: number of complete steps, whether a stop request ended it, and the
    failure, if any.

    After a failure, or a stop with ``now``, the last step is incomplete, and buffers contain
    parts of it.
    """

    steps: int
    stopped: bool = False
    failure: Failure | None = None


ONE_STEP = Outcome(1)
"""The result of one completed step, for which `Team.run` always returns this object."""


@dataclass
class _Level:
    launches: list[int] = field(default_factory=list)
    serial: bool = False
    loop: tuple[int, int] | None = (
        None  # begins a loop: addresses of the counter and the iterations
    )
    apart: bool = False  # begins a loop whose tasks do not wait for each other
    end_loop: bool = False


@dataclass
class _Launch:
    address: int
    args: int  # offset
    tasks: int
    work: float
    next: int | None = None  # the launch that follows it


class ProgramBuilder:
    """A program under construction, level by level."""

    def __init__(self) -> None:
        self._launches: list[_Launch] = []
        self._args: list[int] = []
        self._kernels: list[Kernel] = []
        self._levels: list[_Level] = []
        self._open = _Level()
        self._begun: list[int] = []

    def add(
        self,
        kernel: Kernel,
        args: Sequence[int],
        tasks: int = 1,
        *,
        work: float = 1.0,
        after: int | None = None,
    ) -> int:
        """Add a kernel launch to the open level of the program. Return the launch's number.

        Args:
            kernel: the kernel to call.
            args: int64 slots: pointers, dimensions, scalars (`float_slot`).
            tasks: how many times to call it, with ``task`` 0 to tasks - 1.
            work: duration of all tasks relative to other launches; threads get equal shares.
            after: a launch of the open level that this one follows; it must have as many tasks.
        """
        self._args += [0] * abi.ARGS_HEADER
        self._launches.append(_Launch(kernel.address, len(self._args), tasks, work))
        self._args += args
        self._kernels.append(kernel)
        number = len(self._launches) - 1
        if after is None:
            self._open.launches.append(number)
        else:
            self._launches[after].next = number
        return number

    def end_level(self, *, serial: bool = False) -> None:
        """Close the open level of the program. Launches of later levels may use its results.

        Args:
            serial: run the level on one thread, with its launches in the order they were added.
        """
        if self._open.launches:
            self._open.serial = serial
            self._levels.append(self._open)
        self._open = _Level()

    def begin_loop(self, counter: int, iterations: int, *, apart: bool = False) -> None:
        """Begin a loop in the program. It repeats the levels that are added until `end_loop` is
        called.

        Args:
            counter: address of an int64 with the iteration number, which kernels read.
            iterations: address of an int64 with the number of iterations. It is read after each
                iteration, so a kernel may compute it.
            apart: whether each task runs through all iterations without waiting for others. The
                loop then consists of a level with one launch of one task, whose argument 0 is
                the address of the iteration number, and of a level with another launch and its
                followers. Each task has a copy of all their args and of the iteration number.
                Addresses of arguments within these must be relative. The number of iterations
                is read once.
        """
        self.end_level()
        self._begun.append(len(self._levels))
        self._levels.append(_Level(loop=(counter, iterations), apart=apart))

    def end_loop(self) -> None:
        """Close the innermost loop."""
        self.end_level()
        if not self._begun:
            raise ValueError("end_loop without begin_loop")
        begin = self._begun.pop()
        inside = self._levels[begin + 1 :]
        if self._levels[begin].apart and [len(each.launches) for each in inside] != [1, 1]:
            raise ValueError("a loop whose tasks are apart has two levels of one launch each")
        self._levels.append(_Level(end_loop=True))

    def build(self) -> Program:
        """Return the program. The builder must not be used afterwards."""
        self.end_level()
        if self._begun:
            raise ValueError("begin_loop without end_loop")
        return Program(self._launches, self._args, self._levels, self._kernels)


class Program:
    """Kernels and their arguments, ready for `Team.run`.

    Attributes:
        address: address of the program block.
        block: the words of the program block, see `abi`.
        words: the slots of all launches, writable between runs.
        threads: the number of threads among which levels are divided.
        parallel: whether threads can share any part of it.
    """

    def __init__(
        self, launches: list[_Launch], args: list[int], levels: list[_Level], kernels: list[Kernel]
    ) -> None:
        self._levels = levels
        self._kernels = kernels  # their code must outlive the program
        self.words = np.array(args or [0], np.int64)
        self._offsets = np.array(
            [r.args for r in launches] + [len(args) + abi.ARGS_HEADER], np.int64
        )
        self._work = [r.work for r in launches]
        self._next = [r.next for r in launches]
        self._position = _positions(levels, len(launches))
        self._launches = np.zeros((max(len(launches), 1), abi.LAUNCH_SLOTS), np.int64)
        base = self._launches.ctypes.data
        for number, launch in enumerate(launches):
            after = (
                0
                if launch.next is None
                else base + 8 * abi.LAUNCH_SLOTS * self._position[launch.next]
            )
            self._launches[self._position[number], :5] = (
                launch.address, self.words.ctypes.data + 8 * launch.args, launch.tasks, 0, after
            )  # fmt: skip
        self._block = zeros_on_a_line(abi.PROGRAM_SLOTS)
        if blas.is_called(self.words):
            self._block[[abi.GET, abi.SET]] = blas.thread_functions()
        self.block = self._block.data  # numpy takes three times as long for one word
        self.address = self._block.ctypes.data
        self._segments = np.zeros((0, abi.SEGMENT_SLOTS), np.int64)
        self._shares: list[np.ndarray] = []
        self._apart = [
            self._loop_apart(*levels[at : at + 3]) for at, each in enumerate(levels) if each.apart
        ]
        self.threads = 1
        self.parallel = False
        self._lay_out()

    # -- for the planner ------------------------------------------------------------------------

    def args(self, launch: int) -> np.ndarray:
        """Return the launch's slots, writable between runs."""
        return self.words[self._offsets[launch] : self._offsets[launch + 1] - abi.ARGS_HEADER]

    def place(self, launch: int, at: int) -> int:
        """Return the index in `words` of a launch's slot."""
        return int(self._offsets[launch]) + at

    @property
    def step_address(self) -> int:
        """The memory address of the int64 that holds the number of the current step. Kernels can
        get it as an argument.
        """
        return self._word(abi.STEP)

    # -- for other threads ----------------------------------------------------------------------

    def stop(self, *, now: bool = False) -> None:
        """Make the current run stop after its current step, or with ``now`` after its current
        kernel. If nothing runs, this applies to the next run.

        May be called from any thread and from a signal handler.
        """
        self._block[abi.STOP] = abi.STOP_NOW if now else abi.STOP_STEP

    # -- for the profiler -----------------------------------------------------------------------

    def entry(self, launch: int) -> tuple[int, int, int]:
        """Return the kernel address, the address of the arguments, and the number of tasks of a
        launch in the program.
        """
        address, args, tasks = self._launches[self._position[launch], :3]
        return int(address), int(args), int(tasks)

    def note_failure(self) -> None:
        """Record that a kernel failed which was called from outside the dispatch loop. A later call
        of `outcome` returns the failure.
        """
        self._block[abi.FAILED] = 1

    # -- for the team ---------------------------------------------------------------------------

    def prepare(self, first_step: int, count: int, threads: int = 1) -> None:
        """Prepare the program for a run: set its step counters, and divide each level of launches
        among this number of threads.
        """
        if threads != self.threads:
            self.threads = threads
            self._lay_out()
        self.block[abi.STEP] = first_step
        self.block[abi.COUNT] = count

    def outcome(self) -> Outcome:
        """Return how the last run of the program ended: steps done, whether it was stopped, and the
        failure. Reset the stop request and the failure.
        """
        words = self.block
        stopped, failed, done = words[abi.STOP] != 0, words[abi.FAILED], words[abi.DONE]
        if stopped:
            words[abi.STOP] = 0
        return Outcome(done, stopped, self._take_failure() if failed else None)

    def _word(self, slot: int) -> int:
        return self.address + 8 * slot

    def _take_failure(self) -> Failure | None:
        """Return the first failed launch in the order of the launch table, which does not depend on
        the speed of threads. Reset all failures.
        """
        self.block[abi.FAILED] = 0
        starts = self._offsets[:-1]
        codes = self.words[starts + abi.CODE]
        failed = np.flatnonzero(codes)
        if not failed.size:
            return None
        launch = int(failed[0])
        self.words[starts + abi.CODE] = 0
        return Failure(launch, int(codes[launch]))

    def _loop_apart(self, begin: _Level, first: _Level, body: _Level) -> np.ndarray:
        """Return the int64 words that describe a loop whose tasks run through all iterations
        without waiting for each other.

        They include each task's copy of the kernel arguments; see `abi`.
        """
        assert begin.loop is not None
        [opening], [launch] = first.launches, body.launches
        start = int(self._offsets[opening]) - abi.ARGS_HEADER
        last: int | None = launch
        end = start
        while last is not None:
            end, last = int(self._offsets[last + 1]) - abi.ARGS_HEADER, self._next[last]
        tasks = int(self._launches[self._position[launch], 2])
        line = 2 * ALIGNMENT // 8  # processors fetch lines in pairs
        stride = -(-(end - start + 1) // line) * line
        head = -(-abi.LOOP_SLOTS // line) * line
        words = zeros_on_a_line(head + stride * tasks)
        table = self._launches.ctypes.data
        words[: abi.LOOP_SLOTS] = (
            begin.loop[1], table + 8 * abi.LAUNCH_SLOTS * self._position[opening],
            self.words.ctypes.data + 8 * start, end - start, words.ctypes.data + 8 * head, stride,
        )  # fmt: skip
        self._launches[self._position[launch], abi.BODY_OF] = words.ctypes.data
        return words

    def _lay_out(self) -> None:
        """Build the table of segments that the dispatch loop executes from the levels of launches.
        Neighbouring levels that run on one thread share a segment.
        """
        segments: list[list[int]] = []
        loops: list[int] = []
        self._shares = []
        levels = iter(self._levels)
        for level in levels:
            if level.apart:
                next(levels)  # each task runs the launch that begins an iteration
                self._add_level(segments, next(levels))
                next(levels)
            elif level.loop is not None:
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
        self._block[abi.LAUNCHES] = self._launches.ctypes.data

    def _add_level(self, segments: list[list[int]], level: _Level) -> None:
        first = self._position[level.launches[0]]
        last = first + len(level.launches)
        tasks = self._launches[first:last, 2]
        total = int(tasks.sum())
        if total > 1 and not level.serial:
            self._launches[first:last, 3] = np.cumsum(tasks) - tasks
            shares = self._cut([self._chain_work(r) for r in level.launches], tasks)
            self._shares.append(shares)
            segments.append([abi.PARALLEL, first, last, total, 0, 0, 0, shares.ctypes.data])
        elif segments and segments[-1][0] == abi.SERIAL:
            segments[-1][2] = last
        else:
            segments.append([abi.SERIAL, first, last, 0, 0, 0, 0, 0])

    def _chain_work(self, launch: int | None) -> float:
        """Return the estimated work of a launch and of all launches chained after it."""
        total = 0.0
        while launch is not None:
            total += self._work[launch]
            launch = self._next[launch]
        return total

    def _cut(self, work: list[float], tasks: np.ndarray) -> np.ndarray:
        """Divide the tasks of all launches of a level among threads, so that each gets an equal
        share of the estimated work. Return each thread's first task, and the total number of tasks
        at the end.
        """
        each = np.repeat(np.array(work) / np.maximum(tasks, 1), tasks)
        middle = np.cumsum(each) - each / 2
        edges = np.arange(1, self.threads) / self.threads * each.sum()
        cuts = np.searchsorted(middle, edges)
        return np.array([0, *cuts, len(each)], np.int64)

    @staticmethod
    def _close_loop(segments: list[list[int]], begin: int) -> None:
        """Set the jump targets of the two segments that begin and end a loop in the program's
        table.

        If the loop has no iterations, the begin segment jumps to the end segment. The end segment
        jumps back to the begin segment. Execution continues one segment after the target.
        """
        segments[begin][4] = len(segments)
        segments.append([abi.END_LOOP, 0, 0, 0, begin, *segments[begin][5:7], 0])


def _positions(levels: list[_Level], count: int) -> list[int]:
    """Return the position of each launch in the launch table. The first launches of chains come
    first, level by level, and the launches that follow another one come last.
    """
    heads = [launch for level in levels for launch in level.launches]
    order = heads + sorted(set(range(count)).difference(heads))
    position = [0] * count
    for at, launch in enumerate(order):
        position[launch] = at
    return position


class Ring:
    """A ring buffer for the scalars of the last ``size`` steps, written by the program and read by
    the host.

    A launch of the program copies scalars from the arena into row ``step % size``. No scalar is
    lost if runs have at most ``size`` steps.
    """

    def __init__(self, size: int, columns: int) -> None:
        self.values = np.zeros((size, max(columns, 1)), np.float64)

    def rows(self, first_step: int, count: int) -> np.ndarray:
        """Return a copy of the recorded scalars of ``count`` steps from ``first_step`` on, one row
        for each step, oldest first.
        """
        return self.values[(first_step + np.arange(count)) % len(self.values)]
