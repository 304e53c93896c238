"""Augmentation of `nf.layers`: other pictures at each step of training, with Keras's defaults.

Each picture of (rows, height, width, channels) has draws of its own. ``training`` is a bool or a
bool tensor; None leaves it to the run: one that executes an optimizer's update changes pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nodeflow.graph.graph import Tensor
from nodeflow.ops.layers.calls import layer


def random_flip(
    inputs: Any,
    mode: str = "horizontal_and_vertical",
    seed: int | None = None,
    training: Any = None,
    name: str | None = None,
) -> Tensor:
    """Each picture mirrored or not: "horizontal", "vertical", or both."""
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
    """Each picture turned by an angle between -factor and factor turns.

    Args:
        fill_mode: what is beyond the border, "constant", "reflect", "wrap" or "nearest".
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
    """Each picture shifted, at most by these shares of its height and width."""
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
    """Each picture larger or smaller by at most these shares; None keeps the ratio."""
    return layer("random_zoom", locals())


def random_contrast(
    inputs: Any,
    factor: float,
    seed: int | None = None,
    training: Any = None,
    name: str | None = None,
) -> Tensor:
    """The contrast of each picture times a number between 1 - factor and 1 + factor."""
    return layer("random_contrast", locals())


def random_brightness(
    inputs: Any,
    factor: float,
    value_range: Sequence[float] = (0.0, 1.0),
    seed: int | None = None,
    training: Any = None,
    name: str | None = None,
) -> Tensor:
    """Each picture brighter or darker by at most factor times the span of its values.

    Args:
        value_range: smallest and largest value, in which pictures stay; Keras has 0 and 255.
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
    """A part of each picture, somewhere; its middle when nothing is trained."""
    return layer("random_crop", locals())
