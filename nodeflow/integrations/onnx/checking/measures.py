"""How far the values of one tensor are from those of a reference, over all samples."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

RELATIVE, ABSOLUTE = 1e-4, 1e-6
"""Values are equal if their largest difference is at most RELATIVE times the largest number of the
reference, plus ABSOLUTE.
"""


@dataclass
class Gap:
    """The difference of a tensor from its reference. `add` takes one sample after another.

    Attributes:
        is_whole: the values are integers or bools, which are equal only if none differs.
        differing: number of different elements.
        count: number of elements.
        largest: largest difference.
        reference: largest number of the reference.
        excess: largest ratio of a sample's largest difference to the allowed one.
        other_shape: the shapes, if they differ.
    """

    is_whole: bool = False
    differing: int = 0
    count: int = 0
    largest: float = 0.0
    reference: float = 0.0
    excess: float = 0.0
    other_shape: str = ""
    _noise: float = 0.0
    _signal: float = 0.0

    def add(self, found: np.ndarray, reference: np.ndarray) -> None:
        """Add the values of one sample."""
        if found.shape != reference.shape:
            self.other_shape = f"{found.shape} instead of {reference.shape}"
            return
        self.is_whole = reference.dtype.kind in "iub"
        mine, other = _wide(found), _wide(reference)
        with np.errstate(all="ignore"):
            same = (mine == other) | (np.isnan(mine) & np.isnan(other))
            gaps = np.where(same, 0.0, np.abs(mine - other))
            gaps[np.isnan(gaps)] = np.inf
            finite = np.abs(other[np.isfinite(other)])
            largest, most = float(gaps.max(initial=0.0)), float(finite.max(initial=0.0))
            allowed = 0.0 if self.is_whole else RELATIVE * most + ABSOLUTE
            self._noise += float(np.sum(np.square(gaps)))
            self._signal += float(np.sum(np.square(finite)))
        self.differing += int((gaps > 0).sum())
        self.count += gaps.size
        self.largest, self.reference = max(self.largest, largest), max(self.reference, most)
        ratio = largest / allowed if allowed else (math.inf if largest else 0.0)
        self.excess = max(self.excess, ratio)

    @property
    def is_equal(self) -> bool:
        return not self.other_shape and self.excess <= 1

    @property
    def noise(self) -> float:
        """Root mean square of the difference, divided by the root mean square of the reference.
        Infinite if the shapes differ.
        """
        if self.other_shape:
            return math.inf
        if not self._noise:
            return 0.0
        return math.sqrt(self._noise / self._signal) if self._signal else math.inf

    @property
    def text(self) -> str:
        """The difference in words."""
        if self.other_shape:
            return f"shape {self.other_shape}"
        if self.is_whole:
            return f"{self.differing} of {self.count} integers differ, by at most {self.largest:g}"
        return f"{self.largest:.2g} (largest number {self.reference:.3g})"


def _wide(array: np.ndarray) -> np.ndarray:
    return array.astype("c16" if array.dtype.kind == "c" else "f8")
