"""A file that grows line by line and survives a crash, a power cut or a full disk.

When `append` returns, the operating system has the line, so a crash of the program loses nothing.
A thread writes the lines to disk within a second, so a power cut loses at most one second. Lines
refused by a full disk wait in memory; each further line, and each second, tries to write them.
"""

from __future__ import annotations

import contextlib
import errno
import os
import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from nodeflow.atomic_write import sync_folder
from nodeflow.document.io.file_lock import try_lock

SYNC_SECONDS = 0.5
"""How long edits wait to be synced together; a power cut may lose that much."""


class JournalFile:
    """Lines in a new, locked file of a folder.

    Args:
        suffix: the suffix of the file's name.
        on_change: called with the error when writing begins to fail, and with None when everything
            is in the file again, on the thread that notices.
    """

    def __init__(
        self, folder: Path, suffix: str, on_change: Callable[[OSError | None], None]
    ) -> None:
        self._folder, self._suffix, self._on_change = folder, suffix, on_change
        self.path: Path | None = None
        """None until the file could be created."""
        self._file: BinaryIO | None = None
        self._state = threading.Condition()
        self._waiting: list[bytes] = []
        self._size = 0
        """Bytes of whole lines; a line after them was cut short."""
        self._is_torn = self._is_unsynced = self._is_new = self._is_closed = False
        self._failure: OSError | None = None
        self.is_on_disk = False
        """Whether the first lines are synced, so that a power cut leaves something to recover."""
        self.is_lost = False
        """Syncing failed, or the file is gone: another one has to replace it."""
        self._thread: threading.Thread | None = None

    @property
    def is_whole(self) -> bool:
        """True if the file has all appended lines."""
        return self._failure is None and not self.is_lost

    def append(self, data: bytes) -> None:
        """Write lines to the file. If writing fails, keep them in memory and write them with the
        next lines.
        """
        with self._state:
            self._waiting.append(data)
            changed = self._write()
            self._is_unsynced = True
            self._state.notify()
        if self._thread is None:
            self._thread = threading.Thread(target=self._sync, name="journal", daemon=True)
            self._thread.start()
        if changed:
            self._on_change(self._failure)

    def close(self) -> None:
        """Close the file and leave it as it is."""
        with self._state:
            self._is_closed = True
            self._waiting.clear()
            if self._file is not None:
                # an error is of no use to the caller, who is done with it
                with contextlib.suppress(OSError):
                    self._file.close()
                self._file = None
            self._state.notify()

    def remove(self) -> None:
        """Close the file and remove it."""
        self.close()
        if self.path is not None:
            with contextlib.suppress(OSError):
                self.path.unlink(missing_ok=True)
            self.path = None

    def _write(self) -> bool:
        """Write all waiting lines. Return whether this attempt changed the state: a success after a
        failure, or a first failure.
        """
        before = self._failure
        try:
            self._file = self._file or self._make()
            if self._is_torn:
                self._file.truncate(self._size)
                self._file.seek(self._size)
                self._is_torn = False
            while self._waiting:
                self._is_torn = True
                _write_all(self._file, self._waiting[0])
                self._is_torn = False
                self._size += len(self._waiting.pop(0))
            self._failure = None
        except OSError as error:
            self._failure = error
        return (before is None) is not (self._failure is None)

    def _make(self) -> BinaryIO:
        """Return a new, locked file that nobody removed between its creation and its lock."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._folder / f"{uuid.uuid4().hex}{self._suffix}"
        file = open(path, "xb", buffering=0, opener=_private)  # noqa: SIM115  closed by close
        if try_lock(file) and not os.fstat(file.fileno()).st_nlink:
            file.close()
            return self._make()
        self.path, self._is_new = path, True
        return file

    def _sync(self) -> None:
        while True:
            with self._state:
                self._state.wait_for(lambda: self._is_unsynced or self._is_closed)
                self._state.wait_for(lambda: self._is_closed, SYNC_SECONDS)
                if self._is_closed:
                    return
                changed = bool(self._waiting) and self._write()
                self._is_unsynced = bool(self._waiting)
            self._write_to_disk()
            if (changed or self.is_lost) and not self._is_closed:
                self._on_change(self._failure)
            if self.is_lost:
                return

    def _write_to_disk(self) -> None:
        """Sync through a separate handle, so that edits do not wait for the disk."""
        try:
            with self._state:
                if self._file is None:
                    return
                handle = os.dup(self._file.fileno())
            try:
                os.fsync(handle)
                removed = os.name == "posix" and not os.fstat(handle).st_nlink
            finally:
                os.close(handle)
            if removed:
                raise FileNotFoundError(errno.ENOENT, "somebody removed the file")
            if self._is_new:
                self._is_new = False
                sync_folder(self._folder)
            self.is_on_disk = self._size > 0
        except OSError as error:
            self._failure, self.is_lost = error, True


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _write_all(file: BinaryIO, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]
