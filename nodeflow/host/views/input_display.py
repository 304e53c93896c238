"""The inputs of rows for display: as pictures if possible, else as words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from nodeflow.data.pictures.shown import shown_pixels, shown_size

if TYPE_CHECKING:
    from nodeflow.data.data_splits import DataSplits
    from nodeflow.engine.columns import Column

MOST_FEATURES = 8


def inputs_of(
    dataset: DataSplits, names: Sequence[str], columns: Mapping[str, Column], rows: np.ndarray
) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Return the given columns of some rows for display: as pictures if a column contains pictures,
    otherwise as one text per row.
    """
    for name in names:
        size = shown_size(dataset, name)
        if size is not None:
            return shown_pixels(columns[name].rows(rows), size), ()
    parts = [_words(dataset, name, columns[name].rows(rows)) for name in names]
    return None, tuple("; ".join(words) for words in zip(*parts, strict=True))


def _words(dataset: DataSplits, name: str, rows: np.ndarray) -> list[str]:
    """Return the first numbers of each row of a column, with the feature names of the data."""
    flat = rows.reshape(len(rows), -1)
    width = flat.shape[1]
    titles = dataset.feature_names.get(name, ())
    fronts = [f"{title} " for title in titles] if len(titles) == width else [""] * width
    more = ", …" if width > MOST_FEATURES else ""
    return [
        ", ".join(
            f"{front}{value:.4g}"
            for front, value in zip(fronts, row.tolist()[:MOST_FEATURES], strict=False)
        )
        + more
        for row in flat
    ]
