"""`image`: pictures, with the names, argument orders and defaults of `tf.image`.

It also has every op on pictures. Pictures are (rows, height, width, channels), or a single one
without rows. Sizes are numbers that are known when the graph is built.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nodeflow.graph.graph import Tensor
from nodeflow.graph.registry import REGISTRY
from nodeflow.namespaces import unknown
from nodeflow.ops import functions as F
from nodeflow.ops.namespaces.arguments import scoped, tensor
from nodeflow.ops.namespaces.image_sizes import (
    ResizeMethod,
    batch_to_space,
    central_crop,
    crop_and_resize,
    crop_to_bounding_box,
    extract_glimpse,
    extract_image_patches,
    extract_patches,
    pad_to_bounding_box,
    pair,
    random_crop,
    resize,
    resize_area,
    resize_bicubic,
    resize_bilinear,
    resize_image_with_crop_or_pad,
    resize_image_with_pad,
    resize_images,
    resize_nearest_neighbor,
    resize_with_crop_or_pad,
    space_to_batch,
)
from nodeflow.public import publish

__all__ = [
    "ResizeMethod",
    "adjust_brightness",
    "adjust_contrast",
    "adjust_gamma",
    "adjust_hue",
    "adjust_saturation",
    "batch_to_space",
    "central_crop",
    "convert_image_dtype",
    "crop_and_resize",
    "crop_to_bounding_box",
    "extract_glimpse",
    "extract_image_patches",
    "extract_patches",
    "flip_left_right",
    "flip_up_down",
    "grayscale_to_rgb",
    "hsv_to_rgb",
    "image_gradients",
    "non_max_suppression",
    "pad_to_bounding_box",
    "per_image_standardization",
    "psnr",
    "random_brightness",
    "random_contrast",
    "random_crop",
    "random_flip_left_right",
    "random_flip_up_down",
    "random_hue",
    "random_saturation",
    "resize",
    "resize_area",
    "resize_bicubic",
    "resize_bilinear",
    "resize_image_with_crop_or_pad",
    "resize_image_with_pad",
    "resize_images",
    "resize_nearest_neighbor",
    "resize_with_crop_or_pad",
    "rgb_to_grayscale",
    "rgb_to_hsv",
    "rgb_to_yiq",
    "rgb_to_yuv",
    "rot90",
    "rotate",
    "sobel_edges",
    "space_to_batch",
    "ssim",
    "ssim_multiscale",
    "total_variation",
    "transform",
    "translate",
    "transpose",
    "transpose_image",
    "yiq_to_rgb",
    "yuv_to_rgb",
]

FAMILY = "Pictures"


def __getattr__(name: str) -> Any:
    if name in REGISTRY and REGISTRY.lookup(name).category == FAMILY:
        return getattr(F, name)
    raise AttributeError(unknown(name, __all__, "image"))


def __dir__() -> list[str]:
    return sorted(__all__)


# ---- turning ------------------------------------------------------------------------------------


def flip_left_right(image: Any) -> Tensor:
    """Mirror pictures from left to right."""
    return F.flip_left_right(image)


def flip_up_down(image: Any) -> Tensor:
    """Turn pictures upside down."""
    return F.flip_up_down(image)


def rot90(image: Any, k: int = 1, name: str | None = None) -> Tensor:
    """Rotate pictures k times by 90 degrees, counterclockwise."""
    return F.rot90(image, k=k, name=name)


def transpose_image(image: Any, name: str | None = None) -> Tensor:
    """Swap rows and columns of pictures."""
    return F.swap_axes(image, axis1=-3, axis2=-2, name=name or "transpose_image")


transpose = transpose_image


def rotate(
    images: Any,
    angles: Any,
    interpolation: str = "NEAREST",
    fill_mode: str = "constant",
    name: str | None = None,
    fill_value: float = 0.0,
) -> Tensor:
    """Rotate pictures by angles in radians, counterclockwise: `tf.contrib.image.rotate`.

    Args:
        angles: one number, or one for each picture.
        interpolation: "NEAREST" or "BILINEAR".
        fill_mode: values beyond the border, "constant", "reflect", "wrap" or "nearest".
    """
    x = tensor(images)
    return F.rotate(
        x, angle=_floats(angles, x), interpolation=interpolation.lower(),
        fill_mode=fill_mode.lower(), fill_value=fill_value, name=name,
    )  # fmt: skip


def _floats(value: Any, x: Tensor) -> Tensor:
    """Return numbers as a float tensor, to be combined with pictures."""
    kind = x.dtype if x.type.is_float else "float32"
    return value if isinstance(value, Tensor) else tensor(np.asarray(value, kind), x)


def transform(
    images: Any,
    transforms: Any,
    interpolation: str = "NEAREST",
    output_shape: Any = None,
    name: str | None = None,
    fill_mode: str = "constant",
    fill_value: float = 0.0,
) -> Tensor:
    """Transform pictures projectively by eight numbers: `tf.contrib.image.transform`.

    Args:
        transforms: a0, a1, a2, b0, b1, b2, c0, c1, or a row of them for each picture.
        output_shape: height and width of the result, if they differ.
    """
    x = tensor(images)
    return F.projective_transform(
        x, _floats(transforms, x), interpolation=interpolation.lower(),
        size=None if output_shape is None else pair("output_shape", output_shape),
        fill_mode=fill_mode.lower(), fill_value=fill_value, name=name,
    )  # fmt: skip


def translate(
    images: Any, translations: Any, interpolation: str = "NEAREST", name: str | None = None
) -> Tensor:
    """Shift pictures by dx and dy pixels, to the right and down: `tf.contrib.image.translate`.

    Args:
        translations: [dx, dy], or a row of them for each picture.
    """
    x = tensor(images)
    shift = _floats(translations, x)
    with scoped(name, "translate", [x]):
        dx, dy = F.unstack(F.reshape(shift, (-1, 2)), num=2, axis=1)
        one, zero = F.ones_like(dx), F.zeros_like(dx)
        moves = F.stack([one, zero, -dx, zero, one, -dy, zero, zero], axis=1)
        return transform(x, moves, interpolation)


def random_flip_left_right(image: Any, seed: int | None = None) -> Tensor:
    """Mirror each picture from left to right with probability 1/2, in every run."""
    return F.random_flip_left_right(image, seed=seed)


def random_flip_up_down(image: Any, seed: int | None = None) -> Tensor:
    """Turn each picture upside down with probability 1/2, in every run."""
    return F.random_flip_up_down(image, seed=seed)


# ---- colours ------------------------------------------------------------------------------------


def convert_image_dtype(
    image: Any, dtype: Any, saturate: bool = False, name: str | None = None
) -> Tensor:
    """Convert pictures to another dtype and its range: 0 to 1 for floats, 0 to max for integers."""
    return F.convert_image_dtype(image, dtype=dtype, saturate=saturate, name=name)


def rgb_to_grayscale(images: Any, name: str | None = None) -> Tensor:
    """Return 0.2989 red + 0.587 green + 0.114 blue, in one channel."""
    return F.rgb_to_grayscale(images, name=name)


def grayscale_to_rgb(images: Any, name: str | None = None) -> Tensor:
    """Repeat the one channel three times."""
    return F.grayscale_to_rgb(images, name=name)


def rgb_to_hsv(images: Any, name: str | None = None) -> Tensor:
    """Convert red, green and blue to hue, saturation and value, from 0 to 1."""
    return F.rgb_to_hsv(images, name=name)


def hsv_to_rgb(images: Any, name: str | None = None) -> Tensor:
    """Convert hue, saturation and value to red, green and blue."""
    return F.hsv_to_rgb(images, name=name)


def rgb_to_yiq(images: Any) -> Tensor:
    """Convert red, green and blue to luma Y and chroma I, Q."""
    return F.rgb_to_yiq(images)


def yiq_to_rgb(images: Any) -> Tensor:
    """Convert luma Y and chroma I, Q to red, green and blue."""
    return F.yiq_to_rgb(images)


def rgb_to_yuv(images: Any) -> Tensor:
    """Convert red, green and blue to luma Y and chroma U, V."""
    return F.rgb_to_yuv(images)


def yuv_to_rgb(images: Any) -> Tensor:
    """Convert luma Y and chroma U, V to red, green and blue."""
    return F.yuv_to_rgb(images)


def adjust_brightness(image: Any, delta: Any) -> Tensor:
    """Return image + delta. Integers are scaled to 0 to 1."""
    return F.adjust_brightness(image, delta=delta)


def adjust_contrast(images: Any, contrast_factor: Any) -> Tensor:
    """Return (x - mean) * contrast_factor + mean, with the mean of each channel of each picture."""
    return F.adjust_contrast(images, contrast_factor=contrast_factor)


def adjust_gamma(image: Any, gamma: Any = 1, gain: float = 1) -> Tensor:
    """Return gain * image ** gamma. Integers are scaled to 0 to 1."""
    return F.adjust_gamma(image, gamma=gamma, gain=gain)


def adjust_hue(image: Any, delta: Any, name: str | None = None) -> Tensor:
    """Shift the hue of colours by delta, a fraction of the colour circle."""
    return F.adjust_hue(image, delta=delta, name=name)


def adjust_saturation(image: Any, saturation_factor: Any, name: str | None = None) -> Tensor:
    """Multiply the saturation of colours by a factor."""
    return F.adjust_saturation(image, saturation_factor=saturation_factor, name=name)


def random_brightness(image: Any, max_delta: float, seed: int | None = None) -> Tensor:
    """Apply `adjust_brightness` to all pictures, by a random number in [-max_delta, max_delta]."""
    return F.random_brightness(image, max_delta=max_delta, seed=seed)


def random_contrast(image: Any, lower: float, upper: float, seed: int | None = None) -> Tensor:
    """Apply `adjust_contrast` by one random factor between lower and upper for all pictures."""
    return F.random_contrast(image, lower=lower, upper=upper, seed=seed)


def random_hue(image: Any, max_delta: float, seed: int | None = None) -> Tensor:
    """Apply `adjust_hue` by one random number in [-max_delta, max_delta] for all pictures."""
    return F.random_hue(image, max_delta=max_delta, seed=seed)


def random_saturation(image: Any, lower: float, upper: float, seed: int | None = None) -> Tensor:
    """Apply `adjust_saturation` by one random factor between lower and upper for all pictures."""
    return F.random_saturation(image, lower=lower, upper=upper, seed=seed)


def per_image_standardization(image: Any) -> Tensor:
    """Normalize each picture to mean 0 and variance 1. Integers become float32."""
    return F.per_image_standardization(image)


# ---- measures -----------------------------------------------------------------------------------


def total_variation(images: Any, name: str | None = None) -> Tensor:
    """Sum the absolute differences of neighbouring pixels of each picture."""
    return F.total_variation(images, name=name)


def image_gradients(image: Any) -> Sequence[Tensor]:
    """Return the difference to the next pixel, downwards and to the right: (dy, dx)."""
    return F.image_gradients(image)


def sobel_edges(image: Any) -> Tensor:
    """Apply Sobel's edge filters downwards and to the right, along a new last axis."""
    return F.sobel_edges(image)


