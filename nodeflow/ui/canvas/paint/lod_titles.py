"""Names on zoomed-out cards: as large as fits, on several lines if these allow larger letters."""

from __future__ import annotations

import math
import re
from functools import lru_cache

from nodeflow.ui.core.painting import text_metrics

LINE = 1.15
"""Line spacing as a multiple of the font size."""
MOST_LINES = 3
FEWEST_LETTERS = 3
"""The narrowest room for a name, in wide letters. A shorter beginning of a name says nothing."""


def set_name(
    name: str, room: float, height: float, largest: float, smallest: float
) -> tuple[list[str], float]:
    """Return the lines of a name and their font size.

    The name is elided only if it fits in no other way. If even that does not fit, return no
    lines. All sizes are in scene units.

    Args:
        room, height: the free width and height.
        largest, smallest: the limits of the font size.
    """
    most = min(int(height / (smallest * LINE) + 1e-6), MOST_LINES)
    found = _whole(name, room, height, smallest, most)
    if found is not None:
        return found[0], min(found[1], largest)
    style = (smallest, 600, False)
    lines = _wrapped(name, style, room)[:most]
    if not lines or text_metrics.width("m" * FEWEST_LETTERS, style) > room:
        return [], 0.0
    lines[-1] = text_metrics.elide(lines[-1].rstrip("-") + "…", style, room)
    return lines, smallest


@lru_cache(maxsize=4096)
def lines_of(name: str, room: float, smallest: float) -> int:
    """Return the number of lines that a name needs at the smallest size, at most `MOST_LINES`."""
    height = MOST_LINES * smallest * LINE
    found = _whole(name, room, height, smallest, MOST_LINES)
    return MOST_LINES if found is None else len(found[0])


def _whole(
    name: str, room: float, height: float, smallest: float, most: int
) -> tuple[list[str], float] | None:
    """Return the lines of an uncut name and their font size, or None if it does not fit."""
    for count in range(1, most + 1):
        lines = _parts(name, count)
        size = _fitting(lines, room, height)
        if len(lines) == count and size >= smallest:
            return lines, size
    lines = _wrapped(name, (smallest, 600, False), room)
    return (lines, smallest) if len(lines) <= most else None


def _wrapped(name: str, style: text_metrics.Style, room: float) -> list[str]:
    """Break a name into lines at its breaks; hyphenate words that are too long."""
    lines: list[str] = []
    for part in re.findall(r"[^_/]*[_/]+|[^_/]+$", name):
        if lines and text_metrics.width(lines[-1] + part, style) <= room:
            lines[-1] += part
            continue
        count = 1
        while max(text_metrics.width(p, style) for p in _pieces(part, count)) > room:
            count += 1
            if count > len(part):
                return []
        lines += _pieces(part, count)
    return lines


def _pieces(word: str, count: int) -> list[str]:
    """Split a word into pieces of similar length that end with hyphens."""
    length = math.ceil(len(word) / count)
    pieces = [word[at : at + length] for at in range(0, len(word), length)]
    return [f"{piece}-" for piece in pieces[:-1]] + pieces[-1:]


def _fitting(lines: list[str], room: float, height: float) -> float:
    """Return the largest font size, in quarters of a unit, that makes the lines fit into a width
    and a height.
    """
    widest = max(text_metrics.width(line, (100, 600, False)) for line in lines)
    size = min(100 * room / max(widest, 1.0), height / (LINE * len(lines)))
    return math.floor(4 * size + 1e-6) / 4


def _parts(name: str, count: int) -> list[str]:
    """Split a name into parts of similar length at its breaks; fewer if it has too few breaks."""
    breaks = [match.end() for match in re.finditer(r"[_/]+", name[:-1]) if match.start()]
    wanted = [len(name) * index / count for index in range(1, count)]
    ends = sorted({min(breaks, key=lambda at: abs(at - place)) for place in wanted if breaks})
    return [name[start:end] for start, end in zip([0, *ends], [*ends, len(name)], strict=True)]
