"""A survey of data files: columns, types, missing values, distributions, and fitting options.

The window shows it before it makes a graph, and ``nodeflow data show`` prints it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nodeflow.data.catalog import SOURCES, open_dataset, parse_source, source_at
from nodeflow.data.errors import DataNotFound, UnknownSource
from nodeflow.data.survey_types import ColumnSurvey, Guess, Survey, figures

__all__ = ["ColumnSurvey", "Guess", "Survey", "dataset_statistics", "figures", "survey"]

SAMPLED = 1000


def survey(path: str | os.PathLike, *, limit_rows: int | None = None) -> Survey:
    """Return the survey of a data file.

    Args:
        path: a table, numpy arrays, a picture or a folder of pictures.
        limit_rows: number of first rows to examine; None for all.

    Raises:
        DataNotFound: there is no such file.
        UnknownSource: no kind of data has files with this ending.
        DataFormatError: the file is damaged; the message names line and column, or the picture.
    """
    file = Path(path).expanduser()
    if not file.exists():
        raise DataNotFound(f"there is no file {file}", hint="Check the path.")
    kind, place = parse_source(source_at(str(file)))
    if kind.survey is None:
        known = ", ".join(f".{e}" for s in SOURCES.values() if s.survey for e in s.endings)
        raise UnknownSource(f"{file.name} is not a data file", hint=f"Data files are {known}.")
    return kind.survey(Path(place), limit_rows)


def dataset_statistics(
    source: str,
    options: Mapping[str, Any] | None = None,
    base_dir: str | os.PathLike | None = None,
) -> dict[str, tuple[list[float] | float, list[float] | float]]:
    """Return (mean, deviation) of each column over the training split, for ``normalize`` nodes.

    There is one number for each feature, or one for all pixels of pictures. Features that are only
    0 and 1, such as categories, have mean 0 and deviation 1, so that they do not change; constant
    features have deviation 1. Classes are left out.

    Raises:
        DataError, AttributeProblem: the same as ``open_dataset``.
    """
    dataset = open_dataset(source, base_dir=base_dir, **(options or {}))
    split = "train" if "train" in dataset.splits else next(iter(dataset.splits))
    found = {}
    for name, column in dataset.split(split).items():
        if name in dataset.classes or not column.dtype.startswith("float") or not len(column):
            continue
        which = slice(0, None)
        if column.lazy:  # files that are read one by one are sampled
            which = np.linspace(0, len(column) - 1, min(len(column), SAMPLED)).astype(np.int64)
        rows = column.rows(which).astype(np.float64)
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
    """Return a number with eight digits: the precision of float32, legible in the file."""
    return float(f"{float(value):.8g}")
