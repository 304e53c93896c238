"""Values of tensors in a training step, computed without making the step.

A step is a pure function of variables, batch, step number and seed, so the tensors have exactly
the values that they have in the step itself: the same updates are computed with them, in the
same tier, but nothing is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import numpy as np

from nodeflow.engine.interpreter import StreamOf
from nodeflow.engine.runtime.context import RunContext, Tier
from nodeflow.engine.schedule.schedule import Schedule
from nodeflow.engine.stages import AnyExecutor, Executor, make_executor
from nodeflow.graph.graph import Tensor
from nodeflow.graph.types import TensorType

Given = Callable[[Schedule], tuple[dict[int, np.ndarray], StreamOf]]
"""A function that returns a step's inputs of a schedule: arrays by slot, and random streams."""


class StepValues:
    """The values of tensors in a stepper's next step, made by `Stepper.look`.

    Attributes:
        tensors: the inspected tensors.
    """

    def __init__(
        self,
        tensors: Sequence[Tensor],
        schedule: Schedule,
        types: Sequence[TensorType],
        context: RunContext,
        given: Given,
        label: str,
    ) -> None:
        self.tensors = tuple(tensors)
        self._schedule, self._types, self._context = schedule, types, context
        self._given, self._label = given, label
        self._executors: dict[Tier, AnyExecutor] = {}

    def is_ready(self, tier: Tier) -> bool:
        """Return whether the values can be computed in the given tier without waiting for the
        compiler. If not, start compiling in the background.
        """
        executor = self._executor(tier)
        return tier == "reference" or not isinstance(executor, Executor) or executor.is_ready()

    def values(
        self, tier: Tier, wanted: Collection[Tensor] | None = None
    ) -> dict[Tensor, np.ndarray]:
        """Compute the values of tensors in the next training step, without updating variables.
        Return copies.

        Args:
            tier: the tier of the step.
            wanted: some of the tensors; None for all.

        Raises:
            RunError: an op fails in this step.
        """
        executor = self._executor(tier)
        given, stream_of = self._given(executor.schedule)
        with self._context.exclusive():
            found = executor.run(given, stream_of, None)
        fetched = executor.schedule.fetches[-len(self.tensors) :] if self.tensors else []
        return {
            tensor: np.array(found[slot], order="C", copy=True)
            for tensor, slot in zip(self.tensors, fetched, strict=True)
            if slot is not None and (wanted is None or tensor in wanted)
        }

    def _executor(self, tier: Tier) -> AnyExecutor:
        if tier not in self._executors:
            self._executors[tier] = make_executor(
                self._schedule, self._types, tier, self._context, updating=True, label=self._label
            )
        return self._executors[tier]
