"""Which tier runs a plan: the reference at once, the compiled one as soon as its kernels exist."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from nodeflow.engine.arena import Arena
from nodeflow.engine.interpreter import Interpreter, StreamOf, Values
from nodeflow.engine.schedule.schedule import Schedule
from nodeflow.engine.variables import Variables
from nodeflow.errors import RunError
from nodeflow.graph.types import TensorType

if TYPE_CHECKING:
    from nodeflow.engine.compiler.background import Job
    from nodeflow.engine.runtime.compiled_plan import CompiledPlan

Tier = Literal["auto", "reference", "compiled"]
RanTier = Literal["reference", "compiled"]

WARM_RUNS = 1
"""Runs of one plan after which ``auto`` compiles it: what runs once is not worth it."""


class Executor:
    """Runs one schedule with concrete types in the best tier there is.

    Attributes:
        tier: the tier of the last run.
        interpreter: the reference tier.
    """

    def __init__(
        self,
        schedule: Schedule,
        types: Sequence[TensorType],
        wanted: Tier,
        arena: Arena,
        threads: int | None,
        executions: Counter[str] | None = None,
        without: frozenset[str] = frozenset(),
    ) -> None:
        self.schedule = schedule
        self.types = types
        self.tier: RanTier = "reference"
        self.interpreter = Interpreter(schedule, types, executions)
        self._wanted = wanted
        self._arena = arena
        self._threads = threads
        self._without = without
        self._runs = 0
        self._job: Job | None = None
        self._given_up = wanted == "reference"
        self._compiled: CompiledPlan | None = None

    def run(
        self,
        given: Mapping[int, np.ndarray],
        stream_of: StreamOf,
        cancel: threading.Event | None,
    ) -> Values:
        """As `Interpreter.run`; the arrays may be overwritten by the next run (see `results`)."""
        compiled = self._ready()
        self._runs += 1
        self.tier = "reference" if compiled is None else "compiled"
        return (compiled or self.interpreter).run(given, stream_of, cancel)

    def results(self, values: Values) -> list[Any]:
        """What the last run's caller gets for each fetch: arrays of its own, a scalar for rank 0,
        None for a node without outputs."""
        compiled = self._compiled if self.tier == "compiled" else None
        own = set() if compiled is None else set(compiled.results)

        def result(slot: int | None) -> Any:
            value = None if slot is None else values[slot]
            if slot is None or value is None:
                return None
            if value.ndim == 0:
                return value[()]
            root = slot if compiled is None else compiled.actions.storage[slot]
            if root in own:
                own.remove(root)  # whoever fetches it again gets a copy
                return value
            return np.array(value, order="C", copy=True)

        return [result(slot) for slot in self.schedule.fetches]

    def compile_now(self) -> CompiledPlan:
        """The compiled plan, waiting for it whatever tier is wanted.

        Raises:
            RunError: shapes are not known.
        """
        if self._compiled is None:
            self._wanted, self._job, self._given_up = "compiled", None, False
            self._begin()
        if self._compiled is None:
            raise RunError("nothing can be compiled while shapes are unknown")
        return self._compiled

    def stop(self) -> None:
        """End a compiled run that is going on, soon."""
        if self._compiled is not None:
            self._compiled.stop()

    def commit(self, values: Values, variables: Variables) -> None:
        """Store what the last run assigned. Arrays that kernels wrote change places with the old
        ones, the others are copied."""
        direct = {}
        if self.tier == "compiled" and self._compiled is not None:
            direct = dict(self._compiled.shadows)
        for variable, slot in self.schedule.writes.items():
            value = values[slot]
            assert value is not None
            if variable not in direct:
                variables.put(variable, value)
        for variable, array in direct.items():
            assert self._compiled is not None
            old = variables.exchange(variable, array)
            if old is None or old.shape != array.shape:
                old = np.empty_like(array)
            self._compiled.replace_shadow(variable, old)

    # ---- getting compiled ---------------------------------------------------------------------

    def _ready(self) -> CompiledPlan | None:
        """The compiled plan, if it is wanted and can be had now."""
        if self._compiled is not None or self._given_up:
            return self._compiled
        if self._wanted == "auto" and self._runs < WARM_RUNS:
            return None
        return self._from_job() if self._job is not None else self._begin()

    def _begin(self) -> CompiledPlan | None:
        from nodeflow.engine.compiler import background
        from nodeflow.engine.ir.plan import is_concrete
        from nodeflow.engine.plan.plan import make_plan
        from nodeflow.engine.runtime.program import base_sources

        if not is_concrete(self.types):
            self._given_up = True
            return None
        self._plan = make_plan(self.schedule, self.types, self._without)
        sources = self._plan.sources()
        if self._wanted == "compiled":
            background.compile_all(sources)
            return self._load()
        if background.all_cached(sources):
            return self._load()
        self._job = background.background().submit([*base_sources(), *sources])
        return None

    def _from_job(self) -> CompiledPlan | None:
        assert self._job is not None
        if not self._job.done:
            return None
        if self._job.error is not None:
            self._given_up = True
            return None
        return self._load()

    def _load(self) -> CompiledPlan:
        from nodeflow.engine.runtime.compiled_plan import CompiledPlan
        from nodeflow.engine.runtime.thread_pool import default_threads, shared_team

        team = shared_team(self._threads or default_threads())
        self._compiled = CompiledPlan(self._plan, self._arena, team)
        return self._compiled

    @property
    def compile_error(self) -> str | None:
        """Why compiling in the background failed, if it did."""
        return self._job.error if self._job is not None and self._job.done else None
