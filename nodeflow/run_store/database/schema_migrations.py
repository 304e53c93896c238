"""The tables of the database, one migration for each version. A released migration never
changes.
"""

from __future__ import annotations

FIRST = (
    """CREATE TABLE graphs (
        hash TEXT PRIMARY KEY,
        text BLOB NOT NULL  -- the .flow file, compressed by zlib
    ) WITHOUT ROWID""",
    """CREATE TABLE runs (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        file TEXT NOT NULL DEFAULT '',
        surface TEXT NOT NULL DEFAULT '',
        graph TEXT NOT NULL DEFAULT '',
        status TEXT NOT NULL,
        ending TEXT NOT NULL DEFAULT '',
        created REAL NOT NULL,
        updated REAL NOT NULL,
        process TEXT NOT NULL DEFAULT '',
        seconds REAL NOT NULL DEFAULT 0,
        steps INTEGER NOT NULL DEFAULT 0,
        epochs INTEGER NOT NULL DEFAULT 0,
        loss REAL,
        facts TEXT NOT NULL DEFAULT '{}',
        parent TEXT NOT NULL DEFAULT '',
        parent_step INTEGER,
        checkpoint TEXT NOT NULL DEFAULT '',
        star INTEGER NOT NULL DEFAULT 0,
        colour TEXT NOT NULL DEFAULT '',
        note TEXT NOT NULL DEFAULT '',
        tags TEXT NOT NULL DEFAULT '[]',
        bytes INTEGER NOT NULL DEFAULT 0
    ) WITHOUT ROWID""",
    "CREATE INDEX runs_created ON runs (created)",
    """CREATE TABLE losses (
        run TEXT NOT NULL REFERENCES runs ON DELETE CASCADE,
        first INTEGER NOT NULL,  -- number of the first step
        count INTEGER NOT NULL,
        data BLOB NOT NULL,  -- float32 or float64, little endian: the length says which
        marks BLOB NOT NULL,  -- float64 pairs: a step, the seconds of training up to it
        PRIMARY KEY (run, first)
    )""",
    """CREATE TABLE epochs (
        run TEXT NOT NULL REFERENCES runs ON DELETE CASCADE,
        epoch INTEGER NOT NULL,
        step INTEGER NOT NULL,  -- the last one
        seconds REAL NOT NULL,
        loss REAL,  -- NULL is NaN
        metrics TEXT NOT NULL,
        PRIMARY KEY (run, epoch)
    )""",
    """CREATE TABLE arrays (
        run TEXT NOT NULL REFERENCES runs ON DELETE CASCADE,
        epoch INTEGER NOT NULL,
        name TEXT NOT NULL,
        data BLOB NOT NULL,  -- as numpy writes .npy
        PRIMARY KEY (run, epoch, name)
    )""",
    """CREATE TABLE events (
        run TEXT NOT NULL REFERENCES runs ON DELETE CASCADE,
        number INTEGER NOT NULL,
        step INTEGER NOT NULL,
        time REAL NOT NULL,
        kind TEXT NOT NULL,
        data TEXT NOT NULL,
        PRIMARY KEY (run, number)
    )""",
    """CREATE TABLE tiers (
        run TEXT NOT NULL REFERENCES runs ON DELETE CASCADE,
        first INTEGER NOT NULL,  -- the first step of a stretch
        tier TEXT NOT NULL,
        PRIMARY KEY (run, first)
    )""",
    """CREATE TABLE digests (
        source TEXT PRIMARY KEY,  -- a file or folder with its size and time
        digest TEXT NOT NULL,
        used REAL NOT NULL
    ) WITHOUT ROWID""",
    "CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
)

SWEEPS = (
    """CREATE TABLE sweeps (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL,  -- a tag of its runs
        file TEXT NOT NULL,
        created REAL NOT NULL,
        data TEXT NOT NULL  -- JSON, see nodeflow.sweeps.kept
    ) WITHOUT ROWID""",
)

EDITED = (
    """CREATE TABLE edited (
        run TEXT NOT NULL REFERENCES runs ON DELETE CASCADE,
        step INTEGER NOT NULL,  -- the last one with the graph before
        graph TEXT NOT NULL,  -- what it trains from then on
        PRIMARY KEY (run, step)
    )""",
)

CHECKED = (
    """CREATE TABLE files (
        run TEXT NOT NULL REFERENCES runs ON DELETE CASCADE,
        name TEXT NOT NULL,
        owner TEXT NOT NULL,  -- what the checksums of its arrays are bound to
        PRIMARY KEY (run, name)
    ) WITHOUT ROWID""",
    "ALTER TABLE losses ADD COLUMN sum INTEGER",  # NULL where an earlier version wrote the row
    "ALTER TABLE arrays ADD COLUMN sum INTEGER",
)

STEPS: tuple[tuple[str, ...], ...] = (FIRST, SWEEPS, EDITED, CHECKED)
"""The statements that lead from each version of the schema to the next one."""
