"""A CSV file as a data set: chosen columns become ``features`` and ``labels``.

The options contain everything that is needed to encode a second file in the same way. Missing
options are guessed from the file, and `pin` returns the guesses as options.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nodeflow.data.data_paths import file_stamp
from nodeflow.data.data_splits import DataSplits
from nodeflow.data.source import Location, Source
from nodeflow.data.source_options import (
    CLASS_NAMES,
    ORDER_BY,
    SPLIT_KIND,
    SPLIT_OPTIONS,
    ColumnNames,
    PerColumn,
    split_by,
)
from nodeflow.data.tables.dialect import DELIMITERS
from nodeflow.engine.columns import Column
from nodeflow.graph.declaration import Attr
from nodeflow.graph.types import TensorType

if TYPE_CHECKING:
    from nodeflow.data.survey_types import Survey
    from nodeflow.data.tables.schema import Schema
    from nodeflow.data.tables.table import Table

OPTIONS = (
    ColumnNames(
        "features", "names", None, "Feature columns; empty: all columns except labels and text."
    ),
    ColumnNames("labels", "names", None, "Label columns; empty: the last column."),
    Attr(
        "label_kind",
        "choice",
        "auto",
        "Kind of the labels: numbers float32 (n, columns); classes, one-hot float32 (n, classes) "
        "or class numbers int64 (n); auto: numbers if the first row has a number, one-hot if it "
        "has text; none: no labels.",
        choices=("auto", "number", "one_hot", "class", "none"),
    ),
    Attr(
        "standardize",
        "bool",
        False,
        "Shift and scale each feature to mean 0 and standard deviation 1 over the train rows.",
    ),
    PerColumn(
        "types",
        "json",
        None,
        'Types of columns, such as {"city": "category"}: number, integer, boolean, date, category '
        "or text. The types of other columns are guessed; none: guess all types.",
        values="type",
    ),
    PerColumn(
        "categories",
        "json",
        None,
        "Categories and classes of columns, in the order of their numbers. Other columns take them "
        "from the file; none: take all from the file.",
        values="names",
    ),
    CLASS_NAMES,
    Attr(
        "category_encoding",
        "choice",
        "one_hot",
        "Encoding of a category among the features: a column of 0 and 1 for each category, or one "
        "column of category numbers.",
        choices=("one_hot", "code"),
    ),
    Attr(
        "dates",
        "choice",
        "days",
        "Encoding of a date: days since 1970, or its parts (year, month, day, weekday, hour).",
        choices=("days", "parts"),
    ),
    Attr(
        "date_order",
        "choice",
        "auto",
        "How to read a date such as 3/4/2021 if no other date of its column decides; auto: day "
        "first if decimals have a comma.",
        choices=("auto", "day_first", "month_first"),
    ),
    Attr(
        "missing",
        "choice",
        "drop",
        "Rows with a missing value: drop them; fill in the mean or most frequent value of the "
        "train rows; or refuse them as an error. Rows without a label are never filled.",
        choices=("drop", "fill", "error"),
    ),
    PerColumn(
        "statistics",
        "json",
        None,
        "Mean and standard deviation of features for standardize, and the replacement for "
        "missing values, "
        'such as {"age": {"fill": 40.5}}. Other features take them from the train rows; none: '
        "take all from the train rows.",
        values="numbers",
    ),
    Attr(
        "window",
        "int",
        0,
        "For a series: the number of earlier rows that are the features of a row, (n, window, "
        "columns); 0: the features of the row itself.",
        minimum=0,
    ),
    Attr(
        "horizon",
        "int",
        1,
        "For a series: the distance of a label from its window, in rows.",
        minimum=1,
    ),
    Attr(
        "header",
        "choice",
        "auto",
        "Whether the first line names the columns; auto: it does if none of its cells is a number, "
        "or if a text stands above a number.",
        choices=("auto", "yes", "no"),
    ),
    Attr(
        "delimiter",
        "choice",
        "auto",
        "The mark between cells.",
        choices=("auto", *DELIMITERS),
    ),
    Attr(
        "decimal",
        "choice",
        "auto",
        "The mark before the fraction of a number.",
        choices=("auto", "point", "comma"),
    ),
    SPLIT_KIND,
    ORDER_BY,
    *SPLIT_OPTIONS,
)


def open_csv(location: Location, **options: Any) -> DataSplits:
    """Return columns ``features`` float32 (None, k) and ``labels`` (see ``OPTIONS``).

    Raises:
        DataNotFound: there is no such file.
        DataFormatError: the file or the choice of columns does not fit; names line and column.
    """
    file = location.file()
    return _open(location.path, file, file_stamp(file), json.dumps(options))


def columns(location: Location, **options: Any) -> dict[str, TensorType]:
    """Return the type of each column of a CSV file, by column name.

    Read only the first rows, unless a column has categories, which must be counted in all rows.
    """
    from nodeflow.data.tables.schema import sampled_types
    from nodeflow.data.tables.table import SAMPLE_ROWS

    types = sampled_types(_table(location.file(), options, SAMPLE_ROWS), options)
    return open_csv(location, **options).columns if types is None else types


def pin(location: Location, **options: Any) -> dict[str, Any]:
    """Return the options with all values that are guessed or computed from this file."""
    schema = _schema(location.file(), options)
    return {**options, **schema.pinned(_splits(schema, options))}


def rows(location: Location, **options: Any) -> DataSplits:
    """Return all rows that can be computed, in the order of the file, as the split ``all``.

    Labels are left out, because they may be missing.
    """
    schema = _schema(location.file(), options, lenient=True)
    return _dataset(location.path, schema, {"all": np.argsort(schema.kept, kind="stable")})


def texts(location: Location, **options: Any) -> tuple[tuple[str, ...], Iterator[tuple[str, ...]]]:
    """Return column names, and each row of the file as text, then the predicted rows of a series.

    The predicted rows contain only the date or number that continues the column ``order_by``.
    """
    from nodeflow.data.tables.schema import future_texts

    table = _table(location.file(), options)
    if not options["window"]:
        return table.names, table.texts()
    return table.names, itertools.chain(table.texts(), future_texts(table, options))


def survey(path: Path, limit: int | None = None) -> Survey:
    """Return the survey of a file's columns."""
    from nodeflow.data.tables.survey import survey_table

    return survey_table(path, limit)


