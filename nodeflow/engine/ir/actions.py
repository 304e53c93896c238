"""Actions: the ops of a schedule as the few things that kernels exist for.

Values live in *slots*. Slots that share memory (a reshape, an assignment) have one *storage*: the
slot whose memory all of them use. So a storage is named by the number of a slot.
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
    """One thing to do: what, from which slots, into which; ``lowering`` None means by reference."""

    node: Node
    lowering: Lowering | None
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True)
class View:
    """Where a slot's elements lie in another array: offset and a stride for each axis, in
    elements; the last stride is 1."""

    offset: int
    strides: tuple[int, ...]

    def keeps_rows(self, shape: Sequence[int | None], whole: int, rows: int) -> bool:
        """Whether each leading row of the part lies in the same row of the whole.

        Args:
            shape: of the part.
            whole: elements of the array it lies in.
        """
        inside = zip(shape[1:], self.strides[1:], strict=True)
        last = self.offset + sum(((d or 1) - 1) * s for d, s in inside)
        row = self.strides[0]
        return rows == shape[0] and row * rows == whole and last < row


@dataclass(frozen=True)
class Repeats:
    """A plan runs ``runs`` times in a row.

    Attributes:
        lasting: slots of the feeds that are the same in each run.
        carried: slots of the feeds that a run finds as the one before it left them.
    """

    runs: int
    lasting: frozenset[int] = frozenset()
    carried: frozenset[int] = frozenset()


ONCE = Repeats(1)


@dataclass
class Actions:
    """All actions of a schedule, in order.

    Attributes:
        types: concrete type of each slot; slots past the schedule's are intermediate results.
        storage: for each slot, the slot whose memory it shares.
        constants: values known while planning, by storage.
        fetches: slot whose values answer each fetch.
        rewritten: for each rewrite, what it did, in words.
        views: slots whose values are part of their storage's array.
        sliced: slots that have become such views, and are no storages any more.
        delayed: outputs of actions -> what they wait for though they do not read it, a slot.
        repeated: outputs of actions that compute again what was not kept.
        flushed: storages that are computed with denormals as zero.
        late: storages that are computed with what reads them, not with what they are made of.
        joined: by the first output of an action, the actions that it does instead of them.
        repeats: how often the plan runs in a row.
        packed: slots that hold a feed in panels, which lasts over these runs, by its slot, whether
            it is transposed, and the panels' type; they are filled before the first run.
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
        """Add an action after all others."""
        self.items.append(action)

    def share_storage(self, slot: int, other: int) -> None:
        """Let a slot use the memory of another one: their values are the same."""
        self.storage[slot] = self.storage[other]

    def set_constant(self, slot: int, value: np.ndarray) -> None:
        """Make a value known while planning a slot's."""
        self.constants[slot] = np.ascontiguousarray(value).reshape(value.shape)

    def replace(self, same: Mapping[int, int]) -> None:
        """Let slots that use the memory of some storages use that of others, which are equal."""
        if same:
            self.storage[:] = [same.get(storage, storage) for storage in self.storage]

    def copied(self, rewritten: dict[str, list[str]]) -> Actions:
        """A copy with these notes; what is changed of one, the other keeps."""
        kept = {f.name: copy(getattr(self, f.name)) for f in fields(self) if f.name != "schedule"}
        return Actions(self.schedule, **{**kept, "rewritten": rewritten})

    def value(self, slot: int) -> np.ndarray:
        """The constant in a slot, in the slot's own shape."""
        return self.constants[self.storage[slot]].reshape(self.types[slot].shape)  # type: ignore[arg-type]

    def awaited(self, slot: int, made_by: Mapping[int, M]) -> M | None:
        """The maker of what an output waits for; of what that waits for, if nothing makes it."""
        trigger = self.delayed.get(slot)
        while trigger is not None:
            maker = made_by.get(self.storage[trigger])
            if maker is not None:
                return maker
            trigger = self.delayed.get(trigger)
        return None

    def note(self, rewrite: str, what: str) -> None:
        """Record what a rewrite did."""
        self.rewritten.setdefault(rewrite, []).append(what)

    def new_constant(self, value: np.ndarray) -> int:
        """A slot that holds a value known while planning."""
        slot = self.new_slot(type_of_array(value))
        self.set_constant(slot, value)
        return slot

    def new_slot(self, type_: TensorType) -> int:
        """A slot with a storage of its own."""
        self.types.append(type_)
        self.storage.append(len(self.types) - 1)
        return len(self.types) - 1
