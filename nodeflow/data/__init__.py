"""Data sets: MNIST, CSV and .npz files, synthetic ones; batching; downloads with checksums."""

from nodeflow.data.batching import Batches, epoch_order, evaluation_batches, first_rows
from nodeflow.data.dataset import SPLITS, Dataset
from nodeflow.data.sources import (
    SOURCES,
    Source,
    dataset_columns,
    known_options,
    open_dataset,
    parse_source,
    source_options,
)
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
