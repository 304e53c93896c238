"""Ordering the columns of a layered drawing for few crossings.

The order comes from barycentre sweeps with swaps of neighbours in between; the best order seen is
kept. After Gansner, Koutsofios, North and Vo, "A technique for drawing directed graphs" (1993),
section 3.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Mapping, Sequence

Ends = Mapping[str, Sequence[tuple[str, float, float]]]
"""The wires by node: (other node, height of the port here, height of the port there)."""

EFFORT = 20_000
"""Approximate limit of nodes visited in all: small graphs get many sweeps, large ones few."""
FEWEST, MOST = 2, 24
PATIENCE = 6
"""Sweeps without improvement after which the search ends."""
PORT = 1e-5
"""Weight of one unit of a port's height relative to a position in a column."""


def order_columns(columns: list[list[str]], before: Ends, after: Ends) -> None:
    """Sort each column in place.

    Args:
        columns: the nodes by column, in an order that breaks ties; wires connect neighbours only.
        before, after: the wires to the columns on the left and on the right.
    """
    size = sum(map(len, columns))
    sweeps = min(max(EFFORT // max(size, 1), FEWEST), MOST)
    searched = _searched(columns, before)
    starts = [searched, [list(column) for column in columns]] if size < EFFORT // 20 else [searched]
    best, least = searched, float("inf")
    for start in starts:
        found, crossings = _sweep(start, before, after, sweeps)
        if crossings < least:
            best, least = found, crossings
    for column, wanted in zip(columns, best, strict=True):
        column[:] = wanted


def crossings(columns: Sequence[Sequence[str]], after: Ends) -> int:
    """Return the number of wire crossings, if wires run straight from column to column."""
    place = {node: i for column in columns for i, node in enumerate(column)}
    total = 0
    for column in columns:
        wires = sorted(
            (i + PORT * here, place[other] + PORT * there)
            for i, node in enumerate(column)
            for other, here, there in after[node]
        )
        passed: list[float] = []
        for index, (_, end) in enumerate(wires):
            total += index - bisect_right(passed, end)
            insort(passed, end)
    return total


def _searched(columns: list[list[str]], before: Ends) -> list[list[str]]:
    """Order the columns by a traversal from the sinks, so that the inputs of a node are
    adjacent."""
    column_of = {node: c for c, column in enumerate(columns) for node in column}
    result: list[list[str]] = [[] for _ in columns]
    seen: set[str] = set()
    for column in reversed(columns):
        for start in column:
            stack = [start]
            while stack:
                node = stack.pop()
                if node in seen:
                    continue
                seen.add(node)
                result[column_of[node]].append(node)
                inputs = sorted(before[node], key=lambda link: link[1], reverse=True)
                stack += [link[0] for link in inputs]
    return result


def _sweep(
    columns: list[list[str]], before: Ends, after: Ends, sweeps: int
) -> tuple[list[list[str]], int]:
    """Return the best order found in sweeps from left to right and back."""
    place = {node: float(i) for column in columns for i, node in enumerate(column)}
    best, least, worse = [list(c) for c in columns], crossings(columns, after), 0
    for sweep in range(sweeps):
        if not least or worse > PATIENCE:
            break
        forward = sweep % 2 == 0
        links = before if forward else after
        for column in columns if forward else reversed(columns):
            wish = {node: _barycentre(links[node], place, place[node]) for node in column}
            column.sort(key=lambda node, w=wish: (w[node], place[node]))
            _number(column, place)
        _exchange(columns, before, after, place)
        now = crossings(columns, after)
        worse += 1
        if now < least:
            best, least, worse = [list(c) for c in columns], now, 0
    return best, least


def _number(column: list[str], place: dict[str, float]) -> None:
    for i, node in enumerate(column):
        place[node] = float(i)


def _barycentre(
    links: Sequence[tuple[str, float, float]], place: Mapping[str, float], default: float
) -> float:
    """Return the mean position of a node's neighbours, or ``default`` if it has none."""
    if not links:
        return default
    return sum(place[other] + PORT * (there - here) for other, here, there in links) / len(links)


def _exchange(columns: list[list[str]], before: Ends, after: Ends, place: dict[str, float]) -> None:
    """Swap neighbours in a column as long as that removes crossings."""
    for _ in range(4):
        changed = False
        for column in columns:
            ends = [(_ends(before[n], place), _ends(after[n], place)) for n in column]
            for i in range(len(column) - 1):
                (left, right), (left2, right2) = ends[i], ends[i + 1]
                now = _inversions(left, left2) + _inversions(right, right2)
                if now and now > _inversions(left2, left) + _inversions(right2, right):
                    column[i], column[i + 1] = column[i + 1], column[i]
                    ends[i], ends[i + 1] = ends[i + 1], ends[i]
                    changed = True
            _number(column, place)
        if not changed:
            return


def _ends(links: Sequence[tuple[str, float, float]], place: Mapping[str, float]) -> list[float]:
    return sorted(place[other] + PORT * there for other, _, there in links)


def _inversions(upper: list[float], lower: list[float]) -> int:
    """Return the number of crossings between the wires of an upper and a lower node."""
    if not upper or not lower or upper[-1] <= lower[0]:
        return 0
    return sum(bisect_left(lower, end) for end in upper)
