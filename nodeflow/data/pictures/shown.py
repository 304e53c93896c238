"""Pictures in data sets, converted for display: which columns have pictures, and their pixels as
bytes.
"""

from __future__ import annotations

import math

import numpy as np

from nodeflow.data.data_splits import DataSplits

SMALLEST_SIDE = 8
"""The minimum side of pictures in rows of three axes, if the source does not declare pictures."""
CHANNELS = (1, 3, 4)


def shown_size(dataset: DataSplits, column: str) -> tuple[int, int] | None:
    """Return the height and width of the pictures in a column, or None for other rows."""
    shape = dataset.columns[column].shape[1:]
    size = dataset.images.get(column)
    if size is not None:
        elements = [side for side in shape if side is not None]
        whole = len(elements) == len(shape) and math.prod(elements) % math.prod(size) == 0
        return size if whole else None
    if len(shape) != 3 or shape[2] not in CHANNELS:
        return None
    height, width = (side or 0 for side in shape[:2])
    return (height, width) if min(height, width) >= SMALLEST_SIDE else None


def shown_pixels(rows: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return pictures as bytes, uint8 (n, height, width) or (n, height, width, 3), 0 for black.

    Values from 0 to 1 become 0 to 255. Colors in the range of bytes stay unchanged. All other
    values are scaled by the range of these rows.
    """
    channels = math.prod(rows.shape[1:]) // math.prod(size)
    values = np.asarray(rows, np.float64).reshape(len(rows), *size, channels)
    values = values[..., :3] if channels in (3, 4) else values.mean(axis=-1)
    finite = values[np.isfinite(values)]
    low, high = float(finite.min(initial=0.0)), float(finite.max(initial=0.0))
    if low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    elif low >= 0 and high <= 255 and channels in (3, 4):
        low, high = 0.0, 255.0
    share = (np.nan_to_num(values, nan=low) - low) / ((high - low) or 1.0)
    return (share.clip(0, 1) * 255 + 0.5).astype(np.uint8)
