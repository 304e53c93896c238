"""`tf.compat`: texts and bytes in Python 2 and 3."""

from __future__ import annotations

from typing import Any

__all__ = ["as_bytes", "as_str", "as_str_any", "as_text"]


def as_bytes(bytes_or_text: bytes | str, encoding: str = "utf-8") -> bytes:
    """Return a text as bytes."""
    is_bytes = isinstance(bytes_or_text, (bytes, bytearray))
    return bytes(bytes_or_text) if is_bytes else bytes_or_text.encode(encoding)  # type: ignore[arg-type, union-attr]


def as_text(bytes_or_text: bytes | str, encoding: str = "utf-8") -> str:
    """Return bytes as a text."""
    return bytes_or_text if isinstance(bytes_or_text, str) else bytes_or_text.decode(encoding)


as_str = as_text


def as_str_any(value: Any) -> str:
    """Return any value as a text."""
    return as_text(value) if isinstance(value, bytes) else str(value)
