"""Visits the steps of a schedule in order, and applies a rule to the states of each step's
inputs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from nodeflow.engine.rows.call import Call, Record
from nodeflow.engine.rows.registry import BOOK
from nodeflow.engine.rows.states import (
    COUNTED,
    JOINED,
    MIXED,
    SAME,
    Join,
    MixesRows,
    Rows,
    State,
    Taken,
    Whole,
    strongest,
)
from nodeflow.engine.schedule.schedule import Schedule, Step, is_assign
from nodeflow.errors import GraphError
from nodeflow.graph.graph import Node
from nodeflow.graph.types import TensorType
from nodeflow.ops.lowering import Alias, Composite, Lowering
from nodeflow.ops.runtime_attributes import RuntimeAttributes

FRESH = ("fill", "random_uniform", "random_normal", "truncated_normal")
"""Ops that give each row of an output shape its own elements, for any number of rows."""
REPEATING = ("broadcast_to", "tile")
"""Ops like `FRESH` that repeat a value which is the same for all rows."""


@dataclass(frozen=True)
class Mixing:
    """A node that combines rows in a way that is not a batch reduction.

    Attributes:
        reason: what the node does, as a phrase to follow "it", without a full stop.
    """

    node: Node
    reason: str


@dataclass
class RowFlow:
    """The result of `analyse`; see the package.

    Attributes:
        number: number of rows.
        states: state of each slot.
        joins: batch reductions of steps, by index of the step; several if an op reduces more
            than once, such as a softmax along the rows.
        passes: for each slot, the number of consecutive reductions on the way from the feeds.
        sliced: for slots without rows that have a slice for each row, the axis of the slices.
        mixing: nodes that mix rows, in order; nodes that only depend on mixed rows are left out.
        counted: by index of a step, attributes with sizes along the axis of the rows, and the
            position of that size (None: all positions). For fewer rows, these sizes shrink in
            proportion.
        taken: by index of a step that mixes rows by selecting some, the selected rows.
    """

    number: int
    states: list[State]
    joins: dict[int, tuple[Join, ...]] = field(default_factory=dict)
    passes: list[int] = field(default_factory=list)
    sliced: dict[int, Rows] = field(default_factory=dict)
    mixing: list[Mixing] = field(default_factory=list)
    counted: dict[int, dict[str, int | None]] = field(default_factory=dict)
    taken: dict[int, Taken] = field(default_factory=dict)

    def only_rows(self, types: Sequence[TensorType]) -> list[TensorType]:
        """Return the types of all slots, with the values that do not hold rows of the batch
        replaced by empty arrays. They serve to measure the memory that rows take.
        """
        pairs = zip(types, self.states, strict=True)
        return [t if isinstance(state, Rows) else t.with_shape((0,)) for t, state in pairs]


def analyse(schedule: Schedule, types: Sequence[TensorType], batches: Mapping[int, int]) -> RowFlow:
    """Find the values in a schedule that hold the rows of the fed batches, and along which axis
    they hold them.

    The result says where a run can be divided into blocks of rows.

    Args:
        types: types of all slots, specialised for the batches (`Schedule.specialise`).
        batches: slots of the feeds that hold a batch, and the axis of their rows.

    Raises:
        ValueError: the batches have different numbers of rows, or their sizes are not known.
    """
    numbers = {types[slot].shape[axis] for slot, axis in batches.items()}
    number = numbers.pop() if len(numbers) == 1 else None
    if number is None:
        raise ValueError("the batches do not have one known number of rows")
    fed: dict[int, State] = {slot: Rows(axis) for slot, axis in batches.items()}
    return Walk(schedule, types, fed, number, _for_twice(schedule, types, batches)).run()


def merged(one: State, other: State) -> State:
    """Return how a value depends on the rows of the batch if it may come from either of two
    computations, such as the branches of a condition.

    Raises:
        MixesRows: in the two places, the value has rows along different axes.
    """
    if isinstance(one, Whole) and isinstance(other, Whole):
        return max(one, other)
    rows = [s for s in (one, other) if isinstance(s, Rows)]
    if len(set(rows)) > 1:
        raise MixesRows("has rows along one axis and then along another")
    return rows[0]


def _for_twice(
    schedule: Schedule, types: Sequence[TensorType], batches: Mapping[int, int]
) -> list[TensorType] | None:
    """Return the types of all slots if the batch had twice as many rows. Return None if the graph
    requires a fixed number of rows.
    """
    given = {slot: types[slot] for slot in (*schedule.feeds.values(), *schedule.reads.values())}
    for slot, axis in batches.items():
        shape = list(types[slot].shape)
        shape[axis] = 2 * (shape[axis] or 0)
        given[slot] = types[slot].with_shape(shape)
    try:
        return schedule.specialise(given)
    except GraphError:
        return None


class Walk:
    """One pass over a schedule.

    Args:
        fed: states of feeds; all other feeds are the same for all rows.
        twice: the types for twice as many rows, if they are known.
    """

    def __init__(
        self,
        schedule: Schedule,
        types: Sequence[TensorType],
        fed: Mapping[int, State],
        number: int,
        twice: Sequence[TensorType] | None = None,
    ) -> None:
        self.schedule, self.types, self.twice = schedule, types, twice
        states: list[State] = [SAME] * len(schedule.slots)
        for slot, state in fed.items():
            states[slot] = state
        self.flow = RowFlow(number, states, passes=[0] * len(states))

    def run(self) -> RowFlow:
        for index, step in enumerate(self.schedule.steps):
            self._step(index, step)
        for variable, slot in self.schedule.writes.items():
            if isinstance(self.flow.states[slot], Rows):
                self.flow.mixing.append(Mixing(variable, "keeps a value of each row"))
        return self.flow

    def _step(self, index: int, step: Step) -> None:
        flow = self.flow
        ins = [flow.states[s] for s in step.inputs]
        record = Record()
        if is_assign(step.node):
            outs: Sequence[State] = ins[-1:]
        elif MIXED in ins:
            outs = [MIXED] * len(step.outputs)
        elif not any(isinstance(s, Rows) for s in ins):
            outs = [self._without_rows(step, slot, ins) for slot in step.outputs]
        else:
            try:
                outs = self._by_rule(step, ins, record)
            except MixesRows as problem:
                flow.mixing.append(Mixing(step.node, str(problem)))
                if problem.taken is not None:
                    flow.taken[index] = problem.taken
                outs, record = [MIXED] * len(step.outputs), Record()
        before = max((flow.passes[s] for s in step.inputs), default=0)
        for slot, state in zip(step.outputs, outs, strict=True):
            flow.states[slot] = state
            flow.passes[slot] = before + bool(record.joins)
        if record.joins:
            final = record.final and all(state is JOINED for state in outs)
            flow.joins[index] = tuple(Join(kind, final) for kind in record.joins)
        if record.counted:
            flow.counted[index] = record.counted
        for place, rows in record.sliced.items():
            flow.sliced[step.inputs[place]] = rows

    def _without_rows(self, step: Step, slot: int, ins: Sequence[State]) -> State:
        """Return how a value depends on the rows of the batch if no input of its step holds such
        rows.

        If its shape contains the number of rows, such as ``zeros(shape(x))``, the value itself may
        hold rows.
        """
        state, op_id = strongest(ins), step.node.op.id
        fresh = op_id in FRESH or (op_id in REPEATING and ins[0] is SAME)
        if state is not COUNTED or not fresh or self.twice is None:
            return state
        one, other = self.types[slot], self.twice[slot]
        if not (one.is_static and other.is_static) or one.rank != other.rank:
            return state
        longer = [a for a, (n, m) in enumerate(zip(one.shape, other.shape)) if m != n]
        if len(longer) != 1:
            return state
        size = one.shape[longer[0]] or 0
        return (
            Rows(longer[0], 1, size // self.flow.number) if size % self.flow.number == 0 else state
        )

    def _by_rule(self, step: Step, ins: Sequence[State], record: Record) -> Sequence[State]:
        """Return how the outputs of a step depend on the rows of the batch, if an input of the step
        holds such rows. Use the rule of the op or of its lowering.

        Raises:
            MixesRows: the step mixes rows.
        """
        op, attrs = step.node.op, step.node.attrs
        types = [self.types[s] for s in step.inputs]
        outs = [self.types[s] for s in step.outputs]
        if not all(t.is_static for t in (*types, *outs)):
            raise MixesRows("has a size that depends on values")
        if isinstance(op, RuntimeAttributes):
            attrs = op.bound(types, attrs)
        call = Call(self.flow.number, attrs, None, ins, types, outs, range(len(ins)), record)
        if (rule := BOOK.of_op(op.id)) is not None:
            return _listed(rule(call), len(outs))
        lowering = op.lower(types, outs, **step.node.attrs)
        return _lowered(call, lowering)


def _listed(states: State | Sequence[State], count: int) -> Sequence[State]:
    return [states] * count if isinstance(states, (Whole, Rows)) else states


def _lowered(call: Call, lowering: Lowering | None) -> Sequence[State]:
    """Return how each output of a lowering depends on the rows of the batch, given the same for its
    inputs.

    Raises:
        MixesRows: it mixes rows, or it has no rule.
    """
    if not any(isinstance(s, Rows) for s in call.states):
        return [strongest(call.states)] * len(call.outs)
    if isinstance(lowering, Composite):
        return _composed(call, lowering)
    rule = None if lowering is None else BOOK.of_lowering(lowering)
    if rule is None:
        raise MixesRows("has no rule that says it treats each row separately")
    call.lowering = lowering
    return _listed(rule(call), len(call.outs))


def _composed(call: Call, whole: Composite) -> Sequence[State]:
    """Return how the outputs of a composite lowering depend on the rows of the batch, by applying
    the rules to its parts one after the other.

    A reduction over the rows is final if at most a change of shape follows it.

    Raises:
        MixesRows: a part mixes rows.
    """
    places: dict[str, int | None] = {name: i for i, name in enumerate(whole.inputs)}
    states = dict(zip(whole.inputs, call.states, strict=True))
    types = dict(zip(whole.inputs, call.types, strict=True))
    joins: set[str] = set()
    for part in whole.parts:
        outs = (part.type, *(t for _, t in part.more))
        inner = Call(
            call.number,
            call.attrs,
            None,
            [states[n] for n in part.inputs],
            [types[n] for n in part.inputs],
            outs,
            [places.get(n) for n in part.inputs],
            call.record,
        )
        before = len(call.record.joins)
        made = _lowered(inner, part.lowering)
        renamed = isinstance(part.lowering, Alias) and part.inputs[0] in joins
        if len(call.record.joins) > before or renamed:
            joins.add(part.name)
        for name, state, type_ in zip((part.name, *(n for n, _ in part.more)), made, outs):
            states[name], types[name] = state, type_
    call.record.final = len(call.record.joins) == 1 and joins.issuperset(whole.outputs)
    return [states[name] for name in whole.outputs]
