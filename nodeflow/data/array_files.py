"""Reading arrays from numpy's files, after checking the sizes in their headers.

The header of an array may announce any size. So the size is compared with the size of the file, and
with the limit of `file_reading`, before memory is allocated. Pickled objects are never loaded.
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
WIDER = {
    "float16": "float32",
    "int8": "int32",
    "int16": "int32",
    "uint16": "int32",
    "uint32": "int64",
}
"""The dtypes of columns for arrays of small dtypes."""
_UNPACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""The compression methods that numpy writes. Others unpack without a limit."""
_LOCAL_HEADER = struct.Struct("<4s22xHH")
"""The local header of a zip member: its mark, and the lengths of its name and its notes."""


@dataclass(frozen=True)
class Header:
    """The header of an array.

    Attributes:
        fortran: whether its elements are stored column by column.
        start: bytes before its elements.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    fortran: bool = False
    start: int = 0

    @property
    def nbytes(self) -> int:
        """The number of bytes of the array's elements."""
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def is_mappable(self) -> bool:
        """True if the array is large and stored in the layout that kernels read."""
        plain = self.dtype.isnative and self.dtype.kind in "biuf" and bool(self.shape)
        by_rows = not self.fortran or len(self.shape) == 1
        return self.nbytes > mapped_rows.LARGE_BYTES and plain and by_rows

    @property
    def cost(self) -> int:
        """The number of bytes to allow for the array. Rows without elements count as well."""
        return math.prod(max(1, size) for size in self.shape) * max(1, self.dtype.itemsize)


def read_header(stream: Any) -> Header:
    """Return the header of an array, and leave the stream at the first element.

    Raises:
        ValueError: the header is damaged; other exceptions are possible.
    """
    version = np.lib.format.read_magic(stream)
    numpys = np.lib.format
    read = numpys.read_array_header_1_0 if version == (1, 0) else numpys.read_array_header_2_0
    shape, fortran, dtype = read(stream)
    if any(size < 0 for size in shape):
        raise ValueError(f"its header has the shape {shape}")
    return Header(tuple(map(int, shape)), dtype, fortran, stream.tell())


def read_elements(stream: Any, header: Header, left: int, path: object) -> np.ndarray:
    """Return the array whose header was read.

    Args:
        left: the number of bytes that can follow.

    Raises:
        ReadRefused: the array takes more than the limit.
        ValueError: the array is longer than the remaining bytes, or holds objects.
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
    """Return the array of a .npy file.

    Raises:
        ReadRefused: the path is not a regular file, or takes more than the limit.
        DataFormatError: the file is damaged.
    """
    with damaged_as(DataFormatError, path, ".npy", NPY_HINT), opened(path) as file:
        header = read_header(file)
        return read_elements(file, header, size_of(file) - header.start, path)


def map_npy(path: Path) -> np.ndarray:
    """Return the array of a .npy file, mapped into memory.

    Raises:
        ReadRefused: the path is not a regular file.
        DataFormatError: the file is damaged.
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
    """The arrays of an open .npz file."""

    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        self.path = path
        self._archive = archive
        self._members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
        self._headers: dict[str, Header] = {}

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(self._members)

    def header(self, key: str) -> Header:
        """Return the header of an array, without reading its elements."""
        if key not in self._headers:
            with self._open(key) as stream:
                self._headers[key] = read_header(stream)
        return self._headers[key]

    def read(self, keys: Iterable[str], copies: float = 1) -> dict[str, np.ndarray]:
        """Return arrays by name, after comparing their total size with the limit.

        Args:
            copies: the total number of copies of their bytes in memory.
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
        """Return an array mapped from a file: from the archive, or from an unpacked copy in the
        cache.

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
        """Return the position of the bytes of an uncompressed member in the file."""
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
    """Open an .npz file. Any error in its content becomes a DataFormatError.

    Raises:
        ReadRefused: the path is not a regular file, or an array takes more than the limit.
        DataFormatError: the file is damaged.
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
