"""Kernel launches: a kernel's text, its arguments, and the number of tasks that share its work.

The number of tasks and the order of sums depend only on shapes, so results are the same for
every number of threads.

These records are immutable by convention. Records that exist once per node of a large graph are
not frozen dataclasses, because those take three times as long to construct.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from nodeflow.engine.ir.groups import Group
from nodeflow.graph.graph import Node

TASK_NS = 10_000
"""Nanoseconds of work per task. This is long compared to taking a task (about 50 ns), but short
compared to a training step.
"""
RUN_NS = 500
"""Nanoseconds of work per task and run. This is long compared to setting the task's arguments
(about 50 ns).
"""
MAX_TASKS = 32
UNEVEN = 1.05
"""Maximum acceptable load of the busiest thread, relative to an even distribution of tasks."""


class Pointer(NamedTuple):
    """An argument with the address of a storage, plus an offset in bytes."""

    storage: int
    offset: int = 0

    def plus(self, offset: int) -> Pointer:
        """Return the address ``offset`` bytes further."""
        return Pointer(self.storage, self.offset + offset)


@dataclass(frozen=True)
class KeyWord:
    """An argument with the first or second word of a node's random key."""

    node: Node
    word: int


@dataclass(frozen=True)
class FirstElement:
    """An argument with the number of the first element drawn here, among all elements that a
    node draws. It is 0 unless rows come in blocks.
    """

    node: Node
    size: int


@dataclass(frozen=True)
class StepAddress:
    """An argument with the address of the step (or execution) number."""


@dataclass(frozen=True)
class IterationAddress:
    """An argument with the address of the iteration number of the enclosing loop."""


@dataclass(frozen=True)
class LoopAddress:
    """An argument with the address of two words of the loop with a key: its iteration number,
    and its number of iterations.
    """

    key: object


@dataclass(frozen=True)
class ArgumentAddress:
    """An argument with the place of another argument: argument ``at`` of the launch that comes
    ``ahead`` launches later, in bytes from the first argument.
    """

    ahead: int
    at: int


Arg = (
    int
    | Pointer
    | KeyWord
    | FirstElement
    | StepAddress
    | IterationAddress
    | LoopAddress
    | ArgumentAddress
)


@dataclass(frozen=True)
class Bound:
    """The limit against which a kernel checks indices that it reads from data.

    Attributes:
        argument: the number of the kernel argument with the limit.
        extent: its value: the size of the axis that the indices refer to.
    """

    argument: int
    extent: int


class Region(NamedTuple):
    """The elements of a storage that a launch writes.

    Attributes:
        offset, sizes, strides: the elements, as a block; if sizes is None, the whole storage.
        adds: whether the launch adds to the elements and does not replace them.
        clears: whether the launch itself zeroes the region before it adds.
        bound: if data determine which elements are written, how the indices are checked.
        partial: whether the launch may skip elements, as in working memory.
    """

    storage: int
    offset: int = 0
    sizes: tuple[int, ...] | None = None
    strides: tuple[int, ...] = ()
    adds: bool = False
    clears: bool = False
    bound: Bound | None = None
    partial: bool = False


class Split(NamedTuple):
    """How tasks share a launch's units of work: each takes ``share`` units, the last task the rest.

    Kernels without a share argument divide by the number of tasks.

    Attributes:
        rows: leading rows of a task, if a chain or the kernel's own tiles determine them; else 0.
    """

    units: int
    share: int
    rows: int = 0


@dataclass(eq=False, slots=True)
class KernelLaunch:
    """A kernel with its arguments.

    Attributes:
        source: text of the kernel; it depends only on structure, so launches can share it.
        args: numbers, and records that are resolved when the program is built.
        work: estimated nanoseconds on one core.
        label: description of the launch, if it belongs to no node.
        then: launches with the same number of tasks; each task continues with the task of its
            number in them.
        moved: bytes read and written, if the launch belongs to no node.
        writes: regions written, unless these are simply all outputs of its group.
        split: how tasks share the work, if arguments determine it.
        rereads: whether it may read elements again after it has written their results.
    """

    source: str
    args: tuple[Arg, ...]
    tasks: int
    work: float
    group: Group | None = None
    label: str = "copy"
    then: tuple[KernelLaunch, ...] = ()
    moved: int = 0
    writes: tuple[Region, ...] | None = None
    split: Split | None = None
    rereads: bool = True

    def chain(self) -> tuple[KernelLaunch, ...]:
        """Return this launch and the launches chained to it, in order. Each task runs all
        of them.
        """
        return self, *self.then


@dataclass(frozen=True)
class RowTiling:
    """The leading rows of a group's result, and the number of them in one task."""

    rows: int
    height: int

    @property
    def tasks(self) -> int:
        return max(1, -(-self.rows // self.height))

    def units_per_task(self, units: int) -> int:
        """Return the units of work of one task, which computes ``height`` rows. Every row has the
        same number of units.
        """
        return units // max(self.rows, 1) * self.height


def tasks_of(work: float) -> int:
    """Return the number of tasks for work in nanoseconds."""
    return max(1, min(MAX_TASKS, math.ceil(work / TASK_NS)))


def tasks_of_runs(work: float, runs: int) -> int:
    """Return the number of tasks, a power of two, for work that is repeated in many runs. Each
    thread then finds its share of the data in its own cache.

    Args:
        work: nanoseconds of one run.
        runs: how often the work is repeated.
    """
    return power_of_two(min(tasks_of(runs * work), max(1, int(work / RUN_NS))))


def power_of_two(most: int) -> int:
    """Return the largest power of two up to a number that is at least 1."""
    return 1 << (most.bit_length() - 1)


def limited_tasks(work: float, units: int) -> int:
    """Return into how many tasks to divide a kernel, at most one per unit of work.

    Args:
        work: estimated nanoseconds of the kernel.
    """
    return max(1, min(tasks_of(work), units))


def even_tiling(units: int, work: float) -> RowTiling:
    """Divide units of work into tasks of equal length.

    Tasks may be up to a quarter longer if four threads can then have equally many of them.
    """
    least = max(1, -(-units // limited_tasks(work, units)))
    lengths = range(least, least + least // 4 + 1)
    return RowTiling(units, min(lengths, key=lambda length: length * -(-units // (4 * length))))


def shared_evenly(tasks: int) -> bool:
    """Return whether so many tasks are shared almost evenly by two threads, and by four."""
    return all(-(-tasks // threads) * threads <= tasks * UNEVEN for threads in (2, 4))
