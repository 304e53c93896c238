"""Escapes texts from files, because their characters could control a terminal or a window."""

from __future__ import annotations

import codecs
import re

_STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Characters that could control the display of a text.

These are control characters except tab and newline, line separators, characters that change the
direction, and surrogates, which Python uses for bytes of file names that are not UTF-8.
"""

_HALVES = re.compile("[\ud800-\udfff]")
_WRITTEN = re.compile(r"\\u(dc[89a-f][0-9a-f])")


def visible(text: str) -> str:
    r"""Escape characters that could control a terminal, and bytes that are not UTF-8.

    Such characters move the cursor, change colours, or reverse the direction of the text. The
    escapes have JSON's form, so an escaped JSON text still parses to the same value.

    >>> print(visible("a\x1b[31m" + chr(0x202E) + "b"))
    a\u001b[31m\u202eb
    >>> print(visible(b"gr\xe4ph".decode(errors="surrogateescape")))
    gr\udce4ph
    """
    return _STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def without_halves(text: str) -> str:
    r"""Escape surrogates, which stand for bytes that are not UTF-8, to make a text valid UTF-8.

    >>> print(without_halves(b"gr\xe4ph".decode(errors="surrogateescape")))
    gr\udce4ph
    """
    return text if text.isascii() else _HALVES.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def with_halves(text: str) -> str:
    """Return the original of a text that `without_halves` has escaped."""
    return _WRITTEN.sub(lambda found: chr(int(found[1], 16)), text)


def encodable(text: str, encoding: str | None) -> str:
    r"""Escape the characters that an encoding lacks, as JSON does.

    >>> print(encodable("a−b ä", "latin-1"))
    a\u2212b ä
    """
    encoding = encoding or "utf-8"
    return text.encode(encoding, "jsonescapes").decode(encoding)


def _escapes(error: UnicodeError) -> tuple[str, int]:
    """Return escapes for the characters that an encoding lacks, and the position after them.

    This is the handler of encoding errors that is registered as ``jsonescapes``.
    """
    if not isinstance(error, UnicodeEncodeError):
        raise error
    wrong = error.object[error.start : error.end]
    units = wrong.encode("utf-16-be", "surrogatepass")
    found = (units[i : i + 2].hex() for i in range(0, len(units), 2))
    return "".join(f"\\u{unit}" for unit in found), error.end


codecs.register_error("jsonescapes", _escapes)
