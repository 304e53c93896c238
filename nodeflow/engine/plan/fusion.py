"""Groups actions into kernels, fusing elementwise neighbours.

The level of a group is higher than the levels of all groups that it reads from. An action
joins a cluster only if its other inputs come from lower levels, or if nothing has read from the
cluster yet, so that the cluster can be moved up. The cluster also absorbs clusters of the same
shape that only this action reads. So no cycle can arise, and groups of one level are
independent of each other. The time is linear in the number of actions, except for moving
actions of small clusters.
"""

from __future__ import annotations

from operator import attrgetter

from nodeflow.engine.ir.actions import Action, Actions
from nodeflow.engine.ir.groups import Group
from nodeflow.graph.types import Shape
from nodeflow.ops.lowering import Elementwise

MAX_NODES = 64
"""Maximum number of actions per cluster, because compile time grows faster than the cluster."""
MAX_INPUTS = 12
"""Maximum number of inputs of a cluster. LLVM checks at run time that arrays do not overlap,
and vectorises no loop with more.
"""


def group_actions(
    actions: Actions, *, fuse: bool = True, apart: frozenset[int] = frozenset()
) -> list[Group]:
    """Group actions into kernels. Return the groups in an order that respects their dependencies.

    Args:
        fuse: whether elementwise neighbours become one group.
        apart: output slots of elementwise actions that stay in separate groups.
    """
    return _Grouper(actions, MAX_NODES if fuse else 1, apart).run()


class _Grouper:
    def __init__(self, actions: Actions, limit: int, apart: frozenset[int]) -> None:
        self.actions = actions
        self.limit = limit
        self.apart = apart
        self.groups: list[Group] = []
        self.made_by: dict[int, Group] = {}
        self.open: dict[tuple, Group] = {}
        """The latest cluster by (shape, level, storage of an input)."""
        self.gone: set[Group] = set()
        """Clusters that others have absorbed."""
        self.written = {actions.storage[s] for s in actions.schedule.writes.values()}

    def run(self) -> list[Group]:
        storage, made_by = self.actions.storage, self.made_by
        for action in self.actions.items:
            storages = [storage[s] for s in action.inputs]
            group = self._group_for(action, storages)
            group.actions.append(action)
            for read in storages:
                if read not in group.outputs:
                    group.inputs[read] = None
                    if read in made_by:
                        made_by[read].read = True
            for slot in action.outputs:
                group.outputs.add(storage[slot])
                made_by[storage[slot]] = group
        # A stable sort by level, which keeps the order of actions within a level.
        return sorted((g for g in self.groups if g not in self.gone), key=attrgetter("level"))

    def _group_for(self, action: Action, storages: list[int]) -> Group:
        sources = [self.made_by[r] for r in storages if r in self.made_by]
        if self.actions.delayed and (waited := self._waits_for(action)) is not None:
            waited.read = True  # so that it is not moved up
            sources.append(waited)
        if not isinstance(action.lowering, Elementwise):
            group = self._new(_above(sources), None)
            group.joined = self.actions.joined.get(action.outputs[0] if action.outputs else -1, [])
            return group
        shape = self.actions.types[action.outputs[0]].shape
        flush = self.actions.storage[action.outputs[0]] in self.actions.flushed
        if action.outputs[0] in self.apart:
            group = self._new(_above(sources), shape, flush)
            group.alone = True
            return group
        late = self.actions.storage[action.outputs[0]] in self.actions.late
        candidates = dict.fromkeys(() if late else sources)
        for candidate in sorted(candidates, key=lambda g: -g.level):
            if self._may_join(candidate, action, storages, shape, flush):
                others = _above([s for s in sources if s is not candidate])
                if others <= candidate.level or not candidate.read:
                    candidate.level = max(candidate.level, others)
                    for other in candidates:
                        if other is not candidate and self._may_absorb(candidate, other, action):
                            self._absorb(candidate, other)
                    return candidate
        level = _above(sources)
        if late or self.actions.storage[action.outputs[0]] in self.written:
            # Such a value gets its own group, because that can run later: a value in `late` waits
            # for its reader, an assigned value until all others have read the variable's old value.
            return self._new(level, shape, flush)
        large = [r for r in storages if self.actions.types[r].size != 1]
        for storage in large:
            sibling = self.open.get((shape, level, storage))
            if (
                sibling is not None
                and sibling not in self.gone
                and sibling.level == level
                and sibling.flush == flush
                and self._has_room(sibling, storages)
            ):
                return sibling
        group = self._new(level, shape, flush)
        for storage in large:
            self.open[shape, level, storage] = group
        return group

    def _waits_for(self, action: Action) -> Group | None:
        """Return the group that must end before an action although the action does not read from
        it, because the action is a delayed recomputation. Return None if there is none.
        """
        return self.actions.awaited(action.outputs[0], self.made_by) if action.outputs else None

    def _may_join(
        self, group: Group, action: Action, storages: list[int], shape: Shape, flush: bool
    ) -> bool:
        if group.shape != shape or group.flush != flush or not self._has_room(group, storages):
            return False
        return self._reads_whole(group, action)

    def _reads_whole(self, group: Group, action: Action) -> bool:
        """Return whether an action reads each value that a fused group computes in the group's own
        shape, element by element.
        """
        storage, types, views = self.actions.storage, self.actions.types, self.actions.views
        for slot in action.inputs:
            whole = slot not in views and types[slot].shape == group.shape
            if not whole and storage[slot] in group.outputs:
                return False
        return True

    def _may_absorb(self, group: Group, other: Group, action: Action) -> bool:
        """Return whether ``group`` may absorb the fused group ``other``, whose results are read
        only by the action that was added to ``group`` last.
        """
        if other.read or other.alone or other.level > group.level:
            return False
        if other.shape != group.shape or other.flush != group.flush:
            return False
        together = {**group.inputs, **other.inputs}
        return (
            len(group.actions) + len(other.actions) < self.limit
            and len(together) + 1 <= MAX_INPUTS
            and self._reads_whole(other, action)
        )

    def _absorb(self, group: Group, other: Group) -> None:
        """Merge the group ``other`` into ``group``: its actions come first. They must not depend on
        anything in ``group``.
        """
        group.actions[:0] = other.actions
        group.inputs = {**other.inputs, **group.inputs}
        group.outputs |= other.outputs
        for storage in other.outputs:
            self.made_by[storage] = group
        other.actions = []
        self.gone.add(other)

    def _has_room(self, group: Group, storages: list[int]) -> bool:
        if group.alone or len(group.actions) >= self.limit:
            return False
        more = [r for r in storages if r not in group.inputs and r not in group.outputs]
        return len(group.inputs) + len(more) <= MAX_INPUTS

    def _new(self, level: int, shape: Shape | None, flush: bool = False) -> Group:
        group = Group(level, shape=shape, flush=flush)
        self.groups.append(group)
        return group


def _above(sources: list[Group]) -> int:
    return max([s.level for s in sources], default=-1) + 1
