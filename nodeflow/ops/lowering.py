"""How the compiled tier computes an op: descriptions that the engine turns into kernels.

An op returns one of these from ``lower``; they are plain data, so an op's meaning never depends on
numba. An op that returns None is run by its numpy reference in every tier.
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
"""Elements of a product that are multiplied one after the other (see `Reduce`)."""
FEW_LARGEST = 32
"""The most that `Largest` finds: with more, a row that is in order takes longer than sorting it."""
QUERIES, KEYS = 64, 128
"""A tile of attention's scores (see `Attend`)."""
NEVER = -1e30
"""The score of a key that a query must not see: exp of the difference to any other is 0."""


@cache
def names_in(formula: str) -> frozenset[str]:
    """The names in a formula."""
    return frozenset(n.id for n in ast.walk(ast.parse(formula)) if isinstance(n, ast.Name))


class Lowering:
    """How the compiled tier computes an op, or a part of it; the base of all descriptions."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Elementwise(Lowering):
    """A scalar formula over the inputs named ``names`` and the attributes.

    Inputs broadcast. Literals and attributes in the formula take the inputs' dtype, the result is
    cast to the output's. Without inputs it fills the output.
    """

    expression: str
    names: tuple[str, ...]
    attrs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def read(self) -> tuple[str, ...]:
        """The inputs that the formula names; of others, as in that of ``ones_like``, only shapes
        count."""
        named = names_in(self.expression)
        return tuple(name for name in self.names if name in named)


@dataclass(frozen=True)
class Alias(Lowering):
    """The output is the input's memory under another shape (reshape, identity, squeeze)."""


@dataclass(frozen=True, eq=False)
class Known(Lowering):
    """A value that follows from the types alone, so that planning can compute it."""

    value: np.ndarray


@dataclass(frozen=True)
class Reduce(Lowering):
    """Combine the elements along ``axes`` (counted from the front, sorted).

    ``kind`` is sum, mean, prod, max, min, argmax or argmin (the last two: one axis).

    A product has one order in every tier, since another one may overflow: the last run of
    neighbouring axes first; in it, blocks of `PRODUCT_BLOCK` elements, each from first to last,
    then their products in the same way.
    """

    kind: str
    axes: tuple[int, ...]


@dataclass(frozen=True)
class Matmul(Lowering):
    """A product of two matrices, either of them transposed first; leading axes are batches."""

    transpose_x: bool = False
    transpose_y: bool = False


@dataclass(frozen=True)
class Attend(Lowering):
    """Attention of queries, keys and values, and perhaps a mask, in tiles of scores.

    Outputs: the result, and the logarithm of the sum of exponentials of each query's scores. See
    the ``tiled_attention`` op, whose attributes these are.
    """

    causal: bool
    offset: int
    scale: float


@dataclass(frozen=True)
class AttendGradient(Lowering):
    """The gradients of `Attend` by its first three inputs, of those, its second output, for each
    query the sum of gradient times result, the gradient, and perhaps the mask."""

    causal: bool
    offset: int
    scale: float


@dataclass(frozen=True)
class Permute(Lowering):
    """``axes`` of the output are these axes of the input."""

    axes: tuple[int, ...]


@dataclass(frozen=True)
class Block:
    """A rectangle of elements: sizes, and offsets and strides, in elements, on both sides."""

    sizes: tuple[int, ...]
    source_offset: int
    source_strides: tuple[int, ...]
    target_offset: int
    target_strides: tuple[int, ...]


@dataclass(frozen=True)
class Copy(Lowering):
    """One block of each input goes to the output; with ``fill`` (then of one input), the rest of
    the output is that number."""

    blocks: tuple[Block, ...]
    fill: Any = None


@dataclass(frozen=True)
class Gather(Lowering):
    """Slices of the first input along ``axis``, named by the second; fails outside the axis.

    ``from_end``: negative numbers count from the end.
    """

    axis: int
    from_end: bool = True


