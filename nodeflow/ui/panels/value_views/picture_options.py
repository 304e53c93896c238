"""The ways to draw a tensor as pictures: channels, filters, rows, columns, or one matrix."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from nodeflow.host.picture_arrangement import (
    arranged_matrix,
    colour_bytes,
    colour_rows,
    is_colour,
    is_filters,
)

MOST_PICTURES = 400
SMALLEST_SIDE = 6
"""Minimum side of square pictures that are guessed from rows of unknown shape, in pixels."""

Shape2 = tuple[int, int] | None


@dataclass(frozen=True)
class Way:
    """One way to draw a tensor as pictures.

    Attributes:
        id: stable name.
        title: menu text.
        picks: the name of the thing that a number chooses, such as ``Row``; empty if there is
            no choice.
        count: number of things to choose from.
        is_natural: whether the tensor consists of pictures, so that this way is shown first.
        each: the kind of one picture, such as ``channel``, or ``row`` for a row of the data.
    """

    id: str
    title: str
    picks: str = ""
    count: int = 0
    is_natural: bool = True
    each: str = ""


@dataclass(frozen=True)
class Drawn:
    """Pictures to draw, with two axes, or three if coloured.

    Attributes:
        is_grey: whether the pictures are grey, black for the smallest value, without a colour
            scale.
        note: a remark on the arrangement, such as ``transposed``.
    """

    pictures: list[np.ndarray]
    is_grey: bool = False
    note: str = ""


MATRIX = Way("matrix", "As a matrix", is_natural=False)


def ways(array: np.ndarray, image_shape: Shape2 = None, column_shape: Shape2 = None) -> list[Way]:
    """Return the ways to draw an array, the best first; none if it cannot be drawn.

    Args:
        image_shape: (height, width) if each row is a picture like those in the data.
        column_shape: (height, width) if each column is such a picture.
    """
    if not array.size or not 1 <= array.ndim <= 4:
        return []
    if array.ndim == 4:
        n, channels = array.shape[0], array.shape[3]
        if is_colour(array, *_range(array)):
            return [Way("rows", "Rows as pictures", each="row")]
        if is_filters(array.shape):
            return [Way("filters", "Filters", "Input channel", array.shape[2], each="filter")]
        if channels == 1:
            return [Way("rows", "Rows as pictures", each="row")]
        return [
            Way("channels", "Channels of a row", "Row", n, each="channel"),
            Way("rows", "Rows as pictures", "Channel", channels, each="row"),
        ]
    if array.ndim == 3:
        return [Way("rows", "Rows as pictures", each="row")] if min(array.shape[1:]) > 1 else []
    if array.ndim == 1:
        return [MATRIX]
    found = [MATRIX]
    if column_shape and array.shape[0] == math.prod(column_shape):
        found.insert(0, Way("columns", "Columns as pictures", each="column"))
    elif _side(array.shape[0]):
        found.append(Way("columns", "Columns as pictures", is_natural=False, each="column"))
    if image_shape and array.shape[1] in (math.prod(image_shape), 3 * math.prod(image_shape)):
        found.insert(0, Way("rows", "Rows as pictures", each="row"))
    elif _side(array.shape[1]):
        found.append(Way("rows", "Rows as pictures", is_natural=False, each="row"))
    return found


def drawn(
    array: np.ndarray,
    way: Way,
    pick: int = 0,
    image_shape: Shape2 = None,
    column_shape: Shape2 = None,
) -> Drawn:
    """Return the pictures of an array.

    Args:
        pick: the chosen number, from 0; see `Way.picks`.
    """
    if way.id == "rows":
        array = colour_rows(array, image_shape)
    low, _ = _range(array)
    is_signed = low is not None and low < 0
    if way.id == "matrix":
        matrix, note = arranged_matrix(np.atleast_2d(array))
        return Drawn([matrix], note=note)
    if way.id == "filters":
        return Drawn(list(np.moveaxis(array[:, :, pick], 2, 0)[:MOST_PICTURES]))
    if way.id == "channels":
        return Drawn(list(np.moveaxis(array[pick], 2, 0)[:MOST_PICTURES]))
    if array.ndim == 4:
        if is_colour(array, *_range(array)):
            return Drawn(list(colour_bytes(array[:MOST_PICTURES])))
        is_grey = array.shape[3] == 1 and not is_signed
        return Drawn(list(array[:MOST_PICTURES, :, :, pick]), is_grey)
    if array.ndim == 3:
        return Drawn(list(array[:MOST_PICTURES]), not is_signed)
    rows, known = (array.T, column_shape) if way.id == "columns" else (array, image_shape)
    side = _side(rows.shape[1])
    is_known = known is not None and rows.shape[1] == math.prod(known)
    shape = known if known is not None and is_known else (side, side)
    is_grey = is_known and way.id == "rows" and not is_signed
    return Drawn([row.reshape(shape) for row in rows[:MOST_PICTURES]], is_grey)


def _range(array: np.ndarray) -> tuple[float | None, float | None]:
    values = array[np.isfinite(array)]
    return (float(values.min()), float(values.max())) if values.size else (None, None)


def _side(count: int) -> int:
    """Return the side of a square picture with this number of pixels, or 0."""
    side = math.isqrt(count)
    return side if side >= SMALLEST_SIDE and side * side == count else 0
