"""Color spaces: RGB to and from grey, HSV, YUV and YIQ; conversion of picture dtypes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from nodeflow.errors import ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Tensor
from nodeflow.graph.op import Sample
from nodeflow.graph.types import (
    FLOATS,
    HALVES,
    INTEGERS,
    NUMBERS,
    TensorType,
    numpy_dtype,
    shape_text,
)
from nodeflow.ops import functions as F
from nodeflow.ops.base import register
from nodeflow.ops.images.pictures import Picture
from nodeflow.ops.samples import values


def check_channels(x: TensorType, count: int) -> None:
    """Raise ShapeError unless the last axis has that many channels."""
    if not x.rank or x.shape[-1] not in (count, None):
        raise ShapeError(
            f"{shape_text(x.shape)} must have {count} channel{'s' * (count > 1)} as the last axis",
            port="x",
        )


@register
class ConvertImageDtype(Picture):
    """Pictures in another dtype, scaled to its range."""

    id = "convert_image_dtype"
    keywords = ("cast", "normalize", "scale", "to float", "uint8", "ToTensor", "range")
    doc = (
        "Numbers in another dtype, scaled to its range: 0 to 1 for floats, 0 to the largest for "
        "integers.\n\nuint8 255 becomes 1.0, and 1.0 becomes 255. Between integers, values are "
        "multiplied or divided by a power of 2. Floats outside the range saturate; integers wrap "
        "unless `saturate` is set. Gradient between floats: the factor."
    )
    inputs = (Port("x", dtypes=NUMBERS),)
    attrs = (
        Attr("dtype", "dtype", "float32", "Data type.", choices=NUMBERS),
        Attr("saturate", "bool", False, "Clip integers to the new range."),
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        return types[0].with_dtype(attrs["dtype"])

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        x, dtype = inputs[0], attrs["dtype"]
        if x.dtype == dtype:
            return F.identity(x)
        old, new = (_largest(d) if d in INTEGERS else None for d in (x.dtype, dtype))
        if old is None and new is None:
            return F.cast(x, dtype=dtype)
        if new is None:
            wide = "float32" if dtype in HALVES else dtype
            floats = F.cast(x, dtype=wide) * (1 / (old or 1))
            return floats if wide == dtype else F.cast(floats, dtype=dtype)
        if x.dtype in HALVES:
            x = F.cast(x, dtype="float32")
        if old is None:  # the half gives each whole number an equal share of the range
            return F.cast(x * (new + 0.5), dtype=dtype)
        if old > new:
            return self._cast(x // ((old + 1) // (new + 1)), attrs)
        return self._cast(x, attrs) * ((new + 1) // (old + 1))

    def _cast(self, x: Tensor, attrs: dict[str, Any]) -> Tensor:
        if attrs["saturate"]:
            own, limits = np.iinfo(numpy_dtype(x.dtype)), np.iinfo(numpy_dtype(attrs["dtype"]))
            low, high = max(own.min, limits.min), min(own.max, limits.max)
            x = F.clip_by_value(x, min=low, max=high)
        return F.cast(x, dtype=attrs["dtype"])

    def samples(self) -> Iterator[Sample]:
        for dtype in NUMBERS:
            for target in NUMBERS:
                x = values((2, 3), dtype, -0.5, 1.5) * (1 if dtype in FLOATS else 100)
                both = {dtype, target} == {"float64"}
                yield Sample((x.astype(dtype),), {"dtype": target}, smooth=both)
        for dtype in INTEGERS:
            x = np.array([-5, 3, 2**31 - 1, 2**40, 2**62], "int64").astype(dtype)
            yield Sample((x,), {"dtype": "uint8", "saturate": True})
        yield Sample((values((0, 3)),))
        yield Sample((values((1, 1)),), {"dtype": "uint8"})


def _largest(dtype: str) -> int:
    return int(np.iinfo(numpy_dtype(dtype)).max)


def as_floats(x: Tensor) -> Tensor:
    """Return pictures of integers as float32 from 0 to 1, floats unchanged."""
    return x if x.type.is_float else F.convert_image_dtype(x, dtype="float32")


def as_before(x: Tensor, dtype: str) -> Tensor:
    """Convert the result of `as_floats` back to the dtype that the picture had."""
    return x if x.dtype == dtype else F.convert_image_dtype(x, dtype=dtype, saturate=True)


GREY = (0.2989, 0.5870, 0.1140)


@register
class RgbToGrayscale(Picture):
    """Grey versions of coloured pictures."""

    id = "rgb_to_grayscale"
    everyday = True
    keywords = ("grey", "gray", "luminance", "black and white", "colour", "color", "Grayscale")
    doc = (
        "Grey pictures: 0.2989 red + 0.587 green + 0.114 blue.\n\n(..., 3) gives (..., 1). "
        "Integers are computed as floats from 0 to 1 and converted back. Gradient: these weights."
    )
    inputs = (Port("x", "Pictures, colours last.", NUMBERS),)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        check_channels(types[0], 3)
        return types[0].with_shape((*types[0].shape[:-1], 1))

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        x = as_floats(inputs[0])
        red, green, blue = (c * w for c, w in zip(_split(x), GREY, strict=True))
        return as_before(F.expand_dims(red + green + blue, axis=-1), inputs[0].dtype)

    def samples(self) -> Iterator[Sample]:
        for dtype in NUMBERS:
            yield Sample((_colours((4, 2, 3), dtype),), smooth=dtype == "float64")
        yield Sample((values((0, 2, 3)),), smooth=True)
        yield Sample((values((1, 3)),), smooth=True)


@register
class GrayscaleToRgb(Picture):
    """Grey pictures with three channels."""

    id = "grayscale_to_rgb"
    keywords = ("grey", "gray", "tile", "colour", "color", "channels")
    doc = (
        "The one channel of grey pictures, three times.\n\n(..., 1) gives (..., 3). Gradient: the "
        "sum of the three."
    )
    inputs = (Port("x", "Pictures, the channel last.", NUMBERS),)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        check_channels(types[0], 1)
        return types[0].with_shape((*types[0].shape[:-1], 3))

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        return F.concat([inputs[0]] * 3, axis=-1)

    def samples(self) -> Iterator[Sample]:
        for dtype in NUMBERS:
            yield Sample((_colours((4, 2, 1), dtype),), smooth=dtype == "float64")
        yield Sample((values((0, 2, 1)),), smooth=True)
        yield Sample((values((2, 1)),), smooth=True)


def _split(x: Tensor) -> list[Tensor]:
    return list(F.unstack(x, num=3, axis=-1))


def _colours(shape: tuple[int, ...], dtype: str = "float64") -> np.ndarray:
    """Return sample colors: 0 to 1 for floats, 0 to 250 for integers."""
    return values(shape, dtype, 0, 1 if dtype in FLOATS else 250)


class Colours(Picture):
    """The base class of conversions between color spaces with three channels, floats only."""

    inputs = (Port("x", "Pictures, channels last.", FLOATS),)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        check_channels(types[0], 3)
        return types[0].with_shape((*types[0].shape[:-1], 3))

    def samples(self) -> Iterator[Sample]:
        for dtype in FLOATS:
            yield Sample((_colours((2, 5, 3), dtype),), smooth=dtype == "float64")
        yield Sample((np.array([[0, 0, 0], [0.3, 0.3, 0.3], [1, 1, 0], [0, 1, 1]]),))
        yield Sample((values((0, 2, 3)),))
        yield Sample((_colours((1, 3)),), smooth=True)


@register
class RgbToHsv(Colours):
    """Hue, saturation and value."""

    id = "rgb_to_hsv"
    keywords = ("hue", "saturation", "colour space", "color space", "hsb")
    doc = (
        "Hue, saturation and value of red, green and blue, all from 0 to 1.\n\nHue 0 is red, 1/3 "
        "green, 2/3 blue. Grey has hue 0, black has saturation 0. Smith, 1978. Gradient: where no "
        "two channels tie for the largest or the smallest."
    )

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        red, green, blue = _split(inputs[0])
        value = F.maximum(F.maximum(red, green), blue)
        span = value - F.minimum(F.minimum(red, green), blue)
        coloured = span > 0
        divisor = F.where(coloured, span, 1) * 6
        hue = F.where(
            F.equal(value, red),
            (green - blue) / divisor,
            F.where(
                F.equal(value, green),
                (blue - red) / divisor + 1 / 3,
                (red - green) / divisor + 2 / 3,
            ),
        )
        hue = F.where(hue < 0, hue + 1, hue)
        lit = value > 0
        saturation = F.where(lit, span / F.where(lit, value, 1), 0)
        return F.stack([F.where(coloured, hue, 0), saturation, value], axis=-1)


@register
class HsvToRgb(Colours):
    """Red, green and blue from hue, saturation and value."""

    id = "hsv_to_rgb"
    keywords = ("hue", "saturation", "colour space", "color space", "hsb")
    doc = (
        "Red, green and blue from hue, saturation and value, all from 0 to 1.\n\nEach is value * "
        "(1 - saturation * (1 - share)), where share is the part of the colour in the hue. "
        "Gradient: of this formula."
    )

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        hue, saturation, value = _split(inputs[0])
        turn = hue * 6
        shares = [F.abs(turn - 3) - 1, 2 - F.abs(turn - 2), 2 - F.abs(turn - 4)]
        return F.stack(
            [value * (1 - saturation * (1 - F.clip_by_value(s, min=0, max=1))) for s in shares],
            axis=-1,
        )


class Linear(Colours):
    """The base class of conversions between color spaces by a matrix product."""

    matrix: tuple[tuple[float, float, float], ...]

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        channels = _split(inputs[0])
        mixed = []
        for column in zip(*self.matrix, strict=True):
            red, green, blue = (c * w for c, w in zip(channels, column, strict=True))
            mixed.append(red + green + blue)
        return F.stack(mixed, axis=-1)


@register
class RgbToYuv(Linear):
    """Luma and chroma."""

    id = "rgb_to_yuv"
    keywords = ("luminance", "chrominance", "colour space", "color space", "pal", "video")
    doc = (
        "Luma Y and chroma U, V of red, green and blue from 0 to 1.\n\nY = 0.299 r + 0.587 g + "
        "0.114 b; U and V are differences of blue and red from it."
    )
    matrix = (
        (0.299, -0.14714119, 0.61497538),
        (0.587, -0.28886916, -0.51496512),
        (0.114, 0.43601035, -0.10001026),
    )


@register
class YuvToRgb(Linear):
    """Red, green and blue from luma and chroma."""

    id = "yuv_to_rgb"
    keywords = ("luminance", "chrominance", "colour space", "color space", "pal", "video")
    doc = "Red, green and blue from luma Y and chroma U, V: the inverse of rgb_to_yuv."
    matrix = (
        (1, 1, 1),
        (0, -0.394642334, 2.03206185),
        (1.13988303, -0.58062185, 0),
    )


@register
class RgbToYiq(Linear):
    """Luma and chroma, as in NTSC."""

    id = "rgb_to_yiq"
    keywords = ("luminance", "chrominance", "colour space", "color space", "ntsc", "video")
    doc = (
        "Luma Y and chroma I, Q of red, green and blue from 0 to 1.\n\nY = 0.299 r + 0.587 g + "
        "0.114 b, as in rgb_to_yuv. I and Q are U and V, rotated."
    )
    matrix = (
        (0.299, 0.59590059, 0.2115),
        (0.587, -0.27455667, -0.52273617),
        (0.114, -0.32134392, 0.31119955),
    )


@register
class YiqToRgb(Linear):
    """Red, green and blue from luma and chroma as in NTSC."""

    id = "yiq_to_rgb"
    keywords = ("luminance", "chrominance", "colour space", "color space", "ntsc", "video")
    doc = "Red, green and blue from luma Y and chroma I, Q: the inverse of rgb_to_yiq."
    matrix = (
        (1, 1, 1),
        (0.95598634, -0.27201283, -1.10674021),
        (0.6208248, -0.64720424, 1.70423049),
    )
