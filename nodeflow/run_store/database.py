"""A connection to the store's database: made if it is not there, brought to this version, and
shared by any number of processes.

Writes go through a write-ahead log, so that readers and writers do not wait for each other and a
killed process damages nothing. A file system without shared memory maps gets a rollback journal.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from nodeflow.run_store.errors import RunStoreProblem
from nodeflow.run_store.schema import STEPS

FILE = "runs.sqlite"
WAIT_SECONDS = 10.0
"""How long a write waits for those of other processes."""
NETWORK = ("nfs", "cifs", "smb", "9p", "afs", "fuse.sshfs", "davfs")
"""File systems whose maps are not shared between machines, though each machine has them."""


class Database:
    """One connection, for one thread at a time.

    Args:
        folder: where the file is; made if it is not there.
        write: whether something is to be written: otherwise nothing is made or changed.

    Raises:
        RunStoreProblem: it cannot be opened.
    """

    def __init__(self, folder: Path, write: bool = True) -> None:
        self.path = folder / FILE
        try:
            if write:
                folder.mkdir(parents=True, exist_ok=True)
                self._connection = self._open("rwc")
                self._prepare(folder)
            else:
                self._connection = self._open_to_read()
        except (sqlite3.Error, OSError) as error:
            with contextlib.suppress(AttributeError):
                self._connection.close()
            raise problem(self.path, error) from None

    def _open(self, mode: str) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"{self.path.absolute().as_uri()}?mode={mode}",
            uri=True,
            timeout=WAIT_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        connection.row_factory = sqlite3.Row
        return connection

    def _prepare(self, folder: Path) -> None:
        run = self._connection.execute
        if not self._version():
            run("PRAGMA auto_vacuum = INCREMENTAL")  # before the first table
            self._set_journal("WAL" if shares_memory(folder) else "DELETE")
        run("PRAGMA synchronous = NORMAL")
        run("PRAGMA foreign_keys = ON")
        if self._version() < len(STEPS):
            with self.writing():
                for step in STEPS[self._version() :]:
                    for statement in step:
                        run(statement)
                run(f"PRAGMA user_version = {len(STEPS)}")
        self._check_version()

    def _open_to_read(self) -> sqlite3.Connection:
        """Also where nothing can be written, not even the index of the log."""
        if not self.path.exists():
            raise FileNotFoundError(2, "there is no such file", str(self.path))
        writable = os.access(self.path, os.W_OK)
        self._connection = self._open("rw" if writable else "ro")
        try:
            if writable and self._version() < len(STEPS):
                self._prepare(self.path.parent)
            self._check_version()
        except sqlite3.OperationalError:
            self._connection.close()
            self._connection = self._open("ro&immutable=1")
            self._check_version()
        return self._connection

    def _set_journal(self, mode: str) -> None:
        """Another process may do the same, and SQLite does not wait for it."""
        end = time.monotonic() + WAIT_SECONDS
        while True:
            try:
                self._connection.execute(f"PRAGMA journal_mode = {mode}")
                return
            except sqlite3.OperationalError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.02)

    def _version(self) -> int:
        return self._connection.execute("PRAGMA user_version").fetchone()[0]

    def _check_version(self) -> None:
        if (version := self._version()) > len(STEPS):
            raise RunStoreProblem(
                f"a later version of nodeflow wrote {self.path}: it has version {version} of the "
                f"tables, and this program reads {len(STEPS)}",
                hint="Update nodeflow, or set NODEFLOW_RUNS to another folder.",
            )

    @property
    def journal(self) -> str:
        """How writes are made safe: ``wal``, or ``delete`` for a rollback journal."""
        return self._connection.execute("PRAGMA journal_mode").fetchone()[0]

    # ---- reading and writing ------------------------------------------------------------------

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """The rows that a query gives; raises RunStoreProblem."""
        try:
            return self._connection.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise problem(self.path, error) from None

    def run(self, statement: str, values: Sequence[Any] = ()) -> int:
        """Run a statement inside `writing`; returns how many rows it changed."""
        return self._connection.execute(statement, values).rowcount

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """A transaction: all of it is written, or nothing. Raises RunStoreProblem."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise problem(self.path, error) from None

    def used_bytes(self) -> int:
        """What the database takes, without pages that are free."""
        pages, free, size = (
            self.rows(f"PRAGMA {name}")[0][0]
            for name in ("page_count", "freelist_count", "page_size")
        )
        return (pages - free) * size

    def give_back(self) -> None:
        """Give free pages back to the file system, where nobody else writes right now."""
        with contextlib.suppress(sqlite3.Error):
            self._connection.execute("PRAGMA incremental_vacuum").fetchall()

    def close(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()


def problem(path: Path, error: sqlite3.Error | OSError) -> RunStoreProblem:
    """An error of SQLite or of the system in words."""
    if isinstance(error, OSError):
        return RunStoreProblem(f"cannot open {path}: {error.strerror or error}")
    text = str(error)
    hint = "Set NODEFLOW_RUNS to another folder, or to off."
    if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
        hint = f"Move {path.name} away to begin a new one."
    elif "full" in text:
        hint = "Make room on the disk, or delete runs."
    return RunStoreProblem(f"the store of runs {path} cannot be used: {text}", hint=hint)


def shares_memory(folder: Path) -> bool:
    """Whether processes can share memory maps of files there, which a write-ahead log needs."""
    if file_system(folder).startswith(NETWORK):
        return False
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(mmap.PAGESIZE))
            file.flush()
            mmap.mmap(file.fileno(), mmap.PAGESIZE).close()
    except (OSError, ValueError):
        return False
    return True


def file_system(folder: Path) -> str:
    """The kind of file system of a folder on Linux; empty where that is not known."""
    if not sys.platform.startswith("linux"):
        return ""
    place, found = os.path.realpath(folder), ("", "")
    try:
        lines = Path("/proc/self/mounts").read_text(errors="replace").splitlines()
    except OSError:
        return ""
    for line in lines:
        _, point, kind, *_ = line.split(" ")
        point = point.replace("\\040", " ")
        if os.path.commonpath([place, point]) == point and len(point) >= len(found[0]):
            found = point, kind
    return found[1]


def read_database(folder: Path) -> Database | None:
    """The database to read from; None where nothing was kept yet."""
    if not (folder / FILE).exists():
        return None
    return Database(folder, write=False)
