"""The records of a survey of data files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np

BINS, MOST_LISTED, HEAD_ROWS = 20, 200, 100

TableKind = Literal["number", "integer", "boolean", "category", "date", "text"]
TABLE_KINDS: tuple[str, ...] = get_args(TableKind)
"""The possible types of a table's column."""
Kind = TableKind | Literal["picture", "array"]


@dataclass(frozen=True)
class ColumnSurvey:
    """The survey of one column.

    Attributes:
        missing: number of rows without a value.
        distinct: number of different values.
        minimum: smallest number (for dates, in days since 1970); None if there are no numbers.
        deviation: standard deviation, divided by the count.
        counts: counts of the histogram's bins.
        edges: edges of the histogram's bins, one more than ``counts``.
        categories: (value, count) pairs, the most frequent first; at most 200.
        shape: the shape of one row of an array or picture.
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
    """The guessed use of the data.

    Attributes:
        task: ``classify`` or ``regress`` a table, ``pictures``, forecast a ``series``, continue a
            ``text``, or ``data``: no task could be guessed.
        options: attributes of the dataset node.
    """

    task: Literal["classify", "regress", "pictures", "series", "text", "data"]
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Survey:
    """The survey of a file or folder.

    Attributes:
        source: the source in the form of a dataset node: ``csv:/home/me/iris.csv``.
        rows: number of rows, of pictures, or of characters of a text.
        head: the first rows as text, with a cell for each column.
        classes: names of the classes of the guessed label.
        notice: a fact that the user should know, such as a guessed encoding, or None.
        as_stored: the options that load arrays unchanged, without guesses; None for other data.
    """

    source: str
    title: str
    kind: Literal["table", "arrays", "pictures", "text"]
    rows: int
    columns: tuple[ColumnSurvey, ...]
    head: tuple[tuple[str, ...], ...]
    classes: tuple[str, ...]
    guess: Guess
    notice: str | None = None
    as_stored: Mapping[str, Any] | None = None


def figures(values: np.ndarray) -> dict[str, Any]:
    """Return minimum, maximum, mean, deviation and histogram of finite numbers."""
    if not values.size:
        return {}
    try:
        counts, edges = np.histogram(values, bins=BINS)
    except ValueError:  # large numbers so close together that no bin fits between them
        counts, edges = np.array([values.size]), np.array([values.min(), values.max()])
    return {
        "minimum": float(values.min()),
        "maximum": float(values.max()),
        "mean": float(values.mean(dtype=np.float64)),
        "deviation": float(values.std(dtype=np.float64)),
        "counts": tuple(int(count) for count in counts),
        "edges": tuple(float(edge) for edge in edges),
    }
