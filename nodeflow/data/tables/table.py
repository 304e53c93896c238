"""Reading a CSV file into columns. Every error names file, line and column.

Columns are stored compactly: numbers as float64, all other cells as an index into their distinct
texts. So typing, parsing and counting a column only visits its distinct texts.
"""

from __future__ import annotations

import itertools
import math
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from nodeflow.data.data_paths import file_stamp
from nodeflow.data.errors import DataFormatError
from nodeflow.data.tables.cell_types import (
    boolean_words,
    column_kind,
    date_reader,
    decimal_evidence,
    is_comma_number,
    is_missing,
    is_number,
    number,
    shortest,
)
from nodeflow.data.tables.dialect import (
    CELL_BYTES,
    DELIMITERS,
    Dialect,
    Record,
    find_dialect,
    reading,
    records,
)
from nodeflow.errors import suggest
from nodeflow.file_reading import allow, current_limit, opened, size_of
from nodeflow.number_text import whole_number

CHUNK = 8192
WIDE = 64
"""The number of columns above which fewer rows are read at a time."""
TEXT_BYTES = 150
"""Bytes per distinct text besides its characters."""
SAMPLE_ROWS = 100
LARGE = 1 << 20
"""Bytes below which a file is read without estimating its memory first."""

__all__ = ["DELIMITERS", "Table", "TableColumn", "read_table"]


class TableColumn:
    """The cells of one column.

    Attributes:
        start: the first cells as text.
        texts: the different cells that are not plain numbers, in the order of the file.
        nbytes: approximate bytes of memory.
    """

    def __init__(self, decimal: str, day_first: bool) -> None:
        self.decimal = decimal
        self.day_first = day_first
        self.start: list[str] = []
        self.texts: dict[str, int] = {}
        self.nbytes = 0
        self._chunks: list[np.ndarray] = []

    def extend(self, cells: Sequence[str]) -> None:
        if len(self.start) < SAMPLE_ROWS:
            self.start += cells[: SAMPLE_ROWS - len(self.start)]
        plain = _plain_numbers(cells, self.decimal)
        if plain is not None:
            self._chunks.append(plain)
            self.nbytes += plain.nbytes
            return
        texts, known = self.texts, len(self.texts)
        codes = [texts.setdefault(cell, len(texts)) for cell in cells]
        self._chunks.append(np.array(codes, np.int64))
        new = itertools.islice(reversed(texts), len(texts) - known)
        self.nbytes += 8 * len(codes) + sum(len(text) + TEXT_BYTES for text in new)

    def __len__(self) -> int:
        return sum(map(len, self._chunks))

    def map(self, plain: Callable[[np.ndarray], np.ndarray], by_text: np.ndarray) -> np.ndarray:
        """Return one value per row: from ``plain`` for plain numbers, else from ``by_text`` for
        its text.
        """
        parts = [plain(c) if c.dtype == np.float64 else by_text[c] for c in self._chunks]
        return np.concatenate(parts) if parts else by_text[:0]

    @cached_property
    def missing(self) -> np.ndarray:
        """The mask of cells without a value, bool (rows,)."""
        gone = np.fromiter(map(is_missing, self.texts), bool, len(self.texts))
        return self.map(np.isnan, gone)

    @cached_property
    def values(self) -> np.ndarray:
        """The numbers as float64 (rows,); NaN where a cell is missing or not a number."""
        return self.map(lambda chunk: chunk, self._parse(lambda text: number(text, self.decimal)))

    def cells(self) -> list[str]:
        """Return the text of every row, with plain numbers in their shortest form."""
        texts = np.array(list(self.texts) or [""], dtype=object)
        return self.map(lambda c: np.array([shortest(v) for v in c], object), texts).tolist()

    def counts(self) -> dict[str, int]:
        """Return the count of each text, without missing cells."""
        coded = [c for c in self._chunks if c.dtype != np.float64]
        totals = np.bincount(np.concatenate(coded or [np.zeros(0, np.int64)]), minlength=0)
        found = {t: int(totals[i]) for t, i in self.texts.items() if not is_missing(t)}
        plain = [c for c in self._chunks if c.dtype == np.float64]
        if plain:
            numbers = np.concatenate(plain)
            values, often = np.unique(numbers[~np.isnan(numbers)], return_counts=True)
            for value, count in zip(values.tolist(), often.tolist(), strict=True):
                text = shortest(value)
                found[text] = found.get(text, 0) + count
        return found

    @cached_property
    def kind(self) -> str:
        """The type of the column, one of ``survey_types.TABLE_KINDS``."""
        if not self.texts:
            values = self.values[~np.isnan(self.values)]
            whole = values.size and np.all(np.isfinite(values)) and np.all(values == values.round())
            return "integer" if whole else "number"
        return column_kind(self.counts(), decimal=self.decimal, day_first=self.day_first)

    @cached_property
    def read_date(self) -> Callable[[str], Any] | None:
        """The function that reads the cells as dates, or None."""
        present = [text for text in self.texts if not is_missing(text)]
        return date_reader(present, day_first=self.day_first)

    @cached_property
    def words(self) -> tuple[str, str] | None:
        """The words for no and yes, in lower case, or None."""
        return boolean_words([text for text in self.texts if not is_missing(text)])

    def by_text(self, parse: Callable[[str], float]) -> np.ndarray:
        """Return the result of ``parse`` for each cell, float64 (rows,); NaN if missing or not
        parsed.
        """

        def plain(chunk: np.ndarray) -> np.ndarray:
            different, where = np.unique(chunk, return_inverse=True)
            return np.array([_parsed(parse, shortest(v)) for v in different])[where]

        return self.map(plain, self._parse(parse))

    def _parse(self, parse: Callable[[str], float]) -> np.ndarray:
        return np.array([_parsed(parse, text) for text in self.texts], np.float64)

    def keep(self, rows: np.ndarray) -> None:
        """Keep only these rows of the column."""
        cells = self.cells()
        again = TableColumn(self.decimal, self.day_first)
        again.extend([cells[row] for row in rows])
        again.start = [self.start[row] for row in rows if row < len(self.start)]
        self.__dict__ = again.__dict__

    def text_at(self, row: int) -> str:
        """Return the cell of a row as text; only a plain number beyond the first cells may look
        different.
        """
        if row < len(self.start):
            return self.start[row]
        for chunk in self._chunks:
            if row < len(chunk):
                is_plain = chunk.dtype == np.float64
                return shortest(chunk[row]) if is_plain else list(self.texts)[chunk[row]]
            row -= len(chunk)
        raise IndexError(row)


