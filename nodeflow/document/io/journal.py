"""A crash journal: the changes since the last save, on disk after every edit.

A journal is a text file in the user's state folder: the path of the document, its content after the
first edit, and each further change (`journal_format`). `journal_file` writes it to disk and handles
a full disk. Recovery replays it up to the first damaged line, and reports how many changes are
missing. Saving or closing removes it.

Learned weights are kept beside it until they are saved elsewhere (`keep_weights`).

An open journal is locked, so that another window does not offer to recover a document that is being
edited. The lock ends with the process.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from nodeflow.document.io import flow, journal_format
from nodeflow.document.io.file_lock import try_lock
from nodeflow.document.io.journal_file import JournalFile
from nodeflow.document.model.document import Document
from nodeflow.document.model.errors import JournalError
from nodeflow.document.model.records import Change
from nodeflow.errors import NodeflowError
from nodeflow.file_reading import open_own, within_memory
from nodeflow.paths import journal_folder

SUFFIX = ".journal"
WEIGHTS = ".safetensors"
_IMPOSSIBLE = (
    *(NodeflowError, AssertionError, AttributeError, IndexError, KeyError, RecursionError),
    *(RuntimeError, TypeError, ValueError),
)
"""Errors from applying and saving a change that does not fit the document."""
_EMPTY = 4096
"""Some file systems leave a block of zeros in a file that was empty at a crash."""


class Journal:
    """A recorder of a document's changes until it is saved or closed.

    Nothing is written before the first edit. If the journal cannot be written, editing continues,
    and the missing changes are written as soon as possible.

    Args:
        digest: returns the SHA-256 of the document's file as it was last read or written.
        on_failure: called with the error when the journal cannot be written any more, and with
            None when it is complete again; on any thread.
    """

    def __init__(
        self,
        doc: Document,
        folder: Path | None = None,
        on_failure: Callable[[JournalError | None], None] | None = None,
        digest: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._doc = doc
        self._folder = folder or journal_folder()
        self._on_failure = on_failure
        self._digest = digest
        self._file: JournalFile | None = None
        self._lost: JournalFile | None = None
        """A file that is being replaced; it is removed when the new one is complete."""
        self._lines = 0
        self._unsubscribe = doc.subscribe(self._record)

    @property
    def path(self) -> Path | None:
        """The journal's file, or None while there is nothing to recover."""
        return None if self._file is None else self._file.path

    @property
    def is_on_disk(self) -> bool:
        """True if the document, at least in its state after the first edit, survives a power
        cut.
        """
        return self._is_whole and self._file is not None and self._file.is_on_disk

    def keep_weights(self) -> Path | None:
        """Return a path to write learned weights to, so that a crash does not lose them.

        From then on, the file is removed with the journal. Return None if the journal cannot be
        written.
        """
        if self._file is None or self._file.is_lost:
            self._begin()
        assert self._file is not None
        return self._file.path.with_suffix(WEIGHTS) if self._is_whole and self._file.path else None

    @property
    def kept_weights(self) -> Path | None:
        """The file of learned weights beside the journal, or None."""
        path = None if self.path is None else self.path.with_suffix(WEIGHTS)
        return path if path is not None and path.is_file() else None

    def drop_weights(self) -> None:
        """Remove the file of learned weights, after they were saved elsewhere."""
        if self.path is not None:
            self.path.with_suffix(WEIGHTS).unlink(missing_ok=True)

    def saved(self) -> None:
        """Remove the journal of a saved document; the next edit begins another."""
        self._remove()

    def close(self) -> None:
        """Remove the journal of a closed document and stop recording."""
        self._unsubscribe()
        self._remove()

    @property
    def _is_whole(self) -> bool:
        return self._file is not None and self._file.is_whole

    def _record(self, change: Change) -> None:
        if self._file is None or self._file.is_lost:
            self._begin()  # its initial content includes this change
        else:
            self._file.append(journal_format.line(self._lines, change.text))
            self._lines += 1
        self._forget_lost()

    def _begin(self) -> None:
        header = {
            "path": None if self._doc.path is None else str(self._doc.path.absolute()),
            "digest": self._digest(),
            "started": time.time(),
            "revision": self._doc.revision,
            "modified": self._doc.is_modified,
        }
        self._lost, self._file = (
            self._lost or self._file,
            JournalFile(self._folder, SUFFIX, self._on_change),
        )
        self._file.append(journal_format.first_lines(header, flow.dumps(self._doc)))
        self._lines = 2

    def _on_change(self, error: OSError | None) -> None:
        if self._on_failure is None:
            return
        if error is None:
            self._on_failure(None)
            return
        self._on_failure(
            JournalError(
                f"edits cannot be kept for recovery: {error.strerror or error}",
                hint="Save now and then until they can be; the journal's folder is "
                + os.fsencode(self._folder).decode(errors="replace"),
            )
        )

    def _forget_lost(self) -> None:
        """Remove the previous journal file once the one that replaces it is complete."""
        lost, new = self._lost, self._file
        if lost is None or not self._is_whole or new is None or new.path is None:
            return
        if lost.path is not None:
            with contextlib.suppress(OSError):
                os.replace(lost.path.with_suffix(WEIGHTS), new.path.with_suffix(WEIGHTS))
        lost.remove()
        self._lost = None
        self._on_change(None)

    def _remove(self) -> None:
        with contextlib.suppress(OSError):
            self.drop_weights()
        for file in (self._lost, self._file):
            if file is not None:
                file.remove()
        self._file = self._lost = None


