"""Attention and its gradients, computed tile by tile, so that the scores of all pairs are never in
memory.

A tile of scores is a product on the thread's own stack. It is small enough to stay in the first
two caches, where the next steps read it. Products are computed in register tiles, because BLAS
copies such small operands at each call. The tiles are the same as in the `tiled_attention` op,
whose reference adds up in the same order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from nodeflow.engine.blocking import blocks
from nodeflow.engine.devicelib.abi import float_slot
from nodeflow.engine.devicelib.tile_heights import TALL
from nodeflow.engine.devicelib.vector_width import vector_registers
from nodeflow.engine.ir.actions import Action, Actions
from nodeflow.engine.kernels.kernel import Array, CallKernel, KernelCall, LoweringRule, sizes_of
from nodeflow.engine.kernels.matmul_panels import TURNED
from nodeflow.engine.kernels.matmul_tiling import product_ns
from nodeflow.engine.kernels.registry import handles
from nodeflow.graph.graph import Node
from nodeflow.graph.types import TensorType, numpy_dtype
from nodeflow.ops.lowering import (
    KEYS,
    NEVER,
    QUERIES,
    Attend,
    AttendGradient,
    Lowering,
    strides_of,
)

VECTORS = 2
"""Number of vectors in a row of a register tile, because more than 32 features are rare."""
WIDE = 512
"""Maximum bytes of a row that is copied to, or summed in, the thread's own stack."""
EXPONENTIAL_NS = 0.5
"""Estimated nanoseconds per score: its mask, its exponential, and its share of the sums."""


@dataclass(frozen=True)
class Tiles(Lowering):
    """The lowering `Attend` or, with ``backward``, `AttendGradient`, with tables of offsets.

    The last input is a table. For each index of the leading axes it contains the number of the
    first element of query, key, value, mask and result, and then of the gradients.

    Attributes:
        mask: elements of the mask from query to query and from key to key; None without a mask.
        sizes: numbers of queries, keys, features of query and key, and features of values.
        steps: elements from row to row of query, key, value and result, and then of the gradients.
        homes: for each gradient, the number of the output that contains it.
    """

    backward: bool
    causal: bool
    offset: int
    scale: float
    mask: tuple[int, int] | None
    sizes: tuple[int, int, int, int]
    steps: tuple[int, ...]
    homes: tuple[int, ...] = (0, 1, 2)


@handles(Attend)
class AttendRule(LoweringRule[Attend]):
    """The rule that lowers attention to `Tiles` and a table of its operands' first elements."""

    def lower(
        self,
        actions: Actions,
        node: Node,
        lowering: Attend,
        inputs: tuple[int, ...],
        outputs: tuple[int, ...],
    ) -> None:
        _add_tiles(actions, node, lowering, inputs, outputs)


@handles(AttendGradient)
class AttendGradientRule(LoweringRule[AttendGradient]):
    """The rule that lowers attention's gradient to `Tiles` and a table of its operands' first
    elements.
    """

    def lower(
        self,
        actions: Actions,
        node: Node,
        lowering: AttendGradient,
        inputs: tuple[int, ...],
        outputs: tuple[int, ...],
    ) -> None:
        _add_tiles(actions, node, lowering, inputs, outputs)


def _add_tiles(
    actions: Actions,
    node: Node,
    lowering: Attend | AttendGradient,
    inputs: tuple[int, ...],
    outputs: tuple[int, ...],
) -> None:
    backward = isinstance(lowering, AttendGradient)
    shapes = [sizes_of(actions.types[slot]) for slot in inputs]
    (m, d), (n, e) = shapes[0][-2:], shapes[2][-2:]
    lead = sizes_of(actions.types[outputs[0]])[:-2]
    masked, mask = [1, 1], None
    if len(inputs) > (6 if backward else 3):
        masked = [*(1,) * (2 - len(shapes[-1])), *shapes[-1]]
        mask = _mask_strides(masked, m, n)
    parts = [*shapes[:3], masked, [*lead, m, e]]
    steps = (d, d, e, e)
    if backward:
        parts += [[*lead, m, d], [*lead, n, d], [*lead, n, e]]
        steps = (*steps, d, d, e)
    columns = [starts(shape[:-2], strides_of(shape)[:-2], 0, lead) for shape in parts]
    table = actions.new_constant(np.stack(columns, axis=1))
    sizes = m, n, d, e
    found = Tiles(backward, lowering.causal, lowering.offset, lowering.scale, mask, sizes, steps)
    actions.add(Action(node, found, (*inputs, table), outputs))


