"""Earlier versions of files, kept in the user's data folder and found by the file's path.

There are three kinds: saved versions (the last few), versions written by others that a save
replaced, and unsaved edits that a window gave up for another version. A version is a compressed
`.flow` file. Its name contains its time, kind, size and digest, so a folder needs no index.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import os
import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from nodeflow.document.io import flow
from nodeflow.document.io.atomic_write import write_atomically
from nodeflow.document.model.document import Document
from nodeflow.document.model.errors import FlowRead, FlowWrite
from nodeflow.file_reading import open_own
from nodeflow.paths import backups_folder

Kind = Literal["saved", "replaced", "left"]

MOST_APART = 20
"""The number of replaced, and of given up, versions kept per file."""
ABOUT = "about.json"
_NAME = re.compile(r"(\d{20})-(saved|replaced|left)-(\d+)-([0-9a-f]{64})\.flow\.gz")


@dataclass(frozen=True)
class Backup:
    """One kept version of a file.

    Attributes:
        file: the path of the version.
        time: when it was saved, replaced or given up, in seconds since 1970.
        kind: ``saved``, ``replaced`` (written by others, replaced by a save of the user) or
            ``left`` (unsaved edits of the user, given up for another version).
        size: bytes of the `.flow` file.
        digest: the SHA-256 of the `.flow` file.
    """

    file: Path
    time: float
    kind: Kind
    size: int
    digest: str

    def content(self) -> bytes:
        """Return the content of the `.flow` file.

        Raises:
            FlowRead: it cannot be read, or is damaged.
        """
        try:
            with open_own(self.file) as raw, gzip.open(raw) as file:
                content = file.read(self.size + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise FlowRead(f"cannot read the version {self.file}: {error}") from error
        if hashlib.sha256(content).hexdigest() != self.digest:
            raise FlowRead(f"the version {self.file} is damaged")
        return content

    def document(self) -> Document:
        """Return the document of this version, without a path.

        Raises:
            FileProblem: the version cannot be read, or is no graph.
        """
        return flow.loads(self.content().decode("utf-8-sig", errors="replace"))


def keep(
    path: Path,
    content: bytes,
    kind: Kind,
    time: float,
    most: int = MOST_APART,
    folder: Path | None = None,
) -> Backup | None:
    """Keep a version of the file ``path``, and only the newest ``most`` versions of its kind.

    Returns:
        The version; None if the newest version of its kind has equal content, or if ``most`` is 0.

    Raises:
        FlowWrite: the version cannot be written.
    """
    own = _folder(path, folder)
    digest = hashlib.sha256(content).hexdigest()
    before = [b for b in backups_of(path, folder) if b.kind == kind]
    made = None
    if most and not (before and before[0].digest == digest):
        name = f"{int(time * 1e9):020d}-{kind}-{len(content)}-{digest}.flow.gz"
        made = Backup(own / name, time, kind, len(content), digest)
        try:
            own.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not (own / ABOUT).exists():  # for people who look into the folder
                write_atomically(own / ABOUT, json.dumps({"path": str(path.absolute())}).encode())
        except OSError as error:
            raise FlowWrite(f"cannot keep a version of {path}: {error.strerror}") from error
        write_atomically(made.file, gzip.compress(content, 6, mtime=0))
        before = sorted([made, *before], key=lambda backup: -backup.time)
    _remove(before[most:])
    return made


def backups_of(path: Path, folder: Path | None = None) -> list[Backup]:
    """Return the versions of a file, the newest first."""
    found = []
    with contextlib.suppress(OSError):
        for file in _folder(path, folder).iterdir():
            backup = backup_in(file)
            if backup is not None:
                found.append(backup)
    return sorted(found, key=lambda backup: -backup.time)


def backup_in(file: Path) -> Backup | None:
    """Return the version that a file's name describes; None for any other name."""
    name = _NAME.fullmatch(file.name)
    if name is None:
        return None
    time, kind, size, digest = name.groups()
    return Backup(file, int(time) / 1e9, _KINDS[kind], int(size), digest)


_KINDS: dict[str, Kind] = {"saved": "saved", "replaced": "replaced", "left": "left"}


def _remove(backups: Iterable[Backup]) -> None:
    for backup in backups:
        with contextlib.suppress(OSError):
            backup.file.unlink(missing_ok=True)


def _folder(path: Path, folder: Path | None) -> Path:
    """Return the folder of a file's versions, the same for all names of the file."""
    name = os.path.normcase(os.path.realpath(path))
    return (folder or backups_folder()) / hashlib.sha256(os.fsencode(name)).hexdigest()[:32]
