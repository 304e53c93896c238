"""A store with damaged rows and pages: those are shown and can be deleted, and the rest works."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import threading
import time
import zlib
from pathlib import Path

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.errors import FileProblem
from nodeflow.run_store.curves import LOSS
from nodeflow.run_store.database import connection
from nodeflow.run_store.database.connection import FILE, RESERVE
from nodeflow.run_store.errors import RunStoreProblem
from nodeflow.run_store.export_run import export
from nodeflow.run_store.leftovers import clear_leftovers
from nodeflow.run_store.recording import writer_thread
from nodeflow.run_store.run_differences import changes
from nodeflow.run_store.run_history import history
from nodeflow.run_store.run_records import DAMAGED, DONE
from nodeflow.run_store.runs_as_text import table
from nodeflow.run_store.size_limit import limit, set_limit
from nodeflow.run_store.store import FINAL, RunStore
from nodeflow.sweeps.kept import kept_sweeps
from nodeflow.train.events import RunKept
from nodeflow.train.saving.weights import load_weights
from tests.run_store.random_byte_faults import (
    IDS,
    closed,
    fault,
    make_checkpoints,
    make_store,
    use_checkpoints,
    use_past,
    use_store,
)
from tests.volumes import seeds

HURT = IDS[1]
PLAIN = {"batch_size": 4, "shuffle": False, "tier": "reference"}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that is whole, in one file."""
    folder = tmp_path_factory.mktemp("whole")
    make_store(folder)
    closed(folder)
    (folder / RESERVE).unlink(missing_ok=True)
    return folder


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "runs"))


def hurt(folder: Path, statement: str, *values: object) -> None:
    connection = sqlite3.connect(folder / FILE)
    assert connection.execute(statement, values).rowcount > 0
    connection.commit()
    connection.close()


DEEP = "[" * 100_000


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("facts", "{"),
        ("facts", "[]"),
        ("facts", b"\xff\xfe"),
        ("facts", DEEP),
        ("facts", '{"metrics": {"a": "x"}}'),
        ("facts", '{"shares": 3}'),
        ("facts", '{"data": {"x": 3}}'),
        ("facts", '{"best": {"epoch": "x"}}'),
        ("facts", '{"settings": [1]}'),
        ("facts", '{"seed": 1e400}'),
        ("tags", "nonsense"),
        ("tags", '[{"a": 1}]'),
        ("created", "yesterday"),
        ("created", 1e300),
        ("updated", b"\x00"),
        ("name", b"\xc3\x28"),
        ("status", "dnoe"),
        ("star", 7),
        ("loss", "low"),
        ("steps", "many"),
        ("epochs", 0.5),
        ("seconds", 1e308),
        ("parent_step", "x"),
        ("process", b"\xff"),
        ("bytes", -3),
    ],
)
def test_a_damaged_row_is_shown_and_the_rest_works(
    folder: Path, tmp_path: Path, column: str, value: object
) -> None:
    hurt(folder, f"UPDATE runs SET {column} = ? WHERE id = ?", value, HURT)
    with RunStore(folder) as store:
        runs = {run.id: run for run in store.runs()}
        assert set(runs) == set(IDS)
        assert [runs[id].status for id in IDS] == [DONE, DAMAGED, DONE]
        run = runs[HURT]
        assert run.damaged and any(name in run.ending for name in run.damaged)
        assert len(table(runs.values())) == 4 and run.date
        assert store.find(HURT).id == HURT and (got := store.get(HURT)) and got.id == HURT
        assert len(store.curves(run)[LOSS]) == 200
        assert store.graph_text(run)
        changes(store, runs[IDS[0]], run)
        assert "run.json" in export(store, run, tmp_path / "exported")
        assert {"curves.csv", "graph.flow", FINAL} <= {
            path.name for path in (tmp_path / "exported").iterdir()
        }
        set_limit(store, 10**9)
        assert limit(store) == 10**9
        assert len(store.runs()) == 3  # nobody knows how old it is, so it stays
        store.edit([HURT], name="still mine")
        store.delete([HURT])
        assert {run.id for run in store.runs()} == {IDS[0], IDS[2]}
        assert not store.notices
    assert not (folder / HURT).exists()


