"""Brightness, contrast, colour and gamma of pictures; standardization to mean 0.

Pictures of integers are computed as floats from 0 to 1 and converted back, as in TensorFlow.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from nodeflow.errors import ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Tensor
from nodeflow.graph.op import Sample
from nodeflow.graph.types import FLOATS, NUMBERS, TensorType, shape_text
from nodeflow.ops import functions as F
from nodeflow.ops.base import register
from nodeflow.ops.images.colours import as_before, as_floats
from nodeflow.ops.images.pictures import CHANNELS, HEIGHT, WIDTH, Picture, check_picture
from nodeflow.ops.norms.batch_and_layer import check_broadcast
from nodeflow.ops.samples import values


def _ports(name: str, doc: str) -> tuple[Port, ...]:
    """Declare the input ports of an op that adjusts pictures: the pictures, and an optional amount.

    Args:
        name: name of the amount's port, which overrides the attribute of the same name.
        doc: description of the amount.
    """
    wired = f"{doc}; overrides the attribute and broadcasts to x."
    return Port("x", "Pictures.", NUMBERS), Port(name, wired, FLOATS, optional=True)


class Adjustment(Picture):
    """The base class of ops that change pictures by an amount, such as brightness.

    A subclass defines `adjust`. The amount is an attribute, or a tensor at the second in-port.

    Attributes:
        channels: the number of channels that the pictures must have; None for any number.
    """

    inputs = _ports("by", "Adjustment")
    channels: int | None = None

    def adjust(self, x: Tensor, by: Any, **attrs: Any) -> Tensor:
        """Return adjusted pictures. A subclass defines what changes, such as the contrast.

        Args:
            x: the pictures, as floats.
            by: the amount of the change: a number, or a tensor that broadcasts to ``x``.
            attrs: the other attributes of the op.
        """
        raise NotImplementedError(self.id)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x, name = types[0], self.inputs[1].name
        check_picture(x, channels=self.channels)
        for wired in types[1:]:
            check_broadcast(name, wired, x)
            if self.channels and wired.rank and wired.shape[CHANNELS] not in (1, None):
                raise ShapeError(
                    f"{name} of shape {shape_text(wired.shape)} must not vary along channels",
                    port=name,
                    hint="Give one number, or sizes (rows, 1, 1, 1).",
                )
        return x if self.channels is None else x.with_shape((*x.shape[:CHANNELS], self.channels))

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        x, dtype = as_floats(inputs[0]), inputs[0].dtype
        by: Any = attrs.pop(self.inputs[1].name)
        if len(inputs) > 1:
            by = inputs[1] if inputs[1].dtype == x.dtype else F.cast(inputs[1], dtype=x.dtype)
        return as_before(self.adjust(x, by, **attrs), dtype)

    def samples(self) -> Iterator[Sample]:
        for dtype in NUMBERS:
            yield Sample((_pictures((2, 5, 3), dtype),), smooth=dtype == "float64")
        x = _pictures((2, 1, 4, 3))
        for dtype in FLOATS:
            yield Sample((x, np.array(0.7, dtype)), smooth=dtype == "float64")
        yield Sample((x, values((2, 1, 1, 1), "float64", 0.3, 0.9)), smooth=True)
        yield Sample((_pictures((0, 2, 3)), np.array(0.5)))
        yield Sample((_pictures((1, 1, 3)), np.full((1, 1, 1), 0.5)), smooth=True)


def _pictures(shape: tuple[int, ...], dtype: str = "float64") -> np.ndarray:
    return values(shape, dtype, 0.1, 0.9 if dtype in FLOATS else 250)


@register
class AdjustBrightness(Adjustment):
    """Brighter or darker pictures."""

    id = "adjust_brightness"
    everyday = True
    keywords = ("lightness", "exposure", "ColorJitter", "augmentation")
    doc = "x + delta, for colours from 0 to 1.\n\nGradient: as for add."
    inputs = _ports("delta", "Number to add")
    attrs = (Attr("delta", "float", 0.1, "Number to add."),)

    def adjust(self, x: Tensor, by: Any, **attrs: Any) -> Tensor:
        return x + by


@register
class AdjustContrast(Adjustment):
    """Pictures with more or less contrast."""

    id = "adjust_contrast"
    everyday = True
    keywords = ("ColorJitter", "augmentation", "stretch")
    doc = (
        "(x - mean) * contrast_factor + mean, with the mean of each channel of each picture.\n\nA "
        "factor of 0 gives a single colour, 1 the picture itself. Gradient: through the mean as "
        "well."
    )
    inputs = _ports("contrast_factor", "Factor of the distance from the mean")
    attrs = (Attr("contrast_factor", "float", 1.5, "Factor of the distance from the mean."),)

    def adjust(self, x: Tensor, by: Any, **attrs: Any) -> Tensor:
        mean = F.reduce_mean(x, axis=(HEIGHT, WIDTH), keepdims=True)
        return (x - mean) * by + mean


@register
class AdjustSaturation(Adjustment):
    """Pictures with stronger or weaker colours."""

    id = "adjust_saturation"
    channels = 3
    keywords = ("ColorJitter", "colour", "color", "augmentation", "vivid", "hsv")
    doc = (
        "The saturation of colours multiplied by a factor and limited to 0 to 1.\n\nA factor of 0 "
        "gives grey, 1 the picture itself. Hue and value do not change. Gradient: through "
        "rgb_to_hsv and hsv_to_rgb."
    )
    inputs = _ports("saturation_factor", "Factor of the saturation")
    attrs = (Attr("saturation_factor", "float", 1.5, "Factor of the saturation."),)

    def adjust(self, x: Tensor, by: Any, **attrs: Any) -> Tensor:
        hue, saturation, value = F.split(F.rgb_to_hsv(x), parts=3, axis=CHANNELS)
        richer = F.clip_by_value(saturation * by, min=0, max=1)
        return F.hsv_to_rgb(F.concat([hue, richer, value], axis=CHANNELS))


@register
class AdjustHue(Adjustment):
    """Pictures with shifted hues."""

    id = "adjust_hue"
    channels = 3
    keywords = ("ColorJitter", "colour", "color", "augmentation", "rotate", "hsv")
    doc = (
        "The hue of colours shifted by delta, in turns of the colour circle: 1/3 makes red "
        "green.\n\nSaturation and value do not change. Gradient: through rgb_to_hsv and "
        "hsv_to_rgb."
    )
    inputs = _ports("delta", "Number of turns to add to the hue")
    attrs = (Attr("delta", "float", 0.1, "Number of turns to add to the hue."),)

    def adjust(self, x: Tensor, by: Any, **attrs: Any) -> Tensor:
        hue, saturation, value = F.split(F.rgb_to_hsv(x), parts=3, axis=CHANNELS)
        return F.hsv_to_rgb(F.concat([F.modulo(hue + by, 1), saturation, value], axis=CHANNELS))


@register
class AdjustGamma(Adjustment):
    """Pictures with brighter or darker mid-tones."""

    id = "adjust_gamma"
    keywords = ("power law", "correction", "augmentation", "mid tones")
    doc = (
        "gain * x ** gamma, for colours from 0 to 1.\n\nA gamma above 1 makes pictures darker, "
        "below 1 brighter; black and white do not change. Gradient: gain * gamma * x ** (gamma - "
        "1)."
    )
    inputs = _ports("gamma", "Power")
    attrs = (
        Attr("gamma", "float", 1.0, "Power.", minimum=0),
        Attr("gain", "float", 1.0, "Factor."),
    )

    def adjust(self, x: Tensor, by: Any, **attrs: Any) -> Tensor:
        return F.power(x, by) * attrs["gain"]


@register
class PerImageStandardization(Picture):
    """Pictures normalized to mean 0 and variance 1."""

    id = "per_image_standardization"
    keywords = ("normalize", "whitening", "zero mean", "unit variance", "Normalize")
    doc = (
        "(x - mean) / deviation of each picture (..., height, width, channels).\n\nThe deviation "
        "is at least 1 / sqrt(number of elements), so a picture of one colour gives zeros. "
        "Integers become float32. Gradient: through mean and deviation."
    )
    inputs = (Port("x", "Pictures.", NUMBERS),)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        check_picture(types[0])
        return types[0] if types[0].is_float else types[0].with_dtype("float32")

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        x = inputs[0] if inputs[0].type.is_float else F.cast(inputs[0], dtype="float32")
        axes = (HEIGHT, WIDTH, CHANNELS)
        centred = x - F.reduce_mean(x, axis=axes, keepdims=True)
        least = F.rsqrt(F.size(x, axis=axes, dtype=x.dtype))
        # scaled before they are summed, so that nothing overflows
        shares = F.square(centred * least)
        deviation = F.sqrt(F.reduce_sum(shares, axis=axes, keepdims=True))
        return centred / F.maximum(deviation, least)

    def samples(self) -> Iterator[Sample]:
        for dtype in NUMBERS:
            yield Sample((_pictures((2, 5, 3), dtype),), smooth=dtype == "float64")
        yield Sample((_pictures((2, 3, 4, 1)),), smooth=True)
        yield Sample((np.full((2, 3, 1), 0.5),))
        yield Sample((_pictures((0, 2, 3)),))
        yield Sample((_pictures((1, 1, 1)),))
