"""Guesses about the use of a table: the label, the features, and the split."""

from __future__ import annotations

from typing import Any

import numpy as np

from nodeflow.data.survey_types import ColumnSurvey, Guess
from nodeflow.data.tables.encoders import Encoder, class_names
from nodeflow.data.tables.table import Table

LABEL_NAMES = (  # the surest first
    "label", "labels", "target", "outcome", "species", "diagnosis", "survived", "saleprice", "y",
    "class", "price", "quality", "category", "klasse", "ziel", "preis",
)  # fmt: skip
ID_NAMES = ("id", "index", "no", "nr", "row", "rownum", "key", "uid", "uuid", "unnamed: 0")
MOST_CLASSES, MOST_CATEGORIES = 10, 100
MOST_DROPPED = 0.05
WIDE = 64
"""Wider tables, such as tables of pixels, keep constant columns."""


def guess_table(table: Table, columns: tuple[ColumnSurvey, ...]) -> tuple[Guess, tuple[str, ...]]:
    """Guess from a table's columns what is to be learned: task, features, label and class names."""
    rows = len(table)
    date = _date_column(table, columns)
    if date is not None or (len(columns) == 1 and _is_series(columns[0], rows)):
        return _series(table, columns, date), ()
    if len(columns) == 1:
        kinds = {columns[0].name: columns[0].kind}
        return Guess("regress", {"features": list(kinds), "types": kinds, "label_kind": "none"}), ()
    label = _label(columns)
    wide = len(columns) > WIDE
    features = [
        c for i, c in enumerate(columns) if c is not label and _is_feature(c, i, rows, wide)
    ]
    if not features:
        others = [c for c in columns if c is not label]
        features = [c for c in others if c.kind != "text"] or others
    chosen = [*features, label]
    categories = {
        c.name: list(class_names(table.columns[columns.index(c)]))
        for c in chosen
        if c.kind == "category"
    }
    options: dict[str, Any] = {
        "features": [c.name for c in features],
        "labels": [label.name],
        "types": {c.name: c.kind for c in chosen},
    }
    classes: tuple[str, ...] = ()
    if _is_class(label, rows):
        classes = class_names(table.columns[columns.index(label)])
        categories[label.name] = list(classes)
        options["types"][label.name] = "category"
        options |= {"label_kind": "one_hot", "split": "stratified"}
    else:
        options["label_kind"] = "number"
    if categories:
        options["categories"] = categories
    if _share_with_gaps(table, columns, features) > MOST_DROPPED:
        options["missing"] = "fill"
    return Guess("classify" if classes else "regress", options), classes


def _label(columns: tuple[ColumnSurvey, ...]) -> ColumnSurvey:
    """Return the likely label column.

    It is the last column or the first of `LABEL_NAMES`, else the last column that can be a label.
    """
    able = [c for c in columns if c.kind not in ("text", "date") and c.distinct > 1]
    if columns[-1] in able and columns[-1].name.strip().lower() in LABEL_NAMES:
        return columns[-1]
    by_name = {c.name.strip().lower(): c for c in reversed(able)}
    for name in LABEL_NAMES:
        if name in by_name:
            return by_name[name]
    return (able or list(columns))[-1]


def _is_class(column: ColumnSurvey, rows: int) -> bool:
    """Return whether a label is a class: text, or few different whole numbers close together."""
    if column.kind in ("category", "boolean", "text"):
        return True
    if column.kind != "integer" or not 1 < column.distinct <= MOST_CLASSES:
        return False
    assert column.minimum is not None and column.maximum is not None
    near = column.maximum - column.minimum < 2 * column.distinct
    return near and rows >= 5 * column.distinct


def _is_feature(column: ColumnSurvey, index: int, rows: int, wide: bool) -> bool:
    """Return whether a column is informative: neither text, row number, constant, nor mostly
    empty.
    """
    if column.kind == "text" or (column.distinct < 2 and not wide) or 2 * column.missing > rows:
        return False
    if column.kind == "category":
        return column.distinct <= MOST_CATEGORIES
    return not _is_row_number(column, index, rows)


def _is_row_number(column: ColumnSurvey, index: int, rows: int) -> bool:
    """Return whether a column numbers the rows: by its name, and with distinct whole numbers."""
    if column.kind != "integer" or column.distinct < rows:
        return False
    name = column.name.strip().lower()
    if name in ID_NAMES or name.replace("_", " ").split(" ")[-1] in ID_NAMES or name == str(index):
        return True
    assert column.minimum is not None and column.maximum is not None
    return name.endswith("id") and column.maximum - column.minimum == rows - 1


def _share_with_gaps(
    table: Table, columns: tuple[ColumnSurvey, ...], features: list[ColumnSurvey]
) -> float:
    """Return the fraction of rows in which a feature is missing."""
    gaps = np.zeros(len(table), bool)
    names = {feature.name for feature in features}
    for index, column in enumerate(columns):
        if column.name in names and column.missing:
            gaps |= table.columns[index].missing
    return float(gaps.mean())


# ---- series -----------------------------------------------------------------------------------


def _date_column(table: Table, columns: tuple[ColumnSurvey, ...]) -> int | None:
    """Return the column of ordered dates, one per row, if there are also numbers to forecast."""
    numeric = [c for c in columns if c.kind in ("number", "integer") and c.distinct > 1]
    others = [c for c in columns if c.kind in ("category", "boolean")]
    for index, column in enumerate(columns):
        if column.kind != "date" or column.missing or column.distinct < len(table):
            continue
        steps = np.diff(_days(table, index))
        if numeric and not others and len(steps) >= 20 and ((steps > 0).all() or (steps < 0).all()):
            return index
    return None


def _days(table: Table, index: int) -> np.ndarray:
    return Encoder(index, table.names[index], "date").encode(table)[:, 0]


def _is_series(column: ColumnSurvey, rows: int) -> bool:
    """Return whether a file of one column may be a series without dates."""
    return column.kind in ("number", "integer") and column.distinct > 10 and rows >= 40


def _series(table: Table, columns: tuple[ColumnSurvey, ...], date: int | None) -> Guess:
    """Return the guess to forecast the next value of a column from the last values of all
    columns."""
    numeric = [c for c in columns if c.kind in ("number", "integer") and c.distinct > 1]
    label = _label(tuple(numeric))
    options: dict[str, Any] = {
        "features": [c.name for c in numeric],
        "labels": [label.name],
        "label_kind": "number",
        "types": {c.name: c.kind for c in numeric},
        "split": "ordered",
    }
    season = 10
    if date is not None:
        season = _season(float(np.median(np.abs(np.diff(_days(table, date))))))
        options["types"][columns[date].name] = "date"
        options["order_by"] = columns[date].name
    options["window"] = min(season, max(2, len(table) // 10))
    return Guess("series", options)


def _season(step: float) -> int:
    """Return how many steps of this many days make a day, week, or year."""
    if step < 0.9:
        return min(48, max(2, round(1 / step)))
    if step < 2:
        return 14
    return 12
