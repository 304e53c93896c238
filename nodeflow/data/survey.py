"""A first look at data files: columns, types, missing values, distributions, and what fits them.

What the window previews before it makes a graph, and what ``nodeflow data show`` prints.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nodeflow.data.catalog import SOURCES, open_dataset
from nodeflow.data.encoders import Encoder
from nodeflow.data.errors import DataNotFound, UnknownSource
from nodeflow.data.survey_types import ColumnSurvey, Guess, Survey
from nodeflow.data.table import Table, read_table, shortest
from nodeflow.data.table_guess import guess_table

__all__ = ["ColumnSurvey", "Guess", "Survey", "dataset_statistics", "survey"]

MOST_LISTED = 200
BINS = 20


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
    columns = tuple(survey_column(table, index) for index in range(len(table.names)))
    guess, classes = guess_table(table, columns)
    rows = len(table)
    return Survey(
        f"csv:{file}", file.name, "table", rows, columns, table.head, classes, guess,
        table.dialect.notice,
    )  # fmt: skip


def survey_column(table: Table, index: int) -> ColumnSurvey:
    """What one column of a table holds."""
    column = table.columns[index]
    kind: Any = column.kind
    common: dict[str, Any] = {"missing": int(column.missing.sum())}
    if kind in ("category", "text", "boolean"):
        counts = column.counts()
        listed = sorted(counts.items(), key=lambda item: -item[1])[:MOST_LISTED]
        common |= {"distinct": len(counts), "categories": tuple(listed)}
    values = np.zeros(0)
    if kind not in ("category", "text"):
        values = Encoder(index, table.names[index], kind).encode_leniently(table)[0][:, 0]
        values = values[np.isfinite(values)]
    if kind not in ("category", "text", "boolean"):
        different, often = np.unique(values, return_counts=True)
        common["distinct"] = len(different)
        if kind == "integer" and len(different) <= MOST_LISTED:
            order = np.argsort(-often, kind="stable")
            common["categories"] = tuple(
                (shortest(float(different[i])), int(often[i])) for i in order
            )
    return ColumnSurvey(table.names[index], kind, **common, **figures(values))


def figures(values: np.ndarray) -> dict[str, Any]:
    """Minimum, maximum, mean, deviation and histogram of finite numbers."""
    if not values.size:
        return {}
    counts, edges = np.histogram(values, bins=BINS)
    return {
        "minimum": float(values.min()),
        "maximum": float(values.max()),
        "mean": float(values.mean(dtype=np.float64)),
        "deviation": float(values.std(dtype=np.float64)),
        "counts": tuple(int(count) for count in counts),
        "edges": tuple(float(edge) for edge in edges),
    }
