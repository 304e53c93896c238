"""Places for cards dropped on other cards: beside them, as near as possible."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF

from nodeflow.drawing.cards import card_data
from nodeflow.ui.canvas.scene.scene_model import SceneModel

GAP, GRID = 16.0, 8.0
MOST_PAIRS = 200_000
"""The maximum number of pairs (dropped card, other card). With more, no place is searched. The
search takes up to 0.05 s.
"""


def clear_shift(scene: SceneModel, slots: np.ndarray, shift: QPointF) -> QPointF:
    """Return the shift that moves cards to a place where they cover no other card.

    If ``shift`` leads to such a place, return it unchanged. Otherwise add the shortest move up,
    down, left or right. Reroute dots on wires do not count as cards.
    """
    by = np.array([shift.x(), shift.y()])
    moved = _boxes(scene, slots) + np.tile(by, 2)
    others = _boxes(scene, np.setdiff1d(scene.nodes.used(), slots))
    if len(moved) * len(others) > MOST_PAIRS or not _overlap(moved, others).any():
        return shift
    ways = [_way(moved, others, axis) for axis in (0, 1)]
    axis = int(abs(ways[1]) <= abs(ways[0]))
    by[axis] += ways[axis]
    return QPointF(*by.tolist())


def _boxes(scene: SceneModel, slots: np.ndarray) -> np.ndarray:
    """Return the left, top, right and bottom edges of cards, shape (n, 4)."""
    slots = slots[scene.sizes[slots, 0] > card_data.DOT]
    corners = scene.positions[slots]
    return np.concatenate([corners, corners + scene.sizes[slots]], axis=1)


def _overlap(moved: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return which moved cards cover which others, shape (moved, others)."""
    return _meet(moved, others, 0) & _meet(moved, others, 1)


def _meet(moved: np.ndarray, others: np.ndarray, axis: int, gap: float = 0.0) -> np.ndarray:
    """Return which cards overlap along an axis, shape (moved, others)."""
    low, high = moved[:, None, axis], moved[:, None, axis + 2]
    return (low < others[:, axis + 2] + gap) & (high > others[:, axis] - gap)


def _way(moved: np.ndarray, others: np.ndarray, axis: int) -> float:
    """Return the shortest move along an axis after which no card overlaps, in steps of the grid."""
    at, which = np.nonzero(_meet(moved, others, 1 - axis))
    lows = others[which, axis] - GAP - moved[at, axis + 2]
    highs = others[which, axis + 2] + GAP - moved[at, axis]
    order = np.argsort(lows)
    forward = _past(lows[order], highs[order])
    order = np.argsort(-highs)
    backward = -_past(-highs[order], -lows[order])
    return forward if forward < -backward else backward


def _past(lows: np.ndarray, highs: np.ndarray) -> float:
    """Return the first grid position at or after 0 that lies in none of the intervals.

    Args:
        lows, highs: the ends of the intervals, sorted by their start.
    """
    place = 0.0
    for low, high in zip(lows.tolist(), highs.tolist(), strict=True):
        if low < place < high:
            place = float(np.ceil(high / GRID) * GRID)
    return place
