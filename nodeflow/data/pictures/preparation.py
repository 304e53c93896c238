"""Prepares a picture for a graph, above all a drawn digit as MNIST's digits were prepared.

A grey picture is a float array of two axes, 0 for black to 1 for white. What is written or drawn in
it is light on dark, as in MNIST; `light_on_dark` brings other pictures there.
"""

from __future__ import annotations

import math

import numpy as np

from nodeflow.graph.types import FLOATS, TensorType

WAYS = ("plain", "mnist")
"""How a picture is prepared: resized as a whole, or as MNIST's digits were."""
MNIST_SIDE = 28
MNIST_BOX = 20 / MNIST_SIDE
"""The longer side of a digit as a part of the picture: 20 of 28 pixels."""
FAINT = 0.1
"""What is darker than this part of the brightest pixel is ground and not ink."""
LUMA = (0.299, 0.587, 0.114)
"""What red, green and blue contribute to the brightness of a pixel (ITU-R BT.601)."""
SMALLEST_PHOTO = 64
"""Pictures with shorter sides have one ground; larger ones may be photos with shadows."""
GROUND_SAMPLES = 64
"""So many pixels of each side decide what the ground is."""
GROUND_PART = 0.5
"""Part of a picture that is ground at least, however much ink there is."""
GROUND_LIMIT = 0.3
"""What rises above the ground by less than this part of the ink is ground, too."""
GROUND_ROUNDS = 4
LEAST_CONTRAST = 0.02
"""Ink that differs less from its ground is none."""
BORDER = 0.05
"""The part of each side that counts as border."""


def picture_size(type_: TensorType) -> tuple[int, int, tuple[int, ...]] | None:
    """Height, width and full shape of one grey picture that fits a placeholder, or None.

    Placeholders that fit are floats of shape (?, n) with a square n, (?, h, w), (?, h, w, 1), and
    the same without the batch axis. An unknown first size is 1.
    """
    if not type_.has_rank or type_.dtype not in FLOATS:
        return None
    filled = [1 if d is None and axis == 0 else d for axis, d in enumerate(type_.shape)]
    shape = tuple(d for d in filled if d is not None)
    inner = [d for d in shape if d != 1]
    if len(shape) != len(filled):
        return None
    if len(inner) == 1 and math.isqrt(inner[0]) ** 2 == inner[0]:
        side = math.isqrt(inner[0])
        return side, side, shape
    return (inner[0], inner[1], shape) if len(inner) == 2 else None


def prepare(grey: np.ndarray, way: str, height: int, width: int) -> np.ndarray:
    """A grey picture, light on dark, as (height, width) float32 from 0 to 1.

    Args:
        way: one of `WAYS`.
    """
    if way == "mnist":
        return prepare_mnist(grey, height, width)
    return resize(grey, height, width).clip(0, 1).astype(np.float32)


