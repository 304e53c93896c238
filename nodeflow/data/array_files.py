"""Arrays in numpy's files, read only after their headers say how large they are.

The header of an array may promise anything. So it is compared with the size of what it is in, and
with the limit of `file_reading`, before memory is taken; pickled objects are never loaded.
"""

from __future__ import annotations

import math
import struct
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from nodeflow.data.errors import DataFormatError
from nodeflow.data.unpacking import unpacked
from nodeflow.engine import mapped_rows
from nodeflow.engine.mapped_rows import FileMap
from nodeflow.file_reading import allow, damaged_as, opened, size_of

NPY_HINT = "Write it with numpy.save."
NPZ_HINT = "Write it with numpy.savez and arrays of numbers."
_UNPACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""What numpy writes; other ways of packing unpack without a limit."""
_LOCAL_HEADER = struct.Struct("<4s22xHH")
"""Of a member of an archive: its mark, and the lengths of the name and the notes behind it."""


@dataclass(frozen=True)
class Header:
    """What an array is.

    Attributes:
        fortran: its elements are stored column by column.
        start: bytes in front of its elements.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    fortran: bool = False
    start: int = 0

    @property
    def nbytes(self) -> int:
        """Bytes of its elements."""
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def is_mappable(self) -> bool:
        """Whether it is large, and lies in a file as kernels read it."""
        plain = self.dtype.isnative and self.dtype.kind in "biuf" and bool(self.shape)
        by_rows = not self.fortran or len(self.shape) == 1
        return self.nbytes > mapped_rows.LARGE_BYTES and plain and by_rows

    @property
    def cost(self) -> int:
        """Bytes to allow for it: rows count even where they are empty."""
        return math.prod(max(1, size) for size in self.shape) * max(1, self.dtype.itemsize)


def read_header(stream: Any) -> Header:
    """The header of an array; the stream is then at its elements.

    Raises:
        ValueError and others: it is damaged.
    """
    version = np.lib.format.read_magic(stream)
    numpys = np.lib.format
    read = numpys.read_array_header_1_0 if version == (1, 0) else numpys.read_array_header_2_0
    shape, fortran, dtype = read(stream)
    if any(size < 0 for size in shape):
        raise ValueError(f"its header has the shape {shape}")
    return Header(tuple(map(int, shape)), dtype, fortran, stream.tell())


def read_elements(stream: Any, header: Header, left: int, path: object) -> np.ndarray:
    """The array whose header was read.

    Args:
        left: bytes that can follow.

    Raises:
        ReadRefused: it takes more than the limit.
        ValueError: it is longer than what follows, or holds objects.
    """
    if header.dtype.hasobject:
        raise ValueError("it holds Python objects, which are never loaded")
    if header.nbytes > left:
        raise ValueError(f"its header announces {header.nbytes} bytes, but {left} follow")
    allow(header.cost, path)
    array = np.empty(math.prod(header.shape), header.dtype)
    if header.nbytes:
        _fill(stream, array.view(np.uint8).data)
    return array.reshape(header.shape, order="F" if header.fortran else "C")


def _fill(stream: Any, target: memoryview) -> None:
    done = 0
    while done < len(target):
        count = stream.readinto(target[done : done + (1 << 24)])
        if not count:
            raise ValueError("it ends too early")
        done += count


def read_npy(path: Path) -> np.ndarray:
    """The array of a .npy file.

    Raises:
        ReadRefused: it is no regular file, or takes more than the limit.
        DataFormatError: it is damaged.
    """
    with damaged_as(DataFormatError, path, ".npy", NPY_HINT), opened(path) as file:
        header = read_header(file)
        return read_elements(file, header, size_of(file) - header.start, path)


