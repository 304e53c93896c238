"""Parts of a schedule as separate schedules, and the base class of executors that run parts.

Values are in single-assignment form, so a part gets values from other parts as feeds, and
provides values as fetches. Assigned values are stored after every part has succeeded.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

import numpy as np

from nodeflow.engine.interpreter import (
    Interpreter,
    StreamOf,
    Values,
    call_reference,
    check_values,
)
from nodeflow.engine.runtime.addresses import STAYS, address_of
from nodeflow.engine.runtime.context import RanTier, RunContext
from nodeflow.engine.schedule.schedule import Schedule, Step
from nodeflow.engine.variables import Variables
from nodeflow.graph.types import TensorType

if TYPE_CHECKING:
    from nodeflow.engine.runtime.compiled_plan import CompiledPlan


@dataclass(frozen=True)
class Part:
    """Some steps of a schedule as a separate schedule.

    Attributes:
        given: for each input slot of the part, the slot in the whole schedule.
        made: slots of the whole schedule that the part computes for others, in the order of its
            fetches.
    """

    schedule: Schedule
    given: Mapping[int, int]
    made: Sequence[int]
    types: list[TensorType]


def part_of(
    whole: Schedule, types: Sequence[TensorType], steps: Sequence[Step], wanted: Iterable[int]
) -> Part:
    """Return the given steps as a schedule of their own. Its feeds are the values that the steps
    read from outside, and its fetches are the ``wanted`` slots that the steps compute.
    """
    number: dict[int, int] = {}
    for step in steps:
        for slot in (*step.inputs, *step.outputs):
            number.setdefault(slot, len(number))
    own = {slot for step in steps for slot in step.outputs}
    made = [slot for slot in dict.fromkeys(wanted) if slot in own]
    inner = Schedule(
        slots=[whole.slots[slot] for slot in number],
        steps=[
            Step(s.node, tuple(number[i] for i in s.inputs), tuple(number[o] for o in s.outputs))
            for s in steps
        ],
        feeds={whole.slots[slot]: n for slot, n in number.items() if slot not in own},
        fetches=[number[slot] for slot in made],
        rewritten=whole.rewritten,
    )
    given = {n: slot for slot, n in number.items() if slot not in own}
    return Part(inner, given, made, [types[slot] for slot in number])


def ends_of(schedule: Schedule) -> list[int]:
    """Return the slots that are fetched or assigned."""
    return [s for s in (*schedule.fetches, *schedule.writes.values()) if s is not None]


ExplainPart = Callable[[Schedule, Sequence[TensorType]], str]
"""A function that returns the plan of a part as text."""


class RunsPart(Protocol):
    """An executor of a part: an `Executor`, or an executor that itself runs parts."""

    @property
    def tier(self) -> RanTier: ...

    def run(
        self,
        given: Mapping[int, np.ndarray],
        stream_of: StreamOf,
        cancel: threading.Event | None,
    ) -> Values: ...

    def results(self, values: Values, lent: Collection[int] = ()) -> list[Any]: ...

    def stop(self) -> None: ...


class PartsExecutor:
    """The base class of executors that run a schedule in parts, with the interface of `Executor`.

    Attributes:
        tier: compiled if any part of the last run was compiled.
    """

    def __init__(
        self, schedule: Schedule, types: Sequence[TensorType], context: RunContext
    ) -> None:
        self.schedule = schedule
        self.types = types
        self.tier: RanTier = "reference"
        self._context = context
        self._running: RunsPart | None = None
        self._callers = frozenset(ends_of(schedule))

    def _note_tiers(self, *tiers: RanTier | None) -> None:
        """Set the tier of the whole run from the tiers of its parts: ``compiled`` if any part ran
        compiled kernels, else ``reference``.
        """
        self.tier = "compiled" if "compiled" in tiers else "reference"

    @property
    def interpreter(self) -> Interpreter:
        """The reference tier of the whole schedule."""
        return Interpreter(self.schedule, self.types, self._context.executions)

    def compile_now(self) -> CompiledPlan:
        """Raise a RunError, because this schedule is planned in parts, and no plan covers all of
        it.

        Raises:
            RunError: always; the error says why.
        """
        self.refuse_plan()

    def refuse_plan(self) -> NoReturn:
        """Raise a RunError with the reason why no plan covers the whole schedule."""
        raise NotImplementedError

    def results(self, values: Values, lent: Collection[int] = ()) -> list[Any]:
        """Return the result for each fetch, like `Executor.results`."""
        given = {*self.schedule.feeds.values(), *self.schedule.reads.values()}

        def result(slot: int | None) -> Any:
            value = None if slot is None else values[slot]
            if slot is None or value is None:
                return None
            if slot in lent:
                return value
            if value.ndim == 0:
                return value[()]
            if slot not in given and slot not in self.schedule.writes.values():
                given.add(slot)  # another fetch of it gets a copy
                return value
            return np.array(value, order="C", copy=True)

        return [result(slot) for slot in self.schedule.fetches]

    def commit(self, values: Values, variables: Variables) -> None:
        """Store the variables that the last run assigned."""
        for variable, slot in self.schedule.writes.items():
            value = values[slot]
            assert value is not None
            variables.put(variable, value)

    def stop(self) -> None:
        """Make a compiled run that is in progress in another thread end soon."""
        if self._running is not None:
            self._running.stop()

    def _run_part(
        self,
        part: Part,
        executor: RunsPart,
        values: dict[int, np.ndarray],
        stream_of: StreamOf,
        cancel: threading.Event | None,
    ) -> RanTier | None:
        """Compute a part of the schedule and add its results to ``values``.

        Return the tier of the part, reference or compiled; None if the part has no steps.
        """
        if not part.schedule.steps:
            return None
        self._running = executor
        try:
            inner = {n: values[slot] for n, slot in part.given.items()}
            made = executor.run(inner, stream_of, cancel)
            found = executor.results(made, self._lent(part, inner, made))
        finally:
            self._running = None
        values.update((s, np.asarray(a)) for s, a in zip(part.made, found, strict=True))
        return executor.tier

    def _lent(self, part: Part, inner: Mapping[int, np.ndarray], made: Values) -> set[int]:
        """Return those fetches of a part of a schedule that are large inputs passed on unchanged,
        such as a reshaped feed.

        No part writes to these arrays. Only the caller of the whole run might, so only values for
        the caller are copied.
        """
        given = {address_of(a): a.nbytes for a in inner.values() if a.nbytes > STAYS}
        return {
            n
            for n, slot in zip(part.schedule.fetches, part.made, strict=True)
            if n is not None
            and slot not in self._callers
            and isinstance(value := made[n], np.ndarray)
            and value.nbytes > STAYS
            and given.get(address_of(value)) == value.nbytes
        }

    def _run_step(
        self,
        step: Step,
        inputs: Sequence[np.ndarray],
        values: dict[int, np.ndarray],
        stream_of: StreamOf,
    ) -> None:
        """Run one step by the reference implementation of its op, and add the step's outputs to
        ``values``.
        """
        self._context.executions[step.node.name] += 1
        outs = call_reference(step.node, inputs, stream_of)
        check_values(step.node, outs, [self.types[s] for s in step.outputs])
        values.update(zip(step.outputs, outs, strict=True))
