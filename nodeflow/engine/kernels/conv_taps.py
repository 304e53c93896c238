"""The taps of a convolution: tables of the positions that each result reads.

A convolution and its gradient by the image are the same computation, results that gather products
from positions of another image; only the positions differ. So the geometry (stride, dilation,
border) is computed here, once for each row and column of the result, and kernels only walk tables.
Positions in the border are left out, so no time is spent on zeros.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nodeflow.ops.sliding_windows import Axis

Tap = tuple[int, int]
"""A place in the source, and which element of the window (in the order of packed weights)."""


def forward_taps(axis: Axis, size: int, count: int) -> list[list[Tap]]:
    """For each of ``count`` windows: what it sees of an axis of ``size`` elements."""
    before = axis.pads(size)[0]
    taps = []
    for window in range(count):
        first = window * axis.stride - before
        places = [(first + k * axis.dilation, k) for k in range(axis.kernel)]
        taps.append([(at, k) for at, k in places if 0 <= at < size])
    return taps


def backward_taps(axis: Axis, size: int, count: int) -> list[list[Tap]]:
    """For each of ``size`` elements: the windows (of ``count``) that see it, and with what.

    The window's elements are numbered from the last to the first, so that both numbers ascend.
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
    """Elements from one place to the next, of the source, its weights and the result."""

    source: int
    weights: int
    result: int


@dataclass(frozen=True)
class TapTable:
    """The table of `gathered products`, and where its parts begin, in words."""

    words: np.ndarray
    starts: int
    entries: int
    columns: int
    entry_count: int


def tap_table(
    rows: Sequence[Sequence[Tap]],
    columns: Sequence[Sequence[Tap]],
    row_strides: Strides,
    column_strides: Strides,
    depth: int,
    itemsize: int,
    tiles: Sequence[tuple[int, bool]],
) -> TapTable:
    """Lay out taps for `conv.gathered_source`.

    Args:
        depth: numbers that each tap multiplies; ``source`` strides are in elements, ``weights`` in
            rows of the panel.
        tiles: (column, whether it begins a whole tile) in the order of work.

    Returns:
        (bytes, rows of the panel) of all rows' taps; then for each row where its taps begin and
        end; then for each tile (bytes into the row of results, 1 if whole, first run, runs); then
        the runs, (bytes, rows of the panel, length).
    """
    taps = [
        (s * row_strides.source * itemsize, k * row_strides.weights) for r in rows for s, k in r
    ]
    starts = np.cumsum([0, *(len(r) for r in rows)])
    runs: list[tuple[int, int, int]] = []
    entries = []
    for column, whole in tiles:
        own = _runs(columns[column], column_strides, depth)
        entries.append((column * column_strides.result * itemsize, int(whole), len(runs), len(own)))
        runs += [(at * itemsize, skip, length) for at, skip, length in own]
    parts = [np.array(p, np.int64).ravel() for p in (taps, starts, entries, runs)]
    ends = np.cumsum([len(p) for p in parts])
    return TapTable(np.concatenate(parts), int(ends[0]), int(ends[1]), int(ends[2]), len(entries))


def _runs(taps: Sequence[Tap], strides: Strides, depth: int) -> list[tuple[int, int, int]]:
    """(element, row of the panel, length), neighbours in both becoming one."""
    runs: list[tuple[int, int, int]] = []
    for place, k in taps:
        at, skip = place * strides.source, k * strides.weights
        if runs and runs[-1][0] + runs[-1][2] == at and runs[-1][1] + runs[-1][2] == skip:
            runs[-1] = (*runs[-1][:2], runs[-1][2] + depth)
        else:
            runs.append((at, skip, depth))
    return runs


def across_tiles(
    columns: Sequence[Sequence[Tap]], step: int, shift: int, length: int
) -> list[tuple[int, bool]]:
    """Cut a row of results into tiles of ``length`` places that look alike, and single places.

    Places ``step`` apart belong together; what they see lies ``shift`` further each time. Where a
    tile would be too long it begins earlier, and some places are computed twice, equally.
    """
    tiles: list[tuple[int, bool]] = []
    for phase in range(min(step, len(columns))):
        places = range(phase, len(columns), step)
        looks = [tuple((s - n * shift, k) for s, k in columns[x]) for n, x in enumerate(places)]
        first = 0
        while first < len(places):
            last = first
            while last < len(places) and looks[last] == looks[first]:
                last += 1
            if last - first < length:
                tiles += [(places[n], False) for n in range(first, last)]
            else:
                whole = [*range(first, last - length, length), last - length]
                tiles += [(places[n], True) for n in whole]
            first = last
    return tiles
