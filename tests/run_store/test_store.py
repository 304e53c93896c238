"""The store keeps what it is given, finds runs by what users call them, and deletes whole runs."""

from __future__ import annotations

import math
import os
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.run_store import run_records
from nodeflow.run_store.curves import Piece
from nodeflow.run_store.database import connection, schema_migrations
from nodeflow.run_store.errors import RunStoreProblem, UnknownRun
from nodeflow.run_store.run_records import DONE, Run, RunEvent
from nodeflow.run_store.store import Batch, RunStore
from nodeflow.train.events import Epoch


def a_run(id: str = "raaaaaaaa", **fields) -> Run:
    return Run(id, **{"name": id.upper(), "created": 1e9, "updated": time.time(), **fields})


def piece(first: int, *losses: float) -> Piece:
    last = first + len(losses) - 1
    return Piece(first, np.array(losses), np.array([[last, last / 10]]))


def test_a_run_is_read_as_it_was_kept(tmp_path: Path):
    run = a_run(
        name="ein Lauf \N{SNOWMAN}", file="/a/b.flow", surface="cli", seed=7, steps_per_epoch=2,
        settings={"epochs": 3, "rate": 0.1}, data={"x": {"digest": "d", "weak": True}},
        shares=("accuracy",), parent="rbbbbbbbb", parent_step=4, star=True, colour="#123456",
        note="two\nlines", tags=("a", "b"), versions={"numpy": "2"}, loss=math.inf,
        metrics={"accuracy": math.nan},
    )  # fmt: skip
    with RunStore(tmp_path) as store:
        kept = store.begin(run, "the graph")
        assert store.graph_text(kept) == "the graph"
    with RunStore(tmp_path, write=False) as store:
        read = store.find("latest")
    assert math.isnan(read.metrics["accuracy"])
    same = {"metrics": {}, "updated": 0.0}
    assert replace(read, **same) == replace(run, graph_digest=kept.graph_digest, **same)


def test_curves_join_what_came_in_pieces(tmp_path: Path):
    with RunStore(tmp_path) as store:
        run = store.begin(a_run(steps_per_epoch=4))
        third, odd = 1 / 3, float(np.float32(0.7))
        store.add(Batch(run, [piece(1, 0.5, third), piece(3, math.nan)]))
        store.add(Batch(run, [piece(4, -math.inf)], [Epoch(1, math.nan, {"m": 2.0}, 4, 0.4)]))
        store.add(Batch(run, [piece(5, odd)], [Epoch(2, 0.25, {"m": math.inf}, 8, 0.8)]))
        curves = store.curves(run)
        rows = store.database.rows("SELECT * FROM losses")
    loss = curves["training loss"]
    assert len(rows) == 1  # neighbours become one row
    np.testing.assert_array_equal(loss.values, [0.5, third, math.nan, -math.inf, odd])
    np.testing.assert_array_equal(loss.step, [1, 2, 3, 4, 5])
    np.testing.assert_allclose(loss.epoch, [0.25, 0.5, 0.75, 1, 1.25])
    np.testing.assert_allclose(loss.seconds, [0.1, 0.2, 0.3, 0.4, 0.5])
    np.testing.assert_array_equal(curves["epoch loss"].values, [math.nan, 0.25])
    np.testing.assert_array_equal(curves["m"].values, [2.0, math.inf])
    assert curves["m"].step.tolist() == [4, 8]


def test_losses_that_float32_holds_take_half_the_room(tmp_path: Path):
    losses = np.random.default_rng(1).random(100, np.float32).astype(np.float64)
    assert len(Piece(1, losses, np.zeros((0, 2))).data()) == 400
    assert len(Piece(1, losses / 3, np.zeros((0, 2))).data()) == 800


def test_tables_events_and_tiers(tmp_path: Path):
    table = np.arange(6).reshape(2, 3)
    with RunStore(tmp_path) as store:
        run = store.begin(a_run())
        epochs = [Epoch(n, 0.0, {}, n, 0.0, {"confusion": table * n}) for n in (1, 2)]
        events = [RunEvent(3, 1.5, "pause"), RunEvent(4, 2.5, "edit", {"what": "rate"})]
        store.add(Batch(run, [], epochs, events[:1], [(1, "reference"), (40, "compiled")]))
        store.note_event(run.id, events[1])
        (first, one), (second, two) = store.tables(run)["confusion"]
        assert store.events(run) == events
        assert store.tiers(run) == [(1, "reference"), (40, "compiled")]
    assert (first, second) == (1, 2)
    np.testing.assert_array_equal(one, table)
    np.testing.assert_array_equal(two, 2 * table)