def _mask_strides(shape: Sequence[int], m: int, n: int) -> tuple[int, int]:
    return shape[-1] if shape[-2] == m > 1 else 0, 1 if shape[-1] == n > 1 else 0


def starts(
    sizes: Sequence[int], strides: Sequence[int], offset: int, lead: Sequence[int]
) -> np.ndarray:
    """Return where each matrix of a batched operand begins, as the number (int64) of its first
    element. There is one for each index of the leading axes ``lead``.

    Args:
        sizes, strides: leading axes of the operand. Axes of size 1, and missing axes, are
            broadcast.
    """
    found = np.full((), offset, np.int64)
    axes = zip(reversed(sizes), reversed(strides), strict=True)
    for after, (size, stride) in enumerate(axes):
        along = np.arange(size, dtype=np.int64) * stride
        found = found + along.reshape(-1, *(1,) * after)
    return np.broadcast_to(found, lead).ravel()


@handles(Tiles)
class TilesKernel(CallKernel[Tiles]):
    """The kernel of attention.

    A unit of work is all tiles of some queries; for gradients, all tiles of one leading index.
    """

    label = "attention"

    def calls(self, lowering: Tiles, types: Sequence[TensorType]) -> list[KernelCall]:
        m, n, d, e = lowering.sizes
        outputs = max(lowering.homes) + 1 if lowering.backward else 2
        inputs, dtype = len(types) - outputs, types[0].dtype
        table = types[inputs - 1]
        batch = table.shape[0] or 0
        strides = lowering.mask or (0, 0)
        args = (
            0, batch, m, n, d, e, *strides, lowering.offset,
            float_slot(lowering.scale, "float64"), *lowering.steps[:4], *map(Array, range(inputs)),
        )  # fmt: skip
        if lowering.backward:
            args += (*(Array(inputs + home) for home in lowering.homes), *lowering.steps[4:])
        else:
            args += (Array(inputs), Array(inputs + 1))
        products = (3, 2) if lowering.backward else (1, 1)
        work = batch * (
            products[0] * product_ns(m, n, d, dtype)
            + products[1] * product_ns(m, e, n, dtype)
            + m * n * EXPONENTIAL_NS * (1 if dtype == "float32" else 6)
        )
        kind = None if lowering.mask is None else types[6 if lowering.backward else 3].dtype
        source = (gradient_source if lowering.backward else attention_source)(
            dtype, kind, lowering.causal
        )
        units = batch if lowering.backward else batch * -(-m // QUERIES)
        return [KernelCall(source, args, units, work)]


# ---- texts --------------------------------------------------------------------------------------

_HEAD = """import numpy as np
from nodeflow.engine.devicelib.intrinsics import (
    interleaved, load, local_memory, prefetch, slot, slot_f64, store, view1
)
from nodeflow.engine.devicelib.math_functions import exp, exp_to_one, log
from nodeflow.engine.devicelib.panel_copies import turned_block
from nodeflow.engine.devicelib.register_tiles import tiled_product
from nodeflow.engine.devicelib.vector_reduce import max_lanes, sum_lanes

T, SIZE, QUERIES, KEYS = np.{dtype}, {size}, {queries}, {keys}
TILE, ROW, PANEL, DEPTH, TABLE = {tile}, {row}, {panel}, {depth}, {table}
SHORT, LONG = {short}, {long}
TALL, VECTORS, LANES, COLUMNS = {tall}, {vectors}, {lanes}, {columns}


{turned}

def moved(target, target_step, rows, source, step, width):
    \"\"\"Copy rows between where they lie apart and where they lie one after the other: apart, they
    may displace each other in the first cache. Steps are in bytes.\"\"\"
    for r in range(rows):
        x, y = view1(source + step * r, width, T), view1(target + target_step * r, width, T)
        for i in range(x.size):
            y[i] = x[i]


def near(memory, rows, source, step, width):
    \"\"\"Copy rows that lie apart to where they lie one after the other.\"\"\"
    moved(memory, SIZE * width, rows, source, step, width)


def come(place, width):
    \"\"\"Let a row come nearer.\"\"\"
    for byte in range(0, SIZE * width, 64):
        prefetch(place + byte)


def cleared(rows, place, step, width):
    \"\"\"Make rows zero.\"\"\"
    for r in range(rows):
        x = view1(place + step * r, width, T)
        for i in range(x.size):
            x[i] = T(0)


def across(panel, rows, columns, a, a_step, b, b_step, terms, factor, z):
    \"\"\"z = factor * a @ b^T; a_step and b_step are the bytes from row to row.\"\"\"
    done = np.int64(0)
    while True:
        part = min(np.int64(DEPTH), terms - done)
        for left in range(0, columns, COLUMNS):
            wide = min(np.int64(COLUMNS), columns - left)
            turned(panel, b + b_step * left + SIZE * done, b_step, part, wide)
            if factor != T(1):
                every = view1(panel, part * COLUMNS, T)
                for i in range(every.size):
                    every[i] = T(every[i] * factor)
            tiled_product(TALL, VECTORS, LANES, T, rows, wide, a + SIZE * done, a_step, SIZE,
                          panel, 0, SIZE * COLUMNS, part, z + SIZE * left, SIZE * columns,
                          done == 0)
        done += part
        if done >= terms:
            break


def added(rows, columns, a, a_row, a_term, b, terms, z):
    \"\"\"z += a @ b, of rows of b and z that lie one after the other.\"\"\"
    tiled_product(TALL, VECTORS, LANES, T, rows, columns, a, a_row, a_term, b, SIZE * COLUMNS,
                  SIZE * columns, terms, z, SIZE * columns, False)


def kernel(args, task, ntasks):
    batch, m, n = slot(args, 1), slot(args, 2), slot(args, 3)
    d, e, scale, never = slot(args, 4), slot(args, 5), T(slot_f64(args, 9)), T({never!r})
    mask_row, mask_column, offset = slot(args, 6), slot(args, 7), slot(args, 8)
    query_row, key_row, value_row = slot(args, 10), slot(args, 11), slot(args, 12)
    panel = local_memory(PANEL)
"""


def _head(dtype: str, table: int) -> str:
    size = numpy_dtype(dtype).itemsize
    lanes = vector_registers()[0] // size
    columns, panel = VECTORS * lanes, blocks().panel
    return _HEAD.format(
        dtype=dtype, size=size, queries=QUERIES, keys=KEYS, tile=QUERIES * KEYS * size,
        row=QUERIES * size, never=NEVER, turned=TURNED, tall=TALL, vectors=VECTORS, lanes=lanes,
        columns=columns, panel=panel, depth=panel // (columns * size), short=QUERIES * WIDE,
        long=KEYS * WIDE, table=table,
    )  # fmt: skip


def _masked(indent: str, mask: str | None, causal: bool, at: int) -> str:
    """Return kernel statements that apply the attention mask to ``x``, row ``r`` of a tile of
    scores.

    The tile has ``rows`` rows from ``top`` and ``columns`` columns from ``left``.

    Args:
        at: slot of the mask's address.
    """
    lines = []
    if mask is not None:
        size = numpy_dtype(mask).itemsize
        lines += [
            f"here = slot(args, {at}) + {size} * (slot(table, TABLE * b + 3)"
            " + (top + r) * mask_row + left * mask_column)",
            "if mask_column != 0:",
            f"    y = view1(here, columns, np.{'uint8' if mask == 'bool' else mask})",
            "    for i in range(x.size):",
        ]
        if mask == "bool":
            lines += [
                "        x[i] = x[i] if y[i] else never",
                "elif load(here, np.uint8) == 0:",
                "    for i in range(x.size):",
                "        x[i] = never",
            ]
        else:
            lines += [
                "        x[i] = T(x[i] + y[i])",
                "else:",
                "    each = load(here, T)",
                "    for i in range(x.size):",
                "        x[i] = T(x[i] + each)",
            ]
    if causal:
        lines += [
            "seen = max(min(columns, top + r + offset + 1 - left), np.int64(0))",
            "for i in range(seen, columns):",
            "    x[i] = never",
        ]
    return "".join(f"{indent}{line}\n" for line in lines)


@cache
def attention_source(dtype: str, mask: str | None, causal: bool) -> str:
    """Return the source of a kernel that computes attention. A unit of work is a row of tiles.

    Kernel arguments: 0, which is unused; leading indices, queries, keys, features of query and key,
    features of values; elements of the mask from query to query and from key to key; keys before
    the first query's own; scale; elements from row to row of query, key, value and result; query,
    key, value, the mask if there is one, the table, result, normalizer.
    """
    after = 18 if mask is not None else 17
    last = "min(n, top + rows + offset)" if causal and mask is None else "n"
    return f"""{_head(dtype, 5)}    table, out = slot(args, {after}), slot(args, {after + 1})
    normalizer, result_row = slot(args, {after + 2}), slot(args, 13)
    values, own = local_memory(LONG), local_memory(SHORT)
    scores, best, total = local_memory(TILE), local_memory(ROW), local_memory(ROW)
    past = local_memory(ROW)
    tiles = (m + QUERIES - 1) // QUERIES
    units = batch * tiles
    for unit in range(units * task // ntasks, units * (task + 1) // ntasks):
        b = unit // tiles
        top = (unit - b * tiles) * QUERIES
        rows = min(np.int64(QUERIES), m - top)
        query = slot(args, 14) + SIZE * (slot(table, TABLE * b) + top * query_row)
        result = out + SIZE * (slot(table, TABLE * b + 4) + top * result_row)
        sum = result if result_row == e else own
        done = view1(sum, rows * e, T)
        for i in range(done.size):
            done[i] = T(0)
        largest, sums = view1(best, rows, T), view1(total, rows, T)
        earlier = view1(past, rows, T)
        for r in range(rows):
            largest[r] = T(-np.inf)
            sums[r] = T(0)
        later = TABLE * min(b + 1, batch - 1)
        next_query = slot(args, 14) + SIZE * (slot(table, later) + top * query_row)
        next_key = slot(args, 15) + SIZE * (slot(table, later + 1) + top * key_row)
        next_value = slot(args, 16) + SIZE * (slot(table, later + 2) + top * value_row)
        last = {last}
        left = np.int64(0)
        while left < last:
            columns = min(np.int64(KEYS), n - left)
            key = slot(args, 15) + SIZE * (slot(table, TABLE * b + 1) + left * key_row)
            value = slot(args, 16) + SIZE * (slot(table, TABLE * b + 2) + left * value_row)
            if value_row != e:
                near(values, columns, value, SIZE * value_row, e)
                value = values
            across(panel, rows, columns, query, SIZE * query_row, key, SIZE * key_row, d, scale,
                   scores)
            for r in range(rows):
                at = scores + SIZE * (r * columns)
                x = view1(at, columns, T)
{_masked(" " * 16, mask, causal, 17)}                most = max_lanes(at, columns, T)
                before = largest[r]
                largest[r] = most if (most > before) | (most != most) else before
                earlier[r] = before
            for r in range(rows):  # apart, since each maximum is waited for
                at = scores + SIZE * (r * columns)
                x = view1(at, columns, T)
                if left == 0:  # rows apart are not fetched ahead: those of the next matrices
                    come(next_query + SIZE * (r * query_row), d)
                    come(next_key + SIZE * (r * key_row), d)
                    come(next_value + SIZE * (r * value_row), e)
                shift = largest[r] if largest[r] != T(-np.inf) else T(0)
                for i in range(interleaved(x.size)):
                    x[i] = T(exp_to_one(T(x[i] - shift)))
                if left > 0:
                    kept = T(exp_to_one(T(earlier[r] - shift)))
                    sums[r] = T(sums[r] * kept)
                    z = view1(sum + SIZE * (r * e), e, T)
                    for i in range(z.size):
                        z[i] = T(z[i] * kept)
                sums[r] = T(sums[r] + sum_lanes(at, columns, T))
            added(rows, e, scores, SIZE * columns, SIZE, value, columns, sum)
            left += KEYS
        for r in range(rows):
            store(normalizer + SIZE * (b * m + top + r), T(largest[r] + T(log(sums[r]))))
            if n > 0:
                by = sums[r]
                z = view1(sum + SIZE * (r * e), e, T)
                for i in range(z.size):
                    z[i] = T(z[i] / by)
        if result_row != e:
            for r in range(rows):
                x = view1(own + SIZE * (r * e), e, T)
                z = view1(result + SIZE * (r * result_row), e, T)
                for i in range(z.size):
                    z[i] = x[i]
"""


@cache
def gradient_source(dtype: str, mask: str | None, causal: bool) -> str:
    """Return the source of a kernel for the gradients of attention. A unit of work is an index of
    the leading axes.

    Kernel arguments: those of `attention_source` up to value; then normalizer, delta, gradient of
    the result, the mask if there is one, the table, the gradients of query, key and value, and the
    elements from row to row of these gradients.
    """
    after = 21 if mask is not None else 20
    skip = "top + rows + offset <= left" if causal and mask is None else "False"
    return f"""{_head(dtype, 8)}    table, by_query = slot(args, {after}), slot(args, {after + 1})
    by_key, by_value = slot(args, {after + 2}), slot(args, {after + 3})
    to_query_row, to_key_row = slot(args, {after + 4}), slot(args, {after + 5})
    to_value_row = slot(args, {after + 6})
    own_query, own_key, own_value = local_memory(SHORT), local_memory(LONG), local_memory(LONG)
    scores, change = local_memory(TILE), local_memory(TILE)
    queries, keys = local_memory(SHORT), local_memory(LONG)
    for b in range(batch * task // ntasks, batch * (task + 1) // ntasks):
        of_query = by_query + SIZE * slot(table, TABLE * b + 5)
        of_key = by_key + SIZE * slot(table, TABLE * b + 6)
        of_value = by_value + SIZE * slot(table, TABLE * b + 7)
        if to_query_row == d or n == 0:
            cleared(m, of_query, SIZE * to_query_row, d)
        left = np.int64(0)
        while left < n:
            columns = min(np.int64(KEYS), n - left)
            key = slot(args, 15) + SIZE * (slot(table, TABLE * b + 1) + left * key_row)
            value = slot(args, 16) + SIZE * (slot(table, TABLE * b + 2) + left * value_row)
            if key_row != d:
                near(keys, columns, key, SIZE * key_row, d)
                key = keys
            to_key = of_key + SIZE * (left * d) if to_key_row == d else own_key
            to_value = of_value + SIZE * (left * e) if to_value_row == e else own_value
            cleared(columns, to_key, SIZE * d, d)
            cleared(columns, to_value, SIZE * e, e)
            top = np.int64(0)
            while top < m:
                rows = min(np.int64(QUERIES), m - top)
                apart = of_query + SIZE * (top * to_query_row)
                if {skip}:
                    if left == 0:
                        cleared(rows, apart, SIZE * to_query_row, d)
                    top += QUERIES
                    continue
                query = slot(args, 14) + SIZE * (slot(table, TABLE * b) + top * query_row)
                if query_row != d:
                    near(queries, rows, query, SIZE * query_row, d)
                    query = queries
                slope = slot(args, 19) + SIZE * ((b * m + top) * e)
                to_query = apart if to_query_row == d else own_query
                if to_query_row != d and left == 0:
                    cleared(rows, own_query, SIZE * d, d)
                elif to_query_row != d:
                    near(own_query, rows, apart, SIZE * to_query_row, d)
                across(panel, rows, columns, query, SIZE * d, key, SIZE * d, d, scale, scores)
                across(panel, rows, columns, slope, SIZE * e, value, SIZE * value_row, e, T(1),
                       change)
                for r in range(rows):
                    x = view1(scores + SIZE * (r * columns), columns, T)
{_masked(" " * 20, mask, causal, 20)}                    at = SIZE * (b * m + top + r)
                    by = load(slot(args, 17) + at, T)
                    delta = load(slot(args, 18) + at, T)
                    z = view1(change + SIZE * (r * columns), columns, T)
                    if by <= never / T(2):
                        even = T(1) / T(n)
                        for i in range(z.size):
                            x[i] = even
                            z[i] = T(0)
                    else:
                        for i in range(interleaved(z.size)):
                            weight = T(exp(T(x[i] - by)))
                            x[i] = weight
                            z[i] = T(T(weight * T(z[i] - delta)) * scale)
                added(columns, e, scores, SIZE, SIZE * columns, slope, rows, to_value)
                added(columns, d, change, SIZE, SIZE * columns, query, rows, to_key)
                added(rows, d, change, SIZE * columns, SIZE, key, columns, to_query)
                if to_query_row != d:
                    moved(apart, SIZE * to_query_row, rows, to_query, SIZE * d, d)
                top += QUERIES
            if to_key_row != d:
                moved(of_key + SIZE * (left * to_key_row), SIZE * to_key_row, columns, to_key,
                      SIZE * d, d)
            if to_value_row != e:
                moved(of_value + SIZE * (left * to_value_row), SIZE * to_value_row, columns,
                      to_value, SIZE * e, e)
            left += KEYS
"""
