"""The meaning of a table's cells (missing values, numbers, booleans, dates), and types of columns.

The type of a column follows from all of its cells. One bad cell must not turn a column of numbers
into text. So a column with at least as many numbers as other cells is numeric, and the others are
errors that name their row.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

MISSING = frozenset({"", "na", "n/a", "#n/a", "nan", "null", "?"})
"""Cells without a value, in lower case."""

BOOLEANS: tuple[tuple[str, str], ...] = (
    ("false", "true"), ("no", "yes"), ("f", "t"), ("n", "y"), ("off", "on"), ("nein", "ja"),
    ("non", "oui"), ("falsch", "wahr"),
)  # fmt: skip
"""Pairs of words for no and yes, in lower case."""

EPOCH = datetime(1970, 1, 1)
FEW_CATEGORIES, MOST_CATEGORIES = 20, 1000

_GROUPS = "[ \u00a0\u2009\u202f'\u2019]"  # spaces of all widths, apostrophes
_EXPONENT = r"(?:[eE][+-]?\d+)?"
_NUMBER = {
    mark: re.compile(
        rf"[+-]?\d{{1,3}}(?:([{other}]|{_GROUPS})\d{{3}})(?:\1\d{{3}})*(?:[{mark}]\d*)?{_EXPONENT}"
    )
    for mark, other in (".,", ",.")
}
"""Patterns of numbers with groups of thousands, by decimal mark."""
_UNIT = re.compile(r"^[$€£¥]\s*|\s*[%$€£¥]$")
_MINUS = str.maketrans({"\u2212": "-"})


def is_missing(cell: str) -> bool:
    """Return whether a cell has no value: it is empty, NA, N/A, NaN, null or ?."""
    return len(cell) < 5 and cell.lower() in MISSING


def is_number(cell: str) -> bool:
    """Return whether a cell is a number, in Python's notation."""
    try:
        float(cell)
    except ValueError:
        return False
    return True


def is_comma_number(cell: str) -> bool:
    """Return whether a table cell is a number whose decimal mark is a comma."""
    try:
        number(cell, ",")
    except ValueError:
        return False
    return True


def number(cell: str, decimal: str = ".") -> float:
    """Return the number in a cell, which may have groups of thousands, a currency or percent sign.

    Args:
        decimal: the mark before the fraction, a point or a comma.

    Raises:
        ValueError: the cell is not a number.
    """
    if decimal == ".":
        try:
            return float(cell)
        except ValueError:
            pass
    text = _UNIT.sub("", cell).translate(_MINUS)
    if _NUMBER[decimal].fullmatch(text):
        text = re.sub(f"{_GROUPS}|{'[,]' if decimal == '.' else '[.]'}", "", text)
    elif decimal == "," and "." in text:
        raise ValueError(f"{cell!r} is not a number with a decimal comma")
    return float(text.replace(",", ".") if decimal == "," else text)


def numbers(cells: Sequence[str], decimal: str = ".") -> np.ndarray:
    """Return cells as float64, with NaN for missing values and non-numbers."""
    out = np.empty(len(cells))
    for row, cell in enumerate(cells):
        try:
            out[row] = math.nan if is_missing(cell) else number(cell, decimal)
        except ValueError:
            out[row] = math.nan
    return out


def shortest(value: float) -> str:
    """Return a number as the shortest text of a cell: ``3``, ``2.5``; empty for NaN."""
    value = float(value)
    if math.isnan(value):
        return ""
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def decimal_evidence(cell: str) -> int:
    """Return 1 if a cell is a number only with a decimal comma, -1 only with a point, else 0.

    >>> [decimal_evidence(cell) for cell in ("2,5", "1.234,5", "1,234", "1,234.5", "2.5", "x")]
    [1, 1, 0, -1, -1, 0]
    """
    text = _UNIT.sub("", cell)
    readings = []
    for mark in ",.":
        try:
            number(text, mark)
        except ValueError:
            continue
        readings.append(mark)
    if len(readings) == 2:
        return 0
    if readings == [","]:
        return 1 if "," in text else 0
    return -1 if readings == ["."] and "." in text else 0


# ---- booleans ---------------------------------------------------------------------------------


def boolean_words(values: Sequence[str]) -> tuple[str, str] | None:
    """Return the pair of words (no, yes) that includes all values, or None."""
    found = {value.lower() for value in values}
    return next((pair for pair in BOOLEANS if found and found <= set(pair)), None)


