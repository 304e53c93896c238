"""Many steps of training without coming back to Python in between.

A stepper runs targets (an optimizer) on batch after batch of data set columns. In the compiled tier
the whole loop is inside the driver: rows are gathered, forward and backward passes run, variables
are updated in place, and the scalars of each step go into a ring. The reference tier does the same
step by step. A step that fails changes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from nodeflow.engine.columns import Column
from nodeflow.engine.executor import Executor, RanTier, Tier
from nodeflow.engine.plan.batch_input import contiguous
from nodeflow.engine.plan.passes import rewrite_schedule
from nodeflow.engine.schedule.schedule import Schedule
from nodeflow.errors import DataError, FeedError, FetchError
from nodeflow.graph.graph import Tensor
from nodeflow.graph.types import TensorType, shape_text, type_of_array

if TYPE_CHECKING:
    from nodeflow.engine.compiler.background import Job
    from nodeflow.engine.inspect.profile import Profiler
    from nodeflow.engine.runtime.compiled_steps import DrivenSteps, StepPlan
    from nodeflow.engine.session import Session

CHUNK_SECONDS = 0.03
"""How long the driver runs before Python looks for Ctrl-C and the stop flag."""


class Stepper:
    """Made by `Session.stepper`.

    Attributes:
        step: number of the next step; random ops draw by it.
        tier: the tier of the last step.
        compiled_since: number of the first step that ran compiled, or None.
    """

    def __init__(
        self,
        session: Session,
        schedule: Schedule,
        columns: Mapping[Tensor, Column],
        batch_size: int,
        given: Mapping[int, np.ndarray],
        wanted: Tier,
        first_step: int,
    ) -> None:
        self.session = session
        self.schedule = schedule
        self.columns = {t: contiguous(c) for t, c in columns.items()}
        self.batch_size = batch_size
        self.step = first_step
        self.tier: RanTier = "reference"
        self.compiled_since: int | None = None
        self._given = dict(given)
        without = session.without
        self.schedule, self._types = rewrite_schedule(schedule, self._specialise(), without)
        self._wanted: Tier = wanted
        self._order = np.zeros(0, np.int64)
        self._first = first_step
        self._driven: DrivenSteps | None = None
        self._executor: Executor | None = None
        self._job: Job | None = None
        self._plan: StepPlan | None = None
        self._hopeless = wanted == "reference"
        self._stop = False

    # ---- for the training loop ----------------------------------------------------------------

    def start_epoch(self, order: np.ndarray) -> None:
        """Begin again with the rows in this order; a last partial batch is dropped.

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
        self._first = self.step

    @property
    def steps_left(self) -> int | None:
        """Whole batches left in this epoch; None without columns, where there is no end."""
        if not self.columns:
            return None
        return len(self._order) // self.batch_size - (self.step - self._first)

    def drive(self, count: int) -> tuple[int, np.ndarray]:
        """Run up to ``count`` steps, fewer at the end of the epoch or after `stop`.

        Returns:
            How many steps ran, and their scalars, float64 of shape (steps, scalars): the values
            from before each step's updates.

        Raises:
            RunError: a step failed. The variables are what the step before it left, and ``step``
                is the number of the one that failed.
        """
        with self.session.exclusive():
            self._stop = False
            left = self.steps_left
            count = count if left is None else min(count, left)
            parts = [np.zeros((0, len(self._scalars)))]
            done = 0
            size = 1
            while done < count and not self._stop:
                started = time.perf_counter()
                part = self._some_steps(min(size, count - done))
                self.session.note_tier(self.tier)
                parts.append(part)
                done += len(part)
                took = time.perf_counter() - started
                size = max(1, min(4 * size, int(len(part) * CHUNK_SECONDS / max(took, 1e-6))))
            return done, np.concatenate(parts)

    def profile(self, count: int) -> dict[str, Any]:
        """Run ``count`` steps, compiled, with every kernel timed; at its end an epoch begins again.

        One more runs first, so that memory has been touched and the others show the steady state.

        Returns:
            A trace in Chrome's format: a dict to be written as JSON.

        Raises:
            RunError: a step failed, as in `drive`.
        """
        from nodeflow.engine.inspect.profile import Profiler

        with self.session.exclusive():
            self._wanted, self._hopeless, self._job = "compiled", False, None
            driven = self._ready()
            executor = self.session.make_executor(self.schedule, self._types, "compiled")
            plan = driven.plan if driven else executor.compile_now().plan
            profiler = Profiler(plan.actions, self.session.team().n)
            for number in range(count + 1):
                if self.steps_left == 0:
                    self.start_epoch(self._order)
                if driven:
                    driven.profile(profiler, self.step, self._first, self._order)
                else:
                    self._profiled_step(executor, profiler)
                self.step += 1
                if number == 0:
                    profiler.timings.clear()
            return profiler.trace()

    def explain(self) -> str:
        """The optimised plan of a step as text, as `Session.explain`."""
        from nodeflow.engine.inspect.explain import explain
        from nodeflow.engine.plan.plan import make_plan
        from nodeflow.engine.runtime.compiled_steps import plan_steps

        with self.session.exclusive():
            without = self.session.without
            steps = plan_steps(self.schedule, self._types, self.columns, self.batch_size, without)
            return explain(steps.plan if steps else make_plan(self.schedule, self._types, without))

    def _profiled_step(self, executor: Executor, profiler: Profiler) -> None:
        """A step of kernels with references between."""
        given = {**self._batch(), **self._given, **self._read_variables()}
        stream_of = self.session.stream_of("", self.step)
        values = executor.compile_now().run(given, stream_of, profiler=profiler)
        executor.tier = "compiled"
        executor.commit(values, self.session.variables)

    def stop(self) -> None:
        """Make a `drive` that is going on in another thread return after its current step."""
        self._stop = True
        if self._driven is not None:
            self._driven.stop()

    # ---- steps --------------------------------------------------------------------------------

    @property
    def _scalars(self) -> list[int]:
        return [s for s in self.schedule.fetches if s is not None]

    def _some_steps(self, count: int) -> np.ndarray:
        driven = self._ready()
        if driven is None:
            return self._reference_step()
        if self.compiled_since is None:
            self.compiled_since = self.step
        self.tier = "compiled"
        try:
            rows = driven.drive(self.step, count, self._first, self._order)
        except Exception:
            self.step += driven.steps_done
            raise
        self.step += len(rows)
        return rows

    def _reference_step(self) -> np.ndarray:
        """One step through the executor: the reference tier, or kernels with references between."""
        if self._executor is None:
            wanted: Tier = "compiled" if self._wanted == "compiled" else self._fallback()
            self._executor = self.session.make_executor(self.schedule, self._types, wanted)
        executor = self._executor
        given = {**self._batch(), **self._given, **self._read_variables()}
        stream_of = self.session.stream_of("", self.step)
        values = executor.run(given, stream_of, None)
        row = np.array([[float(values[s]) for s in self._scalars]], np.float64)  # type: ignore[arg-type]
        executor.commit(values, self.session.variables)
        self.tier = executor.tier
        self.step += 1
        return row.reshape(1, len(self._scalars))

    def _fallback(self) -> Tier:
        """While the driven loop is being compiled nothing else is worth compiling."""
        return self._wanted if self._hopeless else "reference"

    def _batch(self) -> dict[int, np.ndarray]:
        """The batch of the current step, by slot."""
        start = (self.step - self._first) * self.batch_size
        which = self._order[start : start + self.batch_size]
        return {
            self.schedule.feeds[t]: c.rows(which)
            for t, c in self.columns.items()
            if t in self.schedule.feeds
        }

    def _read_variables(self) -> dict[int, np.ndarray]:
        variables = self.session.variables
        return {slot: variables.read(v) for v, slot in self.schedule.reads.items()}

    # ---- getting compiled ---------------------------------------------------------------------

    def _ready(self) -> DrivenSteps | None:
        if self._driven is not None or self._hopeless:
            return self._driven
        if self._job is not None:
            if not self._job.done:
                return None
            self._hopeless = self._job.error is not None
            return None if self._hopeless else self._load()
        return self._begin()

    def _begin(self) -> DrivenSteps | None:
        from nodeflow.engine.compiler import background
        from nodeflow.engine.runtime.compiled_steps import plan_steps
        from nodeflow.engine.runtime.program import base_sources

        self._plan = plan_steps(
            self.schedule, self._types, self.columns, self.batch_size, self.session.without
        )
        if self._plan is None:
            self._hopeless = True
            self._executor = None
            return None
        sources = self._plan.sources()
        if self._wanted == "compiled":
            background.compile_all(sources)
            return self._load()
        if background.all_cached(sources):
            return self._load()
        self._job = background.background().submit([*base_sources(), *sources])
        return None

    def _load(self) -> DrivenSteps:
        from nodeflow.engine.runtime.compiled_steps import DrivenSteps

        assert self._plan is not None
        self._driven = DrivenSteps(self._plan, self.session, self._given)
        return self._driven

    def _specialise(self) -> list[TensorType]:
        """Types of all slots; scalars must have one element each."""
        types: dict[int, TensorType] = {s: type_of_array(a) for s, a in self._given.items()}
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
            if tensor in self.schedule.feeds:
                types[self.schedule.feeds[tensor]] = column.type.with_shape(
                    (self.batch_size, *column.type.shape[1:])
                )
        concrete = self.schedule.specialise(types)
        for slot in self._scalars:
            if concrete[slot].size != 1:
                raise FetchError(
                    f"{self.schedule.slots[slot].name} is {concrete[slot]}, not one number a step",
                    node=self.schedule.slots[slot].node.name,
                )
        return concrete
