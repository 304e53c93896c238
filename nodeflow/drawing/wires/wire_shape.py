"""Wire geometry over arrays: curves as line segments, dashes, and distance to a point."""

from __future__ import annotations

import numpy as np

from nodeflow.drawing.wires import wire_routing

DASHES = {
    "int32": (7, 4), "int64": (11, 4), "uint8": (3, 3), "bool": (2, 4),
    "int8": (3, 5), "int16": (5, 4), "uint16": (5, 2), "uint32": (7, 2), "uint64": (11, 2),
    "bfloat16": (18, 2), "complex64": (22, 3), "complex128": (22, 3),
}  # fmt: skip
"""Dash and gap in view pixels by dtype; floats are solid."""
THICKNESS = {"float64": 2.6, "float16": 1.4, "bfloat16": 1.4, "complex128": 2.6}
"""Thickness in view pixels, if it is not 2."""
FEED_DASH = (14.0, 6.0)
UNKNOWN_DASH = (4.0, 6.0)
MIN_BEND = 28.0


def dash_of(dtype: str, is_feed: bool) -> tuple[float, float] | None:
    """Return (dash length, gap) of a wire's line in view pixels, or None for a solid line."""
    if is_feed:
        return FEED_DASH
    return DASHES.get(dtype) if dtype else UNKNOWN_DASH


def bend(ends: np.ndarray, scale: float = 1.0) -> np.ndarray:
    """Return how far to the side the control points of each wire's curve lie from its ends.

    Both ``ends`` and the result are scene units times ``scale``.
    """
    dx, dy = ends[:, 2] - ends[:, 0], ends[:, 3] - ends[:, 1]
    level = np.minimum(MIN_BEND * scale + np.abs(dy) * 0.25, 90.0 * scale)
    back = np.minimum(60.0 * scale + np.abs(dx) * 0.3, 220.0 * scale)
    return np.where(dx >= 0, np.maximum(dx * 0.5, level), back)


def bounds(ends: np.ndarray, lane: np.ndarray | None = None) -> np.ndarray:
    """Return the bounding boxes (n, 4) of wires' curves: left, top, right, bottom.

    They include the control points.
    """
    reach = bend(ends)
    left = np.minimum(ends[:, 0], ends[:, 2] - reach)
    right = np.maximum(ends[:, 0] + reach, ends[:, 2])
    top = np.minimum(ends[:, 1], ends[:, 3])
    bottom = np.maximum(ends[:, 1], ends[:, 3])
    back = wire_routing.takes_detour(ends, 1.0, lane)
    if back.any():
        heights = wire_routing.routes(ends[back], 1.0, _of(lane, back))[..., 1]
        top[back], bottom[back] = heights.min(axis=1), heights.max(axis=1)
    return np.stack([left, top, right, bottom], axis=1)


def drawn_box(ends: np.ndarray, lane: np.ndarray) -> np.ndarray:
    """Return the bounding box of all wires' curves as (left, top, right, bottom)."""
    back = wire_routing.takes_detour(ends, 1.0, lane)
    points = np.concatenate([
        _cubic_points(ends[~back], 32, 1.0).reshape(-1, 2),
        wire_routing.routes(ends[back], 1.0, lane[back]).reshape(-1, 2),
    ])  # fmt: skip
    return np.concatenate([points.min(axis=0), points.max(axis=0)])


def _of(lane: np.ndarray | None, which: np.ndarray) -> np.ndarray | None:
    return None if lane is None else lane[which]


def curve_points(
    ends: np.ndarray, count: int, scale: float = 1.0, lane: np.ndarray | None = None
) -> np.ndarray:
    """Return (n, count + 1, 2) points along the curves."""
    points = _cubic_points(ends, count, scale)
    back = wire_routing.takes_detour(ends, scale, lane)
    if back.any():
        points[back] = wire_routing.resampled(
            wire_routing.routes(ends[back], scale, _of(lane, back)), count
        )
    return points


