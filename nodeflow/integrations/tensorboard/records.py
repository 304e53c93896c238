"""TFRecord: the framing of records in an event file.

Each record is its length (uint64), a masked checksum of the length, the data, and a masked
checksum of the data, all little-endian. The checksum is CRC-32C (Castagnoli; RFC 3720, appendix
B.4).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from functools import cache, reduce

import numpy as np

POLYNOMIAL = 0x82F63B78
"""Castagnoli's polynomial, lowest bit first."""
MASK_DELTA = 0xA282EAD8
SEED = 0xFFFFFFFF
STRIDE = 256
"""Bytes of each piece of long data. The checksums of all pieces are computed in parallel."""
HEADER, TRAILER = 12, 4
"""Bytes before and after the data of a record."""


@cache
def _table() -> np.ndarray:
    crc = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        crc = np.where(crc & 1, crc >> 1 ^ np.uint32(POLYNOMIAL), crc >> 1)
    return crc


def _advanced(crcs: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Update the CRC-32C of n byte strings in parallel.

    Args:
        crcs: the checksums so far, (n,).
        rows: the next bytes of each string, (n, length).
    """
    table = _table()
    for column in rows.T:
        crcs = table[(crcs ^ column) & 0xFF] ^ crcs >> np.uint32(8)
    return crcs


@cache
def _stride_tables() -> tuple[tuple[int, ...], ...]:
    """Return tables for advancing a checksum by `STRIDE` zero bytes, one for each of its four
    bytes.

    The advance is a linear map.
    """
    zeros = np.zeros((256, STRIDE), np.uint8)
    parts = (np.arange(256, dtype=np.uint32) << np.uint32(8 * place) for place in range(4))
    return tuple(tuple(_advanced(part, zeros).tolist()) for part in parts)


def crc32c(data: bytes | memoryview) -> int:
    """Return the CRC-32C of some bytes.

    >>> f"{crc32c(b'123456789'):08x}"
    'e3069283'
    """
    whole = len(data) - len(data) % STRIDE
    crc = SEED
    if whole:
        rows = np.frombuffer(data, np.uint8, whole).reshape(-1, STRIDE)
        first, second, third, fourth = _stride_tables()
        for piece in _advanced(np.zeros(len(rows), np.uint32), rows).tolist():
            crc = (
                first[crc & 0xFF] ^ second[crc >> 8 & 0xFF] ^ third[crc >> 16 & 0xFF]
                ^ fourth[crc >> 24] ^ piece
            )  # fmt: skip
    table = _table()
    return reduce(lambda c, byte: int(table[(c ^ byte) & 0xFF]) ^ c >> 8, data[whole:], crc) ^ SEED


def crc32c_of_each(parts: Sequence[bytes | memoryview]) -> np.ndarray:
    """Return the CRC-32C of each of many short byte strings, uint32.

    Strings of equal length are processed in parallel.
    """
    found = np.empty(len(parts), np.uint32)
    lengths = np.fromiter(map(len, parts), np.int64, len(parts))
    for length in np.unique(lengths).tolist():
        places = np.flatnonzero(lengths == length)
        if len(places) < 4 or length > 1 << 12:
            found[places] = [crc32c(parts[place]) for place in places.tolist()]
            continue
        rows = np.frombuffer(b"".join(parts[place] for place in places.tolist()), np.uint8)
        seeds = np.full(len(places), SEED, np.uint32)
        found[places] = _advanced(seeds, rows.reshape(len(places), length)) ^ np.uint32(SEED)
    return found


def masked(crc: int) -> int:
    """Mask a checksum that becomes part of checksummed data: rotate it and add a constant."""
    return ((crc >> 15 | crc << 17) + MASK_DELTA) & 0xFFFFFFFF


def framed(*records: bytes) -> bytes:
    """Frame records for a file, one after the other."""
    lengths = [struct.pack("<Q", len(data)) for data in records]
    checks = zip(crc32c_of_each(lengths).tolist(), crc32c_of_each(records).tolist(), strict=True)
    return b"".join(
        length + struct.pack("<I", masked(of_length)) + data + struct.pack("<I", masked(of_data))
        for length, data, (of_length, of_data) in zip(lengths, records, checks, strict=True)
    )


class DamagedRecord(ValueError):
    """An error: the checksum of a record is wrong.

    Attributes:
        place: the position in the file where the record begins.
    """

    def __init__(self, place: int) -> None:
        super().__init__(f"the record at byte {place} is damaged")
        self.place = place


def unframed(data: bytes | memoryview) -> list[memoryview]:
    """Return the checked records of a file, without an incomplete record at its end.

    Raises:
        DamagedRecord: a checksum is wrong.
    """
    view = memoryview(data)
    places, records, checks = [], [], []
    place = 0
    while place + HEADER <= len(view):
        length, of_length = struct.unpack_from("<QI", view, place)
        if masked(crc32c(view[place : place + 8])) != of_length:
            raise DamagedRecord(place)
        end = place + HEADER + length
        if end + TRAILER > len(view):
            break
        places.append(place)
        records.append(view[place + HEADER : end])
        checks.append(struct.unpack_from("<I", view, end)[0])
        place = end + TRAILER
    _compare(places, records, checks)
    return records


def _compare(places: list[int], records: list[memoryview], checks: Iterable[int]) -> None:
    crcs = crc32c_of_each(records).astype(np.uint64)
    found = ((crcs >> np.uint64(15) | crcs << np.uint64(17)) + np.uint64(MASK_DELTA)) & np.uint64(
        0xFFFFFFFF
    )
    wrong = np.flatnonzero(found != np.fromiter(checks, np.uint64, len(records)))
    if len(wrong):
        raise DamagedRecord(places[int(wrong[0])])
