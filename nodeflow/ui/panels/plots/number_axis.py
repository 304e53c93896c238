"""Axes with few ticks at round numbers, linear or logarithmic; imports pyqtgraph."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from PySide6.QtCore import QRectF
from PySide6.QtGui import QFontMetricsF

from nodeflow.drawing.views.axes import tick_text, ticks
from nodeflow.number_text import count, number
from nodeflow.ui.core.theming.theme import TYPE, font
from nodeflow.ui.panels.plots.plotting import pg

BETWEEN_TICKS = 10
"""Minimum distance between the numbers along a horizontal axis, in pixels."""
FEWEST, MOST = 3, 8
"""Limits of the number of ticks. Fewer ticks give no scale, more are distracting."""
LINE = 26
"""Minimum distance between the numbers of a vertical axis, in pixels."""
TIGHT, TIGHT_LINE = 5, 13
"""Smaller values of `BETWEEN_TICKS` and `LINE`, for an axis that would otherwise have fewer
than `FEWEST` ticks.
"""
ACROSS, UP = 16, 7
"""How far the number at an end of a horizontal and of a vertical axis may extend beyond it, in
pixels. The plot keeps as much free around its axes.
"""


class NumberAxis(pg.AxisItem):
    """An axis with few ticks. As in pyqtgraph, positions on a logarithmic axis are exponents of
    ten.

    The width of a vertical axis grows with its numbers, and does not shrink until the scale is
    changed. Otherwise, width and ticks could change each other without end: a narrower axis makes
    a wider plot, which can show another range of values.

    Attributes:
        is_log: whether it is logarithmic.
        is_whole: whether its values are counts, so that ticks are whole numbers.
    """

    def __init__(self, orientation: str, is_whole: bool = False) -> None:
        super().__init__(orientation)
        self.is_log, self.is_whole = False, is_whole
        self._narrowest = self.textWidth
        self.setStyle(autoReduceTextSpace=False)
        self._texts: dict[float, str] = {}

    def set_scale(self, is_log: bool, is_whole: bool) -> None:
        """Set whether the axis is logarithmic, and whether its values are whole numbers."""
        if (is_log, is_whole) != (self.is_log, self.is_whole):
            self.is_log, self.is_whole = is_log, is_whole
            self.textWidth = self._narrowest
            self.picture = None
            self.update()

    def tickValues(
        self, minVal: float, maxVal: float, size: float
    ) -> list[tuple[float, list[float]]]:
        low, high = sorted((minVal, maxVal))
        if not (math.isfinite(low) and high > low) or size <= 0:
            return []
        found = self._log_ticks(low, high, size) if self.is_log else self._ticks(low, high, size)
        self._texts = dict(found)
        return [(1.0, list(self._texts))]

    def tickStrings(self, values: list[float], scale: float, spacing: float) -> list[str]:
        return [self._texts.get(value, "") for value in values]

    def boundingRect(self) -> QRectF:
        across, up = (0, UP) if self._is_upright else (ACROSS, 0)
        return super().boundingRect().adjusted(-across, -up, across, up)

    # ---- ticks ------------------------------------------------------------------------------

    @property
    def _is_upright(self) -> bool:
        return self.orientation in ("left", "right")

    def _room(self, text: str, is_tight: bool = False) -> float:
        if self._is_upright:
            return TIGHT_LINE if is_tight else LINE
        between = TIGHT if is_tight else BETWEEN_TICKS
        return QFontMetricsF(font(TYPE["caption"])).horizontalAdvance(text) + between

    def _ticks(self, low: float, high: float, size: float) -> list[tuple[float, str]]:
        """Return as many ticks as fit, at most `MOST`.

        If they are too few, place them closer together.
        """
        found = self._fitting(low, high, size, False)
        return found if len(found) >= FEWEST else self._fitting(low, high, size, True)

    def _fitting(
        self, low: float, high: float, size: float, is_tight: bool
    ) -> list[tuple[float, str]]:
        best: list[tuple[float, str]] = []
        for most in range(MOST, 0, -1):
            found = ticks(low, high, most)
            if self.is_whole and found and found[0][1] < 1:
                found = [(n, 1.0) for n in range(math.ceil(low), math.floor(high) + 1)]
            for every in (1, 2) if is_tight else (1,):
                kept = [(v, step) for v, step in found if round(v / step) % every == 0]
                texts = [(value, self._text(value, step)) for value, step in kept]
                texts = self._within(texts, low, high, size)
                room = max((self._room(text, is_tight) for _, text in texts), default=0.0)
                apart = every * kept[0][1] / (high - low) * size if kept else 0.0
                if len(texts) > len(best) and (len(texts) == 1 or apart >= room):
                    best = texts
            if len(best) >= FEWEST:
                break
        return best

    def _text(self, value: float, step: float) -> str:
        return count(round(value)) if self.is_whole else tick_text(value, step)

    def _log_ticks(self, low: float, high: float, size: float) -> list[tuple[float, str]]:
        """Return the first set of ticks with `FEWEST` to `MOST` of them and room for their texts.

        Powers of ten come first, then powers and multiples, then ticks of a linear axis. If none
        fits, multiples without room are left out.
        """
        pixels = size / (high - low)
        sets = [
            self._within(self._placed(found, low, high), low, high, size)
            for found in _log_sets(low, high)
        ]
        for is_tight in (False, True):
            for found in sets:
                fits = len(self._thinned(found, pixels, is_tight)) == len(found)
                if FEWEST <= len(found) <= MOST and fits:
                    return found
        thinned = (self._thinned(found, pixels, True)[:MOST] for found in sets)
        return max(thinned, key=len, default=[])

    def _placed(self, values: list[tuple[float, str]], low: float, high: float) -> list[Any]:
        return [(at, text) for at, text in values if low - 1e-9 <= at <= high + 1e-9]

    def _within(
        self, found: list[tuple[float, str]], low: float, high: float, size: float
    ) -> list[tuple[float, str]]:
        """Leave out ticks whose number would not fit at the ends of a horizontal axis."""
        if self._is_upright:
            return found
        metrics, pixels = QFontMetricsF(font(TYPE["caption"])), size / (high - low)
        return [
            (value, text)
            for value, text in found
            if metrics.horizontalAdvance(text) / 2 - ACROSS
            <= min((value - low) * pixels, (high - value) * pixels)
        ]

    def _thinned(self, found: list[Any], pixels: float, is_tight: bool) -> list[Any]:
        """Leave out ticks whose text would touch the one before."""
        kept: list[tuple[float, str]] = []
        for at, text in found:
            if not kept or (at - kept[-1][0]) * pixels >= max(
                self._room(text, is_tight), self._room(kept[-1][1], is_tight)
            ):
                kept.append((at, text))
        return kept


def _log_sets(low: float, high: float) -> Iterator[list[tuple[float, str]]]:
    """Yield sets of ticks on a logarithmic axis, from those preferred on."""
    powers = range(math.floor(low), math.ceil(high) + 1)
    wide = [[n for n in powers if n % every == 0] for every in (5, 2, 1)]
    if high - low > 3 * MOST:
        step = max(5, 5 * math.ceil((high - low) / (5 * (MOST - 1))))
        wide = [[n for n in powers if n % step == 0], *wide]
    factors = ((1, 2, 5), (1, 3), range(1, 10)) if high - low < 2 * MOST else ()
    yield from ([(float(n), _power(n)) for n in ns] for ns in reversed(wide))
    for each in factors:
        yield [(n + math.log10(f), _power(n, f)) for n in powers for f in each]
    if high - low < 3 and max(abs(low), abs(high)) < 300:
        for most in range(MOST, 2 * MOST):
            values = [(v, step) for v, step in ticks(10.0**low, 10.0**high, most) if v > 0]
            yield [(math.log10(v), tick_text(v, step)) for v, step in values]


def _power(power: int, factor: int = 1) -> str:
    """Format a power of ten times a factor: ``0.01``, ``20``, ``1e−7``."""
    if -4 <= power <= 5:
        return number(factor * 10.0**power)
    return f"{factor}e{power}".replace("-", "−")


def log10(values: np.ndarray) -> np.ndarray:
    """Return logarithms; NaN for numbers that are not positive."""
    return np.log10(np.where(values > 0, values, np.nan))


__all__ = ["ACROSS", "UP", "NumberAxis", "log10"]
