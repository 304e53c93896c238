"""Texts from files where Qt reads signs of its own, or draws a text of any length at once."""

from __future__ import annotations

LONGEST = 1200
"""Characters of one text that are shown; more help nobody, and take seconds to lay out."""
LONGEST_NAME = 120
"""Characters of a name on a button, in a menu or in the title bar."""


def brief(text: str, most: int = LONGEST) -> str:
    """A text with its middle left out where it is very long.

    >>> brief("a" * 20, 11)
    'aaaaaaaa…aa'
    """
    if len(text) <= most:
        return text
    end = most // 4
    return f"{text[: most - end - 1]}…{text[-end:]}"


def on_button(name: str) -> str:
    """A name on a button or in a menu, where Qt takes ``&`` for the mark of a key.

    >>> on_button("salt&pepper.flow")
    'salt&&pepper.flow'
    """
    return brief(name, LONGEST_NAME).replace("&", "&&")


def in_title(name: str) -> str:
    """A name in a title bar, where Qt takes ``[*]`` for its mark of unsaved changes."""
    return brief(name, LONGEST_NAME).replace("[*]", "[*][*]")
