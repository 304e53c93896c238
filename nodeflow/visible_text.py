"""Texts from files where they could steer what shows them, such as a terminal."""

from __future__ import annotations

import re

_STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
"""Control characters except tab and newline, line separators, and what turns the direction."""


def visible(text: str) -> str:
    r"""A text with the characters written out that would move the cursor, colour or turn a line.

    They are written as in JSON, so JSON stays what it is.

    >>> print(visible("a\x1b[31m" + chr(0x202E) + "b"))
    a\u001b[31m\u202eb
    """
    return _STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
