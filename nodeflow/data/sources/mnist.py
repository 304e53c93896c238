"""MNIST with TensorFlow's split, from the user's files or from 5 000 bundled images.

The full set is searched in the folder given by the user, in ``NODEFLOW_DATA_DIR`` and in the cache
folder, in this order; this module never downloads anything.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from nodeflow.data.array_files import opened_npz
from nodeflow.data.data_splits import DataSplits
from nodeflow.data.errors import DataFormatError, DataNotFound
from nodeflow.data.idx import map_idx, read_idx
from nodeflow.data.source import Location, Published, RemoteFile, Source
from nodeflow.engine.columns import Column, LazyColumn, mapped_column
from nodeflow.engine.mapped_rows import FileMap
from nodeflow.errors import SurfaceText
from nodeflow.graph.declaration import Attr
from nodeflow.graph.types import TensorType
from nodeflow.paths import DATA_VARIABLE, cache_folder, folder_named_by
from nodeflow.resources import resource

FILES = {
    "train images": "train-images-idx3-ubyte",
    "train labels": "train-labels-idx1-ubyte",
    "test images": "t10k-images-idx3-ubyte",
    "test labels": "t10k-labels-idx1-ubyte",
}
MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist",
    "https://storage.googleapis.com/cvdf-datasets/mnist",
)
REMOTE = (
    RemoteFile(
        "train-images-idx3-ubyte.gz",
        47_040_016,
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    ),
    RemoteFile(
        "train-labels-idx1-ubyte.gz",
        60_008,
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ),
    RemoteFile(
        "t10k-images-idx3-ubyte.gz",
        7_840_016,
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ),
    RemoteFile(
        "t10k-labels-idx1-ubyte.gz",
        10_008,
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
)
OPTIONS = (
    Attr(
        "labels",
        "choice",
        "one_hot",
        "One-hot float32 (n, 10), or class numbers int64 (n).",
        choices=("one_hot", "class"),
    ),
    Attr("scale", "bool", True, "Pixels from 0 to 1; otherwise 0 to 255."),
    Attr(
        "bundled",
        "bool",
        False,
        "Use the 5 000 images that come with nodeflow, even if the full set is found.",
        hidden=True,  # for lessons, whose marks must not depend on what is installed
    ),
)
CLASSES = 10
SIDE = 28
PIXELS = SIDE * SIDE
VALIDATION = 5000
EMBEDDED_EDGES = (0, 4000, 4500, 5000)
FETCH = "nodeflow data fetch mnist"


@dataclass(frozen=True)
class Place:
    """One folder where MNIST is searched.

    Attributes:
        kind: ``--data-dir``, ``NODEFLOW_DATA_DIR``, ``cache`` or ``embedded``.
        folder: the folder.
        missing: names of the missing files; empty when the set is complete.
    """

    kind: str
    folder: Path
    missing: tuple[str, ...]

    @property
    def complete(self) -> bool:
        return not self.missing


def cache() -> Path:
    """Return the folder that ``nodeflow data fetch mnist`` fills."""
    return cache_folder() / "mnist"


def places(data_dir: str | os.PathLike | None = None) -> list[Place]:
    """Return all folders in the order of the search. The first complete one is used."""
    wanted = []
    if data_dir is not None:
        wanted.append(("--data-dir", Path(data_dir).expanduser()))
    if named := folder_named_by(DATA_VARIABLE):
        wanted.append((DATA_VARIABLE, named))
    wanted.append(("cache", cache()))
    found = [_look(kind, folder) for kind, folder in wanted]
    return [*found, _embedded_place()]


def find(data_dir: str | os.PathLike | None = None) -> Place:
    """Return the folder that is used.

    Raises:
        DataNotFound: ``data_dir`` is given and files are missing in it.
    """
    looked = places(data_dir)
    if data_dir is not None and not looked[0].complete:
        missing = ", ".join(f"{name}.gz" for name in looked[0].missing)
        raise DataNotFound(
            f"MNIST is not complete in {looked[0].folder}: missing {missing}",
            hint="Give the folder with the four files, or omit the option.",
        )
    return next(place for place in looked if place.complete)


def columns(location: Location, *, labels: str, **_: object) -> dict[str, TensorType]:
    """Return the types of the columns `images` and `labels`.

    The full MNIST and the small embedded sample have the same types.
    """
    label = (
        TensorType("float32", (None, CLASSES))
        if labels == "one_hot"
        else TensorType("int64", (None,))
    )
    return {"images": TensorType("float32", (None, PIXELS)), "labels": label}


def open_mnist(
    location: Location, *, labels: str, scale: bool, bundled: bool = False
) -> DataSplits:
    """Return MNIST with columns ``images`` float32 (None, 784) and ``labels``.

    Args:
        location: its ``data_dir`` has the four files; None searches the usual places.
        labels: ``one_hot`` for float32 (None, 10), ``class`` for int64 (None,).
        scale: whether pixels are from 0 to 1; otherwise 0 to 255.
        bundled: whether to use the embedded images, whatever else is found.

    Raises:
        DataNotFound: ``data_dir`` is given and files are missing in it.
        DataFormatError: a file is damaged.
    """
    place = _embedded_place() if bundled else find(location.data_dir)
    arrays = _embedded_arrays() if place.kind == "embedded" else _full_arrays(place.folder)
    splits = {
        name: {
            "images": _images(images, 1 / 255 if scale else 1.0),
            "labels": Column(digits, depth=CLASSES)
            if labels == "one_hot"
            else Column(digits, dtype="int64"),
        }
        for name, (images, digits) in arrays.items()
    }
    return DataSplits(
        name="MNIST",
        source="mnist",
        splits=splits,
        notice=_notice(location.data_dir) if place.kind == "embedded" and not bundled else None,
        location=str(place.folder),
        classes={"labels": tuple(str(digit) for digit in range(CLASSES))},
        images={"images": (SIDE, SIDE)},
    )


def _images(images: np.ndarray | LazyColumn, scale: float) -> Column:
    if isinstance(images, np.ndarray):
        return Column(images, scale=scale)
    return LazyColumn(images.read, images.numbers, (PIXELS,), scale=scale)


def _look(kind: str, folder: Path) -> Place:
    """Return which files a folder lacks. The files may also be in its subfolder ``mnist``."""
    inside = folder / "mnist"
    best = folder if any(_file(folder, name) for name in FILES.values()) else inside
    missing = tuple(name for name in FILES.values() if _file(best, name) is None)
    return Place(kind, folder if len(missing) == len(FILES) else best, missing)


def _file(folder: Path, name: str) -> Path | None:
    """Return the file ``name`` in a folder, compressed or not, also spelled ``.idx3-ubyte``."""
    for stem in (name, name.replace("-idx", ".idx")):
        for candidate in (folder / f"{stem}.gz", folder / stem):
            if candidate.is_file():
                return candidate
    return None


Arrays = dict[str, tuple[np.ndarray | LazyColumn, np.ndarray]]
"""Images (as bytes or in a file) and class numbers, by split."""


def _full_arrays(folder: Path) -> Arrays:
    files = {key: _file(folder, name) for key, name in FILES.items()}
    stamps = []
    for path in files.values():
        assert path is not None, "find() checked that the files are there"
        status = path.stat()
        stamps.append((str(path), status.st_mtime_ns, status.st_size))
    return _read_full(tuple(stamps))


@lru_cache(maxsize=2)  # the window opens the set again after each edit of its node
def _read_full(stamps: tuple[tuple[str, int, int], ...]) -> Arrays:
    """Return the splits from four files, cached. Their times and sizes are part of the key."""
    paths = [Path(path) for path, _, _ in stamps]
    try:
        train_images, test_images = _images_in(paths[0]), _images_in(paths[2])
        train_labels, test_labels = read_idx(paths[1], 1), read_idx(paths[3], 1)
    except OSError as error:
        raise DataNotFound(f"MNIST cannot be read: {error}") from error
    _check(paths[0], len(train_images), paths[1], train_labels, at_least=VALIDATION + 1)
    _check(paths[2], len(test_images), paths[3], test_labels, at_least=1)
    rows = len(train_labels)
    return {
        "train": (_part(train_images, VALIDATION, rows), train_labels[VALIDATION:]),
        "validation": (_part(train_images, 0, VALIDATION), train_labels[:VALIDATION]),
        "test": (test_images, test_labels),
    }


def _part(images: np.ndarray | LazyColumn, start: int, stop: int) -> np.ndarray | LazyColumn:
    return images[start:stop] if isinstance(images, np.ndarray) else images.part(start, stop)


def _images_in(path: Path) -> np.ndarray | LazyColumn:
    """Return a file's images as rows of pixels: (n, 784) bytes, or a column of a large file."""
    file = map_idx(path, 3)
    images = read_idx(path, 3) if file is None else file.array
    if images.shape[1:] != (SIDE, SIDE):
        height, width = images.shape[1:]
        raise DataFormatError(f"{path} holds images of {height} x {width}, expected 28 x 28")
    if file is None:
        return images.reshape(-1, PIXELS)
    rows = FileMap(file.path, (len(images), PIXELS), images.dtype, file.start)
    return mapped_column(rows, "float32", scale=1.0)


