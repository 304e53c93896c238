"""Classifies how inputs of formulas are broadcast over an array of [rows, n]."""

from __future__ import annotations

import math

from nodeflow.engine.kernels.row_formulas import COLUMNS, ONE, ROWS, WHOLE, Pattern
from nodeflow.graph.types import Shape


def pattern_of(shape: Shape, whole: Shape, rows: int, n: int) -> Pattern | None:
    """Return how an input of an elementwise formula is broadcast over the rows of the result: a
    whole array, one value for each row, one for each column, or a single value. Return None if it
    is none of these.

    ``whole``, the shape of the result, is ``rows`` rows of ``n`` elements or of one element.
    """
    at = _leading(whole, rows, n)
    if at is None:
        return None
    padded = (1,) * (len(whole) - len(shape)) + tuple(shape)
    has = []
    for part, full in ((padded[:at], whole[:at]), (padded[at:], whole[at:])):
        if part != tuple(full) and any(d != 1 for d in part):
            return None
        has.append(part == tuple(full))
    if math.prod(d or 0 for d in whole) == rows:
        return ROWS if has[0] else ONE
    return (WHOLE if has[1] else ROWS) if has[0] else (COLUMNS if has[1] else ONE)


def _leading(whole: Shape, rows: int, n: int) -> int | None:
    """Return how many leading axes of a shape have ``rows`` elements together, so that the
    remaining axes form the row. Return None if no number of axes fits.
    """
    sizes = [d or 0 for d in whole]
    for at in range(len(sizes) + 1):
        if math.prod(sizes[:at]) == rows and math.prod(sizes[at:]) in (1, n):
            return at
    return None
