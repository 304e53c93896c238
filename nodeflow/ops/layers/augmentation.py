"""Layers that change pictures at random in each training step, but not outside training.

Names, ranges and defaults are Keras's. Each picture has its own draws.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from nodeflow.errors import AttributeProblem, ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Tensor
from nodeflow.graph.op import Sample
from nodeflow.graph.types import FLOATS, TensorType, shape_text
from nodeflow.ops import functions as F
from nodeflow.ops.base import register
from nodeflow.ops.distributions.normal_uniform import SEED
from nodeflow.ops.images.boxes import at_points
from nodeflow.ops.images.pictures import HEIGHT, WIDTH, check_picture, known_sizes
from nodeflow.ops.images.random_changes import mirrored, per_picture
from nodeflow.ops.images.warping import FILL, METHOD, turned
from nodeflow.ops.layers.layer import VERSION, Layer, Weights
from nodeflow.ops.samples import values
from nodeflow.ops.training_mode import TRAINING, check_flag, training_flag


class Augmentation(Layer):
    """The base class of augmentation: `change` is applied to pictures during training."""

    everyday = False
    inputs = (Port("x", "Pictures: (rows, height, width, channels).", FLOATS),
              replace(TRAINING, keyword=True))  # fmt: skip

    def weights(self, *types: TensorType, **attrs: Any) -> Weights:
        return {}

    def change(self, x: Tensor, **attrs: Any) -> Tensor:
        """Return the changed pictures."""
        raise NotImplementedError(self.id)

    def unchanged(self, x: Tensor, **attrs: Any) -> Tensor:
        """Return the layer's output outside of training: by default the pictures themselves."""
        return x

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x = types[0]
        check_picture(x, rank=4)
        check_flag(types[1:])
        if 0 in known_sizes(x, HEIGHT, WIDTH):
            raise ShapeError(f"pictures of shape {shape_text(x.shape)} have no pixels", port="x")
        return x

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        x = inputs[0]
        training = inputs[1] if len(inputs) > 1 else training_flag(x.graph)
        given = {k: v for k, v in attrs.items() if k != "version"}
        return F.where(training, self.change(x, **given), self.unchanged(x, **given))

    def samples(self) -> Iterator[Sample]:
        on = np.array(True)
        yield from self.calls(on)
        yield Sample((values((2, 3, 4, 5)),), smooth=True)
        yield Sample((values((2, 3, 4, 5)), np.array(False)), {"seed": 3}, smooth=True)
        yield Sample((values((0, 3, 4, 1)), on))
        yield Sample((values((1, 1, 1, 1)), on))

    def calls(self, on: np.ndarray) -> Iterator[Sample]:
        """Yield samples with every choice of the attributes."""
        for dtype in FLOATS:
            yield Sample((values((3, 4, 5, 2), dtype), on), smooth=dtype == "float64")


class Moving(Augmentation):
    """The base class of geometric changes, defined by eight numbers for each picture."""

    motion = (
        Attr("fill_mode", "choice", "reflect", FILL[0].doc, choices=FILL[0].choices),
        Attr("interpolation", "choice", "bilinear", METHOD.doc, choices=METHOD.choices),
        SEED,
        FILL[1],
        VERSION,
    )

    def transforms(self, x: Tensor, draws: list[Tensor], attrs: dict[str, Any]) -> Tensor:
        """Return the eight numbers of `projective_transform` per picture, from draws between -1
        and 1.
        """
        raise NotImplementedError(self.id)

    def change(self, x: Tensor, **attrs: Any) -> Tensor:
        how = {n: attrs.pop(n) for n in ("fill_mode", "fill_value", "interpolation")}
        return F.projective_transform(
            x, self.transforms(x, per_picture(x, 2, attrs["seed"]), attrs), **how
        )

    def calls(self, on: np.ndarray) -> Iterator[Sample]:
        yield from super().calls(on)
        for mode in FILL[0].choices:
            attrs = {"fill_mode": mode, "interpolation": "nearest"}
            yield Sample((values((2, 3, 4, 1)), on), attrs)


@register
class RandomFlip(Augmentation):
    """Pictures mirrored at random during training."""

    id = "layers/random_flip"
    everyday = True
    shown_attrs = ("mode",)
    keywords = ("augmentation", "mirror", "layer", "horizontal", "vertical", "RandomHorizontalFlip")
    doc = (
        "During training, each picture is mirrored at random.\n\nx "
        "(rows, height, width, channels) keeps its shape. `mode` chooses the axes; with both, a "
        "picture may also be rotated by 180 degrees. Outside of training x does not change."
    )
    attrs = (
        Attr("mode", "choice", "horizontal_and_vertical", "Left to right, upside down, or both.",
             choices=("horizontal", "vertical", "horizontal_and_vertical")),
        SEED,
        VERSION,
    )  # fmt: skip

    def change(self, x: Tensor, **attrs: Any) -> Tensor:
        mode, seed = attrs["mode"], attrs["seed"]
        if mode != "vertical":
            x = mirrored(x, WIDTH, seed)
        if mode != "horizontal":
            other = seed if seed is None or mode == "vertical" else seed + 1
            x = mirrored(x, HEIGHT, other)
        return x

    def calls(self, on: np.ndarray) -> Iterator[Sample]:
        yield from super().calls(on)
        for mode in self.attrs[0].choices:
            yield Sample((values((4, 3, 2, 1)), on), {"mode": mode}, smooth=True)


