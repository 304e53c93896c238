"""Trainings as event files, and event files as runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.errors import FileProblem
from nodeflow.integrations.tensorboard.importing import import_event_files, loss_tag
from nodeflow.integrations.tensorboard.reading import EventFileProblem, read_folder
from nodeflow.integrations.tensorboard.records import framed
from nodeflow.integrations.tensorboard.runs import write_runs
from nodeflow.ops.summaries import messages
from nodeflow.ops.summaries import protobuf as pb
from nodeflow.run_store.store import RunStore
from tests.run_store.lines import truth
from tests.summary.wire import events

PLAIN = {"batch_size": 4, "shuffle": False, "tier": "reference"}


def float32s(values: np.ndarray) -> list[float]:
    return [float(np.float32(value)) for value in values]


@pytest.mark.thorough
def test_a_live_training_writes_every_step(folder: Path, line, tmp_path: Path):
    graph, data = line
    logs = tmp_path / "logs"
    nf.train.fit(graph, data=data, epochs=3, run_name="a", tensorboard=logs, **PLAIN)
    (place,) = logs.iterdir()
    assert place.name.startswith("a-")
    log = read_folder(place)
    assert log.scalars["loss"].steps == list(range(1, 31))
    np.testing.assert_allclose(log.scalars["loss"].values, truth(3), rtol=1e-4)
    assert log.scalars["loss_of_epoch"].steps == [10, 20, 30]
    assert log.settings["epochs"] == 3 and log.settings["descent.learning_rate"] == 0.1
    np.testing.assert_allclose(
        log.scalars["loss_of_epoch"].values, truth(3).reshape(3, 10).mean(1), rtol=1e-4
    )
    (path,) = place.iterdir()
    assert sum(4 in event for event in events(path)) == 1  # the graph


def test_it_goes_without_a_run(monkeypatch: pytest.MonkeyPatch, line, tmp_path: Path):
    monkeypatch.setenv("NODEFLOW_RUNS", "off")
    graph, data = line
    nf.train.fit(graph, data=data, epochs=1, tensorboard=tmp_path, **PLAIN)
    (place,) = tmp_path.iterdir()
    assert len(read_folder(place).scalars["loss"].values) == 10


@pytest.mark.thorough
def test_a_kept_run_written_and_read_is_the_same_curve(folder: Path, line, tmp_path: Path):
    graph, data = line
    nf.train.fit(graph, data=data, epochs=4, run_name="b <1>/x", **PLAIN)
    with RunStore(folder) as store:
        (run,) = store.runs()
        assert write_runs(store, [run], tmp_path / "logs") == 1
        assert write_runs(store, [run], tmp_path / "logs") == 1  # again: written anew
        (found,) = import_event_files(store, tmp_path / "logs")
        ours, theirs = store.curves(run), store.curves(found)
    assert found.surface == "event files" and found.steps == 40
    assert theirs["training loss"].step.tolist() == ours["training loss"].step.tolist()
    assert theirs["training loss"].values.tolist() == float32s(ours["training loss"].values)
    assert "epoch loss" not in theirs
    assert theirs["loss_of_epoch"].step.tolist() == [10, 20, 30, 40]


def test_reading_again_keeps_what_the_user_gave(folder: Path, tmp_path: Path):
    with nf.summary.FileWriter(tmp_path / "one") as writer:
        for step in (0, 10, 11, 30):
            writer.add_summary(messages.scalar("train/loss", step), step)
            writer.add_summary(messages.scalar("val loss", -step), step)
    with RunStore(folder) as store:
        (first,) = import_event_files(store, tmp_path)
        assert first.name == f"{tmp_path.name}/one"
        store.edit([first.id], name="mine", star=True, note="n", tags=["t"])
        with nf.summary.FileWriter(tmp_path / "one") as writer:
            writer.add_summary(messages.scalar("train/loss", 5), 31)
        list(import_event_files(store, tmp_path))
        (run,) = store.runs()
        curves = store.curves(run)
    assert (run.id, run.name, run.star, run.note, run.tags) == (first.id, "mine", True, "n", ("t",))
    assert curves["training loss"].step.tolist() == [0, 10, 11, 30, 31]
    assert curves["training loss"].values.tolist() == [0, 10, 11, 30, 5]
    assert curves["val_loss"].values.tolist() == [0, -10, -11, -30]


@pytest.mark.parametrize(
    ("tags", "wanted"),
    [
        (["accuracy", "val_loss", "loss"], "loss"),
        (["epoch_accuracy", "epoch_loss"], "epoch_loss"),
        (["a/b/loss", "train/loss", "test/loss"], "train/loss"),
        (["val/loss", "accuracy"], None),
    ],
)
def test_which_scalar_is_the_loss(tags: list[str], wanted: str | None):
    assert loss_tag(tags) == wanted


def test_a_folder_that_cannot_be_written(line, tmp_path: Path):
    (tmp_path / "file").write_text("x")
    graph, data = line
    with pytest.raises(FileProblem, match="event files to"):
        nf.train.fit(graph, data=data, epochs=1, tensorboard=tmp_path / "file", **PLAIN)


@pytest.mark.parametrize("time", [-62_200_000_000.0, -1e300, 1e12, 1e300, np.inf, np.nan])
def test_an_event_whose_time_is_no_date_is_refused_in_words(folder: Path, tmp_path: Path, time):
    event = pb.double(1, time) + pb.integer(2, 1) + pb.message(5, messages.scalar("loss", 0.5))
    version = pb.double(1, 1.0) + pb.text(3, "brain.Event:2")
    (tmp_path / "a.tfevents.1").write_bytes(framed(version, event))
    with RunStore(folder) as store, pytest.raises(EventFileProblem, match="which is no date"):
        list(import_event_files(store, tmp_path))


@pytest.mark.parametrize("step", [2**63, 2**63 - 1, 2**64 - 1, 2**69])
@pytest.mark.parametrize("time", [-62_000_000_000.0, 253_000_000_000.0])
def test_events_at_the_ends_of_what_there_is_are_kept(folder: Path, tmp_path: Path, time, step):
    bits = [step >> shift & 0x7F for shift in range(0, 70, 7)]
    parts = bytes([0x80 | seven for seven in bits[:-1]] + bits[-1:])
    event = pb.double(1, time) + bytes([2 << 3]) + parts
    event += pb.message(5, messages.scalar("loss", 0.5) + messages.scalar("other", 0.25))
    version = pb.double(1, time) + pb.text(3, "brain.Event:2")
    (tmp_path / "a.tfevents.1").write_bytes(framed(version, event))
    with RunStore(folder) as store:
        (run,) = import_event_files(store, tmp_path)
        (known,) = store.runs()
        assert known.loss == 0.5 and known.date == run.date
