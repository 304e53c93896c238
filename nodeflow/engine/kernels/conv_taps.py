"""The taps of a convolution: tables of the positions that each result reads from.

A convolution and its gradient with respect to the image are the same computation: each result
sums products with positions of another image. Only the positions differ. So the geometry
(stride, dilation, border) is computed here, once for each row and column of the result, and
kernels only read tables. Positions in the border are left out, so no time is spent on zeros.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from nodeflow.ops.sliding_windows import Axis

Tap = tuple[int, int]
"""A position in the source, and the element of the window, numbered in the order of packed
weights.
"""


def forward_taps(axis: Axis, size: int, count: int) -> list[list[Tap]]:
    """Return the taps of each of ``count`` convolution windows along an axis of ``size`` elements:
    pairs of (element of the axis, element of the window). Elements outside the axis are left out.
    """
    before = axis.pads(size)[0]
    taps = []
    for window in range(count):
        first = window * axis.stride - before
        places = [(first + k * axis.dilation, k) for k in range(axis.kernel)]
        taps.append([(at, k) for at, k in places if 0 <= at < size])
    return taps


def backward_taps(axis: Axis, size: int, count: int) -> list[list[Tap]]:
    """Return, for each of ``size`` elements of an image axis, the convolution windows that contain
    it, as (window, element of the window) pairs. There are ``count`` windows.

    The elements of a window are numbered from the last to the first, so that both numbers ascend.
    """
    before = axis.pads(size)[0]
    taps = []
    for place in range(size):
        seen = []
        for k in reversed(range(axis.kernel)):
            window, rest = divmod(place + before - k * axis.dilation, axis.stride)
            if rest == 0 and 0 <= window < count:
                seen.append((window, axis.kernel - 1 - k))
        taps.append(seen)
    return taps


@dataclass(frozen=True)
class Strides:
    """Steps from one position to the next: elements of the source, and rows of the panel of
    weights.
    """

    source: int
    weights: int


@dataclass(frozen=True)
class TapTable:
    """The table for `conv.gathered_source`, and the positions of its parts in words."""

    words: np.ndarray
    starts: int
    entries: int
    columns: int
    entry_count: int


@dataclass(frozen=True)
class Tile:
    """Results that are computed at once: one position in several images, or neighbouring positions.

    Attributes:
        column: column of the tile's first position, which may lie before the row's beginning.
        first, end: positions that have a result are ``first`` to ``end - 1``.
        taps: (the position that the first result reads or would read, element of the window,
            number of the span of results that read it) in order; see `register_tiles.span_of`.
    """

    column: int
    first: int
    end: int
    taps: tuple[tuple[int, int, int], ...]


def tap_table(
    rows: Sequence[Sequence[Tap]],
    tiles: Sequence[Tile],
    row_strides: Strides,
    column_strides: Strides,
    depth: int,
    itemsize: int,
    result: int,
) -> TapTable:
    """Return a table of the image elements that each convolution window reads (its taps), in the
    layout for `conv.gathered_source`.

    Args:
        rows: taps of each row of results.
        tiles: tiles of a row of results, in the order of work.
        depth: numbers that each tap multiplies.
        result: bytes from one column of results to the next.

    Returns:
        A table of four parts: (bytes, rows of the panel) of all rows' taps; for each row, where its
            taps begin and end; for each tile, (bytes into the row of results, first position with a
            result, end of those positions, first run, number of runs); the runs (bytes, rows of the
            panel, length, span).
    """
    taps = [
        (s * row_strides.source * itemsize, k * row_strides.weights) for r in rows for s, k in r
    ]
    starts = np.cumsum([0, *(len(r) for r in rows)])
    runs: list[tuple[int, int, int, int]] = []
    entries = []
    for tile in tiles:
        own = _runs(tile.taps, column_strides, depth)
        entries.append((tile.column * result, tile.first, tile.end, len(runs), len(own)))
        runs += [(at * itemsize, skip, length, span) for at, skip, length, span in own]
    parts = [np.array(p, np.int64).ravel() for p in (taps, starts, entries, runs)]
    ends = np.cumsum([len(p) for p in parts])
    return TapTable(np.concatenate(parts), int(ends[0]), int(ends[1]), int(ends[2]), len(entries))


def _runs(
    taps: Sequence[tuple[int, int, int]], strides: Strides, depth: int
) -> list[tuple[int, int, int, int]]:
    """Join taps (elements of a convolution window) that lie side by side and are read by the same
    span of positions into runs. Return (element, row of the panel, length, span) of each run.
    """
    runs: list[tuple[int, int, int, int]] = []
    for place, k, span in taps:
        at, skip = place * strides.source, k * strides.weights
        first, row, length, where = runs[-1] if runs else (0, 0, 0, -1)
        if (where, first + length, row + length) == (span, at, skip):
            runs[-1] = (first, row, length + depth, span)
        else:
            runs.append((at, skip, depth, span))
    return runs


# ---- tiles of one picture -----------------------------------------------------------------------


@dataclass(frozen=True)
class Stretch:
    """A tile of ``count`` positions: ``first``, ``first + step`` and so on."""

    first: int
    step: int
    count: int


def stretches(across: int, step: int, most: int) -> list[Stretch]:
    """Divide a row of convolution results into as few tiles as possible, of about the same length.

    A tile has at most ``most`` positions. Neighbouring positions of a tile are ``step`` columns
    apart.
    """
    made = []
    for phase in range(min(step, across)):
        places = len(range(phase, across, step))
        pieces = -(-places // most)
        ends = [places * n // pieces for n in range(pieces + 1)]
        made += [Stretch(phase + begin * step, step, end - begin) for begin, end in pairwise(ends)]
    return made


def span_number(first: int, end: int, positions: int) -> int | None:
    """Return the number that kernels use for a range of positions in a tile, from ``first`` to
    ``end``. Return None if the range has no number, because it omits positions at both ends.

    0 is all positions. Then come the ranges that begin later, then those that end earlier.
    """
    if end == positions:
        return first
    return positions + end - 1 if first == 0 else None


def single_picture_tiles(
    columns: Sequence[Sequence[Tap]], step: int, shift: int, positions: int
) -> list[Tile]:
    """Divide a row of convolution results of a single image into tiles, with the taps (elements of
    the window) that each tile reads.

    At the border of the image, a tap lies inside the image only for some positions of a tile. Each
    position sums in the order of the window's elements, whatever its neighbours read. A stretch is
    divided in two if a tap would be inside only for positions in the middle.
    """
    tiles = []
    waiting = stretches(len(columns), step, positions)[::-1]
    while waiting:
        stretch = waiting.pop()
        seen = _spans(columns, stretch, shift)
        for skipped in (0, positions - stretch.count):
            numbers = [span_number(f + skipped, e + skipped, positions) for *_, f, e in seen]
            if None not in numbers:
                break
        else:
            half = stretch.count // 2
            second = replace(stretch, first=stretch.first + half * step, count=stretch.count - half)
            waiting += [second, replace(stretch, count=half)]
            continue
        taps = zip(seen, numbers, strict=True)
        tiles.append(
            Tile(
                stretch.first - skipped * step, skipped, skipped + stretch.count,
                tuple((at - skipped * shift, k, n) for (at, k, *_), n in taps if n is not None),
            )
        )  # fmt: skip
    return tiles


def _spans(
    columns: Sequence[Sequence[Tap]], stretch: Stretch, shift: int
) -> list[tuple[int, int, int, int]]:
    """Return, for each element of a convolution window, which results of a stretch (a row of
    neighbouring results) read it inside the image.

    From one result to the next, the image position moves by ``shift``. So the results that have an
    element of the window inside the image are neighbours.

    Returns:
        (the image position that the first result reads or would read, element of the window, first
            result that reads it, end of the results that do).
    """
    seen: dict[int, tuple[int, int, int]] = {}
    for n in range(stretch.count):
        for place, k in columns[stretch.first + n * stretch.step]:
            at, first, _ = seen.get(k, (place - n * shift, n, n))
            seen[k] = at, first, n + 1
    return [(at, k, first, end) for k, (at, first, end) in sorted(seen.items())]
