"""Frames: their order and color, and the positions of titles and notes, which wires avoid."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np

from nodeflow.document.model.records import FrameRecord
from nodeflow.drawing import text_layout as texts
from nodeflow.drawing.theme_colors import LIGHT

INSET = 16.0
"""Distance from the left edge of a frame to its title."""
BAND = 48.0
"""Height of the strip at the top of a frame that belongs to its title."""
LARGEST = 38
"""The largest title size that fits into the strip, in scene units."""
SMALLEST = texts.FRAME_TITLE[0]
TITLE_PIXELS, NOTE_PIXELS = 11.0, 9.5
"""The smallest size of titles and notes on the screen, if there is room."""
APART = 10.0
"""Distance between a wire and a title."""


def title_style(scale: float) -> texts.Style:
    """Return the text style of frame titles at a scale of the view."""
    size = min(max(SMALLEST, round(TITLE_PIXELS / scale)), LARGEST)
    return (size, *texts.FRAME_TITLE[1:])


def note_style(scale: float) -> texts.Style:
    """Return the text style of frame notes at a scale of the view."""
    size = min(max(texts.NOTE[0], round(NOTE_PIXELS / scale)), LARGEST)
    return (size, *texts.NOTE[1:])


def obstacles(frames: Iterable[FrameRecord], cards: np.ndarray) -> np.ndarray:
    """Return the rectangles of titles and notes of frames, which wires should avoid: (k, 4) left,
    top, right, bottom.

    A note's rectangle ends at the first card in its frame. ``cards``: (m, 4) in the same form.
    """
    found = []
    for frame in frames:
        left, top, width, height = frame.rect
        right, bottom = left + width, top + height
        if frame.title:
            text = min(_title_width(frame), width - 2 * INSET)
            found.append((left + INSET, top + 4, left + INSET + text, top + BAND - 8))
        if frame.note:
            inside = (cards[:, 0] < right) & (cards[:, 2] > left) & (cards[:, 1] > top)
            inside &= cards[:, 1] < bottom
            end = float(cards[inside, 1].min()) if inside.any() else bottom
            found.append((left, top + (BAND - 8 if frame.title else 0), right, end))
    return np.array(found, float).reshape(-1, 4)


def shifts(frames: Iterable[FrameRecord], points: np.ndarray) -> dict[str, float]:
    """Return how far each frame's title must move to the right so that no wire runs through it.

    Args:
        points: (n, k, 2) points along the wires.
    """
    low = np.minimum(points[:, :-1], points[:, 1:]).reshape(-1, 2)
    high = np.maximum(points[:, :-1], points[:, 1:]).reshape(-1, 2)
    found = {}
    for frame in frames:
        left, top, width, _ = frame.rect
        if not frame.title:
            continue
        text = _title_width(frame)
        last = left + width - INSET - text
        in_band = (low[:, 1] < top + BAND - 6) & (high[:, 1] > top + 2)
        in_band &= (high[:, 0] > left) & (low[:, 0] < left + width)
        x = left + INSET
        order = np.argsort(low[in_band, 0])
        starts, ends = low[in_band, 0][order], high[in_band, 0][order]
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
            if end + APART > x and start - APART < x + text:
                x = end + APART
        if left + INSET < x <= last:
            found[frame.id] = x - left - INSET
    return found


def _title_width(frame: FrameRecord) -> float:
    return texts.width(frame.title, texts.FAR_FRAME_TITLE)


def stacked(frames: Iterable[FrameRecord]) -> list[FrameRecord]:
    """Sort frames from back to front, largest first, so that no frame hides one within it."""
    return sorted(frames, key=lambda frame: -frame.rect[2] * frame.rect[3])


_FORMER = {"metrics": "metric"}
"""Names of colours in older files, with the current name."""
_HEX, _SHORT = re.compile(r"#[0-9a-fA-F]{6}"), re.compile(r"#[0-9a-fA-F]{3}")


def frame_role(name: str) -> str:
    """Return the theme color (its role) for a frame whose color is named in a file: ``#rrggbb`` or
    ``#rgb`` itself, the color of a category, or the default.
    """
    if _SHORT.fullmatch(name):
        return "#" + "".join(2 * digit for digit in name[1:])
    if _HEX.fullmatch(name):
        return name
    name = _FORMER.get(name, name)
    return f"category:{name}" if name in LIGHT.categories else "accent"
