"""Messages as the window shows them."""

from __future__ import annotations


def plain(message: str) -> str:
    """A message without the backticks that set names apart in a terminal."""
    return message.replace("`", "")
