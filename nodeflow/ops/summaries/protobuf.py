"""The wire format of protocol buffers, as far as event files need it.

From https://protobuf.dev/programming-guides/encoding: a field is a tag (number and wire type) and a
value. As in proto3, a plain field with its default value is omitted.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


def varint(value: int) -> bytes:
    """Encode a whole number with seven bits per byte, lowest first; a negative one in 64 bits.

    >>> varint(300).hex(), len(varint(-1))
    ('ac02', 10)
    """
    value &= 0xFFFFFFFFFFFFFFFF
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def _tag(number: int, wire: int) -> bytes:
    return varint(number << 3 | wire)


def integer(number: int, value: int) -> bytes:
    """Encode a protobuf field of type int32, int64, bool or enumeration. A value of 0 is left out.

    Args:
        number: the field number.
    """
    return _tag(number, VARINT) + varint(value) if value else b""


def double(number: int, value: float) -> bytes:
    data = struct.pack("<d", value)
    return _tag(number, FIXED64) + data if any(data) else b""


def single(number: int, value: float, *, always: bool = False) -> bytes:
    """Encode a protobuf field of type float, with the given field number.

    Args:
        always: whether to encode the field even if it is 0, as in a oneof.
    """
    data = struct.pack("<f", value)
    return _tag(number, FIXED32) + data if always or any(data) else b""


def message(number: int, content: bytes) -> bytes:
    """Encode a protobuf field that contains another message, even an empty one.

    Args:
        number: the field number.
        content: the encoded message.
    """
    return _tag(number, BYTES) + varint(len(content)) + content


def text(number: int, value: str | bytes) -> bytes:
    """Encode a field of string or bytes."""
    data = value.encode(errors="backslashreplace") if isinstance(value, str) else value
    return message(number, data) if data else b""


def doubles(number: int, values: Iterable[float]) -> bytes:
    """Encode a repeated, packed field of doubles."""
    data = b"".join(struct.pack("<d", value) for value in values)
    return message(number, data) if data else b""


class Malformed(ValueError):
    """The error that bytes are no protocol buffer message."""


def fields(data: bytes | memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield the fields of an encoded protobuf message in order, each as its field number and its
    value: an integer, or the bytes of any other value.

    Raises:
        Malformed: the data end within a field, or have an unknown wire type.
    """
    view = memoryview(data)
    place = 0
    while place < len(view):
        key, place = _varint_at(view, place)
        number, wire = key >> 3, key & 7
        if wire == VARINT:
            value, place = _varint_at(view, place)
            yield number, value
            continue
        if wire == BYTES:
            length, place = _varint_at(view, place)
        elif wire in (FIXED64, FIXED32):
            length = 8 if wire == FIXED64 else 4
        else:
            raise Malformed(f"a field of type {wire}")
        if place + length > len(view):
            raise Malformed("the data end within a field")
        yield number, view[place : place + length]
        place += length


def varints(data: memoryview) -> Iterator[int]:
    """Yield the whole numbers of a packed field."""
    place = 0
    while place < len(data):
        value, place = _varint_at(data, place)
        yield value


def _varint_at(view: memoryview, place: int) -> tuple[int, int]:
    value = shift = 0
    while place < len(view) and shift < 70:
        byte = view[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, place  # ten bytes hold more than 64 bits
        shift += 7
    raise Malformed("the data end within a number")
