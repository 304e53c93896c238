"""``nodeflow runs``, and what ``nodeflow train`` keeps."""

from __future__ import annotations

import csv
import json
import signal
import time
from pathlib import Path

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.document.io import flow
from nodeflow.resources import examples
from nodeflow.run_store.database import connection
from nodeflow.run_store.run_records import Run, RunEvent
from nodeflow.run_store.store import Batch, RunStore

SPIRALS = next(path for path in examples() if path.stem == "spirals")
PLAIN = ("--tier", "reference", "--json")


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The store of this test."""
    monkeypatch.setenv("NODEFLOW_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


def train(nodeflow, *options: object) -> dict:
    """Trains spirals for two epochs; returns the event that names the run."""
    result = nodeflow("train", SPIRALS, *PLAIN, "--epochs", 2, *options)
    assert result.code == 0, result.err
    (event,) = [line for line in result.lines if line["event"] == "run"]
    return event


@pytest.mark.thorough
def test_a_training_is_kept_and_listed(nodeflow, kept: Path):
    event = train(nodeflow, "--run-name", "first")
    assert event == {"event": "run", "run": event["run"], "name": "first"}
    (run,) = nodeflow("runs", "list", "--json").json
    assert (run["id"], run["name"], run["status"], run["surface"]) == (
        event["run"],
        "first",
        "done",
        "cli",
    )
    assert run["file"] == str(SPIRALS) and run["epochs"] == 2 and run["settings"]["epochs"] == 2
    lines = nodeflow("runs", "list").out.splitlines()
    assert lines[0].split()[:3] == ["run", "name", "status"]
    assert lines[1].split()[:3] == [event["run"], "first", "done"]


@pytest.mark.thorough
def test_the_last_line_of_a_training_names_its_run(nodeflow, kept: Path):
    result = nodeflow("train", SPIRALS, "--tier", "reference", "--epochs", 1)
    (run,) = nodeflow("runs", "list", "--json").json
    assert result.out.splitlines()[-1].endswith(f", run {run['id']}")
    assert run["name"].startswith("spirals 20")


@pytest.mark.thorough
def test_no_run_keeps_none(nodeflow, kept: Path):
    result = nodeflow("train", SPIRALS, *PLAIN, "--epochs", 1, "--no-run")
    assert result.code == 0 and "run" not in [line["event"] for line in result.lines]
    assert not kept.exists()
    listed = nodeflow("runs", "list")
    assert (listed.code, listed.out, listed.err) == (0, "", "nodeflow: no run is kept yet\n")
    assert nodeflow("runs", "list", "--json").json == []


@pytest.mark.thorough
def test_list_filters_by_file_and_count(nodeflow, kept: Path, tmp_path: Path):
    copy = tmp_path / "copy.flow"
    copy.write_bytes(SPIRALS.read_bytes())
    ids = [train(nodeflow)["run"] for _ in range(2)]
    nodeflow("train", copy, *PLAIN, "--epochs", 1)
    assert [r["id"] for r in nodeflow("runs", "list", "--of", SPIRALS, "--json").json] == ids[::-1]
    assert len(nodeflow("runs", "list", "--of", "copy.flow", "--json").json) == 1
    assert len(nodeflow("runs", "list", "--most", 1, "--json").json) == 1


def test_the_newest_runs_of_a_file_are_listed_whatever_else_ran_since(nodeflow, kept: Path):
    with RunStore() as store:
        for number, file in enumerate(("a.flow", "b.flow", "a.flow", "b.flow", "b.flow")):
            begun = 1e9 + number
            store.begin(Run(f"r{number}aaaaaaa", str(number), created=begun, updated=begun,
                            file=str(kept / file)))  # fmt: skip

    def names(*options: object) -> list[str]:
        return [run["name"] for run in nodeflow("runs", "list", "--json", *options).json]

    assert names("--most", 2) == ["4", "3"]
    assert names("--most", 2, "--of", kept / "a.flow") == ["2", "0"]
    assert names("--most", 1, "--of", kept / "a.flow") == ["2"]


@pytest.mark.thorough
def test_show_says_all(nodeflow, kept: Path):
    event = train(nodeflow)
    run = nodeflow("runs", "show", "latest", "--json").json
    assert run["id"] == event["run"] and run["weights"][0] == "final.safetensors"
    assert run["curves"]["training loss"] == run["steps"] == 32
    assert run["tiers"] == [{"first": 1, "tier": "reference"}]
    text = nodeflow("runs", "show", event["run"][:5]).out
    assert ["run", event["run"]] in [line.split() for line in text.splitlines()]
    for word in ("learning_rate", "status", "numpy", "from step 1: reference"):
        assert word in text


@pytest.mark.thorough
def test_curves_are_those_of_the_training(nodeflow, kept: Path, tmp_path: Path):
    train(nodeflow)
    history = nf.train.fit(nf.load(SPIRALS), tier="reference", epochs=2, keep_run=False)
    found = nodeflow("runs", "curves", "latest", "--json").json
    assert found["training loss"]["values"] == history.steps.tolist()
    assert found["epoch loss"]["values"] == history.loss
    assert found["training loss"]["step"] == list(range(1, 33))
    assert nodeflow("runs", "curves", "latest", "--csv", "c.csv").out == ""
    with (tmp_path / "c.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["training loss"]) for row in rows] == history.steps.tolist()
    assert [row["epoch loss"] != "" for row in rows] == [n % 16 == 0 for n in range(1, 33)]
    printed = list(csv.DictReader(nodeflow("runs", "curves", "latest").out.splitlines()))
    assert printed == rows
    refused = nodeflow("runs", "curves", "latest", "--csv", "no/such/c.csv")
    assert refused.code == 1 and "cannot write" in refused.err


@pytest.mark.thorough
def test_diff_says_what_changed(nodeflow, kept: Path):
    first, second = train(nodeflow)["run"], train(nodeflow)["run"]
    same = nodeflow("runs", "diff", first, second)
    assert (same.code, same.out) == (0, "")
    optimizer = next(n.name for n in flow.load(SPIRALS).nodes.values() if n.op == "adam")
    rate = f"{optimizer}.learning_rate"
    third = train(nodeflow, "--set", f"{rate}=0.5", "--seed", 7)["run"]
    result = nodeflow("runs", "diff", first, third)
    assert result.code == 1
    assert "~ settings seed: 1 -> 7" in result.out.splitlines()
    assert f"~ node {optimizer}: learning_rate" in result.out
    found = nodeflow("runs", "diff", first, third, "--json").json
    names = {change["name"] for change in found["facts"]}
    assert names == {"seed", rate}
    assert [(d["kind"], d["name"]) for d in found["graph"] if d["kind"] == "node"] == [
        ("node", optimizer)
    ]


def test_diff_and_show_name_the_edits_that_explain_a_difference(nodeflow, kept: Path):
    """Both runs ended with one rate; only one of them had another in between."""
    first, second = train(nodeflow)["run"], train(nodeflow)["run"]
    rate = {"node": "train", "attr": "learning_rate"}
    changed = [
        RunEvent(10, 0.0, "changed", {**rate, "before": 0.01, "value": 1000.0}),
        RunEvent(20, 0.0, "changed", {**rate, "before": 1000.0, "value": 0.01}),
    ]
    with RunStore() as store:
        store.add(Batch(store.find(second), events=changed))
    result = nodeflow("runs", "diff", first, second)
    assert (result.code, result.out.splitlines()) == (
        1,
        [
            f"+ after step 10 of {second}: train.learning_rate 0.01 -> 1000",
            f"+ after step 20 of {second}: train.learning_rate 1000 -> 0.01",
        ],
    )
    found = nodeflow("runs", "diff", second, first, "--json").json
    assert found["facts"] == found["graph"] == found["edits"]["after"] == []
    assert found["parted"] is None
    assert [(e["step"], e["kind"], e["what"]) for e in found["edits"]["before"]] == [
        (10, "changed", ["train.learning_rate 0.01 -> 1000"]),
        (20, "changed", ["train.learning_rate 1000 -> 0.01"]),
    ]
    shown = nodeflow("runs", "show", second).out.splitlines()
    assert "after step 10: train.learning_rate 0.01 -> 1000" in shown
    with RunStore() as store:
        settings, now = store.find(second).settings, time.time()
        branch = Run("raaaaaaaa", "branch", created=now, updated=now,
                     parent=second, parent_step=15, settings=settings)  # fmt: skip
        store.begin(branch, store.graph_text(store.find(second)))
    shown = nodeflow("runs", "show", "branch").out.splitlines()
    assert f"after step 10 of {second}: train.learning_rate 0.01 -> 1000" in shown
    assert "after step 15: train: learning_rate 1000.0 -> 0.01" in shown
    lines = nodeflow("runs", "diff", second, "branch").out.splitlines()
    assert lines[0].startswith(f"the same up to step 15, of {second} (")
    assert f"- after step 20 of {second}: train.learning_rate 1000 -> 0.01" in lines


@pytest.mark.thorough
def test_export_writes_what_other_programs_read(nodeflow, kept: Path, tmp_path: Path):
    event = train(nodeflow)
    files = nodeflow("runs", "export", "latest", "-o", "out", "--json").json["files"]
    folder = tmp_path / "out"
    assert sorted(files) == sorted(path.name for path in folder.iterdir())
    said = json.loads((folder / "run.json").read_text())
    assert said["id"] == event["run"] and said["tiers"] == [[1, "reference"]]
    from safetensors.numpy import load_file

    weights = load_file(folder / "final.safetensors")
    run = nf.runs("latest")[0].weights()
    assert all(np.array_equal(weights[name], run[name]) for name in run)
    again = nodeflow("train", folder / "graph.flow", *PLAIN, "--epochs", 2)
    loss = [line["loss"] for line in again.lines if line["event"] == "epoch"]
    assert loss == nf.runs(event["run"])[0].curves["epoch loss"].values.tolist()
    refused = nodeflow("runs", "export", event["run"], "-o", "out")
    assert refused.code == 1 and "out is not empty" in refused.err


@pytest.mark.thorough
def test_delete_takes_all_or_none(nodeflow, kept: Path):
    ids = [train(nodeflow)["run"] for _ in range(3)]
    refused = nodeflow("runs", "delete", ids[0], "nothing")
    assert refused.code == 1 and "there is no run 'nothing'" in refused.err
    assert len(nf.runs()) == 3
    assert nodeflow("runs", "delete", ids[0], ids[1], "--json").json == {"deleted": ids[:2]}
    assert [run.id for run in nf.runs()] == ids[2:]
    assert not (kept / ids[0]).exists() and (kept / ids[2]).exists()


def test_the_limit_is_set_and_printed(nodeflow, kept: Path):
    train(nodeflow)
    assert nodeflow("runs", "limit", "--json").json["limit"] == 2_000_000_000
    assert nodeflow("runs", "limit", "500MB").out.endswith("of 500 MB\n")
    wrong = nodeflow("runs", "limit", "much")
    assert wrong.code == 1 and "'much' is not a size" in wrong.err


@pytest.mark.thorough
@pytest.mark.parametrize(
    "command", [("show", "?"), ("curves", "?"), ("diff", "?", "!"), ("delete", "?")]
)
def test_an_unknown_run_is_an_error_in_words(nodeflow, kept: Path, command):
    result = nodeflow("runs", *command)
    assert result.code == 1 and "no run is kept yet" in result.err
    train(nodeflow)
    result = nodeflow("runs", *command)
    assert result.code == 1
    assert "there is no run '?'. nodeflow runs list prints them." in result.err


def test_runs_that_are_switched_off(nodeflow):
    result = nodeflow("runs", "list")
    assert result.code == 1 and "NODEFLOW_RUNS is off" in result.err


@pytest.mark.thorough
def test_a_store_that_cannot_be_written_is_one_notice(nodeflow, tmp_path: Path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("NODEFLOW_RUNS", str(tmp_path / "file" / "runs"))
    result = nodeflow("train", SPIRALS, "--tier", "reference", "--epochs", 1)
    assert result.code == 0 and result.err.count("is not kept as a run") == 1
    lines = nodeflow("train", SPIRALS, *PLAIN, "--epochs", 1).lines
    (event,) = [line for line in lines if line["event"] == "run"]
    assert event["run"] is None and "is not kept as a run" in event["problem"]


@pytest.mark.thorough
def test_a_run_goes_on_by_its_name(nodeflow, kept: Path):
    train(nodeflow, "--run-name", "mine", "--checkpoint", "states")
    result = nodeflow("train", SPIRALS, *PLAIN, "--epochs", 4, "--resume", "mine")
    assert result.code == 0, result.err
    (run,) = nf.runs()
    whole = nf.train.fit(nf.load(SPIRALS), tier="reference", epochs=4, keep_run=False)
    assert run.losses.tobytes() == whole.steps.tobytes() and run.name == "mine"


@pytest.mark.thorough
def test_a_run_without_states_says_how_to_begin(nodeflow, kept: Path):
    event = train(nodeflow)
    result = nodeflow("train", SPIRALS, *PLAIN, "--resume", "latest")
    assert result.code == 1
    assert f"the run {event['run']} cannot continue: it has no checkpoints" in result.err
    weights = kept / event["run"] / "final.safetensors"
    assert f"--weights {weights}" in result.err
    assert nodeflow("train", SPIRALS, *PLAIN, "--epochs", 1, "--weights", weights).code == 0
    unknown = nodeflow("train", SPIRALS, *PLAIN, "--resume", "elsewhere")
    assert unknown.code == 1 and "there is no checkpoint of a training in" in unknown.err


@pytest.mark.thorough
def test_a_stopped_training_is_a_stopped_run(endless_training, kept: Path):
    process = endless_training()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    (run,) = nf.runs()
    assert process.returncode == 130 and run.status == "stopped" and run.epochs
    assert len(run.losses) == run.steps


@pytest.mark.thorough
def test_a_run_that_trains_is_not_deleted(endless_training, nodeflow, kept: Path):
    endless_training()
    result = nodeflow("runs", "delete", "latest")
    assert result.code == 1 and "still trains" in result.err
    with RunStore(kept, write=False) as store:
        assert len(store.runs()) == 1


@pytest.mark.thorough
def test_doctor_says_where_runs_are_and_how_writes_are_made_safe(nodeflow, kept: Path, monkeypatch):
    found = nodeflow("doctor", "--json").json["runs"]
    assert (found["runs folder"], found["runs state"]) == (str(kept), "nothing is kept yet")
    monkeypatch.setattr(connection, "shares_memory", lambda folder: False)
    train(nodeflow)
    state = nodeflow("doctor", "--json").json["runs"]["runs state"]
    assert state == "1 runs, rollback journal: memory is not shared there"
    monkeypatch.setenv("NODEFLOW_RUNS", "off")
    assert nodeflow("doctor", "--json").json["runs"] == {"NODEFLOW_RUNS": "off"}


def test_a_step_of_a_run_is_computed_again(nodeflow, kept: Path):
    train(nodeflow, "--run-name", "first")
    (run,) = nf.runs()
    found = nodeflow("runs", "at", "first", 5, "--json").json
    loss = run.settings["loss"]
    assert (found["run"], found["step"], found["epoch"], found["notices"]) == (run.id, 5, 1, [])
    assert found["fetches"] == {loss: run.losses[4]}
    variable = next(iter(run.weights()))
    result = nodeflow("runs", "at", "first", run.steps, "--fetch", variable)
    assert result.code == 0 and result.out.startswith(f"{variable} = ")


@pytest.mark.thorough
def test_a_step_that_a_run_has_not_made_is_an_error(nodeflow, kept: Path):
    train(nodeflow)
    result = nodeflow("runs", "at", "latest", 10**6)
    assert result.code == 1 and "has no step" in result.err and "Traceback" not in result.err
    assert nodeflow("runs", "at", "latest", 0).code == 2


def test_a_damaged_run_is_listed_exported_and_deleted(nodeflow, kept: Path, tmp_path: Path):
    hurt, other = (train(nodeflow)["run"] for _ in range(2))
    with RunStore(kept) as store, store.database.writing():
        store.database.run("UPDATE runs SET facts = '{', created = 'x' WHERE id = ?", (hurt,))
        store.database.run("UPDATE losses SET data = x'00' WHERE run = ?", (hurt,))
        store.database.run("UPDATE events SET data = x'ff' WHERE run = ?", (hurt,))
    listed = {run["id"]: run for run in nodeflow("runs", "list", "--json").json}
    assert {id: run["status"] for id, run in listed.items()} == {hurt: "damaged", other: "done"}
    assert listed[hurt]["damaged"] == ["created", "facts"] and listed[other]["damaged"] == []
    lines = nodeflow("runs", "list").out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == [other, hurt] and "damaged" in lines[2]
    shown = nodeflow("runs", "show", hurt)
    assert shown.code == 0 and "its row is damaged: created, facts cannot be read" in shown.out
    assert "losses of the run" in shown.err and shown.err.count("cannot be read") == 1
    for command in (["curves", hurt], ["diff", hurt, other], ["limit"], ["list"], ["show", other]):
        assert nodeflow("runs", *command).code in (0, 1)
    assert nodeflow("runs", "curves", other).code == 0
    said = nodeflow("runs", "at", hurt, 2)
    assert said.code == 1 and "does not name its loss. Give --fetch NAME" in said.err
    out = nodeflow("runs", "export", hurt, "-o", tmp_path / "out")
    assert out.code == 0 and "cannot be read" in out.err
    assert {"run.json", "curves.csv", "graph.flow"} <= {
        p.name for p in (tmp_path / "out").iterdir()
    }
    assert train(nodeflow)["run"]
    assert nodeflow("runs", "delete", hurt).code == 0
    assert hurt not in [run["id"] for run in nodeflow("runs", "list", "--json").json]
    assert nodeflow("runs", "limit", "1GB").code == 0
