"""Times every task of a compiled plan, as a Chrome trace for Perfetto and chrome://tracing.

The dispatch loop itself has no clock, so that it is not slowed down. For a profile, the same
kernels run with the same arguments in the same levels, but each task is called and timed from
Python, on as many threads as the session has. So a task takes some microseconds longer than in
the dispatch loop, and levels wait for their slowest thread. The results are the same.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from nodeflow.engine.compiler.object_code import ENTRY
from nodeflow.engine.devicelib import blas
from nodeflow.engine.ir.actions import Actions
from nodeflow.engine.ir.groups import Group
from nodeflow.engine.ir.launches import KernelLaunch
from nodeflow.engine.ir.levels import Level, LoopLevel, all_launches, count_loops, work_of
from nodeflow.engine.ir.plan import SERIAL_NS
from nodeflow.engine.kernels.registry import label_of
from nodeflow.engine.runtime.program import Program


@dataclass(frozen=True)
class Timing:
    """The timing of one task of a kernel, or of one reference call: times in seconds, and bytes
    moved.

    Attributes:
        level: number of the level in the order of the run, counting each iteration of a loop.
        taken: number, within the level, of the unit that a thread takes at once: a task and its
            chained followers.
    """

    nodes: tuple[str, ...]
    kind: str
    thread: int
    start: float
    end: float
    bytes: int
    task: int = 0
    tasks: int = 1
    level: int = 0
    taken: int = 0


class Profiler:
    """The timings of one run. The calling thread is thread 0, as in the dispatch loop."""

    def __init__(self, actions: Actions, threads: int) -> None:
        self.actions = actions
        self.threads = threads
        self.timings: list[Timing] = []
        self._begun = 0

    def run(
        self,
        program: Program,
        levels: Sequence[Level],
        execution: int,
        loops: Sequence[np.ndarray] = (),
    ) -> bool:
        """Run a program and time its launches, one level (group of independent launches) after the
        other. Return False if a kernel failed.

        Args:
            loops: the iteration number of each loop, in the program's order, which this method
                increases.
        """
        program.prepare(execution, 1)
        with blas.one_thread(), _helpers(self.threads - 1) as pool:
            if self._levels(program, levels, 0, iter(loops), pool):
                return True
        program.note_failure()
        return False

    def _levels(
        self,
        program: Program,
        levels: Sequence[Level],
        number: int,
        loops: Iterator[np.ndarray],
        pool: ThreadPoolExecutor,
    ) -> bool:
        """Run and time levels (groups of kernel launches that do not depend on each other), and
        repeat those inside loops. Return False at a failure.

        Args:
            number: the number of the first launch, in the program's order.
        """
        for level in levels:
            if isinstance(level, LoopLevel):
                word, inner = next(loops), [next(loops) for _ in range(count_loops(level.levels))]
                word[0] = 0
                while word[0] < word[1]:  # kernels may change the number of iterations
                    if not self._levels(program, level.levels, number, iter(inner), pool):
                        return False
                    word[0] += 1
            elif not self._level(program, level, number, pool):
                return False
            number += sum(1 for _ in all_launches([level]))
        return True

    def _level(
        self,
        program: Program,
        launches: Sequence[KernelLaunch],
        number: int,
        pool: ThreadPoolExecutor,
    ) -> bool:
        calls: list[Callable[[int], bool]] = []
        for head in launches:
            chain = head.chain()
            entries = [program.entry(number + i) for i in range(len(chain))]
            number += len(chain)
            place = self._begun, len(calls)
            calls += [partial(self._call, entries, chain, place, t) for t in range(head.tasks)]
        self._begun += 1
        if len(calls) == 1 or work_of([list(launches)]) < SERIAL_NS:
            return all(c(0) for c in calls)
        left = iter(calls)  # taking the next one is atomic

        def take(thread: int) -> bool:
            return all(c(thread) for c in left)

        others = [pool.submit(take, thread) for thread in range(1, self.threads)]
        return all([take(0), *(o.result() for o in others)])

    def reference(self, group: Group, call: Callable[[], None]) -> None:
        """Time a group that runs by reference."""
        start = time.perf_counter()
        call()
        end = time.perf_counter()
        moved = group.bytes_moved(self.actions)
        level, self._begun = self._begun, self._begun + 1
        self.timings.append(Timing(group.names, "reference", 0, start, end, moved, level=level))

    def trace(self) -> dict[str, Any]:
        """Return the timings in Chrome's trace format, with times in microseconds."""
        zero = min((t.start for t in self.timings), default=0.0)
        process = os.getpid()
        events: list[dict[str, Any]] = [
            {"ph": "M", "name": "thread_name", "pid": process, "tid": number,
             "args": {"name": f"thread {number}"}}
            for number in range(self.threads)
        ]  # fmt: skip
        for t in sorted(self.timings, key=lambda t: t.start):
            events.append(
                {
                    "ph": "X",
                    "name": ", ".join(t.nodes) or t.kind,
                    "cat": t.kind,
                    "pid": process,
                    "tid": t.thread,
                    "ts": round((t.start - zero) * 1e6, 3),
                    "dur": round((t.end - t.start) * 1e6, 3),
                    "args": {"nodes": list(t.nodes), "bytes": t.bytes, "task": t.task,
                             "tasks": t.tasks, "level": t.level, "taken": t.taken},
                }
            )  # fmt: skip
        return {"traceEvents": events, "displayTimeUnit": "ms"}

    def _call(
        self,
        entries: Sequence[tuple[int, int, int]],
        chain: Sequence[KernelLaunch],
        place: tuple[int, int],
        task: int,
        thread: int,
    ) -> bool:
        """Run and time one task of a launch, then the same task of the launches chained to it.
        Return False at a failure.

        Args:
            place: the number of the level, and within it the number of the launch's first task.
        """
        scratch = np.zeros(2, np.int64)
        result = scratch.ctypes.data
        for (address, args, tasks), launch in zip(entries, chain, strict=True):
            entry = ENTRY(address)
            start = time.perf_counter()
            status = entry(result, result + 8, args, task, tasks)
            self._note(launch, thread, start, time.perf_counter(), task, place)
            if status != 0:
                return False
        return True

    def _note(
        self,
        launch: KernelLaunch,
        thread: int,
        start: float,
        end: float,
        task: int,
        place: tuple[int, int],
    ) -> None:
        nodes: tuple[str, ...] = ()
        kind, moved = label_of(launch), launch.moved
        if launch.group is not None:
            nodes = launch.group.names
            moved = launch.group.bytes_moved(self.actions)
        moved //= launch.tasks
        level, first = place
        self.timings.append(
            Timing(nodes, kind, thread, start, end, moved, task, launch.tasks, level, first + task)
        )


@contextmanager
def _helpers(count: int) -> Iterator[ThreadPoolExecutor]:
    """Start threads and yield them as a pool.

    They already run, so that a measurement of the first level does not include their start.
    """
    with ThreadPoolExecutor(max(1, count)) as pool:
        started = threading.Barrier(count + 1)
        for _ in range(count):
            pool.submit(started.wait)
        started.wait()
        yield pool
