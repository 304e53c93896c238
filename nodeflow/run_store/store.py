"""The store of runs: what writes them, finds them and reads them again."""

from __future__ import annotations

import json
import shutil
import time
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from nodeflow.errors import SurfaceText, suggest
from nodeflow.number_text import counted
from nodeflow.paths import runs_folder
from nodeflow.run_store.curves import (
    EPOCH_LOSS,
    LOSS,
    Curve,
    Piece,
    array_bytes,
    array_of,
    joined,
    loss_curve,
    piece_of,
)
from nodeflow.run_store.database import Database, read_database
from nodeflow.run_store.errors import RunStoreProblem, UnknownRun
from nodeflow.run_store.records import (
    EVENT_FILES,
    FACTS,
    RUNNING,
    Run,
    RunEvent,
    dumps,
    is_id,
    loads,
    numbers,
    plain,
    run_of,
    this_process,
)
from nodeflow.train.events import Epoch

LATEST = "latest"
FINAL, BEST = "final.safetensors", "best.safetensors"
PAST, STATES = "past.safetensors", "states"
"""In the folder of a run: its weights, what its steps are computed again from, and the states to go
on from."""


def past_file(after: int) -> str:
    """What the steps after an edit are computed again from; 0: those from the beginning."""
    return f"past-{after}.safetensors" if after else PAST


LARGEST_PIECE = 4096
"""Losses are added to the last piece until it has so many."""
LARGEST_ARRAY = 1 << 20
"""Bytes of a table that is kept after every epoch."""
MOST_DIGESTS = 1000
EDITABLE = ("name", "star", "colour", "note", "tags")


@dataclass
class Batch:
    """What is added to a run at once.

    Attributes:
        run: as it is now; its curves are not looked at.
        pieces: losses, in order.
        tiers: (first step, tier) of stretches that begin.
        graphs: (last step before, text) of graphs that it goes on with, because of an edit.
    """

    run: Run
    pieces: list[Piece] = field(default_factory=list)
    epochs: list[Epoch] = field(default_factory=list)
    events: list[RunEvent] = field(default_factory=list)
    tiers: list[tuple[int, str]] = field(default_factory=list)
    graphs: list[tuple[int, str]] = field(default_factory=list)


