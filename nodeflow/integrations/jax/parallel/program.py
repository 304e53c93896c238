"""A program that declares for each value how it is divided among the devices.

A value with rows is divided along the axis with the rows. A value that combines rows is equal
on all devices, so the compiler inserts an all-reduce there.

An axis may combine the rows with an outer dimension that comes first, such as word positions
times rows. Then a device's part is not a contiguous range of the axis. Such a value is stored
in device order: first everything that belongs to the rows of the first device. Ops that treat
each row separately, or sum over rows, work in this order. For other ops, the value is brought
into the true order, and the result back into device order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nodeflow.engine.rows import JOINED, RowFlow, Rows
from nodeflow.engine.schedule.schedule import Schedule, Step
from nodeflow.graph.types import TensorType
from nodeflow.integrations.jax.errors import jax_package
from nodeflow.integrations.jax.failures import Failures
from nodeflow.integrations.jax.parallel.peers import ROWS, Peers
from nodeflow.integrations.jax.program import Program, StreamOf
from nodeflow.ops.lowering import Alias, Composite, Elementwise, Matmul, Permute, Reduce, Running
from nodeflow.ops.runtime_attributes import RuntimeAttributes

IN_ANY_ORDER = (Elementwise, Matmul, Permute, Reduce, Running)


class SharedProgram(Program):
    """A `Program` for the batch of all processes.

    Args:
        flow: the analysis of rows in the schedule; no node mixes rows.
    """

    def __init__(
        self, schedule: Schedule, types: Sequence[TensorType], flow: RowFlow, peers: Peers
    ) -> None:
        super().__init__(schedule, types)
        self._flow, self._peers = flow, peers

    def compute(
        self, step: Step, values: Mapping[int, Any], stream_of: StreamOf, failures: Failures
    ) -> Sequence[Any]:
        """Compute a step for values that are sharded among several devices. Return its outputs,
        each with its sharding.
        """
        slots = (*step.inputs, *step.outputs)
        if all(self._scattered(slot) is None for slot in slots):
            made = super().compute(step, values, stream_of, failures)
        elif self._reshapes(step):
            return [self._reshaped(step, values[step.inputs[0]])]
        elif self._minds_no_order(step):
            made = super().compute(step, values, stream_of, failures)
        else:
            known = dict(values)
            for slot in step.inputs:
                if (rows := self._scattered(slot)) is not None:
                    known[slot] = self._reordered(values[slot], rows, by_device=False)
            made = list(super().compute(step, known, stream_of, failures))
            for index, slot in enumerate(step.outputs):
                if (rows := self._scattered(slot)) is not None:
                    made[index] = self._reordered(made[index], rows, by_device=True)
        return [self._placed(slot, value) for slot, value in zip(step.outputs, made, strict=True)]

    def _placed(self, slot: int, value: Any) -> Any:
        """Return a JAX value with a sharding constraint: divided among the devices along its row
        axis, or replicated on all devices if it was reduced over the rows.
        """
        state = self._flow.states[slot]
        if isinstance(state, Rows):
            spread = self._peers.spread(*(None,) * state.axis, ROWS)
        elif state is JOINED:
            spread = self._peers.spread()
        else:
            return value
        return jax_package().lax.with_sharding_constraint(value, spread)

    # ---- rows that other things come before -----------------------------------------------------

    def _scattered(self, slot: int) -> Rows | None:
        """Return how the rows of a value lie along its axis if each device stores its own rows
        contiguously, so that they are not in the order of the batch. Return None for any other
        value.
        """
        state = self._flow.states[slot]
        return state if isinstance(state, Rows) and not state.plain else None

    def _reshapes(self, step: Step) -> bool:
        """Return whether a step only changes the shape of its first input."""
        rows = isinstance(self._flow.states[step.inputs[0]], Rows)
        if not rows or len(step.outputs) != 1:
            return False
        op = step.node.op
        if isinstance(op, RuntimeAttributes):
            return op.id == "reshape"
        return isinstance(self._lowering(step), Alias)

    def _minds_no_order(self, step: Step) -> bool:
        if any(slot in self._flow.sliced for slot in step.inputs):
            return False
        lowering = self._lowering(step)
        parts = (
            [p.lowering for p in lowering.parts] if isinstance(lowering, Composite) else [lowering]
        )
        return all(isinstance(part, IN_ANY_ORDER) for part in parts)

    def _lowering(self, step: Step) -> Any:
        ins, outs = ([self.types[s] for s in slots] for slots in (step.inputs, step.outputs))
        return step.node.op.lower(ins, outs, **step.node.attrs)

    def _reshaped(self, step: Step, value: Any) -> Any:
        """Reshape a sharded value: each device reshapes its own part to its share of the new shape,
        without communication.
        """
        old, new = (self._flow.states[s] for s in (step.inputs[0], step.outputs[0]))
        assert isinstance(old, Rows) and isinstance(new, Rows)
        shape = list(self.types[step.outputs[0]].shape)
        shape[new.axis] = (shape[new.axis] or 0) // self._peers.devices
        spec = jax_package().sharding.PartitionSpec
        return jax_package().shard_map(
            lambda part: part.reshape(shape),
            mesh=self._peers.mesh,
            in_specs=spec(*(None,) * old.axis, ROWS),
            out_specs=spec(*(None,) * new.axis, ROWS),
        )(value)

    def _reordered(self, value: Any, rows: Rows, *, by_device: bool) -> Any:
        """Reorder the rows of a value that several processes share: from batch order so that each
        device's rows are contiguous, or back without ``by_device``.
        """
        jnp, devices = jax_package().numpy, self._peers.devices
        shape, axis = value.shape, rows.axis
        share = self._flow.number // devices * rows.inner
        apart = (rows.outer, devices, share) if by_device else (devices, rows.outer, share)
        whole = value.reshape((*shape[:axis], *apart, *shape[axis + 1 :]))
        return jnp.swapaxes(whole, axis, axis + 1).reshape(shape)
