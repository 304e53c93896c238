"""Sample arrays for the contract tests: the same on every machine, without a random generator.

The samples of an op are part of its declaration, so a registered op is tested without further code.
"""

from __future__ import annotations

import math

import numpy as np

from nodeflow.graph.types import COMPLEX, FLOATS, numpy_dtype

_GOLDEN = (math.sqrt(5) - 1) / 2

SPECIAL = (math.nan, math.inf, -math.inf, -0.0, 0.0, 1.0)
"""Values at which float code often fails."""


ROUNDED = tuple(d for d in FLOATS if d != "float64")
"""Float dtypes whose gradients are not compared with finite differences."""


def values(
    shape: tuple[int, ...],
    dtype: str = "float64",
    low: float = -2.0,
    high: float = 2.0,
    start: int = 1,
) -> np.ndarray:
    """Return an array of distinct elements that fill ``low`` to ``high`` evenly.

    They are the fractional parts of multiples of the golden ratio. ``start`` gives other values.
    """
    unit = (np.arange(start, start + math.prod(shape)) * _GOLDEN) % 1.0
    if dtype == "bool":
        return (unit < 0.5).reshape(shape)
    numbers = low + (high - low) * unit
    if dtype in COMPLEX:
        imaginary = low + (high - low) * np.roll(unit, 1)
        return (numbers + 1j * imaginary).astype(dtype).reshape(shape)
    if dtype in FLOATS:
        return numbers.astype(numpy_dtype(dtype)).reshape(shape)
    whole = np.round(numbers)
    info = np.iinfo(dtype)
    return np.clip(whole, float(info.min), float(info.max)).astype(dtype).reshape(shape)


def special(dtype: str) -> np.ndarray:
    """Return an array of NaN, the infinities, both zeros and one."""
    return np.array(SPECIAL, dtype)