# ---- dates ------------------------------------------------------------------------------------

_PATTERNS = (
    "%Y/%m/%d", "%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%m/%d/%y", "%d/%m/%y",
    "%d.%m.%y", "%Y.%m.%d", "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%d-%b-%Y",
    "%d-%b-%y", "%b %Y", "%B %Y", "%Y-%m",
)  # fmt: skip
_TIMES = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p")
_MONTHS = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
_DATE_LIKE = re.compile(
    rf"\d{{1,4}}[-/.]\d{{1,2}}\b.{{0,26}}|(?=.*\d)(?=.*(?:{_MONTHS})).{{6,32}}", re.IGNORECASE
)


def _iso(cell: str) -> datetime:
    if len(cell) < 10 or cell[4] != "-":
        raise ValueError
    return datetime.fromisoformat(cell)


def date_reader(
    values: Sequence[str], *, day_first: bool = False
) -> Callable[[str], datetime] | None:
    """Return a function that reads most of the values as dates, or None.

    Args:
        values: distinct cells of a column, none missing.
        day_first: how to read 3/4/2020 if no other value decides.
    """
    sample = values[:: max(1, len(values) // 200)]
    if not sample or sum(bool(_DATE_LIKE.fullmatch(v)) for v in sample) * 2 < len(sample):
        return None
    readers: list[tuple[int, Callable[[str], datetime]]] = []
    patterns = sorted(_PATTERNS, key=lambda p: p.startswith("%m") == day_first)
    for read in [_iso, *(_Pattern(p + t) for p in patterns for t in _TIMES)]:
        good = sum(_reads(read, value) for value in sample)
        if good:
            readers.append((good, read))
    if not readers:
        return None
    most = max(good for good, _ in readers)
    best = [read for good, read in readers if good == most]
    if most * 2 < len(sample):
        return None
    if len(best) > 1:  # 3/4/2020: prefer the reader of more values, else the first
        best.sort(key=lambda read: -sum(_reads(read, value) for value in values))
    return best[0]


@dataclass(frozen=True)
class _Pattern:
    """A reader of dates in one format."""

    text: str

    def __call__(self, cell: str) -> datetime:
        return datetime.strptime(cell, self.text)


def date_order(read: Callable[[str], datetime] | None) -> str:
    """Return ``day_first`` or ``month_first`` if a reader of dates had to choose, else ``auto``."""
    if not isinstance(read, _Pattern):
        return "auto"
    numeric = read.text[3:].startswith(("%m", "%d"))
    orders = {"%d": "day_first", "%m": "month_first"}
    return orders.get(read.text[:2], "auto") if numeric else "auto"


def _reads(read: Callable[[str], datetime], cell: str) -> bool:
    try:
        read(cell)
    except ValueError:
        return False
    return True


def days(moment: datetime) -> float:
    """Return days since the beginning of 1970, UTC, with the time of the day as the fraction."""
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return (moment - EPOCH) / timedelta(days=1)


def day(value: float) -> str:
    """Return days since the beginning of 1970 as a date, and the time of the day if it is not
    midnight.

    >>> day(0), day(18262.5)
    ('1970-01-01', '2020-01-01 12:00')
    """
    moment = EPOCH + timedelta(days=value)
    return f"{moment:%Y-%m-%d}" if moment.time() == EPOCH.time() else f"{moment:%Y-%m-%d %H:%M}"


# ---- columns ----------------------------------------------------------------------------------


def column_kind(counts: dict[str, int], *, decimal: str = ".", day_first: bool = False) -> str:
    """Return one of `TABLE_KINDS` for a column with these cells.

    Args:
        counts: the number of each distinct cell, without missing cells.
    """
    total = sum(counts.values())
    if not total:
        return "number"
    found = numbers(list(counts), decimal)
    good = ~np.isnan(found)
    share = sum(count for count, is_good in zip(counts.values(), good, strict=True) if is_good)
    if share * 2 >= total:
        whole = found[good]
        return "integer" if good.all() and np.all(whole == np.floor(whole)) else "number"
    values = list(counts)
    if boolean_words(values):
        return "boolean"
    if date_reader(values, day_first=day_first):
        return "date"
    distinct = len(values)
    unique = distinct == total and total > 10
    many = distinct > FEW_CATEGORIES and distinct * 5 > total
    return "text" if unique or many or distinct > MOST_CATEGORIES else "category"
