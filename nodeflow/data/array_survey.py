"""A survey of numpy arrays: shapes, distributions, and likely inputs and labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nodeflow.data.survey_types import (
    HEAD_ROWS,
    MOST_LISTED,
    ColumnSurvey,
    Guess,
    Kind,
    Survey,
    figures,
)
from nodeflow.data.tables.cell_types import shortest
from nodeflow.file_reading import allow

MOST_MEASURED = 1 << 20
MEASURED_BYTES = 40
"""Bytes to measure one number: a float64, a sorted copy, and the finite mask."""
MOST_CLASSES = 100
MOST_NUMBERS = 8
"""The number of elements of a row that a preview shows."""
LEAST_SIDE = 8
LABEL_NAMES = ("labels", "label", "y", "target", "targets", "classes", "class")
"""Names of label arrays, the likeliest first."""


def survey_arrays(
    source: str,
    title: str,
    arrays: Mapping[str, np.ndarray],
    guess: Guess,
    classes: tuple[str, ...] = (),
    limit: int | None = None,
    as_stored: Mapping[str, Any] | None = None,
    notice: str | None = None,
) -> Survey:
    """Return a survey of columns that are in memory or mapped into it."""
    arrays = {name: array[:limit] for name, array in arrays.items()}
    columns = tuple(survey_array(name, array) for name, array in arrays.items())
    rows = max((len(array) for array in arrays.values()), default=0)
    head = tuple(
        tuple(_cell(array, row) for array in arrays.values()) for row in range(min(rows, HEAD_ROWS))
    )
    about = (source, title, "arrays", rows, columns, head, classes, guess)
    return Survey(*about, notice=notice, as_stored=as_stored)


def survey_array(name: str, array: np.ndarray) -> ColumnSurvey:
    """Return the survey of one array; of a very large array, survey a part spread over it."""
    size = int(np.prod(array.shape[1:], dtype=np.int64))
    step = max(1, len(array) * size // MOST_MEASURED)
    allow(-(-len(array) // step) * size * MEASURED_BYTES, f"a look at {name}")
    values = np.asarray(array[::step]).ravel()
    if values.dtype.kind not in "biuf":
        return ColumnSurvey(name, "text", distinct=len(np.unique(values)), shape=array.shape[1:])
    values = values.astype(np.float64)
    finite = values[np.isfinite(values)]
    different, often = np.unique(finite, return_counts=True)
    listed: tuple[tuple[str, int], ...] = ()
    if array.ndim == 1 and array.dtype.kind in "biu" and len(different) <= MOST_LISTED:
        order = np.argsort(-often, kind="stable")
        listed = tuple((shortest(float(different[i])), int(often[i])) for i in order)
    return ColumnSurvey(
        name, _kind(array), int(np.isnan(values).sum()), len(different), **figures(finite),
        categories=listed, shape=array.shape[1:],
    )  # fmt: skip


def is_picture(array: np.ndarray) -> bool:
    """Return whether rows are pictures: (h, w) or (h, w, channels), at least 8 pixels per side."""
    row = array.shape[1:]
    if len(row) == 3:
        return row[2] in (1, 3, 4) and min(row[:2]) >= LEAST_SIDE
    return len(row) == 2 and min(row) >= LEAST_SIDE


def are_classes(values: np.ndarray) -> bool:
    """Return whether numbers are class numbers: few distinct whole numbers, from 0 or 1."""
    if values.ndim != 1 or values.dtype.kind not in "biuf" or not len(values):
        return False
    found = np.unique(values)
    if not 2 <= len(found) <= MOST_CLASSES or len(values) < 3 * len(found):
        return False
    whole = np.all(found == np.floor(found))
    return bool(whole and found[0] >= 0 and found[-1] < 2 * len(found))


def _kind(array: np.ndarray) -> Kind:
    if array.ndim == 1:
        return "boolean" if array.dtype == bool else (
            "integer" if array.dtype.kind in "iu" else "number"
        )  # fmt: skip
    return "picture" if is_picture(array) else "array"


def _cell(array: np.ndarray, row: int) -> str:
    """Return the value of an array in one row as text."""
    if row >= len(array):
        return ""
    value: Any = array[row]
    if array.ndim == 1:
        return shortest(float(value)) if array.dtype.kind in "iuf" else str(value)
    if not is_picture(array) and array.dtype.kind in "biuf":
        shown = value.ravel()[:MOST_NUMBERS].tolist()
        rest = ", …" if value.size > MOST_NUMBERS else ""
        return ", ".join(f"{number:.6g}" for number in shown) + rest
    return " × ".join(map(str, array.shape[1:]))
