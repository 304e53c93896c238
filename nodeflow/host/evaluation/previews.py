"""Previews of tensors on nodes: a number, a table, an image or statistics; always small."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from nodeflow.errors import NodeflowError, OverBudget
from nodeflow.graph.graph import Node
from nodeflow.host.picture_arrangement import (
    arranged_matrix,
    color_limits,
    colour_bytes,
    colour_rows,
    is_colour,
    is_filters,
    measured,
)
from nodeflow.host.protocol import Measured, Preview, ShownData, ShownIteration, ShownRows
from nodeflow.number_text import number

TABLE_ROWS, TABLE_COLUMNS = 8, 6
HEATMAP_SIZE = 64
IMAGE_COUNT = 16
MAP_SIZE = 32
"""The largest height and width of a feature map on a node."""
MANY = 1 << 24
"""The number of elements above which statistics are computed in parts, to save memory."""
SMALLEST_PICTURE = 6
"""The smallest height and width of the pictures in a tensor of three axes."""


@dataclass
class Evaluation:
    """The result of an evaluation.

    Attributes:
        values: previews by tensor name.
        missing: placeholders without a feed.
        data: the rows of the values.
        notices: facts about the data that the user has to know.
        pending: whether values are missing until derived nodes are up to date, or because their
            computation takes long.
        partial: whether to continue the evaluation, because it stopped at values that take long.
        iterations: the iteration that values inside a loop show, by the name of the loop.
    """

    values: dict[str, Preview] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    pending: bool = False
    partial: bool = False
    data: ShownData | None = None
    iterations: dict[str, ShownIteration] = field(default_factory=dict)


def make_preview(
    array: np.ndarray,
    image_shape: tuple[int, int] | None = None,
    step: int | None = None,
    data: ShownRows | None = None,
    column_shape: tuple[int, int] | None = None,
    measured_as: Measured | None = None,
) -> Preview:
    """Return the preview of a tensor's value.

    Args:
        array: an array of any shape and dtype. For complex numbers, figures and pictures show
            magnitudes.
        image_shape: (height, width) if the rows are flattened images.
        step: the training step of the value.
        data: the rows used to compute it.
        column_shape: (height, width) if the columns are flattened images, such as weights that read
            pictures.
        measured_as: the measure of the tensor, if one is wanted.
    """
    array = np.asarray(array)
    numbers = measured(array)
    figures = _figures(numbers)
    kind, shown, arrangement = _shown(numbers, image_shape, column_shape, figures[0], figures[1])
    if kind in ("scalar", "table") and numbers is not array:
        kind, shown, arrangement = _shown(array, None, None, *figures[:2])
    text = number(array.item()) if array.ndim == 0 else shape_text(array.shape)
    return Preview(
        kind,
        str(array.dtype),
        array.shape,
        text,
        shown,
        *figures,
        step,
        data=data,
        arrangement=arrangement,
        limits=color_limits(numbers, *figures[:2]) if kind in ("maps", "heatmap") else None,
        measured=measured_as,
    )


def no_value(node: Node, error: NodeflowError) -> Preview:
    """Return a preview with the error text for a node that has no value because of an error."""
    if isinstance(error, OverBudget):
        return Preview("deferred", text=error.message)
    text = error.text("window") if node.op.id == "placeholder" else error.message
    return Preview("error", text=text)


Shown = tuple[str, np.ndarray | None, str]
"""The kind of a preview, its array, and the arrangement of the array."""


def _shown(
    array: np.ndarray,
    image_shape: tuple[int, int] | None,
    column_shape: tuple[int, int] | None,
    low: float | None,
    high: float | None,
) -> Shown:
    if array.ndim == 0:
        return "scalar", array.copy(), ""
    if array.size == 0 or array.ndim > 4:
        return "summary", None, ""
    pictures = _pictures(array, image_shape, column_shape, low, high)
    if pictures is not None:
        return pictures
    rows = array.reshape(-1, array.shape[-1])
    if rows.shape[0] <= TABLE_ROWS and rows.shape[1] <= TABLE_COLUMNS and array.ndim <= 2:
        return "table", rows.copy(), ""
    if array.ndim == 2 and array.shape[1] <= TABLE_COLUMNS:
        return "table", rows[:TABLE_ROWS].copy(), ""
    if min(rows.shape) >= 2 or rows.shape[1] > TABLE_COLUMNS:
        arranged, how = arranged_matrix(rows)
        if how == "transposed":  # downsample first: that is much faster along the rows
            return "heatmap", np.ascontiguousarray(downsample(rows).T), how
        return "heatmap", downsample(arranged), how
    return "summary", None, ""


def _pictures(
    array: np.ndarray,
    image_shape: tuple[int, int] | None,
    column_shape: tuple[int, int] | None,
    low: float | None,
    high: float | None,
) -> Shown | None:
    """Return a tensor as grey or color images, or as feature maps; None if it contains no
    pictures.
    """
    is_signed = low is not None and low < 0
    array = colour_rows(array, image_shape)
    if array.ndim == 4 and is_colour(array, low, high):
        return "images", colour_bytes(array[:IMAGE_COUNT]), ""
    if image_shape and array.shape[-1] == math.prod(image_shape):
        stack, how = array.reshape(-1, *image_shape), ""
    elif column_shape and array.ndim == 2 and array.shape[0] == math.prod(column_shape):
        stack, how = array.T.reshape(-1, *column_shape), "columns"
        is_signed = True  # weights, even if none is below 0 yet
    elif array.ndim == 3 and min(array.shape[1:]) >= SMALLEST_PICTURE:
        stack, how = array, ""
    elif array.ndim == 4 and is_filters(array.shape):
        stack, how = np.moveaxis(array[:, :, 0], 2, 0), "filters"
    elif array.ndim == 4 and array.shape[3] == 1:
        stack, how = array[..., 0], ""
    elif array.ndim == 4:
        stack, how = np.moveaxis(array[0], 2, 0), "channels"
    else:
        return None
    if how or is_signed:
        maps = [downsample(picture, MAP_SIZE) for picture in stack[:IMAGE_COUNT]]
        return "maps", np.stack(maps), how
    return "images", np.stack([to_grey(picture) for picture in stack[:IMAGE_COUNT]]), ""


def _figures(array: np.ndarray) -> tuple[float | None, float | None, float | None]:
    """Return minimum, maximum and mean over the finite elements."""
    if array.size == 0:
        return None, None, None
    if array.ndim == 0:  # most nodes of a large graph are scalars, so avoid numpy's calls
        value = float(array)
        return (value, value, value) if math.isfinite(value) else (None, None, None)
    if array.size > MANY:
        return _figures_in_parts(array.reshape(-1))
    values = array.astype(np.float64, copy=False).ravel()
    if not np.isfinite(values.sum()):
        values = values[np.isfinite(values)]
        if values.size == 0:
            return None, None, None
    return float(values.min()), float(values.max()), float(values.mean())


def _figures_in_parts(values: np.ndarray) -> tuple[float | None, float | None, float | None]:
    """Return minimum, maximum and mean over the finite elements, without a copy of all elements."""
    low, high, total, count = math.inf, -math.inf, 0.0, 0
    for start in range(0, values.size, MANY):
        part = values[start : start + MANY].astype(np.float64)
        part = part[np.isfinite(part)]
        if part.size:
            low, high = min(low, float(part.min())), max(high, float(part.max()))
            total, count = total + float(part.sum()), count + part.size
    return (low, high, total / count) if count else (None, None, None)


def downsample(rows: np.ndarray, size: int = HEATMAP_SIZE) -> np.ndarray:
    """Return block means, float32, with at most (size, size) elements, for a small heat map."""
    if rows.size > MANY and rows.shape[0] > size:
        edges = np.linspace(0, rows.shape[0], size + 1).astype(int)
        rows = np.stack([rows[a:b].mean(0, np.float64) for a, b in pairwise(edges)])
    values = np.asarray(rows, np.float64)
    for axis in (0, 1):
        count = values.shape[axis]
        if count <= size:
            continue
        edges = np.linspace(0, count, size + 1).astype(int)
        sums = np.add.reduceat(values, edges[:-1], axis=axis)
        widths = np.diff(edges)
        values = sums / (widths[:, None] if axis == 0 else widths[None, :])
    return values.astype(np.float32)


def to_grey(picture: np.ndarray) -> np.ndarray:
    """Return an image as uint8, scaled from its minimum to its maximum."""
    values = np.nan_to_num(np.asarray(picture, np.float64), posinf=0.0, neginf=0.0)
    low, high = values.min(), values.max()
    if high <= low:
        return np.zeros(values.shape, np.uint8)
    return ((values - low) * (255.0 / (high - low))).astype(np.uint8)


def shape_text(shape: tuple[int, ...]) -> str:
    """Return the text of a shape: ``100 × 784``."""
    return " × ".join(str(n) for n in shape)
