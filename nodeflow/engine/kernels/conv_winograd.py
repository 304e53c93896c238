"""Convolution by 3 x 3 and 5 x 5 filters and its gradients, by Winograd's algorithm.

Four neighbouring results take 16 multiplications for each channel and filter where a direct
convolution takes 36, or 36 where it takes 100. Squares of a picture, filters and results are
transformed (`devicelib.winograd`). Between the transforms are 16 or 36 matrix products of
(squares, channels) and (channels, filters). A unit of work is a band of a picture, so that
intermediate results stay in the second-level cache.

Only the sizes of a picture and of the filters determine whether a convolution is computed this
way, never the number of pictures: a picture gets the same bits in every batch. A sum goes from
the first channel to the last.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from nodeflow.engine.devicelib.tile_heights import TALL
from nodeflow.engine.devicelib.vector_width import vector_registers
from nodeflow.engine.ir.actions import Action, Actions
from nodeflow.engine.ir.groups import Group
from nodeflow.engine.kernels.kernel import (
    FEW_PICTURES,
    Array,
    CallKernel,
    KernelCall,
    UnitsPerTask,
    sizes_of,
)
from nodeflow.engine.kernels.registry import handles
from nodeflow.graph.graph import Node
from nodeflow.graph.types import TensorType
from nodeflow.ops.lowering import Convolve, Lowering
from nodeflow.ops.sliding_windows import Windows

MULTIPLE, LEAST = 16, 32
"""Numbers of channels and filters must be multiples of ``MULTIPLE``, so that vectors are full,
and at least ``LEAST``: below it, transforms take as long as they save.
"""
MOST = {3: (512, 256 * 256), 5: (256, 128 * 256)}
"""For each side of a window, the maximum number of channels or filters, and of channels times
filters. Larger transformed filters would be read from a distant cache.
"""
PLACES = 64
"""Minimum number of results of a channel. With more, transforming the filters takes
comparatively little time.
"""
MULTIPLY_ADD_NS = 0.005
"""Estimated nanoseconds of a multiply-add of a square, per result, including transforms. Four
results share it.
"""
GROUP = 64
"""Columns of results that are computed at a time, approximately."""
APART = 64
"""Number of bytes between matrices. Without them, their elements would evict each other from
the first-level cache.
"""
UNITS = 16
"""Minimum number of units of work of all pictures, if they have as many rows of squares."""
SQUARES, LONG, LONG_SQUARES, ROOM = 24, 128, 32, 640 << 10
"""A unit of work has ``SQUARES`` squares. With more than ``LONG`` channels it has ``LONG_SQUARES``,
because each unit reads all filters once. It has fewer if they and their products would take more
than ``ROOM`` bytes of a thread's stack."""


def is_transformed(
    windows: Windows, groups: int, picture: TensorType, filter_: TensorType, result: TensorType
) -> bool:
    """Return whether a convolution and its gradients are computed by Winograd's algorithm.

    This depends on all sizes except the number of images.
    """
    taps, across, channels, filters = sizes_of(filter_)
    axes = zip((windows.height, windows.width), sizes_of(picture)[1:3], strict=True)
    fewer, more = sorted((channels, filters))
    most, most_filters = MOST.get(taps, (0, 0))
    return (
        (picture.dtype, across, groups) == ("float32", taps, 1)
        and all((a.stride, a.dilation) == (1, 1) and 0 <= a.pads(n)[0] < taps for a, n in axes)
        and channels % MULTIPLE == filters % MULTIPLE == 0
        and fewer >= LEAST
        and more <= most
        and fewer * more <= most_filters
        and math.prod(sizes_of(result)[1:3]) >= PLACES
    )


@dataclass(frozen=True)
class Bands:
    """The division of a picture's results into units of work, in squares of 2 x 2 results.

    Attributes:
        down, across: numbers of squares of a picture.
        bands, pieces: numbers of parts of its rows and of its columns, of about the same length.
    """

    down: int
    across: int
    bands: int
    pieces: int

    @property
    def units(self) -> int:
        """Number of units of work of a picture."""
        return self.bands * self.pieces

    @property
    def lowest(self) -> int:
        """Number of rows of the lowest tile. Each unit of work divides its squares into tiles,
        whose rows are squares.
        """
        lengths = [{n // cuts, -(-n // cuts)} for n, cuts in (
            (self.down, self.bands), (self.across, self.pieces))]  # fmt: skip
        return min(rows * columns // -(-rows * columns // TALL)
                   for rows in lengths[0] for columns in lengths[1])  # fmt: skip


