"""Patterns that match the names of several variables: ``encoder/*``."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

ALL = "*"
"""The part of a pattern that any characters match, slashes included."""


def is_pattern(name: str) -> bool:
    """Return whether a name is a pattern with a wildcard. No node has such a name."""
    return ALL in name


def is_meant(name: str, names: Iterable[str]) -> bool:
    """Return whether a variable's name is among some names, or matches a pattern among them.

    >>> is_meant("encoder/hidden/kernel", ["encoder/*"]), is_meant("encoder_2/b", ["encoder/*"])
    (True, False)
    """
    return any(name == one or (ALL in one and fnmatchcase(name, one)) for one in names)


def scope_of(pattern: str) -> str:
    """Return the scope that a pattern selects: the name before a final ``/*``. Return "" for any
    other pattern.

    >>> scope_of("encoder/*"), scope_of("*/kernel")
    ('encoder', '')
    """
    scope = pattern.removesuffix("/*")
    return "" if scope == pattern or ALL in scope else scope
