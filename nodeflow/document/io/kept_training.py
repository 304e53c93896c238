"""A window's training on disk, so that it can continue after a crash or a stop.

Each training has a folder in the user's state folder, with the trained document and the checkpoints
that the engine writes. The window that owns it holds a lock, which ends with its process, so
another window does not offer to continue a training that is running.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from nodeflow.atomic_write import write_atomically, writing
from nodeflow.document.io import flow
from nodeflow.document.io.file_lock import lock, try_lock
from nodeflow.document.io.known_file import KnownFile, digest_of
from nodeflow.document.model.document import Document
from nodeflow.errors import NodeflowError
from nodeflow.file_reading import read_own_text
from nodeflow.paths import trainings_folder
from nodeflow.train.resume.checkpoints import existing, newest_step

LOCK, ABOUT, DOCUMENT, STATES = "lock", "about.json", "document.flow", "states"
BEGUN_SECONDS = 60.0
"""A younger folder without a lock may belong to a window that is about to lock it."""


class KeptTraining:
    """The folder of a training that this process owns.

    Attributes:
        states: the folder for the engine's checkpoints.
    """

    def __init__(self, folder: Path, held: IO[Any]) -> None:
        self._folder, self._held = folder, held
        self.states = folder / STATES

    @classmethod
    def begin(cls, document: Document, title: str, folder: Path | None = None) -> KeptTraining:
        """Make the folder of a new training.

        Raises:
            FileProblem: the folder cannot be written.
        """
        own = (folder or trainings_folder()) / uuid.uuid4().hex
        path = None if document.path is None else str(document.path.absolute())
        digest = None if document.path is None else digest_of(document.path)
        about = {"training": 1, "path": path, "digest": digest, "title": title}
        about["started"] = time.time()
        with contextlib.ExitStack() as undo, writing(own):
            own.mkdir(parents=True, mode=0o700)
            undo.callback(_remove, own)
            held = open(own / LOCK, "x")  # noqa: SIM115  closed by `discard`
            undo.callback(held.close)
            lock(held)
            write_atomically(own / DOCUMENT, flow.content_of(document))
            write_atomically(own / ABOUT, json.dumps(about).encode())
            undo.pop_all()
        return cls(own, held)

    @property
    def step(self) -> int:
        """The step to continue from; 0 if there is no checkpoint yet."""
        return newest_step(self.states)

    def discard(self) -> None:
        """Remove the folder of a finished or abandoned training.

        It is renamed first, so that an engine that is still writing no longer finds it.
        """
        gone = self._folder.with_name(f".{self._folder.name}")
        with contextlib.suppress(OSError):
            os.replace(self._folder, gone)
        with contextlib.suppress(OSError):
            self._held.close()
        for folder in (gone, self._folder):
            _remove(folder)


@dataclass(frozen=True)
class Unfinished:
    """A training that a crash interrupted.

    Attributes:
        path: the file that was trained; None if it was never saved.
        title: the document's title in the window.
        step: the step to continue from.
        modified: when that step was written, in seconds since 1970.
        digest: the SHA-256 of the file when the training began; None if unknown.
    """

    folder: Path
    path: Path | None
    title: str
    step: int
    modified: float
    digest: str | None = None

    @property
    def name(self) -> str:
        return self.path.name if self.path else self.title or "an untitled graph"

    @property
    def known(self) -> KnownFile | None:
        """The digest and path of the trained file when the training began; None if unknown."""
        return KnownFile(self.path, self.digest) if self.path and self.digest else None

    def document(self) -> Document:
        """Return the document as it was trained, with its path.

        Raises:
            FileProblem: it cannot be read.
        """
        document = flow.load(self.folder / DOCUMENT)
        document.path = self.path
        if self.path is None or not _is_content(self.path, document):
            document.mark_modified()
        return document

    def take(self) -> KeptTraining | None:
        """Take ownership of the training; return None if another window owns it in the meantime."""
        try:
            held = open(self.folder / LOCK, "r+")  # noqa: SIM115  closed by `discard`
        except OSError:
            return None
        if not try_lock(held):
            held.close()
            return None
        return KeptTraining(self.folder, held)

    def discard(self) -> None:
        """Remove the folder, unless another window owns it in the meantime."""
        if (kept := self.take()) is not None:
            kept.discard()


_SPOILT = OSError, ValueError, AttributeError, TypeError, RecursionError, NodeflowError
"""Errors from reading a damaged folder."""


def unfinished(folder: Path | None = None) -> list[Unfinished]:
    """Return the trainings that crashes interrupted, newest first; remove those without a
    checkpoint.
    """
    found = []
    for own in (folder or trainings_folder()).glob("*"):
        with contextlib.suppress(*_SPOILT):
            if own.name.startswith("."):
                _remove(own)
                continue
            if not (own / LOCK).exists() and time.time() - own.stat().st_mtime > BEGUN_SECONDS:
                _remove(own)  # the rest of an incomplete removal
                continue
            with open(own / LOCK, "r+") as held:
                if not try_lock(held):
                    continue
                step = newest_step(own / STATES)
                if not step:
                    _remove(own)
                    continue
            content = json.loads(read_own_text(own / ABOUT))
            path = content.get("path")
            modified = os.stat(existing(own / STATES)[-1]).st_mtime
            where = Path(path) if path else None
            title, digest = str(content.get("title") or ""), content.get("digest")
            digest = digest if isinstance(digest, str) else None
            found.append(Unfinished(own, where, title, step, modified, digest))
    return sorted(found, key=lambda one: -one.modified)


def _remove(folder: Path) -> None:
    """Remove a folder and its files. Files that cannot be removed now are skipped.

    `unfinished` finds and removes them later.
    """
    with contextlib.suppress(OSError):
        shutil.rmtree(folder, ignore_errors=True)


def _is_content(path: Path, document: Document) -> bool:
    try:
        return read_own_text(path) == flow.dumps(document)
    except (OSError, ValueError):
        return False
