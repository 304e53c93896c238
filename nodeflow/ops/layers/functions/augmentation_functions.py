"""Augmentation of `nf.layers`: random changes of pictures in training, with Keras's defaults.

Each picture of (rows, height, width, channels) has its own draws. ``training`` is a bool or a bool
tensor. None leaves it to the run: a run that executes an optimizer's update changes pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nodeflow.graph.graph import Tensor
from nodeflow.ops.layers.functions.layer_calls import layer


def random_flip(
    inputs: Any,
    mode: str = "horizontal_and_vertical",
    seed: int | None = None,
    training: Any = None,
    name: str | None = None,
) -> Tensor:
    """Mirror each picture at random: "horizontal", "vertical", or both."""
    return layer("random_flip", locals())


def random_rotation(
    inputs: Any,
    factor: float,
    fill_mode: str = "reflect",
    interpolation: str = "bilinear",
    seed: int | None = None,
    fill_value: float = 0.0,
    training: Any = None,
    name: str | None = None,
) -> Tensor:
    """Rotate each picture by a random angle between -factor and factor turns.

    Args:
        fill_mode: values beyond the border, "constant", "reflect", "wrap" or "nearest".
        interpolation: "bilinear" or "nearest".
    """
    return layer("random_rotation", locals())


def random_translation(
    inputs: Any,
    height_factor: float,
    width_factor: float,
    fill_mode: str = "reflect",
    interpolation: str = "bilinear",
    seed: int | None = None,
    fill_value: float = 0.0,
    training: Any = None,
    name: str | None = None,
) -> Tensor:
    """Shift each picture at random, at most by these fractions of its height and width."""
    return layer("random_translation", locals())


def random_zoom(
    inputs: Any,
    height_factor: float,
    width_factor: float | None = None,
    fill_mode: str = "reflect",
    interpolation: str = "bilinear",
    seed: int | None = None,
    fill_value: float = 0.0,
    training: Any = None,
    name: str | None = None,
) -> Tensor:
    """Zoom each picture at random, at most by these factors; None keeps the aspect ratio."""
    return layer("random_zoom", locals())


def random_contrast(
    inputs: Any,
    factor: float,
    seed: int | None = None,
    training: Any = None,
    name: str | None = None,
) -> Tensor:
    """Multiply the contrast of each picture by a random number from 1 - factor to 1 + factor."""
    return layer("random_contrast", locals())


def random_brightness(
    inputs: Any,
    factor: float,
    value_range: Sequence[float] = (0.0, 1.0),
    seed: int | None = None,
    training: Any = None,
    name: str | None = None,
) -> Tensor:
    """Make each picture brighter or darker, at most by factor times the span of its values.

    Args:
        value_range: smallest and largest value, to which pictures are clipped; 0 and 255 in Keras.
    """
    return layer("random_brightness", locals())


def random_crop(
    inputs: Any,
    height: int,
    width: int,
    seed: int | None = None,
    training: Any = None,
    name: str | None = None,
) -> Tensor:
    """Crop each picture to a random part in training, otherwise to its central part."""
    return layer("random_crop", locals())
