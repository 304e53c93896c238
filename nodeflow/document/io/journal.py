"""A crash journal: the changes since the last save, on disk after every edit.

A journal is a text file in the user's state folder. Its first line holds the path of the document
and its content after the first edit; each further line is one change. Replaying ignores a line
that a crash truncated. Saving or closing removes the journal.

Learned weights lie beside it while they are not saved elsewhere (`keep_weights`).

An open journal is locked, so that another window does not offer to recover a document that is
being edited; the lock ends with the process.
"""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from nodeflow.document.io import flow
from nodeflow.document.io.file_lock import lock, try_lock
from nodeflow.document.model.document import Document
from nodeflow.document.model.errors import JournalError
from nodeflow.document.model.records import Change, compact_json
from nodeflow.errors import NodeflowError
from nodeflow.paths import journal_folder

SUFFIX = ".journal"
WEIGHTS = ".safetensors"


class Journal:
    """Records a document's changes until it is saved or closed.

    Nothing is written before the first edit. `on_failure(error)` is called once if the journal
    cannot be written; editing continues without it.
    """

    def __init__(
        self,
        doc: Document,
        folder: Path | None = None,
        on_failure: Callable[[JournalError], None] | None = None,
    ) -> None:
        self._doc = doc
        self._folder = folder or journal_folder()
        self._on_failure = on_failure
        self._file: IO[str] | None = None
        self._path: Path | None = None
        self._failed = False
        self._unsubscribe = doc.subscribe(self._record)

    @property
    def path(self) -> Path | None:
        """The journal's file, or None while there is nothing to recover."""
        return self._path

    def keep_weights(self) -> Path | None:
        """Returns where to write learned weights, so that a crash does not lose them.

        The file belongs to the journal from then on. None if the journal cannot be written.
        """
        if self._path is None:
            self._write(None)
        return None if self._path is None else self._path.with_suffix(WEIGHTS)

    @property
    def kept_weights(self) -> Path | None:
        """The weights that were written there, or None."""
        path = None if self._path is None else self._path.with_suffix(WEIGHTS)
        return path if path is not None and path.is_file() else None

    def drop_weights(self) -> None:
        """Removes the weights, which are safe elsewhere."""
        if self._path is not None:
            self._path.with_suffix(WEIGHTS).unlink(missing_ok=True)

    def saved(self) -> None:
        """Removes the journal of a saved document; the next edit begins another."""
        self._remove()

    def close(self) -> None:
        """Removes the journal of a closed document and stops recording."""
        self._unsubscribe()
        self._remove()

    def _record(self, change: Change) -> None:
        self._write(change.text)

    def _write(self, change: str | None) -> None:
        """Begins the journal, if there is none, or adds a change to it."""
        if self._failed:
            return
        try:
            if self._file is None:
                self._file = self._begin()  # its initial content includes this change
            elif change is not None:
                self._file.write(change + "\n")
            self._file.flush()
        except OSError as error:
            self._failed = True
            failure = JournalError(
                f"edits cannot be kept for recovery: {error.strerror or error}",
                hint="Save often; the journal's folder is " + str(self._folder),
            )
            if self._on_failure is not None:
                self._on_failure(failure)

    def _begin(self) -> IO[str]:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._path = self._folder / f"{uuid.uuid4().hex}{SUFFIX}"
        file = open(self._path, "x", encoding="utf-8")  # noqa: SIM115  closed by _remove
        os.chmod(self._path, 0o600)
        lock(file)
        header = {
            "journal": 1,
            "path": None if self._doc.path is None else str(self._doc.path.absolute()),
            "started": time.time(),
            "revision": self._doc.revision,
            "base": flow.dumps(self._doc),
        }
        file.write(compact_json(header) + "\n")
        return file

    def _remove(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
        if self._path is not None:
            self.drop_weights()
            self._path.unlink(missing_ok=True)
            self._path = None


@dataclass(frozen=True)
class Recoverable:
    """A journal left by a crash.

    `document` is the file that was edited (None: never saved), `modified` when the last edit was
    written, in seconds since 1970.
    """

    journal: Path
    document: Path | None
    modified: float

    def recover(self) -> Document:
        """Returns the document as it was before the crash; raises JournalError."""
        return recover(self.journal)

    @property
    def weights(self) -> Path | None:
        """The file of learned weights that were not saved, or None."""
        path = self.journal.with_suffix(WEIGHTS)
        return path if path.exists() else None

    def discard(self) -> None:
        """Removes the journal, with the weights beside it."""
        self.journal.with_suffix(WEIGHTS).unlink(missing_ok=True)
        self.journal.unlink(missing_ok=True)


def pending(folder: Path | None = None) -> list[Recoverable]:
    """Returns the journals left by crashes, newest first."""
    found = []
    for path in (folder or journal_folder()).glob(f"*{SUFFIX}"):
        try:
            with open(path, encoding="utf-8") as file:
                if not try_lock(file):
                    continue
                header = json.loads(file.readline())
            document = header.get("path")
            modified = path.stat().st_mtime
        except (OSError, ValueError, AttributeError):
            continue  # another program's, or removed meanwhile
        found.append(Recoverable(path, Path(document) if document else None, modified))
    return sorted(found, key=lambda item: -item.modified)


def recover(path: Path) -> Document:
    """Replays a journal; returns the document, marked as modified and with its `path`.

    Raises:
        JournalError: the journal cannot be read, or its first line is damaged.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").split("\n")
        header = json.loads(lines[0])
        doc = flow.loads(header["base"])
    except (OSError, ValueError, KeyError, TypeError, NodeflowError) as error:
        raise JournalError(f"the journal {path} cannot be read: {error}") from error
    for line in lines[1:]:
        change = _read_change(line)
        if change is None:
            break
        try:
            doc.apply_change(change)
        except (NodeflowError, TypeError, ValueError) as error:
            raise JournalError(f"the journal {path} does not fit its document: {error}") from error
    doc.path = Path(header["path"]) if header.get("path") else None
    doc.mark_modified()
    return doc


def _read_change(line: str) -> Change | None:
    """The change in a line, or None if a crash truncated it."""
    try:
        return Change.from_text(line)
    except (ValueError, KeyError, TypeError):
        return None
