"""The lines of a crash journal, and reading as much as possible of a damaged one.

Version 2. Each line is its CRC-32 as eight hexadecimal digits, its number and its content in JSON:

    8c7361f1 0 {"digest": "...", "journal": 2, "path": "/home/ada/a.flow", "revision": 7, ...}
    01d3cf6e 1 "{\\"format\\": \\"nodeflow\\", ..."
    5f0b1a92 2 {"edits": [...], "label": "Rename", "revision": 8}

Line 0 is the header, line 1 the document's text after the first edit, and each further line one
change. Reading ends at the first line with a wrong sum or number; the numbers after it tell how
many changes are missing. Version 1 had no sums, and had the text in its header.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nodeflow.document.model.records import Change

VERSION = 2
_UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError)
"""Errors from reading a damaged line."""


@dataclass(frozen=True)
class Header:
    """The beginning of a journal.

    Attributes:
        path: the file of the document; None if it was never saved.
        digest: the SHA-256 of that file as it was last read or written; None if unknown.
        version: the version of the journal.
        modified: whether the document differed from its file when the journal was begun.
        base: the text of the document; None while only the header is read.
    """

    path: Path | None
    digest: str | None
    version: int
    base: str | None = None
    modified: bool = True


@dataclass(frozen=True)
class Content:
    """The readable content of a journal.

    Attributes:
        missing: the number of changes that were written and cannot be read.
    """

    header: Header
    changes: list[Change]
    missing: int


def line(number: int, content: str) -> bytes:
    """Return a line of the journal: a checksum, the number of the line, and ``content``, which is
    JSON without line breaks.
    """
    body = f"{number} {content}".encode()
    return b"%08x %b\n" % (zlib.crc32(body), body)


def first_lines(header: dict[str, Any], base: str) -> bytes:
    """Return the header, whose path may contain any character, and the document."""
    return line(0, json.dumps({"journal": VERSION, **header})) + line(1, json.dumps(base))


def read_header(first: bytes) -> Header:
    """Return the header in the first line of a journal; raise ValueError."""
    first = first.rstrip(b"\n")
    try:
        if first.startswith(b"{"):
            data = json.loads(first)
            return Header(_path(data), None, 1, data["base"])
        text = _content(first, 0)
        if text is None:
            raise ValueError("its checksum is wrong")
        data = json.loads(text)
        version, digest = data["journal"], data.get("digest")
        known = digest if isinstance(digest, str) else None
        modified = data.get("modified") is not False
        header = Header(_path(data), known, version, modified=modified)
    except _UNREADABLE as error:
        raise ValueError("its first line is damaged") from error
    if version != VERSION:
        raise ValueError(f"it has version {version}, of a newer program")
    return header


def read(data: bytes) -> Content:
    """Return the content of a journal up to its first damaged line. Raise ValueError if header or
    document is damaged.
    """
    lines = data.split(b"\n")
    header = read_header(lines[0])
    if header.version == 1:
        return _read_version_1(header, lines[1:])
    base = _content(lines[1], 1) if len(lines) > 1 else None
    if base is None:
        raise ValueError("the document in it is damaged")
    header = replace(header, base=json.loads(base))
    changes = []
    for at, one in enumerate(lines[2:], 2):
        text = _content(one, at)
        change = None if text is None else _change(text)
        if change is None:
            return Content(header, changes, _missing(lines[at:], at))
        changes.append(change)
    return Content(header, changes, 0)


def _missing(rest: list[bytes], number: int) -> int:
    """Return the number of changes lost from ``number`` on.

    Args:
        rest: the lines of the journal from the first unreadable one on.
    """
    there = [one for one in rest if one.strip(b"\0 \r")]
    last = max((n for one in there for n in _numbers(one)), default=0)
    return max(len(there), last - number + 1)


def _numbers(one: bytes) -> Iterator[int]:
    """Yield the number of a line, or nothing if the line is damaged."""
    digits = one[9:29].split(b" ", 1)[0]
    if digits.isdigit() and _content(one, int(digits)) is not None:
        yield int(digits)


def _content(one: bytes, number: int) -> str | None:
    """Return the content of a line; None if its sum or number is wrong."""
    body = one[9:]
    try:
        whole = one[:9] == b"%08x " % zlib.crc32(body)
        said, text = body.decode().split(" ", 1)
        return text if whole and int(said) == number else None
    except ValueError:
        return None


def _read_version_1(header: Header, lines: list[bytes]) -> Content:
    changes = []
    for at, one in enumerate(lines):
        change = _change(one)
        if change is None:
            return Content(header, changes, sum(bool(n.strip(b"\0 \r")) for n in lines[at:]))
        changes.append(change)
    return Content(header, changes, 0)


def _change(text: str | bytes) -> Change | None:
    try:
        return Change.from_text(text if isinstance(text, str) else text.decode())
    except _UNREADABLE:
        return None


def _path(data: dict[str, Any]) -> Path | None:
    path = data.get("path")
    if path is not None and (not isinstance(path, str) or "\0" in path):
        raise ValueError("its path is not valid")
    return Path(path) if path else None
