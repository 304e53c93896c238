"""Convolution and its gradient by the image: direct, without copying windows.

Many of those by 3 x 3 filters are `conv_winograd`'s.

Results at the same position of several images see the same elements of the window, so one tile of
products (`register_tiles`) computes a few images at once, and the border is never multiplied. With
fewer images than a tile has positions, a tile is made of neighbouring positions of one image.

Georganas et al., "Anatomy of high-performance deep learning convolutions on SIMD architectures",
2018, compare such kernels with copying.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

from nodeflow.engine.blocking import blocks
from nodeflow.engine.devicelib.vector_width import TileShape, positions_of_one_picture, tile_shape
from nodeflow.engine.ir.actions import Action, Actions
from nodeflow.engine.ir.groups import Group
from nodeflow.engine.ir.launches import TASK_NS, KernelLaunch, shared_evenly
from nodeflow.engine.kernels.conv_taps import (
    Strides,
    TapTable,
    Tile,
    backward_taps,
    forward_taps,
    single_picture_tiles,
    stretches,
    tap_table,
)
from nodeflow.engine.kernels.conv_winograd import add_transformed, is_transformed
from nodeflow.engine.kernels.kernel import (
    Array,
    CallKernel,
    GroupToLaunch,
    KernelCall,
    LoweringRule,
    UnitsPerTask,
    picture_bands,
    sizes_of,
)
from nodeflow.engine.kernels.registry import handles
from nodeflow.graph.graph import Node
from nodeflow.graph.types import TensorType, numpy_dtype
from nodeflow.ops.lowering import Convolve, Lowering

MULTIPLY_ADD_NS = 0.015
"""Of one float32 product, in a tile, on one core."""

WIDE_ROW = 128
"""Bytes of a row of weights that is read where it lies in any case, if no mask need cut it;
narrower ones of few filters only (`blocks().filters_in_place`). Rows of one line of a cache, far
from each other, take few of its places: with AVX2, 1 x 1 filters of 256 by 1024 channels 1.6 times
as long."""
COMPUTED_AGAIN = 1.13
"""Pictures computed for each, from which on tiles are made smaller: they need another kernel. With
AVX2, tiles of six pictures take 0.94 of the time of tiles of four for 32, of which they make 36."""
SOME_AGAIN = 1.03
"""The same, from which on some tiles of a kernel are of one picture fewer: fewer kernels of their
own for numbers of pictures that would gain little."""
LONG_NS = 200_000
"""Work of a tile, from which on waiting for one more takes longer than reading results that have
left the nearer caches."""
FEWEST_POSITIONS = 4
"""Of a tile: with two vectors each, enough additions that do not wait for each other."""


@dataclass(frozen=True)
class PackFilters(Lowering):
    """Filters as panels: for each group and each few vectors of results, contiguous rows.

    A row holds the weights of one element of the window and one channel. ``backward``: results are
    the filters' channels, and elements of the window are taken from the last to the first.
    ``depthwise``: each channel has a result of its own, and what were groups are results.
    """

    groups: int
    backward: bool
    tile: TileShape
    depthwise: bool


@dataclass(frozen=True)
class GatherProducts(Lowering):
    """Results that gather products of packed filters with places of an image (`conv_taps`)."""

    groups: int
    depthwise: bool
    depth: int
    tile: TileShape
    starts: int
    entries: int
    columns: int
    entry_count: int
    spans: int
    """Which spans of a tile's positions the table names, a bit for each."""
    steps: tuple[int, int, int, int]
    """Pictures from tile to tile, tiles, and bytes between a tile's positions: source, result."""
    packed: bool
    """Whether the filters are panels, or as the graph has them."""

    @property
    def single(self) -> bool:
        """Whether a tile is of one picture."""
        return self.steps[0] == 1

    @property
    def uneven(self) -> bool:
        """Whether the last tiles are of one picture fewer than ``tile`` has positions."""
        return not self.single and self.steps[0] < self.tile.positions


@handles(Convolve)
class ConvolveRule(LoweringRule[Convolve]):
    """Packed filters, and the products that gather with them, or transformed ones."""

    def lower(
        self,
        actions: Actions,
        node: Node,
        lowering: Convolve,
        inputs: tuple[int, ...],
        outputs: tuple[int, ...],
    ) -> None:
        source, filter_ = (actions.types[slot] for slot in inputs)
        result = actions.types[outputs[0]]
        picture, made = (result, source) if lowering.kind == "input" else (source, result)
        if is_transformed(lowering.windows, lowering.groups, picture, filter_, made):
            add_transformed(actions, node, lowering, inputs, outputs)
            return
        pack, products, table = gather(lowering, source, filter_, result)
        weights = inputs[1]
        if products.packed:
            size = packed_size(filter_, pack)
            weights = actions.new_slot(TensorType(filter_.dtype, (size,)))
            actions.add(Action(node, pack, (inputs[1],), (weights,)))
        words = actions.new_constant(table.words)
        actions.add(Action(node, products, (inputs[0], weights, words), outputs))