def test_a_run_whose_id_is_damaged_can_be_deleted(folder: Path) -> None:
    hurt(folder, "UPDATE runs SET id = CAST(? AS TEXT) WHERE id = ?", b"rbb\xff\x01bbb", HURT)
    with RunStore(folder) as store:
        (run,) = [run for run in store.runs() if run.damaged]
        assert run.id.isprintable() and run.status == DAMAGED
        assert store.find(run.id).id == run.id
        store.delete([run.id])
        assert {run.id for run in store.runs()} == {IDS[0], IDS[2]}


@pytest.mark.parametrize(
    ("statement", "value", "said"),
    [
        ("UPDATE losses SET data = ? WHERE run = ?", b"\0" * 1600, "losses"),
        ("UPDATE losses SET data = ? WHERE run = ?", b"\0" * 7, "losses"),
        ("UPDATE losses SET first = ? WHERE run = ?", "x", "losses"),
        ("UPDATE epochs SET metrics = ? WHERE run = ?", "{", "epochs"),
        ("UPDATE epochs SET seconds = ? WHERE run = ?", "x", "epochs"),
        ("UPDATE arrays SET data = ? WHERE run = ?", b"no npy", "tables"),
        ("UPDATE events SET data = ? WHERE run = ?", "", "events"),
        ("UPDATE events SET data = ? WHERE run = ? AND kind = 'changed'", "{}", "events"),
        ("UPDATE events SET data = ? WHERE run = ? AND kind = 'edited'", '{"what": 3}', "events"),
        ("UPDATE tiers SET tier = ? WHERE run = ?", b"\xff", "tiers"),
    ],
)
def test_damaged_parts_of_a_run_are_left_out_with_one_notice(
    folder: Path, tmp_path: Path, statement: str, value: object, said: str
) -> None:
    hurt(folder, statement, value, HURT)
    with RunStore(folder, write=False) as store:
        run = store.find(HURT)
        for _ in range(2):
            store.curves(run), store.tables(run), store.tiers(run), history(store, run)
        (notice,) = store.notices
        assert f"{said} of the run {HURT}" in notice and "damaged" in notice
        names = export(store, run, tmp_path / "exported")
        assert {"run.json", "curves.csv"} <= set(names)
        for other in (IDS[0], IDS[2]):
            assert len(store.curves(store.find(other))[LOSS]) == 200
        assert len(store.notices) == 1


@pytest.mark.parametrize("text", [b"", b"nonsense", zlib.compress(b"{}"), zlib.compress(b"\xff")])
def test_a_damaged_graph_is_an_error_and_is_not_exported(
    folder: Path, tmp_path: Path, text: bytes
) -> None:
    query = "UPDATE graphs SET text = ? WHERE hash = (SELECT graph FROM runs WHERE id = ?)"
    hurt(folder, query, text, HURT)
    with RunStore(folder, write=False) as store:
        run = store.find(HURT)
        with pytest.raises(RunStoreProblem, match=f"the graph of the run {HURT} is damaged"):
            store.graph_text(run)
        assert "graph.flow" not in export(store, run, tmp_path / "exported")
        assert any("graph" in notice for notice in store.notices)
        assert store.graph_text(store.find(IDS[0]))


RESULT = '{"plan": {}, "order": [], "ended": true, "results": [%s]}'


@pytest.mark.parametrize(
    "data",
    [
        '{"plan": 3}',
        RESULT % '{"number": 1}',
        RESULT % '{"number": "x", "values": {}}',
        RESULT % '{"number": 1, "values": 3}',
        RESULT % '{"number": 1, "values": {}, "value": "low"}',
        RESULT % '{"number": 1, "values": {}, "epoch": []}',
        RESULT % '{"number": 1, "values": {}, "state": 5}',
    ],
)
def test_a_damaged_sweep_leaves_the_others(folder: Path, data: str) -> None:
    hurt(folder, "INSERT INTO sweeps VALUES ('s2', 'other', '', 5, ?)", data)
    with RunStore(folder, write=False) as store:
        assert [sweep.id for sweep in kept_sweeps(store)] == ["s1"]
        assert len(store.notices) == 1


# ---- weights ------------------------------------------------------------------------------------


def test_a_flipped_bit_in_weights_is_found(folder: Path, tmp_path: Path) -> None:
    file = folder / HURT / FINAL
    data = bytearray(file.read_bytes())
    data[-3] ^= 4
    file.write_bytes(data)
    with RunStore(folder, write=False) as store:
        run = store.find(HURT)
        with pytest.raises(FileProblem, match=r"final.safetensors is damaged: the checksum of w"):
            load_weights(store.weights(run))
        assert FINAL not in export(store, run, tmp_path / "exported")
        assert any(FINAL in notice for notice in store.notices)


