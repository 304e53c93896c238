"""A compiled run that is kept, so that repeating it needs only new feeds.

Memory, kernels and the addresses of variables stay bound as long as no variable is replaced. A
repeated run only copies the feeds and the changed variables, launches the kernels and copies
the results.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nodeflow.engine.interpreter import StreamOf
from nodeflow.engine.phase import Phase
from nodeflow.engine.reads import ReadVariables
from nodeflow.engine.runtime.context import RunContext
from nodeflow.engine.schedule.schedule import Schedule
from nodeflow.engine.tiered_execution import Executor
from nodeflow.errors import NotInitialized
from nodeflow.graph.graph import Tensor

if TYPE_CHECKING:
    from nodeflow.engine.runtime.compiled_plan import CompiledPlan


class BoundRun:
    """A compiled run for feeds of fixed shapes.

    Args:
        fed: the tensors with new values in each run, in order.
        given: the arrays of the first run, by slot.
        reads: the variables that the schedule reads.

    Attributes:
        executor: the executor of the first run.
        phase: the phase of all these runs.
        draws: whether each run needs new random streams.
        unused: random streams for a run without random numbers, which does not use them.
    """

    def __init__(
        self,
        context: RunContext,
        executor: Executor,
        compiled: CompiledPlan,
        schedule: Schedule,
        fed: Sequence[Tensor],
        given: Mapping[int, np.ndarray],
        phase: Phase,
        reads: ReadVariables,
    ) -> None:
        self.executor, self.phase = executor, phase
        self.draws, self._writes = compiled.draws or phase.is_step, bool(schedule.writes)
        self.unused = context.stream_of("run", 0)
        self._context, self._compiled, self._reads = context, compiled, reads
        self._seal = object()
        # None means that all variables must be looked up again, because the run assigned some.
        self._version: int | None = None
        replaced = schedule.writes.keys() - compiled.plan.home.keys()
        self._reads_stay = replaced.isdisjoint(schedule.reads)
        self._shapes = tuple([given[slot].shape for slot in schedule.reads.values()])
        self._changed: Mapping[int, Any] = {}
        feeds = schedule.feeds
        self._slots = [(at, feeds[tensor]) for at, tensor in enumerate(fed) if tensor in feeds]
        self._copied: list[tuple[int, np.ndarray]] = []
        """For each fed array that is copied, its index and the array that it is copied into."""
        self._placed: list[tuple[int, int]] = []
        """For each fed array that is read in place, its index and its slot."""
        for at, slot in self._slots:
            memory = compiled.feed_memory(slot)
            if memory is None:
                self._placed.append((at, slot))
            else:
                self._copied.append((at, memory))
        unfed = [tensor for tensor in feeds if tensor not in fed]
        self._samples = [(tensor.node, tensor.node.attrs.get("sample")) for tensor in unfed]
        self._rest = {feeds[tensor]: given[feeds[tensor]] for tensor in unfed}

    def holds(self) -> bool:
        """Return whether the cached run can be repeated as it is, because nothing but the values of
        feeds and variables has changed.
        """
        if self._context.tiers is not None:
            return False
        for node, sample in self._samples:
            if node.attrs.get("sample") is not sample:
                return False
        return self._context.variables.version == self._version or self._look_up()

    def _look_up(self) -> bool:
        """Read the current arrays of the variables, if any variable has changed since the last
        look. Return False if a variable has another shape or no value, so that the cached run is
        invalid.
        """
        variables, reads = self._context.variables, self._reads
        if variables.version != reads.version:
            try:
                reads.look_up(variables.read, variables.version)
            except NotInitialized:
                return False
        if reads.shapes != self._shapes:
            return False
        self._version, self._changed = reads.version, reads.arrays
        return True

    def run(
        self, arrays: Sequence[np.ndarray], stream_of: StreamOf, cancel: threading.Event
    ) -> list[Any]:
        """Run again with new feeds. Return the fetched values and store the assigned variables.

        Raises:
            RunError: an op failed; the error names the node.
            Cancelled: the run was stopped.
        """
        compiled, variables, given = self._compiled, self._context.variables, self._changed
        if compiled.given_by is not self._seal:  # another bound run uses the same plan
            compiled.given_by, given = None, self._bound()
        for at, memory in self._copied:
            memory[...] = arrays[at]
        if self._placed:
            given = {**given, **{slot: arrays[at] for at, slot in self._placed}}
        results = compiled.run_again(given, stream_of, cancel, self._bound, variables)
        if results is None:
            given = {**given, **{slot: arrays[at] for at, slot in self._slots}}
            values = compiled.run(given, stream_of, cancel, bound=self._bound)
            results = compiled.take(values)
            self.executor.commit(values, variables)
        compiled.given_by = self._seal
        if self._changed:
            self._changed = {}
        if self._writes and self._reads_stay:
            # Nothing else has changed since `holds` was called.
            self._version = self._reads.version = variables.version
        return results

    def _bound(self) -> Mapping[int, Any]:
        """Return the values of all inputs that are not fed, such as variables, by slot."""
        return self._rest | self._reads.arrays
