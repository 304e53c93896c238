"""From a schedule's steps to actions: ops as the few things that kernels exist for.

Composite ops are taken apart, reductions become stages, and what only renames memory (reshape,
identity, assign) disappears: `Actions.storage` says whose memory a slot uses. Ops without a
lowering stay as they are and run by their reference.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np

from nodeflow.engine.interpreter import call_reference
from nodeflow.engine.ir.actions import Action, Actions
from nodeflow.engine.kernels import conv, conv_filter_gradient
from nodeflow.engine.kernels.along_axis import Along
from nodeflow.engine.kernels.copies import Move
from nodeflow.engine.kernels.matmul import add_product
from nodeflow.engine.kernels.reductions import COLUMN_BLOCK, ROW_BLOCK, Stage
from nodeflow.engine.kernels.sorting import Ordered
from nodeflow.engine.schedule.schedule import Schedule, Step, is_assign
from nodeflow.graph.graph import Node
from nodeflow.graph.types import TensorType, numpy_dtype
from nodeflow.ops.lowering import (
    AddAlong,
    Alias,
    Composite,
    Convolve,
    Distinct,
    Elementwise,
    Gather,
    Known,
    Loop,
    Lowering,
    Matmul,
    Permute,
    Pick,
    Pool,
    Random,
    Reduce,
    ScatterAdd,
    TakeAlong,
)  # fmt: skip

CONSTANT_SIZE = 4096
"""Elements up to which a filled tensor is kept instead of written at each run."""


FAILING = (Gather, ScatterAdd, Pick, TakeAlong, AddAlong, Distinct)
"""What may fail at an element of its input."""


def build_actions(
    schedule: Schedule,
    types: Sequence[TensorType],
    chosen: Mapping[int, Lowering] | None = None,
) -> Actions:
    """Lower every step of a schedule whose types are all concrete.

    Args:
        chosen: what computes a step instead of its op's own lowering, by the step's first output.
    """
    actions = Actions(
        schedule, list(types), storage=list(range(len(types))), fetches=list(schedule.fetches)
    )
    for step in schedule.steps:
        kernel = chosen.get(step.outputs[0]) if chosen and step.outputs else None
        if kernel is None:
            _add_step(actions, step)
        else:
            actions.add(Action(step.node, kernel, step.inputs, step.outputs))
    return actions


def prune(actions: Actions) -> None:
    """Drop what nothing reads: patterns of shapes, and pure nodes under control inputs only.

    What fails at its input's elements still does, as in the reference.
    """
    schedule, storage = actions.schedule, actions.storage
    wanted = {storage[s] for s in schedule.fetches if s is not None}
    wanted.update(storage[s] for s in schedule.writes.values())
    kept = []
    for action in reversed(actions.items):
        if _tells(actions, action) or any(storage[s] in wanted for s in action.outputs):
            kept.append(action)
            wanted.update(storage[s] for s in action.inputs)
    actions.items[:] = kept[::-1]


def _tells(actions: Actions, action: Action) -> bool:
    """Whether running it shows, even if nothing reads what it makes."""
    if action.lowering is None:
        empty = all(actions.types[s].size == 0 for s in action.outputs)
        return action.node.op.stateful or empty
    return isinstance(action.lowering, FAILING)


def copy_fetched_variables(actions: Actions) -> None:
    """Fetch copies of variables that the same step assigns to: in place, they would be new."""
    assigned = {actions.schedule.reads.get(v) for v in actions.schedule.writes}
    for index, slot in enumerate(actions.fetches):
        if slot is not None and actions.storage[slot] in assigned:
            copy = actions.new_slot(actions.types[slot])
            node = actions.schedule.slots[actions.storage[slot]].node
            actions.items.append(Action(node, Elementwise("x", ("x",)), (slot,), (copy,)))
            actions.fetches[index] = copy


def _add_step(actions: Actions, step: Step) -> None:
    node = step.node
    if is_assign(node):
        actions.storage[step.outputs[0]] = actions.storage[step.inputs[-1]]
        return
    if node.op.id == "group":
        return  # what it waits for is in the schedule
    if not step.inputs and not node.op.random and not node.op.stateful:
        for slot, value in zip(step.outputs, call_reference(node, [], _no_stream), strict=True):
            actions.set_constant(slot, value)
        return
    ins = [actions.types[s] for s in step.inputs]
    outs = [actions.types[s] for s in step.outputs]
    lowering = node.op.lower(ins, outs, **node.attrs)
    if lowering is None or (outs[0].size == 0 and _searches(lowering)):
        actions.add(Action(node, None, step.inputs, step.outputs))
    elif isinstance(lowering, Composite):
        _add_composite(actions, step, lowering)
    else:
        _add(actions, node, lowering, step.inputs, step.outputs)


def _searches(lowering: Lowering) -> bool:
    """Whether it may fail at its input's elements: with an empty output no kernel visits them."""
    if isinstance(lowering, Composite):
        return any(_searches(part.lowering) for part in lowering.parts)
    if isinstance(lowering, Reduce):
        return lowering.kind in ("argmax", "argmin")
    return isinstance(lowering, FAILING)


