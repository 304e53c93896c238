"""Minimum and maximum of any part of a growing sequence, in logarithmic time. Does not use Qt."""

from __future__ import annotations

import numpy as np


class Extremes:
    """A pyramid of minima and maxima. Each level has one entry for two entries of the level below.

    Appending a value takes amortised constant time. Values that are not finite are ignored.
    """

    def __init__(self) -> None:
        self.count = 0
        self._low = [np.empty(256)]
        self._high = [self._low[0]]  # level 0: the values themselves

    def extend(self, values: np.ndarray) -> None:
        """Append float64 values to the sequence."""
        first, self.count = self.count, self.count + len(values)
        _reserve(self._low, self._high, 0, self.count)
        self._low[0][first : self.count] = np.where(np.isfinite(values), values, np.nan)
        level, count = 0, self.count
        while count > 1:
            first, below, count = first >> 1, count, (count + 1) >> 1
            level += 1
            if level == len(self._low):
                self._low.append(np.empty(0))
                self._high.append(np.empty(0))
                first = 0
            _reserve(self._low, self._high, level, count)
            for extreme, levels in ((np.fmin, self._low), (np.fmax, self._high)):
                pairs = levels[level - 1][2 * first : below]
                whole = len(pairs) // 2
                levels[level][first : first + whole] = extreme(
                    pairs[0 : 2 * whole : 2], pairs[1 : 2 * whole : 2]
                )
                if len(pairs) % 2:
                    levels[level][count - 1] = pairs[-1]

    def of(self, starts: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the minimum and maximum of each slice; NaN for a slice without finite values.

        Args:
            starts, ends: int64 (n,), half-open slices within the sequence; they may be empty.
        """
        starts, ends = starts.copy(), ends.copy()
        low, high = np.full(len(starts), np.nan), np.full(len(starts), np.nan)
        for lows, highs in zip(self._low, self._high, strict=True):
            is_open = starts < ends
            if not is_open.any():
                break
            odd = np.flatnonzero(is_open & (starts & 1 == 1))
            _take(low, high, odd, lows[starts[odd]], highs[starts[odd]])
            starts[odd] += 1
            odd = np.flatnonzero((starts < ends) & (ends & 1 == 1))
            ends[odd] -= 1
            _take(low, high, odd, lows[ends[odd]], highs[ends[odd]])
            starts, ends = starts >> 1, ends >> 1
        return low, high


def _take(
    low: np.ndarray, high: np.ndarray, where: np.ndarray, lows: np.ndarray, highs: np.ndarray
) -> None:
    low[where] = np.fmin(low[where], lows)
    high[where] = np.fmax(high[where], highs)


def _reserve(low: list[np.ndarray], high: list[np.ndarray], level: int, count: int) -> None:
    """Make a level large enough for this many values."""
    if count <= len(low[level]):
        return
    is_shared = low[level] is high[level]
    low[level] = _grown(low[level], count)
    high[level] = low[level] if is_shared else _grown(high[level], count)


def _grown(values: np.ndarray, count: int) -> np.ndarray:
    result = np.empty(max(count, 2 * len(values)))
    result[: len(values)] = values
    return result
