"""A CSV file as a data set: chosen columns become ``features`` and ``labels``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from nodeflow.data.dataset import Dataset
from nodeflow.data.errors import DataFormatError
from nodeflow.data.source import Location, Source
from nodeflow.data.source_options import SPLIT_OPTIONS, ColumnNames, split_rows
from nodeflow.data.table import DELIMITERS, Table, is_number, read_table
from nodeflow.engine.columns import Column
from nodeflow.graph.declaration import Attr
from nodeflow.graph.types import TensorType

OPTIONS = (
    ColumnNames("features", "names", None, "Columns to learn from; empty: all but the labels."),
    ColumnNames("labels", "names", None, "Columns to predict; empty: the last one."),
    Attr(
        "label_kind",
        "choice",
        "auto",
        "What the labels are: numbers float32 (n, columns); classes one-hot float32 (n, classes) "
        "or as class numbers int64 (n); auto takes numbers where the first row has a number and "
        "one-hot where it has text; none has no labels.",
        choices=("auto", "number", "one_hot", "class", "none"),
    ),
    Attr(
        "standardize",
        "bool",
        False,
        "Shift and scale each feature to mean 0 and deviation 1 over the train rows.",
    ),
    Attr(
        "header",
        "choice",
        "auto",
        "Whether the first line names the columns; auto: it does if none of its cells is a number.",
        choices=("auto", "yes", "no"),
    ),
    Attr(
        "delimiter",
        "choice",
        "auto",
        "What separates the cells.",
        choices=("auto", *DELIMITERS),
    ),
    *SPLIT_OPTIONS,
)


def open_csv(location: Location, **options: Any) -> Dataset:
    """Columns ``features`` float32 (None, k) and ``labels`` (see ``OPTIONS``).

    Raises:
        DataNotFound: there is no such file.
        DataFormatError: the file or the choice of columns does not fit; names line and column.
    """
    file = location.file()
    status = file.stat()
    return _open(location.path, file, (status.st_mtime_ns, status.st_size), tuple(options.items()))


def columns(location: Location, **options: Any) -> dict[str, TensorType]:
    """Column types, from the first row alone unless classes have to be counted."""
    file = location.file()
    table = read_table(file, header=options["header"], delimiter=options["delimiter"], limit=1)
    chosen = _choose(table, options)
    if chosen.kind == "one_hot":
        return open_csv(location, **options).columns
    types = {"features": TensorType("float32", (None, len(chosen.features)))}
    if chosen.kind == "number":
        types["labels"] = TensorType("float32", (None, len(chosen.labels)))
    elif chosen.kind == "class":
        types["labels"] = TensorType("int64", (None,))
    return types


@dataclass(frozen=True)
class _Choice:
    features: tuple[int, ...]
    labels: tuple[int, ...]
    kind: str


def _choose(table: Table, options: dict[str, Any]) -> _Choice:
    """The feature and label columns; the defaults depend on their number."""
    kind = options["label_kind"]
    everything = range(len(table.names))
    wanted = options["labels"]
    if kind == "none":
        labels: tuple[int, ...] = ()
    elif wanted is None:
        labels = tuple(everything[-1:]) if len(everything) > 1 else ()
    else:
        labels = tuple(table.index(name) for name in wanted)
    if options["features"] is None:
        features = tuple(i for i in everything if i not in labels)
    else:
        features = tuple(table.index(name) for name in options["features"])
    if not features:
        raise DataFormatError(
            f"{table.path}: every column is a label", hint="Leave at least one for the features."
        )
    if kind == "auto":
        text = any(not is_number(table.rows[0][index]) for index in labels)
        kind = "one_hot" if text else "number"
    if kind in ("one_hot", "class") and len(labels) != 1:
        raise DataFormatError(
            f"{table.path}: class labels need exactly one label column, not {len(labels)}",
            hint="Choose one label column, or label_kind number.",
        )
    return _Choice(features, labels, kind if labels else "none")


@lru_cache(maxsize=4)  # the window opens the file again after each edit of its node
def _open(source: str, file: Path, stamp: tuple[int, int], items: tuple) -> Dataset:
    options = dict(items)
    table = read_table(file, header=options["header"], delimiter=options["delimiter"])
    chosen = _choose(table, options)
    parts = split_rows(len(table.rows), options["splits"], options["shuffle"], options["seed"])
    features = np.stack([table.numbers(i) for i in chosen.features], axis=1)
    if options["standardize"]:
        features = _standardized(features, parts.get("train", np.arange(len(features))))
    arrays: dict[str, Column] = {"features": Column(features.astype(np.float32))}
    classes: dict[str, tuple[str, ...]] = {}
    if chosen.kind == "number":
        numbers = np.stack([table.numbers(i) for i in chosen.labels], axis=1)
        arrays["labels"] = Column(numbers.astype(np.float32))
    elif chosen.kind in ("one_hot", "class"):
        names, codes = _classes(table, chosen.labels[0])
        classes["labels"] = names
        one_hot = chosen.kind == "one_hot"
        arrays["labels"] = Column(codes, depth=len(names)) if one_hot else Column(codes)
    splits = {
        split: {name: column.take(rows) for name, column in arrays.items()}
        for split, rows in parts.items()
    }
    return Dataset(file.name, f"csv:{source}", splits, location=str(file), classes=classes)


def _standardized(features: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Features with mean 0 and deviation 1 over the train rows; constant ones become 0."""
    mean, deviation = features[train].mean(axis=0), features[train].std(axis=0)
    return (features - mean) / np.where(deviation > 0, deviation, 1)


def _classes(table: Table, index: int) -> tuple[tuple[str, ...], np.ndarray]:
    """Class names in order (numbers by value, else by text) and the class numbers, int64 (n,)."""
    cells = table.texts(index)
    if all(map(is_number, cells)):
        values, codes = np.unique(table.numbers(index), return_inverse=True)
        names = [str(int(v)) if float(v).is_integer() else repr(float(v)) for v in values]
    else:
        texts, codes = np.unique(np.array(cells), return_inverse=True)
        names = [str(text) for text in texts]
    return tuple(names), codes.astype(np.int64)


SOURCE = Source(
    "csv",
    "CSV file",
    "A text table with columns for features and labels.",
    OPTIONS,
    open_csv,
    columns,
    takes_path=True,
    ending="csv",
)
