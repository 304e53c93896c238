"""The gradient with respect to 3 x 3 and 5 x 5 filters by Winograd's algorithm: see
`conv_winograd`.

For each element of a square, a matrix of (channels, filters) sums the products of transformed
squares of pictures and of the result's gradient, square by square. The rows of squares are
divided into blocks by shapes alone. The blocks are added in order, and their sum is transformed
to a window.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from nodeflow.engine.devicelib.tile_heights import TALL
from nodeflow.engine.devicelib.vector_width import vector_registers
from nodeflow.engine.ir.actions import Action, Actions
from nodeflow.engine.kernels.conv_winograd import (
    APART,
    MULTIPLE,
    MULTIPLY_ADD_NS,
    bands_of,
    columns_at_once,
    head_of,
    most_squares,
    panel_vectors,
)
from nodeflow.engine.kernels.kernel import Array, CallKernel, KernelCall, sizes_of
from nodeflow.engine.kernels.reductions import Stage
from nodeflow.engine.kernels.registry import handles
from nodeflow.graph.graph import Node
from nodeflow.graph.types import TensorType, numpy_dtype
from nodeflow.ops.lowering import FilterGradient, Lowering

ROWS, BLOCKS, PARTIAL_SIZE = 16, 8, 1 << 22
"""Minimum number of rows of squares in a block, maximum number of blocks, and maximum number of
elements of all blocks' sums, unless there is only one block.
"""
CHANNELS = 128
"""Maximum number of channels of a unit of work."""
SQUARES = 32
"""Number of squares that are summed at a time, so that sums are read and written once for all
of them.
"""


@dataclass(frozen=True)
class TransformedSums(Lowering):
    """The lowering to sums of each block of rows, as matrices of (channels, filters)."""

    taps: int
    before: tuple[int, int]
    blocks: int
    length: int


@dataclass(frozen=True)
class GradientOfSums(Lowering):
    """The second step of the gradient of Winograd filters.

    It transforms the accumulated products of tiles back to the shape of the filters.
    """


def add_transformed_gradient(
    actions: Actions,
    node: Node,
    lowering: FilterGradient,
    inputs: tuple[int, ...],
    outputs: tuple[int, ...],
) -> None:
    """Add the actions that compute a convolution's gradient with respect to its filters by the
    Winograd transform. Only for convolutions that `conv_winograd.is_transformed` accepts.
    """
    picture, g = (actions.types[slot] for slot in inputs)
    filter_ = actions.types[outputs[0]]
    n, height, width, _ = sizes_of(picture)
    down = g.shape[1] or 0
    taps, _, channels, filters = sizes_of(filter_)
    axes = lowering.windows.height, lowering.windows.width
    before = axes[0].pads(height)[0], axes[1].pads(width)[0]
    size = (taps + 1) ** 2 * channels * filters
    rows = n * -(-down // 2)
    length = max(ROWS, -(-rows // max(1, min(BLOCKS, PARTIAL_SIZE // size))))
    blocks = -(-rows // length)
    partial = actions.new_slot(TensorType(filter_.dtype, (blocks * size,)))
    actions.add(Action(node, TransformedSums(taps, before, blocks, length), inputs, (partial,)))
    sums = partial
    if blocks > 1:
        sums = actions.new_slot(TensorType(filter_.dtype, (size,)))
        stage = Stage("sum", 1, blocks, size, 1, blocks)
        actions.add(Action(node, stage, (partial,), (sums,)))
    actions.add(Action(node, GradientOfSums(), (sums,), outputs))


@handles(TransformedSums)
class TransformedSumsKernel(CallKernel[TransformedSums]):
    """The kernel for sums of products of the picture and the result's gradient.

    A unit of work is a block, some channels and some filters.
    """

    label = "filter gradient"
    by_reference = 20.0

    def calls(self, lowering: TransformedSums, types: Sequence[TensorType]) -> list[KernelCall]:
        n, height, width, channels = sizes_of(types[0])
        _, down, across, filters = sizes_of(types[1])
        vectors, lanes = panel_vectors(filters)
        parts = -(-channels // CHANNELS)
        some = -(-channels // parts // MULTIPLE) * MULTIPLE
        most = most_squares(lowering.taps, some, SQUARES)
        bands = bands_of(down, across, most, lowering.length)
        args = (
            Array(0), Array(1), Array(2), n, height, width, channels, down, across, filters,
            *lowering.before, -(-bands.down // bands.bands), -(-bands.across // bands.pieces),
            lowering.blocks, lowering.length, some,
        )  # fmt: skip
        source = _sums_source(
            lowering.taps, vectors, lanes, some, most, filters % (vectors * lanes)
        )
        groups = -(-filters // columns_at_once(vectors * lanes))
        units = lowering.blocks * -(-channels // some) * groups
        work = n * down * across * (lowering.taps + 1) ** 2 * channels * filters * MULTIPLY_ADD_NS
        return [KernelCall(source, args, units, work)]


@cache
def _sums_source(taps: int, vectors: int, lanes: int, some: int, most: int, last: int) -> str:
    """Return the source of the kernel that sums the products of transformed images and gradients
    for a Winograd filter gradient.

    Kernel arguments: pictures, gradients, sums; number of pictures, rows, columns and channels of a
    picture; rows, columns and filters of a gradient; zeros before the first row and column; rows
    and columns of squares at a time; blocks, rows of a block, channels of a unit.

    Args:
        some: channels of a unit.
        most: squares at a time.
        last: filters of the last panel, 0 if it is full.
    """
    matrices, group = (taps + 1) ** 2, columns_at_once(vectors * lanes)

    def product(masked: int, indent: int) -> str:
        space = " " * indent
        return f"""panel_product({vectors}, LANES, T, {masked}, {TALL - 1}, 0, 0, high,
{space}              squares + square * m, np.int64(4), 4 * high,
{space}              gradients + gradient * m + 4 * column, np.int64(4 * GROUP),
{space}              rows * count, to + 4 * column, 4 * filters,
{space}              wide - column, np.int64(0), np.int64(0), fresh, True)"""

    call, cleared = product(0, 24), ""
    if last:
        call = f"""if column + PANEL <= wide:
                            {product(0, 28)}
                        else:
                            {product(1, 28)}"""
        # Columns that fill up a panel are multiplied as well. Zeros avoid denormals there, which
        # are slow.
        cleared = f"""for i in range({matrices * (group * most + APART // 4)}):
        store(gradients + 4 * i, T(0))"""
    return f"""{head_of(taps, vectors, lanes, "gradient_tiles", "square_tiles")}

def kernel(args, task, ntasks):
    n, height, width, channels = slot(args, 3), slot(args, 4), slot(args, 5), slot(args, 6)
    down, across, filters = slot(args, 7), slot(args, 8), slot(args, 9)
    above, before = slot(args, 10), slot(args, 11)
    most_rows, most_columns = slot(args, 12), slot(args, 13)
    blocks, length, some = slot(args, 14), slot(args, 15), slot(args, 16)
    squares_down, squares_across = (down + 1) // 2, (across + 1) // 2
    parts, groups = (channels + some - 1) // some, (filters + GROUP - 1) // GROUP
    squares = local_memory({matrices * (4 * some * most + APART)})
    gradients = local_memory({matrices * (4 * group * most + APART)})
    {cleared}
    source_row, gradient_row = 4 * channels * width, 4 * filters * across
    units = blocks * parts * groups
    for unit in range(units * task // ntasks, units * (task + 1) // ntasks):
        part = unit // groups
        first = (unit - part * groups) * GROUP
        block = part // parts
        low = (part - block * parts) * some
        high, wide = min(some, channels - low), min(np.int64(GROUP), filters - first)
        sums = slot(args, 2) + 4 * ((block * PARTS * channels + low) * filters + first)
        begin = block * length
        end = min(n * squares_down, begin + length)
        row = begin
        while row < end:
            image = row // squares_down
            top = row - image * squares_down
            rows = min(min(most_rows, squares_down - top), end - row)
            picture = slot(args, 0) + source_row * height * image + 4 * low
            result = slot(args, 1) + gradient_row * down * image + 4 * first
            later = picture + source_row * (2 * (top + rows) - above + {taps - 1})
            result_later = result + 2 * gradient_row * (top + rows)
            for left in range(0, squares_across, most_columns):
                count = min(most_columns, squares_across - left)
                fresh = (row == begin) & (left == 0)
                square = 4 * high * rows * count + {APART}
                gradient = 4 * GROUP * rows * count + {APART}
                for r in range(rows):
                    square_tiles(TAPS, LANES, T, picture, source_row, 2 * (top + r) - above, height,
                                 4 * channels, 2 * left - before, width, count, 4 * high,
                                 squares + 4 * high * count * r, 4 * high, square)
                    gradient_tiles(TAPS, LANES, T, result, gradient_row, 2 * (top + r), down,
                                   4 * filters, 2 * left, across, count, 4 * wide,
                                   gradients + 4 * GROUP * count * r, np.int64(4 * GROUP), gradient)
                for m in range(PARTS):
                    if count == squares_across:
                        fetched(later, 2 * source_row * rows, m)
                        fetched(result_later, 2 * gradient_row * rows, m)
                    to = sums + 4 * channels * filters * m
                    for column in range(0, wide, PANEL):
                        {call}
            row += rows
"""


@handles(GradientOfSums)
class GradientOfSumsKernel(CallKernel[GradientOfSums]):
    """The kernel that transforms the matrices of sums to a window."""

    label = "filter gradient"
    by_reference = 2.0

    def calls(self, lowering: GradientOfSums, types: Sequence[TensorType]) -> list[KernelCall]:
        taps, _, channels, filters = sizes_of(types[1])
        lanes = vector_registers()[0] // numpy_dtype(types[1].dtype).itemsize
        size = channels * filters
        args = (Array(0), Array(1), size)
        return [KernelCall(_gradient_source(taps, lanes), args, size // lanes, size * (taps + 1))]


@cache
def _gradient_source(taps: int, lanes: int) -> str:
    """Return the source of a kernel that transforms the summed products of a Winograd convolution
    to the gradient with respect to its filters.

    Kernel arguments: sums, gradients, elements of a matrix.
    """
    return f"""import numpy as np
from nodeflow.engine.devicelib.intrinsics import slot
from nodeflow.engine.devicelib.winograd import window_tiles


def kernel(args, task, ntasks):
    size = slot(args, 2)
    units = size // {lanes}
    first, last = units * task // ntasks, units * (task + 1) // ntasks
    window_tiles({taps}, {lanes}, np.float32, slot(args, 1) + {4 * lanes} * first, 4 * size,
                 {4 * lanes} * (last - first), slot(args, 0) + {4 * lanes} * first, 4 * size)
"""
