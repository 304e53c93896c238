"""A numpy .npy file as a data set: one array, whose rows are features, pictures or numbers.

The array is mapped into memory, so that only the rows of a batch are read from a large file.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from nodeflow.data.array_files import WIDER, map_npy
from nodeflow.data.array_survey import are_classes, is_picture, survey_arrays
from nodeflow.data.data_paths import file_stamp
from nodeflow.data.data_splits import DataSplits
from nodeflow.data.errors import DataFormatError
from nodeflow.data.source import Location, Source
from nodeflow.data.source_options import MOST_CLASSES, SPLIT_KIND, SPLIT_OPTIONS, split_by
from nodeflow.data.survey_types import Guess, Survey
from nodeflow.engine import mapped_rows
from nodeflow.engine.columns import Column, LazyColumn, mapped_column
from nodeflow.engine.mapped_rows import FileMap
from nodeflow.file_reading import allow
from nodeflow.graph.declaration import Attr
from nodeflow.graph.types import TensorType

OPTIONS = (
    Attr(
        "labels",
        "choice",
        "none",
        "Use of the last column of a table of numbers: labels float32 (n, 1), classes one-hot "
        "float32 (n, classes) or as class numbers int64 (n), or a feature like the others.",
        choices=("none", "number", "one_hot", "class"),
    ),
    Attr("scale", "bool", True, "Scale images of bytes (uint8 with 2 or more axes) to 0 to 1."),
    Attr(
        "stored",
        "bool",
        False,
        "Offer the array unchanged, as the column values: its dtype, its shape, no labels.",
    ),
    SPLIT_KIND,
    *SPLIT_OPTIONS,
)
STORED = "values"
"""The name of the column that is the unchanged array."""
ROW_BYTES = 24
"""Bytes per row besides its elements: its positions in the order and in the splits."""


class Rows:
    """A reader of rows from a mapped array that kernels cannot read because of its layout."""

    def __init__(self, path: Path, width: int | None, dtype: str = "float32") -> None:
        self.path = path
        self.width = width
        self.dtype = dtype
        self._array = mapped(path)

    def __call__(self, which: np.ndarray) -> np.ndarray:
        allow(len(which) * self._array[0].nbytes * 2, self.path)
        rows = self._array[which] if self.width is None else self._array[which, : self.width]
        return rows if rows.dtype == np.uint8 else rows.astype(self.dtype)

    def __reduce__(self) -> tuple:
        return Rows, (self.path, self.width, self.dtype)


def mapped(path: Path) -> np.ndarray:
    """Return the array of a file, mapped into memory.

    Raises:
        ReadRefused: the path is not a regular file, or has too many rows.
        DataFormatError: the file is damaged, or has no rows of numbers.
    """
    array = map_npy(path)
    if array.dtype.kind not in "biuf" or array.ndim == 0:
        what = "a single value" if array.ndim == 0 else "no array of numbers"
        raise DataFormatError(f"{path} is {what}", hint="Save an array with a row for each sample.")
    if not len(array):
        raise DataFormatError(f"{path} has no rows")
    allow(len(array) * ROW_BYTES, path)
    return array


def open_npy(location: Location, **options: Any) -> DataSplits:
    """Return the column ``features`` or ``images``, and ``labels`` if the last column contains
    labels.

    Raises:
        DataNotFound: there is no such file.
        DataFormatError: the file is damaged, or its last column cannot be labels.
    """
    file = location.file()
    return _open(location.path, file, file_stamp(file), json.dumps(options))


def columns(location: Location, **options: Any) -> dict[str, TensorType]:
    """Return column types, from the header. Only class labels are read, because they must be
    counted.
    """
    file = location.file()
    array = mapped(file)
    width = _width(file, array, options)
    if options["stored"]:
        return {STORED: TensorType(_dtype(array), (None, *array.shape[1:]))}
    types = {_name(array): TensorType("float32", (None, *_row(array, width)))}
    if width is None:
        return types
    if options["labels"] == "number":
        return {**types, "labels": TensorType("float32", (None, 1))}
    if options["labels"] == "class":
        return {**types, "labels": TensorType("int64", (None,))}
    depth = int(_labels(file, array).max()) + 1
    return {**types, "labels": TensorType("float32", (None, depth))}


def rows(location: Location, **options: Any) -> DataSplits:
    """Return all rows in the order of the file as the split ``all``, without labels."""
    file = location.file()
    array = mapped(file)
    width = _width(file, array, options)
    every = np.arange(len(array), dtype=np.int64)
    column = _features(file, array, width, options)
    made = {STORED if options["stored"] else _name(array): column}
    return _dataset(location.path, file, array, made, {"all": every})


@lru_cache(maxsize=2)
def _open(source: str, file: Path, stamp: Any, given: str) -> DataSplits:
    options = json.loads(given)
    array = mapped(file)
    width = _width(file, array, options)
    name = STORED if options["stored"] else _name(array)
    made = {name: _features(file, array, width, options)}
    labels = None
    if width is not None and options["labels"] == "number":
        made["labels"] = Column(_last_column(file, array).astype(np.float32)[:, None])
    elif width is not None:
        labels = _labels(file, array)
        depth = int(labels.max()) + 1 if options["labels"] == "one_hot" else None
        made["labels"] = Column(labels, depth=depth)
    parts = split_by(options, len(array), labels)
    return _dataset(source, file, array, made, parts, labels)


def _dataset(
    source: str,
    file: Path,
    array: np.ndarray,
    made: dict[str, Column],
    parts: dict[str, np.ndarray],
    labels: np.ndarray | None = None,
) -> DataSplits:
    classes = {}
    if labels is not None:
        classes["labels"] = tuple(map(str, range(int(labels.max()) + 1)))
    images = {"images": (array.shape[1], array.shape[2])} if "images" in made else {}
    return DataSplits(
        file.name,
        f"npy:{source}",
        {
            split: {name: column.take(which) for name, column in made.items()}
            for split, which in parts.items()
        },
        location=str(file),
        classes=classes,
        images=images,
        rows=parts,
    )


def _name(array: np.ndarray) -> str:
    return "images" if is_picture(array) else "features"


def _row(array: np.ndarray, width: int | None) -> tuple[int, ...]:
    return array.shape[1:] if width is None else (width,)


def _width(file: Path, array: np.ndarray, options: dict[str, Any]) -> int | None:
    """Return the number of features if the last column is the label, else None."""
    if options["labels"] == "none" or options["stored"]:
        return None
    if array.ndim != 2 or array.shape[1] < 2:
        raise DataFormatError(
            f"{file}: labels need a table of two or more columns, not {array.shape}",
            hint="Set labels to none.",
        )
    return array.shape[1] - 1


def _features(file: Path, array: np.ndarray, width: int | None, options: dict[str, Any]) -> Column:
    if options["stored"]:
        return _unchanged(file, array)
    if array.ndim == 1:
        allow(len(array) * 8, file)  # with its copies in the splits
        return Column(np.asarray(array, np.float32)[:, None])
    scale = 1 / 255 if array.dtype == np.uint8 and options["scale"] and width is None else None
    if array.nbytes > mapped_rows.LARGE_BYTES and (found := _file_map(file, array)) is not None:
        return mapped_column(found, "float32", scale, None if width is None else (0, width))
    if array.nbytes > mapped_rows.LARGE_BYTES:
        stored = "uint8" if array.dtype == np.uint8 else "float32"
        every = np.arange(len(array))
        return LazyColumn(Rows(file, width), every, _row(array, width), stored, "float32", scale)
    part = np.asarray(array if width is None else array[:, :width])
    if part.dtype != np.uint8:
        part = part.astype(np.float32)
    return Column(part, dtype="float32", scale=scale)


def _unchanged(file: Path, array: np.ndarray) -> Column:
    """Return the whole array as a column, with its dtype, or the next wider one of nodeflow."""
    dtype = _dtype(array)
    if array.nbytes <= mapped_rows.LARGE_BYTES:
        return Column(np.asarray(array).astype(array.dtype.newbyteorder("=")), dtype=dtype)
    if (found := _file_map(file, array)) is not None:
        return mapped_column(found, dtype)
    every = np.arange(len(array))
    return LazyColumn(Rows(file, None, dtype), every, array.shape[1:], dtype, dtype, None)


def _dtype(array: np.ndarray) -> str:
    name = array.dtype.newbyteorder("=").name
    return WIDER.get(name, name)


def _labels(file: Path, array: np.ndarray) -> np.ndarray:
    """Return the last column as class numbers, int64 (n,)."""
    values = _last_column(file, array)
    codes = values.astype(np.int64)
    bad = (codes != values) | (codes < 0) | (codes >= MOST_CLASSES)
    if bad.any():
        row = int(np.argmax(bad))
        raise DataFormatError(
            f"{file}, row {row}, last column: {values[row]} is no class number",
            hint="Set labels to number or none.",
        )
    return codes


def _last_column(file: Path, array: np.ndarray) -> np.ndarray:
    """Return the elements of the last column, (n,). Read a large file in pieces."""
    found = _file_map(file, array) if array.nbytes > mapped_rows.LARGE_BYTES else None
    pieces = [array] if found is None else found.pieces()
    return np.concatenate([piece[:, -1].copy() for piece in pieces])


def _file_map(file: Path, array: np.ndarray) -> FileMap | None:
    """Return the map of an array that kernels can gather from, or None for another layout."""
    if not (isinstance(array, np.memmap) and array.flags.c_contiguous and array.dtype.isnative):
        return None
    return FileMap(file, array.shape, array.dtype, array.offset)


def survey_npy(path: Path, limit: int | None = None) -> Survey:
    """Return the survey of a file's array."""
    array = mapped(path)
    source, stored = f"npy:{path}", {"stored": True}
    if is_picture(array) or array.ndim != 2 or array.shape[1] < 2:
        made = {_name(array): array}
        return survey_arrays(source, path.name, made, Guess("data"), limit=limit, as_stored=stored)
    label = _last_column(path, array)
    classes: tuple[str, ...] = ()
    guess = Guess("regress", {"labels": "number"})
    if are_classes(label):
        classes = tuple(map(str, range(int(label.max()) + 1)))
        guess = Guess("classify", {"labels": "one_hot", "split": "stratified"})
        label = label.astype(np.int64)
    parts = {"features": array[:, :-1], "labels": label}
    return survey_arrays(source, path.name, parts, guess, classes, limit, stored)


SOURCE = Source(
    "npy",
    "Numpy .npy file",
    "One NumPy array, whose last column may be the labels.",
    OPTIONS,
    open_npy,
    columns,
    takes_path=True,
    ending="npy",
    rows=rows,
    survey=survey_npy,
)
