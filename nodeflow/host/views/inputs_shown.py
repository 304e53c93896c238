"""What people see of the inputs of rows: pictures, else words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from nodeflow.data.data_splits import DataSplits
    from nodeflow.engine.columns import Column

MOST_FEATURES = 8


def inputs_of(
    dataset: DataSplits, names: Sequence[str], columns: Mapping[str, Column], rows: np.ndarray
) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """The columns ``names`` of rows: as pictures, uint8 (n, height, width), else in words."""
    for name in names:
        column = columns[name]
        shape = dataset.images.get(name) or _picture_shape(column)
        if shape is not None:
            values = column.rows(rows).astype(np.float64)
            grey = values.reshape(len(rows), *shape, -1).mean(axis=-1)
            return _as_bytes(grey), ()
    texts = []
    for name in names:
        part = columns[name].rows(rows).reshape(len(rows), -1)
        for index, row in enumerate(part):
            words = ", ".join(f"{value:.4g}" for value in row[:MOST_FEATURES].tolist())
            more = ", …" if len(row) > MOST_FEATURES else ""
            if len(texts) <= index:
                texts.append(f"{words}{more}")
            else:
                texts[index] += f"; {words}{more}"
    return None, tuple(texts)


def _picture_shape(column: Column) -> tuple[int, int] | None:
    """(height, width) of rows that are pictures: three axes, grey or coloured."""
    shape = column.type.shape[1:]
    if len(shape) == 3 and shape[2] in (1, 3) and None not in shape:
        return shape[0] or 1, shape[1] or 1
    return None


def _as_bytes(pictures: np.ndarray) -> np.ndarray:
    """Uint8 from 0 to the largest value; pictures with negative values from their smallest."""
    low = min(0.0, float(pictures.min(initial=0.0)))
    high = float(pictures.max(initial=0.0))
    scale = 255.0 / (high - low) if high > low else 0.0
    return np.clip((pictures - low) * scale, 0, 255).astype(np.uint8)
