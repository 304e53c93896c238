"""Lowerings: descriptions of an op's computation, from which the engine makes kernels.

An op returns one from ``lower``. Lowerings are plain data, so the meaning of an op never depends on
numba. If ``lower`` returns None, every tier runs the numpy reference.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

import numpy as np

from nodeflow.graph.types import TensorType
from nodeflow.ops.sliding_windows import Windows

PRODUCT_BLOCK = 4096
"""Elements of a product that are multiplied in sequence (see `Reduce`)."""
FEW_LARGEST = 32
"""Most elements that `Largest` finds. With more, it is slower than sorting for sorted rows."""
QUERIES, KEYS = 64, 128
"""Sizes of a tile of attention scores (see `Attend`)."""
NEVER = -1e30
"""Score of a key that a query must not attend to: exp of its difference to other scores is 0."""


@cache
def names_in(formula: str) -> frozenset[str]:
    """Return the names in a formula."""
    return frozenset(n.id for n in ast.walk(ast.parse(formula)) if isinstance(n, ast.Name))


class Lowering:
    """The base class of lowerings, which describe the computation of an op or a part of it."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Elementwise(Lowering):
    """A scalar formula of the inputs called ``names`` and the attributes.

    Inputs broadcast. Literals and attributes in the formula take the dtype of the inputs; the
    result is cast to the dtype of the output. Without inputs, the formula's value fills the output.
    """

    expression: str
    names: tuple[str, ...]
    attrs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def read(self) -> tuple[str, ...]:
        """The names of the inputs whose values the formula reads.

        Of all other inputs only the shape is used, as in ``ones_like``.
        """
        named = names_in(self.expression)
        return tuple(name for name in self.names if name in named)


@dataclass(frozen=True)
class Alias(Lowering):
    """A view of the input's memory in another shape (reshape, identity, squeeze)."""


@dataclass(frozen=True, eq=False)
class Known(Lowering):
    """A constant that depends only on the input types, so that planning can compute it."""

    value: np.ndarray


@dataclass(frozen=True)
class Reduce(Lowering):
    """A reduction along ``axes`` (counted from the front, sorted).

    ``kind`` is sum, mean, prod, max, min, argmax or argmin (the last two: one axis).

    A product has the same order in every tier, because another order may overflow. The last run of
    adjacent axes is reduced first. Within it, blocks of `PRODUCT_BLOCK` elements are multiplied
    from first to last, then the products of blocks in the same way.
    """

    kind: str
    axes: tuple[int, ...]


@dataclass(frozen=True)
class Matmul(Lowering):
    """A product of two matrices, each transposed or not. Leading axes are batches."""

    transpose_x: bool = False
    transpose_y: bool = False


@dataclass(frozen=True)
class Attend(Lowering):
    """Attention of queries, keys, values and an optional mask, in tiles of scores.

    Outputs: the result, and the logarithm of the sum of exponentials of each query's scores. The
    attributes are the same as in the ``tiled_attention`` op.
    """

    causal: bool
    offset: int
    scale: float


@dataclass(frozen=True)
class AttendGradient(Lowering):
    """The gradients of `Attend` for queries, keys and values.

    Inputs: queries, keys, values, the second output of `Attend`, the sum of gradient times result
    for each query, the gradient, and an optional mask.
    """

    causal: bool
    offset: int
    scale: float


@dataclass(frozen=True)
class Permute(Lowering):
    """A transposition: ``axes`` of the output are these axes of the input."""

    axes: tuple[int, ...]


@dataclass(frozen=True)
class Block:
    """A rectangle of elements: sizes, and offsets and strides in elements, in source and target."""

    sizes: tuple[int, ...]
    source_offset: int
    source_strides: tuple[int, ...]
    target_offset: int
    target_strides: tuple[int, ...]


@dataclass(frozen=True)
class Copy(Lowering):
    """A copy of one block of each input to the output.

    With ``fill`` (one input only), the rest of the output is that number.
    """

    blocks: tuple[Block, ...]
    fill: Any = None


@dataclass(frozen=True)
class Gather(Lowering):
    """The slices of the first input along ``axis`` at the indices of the second.

    A run fails if an index is out of range. ``from_end``: negative numbers count from the end.
    """

    axis: int
    from_end: bool = True


@dataclass(frozen=True)
class ScatterAdd(Lowering):
    """Zeros, with slices of the first input added at the indices of the second along ``axis``.

    ``from_end``: negative numbers count from the end. ``kind`` max or min: extremes instead of
    sums, starting from the lowest or highest value of the dtype.
    """

    axis: int
    from_end: bool = True
    kind: str = "sum"


