"""A schedule as one function of traced arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import jax.numpy as jnp

from nodeflow.engine.schedule.schedule import Schedule, Step, is_assign
from nodeflow.graph.graph import Node
from nodeflow.graph.types import TensorType
from nodeflow.integrations.jax.evaluate import apply_node
from nodeflow.integrations.jax.failures import Failures
from nodeflow.integrations.jax.padding import Padding
from nodeflow.integrations.jax.products import mixed
from nodeflow.integrations.jax.streams import Stream

StreamOf = Callable[[Node], Stream]


class Program:
    """The computation of a schedule for specialised types.

    Attributes:
        schedule: the schedule.
        types: the types of its slots. Sizes that a loop determines at run time are replaced by
            their maximum (`padding`).

    Raises:
        NotOnJax: sizes depend on values; the error names the node.
    """

    def __init__(self, schedule: Schedule, types: Sequence[TensorType]) -> None:
        self.schedule = schedule
        self._padding = Padding(schedule, types)
        self.types = self._padding.types

    def trace(
        self, given: Mapping[int, Any], stream_of: StreamOf, failures: Failures
    ) -> dict[int, Any]:
        """Trace all steps of the schedule in JAX, and return the value of each slot.

        Args:
            given: traced arrays of the slots that the schedule does not compute.
            stream_of: returns the random stream of a node in this execution.
            failures: collects the possible failures.

        Raises:
            NotOnJax: a node has no rule.
        """
        values = dict(given)
        with mixed(self.schedule.is_mixed):
            for step in self.schedule.steps:
                if is_assign(step.node):
                    values[step.outputs[0]] = values[step.inputs[-1]]
                elif step.outputs and step.outputs[0] in self._padding.ranges:
                    count = self._padding.ranges[step.outputs[0]]
                    values[step.outputs[0]] = jnp.arange(count, dtype=jnp.int32)
                else:
                    made = self.compute(step, values, stream_of, failures)
                    values.update(zip(step.outputs, made, strict=True))
        return values

    def compute(
        self, step: Step, values: Mapping[int, Any], stream_of: StreamOf, failures: Failures
    ) -> Sequence[Any]:
        """Compute a step of the schedule in JAX from the values computed so far, and return its
        outputs.
        """
        node = step.node
        return apply_node(
            node,
            [values[s] for s in step.inputs],
            [self.types[s] for s in step.inputs],
            [self.types[s] for s in step.outputs],
            stream_of(node) if node.op.random else None,
            failures,
            self._padding.length(step, values),
        )


def pick(values: Mapping[int, Any], slots: Iterable[int]) -> tuple[Any, ...]:
    """Return the values in some slots."""
    return tuple(values[slot] for slot in slots)
