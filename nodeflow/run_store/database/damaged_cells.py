"""Readers for rows that may be damaged: they read cell by cell, and name the unreadable cells."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from nodeflow.number_text import is_date
from nodeflow.train.saving.plain_values import listed, real, table, text, whole

T = TypeVar("T")
MOST_SECONDS = 1e12
"""The longest duration: 30 000 years."""


class Cells:
    """The cells of a database row, or the entries of a JSON table that one cell holds.

    Attributes:
        damaged: the names of the unreadable cells.
    """

    def __init__(self, row: Mapping[str, Any] | Any, damaged: list[str] | None = None) -> None:
        self._row = row
        self.damaged = [] if damaged is None else damaged

    def get(self, name: str, read: Callable[[Any], T], default: T) -> T:
        """Parse a cell of a database row by calling ``read``. If it raises an error, note the cell
        as damaged and return ``default``.

        Args:
            name: the column of the cell.
        """
        try:
            return read(self._row[name])
        except Exception:  # parsers may raise any error for damaged content
            self.damaged.append(name)
            return default


def moment(value: Any) -> float:
    """Return a time, after checking that it falls on a date."""
    if not is_date(real(value)):
        raise ValueError(f"{value!r:.40} is not a time")
    return real(value)


def duration(value: Any) -> float:
    """Return a number of seconds, after checking it."""
    if not abs(real(value)) < MOST_SECONDS:
        raise ValueError(f"{value!r:.40} is not a duration")
    return real(value)


def optional(read: Callable[[Any], T]) -> Callable[[Any], T | None]:
    """Return a reader that also accepts NULL, for which it returns None."""
    return lambda value: None if value is None else read(value)


def integer(value: Any) -> int:
    """Return a whole number of up to 64 bits, such as a seed, after checking it."""
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= 1 << 64:
        raise ValueError(f"{value!r:.40} is not a whole number")
    return value


def flag(value: Any) -> bool:
    """Return a truth value, which SQLite stores as a number."""
    if value not in (0, 1):
        raise ValueError(f"{value!r:.40} is neither 0 nor 1")
    return bool(value)


def parsed(value: Any) -> Mapping[str, Any]:
    """Return the table that a JSON cell holds."""
    return table(json.loads(text(value)))


def texts(value: Any) -> tuple[str, ...]:
    """Return the tuple of texts that was read from a JSON cell of a database. Raise an error if it
    is anything else.
    """
    return tuple(map(text, listed(value)))


def texts_by_name(value: Any) -> Mapping[str, str]:
    """Return the dict of texts by name that was read from a JSON cell of a database. Raise an error
    if it is anything else.
    """
    return {name: text(one) for name, one in table(value).items()}


def numbers_by_name(value: Any) -> dict[str, float]:
    """Return the dict of numbers by name that was read from a JSON cell of a database. Raise an
    error if it is anything else.
    """
    return {name: real(one) for name, one in table(value).items()}


def data_by_name(value: Any) -> Mapping[str, Any]:
    """Return the facts about the data of a run that were read from a JSON cell of a database, by
    placeholder. Raise an error if they are malformed.
    """
    for said in table(value).values():
        for name, read in (("source", text), ("digest", text), ("rows", integer)):
            if name in table(said):
                read(said[name])
    return value


def best_epoch(value: Any) -> Mapping[str, Any]:
    """Return the best epoch of a run, and the value that decided it, as read from a JSON cell of a
    database. Return an empty dict if there is none.

    Raise an error if the content is malformed.
    """
    if table(value):
        integer(value["epoch"])
        text(value["by"])
        return {**value, "value": real(value["value"])}
    return value


FACTS: Mapping[str, tuple[Callable[[Any], Any], Any]] = {
    "metrics": (numbers_by_name, {}),
    "settings": (table, {}),
    "seed": (integer, 0),
    "data": (data_by_name, {}),
    "versions": (texts_by_name, {}),
    "machine": (texts_by_name, {}),
    "shares": (texts, ()),
    "steps_per_epoch": (whole, 0),
    "best": (best_epoch, {}),
}
"""The reader and the default of each field in the JSON of one column."""
_TEXTS = "file surface ending parent checkpoint colour note status process graph".split()
COLUMNS: Mapping[str, tuple[Callable[[Any], Any], Any]] = {
    **dict.fromkeys(_TEXTS, (text, "")),
    "created": (moment, 0.0),
    "updated": (moment, 0.0),
    "seconds": (duration, 0.0),
    "steps": (integer, 0),
    "epochs": (integer, 0),
    "loss": (optional(real), None),
    "parent_step": (optional(integer), None),
    "bytes": (whole, 0),
    "star": (flag, False),
    "tags": (lambda value: texts(json.loads(text(value))), ()),
}
"""The reader and the default of each field with a separate column."""