@register
class RandomRotation(Moving):
    """Pictures rotated at random during training."""

    id = "layers/random_rotation"
    everyday = True
    shown_attrs = ("factor",)
    keywords = ("augmentation", "rotate", "layer", "turn", "angle")
    doc = (
        "During training, each picture is rotated around its centre by a random angle.\n\nThe "
        "angle is between -factor and factor turns: 0.1 is 36 degrees. x "
        "(rows, height, width, channels) keeps its shape. Outside of training x does not change."
    )
    attrs = (Attr("factor", "float", 0.1, "Largest angle, in turns.", minimum=0), *Moving.motion)

    def transforms(self, x: Tensor, draws: list[Tensor], attrs: dict[str, Any]) -> Tensor:
        angle = draws[0] * (2 * np.pi * attrs["factor"])
        return turned(angle, *known_sizes(x.type, HEIGHT, WIDTH))


@register
class RandomTranslation(Moving):
    """Pictures shifted at random during training."""

    id = "layers/random_translation"
    shown_attrs = ("height_factor", "width_factor")
    keywords = ("augmentation", "shift", "move", "layer", "RandomAffine")
    doc = (
        "During training, each picture is shifted vertically and horizontally at random.\n\nThe "
        "factors are the largest shifts, as fractions of its height and width. x "
        "(rows, height, width, channels) keeps its shape. Outside of training x does not change."
    )
    attrs = (
        Attr("height_factor", "float", 0.1, "Largest vertical shift, of the height.", minimum=0),
        Attr("width_factor", "float", 0.1, "Largest horizontal shift, of the width.", minimum=0),
        *Moving.motion,
    )

    def transforms(self, x: Tensor, draws: list[Tensor], attrs: dict[str, Any]) -> Tensor:
        height, width = known_sizes(x.type, HEIGHT, WIDTH)
        one, zero = F.ones_like(draws[0]), F.zeros_like(draws[0])
        down = draws[0] * (-attrs["height_factor"] * height)
        across = draws[1] * (-attrs["width_factor"] * width)
        return F.stack([one, zero, across, zero, one, down, zero, zero], axis=1)


@register
class RandomZoom(Moving):
    """Pictures zoomed at random during training."""

    id = "layers/random_zoom"
    shown_attrs = ("height_factor", "width_factor")
    keywords = ("augmentation", "scale", "layer", "RandomAffine", "RandomResizedCrop")
    doc = (
        "During training, each picture is zoomed in or out around its centre at random.\n\nIt "
        "shows 1 - factor to 1 + factor of its height. Its width changes by the same factor, or "
        "by a separate draw if width_factor is set. x (rows, height, width, channels) keeps its "
        "shape. Outside of training x does not change."
    )
    attrs = (
        Attr("height_factor", "float", 0.1, "Largest change of the height.", minimum=0, maximum=1),
        Attr("width_factor", "float", None, "Largest change of the width; none: as the height.",
             minimum=0,
             maximum=1, optional=True),
        *Moving.motion,
    )  # fmt: skip

    def transforms(self, x: Tensor, draws: list[Tensor], attrs: dict[str, Any]) -> Tensor:
        height, width = known_sizes(x.type, HEIGHT, WIDTH)
        high = wide = draws[0] * attrs["height_factor"] + 1
        if attrs["width_factor"] is not None:
            wide = draws[1] * attrs["width_factor"] + 1
        zero = F.zeros_like(high)
        across, down = (1 - wide) * ((width - 1) / 2), (1 - high) * ((height - 1) / 2)
        return F.stack([wide, zero, across, zero, high, down, zero, zero], axis=1)

    def calls(self, on: np.ndarray) -> Iterator[Sample]:
        yield from super().calls(on)
        yield Sample((values((2, 3, 4, 1)), on), {"width_factor": 0.3}, smooth=True)


