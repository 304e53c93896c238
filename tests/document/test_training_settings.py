"""A training setting is declared once: file format, defaults and ``--set`` follow from it."""

from __future__ import annotations

import pytest

from nodeflow.document.analysis.training_settings import training_settings
from nodeflow.document.edit import commands
from nodeflow.document.edit.set_by_name import set_value
from nodeflow.document.io import flow
from nodeflow.document.io.validation import read_training
from nodeflow.document.model.document import Document
from nodeflow.document.model.errors import FlowContent
from nodeflow.document.to_graph.task import Task
from nodeflow.errors import AttributeProblem
from nodeflow.train.settings import LARGEST, PlainSettings, TrainingSettings, declared
from tests.host.documents import regression

PLAIN, ALL = declared(PlainSettings), declared(TrainingSettings)
GOOD = {
    "int": 7,
    "float": 2.5,
    "bool": True,
    "node": "n1",
    "metrics": [{"node": "n1", "split": "train", "every": "epoch"}],
    "monitor": {"node": "n1", "split": "test", "goal": "max"},
    "schedule": [{"optimizer": "n1", "steps": 2, "from": 0, "unknown": 1}],
    "plots": {"x": "seconds", "unknown": [1]},
    "sweep": {"vary": {"n1": {"rate": "0..1"}}, "trials": 3, "unknown": [1]},
}
BAD = {
    "int": [1.5, True, "7", LARGEST + 1],
    "float": ["0.5", True, []],
    "bool": [1, "true", 0.0],
    "node": [1, ["n1"]],
    "metrics": [{"node": "n1"}, [{"split": "test"}], [{"node": 1}]],
    "monitor": ["n1", {"split": "test"}, {"node": "n1", "goal": "up"}],
    "schedule": [{}, ["n1"], [{"steps": 1}], [{"optimizer": "n1", "steps": -1}]],
    "plots": ["seconds", [], 1],
    "sweep": ["0..1", [], {"trials": 0}, {"seed": -1}, {"parallel": 0}, {"vary": {"n1": "0..1"}}],
}


def named(settings):
    return pytest.mark.parametrize("setting", settings, ids=lambda s: s.name)


def test_the_fields_of_a_file():
    assert [s.name for s in PLAIN] == [
        *("epochs", "batch_size", "seed", "shuffle", "use_averages", "allow_nonfinite"),
        *("mixed_precision", "patience", "min_change", "restore_best"),
    ]
    assert [s.name for s in ALL[len(PLAIN) :]] == [
        "optimizer",
        "loss",
        "metrics",
        "monitor",
        "until_stopped",
        "speed",
        "schedule",
        "plots",
        "sweep",
    ]


@named(ALL)
def test_a_document_without_it_has_the_default(setting):
    found = getattr(training_settings(Document()), setting.name)
    assert found == setting.default and type(found) is type(setting.default)


@named(ALL)
def test_a_file_with_it_is_read_and_written(setting):
    value = GOOD[setting.kind]
    document = Document()
    commands.set_training(document, **{setting.name: value})
    read = flow.loads(flow.dumps(document))
    assert read.training == {setting.name: value}
    assert getattr(training_settings(read), setting.name) == value


@named(ALL)
def test_what_it_cannot_be_is_refused_with_its_place(setting):
    bad = list(BAD[setting.kind])
    if setting.minimum is not None:
        bad.append(setting.minimum - 1)
    for value in bad:
        with pytest.raises(FlowContent, match=f"training.{setting.name}"):
            read_training({setting.name: value})
    assert read_training({setting.name: None}) == {setting.name: None}


@named(PLAIN)
def test_it_reaches_the_training_loop_by_name(setting):
    document = regression()
    value = not setting.default if setting.kind == "bool" else GOOD[setting.kind]
    set_value(document, "training", setting.name, value)
    assert getattr(Task(document).training(), setting.name) == value


def test_an_unknown_one_is_named_with_what_is_near():
    with pytest.raises(AttributeProblem, match=r"no setting 'epoch'. Did you mean epochs"):
        set_value(Document(), "training", "epoch", 3)


@named(ALL)
def test_it_says_what_it_means(setting):
    assert setting.label[0].isupper()
    assert setting.help.endswith(".") and setting.help[0].isupper() and "  " not in setting.help
