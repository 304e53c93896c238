"""Titles at low levels of detail: as large as fits, on two lines if that helps."""

from __future__ import annotations

import re

from nodeflow.ui.core.painting import text_metrics

LINE = 1.15
"""Line spacing in font sizes."""


def set_name(
    name: str, room: float, height: float, largest: float, smallest: float
) -> tuple[list[str], float]:
    """Return the lines of a name and their size; elide it only if nothing else helps.

    ``room`` and ``height`` are the free width and height; all sizes are in scene units.
    """
    low = min(smallest, height * 0.8)
    one = _fitting([name], room, height)
    if one >= low:
        return [name], min(one, largest)
    parts = _halves(name)
    two = _fitting(parts, room, height) if parts else 0.0
    if two >= 0.8 * low:
        return parts, min(two, largest)
    return [text_metrics.elide(name, (low, 600, False), room)], low


def _fitting(lines: list[str], room: float, height: float) -> float:
    """Return the font size that fills the room with the lines."""
    widest = max(text_metrics.width(line, (100, 600, False)) for line in lines)
    return min(100 * room / max(widest, 1.0), height / (LINE * len(lines)))


def _halves(name: str) -> list[str]:
    """Split a name at the break nearest its middle; [] if it has no break."""
    breaks = [match.end() for match in re.finditer(r"[_/]+", name[:-1]) if match.start()]
    if not breaks:
        return []
    at = min(breaks, key=lambda place: abs(place - len(name) / 2))
    return [name[:at], name[at:]]