@dataclass(frozen=True)
class Table:
    """The cells of a CSV file.

    Attributes:
        names: column names, all different; "0", "1", ... if the file has no header.
        lines: the line of the file where each row ends, int64 (rows,).
        decimal: the mark before fractions.
        trimmed: whether columns without name and cells are left out at the end.
    """

    path: Path
    names: tuple[str, ...]
    columns: tuple[TableColumn, ...]
    lines: np.ndarray
    dialect: Dialect = field(default_factory=Dialect)
    decimal: str = "."
    trimmed: bool = False

    def __len__(self) -> int:
        return len(self.lines)

    @property
    def head(self) -> tuple[tuple[str, ...], ...]:
        """The first rows as text."""
        return tuple(zip(*(column.start for column in self.columns), strict=True))

    @property
    def rows(self) -> tuple[tuple[str, ...], ...]:
        """All cells as text."""
        return tuple(zip(*(column.cells() for column in self.columns), strict=True))

    def texts(self) -> Iterator[tuple[str, ...]]:
        """Yield the rows as text, read from the file again."""
        lines = set(self.lines.tolist())
        width = len(self.names)
        return (r.cells[:width] for r in records(self.path, self.dialect) if r.line in lines)

    def index(self, column: str) -> int:
        """Return the position of a column given by name, or by number if no column has that name.

        Raises:
            DataFormatError: there is no such column.
        """
        if column in self.names:
            return self.names.index(column)
        number = whole_number(column)
        if number is not None and -len(self.names) <= number < len(self.names):
            return number % len(self.names)
        raise DataFormatError(
            f"{self.path} has no column {column!r}",
            hint=suggest(column, self.names) or f"It has {', '.join(self.names)}.",
        )

    def numbers(self, index: int) -> np.ndarray:
        """Return one column as float64 (rows,), NaN where it is missing.

        Raises:
            DataFormatError: a cell is neither missing nor a finite float32.
        """
        column = self.columns[index]
        values = column.values
        with np.errstate(over="ignore"):
            finite = np.isfinite(values.astype(np.float32)) | column.missing
        if not finite.all():
            row = int(np.argmin(finite))
            text = column.text_at(row)
            infinite = not math.isnan(values[row])
            what = "is not a finite float32" if infinite else "is not a number"
            raise self.bad_cell(row, index, f"{text!r} {what}")
        return values

    def bad_cell(self, row: int, index: int, what: str, hint: str | None = None) -> DataFormatError:
        return DataFormatError(
            f"{self.path}, line {self.lines[row]}, column {self.names[index]!r}: {what}",
            hint=hint or "Correct or delete that line, or choose other columns.",
        )


