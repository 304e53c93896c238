"""The IDX file format of MNIST: a magic number, the sizes, then the bytes; often gzipped."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np

from nodeflow.data.errors import DataFormatError
from nodeflow.data.unpacking import unpacked
from nodeflow.engine import mapped_rows
from nodeflow.engine.mapped_rows import FileMap
from nodeflow.errors import SurfaceText
from nodeflow.file_reading import allow, opened, size_of

UNSIGNED_BYTE = 8
GZIP_MAGIC = b"\x1f\x8b"


def read_idx(path: Path, rank: int) -> np.ndarray:
    """Return the array in an IDX file of unsigned bytes, with or without gzip compression.

    Args:
        rank: number of dimensions expected: 3 for images, 1 for labels.

    Returns:
        Read-only uint8 array.

    Raises:
        ReadRefused: the path is not a regular file, or takes more than the limit.
        DataFormatError: the file is damaged, truncated or of another kind.
        OSError: the file cannot be read.
    """
    start = 4 + 4 * rank
    with opened(path) as file:
        head = file.read(start)
        if head[:2] == GZIP_MAGIC:
            file.seek(0)
            return _unpacked(path, file, rank)
        shape = _shape(path, head, rank)
        left, count = size_of(file) - start, math.prod(shape)
        if left != count:
            raise _wrong_size(path, shape, left)
        allow(count, path)
        return np.frombuffer(file.read(count), np.uint8).reshape(shape)


def map_idx(path: Path, rank: int) -> FileMap | None:
    """Return the array in an IDX file as a map of the file. A compressed file is unpacked only
    once.

    Return None for a small file (`mapped_rows.LARGE_BYTES`), which should be read instead.

    Raises:
        ReadRefused, DataFormatError, OSError: the same as `read_idx`.
        DataError: there is no room to unpack the file.
    """
    start = 4 + 4 * rank
    with opened(path) as file:
        head = file.read(start)
        is_packed = head[:2] == GZIP_MAGIC
        if is_packed:
            file.seek(0)
            head = _head_of_packed(path, file, start)
        shape = _shape(path, head, rank)
        count = math.prod(shape)
        if count <= mapped_rows.LARGE_BYTES:
            return None
        if is_packed:
            file.seek(0)
            path = _unpacked_file(path, file, start + count)
        elif size_of(file) - start != count:
            raise _wrong_size(path, shape, size_of(file) - start)
    return FileMap(path, shape, np.dtype(np.uint8), start)


def _head_of_packed(path: Path, file: BinaryIO, start: int) -> bytes:
    try:
        return zlib.decompressobj(wbits=31).decompress(file.read(1 << 12), start)
    except zlib.error as error:
        raise _damaged(path, f"it cannot be unpacked ({error})") from error


def _unpacked_file(path: Path, file: BinaryIO, size: int) -> Path:
    try:
        with gzip.open(file) as stream:
            return unpacked(path, "idx", size, stream.read)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _damaged(path, f"it cannot be unpacked ({error})") from error
    except ValueError as error:
        raise _damaged(path, str(error)) from error


def _shape(path: Path, head: bytes, rank: int) -> tuple[int, ...]:
    if len(head) < 4 + 4 * rank:
        raise _damaged(path, f"it has {len(head)} bytes, fewer than its header")
    zero, kind, dims = struct.unpack(">HBB", head[:4])
    if (zero, kind, dims) != (0, UNSIGNED_BYTE, rank):
        expected = f"0x{UNSIGNED_BYTE << 8 | rank:08x}"
        raise _damaged(path, f"its magic number is 0x{head[:4].hex()}, expected {expected}")
    return struct.unpack(f">{rank}I", head[4:])


def _unpacked(path: Path, file: BinaryIO, rank: int) -> np.ndarray:
    """Return the array of a compressed file; unpack no more bytes than its header announces."""
    packed = size_of(file)
    allow(packed, path)
    unpacker = zlib.decompressobj(wbits=31)
    try:
        head = unpacker.decompress(file.read(packed), 4 + 4 * rank)
        shape = _shape(path, head, rank)
        count = math.prod(shape)
        allow(2 * packed + count, path)
        elements = unpacker.decompress(unpacker.unconsumed_tail, count + 1)
    except zlib.error as error:
        raise _damaged(path, f"it cannot be unpacked ({error})") from error
    if len(elements) <= count and not unpacker.eof:
        raise _damaged(path, "it cannot be unpacked (it is cut off)")
    if len(elements) != count:
        raise _wrong_size(path, shape, len(elements), more=len(elements) > count)
    return np.frombuffer(elements, np.uint8).reshape(shape)


def _wrong_size(
    path: Path, shape: tuple[int, ...], left: int, more: bool = False
) -> DataFormatError:
    text = " x ".join(map(str, shape))
    follow = "more follow" if more else f"{left} follow"
    return _damaged(path, f"its header announces {text} bytes, but {follow}")


def _damaged(path: Path, why: str) -> DataFormatError:
    return DataFormatError(
        f"{path} is damaged: {why}",
        hint=SurfaceText(
            "Delete it and run: nodeflow data fetch mnist",
            cli="Delete it and run: nodeflow data fetch mnist",
            window="Delete it and choose Run → Engine → Download the full MNIST.",
        ),
    )
