"""Schedules (by fetches) and executors (by shapes) that a session has prepared for its runs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from hashlib import blake2b

import numpy as np

from nodeflow.engine.backend import other_backend
from nodeflow.engine.bound_run import BoundRun
from nodeflow.engine.known_run import KnownRun
from nodeflow.engine.phase import INFERENCE, Phase, PhaseRule
from nodeflow.engine.plan.passes import rewrite_schedule
from nodeflow.engine.reads import ReadVariables
from nodeflow.engine.runtime.context import RunContext, Tier
from nodeflow.engine.schedule.schedule import Schedule, Target, build_schedule
from nodeflow.engine.stages import AnyExecutor, make_executor
from nodeflow.engine.tiered_execution import Executor
from nodeflow.graph.graph import Tensor
from nodeflow.graph.types import type_of_array


class PreparedRuns:
    """The prepared schedules, the variables that they read, and their executors.

    Attributes:
        executors: executors by schedule, phase and shapes.
        era: an object that is replaced when everything is forgotten.
    """

    def __init__(self, context: RunContext, wanted: Tier) -> None:
        self._context = context
        self._wanted: Tier = wanted
        self._is_own = other_backend(context.backend) is None
        self._schedules: dict[tuple, tuple[Schedule, PhaseRule]] = {}
        self._reads: dict[int, ReadVariables] = {}
        self.executors: dict[tuple, AnyExecutor] = {}
        self.era = object()

    def schedule(
        self, targets: tuple[Target, ...], fed: Collection[Tensor]
    ) -> tuple[Schedule, PhaseRule]:
        """Return the schedule of a run, and the rule that decides whether the run is training or
        inference.

        Both are cached.
        """
        key = (targets, frozenset(fed))
        found = self._schedules.get(key)
        if found is None:
            schedule = build_schedule(targets, fed)
            found = self._schedules[key] = schedule, PhaseRule(schedule, fed)
        return found

    def reads(self, schedule: Schedule) -> ReadVariables:
        """Return an object with the variables that a schedule reads and their current values.

        Raises:
            NotInitialized: a variable has no value.
        """
        reads = self._reads.get(id(schedule))
        if reads is None:
            reads = self._reads[id(schedule)] = ReadVariables(schedule)
        variables = self._context.variables
        if not self._is_own:  # it takes each variable from where it is
            reads.look_up(variables.like)
        elif reads.version != variables.version:
            reads.look_up(variables.read, variables.version)
        return reads

    def executor(
        self, schedule: Schedule, given: Mapping[int, np.ndarray], phase: Phase = INFERENCE
    ) -> AnyExecutor:
        """Return the executor of a schedule for inputs with the given shapes; make one if none is
        cached.
        """
        updating = bool(phase.training)
        fed = [given[slot].shape for slot in schedule.feeds.values()]
        key = (id(schedule), updating, self._reads[id(schedule)].shapes, *fed)
        found = self.executors.get(key)
        if found is None:
            types = schedule.specialise({s: type_of_array(a) for s, a in given.items()})
            rewritten = rewrite_schedule(schedule, types, self._context.without)
            found = make_executor(
                *rewritten,
                self._wanted,
                self._context,
                updating=updating,
                label=_label(schedule, given),
            )
            self.executors[key] = found
        return found

    def bind(
        self,
        known: KnownRun,
        executor: AnyExecutor,
        given: Mapping[int, np.ndarray],
        phase: Phase,
    ) -> BoundRun | None:
        """Return an object that repeats the last run of an executor quickly with new feeds. Return
        None if that is impossible.

        It is impossible if the run also initialises variables, if a feed or argument determined
        whether it is a training step, or if it was not compiled as a whole.
        """
        schedule = known.schedule
        if (
            phase is not known.rule.usual
            or schedule.initializers
            or self._context.tiers is not None
        ):
            return None
        if not isinstance(executor, Executor) or (compiled := executor.compiled_last()) is None:
            return None
        reads = self.reads(schedule)
        return BoundRun(
            self._context, executor, compiled, schedule, known.inner, given, phase, reads
        )

    def forget(self) -> None:
        """Clear the caches of schedules and executors. Their keys contain ids of schedules, and
        Python may reuse the ids of deleted ones.
        """
        self._reads.clear()
        self.executors.clear()
        self._schedules.clear()
        self.era = object()


def _label(schedule: Schedule, given: Mapping[int, np.ndarray]) -> str:
    """Return a hash that identifies a run in a record of tiers.

    It is computed from the fetches, the updated variables and the shapes of the inputs.
    """
    wanted = [None if s is None else schedule.slots[s].name for s in schedule.fetches]
    shapes = sorted((schedule.slots[slot].name, a.shape) for slot, a in given.items())
    updated = sorted(node.name for node in schedule.assigns)
    return blake2b(repr((wanted, updated, shapes)).encode(), digest_size=8).hexdigest()
