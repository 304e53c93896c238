"""The conversion of a table's column to numbers, as features or as a label.

An encoder contains everything that it needs from the training data (kind and categories), so that a
second file is encoded in the same way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nodeflow.data.errors import DataFormatError
from nodeflow.data.source_options import MOST_CLASSES
from nodeflow.data.tables.cell_types import BOOLEANS, days, is_missing, is_number, shortest
from nodeflow.data.tables.table import Table, TableColumn

YES = frozenset(yes for _, yes in BOOLEANS) | {"1"}
NO = frozenset(no for no, _ in BOOLEANS) | {"0"}
DATE_PARTS = ("year", "month", "day", "weekday", "hour")
MOST_NAMED = 8


@dataclass(frozen=True)
class Encoder:
    """One column of a table as one or more columns of numbers.

    Attributes:
        index: position of the column in its table.
        kind: number, integer, boolean, date or category.
        categories: categories in the order of their numbers.
        one_hot: whether categories are columns of 0 and 1 instead of numbers.
        parts: whether dates are year, month, day, weekday (Monday is 0) and hour, not days since
            1970.
    """

    index: int
    name: str
    kind: str
    categories: tuple[str, ...] = ()
    one_hot: bool = False
    parts: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The name of each column of numbers."""
        if self.kind == "category" and self.one_hot:
            return tuple(f"{self.name} = {category}" for category in self.categories)
        if self.kind == "date" and self.parts:
            return tuple(f"{self.name} {part}" for part in DATE_PARTS)
        return (self.name,)

    def encode(self, table: Table) -> np.ndarray:
        """Return float64 (rows, columns), with NaN for rows with a missing value.

        Raises:
            DataFormatError: a cell does not fit; the error names line and column.
        """
        values, wrong = self.encode_leniently(table)
        if wrong is not None:
            raise wrong
        return values

    def encode_leniently(self, table: Table) -> tuple[np.ndarray, DataFormatError | None]:
        """Return the numbers with NaN for rows that do not fit, and the error about the first
        such row.
        """
        column = table.columns[self.index]
        if self.kind in ("number", "integer"):
            values = column.values[:, None]
            try:
                table.numbers(self.index)
            except DataFormatError as error:
                with np.errstate(over="ignore"):
                    bad = ~np.isfinite(values.astype(np.float32))
                return np.where(bad, np.nan, values), error
            return values, None
        if self.kind == "boolean":
            values = column.by_text(_boolean)[:, None]
        elif self.kind == "date":
            values = self._dates(column)
        else:
            codes = class_codes(column, self.categories)
            values = codes[:, None]
            if self.one_hot:
                values = (codes[:, None] == np.arange(len(self.categories))).astype(np.float64)
                values[np.isnan(codes)] = np.nan
        bad = np.isnan(values).any(axis=1) & ~column.missing
        if not bad.any():
            return values, None
        row = int(np.argmax(bad))
        return values, self._unfit(table, row, column.text_at(row))

    def _dates(self, column: TableColumn) -> np.ndarray:
        read = column.read_date
        if read is None:
            return np.full((len(column), len(self.names)), np.nan)
        if not self.parts:
            return column.by_text(lambda text: days(read(text)))[:, None]
        return np.stack(
            [
                column.by_text(lambda text: read(text).year),
                column.by_text(lambda text: read(text).month),
                column.by_text(lambda text: read(text).day),
                column.by_text(lambda text: read(text).weekday()),
                column.by_text(lambda text: read(text).hour + read(text).minute / 60),
            ],
            axis=1,
        )

    def _unfit(self, table: Table, row: int, text: str) -> DataFormatError:
        if self.kind == "category":
            return unknown_category(table, row, self.index, text, self.categories)
        article = "neither yes nor no" if self.kind == "boolean" else "not a date like the others"
        return table.bad_cell(row, self.index, f"{text!r} is {article}")


def unknown_category(
    table: Table, row: int, index: int, text: str, known: tuple[str, ...]
) -> DataFormatError:
    listed = ", ".join(known[:MOST_NAMED]) + (", …" if len(known) > MOST_NAMED else "")
    return table.bad_cell(
        row, index, f"{text!r} is a category that is not known", f"Known are {listed}."
    )


def _boolean(text: str) -> float:
    word = text.lower()
    if word in YES:
        return 1.0
    if word in NO:
        return 0.0
    raise ValueError


def class_codes(column: TableColumn, names: Iterable[str]) -> np.ndarray:
    """Return the index of each cell in ``names``, float64 (rows,); NaN if it is not among them.

    Numbers are compared by value, and words for yes and no without regard to case.
    """
    places: dict[str, float] = {}
    for place, name in enumerate(names):
        places.setdefault(name, float(place))
    lowered = {name.lower(): place for name, place in places.items()}
    has_words = set(lowered) <= YES | NO

    def parse(text: str) -> float:
        found = places.get(text)
        if found is None and has_words:
            found = lowered.get(text.lower())
        if found is None:
            try:
                found = places.get(shortest(float(text)))
            except ValueError:
                found = None
        return np.nan if found is None else found

    return column.by_text(parse)


def class_names(column: TableColumn) -> tuple[str, ...]:
    """Return a column's categories in order: numbers by value, no before yes, else by text."""
    counts = column.counts()
    if counts and all(map(is_number, counts)):
        return tuple(shortest(v) for v in sorted({float(text) for text in counts}))
    if column.kind == "boolean" and column.words:
        spelled: dict[str, str] = {}
        for text in sorted(counts, key=lambda text: -counts[text]):
            spelled.setdefault(text.lower(), text)
        return tuple(spelled.get(word, word) for word in column.words)
    return tuple(sorted(counts))


def make_encoder(
    table: Table, index: int, options: Mapping[str, Any], *, kind: str | None = None
) -> Encoder:
    """Return the encoder of a column of features.

    Args:
        options: ``types``, ``categories``, ``category_encoding`` and ``dates``.

    Raises:
        DataFormatError: the column is free text, or has too many categories.
    """
    name = table.names[index]
    column = table.columns[index]
    kind = kind or column_type(table, index, options)
    if kind == "text":
        raise DataFormatError(
            f"{table.path}: the column {name!r} is free text with "
            f"{len(column.counts())} different values",
            hint="Leave it out of the features, or declare it a category in types.",
        )
    if kind != "category":
        return Encoder(index, name, kind, parts=options["dates"] == "parts")
    known = (options["categories"] or {}).get(name)
    names = tuple(known) if known else class_names(column)
    if len(names) > MOST_CLASSES:
        raise DataFormatError(f"{table.path}: the column {name!r} has {len(names)} categories")
    return Encoder(index, name, kind, names, one_hot=options["category_encoding"] == "one_hot")


def column_type(table: Table, index: int, options: Mapping[str, Any]) -> str:
    """Return the declared type of a column, or else a guess.

    If the first rows of a column are mostly numbers, it is numeric, so that its type is known
    without reading all of a large file. Any other type follows from all rows.
    """
    column, name = table.columns[index], table.names[index]
    declared = (options["types"] or {}).get(name)
    if declared:
        return declared
    if (options["categories"] or {}).get(name):
        return "category"
    return "number" if starts_with_numbers(column) else column.kind


def starts_with_numbers(column: TableColumn) -> bool:
    """Return whether the first cells are mostly numbers."""
    again = TableColumn(column.decimal, column.day_first)
    again.extend([cell for cell in column.start if not is_missing(cell)])
    return bool(len(again)) and again.kind in ("number", "integer")
