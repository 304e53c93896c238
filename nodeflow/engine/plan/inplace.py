"""Which variables a training step updates in place, and in what order that is safe.

A step must commit as a whole: every kernel that can fail runs before the first that overwrites a
variable, and everything that reads a variable's old value runs before its new value is written.
Where that cannot be had by moving a kernel later, the new value is copied at the end instead.
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
"""Moving one update may make another one move; longer sequences of these are copied at the end."""


@dataclass
class Updates:
    """How each assigned variable gets its new value.

    Attributes:
        home: storage that stands for each variable's own memory.
        inplace: storages of new values that are written over another storage (the home).
        copies: (source, home) of what is copied after everything else.
    """

    home: dict[Node, int] = field(default_factory=dict)
    inplace: dict[int, int] = field(default_factory=dict)
    copies: list[tuple[int, int]] = field(default_factory=list)

    def after(self, actions: Actions, groups: list[Group]) -> dict[Group, list[Group]]:
        """For each group that overwrites variables, those that must be over before it begins: all
        that can fail, and all others that read the old values."""
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
    """Mark the arithmetic of updates: its denormals are zero (the rewrite ``flush``).

    An update is a formula whose result a variable gets, or that nothing but updates needs. What is
    only looked at (a plot) does not count, so that looking changes no number. The running means of
    a unit that is always off shrink at each step, so without this they would all end as denormals:
    MNIST steps with momentum or Adam take 2.3 and 2.7 times as long after some 800 steps.
    """
    written = {actions.storage[s] for s in actions.schedule.writes.values()}
    leading, others = set(written), set()  # to an update; to something else that leads to one
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
    """Decide for every assigned variable; may raise the levels of groups."""
    return _Decider(actions, groups).decide()


def tables_of_rows(actions: Actions) -> dict[Node, int]:
    """The variables of which a run changes some rows, and the storages of their new values."""
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
    """Of a single run: which tables are updated in place, because only some rows change.

    Others get their new values in memory of their own, so that a run that fails changes nothing;
    the rows are put there when nothing can fail any more: the groups that do it become the last.
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
    """Whether no other variable gets this new value, and none gets the old one.

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
                continue  # assigned to itself
            if variable in candidates and self._is_late_enough(storage, home):
                updates.inplace[storage] = home
            else:
                updates.copies.append((storage, home))
        return updates

    def _writable(self, storage: int, home: int) -> bool:
        """Whether the group that makes ``storage`` may write it straight into the variable."""
        group = self.made_by.get(storage)
        if group is None or group.is_fallback:
            return False
        if home not in group.inputs:
            return True
        return kernel_of(group).may_overwrite(self.actions, group, home)

    def _is_late_enough(self, storage: int, home: int) -> bool:
        """Whether the group that makes ``storage`` runs after the last use of the old value."""
        return self._required(storage, home) <= self.made_by[storage].level

    def _required(self, storage: int, home: int) -> int:
        """The lowest level at which the variable may be overwritten."""
        group = self.made_by[storage]
        before = [g for g in (*self.readers.get(home, ()), *self.failing) if g is not group]
        if group in self.failing:
            return 1 << 62
        return max((g.level for g in before), default=-1) + 1

    def _move(self, storage: int, home: int) -> bool:
        """Move the group up to where it may write, if nothing depends on it."""
        group = self.made_by[storage]
        required = self._required(storage, home)
        if required <= group.level or required > len(self.groups) + _PASSES:
            return False
        if any(self.readers.get(r) for r in group.outputs):
            return False
        group.level = required
        return True