@dataclass(frozen=True)
class FirstOccurrences(Lowering):
    """The first occurrences of row numbers in the inputs, one input after the other.

    Outputs, all int64: the row numbers, none negative; for each, the place where it first occurs,
    counted in all inputs, then in each input; working memory, a power of two of at least twice as
    many elements. A run fails if a number is outside the ``extent`` rows.

    ``from_end``: for each input, whether negative numbers count from the end.
    """

    extent: int
    from_end: tuple[bool, ...]


@dataclass(frozen=True)
class MarkRows(Lowering):
    """A mask of the output's rows: true if an input contains the row's number.

    Negative numbers count from the end. A run fails if a number is out of range.
    """


@dataclass(frozen=True)
class PutRows(Lowering):
    """The first input, in which rows at the second input's numbers are replaced by rows of the
    fourth.

    A row is written only where the third input marks its number as a first occurrence.
    """


@dataclass(frozen=True)
class NumberRows(Lowering):
    """Row numbers (int64) from indices of several axes, in the last axis of the input.

    ``extents``: sizes of these axes. Negative indices count from the end; a run fails if one is out
    of range. ``batches``: number of such tensors in sequence, each with an equal share of the
    indices.
    """

    extents: tuple[int, ...]
    batches: int = 1


@dataclass(frozen=True)
class ChangeRows(Lowering):
    """The first input, in which rows at the second input's numbers are changed by rows of the
    third.

    The changes are applied in order. A row is a slice below the first ``axes`` axes. ``mode`` is
    update, add, multiply, max or min.
    """

    axes: int
    mode: str


@dataclass(frozen=True)
class Pick(Lowering):
    """One element from each row of the first input, at the index that the second input gives.

    A run fails if an index is out of range.
    """


@dataclass(frozen=True)
class TakeAlong(Lowering):
    """The elements of the first input at the indices of the second, row by row along ``axis``."""

    axis: int


@dataclass(frozen=True)
class SearchSorted(Lowering):
    """The place of each number of the second input in its sorted row of the first.

    ``side``: before equal elements (left) or after them (right).
    """

    side: str


@dataclass(frozen=True)
class AddAlong(Lowering):
    """Zeros, with the elements of the first input added at the indices of the second.

    Both run row by row along ``axis``.
    """

    axis: int


@dataclass(frozen=True)
class Order(Lowering):
    """The indices (int64) that sort each row of the last axis, stable, with NaN as the largest.

    It also writes as many int64 as working memory.
    """

    descending: bool = False


@dataclass(frozen=True)
class SortValues(Lowering):
    """The sorted elements of each row of the last axis: -0 before 0, NaN as the largest."""

    descending: bool = False


@dataclass(frozen=True)
class Largest(Lowering):
    """The indices (int64) of the largest or smallest elements of each row of the last axis.

    There are as many as the output holds, at most `FEW_LARGEST`, in the order of `Order`.
    """

    descending: bool = True


@dataclass(frozen=True)
class Distinct(Lowering):
    """The distinct elements of the first input, a vector; the second input is its sort order.

    Outputs: the values, padded with ``fill``; each element's index among them; and their number. A
    run fails if the values do not fit.
    """

    fill: Any


@dataclass(frozen=True)
class PairsInOrder(Lowering):
    """The number of (positive, negative) pairs in which the positive has the higher score.

    Inputs: labels (bool), scores, and the sort order of the scores.
    """


@dataclass(frozen=True)
class OtherProducts(Lowering):
    """For each element of a row (the last axis), the product of the other elements.

    With ``along``, the change of this product when the row moves along the second input. This also
    writes the same number of elements as working memory.
    """

    along: bool = False


@dataclass(frozen=True)
class Random(Lowering):
    """Random numbers ``offset + scale * drawn``, from the node's own stream.

    ``distribution`` is uniform, normal or truncated_normal (between ``low`` and ``high``).
    """

    distribution: str
    offset: float = 0.0
    scale: float = 1.0
    low: float = -2.0
    high: float = 2.0


@dataclass(frozen=True)
class Running(Lowering):
    """Running results along ``axis``: each combines all elements up to its place.

    ``kind`` is sum, prod, max, min or logsumexp. ``exclusive`` leaves out the element at the place
    and starts from the neutral element.
    """

    kind: str
    axis: int
    exclusive: bool
    reverse: bool


@dataclass(frozen=True)
class Loop(Lowering):
    """A body that runs for each step of sequences, with the attributes of the ``scan`` op."""

    body: str
    carried: int
    sequences: int
    reverse: bool
    history: bool


@dataclass(frozen=True)
class While(Lowering):
    """A body that runs while a condition holds, with the attributes of the ``while_loop`` op."""

    cond: str
    body: str
    carried: int
    limit: int | None


@dataclass(frozen=True)
class Branch(Lowering):
    """Two bodies, one of which runs, with the attributes of the ``cond`` op."""

    true_body: str
    false_body: str


