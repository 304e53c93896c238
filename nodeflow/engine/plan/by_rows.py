"""Joins elementwise clusters and sums over the same rows into one group each (the rewrite
``rowwise``).

A joined group is a *row pass*: it computes all its formulas and sums row by row. Groups are
visited in order, as in fusion. A group joins the row pass whose values it reads if all its
other inputs are computed before the pass begins. If another pass needs a value that takes only
a few instructions from one array, it recomputes the value, so that the value is not stored.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from operator import attrgetter

from nodeflow.engine.ir.actions import Action, Actions
from nodeflow.engine.ir.groups import Group
from nodeflow.engine.kernels.elementwise import calls_of
from nodeflow.engine.kernels.reductions import Stage
from nodeflow.engine.kernels.row_formulas import LONGEST, ROWS, WHOLE, Pattern
from nodeflow.engine.plan.fusion import MAX_INPUTS
from nodeflow.engine.plan.row_patterns import pattern_of
from nodeflow.engine.plan.row_programs import row_formulas
from nodeflow.ops.lowering import Elementwise

SHORTEST = 16
"""Minimum number of elements of rows that are joined. Loops over fewer elements have more
overhead than work.
"""
MOST_ACTIONS = 64
"""Maximum number of actions per group, because compile time grows faster than the kernel."""
DTYPES = ("float32", "float64")


@dataclass(eq=False)
class Unit:
    """Groups that will become one group. If one of them is a reduction, the unit is a row pass.

    Attributes:
        rows, n: number and length of the rows; 0 if the unit is not a row pass.
        patterns: for each storage that a row pass makes, how it is broadcast over [rows, n].
        again: for each group, the actions of other passes that it recomputes, in order.
        read: whether another unit reads from this one.
    """

    level: int
    groups: list[Group] = field(default_factory=list)
    rows: int = 0
    n: int = 0
    patterns: dict[int, Pattern] = field(default_factory=dict)
    again: dict[Group, list[Action]] = field(default_factory=lambda: defaultdict(list))
    read: bool = False

    @property
    def is_pass(self) -> bool:
        return self.rows > 0


def join_rows(actions: Actions, groups: list[Group], ends: set[int]) -> list[Group]:
    """Join groups that work on the same rows into row passes: each becomes one kernel that computes
    several formulas and reductions row by row. Return the new list of groups.

    Args:
        ends: storages that are fetched or kept.
    """
    if actions.delayed or actions.repeated:
        return groups  # joining would keep recomputed values alive for longer
    if not any(isinstance(each.actions[0].lowering, Stage) for each in groups):
        return groups
    return _Joiner(actions, groups, ends).run()


class _Joiner:
    def __init__(self, actions: Actions, groups: list[Group], ends: set[int]) -> None:
        self.actions = actions
        self.groups = groups
        self.ends = ends
        self.written = {actions.storage[s] for s in actions.schedule.writes.values()}
        self.units: list[Unit] = []
        self.maker: dict[int, Unit] = {}

    def run(self) -> list[Group]:
        for group in self.groups:
            sources = list(dict.fromkeys(self.maker[s] for s in group.inputs if s in self.maker))
            unit = self._unit_for(group, sources)
            unit.groups.append(group)
            for source in sources:
                source.read |= source is not unit
            for storage in group.outputs:
                self.maker[storage] = unit
        self._compute_again()
        read = self._read_outside()
        made = []
        for unit in self.units:
            if unit.is_pass and len(unit.groups) > 1:
                made.append(self._joined(unit, read))
            else:
                made += unit.groups
            made[-1].level = unit.level
        return sorted(made, key=attrgetter("level"))

    # ---- which groups are one -----------------------------------------------------------------

    def _unit_for(self, group: Group, sources: list[Unit]) -> Unit:
        stage = self._reduction(group)
        for unit in sorted(sources, key=lambda each: -each.level):
            others = _above(each for each in sources if each is not unit)
            if others > unit.level and unit.read:
                continue
            if sum(len(each.actions) for each in (*unit.groups, group)) > MOST_ACTIONS:
                continue
            if not self._joins(unit, group, stage):
                continue
            unit.level = max(unit.level, others)
            return unit
        unit = Unit(_above(sources))
        self.units.append(unit)
        if stage is not None:
            self._begin(unit, group, stage)
        return unit

    def _joins(self, unit: Unit, group: Group, stage: Stage | None) -> bool:
        """Try to add a group of fused ops to a unit, a loop over rows that several kernels are
        merged into. Return whether the group was added.

        It can be added if its values have the same rows as the loop.
        """
        if stage is not None:
            source = self.actions.storage[group.actions[0].inputs[0]]
            found = unit.patterns
            if not unit.is_pass:
                found = self._patterns(unit.groups[0], stage.outer, stage.n, {}) or {}
            elif (unit.rows, unit.n) != (stage.outer, stage.n):
                return False
            if found.get(source) != WHOLE:
                return False
            unit.patterns = found
            self._begin(unit, group, stage)
            return True
        if not unit.is_pass:
            return False
        found = self._patterns(group, unit.rows, unit.n, unit.patterns)
        unit.patterns |= found or {}
        return found is not None

    def _begin(self, unit: Unit, group: Group, stage: Stage) -> None:
        unit.rows, unit.n = stage.outer, stage.n
        unit.patterns[self.actions.storage[group.actions[0].outputs[0]]] = ROWS

    def _reduction(self, group: Group) -> Stage | None:
        """Return the lowering of a group that is a sum, maximum or minimum over whole rows. Return
        None for any other group.
        """
        action = group.actions[0]
        stage = action.lowering
        fits = (
            isinstance(stage, Stage)
            and stage.kind in ("sum", "max", "min")
            and (stage.inner, stage.blocks) == (1, 1)
            and SHORTEST <= stage.n <= LONGEST
            and stage.outer > 0
            and self.actions.types[action.inputs[0]].dtype in DTYPES
            and action.inputs[0] not in self.actions.views
        )
        return stage if fits and isinstance(stage, Stage) else None

    def _patterns(
        self, group: Group, rows: int, n: int, known: dict[int, Pattern]
    ) -> dict[int, Pattern] | None:
        """Return for each storage that a fused group computes how it is broadcast over an array of
        shape [rows, n]. Return None if any storage fits no pattern, or if the group cannot join a
        row pass.

        Args:
            known: patterns of storages that the pass makes earlier.
        """
        shape, actions = group.shape, self.actions
        if (
            shape is None
            or group.flush
            or group.alone
            or not self.written.isdisjoint(group.outputs)
        ):
            return None
        size = math.prod(d or 0 for d in shape)
        if size not in (rows, rows * n):
            return None
        made = WHOLE if size == rows * n else ROWS
        found: dict[int, Pattern] = {}
        for action in group.actions:
            assert isinstance(action.lowering, Elementwise)
            slots = (*action.inputs, *action.outputs)
            if not {actions.types[s].dtype for s in slots} <= {*DTYPES, "bool"}:
                return None
            if not action.inputs or not actions.views.keys().isdisjoint(slots):
                return None
            if any(angle in action.lowering.expression for angle in ("sin(", "cos(")):
                return None
            for slot in action.inputs:
                pattern = pattern_of(actions.types[slot].shape, shape, rows, n)
                storage = actions.storage[slot]
                before = found.get(storage, known.get(storage, pattern))
                if pattern is None or pattern != before:
                    return None
            found[actions.storage[action.outputs[0]]] = made
        return found

    # ---- recomputed values --------------------------------------------------------------------

    def _compute_again(self) -> None:
        """Let kernels of row passes recompute cheap values of other row passes instead of loading
        them from memory.
        """
        readers: dict[int, list[tuple[Unit, Group]]] = defaultdict(list)
        for unit in self.units:
            for group in unit.groups:
                for storage in group.inputs:
                    readers[storage].append((unit, group))
        for unit in reversed(self.units):
            for action in [a for g in reversed(unit.groups) for a in reversed(g.actions)]:
                storage = self.actions.storage[action.outputs[0]]
                far = [(u, g) for u, g in readers[storage] if u is not unit]
                if not far or not unit.is_pass or not self._is_cheap(unit, action):
                    continue
                sources = dict.fromkeys(self.actions.storage[s] for s in action.inputs)
                if not all(self._may_repeat(unit, *each, sources) for each in far):
                    continue
                for other, group in far:
                    other.again[group].insert(0, action)
                    for source in sources:
                        if source not in group.outputs and (other, group) not in readers[source]:
                            readers[source].append((other, group))
                readers[storage] = [each for each in readers[storage] if each[0] is unit]

    def _is_cheap(self, unit: Unit, action: Action) -> bool:
        """Return whether an action's value is cheaper to recompute in each reader than to load: a
        short formula of one large array.

        Return False if the value is fetched or kept after the run.
        """
        actions, lowering = self.actions, action.lowering
        out = action.outputs[0]
        if not isinstance(lowering, Elementwise) or actions.storage[out] in self.ends:
            return False
        if unit.patterns.get(actions.storage[out]) != WHOLE or calls_of(lowering.expression):
            return False
        shapes = (actions.types[s].shape for s in action.inputs)
        found = [pattern_of(s, actions.types[out].shape, unit.rows, unit.n) for s in shapes]
        return found.count(WHOLE) == 1 and actions.types[out].dtype in DTYPES

    def _may_repeat(self, maker: Unit, unit: Unit, group: Group, sources: Iterable[int]) -> bool:
        """Return whether a group in another row pass can recompute an action of ``maker``, the row
        pass that computes it now.

        Args:
            sources: storages that the recomputed action reads.
        """
        inputs = {*group.inputs, *sources}
        inputs |= {self.actions.storage[s] for a in unit.again[group] for s in a.inputs}
        return (
            unit.is_pass
            and len(unit.groups) > 1
            and (unit.rows, unit.n) == (maker.rows, maker.n)
            and group.shape is not None
            and unit.patterns[self.actions.storage[group.actions[0].outputs[0]]] == WHOLE
            and len(inputs) <= MAX_INPUTS
        )

    # ---- the groups that are made -------------------------------------------------------------

    def _read_outside(self) -> set[int]:
        """Return the storages that must exist in memory: a storage that is fetched or kept after
        the run, or that is read by another unit (a loop over rows) than the one that computes it.
        """
        storage, read = self.actions.storage, set(self.ends)
        for unit in self.units:
            for group in unit.groups:
                again = unit.again.get(group, ())
                inside = {storage[a.outputs[0]] for a in again}
                inputs = {*group.inputs, *(storage[s] for a in again for s in a.inputs)} - inside
                read |= {s for s in inputs if self.maker.get(s) is not unit}
        return read

    def _joined(self, unit: Unit, read: set[int]) -> Group:
        """Return one group that replaces all groups of a row pass, with one kernel that computes
        them.
        """
        parts = [(each.shape, [*unit.again.get(each, ()), *each.actions]) for each in unit.groups]
        lowering, inputs, outputs = row_formulas(self.actions, parts, unit.rows, unit.n, read)
        node = unit.groups[0].actions[0].node
        storage = self.actions.storage
        return Group(
            unit.level,
            [Action(node, lowering, inputs, outputs)],
            inputs=dict.fromkeys(storage[s] for s in inputs),
            outputs={storage[s] for s in outputs},
            joined=[action for each in unit.groups for action in each.joined or each.actions],
        )


def _above(sources: Iterable[Unit]) -> int:
    return max([s.level for s in sources], default=-1) + 1
