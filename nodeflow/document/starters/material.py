"""The facts about a data set that starters use."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nodeflow.data.catalog import open_dataset, pinned_options
from nodeflow.data.survey import dataset_statistics
from nodeflow.data.text.text_facts import TextFacts
from nodeflow.graph.types import TensorType


@dataclass(frozen=True)
class Statistics:
    """Mean and standard deviation of a column: one pair per feature, or one over all pixels."""

    mean: list[float] | float
    deviation: list[float] | float


@dataclass(frozen=True)
class Material:
    """The facts about a data set that a starter needs.

    Attributes:
        source, options: attributes of the dataset node.
        title: the title of the data, such as the file's name.
        columns: column -> type of a batch.
        splits: the splits that have rows.
        rows: rows of the training split.
        classes: names of the classes, by column.
        images: columns of pictures -> (height, width).
        feature_names: names of the features, by column.
        statistics: statistics by column, over the training split.
        scale: whether inputs are scaled.
        text: the vocabulary and the windows of a text; None for other data.
    """

    source: str
    options: Mapping[str, Any]
    title: str
    columns: Mapping[str, TensorType]
    splits: tuple[str, ...]
    rows: int
    classes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    images: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    feature_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    statistics: Mapping[str, Statistics] = field(default_factory=dict)
    scale: bool = True
    text: TextFacts | None = None

    @property
    def name(self) -> str:
        """A valid node name for the data set, made from its title: ``iris`` for ``My
        data/iris.csv``.
        """
        stem = re.sub(r"\W+", "_", self.title.rpartition(".")[0] or self.title).strip("_").lower()
        return stem if re.match(r"[A-Za-z_]", stem) else "data"

    @property
    def measured_split(self) -> str:
        """The split on which metrics are measured after each epoch: the validation split, else the
        test split, else the training split.

        The test split comes second, because choices by the measured metrics would make its rows
        look better than new rows.
        """
        return next(s for s in ("validation", "test", "train") if s in self.splits)

    @property
    def measured_rows(self) -> str:
        """The name of the rows on which metrics are measured after each epoch, such as ``validation
        rows`` or ``training rows``.
        """
        return f"{self.measured_split.replace('train', 'training')} rows"

    @property
    def tests_at_end(self) -> bool:
        """Whether the metrics are also measured on the test split, once after the last epoch."""
        return self.measured_split == "validation" and "test" in self.splits

    def width(self, column: str) -> int | None:
        """Return how many numbers a row of a data column has, or None if this is unknown."""
        sizes = self.columns[column].shape[1:]
        known = [size for size in sizes if size is not None]
        return int(np.prod(known)) if len(known) == len(sizes) else None


def look_at(
    source: str,
    options: Mapping[str, Any],
    *,
    base_dir: str | os.PathLike | None = None,
    scale: bool = True,
) -> Material:
    """Open a data set and measure it, for the starters.

    Options that the source guesses from the data are written into the options, so that the document
    encodes a second file in the same way.

    Raises:
        UnknownSource, DataNotFound, DataFormatError: the data cannot be read; says where.
        AttributeProblem: an option is unknown or malformed.
    """
    options = pinned_options(source, options, base_dir=base_dir)
    options = pinned_options(source, options, base_dir=base_dir)
    dataset = open_dataset(source, base_dir=base_dir, **options)
    train = "train" if "train" in dataset.splits else next(iter(dataset.splits))
    return Material(
        source,
        dict(options),
        dataset.name,
        dataset.columns,
        tuple(dataset.splits),
        dataset.size(train),
        dataset.classes,
        dataset.images,
        dataset.feature_names,
        {
            n: Statistics(*found)
            for n, found in dataset_statistics(source, options, base_dir).items()
        },
        scale,
        dataset.text,
    )
