"""Calls of `tf.image`, and the figures that TensorFlow 2.15 (compat.v1) gives for them.

``python tensorflow_cases.py``, in an interpreter that has TensorFlow, writes them beside it.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

FIGURES = Path(__file__).with_name("tensorflow_figures.npz")


def numbers(*shape: int, dtype: str = "float32", low: float = 0.0, high: float = 1.0) -> np.ndarray:
    """Different numbers, from low to high."""
    unit = np.arange(1, math.prod(shape) + 1) * ((math.sqrt(5) - 1) / 2) % 1
    return (low + (high - low) * unit).astype(dtype).reshape(shape)


class Case(NamedTuple):
    """``tf.SPACE.FUNCTION(*inputs, **settings)``; what is nearly equal differs by `near`."""

    function: str
    inputs: tuple[Any, ...]
    settings: dict[str, Any]
    near: float = 2e-6


def byte(*shape: int) -> np.ndarray:
    return numbers(*shape, dtype="uint8", high=256)


PICTURE, COLOURS, BATCH = numbers(5, 6, 2), numbers(4, 5, 3), numbers(2, 5, 6, 3)
BOXES = np.array([[0.1, 0.2, 0.7, 0.9], [0.9, -0.2, 0.1, 0.6], [0.3, 0.4, 0.3, 1.3]], "float32")
SMALL = numbers(1, 5, 6, 2)
ROWS = np.array([1, 0, 1], "int32")
BLOCKS = np.array([[0, 0, 2, 2], [0.1, 0, 2, 2.1], [5, 5, 3, 3], [0, 0, 0, 3]], "float32")
WARP = [[0.9, -0.2, 0.6, 0.3, 1.1, -0.4, 0.03, -0.02], [1, 0, 1.5, 0, 1, -0.5, 0, 0]]


def sizes() -> list[Case]:
    found = []
    for name in ("resize_bilinear", "resize_nearest_neighbor", "resize_area", "resize_bicubic"):
        for size in ([10, 3], [2, 12], [5, 6], [3, 24], [7, 5]):
            for corners in (False, True):
                exact = size in ([10, 3], [5, 6], [2, 12]) and not corners
                near = 2e-6 if "cubic" not in name or exact else 2e-3
                how = {"size": size, "align_corners": corners}
                found.append(Case(f"image.{name}", (SMALL,), how, near))
            if name != "resize_area":
                near = 2e-6 if "cubic" not in name else 2e-3
                how = {"size": size, "half_pixel_centers": True}
                found.append(Case(f"image.{name}", (SMALL,), how, near))
    for method in range(4):
        found.append(
            Case("image.resize_images", (byte(5, 6, 2), [10, 3]), {"method": method}, 1e-3)
        )
    keep = {"preserve_aspect_ratio": True}
    return [
        *found,
        Case("image.resize_images", (PICTURE, [10, 9]), keep),
        Case("image.resize_images", (PICTURE, [5, 6]), {}),
        *(
            Case(f"image.{name}", (PICTURE, *target), {})
            for name in ("resize_image_with_crop_or_pad", "resize_image_with_pad")
            for target in ((3, 9), (8, 3), (8, 9), (2, 3))
        ),
        Case("image.central_crop", (PICTURE, 0.5), {}),
        Case("image.central_crop", (BATCH, 0.7), {}),
        Case("image.crop_to_bounding_box", (PICTURE, 1, 2, 3, 4), {}),
        Case("image.pad_to_bounding_box", (BATCH, 1, 2, 8, 9), {}),
    ]


def places() -> list[Case]:
    crop = {"boxes": BOXES, "box_ind": ROWS, "crop_size": [3, 4]}
    glimpse = {"size": [3, 2], "offsets": np.array([[0.1, -0.3], [-0.2, 0.3]], "float32")}
    whole = {"size": [2, 2], "offsets": np.array([[1.5, 2.0], [1.0, 3.2]], "float32")}
    return [
        Case("image.flip_left_right", (PICTURE,), {}),
        Case("image.flip_up_down", (BATCH,), {}),
        Case("image.transpose_image", (BATCH,), {}),
        *(Case("image.rot90", (x,), {"k": k}) for k in (-1, 1, 2, 3, 4) for x in (PICTURE, BATCH)),
        Case("image.crop_and_resize", (BATCH,), crop),
        Case("image.crop_and_resize", (BATCH,), {**crop, "method": "nearest"}),
        Case("image.crop_and_resize", (byte(2, 5, 6, 1),),
             {**crop, "extrapolation_value": 7.0}, 1e-3),
        Case("image.crop_and_resize", (BATCH,), {**crop, "crop_size": [1, 2]}),
        Case("image.extract_glimpse", (BATCH,), glimpse),
        Case("image.extract_glimpse", (BATCH,), {**whole, "centered": False, "normalized": False}),
        Case("image.extract_glimpse", (BATCH,), {"size": [2, 2], "offsets": np.array(
            [[0.4, -0.5], [-1.2, 0.3]], "float32"), "normalized": False}),
        *(
            Case("extract_image_patches", (BATCH,), {
                "ksizes": [1, 2, 3, 1], "strides": [1, 2, 1, 1], "rates": rates, "padding": padding,
            })
            for rates in ([1, 1, 1, 1], [1, 2, 1, 1])
            for padding in ("SAME", "VALID")
        ),
        *(
            Case(f"{way}_nd", (numbers(12, 4, 6, 2), [2, 3], [[1, 1], [2, 1]]), {})
            for way in ("space_to_batch", "batch_to_space")
        ),
        Case("space_to_batch", (numbers(2, 4, 6, 3), [[0, 0], [1, 1]]), {"block_size": 2}),
        Case("batch_to_space", (numbers(8, 2, 3, 3), [[1, 0], [0, 2]]), {"block_size": 2}),
        *(
            Case(way, (x, 2), {"data_format": form})
            for way in ("depth_to_space", "space_to_depth")
            for x, form in ((numbers(2, 4, 6, 8), "NHWC"),)
        ),
        Case("image.non_max_suppression", (BLOCKS, numbers(4)), {"max_output_size": 3}),
        Case("image.non_max_suppression", (BLOCKS, numbers(4)), {
            "max_output_size": 4, "iou_threshold": 0.1, "score_threshold": 0.3}),
    ]  # fmt: skip


def colours() -> list[Case]:
    kinds = "rgb_to_grayscale", "rgb_to_hsv", "hsv_to_rgb", "rgb_to_yuv", "yuv_to_rgb"
    dtypes = "float32", "float64", "uint8", "int32", "int64"
    return [
        *(Case(f"image.{name}", (COLOURS,), {}) for name in (*kinds, "rgb_to_yiq", "yiq_to_rgb")),
        Case("image.rgb_to_hsv", (np.array([[[0, 0, 0], [1, 1, 1], [0.2, 0.5, 0.5]]], "f4"),), {}),
        Case("image.rgb_to_grayscale", (byte(4, 5, 3),), {}),
        Case("image.grayscale_to_rgb", (numbers(4, 5, 1),), {}),
        *(
            Case(f"image.{name}", (x, by), {})
            for x in (COLOURS, byte(4, 5, 3))
            for name, amounts in {
                "adjust_brightness": (0.3, -0.2), "adjust_contrast": (0.4, 2.0),
                "adjust_saturation": (0.4, 2.0), "adjust_hue": (0.3, -0.4),
            }.items()
            for by in amounts
        ),
        Case("image.adjust_gamma", (COLOURS,), {"gamma": 1.7, "gain": 0.8}),
        Case("image.adjust_gamma", (byte(4, 5, 3),), {"gamma": 0.4}),
        Case("image.per_image_standardization", (BATCH,), {}),
        Case("image.per_image_standardization", (byte(4, 5, 3),), {}),
        Case("image.per_image_standardization", (np.full((4, 5, 3), 0.5, "float32"),), {}),
        *(
            Case("image.convert_image_dtype", (x, kind), {"saturate": saturate}, 1e-12)
            for x in (numbers(6), byte(6), np.array([0, 9, 2**30, 2**31 - 1], "int32"),
                      np.array([0, 2**40, 2**62], "int64"))
            for kind in dtypes
            for saturate in (False, True)
            if not (x.dtype == "float32" and kind in ("int32", "int64"))
        ),
    ]  # fmt: skip


def measures() -> list[Case]:
    x, y = numbers(2, 24, 26, 2), numbers(2, 24, 26, 2)[::-1] * 0.5 + 0.25
    small = {"max_val": 1.0, "filter_size": 3, "power_factors": (0.2, 0.3, 0.5)}
    return [
        Case("image.total_variation", (BATCH,), {}, 1e-4),
        Case("image.total_variation", (PICTURE,), {}, 1e-4),
        Case("image.sobel_edges", (BATCH,), {}),
        Case("image.psnr", (x, y), {"max_val": 1.0}, 2e-5),
        Case("image.psnr", (byte(2, 5, 6, 1), byte(2, 5, 6, 1)[::-1]), {"max_val": 255}, 2e-5),
        Case("image.ssim", (x, y), {"max_val": 1.0}, 2e-5),
        Case("image.ssim", (x, y), {"max_val": 2.0, "filter_size": 4, "filter_sigma": 0.7}, 2e-5),
        Case("image.ssim", (byte(16, 17, 3), byte(16, 17, 3)[::-1]), {"max_val": 255}, 2e-5),
        Case("image.ssim_multiscale", (x, x * 0.8 + 0.1), small, 2e-5),
    ]


CASES = [*sizes(), *places(), *colours(), *measures()]


def write() -> None:
    import tensorflow.compat.v1 as tf  # type: ignore[import-not-found]

    found = {}
    for number, case in enumerate(CASES):
        function: Any = tf
        for part in case.function.split("."):
            function = getattr(function, part)
        with tf.Graph().as_default(), tf.Session() as session:
            inputs = [tf.constant(x) if isinstance(x, np.ndarray) else x for x in case.inputs]
            found[f"{number:03d}"] = session.run(function(*inputs, **case.settings))
    np.savez_compressed(FIGURES, **found)


if __name__ == "__main__":
    write()
