"""A graph embedded in its picture: the .flow text in an iTXt chunk of a PNG or in SVG metadata.

A picture is as untrusted as any file: `flow.loads` checks the text, and nothing else is read.
"""

from __future__ import annotations

import re
import struct
import zlib
from html import escape, unescape
from pathlib import Path

from nodeflow.document.io import flow
from nodeflow.document.io.size_limits import EMBEDDED_BYTES
from nodeflow.document.model.document import Document
from nodeflow.document.model.errors import FlowRead, NotNodeflow
from nodeflow.file_reading import read_up_to

KEYWORD = b"nodeflow"
PICTURES = (".png", ".svg")
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_METADATA = re.compile(r'<metadata id="nodeflow">(.*?)</metadata>', re.DOTALL)
_ROOT = re.compile(r"<svg\b[^>]*>")


def load_picture(path: Path) -> Document:
    """Return the document embedded in a picture, without a path.

    Raises:
        FlowRead: the file cannot be read.
        FlowError: it has no graph, or an invalid one.
    """
    text = _text_in(path)
    if text is None:
        raise NotNodeflow(
            f"{path.name} is a picture without a graph in it",
            hint="Pictures exported by nodeflow carry their graph; editors may drop it.",
        )
    return flow.loads(text)


def has_graph(path: Path) -> bool:
    """Return whether a picture holds a graph, even a damaged one.

    Raises:
        FlowRead: the file cannot be read.
    """
    try:
        return path.suffix.lower() in PICTURES and _text_in(path) is not None
    except NotNodeflow:
        return True


def _text_in(path: Path) -> str | None:
    try:
        content = read_up_to(path, EMBEDDED_BYTES)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise FlowRead(f"cannot read {path}: {reason}") from error
    if content is None:
        raise FlowRead(f"{path} is larger than {EMBEDDED_BYTES >> 20} MB")
    return text_in_svg(content) if path.suffix.lower() == ".svg" else text_in_png(content)


def with_text_in_png(png: bytes, text: str) -> bytes:
    """Return a PNG with a compressed iTXt chunk after its header."""
    body = KEYWORD + b"\0\1\0\0\0" + zlib.compress(text.encode(), 9)
    chunk = struct.pack(">I", len(body)) + b"iTXt" + body
    chunk += struct.pack(">I", zlib.crc32(b"iTXt" + body))
    after_header = len(_SIGNATURE) + 25
    return png[:after_header] + chunk + png[after_header:]


def text_in_png(png: bytes) -> str | None:
    """Return the graph's text from the iTXt chunk, or None; raise NotNodeflow if it is damaged."""
    if not png.startswith(_SIGNATURE):
        return None
    at = len(_SIGNATURE)
    while at + 12 <= len(png):
        (length,) = struct.unpack_from(">I", png, at)
        kind, body = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        if kind == b"iTXt" and body.startswith(KEYWORD + b"\0"):
            return _read_chunk(body)
        at += 12 + length
    return None


def _read_chunk(body: bytes) -> str:
    broken = NotNodeflow("the graph in this picture is damaged")
    head = len(KEYWORD) + 1
    flags, rest = body[head : head + 2], body[head + 2 :].split(b"\0", 2)
    if len(rest) < 3 or flags not in (b"\0\0", b"\1\0"):
        raise broken
    try:
        content = rest[2]
        if flags == b"\1\0":
            reader = zlib.decompressobj()
            content = reader.decompress(content, EMBEDDED_BYTES)  # against decompression bombs
            if reader.unconsumed_tail or not reader.eof:
                raise broken
        return content.decode()
    except (zlib.error, UnicodeDecodeError):
        raise broken from None


def with_text_in_svg(svg: str, text: str) -> str:
    """Return an SVG with the text as metadata at the beginning of its root."""
    root = _ROOT.search(svg)
    if root is None:
        raise ValueError("not an SVG")
    data = f'\n<metadata id="nodeflow">{escape(text)}</metadata>'
    return svg[: root.end()] + data + svg[root.end() :]


def text_in_svg(svg: bytes) -> str | None:
    """Return the graph's text from the metadata of an SVG, or None."""
    found = _METADATA.search(svg.decode(errors="replace"))
    return unescape(found[1]) if found else None
