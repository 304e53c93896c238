"""The format of a CSV file: its encoding, its delimiter, and its comments.

Spreadsheet programs write CSV in a dozen formats. All of them are recognised from the text. An
option of the source overrides a wrong guess.
"""

from __future__ import annotations

import csv
import io
import itertools
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from nodeflow.data.errors import DataFormatError
from nodeflow.data.tables.cell_types import is_comma_number, is_number
from nodeflow.data.text_encoding import SAMPLE_BYTES, encoding_of
from nodeflow.errors import DataError
from nodeflow.file_reading import allow, damaged_as, opened

DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "space": " ", "pipe": "|"}
SAMPLE_RECORDS = 100
LONGEST_CELL = 1 << 26
LONG_LINE = 1 << 20
CELL_BYTES = 1000
"""Bytes per column while a table is read, however short its cells are."""
COMMENT = "#"


@dataclass(frozen=True)
class Dialect:
    """The format of a file.

    Attributes:
        skipped: lines before the table that declare its format (``sep=;``).
        notice: a remark about the encoding for the user, or None.
    """

    encoding: str = "utf-8-sig"
    delimiter: str = ","
    skipped: int = 0
    notice: str | None = None


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Convert errors of reading a file to a DataFormatError that names it."""
    with damaged_as(DataFormatError, path, "a table"):
        try:
            yield
        except UnicodeError as error:
            raise DataFormatError(
                f"{path} is not text: {error}", hint="Save it as UTF-8 CSV."
            ) from error
        except OSError as error:
            raise DataFormatError(f"{path} cannot be read: {error.strerror or error}") from error


@contextmanager
def _text(path: Path, encoding: str) -> Iterator[TextIO]:
    with opened(path) as file, io.TextIOWrapper(file, encoding=encoding, newline="") as stream:
        yield stream


def find_dialect(path: Path, delimiter: str = "auto", *, sample: bool = False) -> Dialect:
    """Return the guessed format of a file.

    Args:
        delimiter: a key of ``DELIMITERS`` or ``auto``.
        sample: whether to examine only the beginning.

    Raises:
        ReadRefused: the path is not a regular file.
        DataFormatError: the file cannot be read, or is not text.
    """
    with reading(path):
        encoding, notice = encoding_of(path, sample)
        with _text(path, encoding) as stream:
            begun = stream.read(SAMPLE_BYTES)
    lines = list(io.StringIO(begun, newline=""))
    if len(begun) == SAMPLE_BYTES and len(lines) > 1:
        lines.pop()  # cut off in the middle
    first = lines[0].strip() if lines else ""
    declared = first[4:] if first.lower().startswith("sep=") and len(first) == 5 else ""
    if first.lower() == "sep=":  # followed by a tab
        declared = "\t"
    mark = DELIMITERS.get(delimiter) or declared or guess_delimiter(lines)
    return Dialect(encoding, mark, int(bool(declared)), notice)


def is_table(path: Path) -> bool:
    """Return whether a text file has rows of cells, with a number in most of them."""
    try:
        dialect = find_dialect(path, sample=True)
        rows = [r.cells for r in itertools.islice(records(path, dialect), SAMPLE_RECORDS)]
    except DataError:
        return False
    if len({len(row) for row in rows}) != 1 or len(rows) < 2 or len(rows[0]) < 2:
        return False
    return 2 * sum(any(map(is_number, row)) for row in rows) > len(rows)


def guess_delimiter(lines: list[str]) -> str:
    """Return the delimiter that makes rows of equal length.

    A comma may be a decimal mark if there are semicolons or tabs too, so these are chosen if the
    commas are in numbers. If no delimiter makes equal rows, return the most frequent one in the
    first line.
    """
    lines = [line for line in lines if not line.startswith(COMMENT)] or lines
    fitting = [mark for mark in ",;\t|" if _is_table(lines, mark)]
    if len(fitting) > 1 and "," in fitting:
        others = [mark for mark in fitting if mark != "," and _commas_are_decimal(lines, mark)]
        fitting = [*others, ","]
    if fitting:
        return fitting[0]
    if 2 * sum(not any(mark in line for mark in ",;\t|") for line in lines) > len(lines):
        absent = [mark for mark in ",;\t|" if not any(mark in line for line in lines)]
        if absent and absent[0] != ",":
            return absent[0]  # one column, with commas in some of its texts
    first = next((line for line in lines if line.strip()), "")
    best = max(",;\t|", key=first.count)
    if first.count(best):
        return best
    return " " if " " in first.strip() else ","


def _sample(lines: list[str], mark: str) -> list[list[str]]:
    try:
        reader = csv.reader(lines, delimiter=mark)
        return [row for row in itertools.islice(reader, SAMPLE_RECORDS) if any(row)]
    except csv.Error:
        return []


def _is_table(lines: list[str], mark: str) -> bool:
    widths = Counter(map(len, _sample(lines, mark)))
    return len(widths) == 1 and max(widths) > 1


def _commas_are_decimal(lines: list[str], mark: str) -> bool:
    cells = [cell.strip() for row in _sample(lines, mark) for cell in row if "," in cell]
    return bool(cells) and all(map(is_comma_number, cells))


@dataclass
class Record:
    """One row of a file: the line where it ends, and its stripped cells.

    ``doubtful``: it begins like a comment, but has as many cells as a row of the table.
    """

    line: int
    cells: tuple[str, ...]
    doubtful: bool = False


def records(path: Path, dialect: Dialect) -> Iterator[Record]:
    """Yield the rows of a file that have any cell, without comments.

    Lines that begin with # are comments, unless they have as many cells as the first row. The last
    such line before the first row is the table's header (as numpy writes it), and later ones are
    ``doubtful``.

    Raises:
        DataFormatError: the file is damaged; the error names the line.
    """
    with reading(path), _text(path, dialect.encoding) as stream:
        yield from _resolved(_parsed(path, stream, dialect))


def _parsed(path: Path, stream: TextIO, dialect: Dialect) -> Iterator[Record]:
    """Yield records in the order of the file, including comments (``doubtful``)."""
    mark, line, long = dialect.delimiter, 0, 0
    spaces = mark == " "
    fresh = True  # at the beginning of a record
    comments: list[tuple[int, str]] = []

    def wanted() -> Iterator[str]:
        nonlocal line, long, fresh
        while text := stream.readline(LONGEST_CELL):
            line += 1
            if len(text) > LONG_LINE:
                long += len(text)
                allow(long, path)
                _check_line(path, text, line, mark)
            if line <= dialect.skipped:
                continue
            if fresh and text.startswith(COMMENT):
                comments.append((line, text))
                text = "\n"  # an empty record in its place
            fresh = False
            yield text

    reader = csv.reader(wanted(), delimiter=mark, skipinitialspace=spaces, strict=True)
    csv.field_size_limit(max(LONGEST_CELL, csv.field_size_limit()))
    begun = 1
    try:
        for row in reader:
            fresh = True
            if comments:
                number, text = comments.pop()
                cells = next(csv.reader([text], delimiter=mark, skipinitialspace=spaces), [])
                yield Record(number, tuple(cell.strip() for cell in cells), True)
            elif row and (spaces or any(row)):
                cells = tuple([cell.strip() for cell in row])
                if spaces and cells[-1] == "":
                    cells = cells[:-1]
                if any(cells):
                    yield Record(line, cells)
            begun = line + 1
    except csv.Error as error:
        where = f"line {begun}" if begun >= line else f"line {begun} to {line}"
        what = str(error)
        hint = None
        if "unexpected end of data" in what or "field larger" in what:
            where, what = f"line {begun}", "a quote is opened and never closed"
            hint = "Close it, or double it where it belongs to the text."
        raise DataFormatError(
            f"{path} is not a valid CSV file: {where}: {what}", hint=hint
        ) from error


def _check_line(path: Path, text: str, line: int, mark: str) -> None:
    """Raise an error for a line that has more cells than fit into memory, or that does not end."""
    allow(len(text) + CELL_BYTES * text.count(mark), path)
    if len(text) == LONGEST_CELL:
        raise DataFormatError(
            f"{path}, line {line} is longer than {LONGEST_CELL >> 20} million characters",
            hint="Is it a table?",
        )


def _resolved(parsed: Iterator[Record]) -> Iterator[Record]:
    """Yield the records except those that are certainly comments."""
    leading: list[Record] = []
    first = None
    for record in parsed:
        if record.doubtful:
            leading.append(record)
        else:
            first = record
            break
    if first is None:
        yield from (Record(r.line, r.cells) for r in leading)
        return
    width = len(first.cells)
    if leading and width > 1 and len(leading[-1].cells) == width:
        head, *rest = leading[-1].cells
        yield Record(leading[-1].line, (head[1:].strip() or head, *rest))
    yield first
    for record in parsed:
        if not record.doubtful or len(record.cells) == width > 1:
            yield record
