"""Pictures mirrored, rotated by right angles, cropped and padded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nodeflow.errors import AttributeProblem
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Tensor
from nodeflow.graph.op import Sample
from nodeflow.graph.types import DTYPES, TensorType
from nodeflow.ops import functions as F
from nodeflow.ops.base import register
from nodeflow.ops.images.pictures import (
    CHANNELS,
    HEIGHT,
    WIDTH,
    Picture,
    check_picture,
    known_sizes,
)
from nodeflow.ops.samples import values


class Mirror(Picture):
    """The base class of ops that reverse the pixels along one axis."""

    axis: int
    inputs = (Port("x", "Pictures.", DTYPES),)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        check_picture(types[0])
        return types[0]

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        return F.reverse(inputs[0], axis=self.axis)

    def samples(self) -> Iterator[Sample]:
        for dtype in DTYPES:
            yield Sample((values((3, 4, 2), dtype),), smooth=dtype == "float64")
        yield Sample((values((2, 3, 4, 1)),), smooth=True)
        yield Sample((values((0, 3, 2)),), smooth=True)
        yield Sample((values((1, 1, 1)),), smooth=True)


@register
class FlipLeftRight(Mirror):
    """Mirrored pictures."""

    id = "flip_left_right"
    everyday = True
    axis = WIDTH
    keywords = ("mirror", "fliplr", "hflip", "horizontal", "reverse")
    doc = (
        "Pictures (..., height, width, channels) mirrored from left to right.\n\nGradient: "
        "mirrored back."
    )


@register
class FlipUpDown(Mirror):
    """Pictures upside down."""

    id = "flip_up_down"
    everyday = True
    axis = HEIGHT
    keywords = ("mirror", "flipud", "vflip", "vertical", "reverse", "upside down")
    doc = (
        "Pictures (..., height, width, channels) mirrored from top to bottom.\n\nGradient: "
        "mirrored back."
    )


@register
class Rot90(Picture):
    """Pictures rotated by a right angle."""

    id = "rot90"
    everyday = True
    keywords = ("rotate", "turn", "quarter", "right angle", "rotation")
    doc = (
        "Pictures (..., height, width, channels) rotated k times by 90 degrees, "
        "counterclockwise.\n\nA negative k rotates clockwise. Gradient: rotated back."
    )
    inputs = (Port("x", "Pictures.", DTYPES),)
    attrs = (Attr("k", "int", 1, "Number of quarter turns."),)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x = types[0]
        check_picture(x)
        if attrs["k"] % 2 == 0:
            return x
        *lead, height, width, channels = x.shape
        return x.with_shape((*lead, width, height, channels))

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        x, k = inputs[0], attrs["k"] % 4
        if k == 0:
            return F.identity(x)
        if k == 2:
            return F.reverse(x, axis=(HEIGHT, WIDTH))
        if k == 3:
            return F.swap_axes(F.reverse(x, axis=HEIGHT), axis1=HEIGHT, axis2=WIDTH)
        return F.swap_axes(F.reverse(x, axis=WIDTH), axis1=HEIGHT, axis2=WIDTH)

    def samples(self) -> Iterator[Sample]:
        for dtype in DTYPES:
            yield Sample((values((3, 4, 2), dtype),), smooth=dtype == "float64")
        for k in (-1, 0, 2, 3):
            yield Sample((values((2, 3, 4, 1)),), {"k": k}, smooth=True)
        yield Sample((values((0, 3, 2)),), smooth=True)
        yield Sample((values((1, 1, 1)),), smooth=True)


@register
class CentralCrop(Picture):
    """The middle of pictures."""

    id = "central_crop"
    keywords = ("center crop", "middle", "cut", "CenterCrop", "zoom")
    doc = (
        "The central part of pictures (..., height, width, channels).\n\nHeight and width must be "
        "known. `central_fraction` of both remains, and the same number of pixels, rounded down, "
        "is cut off on either side. Gradient: zeros where it was cut."
    )
    inputs = (Port("x", "Pictures.", DTYPES),)
    attrs = (Attr("central_fraction", "float", 0.5, "Share of height and width.", maximum=1),)

    def block(self, x: TensorType, share: float) -> tuple[tuple[int, int], tuple[int, int]]:
        """Return the first pixel and the size of the central part, along the height and the
        width.
        """
        check_picture(x)
        if not share > 0:
            raise AttributeProblem(
                f"central_fraction must be above 0, not {share:g}", port="central_fraction"
            )
        found = []
        for size in known_sizes(x, HEIGHT, WIDTH):
            begin = int((size - size * share) / 2)
            found.append((begin, size - 2 * begin))
        return found[0], found[1]

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x = types[0]
        (_, height), (_, width) = self.block(x, attrs["central_fraction"])
        return x.with_shape((*x.shape[:HEIGHT], height, width, x.shape[CHANNELS]))

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        x = inputs[0]
        (top, height), (left, width) = self.block(x.type, attrs["central_fraction"])
        lead = len(x.shape) - 3
        return F.slice(
            x, begin=(0,) * lead + (top, left, 0), size=(-1,) * lead + (height, width, -1)
        )

    def samples(self) -> Iterator[Sample]:
        for dtype in DTYPES:
            yield Sample((values((5, 6, 2), dtype),), smooth=dtype == "float64")
        yield Sample((values((2, 3, 7, 1)),), {"central_fraction": 0.4}, smooth=True)
        yield Sample((values((0, 4, 6, 2)),), smooth=True)
        yield Sample((values((1, 1, 1)),), {"central_fraction": 1.0}, smooth=True)


@register
class CropOrPad(Picture):
    """Pictures cropped or padded to a size."""

    id = "resize_with_crop_or_pad"
    keywords = ("resize_image_with_crop_or_pad", "center crop", "pad", "frame", "CenterCropPad")
    doc = (
        "Pictures (..., height, width, channels) cropped or zero-padded to a size.\n\nA larger "
        "picture is cropped to its central part, a smaller one is padded on either side. An odd "
        "pixel is cropped at the start and padded at the end. Height and width must be known. "
        "Gradient: to the pixels that remain."
    )
    inputs = (Port("x", "Pictures.", DTYPES),)
    attrs = (
        Attr("target_height", "int", 28, "New height.", minimum=1),
        Attr("target_width", "int", 28, "New width.", minimum=1),
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x = types[0]
        check_picture(x)
        known_sizes(x, HEIGHT, WIDTH)
        sizes = attrs["target_height"], attrs["target_width"]
        return x.with_shape((*x.shape[:HEIGHT], *sizes, x.shape[CHANNELS]))

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        x = inputs[0]
        lead = len(x.shape) - 3
        begin, size, pairs = [0] * lead, [-1] * lead, [(0, 0)] * lead
        wanted = attrs["target_height"], attrs["target_width"]
        for old, new in zip(known_sizes(x.type, HEIGHT, WIDTH), wanted, strict=True):
            more = max(new - old, 0)
            begin.append(max(old - new, 0) // 2)
            size.append(min(old, new))
            pairs.append((more // 2, more - more // 2))
        cut = F.slice(x, begin=(*begin, 0), size=(*size, -1))
        return F.pad(cut, paddings=[*pairs, (0, 0)]) if any(map(any, pairs)) else cut

    def samples(self) -> Iterator[Sample]:
        for dtype in DTYPES:
            attrs = {"target_height": 3, "target_width": 8}
            yield Sample((values((6, 5, 2), dtype),), attrs, smooth=dtype == "float64")
        yield Sample((values((2, 3, 4, 1)),), {"target_height": 3, "target_width": 1}, smooth=True)
        yield Sample((values((0, 4, 6, 2)),), {"target_height": 2}, smooth=True)
        yield Sample((values((1, 1, 1)),), {"target_height": 1, "target_width": 2}, smooth=True)
