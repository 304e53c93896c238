"""Exponential means of a growing sequence; no Qt."""

from __future__ import annotations

import numpy as np


class Smoothing:
    """Bias-corrected exponential means of finite values; the others stay as they are.

    Args:
        keep: the weight of what came before, 0 (no smoothing) to below 1.
    """

    def __init__(self, keep: float) -> None:
        self.keep = keep
        self._mean = 0.0
        self._count = 0

    def smooth(self, values: np.ndarray) -> np.ndarray:
        """The means after each of the next float64 values, (n,)."""
        if not self.keep or not len(values):
            return values.copy()
        from scipy.signal import lfilter  # slow to import, and not needed before a training

        finite = np.isfinite(values)
        chosen = values if finite.all() else values[finite]
        result = values.copy()
        if len(chosen):
            keep = self.keep
            means, _ = lfilter([1 - keep], [1, -keep], chosen, zi=[keep * self._mean])
            counts = np.arange(self._count + 1, self._count + len(chosen) + 1)
            result[finite] = means / -np.expm1(counts * np.log(keep))
            self._mean, self._count = float(means[-1]), int(counts[-1])
        return result