def bands_of(down: int, across: int, most: int, most_rows: int) -> Bands:
    """Divide the 2 × 2 squares of a convolution's result into units of work, each of at most
    ``most`` squares and ``most_rows`` rows of squares.

    A row with more squares is divided into pieces.

    Args:
        down, across: rows and columns of the result.
    """
    down, across = -(-down // 2), -(-across // 2)
    rows = max(1, min(most // across, most_rows))
    return Bands(down, across, -(-down // rows), -(-across // most))


def panel_vectors(filters: int) -> tuple[int, int]:
    """Return (number of vectors in a panel of filters, lanes of a vector) for this processor. A
    panel is a block of filters that a kernel computes together.

    With 32 registers there are four vectors, or three or two if that leaves fewer columns of the
    last panel empty. With fewer registers there are two.
    """
    size, registers = vector_registers()
    lanes = size // 4
    if registers < 32:
        return 2, lanes
    needed = -(-filters // lanes)
    return min((4, 3, 2), key=lambda count: -(-needed // count) * count), lanes


def columns_at_once(panel: int) -> int:
    """Return how many result columns the Winograd kernel computes between two transforms: a
    multiple of ``panel``, at least one panel.
    """
    return max(1, GROUP // panel) * panel


def head_of(taps: int, vectors: int, lanes: int, *transforms: str) -> str:
    """Return the first lines of a Winograd kernel's source: imports, sizes and a function
    ``fetched``.

    ``fetched`` prefetches one of PARTS parts of the data that are read or written next into the
    second-level cache.
    """
    panel = vectors * lanes
    return f"""import numpy as np
from nodeflow.engine.devicelib.intrinsics import local_memory, slot, store
from nodeflow.engine.devicelib.panel_copies import fetched_line
from nodeflow.engine.devicelib.register_tiles import panel_product
from nodeflow.engine.devicelib.winograd import {", ".join(transforms)}

TAPS, LANES, T = {taps}, {lanes}, np.float32
PANEL, GROUP, PARTS = {panel}, {columns_at_once(panel)}, {(taps + 1) ** 2}


def fetched(address, size, part):
    for line in range(size // 64 * part // PARTS, size // 64 * (part + 1) // PARTS):
        fetched_line(address + 64 * line)
"""


# ---- filters ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class TransformFilters(Lowering):
    """Transformed filters in panels of some columns: for each element of a square, (terms,
    columns).

    ``backward``: columns are the filters' channels, and the window is reversed.
    """

    backward: bool
    panel: int


@handles(TransformFilters)
class TransformFiltersKernel(CallKernel[TransformFilters]):
    """The kernel that transforms filters. A unit of work is a term of a panel."""

    label = "transform filters"

    def calls(self, lowering: TransformFilters, types: Sequence[TensorType]) -> list[KernelCall]:
        taps, _, channels, filters = sizes_of(types[0])
        step = channels * filters
        terms, columns, term_step, column_step, first = channels, filters, filters, 1, 0
        if lowering.backward:
            terms, columns, term_step, column_step = filters, channels, 1, filters
            first, step = (taps**2 - 1) * step, -step
        args = (Array(0, 4 * first), Array(1), terms, columns, step, term_step, column_step)
        units = terms * -(-columns // lowering.panel)
        source = _filters_source(
            taps, lowering.panel, vector_registers()[0] // 4, lowering.backward
        )
        work = units * lowering.panel * (taps + 1) ** 2 * (0.75 if lowering.backward else 0.25)
        return [KernelCall(source, args, units, work)]


@cache
def _filters_source(taps: int, panel: int, lanes: int, gathered: bool) -> str:
    """Return the source of a kernel that transforms the filters of a Winograd convolution.

    Kernel arguments: filters, matrices, terms, columns; elements from position to position of the
    window, from term to term and from column to column.

    Args:
        gathered: whether columns are not contiguous; each is then read by itself.
    """
    room = near = ""
    source = "here, 4 * step"
    if gathered:
        room = f"near = local_memory({4 * taps**2 * panel})"
        near = f"""for k in range({taps**2}):
            for i in range(wide):
                at = here + 4 * (k * step + i * column_step)
                store(near + 4 * (k * PANEL + i), load(at, np.float32))"""
        source = "near, np.int64(4 * PANEL)"
    return f"""import numpy as np
from nodeflow.engine.devicelib.intrinsics import load, local_memory, slot, store
from nodeflow.engine.devicelib.winograd import filter_tiles

PANEL = {panel}


def kernel(args, task, ntasks):
    filters, made = slot(args, 0), slot(args, 1)
    terms, columns, step = slot(args, 2), slot(args, 3), slot(args, 4)
    term_step, column_step = slot(args, 5), slot(args, 6)
    units = terms * ((columns + PANEL - 1) // PANEL)
    {room}
    for unit in range(units * task // ntasks, units * (task + 1) // ntasks):
        panel = unit // terms
        term = unit - panel * terms
        left = panel * PANEL
        wide = min(np.int64(PANEL), columns - left)
        here = filters + 4 * (term * term_step + left * column_step)
        {near}
        to = made + 4 * PANEL * ({(taps + 1) ** 2} * panel * terms + term)
        filter_tiles({taps}, {lanes}, np.float32, {source}, 4 * wide, to, 4 * PANEL * terms)
        if wide < PANEL:
            for m in range({(taps + 1) ** 2}):
                for i in range(wide, PANEL):
                    store(to + 4 * PANEL * terms * m + 4 * i, np.float32(0))
"""


# ---- results, and the gradient by the picture ---------------------------------------------------


@dataclass(frozen=True)
class TransformedProducts(Lowering):
    """The lowering to products of pictures and transformed filters with a window of ``taps`` x
    ``taps``. There are ``before`` zeros before the first row and column, and further zeros
    after the last.
    """

    taps: int
    before: tuple[int, int]


def add_transformed(
    actions: Actions,
    node: Node,
    lowering: Convolve,
    inputs: tuple[int, ...],
    outputs: tuple[int, ...],
) -> None:
    """Add the actions that compute a convolution, or its gradient with respect to the image, by the
    Winograd transform. Only for convolutions that `is_transformed` accepts.
    """
    source, filter_ = (actions.types[slot] for slot in inputs)
    result = actions.types[outputs[0]]
    taps, _, channels, filters = sizes_of(filter_)
    backward = lowering.kind == "input"
    _, height, width, made = sizes_of(result if backward else source)
    axes = lowering.windows.height.pads(height)[0], lowering.windows.width.pads(width)[0]
    before = (taps - 1 - axes[0], taps - 1 - axes[1]) if backward else axes
    terms, made = (filters, channels) if backward else (channels, filters)
    vectors, lanes = panel_vectors(made)
    panel = vectors * lanes
    size = -(-made // panel) * panel * (taps + 1) ** 2 * terms
    weights = actions.new_slot(TensorType(filter_.dtype, (size,)))
    actions.add(Action(node, TransformFilters(backward, panel), (inputs[1],), (weights,)))
    actions.add(Action(node, TransformedProducts(taps, before), (inputs[0], weights), outputs))


@handles(TransformedProducts)
class TransformedProductsKernel(CallKernel[TransformedProducts]):
    """The kernel of products of pictures and transformed filters."""

    label = "convolution"
    by_reference = 30.0

    def calls(self, lowering: TransformedProducts, types: Sequence[TensorType]) -> list[KernelCall]:
        n, height, width, terms = sizes_of(types[0])
        _, down, across, made = sizes_of(types[2])
        vectors, lanes = panel_vectors(made)
        most, bands = _most_squares(lowering.taps, terms), _bands(lowering.taps, types[0], types[2])
        args = (
            Array(0), Array(1), Array(2), n, height, width, terms, down, across, made,
            *lowering.before, bands.bands, bands.pieces, UnitsPerTask(),
        )  # fmt: skip
        source = _products_source(lowering.taps, vectors, lanes, most, terms, bands.lowest)
        work = n * down * across * (lowering.taps + 1) ** 2 * terms * made * MULTIPLY_ADD_NS
        return [KernelCall(source, args, n * bands.units, work)]

    def leading_rows(
        self, actions: Actions, group: Group, lowering: TransformedProducts
    ) -> frozenset[int]:
        """Return into how many leading rows the convolution may be divided: the number of images,
        or for a few images the number of bands of lines, if all bands have the same height.
        """
        action = group.actions[0]
        source, result = (actions.types[s] for s in (action.inputs[0], *action.outputs))
        n, down = sizes_of(result)[:2]
        if n >= FEW_PICTURES:
            return frozenset({n})
        bands = _bands(lowering.taps, source, result)
        equal = bands.pieces == 1 and down % (2 * bands.bands) == 0
        return frozenset({n * bands.units}) if equal else frozenset()

    def reads_own_rows(
        self,
        actions: Actions,
        group: Group,
        lowering: TransformedProducts,
        operand: int,
        slot: int,
        rows: int,
    ) -> bool:
        """Return whether rows of the result need only the same rows of this operand. This is so for
        whole images, but not for bands of an image, which also need neighbouring bands, and not for
        the filters.
        """
        return operand == 0 and rows == actions.types[group.actions[0].outputs[0]].shape[0]


def most_squares(taps: int, terms: int, wanted: int) -> int:
    """Return how many Winograd squares of ``terms`` channels, with their products, fit into a
    kernel's stack memory; at most ``wanted``.
    """
    return min(wanted, ROOM // (4 * (taps + 1) ** 2 * (terms + GROUP)))


def _most_squares(taps: int, terms: int) -> int:
    return most_squares(taps, terms, LONG_SQUARES if terms > LONG else SQUARES)


def _bands(taps: int, source: TensorType, result: TensorType) -> Bands:
    """Return the division of a source's results into units."""
    n, down, across, _ = sizes_of(result)
    most = _most_squares(taps, source.shape[3] or 0)
    return bands_of(down, across, most, n * -(-down // 2) // UNITS)


@cache
def _products_source(
    taps: int, vectors: int, lanes: int, most: int, terms: int, lowest: int
) -> str:
    """Return the source of the kernel that multiplies transformed image squares and transformed
    filters of a Winograd convolution, and transforms the results back.

    Kernel arguments: pictures, transformed filters, results; number of pictures, rows, columns and
    terms of a picture; rows, columns and filters of a result; zeros before the first row and
    column; bands of a picture, pieces of a band; units of a task.

    Args:
        most: squares of a unit.
        terms: terms of a square.
        lowest: rows of the lowest tile.
    """
    matrices, group = (taps + 1) ** 2, columns_at_once(vectors * lanes)
    return f"""{head_of(taps, vectors, lanes, "result_tiles", "square_tiles")}

def kernel(args, task, ntasks):
    n, height, width, terms = slot(args, 3), slot(args, 4), slot(args, 5), slot(args, 6)
    down, across, made = slot(args, 7), slot(args, 8), slot(args, 9)
    above, before = slot(args, 10), slot(args, 11)
    bands, pieces, share = slot(args, 12), slot(args, 13), slot(args, 14)
    squares_down, squares_across = (down + 1) // 2, (across + 1) // 2
    squares = local_memory({matrices * (4 * most * terms + APART)})
    products = local_memory({matrices * (4 * most * group + APART)})
    source_row, result_row = 4 * terms * width, 4 * made * across
    units = n * bands * pieces
    for unit in range(share * task, min(units, share * (task + 1))):
        above_piece = unit // pieces
        piece = unit - above_piece * pieces
        image = above_piece // bands
        band = above_piece - image * bands
        top, left = squares_down * band // bands, squares_across * piece // pieces
        rows = squares_down * (band + 1) // bands - top
        count = squares_across * (piece + 1) // pieces - left
        picture = slot(args, 0) + source_row * height * image
        result = slot(args, 2) + result_row * down * image
        square = 4 * terms * rows * count + {APART}
        product = 4 * GROUP * rows * count + {APART}
        for r in range(rows):
            square_tiles(TAPS, LANES, T, picture, source_row, 2 * (top + r) - above, height,
                         4 * terms, 2 * left - before, width, count, 4 * terms,
                         squares + 4 * terms * count * r, 4 * terms, square)
        later = picture + source_row * (2 * (top + rows) - above + {taps - 1})
        for first in range(0, made, GROUP):
            last = min(made, first + GROUP)
            for m in range(PARTS):
                if first == 0 and pieces == 1:
                    fetched(later, 2 * source_row * rows, m)
                    fetched(result + 2 * result_row * top, 2 * result_row * rows, m)
                for column in range(first, last, PANEL):
                    weights = slot(args, 1) + 4 * terms * (PARTS * column + PANEL * m)
                    to = products + product * m + 4 * (column - first)
                    panel_product({vectors}, LANES, T, 0, {lowest}, 0, 0, rows * count,
                                  squares + square * m, 4 * terms, np.int64(4), weights,
                                  np.int64(4 * PANEL), terms, to, np.int64(4 * GROUP),
                                  np.int64(PANEL), np.int64(0), np.int64(0), True, True)
            for r in range(rows):
                result_tiles(TAPS, LANES, T, result + 4 * first, result_row, 2 * (top + r), down,
                             4 * made, 2 * left, across, count, 4 * (last - first),
                             products + 4 * GROUP * count * r, np.int64(4 * GROUP), product)
"""
