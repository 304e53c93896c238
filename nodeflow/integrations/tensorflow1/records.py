"""`tf.python_io` and `tf.train.Example`: TFRecord files, and the messages that they hold.

A record is its length (8 bytes), a checksum of the length, the data, and a checksum of the data.
The messages are written in protobuf's wire format.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, Self

from nodeflow.errors import FileProblem

__all__ = [
    "BytesList",
    "Example",
    "Feature",
    "Features",
    "FloatList",
    "Int64List",
    "TFRecordWriter",
    "tf_record_iterator",
]


# ---- records ------------------------------------------------------------------------------------


class TFRecordWriter:
    """Writes records to a file; use it in a ``with`` block, or close it."""

    def __init__(self, path: str | os.PathLike[str], options: Any = None) -> None:
        if options is not None:
            raise FileProblem("TFRecord files are not compressed", hint="Leave options out.")
        self._file = open(path, "wb")  # noqa: SIM115  closed by close

    def write(self, record: bytes) -> None:
        """Add a record."""
        length = struct.pack("<Q", len(record))
        for part in (length, _checksum(length), record, _checksum(record)):
            self._file.write(part)

    def flush(self) -> None:
        """Write the buffered data to the file."""
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def tf_record_iterator(path: str | os.PathLike[str], options: Any = None) -> Iterator[bytes]:
    """Yield the records of a TFRecord file.

    Raises:
        FileProblem: the file ends within a record, or a checksum is wrong.
    """
    if options is not None:
        raise FileProblem("TFRecord files are not compressed", hint="Leave options out.")
    left = os.path.getsize(path)
    with open(path, "rb") as file:
        while head := file.read(12):
            length = struct.unpack("<Q", head[:8])[0] if len(head) == 12 else left
            left -= 16 + length
            if left < 0:
                raise FileProblem(f"{os.fspath(path)} ends within a record")
            data, check = file.read(length), file.read(4)
            if head[8:] != _checksum(head[:8]) or check != _checksum(data):
                raise FileProblem(f"{os.fspath(path)}: the checksum of a record is wrong")
            yield data


def _checksum(data: bytes) -> bytes:
    """Return the masked CRC-32C of data."""
    crc = crc32c(data)
    return struct.pack("<I", (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF)


def crc32c(data: bytes) -> int:
    """Return the CRC-32C (Castagnoli) of data.

    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    crc, table = 0xFFFFFFFF, _table()
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


@cache
def _table() -> list[int]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


# ---- messages -----------------------------------------------------------------------------------


class _Message:
    """A message of `tf.train`."""

    def SerializeToString(self) -> bytes:
        """Return the message in protobuf's format."""
        raise NotImplementedError

    def ParseFromString(self, serialized: bytes) -> int:
        """Replace the content by a message in protobuf's format."""
        self.__dict__.update(type(self).FromString(serialized).__dict__)
        return len(serialized)

    @classmethod
    def FromString(cls, s: bytes) -> Self:
        """Return a message in protobuf's format."""
        made = cls()
        for number, value in _fields(s):
            made._take(number, value)
        return made

    def _take(self, number: int, value: Any) -> None:
        raise NotImplementedError

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.__dict__ == other.__dict__

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        inside = ", ".join(f"{name}={value!r}" for name, value in self.__dict__.items())
        return f"{type(self).__name__}({inside})"


class BytesList(_Message):
    """A list of byte strings."""

    def __init__(self, value: Iterable[bytes] = ()) -> None:
        self.value = [bytes(one) for one in value]

    def SerializeToString(self) -> bytes:
        return b"".join(_field(1, one) for one in self.value)

    def _take(self, number: int, value: Any) -> None:
        self.value.append(value)


