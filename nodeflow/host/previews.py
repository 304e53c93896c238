"""Previews of tensors on nodes: a number, a table, an image or statistics; always small."""

from __future__ import annotations

import math

import numpy as np

from nodeflow.host.protocol import Preview, ShownRows
from nodeflow.number_text import number

TABLE_ROWS, TABLE_COLUMNS = 8, 6
HEATMAP_SIZE = 64
IMAGE_COUNT = 16


def make_preview(
    array: np.ndarray,
    image_shape: tuple[int, int] | None = None,
    step: int | None = None,
    data: ShownRows | None = None,
) -> Preview:
    """The preview of a tensor's value.

    Args:
        array: of any shape and dtype.
        image_shape: (height, width) if the rows are flattened images.
        data: the rows that it was computed from.
    """
    array = np.asarray(array)
    figures = _figures(array)
    kind, shown = _shown(array, image_shape)
    text = number(array.item()) if array.ndim == 0 else shape_text(array.shape)
    return Preview(kind, str(array.dtype), array.shape, text, shown, *figures, step, data=data)


def _shown(array: np.ndarray, image_shape: tuple[int, int] | None) -> tuple[str, np.ndarray | None]:
    if array.ndim == 0:
        return "scalar", array.copy()
    if array.size == 0 or array.ndim > 4:
        return "summary", None
    if image_shape and array.shape[-1] == math.prod(image_shape):
        pictures = array.reshape(-1, *image_shape)[:IMAGE_COUNT]
        return "images", np.stack([to_grey(p) for p in pictures])
    rows = array.reshape(-1, array.shape[-1])
    if rows.shape[0] <= TABLE_ROWS and rows.shape[1] <= TABLE_COLUMNS and array.ndim <= 2:
        return "table", rows.copy()
    if array.ndim == 2 and array.shape[1] <= TABLE_COLUMNS:
        return "table", rows[:TABLE_ROWS].copy()
    if min(rows.shape) >= 2 or rows.shape[1] > TABLE_COLUMNS:
        return "heatmap", downsample(rows)
    return "summary", None


def _figures(array: np.ndarray) -> tuple[float | None, float | None, float | None]:
    """Minimum, maximum and mean over the finite elements."""
    if array.size == 0:
        return None, None, None
    if array.ndim == 0:  # most nodes of a large graph, so without numpy's calls
        value = float(array)
        return (value, value, value) if math.isfinite(value) else (None, None, None)
    values = array.astype(np.float64, copy=False).ravel()
    if not np.isfinite(values.sum()):
        values = values[np.isfinite(values)]
        if values.size == 0:
            return None, None, None
    return float(values.min()), float(values.max()), float(values.mean())


def downsample(rows: np.ndarray, size: int = HEATMAP_SIZE) -> np.ndarray:
    """Means over blocks, float32, at most (size, size), for a small heat map."""
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
    """An image as uint8, scaled from its minimum to its maximum."""
    values = np.nan_to_num(np.asarray(picture, np.float64), posinf=0.0, neginf=0.0)
    low, high = values.min(), values.max()
    if high <= low:
        return np.zeros(values.shape, np.uint8)
    return ((values - low) * (255.0 / (high - low))).astype(np.uint8)


def shape_text(shape: tuple[int, ...]) -> str:
    """``100 × 784``."""
    return " × ".join(str(n) for n in shape)
