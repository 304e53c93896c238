"""A survey of a table: the content of each column."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from nodeflow.data.survey_types import MOST_LISTED, ColumnSurvey, Guess, Survey, figures
from nodeflow.data.tables.cell_types import shortest
from nodeflow.data.tables.encoders import Encoder
from nodeflow.data.tables.label_guess import guess_table
from nodeflow.data.tables.table import Table, kept_table


def survey_table(file: Path, limit: int | None) -> Survey:
    table = kept_table(file, limit=limit)
    columns = tuple(survey_column(table, index) for index in range(len(table.names)))
    guess, classes = guess_table(table, columns)
    rows = len(table)
    if rows == limit and "categories" in guess.options:  # there may be more
        options = {name: value for name, value in guess.options.items() if name != "categories"}
        guess = Guess(guess.task, options)
    return Survey(
        f"csv:{file}", file.name, "table", rows, columns, table.head, classes, guess,
        table.dialect.notice,
    )  # fmt: skip


def survey_column(table: Table, index: int) -> ColumnSurvey:
    """Return the survey of one column of a table."""
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