def panels(columns: int, tile: TileShape) -> int:
    """How many panels hold that many columns."""
    return -(-columns // tile.columns)


# ---- packing ------------------------------------------------------------------------------------


def packed_size(filter_: TensorType, pack: PackFilters) -> int:
    kh, kw, channels, filters = sizes_of(filter_)
    depth, made = channels, filters // pack.groups
    if pack.backward and not pack.depthwise:
        depth, made = made, depth
    width = pack.tile.columns
    return pack.groups * panels(made, pack.tile) * kh * kw * depth * width


@handles(PackFilters)
class PackFiltersKernel(CallKernel[PackFilters]):
    """Panels of filters."""

    label = "pack filters"

    def calls(self, lowering: PackFilters, types: Sequence[TensorType]) -> list[KernelCall]:
        kh, kw, channels, filters = sizes_of(types[0])
        taps, each = kh * kw, filters // lowering.groups
        tap_step = channels * filters
        depth, made, depth_step, lane_step = channels, each, filters, 1
        first = 0
        if lowering.backward:
            if not lowering.depthwise:
                depth, made, depth_step, lane_step = each, channels, 1, filters
            first, tap_step = (taps - 1) * tap_step, -tap_step
        size = numpy_dtype(types[0].dtype).itemsize
        width = lowering.tile.columns
        count = panels(made, lowering.tile)
        args = (lowering.groups, count, taps, depth, made, each, tap_step, depth_step, lane_step,
                Array(0, size * first), Array(1))  # fmt: skip
        units = lowering.groups * count * taps
        work = units * depth * width * (1.0 if lane_step > 1 else 0.2)
        return [KernelCall(pack_source(types[0].dtype, width), args, units, work)]


@cache
def pack_source(dtype: str, width: int) -> str:
    """Args: groups, panels of a group, taps, depth, results of a group; elements from group to
    group, tap to tap, channel to channel and result to result; filters, panels."""
    size = numpy_dtype(dtype).itemsize
    return f"""import numpy as np
from nodeflow.engine.devicelib.intrinsics import load, slot, view1


def kernel(args, task, ntasks):
    groups, panels, taps, depth = slot(args, 0), slot(args, 1), slot(args, 2), slot(args, 3)
    made, group_step, tap_step = slot(args, 4), slot(args, 5), slot(args, 6)
    depth_step, lane_step = slot(args, 7), slot(args, 8)
    source, target = slot(args, 9), slot(args, 10)
    units = groups * panels * taps
    for unit in range(units * task // ntasks, units * (task + 1) // ntasks):
        panel = unit // taps
        tap = unit - panel * taps
        group = panel // panels
        left = (panel - group * panels) * {width}
        columns = min(np.int64({width}), made - left)
        at = source + {size} * (group * group_step + tap * tap_step + left * lane_step)
        y = view1(target + {size * width} * (unit * depth), depth * {width}, np.{dtype})
        for d in range(depth):
            for i in range({width}):
                y[d * {width} + i] = np.{dtype}(0)
            for i in range(columns):
                here = at + {size} * (d * depth_step + i * lane_step)
                y[d * {width} + i] = load(here, np.{dtype})
"""


# ---- results and the gradient by the picture ----------------------------------------------------


def gather(
    convolve: Convolve, source: TensorType, filter_: TensorType, result: TensorType
) -> tuple[PackFilters, GatherProducts, TapTable]:
    """How filters are packed, the products, and the table that they walk."""
    kw, channels, filters = sizes_of(filter_)[1:]
    n, height, width, total = sizes_of(source)
    _, down, across, made = sizes_of(result)
    backward = convolve.kind == "input"
    depthwise = is_depthwise(convolve.groups, filter_)
    groups = 1 if depthwise else convolve.groups
    depth = channels if depthwise or not backward else filters // groups
    tile = tile_shape(source.dtype, made // groups)
    windows = convolve.windows
    if backward:
        rows = backward_taps(windows.height, down, height)
        columns = backward_taps(windows.width, across, width)
        step, shift = windows.width.stride, 1
    else:
        rows = forward_taps(windows.height, height, down)
        columns = forward_taps(windows.width, width, across)
        step, shift = 1, windows.width.stride
    size = numpy_dtype(source.dtype).itemsize
    single = n < tile.positions
    if single:
        cut = stretches(across, step, positions_of_one_picture(tile))
        most = max((s.count for s in cut), default=1)
        tile = replace(tile, positions=most)
        tiles = single_picture_tiles(columns, step, shift, most)
        steps = (1, n, shift * total * size, step * made * size)
    else:
        tile = replace(tile, positions=_pictures_of_a_tile(n, tile.positions))
        tiles = [
            Tile(x, 0, tile.positions, tuple((s, k, 0) for s, k in taps))
            for x, taps in enumerate(columns)
        ]
        steps = (tile.positions, -(-n // tile.positions), height * width * total * size,
                 down * across * made * size)  # fmt: skip
    table = tap_table(
        rows, tiles, Strides(width * total, kw * depth), Strides(total, depth), depth, size,
        made * size,
    )  # fmt: skip
    spans = sum({1 << span for made_at_once in tiles for *_, span in made_at_once.taps})
    row, each = size * tile.columns, made // groups
    far = (filter_.size or 0) * size > blocks().filters_in_place or size * each % row != 0
    packed = not single or backward or depthwise or (far and row < WIDE_ROW)
    products = GatherProducts(
        groups, depthwise, depth, tile, table.starts, table.entries, table.columns,
        table.entry_count, spans, steps, packed,
    )  # fmt: skip
    return PackFilters(groups, backward, tile, depthwise), products, table


def _pictures_of_a_tile(n: int, most: int) -> int:
    """How many pictures a tile has.

    The last tile begins earlier where there are too few for it, and computes some again. Where that
    would be many of all, tiles are of fewer pictures.
    """

    def computed(positions: int) -> int:
        return -(-n // positions) * positions

    if computed(most) <= n * COMPUTED_AGAIN:
        return most
    return min(range(most, FEWEST_POSITIONS - 1, -1), key=computed)


def is_depthwise(groups: int, filter_: TensorType) -> bool:
    """Whether each channel has one filter, of its own: then those are side by side, as results of
    one group are."""
    _, _, channels, filters = sizes_of(filter_)
    return channels == 1 < filters == groups


@handles(GatherProducts)
class GatherProductsKernel(CallKernel[GatherProducts]):
    """A convolution, of the image, packed filters and the table of taps."""

    label = "convolution"
    by_reference = 30.0

    def launches(self, work: GroupToLaunch, lowering: GatherProducts) -> list[KernelLaunch]:
        """Only the tasks of a chain need tiles of the same number of pictures: else each has about
        as many, and nothing is computed again. That is 0.93 of the time for 32 with AVX2."""
        step, tiles, *_ = lowering.steps
        pictures = work.types[0].shape[0] or 0
        if work.tiling is None and not lowering.single and step * tiles > pictures * SOME_AGAIN:
            tile = replace(lowering.tile, positions=-(-pictures // tiles))
            steps = (pictures // tiles, *lowering.steps[1:])
            lowering = replace(lowering, tile=tile, steps=steps)
        return super().launches(work, lowering)

    def calls(self, lowering: GatherProducts, types: Sequence[TensorType]) -> list[KernelCall]:
        n, height, width, total = sizes_of(types[0])
        _, down, across, made = sizes_of(types[3])
        dtype, tile = types[0].dtype, lowering.tile
        size = numpy_dtype(dtype).itemsize
        each, row = made // lowering.groups, tile.columns
        count = panels(each, tile)
        panel = (types[1].size or 0) // max(lowering.groups * count, 1)
        weight_steps = (count * panel, panel, row) if lowering.packed else (each, row, made)
        step, images, source_step, result_step = lowering.steps
        args = (
            Array(0), Array(1), Array(2), Array(2, 8 * lowering.starts),
            Array(2, 8 * lowering.entries), Array(2, 8 * lowering.columns), lowering.entry_count,
            n, images, step, lowering.groups, count, each, down, height * width * total * size,
            down * across * made * size, across * made * size, lowering.depth * size,
            *(size * s for s in weight_steps), source_step, result_step, UnitsPerTask(), Array(3),
        )  # fmt: skip
        source = gathered_source(
            dtype, tile, lowering.single, lowering.uneven, each % row != 0, lowering.packed,
            lowering.depthwise, lowering.spans,
        )  # fmt: skip
        units = lowering.groups * count * images * down
        products = n * down * across * (types[1].size or 0)
        work = products * MULTIPLY_ADD_NS * size / 4 + units * lowering.entry_count * 20
        return [KernelCall(source, args, units, work, step)]

    def leading_rows(
        self, actions: Actions, group: Group, lowering: GatherProducts
    ) -> frozenset[int]:
        """Alone, where tiles take long and cannot be shared evenly: a chain has a task for each,
        and 11 of them, 64 pictures with AVX2, are 1.09 of the time for two threads."""
        action = group.actions[0]
        shape = actions.types[action.outputs[0]].shape
        if lowering.single:
            return picture_bands(shape) | {shape[0] or 0}
        tiles = lowering.steps[1]
        if not shared_evenly(tiles):
            types = [actions.types[s] for s in (*action.inputs, *action.outputs)]
            if self.calls(lowering, types)[0].work > LONG_NS * tiles:
                return frozenset()
        return frozenset({shape[0] or 0})

    def task_height(self, actions: Actions, action: Action, lowering: GatherProducts) -> int | None:
        """The images of a tile."""
        return lowering.steps[0] if lowering.steps[0] > 1 else None

    def reads_own_rows(
        self,
        actions: Actions,
        group: Group,
        lowering: GatherProducts,
        operand: int,
        slot: int,
        rows: int,
    ) -> bool:
        """Results of an image are made of that image and of all filters.

        What is more than a task's work for one image waits until others are there to share it.
        """
        if operand != 0 or not lowering.single:
            return operand == 0
        action = group.actions[0]
        types = [actions.types[s] for s in (*action.inputs, *action.outputs)]
        n = types[0].shape[0] or 0
        return rows == n and self.calls(lowering, types)[0].work <= TASK_NS * n


@cache
def gathered_source(
    dtype: str,
    tile: TileShape,
    single: bool,
    uneven: bool,
    ragged: bool,
    packed: bool,
    depthwise: bool,
    spans: int,
) -> str:
    """A unit of work is a panel of results of one row of a few images; of ``single`` images the
    panels of a row follow each other, else the rows of a panel. Where tiles are ``uneven``, the
    first ones have an image more than others.

    Args: image, filters, then of the table: row taps, starts, tiles, runs; number of tiles;
    images, groups of images, images from group to group; channel groups, panels and results
    of each; rows of a result; bytes of an image, of a result, of a row of it, of a group's
    channels; of the filters, from group to group, panel to panel and row to row of a panel; bytes
    between a tile's positions in image and result; units of a task; result.
    """
    size = numpy_dtype(dtype).itemsize
    width = tile.columns
    inner, outer = ("panel", "row") if single else ("row", "panel")
    count = {"panel": "every", "row": "down"}
    flags = f"{int(ragged)}, {int(ragged and not packed)}, {int(depthwise)}"

    def products(positions: int, first: str, end: str) -> str:
        return f"""gathered_tile(
                    {positions}, {tile.vectors}, {tile.lanes}, np.{dtype}, {flags}, {spans},
                    source, source_step, filters, panel_row, rows, nrows, runs + 32 * slot(at, 3),
                    slot(at, 4), target + slot(at, 0), result_step, columns, {first}, {end})"""

    most = tile.positions
    before = "min(image * step, n - step)"
    products_of_tile = products(most, "max(skipped, slot(at, 1))", "slot(at, 2)")
    if uneven:
        before = "image * step + min(image, larger)"
        products_of_tile = f"""if image < larger:
                {products(most, "0", str(most))}
            else:
                {products(most - 1, "0", str(most - 1))}"""
    channels = f"{size} * left" if depthwise else "group * group_size"
    return f"""import numpy as np
from nodeflow.engine.devicelib.intrinsics import slot
from nodeflow.engine.devicelib.register_tiles import gathered_tile


def kernel(args, task, ntasks):
    picture, weights, taps, starts = slot(args, 0), slot(args, 1), slot(args, 2), slot(args, 3)
    tiles, runs, ntiles, n = slot(args, 4), slot(args, 5), slot(args, 6), slot(args, 7)
    images, step, groups, panels = slot(args, 8), slot(args, 9), slot(args, 10), slot(args, 11)
    each, down = slot(args, 12), slot(args, 13)
    picture_size, result_size = slot(args, 14), slot(args, 15)
    row_size, group_size = slot(args, 16), slot(args, 17)
    group_step, panel_step, panel_row = slot(args, 18), slot(args, 19), slot(args, 20)
    source_step, result_step = slot(args, 21), slot(args, 22)
    share, result = slot(args, 23), slot(args, 24)
    every = groups * panels
    units = images * every * down
    larger = n - images * step
    for unit in range(share * task, min(units, share * (task + 1))):
        above = unit // {count[inner]}
        {inner} = unit - above * {count[inner]}
        image = above // {count[outer]}
        {outer} = above - image * {count[outer]}
        group = panel // panels
        panel -= group * panels
        left = panel * {width}
        columns = min(np.int64({width}), each - left)
        first = {before}
        skipped = image * step - first
        source = picture + first * picture_size + {channels}
        target = result + first * result_size + row * row_size + {size} * (group * each + left)
        filters = weights + group * group_step + panel * panel_step
        begin = slot(starts, row)
        rows, nrows = taps + 16 * begin, slot(starts, row + 1) - begin
        for t in range(ntiles):
            at = tiles + 40 * t
            {products_of_tile}
"""
