"""A file as it was last read or written, to notice when somebody else has changed it."""

from __future__ import annotations

import hashlib
import os
import re
import time
from pathlib import Path
from typing import Literal

from nodeflow.document.io.atomic_write import write_atomically
from nodeflow.paths import versions_folder

MOST_KEPT = 50
"""Versions; the oldest are removed."""

State = Literal["same", "changed", "gone"]


class KnownFile:
    """Path and content of a file, by its digest.

    Args:
        digest: of the known content; None if none is known: any content counts as changed then.
    """

    def __init__(self, path: Path, digest: str | None) -> None:
        self.path = path
        self.digest = digest
        self._status: tuple[int, int] | None = None
        """Time and size at which the content was seen to be the known one."""
        self.seen: str | None = None
        """The digest that ``state`` found last."""

    @classmethod
    def read(cls, path: Path) -> KnownFile:
        """Returns the file as it is now; nothing is known of one that cannot be read."""
        return cls(path, digest_of(path))

    def state(self) -> State:
        """Compares the file with what is known; reads it only if its time or size is another."""
        try:
            found = os.stat(self.path)
        except OSError:
            self.seen = None
            return "gone"
        status = (found.st_mtime_ns, found.st_size)
        if status == self._status:
            self.seen = self.digest
            return "same"
        self.seen = digest_of(self.path)
        if self.seen is None:
            return "gone"
        if self.seen != self.digest:
            return "changed"
        self._status = status
        return "same"


def digest_of(path: Path) -> str | None:
    """Returns the digest of a file's content; None if it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None


def digest_of_text(text: str) -> str:
    """Returns the digest that a file with this text has."""
    return hashlib.sha256(text.encode()).hexdigest()


def keep_version(name: str, content: bytes, folder: Path | None = None) -> Path:
    """Writes a version of a file that is about to be replaced; returns where.

    Raises FlowWrite if it cannot be kept.
    """
    folder = folder or versions_folder()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    stem = re.sub(r"[^\w.-]+", "_", name) or "graph"
    stamp = time.strftime("%Y-%m-%d %H.%M.%S")
    path, number = folder / f"{stem} {stamp}.flow", 1
    while path.exists():
        number += 1
        path = folder / f"{stem} {stamp} ({number}).flow"
    write_atomically(path, content)
    kept = sorted(folder.glob("*.flow"), key=_modified)
    for old in kept[:-MOST_KEPT]:
        old.unlink(missing_ok=True)
    return path


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
