"""A first look at data files: columns, types, missing values, distributions, and what fits them.

What the window previews before it makes a graph, and what ``nodeflow data show`` prints.
"""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from nodeflow.data.catalog import SOURCES, open_dataset
from nodeflow.data.cells import (
    boolean_words,
    column_kind,
    date_reader,
    days,
    is_missing,
    numbers,
)
from nodeflow.data.errors import DataNotFound, UnknownSource
from nodeflow.data.table import Table, read_table

HEAD_ROWS = 100
MOST_LISTED = 200
BINS = 20

Kind = Literal["number", "integer", "boolean", "category", "date", "text", "picture", "array"]


@dataclass(frozen=True)
class ColumnSurvey:
    """What one column holds.

    Attributes:
        missing: number of rows without a value.
        distinct: number of different values.
        minimum: smallest number (of dates: in days since 1970); None where there are no numbers.
        deviation: standard deviation, divided by the count.
        counts: of the histogram's bins.
        edges: of the histogram's bins, one more than ``counts``.
        categories: (value, how often), the most frequent first; at most ``MOST_LISTED``.
        shape: of one row of an array or picture.
    """

    name: str
    kind: Kind
    missing: int = 0
    distinct: int = 0
    minimum: float | None = None
    maximum: float | None = None
    mean: float | None = None
    deviation: float | None = None
    counts: tuple[int, ...] = ()
    edges: tuple[float, ...] = ()
    categories: tuple[tuple[str, int], ...] = ()
    shape: tuple[int, ...] = ()


@dataclass(frozen=True)
class Guess:
    """What the data are for.

    Attributes:
        task: ``classify`` or ``regress`` a table, ``pictures``, or forecast a ``series``.
        options: attributes of the dataset node.
    """

    task: Literal["classify", "regress", "pictures", "series"]
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Survey:
    """What a file or folder holds.

    Attributes:
        source: as a dataset node writes it: ``csv:/home/me/iris.csv``.
        rows: number of rows, or of pictures.
        head: the first rows as text, as many cells as there are columns.
        classes: names of the classes of the guessed label.
    """

    source: str
    title: str
    kind: Literal["table", "arrays", "pictures"]
    rows: int
    columns: tuple[ColumnSurvey, ...]
    head: tuple[tuple[str, ...], ...]
    classes: tuple[str, ...]
    guess: Guess


def survey(path: str | os.PathLike, *, limit_rows: int | None = None) -> Survey:
    """Look at a data file.

    Args:
        path: a CSV file.
        limit_rows: look at the first rows alone.

    Raises:
        DataNotFound: there is no such file.
        UnknownSource: no kind of data has files with this ending.
        DataFormatError: it is damaged; the message names line and column.
    """
    file = Path(path).expanduser()
    if not file.exists():
        raise DataNotFound(f"there is no file {file}", hint="Check the path.")
    if file.suffix.lower() in (".csv", ".tsv"):
        return _survey_table(file, limit_rows)
    endings = ", ".join(f".{source.ending}" for source in SOURCES.values() if source.ending)
    raise UnknownSource(f"{file.name} is no data file", hint=f"Data files are {endings}.")


def dataset_statistics(
    source: str,
    options: Mapping[str, Any] | None = None,
    base_dir: str | os.PathLike | None = None,
) -> dict[str, tuple[list[float] | float, list[float] | float]]:
    """Column -> (mean, deviation) over the training split: attributes for ``normalize`` nodes.

    One number for each feature, or one for all pixels of pictures. Features that are only 0 and 1,
    as categories are, have mean 0 and deviation 1, so that they stay; constant ones have
    deviation 1. Classes are left out.

    Raises:
        DataError, AttributeProblem: as ``open_dataset``.
    """
    dataset = open_dataset(source, base_dir=base_dir, **(options or {}))
    split = "train" if "train" in dataset.splits else next(iter(dataset.splits))
    found = {}
    for name, column in dataset.split(split).items():
        if name in dataset.classes or not column.dtype.startswith("float") or not len(column):
            continue
        rows = column.rows(slice(0, None)).astype(np.float64)
        if name in dataset.images or rows.ndim == 1:
            found[name] = (_short(rows.mean()), _short(rows.std() or 1.0))
            continue
        flat = rows.reshape(-1, rows.shape[-1])
        mean, deviation = flat.mean(axis=0), flat.std(axis=0)
        flags = ((flat == 0) | (flat == 1)).all(axis=0)
        mean, deviation = np.where(flags, 0, mean), np.where(flags | (deviation == 0), 1, deviation)
        found[name] = ([_short(v) for v in mean], [_short(v) for v in deviation])
    return found


def _short(value: float) -> float:
    """Eight digits: what float32 holds, and legible in the file."""
    return float(f"{float(value):.8g}")


# ---- tables -----------------------------------------------------------------------------------


def _survey_table(file: Path, limit: int | None) -> Survey:
    table = read_table(file, limit=limit)
    columns = tuple(_survey_column(table, index) for index in range(len(table.names)))
    guess, classes = _guess(columns, len(table.rows))
    return Survey(
        f"csv:{file}",
        file.name,
        "table",
        len(table.rows),
        columns,
        table.rows[:HEAD_ROWS],
        classes,
        guess,
    )


def _survey_column(table: Table, index: int) -> ColumnSurvey:
    cells = [row[index] for row in table.rows]
    counts = Counter(cell for cell in cells if not is_missing(cell))
    kind: Any = column_kind(counts)
    present = sum(counts.values())
    common = {"missing": len(cells) - present, "distinct": len(counts)}
    listed: tuple[tuple[str, int], ...] = ()
    if kind in ("boolean", "category") or (kind == "integer" and len(counts) <= MOST_LISTED):
        listed = tuple(counts.most_common(MOST_LISTED))
    values = numbers(list(counts.elements()))
    if kind == "boolean":
        pair = boolean_words(list(counts)) or ("", "")
        values = np.array([float(pair.index(c.lower())) for c in counts.elements()])
    elif kind == "date":
        read = date_reader(list(counts))
        assert read is not None
        values = np.array([days(read(c)) for c in counts.elements()])
    elif kind in ("category", "text"):
        values = np.zeros(0)
    return ColumnSurvey(table.names[index], kind, **common, **_figures(values), categories=listed)


def _figures(values: np.ndarray) -> dict[str, Any]:
    """Minimum, maximum, mean, deviation and histogram of the finite numbers."""
    values = values[np.isfinite(values)]
    if not values.size:
        return {}
    counts, edges = np.histogram(values, bins=BINS)
    return {
        "minimum": float(values.min()),
        "maximum": float(values.max()),
        "mean": float(math.fsum(values) / values.size),
        "deviation": float(values.std()),
        "counts": tuple(int(count) for count in counts),
        "edges": tuple(float(edge) for edge in edges),
    }


def _guess(columns: tuple[ColumnSurvey, ...], rows: int) -> tuple[Guess, tuple[str, ...]]:
    """The last column is predicted from the others, except those of free text."""
    label = columns[-1]
    features = [c.name for c in columns[:-1] if c.kind != "text"]
    options: dict[str, Any] = {"features": features, "labels": [label.name]}
    if label.kind in ("category", "boolean"):
        classes = tuple(sorted(name for name, _ in label.categories))
        return Guess("classify", {**options, "label_kind": "one_hot"}), classes
    return Guess("regress", {**options, "label_kind": "number"}), ()