def _cubic_points(ends: np.ndarray, count: int, scale: float) -> np.ndarray:
    u = np.linspace(0.0, 1.0, count + 1)
    weights = np.stack([(1 - u) ** 3, 3 * (1 - u) ** 2 * u, 3 * (1 - u) * u**2, u**3])
    reach = bend(ends, scale)
    x = np.stack([ends[:, 0], ends[:, 0] + reach, ends[:, 2] - reach, ends[:, 2]], axis=1)
    y = np.stack([ends[:, 1], ends[:, 1], ends[:, 3], ends[:, 3]], axis=1)
    return np.stack([x @ weights, y @ weights], axis=2)


def segments(
    ends: np.ndarray,
    count: int,
    dash: tuple[float, float] | None,
    scale: float = 1.0,
    lane: np.ndarray | None = None,
) -> np.ndarray:
    """Return (m, 4) line segments of the curves; with ``dash``, only the segments in its solid
    parts.
    """
    if not len(ends):
        return np.zeros((0, 4))
    if dash is None:
        back = wire_routing.takes_detour(ends, scale, lane)
        parts = [_lines(_cubic_points(ends[~back], count, scale)).reshape(-1, 4)]
        if back.any():
            parts.append(
                _lines(wire_routing.routes(ends[back], scale, _of(lane, back))).reshape(-1, 4)
            )
        return np.ascontiguousarray(np.concatenate(parts))
    lines = _lines(curve_points(ends, count, scale, lane))
    steps = np.hypot(lines[..., 2] - lines[..., 0], lines[..., 3] - lines[..., 1])
    along = np.cumsum(steps, axis=1) - steps / 2
    solid = along % (dash[0] + dash[1]) < dash[0]
    return np.ascontiguousarray(lines[solid])


def _lines(points: np.ndarray) -> np.ndarray:
    return np.concatenate([points[:, :-1], points[:, 1:]], axis=2)


def smooth(
    ends: np.ndarray,
    dash: tuple[float, float] | None,
    scale: float = 1.0,
    lane: np.ndarray | None = None,
) -> np.ndarray:
    """Divide wires into line segments so short that curves and dashes look smooth, in view pixels.
    For a few curves only, because there are up to 400 segments per wire.
    """
    longest = float(np.abs(ends[:, 2:] - ends[:, :2]).sum(axis=1).max()) * 1.3
    fine = longest / (2.0 if dash else 8.0)
    return segments(ends, int(np.clip(fine, 24, 400)), dash, scale, lane)


STUB = 26.0
"""Length of the stub of a hidden wire at each end, in scene units."""


def stubs(ends: np.ndarray, length: float) -> np.ndarray:
    """Return short lines (2n, 4) at both ends of wires that are hidden in between.

    The first n lines go out of the sources, the others go into the targets.
    """
    out, into = ends.copy(), ends.copy()
    out[:, 2], out[:, 3] = ends[:, 0] + length, ends[:, 1]
    into[:, 0], into[:, 1] = ends[:, 2] - length, ends[:, 3]
    return np.concatenate([out, into])


def distance(ends: np.ndarray, x: float, y: float, lane: np.ndarray | None = None) -> np.ndarray:
    """Return the distance of the point (x, y) from each wire's curve, as (n,) in scene units."""
    gap = _gap(_cubic_points(ends, 24, 1.0), x, y)
    back = wire_routing.takes_detour(ends, 1.0, lane)
    if back.any():
        gap[back] = _gap(wire_routing.routes(ends[back], 1.0, _of(lane, back)), x, y)
    return gap


def _gap(points: np.ndarray, x: float, y: float) -> np.ndarray:
    a, b = points[:, :-1], points[:, 1:]
    ab = b - a
    ap = np.array([x, y]) - a
    length = np.maximum((ab**2).sum(axis=2), 1e-12)
    t = np.clip((ap * ab).sum(axis=2) / length, 0, 1)
    nearest = a + t[..., None] * ab
    gap = np.hypot(nearest[..., 0] - x, nearest[..., 1] - y)
    return gap.min(axis=1)
