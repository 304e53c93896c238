"""TFRecord: how the records of an event file are framed.

Each record is its length (uint64), a masked checksum of that, the data, and a masked checksum of
them, all little-endian. The checksum is CRC-32C (Castagnoli; RFC 3720, appendix B.4).
"""

from __future__ import annotations

import struct
from functools import cache

POLYNOMIAL = 0x82F63B78
"""Castagnoli's, with the lowest bit first."""
MASK_DELTA = 0xA282EAD8


@cache
def _table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ (POLYNOMIAL if crc & 1 else 0)
        table.append(crc)
    return tuple(table)


def crc32c(data: bytes) -> int:
    """The CRC-32C of some bytes.

    >>> f"{crc32c(b'123456789'):08x}"
    'e3069283'
    """
    table = _table()
    crc = 0xFFFFFFFF
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def masked(crc: int) -> int:
    """A checksum that is itself part of checked data: rotated, and a constant added."""
    return ((crc >> 15 | crc << 17) + MASK_DELTA) & 0xFFFFFFFF


def framed(data: bytes) -> bytes:
    """One record of a file."""
    length = struct.pack("<Q", len(data))
    checks = (struct.pack("<I", masked(crc32c(part))) for part in (length, data))
    return length + next(checks) + data + next(checks)
