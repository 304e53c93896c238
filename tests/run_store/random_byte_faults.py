"""A store of runs and a folder of checkpoints with all that they can hold, and faults in them."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

import nodeflow as nf
from nodeflow.document.io import flow
from nodeflow.errors import NodeflowError
from nodeflow.run_store.curves import Piece
from nodeflow.run_store.database.connection import FILE
from nodeflow.run_store.export_run import export
from nodeflow.run_store.run_differences import changes
from nodeflow.run_store.run_history import history, last_document
from nodeflow.run_store.run_records import DONE, Run, RunEvent
from nodeflow.run_store.runs_as_text import table
from nodeflow.run_store.size_limit import limit, tidy, used_bytes
from nodeflow.run_store.store import BEST, FINAL, Batch, RunStore
from nodeflow.sweeps.kept import KeptSweep, free_name, keep, kept_sweeps
from nodeflow.train.events import Epoch
from nodeflow.train.resume.checkpoints import existing, newest_step, read_tiers
from nodeflow.train.rewind.kept_past import load_past
from nodeflow.train.saving.checkpoint_state import get_checkpoint_state
from nodeflow.train.saving.weights import load_weights, save_weights
from nodeflow.train.training_state import load_state
from tests.run_store.lines import fitted_line

IDS = ("raaaaaaaa", "rbbbbbbbb", "rcccccccc")


def make_store(folder: Path) -> None:
    """Keep three runs with curves, tables, events, edits, tiers, weights, and a sweep."""
    with nf.Graph() as graph:
        nf.variable(1.0, name="w")
    from nodeflow.run_store.kept_runs import graph_text

    whole = graph_text(graph)
    document = flow.loads(whole)
    with RunStore(folder) as store:
        for number, id in enumerate(IDS):
            run = Run(
                id, f"run {number}", file="/a/net.flow", surface="cli", created=1e9 + number,
                updated=1e9, seconds=5.0, steps=200, epochs=2, loss=0.5,
                metrics={"accuracy": 0.5, "bad": float("nan")},
                settings={"epochs": 2, "loss": "error", "rate": 0.1}, seed=7,
                data={"x": {"source": "csv:a.csv", "rows": 40, "digest": "0123456789abcdef"}},
                versions={"numpy": "2.1"}, machine={"processor": "znver4"}, shares=("accuracy",),
                steps_per_epoch=100, best={"epoch": 1, "by": "accuracy", "value": 0.5},
                parent=IDS[number - 1] if number else "", parent_step=150 if number else None,
                tags=("sweep net", "good"), note="two\nlines", checkpoint="/a/kept",
            )  # fmt: skip
            run = store.begin(run, whole + "\n" * number)
            rng = np.random.default_rng(number)
            losses = rng.normal(size=200)
            marks = np.array([[200.0, 5.0]])
            epochs = [
                Epoch(e, 0.5, {"accuracy": 0.5}, 100 * e, 2.5 * e, {"confusion": np.eye(4)})
                for e in (1, 2)
            ]
            number = {"node": "train", "attr": "rate", "value": 1.5, "before": 0.5}
            edit = {"what": ["relu to sigmoid"], "changes": {"epochs": [1, 2]}, "notices": []}
            happened = [
                RunEvent(3, 1e9, "pause"),
                RunEvent(9, 1e9, "changed", number),
                RunEvent(100, 1e9, "edited", edit),
                RunEvent(120, 1e9, "settings", {"changes": {"epochs": [2, 3]}}),
                RunEvent(130, 1e9, "variable", {"node": "w", "place": [0]}),
            ]
            edits = [(100, flow.dumps(document) + " ")]
            done = Run(**{**vars(run), "status": DONE})
            store.add(
                Batch(done, [Piece(1, losses, marks)], epochs, happened, [(1, "compiled")], edits)
            )
            (folder / id).mkdir()
            for name in (FINAL, BEST):
                owner = f"run {id} step 200"
                save_weights(folder / id / name, {"w": rng.normal(size=9)}, owner=owner)
                store.note_file(id, name, owner)
        store.keep_digest("/a/a.csv 3 4", "0123456789abcdef")
        store.set_setting("limit", "2000000000")
        keep(store, KeptSweep("s1", "sweep net", "/a/net.flow", 1e9, {"trials": 3}))


def use_store(folder: Path, draw: random.Random) -> None:
    """Do with a store what commands and panels do, each on its own; NodeflowErrors are fine."""
    for write in (False, True):
        with _told(), RunStore(folder, write=write) as store:
            for job in _jobs(store, folder, write, draw):
                with _told():
                    job()


def _jobs(
    store: RunStore, folder: Path, write: bool, draw: random.Random
) -> Iterator[Callable[[], object]]:
    runs: list[Run] = []
    yield lambda: runs.extend(store.runs())
    yield lambda: table(runs)
    for run in runs:
        yield lambda run=run: [run.date, store.curves(run), store.tables(run), store.events(run)]
        yield lambda run=run: [history(store, run), last_document(store, run)]
        yield lambda run=run: [store.tiers(run), store.edits(run), store.graph_text(run, 150)]
        yield lambda run=run: load_weights(store.weights(run, draw.choice([FINAL, BEST])))
    if len(runs) > 1:
        yield lambda: changes(store, runs[0], runs[1])
    yield lambda: [limit(store), used_bytes(store, runs), kept_sweeps(store), free_name(store, "a")]
    yield lambda: [store.digest("/a/a.csv 3 4"), store.of_checkpoint(Path("/a/kept"))]
    if runs:
        place = folder / "exported"
        shutil.rmtree(place, ignore_errors=True)
        yield lambda: export(store, draw.choice(runs), place)
    if write and runs:
        run = draw.choice(runs)
        yield lambda: store.edit([run.id], name="new", tags=("a",))
        yield lambda: store.add(Batch(run, [Piece(201, np.ones(3), np.array([[203.0, 6.0]]))]))
        yield lambda: store.go_on(run, 150)
        yield lambda: tidy(store)
        yield lambda: store.begin(Run("rzzzzzzzz", "new", created=2e9, updated=2e9), "x")
        yield lambda: store.delete([one.id for one in runs])


class _told:
    """In the block, an error that is shown to users is all right; any other is not."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> bool:
        return kind is not None and issubclass(kind, NodeflowError)


