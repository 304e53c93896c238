"""Event files on the command line: written of trainings and of runs, and read as runs."""

from __future__ import annotations

from pathlib import Path

import pytest

import nodeflow as nf
from nodeflow.errors import GraphError
from nodeflow.integrations.tensorboard.reading import read_folder
from nodeflow.resources import example
from nodeflow.run_store.store import RunStore

SPIRALS = example("spirals")
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
def test_event_files_there_and_back(nodeflow, kept: Path, tmp_path: Path):
    run = train(nodeflow)["run"]
    assert nodeflow("runs", "tensorboard", "latest", "-o", "logs", "--json").json["runs"] == [run]
    again = nodeflow("runs", "tensorboard", run, "-o", "logs")
    assert again.err == "nodeflow: 1 run written; to look: tensorboard --logdir logs\n"
    (found,) = nodeflow("runs", "import", "logs", "--json").json
    ours, theirs = (nf.runs(id)[0].losses for id in (run, found["id"]))
    assert theirs.tolist() == ours.astype("float32").tolist() and len(ours)
    refused = nodeflow("runs", "import", "nothing")
    assert refused.code == 1 and "there is no folder" in refused.err


@pytest.mark.thorough
def test_a_training_writes_event_files(nodeflow, kept: Path, tmp_path: Path):
    run = train(nodeflow, "--tensorboard", "live", "--run-name", "a")["run"]
    (place,) = (tmp_path / "live").iterdir()
    losses = read_folder(place).scalars["loss"].values
    assert losses == nf.runs(run)[0].losses.astype("float32").tolist()


def test_without_it_no_option_and_no_command_names_it(nodeflow, without):
    asked = [("train", "--help"), ("runs", "--help")]
    assert all("tensorboard" in nodeflow(*words).out for words in asked)
    without("tensorboard")
    texts = [nodeflow(*words).out.lower() for words in asked]
    assert not any("tensorboard" in text or "event files" in text for text in texts)
    assert nodeflow("runs", "tensorboard", "latest", "-o", "logs").code == 2


@pytest.mark.thorough
def test_without_it_a_run_that_came_from_event_files_is_still_there(
    nodeflow, kept: Path, tmp_path: Path, without
):
    train(nodeflow, "--tensorboard", "live")
    (found,) = nodeflow("runs", "import", "live", "--json").json
    before = nf.runs(found["id"])[0].losses.tolist()
    without("tensorboard")
    assert found["id"] in [run["id"] for run in nodeflow("runs", "list", "--json").json]
    assert nodeflow("runs", "show", found["id"]).code == 0
    assert nf.runs(found["id"])[0].losses.tolist() == before
    with RunStore() as store:
        assert store.find(found["id"]).surface == "event files"


def test_the_names_of_python_are_there_with_it_and_gone_without(without):
    assert "FileWriter" in dir(nf.summary) and nf.summary.FileWriter.__module__.endswith("writer")
    vars(nf.summary).pop("FileWriter")  # kept since its first use
    without("tensorboard")
    assert "FileWriter" not in dir(nf.summary)
    with pytest.raises(AttributeError, match=r"nf\.summary has no 'FileWriter'"):
        _ = nf.summary.FileWriter
    with nf.Graph() as graph:
        nf.gradient_descent(nf.square(nf.variable(1.0)), learning_rate=0.1)
    with pytest.raises(GraphError, match="tensorboard"):
        nf.train.fit(graph, epochs=1, tensorboard="logs")
