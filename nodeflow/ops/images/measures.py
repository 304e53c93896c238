"""Measures of pictures: edges and variation, and the similarity of two pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nodeflow.errors import AttributeProblem, ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Tensor
from nodeflow.graph.op import Sample
from nodeflow.graph.types import (
    FLOATS,
    NUMBERS,
    TensorType,
    broadcast_shapes,
    numpy_dtype,
    shape_text,
)
from nodeflow.ops import functions as F
from nodeflow.ops.base import register
from nodeflow.ops.images.colours import as_floats
from nodeflow.ops.images.pictures import (
    CHANNELS,
    HEIGHT,
    WIDTH,
    Picture,
    along,
    check_picture,
    known_sizes,
)
from nodeflow.ops.samples import values

PICTURE = (Port("x", "Pictures.", FLOATS),)
AXES = (HEIGHT, WIDTH, CHANNELS)


def part(x: Tensor, axis: int, begin: int | None, end: int | None) -> Tensor:
    """Slice pictures from ``begin`` to ``end`` along one axis; None means the border."""
    rank = len(x.shape)
    key: list[list[int | None]] = [[None] * rank, [None] * rank]
    key[0][axis], key[1][axis] = begin, end
    return F.strided_slice(x, begin=key[0], end=key[1])


def steps(x: Tensor, axis: int) -> Tensor:
    """Return the differences of adjacent pixels along an axis, one fewer than there are pixels."""
    return part(x, axis, 1, None) - part(x, axis, None, -1)


@register
class ImageGradients(Picture):
    """Differences of neighbouring pixels."""

    id = "image_gradients"
    keywords = ("derivative", "difference", "edges", "slope", "np.gradient")
    doc = (
        "The difference to the next pixel, downwards (dy) and to the right (dx).\n\n"
        "(..., height, width, channels) gives the same shape twice. The last row of dy and the "
        "last column of dx are 0. Gradient: to both pixels."
    )
    inputs = PICTURE
    outputs = (Port("dy"), Port("dx"))

    def infer(self, *types: TensorType, **attrs: Any) -> Sequence[TensorType]:
        check_picture(types[0])
        known_sizes(types[0], HEIGHT, WIDTH)
        return types[0], types[0]

    def compose(self, *inputs: Tensor, **attrs: Any) -> Sequence[Tensor]:
        x = inputs[0]
        found = []
        for axis in (HEIGHT, WIDTH):
            pairs = [[0, 0] for _ in x.shape]
            pairs[axis][1] = min(x.shape[axis] or 0, 1)
            found.append(F.pad(steps(x, axis), paddings=pairs))
        return found

    def samples(self) -> Iterator[Sample]:
        for dtype in FLOATS:
            yield Sample((values((2, 4, 3), dtype),), smooth=dtype == "float64")
        yield Sample((values((2, 3, 4, 1)),), smooth=True)
        yield Sample((values((0, 2, 3)),))
        yield Sample((values((1, 1, 1)),), smooth=True)


@register
class TotalVariation(Picture):
    """The sum of differences between neighbouring pixels."""

    id = "total_variation"
    keywords = ("noise", "smoothness", "denoising", "tv loss", "style transfer")
    doc = (
        "The sum of the absolute differences between neighbouring pixels of each picture.\n\n"
        "(..., height, width, channels) gives (...). As a loss it makes pictures smooth. "
        "Gradient: the signs of the differences. Rudin, Osher and Fatemi, 1992."
    )
    inputs = PICTURE

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        check_picture(types[0])
        return types[0].with_shape(types[0].shape[:HEIGHT])

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        down, across = (
            F.reduce_sum(F.abs(steps(inputs[0], axis)), axis=AXES) for axis in (HEIGHT, WIDTH)
        )
        return down + across

    def samples(self) -> Iterator[Sample]:
        for dtype in FLOATS:
            yield Sample((values((2, 4, 3), dtype),), smooth=dtype == "float64")
        yield Sample((values((2, 3, 4, 1)),), smooth=True)
        yield Sample((values((0, 2, 3)),))
        yield Sample((values((1, 1, 1)),), smooth=True)


@register
class SobelEdges(Picture):
    """Edges of pictures."""

    id = "sobel_edges"
    keywords = ("edge detection", "gradient", "filter", "contour", "scipy.ndimage.sobel")
    doc = (
        "Sobel's edge filters at each pixel, downwards and to the right.\n\n"
        "(..., height, width, channels) gives (..., height, width, channels, 2). The border is "
        "reflected, so pictures need at least 2 x 2 pixels. Gradient: by the same weights."
    )
    inputs = PICTURE

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        check_picture(types[0])
        if any(size < 2 for size in known_sizes(types[0], HEIGHT, WIDTH)):
            raise ShapeError(
                f"{shape_text(types[0].shape)} is too small for edges: 2 x 2 pixels are needed",
                port="x",
            )
        return types[0].with_shape((*types[0].shape, 2))

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        x = inputs[0]
        pairs = [(0, 0)] * (len(x.shape) - 3) + [(1, 1), (1, 1), (0, 0)]
        around = F.pad(x, paddings=pairs, mode="reflect")

        def across(source: Tensor, axis: int) -> Tensor:
            return part(source, axis, 2, None) - part(source, axis, None, -2)

        def smooth(source: Tensor, axis: int) -> Tensor:
            ends = part(source, axis, None, -2) + part(source, axis, 2, None)
            return ends + part(source, axis, 1, -1) * 2

        down = smooth(across(around, HEIGHT), WIDTH)
        return F.stack([down, smooth(across(around, WIDTH), HEIGHT)], axis=-1)

    def samples(self) -> Iterator[Sample]:
        for dtype in FLOATS:
            yield Sample((values((2, 4, 3), dtype),), smooth=dtype == "float64")
        yield Sample((values((2, 3, 4, 1)),), smooth=True)
        yield Sample((values((0, 2, 2, 3)),))
        yield Sample((values((2, 2, 1)),), smooth=True)
        yield Sample((values((1, 2, 2, 1))[:, :, :, :0],))


# ---- two pictures -----------------------------------------------------------------------------


class Likeness(Picture):
    """The base class of similarity measures: one number per pair of pictures."""

    inputs = (Port("x", "Pictures.", NUMBERS, "T"), Port("y", "Others.", NUMBERS, "T"))

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x, y = types
        for port, type_ in (("x", x), ("y", y)):
            check_picture(type_, port)
        sizes = zip(x.shape[HEIGHT:], y.shape[HEIGHT:], strict=True)
        if any(None not in (a, b) and a != b for a, b in sizes):
            raise ShapeError(f"pictures {shape_text(y.shape)} are not as {shape_text(x.shape)}",
                             port="y")  # fmt: skip
        lead = broadcast_shapes(x.shape[:HEIGHT], y.shape[:HEIGHT])
        return x.with_shape(lead) if x.is_float else TensorType("float32", lead)


def in_range(x: Tensor, max_val: float) -> tuple[Tensor, float]:
    """Return pictures as floats, and the largest value that a pixel can have. Integers are scaled
    to 0 to 1.
    """
    if x.type.is_float:
        return x, max_val
    return as_floats(x), max_val / np.iinfo(numpy_dtype(x.dtype)).max


MAX_VAL = Attr("max_val", "float", 1.0, "Largest possible value of a pixel: 1, or 255 for uint8.")


@register
class Psnr(Likeness):
    """Peak signal to noise ratio."""

    id = "psnr"
    keywords = ("peak signal to noise ratio", "quality", "compression", "decibel", "metric")
    doc = (
        "The peak signal-to-noise ratio of two pictures in decibels: higher is more similar.\n\n"
        "20 log10(max_val) - 10 log10(mean squared difference), for each pair "
        "(..., height, width, channels). It is infinite where both are equal. Gradient: of this "
        "formula."
    )
    attrs = (MAX_VAL,)

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        (x, peak), (y, _) = (in_range(t, attrs["max_val"]) for t in inputs)
        error = F.reduce_mean(F.square(x - y), axis=AXES)
        return 20 * float(np.log10(peak)) - F.log(error) * (10 / float(np.log(10)))

    def samples(self) -> Iterator[Sample]:
        for dtype in NUMBERS:
            high = 1 if dtype in FLOATS else 250
            x, y = (values((2, 4, 3), dtype, 0, high, start) for start in (1, 9))
            yield Sample((x, y), {"max_val": 255.0}, smooth=dtype == "float64")
        yield Sample((values((2, 3, 4, 1)), values((3, 4, 1), start=5)), smooth=True)
        yield Sample((values((0, 2, 3)), values((0, 2, 3))))
        yield Sample((values((1, 1, 1)), values((1, 1, 1), start=2)), smooth=True)


@register
class Ssim(Likeness):
    """Structural similarity."""

    id = "ssim"
    keywords = ("structural similarity", "quality", "perceptual", "metric")
    doc = (
        "The structural similarity of two pictures: 1 where they are equal.\n\n(2 mx my + c1)(2 "
        "cov + c2) / ((mx^2 + my^2 + c1)(vx + vy + c2)) with c = (k max_val)^2, averaged over "
        "windows and channels, for each pair (..., height, width, channels). Means and variances "
        "in a window are weighted by a Gaussian. Windows lie inside, so pictures must be at least "
        "as large as one. Gradient: of this formula. Wang and others, 2004."
    )
    attrs = (
        MAX_VAL,
        Attr("filter_size", "int", 11, "Height and width of a window.", minimum=1),
        Attr("filter_sigma", "float", 1.5, "Width of the Gaussian.", minimum=0),
        Attr("k1", "float", 0.01, "Constant of the means."),
        Attr("k2", "float", 0.03, "Constant of the variances."),
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        out = super().infer(*types, **attrs)
        for port, type_ in zip("xy", types, strict=True):
            if any(s < attrs["filter_size"] for s in known_sizes(type_, *AXES[:2], port=port)):
                raise ShapeError(
                    f"{shape_text(type_.shape)} is smaller than a window of {attrs['filter_size']}",
                    port=port,
                    hint="Use a smaller filter_size.",
                )
        return out

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        (x, peak), (y, _) = (in_range(t, attrs["max_val"]) for t in inputs)
        return F.reduce_mean(structure(x, y, peak, attrs)[0], axis=-1)

    def samples(self) -> Iterator[Sample]:
        small = {"filter_size": 2, "filter_sigma": 0.8}
        for dtype in NUMBERS:
            high = 1 if dtype in FLOATS else 250
            x, y = (values((2, 4, 3), dtype, 0, high, start) for start in (1, 9))
            yield Sample((x, y), {**small, "max_val": 255.0}, smooth=dtype == "float64")
        yield Sample((values((2, 3, 4, 1)), values((3, 4, 1), start=5)), small, smooth=True)
        yield Sample((values((0, 2, 2, 3)), values((0, 2, 2, 3))), small)
        one = {"filter_size": 1}
        yield Sample((values((1, 1, 1)), values((1, 1, 1), start=2)), one, smooth=True)


def structure(x: Tensor, y: Tensor, peak: float, attrs: dict[str, Any]) -> tuple[Tensor, Tensor]:
    """Return the structural similarity (SSIM) of two pictures per channel, and its factor for
    contrast and structure: both (n, channels).
    """
    c1, c2 = (attrs["k1"] * peak) ** 2, (attrs["k2"] * peak) ** 2
    place = np.arange(attrs["filter_size"]) - (attrs["filter_size"] - 1) / 2
    weight = np.exp(-np.square(place) / (2 * max(attrs["filter_sigma"], 1e-9) ** 2))
    weight /= weight.sum()

    def mean(z: Tensor) -> Tensor:
        return windowed(windowed(z, weight, HEIGHT), weight, WIDTH)

    mx, my = mean(x), mean(y)
    products, squares = mx * my * 2, F.square(mx) + F.square(my)
    covariance = mean(x * y) * 2 - products
    variances = mean(F.square(x) + F.square(y)) - squares
    contrast = (covariance + c2) / (variances + c2)
    alike = (products + c1) / (squares + c1) * contrast
    return tuple(F.reduce_mean(t, axis=(HEIGHT, WIDTH)) for t in (alike, contrast))


def windowed(x: Tensor, weight: np.ndarray, axis: int) -> Tensor:
    """Correlate x with a window of weights along an axis, only at positions where the whole window
    lies inside x.
    """
    size = x.shape[axis] or 0
    matrix = np.zeros((size - len(weight) + 1, size))
    for row in range(len(matrix)):
        matrix[row, row : row + len(weight)] = weight
    return along(x, matrix, axis)


@register
class SsimMultiscale(Ssim):
    """Structural similarity at several scales."""

    id = "ssim_multiscale"
    keywords = ("MS-SSIM", "structural similarity", "quality", "perceptual", "metric")
    doc = (
        "The structural similarity of two pictures at several scales: 1 where they are equal.\n\n"
        "Pictures are halved from scale to scale. The result is the product of contrast and "
        "structure at each scale and the whole similarity at the last one, each to its power, "
        "with negative factors as 0; then the mean over channels. At the last scale, pictures "
        "must be at least as large as a window: 176 pixels by default. Gradient: of this formula. "
        "Wang, Simoncelli and Bovik, 2003."
    )
    attrs = (
        MAX_VAL,
        Attr("power_factors", "literal", [0.0448, 0.2856, 0.3001, 0.2363, 0.1333],
             "Power at each scale, the finest first."),
        *Ssim.attrs[1:],
    )  # fmt: skip

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        powers = attrs["power_factors"]
        if np.ndim(powers) != 1 or not len(powers):
            raise AttributeProblem("power_factors must be a list of numbers", port="power_factors")
        least = attrs["filter_size"]
        for _ in powers[1:]:
            least = 2 * least - 1  # an odd size is halved upwards
        return super().infer(*types, **{**attrs, "filter_size": least})

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        (x, peak), (y, _) = (in_range(t, attrs["max_val"]) for t in inputs)
        powers, total = attrs["power_factors"], None
        for scale, power in enumerate(powers):
            if scale:
                x, y = halved(x), halved(y)
            alike, contrast = structure(x, y, peak, attrs)
            part = alike if scale == len(powers) - 1 else contrast
            some = part > 0
            part = F.where(some, F.where(some, part, 1) ** float(power), 0)
            total = part if total is None else total * part
        assert total is not None
        return F.reduce_mean(total, axis=-1)

    def samples(self) -> Iterator[Sample]:
        small = {"filter_size": 2, "filter_sigma": 0.8, "power_factors": [0.3, 0.7]}
        for dtype in NUMBERS:
            high = 1 if dtype in FLOATS else 250
            x = values((4, 6, 3), dtype, 0, high)
            y = (x * 0.9).astype(dtype)
            yield Sample((x, y), {**small, "max_val": 255.0}, smooth=dtype == "float64")
        x = values((2, 3, 5, 1), "float64", 0, 1)
        yield Sample((x, x[0] + 0.1), small, smooth=True)
        yield Sample((values((0, 3, 4, 2)), values((0, 3, 4, 2))), small)
        one = {"filter_size": 1}
        yield Sample((values((1, 1, 1)), values((1, 1, 1), start=2)), one)


def halved(x: Tensor) -> Tensor:
    """Halve pictures by averaging blocks of 2 x 2 pixels. If a size is odd, the last row or column
    is averaged without a neighbour.
    """
    for axis in (HEIGHT, WIDTH):
        size = x.shape[axis] or 0
        matrix = np.repeat(np.eye(-(-size // 2)), 2, axis=1)[:, :size]
        x = along(x, matrix / matrix.sum(axis=1, keepdims=True), axis)
    return x
