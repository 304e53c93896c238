"""Reading a database whose pages are damaged: every row that can be reached, in a new database.

SQLite stops a query at the first damaged page. So each table is read from its beginning and from
its end, without its indexes; only rows of the damaged pages themselves are lost.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from nodeflow.run_store.schema import STEPS

DAMAGE = (sqlite3.Error, UnicodeDecodeError)
"""What reading raises; the second where a message of SQLite quotes a name that is damaged."""


def salvaged(source: sqlite3.Connection) -> sqlite3.Connection:
    """Return a private database with the rows of ``source`` that can be read, of this version.

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
    """Return a connection whose texts are bytes where they are not UTF-8."""
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
    """The order of the rows of each table in its file, by name; the runs first, whose keys others
    have."""
    found = {}
    for row in target.execute("PRAGMA table_list").fetchall():
        if row["schema"] == "main" and not row["name"].startswith("sqlite_"):
            keys = [one["name"] for one in _columns(target, row["name"]) if one["pk"]]
            found[row["name"]] = ", ".join(keys) if row["wr"] else "rowid"
    return dict(sorted(found.items(), key=lambda one: one[0] != "runs"))


def _columns(connection: sqlite3.Connection, table: str) -> list[sqlite3.Row]:
    return connection.execute(f"PRAGMA table_info({table})").fetchall()


def _copy(source: sqlite3.Connection, target: sqlite3.Connection, table: str, order: str) -> None:
    """Copy the rows of a table; of those with one key the first."""
    here = {row["name"] for row in _columns(source, table)}
    columns = [row for row in _columns(target, table) if row["name"] in here]
    names = ", ".join(row["name"] for row in columns)
    needed = [bool(row["notnull"] or row["pk"]) for row in columns]
    insert = f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({', '.join('?' * len(columns))})"
    for direction in ("ASC", "DESC") if columns else ():
        by = ", ".join(f"{one} {direction}" for one in order.split(", "))
        try:
            for row in source.execute(f"SELECT {names} FROM {table} NOT INDEXED ORDER BY {by}"):
                cells = zip(row, needed, strict=True)  # a row without a cell is still worth having
                target.execute(insert, ["" if c is None and needs else c for c, needs in cells])
            return
        except DAMAGE:
            continue  # from the other end, up to the damaged page
