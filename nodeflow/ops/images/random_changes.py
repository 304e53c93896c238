"""Random changes of pictures, new in each run, drawn from the node's stream or its own seed.

These ops change pictures in every run. The layers of the same names do so only during training.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from nodeflow.errors import AttributeProblem, ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Tensor
from nodeflow.graph.op import Sample
from nodeflow.graph.types import DTYPES, FLOATS, NUMBERS, TensorType, shape_text
from nodeflow.ops import functions as F
from nodeflow.ops.base import register
from nodeflow.ops.distributions.normal_uniform import SEED
from nodeflow.ops.images.pictures import (
    CHANNELS,
    HEIGHT,
    WIDTH,
    Picture,
    check_picture,
    known_sizes,
    sizes_of,
)
from nodeflow.ops.images.warping import FILL, METHOD, turned
from nodeflow.ops.samples import values


def per_picture(x: Tensor, count: int, seed: int | None) -> list[Tensor]:
    """Return ``count`` tensors (rows,) of random numbers from -1 to 1, one number per picture."""
    kind = x.dtype if x.type.is_float else "float32"
    shape = [sizes_of(x)[0], count]
    drawn = F.random_uniform(shape, low=-1.0, high=1.0, dtype=kind, seed=seed, name="drawn")
    return list(F.unstack(drawn, num=count, axis=1))


class RandomChange(Picture):
    """The base class of ops on pictures that draw random numbers."""

    random = True


class RandomMirror(RandomChange):
    """The base class of ops that mirror each picture along one axis with probability 1/2."""

    axis: int
    inputs = (Port("x", "Pictures.", DTYPES),)
    attrs = (SEED,)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        check_picture(types[0])
        return types[0]

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        return mirrored(inputs[0], self.axis, attrs["seed"])

    def samples(self) -> Iterator[Sample]:
        for dtype in DTYPES:
            yield Sample((values((2, 3, 4), dtype),), smooth=dtype == "float64")
        yield Sample((values((5, 3, 4, 1)),), {"seed": 3}, smooth=True)
        yield Sample((values((0, 3, 4, 1)),))
        yield Sample((values((1, 1, 1)),), smooth=True)


def mirrored(x: Tensor, axis: int, seed: int | None) -> Tensor:
    """Mirror each picture with probability 1/2, by one draw per picture."""
    lead: list[int | None] = [None] * (len(x.shape) - 3)
    first = F.strided_slice(x, begin=[*lead, 0, 0, 0], end=[*lead, 1, 1, 1])
    drawn = F.random_uniform_like(first, seed=seed, name="drawn")
    return F.where(drawn < 0.5, F.reverse(x, axis=axis), x)


@register
class RandomFlipLeftRight(RandomMirror):
    """Pictures mirrored at random."""

    id = "random_flip_left_right"
    axis = WIDTH
    keywords = ("augmentation", "mirror", "RandomHorizontalFlip", "hflip")
    doc = (
        "Each picture (..., height, width, channels), mirrored from left to right with "
        "probability 1/2.\n\nEach run draws anew. Gradient: back to the pixels."
    )


@register
class RandomFlipUpDown(RandomMirror):
    """Pictures turned upside down at random."""

    id = "random_flip_up_down"
    axis = HEIGHT
    keywords = ("augmentation", "mirror", "RandomVerticalFlip", "vflip")
    doc = (
        "Each picture (..., height, width, channels), turned upside down with probability 1/2.\n\n"
        "Each run draws anew. Gradient: back to the pixels."
    )


@register
class RandomCrop(RandomChange):
    """A part of a tensor at a random place."""

    id = "random_crop"
    layered = True
    keywords = ("augmentation", "cut", "window", "patch", "RandomCrop")
    doc = (
        "A part of a tensor with the given size, at a random place.\n\nx is any tensor: one "
        "picture (height, width, channels), or several, which are cropped at the same place. A "
        "size of -1 is the whole axis. Gradient: zeros outside the part."
    )
    inputs = (Port("x", dtypes=DTYPES),)
    attrs = (Attr("size", "ints", (24, 24, -1), "Sizes, one per axis."), SEED)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x, size = types[0], attrs["size"]
        if len(size) != x.rank:
            raise AttributeProblem(
                f"size has {len(size)} numbers for a tensor of rank {x.rank}",
                port="size",
                hint="Give one number per axis; -1 is the whole axis.",
            )
        if any(s < -1 for s in size):
            raise AttributeProblem(f"{list(size)} is not a size", port="size")
        for have, wanted in zip(x.shape, size, strict=True):
            if have is not None and wanted > have:
                raise ShapeError(
                    f"{shape_text(x.shape)} is smaller than {shape_text(size)}", port="x"
                )
        pairs = zip(x.shape, size, strict=True)
        return x.with_shape(have if wanted == -1 else wanted for have, wanted in pairs)

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        x, size = inputs[0], np.array(attrs["size"], "int64")
        if not len(size):
            return F.identity(x)
        sizes = F.shape(x, out_type="int64")
        rest = F.where(size == -1, 0, sizes - size)
        drawn = F.random_uniform((len(size),), dtype="float64", seed=attrs["seed"], name="drawn")
        begin = F.cast(F.floor(drawn * F.cast(rest + 1, dtype="float64")), dtype="int64")
        pairs = zip(x.shape, attrs["size"], strict=True)
        known = [have if s == -1 and have is not None else s for have, s in pairs]
        return F.slice(x, begin, size=known)

    def samples(self) -> Iterator[Sample]:
        for dtype in DTYPES:
            attrs = {"size": (2, 4)}
            yield Sample((values((3, 6), dtype),), attrs, smooth=dtype == "float64")
        yield Sample((values((4, 5, 3)),), {"size": (2, 5, -1), "seed": 3}, smooth=True)
        yield Sample((values((0, 3)),), {"size": (0, 2)})
        yield Sample((values((1, 1)),), {"size": (1, -1)}, smooth=True)


@register
class RandomRotation(RandomChange):
    """Pictures rotated at random."""

    id = "random_rotation"
    layered = True
    keywords = ("augmentation", "rotate", "turn", "RandomRotation", "angle")
    doc = (
        "Each picture (rows, height, width, channels), rotated around its centre by a random "
        "angle.\n\nThe angle is between -max_angle and max_angle, in radians. Corners are filled "
        "as by rotate. Height and width must be known. Gradient: to the pixels that were read."
    )
    inputs = (Port("x", "Pictures.", NUMBERS),)
    attrs = (
        Attr("max_angle", "float", 0.5, "Largest angle, in radians.", minimum=0),
        METHOD,
        *FILL,
        SEED,
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x = types[0]
        check_picture(x, rank=4)
        if 0 in known_sizes(x, HEIGHT, WIDTH):
            raise ShapeError(f"pictures of shape {shape_text(x.shape)} have no pixels", port="x")
        return x

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        x = inputs[0]
        most, seed = attrs.pop("max_angle"), attrs.pop("seed")
        (drawn,) = per_picture(x, 1, seed)
        return F.projective_transform(
            x, turned(drawn * most, *known_sizes(x.type, HEIGHT, WIDTH)), **attrs
        )

    def samples(self) -> Iterator[Sample]:
        for dtype in NUMBERS:
            yield Sample((values((2, 3, 4, 1), dtype),), {"max_angle": 3.0})
        x = values((2, 4, 3, 5))
        for mode in FILL[0].choices:
            attrs = {"fill_mode": mode, "seed": 3, "interpolation": "bilinear"}
            if mode != "constant":
                yield Sample((x,), attrs, smooth=True)
        yield Sample((x,), {"fill_mode": "constant"})
        yield Sample((values((0, 3, 4, 1)),))
        yield Sample((values((1, 1, 1, 1)),))


# ---- colours ----------------------------------------------------------------------------------


class RandomColours(RandomChange):
    """The base class of random color changes: one draw for all pictures, as in TensorFlow."""

    adjusted: str
    channels: int | None = None
    inputs = (Port("x", "Pictures.", NUMBERS),)

    def limits(self, attrs: dict[str, Any]) -> tuple[float, float]:
        """Return the range that random factors are drawn from: the attributes ``lower`` and
        ``upper``.

        Raises:
            AttributeProblem: ``lower`` is not below ``upper``.
        """
        lower, upper = attrs["lower"], attrs["upper"]
        if not lower < upper:
            raise AttributeProblem(f"upper {upper:g} must be above lower {lower:g}", port="upper")
        return lower, upper

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        self.limits(attrs)
        x = types[0]
        check_picture(x, channels=self.channels)
        return x if self.channels is None else x.with_shape((*x.shape[:CHANNELS], self.channels))

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        x, (low, high) = inputs[0], self.limits(attrs)
        kind = x.dtype if x.type.is_float else "float32"
        drawn = F.random_uniform(
            (), low=low, high=high, dtype=kind, seed=attrs["seed"], name="drawn"
        )
        return getattr(F, self.adjusted)(x, drawn)

    def samples(self) -> Iterator[Sample]:
        for dtype in NUMBERS:
            x = values((2, 5, 3), dtype, 0.1, 0.9 if dtype in FLOATS else 250)
            yield Sample((x,), smooth=dtype == "float64")
        yield Sample((values((2, 1, 4, 3), "float64", 0.1, 0.9),), {"seed": 3}, smooth=True)
        yield Sample((values((0, 2, 3)),))
        channels = self.channels or 1
        yield Sample((values((1, 1, channels), "float64", 0.1, 0.9),), smooth=True)


FACTORS = (
    Attr("lower", "float", 0.5, "Smallest factor.", minimum=0),
    Attr("upper", "float", 1.5, "Largest factor."),
    SEED,
)


@register
class RandomBrightness(RandomColours):
    """Pictures made brighter or darker at random."""

    id = "random_brightness"
    layered = True
    adjusted = "adjust_brightness"
    keywords = ("augmentation", "ColorJitter", "lightness", "exposure")
    doc = (
        "adjust_brightness by a random number between -max_delta and max_delta.\n\nOne number for "
        "all pictures, drawn anew in each run. Gradient: as for add."
    )
    attrs = (Attr("max_delta", "float", 0.2, "Largest change.", minimum=0), SEED)

    def limits(self, attrs: dict[str, Any]) -> tuple[float, float]:
        return -attrs["max_delta"], attrs["max_delta"]


@register
class RandomHue(RandomColours):
    """Pictures with hues shifted at random."""

    id = "random_hue"
    adjusted = "adjust_hue"
    channels = 3
    keywords = ("augmentation", "ColorJitter", "colour", "color")
    doc = (
        "adjust_hue by a random number of turns between -max_delta and max_delta.\n\nOne number "
        "for all pictures, drawn anew in each run. Gradient: as for adjust_hue."
    )
    attrs = (Attr("max_delta", "float", 0.1, "Largest change.", minimum=0, maximum=0.5), SEED)

    def limits(self, attrs: dict[str, Any]) -> tuple[float, float]:
        return -attrs["max_delta"], attrs["max_delta"]


@register
class RandomContrast(RandomColours):
    """Pictures with more or less contrast at random."""

    id = "random_contrast"
    layered = True
    adjusted = "adjust_contrast"
    keywords = ("augmentation", "ColorJitter")
    doc = (
        "adjust_contrast by a random factor between lower and upper.\n\nOne factor for all "
        "pictures, drawn anew in each run. Gradient: as for adjust_contrast."
    )
    attrs = FACTORS


@register
class RandomSaturation(RandomColours):
    """Pictures with stronger or weaker colours at random."""

    id = "random_saturation"
    adjusted = "adjust_saturation"
    channels = 3
    keywords = ("augmentation", "ColorJitter", "colour", "color")
    doc = (
        "adjust_saturation by a random factor between lower and upper.\n\nOne factor for all "
        "pictures, drawn anew in each run. Gradient: as for adjust_saturation."
    )
    attrs = FACTORS
