"""A numpy .npz file as a data set: each array is a column.

Arrays called ``x_train``, ``train_x``, ``y_test``, ... define the splits; otherwise the rows are
split by fractions. Pickled objects are never loaded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from nodeflow.data.array_files import WIDER, Header, opened_npz
from nodeflow.data.array_survey import LABEL_NAMES, are_classes, is_picture, survey_arrays
from nodeflow.data.data_paths import file_stamp
from nodeflow.data.data_splits import SPLITS, DataSplits
from nodeflow.data.errors import DataFormatError
from nodeflow.data.source import Location, Source
from nodeflow.data.source_options import (
    CLASS_NAMES,
    MOST_CLASSES,
    SPLIT_KIND,
    SPLIT_OPTIONS,
    ColumnNames,
    shown_classes,
    split_by,
)
from nodeflow.data.survey_types import Guess, Survey
from nodeflow.engine.columns import Column, mapped_column
from nodeflow.engine.mapped_rows import FileMap
from nodeflow.errors import suggest
from nodeflow.graph.declaration import Attr
from nodeflow.graph.types import REALS, TensorType

OPTIONS = (
    ColumnNames("arrays", "names", None, "Columns to offer; empty: every array of the file."),
    Attr("scale", "bool", True, "Scale images of bytes (uint8 with 2 or more axes) to 0 to 1."),
    Attr(
        "labels",
        "choice",
        "one_hot",
        "Conversion of a list of whole numbers: one-hot float32 (n, classes), class numbers int64 "
        "(n), or unchanged (stored).",
        choices=("one_hot", "class", "stored"),
    ),
    Attr(
        "floats",
        "choice",
        "float32",
        "The dtype of columns of float64: float32, or unchanged (stored).",
        choices=("float32", "stored"),
    ),
    Attr(
        "vectors",
        "choice",
        "stored",
        "Conversion of a list of numbers with a fraction: a column (n, 1), or unchanged (stored).",
        choices=("stored", "column"),
    ),
    CLASS_NAMES,
    SPLIT_KIND,
    *SPLIT_OPTIONS,
)

AS_STORED = {"scale": False, "labels": "stored", "floats": "stored", "vectors": "stored"}
"""The options that keep dtypes, shapes and numbers as they are in the file."""
_SPLIT_NAME = re.compile(
    r"(?P<before>train|test|validation|valid|val)_(?P<stem>.+)"
    r"|(?P<stem2>.+)_(?P<after>train|test|validation|valid|val)"
)


def open_npz(location: Location, **options: Any) -> DataSplits:
    """Return one column per array, see ``OPTIONS``.

    Raises:
        DataNotFound: there is no such file.
        DataFormatError: the file is damaged, an array cannot be a column, or the arrays of a split
            have different lengths.
    """
    file = location.file()
    return _open(location.path, file, file_stamp(file), json.dumps(options))


def columns(location: Location, **options: Any) -> dict[str, TensorType]:
    """Return the type of each column of an .npz file.

    Only the array headers are read. One-hot labels are read in full, to count their classes.
    """
    file = location.file()
    with opened_npz(file) as archive:
        groups = _groups(file, archive.keys, options["arrays"])
        types = {}
        for stem in next(iter(groups.values())):
            keys = [group[stem] for group in groups.values()]
            header = archive.header(keys[0])
            shape, dtype = header.shape, header.dtype
            if len(shape) == 1 and dtype.kind in "iu" and options["labels"] == "one_hot":
                arrays = list(archive.read(keys).values())
            else:
                arrays = [np.empty((0, *shape[1:]) if shape else (), dtype)]
            types[stem] = _column(file, keys[0], arrays[0], _depth(arrays), options).type
    return types


@lru_cache(maxsize=2)
def _open(source: str, file: Path, stamp: tuple[int, int], text: str) -> DataSplits:
    options = json.loads(text)
    splits: dict[str, dict[str, Column]] = {}
    parts: dict[str, np.ndarray] = {}
    with opened_npz(file) as archive:
        groups = _groups(file, archive.keys, options["arrays"])
        keys = [key for group in groups.values() for key in group.values()]
        stays = {key for key in keys if _stays_in_file(archive.header(key), options)}
        maps = {key: archive.map(key) for key in keys if key in stays}
        read = [key for key in keys if key not in stays]
        arrays = archive.read(read, copies=2)  # ordered as in the file and in splits
    depths = {
        stem: _depth([arrays[group[stem]] for group in groups.values() if group[stem] in arrays])
        for stem in next(iter(groups.values()))
    }
    for split, group in groups.items():
        splits[split] = {
            stem: _mapped_column(maps[key], options)
            if key in maps
            else _column(file, key, arrays[key], depths[stem], options)
            for stem, key in group.items()
        }
        _check_lengths(file, group, splits[split])
    if "" in splits:
        whole = splits.pop("")
        rows = len(next(iter(whole.values())))
        labels = next((c.array for c in whole.values() if c.depth is not None), None)
        parts = split_by(options, rows, labels)
        for split, indices in parts.items():
            splits[split] = {name: column.take(indices) for name, column in whole.items()}
    if not splits:
        raise DataFormatError(f"{file} has no rows")
    return DataSplits(
        file.name,
        f"npz:{source}",
        splits,
        location=str(file),
        classes={
            name: shown_classes(map(str, range(column.depth)), options["class_names"])
            for name, column in next(iter(splits.values())).items()
            if column.depth is not None
        },
        images=_images(splits),
        rows=parts,
    )


def _groups(
    file: Path, keys: tuple[str, ...], wanted: tuple[str, ...] | None
) -> dict[str, dict[str, str]]:
    """Return the array name of each column, by split; if no name contains a split, the split is "".

    Raises:
        DataFormatError: an array is missing, or a split lacks a column that another has.
    """
    for name in wanted or ():
        if name not in keys:
            hint = suggest(name, keys) or f"It has {', '.join(keys)}."
            raise DataFormatError(f"{file} has no array {name!r}", hint=hint)
    chosen = wanted or keys
    if not chosen:
        raise DataFormatError(f"{file} has no arrays")
    groups: dict[str, dict[str, str]] = {}
    for key in chosen:
        match = _SPLIT_NAME.fullmatch(key)
        if match:
            split = match["before"] or match["after"]
            split = "validation" if split.startswith("val") else split
            groups.setdefault(split, {})[match["stem"] or match["stem2"]] = key
    if not groups:
        return {"": {key: key for key in chosen}}
    names = [name for group in groups.values() for name in group]
    for split, group in groups.items():
        for name in names:
            if name not in group:
                raise DataFormatError(f"{file}: the split {split!r} has no array for {name!r}")
    order = [split for split in SPLITS if split in groups]
    return {split: groups[split] for split in order}


def _depth(arrays: list[np.ndarray]) -> int:
    """Return the number of classes of a column over all splits, or 0 if it is not of integers."""
    tops = [int(a.max()) for a in arrays if a.ndim == 1 and a.dtype.kind in "iu" and a.size]
    return max(tops) + 1 if tops else 0


def _column(
    file: Path, key: str, array: np.ndarray, depth: int, options: Mapping[str, Any]
) -> Column:
    stored = array.dtype.newbyteorder("=") if array.dtype.byteorder == ">" else array.dtype
    array = array.astype(stored, copy=False)
    name = WIDER.get(stored.name, stored.name)
    if array.ndim == 0 or name not in REALS:
        what = "a single value" if array.ndim == 0 else stored.name
        raise DataFormatError(
            f"{file}: the array {key!r} is {what}, which cannot be a column",
            hint="Leave it out with the option arrays.",
        )
    if array.ndim == 1 and stored.kind in "iu" and options["labels"] != "stored":
        return _labels(file, key, array, depth, options["labels"])
    if stored.name == "uint8" and array.ndim > 1 and options["scale"]:
        return Column(array, scale=1 / 255)
    if array.ndim == 1 and stored.kind == "f" and options["vectors"] == "column":
        array = array[:, None]
    if name == "float64" and options["floats"] == "float32":
        return Column(array.astype(np.float32))
    return Column(array, dtype=name)


def _stays_in_file(header: Header, options: Mapping[str, Any]) -> bool:
    """Return whether an array's rows are read on demand. Labels are not, because they must be
    counted.
    """
    labels = len(header.shape) == 1 and header.dtype.kind in "iu" and options["labels"] != "stored"
    name = WIDER.get(header.dtype.name, header.dtype.name)
    return header.is_mappable and not labels and name in REALS


def _mapped_column(file: FileMap, options: Mapping[str, Any]) -> Column:
    """Return the column of an array that is memory-mapped from its file.

    Its type is the one that an array in memory would get under the same options.
    """
    stored, shape = file.array.dtype, file.array.shape
    if stored.name == "uint8" and len(shape) > 1 and options["scale"]:
        return mapped_column(file, "float32", scale=1 / 255)
    if len(shape) == 1 and stored.kind == "f" and options["vectors"] == "column":
        file = FileMap(file.path, (*shape, 1), stored, file.start)
    name = WIDER.get(stored.name, stored.name)
    if name == "float64" and options["floats"] == "float32":
        name = "float32"
    return mapped_column(file, name)


def _labels(file: Path, key: str, array: np.ndarray, depth: int, kind: str) -> Column:
    if kind == "class":
        return Column(array, dtype="int64")
    if depth > MOST_CLASSES or (array.size and array.min() < 0):
        raise DataFormatError(
            f"{file}: the array {key!r} runs from {array.min()} to {array.max()}, "
            "which do not look like class numbers",
            hint="Set labels to class or stored.",
        )
    return Column(array, depth=max(depth, 1))


def _check_lengths(file: Path, group: Mapping[str, str], columns: Mapping[str, Column]) -> None:
    sizes = {group[name]: len(column) for name, column in columns.items()}
    if len(set(sizes.values())) > 1:
        text = ", ".join(f"{key} has {size}" for key, size in sizes.items())
        raise DataFormatError(
            f"{file}: arrays of one split need equally many rows: {text}",
            hint="Choose some of them with the option arrays.",
        )


def _images(splits: Mapping[str, Mapping[str, Column]]) -> dict[str, tuple[int, int]]:
    """Return the columns whose rows are images: rank 2, both sides at least 8."""
    first = next(iter(splits.values()))
    shapes = {name: column.array.shape[1:] for name, column in first.items()}
    return {n: (s[0], s[1]) for n, s in shapes.items() if len(s) == 2 and min(s) >= 8}


def survey_npz(path: Path, limit: int | None = None) -> Survey:
    """Return a summary of the columns in an .npz file.

    If its arrays are split into training and test parts, the summary covers the training parts.

    Raises:
        DataFormatError: the file is damaged, or has no array with rows.
    """
    with opened_npz(path) as archive:
        every = archive.read(archive.keys)
    arrays = {key: a for key, a in every.items() if a.ndim and len(a) and a.dtype.kind in "biuf"}
    if not arrays:
        raise DataFormatError(f"{path} has no array with rows of numbers")
    groups, partial = _whole_splits(path, tuple(arrays))
    stems = {stem: arrays[key] for stem, key in next(iter(groups.values())).items()}
    whole = [n for n in stems if all(len(arrays[g[n]]) == len(arrays[_longest(g, arrays)])
             for g in groups.values())]  # fmt: skip
    stored = {"arrays": [group[stem] for group in groups.values() for stem in whole], **AS_STORED}
    label = next((name for name in LABEL_NAMES if name in stems), None) or next(
        (name for name, array in stems.items() if are_classes(array)), None
    )
    most = max(len(array) for array in stems.values())
    features = next((n for n, a in stems.items() if n != label and len(a) == most), label)
    chosen = [stem for stem in (features, label) if stem is not None]
    keys = [group[stem] for group in groups.values() for stem in dict.fromkeys(chosen)]
    options: dict[str, Any] = {} if set(keys) == set(every) else {"arrays": keys}
    classes: tuple[str, ...] = ()
    task: Any = "data" if label is None or features == label else "regress"
    if label is not None and stems[label].ndim == 1:
        if are_classes(stems[label]) and stems[label].dtype.kind in "iu":
            classes = tuple(map(str, range(int(stems[label].max()) + 1)))
            task = "pictures" if features and is_picture(stems[features]) else "classify"
            options |= {"labels": "one_hot"}
            options |= {"split": "stratified"} if "" in groups else {}
        elif stems[label].dtype.kind == "f":
            options["vectors"] = "column"
    guess = Guess(task, options)
    return survey_arrays(
        *(f"npz:{path}", path.name, stems, guess, classes, limit),
        as_stored=stored,
        notice=_left_out(every, {*stored["arrays"], *partial}, most, partial),
    )


def _longest(group: Mapping[str, str], arrays: Mapping[str, np.ndarray]) -> str:
    return max(group.values(), key=lambda key: len(arrays[key]))


def _whole_splits(
    file: Path, keys: tuple[str, ...]
) -> tuple[dict[str, dict[str, str]], tuple[str, ...]]:
    """Return the array names of each split, and the arrays of splits that lack a column.

    Such a split is left out, for example a test split without labels.
    """
    splits = {key: match for key in keys if (match := _SPLIT_NAME.fullmatch(key))}
    columns = {key: match["stem"] or match["stem2"] for key, match in splits.items()}
    of = {key: match["before"] or match["after"] for key, match in splits.items()}
    every = set(columns.values())
    partial = tuple(
        key
        for key in splits
        if every - {columns[other] for other in splits if of[other] == of[key]}
    )
    if len(partial) == len(splits):  # no split has all columns: `_groups` says what is missing
        partial = ()
    return _groups(file, tuple(key for key in keys if key not in partial), None), partial


def _left_out(
    every: Mapping[str, np.ndarray], used: Collection[str], rows: int, partial: Collection[str]
) -> str | None:
    """Return a sentence that names the arrays that are not columns of the data set, each with the
    reason: a split lacks one of its columns, or the array is a single value, holds no numbers or
    has another number of rows. Return None if all arrays are columns.
    """
    found = [f"{key} (its split lacks a column)" for key in partial]
    for key, array in every.items():
        if key in used:
            continue
        if not array.ndim:
            found.append(f"{key} (a single value)")
        elif array.dtype.kind not in "biuf":
            found.append(f"{key} (no numbers)")
        else:
            found.append(f"{key} ({len(array)} rows in place of {rows})")
    return f"Left out: {', '.join(found)}." if found else None


SOURCE = Source(
    "npz",
    "Numpy .npz file",
    "NumPy arrays, one per column.",
    OPTIONS,
    open_npz,
    columns,
    takes_path=True,
    ending="npz",
    survey=survey_npz,
)
