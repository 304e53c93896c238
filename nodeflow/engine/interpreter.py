"""The numpy interpreter: runs a schedule op by op, by calling each op's reference function.

It defines the results of a run. It runs while kernels compile, and tests compare the compiled
tier with it. It keeps each array only until its last use.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from nodeflow.engine.memory import require
from nodeflow.engine.peak_memory import drops_of, peak_of
from nodeflow.engine.schedule.schedule import Schedule, Step, is_assign
from nodeflow.errors import NodeflowError, RunError
from nodeflow.graph.graph import Node
from nodeflow.graph.reference_evaluation import evaluate
from nodeflow.graph.session_hooks import activity
from nodeflow.graph.session_hooks.interrupt import check_interrupt, interruptible
from nodeflow.graph.types import TensorType, numpy_dtype

StreamOf = Callable[[Node], Any]
Values = Sequence[np.ndarray | None] | Mapping[int, np.ndarray]
"""Computed values by slot, at least those that are fetched or assigned."""


class Interpreter:
    """An interpreter of one schedule whose types are already specialised.

    Args:
        executions: counts how often each node has run, by name.
    """

    def __init__(
        self,
        schedule: Schedule,
        types: Sequence[TensorType],
        executions: Counter[str] | None = None,
    ) -> None:
        self.schedule = schedule
        self.types = types
        self.executions = Counter() if executions is None else executions
        self._drops = drops_of(schedule)
        self._peak: tuple[int, Node | None] | None = None

    def run(
        self,
        given: Mapping[int, np.ndarray],
        stream_of: StreamOf,
        cancel: threading.Event | None = None,
    ) -> list[np.ndarray | None]:
        """Run the schedule. Return a list with the values of all fetched or assigned slots; the
        other values are None.

        Args:
            given: arrays of feeds and variable reads, by slot; never changed.
            stream_of: returns the random stream of a node in this execution.
            cancel: when set, the run stops between two ops.

        Raises:
            RunError: an op failed, or would take more memory than is free; the error names the
                node.
            Cancelled: ``cancel`` was set.
        """
        self._require_memory()
        values: list[np.ndarray | None] = [None] * len(self.schedule.slots)
        for slot, array in given.items():
            values[slot] = array
        with interruptible(cancel):
            for step, drops in zip(self.schedule.steps, self._drops, strict=True):
                check_interrupt()
                self.run_step(step, values, stream_of)
                for slot in drops:
                    values[slot] = None
        return values

    def _require_memory(self) -> None:
        """Raise RunError if a run needs more memory than is free.

        Otherwise the system might kill the process.
        """
        needed, node = self.peak()
        try:
            require(needed)
        except MemoryError as error:
            name = node.name if node is not None else None
            raise RunError(f"not enough memory for this run: {error}", node=name) from error

    def peak(self) -> tuple[int, Node | None]:
        """Return the peak memory of the schedule in bytes, and the node that needs most."""
        if self._peak is None:
            self._peak = peak_of(self.schedule, self.types, self._drops)
        return self._peak

    def run_step(self, step: Step, values: list[np.ndarray | None], stream_of: StreamOf) -> None:
        """Compute one step of the schedule: read its inputs from ``values``, and store its outputs
        there.
        """
        self.executions[step.node.name] += 1
        inputs = [values[s] for s in step.inputs]
        if is_assign(step.node):
            values[step.outputs[0]] = inputs[-1]
            return
        outs = call_reference(step.node, inputs, stream_of)
        check_values(step.node, outs, [self.types[slot] for slot in step.outputs])
        for slot, out in zip(step.outputs, outs, strict=True):
            values[slot] = out


def check_values(node: Node, values: Sequence[np.ndarray], types: Sequence[TensorType]) -> None:
    """Raise RunError if the results of an op's reference differ from the inferred types."""
    if len(values) != len(types):
        raise RunError(
            f"{node.op.id} returned {len(values)} values, not {len(types)}", node=node.name
        )
    for value, expected in zip(values, types, strict=True):
        if value.shape == expected.shape and value.dtype == numpy_dtype(expected.dtype):
            continue
        fits = value.dtype == numpy_dtype(expected.dtype)
        if fits and not expected.has_rank:
            continue
        fits = fits and expected.ndims == value.ndim
        if not fits or any(
            d is not None and d != n for d, n in zip(expected.shape, value.shape, strict=True)
        ):
            raise RunError(
                f"{node.op.id} returned {value.dtype} {value.shape}, "
                f"but its inference says {expected}",
                node=node.name,
                hint="This is a fault of the op, not of your graph.",
            )


def call_reference(
    node: Node, inputs: Sequence[Any], stream_of: StreamOf
) -> tuple[np.ndarray, ...]:
    """Compute a node's outputs from arrays with its numpy reference implementation.

    A failure becomes a RunError that names the node.
    """
    with np.errstate(all="ignore"):
        return call_quietly(node, inputs, stream_of)


def call_quietly(node: Node, inputs: Sequence[Any], stream_of: StreamOf) -> tuple[np.ndarray, ...]:
    """Run a node's reference implementation, like `call_reference`, in a caller that has already
    turned off numpy's warnings.
    """
    op = node.op
    activity.note(node)
    try:
        extra = {"stream": stream_of(node)} if op.random else {}
        if op.counted and (count := getattr(stream_of, "count", None)) is not None:
            extra["execution"] = count(node)
        result = evaluate(op, inputs, node.attrs, **extra)
    except NodeflowError as error:
        raise error.at(node.name) from error.__cause__
    except MemoryError as error:
        raise RunError(f"not enough memory: {error}", node=node.name) from error
    except Exception as error:
        text = str(error) or type(error).__name__
        raise RunError(f"{op.id} failed: {text}", node=node.name) from error
    if result is None:
        return ()
    if isinstance(result, (tuple, list)):
        return tuple(np.asarray(r) for r in result)
    return (np.asarray(result),)
