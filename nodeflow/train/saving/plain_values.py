"""Checks for JSON values from files. Each returns the value, or raises ValueError with a reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MOST = 1 << 53
"""The largest whole number that every reader of JSON keeps exactly."""


def whole(value: Any, least: int = 0) -> int:
    """Return a value after checking that it is a whole number from ``least`` to 2^53.

    Raises:
        ValueError: it is not.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= MOST:
        raise ValueError(f"{short(value)} is not a whole number from {least} to 2^53")
    return value


def real(value: Any) -> float:
    """Return a value that must be a number, or one of the strings ``NaN``, ``Infinity``,
    ``-Infinity``.
    """
    if isinstance(value, str) and value in ("NaN", "Infinity", "-Infinity"):
        return float(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"{short(value)} is not a number")
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"{short(value)} is too large a number") from None


def text(value: Any) -> str:
    """Return a value that must be a text."""
    if not isinstance(value, str):
        raise ValueError(f"{short(value)} is not a text")
    return value


def table(value: Any) -> Mapping[str, Any]:
    """Return a value that must be a JSON object."""
    if not isinstance(value, dict):
        raise ValueError(f"{short(value)} is not an object")
    return value


def listed(value: Any) -> list[Any]:
    """Return a value that must be a JSON array."""
    if not isinstance(value, list):
        raise ValueError(f"{short(value)} is not a list")
    return value


def short(value: Any) -> str:
    """Return the beginning of a value as text, for a message."""
    if isinstance(value, int) and abs(value) > MOST:
        return "a number beyond 2^53"
    return f"{value!r:.40}"
