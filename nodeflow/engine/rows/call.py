"""What a rule sees of one application of a lowering, or of an op."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nodeflow.engine.rows.states import COUNTED, JOINED, JoinKind, MixesRows, Rows, State, strongest
from nodeflow.graph.types import TensorType


@dataclass
class Record:
    """What a step does besides passing rows on.

    Attributes:
        joins: the kinds of joins, in order.
        sliced: for inputs of the step without rows, by number: where a slice of each row is.
        final: whether a join is all that the step does.
        counted: attributes of the op with numbers along the axis of the rows: which number that is;
            None: all. On fewer rows they are smaller in proportion.
    """

    joins: list[JoinKind] = field(default_factory=list)
    sliced: dict[int, Rows] = field(default_factory=dict)
    final: bool = True
    counted: dict[str, int | None] = field(default_factory=dict)


@dataclass
class Call:
    """One application. A rule is called where an input has rows and none is mixed.

    Attributes:
        number: of rows.
        attrs: the op's attributes, complete.
        lowering: None for a rule of an op.
        states, types: of the inputs; the types are concrete.
        outs: types of the outputs, concrete.
        slots: for each input the number of the step's input that it is, None for a value inside.
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
        """Where the rows of an input are, if it has any."""
        state = self.states[index] if index < len(self.states) else None
        return state if isinstance(state, Rows) else None

    def join(self, kind: JoinKind) -> State:
        """The state of what all rows make together."""
        self.record.joins.append(kind)
        return JOINED

    def without_rows(self) -> State:
        """The state of what takes no more than sizes from the inputs that have rows."""
        return max(COUNTED, strongest(self.states))

    def counts(self, name: str, axis: int | None = None) -> None:
        """Note that an attribute has numbers along the axis of the rows, if it has.

        Args:
            axis: which of its numbers that is; None: all.
        """
        numbers = self.attrs.get(name)
        if axis is not None:
            number = numbers[axis] if numbers and axis < len(numbers) else None
            if not isinstance(number, int) or abs(number) < 2:
                return
        self.record.counted[name] = axis

    def slice(self, index: int, rows: Rows) -> None:
        """Note that an input without rows has a slice for each, if its axis is as long."""
        if self.rows(index) is None and 0 <= rows.axis < self.types[index].rank:
            size = self.types[index].shape[rows.axis]
            place = self.slots[index]
            if size != 1 and size == rows.size(self.number) and place is not None:
                self.record.sliced[place] = rows

    def aligned(self, inputs: Iterable[int], out: TensorType) -> Rows:
        """Where the rows are in the result of inputs that broadcast to ``out``.

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
        """Refuse rows along axes that an op works along.

        Args:
            what: it does along them, in words.

        Raises:
            MixesRows: the rows are along one of them.
        """
        if rows is not None and rows.axis in set(axes):
            raise MixesRows(what)
