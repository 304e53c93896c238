"""Divides a schedule into passes over the rows, and steps that run once before and between them.

A step that treats rows separately runs on the rows of a cell. A batch reduction of large values
also runs on a cell, and the results of cells are combined (`batch_reductions`). A batch reduction
of small values runs once, on all rows, which are kept for it. Steps that mix rows in another way,
or have an effect, also run once. A value computed from a batch reduction waits for all cells: it
has a *level*, the number of passes that must end before it is computed. A later pass recomputes the
values of an earlier pass that it needs, unless they are kept anyway or there is memory to keep
them. Both give the same bits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

import numpy as np

from nodeflow.engine.blocks.batch_reductions import JOINED
from nodeflow.engine.blocks.grid import WHOLE_BYTES, Grid, grid_for
from nodeflow.engine.blocks.row_pass import DoesNotFit, Ending, RowPass, Whole, inside_with_rows
from nodeflow.engine.memory import size_of
from nodeflow.engine.parts import Part, ends_of, part_of
from nodeflow.engine.peak_memory import peak_of
from nodeflow.engine.rows import MIXED, RowFlow, Rows, analyse
from nodeflow.engine.schedule.recompute import is_slow
from nodeflow.engine.schedule.schedule import Schedule, Step, is_assign
from nodeflow.graph.graph import Node
from nodeflow.graph.types import TensorType, numpy_dtype
from nodeflow.ops.control_flow.scan_body import draws_itself
from nodeflow.ops.lowering import Elementwise

SMALL = 64
"""Maximum bytes per row of rows that are kept for a batch reduction, so that the result has the
same bits as without blocks. Such rows are a loss, a hit, or the scores of a few classes.
"""
MOST_MISFITS = 16
"""Maximum number of steps that may turn out to need all rows. A graph with more of them runs as
a whole.
"""
MOST_DEEP = 6
"""Maximum depth of nested cuts. Each cut looks for other rows in steps that the outer cut runs
once.
"""
DRAWS = frozenset(("random_uniform_like", "random_uniform", "random_normal", "truncated_normal"))
"""Random ops that draw one number for each element, in order."""


@dataclass
class Stage:
    """Steps that run once, and then the pass over the rows that needs them.

    Attributes:
        sizes: steps that use only the shapes of values with rows.
        once: steps that run once.
        inner: a nested cut of ``once`` along other rows, or None.
        rows: the pass over the rows, or None.
    """

    sizes: list[Step] = field(default_factory=list)
    once: Part | None = None
    inner: Cut | None = None
    rows: RowPass | None = None


@dataclass
class Cut:
    """A schedule divided into stages.

    Attributes:
        flow: the analysis of rows; None if no rows pass through the whole schedule, so that
            each stage has its own analysis.
        grid: the grid of these rows.
        peak: peak bytes of these rows, or of rows of nested cuts, without blocks.
        constants: values that can be computed from the shapes, by slot.
    """

    schedule: Schedule
    types: Sequence[TensorType]
    stages: list[Stage]
    peak: int
    flow: RowFlow | None = None
    grid: Grid | None = None
    constants: Mapping[int, np.ndarray] = field(default_factory=dict)

    @property
    def own_flow(self) -> RowFlow:
        """The analysis of how batch rows flow through the schedule. The caller must know that there
        is one.
        """
        assert self.flow is not None
        return self.flow

    @property
    def own_grid(self) -> Grid:
        """The division of the rows into cells (blocks of rows). The caller must know that there is
        one.
        """
        assert self.grid is not None
        return self.grid

    @property
    def widest(self) -> Grid:
        """The division of rows into the largest number of cells (blocks of rows), in this divided
        schedule or in those nested in it.
        """
        inner = [stage.inner.widest for stage in self.stages if stage.inner is not None]
        own = [] if self.grid is None else [self.grid]
        return max([*own, *inner], key=lambda grid: grid.cells)


def cut(
    schedule: Schedule,
    types: Sequence[TensorType],
    batches: Iterable[Sequence[int]],
    least: int,
    limit: int | None = None,
    deep: int = MOST_DEEP,
) -> Cut | None:
    """Divide a schedule into stages, some of which run block by block over the rows.

    Return None if it has few rows, or no step that treats rows separately.

    Args:
        batches: groups of slots that may have rows along their first axes; all slots of a group
            have the same number of rows.
        least: peak bytes of values with rows up to which the schedule is not divided.
        limit: bytes that a run may take; it affects only which values are kept for later passes.
        deep: maximum depth of nested cuts.
    """
    if not deep or peak_of(schedule, types)[0] <= least:
        return None
    flows = [analyse(schedule, types, dict.fromkeys(each, 0)) for each in batches]
    peaks = [_peak(schedule, types, flow) for flow in flows]
    order = sorted(range(len(flows)), key=lambda i: -peaks[i])
    found = (_along(schedule, types, flows[i], peaks[i], limit) for i in order if peaks[i] > least)
    whole = next((each for each in found if each is not None), None)
    rows = {slot for each in batches for slot in each}
    if whole is not None:
        states = enumerate(whole.own_flow.states)
        rows |= {slot for slot, state in states if state is MIXED or state == Rows(0)}
        _cut_inside(whole, rows, least, limit, deep)
        return whole
    for each, new in filter(None, (_apart(schedule, types, flow) for flow in flows)):
        _cut_inside(each, rows | new, least, limit, deep)
        if any(stage.inner is not None for stage in each.stages):
            return each
    return None


def _peak(schedule: Schedule, types: Sequence[TensorType], flow: RowFlow) -> int:
    """Return the peak bytes of values with rows."""
    inside = inside_with_rows(schedule.steps, types, flow)
    return peak_of(schedule, flow.only_rows(types), inside=inside)[0]


def batches_of(
    schedule: Schedule, types: Sequence[TensorType], slots: Iterable[int]
) -> list[list[int]]:
    """Group slots by their number of rows. Return the groups, largest number of rows first.

    If the first axis of some slots has no fixed size, group only these.
    """
    given = [slot for slot in slots if types[slot].ndims]
    kinds = {slot: schedule.slots[slot].type for slot in given}
    free = [s for s in given if not kinds[s].has_rank or kinds[s].shape[0] is None]
    found: dict[int, list[int]] = {}
    for slot in free or given:
        found.setdefault(types[slot].shape[0] or 0, []).append(slot)
    return [found[number] for number in sorted(found, reverse=True) if number > 1]


def _cut_inside(
    found: Cut, rows: AbstractSet[int], least: int, limit: int | None, deep: int
) -> None:
    """Divide those stages of a schedule further that compute all rows at once: cut them into blocks
    along the rows of their own inputs.

    Args:
        rows: slots that may have rows.
    """
    given = {*found.schedule.feeds.values(), *found.schedule.reads.values()}
    for stage in found.stages:
        if (once := stage.once) is not None:
            has_rows = [number for number, slot in once.given.items() if slot in rows]
            batches = batches_of(once.schedule, once.types, has_rows)
            held = size_of(found.types[slot] for slot in {*once.given.values()} - given)
            left = None if limit is None else max(0, limit - held)
            stage.inner = cut(once.schedule, once.types, batches, least, left, deep - 1)
            if stage.inner is not None:
                found.peak = max(found.peak, stage.inner.peak)


def _apart(
    schedule: Schedule, types: Sequence[TensorType], flow: RowFlow
) -> tuple[Cut, AbstractSet[int]] | None:
    """Divide a schedule in two, before and after the point where batch rows are mixed. The first
    part has the steps that first mix rows, with all their ancestors.

    The remaining steps may have rows of another kind.

    Returns:
        The cut, and the slots of the mixed values; None if nothing mixes rows, or nothing remains.
    """
    mixing = [
        step
        for step in schedule.steps
        if any(flow.states[s] is MIXED for s in step.outputs)
        and not any(flow.states[s] is MIXED for s in step.inputs)
    ]
    by_node = {step.node: step for step in schedule.steps}
    maker = {slot: step for step in schedule.steps for slot in step.outputs}
    first, stack = set[int](), list(mixing)
    while stack:
        step = stack.pop()
        if id(step) not in first:
            first.add(id(step))
            stack += [maker[slot] for slot in step.inputs if slot in maker]
            stack += [by_node[node] for node in step.node.control_inputs if node in by_node]
    steps = [[s for s in schedule.steps if (id(s) in first) is early] for early in (True, False)]
    if not all(steps):
        return None
    ends = ends_of(schedule)
    parts = [part_of(schedule, types, each, wanted(schedule, each, ends)) for each in steps]
    stages = [Stage(once=part) for part in parts]
    return Cut(schedule, types, stages, 0), {slot for step in mixing for slot in step.outputs}


def wanted(schedule: Schedule, steps: Sequence[Step], ends: Sequence[int]) -> AbstractSet[int]:
    """Return the slots whose values are still needed after some steps have run: the slots in
    ``ends``, and the inputs of all other steps of the schedule.
    """
    inside = set(map(id, steps))
    others = (step for step in schedule.steps if id(step) not in inside)
    return {*ends, *(slot for step in others for slot in step.inputs)}


def _along(
    schedule: Schedule,
    types: Sequence[TensorType],
    flow: RowFlow,
    peak: int,
    limit: int | None,
) -> Cut | None:
    """Divide a schedule into stages that compute blocks of batch rows, as `cut` describes. Return
    None if one block would contain all rows.
    """
    once: set[int] = set()
    while len(once) <= MOST_MISFITS:
        cutter = _Cutter(schedule, types, flow, once)
        stages = cutter.stages()
        passes = [stage.rows for stage in stages if stage.rows is not None]
        most = max((each.row_peak for each in passes), default=0)
        joined = max((each.joined_bytes for each in passes), default=0)
        grid = grid_for(flow.number, most / flow.number, joined)
        if grid is None:
            return None
        try:
            if kept := cutter.worth_keeping(stages, _spare(stages, grid, limit)):
                stages = cutter.stages(kept)
            for each in (stage.rows for stage in stages if stage.rows is not None):
                for height in grid.heights:
                    each.types_for(height)
        except DoesNotFit as problem:
            index = next(i for i, s in enumerate(schedule.steps) if s is problem.step)
            if index in once:
                return None
            once.add(index)
        else:
            return Cut(schedule, types, stages, peak, flow, grid, cutter.constants)
    return None


def _spare(stages: Sequence[Stage], grid: Grid, limit: int | None) -> int:
    """Return how many bytes of memory are left for intermediate values that later passes would
    otherwise recompute.

    This is the limit, less the values that passes must keep, and less the memory of a cell (a block
    of rows), which may take twice as much as in the reference tier.

    Raises:
        DoesNotFit: on the rows of a cell, a step has another shape than expected.
    """
    passes = [stage.rows for stage in stages if stage.rows is not None]
    cells = [peak_of(each.schedule, each.types_for(grid.height))[0] for each in passes]
    kept = sum(each.bytes_of(target) for each in passes for target in each.targets)
    taken = kept + 2 * max(cells)
    return max(0, (WHOLE_BYTES if limit is None else limit) - taken)


class _Cutter:
    """The division of one schedule into stages, under construction.

    Args:
        once: indices of steps that need all rows, whatever the analysis of rows says.
    """

    def __init__(
        self,
        schedule: Schedule,
        types: Sequence[TensorType],
        flow: RowFlow,
        once: Collection[int],
    ) -> None:
        self.schedule, self.types, self.flow = schedule, types, flow
        self.maker = {slot: step for step in schedule.steps for slot in step.outputs}
        self.read = {*ends_of(schedule), *(s for step in schedule.steps for s in step.inputs)}
        self.constants: dict[int, np.ndarray] = {}
        self.once: dict[int, list[Step]] = {}
        self.sizes: dict[int, list[Step]] = {}
        self.endings: dict[int, dict[int, Ending]] = {}
        self.in_cells: set[int] = set()
        """Slots that cells compute row by row."""
        self.level = [0] * len(schedule.slots)
        self._after: dict[Node, int] = {}
        for index, step in enumerate(schedule.steps):
            self._place(index, step, index in once)

    # ---- where each step runs ------------------------------------------------------------------

    def _has_rows(self, slot: int) -> bool:
        return isinstance(self.flow.states[slot], Rows)

    def _place(self, index: int, step: Step, once: bool) -> None:
        node = step.node
        after = max((self._after.get(n, 0) for n in node.control_inputs), default=0)
        level = max((self.level[s] for s in step.inputs), default=0)
        level = max(level, after)
        pure = not (node.op.stateful or node.op.counted or node.op.random or is_assign(node))
        if pure and self._follow_from_sizes(step):
            return
        if not once and index not in self.flow.joins and self._treats_rows(step):
            self.in_cells.update(step.outputs)
            self._after[node] = level + 1
        elif not once and (ending := self._ending(index, step)) is not None:
            self.endings.setdefault(level, {})[index] = ending
            level += 1
            self._after[node] = level
        elif not once and pure and self._needs_sizes(index, step):
            made = [s for s in self._read(step) if s in self.maker and s not in self.constants]
            level = max([after, *(self.level[s] + 1 for s in made)])
            self.sizes.setdefault(level, []).append(step)
            self._after[node] = level
        else:
            level = max([level, *(self.level[s] + (s in self.in_cells) for s in step.inputs)])
            self.once.setdefault(level, []).append(step)
            self._after[node] = level
        for slot in step.outputs:
            self.level[slot] = level

    def _follow_from_sizes(self, step: Step) -> bool:
        """If a step's outputs depend only on static types, such as the size of an axis, record
        their values as constants.

        Return whether that is so.
        """
        arrays = [self.types[s].array for s in step.outputs]
        found = [array for array in arrays if array is not None]
        if not step.outputs or len(found) < len(arrays):
            return False
        self.constants.update(zip(step.outputs, found, strict=True))
        return True

    def _treats_rows(self, step: Step) -> bool:
        """Return whether a step treats rows separately.

        Then row i of each output that other steps read depends only on row i of the inputs.
        """
        node, read = step.node, [slot for slot in step.outputs if slot in self.read]
        if not read or not all(map(self._has_rows, read)):
            return False
        if node.op.stateful or node.op.counted or is_assign(node):
            return False
        if not draws_itself(node.op, node.attrs):
            return True
        state = self.flow.states[step.outputs[0]]
        together = isinstance(state, Rows) and state.axis == 0 and state.plain
        return node.op.id in DRAWS and together

    def _ending(self, index: int, step: Step) -> Ending | None:
        """Return how a step combines the partial results of cells (blocks of rows) into its result,
        or None if the step needs all rows at once.
        """
        taken = self.flow.taken.get(index)
        if taken is not None and step.inputs[0] in self.in_cells:
            return Ending(step, "", taken)
        kind = self._join(index, step)
        return Ending(step, kind) if kind else None

    def _join(self, index: int, step: Step) -> str:
        """Return the reduction (such as "sum") by which a step's results over blocks of rows can be
        combined; "" if the step is not such a batch reduction.
        """
        joins = self.flow.joins.get(index, ())
        if len(joins) != 1 or not joins[0].final or len(step.outputs) != 1:
            return ""
        op = step.node.op
        if joins[0].kind not in JOINED or op.stateful or op.counted or op.random:
            return ""
        read = dict.fromkeys(s for s in step.inputs if self._has_rows(s))
        if sum(map(self._row_bytes, read)) <= SMALL:
            return ""
        return joins[0].kind

    def _row_bytes(self, slot: int) -> float:
        type_ = self.types[slot]
        return (type_.size or 0) * numpy_dtype(type_.dtype).itemsize / self.flow.number

    def _needs_sizes(self, index: int, step: Step) -> bool:
        """Return whether a step needs only the sizes of its inputs, not their values, so that it
        runs before any rows are computed.

        This concerns its inputs with batch rows, or all inputs if none has batch rows.
        """
        if index in self.flow.joins or not step.inputs:
            return False
        if not any(map(self._has_rows, step.inputs)):
            return not self._read(step)
        states = [self.flow.states[s] for s in step.outputs]
        return not any(s is MIXED or isinstance(s, Rows) for s in states)

    def _read(self, step: Step) -> list[int]:
        """Return the inputs of a step that have no rows of the batch, except inputs of which the
        step reads only the shape.

        For example, ``ones_like`` of a loss, the start of its gradients, does not wait for the
        loss.
        """
        types, outs = ([self.types[s] for s in slots] for slots in (step.inputs, step.outputs))
        lowering = step.node.op.lower(types, outs, **step.node.attrs)
        unread = isinstance(lowering, Elementwise) and not lowering.read
        return [] if unread else [s for s in step.inputs if not self._has_rows(s)]

    # ---- stages -------------------------------------------------------------------------------

    def stages(self, kept_too: Iterable[int] = ()) -> list[Stage]:
        """Build the stages into which the schedule is divided, in the order of execution.

        Args:
            kept_too: further slots whose rows are kept for later passes.
        """
        schedule, ends = self.schedule, ends_of(self.schedule)
        rows: dict[int, dict[int, None]] = {}
        for steps in self.once.values():
            for slot in (s for step in steps for s in step.inputs if s in self.in_cells):
                rows.setdefault(self.level[slot], {})[slot] = None
        for slot in (s for s in (*ends, *kept_too) if s in self.in_cells):
            rows.setdefault(self.level[slot], {})[slot] = None
        whole = Whole(schedule, self.types, self.flow, self.maker)
        kept = {slot for slot in range(len(self.types)) if self._has_rows(slot)} - self.in_cells
        last = max([0, *self.once, *self.sizes, *rows, *self.endings])
        found = []
        for level in range(last + 1):
            stage = Stage(self.sizes.get(level, []))
            if steps := self.once.get(level):
                stage.once = part_of(schedule, self.types, steps, wanted(schedule, steps, ends))
            targets, endings = list(rows.get(level, ())), self.endings.get(level, {})
            if targets or endings:
                stage.rows = RowPass(whole, frozenset(kept), targets, endings)
                kept.update(targets)
            found.append(stage)
        return found

    def worth_keeping(self, stages: Sequence[Stage], spare: int) -> list[int]:
        """Return slots of slow values that later passes over the rows need again and that fit in
        ``spare``.

        Slots that the most passes need, relative to their bytes, come first.
        """
        again: Counter[int] = Counter()
        for level, stage in enumerate(stages):
            steps = stage.rows.steps if stage.rows is not None else ()
            slow = [s for step in steps if is_slow(step.node) for s in step.outputs]
            again.update(s for s in slow if self.level[s] < level)
        sizes = {slot: size_of([self.types[slot]]) for slot in again}
        found = []
        for slot in sorted(again, key=lambda s: sizes[s] / again[s]):
            if sizes[slot] <= spare:
                found.append(slot)
                spare -= sizes[slot]
        return found
