"""Folding a drawing that is one long row into several rows, read like lines of text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import inf

from nodeflow.document.layout.card_size import Size
from nodeflow.document.layout.layered import Position

WIDEST = 2.4
"""The largest ratio of width to height of a drawing in one row."""
ROW_GAP = 140.0


def folded(
    places: Mapping[str, Position],
    boxes: Mapping[str, Size],
    least: float = 0.0,
    most: float = inf,
) -> dict[str, Position]:
    """Return boxes that stood in one long row as several rows, read like lines of text.

    Columns stay together. The number of rows is chosen so that the drawing is at most `WIDEST`
    times as wide as high.

    Args:
        least: a drawing up to this width stays in one row.
        most: the maximum width of a row, unless a single column is wider, for any height.
    """
    columns = _columns(places, boxes)
    width = columns[-1][1] - columns[0][0] if columns else 0.0
    height = max((_span(places, boxes, keys)[1] for _, _, keys in columns), default=0.0)
    if len(columns) < 3 or width <= min(most, max(least, WIDEST * height)):
        return dict(places)
    count = 1  # the fewest rows whose drawing fits both limits
    while width / count > min(most, WIDEST * count * (height + ROW_GAP)):
        count += 1
    room = max(width / count, max(right - left for left, right, _ in columns))
    while len(rows := _rows(columns, room)) > count:
        if room * 1.05 <= most:
            room *= 1.05  # rather wider rows than a last one with a single box
        else:
            count += 1
    result: dict[str, Position] = {}
    y = 0.0
    for row in rows:
        keys = [key for _, _, members in row for key in members]
        top, high = _span(places, boxes, keys)
        left = row[0][0]
        result.update({key: (places[key][0] - left, places[key][1] - top + y) for key in keys})
        y += high + ROW_GAP
    return result


_Column = tuple[float, float, list[str]]


def _rows(columns: list[_Column], room: float) -> list[list[_Column]]:
    """Split the columns into rows that are at most `room` wide."""
    rows: list[list[_Column]] = []
    for column in columns:
        if rows and column[1] - rows[-1][0][0] <= room:
            rows[-1].append(column)
        else:
            rows.append([column])
    return rows


def _columns(places: Mapping[str, Position], boxes: Mapping[str, Size]) -> list[_Column]:
    """Group boxes that overlap horizontally; return the left edge, right edge and keys of each
    group.
    """
    found: list[_Column] = []
    for key in sorted(places, key=lambda k: (places[k][0], places[k][1])):
        left = places[key][0]
        right = left + boxes[key][0]
        if found and left < found[-1][1]:
            start, end, keys = found[-1]
            found[-1] = (start, max(end, right), [*keys, key])
        else:
            found.append((left, right, [key]))
    return found


def _span(
    places: Mapping[str, Position], boxes: Mapping[str, Size], keys: Iterable[str]
) -> tuple[float, float]:
    """Return the top of the highest box, and the distance from there to the lowest bottom."""
    tops = [(places[key][1], places[key][1] + boxes[key][1]) for key in keys]
    top = min(low for low, _ in tops)
    return top, max(high for _, high in tops) - top
