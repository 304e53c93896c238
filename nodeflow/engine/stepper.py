"""Runs many training steps without returning to Python in between.

A stepper runs targets (an optimizer) on one batch of data set columns after another. In the
compiled tier the dispatch loop does everything: it gathers batches, runs forward and backward
passes, updates variables in place and records the scalars of each step in a ring buffer. The
reference tier does the same step by step. A step that fails changes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from nodeflow.engine.backend import BackendSteps, LoadedSteps, other_backend
from nodeflow.engine.blocks.executor import BlockedExecutor, in_blocks
from nodeflow.engine.chunker import Chunker, WholeChunks
from nodeflow.engine.columns import Column
from nodeflow.engine.interpreter import Interpreter, StreamOf
from nodeflow.engine.ir.levels import all_launches
from nodeflow.engine.memory import Needs
from nodeflow.engine.peak_memory import peak_of
from nodeflow.engine.phase import optimizers_of
from nodeflow.engine.plan.batch_input import contiguous
from nodeflow.engine.plan.passes import rewrite_schedule
from nodeflow.engine.recorded_runs import whole_run
from nodeflow.engine.runtime.context import RanTier, RunContext, Tier
from nodeflow.engine.runtime.staging import staging_of
from nodeflow.engine.schedule.schedule import Schedule
from nodeflow.engine.stages import AnyExecutor, explain_run, make_executor
from nodeflow.engine.step_order import order_of_step
from nodeflow.engine.step_values import StepValues
from nodeflow.engine.tiered_execution import over_limit
from nodeflow.engine.waiting import Interrupted
from nodeflow.errors import DataError, FeedError, FetchError
from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.types import TensorType, shape_text, type_of_array

if TYPE_CHECKING:
    from nodeflow.engine.compiler.compilation import Compilation
    from nodeflow.engine.inspect.profile import Profiler
    from nodeflow.engine.plan.plan import Plan
    from nodeflow.engine.runtime.compiled_steps import CompiledSteps, StepPlan

STEPS, STEP_BY_STEP = "steps", "step"
"""The labels in a record of tiers: of the loop as a whole, and of a step outside of the loop."""


class Stepper:
    """A runner of many training steps, made by `Session.stepper`.

    Attributes:
        step: number of the next step, on which random numbers depend.
        tier: the tier of the last step.
        compiled_since: number of the first step that ran compiled, or None.
        chunker: chooses the sizes of chunks of steps; `stop` acts between chunks.
        ahead: number of steps to come, if known: the tier ``auto`` then waits for the compiler
            if that saves time.
        targets, fixed: the nodes that each step runs, and the feeds that are the same in all steps.
        label, step_label: its names in a record of tiers.
    """

    def __init__(
        self,
        context: RunContext,
        schedule: Schedule,
        columns: Mapping[Tensor, Column],
        batch_size: int,
        given: Mapping[int, np.ndarray],
        wanted: Tier,
        first_step: int,
        name: str = "",
    ) -> None:
        self.schedule = schedule
        self.label, self.step_label = (f"{each} {name}".strip() for each in (STEPS, STEP_BY_STEP))
        self.columns = {t: contiguous(c) for t, c in columns.items()}
        self._other = other_backend(context.backend)
        is_own = self._other is None
        self._staging = staging_of(self.columns, batch_size) if is_own else None
        self._is_staged = False
        self.batch_size = batch_size
        self.step = first_step
        self.tier: RanTier = "reference"
        self.compiled_since: int | None = None
        self.ahead: int | None = None
        self._seconds = 0.0
        self.chunker = Chunker() if context.peers is None else WholeChunks()
        self.targets: Sequence[Node] = ()
        self.fixed: Mapping[Tensor, np.ndarray] = {}
        self._context = context
        self._optimizers = optimizers_of(schedule)
        self._given = dict(given)
        types = self._specialise(schedule, self._given)
        for slot in self._scalars:
            self._check_scalar(types, slot)
        self.schedule, self._types = rewrite_schedule(schedule, types, context.without)
        self._wanted: Tier = wanted
        self._order = np.zeros(0, np.int64)
        self._first = first_step
        self._compilation: Compilation[StepPlan, CompiledSteps]
        if is_own:
            self._compilation = context.compilation(self._make_plan, self._kernels, self._load)
        else:
            self._compilation = cast("Any", LoadedSteps(self._load_other))  # of the same interface
        self._blocked = self._in_blocks() if is_own else None
        context.cuts_steps = self._blocked is not None
        self._executor: AnyExecutor | None = self._blocked
        self._stop = False

    # ---- for the training loop ----------------------------------------------------------------

    def start_epoch(self, order: np.ndarray, done: int = 0) -> None:
        """Begin an epoch with the rows in this order. A last partial batch is dropped.

        Args:
            done: number of steps of the epoch that were made before.

        Raises:
            DataError: an index is outside a column.
        """
        order = np.array(order, dtype=np.int64, order="C")
        rows = min((len(c) for c in self.columns.values()), default=None)
        if rows is not None and order.size and not 0 <= order.min() <= order.max() < rows:
            raise DataError(
                f"the order runs from {order.min()} to {order.max()}, and there are {rows} rows"
            )
        self._order = order
        self._first = self.step - done
        self._is_staged = False

    @property
    def steps_left(self) -> int | None:
        """Return the number of whole batches left in this epoch. Return None without data columns,
        because then epochs have no end.
        """
        if not self.columns:
            return None
        return len(self._order) // self.batch_size - (self.step - self._first)

    def run(self, count: int) -> tuple[int, np.ndarray]:
        """Run up to ``count`` training steps.

        Fewer steps run at the end of the epoch, after `stop`, or when the session's ``interrupted``
        ends a wait for the compiler.

        Returns:
            The number of steps made, and their scalars, float64 of shape (steps, scalars): the
                values from before each step's updates.

        Raises:
            RunError: a step failed. The variables have the values after the previous step, and
                ``step`` is the number of the failed step.
        """
        with self._context.exclusive():
            self._stop = False
            left = self.steps_left
            count = count if left is None else min(count, left)
            parts = [np.zeros((0, len(self._scalars)))]
            done = 0
            try:
                while done < count and not self._stop:
                    try:
                        part = self._chunk(self.chunker.begin(count - done))
                    except Interrupted:
                        break
                    self.chunker.end(len(part))
                    self._context.tier = self.tier
                    parts.append(part)
                    done += len(part)
            finally:
                self._context.steps.update(dict.fromkeys(self._optimizers, self.step))
            return done, np.concatenate(parts)

    def profile(self, count: int) -> dict[str, Any]:
        """Run ``count`` steps, compiled, with every kernel timed. An epoch that ends begins again.

        One step runs before, so that memory has been touched and the timed steps show the steady
        state.

        Returns:
            A trace in Chrome's format: a dict to be written as JSON.

        Raises:
            RunError: a step failed, as in `run`.
        """
        from nodeflow.engine.inspect.profile import Profiler

        if self._other is not None:
            return self._timed(count)
        with self._context.exclusive():
            steps = self._compilation.complete()
            executor = self._make_executor("compiled")
            plan = steps.plan if steps else executor.compile_now().plan
            profiler = Profiler(plan.actions, self._context.team().n)
            for number in range(count + 1):
                if self.steps_left == 0:
                    self.start_epoch(self._order)
                if steps:
                    first, order, _ = self._staged(1)
                    steps.profile(profiler, self.step, first, order)
                else:
                    self._profiled_step(executor, profiler)
                self.step += 1
                if number == 0:
                    profiler.timings.clear()
            return profiler.trace()

    def _timed(self, count: int) -> dict[str, Any]:
        """Measure the time of whole training steps, for a backend that does not give the times of
        kernels. Return the trace.
        """
        seconds = 0.0
        for number in (1, count):
            if self.steps_left == 0:
                self.start_epoch(self._order)
            start = time.perf_counter()
            self.run(number)
            seconds = time.perf_counter() - start
        return whole_run(seconds)

    def explain(self) -> str:
        """Return the optimized plan of a step as text, like `Session.explain`."""
        from nodeflow.engine.inspect.explain import explain

        with self._context.exclusive():
            if self._other is not None:
                return self._load_other().text(self.step)
            steps = self._make_plan()
            if steps:
                return explain(steps.plan)
            executor = self._executor or self._make_executor("reference")
            return explain_run(executor, self._context.without, updating=True)

    def held(self) -> Needs:
        """Return the memory that a step needs if it recomputes nothing.

        This does not make a plan.
        """
        most, node = peak_of(self.schedule, self._types)
        return Needs(most, None if node is None else node.name)

    def needs(self) -> Needs:
        """Plan a training step and return the memory that it needs, without running it."""
        with self._context.exclusive():
            if self._blocked is None and self._wanted != "reference":
                steps = self._compilation.planned()
                if steps is not None:
                    most, node = steps.plan.needs()
                    return Needs(most, None if node is None else node.name)
            return (self._executor or self._make_executor(self._wanted)).needs()

    def _profiled_step(self, executor: AnyExecutor, profiler: Profiler) -> None:
        """Run one training step and measure the time of every kernel. Ops without a kernel run by
        their reference implementations.
        """
        given, stream_of = self._given_to(self.schedule, self._given)
        values = executor.compile_now().run(given, stream_of, profiler=profiler)
        executor.tier = "compiled"
        executor.commit(values, self._context.variables)

    def feed(self, tensor: Tensor, array: np.ndarray) -> None:
        """Change the value of a tensor that is fed to all steps, from the next step on.

        Args:
            array: an array with the tensor's dtype and shape.
        """
        with self._context.exclusive():
            slot = self.schedule.feeds.get(tensor)
            if slot is None:
                return  # no step reads it
            self._given[slot] = array
            self.fixed = {**self.fixed, tensor: array}
            if self._compilation.result is not None:
                self._compilation.result.feed(slot, array)

    # ---- to inspect a step that is not made ---------------------------------------------------

    def look(
        self, tensors: Sequence[Tensor], schedule: Schedule, given: Mapping[int, np.ndarray]
    ) -> StepValues:
        """Return an object that computes tensors in the next training step, as `Session.look`
        describes.

        Args:
            schedule: schedule of the targets and the tensors.
            given: its feeds, without the batch.
        """
        types = self._specialise(schedule, given)
        schedule = replace(schedule, is_mixed=self.schedule.is_mixed)
        schedule, types = rewrite_schedule(schedule, types, self._context.without)
        return StepValues(
            tensors,
            schedule,
            types,
            self._context,
            lambda rewritten: self._given_to(rewritten, {**given, **self._fixed_in(rewritten)}),
            self.step_label,
        )

    def _fixed_in(self, schedule: Schedule) -> dict[int, np.ndarray]:
        """Return the feeds that stay the same in all training steps, by slot, as far as a schedule
        reads them.
        """
        return {s: self.fixed[t] for t, s in schedule.feeds.items() if t in self.fixed}

    def every_value(self, tier: Tier = "reference") -> list[np.ndarray | None]:
        """Compute the next training step, without updating variables. Return the values of all
        slots of ``schedule``, with None for unused slots.

        Args:
            tier: if it is compiled, wait for kernels that keep every value.

        Raises:
            RunError: an op fails in this step.
        """
        with self._context.exclusive():
            given, stream_of = self._given_to(self.schedule, self._given)
            values: list[np.ndarray | None] = [None] * len(self.schedule.slots)
            for slot, array in given.items():
                values[slot] = array
            if tier == "reference":
                interpreter = Interpreter(self.schedule, self._types)
                for step in self.schedule.steps:
                    interpreter.run_step(step, values, stream_of)
                return values
            made = [slot for step in self.schedule.steps for slot in step.outputs]
            whole = replace(self.schedule, fetches=made)
            executor = make_executor(whole, self._types, tier, self._context, updating=True)
            found = executor.run(given, stream_of, None)
            for slot in made:
                values[slot] = np.asarray(found[slot])
            return values

    def order(self) -> list[tuple[Node, ...]]:
        """Return the nodes of the next training step in the order of computation, grouped by the
        kernel that computes them.

        Nodes whose values exist before the step come first.
        """
        compiled = self._compilation.result if self.tier_of_next() != "reference" else None
        if compiled is None or self._other is not None:
            return order_of_step(self.schedule)
        levels = (level for phase in compiled.plan.phases for level in phase.levels)
        groups = (launch.group for launch in all_launches([*levels]))
        return order_of_step(self.schedule, [g.names for g in groups if g is not None])

    def tier_of_next(self) -> Tier:
        """Return the tier of the next step: ``reference`` or ``compiled`` if a record of earlier
        decisions determines it, otherwise the requested tier, such as ``auto``.
        """
        tiers = self._context.tiers
        if self._wanted != "auto" or tiers is None:
            return self._wanted
        since = tiers.since.get(self.label)
        if since is not None:
            return "compiled" if self.step >= since else "reference"
        return "auto"  # separate steps follow the record by their own label

    def is_ready(self) -> bool:
        """Return whether the next step can run without waiting for the compiler. If not, start or
        continue compiling in the background.
        """
        if self._wanted == "reference":
            return True
        with self._context.exclusive():
            self._compilation.poll()
            return not self._compilation.is_pending

    def compile_soon(self) -> None:
        """Plan the steps and compile their kernels in the background, without loading them."""
        if self._wanted != "reference":
            with self._context.exclusive():
                self._compilation.begin()

    def stop(self) -> None:
        """Make a call of `run` in another thread return after the current training step."""
        self._stop = True
        if self._compilation.result is not None:
            self._compilation.result.stop()

    # ---- steps --------------------------------------------------------------------------------

    @property
    def _scalars(self) -> list[int]:
        return [s for s in self.schedule.fetches if s is not None]

    def _chunk(self, count: int) -> np.ndarray:
        """Run up to ``count`` training steps, at least one, all compiled or all by reference.
        Return the recorded scalars.
        """
        tiers = self._context.tiers
        if tiers is not None:
            tiers.step = self.step
        compiled = self._compiled_steps()
        if compiled is None:
            if tiers is not None:
                count = min(count, tiers.steps_by_reference(self.label) or count)
            rows = [self._step_by_executor()]
            while len(rows) < count and not self._stop:
                rows.append(self._step_by_executor())
            return np.concatenate(rows)
        if self.compiled_since is None:
            self.compiled_since = self.step
        self.tier = "compiled"
        first, order, count = self._staged(count)
        try:
            scalars = compiled.run(self.step, count, first, order)
        finally:
            self.step += compiled.steps_done
        return scalars

    def _staged(self, count: int) -> tuple[int, np.ndarray, int]:
        """Return the row numbers for the next steps: the first step that they are for, the row
        numbers in order, and the number of steps whose rows are already in memory.
        """
        if self._staging is None:
            return self._first, self._order, count
        if not self._is_staged:
            self._staging.begin(self._order)
            self._is_staged = True
        order, count = self._staging.ready(self.step - self._first, count)
        return self.step, order, count

    def _step_by_executor(self) -> np.ndarray:
        """Run one training step outside of the compiled loop of steps: with the ops' reference
        implementations, or with kernels where ops have them. Return the recorded scalars.
        """
        if self._executor is None:
            # A separate step is worth compiling only if the loop as a whole cannot be compiled.
            wanted = self._wanted if self._compilation.unavailable else "reference"
            self._executor = self._make_executor(wanted)
        executor = self._executor
        given, stream_of = self._given_to(self.schedule, self._given)
        start = time.perf_counter()
        values = executor.run(given, stream_of, None)
        self._seconds = time.perf_counter() - start
        row = np.array([[float(values[s]) for s in self._scalars]], np.float64)  # type: ignore[arg-type]
        executor.commit(values, self._context.variables)
        self.tier = executor.tier
        self.step += 1
        return row.reshape(1, len(self._scalars))

    def _in_blocks(self) -> BlockedExecutor | None:
        """Return an executor that computes a training step in blocks of rows, to keep to the memory
        limit. Return None if that is not needed or not possible.

        The division into blocks is the same for every limit, so that another limit does not change
        the bits of results.
        """
        if self._context.memory is None or not all(t.is_static for t in self._types):
            return None
        return in_blocks(
            self.schedule, self._types, self._wanted, self._context, updating=True,
            label=self.step_label,
        )  # fmt: skip

    def _make_executor(self, wanted: Tier) -> AnyExecutor:
        return make_executor(
            self.schedule, self._types, wanted, self._context, updating=True, label=self.step_label
        )

    def _given_to(
        self, schedule: Schedule, given: Mapping[int, np.ndarray]
    ) -> tuple[dict[int, np.ndarray], StreamOf]:
        """Return the inputs of a schedule for the current training step, by slot, and the random
        streams of its nodes.

        The inputs are the rows of the batch, the other feeds, and the values of variables.
        """
        if self._context.tiers is not None:
            self._context.tiers.step = self.step
        start = (self.step - self._first) * self.batch_size
        which = self._order[start : start + self.batch_size]
        found = {
            schedule.feeds[t]: c.rows(which) for t, c in self.columns.items() if t in schedule.feeds
        }
        found.update(given)
        variables = self._context.variables
        found.update({slot: variables.read(v) for v, slot in schedule.reads.items()})
        return found, self._context.stream_of("", self.step)

    # ---- getting compiled ---------------------------------------------------------------------

    def _compiled_steps(self) -> CompiledSteps | None:
        """Return the compiled training loop if the wanted tier allows it and it is compiled; else
        None.
        """
        if self._wanted == "reference":
            return None
        if self._wanted == "compiled":
            return self._complete()
        if self._context.tiers is not None:
            return self._context.tiers.decide(self.label, self._when_it_pays, self._complete)
        return self._when_it_pays()

    def _complete(self) -> CompiledSteps | None:
        return self._compilation.complete(self._context.interrupted)

    def _when_it_pays(self) -> CompiledSteps | None:
        """Return the compiled loop if it is ready, or if waiting for it saves time."""
        compiled = None
        if ahead := self.ahead:
            compiled = self._compilation.waited_if_it_pays(
                lambda steps: self._gain(steps.plan, ahead), self._context.interrupted
            )
        return compiled or self._compilation.poll()

    def _gain(self, plan: Plan, ahead: int) -> float:
        from nodeflow.engine.plan.reference_time import gain

        return gain(plan, ahead, self._seconds)

    def _make_plan(self) -> StepPlan | None:
        from nodeflow.engine.ir.plan import is_concrete
        from nodeflow.engine.plan.within_limit import plan_within
        from nodeflow.engine.runtime.compiled_steps import plan_steps

        if self._blocked is not None or not is_concrete(self._types):
            return None
        without, limit = self._context.without, self._context.memory
        columns = self._staging.columns if self._staging else self.columns

        def make(schedule: Schedule, types: Sequence[TensorType]) -> StepPlan | None:
            return plan_steps(schedule, types, columns, self.batch_size, without)

        def needs(steps: StepPlan | None) -> int:
            return 0 if steps is None else steps.plan.needs()[0]

        steps = plan_within(
            limit, self.schedule, self._types, make, lambda steps: steps and steps.plan
        )
        if steps is not None and limit is not None and needs(steps) > limit:
            raise over_limit(needs(steps), limit, steps.plan.needs()[1])
        return steps

    def _kernels(self, steps: StepPlan) -> dict[str, tuple[str, ...]]:
        from nodeflow.engine.runtime.launch_table import kernels_of

        return kernels_of(steps.levels)

    def _load(self, steps: StepPlan) -> CompiledSteps:
        from nodeflow.engine.runtime.compiled_steps import CompiledSteps

        return CompiledSteps(steps, self._context, self._given)

    def _load_other(self) -> BackendSteps:
        """Return the training loop of another backend."""
        assert self._other is not None
        columns = {t: c for t, c in self.columns.items() if t in self.schedule.feeds}
        return self._other.steps(
            self.schedule, self._types, columns, self.batch_size, self._context, self._given
        )

    def _specialise(self, schedule: Schedule, given: Mapping[int, np.ndarray]) -> list[TensorType]:
        """Return the types of all slots of a step."""
        types: dict[int, TensorType] = {s: type_of_array(a) for s, a in given.items()}
        for tensor, column in self.columns.items():
            if not tensor.type.accepts(
                column.type.with_shape((self.batch_size, *column.type.shape[1:]))
            ):
                shape = shape_text((self.batch_size, *column.type.shape[1:]))
                raise FeedError(
                    f"expected {tensor.type}, but the batches are {column.dtype} {shape}",
                    node=tensor.node.name,
                    hint="Change the placeholder, or the column's scaling and encoding.",
                )
            if tensor in schedule.feeds:
                types[schedule.feeds[tensor]] = column.type.with_shape(
                    (self.batch_size, *column.type.shape[1:])
                )
        return schedule.specialise(types)

    def _check_scalar(self, types: Sequence[TensorType], slot: int) -> None:
        """Raise a FetchError if a scalar to record does not have exactly one element."""
        if types[slot].size != 1:
            raise FetchError(
                f"{self.schedule.slots[slot].name} is {types[slot]}, not one number a step",
                node=self.schedule.slots[slot].node.name,
            )
