"""A run that a compiled plan has made once, so that only the fed values are new.

Variables, memory and kernels have their places then. As long as they keep them, a run is to place
what is fed, the kernels, and to take the results.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nodeflow.engine.executor import Executor
from nodeflow.engine.feeds import sample_of
from nodeflow.engine.interpreter import StreamOf
from nodeflow.engine.runtime.context import RunContext
from nodeflow.engine.schedule.schedule import Schedule
from nodeflow.graph.graph import Tensor

if TYPE_CHECKING:
    from nodeflow.engine.runtime.compiled_plan import CompiledPlan


class BoundRun:
    """A compiled run that was made with feeds of the same shapes.

    Args:
        fed: the tensors that get other values, in order.
        stream_of: the random streams of the run that was made.

    Attributes:
        executor: what made it.
        draws: whether a run asks for random streams.
    """

    def __init__(
        self,
        context: RunContext,
        executor: Executor,
        compiled: CompiledPlan,
        schedule: Schedule,
        fed: Sequence[Tensor],
        stream_of: StreamOf,
    ) -> None:
        self.executor, self.draws = executor, compiled.draws
        self._context, self._compiled, self._schedule = context, compiled, schedule
        self._stream_of = stream_of
        self._version = context.variables.version
        feeds = schedule.feeds
        self._slots = [(at, feeds[tensor]) for at, tensor in enumerate(fed) if tensor in feeds]
        self._samples = [(t, t.node.attrs.get("sample")) for t in schedule.feeds if t not in fed]

    def holds(self) -> bool:
        """Whether all but the fed values is what it was."""
        context = self._context
        if context.variables.version != self._version or context.tiers is not None:
            return False
        return all(t.node.attrs.get("sample") is sample for t, sample in self._samples)

    def run(
        self,
        arrays: Sequence[np.ndarray],
        stream_of: StreamOf | None,
        cancel: threading.Event,
    ) -> list[Any]:
        """What is fetched, for other fed values.

        Args:
            stream_of: may be left out where nothing draws.

        Raises:
            RunError: an op failed; names the node.
            Cancelled: the run was stopped.
        """
        given = {slot: arrays[at] for at, slot in self._slots}
        return self._compiled.run_again(given, stream_of or self._stream_of, cancel, self._bound)

    def _bound(self) -> Mapping[int, Any]:
        """What the run was given that is not fed."""
        schedule = self._schedule
        reads = {slot: self._context.variables.read(v) for v, slot in schedule.reads.items()}
        return reads | {schedule.feeds[tensor]: sample_of(tensor) for tensor, _ in self._samples}


def bind(
    context: RunContext,
    executor: object,
    schedule: Schedule,
    fed: Sequence[Tensor],
    stream_of: StreamOf,
) -> BoundRun | None:
    """The inference that an executor has just run, to be run again; None where more than feeds
    changes, for it assigns or initialises, or where it was not compiled as a whole."""
    changes = schedule.writes or schedule.initializers or context.tiers is not None
    if changes or not isinstance(executor, Executor):
        return None
    compiled = executor.compiled_last()
    if compiled is None:
        return None
    return BoundRun(context, executor, compiled, schedule, fed, stream_of)
