"""Loops in the compiled tier: the body has its own plan, which the dispatch loop repeats.

Carried values go through a ring of slices: an iteration reads one slice and writes the next.
With a history the ring is the history itself, otherwise it is double-buffered. The first
iteration reads the initial value in place, and the last one writes the final value to its
target, so the loop adds no copies. `kernels.loop` makes the addresses follow the iterations.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from nodeflow.engine.arena import ALIGNMENT, Offsets
from nodeflow.engine.ir.actions import Action, Actions, Repeats
from nodeflow.engine.ir.launches import Pointer
from nodeflow.engine.ir.plan import IterationPointer, LoopPlan, Plan, is_concrete
from nodeflow.engine.kernels.matmul_packed import Pack
from nodeflow.engine.plan.lower import build_actions, prune
from nodeflow.engine.schedule.schedule import Schedule, build_schedule
from nodeflow.graph.graph import Graph
from nodeflow.graph.types import TensorType, numpy_dtype
from nodeflow.ops.control_flow.scan_body import inline
from nodeflow.ops.lowering import Loop

PlanMaker = Callable[..., Plan]
"""A function that plans a schedule with given types, which runs ``repeats`` times."""


def plan_loop(
    actions: Actions, action: Action, used: set[int], make_plan: PlanMaker
) -> list[Action]:
    """Plan the body of a loop with a known number of iterations, so that it runs as kernels.

    Args:
        used: storages that are read, fetched or kept.

    Returns:
        The actions that run before the loop, and the planned loop. If an op of the body has no
        kernel, only the loop, without a lowering.
    """
    planner = _LoopPlanner(actions, action, used)
    schedule, types = planner.schedule()
    repeats = Repeats(planner.iterations, planner.lasting(), planner.carried())
    plan = make_plan(schedule, types, repeats=repeats) if is_concrete(types) else None
    if plan is None or any(phase.fallback for phase in plan.phases):
        return [Action(action.node, None, action.inputs, action.outputs)]
    return [*planner.packing(plan), planner.action(plan)]


def inputs_read(actions: Actions, action: Action) -> list[int]:
    """Return the indices of the inputs that a loop needs: initial values of carried values, and
    inputs that its body reads.
    """
    planner = _LoopPlanner(actions, action, {actions.storage[s] for s in action.outputs})
    schedule, types = planner.schedule()
    if not is_concrete(types):
        return [*range(len(action.inputs))]
    inner = build_actions(schedule, types)
    prune(inner)
    ends = (s for s in inner.fetches if s is not None)
    needed = {inner.storage[s] for s in (*ends, *(s for each in inner.items for s in each.inputs))}
    carried = planner.loop.carried
    return [i for i, feed in enumerate(planner.feeds) if i < carried or feed in needed]


class _LoopPlanner:
    """Finds the addresses of all values that the body of one loop reads and writes."""

    def __init__(self, actions: Actions, action: Action, used: set[int]) -> None:
        assert isinstance(action.lowering, Loop)
        self.actions = actions
        self.outer = action
        self.loop = action.lowering
        count = self.loop.carried
        types = [actions.types[s] for s in action.inputs]
        self.iterations = types[count].shape[0] or 0
        last = count + self.loop.sequences
        slices = [t.with_shape(t.shape[1:]) for t in types[count:last]]
        self.inner_types = [*types[:count], *slices, *types[last:]]
        outputs = [s if actions.storage[s] in used else None for s in action.outputs]
        stacked = 2 * count if self.loop.history else count
        self.last: list[int | None] = outputs[:count]
        self.history: list[int | None] = outputs[count:stacked] or [None] * count
        self.results: list[int | None] = outputs[stacked:]
        self.offsets = Offsets()
        self.scratch: dict[int, Pointer] = {}

    def schedule(self) -> tuple[Schedule, list[TensorType]]:
        """Return a schedule for one iteration of the loop. It fetches all carried values and those
        results that are used.
        """
        graph = Graph()
        feeds = [graph.apply("placeholder", dtype=t.dtype, shape=t.shape) for t in self.inner_types]
        with graph.name_scope(self.outer.node.name):  # the prefix of its ops in profiles and errors
            made = inline(graph, self.loop.body, feeds)
        count = self.loop.carried
        results = [t for t, s in zip(made[count:], self.results, strict=True) if s is not None]
        schedule = build_schedule([*made[:count], *results], feeds)
        self.feeds = [schedule.feeds.get(t) for t in feeds]
        return schedule, [t.type for t in schedule.slots]

    def lasting(self) -> frozenset[int]:
        """Return the slots of the body's feeds that are the same in each iteration."""
        first = self.loop.carried + self.loop.sequences
        return frozenset(s for s in self.feeds[first:] if s is not None)

    def carried(self) -> frozenset[int]:
        """Return the input slots of the loop body that carry a value from one iteration to the
        next.
        """
        return frozenset(s for s in self.feeds[: self.loop.carried] if s is not None)

    def packing(self, plan: Plan) -> list[Action]:
        """Return actions that rearrange constant matrix operands of the loop body into packed
        panels, once before the loop begins.
        """
        made = []
        self.panels: dict[int, int] = {}
        for (feed, transposed, type_), packed in plan.actions.packed.items():
            self.panels[packed] = slot = self.actions.new_slot(type_)
            source = self.outer.inputs[self.feeds.index(feed)]
            made.append(Action(self.outer.node, Pack(transposed), (source,), (slot,)))
        return made

    def action(self, plan: Plan) -> Action:
        """Return the action of the planned loop. Its outputs are the loop's results that are used,
        and the workspace memory of its iterations.
        """
        self.workspace = self.actions.new_slot(TensorType("uint8", (0,)))
        self.planned = LoopPlan(self.iterations, plan, self.workspace)
        self.offsets.take(plan.arena_size)
        self._address_inputs(plan)
        self._address_outputs(plan)
        self.actions.types[self.workspace] = TensorType("uint8", (self.offsets.size,))
        copied = (plan.actions.types[source].size or 0 for source, _ in self.planned.copies)
        if plan.apart is not None and all(size % plan.apart.rows == 0 for size in copied):
            self.planned.apart = plan.apart
        started = (s for s, _ in self.planned.before)  # read even if the loop has no iterations
        wanted = [s for s in (*self.last, *self.history, *self.results) if s is not None]
        outputs = (*wanted, self.workspace)
        inner = plan.actions
        needed = {inner.storage[s] for action in inner.items for s in action.inputs}
        needed.update(inner.storage[s] for s in inner.fetches if s is not None)
        read = [s for s, feed in zip(self.outer.inputs, self.feeds, strict=True) if feed in needed]
        read += self.panels.values()
        return Action(self.outer.node, self.planned, (*read, *started), outputs)

    # ---- addresses --------------------------------------------------------------------------

    def _address_inputs(self, plan: Plan) -> None:
        count, sources = self.loop.carried, self.planned.sources
        for index, (feed, slot) in enumerate(zip(self.feeds, self.outer.inputs, strict=True)):
            if feed is None:
                continue
            if index < count:
                sources[feed] = self._carried(index, 0)
            elif index < count + self.loop.sequences:
                sources[feed] = self._slice(slot, self.inner_types[index])
            else:
                sources[feed] = Pointer(self.actions.storage[slot])
        for packed, slot in self.panels.items():
            sources[packed] = Pointer(slot)
        for storage, value in plan.actions.constants.items():
            slot = self.actions.new_slot(plan.actions.types[storage])
            self.actions.set_constant(slot, value)
            sources[storage] = Pointer(self.actions.storage[slot])

    def _address_outputs(self, plan: Plan) -> None:
        """Determine where each result of the loop body is written.

        A result that is also carried, or is only passed on, is copied to its place. Equal results
        share one stacked output.
        """
        count = self.loop.carried
        made = [plan.actions.storage[s] for s in plan.actions.fetches if s is not None]
        self._write(made[:count], [self._carried(i, 1) for i in range(count)])
        stacked: dict[int, int] = {}
        for storage, index in zip(
            made[count:], (i for i, s in enumerate(self.results) if s is not None), strict=True
        ):
            slot = self.results[index]
            assert slot is not None
            first = stacked.setdefault(storage, slot)
            if first != slot:
                self._rename(slot, first)
                self.results[index] = None
        self._write(list(stacked), [self._stacked(slot) for slot in stacked.values()])
        planned = self.planned
        for index, slot in enumerate(self.history):
            if slot is not None and self.iterations:
                start = self._start(self.actions.types[slot])
                planned.before.append((self.outer.inputs[index], Pointer(slot, start)))
        for index, slot in enumerate(self.last):
            if slot is not None and not self.iterations:
                planned.before.append((self.outer.inputs[index], Pointer(slot)))

    def _rename(self, slot: int, first: int) -> None:
        """Let every slot that shares the memory of ``slot`` share the memory of ``first``
        instead.
        """
        storage = self.actions.storage
        for other, old in enumerate(storage):
            if old == slot:
                storage[other] = first

    def _write(self, storages: Sequence[int], targets: Sequence[IterationPointer]) -> None:
        for storage, target in zip(storages, targets, strict=True):
            if storage not in self.planned.sources:
                self.planned.sources[storage] = target
            else:
                self.planned.copies.append((storage, target))

    def _stacked(self, slot: int) -> IterationPointer:
        type_ = self.actions.types[slot]
        return self._slice(slot, type_.with_shape(type_.shape[1:]))

    def _slice(self, slot: int, type_: TensorType) -> IterationPointer:
        """Return a pointer that depends on the iteration number: to the slice of a sequence that an
        iteration reads, or to the slice of a stacked result that it writes.
        """
        whole = self.actions.types[slot]
        size = _nbytes(type_)
        base = Pointer(self.actions.storage[slot], self._start(whole))
        return IterationPointer(base, -size if self.loop.reverse else size)

    def _start(self, whole: TensorType) -> int:
        """Return the offset in bytes of the slice that the first iteration uses: 0, or the offset
        of the last slice if the loop is reversed.
        """
        return (
            _nbytes(whole.with_shape(whole.shape[1:])) * (self.iterations - 1) * self.loop.reverse
        )

    def _carried(self, index: int, ahead: int) -> IterationPointer:
        """Return a pointer to a carried value that depends on the iteration number: where an
        iteration reads the value (``ahead`` 0), or writes it for the next iteration (``ahead`` 1).
        """
        size = _nbytes(self.inner_types[index])
        history, last = self.history[index], self.last[index]
        if history is None:
            step = -(-size // ALIGNMENT) * ALIGNMENT
            pointer = IterationPointer(self._scratch(index, 2 * step), step, mask=1)
        else:
            pointer = self._slice(history, self.inner_types[index])
        if not ahead:
            return replace(pointer, first=Pointer(self.actions.storage[self.outer.inputs[index]]))
        if last is not None:
            end = Pointer(self.actions.storage[last])
        else:  # the final value is unused, but a history has no slice for it
            end = None if history is None else self._scratch(index, size)
        return replace(pointer, shift=1, last=end)

    def _scratch(self, index: int, size: int) -> Pointer:
        """Return a pointer to the workspace memory of the carried value number ``index``; allocate
        it at the first call.
        """
        if index not in self.scratch:
            self.scratch[index] = Pointer(self.workspace, self.offsets.take(size))
        return self.scratch[index]


def _nbytes(type_: TensorType) -> int:
    return (type_.size or 0) * numpy_dtype(type_.dtype).itemsize