@dataclass(frozen=True)
class ScatterAdd(Lowering):
    """Zeros, with slices of the first input added where the second says along ``axis``.

    ``from_end``: negative numbers count from the end. ``kind`` max or min: the extremes instead,
    starting from the lowest or highest value of the dtype.
    """

    axis: int
    from_end: bool = True
    kind: str = "sum"


@dataclass(frozen=True)
class FirstOccurrences(Lowering):
    """Of numbers of rows, the inputs one after the other: which are named for the first time.

    Outputs: the rows, none negative; for each the place where its number comes first, all in one
    and then those of each input; working memory, a power of two of at least twice as many. All are
    int64. Fails outside of the ``extent`` rows.

    ``from_end``: for each input, whether negative numbers count from the end.
    """

    extent: int
    from_end: tuple[bool, ...]


@dataclass(frozen=True)
class MarkRows(Lowering):
    """True for each row of the output that an input names, negative numbers from the end; fails
    outside."""


@dataclass(frozen=True)
class PutRows(Lowering):
    """The first input, its rows that the second names replaced by those of the fourth; only where
    the third says that a number comes first."""


@dataclass(frozen=True)
class NumberRows(Lowering):
    """The numbers (int64) of rows that the last axis of the input names by one number for each of
    some axes of a tensor, whose sizes are ``extents``; negative ones count from the end. Fails
    outside.

    ``batches``: how many such tensors lie one after the other, each with as many of the names.
    """

    extents: tuple[int, ...]
    batches: int = 1


@dataclass(frozen=True)
class ChangeRows(Lowering):
    """The first input, its rows that the second numbers changed by those of the third in order.

    A row is what lies below the first ``axes`` axes. ``mode`` is update, add, multiply, max or min.
    """

    axes: int
    mode: str


@dataclass(frozen=True)
class Pick(Lowering):
    """From each row of the first input the element that the second names; fails outside the row."""


@dataclass(frozen=True)
class TakeAlong(Lowering):
    """Row by row along ``axis``, the elements of the first input that the second names."""

    axis: int


@dataclass(frozen=True)
class SearchSorted(Lowering):
    """For each of the second input the place in its row of the first, which is in order: before
    equal ones on the ``side`` left, after them on the right."""

    side: str


@dataclass(frozen=True)
class AddAlong(Lowering):
    """Zeros, with the first input's elements added, row by row along ``axis``, where the second
    says."""

    axis: int


@dataclass(frozen=True)
class Order(Lowering):
    """The indices (int64) that sort each row of the last axis, NaN as the largest; stable.

    Also writes as many more int64 that it uses as working memory.
    """

    descending: bool = False


@dataclass(frozen=True)
class SortValues(Lowering):
    """The elements of each row of the last axis in order, -0 before 0 and NaN as the largest."""

    descending: bool = False


@dataclass(frozen=True)
class Largest(Lowering):
    """The indices (int64) of the largest elements of each row of the last axis, as many as the
    output has, at most `FEW_LARGEST`, the largest first; or of the smallest. In the order of
    `Order`."""

    descending: bool = True


@dataclass(frozen=True)
class Distinct(Lowering):
    """The distinct elements of the first input, a vector, whose order the second is.

    Writes the values with ``fill`` after the last, each element's number among them, and how many
    there are; fails if they do not fit.
    """

    fill: Any


@dataclass(frozen=True)
class PairsInOrder(Lowering):
    """How often a positive scores above a negative: labels (bool), scores, the scores' order."""


@dataclass(frozen=True)
class OtherProducts(Lowering):
    """For each element of a row (the last axis) the product of the others.

    With ``along``, how that changes when the row moves along the second input; then it also writes
    as many more elements that it uses as working memory.
    """

    along: bool = False


@dataclass(frozen=True)
class Random(Lowering):
    """Fill the output with ``offset + scale * drawn``, from the node's own stream.

    ``distribution`` is uniform, normal or truncated_normal (between ``low`` and ``high``).
    """

    distribution: str
    offset: float = 0.0
    scale: float = 1.0
    low: float = -2.0
    high: float = 2.0


