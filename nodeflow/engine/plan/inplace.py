"""Decides which variables a training step updates in place, and in which order.

A step takes effect as a whole: every kernel that can fail runs before the first kernel that
overwrites a variable. Every reader of a variable's old value runs before the new value is
written. If no reordering achieves this, the new value is copied into the variable at the end.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from nodeflow.engine.ir.actions import Actions
from nodeflow.engine.ir.groups import Group
from nodeflow.engine.kernels.registry import can_fail, kernel_of
from nodeflow.graph.graph import Node
from nodeflow.ops.lowering import ChangeRows, Elementwise, PutRows

_PASSES = 4
"""Number of passes that move updates, since one move may require another. After these, values
are copied.
"""


@dataclass
class Updates:
    """How each assigned variable gets its new value.

    Attributes:
        home: for each variable, the storage of its own memory.
        inplace: for each new value that is written in place, the home that it overwrites.
        copies: pairs (source, home) to copy at the end.
    """

    home: dict[Node, int] = field(default_factory=dict)
    inplace: dict[int, int] = field(default_factory=dict)
    copies: list[tuple[int, int]] = field(default_factory=list)

    def after(self, actions: Actions, groups: list[Group]) -> dict[Group, list[Group]]:
        """Return a dict from each group that overwrites variables to the groups that must end
        before: those that can fail, and those that read the old values.
        """
        readers: dict[int, list[Group]] = {}
        for group in groups:
            for storage in group.inputs:
                readers.setdefault(storage, []).append(group)
        failing = [g for g in groups if any(can_fail(actions, a) for a in g.actions)]
        before: dict[Group, list[Group]] = {}
        for group in groups:
            homes = [self.inplace[r] for r in group.outputs if r in self.inplace]
            if homes:
                first = [*failing, *(g for home in homes for g in readers.get(home, ()))]
                before[group] = [g for g in dict.fromkeys(first) if g is not group]
        return before


def flush_updates(actions: Actions) -> None:
    """Mark the formulas of updates, which flush denormals to zero (the rewrite ``flush``).

    A formula belongs to an update if its result is assigned to a variable, or if only updates
    need it. Plots and other inspections do not count as needing it, so that looking at values
    changes no number. Without flushing, the running means of a unit that is always off shrink
    at each step until all are denormals: MNIST steps with momentum or Adam then take 2.3 and
    2.7 times as long after about 800 steps.
    """
    written = {actions.storage[s] for s in actions.schedule.writes.values()}
    # `leading` are the storages on which an update depends. `others` are inputs of unflushed
    # actions on which an update depends.
    leading, others = set(written), set()
    for action in reversed(actions.items):
        storage = actions.storage[action.outputs[0]]
        inputs = {actions.storage[s] for s in action.inputs}
        if not leading.intersection(actions.storage[s] for s in action.outputs):
            continue
        leading |= inputs
        if isinstance(action.lowering, Elementwise) and (
            storage in written or storage not in others
        ):
            actions.flushed.add(storage)
            if storage in written:
                actions.note("flush", action.node.name)
        else:
            others |= inputs


def plan_updates(actions: Actions, groups: list[Group]) -> Updates:
    """Decide for each assigned variable whether its new value is written in place. To make that
    possible, groups may be moved to a later level.
    """
    return _Decider(actions, groups).decide()


def tables_of_rows(actions: Actions) -> dict[Node, int]:
    """Return a dict from variable to the storage of its new value, for the variables that change
    only in some rows.
    """
    schedule = actions.schedule
    taken = Counter(actions.storage[s] for s in schedule.writes.values())
    made = {
        actions.storage[each.outputs[0]]
        for each in actions.items
        if isinstance(each.lowering, PutRows | ChangeRows)
    }
    news = {v: actions.storage[slot] for v, slot in schedule.writes.items()}
    return {
        v: new
        for v, new in news.items()
        if new in made and v in schedule.reads and _is_alone(new, schedule.reads[v], taken)
    }


def plan_row_updates(actions: Actions, groups: list[Group]) -> Updates | None:
    """Decide which variables a run that is no training step updates in place: embedding tables that
    change only in some rows.

    Other variables get their new values in separate memory, so that a failing run changes nothing.
    The groups that write rows into tables are moved to the end, when nothing can fail any more.
    """
    updates, last = Updates(), list[Group]()
    makers = {storage: group for group in groups for storage in group.outputs}
    kept = {storage for group in groups for storage in group.inputs}
    fetched = {actions.storage[slot] for slot in actions.fetches if slot is not None}
    for variable, new in tables_of_rows(actions).items():
        group, home = makers.get(new), actions.schedule.reads[variable]
        if (
            group is not None
            and new not in kept
            and home not in fetched
            and kernel_of(group).may_overwrite(actions, group, home)
            and not any(home in other.inputs for other in last)
            and group.inputs.keys().isdisjoint(updates.home.values())
        ):
            updates.home[variable] = home
            updates.inplace[new] = home
            last.append(group)
    groups.sort(key=lambda each: each in last)
    return updates if updates.home else None


def _is_alone(storage: int, home: int, taken: Counter[int]) -> bool:
    """Return whether a variable's memory can be overwritten by its new value: no other variable
    gets the new value, and none gets this variable's old value.

    Args:
        taken: how many variables get each storage as their new value.
    """
    return taken[storage] == 1 and home not in taken


class _Decider:
    def __init__(self, actions: Actions, groups: list[Group]) -> None:
        self.actions = actions
        self.groups = groups
        self.made_by = {r: g for g in groups for r in g.outputs}
        self.readers: dict[int, list[Group]] = {}
        for group in groups:
            for storage in group.inputs:
                self.readers.setdefault(storage, []).append(group)
        self.failing = [g for g in groups if any(can_fail(actions, a) for a in g.actions)]

    def decide(self) -> Updates:
        updates = Updates()
        schedule = self.actions.schedule
        candidates: dict[Node, int] = {}
        taken = Counter(self.actions.storage[s] for s in schedule.writes.values())
        for variable, slot in schedule.writes.items():
            storage = self.actions.storage[slot]
            home = schedule.reads.get(variable)
            if home is None:
                home = self.actions.new_slot(variable.outputs[0].type)
            updates.home[variable] = home
            if _is_alone(storage, home, taken) and self._writable(storage, home):
                candidates[variable] = storage
        for _ in range(_PASSES):
            moved = [self._move(storage, updates.home[v]) for v, storage in candidates.items()]
            if not any(moved):
                break
        for variable, slot in schedule.writes.items():
            storage, home = self.actions.storage[slot], updates.home[variable]
            if storage == home:
                continue  # the variable is assigned to itself
            if variable in candidates and self._is_late_enough(storage, home):
                updates.inplace[storage] = home
            else:
                updates.copies.append((storage, home))
        return updates

    def _writable(self, storage: int, home: int) -> bool:
        """Return whether the group that computes ``storage``, a variable's new value, can write it
        over the variable's old value.
        """
        group = self.made_by.get(storage)
        if group is None or group.is_fallback:
            return False
        if home not in group.inputs:
            return True
        return kernel_of(group).may_overwrite(self.actions, group, home)

    def _is_late_enough(self, storage: int, home: int) -> bool:
        """Return whether the group that computes a variable's new value already runs after all uses
        of the old value.
        """
        return self._required(storage, home) <= self.made_by[storage].level

    def _required(self, storage: int, home: int) -> int:
        """Return the lowest level that allows a group to overwrite the variable: after all readers
        of the old value and all groups that can fail. Return a huge number if the group itself can
        fail.
        """
        group = self.made_by[storage]
        before = [g for g in (*self.readers.get(home, ()), *self.failing) if g is not group]
        if group in self.failing:
            return 1 << 62
        return max((g.level for g in before), default=-1) + 1

    def _move(self, storage: int, home: int) -> bool:
        """Move the group that computes a variable's new value to a later level, so that it may
        overwrite the variable in place. Do nothing if a group reads its results.

        Return whether the level changed.
        """
        group = self.made_by[storage]
        required = self._required(storage, home)
        if required <= group.level or required > len(self.groups) + _PASSES:
            return False
        if any(self.readers.get(r) for r in group.outputs):
            return False
        group.level = required
        return True
