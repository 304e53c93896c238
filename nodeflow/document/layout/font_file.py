"""The advance widths of a bundled font's characters, read from its file."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from functools import lru_cache

from nodeflow.resources import resource

FILES = {400: "Inter-Regular.otf", 500: "Inter-Medium.otf", 600: "Inter-SemiBold.otf"}
"""The file of each weight of the sans family."""


@lru_cache(maxsize=4)
def advances(weight: int) -> Mapping[int, float]:
    """Return the advance of each character of a weight, in 1/1000 em."""
    content = resource(f"fonts/{FILES[weight]}").read_bytes()
    tables = _tables(content)
    (units,) = struct.unpack_from(">H", content, tables["head"] + 18)
    (count,) = struct.unpack_from(">H", content, tables["hhea"] + 34)
    widths = struct.unpack_from(">" + "Hh" * count, content, tables["hmtx"])[::2]
    glyphs = dict(_glyphs(content, tables["cmap"]))
    return {code: widths[min(g, count - 1)] * 1000 / units for code, g in glyphs.items()}


def _tables(content: bytes) -> dict[str, int]:
    (count,) = struct.unpack_from(">H", content, 4)
    records = (struct.unpack_from(">4sIII", content, 12 + 16 * i) for i in range(count))
    return {tag.decode("latin-1"): offset for tag, _, offset, _ in records}


def _glyphs(content: bytes, cmap: int) -> Iterator[tuple[int, int]]:
    """Yield pairs (character code, glyph index) from a TrueType font's `cmap` table.

    Only its subtables of format 4 and 12 are read.
    """
    (count,) = struct.unpack_from(">H", content, cmap + 2)
    places = [struct.unpack_from(">HHI", content, cmap + 4 + 8 * i)[2] for i in range(count)]
    for at in dict.fromkeys(cmap + place for place in places):
        (kind,) = struct.unpack_from(">H", content, at)
        if kind == 4:
            yield from _format_4(content, at)
        elif kind == 12:
            (groups,) = struct.unpack_from(">I", content, at + 12)
            for group in range(groups):
                first, last, glyph = struct.unpack_from(">III", content, at + 16 + 12 * group)
                yield from zip(range(first, last + 1), range(glyph, glyph + last - first + 1))


def _format_4(content: bytes, at: int) -> Iterator[tuple[int, int]]:
    (double,) = struct.unpack_from(">H", content, at + 6)
    ends, starts = at + 14, at + 16 + double
    deltas, offsets = starts + double, starts + 2 * double
    for i in range(0, double, 2):
        (end,), (start,) = (struct.unpack_from(">H", content, t + i) for t in (ends, starts))
        (delta,), (offset,) = (struct.unpack_from(">H", content, t + i) for t in (deltas, offsets))
        for code in range(start, min(end, 0xFFFE) + 1):
            glyph = code
            if offset:
                place = offsets + i + offset + 2 * (code - start)
                (glyph,) = struct.unpack_from(">H", content, place)
                if not glyph:
                    continue
            yield code, (glyph + delta) & 0xFFFF
