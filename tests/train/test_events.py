"""Events as JSON: what programs that read ``nodeflow train --json`` rely on."""

from __future__ import annotations

import numpy as np

import nodeflow as nf
from nodeflow.data.catalog import open_dataset
from nodeflow.document.io import flow
from nodeflow.document.to_graph.task import Task
from nodeflow.engine.session import Session
from nodeflow.resources import example
from nodeflow.train.events import Done, Epoch, Hit, Started, Steps, as_json
from nodeflow.train.loop.event_stream import train
from nodeflow.train.training import Metric

TABLE = np.eye(2)


def test_an_epoch_lists_its_numbers_and_tables_as_metrics():
    event = Epoch(3, 0.25, {"accuracy": 0.5}, 30, 1.234567, {"confusion": TABLE})
    assert as_json(event) == {
        "event": "epoch",
        "epoch": 3,
        "loss": 0.25,
        "metrics": {"accuracy": 0.5, "confusion": TABLE},
        "steps": 30,
        "seconds": 1.2346,
    }


def test_the_end_names_reason_and_best_epoch_only_where_there_are_any():
    done = {"event": "done", "epochs": 7, "metrics": {}, "steps_per_second": 33.3, "seconds": 2.0}
    assert as_json(Done(7, {}, 70, 100 / 3, 2.0)) == done
    early = Done(7, {}, 70, 100 / 3, 2.0, reason="loss has not improved", best_epoch=4)
    assert as_json(early) == {**done, "stopped_early": "loss has not improved", "best_epoch": 4}
    assert list(as_json(early) or {})[-2:] == ["stopped_early", "best_epoch"]


def test_other_events_are_not_printed():
    for event in (Started(1, 1), Steps(1, np.ones(1)), Hit(1, ("loss",))):
        assert as_json(event) is None


def test_which_metrics_lie_between_0_and_1():
    with nf.Graph():
        labels = nf.placeholder("int32", [None])
        right = nf.equal(labels, nf.constant([1], "int32"))
        tensors = {
            nf.reduce_mean(nf.cast(right, "float32")): True,
            nf.accuracy(labels, labels): True,
            nf.reduce_mean(nf.cast(labels, "float32")): False,
            nf.reduce_sum(nf.cast(right, "float32")): False,
        }
    assert {t: Metric(t).is_share for t in tensors} == tensors


def test_the_start_says_on_how_many_rows_each_metric_is_measured():
    task = Task(flow.load(example("mnist.flow")))
    started = next(iter(train(Session(task.graph, tier="reference", seed=1), task.training())))
    rows = open_dataset("mnist").size("test")
    assert started.measured == (("accuracy", "test", rows),)
