"""A store of the version before checksums becomes one with them; a kill meanwhile loses nothing."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

import nodeflow as nf
from nodeflow.run_store.database import connection
from nodeflow.run_store.database.connection import FILE, RESERVE
from nodeflow.run_store.database.schema_migrations import STEPS
from nodeflow.run_store.store import FINAL, RunStore
from nodeflow.train.saving.weights import load_weights
from tests.run_store.random_byte_faults import IDS, closed, make_store

CHILD = Path(__file__).with_name("killed_migration.py")


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store as the version without checksums wrote it."""
    folder = tmp_path_factory.mktemp("earlier")
    make_store(folder)
    closed(folder)
    (folder / RESERVE).unlink(missing_ok=True)
    connection = sqlite3.connect(folder / FILE)
    connection.executescript(
        "DROP TABLE files; ALTER TABLE losses DROP COLUMN sum; "
        "ALTER TABLE arrays DROP COLUMN sum; PRAGMA user_version = 3;"
    )
    connection.close()
    for path in folder.rglob("*.safetensors"):
        save_file(load_weights(path), path)
    return folder


def content(folder: Path) -> list[Any]:
    """All that a store says, for comparison."""
    with RunStore(folder) as store:
        found: list[Any] = []
        for run in store.runs():
            curves = {name: curve.values.tobytes() for name, curve in store.curves(run).items()}
            tables = {n: [(e, a.tolist()) for e, a in t] for n, t in store.tables(run).items()}
            said = [store.events(run), store.tiers(run), store.edits(run)]
            graphs = [store.graph_text(run), store.graph_text(run, 150)]
            found.append([repr(run), curves, tables, said, graphs, store.weights(run).name])
        return found


def version(folder: Path) -> int:
    connection = sqlite3.connect(folder / FILE)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        return connection.execute("PRAGMA user_version").fetchone()[0]
    finally:
        connection.close()


@pytest.mark.thorough
@pytest.mark.skipif(os.name == "nt", reason="kills by a Unix signal")
def test_a_kill_during_the_migration_loses_nothing(earlier: Path, tmp_path: Path) -> None:
    """It is killed before each statement that changes something, until none is left."""
    truth = content(Path(shutil.copytree(earlier, tmp_path / "truth")))
    assert len(truth) == len(IDS)
    environment = {**os.environ, "PYTHONPATH": str(Path(nf.__file__).parents[1])}
    kills = 0
    while True:
        folder = Path(shutil.copytree(earlier, tmp_path / str(kills)))
        command = [sys.executable, str(CHILD), str(folder), str(kills + 1)]
        done = subprocess.run(command, env=environment, timeout=120)
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL
        assert version(folder) == 3
        kills += 1
        assert content(folder) == truth and version(folder) == len(STEPS)
    assert kills == 2 + 1 + len(STEPS[3])  # begin, commit and the number of the version, too
    assert version(folder) == len(STEPS) and content(folder) == truth


def test_runs_of_before_have_no_checksums_and_new_ones_do(earlier: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(earlier, tmp_path / "runs"))
    with RunStore(folder) as store:
        run = store.find(IDS[0])
        assert load_weights(store.weights(run))["w"].shape == (9,)
        store.curves(run)
        assert len(store.notices) == 1 and "without checksums" in store.notices[0]
        rows = store.database.rows("SELECT sum FROM losses UNION ALL SELECT sum FROM arrays")
        assert {row["sum"] for row in rows} == {None}
        store.go_on(run, 150)  # writes the rest of a piece again
        rows = store.database.rows("SELECT sum FROM losses WHERE run = ?", [run.id])
        assert all(row["sum"] is not None for row in rows)


def test_a_store_of_before_that_cannot_be_changed_is_read(
    earlier: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(shutil.copytree(earlier, tmp_path / "runs"))
    before = (folder / FILE).read_bytes()
    monkeypatch.setattr(connection.os, "access", lambda path, mode: False)
    with RunStore(folder, write=False) as store:
        assert [run.id for run in store.runs()] == sorted(IDS, reverse=True)
        run = store.find(IDS[1])
        assert len(store.curves(run)["training loss"]) == 200
        assert store.file(run, FINAL) and np.shape(load_weights(store.weights(run))["w"]) == (9,)
    assert (folder / FILE).read_bytes() == before