@dataclass(frozen=True)
class Running(Lowering):
    """All elements up to each one along ``axis`` combined, itself left out if ``exclusive``.

    ``kind`` is sum, prod, max, min or logsumexp; ``exclusive`` starts from what changes nothing.
    """

    kind: str
    axis: int
    exclusive: bool
    reverse: bool


@dataclass(frozen=True)
class Loop(Lowering):
    """A piece of graph run for each step of sequences (see the ``scan`` op, whose attributes these
    are)."""

    body: str
    carried: int
    sequences: int
    reverse: bool
    history: bool


@dataclass(frozen=True)
class While(Lowering):
    """A piece of graph that runs while another says so (see the ``while_loop`` op)."""

    cond: str
    body: str
    carried: int
    limit: int | None


@dataclass(frozen=True)
class Branch(Lowering):
    """One of two pieces of graph (see the ``cond`` op)."""

    true_body: str
    false_body: str


@dataclass(frozen=True)
class Convolve(Lowering):
    """A convolution (``result``) or its gradient by the image (``input``), channels last.

    ``result`` takes image and filter, ``input`` the result's gradient and the filter. The border
    contributes nothing.
    """

    kind: Literal["result", "input"]
    windows: Windows
    groups: int


@dataclass(frozen=True)
class FilterGradient(Lowering):
    """The gradient of a convolution by its filter: of image and the result's gradient, channels
    last."""

    windows: Windows
    groups: int


@dataclass(frozen=True)
class Pool(Lowering):
    """One number for each window, or its adjoint, channels last; the border does not count, but as
    zeros of a mean if ``border``.

    ``max`` and ``mean`` take images; ``put`` zeros like the first input, with the second added
    where each window of the first is largest; ``take`` the second's elements there; ``share``
    spreads the input over the windows of the output.
    """

    kind: Literal["max", "mean", "put", "take", "share"]
    windows: Windows
    border: bool = False


@dataclass(frozen=True)
class Part:
    """One lowered operation inside a `Composite`: writes the value called ``name``.

    ``more`` are further values that it writes, outputs or working memory.
    """

    name: str
    lowering: Lowering
    inputs: tuple[str, ...]
    type: TensorType
    more: tuple[tuple[str, TensorType], ...] = ()


@dataclass(frozen=True)
class Composite(Lowering):
    """An op as a few simpler ones: ``softmax`` is a maximum, an exponential, a sum, a division.

    ``inputs`` names the op's inputs, ``outputs`` the values that are its outputs.
    """

    inputs: tuple[str, ...]
    parts: Sequence[Part]
    outputs: tuple[str, ...]


Rows = Callable[[TensorType], tuple[Lowering, Sequence[TensorType]]]
"""Of a type: what works on its last axis, and the types of what that writes."""


def last_axis(
    types: Sequence[TensorType], out: TensorType, axes: Sequence[int], rows: Rows
) -> Composite:
    """``rows`` along other axes than the last: they are moved there, made one, and moved back.

    Args:
        types: of the inputs, all of one shape.
        out: the type of the result, of that shape too.
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
    """Elements from one index to the next along each axis of a contiguous array."""
    sizes = [d or 0 for d in shape]
    return tuple(math.prod(sizes[axis + 1 :]) for axis in range(len(sizes)))


def reduced_runs(shape: Sequence[int], axes: Sequence[int]) -> list[tuple[bool, int]]:
    """Neighbouring axes that are reduced, or kept, as one: (reduced, size); size 1 vanishes."""
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
    """Sizes, offset and strides of the part of an array that slices choose."""
    steps = strides_of(shape)
    ranges = [range(*k.indices(d or 0)) for k, d in zip(key, shape, strict=False)]
    ranges += [range(d or 0) for d in shape[len(ranges) :]]
    sizes = tuple(len(r) for r in ranges)
    offset = sum(r.start * s for r, s in zip(ranges, steps, strict=True)) if all(sizes) else 0
    return sizes, offset, tuple(r.step * s for r, s in zip(ranges, steps, strict=True))
