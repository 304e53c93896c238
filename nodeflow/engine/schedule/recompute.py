"""Saves memory by dropping values that are used again much later, and recomputing them.

A training step keeps the result of each layer until the backward pass has reached the layer.
Under a memory limit the schedule is rewritten: its steps are visited in order, and whenever the
kept values exceed the limit, values are dropped that are used late, large and cheap to
recompute. Later consumers read a second application of the same node to the same values. No bit
of any result changes, because random nodes draw by their own number and execution, not by how
often they run.

The reference tier runs steps in schedule order. The planner would run recomputed steps and
random draws as early as possible, so they wait for the previous step (`Schedule.delayed`). If
that step only leads to new values of variables, they wait for an earlier one, because such
steps themselves wait for all readers of the old values.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace

from nodeflow.engine.memory import size_of
from nodeflow.engine.schedule.schedule import Schedule, Step, is_assign
from nodeflow.graph.graph import Node
from nodeflow.graph.types import TensorType

SHARING = frozenset("reshape identity expand_dims squeeze stop_gradient flatten assign".split())
"""Ops whose result shares the memory of an input: for assign the last input, otherwise the
first.
"""
PRODUCTS = ("matmul", "conv", "einsum", "attention", "scan", "while", "sort", "solve")
"""Parts of the names of ops that take much longer than writing their result."""
PRODUCT_COST = 20.0
MOST_STEPS = 3
"""Maximum length of a rewritten schedule, as a multiple of the original number of steps."""


def is_slow(node: Node) -> bool:
    """Return whether an op, such as a matrix product, takes much longer to compute than writing its
    result.
    """
    return any(part in node.op.id for part in PRODUCTS)


def recompute(
    schedule: Schedule,
    types: Sequence[TensorType],
    budget: float,
    stored: AbstractSet[int] | None = None,
) -> tuple[Schedule, list[TensorType]] | None:
    """Return a schedule that repeats steps to keep no more bytes than the budget, as far as
    possible.

    Args:
        types: types of its slots, all of known size.
        budget: bytes of computed values that may be kept at a time.
        stored: slots that take memory; all others exist only inside kernels. None: all slots
            take memory, and a plan keeps the order of steps.

    Returns:
        The schedule and its types, with the slots of recomputed values at the end; None if
        nothing can be dropped, or too much would be recomputed.
    """
    return _Walk(schedule, types, budget, stored).run()


class _Walk:
    """The state of one rewrite.

    Attributes:
        now: for each slot with a current value, the slot that contains it.
        held: bytes of each root. A root is a slot whose memory others share.
    """

    def __init__(
        self,
        schedule: Schedule,
        types: Sequence[TensorType],
        budget: float,
        stored: AbstractSet[int] | None,
    ) -> None:
        self.schedule, self.budget, self.stored = schedule, budget, stored
        self.slots, self.types = list(schedule.slots), list(types)
        self.maker = {s: step for step in schedule.steps for s in step.outputs}
        self.index = {id(step): i for i, step in enumerate(schedule.steps)}
        self.steps: list[Step] = []
        self.delayed: dict[int, int] = {}
        self.repeated: set[int] = set()
        given = set(range(len(types))) - self.maker.keys()
        self.now = {slot: slot for slot in given}
        self.held: dict[int, int] = {}
        self._find_roots()
        self._find_uses()
        self.updating = self._only_updates()
        self.trigger: int | None = None

    def _find_roots(self) -> None:
        self.root = list(range(len(self.slots)))
        self.sharing: dict[int, list[int]] = {}
        for step in self.schedule.steps:
            if step.node.op.id in SHARING and len(step.outputs) == 1 and step.inputs:
                place = -1 if is_assign(step.node) else 0
                self.root[step.outputs[0]] = self.root[step.inputs[place]]
        for slot in self.maker:
            self.sharing.setdefault(self.root[slot], []).append(slot)

    def _find_uses(self) -> None:
        self.uses: dict[int, list[int]] = {}
        for index, step in enumerate(self.schedule.steps):
            for slot in step.inputs:
                self.uses.setdefault(self.root[slot], []).append(index)
        ends = (*self.schedule.fetches, *self.schedule.writes.values())
        self.kept = {self.root[s] for s in ends if s is not None}
        for step in self.schedule.steps:
            if step.node.op.stateful or step.node.op.counted:
                self.kept.update(self.root[s] for s in step.outputs)

    def _only_updates(self) -> set[int]:
        """Return the slots whose values are used only to compute new values of variables."""
        fetched = {s for s in self.schedule.fetches if s is not None}
        elsewhere = set(fetched)
        found: set[int] = set()
        for step in reversed(self.schedule.steps):
            if is_assign(step.node) or elsewhere.isdisjoint(step.outputs):
                found.update(step.outputs)
            else:
                elsewhere.update(step.inputs)
        return found

    def _size(self, root: int) -> int:
        sharing = self.sharing[root]
        if self.stored is not None and self.stored.isdisjoint(sharing):
            return 0
        return size_of([self.types[root]])

    # ---- the walk -----------------------------------------------------------------------------

    def run(self) -> tuple[Schedule, list[TensorType]] | None:
        most = MOST_STEPS * len(self.schedule.steps)
        for index, step in enumerate(self.schedule.steps):
            if missing := [s for s in step.inputs if s not in self.now]:
                self._make_again(index, step, missing)
            self._emit(step, step.outputs)
            self._drop_dead(index)
            self._make_room(index, {self.root[s] for s in (*step.inputs, *step.outputs)})
            if len(self.steps) > most:
                return None
        if not self.repeated:
            return None
        new = replace(
            self.schedule, slots=self.slots, steps=self.steps, delayed=self.delayed,
            repeated=frozenset(self.repeated),
        )  # fmt: skip
        return new, self.types

    def _emit(self, step: Step, outputs: Sequence[int]) -> None:
        """Append a step to the schedule that is being built. Its inputs are the slots that hold
        these values now, which may be recomputed copies.
        """
        inputs = tuple(self.now[s] for s in step.inputs)
        self.steps.append(Step(step.node, inputs, tuple(outputs)))
        if outputs and inputs:
            early = step.node.op.random or outputs[0] in self.repeated or self.stored is None
            if self.trigger is not None and early:
                self.delayed[outputs[0]] = self.trigger
            if step.outputs[0] not in self.updating:
                self.trigger = outputs[0]
        for original, slot in zip(step.outputs, outputs, strict=True):
            self.now[original] = slot
            root = self.root[original]
            if root == original:
                self.held[root] = self._size(root)

    def _make_again(self, index: int, user: Step, missing: Iterable[int]) -> None:
        """Append copies of the earlier steps that compute the missing inputs of ``user``, a step,
        because their values were dropped to save memory. Do the same for missing inputs of those
        steps.
        """
        again: dict[int, Step] = {}
        stack = list(missing)
        while stack:
            step = self.maker[stack.pop()]
            if self.index[id(step)] not in again:
                again[self.index[id(step)]] = step
                stack += [s for s in step.inputs if s not in self.now]
        waiting = [again[i] for i in sorted(again)]
        needed = {self.root[s] for s in user.inputs}
        for place, step in enumerate(waiting):
            outputs = [self._new(s) for s in step.outputs]
            self.repeated.update(outputs)
            self._emit(step, outputs)
            later = {self.root[s] for each in waiting[place + 1 :] for s in each.inputs}
            self._make_room(index, {*needed, *later, *(self.root[s] for s in step.outputs)})
        self._drop_dead(index - 1)

    def _new(self, slot: int) -> int:
        self.slots.append(self.slots[slot])
        self.types.append(self.types[slot])
        return len(self.slots) - 1

    # ---- dropping values ----------------------------------------------------------------------

    def _next_use(self, root: int, index: int) -> int | None:
        return next((i for i in self.uses.get(root, ()) if i > index), None)

    def _drop_dead(self, index: int) -> None:
        for root in [r for r in self.held if r not in self.kept]:
            if self._next_use(root, index) is None:
                self._drop(root)

    def _drop(self, root: int) -> None:
        self.held.pop(root, None)
        for slot in self.sharing.get(root, ()):
            self.now.pop(slot, None)

    def _make_room(self, index: int, needed: set[int]) -> None:
        while sum(self.held.values()) > self.budget:
            free = [r for r, size in self.held.items() if size and r not in needed]
            free = [r for r in free if r not in self.kept]
            best = max(free, key=lambda r: self._worth(r, index), default=None)
            if best is None:
                return
            self._drop(best)

    def _worth(self, root: int, index: int) -> float:
        """Return how much is gained by freeing a value now and recomputing it later.

        The gain is high if the value is unused for long, large, and quick to recompute.
        """
        step = self.maker[root]
        later = self._next_use(root, index)
        away = len(self.schedule.steps) if later is None else later - index
        slow = is_slow(step.node)
        missing = sum(s not in self.now for s in step.inputs)
        return away * self.held[root] / ((PRODUCT_COST if slow else 1.0) * (1 + missing))
