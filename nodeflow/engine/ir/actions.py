"""Actions: a schedule's ops, lowered to the few kinds of work for which kernels exist.

Values are in *slots*. Slots that share memory (a reshape, an assignment) have one *storage*:
the slot whose memory they all use. So a storage is identified by a slot number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, fields
from typing import NamedTuple, TypeVar

import numpy as np

from nodeflow.engine.schedule.schedule import Schedule
from nodeflow.graph.graph import Node
from nodeflow.graph.types import TensorType, type_of_array
from nodeflow.ops.lowering import Lowering

M = TypeVar("M")


class Action(NamedTuple):
    """One unit of work: input slots, output slots and a lowering, or None to run by reference."""

    node: Node
    lowering: Lowering | None
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True)
class View:
    """The place of a slot in another array: offset and strides, in elements.

    The last stride is 1.
    """

    offset: int
    strides: tuple[int, ...]

    def keeps_rows(self, shape: Sequence[int | None], whole: int, rows: int) -> bool:
        """Return whether each row of this strided view lies within the same row of the whole array,
        so that both can be divided by rows.

        Args:
            shape: shape of the view.
            whole: elements of the whole array.
            rows: rows of the whole array.
        """
        inside = zip(shape[1:], self.strides[1:], strict=True)
        last = self.offset + sum(((d or 1) - 1) * s for d, s in inside)
        row = self.strides[0]
        return rows == shape[0] and row * rows == whole and last < row


@dataclass(frozen=True)
class Repeats:
    """A number of consecutive runs of a plan.

    Attributes:
        lasting: slots of the feeds that are the same in each run.
        carried: slots of the feeds that each run reads as the previous run left them.
    """

    runs: int
    lasting: frozenset[int] = frozenset()
    carried: frozenset[int] = frozenset()


ONCE = Repeats(1)


@dataclass
class Actions:
    """All actions of a schedule, in order.

    Attributes:
        types: concrete type of each slot; slots after the schedule's slots are intermediate
            results.
        storage: for each slot, the slot whose memory it uses.
        constants: values known while planning, by storage.
        fetches: for each fetch, the slot with its value.
        rewritten: for each rewrite, descriptions of its changes.
        views: slots whose values are part of their storage's array.
        sliced: slots that became views and no longer own a storage.
        delayed: for outputs of actions, the slot that they wait for without reading it.
        repeated: outputs of actions that recompute a value to save memory.
        flushed: storages that are computed with denormals as zero.
        late: storages that are fused with their readers, not with their inputs.
        joined: by the first output of an action, the actions that it replaces.
        repeats: how often the plan runs in a row.
        packed: slots with packed copies of feeds that are the same in all these runs, by the
            feed's slot, whether it is transposed, and the panels' type. They are filled before
            the first run.
    """

    schedule: Schedule
    types: list[TensorType]
    items: list[Action] = field(default_factory=list)
    storage: list[int] = field(default_factory=list)
    constants: dict[int, np.ndarray] = field(default_factory=dict)
    fetches: list[int | None] = field(default_factory=list)
    rewritten: dict[str, list[str]] = field(default_factory=dict)
    views: dict[int, View] = field(default_factory=dict)
    sliced: set[int] = field(default_factory=set)
    flushed: set[int] = field(default_factory=set)
    late: set[int] = field(default_factory=set)
    joined: dict[int, list[Action]] = field(default_factory=dict)
    delayed: dict[int, int] = field(default_factory=dict)
    repeated: set[int] = field(default_factory=set)
    repeats: Repeats = ONCE
    packed: dict[tuple[int, bool, TensorType], int] = field(default_factory=dict)

    def add(self, action: Action) -> None:
        """Append an action."""
        self.items.append(action)

    def share_storage(self, slot: int, other: int) -> None:
        """Let a slot use the memory of another slot with equal values."""
        self.storage[slot] = self.storage[other]

    def set_constant(self, slot: int, value: np.ndarray) -> None:
        """Make a slot a constant with this value."""
        self.constants[slot] = np.ascontiguousarray(value).reshape(value.shape)

    def replace(self, same: Mapping[int, int]) -> None:
        """Let slots share memory: every slot that uses a storage in the keys now uses the storage
        in the value, which has equal contents.
        """
        if same:
            self.storage[:] = [same.get(storage, storage) for storage in self.storage]

    def copied(self, rewritten: dict[str, list[str]]) -> Actions:
        """Return an independent copy with these notes in `rewritten`."""
        kept = {f.name: copy(getattr(self, f.name)) for f in fields(self) if f.name != "schedule"}
        return Actions(self.schedule, **{**kept, "rewritten": rewritten})

    def value(self, slot: int) -> np.ndarray:
        """Return the constant value of a slot in the slot's own shape. Slots of other shapes may
        share the stored array.
        """
        return self.constants[self.storage[slot]].reshape(self.types[slot].shape)  # type: ignore[arg-type]

    def awaited(self, slot: int, made_by: Mapping[int, M]) -> M | None:
        """Return the entry of ``made_by`` for the slot that an output waits for. An output may have
        to wait for a slot that it does not read.

        If that slot has no entry, continue with the slot that it waits for itself. Return None at
        the end.
        """
        trigger = self.delayed.get(slot)
        while trigger is not None:
            maker = made_by.get(self.storage[trigger])
            if maker is not None:
                return maker
            trigger = self.delayed.get(trigger)
        return None

    def note(self, rewrite: str, what: str) -> None:
        """Record a description of a change that a rewrite made."""
        self.rewritten.setdefault(rewrite, []).append(what)

    def new_constant(self, value: np.ndarray) -> int:
        """Add a constant that is known while planning. Return its slot."""
        slot = self.new_slot(type_of_array(value))
        self.set_constant(slot, value)
        return slot

    def new_slot(self, type_: TensorType) -> int:
        """Return a new slot with its own storage."""
        self.types.append(type_)
        self.storage.append(len(self.types) - 1)
        return len(self.types) - 1
