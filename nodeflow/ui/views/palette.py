"""Colours of classes, series and signed values that colour-blind people can distinguish.

Class colours are the palette of Okabe and Ito plus two, so that each digit has its own. Neighbours
differ as much as possible, and light colours are darkened on a light background. Signed values run
from blue through the background colour to orange.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PySide6.QtGui import QColor

from nodeflow.ui.core.theme import Theme, mix

LIGHT = (
    *("#0072b2", "#d55e00", "#009e73", "#b8609a", "#56a5d8", "#c98a00", "#7a6a00", "#50585a"),
    *("#7a4fd0", "#8f1d3f"),
)
DARK = (
    *("#56b4e9", "#f0a35e", "#2bbf95", "#dc94bd", "#8fd0f5", "#f0e442", "#d0b000", "#b9c2be"),
    *("#b8a2ff", "#ff8f9e"),
)
COLORS = len(LIGHT)
SHADES = 16
WEAK, STRONG = 0.12, 0.45
"""Fractions of the class colour mixed into the background for unsure and for sure answers."""


def class_color(theme: Theme, index: int) -> QColor:
    """Return the colour of a class or series."""
    ring = DARK if theme.is_dark else LIGHT
    return QColor(ring[index % len(ring)])


def point_color(theme: Theme, index: int) -> QColor:
    """Return the colour of a class's points, darker or lighter than the class's background."""
    return mix(class_color(theme, index), theme.color("ink"), 0.28)


@lru_cache(maxsize=8)
def region_table(theme_name: str, ground: str, count: int) -> np.ndarray:
    """Return backgrounds of classes, unsure to sure: (count, SHADES, 4) uint8 in BGR and 255."""
    ring = DARK if theme_name == "dark" else LIGHT
    table = np.full((count, SHADES, 4), 255, np.uint8)
    for index in range(count):
        for shade in range(SHADES):
            part = WEAK + (STRONG - WEAK) * shade / (SHADES - 1)
            color = mix(QColor(ground), QColor(ring[index % len(ring)]), part)
            table[index, shade, :3] = color.blue(), color.green(), color.red()
    return table


@lru_cache(maxsize=4)
def signed_table(theme_name: str, ground: str) -> np.ndarray:
    """Return colours for -1 to 1, (256, 4) uint8 in BGR and 255: blue, background at 0, orange."""
    ring = DARK if theme_name == "dark" else LIGHT
    ends = (QColor(ring[0]), QColor(ring[1]))
    table = np.full((256, 4), 255, np.uint8)
    for index in range(256):
        value = index / 127.5 - 1
        color = mix(QColor(ground), ends[value > 0], abs(value) ** 0.8)
        table[index, :3] = color.blue(), color.green(), color.red()
    return table
