"""Elementwise ops: formulas over one iteration space, with neighbours fused into one kernel."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cache, lru_cache
from itertools import accumulate
from operator import mul
from typing import Any

import numpy as np

from nodeflow.engine.ir.actions import Action, Actions, View
from nodeflow.engine.ir.groups import Group
from nodeflow.engine.ir.launches import (
    Arg,
    KernelLaunch,
    Pointer,
    Region,
    RowTiling,
    Split,
    tasks_of,
)
from nodeflow.engine.kernels.cluster_source import (
    Cluster,
    ClusterNode,
    Operand,
    Output,
    Pattern,
    collapse,
    elementwise_source,
    rereads,
)
from nodeflow.engine.kernels.kernel import (
    GroupToLaunch,
    Kernel,
    leading_products,
    picture_bands,
)
from nodeflow.engine.kernels.registry import handles
from nodeflow.graph.graph import Node
from nodeflow.graph.types import FLOATS, UNSIGNED_INTEGERS, Shape, TensorType, numpy_dtype
from nodeflow.ops.lowering import Elementwise

CONSTANT_SIZE = 4096
"""Maximum number of elements of a filled tensor that is stored in the plan and not written at
each run.
"""
_FAIL_FOR_ZERO = ("floor_divide(", "modulo(")
_FAIL_FOR_NEGATIVE = "pow("


@handles(Elementwise)
class ElementwiseKernel(Kernel[Elementwise]):
    """The kernel of a cluster of formulas, with one statement for each."""

    label = "elementwise"

    def label_of(self, group: Group) -> str:
        return "fused" if len(group.actions) > 1 else self.label

    def lower(
        self,
        actions: Actions,
        node: Node,
        lowering: Elementwise,
        inputs: tuple[int, ...],
        outputs: tuple[int, ...],
    ) -> None:
        """Add an elementwise action for the node. An input that the formula does not name, such as
        the input of ones_like, is dropped.

        If the formula only returns its input, the output shares the input's memory. A formula
        without inputs becomes a constant.
        """
        out = actions.types[outputs[0]]
        if (lowering.expression,) == lowering.names and out == actions.types[inputs[0]]:
            actions.share_storage(outputs[0], inputs[0])
            return
        read = lowering.read
        kept = [i for i, name in enumerate(lowering.names) if name in read]
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

    def launches(self, work: GroupToLaunch, lowering: Elementwise) -> list[KernelLaunch]:
        """Return the single kernel launch that computes all fused formulas of a group."""
        if work.alone and work.tiling is not None:
            return [_cut(work.alone[0], work.tiling, work.task_rows)]
        source, again, sizes, estimate, pointers = _described(work)
        total = math.prod(sizes)
        if work.tiling is None:
            tasks, size = _vectors(total, estimate)
        else:
            tasks, size = work.tiling.tasks, work.tiling.units_per_task(total)
        args = (*sizes, size, *pointers)
        split = Split(total, size, work.task_rows)
        return [KernelLaunch(source, args, tasks, estimate, work.group, split=split, rereads=again)]

    def named_source(self, work: GroupToLaunch, launch: KernelLaunch) -> str:
        """Return the text with node names beside the statements."""
        cluster, *_ = describe_cluster(work, labels=True)
        return elementwise_source(cluster, comments=True)

    def can_fail(self, actions: Actions, action: Action, lowering: Elementwise) -> bool:
        """Return whether the formula may fail at run time, because it can divide an integer by zero
        or raise it to a negative power.
        """
        if not action.inputs:
            return False
        dtype, text = actions.types[action.inputs[-1]].dtype, lowering.expression
        divides = dtype not in FLOATS and any(f in text for f in _FAIL_FOR_ZERO)
        signed = dtype not in FLOATS and dtype not in UNSIGNED_INTEGERS
        return divides or (signed and _FAIL_FOR_NEGATIVE in text)

    def leading_rows(self, actions: Actions, group: Group, lowering: Elementwise) -> frozenset[int]:
        assert group.shape is not None
        return _leading_rows(group.shape)

    def reads_own_rows(
        self,
        actions: Actions,
        group: Group,
        lowering: Elementwise,
        operand: int,
        slot: int,
        rows: int,
    ) -> bool:
        """Return whether rows of the result need only the same rows of this operand. An operand
        that is broadcast along the rows is read by all tasks, so the answer is False.
        """
        shape = actions.types[slot].shape
        if shape == group.shape:
            return True
        space = _space(group)
        padded = (1,) * (len(space) - len(shape)) + tuple(shape)
        leading = next(n for n, cut in enumerate(accumulate(space, mul), 1) if cut >= rows)
        return padded[:leading] == tuple(space[:leading])

    def may_overwrite(self, actions: Actions, group: Group, storage: int) -> bool:
        """Return whether the kernel may write its result into the memory of an input. This is so if
        the kernel reads the whole input, each element once and just before it writes there.
        """
        slots = {
            slot
            for action in group.actions
            for slot in action.inputs
            if actions.storage[slot] == storage
        }
        shapes = {actions.types[slot].shape for slot in slots}
        return shapes == {group.shape} and actions.views.keys().isdisjoint(slots)


def _described(work: GroupToLaunch) -> tuple[str, bool, Sequence[int], float, Sequence[Arg]]:
    """Return what the kernel launch of a group of elementwise actions needs: the kernel source,
    whether the kernel rereads inputs, the sizes, the estimated nanoseconds, and the remaining
    arguments.
    """
    group, views = work.group, work.actions.views
    action = group.actions[0]
    if len(group.actions) == 1 and not group.pieces and views.keys().isdisjoint(action.inputs):
        return _described_alone(work, action)
    cluster, sizes, pointers = describe_cluster(work)
    return _source(cluster), rereads(cluster), sizes, math.prod(sizes) * cost(cluster), pointers


def _described_alone(
    work: GroupToLaunch, action: Action
) -> tuple[str, bool, Sequence[int], float, Sequence[Arg]]:
    """Return what the kernel launch of a single elementwise action needs. The kernel source is
    cached, because large graphs have many equal formulas.
    """
    types, storage, lowering = work.actions.types, work.actions.storage, action.lowering
    assert isinstance(lowering, Elementwise) and work.group.shape is not None
    out = action.outputs[0]
    dtype, home = types[out].dtype, storage[out]
    uses: dict[tuple[int, Shape], int] = {}
    operands, dtypes = [], []
    for slot in action.inputs:
        type_ = types[slot]
        dtypes.append(type_.dtype)
        operands.append(uses.setdefault((storage[slot], type_.shape), len(uses)))
    inputs = [storage for storage, _ in uses]
    inplace = inputs.index(work.inplace[home]) if home in work.inplace else None
    source, again, sizes, estimate = _formula(
        lowering.expression,
        lowering.names,
        _Frozen(lowering.attrs) if lowering.attrs else _NOTHING,
        tuple(operands),
        tuple(dtypes) or (dtype,),
        tuple([(types[s].dtype, shape) for s, shape in uses]),
        dtype,
        work.group.shape,
        work.group.flush,
        inplace,
    )
    stored = inputs if inplace is not None else [*inputs, home]
    return source, again, sizes, estimate, [Pointer(s) for s in stored]


@lru_cache(maxsize=4096)
def _formula(
    expression: str,
    names: tuple[str, ...],
    attrs: _Frozen,
    operands: tuple[int, ...],
    dtypes: tuple[str, ...],
    inputs: tuple[tuple[str, Shape], ...],
    dtype: str,
    shape: Shape,
    flush: bool,
    inplace: int | None,
) -> tuple[str, bool, list[int], float]:
    """Return what the kernel launch of a single formula needs, except addresses: the kernel source,
    whether the kernel rereads inputs, the sizes, and the estimated nanoseconds.

    Args:
        inputs: dtype and shape of each input.
    """
    where = tuple([(False, index) for index in operands])
    node = _cluster_node(expression, names, attrs, where, dtypes, dtype)
    known = tuple([d for d in shape if d is not None])
    sizes, patterns, _ = _collapsed(known, tuple([s for _, s in inputs]), (None,) * len(inputs))
    kinds = tuple([(d, p) for (d, _), p in zip(inputs, patterns, strict=True)])
    cluster = Cluster(len(sizes), kinds, (node,), (Output(0, inplace),), flush)
    return _source(cluster), rereads(cluster), sizes, math.prod(sizes) * cost(cluster)


def _cut(launch: KernelLaunch, tiling: RowTiling, rows: int) -> KernelLaunch:
    """Return a kernel launch with the tasks of a chain instead of its own. All launches of a chain
    run one after the other in each task, so they must be divided by the same rows.
    """
    assert launch.split is not None
    total = launch.split.units
    size = tiling.units_per_task(total)
    place = next(n for n, arg in enumerate(launch.args) if not isinstance(arg, int)) - 1
    args = (*launch.args[:place], size, *launch.args[place + 1 :])
    split = Split(total, size, rows)
    return replace(launch, args=args, tasks=tiling.tasks, split=split)


@lru_cache(maxsize=4096)
def _leading_rows(shape: Shape) -> frozenset[int]:
    """Return into how many leading rows (elements along the first axes) an elementwise kernel of
    this shape may be divided.
    """
    return leading_products(shape) | picture_bands(shape)


def _space(group: Group) -> list[int]:
    """Return the iteration space of a cluster."""
    assert group.shape is not None
    return [d or 0 for d in group.shape]


def _filled(lowering: Elementwise, type_: TensorType) -> np.ndarray:
    """Evaluate a formula without inputs. Return an array of the type's shape filled with
    its value.
    """
    value = eval(lowering.expression, {"__builtins__": {}}, dict(lowering.attrs))
    return np.full(type_.shape, value, numpy_dtype(type_.dtype))  # type: ignore[arg-type]


# ---- clusters -----------------------------------------------------------------------------------


def describe_cluster(
    work: GroupToLaunch, *, labels: bool = False
) -> tuple[Cluster, list[int], list[Arg]]:
    """Describe a group of elementwise actions as one fused kernel. Return the cluster (its
    formulas), the sizes of its axes, and the remaining kernel arguments.

    Args:
        labels: whether each node of the cluster is labelled with the name of its graph node.
    """
    actions, group, inplace = work.actions, work.group, work.inplace
    types, storage, views = actions.types, actions.storage, actions.views
    uses: dict[tuple[int, tuple, View | None], int] = {}

    def number(slot: int) -> int:
        key = (storage[slot], types[slot].shape, views.get(slot))
        return uses.setdefault(key, len(uses))

    nodes, node_of = cluster_nodes(group.actions, types, storage, number)
    if labels:
        pairs = zip(nodes, group.actions, strict=True)
        nodes = [replace(node, label=action.node.name) for node, action in pairs]
    assert group.shape is not None
    shape = [d for d in group.shape if d is not None]
    inputs = [key[0] for key in uses]
    pieces = [(s, *piece) for s, where in group.pieces.items() for piece in where]
    outputs = [s for s in node_of if s in work.needed] or ([] if pieces else list(node_of)[-1:])
    shapes = [key[1] for key in uses] + [group.shape] * len(pieces)
    strides = [view and view.strides for *_, view in (*uses, *pieces)]
    sizes, patterns, strides = _collapsed(tuple(shape), tuple(shapes), tuple(strides))
    stores = [
        Output(node_of[s], inputs.index(inplace[s]) if s in inplace else None) for s in outputs
    ]
    of_pieces = strides[len(uses) :]
    stores += [
        Output(node_of[s], strided=stride is not None)
        for (s, _, _), stride in zip(pieces, of_pieces, strict=True)
    ]
    cluster = Cluster(
        len(sizes),
        tuple((types[s].dtype, p) for s, p in zip(inputs, patterns, strict=False)),
        tuple(nodes),
        tuple(stores),
        group.flush,
        tuple(k for k, s in enumerate(strides[: len(uses)]) if s is not None),
    )
    arrays = [*((s, view) for s, _, view in uses)]
    arrays += [(s, None) for s in outputs if s not in inplace]
    arrays += [(whole, view) for _, whole, view in pieces]
    args: list[Arg] = [
        Pointer(s, view.offset * numpy_dtype(types[s].dtype).itemsize if view else 0)
        for s, view in arrays
    ]
    return cluster, sizes, [*args, *(s for axes in strides if axes is not None for s in axes)]


def cluster_nodes(
    actions: Iterable[Action],
    types: Sequence[TensorType],
    storage: Sequence[int],
    number: Callable[[int], int],
) -> tuple[list[ClusterNode], dict[int, int]]:
    """Convert consecutive elementwise actions to the nodes of one fused cluster. Return the nodes,
    and the index of the node that computes each storage.

    Args:
        number: returns the cluster input for a slot that none of the actions computes.
    """
    nodes: list[ClusterNode] = []
    made: dict[int, int] = {}
    for action in actions:
        lowering = action.lowering
        assert isinstance(lowering, Elementwise)
        operands = []
        for slot in action.inputs:
            inside = made.get(storage[slot])
            operands.append((False, number(slot)) if inside is None else (True, inside))
        out = action.outputs[0]
        made[storage[out]] = len(nodes)
        dtypes = tuple([types[s].dtype for s in action.inputs]) or (types[out].dtype,)
        nodes.append(cluster_node(lowering, tuple(operands), dtypes, types[out].dtype))
    return nodes, made


@lru_cache(maxsize=4096)
def _collapsed(
    shape: tuple[int, ...], shapes: tuple[tuple, ...], strides: tuple[Any, ...]
) -> tuple[list[int], list[Pattern], list[Any]]:
    """Call `collapse`, which merges axes, and cache its result, because many clusters have the same
    shapes.

    Callers must not change the result.
    """
    return collapse(shape, shapes, strides)


def copy_launch(actions: Actions, source: int, target: int) -> KernelLaunch:
    """Return a kernel launch that copies all values of the storage ``source`` to the storage
    ``target``.
    """
    dtype = actions.types[source].dtype
    node = _cluster_node("x", ("x",), _NOTHING, ((False, 0),), (dtype,), dtype)
    cluster = Cluster(1, ((dtype, (True,)),), (node,), (Output(0),))
    size = actions.types[source].size or 0
    work = size * cost(cluster)
    tasks, each = _vectors(size, work)
    args = (size, each, Pointer(source), Pointer(target))
    return KernelLaunch(_source(cluster), args, tasks, work, writes=(Region(target),))


@cache
def _source(cluster: Cluster) -> str:
    return elementwise_source(cluster)


@lru_cache(maxsize=4096)
def _vectors(total: int, work: float) -> tuple[int, int]:
    """Divide an elementwise kernel of ``total`` elements into tasks. Return the number of tasks,
    and the elements per task, a multiple of 64.
    """
    vectors = max(1, -(-total // 64))
    each = -(-vectors // tasks_of(work))
    return -(-vectors // each), 64 * each


class _Frozen(dict):
    """Attributes in a hashable form, as part of a key."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(sorted((k, str(v)) for k, v in self.items()))) if self else 0


