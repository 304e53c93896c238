"""Folders of pictures: listing the files, and reading them on demand.

A listing holds only names. Pixels are read when a batch needs them. Pictures that were read stay in
memory up to a bound, so that a small folder is read once and a large one never fills memory.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache as once
from functools import lru_cache, partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from nodeflow.data.data_splits import SPLITS
from nodeflow.data.document_folder import DocumentFolder
from nodeflow.data.errors import DataFormatError, DataNotFound
from nodeflow.data.pictures.decoding import Decoders
from nodeflow.data.pictures.pixels import Look, read_pixels
from nodeflow.errors import DataError
from nodeflow.file_reading import allow

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

ENDINGS = ("png", "jpg", "jpeg", "bmp", "gif", "webp", "tif", "tiff")
SPLIT_FOLDERS = {
    "train": "train", "training": "train", "test": "test", "testing": "test",
    "validation": "validation", "valid": "validation", "val": "validation",
}  # fmt: skip
KEPT_BYTES = 1 << 28
BATCH_BYTES = 5
"""Bytes per number in a batch: as a byte and as float32."""
READERS = 4
"""The number of threads that decode pictures; decoding lets other threads run."""
WORTH_PROCESSES = 2000
"""The smallest number of pictures for decoding them in processes.

With threads, Python's lock lets only one at a time open files.
"""
CHECKED_AT_ONCE = 256


@dataclass(frozen=True)
class Listing:
    """The pictures of a folder, in the order of their names.

    Attributes:
        files: names below the root, with ``/``.
        classes: names of the folders that contain pictures, sorted; empty without such folders.
        labels: class number of each file, int64 (n,); empty without classes.
        splits: the indices of the files in each split, from folders such as ``train`` and ``test``;
            empty without such folders.
    """

    root: Path
    files: tuple[str, ...]
    classes: tuple[str, ...]
    labels: np.ndarray
    splits: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.files)

    def path(self, number: int) -> Path:
        return self.root / self.files[number]


def list_pictures(place: Path, reach: DocumentFolder | None = None) -> Listing:
    """Return the pictures of a folder with one folder per class, of a flat folder, or one picture.

    Folders called train, validation and test (or short forms) may contain the folders of the
    classes.

    Args:
        reach: the folder of the document that names the path; None if the user wrote the path.

    Raises:
        DataNotFound: there is no picture.
        OutsideData: a symbolic link leads to a path that the document may not read.
    """
    if not place.is_dir():
        return Listing(place.parent, (place.name,), (), np.zeros(0, np.int64), {})
    top = _folders(place, reach)
    named = {name: SPLIT_FOLDERS[name.lower()] for name in top if name.lower() in SPLIT_FOLDERS}
    if "train" in named.values() and len(named) == len(top):
        groups = [(split, name) for name, split in named.items()]
    else:
        groups = [("", "")]
    files: list[str] = []
    owners: list[str] = []
    splits: dict[str, list[int]] = {}
    for split, name in groups:
        for file, owner in _pictures(place, name, reach):
            splits.setdefault(split, []).append(len(files))
            files.append(file)
            owners.append(owner)
    if not files:
        endings = ", ".join(f".{ending}" for ending in ENDINGS)
        raise DataNotFound(
            f"there are no pictures in {place}", hint=f"Pictures end with {endings}."
        )
    classes = tuple(sorted(set(owners) - {""}))
    numbers = {name: number for number, name in enumerate(classes)}
    if "" in owners and classes:
        first = files[owners.index("")]
        raise DataFormatError(
            f"{place / first} lies beside the folders of the classes",
            hint="Move it into the folder of its class.",
        )
    labels = np.array([numbers[owner] for owner in owners] if classes else [], np.int64)
    parts = {split: np.array(rows, np.int64) for split, rows in splits.items() if split}
    order = [split for split in SPLITS if split in parts]
    return Listing(place, tuple(files), classes, labels, {split: parts[split] for split in order})


def _pictures(root: Path, below: str, reach: DocumentFolder | None) -> Iterator[tuple[str, str]]:
    """Yield (name below the root, folder of its class or "") of each picture, sorted."""
    start = root / below if below else root
    prefix = f"{below}/" if below else ""
    for name in sorted(_pictures_in(start, reach)):
        yield prefix + name, ""
    for folder in _folders(start, reach):
        for place, folders, names in os.walk(start / folder):
            folders[:] = sorted(name for name in folders if not _is_hidden(name))
            inside = Path(place).relative_to(root).as_posix()
            for name in sorted(name for name in names if _is_picture(name)):
                if reach is not None and os.path.islink(f"{place}/{name}"):
                    reach.check(f"{place}/{name}")
                yield f"{inside}/{name}", folder


def _pictures_in(folder: Path, reach: DocumentFolder | None) -> list[str]:
    with os.scandir(folder) as entries:
        return [e.name for e in _followed(entries, reach) if _is_picture(e.name) and e.is_file()]


def _folders(folder: Path, reach: DocumentFolder | None) -> list[str]:
    with os.scandir(folder) as entries:
        shown = (entry for entry in entries if not _is_hidden(entry.name))
        return sorted(entry.name for entry in _followed(shown, reach) if entry.is_dir())


def _followed(
    entries: Iterable[os.DirEntry], reach: DocumentFolder | None
) -> Iterator[os.DirEntry]:
    """Yield the entries of a folder; check each link before accessing its target."""
    for entry in entries:
        if reach is not None and entry.is_symlink():
            reach.check(entry.path)
        yield entry


def _is_picture(name: str) -> bool:
    return name.rpartition(".")[2].lower() in ENDINGS and not name.startswith(".")


def _is_hidden(name: str) -> bool:
    return name.startswith((".", "__"))


def folder_stamp(place: Path, reach: DocumentFolder | None = None) -> tuple[str, int]:
    """Return a stamp that changes when pictures are added to or removed from a folder or its
    classes.

    Inner folders are checked at most every two seconds, because many of them take time.
    """
    changed = place.stat().st_mtime_ns
    if not place.is_dir():
        return str(place), changed
    moment = int(time.monotonic() / 2)
    return str(place), hash((changed, _inside(place, reach, changed, moment)))


@lru_cache(maxsize=8)
def _inside(place: Path, reach: DocumentFolder | None, changed: int, moment: int) -> int:
    stamps = []
    for name in _folders(place, reach):
        stamps.append((place / name).stat().st_mtime_ns)
        if name.lower() in SPLIT_FOLDERS:
            stamps += [
                (place / name / inner).stat().st_mtime_ns for inner in _folders(place / name, reach)
            ]
    return hash(tuple(stamps))


# ---- reading ----------------------------------------------------------------------------------


def broken_pictures(listing: Listing) -> Iterator[DataError | None]:
    """Yield, for each picture, None if it can be read, else the error."""

    def check(number: int) -> DataError | None:
        try:
            read_pixels(listing.path(number), Look(8, 8, True))
        except DataError as error:
            return error
        return None

    for start in range(0, len(listing), CHECKED_AT_ONCE):
        numbers = range(start, min(start + CHECKED_AT_ONCE, len(listing)))
        yield from _threads().map(check, numbers)


class PictureReader:
    """A reader of pictures by their index, which keeps the first ones in memory up to a limit.

    Pictures are read in random order in each epoch, so the first ones stay and none is evicted: of
    a folder twice as large as the limit, half of each epoch is in memory.
    """

    def __init__(self, listing: Listing, look: Look, kept_bytes: int = KEPT_BYTES) -> None:
        self.listing = listing
        self.look = look
        size = int(np.prod(look.shape))
        self._most = min(len(listing), kept_bytes // size)
        self._kept = np.zeros((self._most, *look.shape), np.uint8)  # pages are allocated when used
        self._place = np.full(len(listing), -1, np.int64)
        self._used = 0
        self._lock = Lock()

    def __call__(self, which: np.ndarray) -> np.ndarray:
        """Return the pixels of some pictures, uint8 (n, height, width, channels).

        Raises:
            DataFormatError: a picture is damaged. The message names its file.
        """
        allow(len(which) * int(np.prod(self.look.shape)) * BATCH_BYTES, self.listing.root)
        out = np.empty((len(which), *self.look.shape), np.uint8)
        places = self._place[which]
        here = places >= 0
        out[here] = self._kept[places[here]]
        gone = np.flatnonzero(~here)
        for at, pixels in zip(gone.tolist(), self._read(which[gone].tolist()), strict=True):
            out[at] = pixels
            self._keep(int(which[at]), pixels)
        return out

    def _read(self, numbers: list[int]) -> Iterable[np.ndarray]:
        paths = [self.listing.path(number) for number in numbers]
        read = partial(read_pixels, look=self.look)
        if len(numbers) < 2 * READERS:
            return map(read, paths)
        if len(self.listing) >= WORTH_PROCESSES and (decoders := _decoders()).are_ready:
            return decoders.read(paths, self.look)
        return _threads().map(read, paths, chunksize=8)

    def _keep(self, number: int, pixels: np.ndarray) -> None:
        with self._lock:
            if self._used < self._most and self._place[number] < 0:
                self._kept[self._used] = pixels
                self._place[number] = self._used
                self._used += 1

    @property
    def kept_bytes(self) -> int:
        """The bytes of the pictures in memory."""
        return self._used * int(np.prod(self.look.shape))

    def __reduce__(self) -> tuple:
        return PictureReader, (self.listing, self.look)


_pool: list[ThreadPoolExecutor] = []


@once
def _decoders() -> Decoders:
    return Decoders(max(1, os.cpu_count() or 1))


def _threads() -> ThreadPoolExecutor:
    from concurrent.futures import ThreadPoolExecutor

    if not _pool:
        _pool.append(ThreadPoolExecutor(READERS, thread_name_prefix="pictures"))
    return _pool[0]
