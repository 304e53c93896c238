"""Digests of a training's data, computed in small pieces beside the training."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from nodeflow.data.data_splits import DataSplits
from nodeflow.engine.columns import LazyColumn
from nodeflow.file_reading import opened
from nodeflow.train.training import Training

PIECE = 1 << 20
"""Bytes to digest at once, in about a millisecond."""
MOST_FILES = 100_000
"""The number of files to digest in a folder. Further files are ignored."""


@dataclass(frozen=True)
class Fed:
    """A data set that feeds a training.

    Attributes:
        source: the opened source, such as ``csv:data.csv``.
        names: placeholders that it feeds.
        path: its file or folder, if it exists.
        arrays: its content, as far as it is in memory.
        rows: the number of training rows.
    """

    source: str
    names: tuple[str, ...]
    path: Path | None
    arrays: tuple[np.ndarray, ...]
    rows: int

    @property
    def is_file(self) -> bool:
        return self.path is not None and self.path.is_file()

    @property
    def stamp(self) -> str:
        """The key for a cached digest: path, sizes and times of the files; "" for data without a
        path.
        """
        if self.path is None:
            return ""
        if self.is_file:
            status = self.path.stat()
            return f"{self.path.resolve()} {status.st_size} {status.st_mtime_ns}"
        return f"{self.path.resolve()} {listing_digest(self.path)} {','.join(self.names)}"


def fed_by(training: Training) -> list[Fed]:
    """Return the data sets that a training reads."""
    if training.stream is not None:
        return []
    used = training.used_bindings([training.optimizer, training.loss.node])
    sets: dict[int, tuple[DataSplits, list[str], list[np.ndarray]]] = {}
    for tensor, binding in sorted(used.items(), key=lambda item: item[0].name):
        known = sets.setdefault(id(binding.dataset), (binding.dataset, [], []))
        column = binding.dataset.split("train")[binding.column]
        known[1].append(tensor.name)
        if not isinstance(column, LazyColumn):
            known[2].append(np.asarray(column.array))
    found = []
    for dataset, names, arrays in sets.values():
        path = Path(dataset.location) if dataset.location else None
        path = path if path is not None and path.exists() else None
        rows = dataset.size("train")
        found.append(Fed(dataset.source, tuple(names), path, tuple(arrays), rows))
    return found


def digesting(fed: Fed) -> Generator[None, None, tuple[str, bool]]:
    """Compute a digest of a data set in small pieces, and yield after each piece.

    Return the digest, and whether it is weak: computed only from names, sizes and times of files.
    """
    digest = blake2b(digest_size=16)
    if fed.path is not None and fed.is_file:
        with opened(fed.path) as file:
            while data := file.read(PIECE):
                digest.update(data)
                yield None
    elif fed.arrays:
        for array in fed.arrays:
            digest.update(f"{array.dtype} {array.shape}".encode())
            if array.dtype.hasobject:
                digest.update(repr(array.tolist()).encode(errors="backslashreplace"))
                continue
            flat = array.reshape(-1)
            step = max(1, PIECE // max(1, array.itemsize))
            for start in range(0, len(flat), step):
                digest.update(np.ascontiguousarray(flat[start : start + step]).view(np.uint8).data)
                yield None
    elif fed.path is not None:
        return listing_digest(fed.path), True
    return digest.hexdigest(), False


def listing_digest(folder: Path) -> str:
    """Return a digest of the names, sizes and times of the files in a folder."""
    digest = blake2b(digest_size=16)
    for count, (name, size, time) in enumerate(_files(folder)):
        if count == MOST_FILES:
            break
        digest.update(f"{name}\0{size}\0{time}\n".encode(errors="surrogatepass"))
    return digest.hexdigest()


def _files(folder: Path) -> Iterator[tuple[str, int, int]]:
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(place, name)
            try:
                status = os.stat(path)
            except OSError:
                continue
            yield os.path.relpath(path, folder), status.st_size, status.st_mtime_ns


def described(fed: Fed, digest: str = "", weak: bool = False) -> Mapping[str, Any]:
    """Return the facts about a data set that a stored run records: source, placeholders, rows,
    digest.

    Args:
        digest: the digest of the data; empty if it is unknown.
        weak: whether the digest covers only the names, sizes and times of files.
    """
    found = {"source": fed.source, "feeds": list(fed.names), "rows": fed.rows, "digest": digest}
    return {**found, **({"weak": True} if weak else {})}
