"""The draft of a plan, which the passes of the planner read and change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from nodeflow.engine.ir.actions import ONCE, Actions, Repeats
from nodeflow.engine.ir.groups import Group
from nodeflow.engine.ir.launches import KernelLaunch
from nodeflow.engine.ir.plan import Allocation, Phase
from nodeflow.engine.plan.chaining import TaskChain
from nodeflow.engine.plan.inplace import Updates
from nodeflow.engine.schedule.schedule import Schedule
from nodeflow.errors import RunError
from nodeflow.graph.graph import Node
from nodeflow.graph.types import TensorType, numpy_dtype
from nodeflow.ops.lowering import Lowering


@dataclass
class Draft:
    """A plan under construction.

    Attributes:
        types: concrete types of the schedule's slots.
        without: ids of disabled rewrites.
        gathered: for a training step, slots of feeds that the first level fills; None for a run.
        updating: whether a single run makes a training step.
        repeats: how often the plan runs in a row, and which feeds stay the same.
        apart: output slots of elementwise actions that are not fused with others.
        chosen: by a step's first output, the lowering that replaces the op's own lowering.
        rewritten: for each rewrite, descriptions of its changes.
        lowered: the lowered schedule (`actions`).
        groups: the actions of each kernel, in an order that respects dependencies.
        updates: how variables are updated in place: all in a training step, some tables in a run.
        phase_of: the phase of each group; a native group follows the reference groups that it
            reads.
        launches: the kernel launches of each native group outside of a chain.
        chains: chains of groups, with their levels.
        direct: in a run, the storage of each new value that a kernel writes for a variable.
        allocations: the place of each storage.
        arena_size: bytes of the arena; None before memory is planned.
        phases: the phases, in the order in which they run.
        is_impossible: whether there is no plan, because an op of a training step has no kernel.
    """

    schedule: Schedule
    types: Sequence[TensorType]
    without: frozenset[str] = frozenset()
    gathered: Sequence[int] | None = None
    apart: frozenset[int] = frozenset()
    updating: bool = False
    repeats: Repeats = ONCE
    chosen: dict[int, Lowering] = field(default_factory=dict)
    rewritten: dict[str, list[str]] = field(default_factory=dict)
    lowered: Actions | None = None
    groups: list[Group] = field(default_factory=list)
    updates: Updates | None = None
    phase_of: dict[Group, int] = field(default_factory=dict)
    launches: dict[Group, list[KernelLaunch]] = field(default_factory=dict)
    chains: list[TaskChain] = field(default_factory=list)
    direct: dict[Node, int] = field(default_factory=dict)
    allocations: dict[int, Allocation] = field(default_factory=dict)
    arena_size: int | None = None
    phases: list[Phase] = field(default_factory=list)
    is_impossible: bool = False

    @property
    def actions(self) -> Actions:
        """The actions of this draft of a plan. Accessible only after the schedule has been lowered
        to actions.
        """
        assert self.lowered is not None
        return self.lowered

    @property
    def is_step(self) -> bool:
        """Whether this is a training step, which updates its variables in place."""
        return self.gathered is not None

    def note(self, rewrite: str, what: str) -> None:
        """Record a description, in words, of a change that a rewrite made to the plan."""
        self.rewritten.setdefault(rewrite, []).append(what)

    def ungrouped(self) -> Draft:
        """Return an independent copy of this draft of a plan, from before its actions were grouped
        into kernels.

        Call this method before the grouping.
        """
        rewritten = {rewrite: [*notes] for rewrite, notes in self.rewritten.items()}
        return Draft(
            self.schedule,
            self.types,
            self.without,
            self.gathered,
            self.apart,
            self.updating,
            self.repeats,
            dict(self.chosen),
            rewritten,
            self.actions.copied(rewritten),
        )

    # ---- about actions ------------------------------------------------------------------------

    @property
    def fetched(self) -> set[int]:
        """The storages that are fetched."""
        return {self.actions.storage[s] for s in self.actions.fetches if s is not None}

    @property
    def written(self) -> set[int]:
        """The storages that are assigned to variables."""
        return {self.actions.storage[s] for s in self.schedule.writes.values()}

    def nbytes(self, storage: int) -> int:
        """Return the bytes of a storage."""
        type_ = self.actions.types[storage]
        size = type_.size
        if size is None:
            raise RunError(f"{type_} has an unknown size")
        return size * numpy_dtype(type_.dtype).itemsize

    # ---- about groups, from the pass ``launches`` on ------------------------------------------

    @cached_property
    def made_by(self) -> dict[int, Group]:
        """For each storage, the group that writes it."""
        return {storage: group for group in self.groups for storage in group.outputs}

    @cached_property
    def needed(self) -> set[int]:
        """The storages that must exist in memory: fetched, assigned to a variable, or read by
        another group than the one that computes them.
        """
        needed = self.fetched | self.written
        for group in self.groups:
            needed.update(group.inputs)
        return needed

    @cached_property
    def work(self) -> dict[Group, float]:
        """Estimated nanoseconds of work of each native group."""
        return {g: sum(launch.work for launch in made) for g, made in self.launches.items()}

    @cached_property
    def after(self) -> dict[Group, list[Group]]:
        """A dict from each group to the groups that must end before it begins, besides those that
        it reads from.
        """
        found = self.updates.after(self.actions, self.groups) if self.updates else {}
        for group in self.groups:
            if waited := self.waits_for(group):
                found[group] = [*found.get(group, ()), *waited]
        return found

    def waits_for(self, group: Group) -> list[Group]:
        """Return the groups that must end before a group begins although it does not read from
        them. They exist because recomputations are delayed to save memory.
        """
        actions = self.actions
        if not actions.delayed:
            return []
        made = (slot for action in group.actions for slot in action.outputs)
        found = dict.fromkeys(actions.awaited(slot, self.made_by) for slot in made)
        return [each for each in found if each is not None and each is not group]