class FloatList(_Message):
    """A list of numbers, rounded to float32."""

    def __init__(self, value: Iterable[float] = ()) -> None:
        numbers = [float(one) for one in value]
        self.value = list(
            struct.unpack(f"<{len(numbers)}f", struct.pack(f"<{len(numbers)}f", *numbers))
        )

    def SerializeToString(self) -> bytes:
        packed = struct.pack(f"<{len(self.value)}f", *self.value)
        return _field(1, packed) if packed else b""

    def _take(self, number: int, value: Any) -> None:
        self.value += struct.unpack(f"<{len(value) // 4}f", value)


class Int64List(_Message):
    """A list of 64-bit integers."""

    def __init__(self, value: Iterable[int] = ()) -> None:
        self.value = [int(one) for one in value]

    def SerializeToString(self) -> bytes:
        packed = b"".join(_varint(one & 0xFFFFFFFFFFFFFFFF) for one in self.value)
        return _field(1, packed) if packed else b""

    def _take(self, number: int, value: Any) -> None:
        numbers = [value] if isinstance(value, int) else list(_varints(value))
        self.value += [one - (1 << 64) if one >> 63 else one for one in numbers]


class Feature(_Message):
    """A feature of a `tf.train.Example`: a list of bytes, of floats or of integers."""

    def __init__(
        self,
        bytes_list: BytesList | None = None,
        float_list: FloatList | None = None,
        int64_list: Int64List | None = None,
    ) -> None:
        self.bytes_list = bytes_list or BytesList()
        self.float_list = float_list or FloatList()
        self.int64_list = int64_list or Int64List()

    def SerializeToString(self) -> bytes:
        lists = (self.bytes_list, self.float_list, self.int64_list)
        return b"".join(
            _field(number, one.SerializeToString())
            for number, one in enumerate(lists, 1)
            if one.value
        )

    def _take(self, number: int, value: Any) -> None:
        kinds = ("bytes_list", BytesList), ("float_list", FloatList), ("int64_list", Int64List)
        name, kind = kinds[number - 1]
        setattr(self, name, kind.FromString(value))


class Features(_Message):
    """Features by name."""

    def __init__(self, feature: Mapping[str, Feature] | None = None) -> None:
        self.feature = dict(feature or {})

    def SerializeToString(self) -> bytes:
        return b"".join(
            _field(1, _field(1, name.encode()) + _field(2, self.feature[name].SerializeToString()))
            for name in sorted(self.feature)
        )

    def _take(self, number: int, value: Any) -> None:
        entry = dict(_fields(value))
        self.feature[entry.get(1, b"").decode()] = Feature.FromString(entry.get(2, b""))


class Example(_Message):
    """One row of data: features by name."""

    def __init__(self, features: Features | None = None) -> None:
        self.features = features or Features()

    def SerializeToString(self) -> bytes:
        return _field(1, self.features.SerializeToString())

    def _take(self, number: int, value: Any) -> None:
        self.features = Features.FromString(value)


def _varint(number: int) -> bytes:
    """Encode a whole number as a varint: 7 bits per byte, lowest first."""
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*parts, number])


def _varints(data: bytes) -> Iterator[int]:
    """Yield the whole numbers in data encoded as varints, with 7 bits per byte."""
    number = shift = 0
    for byte in data:
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            yield number
            number = shift = 0


def _field(number: int, content: bytes) -> bytes:
    """Encode a length-delimited field of a protocol buffers message: its number, its length and its
    content.
    """
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """Yield the number and the content of each field of a message.

    Raises:
        FileProblem: the message is cut off, or has a field of another kind.
    """
    place = 0

    def number() -> int:
        nonlocal place
        value = shift = 0
        while True:
            if place >= len(data) or shift > 63:
                raise FileProblem("a message of a TFRecord file is damaged")
            byte = data[place]
            place += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while place < len(data):
        key = number()
        kind = key & 7
        if kind == 0:
            yield key >> 3, number()
            continue
        length = number() if kind == 2 else {1: 8, 5: 4}.get(kind, -1)
        if length < 0 or place + length > len(data):
            raise FileProblem("a message of a TFRecord file is damaged")
        yield key >> 3, data[place : place + length]
        place += length
