"""Facts about data: which column contains classes, and the names of classes and features."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from nodeflow.data.data_splits import DataSplits
    from nodeflow.engine.columns import Column
    from nodeflow.train.training import Binding

MOST_CLASSES = 32
"""The largest number of classes. A column with more whole numbers counts or measures something."""


@dataclass(frozen=True)
class Labels:
    """A column of a data set that contains classes.

    Attributes:
        column: its name.
        names: names of the classes, in the order of their numbers.
    """

    column: str
    names: tuple[str, ...]


def class_labels(dataset: DataSplits, without: Collection[str] = ()) -> Labels | None:
    """Return the first data set column that contains class labels, with the names of the classes.
    Return None if there is none.

    Args:
        without: columns that are inputs.
    """
    split = "train" if dataset.size("train") else next(iter(dataset.splits))
    for name, column in dataset.splits[split].items():
        if name in without:
            continue
        names = tuple(dataset.classes.get(name, ()))
        count = max(_count(column), len(names))
        if 0 < count <= MOST_CLASSES:
            return Labels(name, names if len(names) == count else tuple(map(str, range(count))))
    return None


def _count(column: Column) -> int:
    """Return the number of classes in a column, or 0 if it has no classes."""
    if column.depth is not None:
        return column.depth if column.depth <= MOST_CLASSES else 0
    array = column.array
    if array.dtype == bool:
        return 2
    row = array.shape[1:]
    if len(row) > 1 or (row and row[0] > MOST_CLASSES) or not len(array):
        return 0
    if row and row[0] > 1:
        one_hot = bool(np.isin(array, (0, 1)).all() and (array.sum(axis=1) == 1).all())
        return row[0] if one_hot else 0
    whole = array.dtype.kind in "iu" or bool(np.isin(array, (0, 1)).all())
    low, high = float(array.min()), float(array.max())
    return int(high) + 1 if whole and low >= 0 and high < MOST_CLASSES else 0


def classes_of(rows: np.ndarray) -> np.ndarray:
    """Return the class numbers, int64 (n,), of rows: one-hot (n, k), or numbers (n,) or (n, 1)."""
    if rows.ndim == 2 and rows.shape[1] > 1:
        return rows.argmax(axis=1).astype(np.int64)
    return rows.reshape(len(rows)).astype(np.int64)


def feature_title(binding: Binding | None, index: int, otherwise: str) -> str:
    """Return the title of a feature, one number of a data column, from the data set. Return
    ``otherwise`` if it has none.
    """
    names = () if binding is None else binding.dataset.feature_names.get(binding.column, ())
    return names[index] if index < len(names) else otherwise
