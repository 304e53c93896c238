"""The compiled training loop: one program, which the dispatch loop runs step after step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from nodeflow.engine.chunker import LARGEST
from nodeflow.engine.columns import Column
from nodeflow.engine.interpreter import Interpreter
from nodeflow.engine.ir.launches import KernelLaunch, Pointer, StepAddress
from nodeflow.engine.ir.levels import Level, all_launches
from nodeflow.engine.ir.plan import REFERENCE_HINT, Phase, Plan
from nodeflow.engine.kernels.base_kernels import RECORD, RECORD_KINDS
from nodeflow.engine.plan.batch_input import FIRST, ORDER, gather_launch, mapped_of, order_in
from nodeflow.engine.plan.plan import make_step_plan
from nodeflow.engine.plan.verify import check
from nodeflow.engine.runtime.context import RunContext
from nodeflow.engine.runtime.launch_table import build_table
from nodeflow.engine.runtime.program import Ring
from nodeflow.engine.runtime.program_timer import ProgramTimer
from nodeflow.engine.schedule.schedule import Schedule
from nodeflow.errors import RunError
from nodeflow.graph.graph import Tensor
from nodeflow.graph.types import TensorType, numpy_dtype

RING_SIZE = LARGEST
"""Number of steps whose scalars are kept: as many as the largest chunk has."""


@dataclass
class StepPlan:
    """A plan, preceded by the gathering of batches and followed by the recording of scalars."""

    plan: Plan
    columns: Mapping[Tensor, Column]
    batch_size: int
    levels: list[Level]
    gathers: int
    scalars: list[tuple[int, str]]


def plan_steps(
    schedule: Schedule,
    types: Sequence[TensorType],
    columns: Mapping[Tensor, Column],
    batch_size: int,
    without: frozenset[str] = frozenset(),
) -> StepPlan | None:
    """Plan a loop of training steps on batches of data columns. Return None if an op has no
    kernel.
    """
    used = {t: c for t, c in columns.items() if t in schedule.feeds}
    plan = make_step_plan(schedule, types, [schedule.feeds[t] for t in used], without)
    if plan is None:
        return None
    gathers = [
        replace(gather_launch(c, batch_size, schedule.feeds[t]), label=f"batch of {t.name}")
        for t, c in used.items()
    ]
    actions = plan.actions
    scalars = [(s, actions.types[s].dtype) for s in actions.fetches if s is not None]
    pairs: list[Pointer | int] = []
    for slot, dtype in scalars:
        pairs += (Pointer(actions.storage[slot]), RECORD_KINDS[dtype])
    args = (StepAddress(), 0, RING_SIZE, len(scalars), *pairs)
    record = KernelLaunch(RECORD, args, 1, 50.0, label="record scalars")
    levels: list[Level] = [level for level in (gathers, *plan.phases[0].levels, [record]) if level]
    if check.is_on():
        check.check_plan(replace(plan, phases=[Phase(levels)]), [schedule.feeds[t] for t in used])
    return StepPlan(plan, used, batch_size, levels, len(gathers), scalars)


class CompiledSteps:
    """The compiled loop of a step plan. The caller holds the session's lock.

    Attributes:
        steps_done: number of complete steps of the last run, even if it raised.
    """

    def __init__(
        self, steps: StepPlan, context: RunContext, given: Mapping[int, np.ndarray]
    ) -> None:
        self.steps = steps
        self.plan = steps.plan
        self.context = context
        self.steps_done = 0
        self._given = {s: np.array(a, order="C", copy=True) for s, a in given.items()}
        self._table = build_table(steps.levels)
        self._table.set_keys(context.stream_of("", 0))
        self._program = self._table.program
        self._gathers = [self._program.args(launch) for launch in range(steps.gathers)]
        self._maps = {mapped.file for c in steps.columns.values() if (mapped := mapped_of(c))}
        self._order: np.ndarray | None = None
        self._orders: list[np.ndarray] = []
        self._ring = Ring(RING_SIZE, len(steps.scalars))
        record = self._program.args(len(list(all_launches(steps.levels))) - 1)
        record[1] = self._ring.values.ctypes.data
        for storage, value in (*self.plan.actions.constants.items(), *self._given.items()):
            self._table.bind(storage, value.ctypes.data)
        self._generation = -1
        self._team = context.team()

    def _bind_memory(self) -> None:
        """Write the current memory addresses into the launch table: of the arena if it has moved,
        and of the variables, whose arrays may change between runs.
        """
        arena = self.context.arena
        self.plan.reserve(arena)
        if self._generation != arena.generation:
            self._generation = arena.generation
            for storage, allocation in self.plan.allocations.items():
                if allocation.kind == "arena":
                    self._table.bind(storage, arena.address + allocation.offset)
        variables = self.context.variables
        schedule = self.plan.schedule
        written = {home: new for new, home in self.plan.inplace.items()}
        for variable, slot in schedule.reads.items():
            address = variables.read(variable).ctypes.data
            self._table.bind(slot, address)
            if slot in written:
                self._table.bind(written[slot], address)
        for variable, home in self.plan.home.items():
            if home not in schedule.reads.values():
                type_ = variable.outputs[0].type
                shape = tuple(d or 0 for d in type_.shape)
                address = variables.ensure(variable, shape, numpy_dtype(type_.dtype)).ctypes.data
                self._table.bind(home, address)
                if home in written:
                    self._table.bind(written[home], address)

    def feed(self, slot: int, array: np.ndarray) -> None:
        """Replace the value that is fed to all steps."""
        np.copyto(self._given[slot], array, casting="no")

    def run(self, first_step: int, count: int, epoch_first: int, order: np.ndarray) -> np.ndarray:
        """Run up to ``count`` training steps. Return the recorded scalars, such as the loss, as
        float64 (steps, scalars).

        Raises:
            RunError: a step failed. Nothing of it was stored.
        """
        count = min(count, RING_SIZE)
        self.steps_done = 0
        self._prepare(epoch_first, order)
        outcome = self._team.run(self._program, first_step, count)
        self.steps_done = outcome.steps
        if outcome.failure is not None:
            self._explain(first_step + outcome.steps, epoch_first, order, outcome.failure)
        rows = self._ring.rows(first_step, outcome.steps)
        return rows[:, : len(self.steps.scalars)]

    def profile(
        self, profiler: ProgramTimer, step: int, epoch_first: int, order: np.ndarray
    ) -> np.ndarray:
        """Run one training step and measure the time of every kernel. Return the recorded scalars,
        such as the loss, as float64 (1, scalars).

        Raises:
            RunError: the step failed. Nothing of it was stored.
        """
        self.steps_done = 0
        self._prepare(epoch_first, order)
        profiler.run(self._program, self.steps.levels, step, self._table.loops)
        outcome = self._program.outcome()
        if outcome.failure is not None:
            self._explain(step, epoch_first, order, outcome.failure)
        self.steps_done = 1
        return self._ring.rows(step, 1)[:, : len(self.steps.scalars)]

    def _prepare(self, epoch_first: int, order: np.ndarray) -> None:
        self._bind_memory()
        if order is not self._order:
            self._order, self._orders = order, self._orders_of(order)
        for args, own in zip(self._gathers, self._orders, strict=True):
            args[FIRST], args[ORDER] = epoch_first, own.ctypes.data
        for file in self._maps:
            file.check()

    def _orders_of(self, order: np.ndarray) -> list[np.ndarray]:
        """Return for each data column the row numbers to gather, in the order of the epoch. Columns
        of one split share an array.
        """
        shared: dict[int, np.ndarray] = {}
        orders = []
        for column in self.steps.columns.values():
            key = id(getattr(column, "numbers", None))
            if key not in shared:
                shared[key] = order_in(column, order)
            orders.append(shared[key])
        return orders

    def stop(self) -> None:
        """Stop a run after its current step."""
        self._program.stop()

    def _explain(self, step: int, epoch_first: int, order: np.ndarray, failure: object) -> None:
        """Run a failed training step again with the ops' reference implementations, to raise an
        error that names the op and the reason.
        """
        schedule = self.plan.schedule
        start = (step - epoch_first) * self.steps.batch_size
        which = order[start : start + self.steps.batch_size]
        given = dict(self._given)
        for tensor, column in self.steps.columns.items():
            given[schedule.feeds[tensor]] = column.rows(which)
        for variable, slot in schedule.reads.items():
            given[slot] = self.context.variables.read(variable)
        types = self.plan.actions.types[: len(schedule.slots)]
        Interpreter(schedule, types).run(given, self.context.stream_of("", step))
        raise RunError(
            f"a compiled kernel failed ({failure}), but the reference ran without an error",
            hint=REFERENCE_HINT,
        )
