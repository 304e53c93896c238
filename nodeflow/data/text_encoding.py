"""The encoding of a text file, found from its bytes."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import BinaryIO

from nodeflow.file_reading import opened

SAMPLE_BYTES = 1 << 16
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def encoding_of(path: Path, sample: bool) -> tuple[str, str | None]:
    """Return the encoding of a file, and a notice for the user or None.

    It is UTF-8 or UTF-16 if the bytes fit, else the Windows encoding for western languages.
    """
    with opened(path) as stream:
        start = stream.read(4096)
        for bom, name in _BOMS:
            if start.startswith(bom):
                return name, None
        for name, zeros in (("utf-16-le", start[1::2]), ("utf-16-be", start[0::2])):
            if len(start) > 3 and zeros.count(0) * 2 > len(zeros):
                return name, None
        if 0 in start:
            raise UnicodeError("it holds zero bytes")
        for name in ("utf-8", "cp1252"):
            stream.seek(0)
            if _decodes(stream, name, SAMPLE_BYTES if sample else None):
                notice = f"{path.name} is not UTF-8; it is read as Windows text ({name})"
                return name, None if name == "utf-8" else notice
    return "latin-1", f"{path.name} is not UTF-8; it is read as Latin-1"


def _decodes(stream: BinaryIO, encoding: str, most: int | None) -> bool:
    """Return whether a file, or its first ``most`` bytes, can be decoded by an encoding."""
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        if most is not None:
            decoder.decode(stream.read(most))
            return True
        for chunk in iter(lambda: stream.read(1 << 20), b""):
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True