@register
class RandomContrast(Augmentation):
    """Pictures with random contrast during training."""

    id = "layers/random_contrast"
    shown_attrs = ("factor",)
    keywords = ("augmentation", "layer", "ColorJitter")
    doc = (
        "During training, the contrast of each picture is multiplied by a random factor.\n\nThe "
        "factor is between 1 - factor and 1 + factor: (x - mean) * factor + mean, with the mean "
        "of each channel. x (rows, height, width, channels) keeps its shape. Outside of training "
        "x does not change."
    )
    attrs = (
        Attr("factor", "float", 0.2, "Largest change.", minimum=0, maximum=1), SEED, VERSION,
    )  # fmt: skip

    def change(self, x: Tensor, **attrs: Any) -> Tensor:
        (drawn,) = per_picture(x, 1, attrs["seed"])
        return F.adjust_contrast(x, F.expand_dims(drawn * attrs["factor"] + 1, axis=(1, 2, 3)))


@register
class RandomBrightness(Augmentation):
    """Pictures with random brightness during training."""

    id = "layers/random_brightness"
    shown_attrs = ("factor",)
    keywords = ("augmentation", "layer", "ColorJitter", "exposure")
    doc = (
        "During training, each picture gets brighter or darker at random.\n\nA number between "
        "-factor and factor, times the span of `value_range`, is added, and the result is clipped "
        "to that range. x (rows, height, width, channels) keeps its shape. Outside of training x "
        "does not change. The range is 0 to 1 here, 0 to 255 in Keras."
    )
    attrs = (
        Attr("factor", "float", 0.2, "Largest change.", minimum=0, maximum=1),
        Attr("value_range", "literal", [0.0, 1.0], "Smallest and largest value of pictures."),
        SEED,
        VERSION,
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        limits = attrs["value_range"]
        if np.shape(limits) != (2,) or not limits[0] < limits[1]:
            raise AttributeProblem(f"{limits} is not a range of values", port="value_range")
        return super().infer(*types, **attrs)

    def change(self, x: Tensor, **attrs: Any) -> Tensor:
        low, high = attrs["value_range"]
        (drawn,) = per_picture(x, 1, attrs["seed"])
        delta = F.expand_dims(drawn * (attrs["factor"] * (high - low)), axis=(1, 2, 3))
        return F.clip_by_value(x + delta, min=low, max=high)

    def calls(self, on: np.ndarray) -> Iterator[Sample]:
        for dtype in FLOATS:
            x = values((3, 4, 5, 2), dtype, 0.3, 0.7)
            yield Sample((x, on), smooth=dtype == "float64")


@register
class RandomCrop(Augmentation):
    """Random parts of pictures during training."""

    id = "layers/random_crop"
    shown_attrs = ("height", "width")
    keywords = ("augmentation", "layer", "cut", "window", "patch")
    doc = (
        "During training, a random part of each picture; otherwise its central part.\n\nx "
        "(rows, height, width, channels) gives the new height and width, which must not be larger."
    )
    attrs = (
        Attr("height", "int", 24, "New height.", minimum=1),
        Attr("width", "int", 24, "New width.", minimum=1),
        SEED,
        VERSION,
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x = super().infer(*types, **attrs)
        size = attrs["height"], attrs["width"]
        for name, old, new in zip(
            ("height", "width"), known_sizes(x, HEIGHT, WIDTH), size, strict=True
        ):
            if new > old:
                raise ShapeError(
                    f"{shape_text(x.shape)} is smaller than the {name} {new}",
                    port=name,
                    hint="Use a smaller size, or resize before.",
                )
        return x.with_shape((x.shape[0], *size, x.shape[3]))

    def change(self, x: Tensor, **attrs: Any) -> Tensor:
        places = []
        draws = per_picture(x, 2, attrs["seed"])
        new = attrs["height"], attrs["width"]
        for drawn, old, size in zip(draws, known_sizes(x.type, 1, 2), new, strict=True):
            begin = F.floor((drawn + 1) * (0.5 * (old - size + 1)))
            place = F.expand_dims(begin, axis=1) + np.arange(size).astype(x.dtype)
            places.append(F.minimum(place, old - 1.0))
        return at_points(x, None, *places)

    def unchanged(self, x: Tensor, **attrs: Any) -> Tensor:
        return F.resize_with_crop_or_pad(
            x, target_height=attrs["height"], target_width=attrs["width"]
        )

    def samples(self) -> Iterator[Sample]:
        on, off, small = np.array(True), np.array(False), {"height": 2, "width": 3}
        for dtype in FLOATS:
            yield Sample((values((3, 4, 5, 2), dtype), on), small, smooth=dtype == "float64")
        yield Sample((values((2, 3, 4, 5)),), {**small, "seed": 3}, smooth=True)
        yield Sample((values((2, 3, 4, 5)), off), small, smooth=True)
        yield Sample((values((0, 3, 4, 1)), on), small)
        yield Sample((values((1, 1, 1, 1)), on), {"height": 1, "width": 1})
