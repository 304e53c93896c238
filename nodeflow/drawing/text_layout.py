"""Text in scene units, without Qt: styles, widths, elision and wrapping."""

from __future__ import annotations

import math
from functools import lru_cache

from nodeflow.document.layout.text_width import text_width

Style = tuple[float, int, bool]
"""Pixels, weight and whether it is monospaced."""

LEAST = 9.0
"""The size in pixels of the smallest text on the screen. Text that has no room for it is absent."""

TITLE: Style = (13, 600, False)
SUBTITLE: Style = (11, 400, False)
PORT: Style = (12, 400, False)
TYPE: Style = (10.5, 400, True)
VALUE: Style = (22, 500, False)
SMALL_VALUE: Style = (15, 500, False)
TABLE: Style = (11, 400, True)
CAPTION: Style = (11, 400, False)
BADGE: Style = (11, 600, False)
FRAME_TITLE: Style = (16, 600, False)
NOTE: Style = (13, 400, False)
FAR_TITLE: Style = (26, 600, False)
FAR_VALUE: Style = (32, 500, False)
FAR_FRAME_TITLE: Style = (26, 600, False)
HERO: Style = (22, 600, False)
HINT: Style = (14, 400, False)
HINT_STRONG: Style = (14, 600, False)


@lru_cache(maxsize=512)
def legible(style: Style, scale: float) -> Style:
    """Return a style, enlarged if its text would be too small to read.

    Args:
        scale: pixels of the screen per scene unit.
    """
    if style[0] * scale >= LEAST:
        return style
    return (least_size(scale), *style[1:])


def least_size(scale: float) -> float:
    """Return the smallest legible font size in scene units.

    It is a multiple of a quarter, because fonts have whole pixels at four times the size.
    """
    return math.ceil(4 * LEAST / scale - 1e-6) / 4


def width(text: str, style: Style) -> float:
    """Return the advance width of a text in scene units."""
    return text_width(text, *style)


@lru_cache(maxsize=16384)
def elide(text: str, style: Style, room: float) -> str:
    """Return the text, shortened with an ellipsis if it is wider than ``room``."""
    if width(text, style) <= room:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if width(text[:middle].rstrip() + "…", style) <= room:
            low = middle
        else:
            high = middle - 1
    return text[:low].rstrip() + "…" if low else ""


@lru_cache(maxsize=2048)
def wrap(text: str, style: Style, room: float, most: int = 100) -> tuple[str, ...]:
    """Break text into at most ``most`` lines no wider than ``room``; keep its line breaks."""
    lines: list[str] = []
    for paragraph in text.split("\n"):
        line = ""
        for word in paragraph.split():
            joined = f"{line} {word}" if line else word
            if line and width(joined, style) > room:
                lines.append(line)
                line = word
            else:
                line = joined
        lines.append(line)
    if len(lines) > most:
        rest = " ".join(lines[most - 1 :])
        lines = [*lines[: most - 1], elide(rest, style, room)]
    return tuple(elide(line, style, room) for line in lines)