_NOTHING = _Frozen()


@cache
def _cluster_node(
    expression: str,
    names: tuple[str, ...],
    attrs: _Frozen,
    operands: tuple[tuple[bool, int], ...],
    dtypes: tuple[str, ...],
    dtype: str,
) -> ClusterNode:
    """Return a node of a fused cluster for these arguments. Equal arguments give the same object,
    so that plans of large graphs contain no copies.
    """
    lowering = Elementwise(expression, names, attrs)
    return ClusterNode(lowering, tuple(Operand(*o) for o in operands), dtypes, dtype)


def cluster_node(
    lowering: Elementwise,
    operands: tuple[tuple[bool, int], ...],
    dtypes: tuple[str, ...],
    dtype: str,
) -> ClusterNode:
    """Return the node that stands for an elementwise formula in a cluster (formulas fused into one
    kernel).

    Args:
        operands: for each operand, whether it is an earlier node of the cluster, and its number
            among the nodes or inputs.
        dtypes: dtypes of the operands.
        dtype: dtype of the result.
    """
    attrs = _Frozen(lowering.attrs) if lowering.attrs else _NOTHING
    return _cluster_node(lowering.expression, lowering.names, attrs, operands, dtypes, dtype)


def cost(cluster: Cluster) -> float:
    """Return the estimated nanoseconds per element."""
    arrays = len(cluster.inputs) + len(cluster.outputs)
    wide = any(n.dtype in ("float64", "int64") for n in cluster.nodes)
    total = 0.08 * arrays * (2 if wide else 1)
    for node in cluster.nodes:
        calls = calls_of(node.lowering.expression)
        total += 0.05 + calls * (8.0 if wide else 0.6)
    return total


@cache
def calls_of(expression: str) -> int:
    """Return how many function calls of a formula are expensive, such as exp.

    Cheap ones, such as maximum, are not counted.
    """
    cheap = {"maximum", "minimum", "where", "clip", "cast", "abs_", "sqrt", "sign", "fma"}
    return sum(
        isinstance(n, ast.Call) and getattr(n.func, "id", "") not in cheap
        for n in ast.walk(ast.parse(expression))
    )
