"""Runs one schedule in the best available tier: in the reference tier until the compiled plan
is ready.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from nodeflow.engine.interpreter import Interpreter, StreamOf, Values
from nodeflow.engine.memory import Needs
from nodeflow.engine.runtime.context import RanTier, RunContext, Tier
from nodeflow.engine.schedule.schedule import Schedule
from nodeflow.engine.variables import Variables
from nodeflow.engine.waiting import Interrupted, never
from nodeflow.errors import Cancelled, RunError, SurfaceText
from nodeflow.graph.graph import Node
from nodeflow.graph.types import TensorType
from nodeflow.number_text import bytes_text

if TYPE_CHECKING:
    from nodeflow.engine.plan.plan import Plan
    from nodeflow.engine.runtime.compiled_plan import CompiledPlan

WARM_RUNS = 1
"""Runs of a plan after which ``auto`` compiles it. For a single run, compiling takes longer
than it saves.
"""


class Executor:
    """An executor of one schedule with concrete types.

    Args:
        label: its name in a record of tiers.
        held: further bytes that the run keeps in memory; they count towards the memory limit.

    Attributes:
        tier: the tier of the last run.
        interpreter: the reference tier.
    """

    def __init__(
        self,
        schedule: Schedule,
        types: Sequence[TensorType],
        wanted: Tier,
        context: RunContext,
        *,
        updating: bool = False,
        label: str = "",
        held: int = 0,
    ) -> None:
        self.schedule = schedule
        self.types = types
        self.tier: RanTier = "reference"
        self._label = label
        self._wanted = wanted
        self._context = context
        self._held = held
        self.interpreter = self._reference()
        self._updating = updating
        self._runs = 0
        self._seconds = 0.0
        self._compilation = context.compilation(self._make_plan, self._kernels, self._load)

    def run(
        self,
        given: Mapping[int, np.ndarray],
        stream_of: StreamOf,
        cancel: threading.Event | None,
        *,
        keep_tier: bool = False,
    ) -> Values:
        """Compute the schedule, like `Interpreter.run`. The next run may overwrite the arrays (see
        `results`).

        Args:
            keep_tier: use the tier of the last run, even if compiled kernels are ready by now.

        Raises:
            RunError: an op failed, or the values exceed the memory limit; the error names the node.
            Cancelled: ``cancel`` was set, or the session's ``interrupted`` ended a wait for the
                compiler.
        """
        compiled = self.compiled_last() if keep_tier else self._ready(cancel)
        self._check_limit(compiled)
        self._runs += 1
        self.tier = "reference" if compiled is None else "compiled"
        if compiled is not None:
            return compiled.run(given, stream_of, cancel)
        start = time.perf_counter()
        values = self.interpreter.run(given, stream_of, cancel)
        self._seconds = time.perf_counter() - start
        return values

    def results(self, values: Values, lent: Collection[int] = ()) -> list[Any]:
        """Return the last run's result for each fetch: an array, a scalar for rank 0, or else None.

        The caller owns the arrays. None stands for a node without outputs.

        Args:
            lent: slots whose arrays are returned without a copy, because the caller does not change
                them.
        """
        compiled = self.compiled_last()
        if compiled is not None:
            return compiled.take(values, lent)  # type: ignore[arg-type]
        results: list[Any] = []
        for slot in self.schedule.fetches:
            value = None if slot is None else values[slot]
            if value is not None and slot not in lent:
                value = np.array(value, order="C", copy=True) if value.ndim else value[()]
            results.append(value)
        return results

    def compile_now(self) -> CompiledPlan:
        """Compile the plan in any tier, wait for it, and return it.

        Raises:
            RunError: shapes are not known.
            KernelError: a kernel cannot be compiled.
        """
        compiled = self._compilation.complete()
        if compiled is None:
            raise RunError("nothing can be compiled while shapes are unknown")
        return compiled

    def compiled_last(self) -> CompiledPlan | None:
        """Return the compiled plan if the last run used it, else None."""
        return self._compilation.result if self.tier == "compiled" else None

    def needs(self) -> Needs:
        """Return the peak memory that a run needs in the requested tier. For a compiled run, this
        makes the plan.
        """
        plan = None if self._wanted == "reference" else self._compilation.planned()
        most, node = self.interpreter.peak() if plan is None else plan.needs()
        return Needs(most + self._held, None if node is None else node.name)

    @property
    def _left(self) -> int | None:
        """The bytes left below the memory limit; None without a limit."""
        limit = self._context.memory
        return None if limit is None else max(0, limit - self._held)

    def _check_limit(self, compiled: CompiledPlan | None) -> None:
        limit = self._context.memory
        if limit is None:
            return
        needed, node = self.interpreter.peak() if compiled is None else compiled.plan.needs()
        if needed + self._held > limit:
            raise over_limit(needed + self._held, limit, node)

    def let_go(self, given: Iterable[int]) -> None:
        """Release the input arrays of the last run."""
        if self._compilation.result is not None:
            self._compilation.result.let_go(given)

    def is_ready(self) -> bool:
        """Return whether the next run can use compiled kernels without waiting for the compiler. If
        not, start or continue compiling in the background.
        """
        self._compilation.poll()
        return not self._compilation.is_pending

    def stop(self) -> None:
        """Make a compiled run that is in progress in another thread end soon."""
        if self._compilation.result is not None:
            self._compilation.result.stop()

    def commit(self, values: Values, variables: Variables) -> None:
        """Store in the variables the values that the last run assigned.

        If kernels wrote a value into a separate array, exchange it with the variable's array; copy
        other values.
        """
        if not self.schedule.writes:
            return
        compiled = self._compilation.result if self.tier == "compiled" else None
        direct = {} if compiled is None else compiled.shadows
        inplace = {} if compiled is None else compiled.plan.home
        others = self.schedule.writes if len(direct) < len(self.schedule.writes) else {}
        for variable, slot in others.items():
            if variable in inplace:
                variables.note_change()
            elif variable not in direct:
                value = values[slot]
                assert value is not None
                variables.put(variable, value)
        if compiled is not None and direct:
            compiled.take_shadows(variables.exchange_all(direct))

    # ---- getting compiled ---------------------------------------------------------------------

    def _ready(self, cancel: threading.Event | None) -> CompiledPlan | None:
        """Return the compiled plan if the run should use compiled kernels, else None. Wait for the
        compiler if the wanted tier requires it or waiting saves time.
        """
        if self._wanted == "reference":
            return None
        tiers = self._context.tiers
        is_left = never if cancel is None else partial(self._is_left, cancel)
        complete = partial(self._compilation.complete, is_left)
        when_warm = partial(self._when_warm, is_left)
        try:
            if self._wanted == "auto" and tiers is not None:
                return tiers.decide(self._label, when_warm, complete)
            if self._compilation.result is not None:
                return self._compilation.result
            return complete() if self._wanted == "compiled" else when_warm()
        except Interrupted:
            raise Cancelled("the run was stopped") from None

    def _is_left(self, cancel: threading.Event) -> bool:
        return cancel.is_set() or self._context.interrupted()

    def _when_warm(self, is_left: Callable[[], bool]) -> CompiledPlan | None:
        ahead = self._context.ahead
        if ahead is None:
            return None if self._runs < WARM_RUNS else self._compilation.poll()
        compiled = self._compilation.waited_if_it_pays(
            lambda plan: self._gain(plan, ahead), is_left
        )
        if compiled is not None:
            return compiled
        begins = ahead > 1 or not self._compilation.is_idle
        return self._compilation.poll() if begins else None

    def _gain(self, plan: Plan, ahead: int) -> float:
        from nodeflow.engine.plan.reference_time import gain

        return gain(plan, ahead, self._seconds)

    def _reference(self) -> Interpreter:
        """Return an interpreter that runs the schedule with the ops' reference implementations. It
        recomputes values if the memory limit requires it.
        """
        schedule, types = self.schedule, self.types
        if self._left is not None:
            from nodeflow.engine.plan.within_limit import schedule_within

            schedule, types = schedule_within(self._left, schedule, types)
        return Interpreter(schedule, types, self._context.executions)

    def _make_plan(self) -> Plan | None:
        from nodeflow.engine.ir.plan import is_concrete
        from nodeflow.engine.plan.plan import make_plan
        from nodeflow.engine.plan.within_limit import plan_within

        if not is_concrete(self.types):
            return None
        make = partial(make_plan, without=self._context.without, updating=self._updating)
        return plan_within(self._left, self.schedule, self.types, make, lambda plan: plan)

    def _kernels(self, plan: Plan) -> dict[str, tuple[str, ...]]:
        from nodeflow.engine.runtime.launch_table import kernels_of

        return kernels_of(level for phase in plan.phases for level in phase.levels)

    def _load(self, plan: Plan) -> CompiledPlan:
        from nodeflow.engine.runtime.compiled_plan import CompiledPlan

        return CompiledPlan(plan, self._context.arena, self._context.team())


def over_limit(needed: int, limit: int, node: Node | None) -> RunError:
    """Return the error for a run whose values exceed its memory limit.

    Args:
        node: the node that needs most memory.
    """
    return RunError(
        f"its values take {bytes_text(needed)} at a time, and the limit is {bytes_text(limit)}",
        node=None if node is None else node.name,
        hint=SurfaceText(
            "This node takes most of it; allow more memory, or make batches or shapes smaller.",
            window="This node takes most of it; raise the limit in the settings, or make batches "
            "or shapes smaller.",
            cli="This node takes most of it; give a larger --memory, or make batches or shapes "
            "smaller.",
        ),
    )