def prepare_mnist(
    grey: np.ndarray, height: int = MNIST_SIDE, width: int = MNIST_SIDE
) -> np.ndarray:
    """A digit, light on dark, as MNIST prepared its digits: (height, width) float32 from 0 to 1.

    The box around the ink is fitted into 20 x 20 pixels of 28 x 28, with its aspect ratio and
    antialiased, and moved by whole pixels so that its centre of mass is in the pixel in the middle.
    Of a picture without ink all is 0.

    >>> prepare_mnist(np.eye(100)).shape
    (28, 28)
    """
    field = np.zeros((height, width), np.float32)
    ink = _cropped(np.asarray(grey, np.float64))
    if ink is None:
        return field
    scale = min(height * MNIST_BOX / ink.shape[0], width * MNIST_BOX / ink.shape[1])
    rows, columns = (max(1, round(side * scale)) for side in ink.shape)
    digit = resize(ink, rows, columns).clip(0, None)
    top, left = (
        min(max(0, math.floor(side // 2 - centre + 0.5)), side - len_)
        for side, centre, len_ in zip(field.shape, _centre_of_mass(digit), digit.shape)
    )
    field[top : top + rows, left : left + columns] = digit / digit.max()
    return field


def _cropped(grey: np.ndarray) -> np.ndarray | None:
    """The box around the ink, without faint ground; None if there is no ink."""
    top = grey.max(initial=0.0)
    if not top > 0:
        return None
    ink = np.where(grey > FAINT * top, grey, 0.0)
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _centre_of_mass(values: np.ndarray) -> tuple[float, float]:
    total = values.sum()
    y = (values.sum(axis=1) * np.arange(values.shape[0])).sum() / total
    x = (values.sum(axis=0) * np.arange(values.shape[1])).sum() / total
    return float(y), float(x)


def resize(grey: np.ndarray, height: int, width: int) -> np.ndarray:
    """A picture of another size, linearly interpolated, and antialiased where it gets smaller."""
    values = np.asarray(grey, np.float64)
    return _weights(values.shape[0], height) @ values @ _weights(values.shape[1], width).T


def _weights(old: int, new: int) -> np.ndarray:
    """(new, old): the part that each old pixel has in each new one, a triangle around it."""
    if old == new:
        return np.eye(old)
    scale = old / new
    reach = max(1.0, scale)
    centres = (np.arange(new) + 0.5) * scale
    distance = np.abs(centres[:, None] - (np.arange(old) + 0.5)[None, :])
    weights = np.maximum(0.0, 1.0 - distance / reach)
    return weights / weights.sum(axis=1, keepdims=True)


def grey_of(rgba: np.ndarray) -> np.ndarray:
    """A picture of (height, width, 4) bytes as grey; what is transparent is ground.

    The ground is white under ink that is dark, and black under ink that is light.
    """
    values = np.asarray(rgba, np.float64) / 255.0
    grey, alpha = values[..., :3] @ LUMA, values[..., 3]
    opacity = alpha.sum()
    if opacity in (0.0, alpha.size):
        return grey * alpha
    ground = 1.0 if (grey * alpha).sum() / opacity < 0.5 else 0.0
    return grey * alpha + ground * (1.0 - alpha)


def is_dark_on_light(grey: np.ndarray) -> bool:
    """Whether a picture looks like ink on paper: most of its border is lighter than its middle."""
    border = _border(np.asarray(grey, np.float64))
    return float(np.median(border)) > 0.5


def light_on_dark(grey: np.ndarray, invert: bool | None = None) -> np.ndarray:
    """A picture of ink with its ground at 0 and its ink at 1; with a light ground, as it is.

    Args:
        invert: whether it is dark on light; None finds out by `is_dark_on_light`.
    """
    values = np.asarray(grey, np.float64)
    if is_dark_on_light(values) if invert is None else invert:
        values = 1.0 - values
    if float(np.median(_border(values))) > 0.5:
        return values
    values = values - _ground(values)
    span = float(values.max(initial=0.0))
    return (values / span).clip(0, 1) if span > LEAST_CONTRAST else np.zeros_like(values)


def _ground(values: np.ndarray) -> np.ndarray | float:
    """The brightness of the ground; in a photo it is a curved surface, fitted beside the ink."""
    if min(values.shape) < SMALLEST_PHOTO:
        return float(np.median(_border(values)))
    rows, columns = (np.arange(0, side, max(1, side // GROUND_SAMPLES)) for side in values.shape)
    sampled = values[np.ix_(rows, columns)].ravel()
    surface = _terms(rows / values.shape[0], columns / values.shape[1])
    is_ground = sampled <= np.quantile(sampled, GROUND_PART)
    for _ in range(GROUND_ROUNDS):
        factors = np.linalg.lstsq(surface[is_ground], sampled[is_ground], rcond=None)[0]
        rest = sampled - surface @ factors
        is_ground = rest < GROUND_LIMIT * max(float(rest.max()), LEAST_CONTRAST)
    whole = _terms(*(np.arange(side) / side for side in values.shape))
    return (whole @ factors).reshape(values.shape)


def _terms(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """(points, 6): the terms of a quadratic surface at every point of a grid."""
    y, x = (axis.ravel() for axis in np.meshgrid(y, x, indexing="ij"))
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1)


def _border(grey: np.ndarray) -> np.ndarray:
    """The pixels along the four edges."""
    if grey.size == 0:
        return np.zeros(1)
    rows, columns = (max(1, round(side * BORDER)) for side in grey.shape)
    parts = (grey[:rows], grey[-rows:], grey[:, :columns], grey[:, -columns:])
    return np.concatenate([part.ravel() for part in parts])
