"""The plan: everything about a run that is determined before memory has addresses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from nodeflow.engine.arena import Arena
from nodeflow.engine.ir.actions import Actions
from nodeflow.engine.ir.groups import Group
from nodeflow.engine.ir.launches import Pointer, RowTiling
from nodeflow.engine.ir.levels import Level, all_launches, work_of
from nodeflow.engine.memory import size_of
from nodeflow.engine.peak_memory import inside_of
from nodeflow.engine.schedule.schedule import Schedule
from nodeflow.errors import RunError, SurfaceText
from nodeflow.graph.graph import Node
from nodeflow.graph.types import TensorType
from nodeflow.ops.lowering import Lowering

REFERENCE_HINT = SurfaceText(
    "Run with tier='reference', and report this as a fault of nodeflow.",
    cli="Run with --tier reference, and report this as a fault of nodeflow.",
    window="Restart the engine (Run menu), and report this as a fault of nodeflow.",
)

SERIAL_NS = 4_000
"""Nanoseconds of work below which a level runs on one thread, because synchronising takes about
as long.
"""


class Allocation(NamedTuple):
    """The place of a storage's values.

    ``given``: the array of a feed or a variable; ``constant``: an array of the plan; ``arena``: an
    offset in the arena; ``shadow``: an array that replaces the variable's array when the run
    succeeds; ``result``: a new array for the caller at each run.
    """

    kind: Literal["given", "constant", "arena", "shadow", "result"]
    offset: int = 0


@dataclass
class Phase:
    """Levels of kernel launches, then groups that run by reference."""

    levels: list[Level] = field(default_factory=list)
    fallback: list[Group] = field(default_factory=list)


@dataclass
class Plan:
    """One run, or one training step, of a schedule with concrete shapes.

    Attributes:
        allocations: the place of each used storage.
        arena_size: bytes of the arena.
        direct: for each variable whose new value a kernel writes into a ``shadow``, its storage.
        home: for each variable updated in place, the storage of its own memory. In a plan for
            many steps these are all assigned variables, otherwise tables in which some rows
            change.
        inplace: for each new value written in place, the home that it overwrites.
        apart: the tiling of the chain, if the plan runs repeatedly as one chain and a task may
            begin the next run while others are in this one; else None.
    """

    actions: Actions
    phases: list[Phase]
    allocations: dict[int, Allocation]
    arena_size: int
    direct: dict[Node, int]
    home: dict[Node, int] = field(default_factory=dict)
    inplace: dict[int, int] = field(default_factory=dict)
    apart: RowTiling | None = None

    @property
    def schedule(self) -> Schedule:
        """The schedule that the plan runs."""
        return self.actions.schedule

    def reserve(self, arena: Arena) -> None:
        """Allocate memory for intermediate results.

        Raises:
            RunError: there is not enough memory; the error names the node with the largest result.
        """
        try:
            arena.reserve(self.arena_size)
        except MemoryError as error:
            largest = self._largest("arena")
            need = f"intermediate results need {self.arena_size / 2**30:,.1f} GiB"
            raise self.no_memory(largest, need) from error

    def needs(self) -> tuple[int, Node | None]:
        """Return the peak bytes that a run allocates, and the node that needs most.

        This counts intermediate results, fetched results, new values of variables, and the
        largest temporary memory of a reference call, including its result until it is copied.
        """
        types = self.actions.types
        made = [s for s, a in self.allocations.items() if a.kind in ("result", "shadow")]
        largest = self._largest("arena", "result", "shadow")
        node = None if largest is None else self.schedule.slots[largest].node
        beside, by = 0, node
        for action in (a for p in self.phases for g in p.fallback for a in g.actions):
            taken = inside_of(action.node, [types[s] for s in action.inputs])
            taken += size_of(types[s] for s in action.outputs)
            if taken > beside:
                beside, by = taken, action.node
        if largest is None or beside > size_of([types[largest]]):
            node = by
        return self.arena_size + size_of(types[s] for s in made) + beside, node

    def _largest(self, *kinds: str) -> int | None:
        """Return the storage of the schedule with the largest allocation among these kinds.

        A storage is the memory of one or more slots. Return None if no allocation has such a kind.
        """
        types, count = self.actions.types, len(self.schedule.slots)
        own = (s for s, a in self.allocations.items() if a.kind in kinds and s < count)
        return max(own, key=lambda s: size_of([types[s]]), default=None)

    def no_memory(self, storage: int | None, need: str) -> RunError:
        """Return the error for a lack of memory. It names the node with the largest storage."""
        slots = self.schedule.slots
        return RunError(
            f"not enough memory: {need}",
            node=None if storage is None or storage >= len(slots) else slots[storage].node.name,
            hint="Its result is the largest; make batches or shapes smaller.",
        )

    @property
    def work(self) -> float:
        """Estimated nanoseconds of the compiled part on one core."""
        return sum(work_of(p.levels) for p in self.phases)

    def sources(self) -> list[str]:
        """Return the texts of all kernels, each once."""
        launches = (launch for p in self.phases for launch in all_launches(p.levels))
        return list(dict.fromkeys(launch.source for launch in launches))


NOT_A_RING = -1


@dataclass(frozen=True)
class IterationPointer:
    """An address that depends on the iteration: base + stride * ((iteration + shift) & mask).

    It is ``first`` at the first iteration, if given, and ``last`` at the last.
    """

    base: Pointer
    stride: int
    shift: int = 0
    mask: int = NOT_A_RING
    first: Pointer | None = None
    last: Pointer | None = None

    def plus(self, offset: int) -> IterationPointer:
        """Return the address ``offset`` bytes further."""
        if not offset:
            return self
        return replace(
            self, base=self.base.plus(offset), first=self.first and self.first.plus(offset),
            last=self.last and self.last.plus(offset),
        )  # fmt: skip


@dataclass(eq=False)
class LoopPlan(Lowering):
    """A loop whose body has been planned.

    Attributes:
        plan: plan of the body, with an iteration's inputs as feeds and its used results as fetches.
        workspace: slot with the body's arena.
        sources: addresses of the storages of ``plan`` that are not in its arena.
        copies: pairs (storage of ``plan``, target) to copy at the end of each iteration.
        before: pairs (source, target) to copy before the first iteration.
        apart: the tiling, if each task runs through all iterations without waiting for others.
    """

    iterations: int
    plan: Plan
    workspace: int
    sources: dict[int, Pointer | IterationPointer] = field(default_factory=dict)
    copies: list[tuple[int, IterationPointer]] = field(default_factory=list)
    before: list[tuple[int, Pointer]] = field(default_factory=list)
    apart: RowTiling | None = None


@dataclass(eq=False)
class Inside:
    """The body of a loop or branch, planned within another plan.

    Attributes:
        plan: plan of the body, with its inputs as feeds and its used results as fetches.
        arena: offset in bytes of its arena in the workspace of the outer plan.
        sources: addresses of the storages of ``plan`` that are not in its arena.
        copies: pairs (storage of ``plan``, target) to copy at its end.
    """

    plan: Plan
    arena: int = 0
    sources: dict[int, Pointer | IterationPointer] = field(default_factory=dict)
    copies: list[tuple[int, Pointer | IterationPointer]] = field(default_factory=list)


@dataclass(eq=False)
class FlowPlan:
    """The plan of a loop or branch in which values determine how often, or which, parts run.

    Attributes:
        parts: the condition and the body of a loop, or the two branches.
        workspace: the slot with the arenas of the parts and the values carried between iterations.
        wanted: slots that it writes.
    """

    parts: tuple[Inside, Inside]
    workspace: int
    wanted: tuple[int, ...]


@dataclass(eq=False)
class WhilePlan(FlowPlan, Lowering):
    """A loop that continues while its condition holds.

    Attributes:
        limit: maximum number of iterations; None: no limit.
        again: address of the condition.
        count: address for the number of iterations.
        last: carried values at the end, as pairs (slot, address that depends on the number of
            iterations).
    """

    limit: int | None
    again: Pointer
    count: Pointer
    last: list[tuple[int, IterationPointer]]


@dataclass(eq=False)
class BranchPlan(FlowPlan, Lowering):
    """A branch.

    Attributes:
        chosen: address of the condition.
    """

    chosen: Pointer


def is_concrete(types: Sequence[TensorType]) -> bool:
    """Return whether the shapes of all types are fully known, as a plan requires."""
    return all(t.is_static for t in types)
