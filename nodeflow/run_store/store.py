"""The store of runs, which writes, finds and reads them."""

from __future__ import annotations

import contextlib
import functools
import json
import shutil
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np

from nodeflow.errors import FileProblem, SurfaceText, suggest
from nodeflow.number_text import counted
from nodeflow.paths import runs_folder
from nodeflow.run_store.curves import (
    EPOCH_LOSS,
    LOSS,
    Curve,
    Piece,
    array_bytes,
    by_phase,
    checksum,
    joined,
    loss_curve,
)
from nodeflow.run_store.database.connection import Database, read_database
from nodeflow.run_store.database.damaged_cells import (
    FACTS,
    integer,
)
from nodeflow.run_store.errors import RunStoreProblem, UnknownRun
from nodeflow.run_store.row_readers import (
    curve_of_epochs,
    epoch_of_row,
    event_of_row,
    graph_digest,
    graph_of_row,
    piece_of_row,
    table_of_row,
    tier_of_row,
)
from nodeflow.run_store.run_records import (
    EVENT_FILES,
    RUNNING,
    Run,
    RunEvent,
    dumps,
    is_id,
    plain,
    run_of,
    shown_id,
    this_process,
)
from nodeflow.train.events import Epoch
from nodeflow.train.saving.plain_values import text
from nodeflow.train.saving.weights import owner_in

P = ParamSpec("P")
R = TypeVar("R")

LATEST = "latest"
FINAL, BEST = "final.safetensors", "best.safetensors"
PAST, STATES = "past.safetensors", "states"
"""File names in the folder of a run: snapshots for computing steps again, and checkpoints."""


def past_file(after: int) -> str:
    """Return the name of the file with the snapshots after an edit; 0 means the start of the
    training.
    """
    return f"past-{after}.safetensors" if after else PAST


NO_SUMS = "of an earlier version, without checksums, so damage would go unnoticed"
LARGEST_PIECE = 4096
"""The largest number of losses in a piece. New losses fill the last piece."""
LARGEST_ARRAY = 1 << 20
"""Bytes of the largest table that is kept after every epoch."""
MOST_DIGESTS = 1000
EDITABLE = ("name", "star", "colour", "note", "tags")


@dataclass
class Batch:
    """The records that one write adds to a run.

    Attributes:
        run: its current facts, without curves.
        pieces: losses, in order.
        tiers: (first step, tier) wherever the tier changed.
        graphs: (last step before, text) of graphs after edits.
    """

    run: Run
    pieces: list[Piece] = field(default_factory=list)
    epochs: list[Epoch] = field(default_factory=list)
    events: list[RunEvent] = field(default_factory=list)
    tiers: list[tuple[int, str]] = field(default_factory=list)
    graphs: list[tuple[int, str]] = field(default_factory=list)


