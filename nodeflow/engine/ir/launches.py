"""Kernel launches: a kernel's text, its arguments, and into how many tasks its work is cut.

Numbers of tasks depend on shapes only, and so does everything that a kernel adds up, so results are
the same for every number of threads.

None of these records is changed. Those that a large graph has one of for each node are no frozen
dataclasses, which take three times as long to make.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from nodeflow.engine.ir.groups import Group
from nodeflow.graph.graph import Node

TASK_NS = 10_000
"""Work of one task: long against taking it (some 50 ns), short against a training step."""
RUN_NS = 500
"""Work of a task in one run of many: long against setting its arguments (some 50 ns)."""
MAX_TASKS = 32
UNEVEN = 1.05
"""Time for which a thread may have tasks, where it would be 1 if all had as many."""


class Pointer(NamedTuple):
    """An argument that is the address of a storage, some bytes further."""

    storage: int
    offset: int = 0

    def plus(self, offset: int) -> Pointer:
        """The address some bytes further."""
        return Pointer(self.storage, self.offset + offset)


@dataclass(frozen=True)
class KeyWord:
    """An argument that is the first or second word of a node's random key."""

    node: Node
    word: int


@dataclass(frozen=True)
class FirstElement:
    """An argument that is the number, among all that a node draws, of the first of the ``size``
    elements that it draws here: 0 unless rows come in blocks."""

    node: Node
    size: int


@dataclass(frozen=True)
class StepAddress:
    """An argument that is the address of the number of the step (or execution)."""


@dataclass(frozen=True)
class IterationAddress:
    """An argument that is the address of the number of the iteration of the loop around it."""


@dataclass(frozen=True)
class LoopAddress:
    """An argument that is the address of the two words of the loop with a key: the number of its
    iteration, and how many there are."""

    key: object


@dataclass(frozen=True)
class ArgumentAddress:
    """An argument that says where another is: number ``at`` of the launch ``ahead`` launches later,
    in bytes from the first argument."""

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
    """How a kernel checks the places that its data name: against argument number ``argument``,
    which is the size ``extent`` of the axis that they lie on."""

    argument: int
    extent: int


class Region(NamedTuple):
    """What a launch writes of a storage.

    Attributes:
        offset, sizes, strides: the elements, as a block; no sizes: all of the storage.
        adds: whether values are added to what is there instead of replacing it.
        clears: whether the launch itself makes the region zero before it adds.
        bound: where data decide which elements are written, how that is checked.
        partial: whether elements may be left out: working memory of the launch.
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
    """How tasks share a launch's units of work: each takes ``share`` of them, the last what is
    left. Kernels without such an argument divide by the number of tasks.

    Attributes:
        rows: leading rows of a task, where a chain or the kernel's own tiles decide; else 0.
    """

    units: int
    share: int
    rows: int = 0


@dataclass(eq=False, slots=True)
class KernelLaunch:
    """A kernel with its arguments.

    Attributes:
        source: text of the kernel; it depends on structure, so launches can share one.
        args: numbers, and what is known only when the program is built.
        work: estimated nanoseconds on one core.
        label: what it does, where it stands for no node.
        then: launches with as many tasks; each task goes on with that of the same number in them.
        moved: bytes read and written, where it stands for no node.
        writes: what it writes, where that is not all of its group's outputs.
        split: how tasks share the work, where arguments say so.
        rereads: whether it may read elements again after it has written theirs.
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
        """The launch itself and those that follow it."""
        return self, *self.then


@dataclass(frozen=True)
class RowTiling:
    """Leading rows of what a group makes, and how many of them are one task."""

    rows: int
    height: int

    @property
    def tasks(self) -> int:
        return max(1, -(-self.rows // self.height))

    def units_per_task(self, units: int) -> int:
        """Units of work per task, given the units in all; every row has the same number."""
        return units // max(self.rows, 1) * self.height


def tasks_of(work: float) -> int:
    """Number of tasks for work of a duration in nanoseconds."""
    return max(1, min(MAX_TASKS, math.ceil(work / TASK_NS)))


def tasks_of_runs(work: float, runs: int) -> int:
    """Number of tasks, a power of two, for work that is done again and again, where a task goes on
    with its share from one run to the next.

    Args:
        work: nanoseconds of one run.
    """
    return power_of_two(min(tasks_of(runs * work), max(1, int(work / RUN_NS))))


def power_of_two(most: int) -> int:
    """The largest power of two up to a number that is at least 1."""
    return 1 << (most.bit_length() - 1)


def limited_tasks(work: float, units: int) -> int:
    """Number of tasks for work in nanoseconds, at most one per unit of work."""
    return max(1, min(tasks_of(work), units))


def even_tiling(units: int, work: float) -> RowTiling:
    """Tasks of some units of work, of about the same length; up to a quarter longer ones where four
    threads then have as many each."""
    least = max(1, -(-units // limited_tasks(work, units)))
    lengths = range(least, least + least // 4 + 1)
    return RowTiling(units, min(lengths, key=lambda length: length * -(-units // (4 * length))))


def shared_evenly(tasks: int) -> bool:
    """Whether two threads, and four, have about as many tasks each."""
    return all(-(-tasks // threads) * threads <= tasks * UNEVEN for threads in (2, 4))
