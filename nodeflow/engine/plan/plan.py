"""A plan: one schedule with concrete shapes as groups in phases and levels, with memory for each.

Native groups of one level do not depend on each other and run as one flat list of tasks. Groups
that have no kernel run by their reference between two native phases. Planning is linear in the
graph, and nothing here imports numba.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar

from nodeflow.engine.arena import Offsets
from nodeflow.engine.gc_pause import uncollected
from nodeflow.engine.ir.actions import Actions
from nodeflow.engine.ir.groups import Group
from nodeflow.engine.ir.launches import MAX_TASKS, KernelLaunch, RowTiling
from nodeflow.engine.ir.plan import Allocation, Phase, Plan
from nodeflow.engine.plan.branch_order import serialize_branches
from nodeflow.engine.plan.chaining import TaskChain, find_chains
from nodeflow.engine.plan.emit import copy_launch, emit
from nodeflow.engine.plan.fusion import group_actions
from nodeflow.engine.plan.fusion_budget import not_worth_fusing
from nodeflow.engine.plan.inplace import Updates, flush_updates, plan_updates
from nodeflow.engine.plan.loops import emit_loop, is_loop, plan_loop
from nodeflow.engine.plan.lower import build_actions, copy_fetched_variables
from nodeflow.engine.plan.memory import MemoryPlanner
from nodeflow.engine.plan.views import read_slices, write_pieces
from nodeflow.engine.schedule.schedule import Schedule
from nodeflow.errors import RunError
from nodeflow.graph.graph import Node
from nodeflow.graph.types import TensorType, numpy_dtype
from nodeflow.ops.lowering import Loop

RESULT_BYTES = 1 << 16
"""Fetched values from this size on are computed where they stay, not copied out of the arena."""

P = TypeVar("P", bound="Plan | None")
Apart = frozenset[int]
"""Output slots of the ops that are not fused with others; see `worth`."""


@uncollected
def make_plan(schedule: Schedule, types: Sequence[TensorType], *, fuse: bool = True) -> Plan:
    """Plan one run of a schedule whose types are all concrete."""
    return limit_kernel_count(partial(_plan_run, schedule, types), fuse)


def _plan_run(
    schedule: Schedule, types: Sequence[TensorType], fuse: bool, apart: Apart = frozenset()
) -> Plan:
    actions = build_actions(schedule, types)
    _plan_loops(actions, fuse=fuse)
    read_slices(actions)
    groups = group_actions(actions, fuse=fuse and "fuse" not in schedule.without, apart=apart)
    groups = write_pieces(actions, groups)
    return _Planner(actions, groups).plan()


@uncollected
def make_step_plan(
    schedule: Schedule, types: Sequence[TensorType], gathered: Sequence[int]
) -> Plan | None:
    """Plan many runs in a row, variables being updated in place.

    Args:
        gathered: slots of feeds that a first level fills, so that they live in the arena.

    Returns:
        The plan, or None where an op has no kernel: then every step needs the interpreter.
    """
    return limit_kernel_count(partial(_plan_steps, schedule, types, gathered), True)


def _plan_steps(
    schedule: Schedule,
    types: Sequence[TensorType],
    gathered: Sequence[int],
    fuse: bool,
    apart: Apart = frozenset(),
) -> Plan | None:
    actions = build_actions(schedule, types)
    copy_fetched_variables(actions)
    flush_updates(actions)
    _plan_loops(actions, fuse=fuse)
    read_slices(actions)
    groups = group_actions(actions, fuse=fuse and "fuse" not in schedule.without, apart=apart)
    groups = write_pieces(actions, groups)
    if any(g.is_fallback for g in groups):
        return None
    updates = plan_updates(actions, groups)
    groups.sort(key=lambda g: g.level)
    return _Planner(actions, groups, updates, gathered).plan()


def limit_kernel_count(plan: Callable[[bool, Apart], P], fuse: bool) -> P:
    """The fused plan; where that would take long to compile, one with fewer fused clusters.

    A thousand layers of as many formulas are a thousand kernels if all are fused, a minute of
    compiling, but a few dozen if not, since each op is a kernel that all share. The results are
    the same.
    """
    fused = plan(fuse, frozenset())
    if not fuse or fused is None:
        return fused
    apart = not_worth_fusing(level for phase in fused.phases for level in phase.levels)
    fewer = plan(True, apart) if apart else None
    if fewer is None or len(fewer.sources()) >= len(fused.sources()):
        return fused
    fewer.actions.note("fuse", f"not done for {len(apart)} ops: too many kernels, of little use")
    return fewer


def _plan_loops(actions: Actions, *, fuse: bool) -> None:
    """Plan the body of each loop; one that has an op without a kernel runs by its reference.

    From the last to the first, since a loop may turn out not to need all it is given, and what
    nobody needs is not made.
    """
    if not any(isinstance(action.lowering, Loop) for action in actions.items):
        return
    schedule = actions.schedule
    ends = (*actions.fetches, *schedule.writes.values())
    used = {actions.storage[s] for s in ends if s is not None}
    kept = []
    for action in reversed(actions.items):
        stateful = action.lowering is None and action.node.op.stateful
        if not stateful and used.isdisjoint(actions.storage[s] for s in action.outputs):
            continue
        planned = [action]
        if isinstance(action.lowering, Loop):
            planned = plan_loop(actions, action, used, partial(make_plan, fuse=fuse))
        used.update(actions.storage[s] for each in planned for s in each.inputs)
        kept += reversed(planned)
    actions.items[:] = kept[::-1]


class _Planner:
    def __init__(
        self,
        actions: Actions,
        groups: list[Group],
        updates: Updates | None = None,
        gathered: Sequence[int] = (),
    ) -> None:
        self.actions = actions
        self.groups = groups
        self.updates = updates
        self.gathered = gathered
        self.schedule = actions.schedule
        self.made_by = {r: g for g in groups for r in g.outputs}
        self.fetched = {actions.storage[s] for s in actions.fetches if s is not None}
        self.written = {actions.storage[s] for s in self.schedule.writes.values()}

    def plan(self) -> Plan:
        needed = self._needed()
        phase_of = self._phases()
        native = [g for g in self.groups if not g.is_fallback and not is_loop(g)]
        rows = {g: self._emit(g, needed) for g in native}
        chains = self._chains(phase_of, rows)
        times = self._times(phase_of, chains)
        direct = {} if self.updates else self._direct()
        allocations, size = self._allocations(times, needed, set(direct.values()))
        phases = [Phase() for _ in range(max(phase_of.values(), default=-1) + 1)]
        for group in sorted(self.groups, key=lambda g: g.actions[0].node.index):
            if group.is_fallback:
                phases[phase_of[group]].fallback.append(group)
        for (phase, _), together in self._levels(phase_of, chains):
            loops = [emit_loop(self.actions, g) for s in together for g in s.groups if is_loop(g)]
            level = self._rows(together, needed, rows)
            phases[phase].levels.append(level + [row for before, _ in loops for row in before])
            phases[phase].levels += [repeat for _, repeat in loops if repeat is not None]
        if self.updates is None:
            return Plan(self.actions, phases, allocations, size, direct)
        phases = phases or [Phase()]
        size = self._add_copies(phases[-1], allocations, size)
        updates = self.updates
        return Plan(self.actions, phases, allocations, size, {}, updates.home, updates.inplace)

    def _emit(
        self, group: Group, needed: set[int], tiling: RowTiling | None = None
    ) -> list[KernelLaunch]:
        """Rows of a group; new values of variables go to the variables' own memory."""
        inplace = self.updates.inplace if self.updates else {}
        over = {r: h for r, h in inplace.items() if r in group.outputs and h in group.inputs}
        return emit(self.actions, group, needed, over, tiling)

    def _rows(
        self, chains: list[TaskChain], needed: set[int], alone: dict[Group, list[KernelLaunch]]
    ) -> list[KernelLaunch]:
        """Rows of the chains of one level, long tasks first, so that none is left for the end."""
        rows: list[KernelLaunch] = []
        for chain in chains:
            tiling = chain.tiling()
            if tiling is None:
                rows += alone.get(chain.groups[0], [])
            else:
                head, *then = (r for g in chain.groups for r in self._emit(g, needed, tiling))
                rows.append(replace(head, then=tuple(then)))
        return sorted(rows, key=lambda r: -sum(c.work for c in r.chain()) / r.tasks)

    def _add_copies(self, phase: Phase, allocations: dict[int, Allocation], size: int) -> int:
        """Levels at the end that copy new values into variables; returns the arena's size.

        What lies in memory that is not its own (another variable) is first copied aside.
        """
        assert self.updates is not None
        offsets = Offsets()
        offsets.size = size
        aside, final = [], []
        for source, home in self.updates.copies:
            if allocations[source].kind != "arena":
                temporary = self.actions.new_slot(self.actions.types[source])
                allocations[temporary] = Allocation("arena", offsets.take(self._nbytes(source)))
                aside.append(copy_launch(self.actions, source, temporary))
                source = temporary
            final.append(copy_launch(self.actions, source, home))
        phase.levels += [level for level in (aside, final) if level]
        return offsets.size

    def _needed(self) -> set[int]:
        """Root slots that are read outside the group that makes them, or at the end."""
        needed = self.fetched | self.written
        for group in self.groups:
            needed.update(group.inputs)
        return needed

    # ---- order --------------------------------------------------------------------------------

    def _phases(self) -> dict[Group, int]:
        """A native group follows the reference groups it reads from by a phase."""
        phase_of: dict[Group, int] = {}
        for group in self.groups:
            phase = 0
            for storage in group.inputs:
                source = self.made_by.get(storage)
                if source is not None:
                    step = 1 if source.is_fallback and not group.is_fallback else 0
                    phase = max(phase, phase_of[source] + step)
            phase_of[group] = phase
        return phase_of

    def _chains(
        self, phase_of: dict[Group, int], rows: dict[Group, list[KernelLaunch]]
    ) -> list[TaskChain]:
        """Groups joined where their tasks need nothing of each other, and when each chain runs."""
        work = {g: sum(r.work for r in made) for g, made in rows.items()}
        after = self.updates.after(self.actions, self.groups) if self.updates else {}
        chains = find_chains(self.actions, self.groups, work, after, phase_of)

        def written(chain: TaskChain) -> int:
            tasks = sum(r.tasks for r in rows.get(chain.groups[0], ()))
            return sum(map(self._nbytes, chain.made)) if tasks >= MAX_TASKS else 0

        if "turns" not in self.schedule.without:
            for chain in serialize_branches(chains, lambda s: phase_of[s.groups[0]], written):
                self.actions.note("turns", chain.groups[0].actions[0].node.name)
        return chains

    def _levels(
        self, phase_of: dict[Group, int], chains: list[TaskChain]
    ) -> list[tuple[tuple[int, int], list[TaskChain]]]:
        levels: dict[tuple[int, int], list[TaskChain]] = defaultdict(list)
        for chain in chains:
            if not chain.groups[0].is_fallback:
                levels[phase_of[chain.groups[0]], chain.level].append(chain)
        return sorted(levels.items(), key=lambda item: item[0])

    def _times(
        self, phase_of: dict[Group, int], chains: list[TaskChain]
    ) -> list[list[list[Group]]]:
        """The groups of the chains that run at each time, one after the other; references run one
        at a time, in the order of the graph."""
        times: dict[tuple[int, bool, int], list[list[Group]]] = defaultdict(list)
        for chain in chains:
            first = chain.groups[0]
            order = first.actions[0].node.index if first.is_fallback else chain.level
            times[phase_of[first], first.is_fallback, order].append(chain.groups)
        return [times[key] for key in sorted(times)]

    # ---- memory -------------------------------------------------------------------------------

    def _direct(self) -> dict[Node, int]:
        """Variables whose new value a kernel makes in memory of its own, not shared by others."""
        storages = [self.actions.storage[s] for s in self.schedule.writes.values()]
        return {
            variable: storage
            for (variable, _), storage in zip(self.schedule.writes.items(), storages, strict=True)
            if storage in self.made_by
            and storages.count(storage) == 1
            and not self.made_by[storage].is_fallback
        }

    def _allocations(
        self, chains: list[list[list[Group]]], needed: set[int], shadows: set[int]
    ) -> tuple[dict[int, Allocation], int]:
        """Where everything lives, and the size of the arena."""
        allocations: dict[int, Allocation] = {}
        offsets = Offsets()
        for slot in (*self.schedule.feeds.values(), *self.schedule.reads.values()):
            allocations[slot] = Allocation("given")
        for slot in self.gathered:
            allocations[slot] = Allocation("arena", offsets.take(self._nbytes(slot)))
        if self.updates is not None:
            for storage in (*self.updates.home.values(), *self.updates.inplace):
                allocations[storage] = Allocation("given")
        for storage in self.actions.constants:
            allocations[storage] = Allocation("constant")
        for storage in shadows:
            allocations[storage] = Allocation("shadow")
        if self.updates is None:
            for storage in self.fetched - self.written - allocations.keys():
                if storage in self.made_by and self._nbytes(storage) >= RESULT_BYTES:
                    allocations[storage] = Allocation("result")
        clusters = (g for g in self.groups if g.shape is not None)
        inside = {r for g in clusters for r in g.outputs if r not in needed}
        reuse = "reuse" not in self.schedule.without
        keep = self.fetched | self.written
        planner = MemoryPlanner(allocations, offsets, self._nbytes, keep, reuse=reuse)
        planner.allocate(chains, inside)
        return allocations, offsets.size

    def _nbytes(self, storage: int) -> int:
        type_ = self.actions.types[storage]
        size = type_.size
        if size is None:
            raise RunError(f"{type_} has an unknown size")
        return size * numpy_dtype(type_.dtype).itemsize
