"""Products whose second operand stays the same over many runs and is packed once.

BLAS copies the second operand into its own order at each call. In a loop over the steps of a
recurrent network this takes as long as the product, which has only few rows. Here the operand
is copied once before the loop, into panels as wide as a tile of results, and tiles read the
panels. A sum goes from the first term to the last, whatever the tiles.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from nodeflow.engine.blocking import blocks
from nodeflow.engine.devicelib.vector_width import TileShape, product_tile_shape
from nodeflow.engine.ir.actions import Action, Actions
from nodeflow.engine.ir.groups import Group
from nodeflow.engine.ir.launches import (
    KernelLaunch,
    Split,
    limited_tasks,
    power_of_two,
    tasks_of,
    tasks_of_runs,
)
from nodeflow.engine.kernels.expressions import integer_of_size
from nodeflow.engine.kernels.kernel import Array, CallKernel, GroupToLaunch, Kernel, KernelCall
from nodeflow.engine.kernels.matmul_tiling import product_ns
from nodeflow.engine.kernels.registry import handles
from nodeflow.graph.graph import Node
from nodeflow.graph.types import FLOATS, HALVES, TensorType, numpy_dtype
from nodeflow.ops.lowering import Lowering

PAYS = 16
"""Minimum number of rows, over all products with an operand, for which packing it saves time."""
ROWS = 16
"""Number of rows of a task; half of them if there would be only one task. Consumers that go row
by row then find the rows in the first-level cache, and there are enough rows for the panels
to come from the second-level cache in time.
"""


@dataclass(frozen=True)
class Pack(Lowering):
    """A matrix of (terms, columns) as panels (panel, term, column), the last one filled up with 0.

    ``transposed``: whether the matrix is stored as (columns, terms).
    """

    transposed: bool


@dataclass(frozen=True)
class PackedProduct(Lowering):
    """A product of a matrix, or its transpose, and a matrix of ``columns`` columns in panels.

    Further inputs are added to it: a matrix if ``adds_matrix``, then a vector to each row if
    ``adds_vector``. If there are both, their sum is added.
    """

    transpose_x: bool
    columns: int
    adds_matrix: bool = False
    adds_vector: bool = False


def may_pack(actions: Actions, inputs: tuple[int, ...], m: int) -> bool:
    """Return whether a product of m rows should pack its second operand. This pays only if the
    packed copy can be reused in many runs.
    """
    x, y = (actions.types[s] for s in inputs)
    if x.dtype not in FLOATS or x.dtype in HALVES or x.rank != 2 or y.rank != 2:
        return False
    repeats = actions.repeats
    return inputs[1] in repeats.lasting and m * repeats.runs >= PAYS and bool(x.size and y.size)


def add_packed(
    actions: Actions,
    node: Node,
    layout: tuple[bool, bool],
    inputs: tuple[int, ...],
    outputs: tuple[int, ...],
) -> None:
    """Add an action that multiplies two matrices. It reads the second one in packed form, from a
    slot that is packed only once for all products.

    Args:
        layout: for each operand, whether it is stored transposed.
    """
    x, y, out = (actions.types[s] for s in (*inputs, *outputs))
    m, n = out.shape[0] or 0, out.shape[1] or 0
    terms = y.shape[1 if layout[1] else 0] or 0
    width = product_tile_shape(x.dtype, m, n).columns
    panels = y.with_shape((-(-n // width), terms, width))
    key = inputs[1], layout[1], panels
    if key not in actions.packed:
        actions.packed[key] = actions.new_slot(panels)
    product = PackedProduct(layout[0], n)
    actions.add(Action(node, product, (inputs[0], actions.packed[key]), outputs))


# ---- packing ------------------------------------------------------------------------------------


@handles(Pack)
class PackKernel(CallKernel[Pack]):
    """The kernel that packs a matrix into panels."""

    label = "pack"

    def calls(self, lowering: Pack, types: Sequence[TensorType]) -> list[KernelCall]:
        source, target = types
        panels, terms, width = (d or 0 for d in target.shape)
        columns = source.shape[0 if lowering.transposed else 1] or 0
        size = numpy_dtype(source.dtype).itemsize
        text = (_turned_source if lowering.transposed else _pack_source)(size, width)
        work = panels * terms * width * (0.4 if lowering.transposed else 0.3)
        return [KernelCall(text, (Array(0), Array(1), terms, columns), panels, work)]


_PACK = """import numpy as np
from nodeflow.engine.devicelib.intrinsics import local_array, slot, view1


