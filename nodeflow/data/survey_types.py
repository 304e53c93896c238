"""The records of a survey: what data files hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np

BINS, MOST_LISTED, HEAD_ROWS = 20, 200, 100

TableKind = Literal["number", "integer", "boolean", "category", "date", "text"]
TABLE_KINDS: tuple[str, ...] = get_args(TableKind)
"""What a column of a table can be."""
Kind = TableKind | Literal["picture", "array"]


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
        categories: (value, how often), the most frequent first; at most 200.
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
        notice: what the user should know, such as a guessed encoding, or None.
    """

    source: str
    title: str
    kind: Literal["table", "arrays", "pictures"]
    rows: int
    columns: tuple[ColumnSurvey, ...]
    head: tuple[tuple[str, ...], ...]
    classes: tuple[str, ...]
    guess: Guess
    notice: str | None = None


def figures(values: np.ndarray) -> dict[str, Any]:
    """Minimum, maximum, mean, deviation and histogram of finite numbers."""
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