@dataclass(frozen=True)
class Convolve(Lowering):
    """A convolution (``result``) or its gradient for the image (``input``), channels last.

    ``result`` takes image and filter, ``input`` the gradient of the result and the filter. The
    border contributes nothing.
    """

    kind: Literal["result", "input"]
    windows: Windows
    groups: int


@dataclass(frozen=True)
class FilterGradient(Lowering):
    """The gradient of a convolution for its filter, from image and gradient, channels last."""

    windows: Windows
    groups: int


@dataclass(frozen=True)
class Pool(Lowering):
    """One number per window, or the adjoint, channels last.

    The border does not count, except as zeros in a mean with ``border``. ``max`` and ``mean`` take
    images. ``put`` gives zeros like the first input, with the second added at the largest element
    of each window of the first; ``take`` gives the second's elements there. ``share`` spreads the
    input over the windows of the output.
    """

    kind: Literal["max", "mean", "put", "take", "share"]
    windows: Windows
    border: bool = False


@dataclass(frozen=True)
class Part:
    """One lowered operation inside a `Composite`, which writes the value called ``name``.

    ``more`` are further values that it writes: outputs or working memory.
    """

    name: str
    lowering: Lowering
    inputs: tuple[str, ...]
    type: TensorType
    more: tuple[tuple[str, TensorType], ...] = ()


@dataclass(frozen=True)
class Composite(Lowering):
    """An op composed of simpler ones: ``softmax`` is a maximum, an exponential, a sum, a division.

    ``inputs`` names the op's inputs, ``outputs`` the values that are its outputs.
    """

    inputs: tuple[str, ...]
    parts: Sequence[Part]
    outputs: tuple[str, ...]


Rows = Callable[[TensorType], tuple[Lowering, Sequence[TensorType]]]
"""A function of a type that returns a lowering along its last axis and the types of its results."""


def last_axis(
    types: Sequence[TensorType], out: TensorType, axes: Sequence[int], rows: Rows
) -> Composite:
    """Lower an operation along given axes to ``rows``, which lowers the operation along the last
    axis. Move the axes to the end, merge them, and move them back afterwards.

    Args:
        types: types of the inputs, all of one shape.
        out: the type of the result, of the same shape.
        axes: the axes that make up a row.
    """
    rank = out.rank
    inner = [axis % rank for axis in axes]
    order = tuple([a for a in range(rank) if a not in inner] + inner)
    moved = [out.shape[a] or 0 for a in order]
    kept = moved[: rank - len(inner)]
    names = tuple(f"x{i}" for i in range(len(types)))
    parts = []
    for name, type_ in zip(names, types, strict=True):
        parts.append(Part(f"{name} moved", Permute(order), (name,), type_.with_shape(moved)))
        flat = type_.with_shape((*kept, math.prod(moved[len(kept) :])))
        parts.append(Part(f"{name} rows", Alias(), (f"{name} moved",), flat))
    work, written = rows(parts[-1].type)
    aside = tuple((f"aside {i}", t) for i, t in enumerate(written[1:]))
    parts += (
        Part("done", work, tuple(f"{name} rows" for name in names), written[0], aside),
        Part("apart", Alias(), ("done",), out.with_shape(moved)),
        Part("out", Permute(tuple(order.index(a) for a in range(rank))), ("apart",), out),
    )
    return Composite(names, parts, ("out",))


def strides_of(shape: Sequence[int | None]) -> tuple[int, ...]:
    """Return the strides of a contiguous array, in elements."""
    sizes = [d or 0 for d in shape]
    return tuple(math.prod(sizes[axis + 1 :]) for axis in range(len(sizes)))


def reduced_runs(shape: Sequence[int], axes: Sequence[int]) -> list[tuple[bool, int]]:
    """Merge adjacent axes of a reduction that are all reduced, or all kept. Return (is reduced,
    size) of each merged axis; axes of size 1 are dropped.
    """
    runs: list[tuple[bool, int]] = []
    for axis, size in enumerate(shape):
        if size == 1:
            continue
        reduced = axis in axes
        if runs and runs[-1][0] == reduced:
            runs[-1] = (reduced, runs[-1][1] * size)
        else:
            runs.append((reduced, size))
    return runs


def slice_layout(
    shape: Sequence[int | None], key: Sequence[slice]
) -> tuple[tuple[int, ...], int, tuple[int, ...]]:
    """Return the sizes, the offset and the strides of the view of a contiguous array that slices
    select. Offset and strides count elements.
    """
    steps = strides_of(shape)
    ranges = [range(*k.indices(d or 0)) for k, d in zip(key, shape, strict=False)]
    ranges += [range(d or 0) for d in shape[len(ranges) :]]
    sizes = tuple(len(r) for r in ranges)
    offset = sum(r.start * s for r, s in zip(ranges, steps, strict=True)) if all(sizes) else 0
    return sizes, offset, tuple(r.step * s for r, s in zip(ranges, steps, strict=True))
