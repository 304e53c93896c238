"""Texts from files, made safe for Qt: shortened, with Qt's special characters escaped."""

from __future__ import annotations

LONGEST = 1200
"""The maximum length of a shown text. Longer ones help nobody and take seconds to lay out."""
LONGEST_NAME = 120
"""The maximum length of a name on a button, in a menu or in the title bar."""


def brief(text: str, most: int = LONGEST) -> str:
    """Shorten a very long text in its middle.

    >>> brief("a" * 20, 11)
    'aaaaaaaa…aa'
    """
    if len(text) <= most:
        return text
    end = most // 4
    return f"{text[: most - end - 1]}…{text[-end:]}"


def on_button(name: str) -> str:
    """Escape a name for a button or menu, where ``&`` marks a shortcut key.

    >>> on_button("salt&pepper.flow")
    'salt&&pepper.flow'
    """
    return brief(name, LONGEST_NAME).replace("&", "&&")


def in_title(name: str) -> str:
    """Escape a name for a title bar, where ``[*]`` marks unsaved changes."""
    return brief(name, LONGEST_NAME).replace("[*]", "[*][*]")
