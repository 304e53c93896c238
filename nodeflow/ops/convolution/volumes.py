"""The lowering of ops on volumes to the kernels of images.

A convolution becomes one convolution of images per depth of the window: the slices that this depth
covers form a batch of images. Their results are added up, and the border is left out. A pooling
becomes a pooling of all slices and then one along the depth, where a slice is one row of the image.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from nodeflow.graph.types import TensorType
from nodeflow.ops.convolution.channels_last import Order
from nodeflow.ops.lowering import (
    Alias,
    Block,
    Composite,
    Convolve,
    Copy,
    Elementwise,
    FilterGradient,
    Lowering,
    Part,
    Permute,
    Pool,
    slice_layout,
    strides_of,
)
from nodeflow.ops.sliding_windows import Axis, Windows, known

ZEROS = Elementwise("0", ())
ONE = Axis(1, 1, 1, same=True)
"""An axis whose windows have one element each. It may have size 0."""


def volume_order(layout: str) -> Order:
    """Return the axis permutation that brings volumes from a layout to channels last. Return None
    if the layout is already channels last.
    """
    return (0, 2, 3, 4, 1) if layout == "NCDHW" else None


def volume_filter_order(layout: str) -> Order:
    """Return the axis permutation that brings filters from a layout to (depth, height, width,
    channels, filters). Return None if the layout is already this one.
    """
    return (2, 3, 4, 1, 0) if layout == "OIDHW" else None


def lower_volumes(
    product: Literal["result", "input", "filter"],
    windows: Windows,
    groups: int,
    types: Sequence[TensorType],
    out: TensorType,
    orders: Sequence[Order],
) -> Lowering:
    """Lower a convolution of volumes, or its gradient with respect to the input or the filter.

    Args:
        product: the operand that is computed.
        types: types of the op's inputs; only the first two are used.
        orders: axis permutations to channels last, of these two inputs and of the output.
    """
    work = _Parts(types, out)
    first, second = (work.moved(i, order) for i, order in enumerate(orders[:2]))
    made = work.ordered(out, orders[2])
    whole = {"result": (first, second, made), "input": (made, second, first)}
    volume, filter_, result = whole.get(product, (first, made, second))
    depth, count = known((volume[1].shape[1], result[1].shape[1]))
    axis, images = windows.axes[0], Windows(windows.axes[1:])
    insides = [axis.inside(k, depth, count) for k in range(axis.kernel)]
    terms: list[str] = []
    for k, (seen, seeing) in enumerate(insides):
        unseen = seen.stop <= seen.start
        if product == "filter":
            core: Lowering = FilterGradient(images, groups)
            taken = () if unseen else (work.slices(volume, seen), work.slices(result, seeing))
            each = made[1].with_shape(made[1].shape[1:])
            terms.append(work.add(ZEROS if unseen else core, taken, each))
            continue
        if unseen:
            continue
        core = Convolve(product, images, groups)
        source, target = (volume, result) if product == "result" else (result, volume)
        read, written = (seen, seeing) if product == "result" else (seeing, seen)
        taken = work.slices(source, read), work.filters(filter_, k)
        rows = len(range(read.start, read.stop, read.step or 1)) * known(source[1].shape)[0]
        part = work.add(core, taken, target[1].with_shape((rows, *target[1].shape[2:])))
        terms.append(work.placed(part, target[1], written))
    if not terms:
        terms.append(work.add(ZEROS, (), made[1]))
    if product == "filter":
        return work.finish(work.stacked(terms, made[1]), made[1], orders[2])
    total = terms[0]
    for term in terms[1:]:
        total = work.add(Elementwise("x + y", ("x", "y")), (total, term), made[1])
    return work.finish(total, made[1], orders[2])


def lower_pooled_volumes(
    kind: Literal["max", "mean", "put", "take", "share"],
    windows: Windows,
    border: bool,
    types: Sequence[TensorType],
    out: TensorType,
    order: Order,
) -> Lowering:
    """Lower a 3-D pooling op, or one of its adjoints, to 2-D poolings; see `lowering.Pool`.

    Pool each slice along height and width first, then along the depth. Of equal elements the first
    one counts. The number of elements of a window is the product of the numbers along its axes.

    Args:
        types: types of the op's inputs; the kind "share" does not read the last one.
    """
    work = _Parts(types, out)
    made = work.ordered(out, order)[1]
    inputs = [work.moved(i, order) for i in range(2 if kind in ("put", "take") else 1)]
    spreads = kind in ("put", "share")
    volume, pooled = (made, inputs[-1][1]) if spreads else (inputs[0][1], made)
    n, depth, height, width, channels = known(volume.shape)
    _, down, rows, columns, _ = known(pooled.shape)
    slices = Pool(kind, Windows(windows.axes[1:]), border)
    largest = Pool("max", slices.windows)
    depths = Pool(kind, Windows((windows.axes[0], ONE)), border)
    whole = (n * depth, height, width, channels)
    parts = (n * depth, rows, columns, channels)  # slices to pool
    beside = (n, depth, rows * columns, channels)  # the same, along their depth
    ends = (n, down, rows * columns, channels)

    def step(core: Lowering, shape: tuple[int, ...], *names: str) -> str:
        return work.add(core, names, out.with_shape(shape))

    def shaped(name: str, shape: tuple[int, ...]) -> str:
        return step(Alias(), shape, name)

    moved = inputs[-1][0]  # the value that is pooled or spread
    of_slices: tuple[str, ...] = ()  # places of the largest elements, if other values move
    of_depths: tuple[str, ...] = ()
    if len(inputs) > 1:
        of_slices = (shaped(inputs[0][0], whole),)
        of_depths = (shaped(step(largest, parts, *of_slices), beside),)
    if spreads:
        one = step(depths, beside, *of_depths, shaped(moved, ends))
        found = step(slices, whole, *of_slices, shaped(one, parts))
    else:
        one = step(slices, parts, *of_slices, shaped(moved, whole))
        found = step(depths, ends, *of_depths, shaped(one, beside))
    return work.finish(shaped(found, known(made.shape)), made, order)


Value = tuple[str, TensorType]
"""The name of a part's value, and its type."""