def psnr(a: Any, b: Any, max_val: float, name: str | None = None) -> Tensor:
    """Return the peak signal-to-noise ratio of pictures in decibels."""
    return F.psnr(a, b, max_val=max_val, name=name)


def ssim(
    img1: Any,
    img2: Any,
    max_val: float,
    filter_size: int = 11,
    filter_sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
) -> Tensor:
    """Return the structural similarity of pictures, 1 where they are equal."""
    return F.ssim(
        img1, img2, max_val=max_val, filter_size=filter_size, filter_sigma=filter_sigma, k1=k1,
        k2=k2,
    )  # fmt: skip


def ssim_multiscale(
    img1: Any,
    img2: Any,
    max_val: float,
    power_factors: Sequence[float] = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333),
    filter_size: int = 11,
    filter_sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
) -> Tensor:
    """Return the structural similarity of pictures at several scales, each to its power."""
    return F.ssim_multiscale(
        img1, img2, max_val=max_val, power_factors=list(power_factors), filter_size=filter_size,
        filter_sigma=filter_sigma, k1=k1, k2=k2,
    )  # fmt: skip


def non_max_suppression(
    boxes: Any,
    scores: Any,
    max_output_size: int,
    iou_threshold: float = 0.5,
    score_threshold: float = float("-inf"),
    name: str | None = None,
) -> Tensor:
    """Return the indices of the boxes (n, 4) to keep, the highest score first.

    Args:
        max_output_size: the largest number of boxes.
        iou_threshold: a box that overlaps a better one by more is left out.
        score_threshold: only boxes with a higher score are kept.
    """
    least = None if score_threshold == float("-inf") else score_threshold
    return F.non_max_suppression(
        boxes, scores, max_output_size=max_output_size, iou_threshold=iou_threshold,
        score_threshold=least, name=name,
    )  # fmt: skip


publish(globals(), __all__)
