"""Trainings become runs: their curves, settings, weights and endings, whatever happens."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.errors import NonFiniteError
from nodeflow.resources import example
from nodeflow.run_store.database.connection import Database
from nodeflow.run_store.recording import recorder, writer_thread
from nodeflow.run_store.recording.data_digests import listing_digest
from nodeflow.run_store.store import RunStore
from nodeflow.train.events import Done, Epoch, RunKept, Started, Steps
from tests.own_data import flowers
from tests.run_store.lines import fitted_line, truth

PLAIN = {"batch_size": 4, "shuffle": False, "tier": "reference"}


def only(folder: Path):
    (found,) = nf.runs(folder=folder)
    return found


def test_every_step_is_kept(folder: Path, line):
    graph, data = line
    events = list(nf.train.train(graph, data=data, epochs=5, **PLAIN))
    run = only(folder)
    losses = np.concatenate([e.losses for e in events if isinstance(e, Steps)])
    assert run.losses.tobytes() == losses.tobytes()
    np.testing.assert_allclose(run.losses, truth(5), rtol=1e-4)
    ends = run.curves["epoch loss"]
    np.testing.assert_allclose(ends.values, truth(5).reshape(5, 10).mean(1), rtol=1e-4)
    assert ends.step.tolist() == [10, 20, 30, 40, 50] and run.curves["training loss"].epoch[-1] == 5
    assert np.all(np.diff(run.curves["training loss"].seconds) >= 0)
    assert (run.status, run.ending, run.steps, run.epochs) == ("done", "done after epoch 5", 50, 5)
    assert run.seconds == next(e.seconds for e in reversed(events) if isinstance(e, Steps))
    kept = [event for event in events if isinstance(event, RunKept)]
    assert kept == [RunKept(run.id, run.name)] and isinstance(events[0], Started)


def test_what_it_was_trained_with_is_kept(folder: Path, line):
    graph, data = line
    nf.train.fit(graph, data=data, epochs=1, seed=9, run_name="mine", **PLAIN)
    run = only(folder)
    assert (run.name, run.surface, run.seed) == ("mine", "python", 9)
    assert run.settings["descent.learning_rate"] == pytest.approx(0.1)
    assert run.settings["batch_size"] == 4 and run.settings["descent.op"] == "gradient_descent"
    assert run.versions["nodeflow"] == nf.__version__ and not run.machine  # nothing is compiled
    assert run.data["x"]["rows"] == 40 and len(run.data["x"]["digest"]) == 32
    assert "weak" not in run.data["x"]


def test_its_graph_and_weights_are_those_that_were_trained(folder: Path, line):
    graph, data = line
    history = nf.train.fit(graph, data=data, epochs=2, **PLAIN)
    run = only(folder)
    weights = run.weights()
    assert weights.keys() == history.variables.keys() == {"w", "b"}
    assert all(weights[n].tobytes() == history.variables[n].tobytes() for n in weights)
    again = run.graph()
    with nf.Session(again, tier="reference") as session:
        session.initialize()
        session.variables.update(weights)
        values = session.run("error", {again.tensor(k.name): v for k, v in data.items()})
    with nf.Session(graph, tier="reference") as session:
        session.initialize()
        session.variables.update(history.variables)
        assert session.run("error", data) == values


def test_the_final_weights_stand_in_where_they_are_the_best(folder: Path, line):
    graph, data = line
    events = nf.train.train(graph, data=data, epochs=3, metrics="error", test=data, **PLAIN)
    list(events)
    run = only(folder)
    assert run.best["epoch"] == 3 and run.best["by"] == "error"
    assert run.weights(best=True)["w"] == run.weights()["w"]  # the last one is the best


@pytest.mark.thorough
def test_the_best_epoch_is_kept_beside_the_final_one(folder: Path):
    graph, data = fitted_line(rate=0.999)  # overshoots: the loss goes up and down
    history = nf.train.fit(graph, data=data, epochs=6, metrics="error", test=data, **PLAIN)
    errors = history.metrics["error"]
    run = only(folder)
    best = int(np.argmin(errors)) + 1
    if best == len(errors):
        pytest.skip("it does not get worse")
    assert run.best == {"epoch": best, "by": "error", "value": errors[best - 1]}
    assert run.weights(best=True)["w"] != run.weights()["w"]


def test_a_training_that_is_left_is_stopped_with_its_weights(folder: Path, line):
    graph, data = line
    events = nf.train.train(graph, data=data, epochs=10_000, **PLAIN)
    for event in events:
        if isinstance(event, Steps) and event.last >= 25:
            break
    events.close()
    run = only(folder)
    assert run.status == "stopped" and run.steps == event.last == len(run.losses)
    assert set(run.weights()) == {"w", "b"}


def test_a_training_that_diverges_says_so(folder: Path):
    graph, data = fitted_line(rate=50.0)
    with pytest.raises(NonFiniteError) as caught:
        list(nf.train.train(graph, data=data, epochs=50, **PLAIN))
    run = only(folder)
    assert run.status == "diverged" and run.ending == caught.value.message


def test_a_training_that_fails_says_why(folder: Path):
    with nf.Graph() as graph:
        w = nf.variable(1.0, name="w")
        x = nf.placeholder("float32", [None], name="x")
        nf.gradient_descent(nf.reduce_mean(nf.check_numerics(nf.log(x * w), "off")), name="d")
    x = np.linspace(1, -1, 8, dtype=np.float32)
    with pytest.raises(nf.NodeflowError) as caught:
        list(nf.train.train(graph, data={"x": x}, **{**PLAIN, "batch_size": 2}))
    run = only(folder)
    assert run.status in ("failed", "diverged") and run.ending == caught.value.message


@pytest.mark.parametrize("off", ["environment", "argument", "outside"])
def test_nothing_is_kept_where_nothing_is_wanted(folder: Path, line, monkeypatch, off: str):
    graph, data = line
    if off == "environment":
        monkeypatch.setenv("NODEFLOW_RUNS", "off")
    if off == "outside":  # a loop over session.run
        with nf.Session(graph) as session:
            session.initialize()
            session.run("descent", data)
    else:
        keep = off != "argument"
        events = list(nf.train.train(graph, data=data, epochs=1, keep_run=keep, **PLAIN))
        assert not any(isinstance(event, RunKept) for event in events)
    assert not folder.exists()


def test_a_run_is_seen_while_it_goes_on(folder: Path, line, monkeypatch):
    monkeypatch.setattr(writer_thread, "FLUSH_SECONDS", 0.0)
    graph, data = line
    seen = 0
    events = nf.train.train(graph, data=data, epochs=10_000_000, **PLAIN)
    for event in events:
        if isinstance(event, Steps):
            run = only(folder)
            assert run.status == "running"
            seen = len(run.losses)
            if seen:
                break
    events.close()
    assert seen


@pytest.mark.thorough
def test_metrics_and_tables_of_each_epoch(folder: Path):
    graph = nf.load(example("mnist_layers"))
    graph_events = nf.train.train(graph, epochs=2, tier="reference", batch_size=1000)
    epochs = [e for e in graph_events if type(e).__name__ == "Epoch"]
    run = only(folder)
    for key in epochs[0].metrics:
        assert run.curves[key].values.tolist() == [e.metrics[key] for e in epochs]
        assert run.metrics[key] == epochs[-1].metrics[key]
    for key in epochs[0].tables:
        for epoch, (number, table) in zip(epochs, run.tables[key], strict=True):
            assert number == epoch.epoch
            np.testing.assert_array_equal(table, epoch.tables[key])
    assert run.file.endswith("mnist_layers.flow") and run.name.startswith("mnist_layers 20")
    assert [r.id for r in nf.runs(file=run.file)] == [run.id] and not nf.runs(file="other.flow")


# ---- going on -----------------------------------------------------------------------------------


@pytest.mark.thorough
def test_a_resumed_training_is_the_same_run(folder: Path, line, tmp_path: Path):
    graph, data = line
    states = tmp_path / "states"
    given = {"data": data, "checkpoint": states, "every": 7, **PLAIN}
    events = nf.train.train(graph, epochs=6, **given)
    for event in events:
        if isinstance(event, Steps) and event.last > 30:
            break
    events.close()
    list(nf.train.train(graph, epochs=6, resume=states, **given))
    run = only(folder)
    assert run.status == "done" and run.steps == 60
    whole = nf.train.fit(fitted_line()[0], data=_same(data), epochs=6, keep_run=False, **PLAIN)
    assert run.losses.tobytes() == whole.steps.tobytes()
    assert run.curves["epoch loss"].values.tolist() == whole.loss


def test_a_resumed_training_that_is_left_has_its_last_whole_epoch(
    folder: Path, line, tmp_path: Path
):
    graph, data = line
    given = {"data": data, "checkpoint": tmp_path / "states", **PLAIN}
    list(nf.train.train(graph, epochs=3, **given))
    events = nf.train.train(graph, epochs=6, resume=tmp_path / "states", **given)
    next(event for event in events if isinstance(event, Steps))
    events.close()
    run = only(folder)
    assert (run.status, run.epochs) == ("stopped", run.steps // 10)
    assert 3 <= run.epochs < 6
    assert run.loss == pytest.approx(truth(6).reshape(6, 10).mean(1)[run.epochs - 1], rel=1e-4)


def _same(data: dict) -> dict:
    return {tensor.name: rows for tensor, rows in data.items()}


@pytest.mark.thorough
def test_what_a_killed_run_lost_comes_from_its_state(folder: Path, line, tmp_path: Path):
    graph, data = line
    given = {"data": data, "checkpoint": tmp_path / "states", "every": 10, **PLAIN}
    list(nf.train.train(graph, epochs=4, **given))
    with RunStore(folder) as store, store.database.writing():  # as if the last second were lost
        store.database.run("DELETE FROM losses")
        store.database.run("DELETE FROM epochs WHERE epoch > 1")
    list(nf.train.train(graph, epochs=5, resume=tmp_path / "states", **given))
    run = only(folder)
    whole = nf.train.fit(fitted_line()[0], data=_same(data), epochs=5, keep_run=False, **PLAIN)
    assert run.losses.tobytes() == whole.steps.tobytes()
    assert run.curves["epoch loss"].step.tolist() == [10, 20, 30, 40, 50]


@pytest.mark.thorough
def test_the_best_weights_of_a_run_survive_that_it_goes_on(folder: Path, line, tmp_path: Path):
    graph, data = line
    given = {"data": data, "metrics": "error", "test": data, "checkpoint": tmp_path / "s", **PLAIN}
    list(nf.train.train(graph, epochs=3, **given))
    first = only(folder)
    best = first.weights()
    assert first.best["epoch"] == 3
    with RunStore(folder) as store, store.database.writing():  # so good that nothing is better
        store.database.run("UPDATE runs SET facts = json_set(facts, '$.best.value', 0.0)")
    list(nf.train.train(graph, epochs=5, resume=tmp_path / "s", **given))
    run = only(folder)
    assert (run.epochs, run.best["epoch"], run.metrics.keys()) == (5, 3, {"error"})
    assert run.weights(best=True)["w"].tobytes() == best["w"].tobytes() != run.weights()["w"]


def test_a_changed_training_branches_from_the_run_that_it_goes_on_from(
    folder: Path, line, tmp_path: Path
):
    graph, data = line
    given = {"data": data, **PLAIN}
    list(nf.train.train(graph, epochs=2, checkpoint=tmp_path / "states", **given))
    first = only(folder)
    other, data = fitted_line(rate=0.2)
    given = {**given, "data": data, "resume": tmp_path / "states", "resume_changed": True}
    list(nf.train.train(other, epochs=3, **given))
    second = nf.runs("latest")[0]
    assert (second.parent, second.parent_step) == (first.id, 20)
    assert second.losses[:20].tobytes() == first.losses.tobytes() and second.steps == 30
    assert nf.runs(first.id)[0].status == "done"


# ---- data ---------------------------------------------------------------------------------------


@pytest.mark.thorough
def test_a_file_of_data_is_digested_by_content_and_known_again_by_size_and_time(
    folder: Path, tmp_path: Path, monkeypatch
):
    file = flowers(tmp_path / "flowers.csv")
    (tmp_path / "copy.csv").write_bytes(file.read_bytes())
    read = []
    real = writer_thread.digesting
    monkeypatch.setattr(writer_thread, "digesting", lambda fed: read.append(fed.path) or real(fed))
    for name in ("flowers", "flowers", "copy"):
        train_on(tmp_path / f"{name}.csv", tmp_path)
    third, second, first = nf.runs()
    digests = {one["digest"] for run in (first, second, third) for one in run.data.values()}
    assert len(digests) == 1 and [path.name for path in read] == ["flowers.csv", "copy.csv"]
    file.write_bytes(file.read_bytes().replace(b"5.1", b"5.2", 1))
    train_on(file, tmp_path)
    assert {one["digest"] for one in nf.runs()[0].data.values()} != digests


def train_on(file: Path, folder: Path) -> None:
    from nodeflow.cli.environment import Environment
    from nodeflow.cli.main import main

    out = folder / f"{file.stem}.flow"
    quiet = Environment(open(os.devnull, "w"), open(os.devnull, "w"), folder)  # noqa: SIM115
    assert main(["new", str(file), "-o", str(out), "--force"], quiet) == 0
    nf.train.fit(nf.load(out), epochs=1, tier="reference")


def test_a_folder_is_known_by_names_sizes_and_times(tmp_path: Path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.png").write_bytes(b"1")
    before = listing_digest(tmp_path)
    assert listing_digest(tmp_path) == before
    (tmp_path / "a" / "1.png").rename(tmp_path / "a" / "2.png")
    assert listing_digest(tmp_path) != before
    (tmp_path / "a" / "2.png").rename(tmp_path / "a" / "1.png")
    assert listing_digest(tmp_path) == before
    os.utime(tmp_path / "a" / "1.png", ns=(1, 1))
    assert listing_digest(tmp_path) != before


# ---- where nothing can be written ---------------------------------------------------------------


def test_a_store_that_cannot_be_made_is_one_notice_and_training_goes_on(
    folder: Path, line, tmp_path: Path, monkeypatch
):
    (tmp_path / "file").touch()
    monkeypatch.setenv("NODEFLOW_RUNS", str(tmp_path / "file" / "runs"))
    graph, data = line
    with pytest.warns(UserWarning, match="this training is not kept as a run: cannot open") as said:
        events = list(nf.train.train(graph, data=data, epochs=3, **PLAIN))
    assert len(said) == 1
    assert isinstance(events[-1], Done) and events[-1].epochs == 3
    assert [e.problem != "" for e in events if isinstance(e, RunKept)] == [True]


@pytest.mark.thorough
def test_a_disk_that_is_full_for_a_while_is_one_notice_and_no_gap(folder: Path, line, monkeypatch):
    """It is full until the notice has come, and the training waits for the first failure."""
    monkeypatch.setattr(writer_thread, "FLUSH_SECONDS", 0.0)
    monkeypatch.setattr(writer_thread, "RETRY_SECONDS", 0.0)
    real, failed, noticed = Database.run, threading.Event(), threading.Event()

    def full(self, statement: str, values=()):
        if "losses" in statement and not noticed.is_set():
            failed.set()
            raise sqlite3.OperationalError("database or disk is full")
        return real(self, statement, values)

    monkeypatch.setattr(Database, "run", full)
    graph, data = line
    losses, epochs = [], []
    with pytest.warns(UserWarning, match="disk is full") as said:
        for event in nf.train.train(graph, data=data, epochs=300, **PLAIN):
            if isinstance(event, Steps):
                losses.append(event.losses)
                assert failed.wait(30)
            elif isinstance(event, Epoch):
                epochs.append(event.loss)
            elif isinstance(event, RunKept) and event.problem:
                noticed.set()
    assert len(said) == 1
    run = only(folder)
    assert run.losses.tobytes() == np.concatenate(losses).tobytes() and run.status == "done"
    assert run.curves["epoch loss"].values.tolist() == epochs


def test_a_store_that_is_deleted_meanwhile_harms_nothing(folder: Path, line):
    graph, data = line
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for event in nf.train.train(graph, data=data, epochs=3, **PLAIN):
            if isinstance(event, RunKept) and event.run:
                shutil.rmtree(folder)
    assert isinstance(event, Done)


def test_weights_that_cannot_be_written_leave_the_curve(folder: Path, line, monkeypatch):
    def refuse(path, *arguments, **more):
        raise nf.errors.FileProblem(f"cannot write {path}: No space left on device")

    monkeypatch.setattr(writer_thread, "save_weights", refuse)
    graph, data = line
    list(nf.train.train(graph, data=data, epochs=1, **PLAIN))
    run = only(folder)
    assert run.status == "done" and len(run.losses) == 10
    with pytest.raises(nf.NodeflowError, match="has no weights: they were not kept"):
        run.weights()


def test_what_is_json_in_the_store_is_strict(folder: Path, line):
    graph, data = line
    nf.train.fit(graph, data=data, epochs=1, **PLAIN)
    with RunStore(folder) as store:
        (row,) = store.database.rows("SELECT facts FROM runs")
    facts = json.loads(row["facts"], parse_constant=lambda text: pytest.fail(text))
    assert facts["settings"]["epochs"] == 1


def test_a_metric_that_is_called_loss_hides_no_curve(folder: Path):
    graph = nf.load(example("linear_regression"))
    history = nf.train.fit(graph, epochs=2, tier="reference")
    run = only(folder)
    assert run.losses.tobytes() == history.steps.tobytes()
    assert run.curves["loss"].values.tolist() == history.metrics["loss"]
    assert run.curves["epoch loss"].values.tolist() == history.loss


@pytest.mark.thorough
def test_a_training_that_ends_before_its_run_has_begun_names_it(folder: Path, line, monkeypatch):
    opened = writer_thread.Writer._open

    def late(self, *arguments):
        time.sleep(1)
        return opened(self, *arguments)

    monkeypatch.setattr(writer_thread.Writer, "_open", late)
    monkeypatch.setattr(recorder, "BEGIN_SECONDS", 0.0)
    graph, data = line
    *_, kept, done = nf.train.train(graph, data=data, epochs=1, **PLAIN)
    assert isinstance(done, Done) and kept == RunKept(only(folder).id, only(folder).name)


@pytest.mark.thorough
def test_the_reference_tier_loads_no_compiler(folder: Path):
    code = """
import sys
import threading
import numpy as np
import nodeflow as nf
from tests.run_store.lines import fitted_line
graph, data = fitted_line()
nf.train.fit(graph, data=data, epochs=2, tier="reference", batch_size=4)
assert nf.runs()[0].status == "done" and nf.runs()[0].versions["numba"]
assert "numba" not in sys.modules, sorted(m for m in sys.modules if "numba" in m)[:5]
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(nf.__file__).parents[1])}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
