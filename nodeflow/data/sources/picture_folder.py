"""A folder of pictures as a data set: one folder for each class."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from nodeflow.data.data_splits import DataSplits
from nodeflow.data.document_folder import DocumentFolder
from nodeflow.data.errors import DataFormatError
from nodeflow.data.pictures.files import (
    ENDINGS,
    Listing,
    PictureReader,
    folder_stamp,
    list_pictures,
)
from nodeflow.data.pictures.pixels import MOST_SIDE, Look, default_size, look_of
from nodeflow.data.pictures.survey import survey_pictures
from nodeflow.data.source import Location, Source
from nodeflow.data.source_options import SPLIT_KIND, SPLIT_OPTIONS, NameList, split_by
from nodeflow.engine.columns import Column, LazyColumn
from nodeflow.errors import AttributeProblem
from nodeflow.graph.declaration import Attr
from nodeflow.graph.types import TensorType

OPTIONS = (
    Attr(
        "size",
        "ints",
        None,
        f"Height and width of the pictures, such as [28, 28]; none: the size of the first "
        f"picture, with at most {MOST_SIDE} pixels per side.",
        optional=True,
    ),
    Attr(
        "color",
        "choice",
        "auto",
        "Whether pictures are grey (1 channel) or have colours (3); auto: as the first picture.",
        choices=("auto", "grey", "rgb"),
    ),
    Attr(
        "fit",
        "choice",
        "stretch",
        "How to fit a picture of other proportions: stretch it, crop it, or pad it with black.",
        choices=("stretch", "crop", "pad"),
    ),
    Attr(
        "layout",
        "choice",
        "image",
        "Pictures (n, height, width, channels), or rows of pixels (n, height * width * channels).",
        choices=("image", "row"),
    ),
    Attr(
        "labels",
        "choice",
        "one_hot",
        "One-hot float32 (n, classes), class numbers int64 (n), or none.",
        choices=("one_hot", "class", "none"),
    ),
    NameList(
        "classes",
        "json",
        None,
        "Names of the classes in the order of their numbers; none: the folders, sorted by name.",
    ),
    SPLIT_KIND,
    *SPLIT_OPTIONS,
)


def open_pictures(location: Location, **options: Any) -> DataSplits:
    """Return columns ``images`` float32 from 0 to 1, read on demand, and ``labels``.

    Raises:
        DataNotFound: there is no such folder, or no picture in it.
        DataFormatError: a picture is damaged, or is in the folder of an unknown class.
    """
    place = location.place()
    stamp = folder_stamp(place, location.reach)
    return _open(location.path, place, stamp, location.reach, json.dumps(options))


def columns(location: Location, **options: Any) -> dict[str, TensorType]:
    """Return column types, from the folders and the header of the first picture."""
    listing = _listing(location)
    look = _look(listing, options)
    types = {"images": TensorType("float32", (None, *_row(look, options)))}
    if _has_labels(listing, options):
        types["labels"] = TensorType("int64", (None,))
        if options["labels"] == "one_hot":
            types["labels"] = TensorType("float32", (None, len(_classes(listing, options))))
    return types


def pin(location: Location, **options: Any) -> dict[str, Any]:
    """Return the options of the source with the size of the pictures, their colours and the names
    of the classes that the folder has now. Options that are given stay.
    """
    listing = _listing(location)
    look = _look(listing, options)
    return {
        **options,
        "size": [look.height, look.width],
        "color": "rgb" if look.rgb else "grey",
        "classes": list(_classes(listing, options)) or None,
    }


def rows(location: Location, **options: Any) -> DataSplits:
    """Return all pictures in the order of their names, as the split ``all``, without labels."""
    listing = _listing(location)
    every = np.arange(len(listing), dtype=np.int64)
    return _dataset(location.path, listing, options, {"all": every})


def texts(location: Location, **options: Any) -> tuple[tuple[str, ...], Iterator[tuple[str, ...]]]:
    """Return, for each picture, its file name and its folder as text."""
    listing = _listing(location)
    if not len(listing.labels):
        return ("file",), ((file,) for file in listing.files)
    pairs = zip(listing.files, listing.labels.tolist(), strict=True)
    return ("file", "class"), ((file, listing.classes[label]) for file, label in pairs)


def _listing(location: Location) -> Listing:
    place = location.place()
    return listed(place, folder_stamp(place, location.reach), location.reach)


@lru_cache(maxsize=4)
def listed(place: Path, stamp: Any, reach: DocumentFolder | None) -> Listing:
    return list_pictures(place, reach)


@lru_cache(maxsize=2)
def _open(
    source: str, place: Path, stamp: Any, reach: DocumentFolder | None, given: str
) -> DataSplits:
    options = json.loads(given)
    listing = listed(place, stamp, reach)
    labels = _labels(listing, options) if _has_labels(listing, options) else None
    parts = listing.splits or split_by(options, len(listing), labels)
    return _dataset(source, listing, options, parts, labels)


def _dataset(
    source: str,
    listing: Listing,
    options: dict[str, Any],
    parts: dict[str, np.ndarray],
    labels: np.ndarray | None = None,
) -> DataSplits:
    look = _look(listing, options)
    reader = PictureReader(listing, look)
    read = _Rows(reader) if options["layout"] == "row" else reader
    images = LazyColumn(read, np.arange(len(listing)), _row(look, options), scale=1 / 255)
    splits: dict[str, dict[str, Column]] = {}
    classes = _classes(listing, options)
    for split, which in parts.items():
        splits[split] = {"images": images.take(which)}
        if labels is not None:
            depth = len(classes) if options["labels"] == "one_hot" else None
            splits[split]["labels"] = Column(labels[which], depth=depth)
    return DataSplits(
        listing.root.name if len(listing) > 1 else listing.files[0],
        f"pictures:{source}",
        splits,
        location=str(listing.root),
        classes={"labels": classes} if classes and options["labels"] != "none" else {},
        images={"images": (look.height, look.width)},
        rows=parts,
    )


class _Rows:
    """A reader of pictures as rows of pixels."""

    def __init__(self, reader: PictureReader) -> None:
        self.reader = reader

    def __call__(self, which: np.ndarray) -> np.ndarray:
        return self.reader(which).reshape(len(which), -1)


def _row(look: Look, options: dict[str, Any]) -> tuple[int, ...]:
    """Return the shape of one picture in the column."""
    return look.shape if options["layout"] == "image" else (int(np.prod(look.shape)),)


@lru_cache(maxsize=64)
def _header(path: Path, stamp: int) -> tuple[int, int, bool]:
    return look_of(path)


def _look(listing: Listing, options: dict[str, Any]) -> Look:
    """Return the format of pictures, from the options, else from the first picture."""
    size, color = options["size"], options["color"]
    if size is not None and (len(size) not in (1, 2) or not all(1 <= n <= 4096 for n in size)):
        raise AttributeProblem(
            f"size must be a height and a width from 1 to 4096, not {list(size)}", port="size"
        )
    if size is None or color == "auto":
        first = listing.path(0)
        height, width, rgb = _header(first, first.stat().st_mtime_ns)
        size = size or default_size(height, width)
        rgb = rgb if color == "auto" else color == "rgb"
    else:
        rgb = color == "rgb"
    return Look(size[0], size[-1], rgb, options["fit"])


def _classes(listing: Listing, options: dict[str, Any]) -> tuple[str, ...]:
    return tuple(options["classes"] or listing.classes)


def _has_labels(listing: Listing, options: dict[str, Any]) -> bool:
    return bool(listing.classes) and options["labels"] != "none"


def _labels(listing: Listing, options: dict[str, Any]) -> np.ndarray:
    """Return class numbers, int64 (n,). Raise DataFormatError for a folder of unknown class."""
    classes = _classes(listing, options)
    if classes == listing.classes:
        return listing.labels
    numbers = {name: number for number, name in enumerate(classes)}
    for name in listing.classes:
        if name not in numbers:
            raise DataFormatError(
                f"{listing.root}: the folder {name!r} is a class that is not known",
                hint=f"Known are {', '.join(classes[:8])}{', …' if len(classes) > 8 else ''}.",
            )
    own = np.array([numbers[name] for name in listing.classes], np.int64)
    return own[listing.labels]


SOURCE = Source(
    "pictures",
    "Folder of pictures",
    "Pictures in one folder for each class, read on demand.",
    OPTIONS,
    open_pictures,
    columns,
    takes_path=True,
    more_endings=ENDINGS,
    folder=True,
    pin=pin,
    rows=rows,
    texts=texts,
    survey=survey_pictures,
    stamp=lambda location: folder_stamp(location.place(), location.reach),
)
