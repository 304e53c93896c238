"""Key sequences as text, for storage and for display, and a test for keys that typing needs."""

from __future__ import annotations

from functools import cache

from PySide6.QtGui import QKeySequence


@cache
def portable(keys: str) -> str:
    """Return keys in the notation for storage and comparison: ``Ctrl+Shift+S``."""
    return QKeySequence(keys).toString(QKeySequence.SequenceFormat.PortableText)


@cache
def native(keys: str) -> str:
    """Return keys in this platform's notation."""
    return QKeySequence(keys).toString(QKeySequence.SequenceFormat.NativeText)


@cache
def is_plain(keys: str) -> bool:
    """Return whether typing or moving through a form needs these keys.

    These are all keys without Ctrl, Alt or Meta, except function keys.
    """
    first = portable(keys).split(", ")[0]
    last = first.rsplit("+", 1)[-1]
    is_function_key = last[:1] == "F" and last[1:].isdigit()
    return not is_function_key and not any(f"{m}+" in first for m in ("Ctrl", "Alt", "Meta"))