class RunStore:
    """Reads and writes the runs in one folder, for one thread at a time.

    Args:
        folder: that of the user, if it is not given.
        write: whether something is to be written: otherwise nothing is made or changed.

    Raises:
        RunStoreProblem: runs are switched off, or the database cannot be opened. So do all
            methods where it cannot be read or written.
    """

    def __init__(self, folder: Path | None = None, write: bool = True) -> None:
        found = folder or runs_folder()
        if found is None:
            raise RunStoreProblem("runs are not kept: NODEFLOW_RUNS is off")
        self.folder = found
        self._write = write
        self._database = Database(found) if write else read_database(found)

    def __enter__(self) -> RunStore:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        if self._database is not None:
            self._database.close()

    @property
    def journal(self) -> str:
        """``wal``, ``delete`` for a rollback journal, or empty where nothing was kept yet."""
        return self._database.journal if self._database else ""

    def used_bytes(self) -> int:
        """What the database takes."""
        return self._database.used_bytes() if self._database else 0

    @property
    def database(self) -> Database:
        """The database to write to."""
        assert self._write and self._database is not None
        return self._database

    def _rows(self, statement: str, *values: Any) -> list[Any]:
        return self._database.rows(statement, values) if self._database else []

    # ---- writing ------------------------------------------------------------------------------

    def begin(self, run: Run, text: str = "") -> Run:
        """Keep a new run with the text of its graph; returns it with the digest of the text."""
        columns = {
            **{n: getattr(run, n) for n in _PLAIN},
            "id": run.id,
            "graph": _graph_digest(text),
            "status": RUNNING,
            "process": this_process(),
            "facts": _facts(run),
            "tags": json.dumps(run.tags),
        }
        names, marks = ", ".join(columns), ", ".join("?" * len(columns))
        with self.database.writing():
            self._keep_graph(text)
            self.database.run(f"INSERT INTO runs ({names}) VALUES ({marks})", [*columns.values()])
        return replace(run, graph_digest=columns["graph"])

    def _keep_graph(self, text: str) -> str:
        """Keep a text once; returns its digest, which is empty where there is none."""
        digest = _graph_digest(text)
        if text:
            data = zlib.compress(text.encode(errors="surrogatepass"))
            self.database.run("INSERT OR IGNORE INTO graphs VALUES (?, ?)", (digest, data))
        return digest

    def go_on(self, run: Run, step: int) -> None:
        """Let a run go on after a step: what came later is forgotten, and comes again."""
        with self.database.writing():
            self.database.run(
                "UPDATE runs SET status = ?, ending = '', process = ?, updated = ? WHERE id = ?",
                (RUNNING, this_process(), run.updated, run.id),
            )
            for piece in self._pieces(run.id, step + 1):
                self.database.run(
                    "DELETE FROM losses WHERE run = ? AND first = ?", (run.id, piece.first)
                )
                if piece.first <= step:
                    kept = step - piece.first + 1
                    marks = piece.marks[piece.marks[:, 0] <= step]
                    self._insert(run.id, Piece(piece.first, piece.losses[:kept], marks))
            for table, column in _LATER:
                self.database.run(
                    f"DELETE FROM {table} WHERE run = ? AND {column} > ?", (run.id, step)
                )

    def add(self, batch: Batch) -> None:
        """Add to a run, all at once."""
        run = batch.run
        with self.database.writing():
            if not self.database.run(
                f"UPDATE runs SET {', '.join(f'{n} = ?' for n in (*_MOVING, 'facts'))} "
                "WHERE id = ?",
                [*(getattr(run, n) for n in _MOVING), _facts(run), run.id],
            ):
                return  # it was deleted meanwhile
            for piece in joined(batch.pieces):
                self._add_piece(run.id, piece)
            for epoch in batch.epochs:
                self._add_epoch(run.id, epoch)
            for step, tier in batch.tiers:
                self.database.run("REPLACE INTO tiers VALUES (?, ?, ?)", (run.id, step, tier))
            for step, text in batch.graphs:
                values = (run.id, step, self._keep_graph(text))
                self.database.run("REPLACE INTO edited VALUES (?, ?, ?)", values)
            for event in batch.events:
                self._add_event(run.id, event)

    def _add_piece(self, run: str, piece: Piece) -> None:
        last = self._rows("SELECT * FROM losses WHERE run = ? ORDER BY first DESC LIMIT 1", run)
        if last and last[0]["count"] + len(piece.losses) <= LARGEST_PIECE:
            before = _piece(last[0])
            if before.last + 1 == piece.first:
                piece = joined([before, piece])[0]
        self._insert(run, piece)

    def _insert(self, run: str, piece: Piece) -> None:
        self.database.run(
            "REPLACE INTO losses VALUES (?, ?, ?, ?, ?)",
            (
                run,
                piece.first,
                len(piece.losses),
                piece.data(),
                piece.marks.astype("<f8").tobytes(),
            ),
        )

    def _add_epoch(self, run: str, epoch: Epoch) -> None:
        self.database.run(
            "REPLACE INTO epochs VALUES (?, ?, ?, ?, ?, ?)",
            (run, epoch.epoch, epoch.steps, epoch.seconds, epoch.loss, dumps(epoch.metrics)),
        )
        for name, table in epoch.tables.items():
            array = np.asarray(table)
            if array.dtype.hasobject:
                continue
            if array.nbytes > LARGEST_ARRAY:  # the last one stands for all
                self.database.run("DELETE FROM arrays WHERE run = ? AND name = ?", (run, name))
            self.database.run(
                "REPLACE INTO arrays VALUES (?, ?, ?, ?)",
                (run, epoch.epoch, name, array_bytes(array)),
            )

    def edit(self, ids: Iterable[str], **fields: Any) -> None:
        """Set what is the user's of some runs: ``name``, ``star``, ``colour``, ``note``, ``tags``.

        Raises:
            RunStoreProblem: a name is empty.
        """
        assert set(fields) <= set(EDITABLE)
        if "name" in fields and not str(fields["name"]).strip():
            raise RunStoreProblem("a run needs a name")
        if "tags" in fields:
            fields["tags"] = json.dumps(list(fields["tags"]))
        changed = ", ".join(f"{name} = ?" for name in fields)
        with self.database.writing():
            for id in ids:
                self.database.run(f"UPDATE runs SET {changed} WHERE id = ?", [*fields.values(), id])

    def note_event(self, id: str, event: RunEvent) -> None:
        """Add an event to a run that may go on elsewhere."""
        with self.database.writing():
            self._add_event(id, event)

    def _add_event(self, run: str, event: RunEvent) -> None:
        self.database.run(
            "INSERT INTO events SELECT ?, COALESCE(MAX(number), 0) + 1, ?, ?, ?, ? "
            "FROM events WHERE run = ?",
            (run, event.step, event.time, event.kind, dumps(event.data), run),
        )

    def delete(self, ids: Iterable[str]) -> None:
        """Delete runs with their curves and files, and graphs that no run has any more."""
        gone = list(ids)
        with self.database.writing():
            for id in gone:
                self.database.run("DELETE FROM runs WHERE id = ?", (id,))
            self.database.run(
                "DELETE FROM graphs WHERE hash NOT IN "
                "(SELECT graph FROM runs UNION SELECT graph FROM edited)"
            )
        for id in gone:
            if is_id(id):
                shutil.rmtree(self.folder / id, ignore_errors=True)
        self.database.give_back()

    # ---- finding ------------------------------------------------------------------------------

    def runs(self) -> list[Run]:
        """All runs, the newest first."""
        rows = self._rows("SELECT * FROM runs ORDER BY created DESC, id")
        return [run_of(row) for row in rows]

    def find(self, text: str) -> Run:
        """The run that a user means: by id, ``latest``, name, or a unique beginning of the id.

        Raises:
            UnknownRun: there is none, or there are several.
        """
        runs = self.runs()
        if text == LATEST and runs:
            return runs[0]
        for matches in (
            [r for r in runs if r.id == text],
            [r for r in runs if r.name == text],
            [r for r in runs if text and r.id.startswith(text)],
        ):
            if len(matches) == 1:
                return matches[0]
            if matches:
                listed = ", ".join(f"{r.id} ({r.name})" for r in matches[:4])
                more = f" and {len(matches) - 4} more" if len(matches) > 4 else ""
                error = UnknownRun(
                    f"{counted(len(matches), 'run')} can be meant by {text!r}: {listed}{more}",
                    hint="Give the id.",
                )
                error.several = True
                raise error
        if not runs:
            raise UnknownRun("no run is kept yet", hint="Train a graph first.")
        known = suggest(text, [n for r in runs for n in (r.id, r.name)])
        listed = SurfaceText(
            "nf.runs() lists them.",
            cli="nodeflow runs list prints them.",
            window="The runs panel lists them.",
        )
        raise UnknownRun(f"there is no run {text!r}", hint=known or listed)

    def get(self, id: str) -> Run | None:
        """The run with an id, if there is one."""
        rows = self._rows("SELECT * FROM runs WHERE id = ?", id)
        return run_of(rows[0]) if rows else None

    def of_checkpoint(self, folder: Path) -> Run | None:
        """The newest run whose states are in a folder."""
        rows = self._rows(
            "SELECT * FROM runs WHERE checkpoint = ? ORDER BY created DESC LIMIT 1", str(folder)
        )
        return run_of(rows[0]) if rows else None

    # ---- reading ------------------------------------------------------------------------------

    def edits(self, run: Run) -> list[int]:
        """After which steps it went on with another graph."""
        rows = self._rows("SELECT step FROM edited WHERE run = ? ORDER BY step", run.id)
        return [row["step"] for row in rows]

    def graph_text(self, run: Run, step: int = 0) -> str:
        """The .flow text of a run's graph.

        Args:
            step: the last one before those that the graph made; by default it is the first graph.

        Raises:
            RunStoreProblem: it could not be written as one.
        """
        rows = self._rows(
            "SELECT text FROM graphs WHERE hash = COALESCE((SELECT graph FROM edited "
            "WHERE run = ? AND step <= ? ORDER BY step DESC LIMIT 1), ?)",
            *(run.id, step, run.graph_digest),
        )
        if not rows:
            raise RunStoreProblem(f"the run {run.id} has no graph that a .flow file can express")
        return zlib.decompress(rows[0]["text"]).decode(errors="surrogatepass")

    def curves(self, run: Run) -> dict[str, Curve]:
        """All curves: ``training loss`` of each step, ``epoch loss``, and the metrics by key."""
        rows = self._rows("SELECT * FROM epochs WHERE run = ? ORDER BY epoch", run.id)
        metrics = [numbers(json.loads(row["metrics"])) for row in rows]
        losses = [np.nan if row["loss"] is None else row["loss"] for row in rows]
        ends = _ends(EPOCH_LOSS, rows, losses)
        found = {LOSS: loss_curve(self._pieces(run.id), ends, run.steps_per_epoch)}
        if len(ends) and run.surface != EVENT_FILES:  # those have no epochs
            found[ends.name] = ends
        for key in dict.fromkeys(key for one in metrics for key in one):
            both = zip(rows, metrics, strict=True)
            chosen = [(row, one[key]) for row, one in both if key in one]
            found[key] = _ends(key, [row for row, _ in chosen], [value for _, value in chosen])
        return found

    def tables(self, run: Run) -> dict[str, list[tuple[int, np.ndarray]]]:
        """Name -> (epoch, table) of metrics that are more than a number, in order."""
        found: dict[str, list[tuple[int, np.ndarray]]] = {}
        for row in self._rows("SELECT * FROM arrays WHERE run = ? ORDER BY name, epoch", run.id):
            found.setdefault(row["name"], []).append((row["epoch"], array_of(row["data"])))
        return found

    def events(self, run: Run) -> list[RunEvent]:
        """What happened in a run, in order."""
        rows = self._rows("SELECT * FROM events WHERE run = ? ORDER BY number", run.id)
        return [RunEvent(r["step"], r["time"], r["kind"], loads(r["data"])) for r in rows]

    def tiers(self, run: Run) -> list[tuple[int, str]]:
        """(first step, tier) of each stretch of steps, in order."""
        rows = self._rows("SELECT * FROM tiers WHERE run = ? ORDER BY first", run.id)
        return [(row["first"], row["tier"]) for row in rows]

    def file(self, run: Run, name: str) -> Path | None:
        """A file of a run, ``FINAL``, ``BEST`` or a `past_file`, if it has it."""
        path = self.folder / run.id / name
        return path if path.is_file() else None

    def weights(self, run: Run, name: str = FINAL) -> Path:
        """The file with the weights of a run; the final ones stand in where they are the best.

        Raises:
            RunStoreProblem: it has none.
        """
        found = self.file(run, name) or (self.file(run, FINAL) if run.best else None)
        if found is None:
            why = "it still trains" if run.status == RUNNING else "they were not kept"
            raise RunStoreProblem(f"the run {run.id} has no weights: {why}")
        return found

    def pieces(self, run: Run) -> list[Piece]:
        """The losses of a run as they are kept, in order."""
        return self._pieces(run.id)

    def _pieces(self, run: str, first: int = 0) -> list[Piece]:
        """The losses from a step on, with the piece that has it."""
        rows = self._rows(
            "SELECT * FROM losses WHERE run = ? AND first + count > ? ORDER BY first", run, first
        )
        return [_piece(row) for row in rows]

    def digest(self, source: str) -> str | None:
        """The digest of data that was computed before; ``source`` says which, and as of when."""
        rows = self._rows("SELECT digest FROM digests WHERE source = ?", source)
        return rows[0]["digest"] if rows else None

    def keep_digest(self, source: str, digest: str) -> None:
        """Keep a digest; the oldest go when there are many."""
        with self.database.writing():
            self.database.run(
                "REPLACE INTO digests VALUES (?, ?, ?)", (source, digest, time.time())
            )
            self.database.run(
                "DELETE FROM digests WHERE source NOT IN "
                "(SELECT source FROM digests ORDER BY used DESC LIMIT ?)",
                (MOST_DIGESTS,),
            )

    # ---- sweeps -------------------------------------------------------------------------------

    def sweeps(self) -> list[Any]:
        """What is kept of each sweep, the newest first: rows as `keep_sweep` wrote them."""
        return self._rows("SELECT * FROM sweeps ORDER BY created DESC, id")

    def keep_sweep(self, id: str, fields: Sequence[Any], most: int) -> None:
        """Keep name, file, time and data of a sweep; the oldest go that are more than ``most``."""
        with self.database.writing():
            self.database.run("REPLACE INTO sweeps VALUES (?, ?, ?, ?, ?)", (id, *fields))
            self.database.run(
                "DELETE FROM sweeps WHERE id NOT IN "
                "(SELECT id FROM sweeps ORDER BY created DESC LIMIT ?)",
                (most,),
            )

    # ---- settings of the store ----------------------------------------------------------------

    def setting(self, name: str) -> str | None:
        rows = self._rows("SELECT value FROM settings WHERE name = ?", name)
        return rows[0]["value"] if rows else None

    def set_setting(self, name: str, value: str) -> None:
        with self.database.writing():
            self.database.run("REPLACE INTO settings VALUES (?, ?)", (name, value))


_MOVING = tuple("status ending updated seconds steps epochs loss checkpoint bytes".split())
_PLAIN = (
    *("name", "file", "surface", "ending", "created", "updated", "seconds", "steps", "epochs"),
    *("loss", "parent", "parent_step", "checkpoint", "star", "colour", "note", "bytes"),
)


_LATER = (("epochs", "step"), ("events", "step"), ("tiers", "first"), ("edited", "step"))
"""What a run has after a step: the tables, and their columns with steps."""


def _graph_digest(text: str) -> str:
    data = text.encode(errors="surrogatepass")
    return blake2b(data, digest_size=16).hexdigest() if text else ""


def _facts(run: Run) -> str:
    return dumps({name: plain(getattr(run, name)) for name in FACTS})


def _piece(row: Mapping[str, Any]) -> Piece:
    return piece_of(row["first"], row["count"], row["data"], row["marks"])


def _ends(name: str, rows: Sequence[Any], values: Sequence[float]) -> Curve:
    """A curve with a value at the end of each epoch."""
    return Curve(
        name,
        np.array([row["step"] for row in rows], np.int64),
        np.array([row["epoch"] for row in rows], np.float64),
        np.array([row["seconds"] for row in rows], np.float64),
        np.array(values, np.float64),
    )
