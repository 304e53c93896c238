"""Convolution and its gradient with respect to the image, computed directly, without copying
windows.

Many convolutions by 3 x 3 and 5 x 5 filters are computed by `conv_winograd` instead.

Results at the same position of several images read the same weights. So one register tile
(`register_tiles`) holds the results at one position of a few images, and products with the zeros
of the padding are left out. With fewer images than a tile has positions, a tile holds neighbouring
positions of one image.

Georganas et al., "Anatomy of high-performance deep learning convolutions on SIMD
architectures", 2018, compare such kernels with kernels that first copy the windows.
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
"""Nanoseconds per float32 multiply-add in a tile, on one core."""

WIDE_ROW = 128
"""Minimum bytes of a row of weights that is always read where it lies. Narrower rows are read
there only if the filters are small (`blocks().filters_in_place`) and no mask must cut their
last panel, because rows of one cache line, far from each other, use few sets of the cache.
Measured with AVX2, 1 x 1 filters of 256 by 1024 channels: 1.6 times as long.
"""
COMPUTED_AGAIN = 1.13
"""Maximum number of images computed per image wanted. Beyond it, tiles are made smaller, which
needs another kernel. Measured with AVX2 and 32 images: tiles of six images, which compute
36, take 0.94 of the time of tiles of four.
"""
SOME_AGAIN = 1.03
"""Maximum number of images computed per image wanted for which all tiles have the same size.
Above it some tiles have one image fewer. Below it, another kernel for such a number of
images would gain little.
"""
LONG_NS = 200_000
"""Maximum duration of a tile, in nanoseconds, for which an idle thread may wait. Waiting for
longer tiles takes more time than reading results that have left the nearer caches.
"""
FEWEST_POSITIONS = 4
"""Minimum number of positions of a tile. With two vectors each, they are enough independent
additions.
"""


@dataclass(frozen=True)
class PackFilters(Lowering):
    """Filters as panels: for each group and each few vectors of results, contiguous rows.

    A row holds the weights of one element of the window and one channel. ``backward``: results are
    the filters' channels, and elements of the window are taken from the last to the first.
    ``depthwise``: each channel has one result, and the groups become results.
    """

    groups: int
    backward: bool
    tile: TileShape
    depthwise: bool


@dataclass(frozen=True)
class GatherProducts(Lowering):
    """Results that sum products of filters with positions of an image (`conv_taps`)."""

    groups: int
    depthwise: bool
    depth: int
    tile: TileShape
    starts: int
    entries: int
    columns: int
    entry_count: int
    spans: int
    """Bit set of the spans of a tile's positions that the table names."""
    steps: tuple[int, int, int, int]
    """Number of images from tile to tile, number of tiles, and bytes between a tile's positions
    in source and result.
    """
    packed: bool
    """Whether the filters are packed in panels, or in the graph's own layout."""

    @property
    def single(self) -> bool:
        """Whether all output positions that a tile of the convolution computes lie in the same
        image.
        """
        return self.steps[0] == 1

    @property
    def uneven(self) -> bool:
        """Whether the last tiles compute one image fewer than the other tiles."""
        return not self.single and self.steps[0] < self.tile.positions


@handles(Convolve)
class ConvolveRule(LoweringRule[Convolve]):
    """The rule that lowers a convolution to packed filters and the products with them, or to
    transformed filters.
    """

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
    """Return the number of panels for ``columns`` columns."""
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
    """The kernel that packs filters into panels."""

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
    """Return the source of a kernel that packs the filters of a convolution: it copies each panel
    (a block of filters) to contiguous memory.

    Kernel arguments: groups, panels per group, taps, depth, results per group; elements from group
    to group, tap to tap, channel to channel and result to result; filters, panels.
    """
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
    """Describe a convolution as three parts: the packing of its filters, the products of gathered
    image elements with them, and the table of the elements to gather.
    """
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
    """Return the number of images that a tile computes together, at most ``most``.

    If too few images are left for the last tile, it begins earlier and computes some images again.
    If that would be a large part of all images, tiles have fewer images.
    """

    def computed(positions: int) -> int:
        return -(-n // positions) * positions

    if computed(most) <= n * COMPUTED_AGAIN:
        return most
    return min(range(most, FEWEST_POSITIONS - 1, -1), key=computed)


def is_depthwise(groups: int, filter_: TensorType) -> bool:
    """Return whether each channel has exactly one filter.

    Such filters lie side by side, like the results of one group.
    """
    _, _, channels, filters = sizes_of(filter_)
    return channels == 1 < filters == groups


@handles(GatherProducts)
class GatherProductsKernel(CallKernel[GatherProducts]):
    """The kernel of a convolution, from the image, the filters and the table of taps."""

    label = "convolution"
    by_reference = 30.0

    def launches(self, work: GroupToLaunch, lowering: GatherProducts) -> list[KernelLaunch]:
        """Return the kernel launch of a convolution. If the group is not in a chain, some tiles may
        have one image fewer than others.

        Only the tasks of a chain need tiles with the same number of images. Otherwise tiles may
        differ by one image, so that nothing is computed twice. This takes 0.93 of the time for 32
        images with AVX2.
        """
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
        """Return into how many leading rows the convolution may be divided: the number of images,
        and for a few images also bands of lines.

        Return an empty set if tiles take long and threads cannot share them evenly, because a chain
        has one task per tile. Measured with AVX2 and 64 images, which are 11 tiles: two threads
        would take 1.09 of the time.
        """
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
        """Return the number of images of a tile."""
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
        """Return whether rows of the result need only the same rows (images) of this operand. This
        is so for the images, but not for the filters.

        For a single image whose work exceeds a task, return False, so that several threads can
        share it.
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
    """Return the source of a kernel that computes a convolution by gathering elements of the image.

    A unit of work is a panel (block of filters) of the results in one row of a few images. For
    ``single`` images, the panels of a row follow each other, otherwise the rows of a panel. If
    tiles are ``uneven``, the first ones have one image more than the others.

    Kernel arguments: image, filters; of the table row taps, starts, tiles, runs, number of tiles;
    images, groups of images, images from group to group; channel groups, panels per group, results
    per group; rows of a result; bytes of an image, of a result, of a row of a result, of a group's
    channels; bytes of the filters from group to group, panel to panel and row to row of a panel;
    bytes between a tile's positions in image and result; units of a task; result.
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
