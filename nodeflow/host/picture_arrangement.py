"""The arrangement of a tensor's elements as a picture, for nodes and for the Viewer."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from nodeflow.graph.types import is_half

TALL = 2
"""A matrix with more than this many times as many rows as columns is drawn transposed."""
STRIP = 24
"""The largest vector that is drawn as one strip. A longer vector fills several rows."""
TILE_ASPECT = 2.2
"""The preferred ratio of width to height of a vector in several rows."""
LARGEST_FILTER = 11
"""The largest n such that shape (n, n, channels, filters) counts as convolution weights."""


SAMPLED = 4096
"""The number of elements used for colour limits. Larger tensors are sampled regularly."""
MOST_CLIPPED = 0.005
"""The largest fraction of elements that may lie beyond the ends of the colours."""
FAR_OUT = 2.0
"""The colour limits move inwards if the ratio of extreme to usual value exceeds this."""


def measured(array: np.ndarray) -> np.ndarray:
    """Return the real numbers to plot: magnitudes of complex numbers, half floats as float32."""
    if array.dtype.kind == "c":
        return np.abs(array)
    return array.astype(np.float32) if is_half(array.dtype) else array


def color_limits(
    array: np.ndarray, low: float | None = None, high: float | None = None
) -> tuple[float, float] | None:
    """Return the values at both ends of a tensor's color scale, or None if no element is finite.

    They are the extremes, unless a few outliers would leave the other elements without color. If
    the values have both signs, zero is in the middle.

    Args:
        low, high: the extremes of the finite elements, if they are known.
    """
    values = array.ravel()
    if low is None or high is None:
        finite = values[np.isfinite(values)]
        if finite.size == 0:
            return None
        low, high = float(finite.min()), float(finite.max())
    sampled = values[:: (values.size // SAMPLED) | 1].astype(np.float64)
    if not np.isfinite(sampled.sum()):
        sampled = sampled[np.isfinite(sampled)]
    if low < 0:
        most = _end(np.abs(sampled), max(-low, high))
        return -most, most
    return low, _end(sampled, high)


def _end(values: np.ndarray, extreme: float) -> float:
    """Return the end of the color scale of non-negative values: the extreme, unless it is an
    outlier.
    """
    if values.size == 0:
        return extreme
    last = min(values.size - 1, int(np.ceil((1 - MOST_CLIPPED) * values.size)) - 1)
    usual = float(np.partition(values, last)[last])
    return usual if usual > 0 and extreme > FAR_OUT * usual else extreme


def is_filters(shape: tuple[int, ...]) -> bool:
    """Return whether a tensor of four axes looks like the weights of a convolution."""
    return shape[0] == shape[1] and 2 <= shape[0] <= LARGEST_FILTER


def is_colour(array: np.ndarray, low: float | None, high: float | None) -> bool:
    """Return whether the last axis is red, green and blue, as floats from 0 to 1 or as bytes."""
    if array.shape[3] != 3 or min(array.shape[1:3]) < 8 or low is None or high is None:
        return False
    return array.dtype == np.uint8 or (low >= 0 and high <= 1)


def colour_rows(array: np.ndarray, size: tuple[int, int] | None) -> np.ndarray:
    """Return rows of coloured pixels as (n, height, width, 3), or the array unchanged.

    Args:
        size: (height, width) of the pictures in the rows, or None.
    """
    if size is None or array.ndim != 2 or array.shape[1] != 3 * math.prod(size):
        return array
    return array.reshape(-1, *size, 3)


def colour_bytes(array: np.ndarray) -> np.ndarray:
    """Return pictures that pass `is_colour` as bytes from 0 to 255."""
    scale = 1.0 if array.dtype == np.uint8 else 255.0
    return np.rint(np.asarray(array, np.float64) * scale).astype(np.uint8)


def arranged_matrix(rows: np.ndarray) -> tuple[np.ndarray, str]:
    """Arrange a matrix to be wider than high: transpose a tall one, break a vector into several
    rows.

    Returns:
        The matrix, and ``transposed``, ``tiled`` or an empty text.
    """
    height, width = rows.shape
    if 1 in (height, width):
        count = height * width
        tiles = _tiles(count) if count > STRIP else None
        vector = rows.reshape(1, count)
        if tiles is not None:
            return vector.reshape(tiles), "tiled"
        return vector, "transposed" if height > 1 else ""
    if height > TALL * width:
        return rows.T, "transposed"
    return rows, ""


@lru_cache(maxsize=256)
def _tiles(count: int) -> tuple[int, int] | None:
    """Return numbers of rows and columns whose product is ``count``, about twice as wide as
    high.
    """
    pairs = [(n, count // n) for n in range(2, math.isqrt(count) + 1) if count % n == 0]
    fitting = [(n, m) for n, m in pairs if m / n <= 6]
    return min(
        fitting, key=lambda pair: abs(math.log(pair[1] / pair[0] / TILE_ASPECT)), default=None
    )
