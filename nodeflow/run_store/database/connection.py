"""A connection to the store's database, which any number of processes can share.

It creates a missing database, and updates an older one to this version. Writes go through a
write-ahead log, so that readers and writers do not wait for each other and a killed process damages
nothing. A file system without shared memory maps gets a rollback journal.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from nodeflow.run_store.database.salvage import DAMAGE, connected, mend_header, readable, salvaged
from nodeflow.run_store.database.schema_migrations import STEPS
from nodeflow.run_store.errors import RunStoreProblem
from nodeflow.visible_text import without_halves

FILE, RESERVE = "runs.sqlite", "runs.reserve"
RESERVED_BYTES = 1 << 19
"""Bytes of a spare file, whose removal makes room to delete runs on a full disk."""
SPARE_BYTES = 1 << 26
"""Bytes of free disk space below which no spare file is made."""
WAIT_SECONDS = 10.0
"""Seconds that a write waits for other processes."""
NETWORK = ("nfs", "cifs", "smb", "9p", "afs", "fuse.sshfs", "davfs")
"""Network file systems, whose memory maps are shared only within one machine."""


class Database:
    """A connection to the database, for one thread at a time.

    Args:
        folder: the folder of the file; made if it is missing.
        write: whether to open it for writing; otherwise nothing is made or changed.

    Attributes:
        notice: a notice about damaged pages, once some were found; else empty.

    Raises:
        RunStoreProblem: it cannot be opened.
    """

    def __init__(self, folder: Path, write: bool = True) -> None:
        self.path, self._write = folder / FILE, write
        self.notice = ""
        self._connection: sqlite3.Connection | None = None
        try:
            if write:
                folder.mkdir(parents=True, exist_ok=True)
                self._open_to_write(folder)
            else:
                self._open_to_read()
        except (*DAMAGE, OSError) as error:
            self.close()
            found = problem(self.path, error)
            if found.cause != "damaged" or not self._is_repaired():
                raise found from None
        except RunStoreProblem:
            self.close()
            raise

    def _is_repaired(self) -> bool:
        """Repair a database that cannot be opened; return whether that succeeded."""
        try:
            self.repair()
        except RunStoreProblem:
            self.close()
            return False
        return True

    @property
    def _open_one(self) -> sqlite3.Connection:
        assert self._connection is not None
        return self._connection

    def _open_to_write(self, folder: Path) -> None:
        try:
            self._connection = self._open("rwc")
            self._prepare(folder)
        except sqlite3.Error as error:
            if cause_of(error) != "full" or not self.use_reserve():
                raise
            self.close()
            self._connection = self._open("rwc")
            self._prepare(folder)
        self._set_aside()

    def _open(self, mode: str) -> sqlite3.Connection:
        place = f"{self.path.absolute().as_uri()}?mode={mode}"
        return connected(place, uri=True, timeout=WAIT_SECONDS)

    def _prepare(self, folder: Path) -> None:
        run = self._open_one.execute
        if not self._version():
            run("PRAGMA auto_vacuum = INCREMENTAL")  # before the first table
            self._set_journal("WAL" if shares_memory(folder) else "DELETE")
        run("PRAGMA synchronous = NORMAL")
        run("PRAGMA foreign_keys = ON")
        if self._version() < len(STEPS):
            with self._transaction():
                for step in STEPS[self._version() :]:
                    for statement in step:
                        run(statement)
                run(f"PRAGMA user_version = {len(STEPS)}")
        self._check_version()

    def _open_to_read(self) -> None:
        """Open the database for reading, even in a folder without write permission, where SQLite
        cannot create the index of the write-ahead log.
        """
        if not self.path.exists():
            raise FileNotFoundError(2, "there is no such file", str(self.path))
        writable = os.access(self.path, os.W_OK)
        self._connection = self._open("rw" if writable else "ro")
        try:
            if writable and self._version() < len(STEPS):
                self._prepare(self.path.parent)
            self._check_version()
        except sqlite3.OperationalError:
            self.close()
            self._connection = self._open("ro&immutable=1")
            self._check_version()
        if self._version() < len(STEPS):  # an older version that cannot be changed
            self._read_copy()

    def _read_copy(self) -> None:
        """Copy all readable rows into a temporary database with the current tables. Use this copy
        for reading from now on.
        """
        before = self._open_one
        self._connection = salvaged(before)
        before.close()

    def _set_journal(self, mode: str) -> None:
        """Set the journal mode. Retry if another process uses the file, because SQLite does not
        wait here.
        """
        end = time.monotonic() + WAIT_SECONDS
        while True:
            try:
                self._open_one.execute(f"PRAGMA journal_mode = {mode}")
                return
            except sqlite3.OperationalError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.02)

    def _version(self) -> int:
        return self._open_one.execute("PRAGMA user_version").fetchone()[0]

    def _check_version(self) -> None:
        if (version := self._version()) > MOST_VERSIONS:
            raise damaged()
        if version > len(STEPS):
            raise RunStoreProblem(
                f"a later version of nodeflow wrote {self.path}: it has version {version} of the "
                f"tables, and this program reads {len(STEPS)}",
                hint="Update nodeflow, or set NODEFLOW_RUNS to another folder.",
            )

    @property
    def journal(self) -> str:
        """The journal mode: ``wal``, or ``delete`` for a rollback journal."""
        return self._open_one.execute("PRAGMA journal_mode").fetchone()[0]

    # ---- reading and writing ------------------------------------------------------------------

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """Return the rows of a query; raise RunStoreProblem if they cannot be read.

        If a page is damaged, repair the database first, and return the rows that remain.
        """
        try:
            return self._open_one.execute(statement, _storable(values)).fetchall()
        except DAMAGE as error:
            found = problem(self.path, error)
            if found.cause != "damaged" or self._open_one.in_transaction or self.notice:
                raise found from None
            self.repair()
        return self.rows(statement, values)

    def repair(self) -> None:
        """Continue with the readable rows of a database with damaged pages, and set `notice`.

        A database that is open for writing is rewritten, and a copy of the damaged file is kept.

        Raises:
            RunStoreProblem: nothing can be read, or the file cannot be written.
        """
        self.notice = f"the store of runs {self.path} is damaged: its readable parts are used"
        try:
            copy = readable(self._connection, self.path)
            if not self._write:
                self.close()
                self._connection = copy
                return
            kept = self.path.with_name(f"{FILE}.damaged-{time.strftime('%Y%m%d-%H%M%S')}")
            for end in ("", "-wal"):
                if (file := Path(f"{self.path}{end}")).exists():
                    shutil.copyfile(file, f"{kept}{end}")
            if self._connection is None:
                mend_header(self.path)
                self._connection = self._open("rw")
            end = time.monotonic() + WAIT_SECONDS
            copy.backup(self._open_one, progress=lambda *_: _check_time(end))
            copy.close()
            self.notice += f"; the damaged file is kept as {kept.name}"
        except (*DAMAGE, OSError) as error:
            raise problem(self.path, error) from None

    def run(self, statement: str, values: Sequence[Any] = ()) -> int:
        """Run a statement inside `writing`, and return the number of rows that it changed."""
        return self._open_one.execute(statement, _storable(values)).rowcount

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Run the block as a transaction, which writes everything or nothing. Raise
        RunStoreProblem.
        """
        try:
            with self._transaction():
                yield
        except DAMAGE as error:
            raise problem(self.path, error) from None

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._open_one.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._open_one.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                self._open_one.execute("ROLLBACK")
            raise

    def used_bytes(self) -> int:
        """Return the size of the database, without free pages."""
        pages, free, size = (
            self.rows(f"PRAGMA {name}")[0][0]
            for name in ("page_count", "freelist_count", "page_size")
        )
        return (pages - free) * size

    def give_back(self) -> None:
        """Give free pages back to the file system, if no other process is writing."""
        with contextlib.suppress(sqlite3.Error):
            self._open_one.execute("PRAGMA incremental_vacuum").fetchall()

    def _set_aside(self) -> None:
        """Create a file that reserves disk space. On a full disk it is deleted to free the space
        that deleting runs needs.
        """
        place = self.path.with_name(RESERVE)
        with contextlib.suppress(OSError):
            if not place.exists() and shutil.disk_usage(self.path.parent).free > SPARE_BYTES:
                place.write_bytes(os.urandom(RESERVED_BYTES))  # a file of zeros may take no room

    def use_reserve(self) -> bool:
        """Delete the file that reserves disk space, so that the space can be used. Return whether
        it existed.
        """
        try:
            self.path.with_name(RESERVE).unlink()
        except OSError:
            return False
        return True

    def close(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None


def _check_time(end: float) -> None:
    """Raise TimeoutError if other processes have locked the database until ``end``."""
    if time.monotonic() > end:
        raise TimeoutError("it is locked")


CAUSES = {
    sqlite3.SQLITE_BUSY: "busy",
    sqlite3.SQLITE_LOCKED: "busy",
    sqlite3.SQLITE_CORRUPT: "damaged",
    sqlite3.SQLITE_NOTADB: "damaged",
    sqlite3.SQLITE_FULL: "full",
    sqlite3.SQLITE_IOERR: "full",
    sqlite3.SQLITE_CANTOPEN: "full",
}
"""The cause of each SQLite error. On a full disk, even the index of the log cannot be created."""
SCHEMA_ERRORS = ("malformed database schema", "no such", "unsupported file format", "table ")
"""Beginnings of messages about damaged definitions of tables."""


MOST_VERSIONS = 1000
"""The largest plausible version of the tables; a damaged file may have a larger number."""


def damaged() -> sqlite3.DatabaseError:
    """Return the error that SQLite raises for a damaged file."""
    error = sqlite3.DatabaseError("database disk image is malformed")
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


def cause_of(error: Exception) -> str:
    """Return the cause of an SQLite error: ``damaged``, ``full`` or ``busy``; "" for any other
    cause.
    """
    if isinstance(error, UnicodeDecodeError) or str(error).startswith(SCHEMA_ERRORS):
        return "damaged"
    return CAUSES.get(getattr(error, "sqlite_errorcode", 0) & 0xFF, "")


def problem(path: Path, error: Exception) -> RunStoreProblem:
    """Return the RunStoreProblem that describes an error of SQLite or of the system."""
    if isinstance(error, OSError):
        return RunStoreProblem(f"cannot open {path}: {error.strerror or error}")
    text, cause = str(error), cause_of(error)
    hint = "Set NODEFLOW_RUNS to another folder, or to off."
    if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
        hint = f"Move {path.name} away to begin a new one."
    elif "full" in text or cause == "full":
        hint = "Make room on the disk, or delete runs."
    found = RunStoreProblem(f"the store of runs {path} cannot be used: {text}", hint=hint)
    found.cause = cause
    return found


def shares_memory(folder: Path) -> bool:
    """Return whether processes can share memory maps of files in a folder.

    A write-ahead log needs that.
    """
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
    """Return the kind of file system of a folder on Linux; empty if unknown."""
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
    """Return the database for reading, or None if no run was ever kept."""
    if not (folder / FILE).exists():
        return None
    return Database(folder, write=False)


def _storable(values: Sequence[Any]) -> list[Any]:
    """Return values that SQLite can store: all texts in UTF-8, which file names may violate."""
    return [without_halves(value) if isinstance(value, str) else value for value in values]
