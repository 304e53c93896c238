"""Chains neighbouring groups whose tasks continue from kernel to kernel without a barrier.

If each task of a group reads only values that the task with the same number made in the
previous groups, a thread runs the groups one after the other on its rows (the rewrite
``chain``). So the bias or activation is added to a tile of a product while the tile is in
cache, and the narrow last layers of a network, forward and backward, need one barrier and not
ten. The kernels are the same and each row is computed as before, so the rewrite is exact.

A chain is divided along leading rows: task t has rows t * height to (t + 1) * height of every
array. The tiles of a product and the images per tile of a convolution depend on their shapes,
so these kernels determine the height. Elementwise kernels, row reductions, softmax and pooling
accept any height.

If a whole loop body is one chain and each task reads only its own rows of the carried values, a
task continues with its rows through all iterations (the rewrite ``loop_rows``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from nodeflow.engine.ir.actions import Actions
from nodeflow.engine.ir.groups import Group
from nodeflow.engine.ir.launches import RowTiling, tasks_of, tasks_of_runs
from nodeflow.engine.kernels.registry import can_fail, kernel_of

LONG_NS = 20_000
"""Nanoseconds of work that a task may have, even if the group by itself would have more tasks."""
ENOUGH = 8
"""Number of tasks that is always enough for all threads."""


@dataclass(eq=False)
class TaskChain:
    """Groups that run one after the other, task by task.

    Attributes:
        rows: possible numbers of leading rows by which the chain can be divided; empty if it
            cannot.
        height: number of rows of a task, if a kernel determines it.
        made: storages that its groups write.
        after: chains that must end before it begins.
        runs: number of iterations that each task runs before tasks wait for each other.
    """

    level: int
    groups: list[Group] = field(default_factory=list)
    rows: frozenset[int] = frozenset()
    height: int | None = None
    work: float = 0.0
    made: set[int] = field(default_factory=set)
    after: set[TaskChain] = field(default_factory=set)
    runs: int = 1

    def tiling(self) -> RowTiling | None:
        """Return how the rows of the chain are divided into tasks. Return None if the chain is a
        single group, which keeps its own division into tasks.
        """
        if len(self.groups) == 1 and self.runs == 1:
            return None
        rows = max(self.rows)
        tasks = tasks_of(self.work) if self.runs == 1 else tasks_of_runs(self.work, self.runs)
        return RowTiling(rows, self.height or -(-rows // min(tasks, rows)))

    def heights_with(self, height: int | None) -> set[int]:
        """Return the set of required numbers of rows per task: the chain's own and ``height``, as
        far as they are given. Two numbers mean that the kernels cannot share tasks.
        """
        return {h for h in (self.height, height) if h is not None}

    def add(self, group: Group, work: float) -> None:
        """Append a group to the chain."""
        self.groups.append(group)
        self.made |= group.outputs
        self.work += work


def find_chains(
    actions: Actions,
    groups: Sequence[Group],
    work: Mapping[Group, float],
    after: Mapping[Group, Sequence[Group]],
    phase_of: Mapping[Group, int],
    *,
    join: bool,
) -> list[TaskChain]:
    """Join groups of kernels into chains. In a chain, each task continues with its own rows from
    kernel to kernel without a barrier. Assign levels to the chains; chains of one level can run in
    parallel.

    The groups are given in an order that respects dependencies.

    Args:
        work: estimated nanoseconds of each group with a kernel.
        after: groups that must end on all threads before a group begins, besides those that it
            reads.
        phase_of: the phase of each group; only groups of one phase may be joined.
        join: whether to join groups at all (the rewrite ``chain``).
    """
    return _Finder(actions, work, after, phase_of, join).run(groups)


def chain_of_runs(
    actions: Actions, groups: Sequence[Group], work: Mapping[Group, float]
) -> TaskChain | None:
    """Join all groups of a loop body into one chain, if each task reads only its own rows,
    including rows from the previous iteration. Return None otherwise.

    Also return None if a kernel can fail, because then tasks must meet after each iteration, so
    that the first failure is reported.

    Args:
        groups: in an order that respects dependencies.
        work: estimated nanoseconds of each group.
    """
    repeats = actions.repeats
    fails = (can_fail(actions, action) for group in groups for action in group.actions)
    if repeats.runs == 1 or any(group.is_fallback for group in groups) or any(fails):
        return None
    finder = _Finder(actions, work, {}, {}, join=True)
    chain = TaskChain(0, made=set(repeats.carried), runs=repeats.runs)
    for group in groups:
        rows, height = finder.cut(group)
        heights = chain.heights_with(height)
        chain.rows = finder.common(chain, group, rows if not chain.groups else rows & chain.rows)
        if not chain.rows or len(heights) > 1:
            return None
        chain.height = next(iter(heights), None)
        chain.add(group, work[group])
        finder.made_by.update(dict.fromkeys(group.outputs, group))
    tiling = chain.tiling() if chain.groups else None
    return chain if tiling and tiling.tasks > 1 else None


class _Finder:
    def __init__(
        self,
        actions: Actions,
        work: Mapping[Group, float],
        after: Mapping[Group, Sequence[Group]],
        phase_of: Mapping[Group, int],
        join: bool,
    ) -> None:
        self.actions = actions
        self.work = work
        self.after = after
        self.phase_of = phase_of
        self.join = join
        self.made_by: dict[int, Group] = {}
        self.chain_of: dict[Group, TaskChain] = {}

    def run(self, groups: Sequence[Group]) -> list[TaskChain]:
        chains = []
        for group in groups:
            sources = self._sources(group)
            later = [self.chain_of[g] for g in self.after.get(group, ())]
            rows, height = self.cut(group)
            chain = (
                self._joined(group, sources, later, rows, height) if self.join and rows else None
            )
            if chain is None:
                level = max((s.level for s in (*sources, *later)), default=-1) + 1
                chain = TaskChain(level, rows=rows, height=height)
                chains.append(chain)
            for other in (*sources, *later):
                if other is not chain:
                    chain.after.add(other)
            self.chain_of[group] = chain
            chain.add(group, self.work.get(group, 0.0))
            for storage in group.outputs:
                self.made_by[storage] = group
        return chains

    def _sources(self, group: Group) -> list[TaskChain]:
        """Return the chains that the group reads from."""
        made_by, chain_of = self.made_by, self.chain_of
        return list(dict.fromkeys([chain_of[made_by[r]] for r in group.inputs if r in made_by]))

    def cut(self, group: Group) -> tuple[frozenset[int], int | None]:
        """Return how the result of a group can be divided into tasks by rows.

        The first value is the set of possible row counts, each the product of some leading axes; it
        is empty if the result cannot be divided. The second value is the number of rows of a task
        if the kernel determines it, else None.
        """
        actions, action = self.actions, group.actions[0]
        if action.lowering is None:
            return frozenset(), None
        kernel = kernel_of(group)
        height = kernel.task_height(actions, action, action.lowering)
        if not actions.types[action.outputs[0]].size:
            return frozenset(), height
        return kernel.leading_rows(actions, group, action.lowering), height

    def _joined(
        self,
        group: Group,
        sources: Sequence[TaskChain],
        later: Sequence[TaskChain],
        rows: frozenset[int],
        height: int | None,
    ) -> TaskChain | None:
        """Add a group to one of the chains that it reads from, if that is possible and worthwhile.
        Return the extended chain, or None.

        Args:
            sources: chains that the group reads from.
            later: chains that must end on all threads before the group begins.
            rows, height: how the group's result can be divided.
        """
        chain = max(sources, key=lambda s: s.level, default=None)
        if (
            chain is None
            or chain in later
            or self.phase_of[chain.groups[0]] != self.phase_of[group]
        ):
            return None
        if any(s.level >= chain.level for s in (*sources, *later) if s is not chain):
            return None
        common = self.common(chain, group, chain.rows & rows)
        heights = chain.heights_with(height)
        if not common or len(heights) > 1:
            return None
        if not self._worth(chain, group, max(common), heights):
            return None
        chain.rows = common
        chain.height = next(iter(heights), None)
        return chain

    def common(self, chain: TaskChain, group: Group, rows: frozenset[int]) -> frozenset[int]:
        """Return the row counts that divide a group into the same tasks as a chain.

        With such a division, each task reads only rows of the chain that the same task has
        computed.

        Args:
            rows: the numbers to choose from.
        """
        kernel, lowering = kernel_of(group), group.actions[0].lowering
        actions, storage, made = self.actions, self.actions.storage, chain.made
        read = [
            (index, slot)
            for action in group.actions
            for index, slot in enumerate(action.inputs)
            if storage[slot] in made
        ]
        common = rows
        for index, slot in read:
            common = frozenset(
                [
                    r
                    for r in common
                    if kernel.reads_own_rows(actions, group, lowering, index, slot, r)
                    and self._keeps_rows(slot, r)
                ]
            )
        return common

    def _keeps_rows(self, slot: int, rows: int) -> bool:
        """Return whether dividing a value into ``rows`` rows gives the same memory as dividing the
        whole array that it is a view of, or that is assembled from it.
        """
        types, storage = self.actions.types, self.actions.storage[slot]
        view, maker = self.actions.views.get(slot), self.made_by.get(storage)
        pieces = {} if maker is None else maker.pieces
        if view is None and not pieces:
            return True
        whole = types[storage].size or 0
        if view is not None and not view.keeps_rows(types[slot].shape, whole, rows):
            return False
        return all(
            piece.keeps_rows(types[part].shape, whole, rows)
            for part, where in pieces.items()
            for target, piece in where
            if target == storage
        )

    def _worth(self, chain: TaskChain, group: Group, rows: int, heights: set[int]) -> bool:
        """Return whether a group that joins a chain would still have enough tasks to occupy the
        threads, or too little work per task for that to matter.
        """
        if not heights:
            return True
        tasks = -(-rows // next(iter(heights)))
        work = chain.work if chain.height is None else self.work[group]
        return tasks >= min(ENOUGH, tasks_of(work)) or work / tasks <= LONG_NS
