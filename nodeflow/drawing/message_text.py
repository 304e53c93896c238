"""Messages as texts of a drawing: shortened, without the marks used in a terminal."""

from __future__ import annotations

LONGEST = 1200
"""The maximum length of a shown text. Longer ones help nobody and take seconds to lay out."""


def brief(text: str, most: int = LONGEST) -> str:
    """Shorten a very long text in its middle.

    >>> brief("a" * 20, 11)
    'aaaaaaaa…aa'
    """
    if len(text) <= most:
        return text
    end = most // 4
    return f"{text[: most - end - 1]}…{text[-end:]}"


def plain(message: str) -> str:
    """Return an error message without backticks, shortened if it is long."""
    return brief(message.replace("`", ""))
