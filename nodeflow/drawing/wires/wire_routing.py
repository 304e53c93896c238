"""The routes of wires around cards: out to the right, along a lane, and in from the left.

A curve straight back would pass behind both cards and all cards between them, and a curve straight
ahead behind the cards in between. The lane lies in a gap between these cards. Without a
search for gaps, a backward wire gets a lane halfway if its ends are far apart vertically, as
between two rows of nodes, else above both cards.
"""

from __future__ import annotations

import numpy as np

BACKWARD = -40.0
"""Wires whose target is farther back than this take a detour."""
REACH, RADIUS = 24.0, 20.0
APART, ABOVE = 300.0, 92.0
"""The least vertical distance of the ends for a lane halfway. Otherwise, the distance of the lane
above the upper end."""
CORNER = 8
"""Points of a round corner."""


def is_backward(ends: np.ndarray, scale: float = 1.0) -> np.ndarray:
    """Return (n,) whether wires run backwards; ``ends`` are (n, 4), in units of 1 / ``scale``."""
    return ends[:, 2] - ends[:, 0] < BACKWARD * scale


def lanes(ends: np.ndarray, scale: float = 1.0) -> np.ndarray:
    """Return the default heights (n,) of the horizontal parts of wires that make a detour. They
    depend only on the ends of the wires, not on the cards in between.
    """
    y0, y1 = ends[:, 1], ends[:, 3]
    apart = np.abs(y1 - y0) >= APART * scale
    return np.where(apart, (y0 + y1) / 2, np.minimum(y0, y1) - ABOVE * scale)


def takes_detour(
    ends: np.ndarray, scale: float = 1.0, lane: np.ndarray | None = None
) -> np.ndarray:
    """Return (n,) booleans: whether each wire takes a detour around cards.

    Backward wires do, and wires with a height in ``lane``.
    """
    back = is_backward(ends, scale)
    return back if lane is None else back | np.isfinite(lane)


def routes(ends: np.ndarray, scale: float = 1.0, lane: np.ndarray | None = None) -> np.ndarray:
    """Return the paths of wires that make a detour, (n, 4 * CORNER + 2, 2) points with round
    corners.

    ``lane``: height of each wire's horizontal part, NaN for the default height.
    """
    usual, reach = lanes(ends, scale), REACH * scale
    lane = usual if lane is None else np.where(np.isnan(lane), usual, lane)
    x0, y0, x1, y1 = ends.T
    right, left = x0 + reach, x1 - reach
    out, along, back = np.sign(lane - y0), np.sign(left - right), np.sign(y1 - lane)
    least = np.minimum(abs(left - right) / 2, RADIUS * scale)
    first, last = (np.minimum(abs(leg) / 2, least) for leg in (lane - y0, y1 - lane))
    zero, one = np.zeros_like(x0), np.ones_like(x0)
    corners = (
        ((right, y0), (one, zero), (zero, out), first),
        ((right, lane), (zero, out), (along, zero), first),
        ((left, lane), (along, zero), (zero, back), last),
        ((left, y1), (zero, back), (one, zero), last),
    )
    t = np.linspace(0.0, 1.0, CORNER)
    parts = [ends[:, None, :2]]
    for at, before, after, radius in corners:
        place, u, v = (np.stack(pair, axis=1)[:, None] for pair in (at, before, after))
        turn = -((1 - t) ** 2)[:, None] * u + (t**2)[:, None] * v
        parts.append(place + radius[:, None, None] * turn)
    parts.append(ends[:, None, 2:])
    return np.concatenate(parts, axis=1)


def resampled(points: np.ndarray, count: int) -> np.ndarray:
    """Return (n, count + 1, 2) points at equal distances along polylines of (n, m, 2)."""
    steps = np.hypot(*np.moveaxis(np.diff(points, axis=1), 2, 0))
    along = np.concatenate([np.zeros((len(points), 1)), np.cumsum(steps, axis=1)], axis=1)
    result = np.empty((len(points), count + 1, 2))
    for row, (line, at) in enumerate(zip(points, along, strict=True)):
        wanted = np.linspace(0.0, at[-1], count + 1)
        result[row, :, 0] = np.interp(wanted, at, line[:, 0])
        result[row, :, 1] = np.interp(wanted, at, line[:, 1])
    return result
