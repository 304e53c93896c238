"""The rows of a data set as table cells, without Qt, so that another thread can read them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nodeflow import number_text
from nodeflow.data.catalog import open_dataset
from nodeflow.data.data_splits import DataSplits
from nodeflow.data.pictures.shown import shown_pixels, shown_size
from nodeflow.data.survey import ColumnSurvey, figures
from nodeflow.engine.columns import Column

MOST_FIELDS = 256
"""Maximum number of columns for the numbers of a wide row."""
MOST_MEASURED = 20_000
"""Maximum number of rows from which distributions are computed, spread over the split."""


@dataclass(frozen=True)
class Field:
    """One column of the table.

    Attributes:
        column: the name of the column in the data set.
        index: index of the number within a row, or None for the whole row.
        classes: names of the classes, if the column contains class labels.
        picture: (height, width), if the rows are shown as pictures.
    """

    name: str
    column: str
    index: int | None = None
    classes: tuple[str, ...] = ()
    picture: tuple[int, int] | None = None


@dataclass(frozen=True)
class Content:
    """A data set with the columns of its table and their distributions by split."""

    dataset: DataSplits
    fields: tuple[Field, ...]
    surveys: Mapping[str, tuple[ColumnSurvey, ...]]


def read(
    source: str, options: Mapping[str, Any], base_dir: str | os.PathLike | None = None
) -> Content:
    """Open a data set and measure the distributions of its splits.

    Raises:
        DataError, AttributeProblem: the data set cannot be opened, see ``open_dataset``.
    """
    dataset = open_dataset(source, base_dir=base_dir, **options)
    named = dict(dataset.feature_names)
    if not named.get("labels") and isinstance(options.get("labels"), (list, tuple)):
        # The label names of a table, as written in its file.
        named["labels"] = tuple(map(str, options["labels"]))
    fields = tuple(f for name in dataset.columns for f in _fields(dataset, name, named))
    surveys = {split: tuple(_surveys(dataset, split, fields)) for split in dataset.splits}
    return Content(dataset, fields, surveys)


def _fields(dataset: DataSplits, name: str, named: Mapping[str, tuple[str, ...]]) -> list[Field]:
    shape = list(dataset.columns[name].shape[1:])
    classes = dataset.classes.get(name, ())
    size = shown_size(dataset, name)
    if size is not None:
        return [Field(name, name, picture=size)]
    names = named.get(name, ())
    if classes or not shape:
        return [Field(names[0] if len(names) == 1 else name, name, classes=classes)]
    if len(shape) > 1 or shape[0] is None:
        return [Field(name, name)]
    if shape[0] == 1:
        return [Field(names[0] if names else name, name, 0)]
    names = names if len(names) == shape[0] else tuple(f"{name} {i}" for i in range(shape[0]))
    return [Field(names[i], name, i) for i in range(min(shape[0], MOST_FIELDS))]


def _surveys(dataset: DataSplits, split: str, fields: tuple[Field, ...]) -> list[ColumnSurvey]:
    columns = dataset.split(split)
    count = dataset.size(split)
    step = -(-count // MOST_MEASURED) or 1
    which = np.arange(0, count, step)
    measured: dict[str, np.ndarray] = {}
    found = []
    for field in fields:
        type_ = dataset.columns[field.column]
        if field.picture is not None or (
            field.index is None and len(type_.shape) > 1 and not field.classes
        ):
            shape = tuple(size or 0 for size in type_.shape[1:])
            kind = "picture" if field.picture else "array"
            found.append(ColumnSurvey(field.name, kind, shape=field.picture or shape))
            continue
        if field.column not in measured:
            measured[field.column] = columns[field.column].rows(which)
        found.append(_survey(field, measured[field.column]))
    return found


def _survey(field: Field, rows: np.ndarray) -> ColumnSurvey:
    if field.classes:
        numbers = rows.argmax(axis=1) if rows.ndim == 2 else rows
        counts = np.bincount(numbers.astype(np.int64), minlength=len(field.classes))
        categories = tuple(zip(field.classes, counts.tolist(), strict=False))
        return ColumnSurvey(
            field.name, "category", distinct=int((counts > 0).sum()), categories=categories
        )
    values = (rows if field.index is None else rows[:, field.index]).astype(np.float64)
    values = values[np.isfinite(values)]
    whole = rows.dtype.kind in "iub" or bool((values == np.rint(values)).all())
    missing = len(rows) - len(values)
    kind = "integer" if whole else "number"
    distinct = len(np.unique(values))
    return ColumnSurvey(field.name, kind, missing, distinct, **figures(values))


class Rows:
    """The cells of the rows of one split, read in blocks."""

    def __init__(self, content: Content, split: str) -> None:
        self.fields = content.fields
        self.columns: Mapping[str, Column] = content.dataset.split(split)
        self.count = content.dataset.size(split)

    def block(self, start: int, stop: int) -> list[list[Any]]:
        """Return the cells of each row: texts, or pictures as uint8 (h, w) or (h, w, 3)."""
        which = np.arange(start, min(stop, self.count))
        used = {field.column for field in self.fields}
        read = {name: self.columns[name].rows(which) for name in used}
        for field in self.fields:
            if field.picture is not None:
                read[field.column] = shown_pixels(read[field.column], field.picture)
        return [[_cell(f, read[f.column][i]) for f in self.fields] for i in range(len(which))]


def _cell(field: Field, row: np.ndarray) -> Any:
    if field.picture is not None:
        return row
    if field.classes:
        number = int(row.argmax() if row.ndim else row)
        return field.classes[number] if 0 <= number < len(field.classes) else str(number)
    if field.index is not None:
        return _number(row[field.index])
    if row.ndim == 0:
        return _number(row)
    flat = row.reshape(-1)
    shown = ", ".join(_number(value) for value in flat[:6])
    return f"{shown}, …" if flat.size > 6 else shown


def _number(value: Any) -> str:
    return number_text.number(value)
