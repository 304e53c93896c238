"""The plan: everything about a run that is known before memory has addresses."""

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
from nodeflow.engine.peak import inside_of
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
"""Levels with less work than this stay on one thread: meeting the others costs about as much."""


class Allocation(NamedTuple):
    """Where the values of a storage are.

    ``given``: the array of a feed or a variable; ``constant``: an array of the plan; ``arena``: at
    an offset; ``shadow``: an array that replaces the variable's when the run succeeds; ``result``:
    an array that the caller gets, another one at each run.
    """

    kind: Literal["given", "constant", "arena", "shadow", "result"]
    offset: int = 0


@dataclass
class Phase:
    """Levels of kernel launches, then groups that run by their reference."""

    levels: list[Level] = field(default_factory=list)
    fallback: list[Group] = field(default_factory=list)


@dataclass
class Plan:
    """One run, or one training step, of a schedule with concrete shapes.

    Attributes:
        allocations: where each storage that is used lives.
        arena_size: bytes of the arena.
        direct: for each variable whose new value kernels write into a ``shadow``, its storage.
        home: of each variable that is updated in place, the storage of its own memory: in a plan
            for many steps all that are assigned, else tables of which some rows change.
        inplace: storages of new values that are written there directly, with that storage.
        apart: where it runs again and again as one chain, how that is cut, if a task may begin the
            next run while others are in this one.
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
        """Make room for intermediate results.

        Raises:
            RunError: there is not enough memory; names the node whose result is the largest.
        """
        try:
            arena.reserve(self.arena_size)
        except MemoryError as error:
            largest = self._largest("arena")
            need = f"intermediate results need {self.arena_size / 2**30:,.1f} GiB"
            raise self.no_memory(largest, need) from error

    def needs(self) -> tuple[int, Node | None]:
        """The most bytes that a run takes at a time for what it computes, and the node that takes
        most: intermediate results, results, new values of variables, and what a reference takes
        until that has been copied."""
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
        """The largest storage, of those that are slots of the schedule, in memory of some kinds."""
        types, count = self.actions.types, len(self.schedule.slots)
        own = (s for s, a in self.allocations.items() if a.kind in kinds and s < count)
        return max(own, key=lambda s: size_of([types[s]]), default=None)

    def no_memory(self, storage: int | None, need: str) -> RunError:
        """The error that names the node of a storage, the largest, where memory is not enough."""
        slots = self.schedule.slots
        return RunError(
            f"not enough memory: {need}",
            node=None if storage is None or storage >= len(slots) else slots[storage].node.name,
            hint="Its result is the largest; make batches or shapes smaller.",
        )

    @property
    def work(self) -> float:
        """Estimated nanoseconds of the compiled part."""
        return sum(work_of(p.levels) for p in self.phases)

    def sources(self) -> list[str]:
        """Texts of all kernels, each once."""
        launches = (launch for p in self.phases for launch in all_launches(p.levels))
        return list(dict.fromkeys(launch.source for launch in launches))


NOT_A_RING = -1


@dataclass(frozen=True)
class IterationPointer:
    """An address that depends on the iteration: base + stride * ((iteration + shift) & mask), but
    ``first`` at the first iteration and ``last`` at the last."""

    base: Pointer
    stride: int
    shift: int = 0
    mask: int = NOT_A_RING
    first: Pointer | None = None
    last: Pointer | None = None

    def plus(self, offset: int) -> IterationPointer:
        """The address some bytes further."""
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
        plan: the body's; its feeds are what an iteration reads, its fetches what is wanted of it.
        workspace: slot with the body's arena.
        sources: for each storage of ``plan`` that is not in its arena, where that is.
        copies: (source in ``plan``, where to) at the end of each iteration.
        before: (source, target, bytes into it): what is copied before the first iteration.
        apart: how tasks are cut, if each goes through all iterations without waiting for others.
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
    """A piece of graph that has been planned within another plan.

    Attributes:
        plan: its feeds are what it reads, its fetches what is wanted of it.
        arena: bytes into the workspace of the whole where its arena is.
        sources: for each storage of ``plan`` that is not in its arena, where that is.
        copies: (source in ``plan``, where to) at its end.
    """

    plan: Plan
    arena: int = 0
    sources: dict[int, Pointer | IterationPointer] = field(default_factory=dict)
    copies: list[tuple[int, Pointer | IterationPointer]] = field(default_factory=list)


@dataclass(eq=False)
class FlowPlan:
    """Pieces of graph that run as often as values say, planned.

    Attributes:
        parts: the condition and the body of a loop, or the two branches.
        workspace: slot with their arenas, and what goes from one to the other.
        wanted: slots that it writes.
    """

    parts: tuple[Inside, Inside]
    workspace: int
    wanted: tuple[int, ...]


@dataclass(eq=False)
class WhilePlan(FlowPlan, Lowering):
    """A loop that goes on while its condition holds.

    Attributes:
        limit: iterations after which it ends.
        again: where the condition is.
        count: where the number of iterations goes.
        last: what is carried at the end: (slot, where that is by the number of iterations).
    """

    limit: int | None
    again: Pointer
    count: Pointer
    last: list[tuple[int, IterationPointer]]


@dataclass(eq=False)
class BranchPlan(FlowPlan, Lowering):
    """A branch.

    Attributes:
        chosen: where the condition is.
    """

    chosen: Pointer


def is_concrete(types: Sequence[TensorType]) -> bool:
    """Whether every shape is known, which a plan needs."""
    return all(t.is_static for t in types)
