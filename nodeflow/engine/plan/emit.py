"""From a group of actions to rows of the driver's table: kernel source, arguments, tasks.

Numbers of tasks depend on shapes only, and so does everything a kernel adds up.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import get_args

import numpy as np

from nodeflow.engine.ir.actions import Action, Actions, View
from nodeflow.engine.ir.groups import Group
from nodeflow.engine.ir.launches import (
    Arg,
    KernelLaunch,
    KeyWord,
    Pointer,
    RowTiling,
    StepAddress,
    even_tiling,
    limited_tasks,
    tasks_of,
)  # fmt: skip
from nodeflow.engine.kernels import (
    along_axis,
    conv,
    copies,
    matmul,
    matmul_int,
    matmul_tiling,
    pooling,
    random_fill,
    reductions,
    sorting,
)
from nodeflow.engine.kernels.along_axis import Along
from nodeflow.engine.kernels.conv import GatherProducts, PackFilters
from nodeflow.engine.kernels.conv_filter_gradient import OuterProducts, outer_calls
from nodeflow.engine.kernels.copies import Move
from nodeflow.engine.kernels.elementwise import (
    Cluster,
    ClusterNode,
    Operand,
    Output,
    collapse,
    elementwise_source,
)
from nodeflow.engine.kernels.matmul import Product
from nodeflow.engine.kernels.reductions import Stage
from nodeflow.engine.kernels.softmax import (
    ColumnSoftmax,
    RowSoftmax,
    column_softmax_source,
    softmax_source,
)
from nodeflow.engine.kernels.sorting import Ordered
from nodeflow.graph.types import FLOATS, TensorType, numpy_dtype
from nodeflow.ops.lowering import Elementwise, Pool, Random


@cache
def cluster_source(cluster: Cluster) -> str:
    return elementwise_source(cluster)


def emit(
    actions: Actions,
    group: Group,
    needed: set[int],
    inplace: dict[int, int],
    cut: RowTiling | None = None,
) -> list[KernelLaunch]:
    """The rows of a group that is not run by its reference.

    Args:
        needed: storages that something outside their own group reads.
        inplace: storages (of outputs) whose memory is that of another storage (an input).
        cut: the tasks of the chain that the group is in, of elementwise ops, rows of reductions,
            softmax, pooling and convolution; products keep theirs, which is the chain's.
    """
    first = group.actions[0]
    if isinstance(first.lowering, Elementwise):
        return [emit_cluster(actions, group, needed, inplace, cut)]
    if isinstance(first.lowering, Stage):
        return [emit_stage(actions, group, first, cut)]
    if isinstance(first.lowering, RowSoftmax):
        return [emit_softmax(actions, group, first, cut)]
    if type(first.lowering) in _WINDOWS:
        return list(emit_calls(actions, group, first, cut))
    return list(_EMITTERS[type(first.lowering)](actions, group, first))


# ---- elementwise clusters -----------------------------------------------------------------------


def emit_cluster(
    actions: Actions,
    group: Group,
    needed: set[int],
    inplace: dict[int, int],
    cut: RowTiling | None = None,
) -> KernelLaunch:
    """One row for a fused cluster."""
    spec, sizes, pointers = describe_cluster(actions, group, needed, inplace)
    total = math.prod(sizes)
    work = total * _cost(spec)
    tasks, size = _vectors(total, work) if cut is None else (cut.tasks, cut.units_per_task(total))
    args = [*sizes, size, *pointers]
    return KernelLaunch(cluster_source(spec), tuple(args), tasks, work, group)


def _vectors(total: int, work: float) -> tuple[int, int]:
    """Number of tasks of an elementwise kernel and elements of each: whole vectors."""
    vectors = max(1, -(-total // 64))
    each = -(-vectors // tasks_of(work))
    return -(-vectors // each), 64 * each


def describe_cluster(
    actions: Actions,
    group: Group,
    needed: set[int],
    inplace: dict[int, int],
    *,
    labels: bool = False,
) -> tuple[Cluster, list[int], list[Arg]]:
    """The cluster, sizes of its iteration space, and the arguments after those."""
    types, storage, views = actions.types, actions.storage, actions.views
    uses: dict[tuple[int, tuple, View | None], int] = {}
    node_of: dict[int, int] = {}
    nodes = []
    for action in group.actions:
        lowering = action.lowering
        assert isinstance(lowering, Elementwise)
        operands = []
        for slot in action.inputs:
            if storage[slot] in node_of:
                operands.append((True, node_of[storage[slot]]))
            else:
                key = (storage[slot], types[slot].shape, views.get(slot))
                operands.append((False, uses.setdefault(key, len(uses))))
        out = action.outputs[0]
        node_of[storage[out]] = len(nodes)
        dtypes = tuple([types[s].dtype for s in action.inputs]) or (types[out].dtype,)
        attrs = _Frozen(lowering.attrs) if lowering.attrs else _NOTHING
        node = _cluster_node(
            lowering.expression, lowering.names, attrs, tuple(operands), dtypes, types[out].dtype
        )
        nodes.append(replace(node, label=action.node.name) if labels else node)
    assert group.shape is not None
    shape = [d for d in group.shape if d is not None]
    inputs = [key[0] for key in uses]
    pieces = [(r, *piece) for r, where in group.pieces.items() for piece in where]
    outputs = [r for r in node_of if r in needed] or ([] if pieces else list(node_of)[-1:])
    shapes = [key[1] for key in uses] + [group.shape] * len(pieces)
    strides = [view and view.strides for *_, view in (*uses, *pieces)]
    sizes, patterns, strides = collapse(shape, shapes, strides)
    stores = [
        Output(node_of[r], inputs.index(inplace[r]) if r in inplace else None) for r in outputs
    ]
    of_pieces = strides[len(uses) :]
    stores += [
        Output(node_of[r], strided=s is not None)
        for (r, _, _), s in zip(pieces, of_pieces, strict=True)
    ]
    spec = Cluster(
        len(sizes),
        tuple((types[r].dtype, p) for r, p in zip(inputs, patterns, strict=False)),
        tuple(nodes),
        tuple(stores),
        group.flush,
        tuple(k for k, s in enumerate(strides[: len(uses)]) if s is not None),
    )
    places = [*((r, view) for r, _, view in uses)]
    places += [(r, None) for r in outputs if r not in inplace]
    places += [(whole, view) for _, whole, view in pieces]
    args: list[Arg] = [
        Pointer(r, view.offset * numpy_dtype(types[r].dtype).itemsize if view else 0)
        for r, view in places
    ]
    return spec, sizes, [*args, *(s for axes in strides if axes is not None for s in axes)]


def copy_launch(actions: Actions, source: int, target: int) -> KernelLaunch:
    """Copy a storage's values into another's memory."""
    dtype = actions.types[source].dtype
    node = _cluster_node("x", ("x",), _NOTHING, ((False, 0),), (dtype,), dtype)
    spec = Cluster(1, ((dtype, (True,)),), (node,), (Output(0),))
    size = actions.types[source].size or 0
    work = size * _cost(spec)
    tasks, each = _vectors(size, work)
    return KernelLaunch(
        cluster_source(spec), (size, each, Pointer(source), Pointer(target)), tasks, work
    )


class _Frozen(dict):
    """Attributes as part of a key."""

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
    """The one node that is like this, so that large graphs are planned without many equal ones."""
    lowering = Elementwise(expression, names, attrs)
    return ClusterNode(lowering, tuple(Operand(*o) for o in operands), dtypes, dtype)


def _cost(cluster: Cluster) -> float:
    """Nanoseconds an element."""
    arrays = len(cluster.inputs) + len(cluster.outputs)
    wide = any(n.dtype in ("float64", "int64") for n in cluster.nodes)
    total = 0.08 * arrays * (2 if wide else 1)
    for node in cluster.nodes:
        calls = _calls(node.lowering.expression)
        total += 0.05 + calls * (8.0 if wide else 0.6)
    return total


@cache
def _calls(expression: str) -> int:
    """Calls in a formula that are more than a few instructions."""
    cheap = {"maximum", "minimum", "where", "clip", "cast", "abs_", "sqrt", "sign", "fma"}
    return sum(
        isinstance(n, ast.Call) and getattr(n.func, "id", "") not in cheap
        for n in ast.walk(ast.parse(expression))
    )


# ---- reductions ---------------------------------------------------------------------------------


def emit_stage(
    actions: Actions, group: Group, action: Action, cut: RowTiling | None = None
) -> KernelLaunch:
    """One pass of a reduction."""
    stage = action.lowering
    assert isinstance(stage, Stage)
    dtype = actions.types[action.inputs[0]].dtype
    pointers = (
        Pointer(actions.storage[action.inputs[0]]),
        Pointer(actions.storage[action.outputs[0]]),
    )
    elements = stage.outer * stage.n * stage.inner
    if stage.kind in ("argmax", "argmin"):
        work = elements * 0.3
        source = reductions.search_source(stage.kind, dtype, rows=stage.inner == 1)
        args = (stage.outer, stage.n, stage.inner, *pointers)
        units = stage.outer * -(-stage.inner // reductions.COLUMN_TILE)
        return KernelLaunch(source, args, limited_tasks(work, units), work, group)
    work = elements * (0.15 if dtype in ("float32", "float64") else 0.4)
    divisor = (stage.divisor,) if stage.divisor else ()
    if stage.inner == 1:
        source = reductions.rows_source(stage.kind, dtype, bool(divisor))
        units = stage.outer * stage.blocks
        cut = cut or even_tiling(units, work)
        shape = (stage.outer, stage.n, stage.blocks, stage.length)
        args = (*shape, *pointers, cut.units_per_task(units), *divisor)
        return KernelLaunch(source, args, cut.tasks, work, group)
    source = reductions.columns_source(stage.kind, dtype, bool(divisor))
    shape = (stage.outer, stage.n, stage.inner, stage.blocks, stage.length)
    tile = reductions.tile_of(stage.outer * stage.blocks, stage.inner)
    args = (*shape, *pointers, tile, *divisor)
    units = stage.outer * stage.blocks * -(-stage.inner // tile)
    return KernelLaunch(source, args, limited_tasks(work, units), work, group)


def emit_softmax(
    actions: Actions, group: Group, action: Action, cut: RowTiling | None = None
) -> KernelLaunch:
    """One row of the table for all rows of a softmax."""
    softmax = action.lowering
    assert isinstance(softmax, RowSoftmax)
    type_ = actions.types[action.outputs[0]]
    n = type_.shape[-1] or 1
    rows = (type_.size or 0) // n
    work = rows * n * (1.5 if type_.dtype == "float32" else 8.0) + rows * 20.0
    pointers = (
        Pointer(actions.storage[action.inputs[0]]),
        Pointer(actions.storage[action.outputs[0]]),
    )
    source = softmax_source(type_.dtype, softmax.log)
    cut = cut or even_tiling(rows, work)
    args = (rows, n, *pointers, cut.units_per_task(rows))
    return KernelLaunch(source, args, cut.tasks, work, group)


def emit_column_softmax(actions: Actions, group: Group, action: Action) -> Sequence[KernelLaunch]:
    """One row of the table for all columns of a softmax."""
    softmax = action.lowering
    assert isinstance(softmax, ColumnSoftmax)
    dtype = actions.types[action.outputs[0]].dtype
    shape = (softmax.outer, softmax.n, softmax.inner)
    slots = (action.inputs[0], action.outputs[0])
    pointers = [Pointer(actions.storage[slot]) for slot in slots]
    work = math.prod(shape) * (1.5 if dtype == "float32" else 8.0)
    tile = reductions.tile_of(softmax.outer, softmax.inner)
    units = softmax.outer * -(-softmax.inner // tile)
    source = column_softmax_source(dtype, softmax.log)
    return [
        KernelLaunch(source, (*shape, *pointers, tile), limited_tasks(work, units), work, group)
    ]


# ---- products -----------------------------------------------------------------------------------


def emit_product(actions: Actions, group: Group, action: Action) -> Sequence[KernelLaunch]:
    """One row for each matrix product of the batch."""
    product = action.lowering
    assert isinstance(product, Product)
    types = [actions.types[s] for s in (*action.inputs, action.outputs[0])]
    storages = [actions.storage[s] for s in (*action.inputs, action.outputs[0])]
    dtype, layout = types[0].dtype, (product.transpose_x, product.transpose_y)
    m, n, k = shape = matmul.extents(types[0], types[2], product.transpose_x)
    if dtype in FLOATS:
        source = matmul.product_source(dtype, *layout)
        part = product.first, product.depth
        args, tasks = matmul.product_args(dtype, shape, *layout, part=part)
        work = matmul_tiling.product_ns(m, n, product.depth, dtype)
    else:
        source = matmul_int.matmul_source(dtype, *layout)
        args, work = [0, 0, 0, 0, m, n, k], m * n * k * 0.5
        tasks = limited_tasks(work, m)
    size = numpy_dtype(dtype).itemsize
    starts = (*matmul.part_offsets(shape, *layout, product.first), 0)
    shapes = [[d or 0 for d in t.shape] for t in types]
    rows = []
    for index in np.ndindex(*shapes[2][:-2]):
        pointers = [
            Pointer(storage, size * (_batch_offset(shape, index) + start))
            for storage, shape, start in zip(storages, shapes, starts, strict=True)
        ]
        rows.append(KernelLaunch(source, (args[0], *pointers, *args[4:]), tasks, work, group))
    return rows


def _batch_offset(shape: Sequence[int], index: Sequence[int]) -> int:
    """Elements before the matrix at a batch index, axes of size 1 (or missing) being repeated."""
    offset, stride = 0, shape[-1] * shape[-2]
    batch = shape[:-2]
    for size, at in zip(reversed(batch), reversed(index), strict=False):
        offset += stride * at if size != 1 else 0
        stride *= size
    return offset


# ---- random numbers -----------------------------------------------------------------------------


def emit_random(actions: Actions, group: Group, action: Action) -> Sequence[KernelLaunch]:
    """Fill an array from the node's stream."""
    random = action.lowering
    assert isinstance(random, Random)
    type_ = actions.types[action.outputs[0]]
    size = type_.size or 0
    numbers, tasks = random_fill.fill_args(
        0, size, (0, 0), 0, offset=random.offset, scale=random.scale, low=random.low,
        high=random.high,
    )  # fmt: skip
    keys = KeyWord(action.node, 0), KeyWord(action.node, 1)
    args = (Pointer(actions.storage[action.outputs[0]]), size, *keys, StepAddress(), *numbers[5:])
    source = random_fill.fill_source(random.distribution, type_.dtype)
    return [KernelLaunch(source, args, tasks, size * 8.0, group)]


