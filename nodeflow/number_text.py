"""The format of numbers for users, the same in the window and in the tables of the command line.

Four significant digits. Whole digits are never cut below a million. From five digits on, a narrow
no-break space separates groups of three.
"""

from __future__ import annotations

import math
import re
from typing import Any, SupportsIndex

GROUP = "\u202f"
MINUS = "\u2212"
DIGITS = 4
FIRST_TIME, LAST_TIME = -62_135_500_000.0, 253_402_200_000.0
"""Beginning of the year 1 and end of the year 9999, in seconds since 1970, within a day or two."""
_GROUPED_FROM = 10_000
_EXPONENT_FROM = 1e6
_WHOLE = re.compile(r"-?[0-9]{1,18}")
_ASCII = str.maketrans({GROUP: None, MINUS: "-", "∞": "inf"})


def is_date(seconds: float) -> bool:
    """Return whether a time, in seconds since 1970, is in the years 1 to 9999 of calendars."""
    return FIRST_TIME < seconds < LAST_TIME


def number(value: Any, digits: int = DIGITS) -> str:
    """Return the text of a number or truth value, of Python or numpy.

    >>> number(0.976543), number(1.2e-05), number(-2.0), number(123456.7), number(1.5e9)
    ('0.9765', '1.2e−5', '−2', '123\u202f457', '1.5e9')
    >>> number(True), number(float("nan")), number(-math.inf), number(60000)
    ('true', 'NaN', '−∞', '60\u202f000')
    """
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    if isinstance(value, bool) or kind == "b":
        return "true" if value else "false"
    if isinstance(value, int) or kind in ("i", "u"):
        return count(value)
    if isinstance(value, complex) or kind == "c":
        sign = MINUS if math.copysign(1.0, value.imag) < 0 else "+"
        return f"{number(value.real, digits)} {sign} {number(abs(value.imag), digits)}j"
    value = float(value)
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "∞" if value > 0 else f"{MINUS}∞"
    if value == 0:
        return f"{MINUS}0" if math.copysign(1.0, value) < 0 else "0"
    short = f"{value:.{digits}g}"
    if abs(value) < _EXPONENT_FROM and (value == int(value) or "e+" in short):
        return count(round(value))
    mantissa, _, power = short.partition("e")
    return f"{mantissa}e{int(power)}".replace("-", MINUS) if power else short.replace("-", MINUS)


def count(value: SupportsIndex) -> str:
    """Return the text of a whole number, with groups of three from five digits on.

    >>> count(1234), count(-1234567)
    ('1234', '−1\u202f234\u202f567')
    """
    value = int(value)
    grouped = f"{value:,}".replace(",", GROUP) if abs(value) >= _GROUPED_FROM else str(value)
    return grouped.replace("-", MINUS)


def whole_number(text: str) -> int | None:
    """Return the whole number that a text spells in ASCII digits, or None: for typed indices.

    `str.isdigit` and `str.isdecimal` also accept texts that `int` refuses: ``²``, 5000 digits.

    >>> whole_number("-12"), whole_number("--1"), whole_number("²"), whole_number("1e3")
    (-12, None, None, None)
    """
    return int(text) if _WHOLE.fullmatch(text) else None


def counted(value: SupportsIndex, noun: str, several: str = "") -> str:
    """Return a count with its noun. ``several`` is the plural of a noun that does not take an s.

    >>> counted(1, "row"), counted(12000, "row"), counted(2, "class", "classes")
    ('1 row', '12\u202f000 rows', '2 classes')
    """
    return f"{count(value)} {noun if int(value) == 1 else several or f'{noun}s'}"


def rounded(value: float, decimals: int = 0) -> str:
    """Return a number with a fixed number of decimals, for a column of aligned numbers.

    >>> rounded(12345.678, 1), rounded(-0.5, 1)
    ('12\u202f345.7', '−0.5')
    """
    text = f"{value:,.{decimals}f}"
    text = text.replace(",", GROUP if abs(value) >= _GROUPED_FROM else "")
    return text.replace("-", MINUS)


def plain(text: str) -> str:
    """Return a number's text for terminals and programs: ASCII, without groups.

    >>> plain(number(-123456)), plain(number(math.inf))
    ('-123456', 'inf')
    """
    return text.translate(_ASCII)


def bytes_text(value: SupportsIndex) -> str:
    """Return the text of a number of bytes.

    >>> bytes_text(812), bytes_text(256_000_000), bytes_text(3_600_000_000)
    ('812 B', '256 MB', '3.6 GB')
    """
    size = float(int(value))
    for unit in ("B", "kB", "MB", "GB", "TB", "PB"):
        if size < 999.5 or unit == "PB":
            break
        size /= 1000
    text = f"{size:.1f}" if size < 99.95 and unit != "B" else f"{size:.0f}"
    return f"{text.removesuffix('.0')} {unit}"
