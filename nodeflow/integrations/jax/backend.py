"""The JAX backend, as sessions and trainings use it (`nodeflow.engine.backend.Backend`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from nodeflow.engine.backend import Backend
from nodeflow.engine.columns import Column
from nodeflow.engine.runtime.context import RunContext
from nodeflow.engine.schedule.schedule import Schedule
from nodeflow.errors import RunError, SurfaceText
from nodeflow.graph.graph import Tensor
from nodeflow.graph.types import TensorType
from nodeflow.integrations.jax import settings
from nodeflow.integrations.jax.executor import JaxExecutor
from nodeflow.integrations.jax.parallel.peers import Peers
from nodeflow.integrations.jax.steps import JaxSteps


class JaxBackend:
    """Executes schedules with JAX, on a GPU if there is one."""

    packages: Sequence[str] = ("jax", "jaxlib")

    def executor(
        self, schedule: Schedule, types: Sequence[TensorType], context: RunContext
    ) -> JaxExecutor:
        return JaxExecutor(schedule, types, context)

    def steps(
        self,
        schedule: Schedule,
        types: Sequence[TensorType],
        columns: Mapping[Tensor, Column],
        batch_size: int,
        context: RunContext,
        given: Mapping[int, np.ndarray],
    ) -> JaxSteps:
        of_step = (schedule, types, columns, batch_size, context, given)
        if context.peers is None:
            return JaxSteps(*of_step)
        from nodeflow.integrations.jax.parallel.steps import SharedSteps

        assert isinstance(context.peers, Peers)
        return SharedSteps(*of_step, context.peers)

    def check_mixed(self) -> None:
        """Raise a RunError unless JAX computes on a GPU."""
        found = settings.platform()
        if found != "gpu":
            raise RunError(
                f"mixed precision needs a GPU, and JAX computes on the {found} here",
                hint=SurfaceText(
                    "Leave out mixed_precision, or train on a computer where JAX finds a GPU.",
                    cli="Leave out --mixed-precision, or train on a computer where JAX finds a "
                    "GPU.",
                    window="Switch off Mixed precision in the training settings, or train on a "
                    "computer where JAX finds a GPU.",
                ),
            )

    def is_exact(self) -> bool:
        return settings.is_exact()

    def device(self) -> str:
        return settings.device()


BACKEND: Backend = JaxBackend()
