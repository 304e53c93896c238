"""The view that a rule has of one application of a lowering or op."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nodeflow.engine.rows.states import COUNTED, JOINED, JoinKind, MixesRows, Rows, State, strongest
from nodeflow.graph.types import TensorType


@dataclass
class Record:
    """Facts about a step, in addition to the states of its outputs.

    Attributes:
        joins: the kinds of batch reductions, in order.
        sliced: by number of an input without rows that has a slice for each row, the place of
            these slices.
        final: whether the step does nothing but a batch reduction.
        counted: attributes of the op with sizes along the axis of the rows, and the position of
            that size (None: all positions). For fewer rows, these sizes shrink in proportion.
    """

    joins: list[JoinKind] = field(default_factory=list)
    sliced: dict[int, Rows] = field(default_factory=dict)
    final: bool = True
    counted: dict[str, int | None] = field(default_factory=dict)


@dataclass
class Call:
    """One op or lowering, with inputs of which some have the rows of the batch.

    No input has values that depend on several rows.

    Attributes:
        number: number of rows of the batch.
        attrs: all attributes of the op.
        lowering: the lowering; None if the rule is for the op itself.
        states, types: for each input, its state with respect to rows, and its concrete type.
        outs: concrete types of the outputs.
        slots: for each input, its number among the step's inputs; None for an inner value.
    """

    number: int
    attrs: Mapping[str, Any]
    lowering: Any
    states: Sequence[State]
    types: Sequence[TensorType]
    outs: Sequence[TensorType]
    slots: Sequence[int | None]
    record: Record

    def rows(self, index: int) -> Rows | None:
        """Return the axis and position of the batch's rows in an input. Return None if the input
        does not hold them.
        """
        state = self.states[index] if index < len(self.states) else None
        return state if isinstance(state, Rows) else None

    def join(self, kind: JoinKind) -> State:
        """Record that an op reduces over the rows of the batch. Return the state JOINED, which
        marks the result as such a reduction.
        """
        self.record.joins.append(kind)
        return JOINED

    def without_rows(self) -> State:
        """Return how a result depends on the batch if it may use the number of rows, but not their
        values.
        """
        return max(COUNTED, strongest(self.states))

    def counts(self, name: str, axis: int | None = None) -> None:
        """Record that an attribute of the op contains the number of rows, so that it must change if
        the batch is divided.

        Args:
            axis: position of that size; None: all sizes.
        """
        numbers = self.attrs.get(name)
        if axis is not None:
            number = numbers[axis] if numbers and axis < len(numbers) else None
            if not isinstance(number, int) or abs(number) < 2:
                return
        self.record.counted[name] = axis

    def slice(self, index: int, rows: Rows) -> None:
        """If an input that does not come from the batch is as long as the batch along the row axis,
        record that it must be sliced like the batch.
        """
        if self.rows(index) is None and 0 <= rows.axis < self.types[index].rank:
            size = self.types[index].shape[rows.axis]
            place = self.slots[index]
            if size != 1 and size == rows.size(self.number) and place is not None:
                self.record.sliced[place] = rows

    def aligned(self, inputs: Iterable[int], out: TensorType) -> Rows:
        """Return the axis along which the result of an elementwise op holds the rows of the batch,
        when its inputs are broadcast to ``out``.

        Raises:
            MixesRows: the rows of two inputs are along different axes.
        """
        inputs = list(inputs)
        found: Rows | None = None
        for index in inputs:
            if (rows := self.rows(index)) is not None:
                moved = rows.at(rows.axis + out.rank - self.types[index].rank)
                if found is not None and moved != found:
                    raise MixesRows("combines each row with all others")
                found = moved
        assert found is not None
        if out.shape[found.axis] != found.size(self.number):
            raise MixesRows("repeats the rows")
        for index in inputs:
            self.slice(index, found.at(found.axis - out.rank + self.types[index].rank))
        return found

    def apart(self, rows: Rows | None, axes: Iterable[int], what: str) -> None:
        """Raise an error if the rows of the batch lie along one of the axes that an op works along,
        such as a reduced axis.

        Args:
            what: a description of the op's work along them.

        Raises:
            MixesRows: the rows are along one of these axes.
        """
        if rows is not None and rows.axis in set(axes):
            raise MixesRows(what)
