"""Colors of classes, series and signed values that color-blind people can distinguish.

Light colors are darkened on a light background. Signed values run from blue through the background
color to orange.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from nodeflow.drawing.theme_colors import LIGHT, Ink, Palette, channels, mix_hex, mixed

COLORS = len(LIGHT.classes)
SHADES = 16
WEAK, STRONG = 0.12, 0.45
"""Fractions of the class colour mixed into the background for unsure and for sure answers."""


def class_color(index: int) -> Ink:
    """Return the colour of a class or series."""
    return Ink(f"class:{index % COLORS}")


def point_color(index: int) -> Ink:
    """Return the color of the points of a class: the class color mixed with the text color, to
    stand out from the class's background.
    """
    return Ink(mixed("ink", f"class:{index % COLORS}", 1 - 0.28))


def region_table(palette: Palette, count: int) -> np.ndarray:
    """Return the background colors of class regions, uint8 (count, SHADES, 3). The second axis is
    the certainty of the class.
    """
    return _region_table(palette.classes, palette.raised, count)


def signed_table(palette: Palette) -> np.ndarray:
    """Return colours for the values from -1 to 1, (256, 3) uint8.

    Negative values are blue, zero is the background colour, and positive values are orange.
    """
    return _signed_table(palette.classes[:2], palette.raised)


@lru_cache(maxsize=8)
def _region_table(ring: tuple[str, ...], ground: str, count: int) -> np.ndarray:
    table = np.empty((count, SHADES, 3), np.uint8)
    for index in range(count):
        for shade in range(SHADES):
            part = WEAK + (STRONG - WEAK) * shade / (SHADES - 1)
            table[index, shade] = channels(mix_hex(ground, ring[index % len(ring)], part))
    return table


@lru_cache(maxsize=4)
def _signed_table(ends: tuple[str, ...], ground: str) -> np.ndarray:
    table = np.empty((256, 3), np.uint8)
    for index in range(256):
        value = index / 127.5 - 1
        table[index] = channels(mix_hex(ground, ends[value > 0], abs(value) ** 0.8))
    return table
