"""Plain data sets: rows in memory or of a source, optionally shuffled as a whole and in batches.

A training gathers the batches of such a data set inside the engine. A file can store it if its rows
come from a data source.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

import numpy as np

from nodeflow.data.pipeline.elements import Elements, Iteration, Rows
from nodeflow.data.pipeline.sources import Numbers, Slices, SourceRows
from nodeflow.data.pipeline.transforms import (
    Batch,
    PaddedBatch,
    Part,
    Prefetch,
    Repeat,
    Shuffle,
    Zip,
)
from nodeflow.engine.columns import Column
from nodeflow.errors import DataError

MOST = 10_000_000
"""The largest number of elements to gather. A data set with more counts as endless."""


@dataclass(frozen=True)
class Plain:
    """Rows, optionally shuffled, and optionally in batches.

    Attributes:
        source: the stage of the rows.
        rows: the rows in the order of the source.
        seed: the seed of the order; None if they are not shuffled.
        batch_size: None if they are not in batches.
        whole: whether every batch is full.
    """

    source: Elements
    rows: Rows
    seed: int | None = None
    batch_size: int | None = None
    whole: bool = True


def plain(stage: Elements) -> Plain | None:
    """Return the plain form of a data set, or None if it is not plain."""
    stage = _ready(stage)
    batch = stage if type(stage) is Batch else None
    stage = stage if batch is None else _ready(batch.source)
    shuffle = stage if isinstance(stage, Shuffle) and stage.reshuffles else None
    stage = stage if shuffle is None else _ready(shuffle.source)
    if not isinstance(stage, (Slices, SourceRows, Numbers, Zip)) or stage.captured:
        return None
    rows = stage.rows(Iteration())
    if rows is None or not _covers(rows):
        return None
    count = len(rows.order)
    if shuffle is not None and shuffle.buffer_size < count:
        return None
    size = None if batch is None else batch.size
    whole = batch is None or batch.drop_remainder or count % batch.size == 0
    return Plain(stage, rows, None if shuffle is None else shuffle.seed, size, whole)


def _ready(stage: Elements) -> Elements:
    while isinstance(stage, Prefetch):
        stage = stage.source
    return stage


def _covers(rows: Rows) -> bool:
    """Return whether a selection of rows has every row of its columns in the original order."""
    count = len(rows.order)
    return all(len(c) == count for c in rows.columns) and np.array_equal(
        rows.order, np.arange(count)
    )


def whole_columns(stage: Elements) -> tuple[Column, ...]:
    """Return every row of a data set, by component, for metrics. Split batches into rows.

    Raises:
        DataError: it has no end or no elements, or rows of different shapes.
    """
    batched = False
    while isinstance(stage, (Prefetch, Shuffle)) or type(stage) is Batch:
        if type(stage) is Batch:
            if batched:
                break
            batched = True
        stage = stage.source
    if endless(stage):
        raise DataError("the data set has no end", hint="Leave repeat() out, or take(n) elements.")
    rows = None if stage.captured else stage.rows(Iteration())
    if rows is not None:
        return tuple(c if len(c) == len(rows.order) and _covers(rows) else c.take(rows.order)
                     for c in rows.columns)  # fmt: skip
    if stage.captured:
        raise DataError("the data set is made from tensors of a graph", hint="Give arrays.")
    padded = isinstance(stage, PaddedBatch) or _ends_in_batches(stage)
    elements = list(islice(stage.elements(Iteration()), MOST))
    if not elements:
        raise DataError("the data set has no elements")
    try:
        join = np.concatenate if padded and not batched else np.stack
        return tuple(Column(join(parts)) for parts in zip(*elements, strict=True))
    except ValueError as error:
        raise DataError(f"the rows of a data set for metrics need one shape: {error}") from None


def _ends_in_batches(stage: Elements) -> bool:
    """Return whether elements are batches that a function has changed."""
    while stage.inputs and not isinstance(stage, Batch):
        stage = stage.inputs[0]
    return isinstance(stage, Batch)


def endless(stage: Elements) -> bool:
    """Return whether a data set repeats without end; one that `take` limits does not."""
    if isinstance(stage, Part) and stage.part.stop is not None:
        return False
    return (isinstance(stage, Repeat) and stage.count is None) or any(map(endless, stage.inputs))