def kernel(args, task, ntasks):
    source, target = slot(args, 0), slot(args, 1)
    terms, columns = slot(args, 2), slot(args, 3)
    panels = (columns + {width} - 1) // {width}
    for panel in range(panels * task // ntasks, panels * (task + 1) // ntasks):
        left, to = panel * {width}, target + {size} * {width} * terms * panel
        wide = min(np.int64({width}), columns - left)
{body}
"""


@cache
def _pack_source(size: int, width: int) -> str:
    """Return the source of a kernel that packs a matrix: it copies each panel (a block of columns)
    to contiguous memory.

    Kernel arguments: source, target, terms, columns.
    """
    body = f"""        for term in range(terms):
            x = view1(source + {size} * (term * columns + left), wide, {integer_of_size(size)})
            y = view1(to + {size} * {width} * term, {width}, {integer_of_size(size)})
            if wide == {width}:
                for i in range({width}):
                    y[i] = x[i]
            else:
                for i in range(wide):
                    y[i] = x[i]
                for i in range(wide, {width}):
                    y[i] = 0"""
    return _PACK.format(size=size, width=width, body=body)


@cache
def _turned_source(size: int, width: int) -> str:
    """Return the kernel source that packs a transposed matrix into panels. It copies in small
    tiles, which suit the cache.
    """
    name, tall = integer_of_size(size), blocks().turned
    body = f"""        tile = local_array({tall * width}, {name})
        for first in range(0, terms, {tall}):
            height = min(np.int64({tall}), terms - first)
            for i in range({width}):
                if i < wide:
                    x = view1(source + {size} * ((left + i) * terms + first), height, {name})
                    for r in range(height):
                        tile[r * {width} + i] = x[r]
                else:
                    for r in range(height):
                        tile[r * {width} + i] = 0
            y = view1(to + {size} * {width} * first, height * {width}, {name})
            for i in range(y.size):
                y[i] = tile[i]"""
    return _PACK.format(size=size, width=width, body=body)


# ---- the product --------------------------------------------------------------------------------


@handles(PackedProduct)
class PackedProductKernel(Kernel[PackedProduct]):
    """The kernel of a product of rows and panels, by tiles.

    A task has some rows, or some panels if rows are few.
    """

    label = "matmul"
    by_reference = 3.0

    def launches(self, work: GroupToLaunch, lowering: PackedProduct) -> list[KernelLaunch]:
        if work.alone:
            return [*work.alone]  # its own tiles decide how a chain is cut
        x, panels, *_, out = work.types
        m, n, terms = out.shape[0] or 0, out.shape[1] or 0, panels.shape[1] or 0
        shape = product_tile_shape(x.dtype, m, n)
        size = numpy_dtype(x.dtype).itemsize
        estimate, across = product_ns(m, n, terms, x.dtype), 1
        if m <= shape.positions:
            height, across = m, power_of_two(limited_tasks(estimate, panels.shape[0] or 0))
        else:
            height = _height(m, estimate, work.actions.repeats.runs)
        row, term = (1, m) if lowering.transpose_x else (terms, 1)
        a, b, *added, c = work.pointers
        full, each = lowering.adds_matrix, lowering.adds_vector
        more = (added[0] if full else 0, added[-1] if each else 0)
        args = (a, b, c, m, n, terms, size * row, size * term, height, across, *more)
        last = n % shape.columns
        source = product_source(x.dtype, shape, (full, each), last, lowering.transpose_x)
        split = Split(m, height, height) if across == 1 else None
        return [
            KernelLaunch(source, args, -(-m // height) * across, estimate, work.group, split=split)
        ]

    def leading_rows(
        self, actions: Actions, group: Group, lowering: PackedProduct
    ) -> frozenset[int]:
        action = group.actions[0]
        if self.task_height(actions, action, lowering) is None:
            return frozenset()
        return frozenset({actions.types[action.outputs[0]].shape[0] or 0})

    def task_height(self, actions: Actions, action: Action, lowering: PackedProduct) -> int | None:
        panels, out = actions.types[action.inputs[1]], actions.types[action.outputs[0]]
        m, n, terms = out.shape[0] or 0, out.shape[1] or 0, panels.shape[1] or 0
        if m <= product_tile_shape(out.dtype, m, n).positions:
            return None
        return _height(m, product_ns(m, n, terms, out.dtype), actions.repeats.runs)

    def reads_own_rows(
        self,
        actions: Actions,
        group: Group,
        lowering: PackedProduct,
        operand: int,
        slot: int,
        rows: int,
    ) -> bool:
        """Return whether rows of the product need only the same rows of this operand. This is so
        for the first operand and for an added matrix.

        A transposed first operand, the second operand and an added vector are read whole.
        """
        if operand == 0:
            return not lowering.transpose_x
        return operand == 2 and lowering.adds_matrix


def _height(m: int, work: float, runs: int) -> int:
    """Return the number of rows that a task of the product computes.

    The number of tasks is a power of two, so that cores share them evenly.

    Args:
        work: nanoseconds of one of several runs.
    """
    most = max(m // ROWS, min(2, 2 * m // ROWS), 1)
    tasks = min(max(tasks_of(work), tasks_of_runs(work, runs)), most)
    return -(-m // power_of_two(tasks))


@cache
def product_source(
    dtype: str,
    shape: TileShape,
    added: tuple[bool, bool] = (False, False),
    last: int = 0,
    transposed: bool = True,
) -> str:
    """Return the kernel source of a product whose second operand is packed in panels.

    A panel has the columns of one tile.

    Kernel arguments: a, panels, c, m, n, terms, bytes from row to row and from term to term of a,
    rows of a task, tasks that share those rows, the added matrix, the added vector. c and the
    matrix are (m, n), row-major.

    Args:
        added: whether there is a matrix, and whether there is a vector to add.
        last: columns of the last panel, 0 if it is full. Its tiles have only the vectors that these
            columns need, and write with a mask if the last vector is not full.
        transposed: whether a is transposed; if not, its terms are contiguous, whatever the
            arguments say.
    """
    size, width = numpy_dtype(dtype).itemsize, shape.columns
    flags = ", ".join(str(int(flag)) for flag in added)
    cases = []
    for rows in range(shape.positions, 0, -1):
        cases.append(f"                {'if' if not cases else 'elif'} tall == {rows}:")
        tiles = [(shape.vectors, 0, f"if wide == {width}" if last else "")]
        if last:
            tiles.append((-(-last // shape.lanes), int(last % shape.lanes > 0), "else"))
        for vectors, masked, when in tiles:
            indent = " " * (24 if when else 20)
            cases += [f"                    {when}:"] if when else []
            literals = f"{rows}, {vectors}, {shape.lanes}, np.{dtype}, {masked}, {flags}"
            cases += [
                f"{indent}packed_tile({literals},",
                f"{indent}            x, a_row, a_term, y, {size * width}, terms, c + z,",
                f"{indent}            {size} * n, wide, matrix + z, v)",
            ]
    text = "\n".join(cases)
    return f"""import numpy as np
from nodeflow.engine.devicelib.intrinsics import slot
from nodeflow.engine.devicelib.register_tiles import packed_tile


def kernel(args, task, ntasks):
    a, b, c = slot(args, 0), slot(args, 1), slot(args, 2)
    m, n, terms = slot(args, 3), slot(args, 4), slot(args, 5)
    a_row, a_term = slot(args, 6), {"slot(args, 7)" if transposed else f"np.int64({size})"}
    height, across = slot(args, 8), slot(args, 9)
    matrix, vector = slot(args, 10), slot(args, 11)
    part = task % across
    top = task // across * height
    rows = min(m, top + height) - top
    tiles = (rows + {shape.positions - 1}) // {shape.positions}
    if tiles > 0:
        panels = (n + {width - 1}) // {width}
        low, higher = rows // tiles, rows % tiles
        for panel in range(panels * part // across, panels * (part + 1) // across):
            y = b + {size * width} * terms * panel
            v = vector + {size * width} * panel
            wide = min(np.int64({width}), n - {width} * panel)
            row = top
            for number in range(tiles):
                tall = low + 1 if number < higher else low
                x = a + row * a_row
                z = {size} * (row * n + {width} * panel)
{text}
                row += tall
"""
