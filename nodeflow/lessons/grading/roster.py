"""Tables of a learning platform, with one column filled and everything else kept.

Moodle's grading worksheet has the columns ``Identifier`` (``Participant 1234567``), ``Grade`` and
``Maximum Grade``. Canvas's gradebook has ``Student`` (``Lovelace, Ada``), ``ID``, one column per
assignment such as ``Softmax (88)``, and a row ``Points Possible``.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nodeflow.errors import FileProblem, SurfaceText, suggest_or_list
from nodeflow.lessons.grading.answers import Answer

LARGEST = 50 * 2**20
"""Bytes of the largest table."""
NUMBERS = ("identifier", "id", "sis user id", "sis login id", "id number", "username")
MOODLE = ("identifier", "id")
"""Moodle's titles of the column with the student's number after a word."""
NAMES = ("full name", "student", "name", "email address", "email")
GRADE, MAXIMUM, POSSIBLE = "grade", "maximum grade", "points possible"
_IDENTIFIER = re.compile(r"[^\d@]+(\d+)")
_ASSIGNMENT = re.compile(r".+ \(\d+\)")


@dataclass
class Roster:
    """A table of students.

    Attributes:
        rows: the cells, the header first.
        column: the index of the column to fill.
        byte_order_mark, delimiter, newline: how the file is written.
    """

    rows: list[list[str]]
    column: int
    byte_order_mark: bool
    delimiter: str
    newline: str

    def fill(
        self, answers: Sequence[Answer], credits: Mapping[str, float | None], points: float
    ) -> list[Answer]:
        """Write the marks of answers into the table. Return the answers that do not belong to
        exactly one row.

        Args:
            credits: credit from 0 to 1, by the id of an answer; None leaves the table's cell
                unchanged.
            points: points for full credit, unless the table gives them.
        """
        missing = []
        for answer in answers:
            rows = self._rows_of(answer)
            if len(rows) != 1:
                missing.append(answer)
                continue
            credit = credits.get(answer.id)
            if credit is not None:
                row = self.rows[rows[0]]
                row += [""] * (self.column + 1 - len(row))
                row[self.column] = _points(credit * self._most(row, points))
        return missing

    def dumps(self) -> str:
        """Return the text of the table."""
        out = io.StringIO()
        writer = csv.writer(out, delimiter=self.delimiter, lineterminator=self.newline)
        writer.writerows(self.rows)
        return ("\ufeff" if self.byte_order_mark else "") + out.getvalue()

    def _rows_of(self, answer: Answer) -> list[int]:
        """Return the indices of the table's rows that may belong to the student of an answer.
        Compare student numbers first; compare names only if no number matches.
        """
        for columns, texts in ((NUMBERS, {answer.id}), (NAMES, {answer.name, answer.id})):
            wanted = {_plain(text) for text in texts if text}
            found = [
                number
                for number, row in enumerate(self.rows[1:], 1)
                if not self._is_possible(row) and wanted & self._keys(row, columns)
            ]
            if found:
                return found
        return []

    def _keys(self, row: list[str], columns: Sequence[str]) -> set[str]:
        titled = [
            (title.strip().casefold(), cell.strip())
            for title, cell in zip(self.rows[0], row, strict=False)
        ]
        cells = {cell for title, cell in titled if title in columns and cell}
        keys = {_plain(cell) for cell in cells}
        # Moodle writes "Participant 1234567" in the language of the site
        for title, cell in titled:
            if title in columns and title in MOODLE and (found := _IDENTIFIER.fullmatch(cell)):
                keys.add(found[1])
        keys |= {_plain("".join(reversed(cell.split(", ")))) for cell in cells if ", " in cell}
        return keys

    def _most(self, row: list[str], points: float) -> float:
        """Return the number of points for a fully correct answer, from the table. If the table does
        not give it, return ``points``.
        """
        titles = [title.strip().casefold() for title in self.rows[0]]
        texts = [row[titles.index(MAXIMUM)]] if MAXIMUM in titles else []
        for other in self.rows[1:]:
            if self._is_possible(other) and len(other) > self.column:
                texts.append(other[self.column])
        for text in texts:
            try:
                return float(text.strip().replace(",", "."))
            except ValueError:
                continue
        return points

    def _is_possible(self, row: list[str]) -> bool:
        return bool(row) and row[0].strip().casefold() == POSSIBLE


def read_roster(path: Path, column: str | None = None) -> Roster:
    """Return the table in a file.

    Args:
        column: the title of the column to fill; default: Moodle's ``Grade``, or Canvas's only
            assignment.

    Raises:
        FileProblem: it cannot be read, is no table, or the column is unknown.
    """
    text = _text(path)
    mark = text.startswith("\ufeff")
    text = text.removeprefix("\ufeff")
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as error:
        raise FileProblem(f"{path.name} is no table: {error}") from None
    if not rows or len(rows[0]) < 2:
        raise FileProblem(f"{path.name} is no table with a header")
    newline = "\r\n" if "\r\n" in text else "\n"
    return Roster(rows, _column(rows[0], column, path), mark, delimiter, newline)


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST:
            raise FileProblem(f"{path.name} is larger than {LARGEST >> 20} MB")
        return path.read_bytes().decode()
    except OSError as error:
        raise FileProblem(f"cannot read {path.name}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise FileProblem(
            f"{path.name} is not UTF-8 text", hint="Export the table as CSV in UTF-8."
        ) from None


def _column(header: list[str], wanted: str | None, path: Path) -> int:
    titles = [title.strip() for title in header]
    if wanted is not None:
        if wanted not in titles:
            raise FileProblem(
                f"{path.name} has no column {wanted!r}", hint=suggest_or_list(wanted, titles)
            )
        return titles.index(wanted)
    plain = [title.casefold() for title in titles]
    if GRADE in plain:
        return plain.index(GRADE)
    found = [i for i, title in enumerate(titles) if _ASSIGNMENT.fullmatch(title)]
    if len(found) == 1:
        return found[0]
    raise FileProblem(
        f"{path.name} does not say which column has the marks",
        hint=SurfaceText(
            f"Give the argument column. {suggest_or_list('', titles)}",
            cli=f"Name it with --column. {suggest_or_list('', titles)}",
            window="Choose the column.",
        ),
    )


def _plain(text: str) -> str:
    """Return a name without case, spaces and punctuation, as Canvas writes it into file names."""
    return "".join(letter for letter in text.casefold() if letter.isalnum() or letter == "@")


def _points(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
