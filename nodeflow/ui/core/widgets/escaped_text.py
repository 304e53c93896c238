"""Texts from files with Qt's special characters escaped, so that Qt shows them literally."""

from __future__ import annotations

from nodeflow.drawing.message_text import brief

LONGEST_NAME = 120
"""The maximum length of a name on a button, in a menu or in the title bar."""


def on_button(name: str) -> str:
    """Escape a name for a button or menu, where ``&`` marks a shortcut key.

    >>> on_button("salt&pepper.flow")
    'salt&&pepper.flow'
    """
    return brief(name, LONGEST_NAME).replace("&", "&&")


def in_title(name: str) -> str:
    """Escape a name for a title bar, where ``[*]`` marks unsaved changes."""
    return brief(name, LONGEST_NAME).replace("[*]", "[*][*]")
