"""The gradient of a convolution with respect to its filter: products of windows with the result's
gradient.

Each weight is a sum over positions and images. The images are divided into blocks by shapes
alone. A block sums its images in order, position by position, and the blocks are added in
order, so every number of threads gives the same bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from nodeflow.engine.blocking import blocks
from nodeflow.engine.devicelib.vector_width import TileShape, positions_of_one_picture, tile_shape
from nodeflow.engine.ir.actions import Action, Actions
from nodeflow.engine.kernels.conv import MULTIPLY_ADD_NS, is_depthwise, panels
from nodeflow.engine.kernels.conv_winograd import is_transformed
from nodeflow.engine.kernels.conv_winograd_gradient import add_transformed_gradient
from nodeflow.engine.kernels.kernel import Array, CallKernel, KernelCall, LoweringRule, sizes_of
from nodeflow.engine.kernels.reductions import Stage
from nodeflow.engine.kernels.registry import handles
from nodeflow.graph.graph import Node
from nodeflow.graph.types import TensorType, numpy_dtype
from nodeflow.ops.lowering import Elementwise, FilterGradient, Lowering

BLOCK = 4
"""Minimum number of images in a block."""
ENOUGH = 8
"""Minimum number of units of work if each unit computes all rows of the window. Images are then
read only once from slow memory, which takes 0.92 of the time.
"""
MOST_LINES = 8
"""Maximum number of cache lines of the next image that are prefetched while a row is read. More
would wait for memory.
"""
CHANNELS = 128
"""Maximum number of channels that are summed at once in a depthwise convolution."""
PARTIAL_SIZE = 1 << 22
"""Maximum number of elements in all partial gradients together, unless there is only one block."""

Cut = tuple[tuple[int, int], ...]
"""Tiles as (number of tiles, numbers in each), in order."""


@dataclass(frozen=True)
class OuterProducts(Lowering):
    """The lowering to the filter's gradient of each block of images."""

    gradient: FilterGradient
    blocks: int
    length: int
    tile: TileShape
    merged: bool
    """Whether a whole row of the window is computed at once if it is completely inside the
    image.
    """
    depthwise: bool


@handles(FilterGradient)
class FilterGradientRule(LoweringRule[FilterGradient]):
    """The rule that computes a filter's gradient per block of images and sums them in order."""

    def lower(
        self,
        actions: Actions,
        node: Node,
        lowering: FilterGradient,
        inputs: tuple[int, ...],
        outputs: tuple[int, ...],
    ) -> None:
        picture, g = (actions.types[slot] for slot in inputs)
        type_ = actions.types[outputs[0]]
        if not picture.shape[0]:
            zeros = Elementwise("value", (), {"value": 0})
            actions.add(Action(node, zeros, (), outputs))
            return
        if is_transformed(lowering.windows, lowering.groups, picture, type_, g):
            add_transformed_gradient(actions, node, lowering, inputs, outputs)
            return
        products = outer(lowering, picture, type_)
        words = actions.new_constant(np.array(outer_table(products, picture, g), np.int64))
        if products.blocks == 1:
            actions.add(Action(node, products, (*inputs, words), outputs))
            return
        size = type_.size or 0
        partial = actions.new_slot(TensorType(type_.dtype, (products.blocks * size,)))
        actions.add(Action(node, products, (*inputs, words), (partial,)))
        stage = Stage("sum", 1, products.blocks, size, 1, products.blocks)
        actions.add(Action(node, stage, (partial,), outputs))