def _parsed(parse: Callable[[str], float], text: str) -> float:
    if is_missing(text):
        return math.nan
    try:
        return parse(text)
    except ValueError:
        return math.nan


def _plain_numbers(cells: Sequence[str], decimal: str) -> np.ndarray | None:
    """Return cells as float64 if all are numbers in Python's notation, else None."""
    if decimal == "," and any("." in cell for cell in cells):
        return None  # the point may group thousands
    try:
        return np.fromiter(map(float, cells), np.float64, len(cells))
    except ValueError:
        return None


# ---- reading ----------------------------------------------------------------------------------


def read_table(
    path: Path,
    *,
    header: str = "auto",
    delimiter: str = "auto",
    decimal: str = "auto",
    date_order: str = "auto",
    limit: int | None = None,
) -> Table:
    """Return the cells of a CSV file, in any of the usual encodings.

    Args:
        header: ``yes``, ``no``, or ``auto``: the first line is a header if none of its cells is a
            number, or if a text stands above a number.
        delimiter: a key of ``DELIMITERS`` or ``auto``.
        decimal: ``point``, ``comma`` or ``auto``.
        date_order: ``day_first``, ``month_first`` or ``auto``: how to read 3/4/2021 if no other
            date of its column decides.
        limit: the maximum number of rows after the header.

    Raises:
        DataFormatError: the file is empty, not text, or its rows differ in length.
    """
    if limit is None:
        _refuse_large(path, delimiter)
    dialect = find_dialect(path, delimiter)
    marks = {"point": ".", "comma": ","}
    fixed = marks.get(decimal)
    names, first, rest = _header(path, records(path, dialect), header)
    sample = list(itertools.islice(rest, SAMPLE_ROWS - 1))
    guess = fixed or _decimal(dialect, [*first, *sample])
    rows = itertools.islice(itertools.chain(first, sample, rest), limit)
    table = _fill(path, names, rows, dialect, guess, date_order)
    if fixed is None and guess == "." and any(map(_needs_comma, table.columns)):
        names, first, rest = _header(path, records(path, dialect), header)
        rows = itertools.islice(itertools.chain(first, rest), limit)
        table = _fill(path, names, rows, dialect, ",", date_order)
    return _trimmed(table)


def _refuse_large(path: Path, delimiter: str) -> None:
    """Raise an error for a file that would take twice the limit as numbers alone.

    The size is estimated from the first rows. The memory of smaller files is counted while they are
    read.
    """
    with reading(path), opened(path) as file:
        size = size_of(file)
    if size < LARGE:
        return
    dialect = find_dialect(path, delimiter, sample=True)
    sample = list(itertools.islice(records(path, dialect), SAMPLE_ROWS))
    written = sum(len(cell) + 1 for record in sample for cell in record.cells)
    cells = sum(len(record.cells) for record in sample)
    count = size / max(1, written) * cells * 8
    if len(sample) == SAMPLE_ROWS and count > 2 * current_limit().bytes:
        allow(count, path)


_tables: OrderedDict[tuple, Table] = OrderedDict()
_lock = Lock()
_KEPT = 3


def kept_table(
    path: Path,
    *,
    header: str = "auto",
    delimiter: str = "auto",
    decimal: str = "auto",
    date_order: str = "auto",
    limit: int | None = None,
) -> Table:
    """Return the table of `read_table`, from a cache of the last tables, because options change
    often.

    A table with fewer rows than its limit is complete.
    """
    key = (path, *file_stamp(path), header, delimiter, decimal, date_order)
    wanted = [(*key, limit)] if limit is None else [(*key, limit), (*key, None)]
    for known in wanted:
        table = _tables.get(known)
        if table is not None and (known[-1] == limit or len(table) <= (limit or 0)):
            return table
    table = read_table(
        path,
        header=header,
        delimiter=delimiter,
        decimal=decimal,
        date_order=date_order,
        limit=limit,
    )
    whole = limit is None or len(table) < limit
    with _lock:
        _tables[(*key, None if whole else limit)] = table
        while len(_tables) > _KEPT:
            _tables.popitem(last=False)
    return table


def _trimmed(table: Table) -> Table:
    """Return the table without columns at the end that have neither a name nor a cell."""
    width = len(table.names)
    while width > 1 and table.names[width - 1] == str(width - 1):
        if (
            set(table.columns[width - 1].texts) != {""}
            or not table.columns[width - 1].missing.all()
        ):
            break
        width -= 1
    if width == len(table.names):
        return table
    names, columns = table.names[:width], table.columns[:width]
    return replace(table, names=names, columns=columns, trimmed=True)