@dataclass(frozen=True)
class Recovered:
    """The recoverable content of a journal.

    Attributes:
        document: the document as before the crash, marked as modified and with its `path`.
        missing: the number of later changes that were damaged, so that the document lacks them.
        digest: the SHA-256 of the document's file when it was last read or written; None if
            unknown.
        says_digest: whether the journal's version stores digests; version 1 does not.
    """

    document: Document
    missing: int
    digest: str | None
    says_digest: bool


@dataclass(frozen=True)
class Recoverable:
    """A journal left by a crash.

    `document` is the file that was edited (None if it was never saved, or is unknown). `modified`
    is the time of the last edit, in seconds since 1970. `problem` is the reason why nothing can be
    recovered.
    """

    journal: Path
    document: Path | None
    modified: float
    problem: str = ""

    def recover(self) -> Recovered:
        """Return the document as it was before the crash; raise JournalError."""
        return recover(self.journal)

    def hold(self) -> BinaryIO | None:
        """Stop other windows from offering the journal until the returned file is closed.

        Return None if another window has it, or if it is gone.
        """
        try:
            file = open_own(self.journal)
        except (OSError, ValueError):
            return None
        if try_lock(file):
            return file
        file.close()
        return None

    @property
    def weights(self) -> Path | None:
        """The file of learned weights that were not saved, or None."""
        path = self.journal.with_suffix(WEIGHTS)
        return path if path.exists() else None

    def discard_unless_held(self) -> None:
        """Remove the journal, unless another window has restored it in the meantime."""
        held = self.hold()
        if held is not None:
            held.close()  # Windows cannot remove an open file
            self.discard()

    def discard(self) -> None:
        """Remove the journal and the weights beside it; ignore a file that cannot be removed."""
        for path in (self.journal.with_suffix(WEIGHTS), self.journal):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)


def pending(folder: Path | None = None) -> list[Recoverable]:
    """Return the journals left by crashes: recoverable ones first, newest first, then damaged ones.

    Remove journals that a crash left empty.
    """
    found: list[Recoverable] = []
    with contextlib.suppress(OSError):
        for path in (folder or journal_folder()).glob(f"*{SUFFIX}"):
            with contextlib.suppress(OSError):  # removed meanwhile, or not ours to read
                found += _left(path)
    return sorted(found, key=lambda item: (bool(item.problem), -item.modified))


def _left(path: Path) -> list[Recoverable]:
    """Return the recoverable journal in a file, as a list; empty if a window has it. Raise
    OSError.
    """
    with open_own(path) as file:
        if not try_lock(file):
            return []
        modified = os.fstat(file.fileno()).st_mtime
        first = file.readline()
        is_empty = not first.strip(b"\0 \r\n") and len(first) <= _EMPTY and not file.read(1)
        header, problem = None, ""
        try:
            header = journal_format.read_header(first)
        except ValueError as error:
            problem = str(error)
        # it was begun for weights that are gone by now
        if header is not None and not header.modified:
            file.readline()
            is_empty = not file.read(1)
        if is_empty and not path.with_suffix(WEIGHTS).exists():
            path.unlink(missing_ok=True)
            return []
    if header is None:
        return [Recoverable(path, None, modified, problem)]
    return [Recoverable(path, header.path, modified)]


def recover(path: Path) -> Recovered:
    """Replay a journal up to the first damaged line.

    Raises:
        JournalError: it cannot be read, or no document is left before the damage.
    """
    try:
        with within_memory(f"the journal {path}"):
            with open_own(Path(path)) as file:
                content = journal_format.read(file.read())
            doc, applied = _replayed(content)
    except (OSError, ValueError, NodeflowError) as error:
        raise JournalError(f"the journal {path} cannot be read: {error}") from error
    header = content.header
    doc.path = header.path
    doc.mark_modified()
    missing = content.missing + len(content.changes) - applied
    return Recovered(doc, missing, header.digest, header.version > 1)


def _replayed(content: journal_format.Content) -> tuple[Document, int]:
    """Return the document after as many changes as leave it valid, and the number of these changes.

    A change can have the right checksum and yet be impossible, such as a wire to no node.

    Raises:
        NodeflowError: the document in the journal is invalid.
    """
    base = content.header.base or ""
    good, bad = 0, len(content.changes) + 1
    found = _after(base, content.changes)
    if found is not None:
        return found, len(content.changes)
    found = flow.loads(base)
    while bad - good > 1:
        count = (good + bad) // 2
        doc = _after(base, content.changes[:count])
        if doc is None:
            bad = count
        else:
            good, found = count, doc
    return found, good


def _after(base: str, changes: Sequence[Change]) -> Document | None:
    """Return the document after these changes, validated like a file; None if one is impossible."""
    doc, version = flow.at_version(base)
    try:
        for change in changes:
            doc.apply_change(change)
        return flow.loads(flow.dumps(doc, version=version))
    except _IMPOSSIBLE:
        return None
