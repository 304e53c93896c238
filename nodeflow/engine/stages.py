"""Runs a schedule in stages, if some sizes depend on data.

The outputs of ``boolean_mask``, ``unique`` and ``range`` of a computed number have a size that
depends on the elements of their inputs. The first stage consists of the steps that do not
depend on these outputs; it runs like any schedule, compiled if possible. Then the ops
themselves run by reference, so that all their sizes are known. The remaining steps are
specialised and run in the same way, in further stages if necessary. Their plans are kept by
these sizes.

The results are the same as without stages: values are in single-assignment form, random ops
draw by node and execution, and assigned values are stored after every stage has succeeded.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np

from nodeflow.engine.backend import BackendExecutor, other_backend
from nodeflow.engine.blocks.executor import BlockedExecutor, in_blocks
from nodeflow.engine.interpreter import StreamOf, Values
from nodeflow.engine.memory import Needs, size_of
from nodeflow.engine.parts import ExplainPart, Part, PartsExecutor, ends_of, part_of
from nodeflow.engine.runtime.context import RunContext, Tier
from nodeflow.engine.schedule.schedule import Schedule, Step
from nodeflow.engine.tiered_execution import Executor
from nodeflow.errors import Cancelled, RunError
from nodeflow.graph.graph import Node
from nodeflow.graph.types import TensorType, type_of_array

MOST_PLANS = 64
"""Maximum number of size combinations for which plans of the remaining steps are kept. The
oldest is dropped first.
"""


def make_executor(
    schedule: Schedule,
    types: Sequence[TensorType],
    wanted: Tier,
    context: RunContext,
    *,
    updating: bool = False,
    label: str = "",
    held: int = 0,
) -> AnyExecutor:
    """Return an executor for a schedule. Another backend may provide it; otherwise it runs the
    schedule in stages, in blocks of rows, or as a whole.

    Stages are used if some sizes are known only at run time, blocks if there are many rows.

    Args:
        label: its name in a record of tiers.
        held: further bytes that the run keeps in memory; they count towards the memory limit.
    """
    if wanted != "reference" and (other := other_backend(context.backend)) is not None:
        return other.executor(schedule, types, context)
    stages = None if all(t.is_static for t in types) else split(schedule, types)
    if stages is not None and stages.turns:
        return StagedExecutor(schedule, types, stages, wanted, context, updating, label, held)
    options: Any = {"updating": updating, "label": label, "held": held}
    blocked = None
    if stages is None:
        blocked = in_blocks(schedule, types, wanted, context, **options)
    return blocked or Executor(schedule, types, wanted, context, **options)


@dataclass
class Stages:
    """The steps of a schedule, divided into three groups that run one after the other.

    Attributes:
        first: steps that depend on no value of unknown size.
        turns: steps that make the first values of unknown size.
        rest: steps that depend on these values, by data or control.
    """

    first: list[Step] = field(default_factory=list)
    turns: list[Step] = field(default_factory=list)
    rest: list[Step] = field(default_factory=list)


def split(schedule: Schedule, types: Sequence[TensorType]) -> Stages:
    """Divide a schedule into three stages: the steps whose output sizes are known, the steps that
    find out sizes at run time, and the steps that depend on these.

    All given slots must have known sizes.
    """
    stages = Stages()
    late_slots: set[int] = set()
    late_nodes: set[Node] = set()
    for step in schedule.steps:
        is_late = not late_slots.isdisjoint(step.inputs)
        is_late = is_late or not late_nodes.isdisjoint(step.node.control_inputs)
        is_turn = not is_late and not all(types[s].is_static for s in step.outputs)
        (stages.rest if is_late else stages.turns if is_turn else stages.first).append(step)
        if is_late or is_turn:
            late_slots.update(step.outputs)
            late_nodes.add(step.node)
    return stages


class StagedExecutor(PartsExecutor):
    """An executor that runs a schedule in stages, with the interface of `Executor`."""

    def __init__(
        self,
        schedule: Schedule,
        types: Sequence[TensorType],
        stages: Stages,
        wanted: Tier,
        context: RunContext,
        updating: bool,
        label: str,
        held: int = 0,
    ) -> None:
        super().__init__(schedule, types, context)
        self.turns = stages.turns
        self._rest_steps = stages.rest
        self._ends = ends_of(schedule)
        later = [s for step in (*stages.turns, *stages.rest) for s in step.inputs]
        self._make = lambda part, types, stage, kept: make_executor(
            part.schedule, types, wanted, context, updating=updating, label=f"{label}/{stage}",
            held=held + kept,
        )  # fmt: skip
        self.first = part_of(schedule, types, stages.first, [*later, *self._ends])
        self._first = self._make(self.first, self.first.types, "first", 0)
        self._rests: dict[tuple, tuple[Part, AnyExecutor]] = {}

    def run(
        self,
        given: Mapping[int, np.ndarray],
        stream_of: StreamOf,
        cancel: threading.Event | None,
    ) -> Values:
        """Compute the schedule in stages, like `Executor.run`.

        The returned arrays belong to the caller, except those that the caller passed in.
        """
        values = dict(given)
        first = self._run_part(self.first, self._first, values, stream_of, cancel)
        for step in self.turns:
            if cancel is not None and cancel.is_set():
                raise Cancelled("the run was stopped")
            self._run_step(step, [values[s] for s in step.inputs], values, stream_of)
        last = None
        if self._rest_steps:
            last = self._run_part(*self._rest(values), values, stream_of, cancel)
        self._note_tiers(first, last)
        return values

    def needs(self) -> Needs:
        """Return the memory needs of the stage that needs most memory, for all combinations of
        sizes that have occurred so far.
        """
        parts = (self._first, *(executor for _, executor in self._rests.values()))
        return max((part.needs() for part in parts), key=lambda found: found.bytes)

    def refuse_plan(self) -> NoReturn:
        """Raise an error that names the op whose output size is known only at run time."""
        step = self.turns[0]
        raise RunError(
            "the size of this result depends on data, so the run has no single plan",
            node=step.node.name,
            hint="Fetch the inputs of this node instead.",
        )

    def explain(self, explain_part: ExplainPart) -> str:
        """Return a text that explains the plan of each stage, as far as the sizes are known by
        now.
        """
        names = ", ".join(step.node.name for step in self.turns)
        texts = [
            _explained(self._first, explain_part),
            f"then by reference, to find sizes that depend on data: {names}",
        ]
        for key, (_, executor) in self._rests.items():
            texts.append(f"then, for the sizes {', '.join(map(str, key))}:")
            texts.append(_explained(executor, explain_part))
        if self._rest_steps and not self._rests:
            texts.append("then the nodes that depend on these sizes, planned when they are known")
        return "\n\n".join(texts)

    def _rest(self, values: Mapping[int, np.ndarray]) -> tuple[Part, AnyExecutor]:
        """Return the part of the schedule that runs after all sizes are known, and its executor.

        The sizes come from ``values``, the results of the earlier steps. Executors are cached by
        these sizes.
        """
        found = [slot for step in self.turns for slot in step.outputs]
        key = tuple(values[slot].shape for slot in found)
        if key not in self._rests:
            if len(self._rests) >= MOST_PLANS:
                del self._rests[next(iter(self._rests))]
            types = list(self.types)
            for slot in found:
                types[slot] = type_of_array(values[slot])
            part = part_of(self.schedule, types, self._rest_steps, self._ends)
            known = part.schedule.specialise({n: part.types[n] for n in part.given})
            given = {*self.schedule.feeds.values(), *self.schedule.reads.values()}
            kept = size_of(types[slot] for slot in {*part.given.values(), *self._ends} - given)
            kept -= size_of(types[slot] for slot in part.made)
            self._rests[key] = part, self._make(part, known, str(key), kept)
        return self._rests[key]


def explain_run(executor: AnyExecutor, without: frozenset[str], *, updating: bool) -> str:
    """Return a text that explains the plan of an executor, or the plans of its parts."""
    from nodeflow.engine.inspect.explain import explain
    from nodeflow.engine.plan.plan import make_plan

    def explain_part(schedule: Schedule, types: Sequence[TensorType]) -> str:
        return explain(make_plan(schedule, types, without, updating=updating))

    return _explained(executor, explain_part)


def _explained(executor: AnyExecutor, explain_part: ExplainPart) -> str:
    assert isinstance(executor, OwnExecutor)  # another backend describes its runs itself
    if isinstance(executor, Executor):
        return explain_part(executor.schedule, executor.types)
    return executor.explain(explain_part)


OwnExecutor = Executor | BlockedExecutor | StagedExecutor
"""The executors of nodeflow's own engine."""
AnyExecutor = OwnExecutor | BackendExecutor
"""Any executor of a schedule."""