def test_a_run_that_goes_on_forgets_what_came_later(tmp_path: Path):
    with RunStore(tmp_path) as store:
        run = store.begin(a_run(steps_per_epoch=2))
        epochs = [Epoch(1, 1.0, {}, 2, 0.2), Epoch(2, 2.0, {}, 4, 0.4)]
        store.add(Batch(run, [piece(1, 1, 2, 3), piece(5, 5)], epochs))
        store.go_on(run, 2)
        store.add(Batch(run, [piece(3, 30, 40)]))
        curves = store.curves(run)
    assert curves["training loss"].values.tolist() == [1, 2, 30, 40]
    assert curves["epoch loss"].values.tolist() == [1]


def test_one_graph_is_kept_once_and_goes_with_its_last_run(tmp_path: Path):
    with RunStore(tmp_path) as store:
        for id in ("raaaaaaaa", "rbbbbbbbb"):
            store.begin(a_run(id), "same")
            (tmp_path / id).mkdir()
        assert len(store.database.rows("SELECT * FROM graphs")) == 1
        store.delete(["raaaaaaaa"])
        assert len(store.database.rows("SELECT * FROM graphs")) == 1
        assert not (tmp_path / "raaaaaaaa").exists() and (tmp_path / "rbbbbbbbb").exists()
        store.delete(["rbbbbbbbb"])
        assert store.runs() == [] and not store.database.rows("SELECT * FROM graphs")


def test_a_graph_that_a_run_went_on_with_stays_as_long_as_the_run(tmp_path: Path):
    with RunStore(tmp_path) as store:
        run, other = (store.begin(a_run(id), "before") for id in ("raaaaaaaa", "rbbbbbbbb"))
        store.add(Batch(run, graphs=[(5, "after")]))
        store.delete([other.id])
        assert [store.graph_text(run, step) for step in (0, 5)] == ["before", "after"]
        store.delete([run.id])
        assert not store.database.rows("SELECT * FROM graphs")


def test_threads_that_write_what_they_have_read_wait_for_each_other(tmp_path: Path):
    """Each has a connection of its own, as processes have."""

    def count() -> None:
        with RunStore(tmp_path) as own:
            for _ in range(5):
                with own.database.writing():
                    (row,) = own.database.rows("SELECT value FROM settings WHERE name = 'count'")
                    time.sleep(0.001)  # the others have their turn
                    values = ("count", str(int(row["value"]) + 1))
                    own.database.run("REPLACE INTO settings VALUES (?, ?)", values)

    with RunStore(tmp_path) as store:
        store.set_setting("count", "0")
        with ThreadPoolExecutor(3) as threads:
            for counted in [threads.submit(count) for _ in range(3)]:
                counted.result()
        assert store.setting("count") == "15"


def test_deleting_takes_the_curves_along_and_a_deleted_run_takes_no_more(tmp_path: Path):
    with RunStore(tmp_path) as store:
        run = store.begin(a_run())
        store.add(Batch(run, [piece(1, 1)], [Epoch(1, 1.0, {}, 1, 0.1, {"t": np.eye(2)})]))
        store.delete([run.id])
        store.add(Batch(run, [piece(2, 2)]))  # its training does not know yet
        for name in ("runs", "losses", "epochs", "arrays"):
            assert not store.database.rows(f"SELECT * FROM {name}"), name


def test_edits_change_what_is_the_users(tmp_path: Path):
    with RunStore(tmp_path) as store:
        runs = [store.begin(a_run(id)) for id in ("raaaaaaaa", "rbbbbbbbb")]
        store.edit([r.id for r in runs], star=True, tags=("x",))
        store.edit([runs[0].id], name="named", note="n", colour="#fff")
        store.add(Batch(replace(runs[0], steps=5)))  # the training writes nothing over it
        read = store.find("named")
        assert (read.star, read.tags, read.note, read.colour) == (True, ("x",), "n", "#fff")
        assert read.steps == 5 and store.find("rbbbbbbbb").star
        with pytest.raises(RunStoreProblem, match="needs a name"):
            store.edit([runs[0].id], name=" ")


def test_runs_are_listed_by_file_tag_and_star(tmp_path: Path):
    def found(**wanted) -> str:
        return "".join(run.name for run in nf.runs(folder=tmp_path, **wanted))

    with RunStore(tmp_path) as store:
        for number, name in enumerate("abc"):
            id, file = f"r{name * 8}", f"/{name}.flow"
            store.begin(a_run(id, name=name, file=file, created=float(number)))
        store.edit(["raaaaaaaa"], star=True)
        store.edit(["raaaaaaaa", "rcccccccc"], tags=("x",))
    assert found() == "cba", "the newest first"
    assert (found(starred=True), found(tag="x"), found(file="/b.flow")) == ("a", "ca", "b")


