"""Matrix products: as outer products, as parts of a long sum, or as calls of BLAS.

The shape of a product alone determines its form. An outer product is elementwise, so it fuses
with its consumers: the update of a large matrix by one row needs one pass over the matrix and
not three. If the result is small compared to the operands, the product is a sum of parts, and
each part reads its own part of both operands. Tiles of the result would each read a whole
operand.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from nodeflow.engine.devicelib import blas
from nodeflow.engine.devicelib.added_parts import MATRIX
from nodeflow.engine.devicelib.vector_width import tall_tile_shape
from nodeflow.engine.ir.actions import Action, Actions
from nodeflow.engine.ir.groups import Group
from nodeflow.engine.ir.launches import KernelLaunch, Region, Split, limited_tasks
from nodeflow.engine.kernels.kernel import GroupToLaunch, Kernel, LoweringRule
from nodeflow.engine.kernels.matmul_blocked import (
    Blocks,
    blocked_args,
    blocked_source,
    is_blocked,
    may_copy,
    plan_blocked,
)
from nodeflow.engine.kernels.matmul_dots import column_height, dots_args, dots_source, is_dots
from nodeflow.engine.kernels.matmul_few import few_args, few_source, is_few
from nodeflow.engine.kernels.matmul_int import matmul_source
from nodeflow.engine.kernels.matmul_packed import add_packed, may_pack
from nodeflow.engine.kernels.matmul_panels import (
    Panels,
    last_vectors,
    panel_columns,
    panels_args,
    panels_source,
    plan_half,
    plan_panels,
)
from nodeflow.engine.kernels.matmul_small import is_small, small_args, small_source
from nodeflow.engine.kernels.matmul_thin import parts_of_sum, thin_args, thin_source
from nodeflow.engine.kernels.matmul_tiling import few_are_halved, is_halved, plan_tiles, product_ns
from nodeflow.engine.kernels.registry import handles
from nodeflow.graph.graph import Node
from nodeflow.graph.types import FLOATS, TensorType, numpy_dtype
from nodeflow.ops.lowering import Elementwise, Lowering, Matmul

_KERNEL = '''
import numpy as np
from nodeflow.engine.devicelib.gemm import gemm
from nodeflow.engine.devicelib.intrinsics import slot

def kernel(args, task, ntasks):
    """args: BLAS, a, b, c, m, n, k, lda, ldb, height, width, rows, columns, depth."""
    m, n, k, lda, ldb = slot(args, 4), slot(args, 5), slot(args, 6), slot(args, 7), slot(args, 8)
    height, width = slot(args, 9), slot(args, 10)
    rows, columns, depth = slot(args, 11), slot(args, 12), slot(args, 13)
    across = max((n + width - 1) // width, 1)
    top, first = task // across * height, task % across * width
    bottom, right = min(m, top + height), min(n, first + width)
    while top < bottom:
        left = first
        while left < right:
            done = 0
            while True:
                a = slot(args, 1) + {size} * {a_start}
                b = slot(args, 2) + {size} * {b_start}
                c = slot(args, 3) + {size} * (top * n + left)
                gemm(slot(args, 0), {ta}, {tb}, min(rows, bottom - top), min(columns, right - left),
                     min(depth, k - done), np.{dtype}(1), a, lda, b, ldb,
                     np.{dtype}(0 if done == 0 else 1), c, n)
                done += depth
                if done >= k:
                    break
            left += columns
        top += rows
'''


@dataclass(frozen=True)
class Product(Lowering):
    """The lowering to a product of two matrices that sums ``depth`` terms from term ``first`` on.

    ``added``: kinds of the further inputs, which are added in turn
    (`matmul_panels.panels_source`). ``copied``: whether the second operand is in `Blocks`, of
    the shape given by `_blocks`.
    """

    transpose_x: bool
    transpose_y: bool
    first: int
    depth: int
    added: tuple[int, ...] = ()
    copied: bool = False


# ---- what a product becomes ---------------------------------------------------------------------


@handles(Matmul)
class MatmulRule(LoweringRule[Matmul]):
    """The rule that lowers a product to the form that its shape determines."""

    def lower(
        self,
        actions: Actions,
        node: Node,
        lowering: Matmul,
        inputs: tuple[int, ...],
        outputs: tuple[int, ...],
    ) -> None:
        x, y, out = (actions.types[slot] for slot in (*inputs, *outputs))
        if x.dtype in FLOATS and (y.shape[-1] if lowering.transpose_y else y.shape[-2]) == 1:
            vectors = tuple(_as_vectors(actions, lowering, inputs))
            actions.add(Action(node, _OUTER, vectors, outputs))
            return
        lowering, inputs, outputs = _vector_first(actions, lowering, inputs, outputs)
        x, y, out = types = [actions.types[slot] for slot in (*inputs, *outputs)]
        whole = as_rows(types, lowering.transpose_x)
        m, n, k = extents(*whole, lowering.transpose_x)
        layout = lowering.transpose_x, lowering.transpose_y
        along_rows = n == 1 and is_dots(m, n, k, x.dtype, *layout)
        if may_pack(actions, inputs, m) and not along_rows:
            add_packed(actions, node, layout, inputs, outputs)
            return
        blocks = _blocks(m, n, k, x.dtype, lowering.transpose_y) if whole[2].rank == 2 else None
        if blocks is not None:
            slot = actions.new_slot(blocks.type_of(y))
            actions.add(Action(node, blocks, inputs[1:], (slot,)))
            product = Product(lowering.transpose_x, lowering.transpose_y, 0, k, copied=True)
            actions.add(Action(node, product, (inputs[0], slot), outputs))
            return
        slots = []
        parts = _parts(m, n, k, x.dtype, lowering)
        for first, depth in parts:
            slot = outputs[0] if len(parts) == 1 else actions.new_slot(out)
            product = Product(lowering.transpose_x, lowering.transpose_y, first, depth)
            actions.add(Action(node, product, inputs, (slot,)))
            slots.append(slot)
        while len(slots) > 1:
            pair, slots = tuple(slots[:2]), slots[2:]
            slots.append(actions.new_slot(out) if slots else outputs[0])
            actions.add(Action(node, Elementwise("x + y", ("x", "y")), pair, (slots[-1],)))


_OUTER = Elementwise("fma(x, y, 0)", ("x", "y"))
"""A product added to zero, as in numpy and BLAS, so that -0 becomes 0."""


def as_rows(
    types: Sequence[TensorType], transpose_x: bool
) -> tuple[TensorType, TensorType, TensorType]:
    """Merge leading axes of a product into its rows, and return the types (x, y, out).

    This applies if many matrices are multiplied by a single one: their rows follow each other in
    memory and are the rows of one product. Otherwise, return the types unchanged.
    """
    x, y, out = types
    if transpose_x or len(out.shape) == 2 or math.prod(d or 0 for d in y.shape[:-2]) != 1:
        return x, y, out
    rows = math.prod(d or 0 for d in out.shape[:-1])
    whole = out.with_shape((rows, *out.shape[-1:]))
    return x.with_shape((rows, *x.shape[-1:])), y.with_shape(y.shape[-2:]), whole


def extents(
    x: TensorType, y: TensorType, out: TensorType, transpose_x: bool
) -> tuple[int, int, int]:
    """Return m, n and k of a product of an (m, k) and a (k, n) matrix."""
    k = x.shape[-2] if transpose_x else x.shape[-1]
    return out.shape[-2] or 0, out.shape[-1] or 0, k or 0


def _as_vectors(actions: Actions, matmul: Matmul, inputs: tuple[int, ...]) -> Iterator[int]:
    """Yield slots that present both operands as an outer product: the first as columns (..., m, 1),
    the second as rows (..., 1, n). They share the memory of the operands.
    """
    for slot, transposed in zip(inputs, (matmul.transpose_x, matmul.transpose_y), strict=True):
        yield _turned(actions, slot) if transposed else slot


def _turned(actions: Actions, vector: int) -> int:
    """Return a new slot that shares the memory of a vector. It is a row if the vector is a column,
    and a column if it is a row.
    """
    *batch, rows, columns = actions.types[vector].shape
    turned = actions.new_slot(actions.types[vector].with_shape((*batch, columns, rows)))
    actions.share_storage(turned, vector)
    return turned


def _vector_first(
    actions: Actions, matmul: Matmul, inputs: tuple[int, ...], outputs: tuple[int, ...]
) -> tuple[Matmul, tuple[int, ...], tuple[int, ...]]:
    """Return an equivalent product in which a vector is the first operand and not transposed.

    The product of a transposed matrix and a vector becomes the product of the vector and the matrix
    as stored.
    """
    x, y = inputs
    m, n = actions.types[outputs[0]].shape[-2:]
    transpose_x, transpose_y = matmul.transpose_x, matmul.transpose_y
    if m == 1 and transpose_x:
        x, transpose_x = _turned(actions, x), False
    if n == 1 and transpose_y:
        y, transpose_y = _turned(actions, y), False
    if n == 1 and transpose_x:
        x, y, transpose_x, outputs = _turned(actions, y), x, False, (_turned(actions, outputs[0]),)
    return Matmul(transpose_x, transpose_y), (x, y), outputs


def _blocks(m: int, n: int, k: int, dtype: str, transpose_y: bool) -> Blocks | None:
    """Return how the second operand of a product is cut into blocks, if it is copied once for all
    tasks; else None.
    """
    if is_blocked(m, n, k, dtype):
        depth, width = plan_blocked(m, n, k, dtype).depth, tall_tile_shape(dtype).columns
        return Blocks(transpose_y, n, depth, width)
    if parts_of_sum(m, n, k, dtype, transpose_y) > 1 or is_few(m, n, dtype, transpose_y):
        return None
    panels = plan_panels(m, n, k, dtype, transpose_y)
    if panels is None or not panels.shared or not may_copy(n, k, dtype):
        return None
    return Blocks(transpose_y, n, panels.depth, panel_columns(dtype))


def _parts(m: int, n: int, k: int, dtype: str, matmul: Matmul) -> list[tuple[int, int]]:
    """Divide the sum over the k terms of a product into parts. Return (first term, number of terms)
    of each part.
    """
    if (parts := parts_of_sum(m, n, k, dtype, matmul.transpose_y)) > 1:
        return [(k * i // parts, k * (i + 1) // parts - k * i // parts) for i in range(parts)]
    turned, transposed = matmul.transpose_y, matmul.transpose_x or matmul.transpose_y
    if is_dots(m, n, k, dtype, matmul.transpose_x, turned):
        return [(0, k)]
    if is_few(m, n, dtype, turned):
        halved = few_are_halved(n, k)
    else:
        halved = is_halved(m, n, k, dtype, unpacked=matmul.transpose_x or not turned) and (
            plan_half(m, n, k // 2, dtype, transposed) is not None
            or plan_panels(m, n, k, dtype, turned) is None
        )
    return [(0, k // 2), (k // 2, k - k // 2)] if halved else [(0, k)]


# ---- what a product launches --------------------------------------------------------------------


@handles(Product)
class ProductKernel(Kernel[Product]):
    """The kernel of a product for each index of the batch, or of a single product if all share
    the second operand.
    """

    label = "matmul"
    by_reference = 3.0

    def launches(self, work: GroupToLaunch, lowering: Product) -> list[KernelLaunch]:
        if work.alone:
            return [*work.alone]  # its own tiles decide how a chain is cut
        x, y, *_, out = work.types
        types = as_rows((x, y, out), lowering.transpose_x)
        a, b, *added, c = work.pointers
        dtype, layout = types[0].dtype, (lowering.transpose_x, lowering.transpose_y)
        m, n, k = shape = extents(*types, lowering.transpose_x)
        together = 1
        if lowering.copied and is_blocked(*shape, dtype):
            tiles = plan_blocked(*shape, dtype).tiles
            source = blocked_source(dtype, lowering.transpose_x, tiles, lowering.added)
            args, tasks = blocked_args(shape, dtype)
            estimate = product_ns(m, n, k, dtype)
        elif parts_of_sum(*shape, dtype, lowering.transpose_y) > 1:
            source, tasks = thin_source(dtype, lowering.transpose_x, n), 1
            args = thin_args(shape, lowering.transpose_x, lowering.depth)
            estimate = product_ns(m, n, lowering.depth, dtype)
        elif is_dots(*shape, dtype, *layout):
            source, estimate = dots_source(dtype, m, n), product_ns(m, n, k, dtype)
            args, tasks = dots_args(shape, dtype, estimate)
        elif is_few(m, n, dtype, lowering.transpose_y):
            source, estimate = few_source(dtype, m), product_ns(m, n, lowering.depth, dtype)
            args, tasks = few_args(shape, dtype, lowering.transpose_x, lowering.depth, estimate)
        elif panels := _panels(lowering, *shape, dtype):
            ends = last_vectors(n, dtype), panels.lowest(m)
            source = panels_source(dtype, *layout, *ends, lowering.added, lowering.copied)
            args = panels_args(shape, *layout, panels, lowering.depth)
            tasks, estimate = panels.tasks(m, n), product_ns(m, n, lowering.depth, dtype)
        elif is_small(*shape, dtype, lowering.transpose_y):
            source = small_source(dtype, n, lowering.transpose_y)
            together, apart = _together(types)
            estimate = together * product_ns(m, n, k, dtype)
            args, tasks = small_args(shape, dtype, layout, together, apart, estimate)
        elif dtype in FLOATS:
            source = product_source(dtype, *layout)
            args, tasks = product_args(dtype, shape, *layout, part=(lowering.first, lowering.depth))
            estimate = product_ns(m, n, lowering.depth, dtype)
        else:
            source = matmul_source(dtype, *layout)
            args, estimate = [0, 0, 0, 0, m, n, k], m * n * k * 0.5
            tasks = limited_tasks(estimate, m)
        size = numpy_dtype(dtype).itemsize
        starts = (*part_offsets(shape, *layout, lowering.first), 0)
        shapes = [[d or 0 for d in t.shape] for t in types]
        height = self.task_height(work.actions, work.action, lowering)
        empty = m * n == 0  # then one task does nothing
        split = None if height is None or empty else Split(m, height, height)
        launches = []
        indices = itertools.product(*map(range, shapes[2][:-2]))
        for index in itertools.islice(indices, None if together == 1 else 1):
            at = [
                pointer.plus(size * (_batch_offset(shape, index) + start))
                for pointer, shape, start in zip((a, b, c), shapes, starts, strict=True)
            ]
            each = (args[0], *at, *args[4:], *added)
            matrix = Region(at[2].storage, at[2].offset // size, (together * m * n,), (1,))
            launches.append(
                KernelLaunch(
                    source, each, tasks, estimate, work.group, writes=(matrix,), split=split
                )
            )
        return launches

    def leading_rows(self, actions: Actions, group: Group, lowering: Product) -> frozenset[int]:
        """Return the number of rows of the product if tasks may be divided by rows, which requires
        tiles as wide as the result; else an empty set.
        """
        action = group.actions[0]
        if self.task_height(actions, action, lowering) is None:
            return frozenset()
        return frozenset({math.prod(d or 0 for d in actions.types[action.outputs[0]].shape[:-1])})

    def task_height(self, actions: Actions, action: Action, lowering: Product) -> int | None:
        x, _, out = types = product_types(actions, action, lowering)
        m, n, k = extents(*types, lowering.transpose_x)
        if lowering.copied and is_blocked(m, n, k, x.dtype):
            cut = plan_blocked(m, n, k, x.dtype)
            return cut.height if cut.width >= n else None
        shape, turned = (m, n, k), lowering.transpose_y
        layout = lowering.transpose_x, turned
        if is_few(m, n, x.dtype, turned) or parts_of_sum(*shape, x.dtype, turned) > 1:
            return None
        if x.dtype not in FLOATS or math.prod(d or 0 for d in out.shape[:-2]) != 1:
            return None
        if is_dots(*shape, x.dtype, *layout):
            return column_height(m, k, x.dtype) if n == 1 else None
        tiling = _panels(lowering, *shape, x.dtype)
        if tiling is None and is_small(*shape, x.dtype, turned):
            return m
        tiling = tiling or plan_tiles(m, n, lowering.depth, x.dtype, *layout, lowering.depth < k)
        return tiling.height if tiling.width >= n else None

    def reads_own_rows(
        self,
        actions: Actions,
        group: Group,
        lowering: Product,
        operand: int,
        slot: int,
        rows: int,
    ) -> bool:
        """Return whether rows of the product need only the same rows of this operand. This is so
        for the first operand and for added matrices.

        It is not so for the second operand and for a transposed first operand, which each row reads
        whole.
        """
        if operand >= 2:
            return lowering.added[operand - 2] == MATRIX
        return operand == 0 and not lowering.transpose_x


def _panels(lowering: Product, m: int, n: int, k: int, dtype: str) -> Panels | None:
    """Return how a product, or each half of it if its terms are halved, is cut into panels (blocks
    of columns). Return None if it is computed in another way.
    """
    if lowering.depth < k:
        transposed = lowering.transpose_x or lowering.transpose_y
        return plan_half(m, n, lowering.depth, dtype, transposed)
    return plan_panels(m, n, k, dtype, lowering.transpose_y)


def product_types(
    actions: Actions, action: Action, lowering: Product
) -> tuple[TensorType, TensorType, TensorType]:
    """Return the types of both operands and the result of a matrix product, with the rows of
    several matrices joined.
    """
    slots = (*action.inputs[:2], *action.outputs)
    return as_rows([actions.types[slot] for slot in slots], lowering.transpose_x)


def may_add(actions: Actions, action: Action) -> bool:
    """Return whether an action is a single matrix product that can add one more matrix.

    The kernel adds the matrix to the product's results before it stores them.
    """
    lowering = action.lowering
    if not isinstance(lowering, Product) or len(lowering.added) > 1:
        return False
    x, _, out = types = product_types(actions, action, lowering)
    m, n, k = extents(*types, lowering.transpose_x)
    if out.rank != 2 or lowering.depth < k or is_few(m, n, x.dtype, lowering.transpose_y):
        return False
    return lowering.copied or plan_panels(m, n, k, x.dtype, lowering.transpose_y) is not None


def _together(types: Sequence[TensorType]) -> tuple[int, tuple[bool, bool]]:
    """Return how many products of a batched matmul one kernel launch computes, and for each operand
    whether it has its own matrix for every product.

    If an operand has matrices for only some products of the batch, a launch computes one product.
    """
    *operands, out = ([d or 0 for d in t.shape[:-2]] for t in types)
    padded = [[1] * (len(out) - len(each)) + each for each in operands]
    if any(each not in (out, [1] * len(out)) for each in padded):
        return 1, (False, False)
    return math.prod(out), (padded[0] == out, padded[1] == out)


def _batch_offset(shape: Sequence[int], index: Sequence[int]) -> int:
    """Return how many elements lie before a matrix in a batched operand, given the matrix's index
    in the batch.

    Axes of size 1, and missing axes, are broadcast.
    """
    offset, stride = 0, shape[-1] * shape[-2]
    batch = shape[:-2]
    for size, at in zip(reversed(batch), reversed(index), strict=False):
        offset += stride * at if size != 1 else 0
        stride *= size
    return offset


# ---- the kernel ---------------------------------------------------------------------------------


@cache
def product_source(dtype: str, transpose_a: bool, transpose_b: bool) -> str:
    """Return the kernel text of a product of row-major, contiguous matrices: c = op(a) @ op(b)."""
    return _KERNEL.format(
        dtype=dtype,
        size=4 if dtype == "float32" else 8,
        ta=transpose_a,
        tb=transpose_b,
        a_start="(done * lda + top)" if transpose_a else "(top * lda + done)",
        b_start="(left * ldb + done)" if transpose_b else "(done * ldb + left)",
    )


def product_args(
    dtype: str,
    shape: tuple[int, int, int],
    transpose_a: bool,
    transpose_b: bool,
    pointers: tuple[int, int, int] = (0, 0, 0),
    part: tuple[int, int] | None = None,
) -> tuple[list[int], int]:
    """Return the arguments and the number of tasks for a `product_source` kernel.

    Args:
        shape: m, n, k; op(a) is (m, k), op(b) is (k, n), c is (m, n) and overlaps neither.
        pointers: addresses of the part's first term in a and in b, and of c.
        part: first term and number of terms to add up; None for all terms.
    """
    m, n, k = shape
    _, depth = part or (0, k)
    tiling = plan_tiles(m, n, depth, dtype, transpose_a, transpose_b, depth < k)
    lda, ldb = m if transpose_a else k, k if transpose_b else n
    cut = (tiling.height, tiling.width, tiling.rows, tiling.columns, tiling.depth)
    strides = (max(lda, 1), max(ldb, 1))
    args = [blas.gemm_address(dtype), *pointers, m, n, depth, *strides, *cut]
    return args, tiling.tasks(m, n)


def part_offsets(
    shape: tuple[int, int, int], transpose_a: bool, transpose_b: bool, first: int
) -> tuple[int, int]:
    """Return how many elements lie in a and in b before the data of term ``first``, to compute
    their addresses.
    """
    m, n, _ = shape
    return first * (m if transpose_a else 1), first * (1 if transpose_b else n)
