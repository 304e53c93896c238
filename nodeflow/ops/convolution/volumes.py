"""How convolution of volumes is lowered: one convolution of images for each depth of the window.

The slices of a volume that one depth of the window sees are a batch of images. So the kernels of
images do the work, their results are added up, and the border never takes part.
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
    slice_layout,
    strides_of,
)
from nodeflow.ops.sliding_windows import Windows, known

ZEROS = Elementwise("0", ())


def volume_order(layout: str) -> Order:
    """How volumes of a layout become channels last."""
    return (0, 2, 3, 4, 1) if layout == "NCDHW" else None


def volume_filter_order(layout: str) -> Order:
    """How filters of a layout become (depth, height, width, channels, filters)."""
    return (2, 3, 4, 1, 0) if layout == "OIDHW" else None


def lower_volumes(
    product: Literal["result", "input", "filter"],
    windows: Windows,
    groups: int,
    types: Sequence[TensorType],
    out: TensorType,
    orders: Sequence[Order],
) -> Lowering:
    """One of the three products of volume, filter and result.

    Args:
        types: of the op's inputs; the product takes the first two.
        orders: of these two, then of the output.
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


Value = tuple[str, TensorType]
"""The name of a part's value, and its type."""


class _Parts:
    """The parts of a composite, as they are added."""

    def __init__(self, types: Sequence[TensorType], out: TensorType) -> None:
        self.names = tuple(f"x{i}" for i in range(len(types)))
        self.types, self.out = types, out
        self.parts: list[Part] = []

    def add(self, lowering: Lowering, inputs: tuple[str, ...], type_: TensorType) -> str:
        name = f"t{len(self.parts)}"
        self.parts.append(Part(name, lowering, inputs, type_))
        return name

    def ordered(self, type_: TensorType, order: Order) -> Value:
        """What stands for a value in the kernels' order, yet without a part."""
        axes = range(type_.rank) if order is None else order
        return "", type_.with_shape(known([type_.shape[a] for a in axes]))

    def moved(self, index: int, order: Order) -> Value:
        """An input in the kernels' order."""
        type_ = self.ordered(self.types[index], order)[1]
        if order is None:
            return self.names[index], type_
        return self.add(Permute(order), (self.names[index],), type_), type_

    def slices(self, value: Value, depths: slice) -> str:
        """The images at some depths of volumes, as one batch."""
        sizes, offset, strides = slice_layout(value[1].shape, (slice(None), depths))
        block = Block(sizes, offset, strides, 0, strides_of(sizes))
        taken = self.add(Copy((block,)), (value[0],), value[1].with_shape(sizes))
        rows, many, *picture = sizes
        return self.add(Alias(), (taken,), value[1].with_shape((rows * many, *picture)))

    def filters(self, value: Value, depth: int) -> str:
        """The filters at one depth."""
        sizes, offset, strides = slice_layout(value[1].shape, (slice(depth, depth + 1),))
        block = Block(sizes, offset, strides, 0, strides_of(sizes))
        taken = self.add(Copy((block,)), (value[0],), value[1].with_shape(sizes))
        return self.add(Alias(), (taken,), value[1].with_shape(sizes[1:]))

    def placed(self, name: str, whole: TensorType, depths: slice) -> str:
        """A batch of images at some depths of volumes of zeros."""
        sizes, offset, strides = slice_layout(whole.shape, (slice(None), depths))
        parted = self.add(Alias(), (name,), whole.with_shape(sizes))
        if sizes == known(whole.shape):
            return parted
        block = Block(sizes, 0, strides_of(sizes), offset, strides)
        return self.add(Copy((block,), 0.0), (parted,), whole)

    def stacked(self, names: Sequence[str], whole: TensorType) -> str:
        """Values of one shape along a new first axis."""
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