def _needs_comma(column: TableColumn) -> bool:
    """Return whether a column has numbers with a decimal comma, and none with a decimal point."""
    evidence = [decimal_evidence(text) for text in column.texts if "," in text]
    return 1 in evidence and -1 not in evidence and len(evidence) * 2 >= len(column.texts)


def _decimal(dialect: Dialect, rows: list[Record]) -> str:
    """Return the decimal mark that most cells need."""
    cells = [cell for row in rows for cell in row.cells if "," in cell or "." in cell]
    balance = sum(map(decimal_evidence, cells))
    if balance:
        return "," if balance > 0 else "."
    european = dialect.delimiter == ";" and any(
        "," in cell and is_comma_number(cell) for cell in cells
    )
    return "," if european else "."


def _header(
    path: Path, rows: Iterator[Record], header: str
) -> tuple[tuple[str, ...], list[Record], Iterator[Record]]:
    """Return column names, the rows read so far, and the iterator of the remaining rows."""
    start = list(itertools.islice(rows, 2))
    if not start:
        raise DataFormatError(f"{path} is empty", hint="It needs at least one row of numbers.")
    top = start[0].cells
    below = start[1].cells if len(start) > 1 else ()
    if header == "yes" or (header == "auto" and _is_header(top, below)):
        if len(start) == 1:
            raise DataFormatError(f"{path} has a header but no rows")
        while len(top) > len(below) and top[-1] == "":
            top = top[:-1]
        return _different(top), start[1:], rows
    return tuple(str(number) for number in range(len(top))), start, rows


def _is_header(top: tuple[str, ...], below: tuple[str, ...]) -> bool:
    """Return whether the first row is a header: it has no number or date, or a text above a
    number.
    """
    valued = [_is_value(cell) for cell in top]
    if not any(valued):
        return True
    return len(top) == len(below) and any(
        not is_value and not is_missing(a) and _is_value(b)
        for is_value, a, b in zip(valued, top, below, strict=True)
    )


def _is_value(cell: str) -> bool:
    if is_number(cell):
        return True
    if not any(digit.isdigit() for digit in cell):
        return False
    return is_comma_number(cell) or date_reader([cell]) is not None


def _different(names: Sequence[str]) -> tuple[str, ...]:
    """Return distinct names: an empty one becomes its number, a second ``x`` becomes ``x (2)``."""
    found: dict[str, None] = {}
    for index, name in enumerate(names):
        name = name or str(index)
        new, often = name, 2
        while new in found:
            new, often = f"{name} ({often})", often + 1
        found[new] = None
    return tuple(found)


def _fill(
    path: Path,
    names: tuple[str, ...],
    rows: Iterator[Record],
    dialect: Dialect,
    decimal: str,
    date_order: str,
) -> Table:
    day_first = date_order == "day_first"
    if date_order == "auto":
        day_first = decimal == "," or dialect.delimiter == ";"
    allow(len(names) * CELL_BYTES, path)
    columns = tuple(TableColumn(decimal, day_first) for name in names)
    lines: list[int] = []
    doubtful: list[int] = []
    width = len(names)
    while chunk := list(itertools.islice(rows, max(1, CHUNK // max(1, width // WIDE)))):
        for row in chunk:
            if len(row.cells) != width:
                row.cells = _fitted(path, row, width)
            if row.doubtful:
                doubtful.append(len(lines))
            lines.append(row.line)
        for column, cells in zip(columns, zip(*(row.cells for row in chunk)), strict=True):
            column.extend(cells)
        allow(sum(column.nbytes for column in columns), path)
    return _without_comments(
        Table(path, names, columns, np.array(lines, np.int64), dialect, decimal), doubtful
    )


def _fitted(path: Path, row: Record, width: int) -> tuple[str, ...]:
    """Return the cells of a row, without empty cells beyond the last column."""
    cells = row.cells
    while len(cells) > width and cells[-1] == "":
        cells = cells[:-1]
    if len(cells) != width:
        raise DataFormatError(
            f"{path}, line {row.line}: {len(cells)} values, but there are {width} columns",
            hint="Correct that line, or choose another delimiter.",
        )
    return cells


def _without_comments(table: Table, doubtful: list[int]) -> Table:
    """Remove doubtful rows that begin with #; they are comments if the first column is numeric."""
    if not doubtful or table.columns[0].kind not in ("number", "integer", "date"):
        return table
    kept = np.delete(np.arange(len(table)), doubtful)
    for column in table.columns:
        column.keep(kept)
    return replace(table, lines=table.lines[kept])
