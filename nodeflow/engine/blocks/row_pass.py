"""One pass over the rows: a schedule for a cell, of the steps that treat rows separately."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from nodeflow.engine.blocks.batch_reductions import bytes_of
from nodeflow.engine.memory import size_of
from nodeflow.engine.peak_memory import inside_of, peak_of
from nodeflow.engine.rows import COUNTED, RowFlow, Rows, Taken
from nodeflow.engine.schedule.schedule import Schedule, Step
from nodeflow.errors import GraphError
from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.inference.infer_types import infer_types
from nodeflow.graph.types import TensorType
from nodeflow.ops.runtime_attributes import RuntimeAttributes


class DoesNotFit(Exception):
    """An error: on the rows of a cell, a step has another shape than expected."""

    def __init__(self, step: Step) -> None:
        self.step = step


@dataclass(frozen=True)
class Given:
    """An input of a cell.

    Attributes:
        number: its slot in the pass.
        slot: its slot in the whole schedule.
        rows: the place of the rows, if the cell gets only its own rows; None if it gets the
            whole value.
        sizes: whether its value is computed from the sizes of the cell.
    """

    number: int
    slot: int
    rows: Rows | None = None
    sizes: bool = False


@dataclass(frozen=True)
class Target:
    """An output of a cell.

    Attributes:
        number: its slot in the pass.
        slot: its slot in the whole schedule.
        join: kind of batch reduction; "" if its rows are kept.
        taken: the selected rows; None for all.
    """

    number: int
    slot: int
    join: str = ""
    taken: Taken | None = None


class Ending(NamedTuple):
    """The way in which a step makes one value from all rows: a batch reduction or a selection."""

    step: Step
    join: str
    taken: Taken | None = None


@dataclass(frozen=True)
class Whole:
    """The schedule for all rows, with its types, its analysis of rows, and the step that makes
    each slot.
    """

    schedule: Schedule
    types: Sequence[TensorType]
    flow: RowFlow
    maker: Mapping[int, Step]


class RowPass:
    """The steps of one pass.

    Args:
        whole: the schedule that it is a part of.
        kept: slots whose rows are complete before the pass begins.
        rows: slots whose rows the pass keeps.
        endings: steps that reduce or select rows, by index.
    """

    def __init__(
        self,
        whole: Whole,
        kept: AbstractSet[int],
        rows: Sequence[int],
        endings: Mapping[int, Ending],
    ) -> None:
        self._whole = whole
        self._kept = kept
        self.schedule = Schedule(rewritten=())
        self.given: list[Given] = []
        self._number: dict[tuple[int, str], int] = {}
        self._taken = {e.step.outputs[0]: e.taken for e in endings.values() if e.taken is not None}
        steps = self._steps(rows, [ending.step for ending in endings.values()])
        self._own = {slot for step in steps.values() for slot in step.outputs}
        self._counted: dict[int, Mapping[str, int | None]] = {}
        """By position in the pass, the attributes of steps that contain the number of rows
        (`RowFlow.counted`).
        """
        for place, (index, step) in enumerate(steps.items()):
            count = len(step.inputs)
            node = step.node
            if index in whole.flow.counted:
                self._counted[place] = whole.flow.counted[index]
                count = len(_data(step))
            elif index in endings and (taken := endings[index].taken) is not None:
                node, count = _with_attrs(node, taken.attrs), len(_data(step))
            inputs = [self._input(step, place) for place in range(count)]
            outputs = [self._new(slot) for slot in step.outputs]
            self.schedule.steps.append(Step(node, tuple(inputs), tuple(outputs)))
        self.steps = list(steps.values())
        self.targets = [Target(self._number[slot, ""], slot) for slot in rows]
        for step, join, taken in endings.values():
            slot = step.outputs[0]
            self.targets.append(Target(self._number[slot, ""], slot, join, taken))
        self.schedule.fetches = [target.number for target in self.targets]

    def _steps(self, wanted: Sequence[int], last: Sequence[Step]) -> dict[int, Step]:
        """Return the steps that a pass over the rows must run to compute ``wanted``, by their index
        in the whole schedule and in its order.
        """
        maker, states = self._whole.maker, self._whole.flow.states
        order = {id(step): index for index, step in enumerate(self._whole.schedule.steps)}
        found: dict[int, Step] = {}
        stack = [*last, *(maker[slot] for slot in wanted)]
        while stack:
            step = stack.pop()
            if order[id(step)] in found:
                continue
            found[order[id(step)]] = step
            for slot in step.inputs:
                if isinstance(states[slot], Rows) and slot not in self._kept:
                    stack.append(maker[slot])
        return {index: found[index] for index in sorted(found)}

    def _input(self, step: Step, place: int) -> int:
        """Return the slot that holds a step's input while a block of rows is computed. Register the
        input if it comes from outside the block.
        """
        slot = step.inputs[place]
        state = self._whole.flow.states[slot]
        if slot in self._own:
            return self._number[slot, ""]
        if isinstance(state, Rows):
            return self._give(slot, "rows", rows=state)
        if gives_sizes(step, place) and self._whole.types[slot].array is not None:
            return self._give(slot, "sizes", sizes=True)
        if (rows := self._whole.flow.sliced.get(slot)) is not None:
            return self._give(slot, "rows", rows=rows)
        return self._give(slot, "whole")

    def _give(self, slot: int, way: str, rows: Rows | None = None, sizes: bool = False) -> int:
        if (slot, way) not in self._number:
            number = self._new(slot, way)
            self.given.append(Given(number, slot, rows, sizes))
            made = self._whole.schedule.slots[slot]
            # Each way of using a value gets a separate tensor, because the keys of feeds are
            # tensors.
            self.schedule.feeds[Tensor(made.node, made.index, made.type)] = number
        return self._number[slot, way]

    def _new(self, slot: int, way: str = "") -> int:
        number = self._number[slot, way] = len(self.schedule.slots)
        self.schedule.slots.append(self._whole.schedule.slots[slot])
        return number

    # ---- the rows of a cell -------------------------------------------------------------------

    @cached_property
    def row_peak(self) -> int:
        """The peak bytes of the intermediate values that have batch rows, if all rows were computed
        at once.
        """
        number, types = self._whole.flow.number, self._whole.flow.only_rows(self._whole.types)
        for slot in self._taken:
            types[slot] = self._cell_type(slot, number)
        inside = inside_with_rows(self.steps, self._whole.types, self._whole.flow)
        return peak_of(self.schedule, [types[slot] for slot, _ in self._number], inside=inside)[0]

    def bytes_of(self, target: Target) -> int:
        """Return the bytes of the accumulator for an output."""
        return bytes_of(self._whole.types[target.slot], target.join)

    @property
    def joined_bytes(self) -> int:
        """The bytes of a cell's results of batch reductions."""
        return size_of(self._whole.types[each.slot] for each in self.targets if each.join)

    def schedule_for(self, height: int) -> Schedule:
        """Return the pass's schedule for cells of ``height`` rows.

        An attribute that contains the number of rows, such as a shape, gets the cell's number.
        """
        if not self._counted:
            return self.schedule
        steps = list(self.schedule.steps)
        for place, counted in self._counted.items():
            original = self.steps[place]
            node, attrs = original.node, dict(original.node.attrs)
            if isinstance(node.op, RuntimeAttributes):
                attrs = node.op.bound([self._whole.types[s] for s in original.inputs], attrs)
            for name, axis in counted.items():
                attrs[name] = tuple(
                    n * height // self._whole.flow.number if axis in (None, i) else n
                    for i, n in enumerate(attrs[name])
                )
            steps[place] = steps[place]._replace(node=_with_attrs(node, attrs))
        return replace(self.schedule, steps=steps)

    def types_for(self, height: int) -> list[TensorType]:
        """Return the types of all intermediate values if the pass computes ``height`` rows at once.

        Raises:
            DoesNotFit: a step has another shape than expected.
        """
        types: list[TensorType] = [None] * len(self.schedule.slots)  # type: ignore[list-item]
        for given in self.given:
            types[given.number] = self._given_type(given, height)
        for step, original in zip(self.schedule_for(height).steps, self.steps, strict=True):
            try:
                inputs = [types[s] for s in step.inputs]
                outs = infer_types(step.node.op, inputs, step.node.attrs, step.node.name)
            except GraphError:
                raise DoesNotFit(original) from None
            for number, slot, out in zip(step.outputs, original.outputs, outs, strict=True):
                if out.shape != self._cell_type(slot, height).shape:
                    raise DoesNotFit(original)
                types[number] = out
        return types

    def sizes_for(self, types: Sequence[TensorType]) -> dict[int, np.ndarray]:
        """Return the inputs of a block of rows that depend only on array sizes, such as the number
        of rows, as slot -> value.
        """
        arrays = {g.number: types[g.number].array for g in self.given if g.sizes}
        return {number: array for number, array in arrays.items() if array is not None}

    def _given_type(self, given: Given, height: int) -> TensorType:
        if given.sizes:
            return self._sizes(given.slot, height)
        type_ = self._whole.types[given.slot].with_value(None)
        return type_ if given.rows is None else _cut(type_, given.rows, height)

    def _cell_type(self, slot: int, height: int) -> TensorType:
        taken = self._taken.get(slot)
        state = self._whole.flow.states[slot] if taken is None else Rows(taken.axis)
        type_ = self._whole.types[slot]
        return _cut(type_, state, height) if isinstance(state, Rows) else type_

    def _sizes(self, slot: int, height: int) -> TensorType:
        """Return the type that a slot has if a block of ``height`` rows is computed. If its
        elements depend only on sizes, the type contains them.

        Raises:
            DoesNotFit: it cannot be computed from the sizes of a cell.
        """
        state = self._whole.flow.states[slot]
        step = self._whole.maker.get(slot)
        if isinstance(state, Rows):
            return _cut(self._whole.types[slot].with_value(None), state, height)
        if state is not COUNTED or step is None or self._whole.types[slot].array is None:
            return self._whole.types[slot]
        inputs = [self._sizes(s, height) for s in step.inputs]
        try:
            outs = infer_types(step.node.op, inputs, step.node.attrs, step.node.name)
        except GraphError:
            raise DoesNotFit(step) from None
        return outs[step.outputs.index(slot)]


