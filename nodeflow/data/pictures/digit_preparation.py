"""The preparation of a picture for a graph, mainly of a drawn digit, like the digits of MNIST.

A grey picture is a float array of two axes, 0 for black to 1 for white. Ink is light on dark, as in
MNIST; `light_on_dark` converts other pictures.
"""

from __future__ import annotations

import math

import numpy as np

from nodeflow.graph.types import FLOATS, TensorType

WAYS = ("plain", "mnist")
"""The ways to prepare a picture: resized as a whole, or like MNIST's digits."""
MNIST_SIDE = 28
MNIST_BOX = 20 / MNIST_SIDE
"""The longer side of a digit relative to the picture: 20 of 28 pixels."""
FAINT = 0.1
"""Brightness, relative to the brightest pixel, below which a pixel is background, not ink."""
LUMA = (0.299, 0.587, 0.114)
"""The weights of red, green and blue in the brightness of a pixel (ITU-R BT.601)."""
SMALLEST_PHOTO = 64
"""Pictures with shorter sides have a uniform background; larger ones may be photos with shadows."""
GROUND_SAMPLES = 64
"""The number of pixels per side that determine the background."""
GROUND_PART = 0.5
"""The fraction of a picture that is surely background, however much ink there is."""
GROUND_LIMIT = 0.3
"""A pixel that exceeds the background by less than this fraction of the ink is background."""
GROUND_ROUNDS = 4
LEAST_CONTRAST = 0.02
"""The smallest difference between ink and background."""
BORDER = 0.05
"""The fraction of each side that counts as border."""


def picture_size(type_: TensorType) -> tuple[int, int, tuple[int, ...]] | None:
    """Return height, width and full shape of one grey picture that fits a placeholder, or None.

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
    """Return a grey picture, light on dark, as (height, width) float32 from 0 to 1.

    Args:
        way: one of `WAYS`.
    """
    if way == "mnist":
        return prepare_mnist(grey, height, width)
    return resize(grey, height, width).clip(0, 1).astype(np.float32)


def prepare_mnist(
    grey: np.ndarray, height: int = MNIST_SIDE, width: int = MNIST_SIDE
) -> np.ndarray:
    """Return a digit, light on dark, prepared like MNIST: (height, width) float32 from 0 to 1.

    The box around the ink is scaled to 20 x 20 of 28 x 28 pixels, keeping its aspect ratio, with
    antialiasing. It is moved by whole pixels so that its centre of mass is in the middle pixel. A
    picture without ink becomes 0 everywhere.

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
    """Return the part of a picture that has ink, without faint background; None if there is no
    ink.
    """
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
    """Return a resized picture: linearly interpolated, and antialiased if it gets smaller."""
    values = np.asarray(grey, np.float64)
    return _weights(values.shape[0], height) @ values @ _weights(values.shape[1], width).T


def _weights(old: int, new: int) -> np.ndarray:
    """Return the weights, (new, old), of old pixels in each new pixel: a triangle around its
    centre.
    """
    if old == new:
        return np.eye(old)
    scale = old / new
    reach = max(1.0, scale)
    centres = (np.arange(new) + 0.5) * scale
    distance = np.abs(centres[:, None] - (np.arange(old) + 0.5)[None, :])
    weights = np.maximum(0.0, 1.0 - distance / reach)
    return weights / weights.sum(axis=1, keepdims=True)


def grey_of(rgba: np.ndarray) -> np.ndarray:
    """Return a picture of (height, width, 4) bytes as grey, with transparent parts as background.

    The background is white under dark ink, and black under light ink.
    """
    values = np.asarray(rgba, np.float64) / 255.0
    grey, alpha = values[..., :3] @ LUMA, values[..., 3]
    opacity = alpha.sum()
    if opacity in (0.0, alpha.size):
        return grey * alpha
    ground = 1.0 if (grey * alpha).sum() / opacity < 0.5 else 0.0
    return grey * alpha + ground * (1.0 - alpha)


def is_dark_on_light(grey: np.ndarray) -> bool:
    """Return whether a picture looks like ink on paper: most of its border is light."""
    border = _border(np.asarray(grey, np.float64))
    return float(np.median(border)) > 0.5


def light_on_dark(grey: np.ndarray, invert: bool | None = None) -> np.ndarray:
    """Return a picture with background 0 and ink 1; one that is already light on dark stays
    unchanged.

    Args:
        invert: whether it is dark on light; None applies `is_dark_on_light`.
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
    """Return the brightness of the background; in a photo, fit a curved surface to the area
    without ink.
    """
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
    """Return (points, 6): the terms of a quadratic surface at every point of a grid."""
    y, x = (axis.ravel() for axis in np.meshgrid(y, x, indexing="ij"))
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1)


def _border(grey: np.ndarray) -> np.ndarray:
    """Return the pixels along the four edges."""
    if grey.size == 0:
        return np.zeros(1)
    rows, columns = (max(1, round(side * BORDER)) for side in grey.shape)
    parts = (grey[:rows], grey[-rows:], grey[:, :columns], grey[:, -columns:])
    return np.concatenate([part.ravel() for part in parts])