def outer(gradient: FilterGradient, picture: TensorType, filter_: TensorType) -> OuterProducts:
    """Choose how to compute a convolution's filter gradient from outer products, with the images
    divided into blocks. The division depends only on the shapes, so results have the same bits with
    any number of threads.
    """
    kh, kw, channels, filters = sizes_of(filter_)
    n = picture.shape[0] or 0
    most = max(1, min(8, PARTIAL_SIZE // max(kh * kw * channels * filters, 1)))
    length = max(BLOCK, -(-n // most))
    tile = tile_shape(picture.dtype, filters // gradient.groups)
    # A row of the window is contiguous in memory, and its few channels alone would fill no tile.
    merged = channels < tile.positions and gradient.windows.width.dilation == 1 < kw
    merged = merged and gradient.groups == 1
    tile = replace(tile, vectors=min(tile.vectors, 2))
    tile = replace(tile, positions=positions_of_one_picture(tile))
    depthwise = is_depthwise(gradient.groups, filter_)
    return OuterProducts(gradient, -(-n // length), length, tile, merged, depthwise)


def outer_table(outer: OuterProducts, picture: TensorType, g: TensorType) -> list[int]:
    """Return a table of integers for the kernel of a convolution's filter gradient: where each
    element of the window lies inside the image.

    For each row of the window: byte offsets into image and gradient, and the number of vertical
    window positions that have the row inside the image. Then for each stretch (run of elements) of
    a row: both byte offsets, the number of horizontal positions, its first weight, whether it is
    the whole row of the window, and whether its weights occur here first.
    """
    _, height, width, channels = sizes_of(picture)
    _, down, across, filters = sizes_of(g)
    size = numpy_dtype(picture.dtype).itemsize
    rows, columns = outer.gradient.windows.height, outer.gradient.windows.width
    words: list[int] = []
    for k in range(rows.kernel):
        seen, seeing = rows.inside(k, height, down)
        at, to = seen.start * width * channels, seeing.start * across * filters
        words += (at * size, to * size, seeing.stop - seeing.start)

    def stretch(k: int, first: int, last: int, whole: bool, fresh: bool) -> None:
        number = max(0, last - first)
        place = first * columns.stride + k * columns.dilation - columns.pads(width)[0]
        at, to = (place * channels, first * filters) if number else (0, 0)
        row = k * channels // outer.gradient.groups
        words.extend((at * size, to * size, number, row, int(whole), int(fresh)))

    ranges = [columns.inside(k, width, across)[1] for k in range(columns.kernel)]
    if not outer.merged:
        for k, windows in enumerate(ranges):
            stretch(k, windows.start, windows.stop, False, True)
        return words
    begin = max(r.start for r in ranges)
    end = max(begin, min(r.stop for r in ranges))
    stretch(0, begin, end, True, True)
    for k, windows in enumerate(ranges):
        for first, last in ((windows.start, min(begin, windows.stop)), (end, windows.stop)):
            if first < last:
                stretch(k, first, last, False, False)
    return words


@handles(OuterProducts)
class OuterProductsKernel(CallKernel[OuterProducts]):
    """The kernel of products of the image and the result's gradient, according to the table.

    The output is one filter per block.
    """

    label = "filter gradient"
    by_reference = 20.0

    def calls(self, lowering: OuterProducts, types: Sequence[TensorType]) -> list[KernelCall]:
        gradient, tile = lowering.gradient, lowering.tile
        n, height, width, channels = sizes_of(types[0])
        _, down, across, filters = sizes_of(types[1])
        dtype = types[0].dtype
        size = numpy_dtype(dtype).itemsize
        windows = gradient.windows
        kh, kw = windows.height.kernel, windows.width.kernel
        depth, each = channels // gradient.groups, filters // gradient.groups
        row = tile.columns
        count = panels(each, tile)
        units = lowering.blocks * gradient.groups * count
        parts = 1 if units >= ENOUGH else kh
        stretches = ((types[2].size or 0) - 3 * kh) // 6
        args = (
            Array(0), Array(1), Array(2), n, lowering.blocks, lowering.length, kh, stretches,
            gradient.groups, count, each, depth, kw * depth,
            height * width * channels * size, down * across * filters * size,
            windows.height.stride * width * channels * size, windows.width.stride * channels * size,
            across * filters * size, filters * size, Array(3), parts,
        )  # fmt: skip
        if lowering.depthwise:
            units = lowering.blocks * -(-filters // CHANNELS) * kh
            work = n * down * across * kh * kw * filters * 0.05
            return [KernelCall(depthwise_source(dtype), args, units, work)]
        cuts = _cut(depth, tile.positions), _cut(kw * depth * lowering.merged, tile.positions)
        tiles = kh * sum(count for count, _ in cuts[1] or cuts[0] * kw)
        read = (height * width * channels + down * across * filters) * size
        lines = min(MOST_LINES, -(-read // max(64 * tiles * down, 1)))
        lines *= read <= blocks().ahead
        source = outer_source(dtype, tile, *cuts, each % row != 0, lines)
        products = n * down * across * kh * kw * depth * count * row * gradient.groups
        return [KernelCall(source, args, units * parts, products * MULTIPLY_ADD_NS * size / 4)]


def _cut(depth: int, most: int) -> Cut:
    """Divide ``depth`` numbers into as few tiles as possible, each at most ``most`` long and of
    about the same length. Return pairs of (number of tiles, length).
    """
    tiles = -(-depth // most)
    if tiles == 0:
        return ()
    size, larger = divmod(depth, tiles)
    return tuple((n, s) for n, s in ((larger, size + 1), (tiles - larger, size)) if n)


@cache
def outer_source(
    dtype: str, tile: TileShape, channels: Cut, row: Cut, ragged: bool, lines: int
) -> str:
    """Return the kernel source of a convolution's gradient with respect to its filter.

    A unit of work is a part of the window's rows, a panel of filters, and a block of images.

    Kernel arguments: image, gradient, table (`outer_table`), images, blocks, images per block, rows
    of the window, stretches, groups; panels, filters and channels per group; numbers in a row of
    the window; bytes of an image and of a gradient; bytes of a step of the window down and across;
    bytes of a row and a position of the gradient; filters, parts.

    Args:
        channels, row: how the channels, and a whole row of the window, are cut into tiles.
    """
    size = numpy_dtype(dtype).itemsize
    width = tile.columns
    shape = f"{tile.vectors}, {tile.lanes}, np.{dtype}, {int(ragged)}, {lines}"
    whole = _tiles_of(row, shape, size, lines)
    return f"""import numpy as np
from nodeflow.engine.devicelib.intrinsics import slot
from nodeflow.engine.devicelib.register_tiles import outer_tile


def kernel(args, task, ntasks):
    picture, gradient, table = slot(args, 0), slot(args, 1), slot(args, 2)
    n, blocks, length = slot(args, 3), slot(args, 4), slot(args, 5)
    kh, stretches, groups, panels = slot(args, 6), slot(args, 7), slot(args, 8), slot(args, 9)
    each, depth, whole = slot(args, 10), slot(args, 11), slot(args, 12)
    picture_size, gradient_size = slot(args, 13), slot(args, 14)
    x_row, x_column = slot(args, 15), slot(args, 16)
    g_row, g_column = slot(args, 17), slot(args, 18)
    result, parts = slot(args, 19), slot(args, 20)
    units = blocks * groups * panels * parts
    for unit in range(units * task // ntasks, units * (task + 1) // ntasks):
        above = unit // parts
        part = unit - above * parts
        block = above // (groups * panels)
        panel = above - block * (groups * panels)
        group = panel // panels
        left = (panel - group * panels) * {width}
        columns = min(np.int64({width}), each - left)
        filters = {size} * (group * each + left)
        first, last = block * length, min(n, (block + 1) * length)
        for image in range(first, last):
            after, come = min(image + 1, last - 1), np.int64(0)
            x_later = picture + after * picture_size
            g_later = gradient + after * gradient_size - picture_size
            for i in range(kh * part // parts, kh * (part + 1) // parts):
                down = table + 24 * i
                nrows = slot(down, 2)
                for s in range(stretches):
                    across = table + 24 * kh + 48 * s
                    ncolumns = slot(across, 2)
                    fresh = (image == first) & (slot(across, 5) != 0)
                    x = (picture + image * picture_size + slot(down, 0) + slot(across, 0)
                         + {size} * group * depth)
                    g = gradient + image * gradient_size + slot(down, 1) + slot(across, 1) + filters
                    row = (block * kh + i) * whole + slot(across, 3)
                    out = result + row * g_column + filters
                    if slot(across, 4) != 0:
{whole}
                    else:
{_tiles_of(channels, shape, size, lines)}
"""


@cache
def depthwise_source(dtype: str) -> str:
    """Return the kernel source of a depthwise convolution's gradient with respect to its filter.
    Kernel arguments: as for `outer_source`.

    A unit of work is one row of the window, some channels, and a block of images.
    """
    size = numpy_dtype(dtype).itemsize
    return f"""import numpy as np
from nodeflow.engine.devicelib.arithmetic import fma
from nodeflow.engine.devicelib.intrinsics import local_array, slot, view1


def kernel(args, task, ntasks):
    picture, gradient, table = slot(args, 0), slot(args, 1), slot(args, 2)
    n, blocks, length = slot(args, 3), slot(args, 4), slot(args, 5)
    kh, stretches, channels, whole = slot(args, 6), slot(args, 7), slot(args, 8), slot(args, 12)
    picture_size, gradient_size = slot(args, 13), slot(args, 14)
    x_row, x_column = slot(args, 15), slot(args, 16)
    g_row, g_column = slot(args, 17), slot(args, 18)
    result = slot(args, 19)
    tiles = (channels + {CHANNELS - 1}) // {CHANNELS}
    units = blocks * tiles * kh
    total = local_array({CHANNELS}, np.{dtype})
    for unit in range(units * task // ntasks, units * (task + 1) // ntasks):
        above = unit // kh
        i = unit - above * kh
        block = above // tiles
        left = (above - block * tiles) * {CHANNELS}
        width = min(np.int64({CHANNELS}), channels - left)
        down = table + 24 * i
        for s in range(stretches):
            across = table + 24 * kh + 48 * s
            for c in range(width):
                total[c] = np.{dtype}(0)
            for image in range(block * length, min(n, (block + 1) * length)):
                x_image = picture + image * picture_size + {size} * left
                g_image = gradient + image * gradient_size + {size} * left
                for row in range(slot(down, 2)):
                    x_at = x_image + slot(down, 0) + slot(across, 0) + row * x_row
                    g_at = g_image + slot(down, 1) + slot(across, 1) + row * g_row
                    for column in range(slot(across, 2)):
                        x = view1(x_at + column * x_column, width, np.{dtype})
                        g = view1(g_at + column * g_column, width, np.{dtype})
                        for c in range(x.size):
                            total[c] = fma(x[c], g[c], total[c])
            row = (block * kh + i) * whole + slot(across, 3)
            out = view1(result + row * g_column + {size} * left, width, np.{dtype})
            for c in range(out.size):
                out[c] = total[c]
"""


def _tiles_of(cut: Cut, shape: str, size: int, lines: int) -> str:
    """Return kernel statements that compute the outer products of all numbers at a position,
    divided into tiles.

    Each row prefetches ``lines`` cache lines of the next image.
    """
    indent, text, first = " " * 24, [], 0
    for tiles, positions in cut:
        text += [
            f"{indent}for tile in range({tiles}):",
            f"{indent}    c = {first} + tile * {positions}",
            f"{indent}    later = (x_later if come < picture_size else g_later) + come",
            f"{indent}    come += {64 * lines} * nrows",
            f"{indent}    outer_tile(",
            f"{indent}        {positions}, {shape}, x + {size} * c, x_row, x_column,",
            f"{indent}        g, g_row, g_column, nrows, ncolumns, out + c * g_column, g_column,",
            f"{indent}        columns, fresh, later)",
        ]
        first += tiles * positions
    return "\n".join(text) or f"{indent}pass"