class _Parts:
    """A builder of the parts of a composite."""

    def __init__(self, types: Sequence[TensorType], out: TensorType) -> None:
        self.names = tuple(f"x{i}" for i in range(len(types)))
        self.types, self.out = types, out
        self.parts: list[Part] = []

    def add(self, lowering: Lowering, inputs: tuple[str, ...], type_: TensorType) -> str:
        name = f"t{len(self.parts)}"
        self.parts.append(Part(name, lowering, inputs, type_))
        return name

    def ordered(self, type_: TensorType, order: Order) -> Value:
        """Return the type that a tensor has after permuting its axes to channels last, with "" as
        its name, because nothing computes it yet.
        """
        axes = range(type_.rank) if order is None else order
        return "", type_.with_shape(known([type_.shape[a] for a in axes]))

    def moved(self, index: int, order: Order) -> Value:
        """Return an input with its axes permuted to channels last. Add the permutation if it is
        needed.
        """
        type_ = self.ordered(self.types[index], order)[1]
        if order is None:
            return self.names[index], type_
        return self.add(Permute(order), (self.names[index],), type_), type_

    def slices(self, value: Value, depths: slice) -> str:
        """Return a slice of volumes (rows, depth, height, width, channels) along the depth, as one
        batch of images.
        """
        sizes, offset, strides = slice_layout(value[1].shape, (slice(None), depths))
        block = Block(sizes, offset, strides, 0, strides_of(sizes))
        taken = self.add(Copy((block,)), (value[0],), value[1].with_shape(sizes))
        rows, many, *picture = sizes
        return self.add(Alias(), (taken,), value[1].with_shape((rows * many, *picture)))

    def filters(self, value: Value, depth: int) -> str:
        """Return the filters at one depth."""
        sizes, offset, strides = slice_layout(value[1].shape, (slice(depth, depth + 1),))
        block = Block(sizes, offset, strides, 0, strides_of(sizes))
        taken = self.add(Copy((block,)), (value[0],), value[1].with_shape(sizes))
        return self.add(Alias(), (taken,), value[1].with_shape(sizes[1:]))

    def placed(self, name: str, whole: TensorType, depths: slice) -> str:
        """Return volumes of zeros, of type ``whole``, into whose slices ``depths`` a batch of
        images is copied.

        Args:
            name: the name of the images in the lowering.
        """
        sizes, offset, strides = slice_layout(whole.shape, (slice(None), depths))
        parted = self.add(Alias(), (name,), whole.with_shape(sizes))
        if sizes == known(whole.shape):
            return parted
        block = Block(sizes, 0, strides_of(sizes), offset, strides)
        return self.add(Copy((block,), 0.0), (parted,), whole)

    def stacked(self, names: Sequence[str], whole: TensorType) -> str:
        """Stack values of one shape along a new first axis."""
        sizes = (1, *known(whole.shape)[1:])
        parts = [self.add(Alias(), (name,), whole.with_shape(sizes)) for name in names]
        strides = strides_of(sizes)
        blocks = [Block(sizes, 0, strides, i * strides[0], strides) for i in range(len(names))]
        return self.add(Copy(tuple(blocks)), tuple(parts), whole)

    def finish(self, name: str, type_: TensorType, order: Order) -> Composite:
        if order is None:
            self.parts.append(Part("out", Alias(), (name,), self.out))
        else:
            back = tuple(int(a) for a in np.argsort(order))
            self.parts.append(Part("out", Permute(back), (name,), self.out))
        return Composite(self.names, self.parts, ("out",))
