"""The path and content of a file as last read or written, to notice changes by other programs."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path
from typing import Literal

from nodeflow.file_reading import open_own

_CHUNK = 1 << 20
_COARSEST = 2 * 10**9
"""Nanoseconds: the coarsest rounding of file times (FAT)."""
State = Literal["same", "changed", "gone"]


class KnownFile:
    """Path and content of a file, by its digest.

    Args:
        digest: the digest of the known content; if None, any content counts as changed.
    """

    def __init__(self, path: Path, digest: str | None) -> None:
        self.path = path
        self.digest = digest
        self.size = 0
        """Size of the file in bytes, at the last look."""
        self._status: tuple[int, ...] | None = None
        """Times, size and inode of the file when it was seen to have the known content."""
        self._found: tuple[int, ...] | None = None
        self._same: tuple[int, ...] | None = None
        """The same, although other content might have the same times, size and inode."""
        self.seen: str | None = None
        """The digest that ``state`` found last."""

    @classmethod
    def read(cls, path: Path) -> KnownFile:
        """Return the file in its present state; without a digest if it cannot be read."""
        known = cls(path, None)
        known.glance()  # before reading, so that a write in between is noticed
        known.digest, known._same = digest_of(path), known._found
        return known

    def state(self) -> State:
        """Compare the file with the known content; read it only if its time or size differs."""
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
        """True if the file's time or size differs from the known content's; False if the file is
        gone.
        """
        return self.glance() is None and self._found != self._same

    def glance(self) -> State | None:
        """Compare only time and size; return None if these do not suffice and the content has to
        be read.
        """
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
    """Return whether a file is old enough that a later write would change its time stamp."""
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
    """Return the digest of a file with this content."""
    return hashlib.sha256(content).hexdigest()
