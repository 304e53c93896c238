"""Key sequences as text: how they are stored, shown, and which of them typing needs."""

from __future__ import annotations

from functools import cache

from PySide6.QtGui import QKeySequence


@cache
def portable(keys: str) -> str:
    """Keys as they are stored and compared: ``Ctrl+Shift+S``."""
    return QKeySequence(keys).toString(QKeySequence.SequenceFormat.PortableText)


@cache
def native(keys: str) -> str:
    """Keys as this platform writes them."""
    return QKeySequence(keys).toString(QKeySequence.SequenceFormat.NativeText)


@cache
def is_plain(keys: str) -> bool:
    """Whether typing or moving through a form needs these keys: they have neither Ctrl, Alt nor
    Meta, and are no function key."""
    first = portable(keys).split(", ")[0]
    last = first.rsplit("+", 1)[-1]
    is_function_key = last[:1] == "F" and last[1:].isdigit()
    return not is_function_key and not any(f"{m}+" in first for m in ("Ctrl", "Alt", "Meta"))
