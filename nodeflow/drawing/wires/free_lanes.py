"""A search for lanes that lead wires between cards instead of behind them.

It is for graphs small enough that single wires matter; larger graphs keep plain curves.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from nodeflow.drawing.wires import wire_shape
from nodeflow.drawing.wires.wire_routing import REACH, is_backward

MOST = 20_000
"""Wires times cards. With more, no lanes are searched for; this size takes a few milliseconds."""
CLEAR, NARROWEST, BESIDE, SPREAD = 10.0, 12.0, 36.0, 10.0
"""Distance of a lane from cards, width that it needs, distance from the near side in a wide gap,
and distance between lanes."""
WIDE = 200.0
"""A gap this wide lies between rows, which is better than a gap between two cards."""
BEND = 4.0
"""The cost of two corners. A lane level with either end has none."""
HIT = 2000.0
"""The detour in scene units that is worth passing behind one card less."""
SAMPLES = 32


def find(ends: np.ndarray, sources: np.ndarray, cards: np.ndarray) -> np.ndarray:
    """Find lanes, the heights of horizontal stretches on which wires pass around cards. Return (n,)
    heights, NaN for wires that need no lane.

    Args:
        ends: (n, 4) start and end of each wire in scene units.
        sources: (n,) equal numbers for wires that may share a lane, such as wires from one output.
        cards: (m, 4) left, top, right, bottom.
    """
    found = np.full(len(ends), np.nan)
    if not len(ends) or len(ends) * len(cards) > MOST:
        return found
    back = is_backward(ends)
    behind = _hidden(wire_shape.curve_points(ends, SAMPLES), cards)
    forward = (ends[:, 2] - ends[:, 0] > 2.5 * REACH) & (behind > 0)
    taken: list[tuple[float, float, float, int]] = []
    for wire in np.flatnonzero(back | forward).tolist():
        end, source = ends[wire], int(sources[wire])
        least = np.inf if back[wire] else HIT * behind[wire]
        own = [y for y, _, _, s in taken if s == source]
        lane = _best(end, cards, own, least)
        if lane is None:
            continue
        low, high = sorted((end[0] + REACH, end[2] - REACH))
        while any(
            s != source and abs(y - lane) < SPREAD and low < b and a < high for y, a, b, s in taken
        ):
            lane += SPREAD
        taken.append((lane, low, high, source))
        found[wire] = lane
    return found


def _hidden(points: np.ndarray, cards: np.ndarray) -> np.ndarray:
    """Return how many cards each line passes behind, (n,), for lines of (n, k, 2) points."""
    x, y = points[:, :, None, 0], points[:, :, None, 1]
    left, top, right, bottom = (cards + [2, 2, -2, -2]).T
    inside = (x > left) & (x < right) & (y > top) & (y < bottom)
    return inside.any(axis=1).sum(axis=1)


def _best(end: np.ndarray, cards: np.ndarray, own: list[float], least: float) -> float | None:
    """Return the best height for a wire's horizontal part, or None if none costs less than
    ``least``.

    The cost grows with the wire's length and the cards it crosses. Heights in ``own``, used by
    wires from the same output, get a bonus.
    """
    x0, y0, x1, y1 = end.tolist()
    right, left = x0 + REACH, x1 - REACH
    best = None
    for lane, gain in _gaps(cards, min(left, right), max(left, right), (y0, y1), own):
        hits = _crossed(cards, right, y0, lane) + _crossed(cards, left, y1, lane)
        way = abs(lane - y0) + abs(lane - y1) - abs(y1 - y0) + 1e-2 * abs(lane - y0)
        cost = HIT * hits + way - gain + (0.0 if lane in (y0, y1) else BEND)
        if cost < least:
            best, least = lane, cost
    return best


def _gaps(
    cards: np.ndarray, left: float, right: float, ends: tuple[float, float], own: list[float]
) -> Iterable[tuple[float, float]]:
    """Yield (height, bonus) of horizontal lines from ``left`` to ``right`` that cross no card.

    The bonus grows with the width of the gap between cards; it is highest for heights in ``own``.
    """
    passed = (cards[:, 0] < right + CLEAR) & (cards[:, 2] > left - CLEAR)
    tops, bottoms = cards[passed, 1] - CLEAR, cards[passed, 3] + CLEAR
    order = np.argsort(tops)
    above = -np.inf
    for top, bottom in (*zip(tops[order].tolist(), bottoms[order].tolist(), strict=True), _END):
        if top - above >= NARROWEST:
            room = top - above
            gain = min(room, WIDE) / 4 if np.isfinite(room) else 0.0
            yield _within(above, top, ends[0]), gain
            if above <= ends[1] <= top:  # straight in
                yield ends[1], gain
            yield from ((lane, WIDE) for lane in own if above <= lane <= top)
        above = max(above, bottom)


_END = (np.inf, np.inf)


def _within(low: float, high: float, wish: float) -> float:
    """Choose a height between ``low`` and ``high`` for a wire: the middle, or in a wide gap a
    height near ``wish``.
    """
    if high - low <= 4 * BESIDE:
        return (low + high) / 2
    return min(max(wish, low + BESIDE), high - BESIDE)


def _crossed(cards: np.ndarray, x: float, y: float, lane: float) -> int:
    """Return how many cards a vertical line at ``x`` crosses between the heights ``y`` and
    ``lane``.
    """
    low, high = min(y, lane), max(y, lane)
    inside = (cards[:, 0] < x) & (cards[:, 2] > x) & (cards[:, 1] < high) & (cards[:, 3] > low)
    return int(inside.sum())
