"""Wire geometry over arrays: ends, curves as line segments, dashes, and distance to a point."""

from __future__ import annotations

import numpy as np

from nodeflow.ui.canvas.slots import Slots

DASHES = {"int32": (7, 4), "int64": (11, 4), "uint8": (3, 3), "bool": (2, 4)}
"""Dash and gap in view pixels by dtype; floats are solid, float64 is wider."""
FEED_DASH = (14.0, 6.0)
UNKNOWN_DASH = (4.0, 6.0)
MIN_BEND = 28.0


class WireTable:
    """Wires as arrays over slots of nodes: who they join and where on the cards they end."""

    def __init__(self) -> None:
        self.slots: Slots[tuple[str, str]] = Slots()
        self.source = np.zeros(0, np.int32)
        self.target = np.zeros(0, np.int32)
        self.offsets = np.zeros((0, 4))
        self.style = np.zeros(0, np.int16)

    def put(
        self,
        key: tuple[str, str],
        source: int,
        target: int,
        offsets: tuple[float, float, float, float],
        style: int,
    ) -> int:
        """Add or change a wire; offsets are of both ends from their cards' corners."""
        slot = self.slots.take(key)
        self._grow(slot + 1)
        self.source[slot], self.target[slot] = source, target
        self.offsets[slot] = offsets
        self.style[slot] = style
        return slot

    def drop(self, key: tuple[str, str]) -> int | None:
        return self.slots.release(key)

    def ends(self, which: np.ndarray, positions: np.ndarray) -> np.ndarray:
        """(n, 4) scene coordinates of both ends of the wires in ``which`` (slots)."""
        ends = self.offsets[which].copy()
        ends[:, :2] += positions[self.source[which]]
        ends[:, 2:] += positions[self.target[which]]
        return ends

    def _grow(self, size: int) -> None:
        if size <= len(self.source):
            return
        more = max(size, 2 * len(self.source), 64)
        for name in ("source", "target", "offsets", "style"):
            old = getattr(self, name)
            new = np.zeros((more, *old.shape[1:]), old.dtype)
            new[: len(old)] = old
            setattr(self, name, new)


def bend(ends: np.ndarray) -> np.ndarray:
    """How far each curve's control points reach out sideways, in the unit of ``ends``."""
    dx, dy = ends[:, 2] - ends[:, 0], ends[:, 3] - ends[:, 1]
    forward = np.maximum(dx * 0.5, np.minimum(MIN_BEND + np.abs(dy) * 0.25, 90.0))
    back = np.minimum(60.0 + np.abs(dx) * 0.3, 220.0)
    return np.where(dx >= 0, forward, back)


def bounds(ends: np.ndarray) -> np.ndarray:
    """(n, 4) left, top, right, bottom of the curves, control points included."""
    reach = bend(ends)
    left = np.minimum(ends[:, 0], ends[:, 2] - reach)
    right = np.maximum(ends[:, 0] + reach, ends[:, 2])
    top = np.minimum(ends[:, 1], ends[:, 3])
    bottom = np.maximum(ends[:, 1], ends[:, 3])
    return np.stack([left, top, right, bottom], axis=1)


def curve_points(ends: np.ndarray, count: int) -> np.ndarray:
    """(n, count + 1, 2) points along the cubic curves."""
    u = np.linspace(0.0, 1.0, count + 1)
    weights = np.stack([(1 - u) ** 3, 3 * (1 - u) ** 2 * u, 3 * (1 - u) * u**2, u**3])
    reach = bend(ends)
    x = np.stack([ends[:, 0], ends[:, 0] + reach, ends[:, 2] - reach, ends[:, 2]], axis=1)
    y = np.stack([ends[:, 1], ends[:, 1], ends[:, 3], ends[:, 3]], axis=1)
    return np.stack([x @ weights, y @ weights], axis=2)


def segments(ends: np.ndarray, count: int, dash: tuple[float, float] | None) -> np.ndarray:
    """(m, 4) line segments of the curves; with ``dash`` only those in its solid parts."""
    if not len(ends):
        return np.zeros((0, 4))
    points = curve_points(ends, count)
    lines = np.concatenate([points[:, :-1], points[:, 1:]], axis=2)
    if dash is None:
        return np.ascontiguousarray(lines.reshape(-1, 4))
    steps = np.hypot(lines[..., 2] - lines[..., 0], lines[..., 3] - lines[..., 1])
    along = np.cumsum(steps, axis=1) - steps / 2
    solid = along % (dash[0] + dash[1]) < dash[0]
    return np.ascontiguousarray(lines[solid])


def smooth(ends: np.ndarray, dash: tuple[float, float] | None) -> np.ndarray:
    """Segments fine enough for the eye and for the dashes; for a few curves in view pixels."""
    longest = float(np.hypot(ends[:, 2] - ends[:, 0], ends[:, 3] - ends[:, 1]).max()) * 1.3
    fine = longest / (2.0 if dash else 8.0)
    return segments(ends, int(np.clip(fine, 24, 400)), dash)


def distance(ends: np.ndarray, x: float, y: float) -> np.ndarray:
    """(n,) distance of a point from each curve."""
    points = curve_points(ends, 24)
    a, b = points[:, :-1], points[:, 1:]
    ab = b - a
    ap = np.array([x, y]) - a
    length = np.maximum((ab**2).sum(axis=2), 1e-12)
    t = np.clip((ap * ab).sum(axis=2) / length, 0, 1)
    nearest = a + t[..., None] * ab
    gap = np.hypot(nearest[..., 0] - x, nearest[..., 1] - y)
    return gap.min(axis=1)
