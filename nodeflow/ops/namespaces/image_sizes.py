"""Sizes and parts of `image`: resizing, cropping, padding, patches, blocks.

TensorFlow 1 resizes pictures with pixels as points, the first of which stays in place.
`half_pixel_centers` and `nf.resize` treat them as areas.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nodeflow.errors import ArgumentProblem, AttributeProblem, ShapeError
from nodeflow.graph.graph import Tensor
from nodeflow.graph.types import shape_text
from nodeflow.ops import functions as F
from nodeflow.ops.namespaces.arguments import padding_name, scoped, spatial, tensor


class ResizeMethod:
    """Interpolation methods of resizing."""

    BILINEAR = 0
    NEAREST_NEIGHBOR = 1
    BICUBIC = 2
    AREA = 3


_METHODS = {0: "linear", 1: "nearest", 2: "cubic", 3: "area", "bilinear": "linear",
            "nearest": "nearest", "bicubic": "cubic", "area": "area"}  # fmt: skip


def pair(name: str, size: Any) -> tuple[int, int]:
    """Return two integers, which may come from a tensor with known values.

    Raises:
        ArgumentProblem: they are not two known numbers.
    """
    found = size
    if isinstance(size, Tensor):
        found = size.type.array
    if found is None or np.shape(found) != (2,):
        raise ArgumentProblem(
            f"{name} must be two numbers that are known when the graph is made",
            port=name,
            hint="Give (height, width) as numbers.",
        )
    return int(found[0]), int(found[1])


def _resized(
    images: Any, size: Any, method: str, align_corners: bool, name: str, *, halves: bool = False
) -> Tensor:
    """Return resized pictures. Integers become float32, except with the nearest method."""
    x, new = tensor(images), pair("size", size)
    if len(x.shape) not in (3, 4):
        raise ShapeError(
            f"images of shape {shape_text(x.shape)} are not (rows, height, width, channels)",
            port="images",
        )
    if not x.type.is_float and method != "nearest":
        x = F.cast(x, dtype="float32")
    old = "half_pixel" if halves else "asymmetric"
    return F.interpolate(
        x, sizes=new, axes=(-3, -2), method=method,
        coordinates="align_corners" if align_corners else old,
        rounding="round_prefer_ceil" if align_corners else "floor", name=name,
    )  # fmt: skip


def resize_images(
    images: Any,
    size: Any,
    method: Any = ResizeMethod.BILINEAR,
    align_corners: bool = False,
    preserve_aspect_ratio: bool = False,
    name: str | None = None,
) -> Tensor:
    """Resize pictures as TensorFlow 1 does: pixels are points, and the first one stays in place.

    `nf.resize` treats pixels as areas instead, as other programs and TensorFlow 2 do.

    Args:
        images: (rows, height, width, channels), or one picture.
        size: new height and width.
        method: one of `ResizeMethod`, or "bilinear", "nearest", "bicubic", "area".
        align_corners: the last pixel also stays in place.
        preserve_aspect_ratio: use the largest size within ``size`` with the same ratio.

    Returns:
        float32 for integers, unless the size stays the same or the method is nearest.

    Raises:
        ArgumentProblem: ``size`` is unknown.
        AttributeProblem: there is no such method.
        ShapeError: images are no pictures, or their height or width is unknown.
    """
    x, new = tensor(images), pair("size", size)
    if method not in _METHODS:
        raise AttributeProblem(f"there is no resize method {method!r}", port="method")
    if preserve_aspect_ratio:
        height, width = x.shape[-3:-1]
        if not height or not width:
            raise ShapeError("preserve_aspect_ratio needs a known height and width")
        ratio = min(np.float32(new[0] / height), np.float32(new[1] / width))
        new = int(np.round(ratio * height)), int(np.round(ratio * width))
    if x.shape[-3:-1] == new:
        return F.identity(x, name=name or "resize")
    return _resized(x, new, _METHODS[method], align_corners, name or "resize")


resize = resize_images


def resize_bilinear(
    images: Any,
    size: Any,
    align_corners: bool = False,
    name: str | None = None,
    half_pixel_centers: bool = False,
) -> Tensor:
    """Resize pictures by linear interpolation; arguments are the same as for `resize_images`.

    Args:
        half_pixel_centers: treat pixels as areas, with centres at a half.
    """
    return _resized(images, size, "linear", align_corners, name or "resize_bilinear",
                    halves=half_pixel_centers)  # fmt: skip


def resize_nearest_neighbor(
    images: Any,
    size: Any,
    align_corners: bool = False,
    name: str | None = None,
    half_pixel_centers: bool = False,
) -> Tensor:
    """Resize pictures of any dtype to the nearest pixels; arguments are the same as for
    `resize_bilinear`.
    """
    x, new = tensor(images), pair("size", size)
    if half_pixel_centers:  # the pixel that contains the centre of the new one
        return F.interpolate(
            x, sizes=new, axes=(-3, -2), method="nearest", coordinates="half_pixel",
            rounding="round_prefer_ceil", name=name or "resize_nearest_neighbor",
        )  # fmt: skip
    return _resized(x, new, "nearest", align_corners, name or "resize_nearest_neighbor")


def resize_bicubic(
    images: Any,
    size: Any,
    align_corners: bool = False,
    name: str | None = None,
    half_pixel_centers: bool = False,
) -> Tensor:
    """Resize pictures by Keys's cubics; arguments are the same as for `resize_bilinear`.

    The coefficient is -0.75. With half_pixel_centers it is -0.5, and pixels beyond the border are
    left out. TensorFlow rounds places between pixels to 1 / 1024; here they are exact.
    """
    if not half_pixel_centers:
        return _resized(images, size, "cubic", align_corners, name or "resize_bicubic")
    x = tensor(images)
    return F.interpolate(
        x if x.type.is_float else F.cast(x, dtype="float32"), sizes=pair("size", size),
        axes=(-3, -2), method="cubic", cubic_coefficient=-0.5, exclude_outside=True,
        name=name or "resize_bicubic",
    )  # fmt: skip


def resize_area(
    images: Any, size: Any, align_corners: bool = False, name: str | None = None
) -> Tensor:
    """Resize pictures by the mean over the area of each new pixel."""
    return _resized(images, size, "area", align_corners, name or "resize_area")


def resize_image_with_crop_or_pad(image: Any, target_height: int, target_width: int) -> Tensor:
    """Crop larger pictures to their central part, and pad smaller ones with zeros."""
    return F.resize_with_crop_or_pad(
        image, target_height=target_height, target_width=target_width,
        name="resize_image_with_crop_or_pad",
    )  # fmt: skip


resize_with_crop_or_pad = resize_image_with_crop_or_pad


def resize_image_with_pad(
    image: Any,
    target_height: int,
    target_width: int,
    method: Any = ResizeMethod.BILINEAR,
    align_corners: bool = False,
) -> Tensor:
    """Resize to the largest size with the same ratio, by `resize_images`, and pad with zeros."""
    x = tensor(image)
    height, width = x.shape[-3:-1]
    if not height or not width:
        raise ShapeError("resize_image_with_pad needs a known height and width")
    ratio = max(width / target_width, height / target_height)
    sizes = height / ratio, width / ratio
    top = max(int((target_height - sizes[0]) // 2), 0)
    left = max(int((target_width - sizes[1]) // 2), 0)
    with scoped(None, "resize_image_with_pad", [x]):
        small = resize_images(x, [int(s) for s in sizes], method, align_corners)
        return pad_to_bounding_box(small, top, left, target_height, target_width)


# ---- parts --------------------------------------------------------------------------------------


def central_crop(image: Any, central_fraction: float) -> Tensor:
    """Crop pictures to their central part: ``central_fraction`` of height and width."""
    return F.central_crop(image, central_fraction=central_fraction)


def crop_to_bounding_box(
    image: Any, offset_height: Any, offset_width: Any, target_height: int, target_width: int
) -> Tensor:
    """Crop pictures at an offset, which may be a tensor.

    Raises:
        ShapeError: the part exceeds the picture.
    """
    x = tensor(image)
    lead = len(x.shape) - 3
    begin = [*[0] * lead, offset_height, offset_width, 0]
    size = [*x.shape[:lead], target_height, target_width, x.shape[-1]]
    return F.slice(
        x, begin, size=[-1 if s is None else s for s in size], name="crop_to_bounding_box"
    )


def pad_to_bounding_box(
    image: Any, offset_height: int, offset_width: int, target_height: int, target_width: int
) -> Tensor:
    """Place pictures at an offset in a larger one of zeros.

    Raises:
        ShapeError: the picture does not fit.
    """
    x = tensor(image)
    pairs = [(0, 0)] * (len(x.shape) - 3)
    offsets, targets = (offset_height, offset_width), (target_height, target_width)
    for before, size, target in zip(offsets, x.shape[-3:-1], targets, strict=True):
        if size is None:
            raise ShapeError("pad_to_bounding_box needs a known height and width")
        if before < 0 or target - before - size < 0:
            raise ShapeError(f"{size} pixels at offset {before} do not fit into {target}")
        pairs.append((before, target - before - size))
    return F.pad(x, paddings=[*pairs, (0, 0)], name="pad_to_bounding_box")


def random_crop(value: Any, size: Any, seed: int | None = None, name: str | None = None) -> Tensor:
    """Return a part of a tensor with the given size per axis, at a random place."""
    return F.random_crop(value, size=size, seed=seed, name=name)


def crop_and_resize(
    image: Any,
    boxes: Any,
    box_ind: Any = None,
    crop_size: Any = None,
    method: str = "bilinear",
    extrapolation_value: float = 0,
    name: str | None = None,
    box_indices: Any = None,
) -> Tensor:
    """Crop boxes (n, 4), y1, x1, y2, x2 from 0 to 1, from pictures and resize them to one size.

    Args:
        image: (rows, height, width, channels).
        box_ind: the row of each box, (n,).
        crop_size: new height and width.
        extrapolation_value: value outside the picture.
        box_indices: another name of ``box_ind``.
    """
    rows = box_ind if box_indices is None else box_indices
    if rows is None or crop_size is None:
        raise ArgumentProblem("crop_and_resize needs box_ind and crop_size")
    return F.crop_and_resize(
        image, tensor(boxes), tensor(rows), crop_size=pair("crop_size", crop_size), method=method,
        extrapolation_value=extrapolation_value, name=name,
    )  # fmt: skip


def extract_glimpse(
    input: Any,
    size: Any,
    offsets: Any,
    centered: bool = True,
    normalized: bool = True,
    uniform_noise: bool = True,
    name: str | None = None,
) -> Tensor:
    """Return a window of each picture around a point, with noise outside the picture."""
    noise = "uniform" if uniform_noise else "gaussian"
    return F.extract_glimpse(
        input, offsets, size=pair("size", size), centered=centered, normalized=normalized,
        noise=noise, name=name,
    )  # fmt: skip


def extract_image_patches(
    images: Any,
    ksizes: Any = None,
    strides: Any = None,
    rates: Any = None,
    padding: Any = None,
    name: str | None = None,
    sizes: Any = None,
) -> Tensor:
    """Return sliding windows as channels: (rows, windows down, windows across, window elements).

    Args:
        ksizes: size of a window, [1, height, width, 1].
        strides: steps between windows, [1, height, width, 1].
        rates: distance between the pixels of a window, [1, height, width, 1].
        padding: "SAME" or "VALID".
        sizes: another name of ``ksizes``.
    """
    window = sizes if ksizes is None else ksizes
    if window is None or padding is None:
        raise ArgumentProblem("extract_image_patches needs ksizes and padding")
    return F.image_patches(
        images, ksizes=spatial("ksizes", window, 2, "NHWC"), padding=padding_name(padding),
        strides=spatial("strides", strides, 2, "NHWC"), rates=spatial("rates", rates, 2, "NHWC"),
        name=name,
    )  # fmt: skip


def extract_patches(
    images: Any, sizes: Any, strides: Any, rates: Any, padding: Any, name: str | None = None
) -> Tensor:
    """Apply `extract_image_patches`, under its later name and arguments."""
    return extract_image_patches(images, sizes, strides, rates, padding, name)


def space_to_batch(
    input: Any,
    paddings: Any,
    block_size: int | None = None,
    name: str | None = None,
    block_shape: Any = None,
) -> Tensor:
    """Pad pictures, then gather pixels with the same place in their blocks into separate rows.

    Args:
        input: (rows, height, width, channels).
        paddings: [[top, bottom], [left, right]].
        block_size: height and width of a block; ``block_shape`` has both.
    """
    blocks = _blocks(block_size, block_shape)
    return F.space_to_batch_nd(input, block_shape=blocks, paddings=paddings, name=name)


def batch_to_space(
    input: Any,
    crops: Any,
    block_size: int | None = None,
    name: str | None = None,
    block_shape: Any = None,
) -> Tensor:
    """Invert `space_to_batch`: move rows to pixels of blocks, then cut off ``crops``."""
    blocks = _blocks(block_size, block_shape)
    return F.batch_to_space_nd(input, block_shape=blocks, crops=crops, name=name)


def _blocks(block_size: int | None, block_shape: Any) -> Any:
    if (block_size is None) == (block_shape is None):
        raise ArgumentProblem("give a block_size or a block_shape, and not both")
    return block_shape if block_size is None else (block_size, block_size)