def _no_stream(node: Node) -> None:
    raise AssertionError(f"{node.name} draws nothing")


def _add_composite(actions: Actions, step: Step, composite: Composite) -> None:
    slots = dict(zip(composite.inputs, step.inputs, strict=True))
    results = dict(zip(composite.outputs, step.outputs, strict=True))
    for part in composite.parts:
        inputs = tuple(slots[name] for name in part.inputs)
        written = ((part.name, part.type), *part.more)
        for name, type_ in written:
            slots[name] = results[name] if name in results else actions.new_slot(type_)
        outputs = tuple(slots[name] for name, _ in written)
        _add(actions, step.node, part.lowering, inputs, outputs)


def _add(
    actions: Actions,
    node: Node,
    lowering: Lowering,
    inputs: tuple[int, ...],
    outputs: tuple[int, ...],
) -> None:
    if isinstance(lowering, Alias) or _stays(lowering):
        actions.storage[outputs[0]] = actions.storage[inputs[0]]
    elif isinstance(lowering, Known):
        actions.set_constant(outputs[0], lowering.value)
    elif isinstance(lowering, Reduce):
        _add_reduce(actions, node, lowering, inputs[0], outputs[0])
    elif isinstance(lowering, Elementwise):
        _add_elementwise(actions, node, lowering, inputs, outputs)
    elif isinstance(lowering, Convolve):
        if lowering.kind == "filter":
            _add_filter_gradient(actions, node, lowering, inputs, outputs)
        else:
            _add_convolution(actions, node, lowering, inputs, outputs)
    elif isinstance(lowering, Matmul):
        add_product(actions, node, lowering, inputs, outputs[0])
    elif isinstance(lowering, (Move, Along, Ordered, Random, Loop, Pool)):
        actions.add(Action(node, lowering, inputs, outputs))
    else:
        raise TypeError(f"{node.op.id}: {lowering!r} is no lowering")


def _stays(lowering: Lowering) -> bool:
    """Whether it leaves all axes where they are."""
    return isinstance(lowering, Permute) and lowering.axes == tuple(range(len(lowering.axes)))


def _add_elementwise(
    actions: Actions,
    node: Node,
    lowering: Elementwise,
    inputs: tuple[int, ...],
    outputs: tuple[int, ...],
) -> None:
    """Inputs that the formula does not name (the pattern of ones_like) are not read."""
    out = actions.types[outputs[0]]
    if (lowering.expression,) == lowering.names and out == actions.types[inputs[0]]:
        actions.storage[outputs[0]] = actions.storage[inputs[0]]
        return
    named = _names(lowering.expression)
    kept = [i for i, name in enumerate(lowering.names) if name in named]
    if len(kept) < len(lowering.names):
        dtype = actions.types[inputs[-1]].dtype
        lowering = Elementwise(
            lowering.expression, tuple(lowering.names[i] for i in kept), lowering.attrs
        )
        inputs = tuple(inputs[i] for i in kept)
        if not inputs and dtype != out.dtype:
            raise ValueError(f"{node.op.id}: a formula without inputs changes the dtype")
    if not inputs and out.size is not None and out.size <= CONSTANT_SIZE:
        actions.set_constant(outputs[0], _filled(lowering, out))
        return
    actions.add(Action(node, lowering, inputs, outputs))


def _filled(lowering: Elementwise, type_: TensorType) -> np.ndarray:
    """The value of a formula without inputs, everywhere."""
    value = eval(lowering.expression, {"__builtins__": {}}, dict(lowering.attrs))
    return np.full(type_.shape, value, numpy_dtype(type_.dtype))  # type: ignore[arg-type]


@cache
def _names(expression: str) -> frozenset[str]:
    return frozenset(n.id for n in ast.walk(ast.parse(expression)) if isinstance(n, ast.Name))


