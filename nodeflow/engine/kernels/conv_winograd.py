"""Convolution by 3 x 3 filters and its gradients, after Winograd: 16 multiplications instead of 36.

Squares of a picture, filters and results are transformed by additions (`devicelib.winograd`);
between those stand 16 products of matrices, of (squares, channels) and (channels, filters). A unit
of work is a band of a picture, so that what stands between stays in the second cache.

Whether a convolution is made so depends on the sizes of a picture and of the filters alone, never
on the number of pictures: a picture has the same bits whatever comes with it. A sum goes from the
first channel to the last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

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

SQUARES = (128, 24), (256, 32), (512, 16)
"""Up to so many channels: squares of a unit of work. They and their products lie on a thread's
stack, up to 640 KB, and filters are read once for them."""
MULTIPLE, LEAST, MOST = 16, 32, 256 * 256
"""Channels and filters are multiples of this, so that vectors are full; at least so many, or
transforms take as long as they save; and at most so many filters for all channels, or transformed
ones are read from far away."""
PLACES = 64
"""Results of a channel from which transforming the filters takes little."""
MULTIPLY_ADD_NS = 0.009
"""Of one product that a direct convolution would make."""
GROUP = 64
"""Columns of results that are made at a time, about."""
APART = 64
"""Bytes between the 16 matrices, or their elements would displace each other in the first cache."""
UNITS = 16
"""Units of work of all pictures, at least, where they have as many rows of squares."""


def is_transformed(
    windows: Windows, groups: int, picture: TensorType, filter_: TensorType, result: TensorType
) -> bool:
    """Whether a convolution and its gradients are made so: by all sizes but the pictures'."""
    kh, kw, channels, filters = sizes_of(filter_)
    _, height, width, _ = sizes_of(picture)
    _, down, across, _ = sizes_of(result)
    return (
        (picture.dtype, kh, kw, groups) == ("float32", 3, 3, 1)
        and all((a.stride, a.dilation) == (1, 1) for a in (windows.height, windows.width))
        and all(0 <= p <= 2 for p in (windows.height.pads(height)[0], windows.width.pads(width)[0]))
        and channels % MULTIPLE == filters % MULTIPLE == 0
        and min(channels, filters) >= LEAST
        and max(channels, filters) <= SQUARES[-1][0]
        and channels * filters <= MOST
        and down * across >= PLACES
    )


