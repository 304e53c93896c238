"""Aligning and distributing boxes: plain geometry over arrays of corners and sizes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Rule = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""A function from corners and sizes, both (n, 2), to new corners."""
_PART = {"left": 0.0, "center_x": 0.5, "right": 1.0, "top": 0.0, "center_y": 0.5, "bottom": 1.0}
_AXIS = {"left": 0, "center_x": 0, "right": 0, "top": 1, "center_y": 1, "bottom": 1}


def aligned(corners: np.ndarray, sizes: np.ndarray, edge: str) -> np.ndarray:
    """Return corners (n, 2) with one edge or middle line in common.

    Edges align with the outermost box, middles with the middle of all boxes.
    """
    axis, part = _AXIS[edge], _PART[edge]
    lines = corners[:, axis] + part * sizes[:, axis]
    if part == 0.5:
        low, high = corners[:, axis].min(), (corners[:, axis] + sizes[:, axis]).max()
        line = (low + high) / 2
    else:
        line = lines.min() if part == 0 else lines.max()
    result = corners.astype(float).copy()
    result[:, axis] += line - lines
    return result


def distributed(corners: np.ndarray, sizes: np.ndarray, axis: int) -> np.ndarray:
    """Return corners (n, 2) with equal gaps along an axis; the first and last box stay.

    Boxes that overlap get the same (negative) gaps.
    """
    result = corners.astype(float).copy()
    if len(corners) < 3:
        return result
    order = np.argsort(corners[:, axis] + sizes[:, axis] / 2, kind="stable")
    first, last = order[0], order[-1]
    room = corners[last, axis] - (corners[first, axis] + sizes[first, axis])
    gap = (room - sizes[order[1:-1], axis].sum()) / (len(order) - 1)
    at = corners[first, axis] + sizes[first, axis] + gap
    for index in order[1:-1]:
        result[index, axis] = at
        at += sizes[index, axis] + gap
    return result


def snapped(corners: np.ndarray, step: float) -> np.ndarray:
    """Return corners (n, 2) rounded to a grid."""
    return np.round(corners / step) * step