def test_weights_of_another_run_or_step_are_found(folder: Path) -> None:
    shutil.copyfile(folder / IDS[0] / FINAL, folder / HURT / FINAL)
    said = f"holds the arrays of the run {IDS[0]} step 200"
    with RunStore(folder, write=False) as store, pytest.raises(FileProblem, match=said):
        store.weights(store.find(HURT))


def test_weights_of_an_earlier_step_of_the_same_run_are_found(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("NODEFLOW_RUNS", str(tmp_path / "runs"))
    from tests.run_store.lines import fitted_line

    graph, data = fitted_line()
    kept = {"checkpoint": tmp_path / "kept", "resume": tmp_path / "kept", **PLAIN}
    for epochs in (1, 2):
        list(nf.train.train(graph, data=data, epochs=epochs, **kept))
        (run,) = nf.runs()
        file = tmp_path / "runs" / run.id / FINAL
        if epochs == 1:
            shutil.copyfile(file, tmp_path / "earlier")
    assert run.steps == 20 and run.weights()
    shutil.copyfile(tmp_path / "earlier", file)
    with pytest.raises(FileProblem, match=r"step 10, not of the run r\w+ step 20"):
        run.weights()


def test_copies_of_past_steps_of_another_run_are_found(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("NODEFLOW_RUNS", str(tmp_path / "runs"))
    from tests.run_store.lines import fitted_line

    graph, data = fitted_line()
    for _ in range(2):
        list(nf.train.train(graph, data=data, epochs=1, **PLAIN))
    first, second = nf.runs()
    one, other = (tmp_path / "runs" / run.id / "past.safetensors" for run in (first, second))
    with first.at(4, data=data, graph=graph) as step:
        assert step.differs_from is None
    shutil.copyfile(other, one)
    with pytest.raises(FileProblem, match=f"holds the arrays of the run {second.id}"):
        first.at(4, data=data, graph=graph)


def test_runs_of_an_earlier_version_load_with_one_notice(folder: Path) -> None:
    from safetensors.numpy import save_file

    for name in (FINAL, "best.safetensors"):
        save_file({"w": np.ones(3)}, folder / HURT / name)
    hurt(folder, "DELETE FROM files WHERE run = ?", HURT)
    hurt(folder, "UPDATE losses SET sum = NULL WHERE run = ?", HURT)
    with RunStore(folder, write=False) as store:
        run = store.find(HURT)
        assert load_weights(store.weights(run))["w"].tolist() == [1, 1, 1]
        store.weights(run)
        assert len(store.curves(run)[LOSS]) == 200
        (notice,) = store.notices
        assert "without checksums" in notice
    with pytest.warns(UserWarning, match="without checksums") as said:
        nf.runs(HURT, folder=folder)[0].weights()
    assert len(said) == 1


# ---- pages --------------------------------------------------------------------------------------


def spoil_page_of(folder: Path, table: str) -> None:
    """Overwrite the header of a page of a table."""
    connection = sqlite3.connect(folder / FILE)
    query = "SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf' ORDER BY pageno"
    try:
        pages = [row[0] for row in connection.execute(query, (table,))]
    finally:
        connection.close()
    data = bytearray((folder / FILE).read_bytes())
    start = 4096 * (pages[-1] - 1)
    data[start : start + 8] = b"\xff" * 8
    (folder / FILE).write_bytes(data)


@pytest.mark.parametrize("write", [False, True])
def test_of_a_damaged_page_all_else_is_read_and_the_store_mended(folder: Path, write: bool) -> None:
    with RunStore(folder) as store:
        for number in range(100):
            name = f"{number} {'long' * 100}"
            digits = f"{number:07o}".replace("0", "a").replace("1", "b")
            store.begin(nf_run(f"rx{digits}", name))
    closed(folder)
    spoil_page_of(folder, "runs")
    with RunStore(folder, write=write) as store:
        found = store.runs()
        assert 60 < len(found) < 103
        assert "is damaged" in store.notices[0] and len(store.notices) == 1
        if write:
            store.delete([found[0].id])
            store.begin(nf_run("rnewnewne", "new"))
    if write:
        assert list(folder.glob("runs.sqlite.damaged-*"))
        with RunStore(folder) as store:
            again = store.runs()
            assert not store.notices and len(again) == len(found)
            assert store.database.rows("PRAGMA integrity_check")[0][0] == "ok"


def places_in(folder: Path) -> dict[str, int]:
    """Places in the file whose byte makes SQLite refuse all of it."""
    data = (folder / FILE).read_bytes()
    return {
        "magic": 3,
        "page size": 16,
        "encoding": 59,
        "version": 60,
        "statement": data.index(b"CREATE TABLE runs") + 2,
        "name": data.index(b"tableruns") + 6,
        "column": data.index(b"        steps INTEGER") + 9,
        "not utf-8": data.index(b"CREATE TABLE sweeps") + 14,
    }


WHERE = ("magic", "page size", "encoding", "version", "statement", "name", "column", "not utf-8")


@pytest.mark.parametrize("write", [False, True])
@pytest.mark.parametrize("where", WHERE)
def test_a_damaged_header_or_schema_is_known_and_mended(
    folder: Path, where: str, write: bool
) -> None:
    data = bytearray((folder / FILE).read_bytes())
    data[places_in(folder)[where]] ^= 3 if where == "encoding" else 0x81  # 3: UTF-16
    (folder / FILE).write_bytes(data)
    with RunStore(folder, write=write) as store:
        runs = store.runs()
        assert sorted(run.id for run in runs) == sorted(IDS)
        for run in runs:
            assert len(store.curves(run)[LOSS]) == 200 and store.graph_text(run)
        if write:
            store.begin(nf_run("rnewnewne", "new"))
            store.delete([HURT])
    if write:
        assert len(list(folder.glob("runs.sqlite.damaged-*[0-9]"))) == 1
        with RunStore(folder) as store:
            kept = {run.id: run for run in store.runs()}
            assert set(kept) == {IDS[0], IDS[2], "rnewnewne"} and not store.notices
            assert {kept[id].status for id in (IDS[0], IDS[2])} == {DONE}
            assert store.database.rows("PRAGMA integrity_check")[0][0] == "ok"
            assert store.database.journal == "wal"
    else:
        assert (folder / FILE).read_bytes() == data


def nf_run(id: str, name: str):
    from nodeflow.run_store.run_records import Run

    return Run(id, name, created=2e9, updated=2e9)


# ---- what kills leave ---------------------------------------------------------------------------


def test_what_killed_processes_left_is_removed_when_it_is_old(folder: Path) -> None:
    half = folder / HURT / ".final.safetensors.abcd1234"
    young = folder / HURT / ".past-7.safetensors.abcd1234"
    mine = folder / HURT / ".notes.abcd1234"
    orphan, other = folder / "rzzzzzzzz", folder / "mine"
    for path in (half, young, mine):
        path.write_bytes(b"half")
    for path in (orphan, other):
        path.mkdir()
        (path / FINAL).write_bytes(b"x")
    for path in (half, mine, orphan, other):
        os.utime(path, (1e9, 1e9))
    with RunStore(folder) as store:
        store.edit([HURT], name="x")
        clear_leftovers(store)
    assert not half.exists() and not orphan.exists()
    assert young.exists() and mine.exists() and other.exists() and (folder / HURT / FINAL).exists()


def test_no_folder_is_removed_while_a_row_is_damaged(folder: Path) -> None:
    hurt(folder, "UPDATE runs SET id = CAST(? AS TEXT) WHERE id = ?", b"rbb\xffbbb", HURT)
    os.utime(folder / HURT, (1e9, 1e9))
    with RunStore(folder) as store:
        clear_leftovers(store)
    assert (folder / HURT / FINAL).exists()


# ---- a store that is locked or on a full disk ---------------------------------------------------


@pytest.mark.thorough
def test_a_store_that_is_locked_when_a_training_starts_is_tried_again(
    folder: Path, monkeypatch
) -> None:
    from tests.run_store.lines import fitted_line

    monkeypatch.setenv("NODEFLOW_RUNS", str(folder))
    monkeypatch.setattr(connection, "WAIT_SECONDS", 0.01)
    monkeypatch.setattr(writer_thread, "RETRY_SECONDS", 0.01)
    lock = sqlite3.connect(folder / FILE, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    graph, data = fitted_line()
    told, kept = threading.Event(), []
    with pytest.warns(UserWarning, match="is locked") as said:
        for event in nf.train.train(graph, data=data, epochs=40, **PLAIN):
            if isinstance(event, RunKept):
                if event.problem and not told.is_set():
                    told.set()
                    lock.execute("ROLLBACK")
                elif event.run:
                    kept.append(event.run)
            if told.is_set() and not kept:
                time.sleep(2 * writer_thread.RETRY_SECONDS)  # the next event tries again
    assert len(said) == 1 and told.is_set()
    (run,) = [run for run in nf.runs(folder=folder) if run.id in kept]
    assert run.status == DONE and len(run.losses) == 400
    lock.close()


def test_deleting_makes_its_own_room_on_a_full_disk(folder: Path, monkeypatch) -> None:
    """Nothing can be written until what is set aside, or a file of the run, is gone."""
    with RunStore(folder):
        pass
    assert (folder / RESERVE).exists()
    real = connection.Database.run

    def full(self, statement: str, values=()):
        if (folder / RESERVE).exists() or (folder / HURT).exists():
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error
        return real(self, statement, values)

    monkeypatch.setattr(connection.Database, "run", full)
    with RunStore(folder) as store:
        store.delete([HURT])
        assert {run.id for run in store.runs()} == {IDS[0], IDS[2]}


def test_a_disk_too_full_to_open_the_store_gets_room_from_the_files(
    folder: Path, monkeypatch
) -> None:
    """As with a store of an earlier version, which has set nothing aside."""
    real = connection.Database._open

    def full(self, mode: str):
        if (folder / HURT).exists():
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = sqlite3.SQLITE_IOERR
            raise error
        return real(self, mode)

    monkeypatch.setattr(connection.Database, "_open", full)
    with pytest.raises(RunStoreProblem, match="Make room on the disk"):
        RunStore(folder)
    with RunStore(folder, gone=[HURT]) as store:
        store.delete([HURT])
        assert {run.id for run in store.runs()} == {IDS[0], IDS[2]}


# ---- random faults ------------------------------------------------------------------------------


FOUND = (27618,)
"""Seeds that once ended in an error without words: two parts of a schema had one number."""


@pytest.mark.thorough
def test_no_fault_of_a_byte_is_an_error_without_words(whole: Path, tmp_path: Path) -> None:
    make_checkpoints(tmp_path / "kept")
    states = sorted(path for path in (tmp_path / "kept").rglob("*") if path.is_file())
    past = tmp_path / "past.safetensors"
    make_past(past)
    content = {path: path.read_bytes() for path in (*states, past)}
    work = tmp_path / "work"
    for seed in (*FOUND, *seeds("byte faults of runs and checkpoints")):
        draw = random.Random(seed)
        kind = draw.random()
        try:
            if kind < 0.3:
                shutil.rmtree(work, ignore_errors=True)
                shutil.copytree(whole, work)
                files = sorted(work.rglob("*.safetensors"))
                file = work / FILE if draw.random() < 0.8 else draw.choice(files)
                file.write_bytes(fault(file.read_bytes(), draw))
                use_store(work, draw)
            else:
                file = past if kind > 0.8 else draw.choice(states)
                file.write_bytes(fault(content[file], draw))
                if file == past:
                    use_past(past)
                else:
                    use_checkpoints(tmp_path / "kept")
                file.write_bytes(content[file])
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise


def make_past(path: Path) -> None:
    """What a run keeps of its past steps."""
    from nodeflow.train.rewind.kept_past import KeptPast

    about = {
        "optimizer": "descent", "loss": "error", "settings": {"epochs": 1}, "row_seed": None,
        "tier": "reference", "seed": 1, "without": [], "per_epoch": 10, "stream": False,
        "stream_steps": None, "tiers": {}, "numbers": {"descent.learning_rate": 0.1}, "changes": [],
    }  # fmt: skip
    state = {
        "first_epoch": 1, "epoch": 1, "done": 0, "before": 0, "counted": 0, "total": "0.0",
        "seconds": "0.0", "runs": 0, "where": None,
    }  # fmt: skip
    states = [{"step": step, **state} for step in (0, 5)]
    arrays = [{"w": np.arange(3.0)}, {"w": np.ones(3)}]
    KeptPast(about, {"still": np.zeros(2)}, states, arrays).save(path, "run raaaaaaaa after step 0")