# The readers of tables are imported on demand, because most commands read no table.


def _table(file: Path, options: dict[str, Any], limit: int | None = None) -> Table:
    from nodeflow.data.tables.table import kept_table

    names = ("header", "delimiter", "decimal", "date_order")
    return kept_table(file, **{name: options[name] for name in names}, limit=limit)


def _schema(file: Path, options: dict[str, Any], *, lenient: bool = False) -> Schema:
    from nodeflow.data.tables.schema import choose

    return choose(_table(file, options), options, lenient=lenient)


@lru_cache(maxsize=4)  # the window opens the file again after each edit of its node
def _open(source: str, file: Path, stamp: tuple[int, int], given: str) -> DataSplits:
    options = json.loads(given)
    schema = _schema(file, options)
    return _dataset(source, schema, _splits(schema, options))


def _splits(schema: Schema, options: dict[str, Any]) -> dict[str, np.ndarray]:
    """Return the positions among the kept rows, by split."""
    return split_by(options, len(schema.kept), schema.strata)


def _dataset(source: str, schema: Schema, parts: dict[str, np.ndarray]) -> DataSplits:
    file = schema.table.path
    arrays: dict[str, Column] = {"features": Column(schema.features(parts).astype(np.float32))}
    if schema.labels is not None:
        arrays["labels"] = Column(schema.labels, depth=schema.depth)
    return DataSplits(
        file.name,
        f"csv:{source}",
        {
            split: {name: column.take(which) for name, column in arrays.items()}
            for split, which in parts.items()
        },
        notice=schema.notice,
        location=str(file),
        classes=schema.class_names,
        feature_names={"features": schema.feature_names},
        rows={split: schema.kept[which] for split, which in parts.items()},
    )


SOURCE = Source(
    "csv",
    "CSV file",
    "A text table with columns for features and labels.",
    OPTIONS,
    open_csv,
    columns,
    takes_path=True,
    ending="csv",
    more_endings=("tsv", "data", "dat"),
    pin=pin,
    texts=texts,
    rows=rows,
    survey=survey,
)