def inside_with_rows(
    steps: Iterable[Step], types: Sequence[TensorType], flow: RowFlow
) -> list[int]:
    """Return the bytes of temporary memory that each step needs to compute its results.

    The number is 0 for a step without inputs that have rows of the batch.
    """
    return [
        inside_of(step.node, [types[s] for s in step.inputs])
        if any(isinstance(flow.states[s], Rows) for s in step.inputs)
        else 0
        for step in steps
    ]


def gives_sizes(step: Step, place: int) -> bool:
    """Return whether an input of a step replaces an attribute, such as a shape, whose value must be
    adjusted to the number of rows in a block.
    """
    return place >= len(_data(step))


def _with_attrs(node: Node, attrs: Mapping[str, Any]) -> Node:
    """Return a copy of the node with other attributes, for use in a schedule. It is not added to
    the graph.
    """
    (other := copy(node)).attrs = MappingProxyType(dict(attrs))
    return other


def _data(step: Step) -> Sequence[int]:
    """Return the inputs that do not replace an attribute."""
    op = step.node.op
    return op.data(step.inputs) if isinstance(op, RuntimeAttributes) else step.inputs


def _cut(type_: TensorType, rows: Rows, height: int) -> TensorType:
    shape = list(type_.shape)
    shape[rows.axis] = rows.size(height)
    return type_.with_shape(shape)
