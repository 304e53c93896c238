"""Typed constants that several functions of kernels share. A Python literal would widen float32."""

from __future__ import annotations

import numpy as np

ZERO, HALF, ONE, TWO = np.float32(0), np.float32(0.5), np.float32(1), np.float32(2)
INF, NAN = np.float32(np.inf), np.float32(np.nan)
I1, I23 = np.int32(1), np.int32(23)
D_MAGIC = 1.5 * 2.0**52
"""Adding this number to a small float64 leaves the nearest integer in the low bits."""