def make_checkpoints(folder: Path) -> None:
    """Train with checkpoints, early stopping and what else a state holds."""
    graph, data = fitted_line()
    events = nf.train.train(
        graph, data=data, epochs=3, batch_size=4, checkpoint=folder, every=10, keep=2,
        patience=2, tier="reference", validation=data,
    )  # fmt: skip
    for _ in events:
        pass
    (folder / "tiers.json").write_text('{"since": {"plan": 12}, "sum": 0}')


def use_checkpoints(folder: Path) -> None:
    """Read all of a folder of checkpoints; NodeflowErrors are fine."""
    with _told():
        newest_step(folder)
    with _told():
        get_checkpoint_state(folder)
    with _told():
        read_tiers(folder)
    for path in existing(folder):
        with _told():
            load_state(path)
        with _told():
            nf.train.load_checkpoint(path)


def use_past(path: Path) -> None:
    with _told():
        load_past(path)


def fault(data: bytes, draw: random.Random) -> bytes:
    """The content of a file with a fault: a bit, a byte, some bytes, or its end gone."""
    found = bytearray(data)
    kind = draw.random()
    if kind < 0.4:
        found[draw.randrange(len(found))] ^= 1 << draw.randrange(8)
    elif kind < 0.8:
        found[draw.randrange(len(found))] = draw.randrange(256)
    elif kind < 0.95:
        for _ in range(draw.randint(2, 12)):
            found[draw.randrange(len(found))] = draw.randrange(256)
    else:
        del found[draw.randrange(len(found)) :]
    return bytes(found)


def closed(folder: Path) -> None:
    """Bring all that a log holds into the database file."""
    import sqlite3

    connection = sqlite3.connect(folder / FILE)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