def test_runs_are_found_by_id_name_beginning_and_latest(tmp_path: Path):
    with RunStore(tmp_path) as store:
        with pytest.raises(UnknownRun, match="no run is kept yet"):
            store.find("latest")
        for number, (id, name) in enumerate([("rabcaaaaa", "one"), ("rabdaaaaa", "two")]):
            store.begin(a_run(id, name=name, created=number))
        store.begin(a_run("rzaaaaaaa", name="two", created=0.5))
        found = {text: store.find(text).id for text in ("latest", "rabcaaaaa", "rabd", "one")}
        assert found == {
            "latest": "rabdaaaaa",
            "rabcaaaaa": "rabcaaaaa",
            "rabd": "rabdaaaaa",
            "one": "rabcaaaaa",
        }
        with pytest.raises(UnknownRun, match="2 runs match 'rab': rabdaaaaa"):
            store.find("rab")
        with pytest.raises(UnknownRun, match="2 runs match 'two'"):
            store.find("two")
        with pytest.raises(UnknownRun, match=r"there is no run 'onne'. Did you mean one\?"):
            store.find("onne")
        with pytest.raises(UnknownRun, match="there is no run ''"):
            store.find("")


def test_reading_makes_nothing(tmp_path: Path):
    with RunStore(tmp_path / "none", write=False) as store:
        assert store.runs() == [] and store.journal == ""
    assert not (tmp_path / "none").exists()


def test_a_run_whose_process_is_gone_is_interrupted(tmp_path: Path, monkeypatch):
    with RunStore(tmp_path) as store:
        store.begin(a_run())
        assert store.find("latest").status == "running"
        monkeypatch.setattr(
            os, "kill", lambda pid, number: (_ for _ in ()).throw(ProcessLookupError)
        )
        assert store.find("latest").status == "interrupted"
    monkeypatch.undo()
    with RunStore(tmp_path) as store:
        run = store.find("latest")
        store.add(Batch(replace(run, updated=time.time() - run_records.SILENT_SECONDS - 1)))
        assert store.find("latest").status == "interrupted"  # its process has another number now
        store.add(Batch(replace(run, status=DONE)))
        assert store.find("latest").status == "done"


# ---- the file -----------------------------------------------------------------------------------


def test_a_write_ahead_log_where_maps_are_shared_and_else_a_rollback_journal(
    tmp_path: Path, monkeypatch
):
    with RunStore(tmp_path / "a") as store:
        assert store.journal == "wal"
    monkeypatch.setattr(connection, "shares_memory", lambda folder: False)
    with RunStore(tmp_path / "b") as store:
        run = store.begin(a_run())
        store.add(Batch(run, [piece(1, 1, 2)]))
        assert store.journal == "delete"
        assert store.curves(run)["training loss"].values.tolist() == [1, 2]


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "9p", "fuse.sshfs"])
def test_maps_of_a_network_are_not_trusted(tmp_path: Path, monkeypatch, kind: str):
    assert connection.shares_memory(tmp_path)
    monkeypatch.setattr(connection, "file_system", lambda folder: kind)
    assert not connection.shares_memory(tmp_path)


def test_maps_that_the_system_refuses_are_not_shared(tmp_path: Path, monkeypatch):
    def refuse(*arguments):
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr(connection.mmap, "mmap", refuse)
    assert not connection.shares_memory(tmp_path)


def test_an_earlier_version_is_brought_up_to_date_and_a_later_one_refused(
    tmp_path: Path, monkeypatch
):
    with RunStore(tmp_path) as store:
        store.begin(a_run())
    more = (*schema_migrations.STEPS, ("ALTER TABLE runs ADD COLUMN extra TEXT DEFAULT 'new'",))
    for write in (True, False):
        copy = tmp_path / str(write)
        copy.mkdir()
        for file in tmp_path.glob("runs.sqlite*"):
            (copy / file.name).write_bytes(file.read_bytes())
        with monkeypatch.context() as patch:
            patch.setattr(connection, "STEPS", more)
            with RunStore(copy, write=write) as store:
                assert store._rows("SELECT extra FROM runs")[0]["extra"] == "new"
        with pytest.raises(RunStoreProblem, match="a later version of nodeflow wrote"):
            RunStore(copy, write=write)


def test_a_file_that_is_no_database_is_named_with_a_remedy(tmp_path: Path):
    (tmp_path / "runs.sqlite").write_bytes(b"not a database at all" * 300)
    for write in (True, False):
        with pytest.raises(RunStoreProblem, match="file is not a database") as caught:
            RunStore(tmp_path, write=write)
        assert "Move runs.sqlite away" in str(caught.value)


def test_a_folder_that_cannot_be_made(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(RunStoreProblem, match="cannot open"):
        RunStore(tmp_path / "file" / "runs")


def test_a_transaction_that_fails_leaves_nothing(tmp_path: Path):
    with RunStore(tmp_path) as store:
        run = store.begin(a_run())
        broken = Epoch(2, 0.0, {}, 2, 0.0, {"bad": np.eye(2)})
        with pytest.raises(RunStoreProblem, match="disk is full"), store.database.writing():
            store._add_epoch(run.id, broken)
            raise sqlite3.Error("the disk is full")
        assert not store.curves(run).get("epoch loss")
