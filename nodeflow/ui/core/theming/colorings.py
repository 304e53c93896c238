"""Measures that nodes and wires can be coloured by, and the colour scale."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from PySide6.QtGui import QColor

from nodeflow.host.messages import values
from nodeflow.number_text import number
from nodeflow.ui.core.theming.theme import Theme, mix

SPAN = 100.0
"""Minimum ratio of the largest to the smallest positive value of a logarithmic scale. A smaller
range gets a linear scale.
"""
MOST_DECADES = 12
"""Maximum number of decades of a logarithmic scale. Smaller values get the colour of the lower
end.
"""


def percent(share: float) -> str:
    """Format a fraction as a percentage: ``12.5 %``."""
    return f"{number(100 * share, 3)} %"


def size_text(count: float) -> str:
    """Format a number of bytes: ``3.1 MB``."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{number(count / size, 3)} {unit}"
    return f"{number(count, 3)} B"


def time_text(micros: float) -> str:
    """Format microseconds: ``3.1 ms``."""
    for unit, size in (("s", 1e6), ("ms", 1e3)):
        if micros >= size:
            return f"{number(micros / size, 3)} {unit}"
    return f"{number(micros, 3)} µs"


@dataclass(frozen=True)
class Coloring:
    """One measure to colour nodes by.

    Attributes:
        id: a measure of `Measured.of`.
        title: shown in menus and the legend.
        tip: explanation in one sentence.
        text: formats a value.
        is_share: whether the scale always goes from 0 to 1.
        on_wires: whether wires are coloured as well, because the measure is a property of values.
    """

    id: str
    title: str
    tip: str
    text: Callable[[float], str] = number
    is_share: bool = False
    on_wires: bool = True


COLORINGS = {
    coloring.id: coloring
    for coloring in (
        Coloring(
            values.MAGNITUDE,
            "Magnitude",
            "Root mean square of a value's finite elements",
        ),
        Coloring(
            values.ZEROS,
            "Share of zeros",
            "The share of a value's elements that are exactly 0",
            percent,
            is_share=True,
        ),
        Coloring(
            values.SATURATION,
            "Saturation",
            "The share of elements in a flat part: at 0 of relu, at either limit of relu6, "
            "hard_sigmoid and hard_tanh, within 0.01 of a limit of sigmoid and tanh",
            percent,
            is_share=True,
        ),
        Coloring(
            values.GRADIENT,
            "Gradient",
            "Root mean square of the loss's gradient with respect to a value, on the shown rows",
        ),
        Coloring(
            values.UPDATE,
            "Update to weight",
            "How much the next step would change a variable, relative to its size",
            on_wires=False,
        ),
        Coloring(
            values.TIME,
            "Time",
            "Time of a node's kernels, forward and backward, from a profile",
            time_text,
            on_wires=False,
        ),
        Coloring(
            values.MEMORY,
            "Memory",
            "The size of a value in memory",
            size_text,
        ),
    )
}
"""The colourings by id, in the order of the menu."""


@dataclass(frozen=True)
class ColorScale:
    """The values at the two ends of the colour range; ``is_log``: a logarithmic scale."""

    low: float
    high: float
    is_log: bool = False

    @classmethod
    def of(cls, coloring: Coloring, values: Iterable[float]) -> ColorScale | None:
        """Return a scale for some values, or None if none is finite.

        The ends are round numbers, so that colours stay while values change a little.
        """
        if coloring.is_share:
            return cls(0.0, 1.0)
        finite = [value for value in values if math.isfinite(value)]
        if not finite:
            return None
        high, positive = max(finite), [value for value in finite if value > 0]
        if positive and high / min(positive) >= SPAN:
            top = math.ceil(math.log10(high) - 1e-9)
            least = math.floor(math.log10(min(positive)) + 1e-9)
            return cls(10.0 ** max(least, top - MOST_DECADES), 10.0**top, True)
        return cls(0.0, _round_up(high) if high > 0 else 1.0)

    def part(self, value: float) -> float:
        """Return the position of a value between the ends: 0 to 1."""
        if self.is_log:
            if value <= self.low:
                return 0.0
            low, high = math.log10(self.low), math.log10(self.high)
            return min(1.0, (math.log10(value) - low) / (high - low))
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))

    def marks(self) -> list[float]:
        """Return the values to label on the scale: its two ends and at least one between."""
        if not self.is_log:
            return [self.low, (self.low + self.high) / 2, self.high]
        low, high = round(math.log10(self.low)), round(math.log10(self.high))
        step = max(1, -(-(high - low) // 3))
        between = [power for power in range(low, high, step) if high - power >= step]
        return [10.0**power for power in (*between, high)]


def ramp_color(theme: Theme, part: float) -> QColor:
    """Return the colour at a position between the ends: 0 to 1."""
    stops = theme.ramp
    place = min(1.0, max(0.0, part)) * (len(stops) - 1)
    index = min(int(place), len(stops) - 2)
    return mix(QColor(stops[index]), QColor(stops[index + 1]), place - index)


def _round_up(value: float) -> float:
    """Round up to 1, 2, 5 or 10 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(f * power for f in (1, 2, 5, 10) if f * power >= value * (1 - 1e-9))
