"""Loops and branches whose course depends on values. Their bodies are planned within the outer
plan.

A `while_loop` double-buffers its carried values in the workspace, as in `loops`. The first
iteration reads the initial values in place, and the final values are copied to their targets.
Each iteration computes the condition and, if it holds, the body. Both branches of a `cond` are
planned; each writes to the target of the result, and one of them runs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from nodeflow.engine.arena import ALIGNMENT, Offsets
from nodeflow.engine.ir.actions import Action, Actions
from nodeflow.engine.ir.launches import Pointer
from nodeflow.engine.ir.plan import (
    BranchPlan,
    Inside,
    IterationPointer,
    Plan,
    WhilePlan,
    is_concrete,
)
from nodeflow.engine.schedule.schedule import Schedule, build_schedule
from nodeflow.graph.graph import Graph
from nodeflow.graph.types import TensorType, numpy_dtype
from nodeflow.ops.control_flow.scan_body import inline
from nodeflow.ops.lowering import Branch, While

PlanMaker = Callable[[Schedule, Sequence[TensorType]], Plan]
FLOWS = (While, Branch)
Place = Pointer | IterationPointer


def plan_flow(actions: Actions, action: Action, used: set[int], make_plan: PlanMaker) -> Action:
    """Plan the bodies of a while loop or a branch, so that they run as kernels.

    Args:
        used: storages that are read, fetched or kept.

    Returns:
        The planned action, or one without a lowering if an op inside has no kernel.
    """
    planner = _FlowPlanner(actions, action, used, make_plan)
    made = planner.loop() if isinstance(action.lowering, While) else planner.branch()
    return made or Action(action.node, None, action.inputs, action.outputs)


class _FlowPlanner:
    """Finds the addresses of all values that the pieces of one loop or branch read and write."""

    def __init__(
        self, actions: Actions, action: Action, used: set[int], make_plan: PlanMaker
    ) -> None:
        self.actions, self.outer, self.make_plan = actions, action, make_plan
        self.wanted = [s if actions.storage[s] in used else None for s in action.outputs]
        self.offsets = Offsets()
        self.read: dict[int, None] = {}

    # ---- loops and branches ---------------------------------------------------------------------

    def loop(self) -> Action | None:
        """Plan a while loop. Return its action, or None if an op of its condition or body has no
        kernel.
        """
        lowering, inputs = self.outer.lowering, self.outer.inputs
        assert isinstance(lowering, While)
        count = lowering.carried
        types = [self.actions.types[s] for s in inputs]
        test = self._planned(lowering.cond, types, 1)
        body = self._planned(lowering.body, types, count)
        if test is None or body is None:
            return None
        self.workspace = self.actions.new_slot(TensorType("uint8", (0,)))
        self.read.update(dict.fromkeys(inputs[:count]))  # the results if no iteration runs
        rings = [self._ring(type_) for type_ in types[:count]]
        now = [replace(r, first=self._at(s)) for r, s in zip(rings, inputs, strict=False)]
        places: list[Place] = [*now, *map(self._at, inputs[count:])]
        again, number = (Pointer(self.workspace, self.offsets.take(8)) for _ in range(2))
        parts = (
            self._inside(test, inputs, places, [again]),
            self._inside(body, inputs, places, [replace(r, shift=1) for r in rings]),
        )
        last = [(s, now[i]) for i, s in enumerate(self.wanted) if s is not None]
        slots = tuple(s for s, _ in last)
        planned = WhilePlan(parts, self.workspace, slots, lowering.limit, again, number, last)
        return self._action(planned, slots)

    def branch(self) -> Action | None:
        """Plan a branch. Return its action, or None if an op of its bodies has no kernel."""
        lowering, (pred, *inputs) = self.outer.lowering, self.outer.inputs
        assert isinstance(lowering, Branch)
        types = [self.actions.types[s] for s in inputs]
        slots = tuple(s for s in self.wanted if s is not None)
        if not is_concrete([self.actions.types[s] for s in self.outer.outputs]):
            return None
        outputs = [i for i, s in enumerate(self.wanted) if s is not None]
        bodies = (lowering.true_body, lowering.false_body)
        plans = [self._planned(body, types, outputs) for body in bodies]
        if plans[0] is None or plans[1] is None:
            return None
        self.workspace = self.actions.new_slot(TensorType("uint8", (0,)))
        self.read[pred] = None
        places = list(map(self._at, inputs))
        targets = [self._at(slot) for slot in slots]
        one, other = (self._inside(p, inputs, places, targets) for p in plans if p is not None)
        planned = BranchPlan((one, other), self.workspace, slots, self._at(pred))
        return self._action(planned, slots)

    def _action(self, planned: WhilePlan | BranchPlan, slots: Sequence[int]) -> Action:
        self.actions.types[self.workspace] = TensorType("uint8", (self.offsets.size,))
        return Action(self.outer.node, planned, tuple(self.read), (*slots, self.workspace))

    # ---- pieces -----------------------------------------------------------------------------

    def _planned(
        self, text: str, types: Sequence[TensorType], wanted: int | Sequence[int]
    ) -> tuple[Plan, list[int | None]] | None:
        """Plan the body of a loop or branch, given as text. Return the plan, and for each input its
        slot in the body, or None for an input that the body does not read.

        Return None if an op of the body has no kernel or a size is unknown.

        Args:
            wanted: number of leading outputs to compute, or indices of the outputs.
        """
        graph = Graph()
        feeds = [graph.apply("placeholder", dtype=t.dtype, shape=t.shape) for t in types]
        with graph.name_scope(self.outer.node.name):  # the prefix of its ops in profiles and errors
            made = inline(graph, text, feeds)
        chosen = made[:wanted] if isinstance(wanted, int) else [made[i] for i in wanted]
        schedule = build_schedule(chosen, feeds)
        inner = [t.type for t in schedule.slots]
        plan = self.make_plan(schedule, inner) if is_concrete(inner) else None
        if plan is None or any(phase.fallback for phase in plan.phases):
            return None
        return plan, [schedule.feeds.get(t) for t in feeds]

    def _inside(
        self,
        planned: tuple[Plan, list[int | None]],
        inputs: Sequence[int],
        places: Sequence[Place],
        targets: Sequence[Place],
    ) -> Inside:
        """Return a plan of a loop or branch body with its place in the surrounding plan: the body
        reads its inputs from the addresses ``places``, and writes its results to the addresses
        ``targets``.
        """
        plan, feeds = planned
        inside = Inside(plan, self.offsets.take(plan.arena_size))
        inner = plan.actions
        needed = {inner.storage[s] for action in inner.items for s in action.inputs}
        made = [inner.storage[s] for s in inner.fetches if s is not None]
        for feed, slot, place in zip(feeds, inputs, places, strict=True):
            if feed is not None:
                inside.sources[feed] = place
                if feed in needed or feed in made:
                    self.read[slot] = None
        for storage, value in inner.constants.items():
            slot = self.actions.new_slot(inner.types[storage])
            self.actions.set_constant(slot, value)
            inside.sources[storage] = self._at(slot)
        for storage, target in zip(made, targets, strict=True):
            if storage in inside.sources:
                inside.copies.append((storage, target))
            else:
                inside.sources[storage] = target
        return inside

    # ---- places -----------------------------------------------------------------------------

    def _at(self, slot: int) -> Pointer:
        return Pointer(self.actions.storage[slot])

    def _ring(self, type_: TensorType) -> IterationPointer:
        """Reserve two buffers in the workspace for a carried value. Iterations alternate between
        them: one is read while the other is written. Return the alternating pointer.
        """
        size = (type_.size or 0) * numpy_dtype(type_.dtype).itemsize
        step = -(-size // ALIGNMENT) * ALIGNMENT
        return IterationPointer(Pointer(self.workspace, self.offsets.take(2 * step)), step, mask=1)