@dataclass(frozen=True)
class Bands:
    """How the results of a picture are cut into units of work, in squares of 2 x 2.

    Attributes:
        down, across: squares of a picture.
        rows, columns: those of a unit, at most.
    """

    down: int
    across: int
    rows: int
    columns: int

    @property
    def units(self) -> int:
        """Units of a picture."""
        return -(-self.down // self.rows) * -(-self.across // self.columns)


def bands_of(down: int, across: int, most: int, most_rows: int) -> Bands:
    """Bands of about the same height, at most ``most_rows``, or pieces of a row where one has more
    than ``most`` squares."""
    down, across = -(-down // 2), -(-across // 2)
    columns = -(-across // -(-across // most))
    rows = max(1, min(most // across, most_rows))
    return Bands(down, across, -(-down // -(-down // rows)), columns)


def panel_vectors(filters: int) -> tuple[int, int]:
    """Vectors of a panel of filters and their lanes: four where there are registers for as many
    results, or three or two where fewer columns of the last panel are then empty."""
    size, registers = vector_registers()
    lanes = size // 4
    if registers < 32:
        return 2, lanes
    needed = -(-filters // lanes)
    return min((4, 3, 2), key=lambda count: -(-needed // count) * count), lanes


def columns_at_once(panel: int) -> int:
    """Columns of results, whole panels, whose products lie between the transforms."""
    return max(1, GROUP // panel) * panel


FETCHED = """
def fetched(address, size, part):
    for line in range(size // 64 * part // 16, size // 64 * (part + 1) // 16):
        fetched_line(address + 64 * line)
"""
"""Of what is read or written next, a 16th comes into the second cache during each product."""


# ---- filters ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class TransformFilters(Lowering):
    """Filters as panels of some columns, each of 16 matrices of (terms, columns).

    ``backward``: columns are the filters' channels, and the window is taken from the last place to
    the first.
    """

    backward: bool
    panel: int


@handles(TransformFilters)
class TransformFiltersKernel(CallKernel[TransformFilters]):
    """A unit of work is a term of a panel."""

    label = "transform filters"

    def calls(self, lowering: TransformFilters, types: Sequence[TensorType]) -> list[KernelCall]:
        channels, filters = sizes_of(types[0])[2:]
        step = channels * filters
        terms, columns, term_step, column_step, first = channels, filters, filters, 1, 0
        if lowering.backward:
            terms, columns, term_step, column_step = filters, channels, 1, filters
            first, step = 8 * step, -step
        args = (Array(0, 4 * first), Array(1), terms, columns, step, term_step, column_step)
        units = terms * -(-columns // lowering.panel)
        source = _filters_source(lowering.panel, vector_registers()[0] // 4, lowering.backward)
        work = units * lowering.panel * (12 if lowering.backward else 4)
        return [KernelCall(source, args, units, work)]


@cache
def _filters_source(panel: int, lanes: int, gathered: bool) -> str:
    """Args: filters, matrices, terms, columns; elements from place to place of the window, from
    term to term and from column to column.

    Args:
        gathered: whether columns are apart; each is then read by itself.
    """
    room = near = ""
    source = "here, 4 * step"
    if gathered:
        room = f"near = local_memory({4 * 9 * panel})"
        near = """for k in range(9):
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
        to = made + 4 * PANEL * (16 * panel * terms + term)
        filter_tiles({lanes}, np.float32, {source}, 4 * wide, to, 4 * PANEL * terms)
        if wide < PANEL:
            for m in range(16):
                for i in range(wide, PANEL):
                    store(to + 4 * PANEL * terms * m + 4 * i, np.float32(0))
"""


# ---- results, and the gradient by the picture ---------------------------------------------------


@dataclass(frozen=True)
class TransformedProducts(Lowering):
    """Results of pictures and transformed filters; zeros lie ``before`` the first row and column,
    and after the last."""

    before: tuple[int, int]


def add_transformed(
    actions: Actions,
    node: Node,
    lowering: Convolve,
    inputs: tuple[int, ...],
    outputs: tuple[int, ...],
) -> None:
    """Add a convolution, or its gradient by the picture, that `is_transformed`."""
    source, filter_ = (actions.types[slot] for slot in inputs)
    result = actions.types[outputs[0]]
    channels, filters = sizes_of(filter_)[2:]
    backward = lowering.kind == "input"
    _, height, width, made = sizes_of(result if backward else source)
    axes = lowering.windows.height.pads(height)[0], lowering.windows.width.pads(width)[0]
    before = (2 - axes[0], 2 - axes[1]) if backward else axes
    terms, made = (filters, channels) if backward else (channels, filters)
    vectors, lanes = panel_vectors(made)
    panel = vectors * lanes
    size = -(-made // panel) * panel * 16 * terms
    weights = actions.new_slot(TensorType(filter_.dtype, (size,)))
    actions.add(Action(node, TransformFilters(backward, panel), (inputs[1],), (weights,)))
    actions.add(Action(node, TransformedProducts(before), (inputs[0], weights), outputs))


@handles(TransformedProducts)
class TransformedProductsKernel(CallKernel[TransformedProducts]):
    """Of pictures and transformed filters."""

    label = "convolution"
    by_reference = 30.0

    def calls(self, lowering: TransformedProducts, types: Sequence[TensorType]) -> list[KernelCall]:
        n, height, width, terms = sizes_of(types[0])
        _, down, across, made = sizes_of(types[2])
        vectors, lanes = panel_vectors(made)
        most, bands = _most_squares(terms), _bands(types[0], types[2])
        args = (
            Array(0), Array(1), Array(2), n, height, width, terms, down, across, made,
            *lowering.before, bands.rows, bands.columns, UnitsPerTask(),
        )  # fmt: skip
        source = _products_source(vectors, lanes, most, most * terms)
        work = n * down * across * 9 * terms * made * MULTIPLY_ADD_NS
        return [KernelCall(source, args, n * bands.units, work)]

    def leading_rows(
        self, actions: Actions, group: Group, lowering: TransformedProducts
    ) -> frozenset[int]:
        """Pictures, or of a few their bands, where these are of whole lines and equally high."""
        action = group.actions[0]
        source, result = (actions.types[s] for s in (action.inputs[0], *action.outputs))
        n, down = sizes_of(result)[:2]
        if n >= FEW_PICTURES:
            return frozenset({n})
        bands = _bands(source, result)
        equal = bands.columns == bands.across and down % (2 * bands.rows) == 0
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
        """Results of a picture are made of that one and of all filters; those of a band of its
        neighbours, too."""
        return operand == 0 and rows == actions.types[group.actions[0].outputs[0]].shape[0]


def _most_squares(terms: int) -> int:
    return next(squares for channels, squares in SQUARES if terms <= channels)


def _bands(source: TensorType, result: TensorType) -> Bands:
    """The bands of results of so many channels."""
    n, down, across, _ = sizes_of(result)
    most = _most_squares(source.shape[3] or 0)
    return bands_of(down, across, most, n * -(-down // 2) // UNITS)


@cache
def _products_source(vectors: int, lanes: int, most: int, room: int) -> str:
    """Args: pictures, transformed filters, results, pictures, rows and columns of one, terms; rows,
    columns and filters of a result; zeros before the first row and column; rows and columns of
    a unit's squares; units of a task.

    Args:
        most: squares of a unit.
        room: terms of those.
    """
    panel = vectors * lanes
    group = columns_at_once(panel)
    return f"""import numpy as np
from nodeflow.engine.devicelib.intrinsics import local_memory, slot
from nodeflow.engine.devicelib.panel_copies import fetched_line
from nodeflow.engine.devicelib.register_tiles import panel_product
from nodeflow.engine.devicelib.winograd import result_tiles, square_tiles

LANES, T, PANEL, GROUP = {lanes}, np.float32, {panel}, {group}

{FETCHED}

def kernel(args, task, ntasks):
    n, height, width, terms = slot(args, 3), slot(args, 4), slot(args, 5), slot(args, 6)
    down, across, made = slot(args, 7), slot(args, 8), slot(args, 9)
    above, before = slot(args, 10), slot(args, 11)
    most_rows, most_columns, share = slot(args, 12), slot(args, 13), slot(args, 14)
    squares_down, squares_across = (down + 1) // 2, (across + 1) // 2
    bands = (squares_down + most_rows - 1) // most_rows
    pieces = (squares_across + most_columns - 1) // most_columns
    squares = local_memory({16 * (4 * room + APART)})
    products = local_memory({16 * (4 * most * group + APART)})
    source_row, result_row = 4 * terms * width, 4 * made * across
    units = n * bands * pieces
    for unit in range(share * task, min(units, share * (task + 1))):
        band = unit // pieces
        left = (unit - band * pieces) * most_columns
        image = band // bands
        top = (band - image * bands) * most_rows
        rows = min(most_rows, squares_down - top)
        count = min(most_columns, squares_across - left)
        picture = slot(args, 0) + source_row * height * image
        result = slot(args, 2) + result_row * down * image
        square = 4 * terms * rows * count + {APART}
        product = 4 * GROUP * rows * count + {APART}
        for r in range(rows):
            square_tiles(LANES, T, picture, source_row, 2 * (top + r) - above, height,
                         4 * terms, 2 * left - before, width, count, 4 * terms,
                         squares + 4 * terms * count * r, 4 * terms, square)
        later = picture + source_row * (2 * (top + rows) - above + 2)
        for first in range(0, made, GROUP):
            last = min(made, first + GROUP)
            for m in range(16):
                if first == 0 and pieces == 1:
                    fetched(later, 2 * source_row * rows, m)
                    fetched(result + 2 * result_row * top, 2 * result_row * rows, m)
                for column in range(first, last, PANEL):
                    weights = slot(args, 1) + 4 * terms * (16 * column + PANEL * m)
                    to = products + product * m + 4 * (column - first)
                    panel_product({vectors}, LANES, T, 0, 1, 0, 0, rows * count,
                                  squares + square * m, 4 * terms, np.int64(4), weights,
                                  np.int64(4 * PANEL), terms, to, np.int64(4 * GROUP),
                                  np.int64(PANEL), np.int64(0), np.int64(0), True, True)
            for r in range(rows):
                result_tiles(LANES, T, result + 4 * first, result_row, 2 * (top + r), down,
                             4 * made, 2 * left, across, count, 4 * (last - first),
                             products + 4 * GROUP * count * r, np.int64(4 * GROUP), product)
"""
