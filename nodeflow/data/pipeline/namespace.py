"""Data sets from files, as `nf.data` names them: one call for each kind of source."""

from __future__ import annotations

from typing import Any

from nodeflow.data.catalog import source_at
from nodeflow.data.pipeline.dataset import Dataset
from nodeflow.data.pipeline.iterators import Iterator


def mnist(split: str = "train", **options: Any) -> Dataset:
    """Return the digits of MNIST: ``images`` and ``labels`` of one split.

    If the whole set is not on disk, return the embedded part; ``nodeflow data fetch`` downloads
    all.
    """
    return Dataset.from_source("mnist", split, **options)


def csv(path: str, split: str = "train", **options: Any) -> Dataset:
    """Return the rows of a CSV file, as features and target; see the page of data sources."""
    return Dataset.from_source(f"csv:{path}", split, **options)


def npz(path: str, split: str = "train", **options: Any) -> Dataset:
    """Return the rows of the arrays of an ``.npz`` file, by name."""
    return Dataset.from_source(f"npz:{path}", split, **options)


def image_folder(path: str, split: str = "train", **options: Any) -> Dataset:
    """Return the pictures of a folder with one folder for each class, read on demand."""
    return Dataset.from_source(f"pictures:{path}", split, **options)


def from_file(path: str, split: str = "train", **options: Any) -> Dataset:
    """Return the rows of a data file or folder, by its ending."""
    return Dataset.from_source(source_at(path), split, **options)


def make_one_shot_iterator(dataset: Dataset) -> Iterator:
    """Return a one-shot iterator, as `Dataset.make_one_shot_iterator` does."""
    return dataset.make_one_shot_iterator()


def make_initializable_iterator(dataset: Dataset, shared_name: str | None = None) -> Iterator:
    """Return an initializable iterator, as `Dataset.make_initializable_iterator` does."""
    return dataset.make_initializable_iterator(shared_name)


def get_output_types(dataset_or_iterator: Dataset | Iterator) -> Any:
    """Return the dtype of each component, in the structure of the elements."""
    return dataset_or_iterator.output_types


def get_output_shapes(dataset_or_iterator: Dataset | Iterator) -> Any:
    """Return the shape of each component, in the structure of the elements."""
    return dataset_or_iterator.output_shapes
