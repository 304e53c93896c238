"""Data sets: their sources, the order of rows, downloads with checksums.

Import the names below from here. Modules that may be imported directly: `dataset`, `shuffling`,
`data_paths`, `survey`, `fetch` (which loads the HTTP client), and `sources.mnist` for where its
files are.
Nothing here imports `train`, `document` or what lies above them.
"""

from nodeflow.data.catalog import (
    SOURCES,
    all_rows,
    dataset_columns,
    known_options,
    open_dataset,
    parse_source,
    pinned_options,
    row_texts,
    source_at,
    source_options,
)
from nodeflow.data.dataset import SPLITS, Dataset

__all__ = [
    "SOURCES",
    "SPLITS",
    "Dataset",
    "all_rows",
    "dataset_columns",
    "known_options",
    "open_dataset",
    "parse_source",
    "pinned_options",
    "row_texts",
    "source_at",
    "source_options",
]
