"""Cells over sequences: `dynamic_rnn`, `static_rnn` and bidirectional loops, as in TensorFlow 1.

Beyond the end of a row (`sequence_length`) outputs are 0 and the state does not change.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nodeflow.errors import DtypeError, GraphError, ShapeError
from nodeflow.graph.graph import Tensor
from nodeflow.graph.types import dtype_name, shape_text
from nodeflow.ops import functions as F
from nodeflow.ops.control_flow import nest
from nodeflow.ops.control_flow.trace import Traced, captured_by, waits_of
from nodeflow.ops.rnn.cells import RNNCell
from nodeflow.ops.variables.scope import variable_scope


def dynamic_rnn(
    cell: RNNCell,
    inputs: Any,
    sequence_length: Any = None,
    initial_state: Any = None,
    dtype: Any = None,
    parallel_iterations: int | None = None,
    swap_memory: bool = False,
    time_major: bool = False,
    scope: Any = None,
) -> tuple[Tensor, Any]:
    """Run a cell over sequences. Return all outputs, (rows, time, units), and the last state.

    Args:
        cell: one of `nn.rnn_cell`, or your own.
        inputs: (rows, time, features); with `time_major` (time, rows, features).
        sequence_length: (rows,) of integers: number of steps of each row; None: all. Beyond it
            outputs are 0 and the state does not change.
        initial_state: the state before the first step; None: zeros.
        dtype: dtype of the state; None: the dtype of the inputs.
        parallel_iterations, swap_memory: accepted for TensorFlow 1; they change nothing here.
        time_major: whether the time axis comes first, in inputs and outputs.
        scope: variable scope, "rnn" by default.

    Raises:
        GraphError: the cell is not a cell, or its state changes type from step to step.
        ShapeError: the inputs do not have three axes, or the number of features is unknown.
    """
    if not isinstance(cell, RNNCell):
        raise GraphError(
            f"{type(cell).__name__} is not a cell", hint="Use nn.rnn_cell.BasicLSTMCell(units)."
        )
    with variable_scope(scope or "rnn"):
        x = _by_time(inputs, time_major, dtype)
        outputs, last = _run(cell, x, sequence_length, initial_state)
        return _as_given(outputs, time_major), last


def bidirectional_dynamic_rnn(
    cell_fw: RNNCell,
    cell_bw: RNNCell,
    inputs: Any,
    sequence_length: Any = None,
    initial_state_fw: Any = None,
    initial_state_bw: Any = None,
    dtype: Any = None,
    parallel_iterations: int | None = None,
    swap_memory: bool = False,
    time_major: bool = False,
    scope: Any = None,
) -> tuple[tuple[Tensor, Tensor], tuple[Any, Any]]:
    """Run one cell forwards and another one backwards. Return both outputs and both last states.

    The second cell begins at the last step of each row. Arguments are the same as for
    `dynamic_rnn`.
    """
    with variable_scope(scope or "bidirectional_rnn"):
        x = _by_time(inputs, time_major, dtype)
        found = []
        for name, cell, state, reverse in (
            ("fw", cell_fw, initial_state_fw, False),
            ("bw", cell_bw, initial_state_bw, True),
        ):
            with variable_scope(name):
                outputs, last = _run(cell, x, sequence_length, state, reverse)
                found.append((_as_given(outputs, time_major), last))
    (forth, first), (back, second) = found
    return (forth, back), (first, second)


def static_rnn(
    cell: RNNCell,
    inputs: Sequence[Any],
    initial_state: Any = None,
    dtype: Any = None,
    sequence_length: Any = None,
    scope: Any = None,
) -> tuple[list[Tensor], Any]:
    """Run a cell over a list of steps (rows, features); return the outputs and the last state.

    It adds the same nodes as `dynamic_rnn`: one loop instead of a copy of the cell per step.
    Arguments are the same as for `dynamic_rnn`.
    """
    steps = _steps(inputs)
    with variable_scope(scope or "rnn"):
        outputs, last = _run(cell, _stacked(steps, dtype), sequence_length, initial_state)
        return _unstacked(outputs, len(steps)), last


def static_bidirectional_rnn(
    cell_fw: RNNCell,
    cell_bw: RNNCell,
    inputs: Sequence[Any],
    initial_state_fw: Any = None,
    initial_state_bw: Any = None,
    dtype: Any = None,
    sequence_length: Any = None,
    scope: Any = None,
) -> tuple[list[Tensor], Any, Any]:
    """Run a bidirectional recurrent network over a list of time steps. Return the concatenated
    outputs of each step, and the last state of each direction.

    Arguments are the same as for `bidirectional_dynamic_rnn`.
    """
    steps = _steps(inputs)
    (forth, back), (first, second) = bidirectional_dynamic_rnn(
        cell_fw, cell_bw, _stacked(steps, dtype), sequence_length, initial_state_fw,
        initial_state_bw, dtype, time_major=True, scope=scope,
    )  # fmt: skip
    return _unstacked(F.concat([forth, back], axis=-1), len(steps)), first, second


def _steps(inputs: Any) -> list[Any]:
    if not isinstance(inputs, (list, tuple)) or not inputs:
        raise GraphError(
            "the inputs must be a list of steps, (rows, features) each",
            hint="Use nn.dynamic_rnn for one tensor (rows, time, features).",
        )
    return list(inputs)


def _stacked(steps: list[Any], dtype: Any) -> Tensor:
    graph = F.graph_of(steps)
    name = None if dtype is None else dtype_name(dtype)
    tensors = [graph.as_tensor(s, None if isinstance(s, np.ndarray) else name) for s in steps]
    return F.concat([F.expand_dims(t, axis=0) for t in tensors], axis=0, name="steps_of_inputs")


def _unstacked(outputs: Tensor, count: int) -> list[Tensor]:
    return [outputs[step] for step in range(count)]


def _by_time(inputs: Any, time_major: bool, dtype: Any) -> Tensor:
    x = F.graph_of([inputs]).as_tensor(inputs)
    if len(x.shape) != 3:
        axes = "(time, rows, features)" if time_major else "(rows, time, features)"
        raise ShapeError(
            f"the inputs must be {axes}, not {shape_text(x.shape)}",
            node=x.node.name,
            hint="Insert expand_dims: one feature per step." if len(x.shape) == 2 else None,
        )
    if dtype is not None and dtype_name(dtype) != x.dtype:
        raise DtypeError(
            f"the inputs are {x.dtype} but the state must be {dtype_name(dtype)}",
            node=x.node.name,
            hint="Leave dtype out, or insert a Cast.",
        )
    return x if time_major else F.transpose(x, perm=(1, 0, 2), name="inputs_by_time")


def _as_given(outputs: Tensor, time_major: bool) -> Tensor:
    return outputs if time_major else F.transpose(outputs, perm=(1, 0, 2), name="outputs")


def _run(
    cell: RNNCell, x: Tensor, lengths: Any, state: Any, reverse: bool = False
) -> tuple[Tensor, Any]:
    """Return the outputs, time first, and the last state."""
    state = _zeros(cell, x) if state is None else state
    within = None if lengths is None else _within(x, lengths)

    def run(inner: RNNCell, inputs: Tensor, start: Any) -> tuple[Tensor, Any]:
        if hasattr(inner, "unrolled"):
            return inner.unrolled(run, inputs, start)  # type: ignore[attr-defined]
        return _loop(inner, inputs, start, within, reverse)

    outputs, last = run(cell, x, state)
    # mask what wrappers added after the loops as well
    if within is not None and hasattr(cell, "unrolled"):
        outputs = F.where(within, outputs, F.zeros_like(outputs))
    return outputs, last


def _loop(
    cell: RNNCell, x: Tensor, state: Any, within: Tensor | None, reverse: bool
) -> tuple[Tensor, Any]:
    sequences, step = cell.loop(x)
    graph, count = x.graph, len(sequences)
    first = [graph.as_tensor(t, x.dtype) for t in nest.flatten(state)]
    given = sequences if within is None else [*sequences, within]
    types = [*(t.type for t in first), *(t.type.with_shape(t.shape[1:]) for t in given)]

    def call(_: Any, tensors: list[Tensor]) -> Any:
        old, slices = tensors[: len(first)], tensors[len(first) :]
        out, new = step(slices[:count], nest.pack(state, old))
        leaves = nest.flatten(new)
        if len(leaves) != len(old):
            raise GraphError(f"{cell!r} returns a state of {len(leaves)} parts, not {len(old)}")
        if within is not None:
            leaves = [F.where(slices[-1], n, o) for n, o in zip(leaves, old, strict=True)]
            out = F.where(slices[-1], out, F.zeros_like(out))
        return [*leaves, out]

    labels = [*nest.names(state, "state"), *(f"input_{i}" for i in range(len(given)))]
    names = ["".join(c if c.isalnum() else "_" for c in label).strip("_") for label in labels]
    body = Traced(graph, step, types, names, call, "the cell")
    captured = captured_by(body)
    outs = graph.add_node(
        "recurrent_loop",
        [*first, *given, *captured],
        {
            "body": body.text(captured),
            "carried": len(first),
            "sequences": len(given),
            "reverse": reverse,
        },
        name="loop",
        control_inputs=waits_of(body),
    ).outputs
    return outs[-1], nest.pack(state, list(outs[:-1]))


def _zeros(cell: RNNCell, x: Tensor) -> Any:
    """Return the initial state of a recurrent cell: zeros for each row of the inputs.

    Args:
        x: inputs (time, rows, features). Symbol numbers (time, rows) give a float32 state.
    """
    if len(x.shape) == 2:
        x = F.expand_dims(F.cast(x, dtype="float32"), axis=2)
    row = F.zeros_like(F.reduce_sum(x, axis=0))[:, :1]
    made = [
        F.tile(row, multiples=(1, size), name="zero_state")
        for size in nest.flatten(cell.state_size)
    ]
    return nest.pack(cell.state_size, made)


def _within(x: Tensor, lengths: Any) -> Tensor:
    """Return a bool mask (time, rows, 1) that is true at the valid time steps of each sequence.

    Args:
        x: inputs, (time, rows, features).
        lengths: the number of valid steps of each row.

    Raises:
        ShapeError: the lengths are not a vector of integers.
    """
    graph = x.graph
    given = graph.as_tensor(lengths, None if isinstance(lengths, np.ndarray) else "int32")
    if len(given.shape) != 1 or not given.dtype.startswith("int"):
        raise ShapeError(
            f"sequence_length must be (rows,) of integers, not {given.type}",
            node=given.node.name,
            hint="Give one number of steps for each row.",
        )
    ends = F.expand_dims(F.cast(given, dtype="int32"), axis=-1)
    if x.shape[0] is not None:
        steps = graph.as_tensor(np.arange(x.shape[0], dtype="int32")[:, None, None])
    else:
        counted = F.cumsum(F.ones_like(F.cast(x[:, :, :1], dtype="int32")), axis=0)
        steps = counted - 1
    return F.less(steps, ends, name="within")