def _add_convolution(
    actions: Actions,
    node: Node,
    convolve: Convolve,
    inputs: tuple[int, ...],
    outputs: tuple[int, ...],
) -> None:
    """Packed filters, and the products that gather with them."""
    source, filter_ = (actions.types[slot] for slot in inputs)
    pack, products, table = conv.gather(convolve, source, filter_, actions.types[outputs[0]])
    size = conv.packed_size(filter_, pack)
    packed = actions.new_slot(TensorType(filter_.dtype, (size,)))
    actions.add(Action(node, pack, (inputs[1],), (packed,)))
    words = actions.new_constant(table.words)
    actions.add(Action(node, products, (inputs[0], packed, words), outputs))


def _add_filter_gradient(
    actions: Actions,
    node: Node,
    convolve: Convolve,
    inputs: tuple[int, ...],
    outputs: tuple[int, ...],
) -> None:
    """One gradient for each block of pictures, then their sum in order."""
    picture, g = (actions.types[slot] for slot in inputs)
    type_ = actions.types[outputs[0]]
    if not picture.shape[0]:
        actions.add(Action(node, Elementwise("value", (), {"value": 0}), (), outputs))
        return
    products = conv_filter_gradient.outer(convolve, picture, type_)
    words = actions.new_constant(
        np.array(conv_filter_gradient.outer_table(products, picture, g), np.int64)
    )
    if products.blocks == 1:
        actions.add(Action(node, products, (*inputs, words), outputs))
        return
    size = type_.size or 0
    partial = actions.new_slot(TensorType(type_.dtype, (products.blocks * size,)))
    actions.add(Action(node, products, (*inputs, words), (partial,)))
    stage = Stage("sum", 1, products.blocks, size, 1, products.blocks)
    actions.add(Action(node, stage, (partial,), outputs))


def _add_reduce(actions: Actions, node: Node, reduce: Reduce, source: int, target: int) -> None:
    """Stages from the last run of reduced axes to the first, long runs in two steps."""
    type_ = actions.types[source]
    runs = _runs(type_.shape, reduce.axes)
    if reduce.kind in ("argmax", "argmin"):
        axis = reduce.axes[0]
        stage = _whole(reduce.kind, type_.shape, axis)
        actions.add(Action(node, stage, (source,), (target,)))
        return
    kind = "sum" if reduce.kind == "mean" else reduce.kind
    count = math.prod(type_.shape[a] for a in reduce.axes)  # type: ignore[misc]
    stages = list(_stages(kind, runs))
    if not stages:  # every reduced axis has size 1, so only the shape changes
        actions.storage[target] = actions.storage[source]
        return
    for index, stage in enumerate(stages):
        last = index == len(stages) - 1
        if last and reduce.kind == "mean":
            stage = Stage(
                stage.kind, stage.outer, stage.n, stage.inner, 1, stage.length, max(count, 1)
            )
            if count == 0:
                actions.add(
                    Action(node, Elementwise("value", (), {"value": math.nan}), (), (target,))
                )
                return
        size = stage.outer * stage.blocks * stage.inner
        out = target if last else actions.new_slot(TensorType(type_.dtype, (size,)))
        actions.add(Action(node, stage, (source,), (out,)))
        source = out


def _whole(kind: str, shape: Sequence[int | None], axis: int) -> Stage:
    outer = math.prod(shape[:axis])  # type: ignore[arg-type]
    inner = math.prod(shape[axis + 1 :])  # type: ignore[arg-type]
    n = shape[axis]
    assert n is not None
    return Stage(kind, outer, n, inner, 1, max(n, 1))


def _runs(shape: Sequence[int | None], axes: Sequence[int]) -> list[tuple[bool, int]]:
    """Neighbouring axes that are reduced, or kept, as one: (reduced, size); size 1 vanishes."""
    runs: list[tuple[bool, int]] = []
    for axis, size in enumerate(shape):
        assert size is not None
        if size == 1:
            continue
        reduced = axis in axes
        if runs and runs[-1][0] == reduced:
            runs[-1] = (reduced, runs[-1][1] * size)
        else:
            runs.append((reduced, size))
    return runs


def _stages(kind: str, runs: list[tuple[bool, int]]):
    """Yield the stages that reduce all reduced runs, the last run first."""
    runs = list(runs)
    while any(reduced for reduced, _ in runs):
        at = max(i for i, (reduced, _) in enumerate(runs) if reduced)
        outer = math.prod(size for _, size in runs[:at])
        inner = math.prod(size for _, size in runs[at + 1 :])
        n = runs[at][1]
        block = ROW_BLOCK if inner == 1 else COLUMN_BLOCK
        while n > block:
            blocks = -(-n // block)
            yield Stage(kind, outer, n, inner, blocks, block)
            n = blocks
        yield Stage(kind, outer, n, inner, 1, max(n, 1))
        del runs[at]
