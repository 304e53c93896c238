"""A file as it was last read or written, to notice when somebody else has changed it."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path
from typing import Literal

from nodeflow.file_reading import open_own

_CHUNK = 1 << 20
_COARSEST = 2 * 10**9
"""Nanoseconds: what the times of files are rounded to, where it is most (FAT)."""
State = Literal["same", "changed", "gone"]


class KnownFile:
    """Path and content of a file, by its digest.

    Args:
        digest: of the known content; None if none is known: any content counts as changed then.
    """

    def __init__(self, path: Path, digest: str | None) -> None:
        self.path = path
        self.digest = digest
        self.size = 0
        """Bytes of the file, when it was looked at last."""
        self._status: tuple[int, ...] | None = None
        """Times, size and number at which the content was seen to be the known one."""
        self._found: tuple[int, ...] | None = None
        self._same: tuple[int, ...] | None = None
        """Those at which the content was the known one, though another may have the same."""
        self.seen: str | None = None
        """The digest that ``state`` found last."""

    @classmethod
    def read(cls, path: Path) -> KnownFile:
        """Return the file as it is now; nothing is known of one that cannot be read."""
        known = cls(path, None)
        known.glance()  # before: who writes meanwhile is noticed
        known.digest, known._same = digest_of(path), known._found
        return known

    def state(self) -> State:
        """Compare the file with what is known; read it only if its time or size is another."""
        state = self.glance()
        if state is not None:
            return state
        status = self._found
        self.seen = digest_of(self.path)
        if self.seen is None:
            return "gone"
        if self.seen != self.digest:
            return "changed"
        self._status = status if _has_settled(status) else None
        self._same = status
        return "same"

    @property
    def looks_different(self) -> bool:
        """Whether time or size are others than those of the known content; false if it is gone."""
        return self.glance() is None and self._found != self._same

    def glance(self) -> State | None:
        """Compare time and size alone; None if only the content can tell."""
        try:
            found = os.stat(self.path)
        except (OSError, ValueError):
            self.seen = None
            return "gone"
        self.size = found.st_size
        self._found = (found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino)
        if self._found == self._status:
            self.seen = self.digest
            return "same"
        return None


def _has_settled(status: tuple[int, ...] | None) -> bool:
    """Return whether the file is so old that another content would have another time."""
    return status is not None and time.time_ns() - max(status[:2]) > _COARSEST


def digest_of(path: Path) -> str | None:
    """Return the digest of a file's content; None if it is no regular file or cannot be read."""
    try:
        digest = hashlib.sha256()
        with open_own(path) as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
        return digest.hexdigest()
    except (OSError, ValueError):
        return None


def digest_of_bytes(content: bytes) -> str:
    """Return the digest that a file with this content has."""
    return hashlib.sha256(content).hexdigest()
