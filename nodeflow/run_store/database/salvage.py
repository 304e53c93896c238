"""Recovery of a damaged database: every readable row is copied into a new one.

SQLite stops a query at the first damaged page. So each table is read from its beginning and from
its end, without its indexes; only rows on the damaged pages are lost. The header of the file and
the definitions of its tables are known. If they are damaged, they are restored in a copy.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from pathlib import Path
from typing import Any

from nodeflow.run_store.database.schema_migrations import STEPS

DAMAGE = (sqlite3.Error, UnicodeDecodeError)
"""Errors of reading; a UnicodeDecodeError if SQLite's message quotes a damaged name."""


MAGIC = b"SQLite format 3\0"
HEADER = {0: MAGIC + b"\x10\0", 20: bytes([0, 64, 32, 32]), 56: bytes([0, 0, 0, 1])}
"""Fixed bytes in the header of every store, by offset, such as page size 4096 and UTF-8 texts."""


def readable(source: sqlite3.Connection | None, path: Path) -> sqlite3.Connection:
    """Return a temporary database, in the current version, with all readable rows of a damaged one.

    Args:
        source: a connection to the damaged database, if it can be opened.
        path: the damaged file.

    Raises:
        sqlite3.Error: nothing can be read.
    """
    try:
        if source is not None and _schema(source) in _known_schemas():
            return salvaged(source)
    except DAMAGE:
        pass  # read a copy with a restored schema
    with tempfile.TemporaryDirectory(prefix="nodeflow-runs-") as folder:
        copy = Path(folder) / path.name
        for end in ("", "-wal"):
            if (file := Path(f"{path}{end}")).exists():
                shutil.copyfile(file, f"{copy}{end}")
        mend_header(copy)
        connection = connected(str(copy))
        try:
            _mend_schema(connection)
        finally:
            connection.close()
        connection = connected(str(copy))
        try:
            return salvaged(connection)
        finally:
            connection.close()


def mend_header(path: Path) -> None:
    """Repair the header of an SQLite file: restore the bytes that have the same value in every
    valid file.
    """
    with open(path, "r+b") as file:
        before = file.read(100)
        header = bytearray(before)
        for place, content in HEADER.items():
            header[place : place + len(content)] = content
        if header[18] not in (1, 2) or header[19] != header[18]:
            header[18:20] = b"\2\2"
        if not 1 <= int.from_bytes(header[44:48], "big") <= 4:
            header[44:48] = bytes([0, 0, 0, 4])
        if header != before and len(before) == 100:
            file.seek(0)
            file.write(header)


def _schema(connection: sqlite3.Connection) -> list[tuple[Any, ...]]:
    """Return type, name, table and definition of each object in a database, oldest first."""
    query = "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY rowid"
    return [tuple(row) for row in connection.execute(query)]


def _known_schemas() -> list[list[tuple[Any, ...]]]:
    """Return the schema of each version."""
    found = []
    connection = connected("")
    for step in STEPS:
        for statement in step:
            connection.execute(statement)
        found.append(_schema(connection))
    connection.close()
    return found


def _mend_schema(connection: sqlite3.Connection) -> None:
    """Restore the schema of a database from the known schema that is most similar to it."""
    connection.execute("PRAGMA writable_schema = ON")  # also opens a schema that cannot be parsed
    rows = connection.execute("SELECT rowid, type, name, tbl_name, sql FROM sqlite_master")
    found = sorted((tuple(row) for row in rows), key=lambda row: row[0])  # cells may have any type
    fitting = [known for known in _known_schemas() if len(known) == len(found)]
    if not fitting:
        raise sqlite3.DatabaseError("database disk image is malformed")
    same = lambda known: sum(a == b[1:] for a, b in zip(known, found, strict=True))  # noqa: E731
    for wanted, (rowid, *_) in zip(max(fitting, key=same), found, strict=True):
        connection.execute(
            "UPDATE sqlite_master SET type = ?, name = ?, tbl_name = ?, sql = ? WHERE rowid = ?",
            (*wanted, rowid),
        )


def salvaged(source: sqlite3.Connection) -> sqlite3.Connection:
    """Return a temporary database, in the current version, with the readable rows of ``source``.

    Raises:
        sqlite3.Error: nothing can be read.
    """
    target = connected("")
    for step in STEPS:
        for statement in step:
            target.execute(statement)
    target.execute(f"PRAGMA user_version = {len(STEPS)}")
    target.execute("BEGIN")
    for table, order in _tables(target).items():
        _copy(source, target, table, order)
    target.execute("COMMIT")
    return target


def connected(place: str, **how: Any) -> sqlite3.Connection:
    """Return a connection to a database that reads a text as bytes if it is not UTF-8."""
    connection = sqlite3.connect(place, isolation_level=None, check_same_thread=False, **how)
    connection.row_factory = sqlite3.Row
    connection.text_factory = _text
    return connection


def _text(data: bytes) -> str | bytes:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


def _tables(target: sqlite3.Connection) -> dict[str, str]:
    """Return the tables of a database by name, each with the column that gives the order of its
    rows: the ``rowid``, or the primary key if there is none.

    The table ``runs`` comes first, because other tables refer to it.
    """
    found = {}
    for row in target.execute("PRAGMA table_list").fetchall():
        if row["schema"] == "main" and not row["name"].startswith("sqlite_"):
            keys = [one["name"] for one in _columns(target, row["name"]) if one["pk"]]
            found[row["name"]] = ", ".join(keys) if row["wr"] else "rowid"
    return dict(sorted(found.items(), key=lambda one: one[0] != "runs"))


def _columns(connection: sqlite3.Connection, table: str) -> list[sqlite3.Row]:
    return connection.execute(f"PRAGMA table_info({table})").fetchall()


def _copy(source: sqlite3.Connection, target: sqlite3.Connection, table: str, order: str) -> None:
    """Copy the rows of a table; of several rows with the same key, copy only the first."""
    here = {row["name"] for row in _columns(source, table)}
    columns = [row for row in _columns(target, table) if row["name"] in here]
    names = ", ".join(row["name"] for row in columns)
    needed = [bool(row["notnull"] or row["pk"]) for row in columns]
    insert = f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({', '.join('?' * len(columns))})"
    for direction in ("ASC", "DESC") if columns else ():
        by = ", ".join(f"{one} {direction}" for one in order.split(", "))
        try:
            for row in source.execute(f"SELECT {names} FROM {table} NOT INDEXED ORDER BY {by}"):
                cells = zip(row, needed, strict=True)  # keep a row even if a cell is missing
                target.execute(insert, ["" if c is None and needs else c for c, needs in cells])
            return
        except DAMAGE:
            continue  # then from the other end, up to the damaged page
