"""Blocks of pixels moved into channels or into rows of a batch, and back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nodeflow.errors import AttributeProblem, ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Tensor
from nodeflow.graph.op import Sample
from nodeflow.graph.types import DTYPES, TensorType, shape_text
from nodeflow.ops import functions as F
from nodeflow.ops.base import register
from nodeflow.ops.images.pictures import Picture, share, sizes_of, times
from nodeflow.ops.samples import values
from nodeflow.ops.sliding_windows import LAYOUT, check_picture, layout_shape

BLOCK = Attr("block_size", "int", 2, "Height and width of a block.", minimum=1)
ORDER = Attr(
    "mode", "choice", "DCR",
    "Order of the channels: the place in the block counts first (DCR, as in TensorFlow), or the "
    "channel of the picture does (CRD, as in PyTorch).",
    choices=("DCR", "CRD"),
)  # fmt: skip


@register
class DepthToSpace(Picture):
    """Channels moved into blocks of pixels."""

    id = "depth_to_space"
    keywords = ("pixel shuffle", "pixelshuffle", "subpixel", "super resolution", "upsample")
    doc = (
        "Pictures block_size times as high and wide, whose blocks of pixels come from "
        "channels.\n\n(rows, height, width, b * b * channels) gives (rows, b * height, b * width, "
        "channels). With mode DCR, channel (i * b + j) * channels + c becomes row i and column j "
        "of a block; with CRD, channel (c * b + i) * b + j does. Gradient: back to the channels. "
        "Shi and others, 2016."
    )
    inputs = (Port("x", "Pictures.", DTYPES),)
    attrs = (BLOCK, ORDER, LAYOUT)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x, b = types[0], attrs["block_size"]
        n, height, width, depth = check_picture(x, attrs["layout"])
        channels = share(depth, b * b, "the number of channels")
        shape = (n, times(height, b), times(width, b), channels)
        return x.with_shape(layout_shape(shape, attrs["layout"]))

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        x, b, first = inputs[0], attrs["block_size"], attrs["layout"] == "NCHW"
        sizes = sizes_of(x)
        n, height, width, depth = [sizes[0], *sizes[2:], sizes[1]] if first else sizes
        channels = depth // (b * b)
        parts = [b, b, channels] if attrs["mode"] == "DCR" else [channels, b, b]
        block, own = ((1, 2), 3) if attrs["mode"] == "DCR" else ((2, 3), 1)
        if first:  # n, parts, height, width
            split = F.reshape(x, [n, *parts, height, width])
            moved = F.transpose(split, perm=(0, own, 4, block[0], 5, block[1]))
            return F.reshape(moved, [n, channels, height * b, width * b])
        split = F.reshape(x, [n, height, width, *parts])
        moved = F.transpose(split, perm=(0, 1, block[0] + 2, 2, block[1] + 2, own + 2))
        return F.reshape(moved, [n, height * b, width * b, channels])

    def samples(self) -> Iterator[Sample]:
        for dtype in DTYPES:
            yield Sample((values((2, 3, 5, 8), dtype),), smooth=dtype == "float64")
        for mode in ORDER.choices:
            for layout in LAYOUT.choices:
                attrs = {"mode": mode, "layout": layout, "block_size": 2}
                shape = (2, 4, 3, 1) if layout == "NCHW" else (2, 3, 1, 8)
                yield Sample((values(shape),), attrs, smooth=True)
        yield Sample((values((0, 3, 2, 4)),), smooth=True)
        yield Sample((values((1, 1, 1, 1)),), {"block_size": 1}, smooth=True)


@register
class SpaceToDepth(Picture):
    """Blocks of pixels moved into channels."""

    id = "space_to_depth"
    keywords = ("pixel unshuffle", "pixelunshuffle", "downsample", "reorganize", "patches")
    doc = (
        "Pictures with one pixel per block, whose pixels become channels.\n\n"
        "(rows, height, width, channels) gives (rows, height / b, width / b, b * b * channels). "
        "Height and width must be multiples of b. This is the inverse of depth_to_space with the "
        "same mode. Gradient: back to the pixels."
    )
    inputs = DepthToSpace.inputs
    attrs = DepthToSpace.attrs

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x, b = types[0], attrs["block_size"]
        n, height, width, channels = check_picture(x, attrs["layout"])
        sizes = share(height, b, "the height"), share(width, b, "the width")
        shape = (n, *sizes, times(channels, b, b))
        return x.with_shape(layout_shape(shape, attrs["layout"]))

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        x, b, first = inputs[0], attrs["block_size"], attrs["layout"] == "NCHW"
        sizes = sizes_of(x)
        n, height, width, channels = [sizes[0], *sizes[2:], sizes[1]] if first else sizes
        down, across, depth = height // b, width // b, channels * b * b
        if first:
            split = F.reshape(x, [n, channels, down, b, across, b])
            block, own = (3, 5), 1
            order = (*block, own) if attrs["mode"] == "DCR" else (own, *block)
            return F.reshape(F.transpose(split, perm=(0, *order, 2, 4)), [n, depth, down, across])
        split = F.reshape(x, [n, down, b, across, b, channels])
        order = (2, 4, 5) if attrs["mode"] == "DCR" else (5, 2, 4)
        return F.reshape(F.transpose(split, perm=(0, 1, 3, *order)), [n, down, across, depth])

    def samples(self) -> Iterator[Sample]:
        for dtype in DTYPES:
            yield Sample((values((3, 4, 6, 2), dtype),), smooth=dtype == "float64")
        for mode in ORDER.choices:
            for layout in LAYOUT.choices:
                attrs = {"mode": mode, "layout": layout, "block_size": 2}
                shape = (1, 3, 4, 2) if layout == "NCHW" else (1, 4, 2, 3)
                yield Sample((values(shape),), attrs, smooth=True)
        yield Sample((values((0, 4, 2, 3)),), smooth=True)
        yield Sample((values((1, 1, 1, 1)),), {"block_size": 1}, smooth=True)


# ---- rows of the batch ------------------------------------------------------------------------


def pairs_of(name: str, given: Any, axes: int) -> list[tuple[int, int]]:
    """Return the setting ``name``, such as paddings, as one (before, after) pair per spatial axis.
    Return zeros if it is None.

    Raises:
        AttributeProblem: the setting is not a pair of non-negative integers for each axis.
    """
    found = np.zeros((axes, 2), int) if given is None else np.asarray(given)
    if found.shape != (axes, 2) or found.dtype.kind not in "iu" or (found < 0).any():
        raise AttributeProblem(
            f"{name} must be a pair of numbers of 0 or more for each of {axes} axes", port=name
        )
    return [(int(a), int(b)) for a, b in found]


def check_blocks(x: TensorType, attrs: Any) -> Sequence[int]:
    """Check the attribute ``block_shape`` against x (rows, space..., rest...), and return it.

    Raises:
        AttributeProblem: a size is below 1.
        ShapeError: there are more sizes than axes after the first.
    """
    blocks = attrs["block_shape"]
    if not blocks or min(blocks) < 1:
        raise AttributeProblem("block_shape needs sizes of 1 or more", port="block_shape")
    if x.rank <= len(blocks):
        raise ShapeError(f"{shape_text(x.shape)} has no {len(blocks)} axes after the first",
                         port="x")  # fmt: skip
    return blocks


BLOCKS = Attr("block_shape", "ints", (2, 2), "Sizes of a block along the axes after the first.")


@register
class SpaceToBatch(Picture):
    """Pixels moved into rows of a batch."""

    id = "space_to_batch_nd"
    keywords = ("space_to_batch", "atrous", "dilated convolution", "blocks")
    doc = (
        "Pixels with the same place in their blocks, gathered into separate rows.\n\n"
        "(rows, space..., rest...) is padded with zeros and gives (b1 * b2 * ... * rows, space / "
        "block_shape..., rest...). The first axis counts by place in the block, then by row. "
        "Gradient: back to the pixels."
    )
    inputs = (Port("x", "Rows.", DTYPES),)
    attrs = (
        BLOCKS,
        Attr("paddings", "literal", None, "A pair [before, after] per axis; none: 0.",
             optional=True),
    )  # fmt: skip

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x = types[0]
        blocks = check_blocks(x, attrs)
        pairs = pairs_of("paddings", attrs["paddings"], len(blocks))
        sizes = []
        for size, block, (before, after) in zip(x.shape[1:], blocks, pairs, strict=False):
            whole = None if size is None else size + before + after
            sizes.append(share(whole, block, "a size with its paddings,"))
        return x.with_shape((times(x.shape[0], *blocks), *sizes, *x.shape[len(blocks) + 1 :]))

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        x, blocks = inputs[0], attrs["block_shape"]
        axes = len(blocks)
        pairs = pairs_of("paddings", attrs["paddings"], axes)
        if any(map(any, pairs)):
            around = [(0, 0)] * (len(x.shape) - axes - 1)
            x = F.pad(x, paddings=[(0, 0), *pairs, *around])
        rows, *sizes = sizes_of(x)
        parts, rest = [], sizes[axes:]
        for size, block in zip(sizes, blocks, strict=False):
            parts += [size // block, block]
        split = F.reshape(x, [rows, *parts, *rest])
        inside, outside = range(2, 2 * axes + 1, 2), range(1, 2 * axes, 2)
        last = range(2 * axes + 1, 2 * axes + 1 + len(rest))
        moved = F.transpose(split, perm=(*inside, 0, *outside, *last))
        return F.reshape(moved, [rows * int(np.prod(blocks)), *parts[::2], *rest])

    def samples(self) -> Iterator[Sample]:
        for dtype in DTYPES:
            yield Sample((values((3, 4, 6, 2), dtype),), smooth=dtype == "float64")
        attrs = {"block_shape": (2, 3), "paddings": [[1, 0], [2, 1]]}
        yield Sample((values((2, 3, 6, 2)),), attrs, smooth=True)
        yield Sample((values((2, 4)),), {"block_shape": (2,)}, smooth=True)
        yield Sample((values((0, 4, 2, 3)),), smooth=True)
        yield Sample((values((1, 1, 1)),), {"block_shape": (1, 1)}, smooth=True)


@register
class BatchToSpace(Picture):
    """Rows of a batch moved into blocks of pixels."""

    id = "batch_to_space_nd"
    keywords = ("batch_to_space", "atrous", "dilated convolution", "blocks")
    doc = (
        "The inverse of space_to_batch_nd: rows become the pixels at each place in a block.\n\n"
        "(b1 * b2 * ... * rows, space..., rest...) gives (rows, space * block_shape..., rest...), "
        "cropped by `crops`. Gradient: zeros at cropped pixels."
    )
    inputs = SpaceToBatch.inputs
    attrs = (
        BLOCKS,
        Attr("crops", "literal", None, "A pair [before, after] per axis; none: 0.", optional=True),
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x = types[0]
        blocks = check_blocks(x, attrs)
        rows = share(x.shape[0], int(np.prod(blocks)), "the number of rows")
        sizes = []
        crops = pairs_of("crops", attrs["crops"], len(blocks))
        for size, block, (before, after) in zip(x.shape[1:], blocks, crops, strict=False):
            whole = times(size, block)
            if whole is not None and whole < before + after:
                raise AttributeProblem(f"crops remove more than {whole} elements", port="crops")
            sizes.append(None if whole is None else whole - before - after)
        return x.with_shape((rows, *sizes, *x.shape[len(blocks) + 1 :]))

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        x, blocks = inputs[0], attrs["block_shape"]
        axes = len(blocks)
        rows, *sizes = sizes_of(x)
        rows = rows // int(np.prod(blocks))
        split = F.reshape(x, [*blocks, rows, *sizes])
        mixed = [a for i in range(axes) for a in (axes + 1 + i, i)]
        last = range(2 * axes + 1, len(split.shape))
        moved = F.transpose(split, perm=(axes, *mixed, *last))
        whole = [size * block for size, block in zip(sizes, blocks, strict=False)]
        out = F.reshape(moved, [rows, *whole, *sizes[axes:]])
        crops = pairs_of("crops", attrs["crops"], axes)
        if not any(map(any, crops)):
            return out
        begin = [None, *(before for before, _ in crops)]
        end = [None, *(-after if after else None for _, after in crops)]
        return F.strided_slice(out, begin=begin, end=end)

    def samples(self) -> Iterator[Sample]:
        for dtype in DTYPES:
            yield Sample((values((8, 3, 5, 2), dtype),), smooth=dtype == "float64")
        attrs = {"block_shape": (2, 3), "crops": [[1, 0], [2, 1]]}
        yield Sample((values((6, 2, 3, 4)),), attrs, smooth=True)
        yield Sample((values((2, 3)),), {"block_shape": (2,)}, smooth=True)
        yield Sample((values((0, 4, 2, 3)),), smooth=True)
        yield Sample((values((1, 1, 1)),), {"block_shape": (1, 1)}, smooth=True)