# ---- described as calls ------------------------------------------------------------------------


def emit_calls(
    actions: Actions, group: Group, action: Action, cut: RowTiling | None = None
) -> Sequence[KernelLaunch]:
    """Rows that copy, gather, scatter or order elements, convolve or pool."""
    types = [actions.types[s] for s in (*action.inputs, *action.outputs)]
    storages = [actions.storage[s] for s in (*action.inputs, *action.outputs)]
    rows = []
    for call in _calls_of(action.lowering, types):
        tasks, share = limited_tasks(call.work, call.units), 0
        if copies.Share() in call.args:
            tasks, share = _shares(call, cut)
        args = [Pointer(storages[a.index], a.offset) if isinstance(a, copies.At)
                else share if isinstance(a, copies.Share) else a for a in call.args]  # fmt: skip
        rows.append(KernelLaunch(call.source, tuple(args), tasks, call.work, group))
    return rows


def _shares(call: copies.Call, cut: RowTiling | None) -> tuple[int, int]:
    """Tasks, and units of each, of a call that is cut as it likes, or with its chain."""
    if cut is None:
        cut = even_tiling(call.units, call.work)
        return cut.tasks, cut.height
    blocks = max(1, -(-cut.rows // call.step))
    return cut.tasks, call.units // blocks * (cut.height // call.step)


_WINDOWS: dict[type, Callable[..., list[copies.Call]]] = {
    Pool: pooling.pool_calls,
    PackFilters: conv.pack_calls,
    GatherProducts: conv.gather_calls,
    OuterProducts: outer_calls,
}


def _calls_of(lowering: object, types: Sequence[TensorType]) -> list[copies.Call]:
    if type(lowering) in _WINDOWS:
        return _WINDOWS[type(lowering)](lowering, types)
    if isinstance(lowering, Ordered):
        return [sorting.call(lowering, types)]
    if isinstance(lowering, Along):
        return [along_axis.call(lowering, types)]
    return copies.calls(lowering, types)  # type: ignore[arg-type]


_EMITTERS = {
    Product: emit_product,
    Random: emit_random,
    ColumnSoftmax: emit_column_softmax,
    **dict.fromkeys((*get_args(Move), *get_args(Along), *get_args(Ordered)), emit_calls),
    **dict.fromkeys(_WINDOWS, emit_calls),
}
