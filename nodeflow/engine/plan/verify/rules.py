"""The rules about order and memory, each a small function over the records of a draft or plan.

A rule yields its violations. The rules in `ORDER` also apply to drafts, as soon as there are
actions or groups; those in `MEMORY` only to finished plans.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator

from nodeflow.engine.ir.actions import Action
from nodeflow.engine.ir.launches import Pointer
from nodeflow.engine.kernels.matmul import Product
from nodeflow.engine.kernels.matmul_packed import PackedProduct
from nodeflow.engine.plan.verify.records import Broken, Event, Facts
from nodeflow.ops.lowering import Elementwise

Rule = Callable[[Facts], Iterable[Broken]]


# ---- order --------------------------------------------------------------------------------------


def values_are_written_before_they_are_read(facts: Facts) -> Iterator[Broken]:
    """Check that every value is written before an event, or the end of the run, reads it."""
    for storage, events in facts.readers.items():
        for event in events if storage not in facts.given else ():
            writers = facts.writers.get(storage, ())
            if not writers and facts.size(storage):
                yield Broken(f"nothing writes {facts.name(storage)}", event, storage)
            elif any(w.time > event.time or event.is_before(w) or w is event for w in writers):
                yield Broken(f"{facts.name(storage)} is written too late", event, storage)
    for storage in facts.ends - facts.given:
        if storage not in facts.writers and facts.size(storage):
            yield Broken(f"nothing writes {facts.name(storage)}, a result", None, storage)


def levels_respect_dependencies(facts: Facts) -> Iterator[Broken]:
    """Check that kernels that may run at the same time do not read each other's results. Kernels of
    one chain may.
    """
    for storage, events in facts.readers.items():
        for event in events:
            for writer in facts.writers.get(storage, ()):
                if writer.time == event.time and writer.chain != event.chain:
                    text = f"{writer.nodes} writes {facts.name(storage)} at the same time"
                    yield Broken(text, event, storage)


def aliases_lead_to_memory(facts: Facts) -> Iterator[Broken]:
    """Check the slots that share the memory of another slot: the other must have memory of its own,
    and theirs must lie inside it.

    They must have as many bytes, or be a view whose elements all lie inside.
    """
    actions = facts.actions
    for slot, storage in enumerate(actions.storage):
        if slot == storage:
            continue
        if actions.storage[storage] != storage:
            text = f"slot {slot} shares memory with slot {storage}, which has none"
            yield Broken(text, None, slot)
            continue
        view = actions.views.get(slot)
        if view is None:
            sliced = slot in actions.sliced
            if not sliced and facts.nbytes(slot) != facts.nbytes(storage):
                yield Broken(f"{facts.name(storage)} has another size", None, storage)
            continue
        sizes = [d or 0 for d in actions.types[slot].shape]
        ends = [(n - 1) * s for n, s in zip(sizes, view.strides, strict=True)]
        low = view.offset + sum(end for end in ends if end < 0)
        high = view.offset + sum(end for end in ends if end > 0)
        if all(sizes) and not 0 <= low <= high < facts.size(storage):
            yield Broken(f"a view reaches outside of {facts.name(storage)}", None, storage)


# ---- memory -------------------------------------------------------------------------------------


def values_have_memory(facts: Facts) -> Iterator[Broken]:
    """Check that each value that is read or written has memory, and that each pointer lies inside
    the memory of its value.
    """
    allocations = facts.allocations or {}
    for storage in {*facts.readers, *facts.writers, *facts.ends}:
        place = allocations.get(storage)
        if place is None:
            yield Broken(f"{facts.name(storage)} has no memory", None, storage)
        elif place.kind == "arena" and place.offset + facts.nbytes(storage) > facts.arena_size:
            yield Broken(f"{facts.name(storage)} reaches out of the arena", None, storage)
    for event, launch in facts.launches():
        if not all(facts.nbytes(s) for s in (*event.reads, *(r.storage for r in event.writes))):
            continue  # it touches nothing
        for arg in launch.args:
            if isinstance(arg, Pointer) and not 0 <= arg.offset <= facts.nbytes(arg.storage):
                yield Broken(f"{arg} points out of {facts.name(arg.storage)}", event, arg.storage)


def lifetimes_do_not_overlap(facts: Facts) -> Iterator[Broken]:
    """Check that values that share bytes of memory have disjoint lifetimes.

    All uses of one value must end before the other is first written. There are two exceptions:
    values with the same rows may follow each other task by task, and a formula may replace its
    input element by element.
    """
    occupied: list[tuple[int, int, _Life]] = []
    for life in sorted(_lives(facts), key=lambda life: life.key):
        first = bisect_left(occupied, life.start, key=lambda each: each[0])
        if first and occupied[first - 1][1] > life.start:
            first -= 1
        last = bisect_left(occupied, life.stop, key=lambda each: each[0])
        rest = []
        for start, stop, other in occupied[first:last]:
            if not other.is_over_before(life, facts):
                text = f"{facts.name(other.storage)} is still used where this is written"
                yield Broken(text, life.events[0] if life.events else None, life.storage)
            rest += [(start, life.start, other)] if start < life.start else []
            rest += [(life.stop, stop, other)] if stop > life.stop else []
        occupied[first:last] = sorted([*rest, (life.start, life.stop, life)], key=lambda r: r[0])


class _Life:
    """The bytes of a storage in the arena, and the time of their use."""

    def __init__(self, facts: Facts, storage: int, start: int) -> None:
        self.storage = storage
        self.start, self.stop = start, start + facts.nbytes(storage)
        uses = [*facts.writers.get(storage, ()), *facts.readers.get(storage, ())]
        self.events = sorted(uses, key=lambda event: (event.time, event.position))
        from_start = storage in facts.gathered
        self.first = -1 if from_start or not self.events else self.events[0].time
        self.last = self.events[-1].time if self.events else -1
        if storage in facts.ends:
            self.last = 1 << 62
        position = 0 if from_start or not self.events else self.events[0].position
        self.key = self.first, position

    def is_over_before(self, other: _Life, facts: Facts) -> bool:
        if self.last != other.first:
            return self.last < other.first
        same = (self.start, self.stop) == (other.start, other.stop)
        return same and all(
            a.is_before(b) or (a is b and _replaces(facts, a, self.storage))
            for a in self.events
            if a.time == self.last
            for b in other.events
            if b.time == self.last
        )


def _lives(facts: Facts) -> Iterator[_Life]:
    for storage, place in (facts.allocations or {}).items():
        used = storage in facts.writers or storage in facts.gathered
        if place.kind == "arena" and used and facts.nbytes(storage):
            yield _Life(facts, storage, place.offset)


def inputs_are_not_overwritten(facts: Facts) -> Iterator[Broken]:
    """Check that nothing writes to the memory of feeds and constants, or of variables that the run
    does not update.

    A reference call must not write to its inputs either.
    """
    allocations = facts.allocations or {}
    for storage, events in facts.writers.items():
        place = allocations.get(storage)
        kind = place.kind if place is not None else ""
        if storage in facts.given - facts.homes - facts.gathered:
            yield Broken(f"{facts.name(storage)} is an input", events[0], storage)
        elif kind == "constant" or (kind == "given" and storage not in facts.inplace
                                    and storage not in facts.homes):  # fmt: skip
            yield Broken(
                f"{facts.name(storage)} lies in the memory of an input", events[0], storage
            )
    for event in facts.events:
        if event.group is not None and event.group.is_fallback:
            for region in event.writes:
                if region.storage in event.reads:
                    text = f"a reference would write over its input {facts.name(region.storage)}"
                    yield Broken(text, event, region.storage)


def old_values_are_read_before_updates(facts: Facts) -> Iterator[Broken]:
    """Check that all reads of a variable's old value end before the new value overwrites it.

    One kernel may do both if it reads each element at the position where it writes.
    """
    updates = [(s, home) for s, home in facts.inplace.items()]
    updates += [(home, home) for home in facts.homes]
    for storage, home in updates:
        for writer in facts.writers.get(storage, ()):
            for reader in facts.readers.get(home, ()):
                if reader is writer:
                    if not _reads_elements_in_place(facts, writer, home):
                        text = f"{facts.name(home)} is read elsewhere than it is written"
                        yield Broken(text, writer, home)
                elif reader.time >= writer.time:
                    text = f"{writer.nodes} has written over the old value of {facts.name(home)}"
                    yield Broken(text, reader, home)
            if home in facts.ends:
                yield Broken(f"the old value of {facts.name(home)} is a result", writer, home)


def _replaces(facts: Facts, event: Event, storage: int) -> bool:
    """Return whether a kernel may write its result over an input, because it reads each element of
    the input at the position where it writes.
    """
    launch = event.launch
    if storage not in event.reads or launch is None or launch.rereads:
        return False
    return _reads_elements_in_place(facts, event, storage)


def _reads_elements_in_place(facts: Facts, writer: Event, home: int) -> bool:
    """Return whether a fused group reads a storage element by element, in the shape of its own
    output and not through a view.
    """
    group, actions = writer.group, facts.actions
    if group is None or group.shape is None:
        return False
    slots = [s for a in group.actions for s in a.inputs if actions.storage[s] == home]
    return all(actions.types[s].shape == group.shape and s not in actions.views for s in slots)


def updates_do_not_collide(facts: Facts) -> Iterator[Broken]:
    """Check that each variable gets only one new value, and that nothing else is written over
    its memory.
    """
    taken: dict[int, int] = {}
    for storage, home in facts.inplace.items():
        if storage in facts.writers:
            if home in taken or home in facts.writers:
                yield Broken(f"two values are written over {facts.name(home)}", None, home)
            taken[home] = storage


def updates_follow_what_can_fail(facts: Facts) -> Iterator[Broken]:
    """Check that a training step takes effect as a whole.

    All events that can fail must end before the first variable is overwritten.
    """
    updated = [e for s in (*facts.inplace, *facts.homes) for e in facts.writers.get(s, ())]
    first = min(updated, key=lambda event: event.time, default=None)
    for event in facts.events if first is not None else ():
        if event.can_fail and first is not None and event.time >= first.time:
            yield Broken(f"it can fail when {first.nodes} has updated a variable", event)


# ---- chains -------------------------------------------------------------------------------------


def chained_tasks_keep_to_their_rows(facts: Facts) -> Iterator[Broken]:
    """Check that all kernels of a chain have equal tasks with equal rows.

    Of the values that the chain computes, a task may read only the rows that the same task has
    written.
    """
    chains: dict[tuple[int, int], list[Event]] = {}
    for event, _ in facts.launches():
        chains.setdefault((event.time, event.chain), []).append(event)
    for chain in chains.values():
        head, made = chain[0], set[int]()
        for event in chain if len(chain) > 1 else ():
            assert event.launch is not None and head.launch is not None
            if event.launch.tasks != head.launch.tasks:
                yield Broken(f"{head.nodes} has another number of tasks", event)
            splits = event.launch.split, head.launch.split
            if None not in splits and splits[0].rows != splits[1].rows:  # type: ignore[union-attr]
                yield Broken(f"tasks of {head.nodes} have other rows", event)
            for storage in made.intersection(event.reads):
                if not keeps_rows(facts, event, storage, head.launch.tasks):
                    text = f"a task reads rows of {facts.name(storage)} that another task makes"
                    yield Broken(text, event, storage)
            made.update(region.storage for region in event.writes)


def keeps_rows(facts: Facts, event: Event, storage: int, tasks: int) -> bool:
    """Return whether each task of a kernel reads only its own rows of a storage."""
    group, actions = event.group, facts.actions
    if group is None or tasks == 1:
        return True
    if group.shape is None:
        return _product_keeps_rows(facts, group.actions[0], storage)
    shape = tuple(group.shape)
    for action in group.actions:
        for slot in action.inputs:
            if actions.storage[slot] == storage and isinstance(action.lowering, Elementwise):
                own = actions.types[slot].shape
                padded = (1,) * (len(shape) - len(own)) + tuple(own)
                first = next((a for a, n in enumerate(shape) if n != 1), 0)
                if padded[first : first + 1] != shape[first : first + 1]:
                    return False
    return True


def _product_keeps_rows(facts: Facts, action: Action, storage: int) -> bool:
    """Return whether each task of a matrix product reads only its own rows of a storage. That is
    the case for the first operand, and for operands that are added to the product.

    Return True for kernels that are no product.
    """
    inputs = [facts.actions.storage[s] for s in action.inputs]
    if not isinstance(action.lowering, (Product, PackedProduct)):
        return True
    return inputs[1] != storage and not (inputs[0] == storage and action.lowering.transpose_x)


ORDER: tuple[Rule, ...] = (
    values_are_written_before_they_are_read,
    levels_respect_dependencies,
    aliases_lead_to_memory,
)
MEMORY: tuple[Rule, ...] = (
    values_have_memory,
    lifetimes_do_not_overlap,
    inputs_are_not_overwritten,
    old_values_are_read_before_updates,
    updates_do_not_collide,
    updates_follow_what_can_fail,
    chained_tasks_keep_to_their_rows,
)