def map_npy(path: Path) -> np.ndarray:
    """The array of a .npy file, mapped into memory.

    Raises:
        ReadRefused: it is no regular file.
        DataFormatError: it is damaged.
    """
    with damaged_as(DataFormatError, path, ".npy", NPY_HINT), opened(path) as file:
        header = read_header(file)
        left = size_of(file) - header.start
        if header.dtype.hasobject:
            raise ValueError("it holds Python objects, which are never loaded")
        if header.nbytes > left:
            raise ValueError(f"its header announces {header.nbytes} bytes, but {left} follow")
        if not header.nbytes:
            allow(header.cost, path)
            return np.empty(header.shape, header.dtype)
        order = "F" if header.fortran else "C"
        return np.memmap(file, header.dtype, "r", header.start, header.shape, order)


class Archive:
    """The arrays of an .npz file that is open."""

    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        self.path = path
        self._archive = archive
        self._members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
        self._headers: dict[str, Header] = {}

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(self._members)

    def header(self, key: str) -> Header:
        """What an array is, without its elements."""
        if key not in self._headers:
            with self._open(key) as stream:
                self._headers[key] = read_header(stream)
        return self._headers[key]

    def read(self, keys: Iterable[str], copies: float = 1) -> dict[str, np.ndarray]:
        """Arrays by name; all of them together are compared with the limit first.

        Args:
            copies: how often their bytes will lie in memory, in all.
        """
        keys = tuple(dict.fromkeys(keys))
        allow(sum(self.header(key).cost for key in keys) * copies, self.path)
        found = {}
        for key in keys:
            with self._open(key) as stream:
                header = read_header(stream)
                left = self._members[key].file_size - header.start
                found[key] = read_elements(stream, header, left, self.path)
                if stream.read(1):
                    raise ValueError(f"the array {key!r} is longer than its header says")
        return found

    def map(self, key: str) -> FileMap:
        """An array that stays in a file: in the archive, or where it is packed, in the cache.

        Its header must be mappable.
        """
        header, member = self.header(key), self._members[key]
        size, left = header.start + header.nbytes, member.file_size - header.start
        if left < header.nbytes:
            raise ValueError(f"its header announces {header.nbytes} bytes, but {left} follow")
        if left > header.nbytes:
            raise ValueError(f"the array {key!r} is longer than its header says")
        if member.compress_type != zipfile.ZIP_STORED:
            with self._open(key) as stream:
                path, start = unpacked(self.path, key, size, stream.read), header.start
        else:
            path, start = self.path, self._start_of(member) + header.start
        return FileMap(path, header.shape, header.dtype, start)

    def _start_of(self, member: zipfile.ZipInfo) -> int:
        """Where the bytes of a member that is not packed begin in the file."""
        if member.compress_size != member.file_size or member.flag_bits & 1:
            raise ValueError(f"{member.filename} is packed or encrypted")
        with opened(self.path) as file:
            file.seek(member.header_offset)
            mark, name, notes = _LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))
        if mark != b"PK\3\4":
            raise ValueError(f"{member.filename} is not where the list of contents says")
        return member.header_offset + _LOCAL_HEADER.size + name + notes

    def _open(self, key: str) -> Any:
        member = self._members[key]
        if member.compress_type not in _UNPACKED:
            raise ValueError(f"the array {key!r} is packed in a way that numpy does not use")
        return self._archive.open(member)


@contextmanager
def opened_npz(path: Path) -> Iterator[Archive]:
    """An open .npz file; whatever is wrong with its content becomes a DataFormatError.

    Raises:
        ReadRefused: it is no regular file, or what is read takes more than the limit.
        DataFormatError: it is damaged.
    """
    with damaged_as(DataFormatError, path, ".npz", NPZ_HINT), opened(path) as file:
        if _is_npy(file):
            raise DataFormatError(f"{path} is not an .npz archive", hint="Use numpy.savez.")
        with zipfile.ZipFile(file) as archive:
            yield Archive(path, archive)


def _is_npy(file: BinaryIO) -> bool:
    start = file.read(6)
    file.seek(0)
    return start == b"\x93NUMPY"
