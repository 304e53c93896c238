"""The sweep of a document: kept in its training settings, undone, and following its nodes."""

from __future__ import annotations

import pytest

from nodeflow.document.edit import commands
from nodeflow.document.edit.subgraphs.create_subgraph import create
from nodeflow.document.edit.sweep_settings import (
    TRAINING,
    set_sweep,
    set_values,
    spec_texts,
    sweep_of,
    value_at,
    varied,
    vary,
)
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.errors import AttributeProblem, UnknownName
from nodeflow.resources import example


@pytest.fixture
def doc() -> Document:
    return flow.load(example("linear_regression"))


def optimizer(doc: Document) -> str:
    record = doc.node_named("train")
    assert record is not None
    return record.id


def test_what_varies_is_saved_and_undone(doc: Document):
    before = flow.dumps(doc)
    vary(doc, optimizer(doc), "learning_rate", "log:1e-4..1")
    vary(doc, TRAINING, "batch_size", "[10, 20]")
    set_sweep(doc, trials=7)
    texts = {"train.learning_rate": "log:1e-4..1", "training.batch_size": "[10, 20]"}
    assert spec_texts(doc) == spec_texts(flow.loads(flow.dumps(doc))) == texts
    assert sweep_of(doc)["trials"] == 7
    for _ in range(3):
        doc.undo()
    assert flow.dumps(doc) == before


def test_no_longer_varying_leaves_nothing_behind(doc: Document):
    before = flow.dumps(doc)
    vary(doc, optimizer(doc), "learning_rate", "[1]")
    vary(doc, optimizer(doc), "learning_rate", None)
    assert flow.dumps(doc) == before


def test_names_follow_and_gone_nodes_go(doc: Document):
    vary(doc, optimizer(doc), "learning_rate", "[1]")
    vary(doc, TRAINING, "epochs", "[1]")
    commands.rename(doc, optimizer(doc), "teacher")
    assert list(spec_texts(doc)) == ["teacher.learning_rate", "training.epochs"]
    commands.remove(doc, [doc.node_named("teacher").id])
    assert list(varied(doc)) == [(TRAINING, "epochs")]
    assert list(sweep_of(doc)["vary"]) == [TRAINING]


def test_grouping_takes_the_path_along(doc: Document):
    record = next(node for node in doc.nodes.values() if node.op == "variable")
    vary(doc, record.id, "value", "[1, 2]")
    create(doc, [record.id], "inside")
    assert list(spec_texts(doc)) == [f"inside/{record.name}.value"]
    ((path, attr),) = varied(doc)
    assert "/" in path and value_at(doc, path, attr) == record.attrs["value"]


def test_values_are_set_as_one_undo_step(doc: Document):
    before = flow.dumps(doc)
    set_values(doc, {"train.learning_rate": 0.5, "training.epochs": 3})
    assert value_at(doc, optimizer(doc), "learning_rate") == 0.5 and doc.training["epochs"] == 3
    doc.undo()
    assert flow.dumps(doc) == before


def test_values_that_do_not_fit_change_nothing(doc: Document):
    before = flow.dumps(doc)
    with pytest.raises(UnknownName):
        set_values(doc, {"training.epochs": 3, "gone.rate": 1})
    with pytest.raises(AttributeProblem):
        set_values(doc, {"training.epochs": 3, "train.learning_rate": "fast"})
    assert flow.dumps(doc) == before


@pytest.mark.parametrize(
    "sweep", ["3", '{"trials": "x"}', '{"vary": []}', '{"vary": {"n1": {"a": 3}}}', '{"prune": 1}']
)
def test_a_file_with_another_kind_of_sweep_is_refused(doc: Document, sweep: str):
    text = flow.dumps(doc).replace('"training": {', f'"training": {{"sweep": {sweep}, ')
    with pytest.raises(flow.FlowError, match=r"training\.sweep"):
        flow.loads(text)