def _written(
    method: Callable[Concatenate[RunStore, P], R],
) -> Callable[Concatenate[RunStore, P], R]:
    """Decorate a method so that it runs in a transaction. If the database turns out to be damaged,
    repair it and run the method once more.
    """

    @functools.wraps(method)
    def call(store: RunStore, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            with store.database.writing():
                return method(store, *args, **kwargs)
        except RunStoreProblem as error:
            if error.cause != "damaged":
                raise
        store.database.repair()
        with store.database.writing():
            return method(store, *args, **kwargs)

    return call


class RunStore:
    """The store of the runs in one folder, for one thread at a time.

    Args:
        folder: the user's folder by default.
        write: whether to open it for writing; otherwise nothing is made or changed.
        gone: ids of runs to be deleted. If the disk is too full to open the database, their files
            are deleted first.

    Damaged rows are left out, or read as far as possible, with an entry in `notices`.

    Raises:
        RunStoreProblem: runs are switched off, or the database cannot be opened. All methods raise
            it if the database cannot be read or written.
    """

    def __init__(
        self, folder: Path | None = None, write: bool = True, gone: Iterable[str] = ()
    ) -> None:
        found = folder or runs_folder()
        if found is None:
            raise RunStoreProblem("runs are not kept: NODEFLOW_RUNS is off")
        self.folder = found
        self._write = write
        self._noted: dict[str, None] = {}
        try:
            self._database = Database(found) if write else read_database(found)
        except RunStoreProblem as error:
            gone = list(gone)
            if error.cause != "full" or not gone:
                raise
            self._delete_files(gone)
            self._database = Database(found)

    def __enter__(self) -> RunStore:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        if self._database is not None:
            self._database.close()

    @property
    def journal(self) -> str:
        """The SQLite journal mode of the store: ``wal``, ``delete`` for a rollback journal, or ""
        if no run was ever kept.
        """
        return self._database.journal if self._database else ""

    def used_bytes(self) -> int:
        """Return the bytes of the database."""
        return self._database.used_bytes() if self._database else 0

    @property
    def database(self) -> Database:
        """The database to write to."""
        assert self._write and self._database is not None
        return self._database

    @property
    def notices(self) -> list[str]:
        """Notices for the user about damaged or unchecked data that was read so far."""
        said = self._database.notice if self._database else ""
        return [*filter(None, [said]), *self._noted]

    def note(self, notice: str) -> None:
        """Add a notice for the user, once."""
        self._noted[notice] = None

    @contextlib.contextmanager
    def leaving_out(self) -> Iterator[None]:
        """In the managed block, catch the error about an unreadable file, and add it to the notices
        for the user.
        """
        try:
            yield
        except FileProblem as error:
            self.note(f"{error.message}: it is left out")

    def _rows(self, statement: str, *values: Any) -> list[Any]:
        return self._database.rows(statement, values) if self._database else []

    def _read(self, what: str, make: Callable[[Any], R], statement: str, *values: Any) -> list[R]:
        """Return ``make(row)`` for the rows of a query; leave out damaged rows, with a notice.

        Args:
            what: the content of the rows, such as ``losses of the run rabcdefgh``.
        """
        return self.decoded(what, make, self._rows(statement, *values))

    def decoded(self, what: str, make: Callable[[Any], R], rows: Iterable[Any]) -> list[R]:
        """Return ``make(row)`` for rows that were read; leave out damaged rows, with a notice."""
        found, damaged = [], 0
        for row in rows:
            try:
                found.append(make(row))
            except Exception:  # parsers may raise any error for damaged content
                damaged += 1
        if damaged:
            self.note(
                f"{counted(damaged, 'row')} of the {what} cannot be read: the store is damaged"
            )
        return found

    # ---- writing ------------------------------------------------------------------------------

    @_written
    def begin(self, run: Run, text: str = "") -> Run:
        """Insert a new run with its graph as text, and return it with the digest of the text."""
        columns = {
            **{n: getattr(run, n) for n in _PLAIN},
            "id": run.id,
            "graph": graph_digest(text),
            "status": RUNNING,
            "process": this_process(),
            "facts": _facts(run),
            "tags": json.dumps(run.tags),
        }
        names, marks = ", ".join(columns), ", ".join("?" * len(columns))
        self._keep_graph(text)
        self.database.run(f"INSERT INTO runs ({names}) VALUES ({marks})", [*columns.values()])
        return replace(run, graph_digest=columns["graph"])

    def _keep_graph(self, text: str) -> str:
        """Store the text of a graph, unless it is already stored. Return the digest that identifies
        it; "" for an empty text.
        """
        digest = graph_digest(text)
        if text:
            data = zlib.compress(text.encode(errors="surrogatepass"))
            self.database.run("INSERT OR IGNORE INTO graphs VALUES (?, ?)", (digest, data))
        return digest

    @_written
    def go_on(self, run: Run, step: int) -> None:
        """Let a run continue after a step; delete all its later records."""
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
            self.database.run(f"DELETE FROM {table} WHERE run = ? AND {column} > ?", (run.id, step))

    @_written
    def add(self, batch: Batch) -> None:
        """Add a batch to a run in one transaction."""
        run = batch.run
        if not self.database.run(
            f"UPDATE runs SET {', '.join(f'{n} = ?' for n in (*_MOVING, 'facts'))} WHERE id = ?",
            [*(getattr(run, n) for n in _MOVING), _facts(run), run.id],
        ):
            return  # it was deleted meanwhile
        for piece in joined(batch.pieces):
            self._add_piece(run.id, piece)
        for epoch in batch.epochs:
            self._add_epoch(run.id, epoch)
        for step, tier in batch.tiers:
            self.database.run("REPLACE INTO tiers VALUES (?, ?, ?)", (run.id, step, tier))
        for step, graph in batch.graphs:
            values = (run.id, step, self._keep_graph(graph))
            self.database.run("REPLACE INTO edited VALUES (?, ?, ?)", values)
        for event in batch.events:
            self._add_event(run.id, event)

    def _add_piece(self, run: str, piece: Piece) -> None:
        last = self._read(
            f"losses of the run {run}",
            piece_of_row(run),
            "SELECT * FROM losses WHERE run = ? ORDER BY first DESC LIMIT 1",
            run,
        )
        fits = last and len(last[0].losses) + len(piece.losses) <= LARGEST_PIECE
        if fits and last[0].last + 1 == piece.first:
            piece = joined([last[0], piece])[0]
        self._insert(run, piece)

    def _insert(self, run: str, piece: Piece) -> None:
        data, marks = piece.data(), piece.marks.astype("<f8").tobytes()
        self.database.run(
            "REPLACE INTO losses VALUES (?, ?, ?, ?, ?, ?)",
            (
                *(run, piece.first, len(piece.losses), data, marks),
                checksum(run, piece.first, data, marks),
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
            if array.nbytes > LARGEST_ARRAY:  # of a large table, only the last epoch is kept
                self.database.run("DELETE FROM arrays WHERE run = ? AND name = ?", (run, name))
            data = array_bytes(array)
            self.database.run(
                "REPLACE INTO arrays VALUES (?, ?, ?, ?, ?)",
                (run, epoch.epoch, name, data, checksum(run, epoch.epoch, name.encode(), data)),
            )

    def edit(self, ids: Iterable[str], **fields: Any) -> None:
        """Set the user's fields of some runs: ``name``, ``star``, ``colour``, ``note``, ``tags``.

        Raises:
            RunStoreProblem: a name is empty.
        """
        assert set(fields) <= set(EDITABLE)
        if "name" in fields and not str(fields["name"]).strip():
            raise RunStoreProblem("a run needs a name")
        if "tags" in fields:
            fields["tags"] = json.dumps(list(fields["tags"]))
        self._edit(list(ids), fields)

    @_written
    def _edit(self, ids: Sequence[str], fields: Mapping[str, Any]) -> None:
        changed = ", ".join(f"{name} = ?" for name in fields)
        for id in ids:
            self.database.run(f"UPDATE runs SET {changed} WHERE id = ?", [*fields.values(), id])

    @_written
    def note_event(self, id: str, event: RunEvent) -> None:
        """Add an event to a run that another process may be recording."""
        self._add_event(id, event)

    def _add_event(self, run: str, event: RunEvent) -> None:
        self.database.run(
            "INSERT INTO events SELECT ?, COALESCE(MAX(number), 0) + 1, ?, ?, ?, ? "
            "FROM events WHERE run = ?",
            (run, event.step, event.time, event.kind, dumps(event.data), run),
        )

    def delete(self, ids: Iterable[str]) -> None:
        """Delete runs with their curves and files, and graphs that no remaining run has.

        If the disk is full, delete the files first, to make room for the rest.
        """
        gone = list(ids)
        try:
            self._delete(gone)
        except RunStoreProblem as error:
            if error.cause != "full":
                raise
            self.database.use_reserve()
            self._delete_files(gone)
            self._delete(gone)
        self._delete_files(gone)
        self.database.give_back()

    @_written
    def _delete(self, ids: Sequence[str]) -> None:
        damaged = [id for id in ids if not is_id(id)]
        for row in self._rows("SELECT id FROM runs NOT INDEXED") if damaged else ():
            if shown_id(row["id"]) in damaged:
                self.database.run(
                    "DELETE FROM runs WHERE CAST(id AS BLOB) IS CAST(? AS BLOB)", (row["id"],)
                )
        for id in ids:
            self.database.run("DELETE FROM runs WHERE id = ?", (id,))
        self.database.run(
            "DELETE FROM graphs WHERE hash NOT IN "
            "(SELECT graph FROM runs UNION SELECT graph FROM edited)"
        )

    def _delete_files(self, ids: Iterable[str]) -> None:
        for id in ids:
            if is_id(id):
                shutil.rmtree(self.folder / id, ignore_errors=True)

    @_written
    def note_file(self, run: str, name: str, owner: str) -> None:
        """Record which run and step the arrays in one of the run's files belong to.

        Args:
            name: the name of the file.
            owner: the text that the checksums in the file include; "" while the file is being
                written.
        """
        self.database.run("DELETE FROM files WHERE run = ? AND name = ?", (run, name))
        if owner:
            self.database.run("INSERT INTO files VALUES (?, ?, ?)", (run, name, owner))

    # ---- finding ------------------------------------------------------------------------------

    def runs(self) -> list[Run]:
        """Return all runs, the newest first."""
        found = self._read("runs", run_of, "SELECT * FROM runs NOT INDEXED")
        return sorted(found, key=lambda run: (-run.created, run.id))

    def find(self, text: str) -> Run:
        """Return the run that a user names by id, ``latest``, name, or a unique beginning of the
        id.

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
                    f"{counted(len(matches), 'run')} match {text!r}: {listed}{more}",
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
        """Return the run with an id, or None."""
        found = self._read("runs", run_of, "SELECT * FROM runs WHERE id = ?", id)
        return found[0] if found else None

    def of_checkpoint(self, folder: Path) -> Run | None:
        """Return the newest run whose checkpoints are in a folder."""
        found = [run for run in self.runs() if run.checkpoint == str(folder)]
        return found[0] if found else None

    # ---- reading ------------------------------------------------------------------------------

    def edits(self, run: Run) -> list[int]:
        """Return the steps after which the run continued with another graph."""
        query = "SELECT step FROM edited WHERE run = ? ORDER BY step"
        return self._read(f"edits of the run {run.id}", lambda r: integer(r["step"]), query, run.id)

    def graph_text(self, run: Run, step: int = 0) -> str:
        """Return the .flow text of a run's graph after a step.

        Args:
            step: 0 for the first graph.

        Raises:
            RunStoreProblem: a .flow file cannot express the graph, or its text is damaged.
        """
        rows = self._rows(
            "SELECT hash, text FROM graphs WHERE hash = COALESCE((SELECT graph FROM edited "
            "WHERE run = ? AND step <= ? ORDER BY step DESC LIMIT 1), ?)",
            *(run.id, step, run.graph_digest),
        )
        found = self.decoded(f"graph of the run {run.id}", graph_of_row, rows)
        if rows and not found:
            raise RunStoreProblem(
                f"the graph of the run {run.id} is damaged",
                hint="Its curves and weights can still be read.",
            )
        if not found:
            raise RunStoreProblem(f"the run {run.id} has no graph that a .flow file can express")
        return found[0]

    def curves(self, run: Run) -> dict[str, Curve]:
        """Return all curves: ``training loss`` of each step, ``epoch loss``, and metrics by key.

        A run of several optimizers also has ``training loss/OPTIMIZER`` of the steps of each.
        """
        query = "SELECT * FROM epochs WHERE run = ? ORDER BY epoch"
        epochs = self._read(f"epochs of the run {run.id}", epoch_of_row, query, run.id)
        ends = curve_of_epochs(EPOCH_LOSS, epochs, [epoch.loss for epoch in epochs])
        found = {LOSS: loss_curve(self._pieces(run.id), ends, run.steps_per_epoch)}
        if (schedule := run.schedule) is not None:
            found |= by_phase(found[LOSS], schedule)
        if len(ends) and run.surface != EVENT_FILES:  # imported event files have no epochs
            found[ends.name] = ends
        for key in dict.fromkeys(key for epoch in epochs for key in epoch.metrics):
            chosen = [epoch for epoch in epochs if key in epoch.metrics]
            found[key] = curve_of_epochs(key, chosen, [epoch.metrics[key] for epoch in chosen])
        return found

    def tables(self, run: Run) -> dict[str, list[tuple[int, np.ndarray]]]:
        """Return (epoch, table) pairs of metrics that are more than a number, by name, in order."""
        found: dict[str, list[tuple[int, np.ndarray]]] = {}
        query = "SELECT * FROM arrays WHERE run = ? ORDER BY name, epoch"
        for name, epoch, table in self._read(
            f"tables of the run {run.id}", table_of_row(run.id), query, run.id
        ):
            found.setdefault(name, []).append((epoch, table))
        return found

    def events(self, run: Run) -> list[RunEvent]:
        """Return the events of a run, in order."""
        query = "SELECT * FROM events WHERE run = ? ORDER BY number"
        return self._read(f"events of the run {run.id}", event_of_row, query, run.id)

    def tiers(self, run: Run) -> list[tuple[int, str]]:
        """Return the execution tiers of a run, such as compiled or reference, in order: the name of
        each, after the number of its first step.
        """
        query = "SELECT * FROM tiers WHERE run = ? ORDER BY first"
        return self._read(f"tiers of the run {run.id}", tier_of_row, query, run.id)

    def file(self, run: Run, name: str) -> Path | None:
        """Return the path of a file in a run's folder, or None if the file is missing.

        Args:
            name: ``FINAL`` or ``BEST`` for weights, or a `past_file` for replays.
        """
        path = self.folder / run.id / name
        return path if path.is_file() else None

    def checked(self, run: Run, name: str) -> Path | None:
        """Return the path of a run's file after checking that its content belongs to this run.
        Return None if there is no such file.

        Only the file's header is checked: the reader must compare the arrays with their checksums.

        Raises:
            FileProblem: the file is damaged, or belongs to another run or step.
        """
        path = self.file(run, name)
        if path is None:
            return None
        query = "SELECT owner FROM files WHERE run = ? AND name = ?"
        known = self._read(f"files of the run {run.id}", lambda row: text(row["owner"]), query,
                           *(run.id, name))  # fmt: skip
        owner = owner_in(path)
        if owner is None and not known:
            self.note(f"{path.name} of the run {run.id} is {NO_SUMS}")
        elif owner not in known and (known or not (owner or "").startswith(f"run {run.id} ")):
            whose = f"holds the arrays of the {owner}" if owner else "has lost its checksums"
            raise FileProblem(
                f"{path} {whose}, not of the {known[0] if known else f'run {run.id}'}",
                hint="Use other weights of the run, or a copy of the file.",
            )
        return path

    def weights(self, run: Run, name: str = FINAL) -> Path:
        """Return the path of a file with the weights of a run.

        Args:
            name: which weights, such as the final or the best ones. If the final weights are the
                best, only one file exists, and its path is returned for both.

        Raises:
            RunStoreProblem: the run has no weights.
            FileProblem: they are damaged, or belong to another run or step.
        """
        found = self.checked(run, name) or (self.checked(run, FINAL) if run.best else None)
        if found is None:
            why = "it still trains" if run.status == RUNNING else "they were not kept"
            raise RunStoreProblem(f"the run {run.id} has no weights: {why}")
        return found

    def pieces(self, run: Run) -> list[Piece]:
        """Return the losses of a run in their stored pieces, in order."""
        return self._pieces(run.id)

    def _pieces(self, run: str, first: int = 0) -> list[Piece]:
        """Return the stored pieces of a run's loss curve that contain the loss of step ``first`` or
        of a later step.
        """
        query = "SELECT * FROM losses WHERE run = ? AND first + count > ? ORDER BY first"
        return self._read(f"losses of the run {run}", piece_of_row(run), query, run, first)

    def digest(self, source: str) -> str | None:
        """Return the cached digest of data, or None. ``source`` has their path, sizes and times."""
        query = "SELECT digest FROM digests WHERE source = ?"
        found = self._read("digests of data", lambda row: text(row["digest"]), query, source)
        return found[0] if found else None

    @_written
    def keep_digest(self, source: str, digest: str) -> None:
        """Store the digest of a data source. Keep only the newest `MOST_DIGESTS` digests."""
        self.database.run("REPLACE INTO digests VALUES (?, ?, ?)", (source, digest, time.time()))
        self.database.run(
            "DELETE FROM digests WHERE source NOT IN "
            "(SELECT source FROM digests ORDER BY used DESC LIMIT ?)",
            (MOST_DIGESTS,),
        )

    # ---- sweeps -------------------------------------------------------------------------------

    def sweeps(self, make: Callable[[Any], R]) -> list[R]:
        """Return ``make(row)`` for each sweep, the newest first.

        A row has id, name, file, created and data, as `keep_sweep` wrote them.
        """
        return self._read("sweeps", make, "SELECT * FROM sweeps ORDER BY created DESC, id")

    @_written
    def keep_sweep(self, id: str, fields: Sequence[Any], most: int) -> None:
        """Store name, file, time and data of a sweep, and delete the oldest ones above ``most``."""
        self.database.run("REPLACE INTO sweeps VALUES (?, ?, ?, ?, ?)", (id, *fields))
        self.database.run(
            "DELETE FROM sweeps WHERE id NOT IN "
            "(SELECT id FROM sweeps ORDER BY created DESC LIMIT ?)",
            (most,),
        )

    # ---- settings of the store ----------------------------------------------------------------

    def setting(self, name: str) -> str | None:
        query = "SELECT value FROM settings WHERE name = ?"
        found = self._read("settings", lambda row: text(row["value"]), query, name)
        return found[0] if found else None

    @_written
    def set_setting(self, name: str, value: str) -> None:
        self.database.run("REPLACE INTO settings VALUES (?, ?)", (name, value))


_MOVING = tuple("status ending updated seconds steps epochs loss checkpoint bytes".split())
_PLAIN = (
    *("name", "file", "surface", "ending", "created", "updated", "seconds", "steps", "epochs"),
    *("loss", "parent", "parent_step", "checkpoint", "star", "colour", "note", "bytes"),
)


_LATER = (("epochs", "step"), ("events", "step"), ("tiers", "first"), ("edited", "step"))
"""The tables with records of steps, and their columns with the step."""


def _facts(run: Run) -> str:
    return dumps({name: plain(getattr(run, name)) for name in FACTS})