def _check(
    image_path: Path, images: int, label_path: Path, labels: np.ndarray, at_least: int
) -> None:
    if images != len(labels):
        raise DataFormatError(
            f"{image_path} has {images} images, but {label_path} has {len(labels)} labels"
        )
    if images < at_least:
        raise DataFormatError(
            f"{image_path} has {images} images; the split needs at least {at_least}"
        )
    if labels.max() >= CLASSES:
        row = int(labels.argmax())
        raise DataFormatError(
            f"{label_path} has the label {labels[row]} in row {row}; labels are 0 to 9"
        )


def _embedded_place() -> Place:
    return Place("embedded", _embedded_file().parent, ())


def _embedded_file() -> Path:
    return resource("mnist/mnist5k.npz")


@lru_cache(maxsize=1)
def _embedded_arrays() -> Arrays:
    """Return the images in ``resources/mnist``, stored in the order of their split."""
    path = _embedded_file()
    try:
        with opened_npz(path) as archive:
            arrays = archive.read(("images", "labels"))
    except DataFormatError as error:
        raise DataFormatError(error.message, hint="Reinstall nodeflow.") from error
    images, labels = arrays["images"], arrays["labels"]
    images = images.reshape(-1, PIXELS)
    parts = [(images[a:b], labels[a:b]) for a, b in itertools.pairwise(EMBEDDED_EDGES)]
    return dict(zip(("train", "validation", "test"), parts, strict=True))


def _notice(data_dir: str | os.PathLike | None) -> SurfaceText:
    """Return the notice that the images bundled with nodeflow are used.

    It names the folders that were skipped because files are missing there.
    """
    used = "Using the 5 000 MNIST images that come with nodeflow (4 000 train, 500 validation, "
    used += "500 test)."
    fetch = f"{used} Download the full 70 000 with: {FETCH}."
    skipped = "".join(f" {text}." for text in _skipped(data_dir))
    return SurfaceText(fetch + skipped, cli=fetch + skipped, window=used + skipped)


def _skipped(data_dir: str | os.PathLike | None) -> Iterator[str]:
    for place in places(data_dir)[:-1]:
        if 0 < len(place.missing) < len(FILES):
            yield f"{place.folder} is not complete: missing {', '.join(place.missing)}"
        elif place.kind == DATA_VARIABLE:
            yield f"{DATA_VARIABLE} is {place.folder}, which does not hold MNIST"


SOURCE = Source(
    "mnist",
    "MNIST",
    "Handwritten digits, 28 x 28: 55 000 train, 5 000 validation, 10 000 test.",
    OPTIONS,
    open_mnist,
    columns,
    published=Published(REMOTE, MIRRORS, cache),
)
