"""The elements of a data set stored in a file, from which later passes and programs read them.

The file has a line of JSON with the types of the components. Then follow, for each element, a byte
1 and its components as numpy's arrays (``.npy``, a string as its UTF-8 bytes). The last byte is 0.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np

from nodeflow.atomic_write import replacing
from nodeflow.data.array_files import read_elements, read_header
from nodeflow.data.pipeline.elements import STRING, Derived, Element, Elements, Iteration
from nodeflow.data.pipeline.structure import paths
from nodeflow.errors import DataError, NodeflowError
from nodeflow.file_reading import opened, size_of
from nodeflow.graph.types import TensorType, compatible, numpy_dtype

MORE, END = b"\x01", b"\x00"
LONGEST = 1 << 20
"""The largest number of bytes in the first line."""


class CacheFile(Derived):
    """A stage that writes the elements of the first whole pass to a file, or reads such a file."""

    def __init__(self, source: Elements, path: Path) -> None:
        super().__init__(source)
        self.path = path

    def elements(self, iteration: Iteration) -> Iterator[Element]:
        return self._read() if self.path.exists() else self._written(iteration)

    def _head(self) -> bytes:
        """Return the first line of the file, which describes its content."""
        types = [
            [t.dtype, list(t.shape) if t.has_rank else None, path]
            for t, path in zip(self.types, paths(self.template), strict=True)
        ]
        return json.dumps({"nodeflow cache": 1, "components": types}).encode() + b"\n"

    def _written(self, iteration: Iteration) -> Iterator[Element]:
        try:
            with replacing(self.path) as file:
                self._put(file, self._head())
                for element in self.source.elements(iteration):
                    self._put(file, MORE, element)
                    yield element
                self._put(file, END)
        except OSError as error:
            raise DataError(
                f"the cache {self.path} cannot be written: {error.strerror or error}",
                hint="Name a file in a folder that exists and has space, or leave the name out.",
            ) from error

    def _put(self, file: IO[Any], head: bytes, element: Element = ()) -> None:
        file.write(head)
        for value, type_ in zip(element, self.types if element else (), strict=True):
            np.lib.format.write_array(file, _stored(value, type_), allow_pickle=False)
        file.flush()

    def _read(self) -> Iterator[Element]:
        types = self.types
        try:
            with opened(self.path) as file:
                left = size_of(file)
                if file.readline(LONGEST) != self._head():
                    raise DataError(
                        f"{self.path} is not a cache of this data set",
                        hint="Delete the file, or name another one.",
                    )
                while (mark := file.read(1)) == MORE:
                    yield tuple([self._loaded(file, type_, left) for type_ in types])
                if mark != END:
                    raise ValueError("it ends too early")
        except NodeflowError:
            raise
        except Exception as error:  # a damaged header may raise any error
            raise DataError(
                f"the cache {self.path} cannot be read: {error}", hint="Delete the file."
            ) from error

    def _loaded(self, file: BinaryIO, type_: TensorType, size: int) -> Any:
        header = read_header(file)
        array = read_elements(file, header, size - header.start, self.path)
        if type_.dtype == STRING:
            return array.astype(np.uint8, copy=False).tobytes().decode()
        dtype = numpy_dtype(type_.dtype)
        if array.dtype.itemsize != dtype.itemsize or not compatible(type_.shape, array.shape):
            raise ValueError(f"expected {type_}, not {array.dtype} of shape {array.shape}")
        return array if array.dtype == dtype else array.view(dtype)  # .npy has no bfloat16


def _stored(value: Any, type_: TensorType) -> np.ndarray:
    if type_.dtype == STRING:
        return np.frombuffer(str(value).encode(), np.uint8)
    return np.asarray(value, numpy_dtype(type_.dtype))
