"""Exponential means of a growing sequence. This module does not use Qt."""

from __future__ import annotations

import numpy as np

BLOCK = 64
"""Number of means computed by one matrix product."""


class Smoothing:
    """Bias-corrected exponential means of the finite values. Other values stay unchanged.

    Args:
        keep: the weight of earlier values, 0 (no smoothing) to below 1.
    """

    def __init__(self, keep: float) -> None:
        self.keep = keep
        self._mean = 0.0
        self._count = 0
        powers = keep ** np.arange(BLOCK + 1)
        back = np.arange(BLOCK)[:, None] - np.arange(BLOCK)
        self._weights = (1 - keep) * np.where(back >= 0, powers[np.maximum(back, 0)], 0.0)
        self._carried = powers[1:]

    def smooth(self, values: np.ndarray) -> np.ndarray:
        """Append float64 values (n,), and return the mean after each of them."""
        result = values.copy()
        if not self.keep or not len(values):
            return result
        finite = np.isfinite(values)
        chosen = values[finite]
        if len(chosen):
            means = self._means(chosen)
            counts = np.arange(self._count + 1, self._count + len(chosen) + 1)
            result[finite] = means / -np.expm1(counts * np.log(self.keep))
            self._mean, self._count = float(means[-1]), int(counts[-1])
        return result

    def _means(self, values: np.ndarray) -> np.ndarray:
        """Return the means of appended values without bias correction."""
        blocks = -(-len(values) // BLOCK)
        padded = np.zeros(blocks * BLOCK)
        padded[: len(values)] = values
        means = padded.reshape(blocks, BLOCK) @ self._weights.T
        mean, starts = self._mean, []
        whole = float(self._carried[-1])
        for last in means[:, -1].tolist():
            starts.append(mean)
            mean = whole * mean + last
        means += np.array(starts)[:, None] * self._carried
        return means.ravel()[: len(values)]
