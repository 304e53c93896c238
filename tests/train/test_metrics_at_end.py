"""The wizard's graphs measure on validation rows; test rows are measured once, after the end."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.document.edit import commands
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.document.starters.catalog import make
from nodeflow.document.starters.material import look_at
from nodeflow.document.to_graph.task import Task
from nodeflow.engine.session import Session
from nodeflow.errors import GraphError
from nodeflow.run_store.recording.best_weights import deciding
from nodeflow.train.control import Control
from nodeflow.train.events import Done, Epoch, Started
from nodeflow.train.loop import epoch_metrics
from nodeflow.train.loop.event_stream import train
from nodeflow.train.training import Metric
from tests import own_data

VALIDATION, TEST = "validation/accuracy", "test/accuracy"


def flowers(folder: Path, **options: object) -> Document:
    material = look_at(f"csv:{own_data.flowers(folder / 'iris.csv')}", options)
    document = make("classify", material)
    commands.set_training(document, epochs=4)
    return document


def events_of(task: Task, session: Session, control: Control | None = None) -> list:
    session.initialize()
    training = task.training()
    return list(train(session, training, control or Control()))


def accuracy(task: Task, session: Session, split: str) -> float:
    """Return the share of a split that the network gets right now, counted with numpy."""
    record = next(r for r in task.document.nodes.values() if r.op == "dataset")
    columns = task.dataset(record.id).split(split)
    x, y = (columns[name].rows(slice(0, None)) for name in ("features", "labels"))
    found = np.asarray(session.run(task.tensor("prediction"), {task.tensor("x"): np.float32(x)}))
    return float((found.argmax(1) == y.argmax(1)).mean())


@pytest.fixture
def splits(monkeypatch) -> list[str]:
    """The split of each evaluation."""
    seen: list[str] = []
    known = epoch_metrics.evaluate

    def noted(session, training, tensors, split, **more):
        seen.append(split)
        return known(session, training, tensors, split, **more)

    monkeypatch.setattr(epoch_metrics, "evaluate", noted)
    return seen


def test_metrics_are_of_validation_rows_and_test_rows_are_measured_once(tmp_path, splits):
    task = Task(flowers(tmp_path))
    with Session(task.graph, tier="reference", seed=1) as session:
        events = events_of(task, session)
        truth = {split: accuracy(task, session, split) for split in ("validation", "test")}
    started, done = events[0], events[-1]
    assert isinstance(started, Started) and isinstance(done, Done)
    assert started.once == (TEST,)
    assert {(key, split) for key, split, _ in started.measured if key in (VALIDATION, TEST)} == {
        (VALIDATION, "validation"),
        (TEST, "test"),
    }
    epochs = [event for event in events if isinstance(event, Epoch)]
    assert len(epochs) == 4 and all(VALIDATION in e.metrics for e in epochs)
    assert not any(TEST in e.metrics for e in epochs)
    assert splits == ["validation"] * 4 + ["test"]
    assert done.metrics[TEST] == pytest.approx(truth["test"])
    assert done.metrics[VALIDATION] == pytest.approx(truth["validation"])


def test_early_stopping_tests_the_best_weights(tmp_path):
    document = flowers(tmp_path)
    commands.set_training(document, epochs=60, patience=1, min_change=0.05)
    task = Task(document)
    with Session(task.graph, tier="reference", seed=1) as session:
        done = events_of(task, session)[-1]
        assert done.best_epoch and done.best_epoch < done.last_epoch
        assert done.metrics[TEST] == pytest.approx(accuracy(task, session, "test"))


def test_a_stopped_training_does_not_look_at_test_rows(tmp_path, splits):
    task = Task(flowers(tmp_path))
    control = Control()
    with Session(task.graph, tier="reference", seed=1) as session:
        session.initialize()
        for event in train(session, task.training(), control):
            if isinstance(event, Epoch):
                control.stop()
    assert isinstance(event, Done) and event.stopped
    assert TEST not in event.metrics and "test" not in splits


def test_a_metric_at_the_end_decides_nothing(tmp_path):
    training = Task(flowers(tmp_path)).training()
    assert deciding(replace(training, patience=None)) == (VALIDATION, -1.0)
    only = replace(training, patience=None, metrics=training.measured_once())
    assert deciding(only)[0] == "epoch loss"


def test_without_validation_rows_the_test_rows_are_measured_after_each_epoch(tmp_path):
    document = flowers(tmp_path, splits=[0.8, 0.0, 0.2])
    assert [(m["split"], m["every"]) for m in document.training["metrics"]] == [("test", "epoch")]
    without = flowers(tmp_path, splits=[0.8, 0.2, 0.0])
    assert [(m["split"], m["every"]) for m in without.training["metrics"]] == [
        ("validation", "epoch")
    ]


def test_the_note_says_which_rows_are_measured(tmp_path):
    def note(document: Document) -> str:
        return " ".join(frame.note for frame in document.frames.values())

    text = note(flowers(tmp_path))
    assert "share of validation rows" in text
    assert "Test rows are measured once, after the last epoch." in text
    text = note(flowers(tmp_path, splits=[0.8, 0.0, 0.2]))
    assert "share of test rows" in text and "once" not in text


def test_python_measures_at_the_end_too(tmp_path):
    flow.save(flowers(tmp_path), tmp_path / "iris.flow")
    graph = nf.load(tmp_path / "iris.flow")
    history = nf.train.fit(graph, epochs=2, seed=1)
    assert len(history.metrics[VALIDATION]) == 2 and len(history.metrics[TEST]) == 1
    assert history.metrics[TEST] == [history.done.metrics[TEST]]


def test_an_interval_below_zero_is_refused(tmp_path):
    training = Task(flowers(tmp_path)).training()
    tensor = training.metrics[0].tensor
    with pytest.raises(GraphError, match="measured every -1 epochs"):
        replace(training, metrics=(Metric(tensor, every=-1),))
