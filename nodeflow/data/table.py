"""Reading a CSV file into columns of text and numbers; every error names file, line and column."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nodeflow.data.errors import DataFormatError
from nodeflow.errors import suggest

DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "space": " "}


@dataclass(frozen=True)
class Table:
    """The cells of a CSV file.

    Attributes:
        names: column names; "0", "1", ... where the file has no header.
        rows: cells, stripped, as many in each row as there are names.
        lines: the line of the file that each row ends on.
    """

    path: Path
    names: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]

    def index(self, column: str) -> int:
        """Position of a column given by name or, if none has that name, by number.

        Raises:
            DataFormatError: there is no such column, or several.
        """
        if self.names.count(column) == 1:
            return self.names.index(column)
        if column in self.names:
            raise DataFormatError(
                f"{self.path} has {self.names.count(column)} columns called {column!r}",
                hint="Choose them by number, from 0.",
            )
        number = int(column) if column.lstrip("-").isdecimal() else len(self.names)
        if -len(self.names) <= number < len(self.names):
            return number % len(self.names)
        raise DataFormatError(
            f"{self.path} has no column {column!r}",
            hint=suggest(column, self.names) or f"It has {', '.join(self.names)}.",
        )

    def texts(self, index: int) -> list[str]:
        """The cells of one column.

        Raises:
            DataFormatError: a cell is empty.
        """
        cells = [row[index] for row in self.rows]
        if "" in cells:
            raise self._bad_cell(cells.index(""), index, "the value is missing")
        return cells

    def numbers(self, index: int) -> np.ndarray:
        """One column as float64 (rows,).

        Raises:
            DataFormatError: a cell is not a finite number.
        """
        cells = [row[index] for row in self.rows]
        try:
            values = np.fromiter(map(float, cells), np.float64, len(cells))
        except ValueError:
            row = next(i for i, cell in enumerate(cells) if not is_number(cell))
            what = f"{cells[row]!r} is not a number" if cells[row] else "the value is missing"
            raise self._bad_cell(row, index, what) from None
        with np.errstate(over="ignore"):
            finite = np.isfinite(values.astype(np.float32))
        if not finite.all():
            row = int(np.argmin(finite))
            raise self._bad_cell(row, index, f"{cells[row]!r} is not a finite float32")
        return values

    def _bad_cell(self, row: int, index: int, what: str) -> DataFormatError:
        return DataFormatError(
            f"{self.path}, line {self.lines[row]}, column {self.names[index]!r}: {what}",
            hint="Correct or delete that line, or choose other columns.",
        )


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def read_table(
    path: Path, *, header: str = "auto", delimiter: str = "auto", limit: int | None = None
) -> Table:
    """The cells of a CSV file (UTF-8, with or without a byte order mark).

    Args:
        header: ``yes``, ``no``, or ``auto``: the first line is a header if none of its cells is
            a number.
        delimiter: a key of ``DELIMITERS`` or ``auto``.
        limit: the maximum number of rows after the header.

    Raises:
        DataFormatError: the file is empty, not text, or its rows differ in length.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            first = stream.readline()
            stream.seek(0)
            mark = DELIMITERS.get(delimiter) or guess_delimiter(first)
            reader = csv.reader(stream, delimiter=mark, skipinitialspace=mark == " ", strict=True)
            return _table(path, _cells(reader), header, limit)
    except UnicodeDecodeError as error:
        raise DataFormatError(
            f"{path} is not UTF-8 text: {error.reason} at byte {error.start}",
            hint="Save it as UTF-8 CSV.",
        ) from error
    except csv.Error as error:
        raise DataFormatError(f"{path} is not a valid CSV file: {error}") from error
    except OSError as error:
        raise DataFormatError(f"{path} cannot be read: {error.strerror or error}") from error


def guess_delimiter(line: str) -> str:
    """The most frequent of comma, semicolon and tab; a space if none of them occurs."""
    best = max(",;\t", key=line.count)
    if line.count(best):
        return best
    return " " if " " in line.strip() else ","


def _cells(reader: Iterator[list[str]]) -> Iterator[tuple[int, tuple[str, ...]]]:
    for row in reader:
        cells = tuple(cell.strip() for cell in row)
        if any(cells):
            yield reader.line_num, cells  # type: ignore[attr-defined]


def _table(
    path: Path, cells: Iterator[tuple[int, tuple[str, ...]]], header: str, limit: int | None
) -> Table:
    first = next(cells, None)
    if first is None:
        raise DataFormatError(f"{path} is empty", hint="It needs at least one row of numbers.")
    names = tuple(str(number) for number in range(len(first[1])))
    if header == "yes" or (header == "auto" and not any(map(is_number, first[1]))):
        names = first[1]
    else:
        cells = itertools.chain([first], cells)
    numbered = list(itertools.islice(cells, limit))
    for line, row in numbered:
        if len(row) != len(names):
            raise DataFormatError(
                f"{path}, line {line}: {len(row)} values, but there are {len(names)} columns",
                hint="Correct that line, or choose another delimiter.",
            )
    if not numbered:
        raise DataFormatError(f"{path} has a header but no rows")
    return Table(
        path, names, tuple(row for _, row in numbered), tuple(line for line, _ in numbered)
    )
