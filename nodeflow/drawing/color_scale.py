"""The colors of numbers: one scale for nodes, panels, pictures and pages.

Values of both signs are drawn in two colors, which meet at zero in the background color. Values of
one sign are drawn from the least to the largest.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from nodeflow.drawing.theme_colors import Palette, channels
from nodeflow.host.picture_arrangement import color_limits

NOT_FINITE = "#dc3c3c"


@dataclass(frozen=True)
class HeatScale:
    """The values at the two ends of a color scale; ``is_signed``: zero is in the middle.

    Attributes:
        is_clipped: whether some values lie beyond the ends.
    """

    low: float
    high: float
    is_signed: bool = False
    is_clipped: bool = False

    @classmethod
    def of(cls, minimum: float | None, maximum: float | None) -> HeatScale:
        """Return the color scale for values between a minimum and a maximum. It is symmetric about
        0 if the minimum is negative, and goes from 0 to 1 if either is None.
        """
        if minimum is None or maximum is None:
            return cls(0.0, 1.0)
        if minimum < 0:
            most = max(-minimum, maximum)
            return cls(-most, most, True)
        return cls(minimum, maximum)

    @classmethod
    def of_array(cls, array: np.ndarray) -> HeatScale:
        """Return a color scale for the values of an array. The scale may leave out a few outliers;
        then its `is_clipped` is true.
        """
        limits = color_limits(array)
        if limits is None:
            return cls.of(None, None)
        with np.errstate(invalid="ignore"):
            clipped = bool((np.isfinite(array) & (np.abs(array) > max(map(abs, limits)))).any())
        return replace(cls.of(*limits), is_clipped=clipped)

    @classmethod
    def of_arrays(cls, arrays: list[np.ndarray]) -> HeatScale:
        """Return a color scale from the smallest to the largest finite value of several arrays."""
        finite = [a[np.isfinite(a)] for a in arrays if a.size]
        finite = [f for f in finite if f.size]
        if not finite:
            return cls.of(None, None)
        return cls.of(min(float(f.min()) for f in finite), max(float(f.max()) for f in finite))


def heat_pixels(array: np.ndarray, scale: HeatScale, palette: Palette) -> np.ndarray:
    """Return the colours of a 2-D array, (h, w, 3) uint8, with non-finite values in red."""
    values = np.asarray(array, np.float64)
    span = (scale.high - scale.low) or 1.0
    with np.errstate(invalid="ignore", over="ignore"):
        place = (values - scale.low) * (255 / span)
        index = np.nan_to_num(place, nan=0, posinf=255, neginf=0).clip(0, 255).round()
    pixels = _table(palette.diverging if scale.is_signed else palette.heat)[index.astype(np.uint8)]
    pixels[~np.isfinite(values)] = channels(NOT_FINITE)
    return pixels


@lru_cache(maxsize=8)
def _table(colors: tuple[str, ...]) -> np.ndarray:
    """Return 256 colours interpolated between ``colors``, (256, 3) uint8 red, green and blue."""
    stops = np.array([channels(color) for color in colors], float)
    at = np.linspace(0, len(stops) - 1, 256)
    columns = [np.interp(at, np.arange(len(stops)), stops[:, i]) for i in range(3)]
    return np.stack(columns, axis=1).round().astype(np.uint8)
