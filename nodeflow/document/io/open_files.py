"""The files that are open in windows: a locked record for each, in the user's state folder.

When a window ends, for whatever reason, its record is no longer locked, and the next reader removes
it. Windows on other computers have no records here; their writes are noticed by the file's content.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from nodeflow.document.io.file_lock import lock, try_lock
from nodeflow.file_reading import without_waiting
from nodeflow.paths import open_files_folder

SUFFIX = ".open"
PATIENCE = 2.0
"""Seconds that a save waits for the save of another window."""


class OpenFile:
    """The record of the file that a window has open, if it has one."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._file: IO[str] | None = None
        self._record: Path | None = None
        self._path: Path | None = None

    @property
    def folder(self) -> Path:
        return self._folder or open_files_folder()

    def hold(self, path: Path | None) -> None:
        """Record, for other windows, that this window has a file open; None records that it has
        none.

        The record replaces the previous one. If the record cannot be written, this is ignored.
        """
        if path is not None and self._path == path and self._file is not None:
            return
        self.release()
        if path is None:
            return
        self._path = path
        record = self.folder / f"{_key(path)}-{uuid.uuid4().hex}{SUFFIX}"
        with contextlib.suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = open(record, "x", encoding="utf-8")  # noqa: SIM115  closed by release
            self._record = record
            lock(self._file)
            json.dump({"path": str(path), "process": os.getpid()}, self._file)
            self._file.flush()

    def release(self) -> None:
        """Record that this window has no file open."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
            self._file = None
        if self._record is not None:
            with contextlib.suppress(OSError):
                self._record.unlink(missing_ok=True)
            self._record = None
        self._path = None

    def is_elsewhere(self, path: Path) -> bool:
        """Return whether another window has the file open; remove records of windows that ended."""
        found = False
        for record in self.folder.glob(f"{_key(path)}-*{SUFFIX}"):
            if record == self._record:
                continue
            try:
                with open(record, "r+", encoding="utf-8") as file:
                    stale = try_lock(file)
                if stale:
                    record.unlink(missing_ok=True)
            except OSError:
                continue
            found = found or not stale
        return found

    @contextlib.contextmanager
    def saving(self, path: Path) -> Iterator[None]:
        """Wait for another window that saves the same file, but not longer than `PATIENCE`."""
        file = None
        with contextlib.suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            file = open(  # noqa: SIM115  closed below
                self.folder / f"{_key(path)}.saving", "a", opener=without_waiting
            )
            until = time.monotonic() + PATIENCE
            while not try_lock(file) and time.monotonic() < until:
                time.sleep(0.01)
        try:
            yield
        finally:
            if file is not None:
                with contextlib.suppress(OSError):
                    file.close()


def _key(path: Path) -> str:
    """Return a key that is equal for all names of one file."""
    return hashlib.sha256(os.fsencode(os.path.realpath(path))).hexdigest()[:24]
