"""A data set: named splits of named columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from nodeflow.data.errors import UnknownSplit
from nodeflow.data.text.text_facts import TextFacts
from nodeflow.engine.columns import Column, LazyColumn
from nodeflow.graph.types import TensorType

SPLITS = ("train", "validation", "test")

Columns = Mapping[str, Column]


@dataclass(frozen=True)
class DataSplits:
    """The splits of one data set. All splits have the same columns, and all columns of a split have
    the same number of rows.

    Attributes:
        name: its title on screen, such as ``MNIST``.
        source: the opened source, such as ``csv:data.csv``.
        splits: split -> column -> Column; splits without rows are left out.
        notice: a notice for the user, such as that a small replacement is used, or None.
        location: its origin: a folder, a file, or how it was computed.
        classes: for label columns, the name of each class in the order of its number.
        images: for columns of images, their (height, width).
        feature_names: for columns of features, the name of each feature.
        rows: the numbers of each split's rows in the file, from 0; empty if rows have no place in a
            file.
        text: the vocabulary and the windows of a text; None for other data.
    """

    name: str
    source: str
    splits: Mapping[str, Columns]
    notice: str | None = None
    location: str = ""
    classes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    images: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    feature_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    rows: Mapping[str, Any] = field(default_factory=dict)
    text: TextFacts | None = None

    @property
    def columns(self) -> dict[str, TensorType]:
        """The type of a batch by column, in the order of the ports."""
        first = next(iter(self.splits.values()))
        return {name: column.type for name, column in first.items()}

    def split(self, name: str) -> Columns:
        """Return the columns of a split.

        Raises:
            UnknownSplit: the data set has no rows in this split.
        """
        try:
            return self.splits[name]
        except KeyError:
            raise UnknownSplit(
                f"{self.source} has no rows in the split {name!r}",
                hint=f"It has {self.describe_splits()}.",
            ) from None

    def size(self, split: str) -> int:
        """Return the number of rows in a split; 0 if there is no such split."""
        columns = self.splits.get(split, {})
        return min((len(column) for column in columns.values()), default=0)

    def describe_splits(self) -> str:
        """Return the sizes of the splits: ``55000 train, 5000 validation and 10000 test rows``."""
        parts = [f"{self.size(name)} {name}" for name in self.splits]
        if len(parts) > 1:
            parts = [", ".join(parts[:-1]), parts[-1]]
        return " and ".join(parts) + " rows"


def split_edges(rows: int, fractions: tuple[float, ...]) -> list[int]:
    """Return the boundaries of the splits: ``len(fractions) + 1`` row numbers from 0.

    Cumulative sums are rounded, so that fractions that sum to 1 use every row once.

    >>> split_edges(10, (0.8, 0.1, 0.1))
    [0, 8, 9, 10]
    """
    edges, total = [0], 0.0
    for fraction in fractions:
        total += fraction
        edges.append(min(rows, int(total * rows + 0.5)))
    return edges


def joined(dataset: DataSplits) -> DataSplits:
    """Return the data set with all rows in the split ``all``, in the order of the file if known."""
    order = None
    if set(dataset.rows) == set(dataset.splits):
        numbers = np.concatenate([dataset.rows[split] for split in dataset.splits])
        order = np.argsort(numbers, kind="stable")
    columns = {}
    for name in dataset.columns:
        parts = [columns[name] for columns in dataset.splits.values()]
        columns[name] = _joined(parts) if order is None else _joined(parts).take(order)
    rows = {} if order is None else {"all": numbers[order]}
    return replace(dataset, splits={"all": columns}, rows=rows)


def _joined(parts: list[Column]) -> Column:
    """Return the column's rows of all splits, one split after another."""
    first = parts[0]
    lazy = [part for part in parts if isinstance(part, LazyColumn)]
    if len(lazy) < len(parts):
        array = np.concatenate([part.array for part in parts])
        return Column(array, first.dtype, first.scale, first.depth)
    read, edges = lazy[0].read, np.cumsum([0, *map(len, lazy)])
    numbers = np.concatenate([part.numbers for part in lazy])
    if any(part.read is not read for part in lazy):
        read, numbers = _Readers(lazy, edges), np.arange(edges[-1])
    row, stored = first.array.shape[1:], first.array.dtype.name
    return LazyColumn(read, numbers, row, stored, first.dtype, first.scale)


class _Readers:
    """A reader of rows from columns in different files; rows are numbered through all columns."""

    def __init__(self, parts: list[LazyColumn], edges: np.ndarray) -> None:
        self.parts, self.edges = parts, edges

    def __call__(self, which: np.ndarray) -> np.ndarray:
        first = self.parts[0].array
        rows = np.empty((len(which), *first.shape[1:]), first.dtype)
        owner = np.searchsorted(self.edges, which, side="right") - 1
        for number, part in enumerate(self.parts):
            here = owner == number
            if here.any():
                rows[here] = part.stored(which[here] - self.edges[number])
        return rows
