"""Reads event files by the published rules, apart from the code that writes them."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path


def records(data: bytes) -> Iterator[bytes]:
    """The records of a TFRecord file; checksums are looked at in tests of their own."""
    place = 0
    while place < len(data):
        (length,) = struct.unpack_from("<Q", data, place)
        yield data[place + 12 : place + 12 + length]
        place += 16 + length
    assert place == len(data)


def fields(data: bytes) -> dict[int, list]:
    """Number -> values of a message: whole numbers, or bytes."""
    found: dict[int, list] = {}
    place = 0

    def varint() -> int:
        nonlocal place
        value = shift = 0
        while True:
            byte = data[place]
            place += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while place < len(data):
        number, wire = divmod(varint(), 8)
        if wire == 0:
            found.setdefault(number, []).append(varint())
            continue
        size = {1: 8, 5: 4}.get(wire) or varint()
        found.setdefault(number, []).append(data[place : place + size])
        place += size
    assert place == len(data)
    return found


def events(path: Path) -> Iterator[dict[int, list]]:
    """The events of a file, as their fields."""
    return map(fields, records(path.read_bytes()))
