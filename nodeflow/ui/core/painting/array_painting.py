"""Drawing numpy arrays with QPainter without conversion: one call draws ten thousand shapes.

A C-contiguous float64 array has the memory layout of an array of QRectF, QLineF or PixmapFragment,
so it is enough to wrap its first element. Building lists of Qt objects instead takes longer than
the drawing.
"""

from __future__ import annotations

import numpy as np
import shiboken6
from PySide6.QtCore import QLineF, QRectF
from PySide6.QtGui import QPainter, QPixmap

FRAGMENT_FIELDS = 10
"""Number of floats per fragment: centre x, y; source left, top, width, height; scale x, y;
angle; opacity.
"""


def draw_rects(painter: QPainter, rects: np.ndarray) -> None:
    """Draw rectangles: (n, 4) float64 of x, y, width, height."""
    _check(rects, 4)
    if len(rects):
        first = shiboken6.wrapInstance(rects.ctypes.data, QRectF)
        painter.drawRects(first, len(rects))  # type: ignore  # the stubs lack the count


def draw_lines(painter: QPainter, lines: np.ndarray) -> None:
    """Draw straight lines: (n, 4) float64 of x0, y0, x1, y1."""
    _check(lines, 4)
    if len(lines):
        first = shiboken6.wrapInstance(lines.ctypes.data, QLineF)
        painter.drawLines(first, len(lines))  # type: ignore  # the stubs lack the count


def draw_fragments(painter: QPainter, fragments: np.ndarray, pixmap: QPixmap) -> None:
    """Draw parts of a pixmap: (n, 10) float64, see FRAGMENT_FIELDS."""
    _check(fragments, FRAGMENT_FIELDS)
    if len(fragments):
        first = shiboken6.wrapInstance(fragments.ctypes.data, QPainter.PixmapFragment)
        painter.drawPixmapFragments(first, len(fragments), pixmap)  # type: ignore


def _check(array: np.ndarray, columns: int) -> None:
    right = array.dtype == np.float64 and array.ndim == 2 and array.shape[1] == columns
    if not right or not array.flags.c_contiguous:
        raise ValueError(f"need a contiguous (n, {columns}) float64 array, got {array.shape}")


def distinct(codes: np.ndarray) -> list[int]:
    """Return the distinct values of an array of small non-negative integers, ascending.

    This avoids ``np.unique``, which imports ``numpy.ma`` and thereby delays the first paint by
    50 ms.
    """
    return np.flatnonzero(np.bincount(codes)).tolist()
