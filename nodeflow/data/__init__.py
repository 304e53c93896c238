"""Data sets: their sources, batches of rows, downloads with checksums.

Import the names below from here. Modules that may be imported directly: `dataset`, `batching`,
`data_paths`, `fetch` (which loads the HTTP client), and `sources.mnist` for where its files are.
Nothing here imports `train`, `document` or what lies above them.
"""

from nodeflow.data.batching import Batches, epoch_order, evaluation_batches, first_rows
from nodeflow.data.catalog import (
    SOURCES,
    dataset_columns,
    known_options,
    open_dataset,
    parse_source,
    source_options,
)
from nodeflow.data.dataset import SPLITS, Dataset
from nodeflow.data.source import Source
from nodeflow.engine.columns import Column

__all__ = [
    "SOURCES",
    "SPLITS",
    "Batches",
    "Column",
    "Dataset",
    "Source",
    "dataset_columns",
    "epoch_order",
    "evaluation_batches",
    "first_rows",
    "known_options",
    "open_dataset",
    "parse_source",
    "source_options",
]
