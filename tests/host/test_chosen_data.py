"""Nodes show the rows that were chosen, or what was made by hand, and say which."""

from __future__ import annotations

import numpy as np
import pytest

from nodeflow.document.edit import commands
from nodeflow.document.model.document import Document
from nodeflow.errors import FeedError
from nodeflow.host import protocol as p
from nodeflow.host.evaluation.evaluator import Evaluator
from nodeflow.train.events import Done, Steps

ROWS = np.random.default_rng(2).normal(size=(100, 3)).astype(np.float32)
LABELS = (np.arange(100) % 4).astype(np.int64)


@pytest.fixture
def table(tmp_path) -> tuple[Document, str]:
    """A file of 60 training, 20 validation and 20 test rows, with a matmul and a mean of it."""
    parts = {"train": slice(0, 60), "validation": slice(60, 80), "test": slice(80, 100)}
    arrays = {f"x_{name}": ROWS[rows] for name, rows in parts.items()}
    labels = {f"y_{name}": LABELS[rows] for name, rows in parts.items()}
    np.savez(tmp_path / "rows.npz", **arrays, **labels)
    document = Document()

    def add(op, name, **attrs):
        return commands.add_node(document, op, (0, 0), name=name, attrs=attrs)

    data = add("dataset", "data", source="npz:rows.npz", labels="class")
    x = add("placeholder", "x", shape=[None, 3])
    y = add("placeholder", "y", dtype="int64", shape=[None])
    weights = add("variable", "w", value=[[1.0], [2.0], [-1.0]])
    product, mean = add("matmul", "product"), add("reduce_mean", "mean")
    largest = add("reduce_max", "largest")
    for source, out, target, port in (
        (data, "x", x, "feed"),
        (data, "y", y, "feed"),
        (x, "out", product, "x"),
        (weights, "out", product, "y"),
        (product, "out", mean, "x"),
        (y, "out", largest, "x"),
    ):
        commands.connect(document, source, out, target, port)
    commands.set_training(document, batch_size=10)
    return document, str(tmp_path)


@pytest.fixture
def evaluator(table) -> Evaluator:
    document, folder = table
    return Evaluator(document, base_dir=folder)


def mean_of(rows: np.ndarray) -> float:
    return float((rows @ np.array([[1.0], [2.0], [-1.0]], np.float32)).mean())


def test_at_first_the_first_test_batch_is_shown(evaluator):
    evaluation = evaluator.previews()
    assert evaluation.values["mean"].array == pytest.approx(mean_of(ROWS[80:90]), rel=1e-5)
    assert evaluation.data == p.ShownData(
        p.ShownRows("test", 0, 10),
        name=evaluation.data.name,
        splits={"train": 60, "validation": 20, "test": 20},
        classes=evaluation.data.classes,
        columns={"x": "x", "y": "y"},
    )
    assert str(evaluation.values["mean"].data) == "test rows 1–10"
    assert evaluation.values["mean"].data.short == "test 1–10"
    assert evaluation.values["w"].data is None, "a variable is of no data"


@pytest.mark.parametrize(
    ("choice", "rows", "text"),
    [
        (p.ShowData("validation"), slice(60, 70), "validation rows 1–10"),
        (p.ShowData("train", 30), slice(30, 40), "training rows 31–40"),
        (p.ShowData("test", 15), slice(95, 100), "test rows 16–20"),
        (p.ShowData("test", 7, 1), slice(87, 88), "test row 8"),
        (p.ShowData("test", 99, 10), slice(90, 100), "test rows 11–20"),
    ],
)
def test_other_rows_are_shown_everywhere(evaluator, choice, rows, text):
    evaluator.previews()
    evaluator.choose(choice)
    evaluation = evaluator.previews()
    np.testing.assert_array_equal(evaluator.value("x").array, ROWS[rows])
    assert evaluation.values["mean"].array == pytest.approx(mean_of(ROWS[rows]), rel=1e-4)
    assert evaluation.values["largest"].array == LABELS[rows].max()
    assert str(evaluation.values["mean"].data) == str(evaluation.data.rows) == text
    assert str(evaluator.value("mean").data) == text
    assert evaluator.value("w").data is None
    run = evaluator.previews(effects=True)
    assert run.values["mean"].array == pytest.approx(mean_of(ROWS[rows]), rel=1e-4)
    assert str(run.values["mean"].data) == text


def drawn(**values: np.ndarray) -> p.Override:
    """Rows of their own for placeholders."""
    return p.Override(values, dict.fromkeys(values, "sketch pad"))


def test_a_value_by_hand_wins_and_its_label_is_not_made_up(evaluator):
    mine = np.array([[1, 2, 3]], np.float32)
    evaluator.override(drawn(x=mine))
    evaluation = evaluator.previews()
    assert evaluation.values["mean"].array == pytest.approx(2.0)
    assert "largest" not in evaluation.values and "y" not in evaluation.values
    assert evaluation.missing == (), "no feed is asked for"
    assert str(evaluation.values["mean"].data) == "sketch pad"
    assert evaluation.data.splits["test"] == 20, "what else could be shown is still known"
    run = evaluator.previews(effects=True)
    assert run.values["mean"].array == pytest.approx(mean_of(ROWS[80:90]), rel=1e-5)
    assert run.values["largest"].array == LABELS[80:90].max(), "a run has no override"
    evaluator.override(drawn(x=mine, y=np.array([3])))
    assert evaluator.previews().values["largest"].text == "3"
    evaluator.override(p.Override())
    assert evaluator.previews().values["mean"].array == pytest.approx(mean_of(ROWS[80:90]))


def test_a_value_by_hand_that_does_not_fit_is_an_error_at_its_placeholder(evaluator):
    evaluator.override(drawn(x=np.zeros((1, 4), np.float32)))
    values = evaluator.previews().values
    assert values["x"].kind == "error" and "mean" not in values
    with pytest.raises(FeedError, match=r"\(1, 4\)"):
        evaluator.value("x")


def test_the_choice_survives_edits(table):
    document, folder = table
    evaluator = Evaluator(document, base_dir=folder)
    evaluator.choose(p.ShowData("validation"))
    double = commands.add_node(document, "square", (0, 0), name="double")
    commands.connect(document, document.node_named("mean").id, "out", double, "x")
    evaluator.rebuild()
    expected = mean_of(ROWS[60:70]) ** 2
    assert evaluator.previews().values["double"].array == pytest.approx(expected, rel=1e-4)


def test_without_a_data_set_nothing_is_said(evaluator):
    from tests.host.documents import regression

    evaluation = Evaluator(regression()).previews()
    assert evaluation.data is None and evaluation.values["loss"].data is None


def trainable(table, epochs: int) -> tuple[Document, str]:
    document, folder = table

    def add(op, name, **attrs):
        return commands.add_node(document, op, (0, 0), name=name, attrs=attrs)

    square, loss, train = add("square", "sq"), add("reduce_mean", "loss"), add("adam", "train")
    commands.connect(document, document.node_named("product").id, "out", square, "x")
    commands.connect(document, square, "out", loss, "x")
    commands.connect(document, loss, "out", train, "loss")
    commands.set_training(document, optimizer=train, loss=loss, epochs=epochs, batch_size=10)
    return document, folder


@pytest.mark.thorough
def test_other_rows_are_shown_during_a_training_and_leave_it_alone(table, talk):
    document, folder = trainable(table, epochs=3)
    talk.sync(document, folder)
    talk.send(p.Train(1))
    expected = talk.wait_for(Done)
    commands.set_training(document, epochs=100_000)
    talk.sync(document, folder)
    talk.send(p.Train(2))
    while not isinstance(talk.inbox.get(timeout=60), Steps):
        pass
    mine = np.array([[1, 2, 3]], np.float32)
    talk.send(drawn(x=mine))
    talk.send(p.Evaluate(document.revision, 3))
    while (previews := talk.wait_for(p.Previews)).request != 3:
        pass
    assert str(previews.values["mean"].data) == "sketch pad"
    assert previews.values["product"].step is not None
    while (progress := talk.wait_for(p.Previews)).step is None:
        pass
    assert progress.data.rows.split == "", "what follows the training shows it too"
    talk.send(p.Stop())
    talk.wait_for(Done)
    talk.send(p.InitializeVariables())
    commands.set_training(document, epochs=3)
    talk.sync(document, folder)
    talk.send(drawn(x=mine))
    talk.send(p.Train(4))
    again = talk.wait_for(Done)
    assert again.steps == expected.steps and again.metrics == expected.metrics


@pytest.mark.thorough
def test_the_first_values_of_other_rows_during_a_training_are_all_of_them(table, talk):
    """So that a window never mixes those of one row with the placeholder's of a hundred."""
    document, folder = trainable(table, epochs=100_000)
    talk.sync(document, folder)
    talk.send(p.Train(1))
    while (before := talk.wait_for(p.Previews)).whole:
        pass
    assert "x" not in before.values and "product" in before.values
    talk.send(drawn(x=np.array([[1, 2, 3]], np.float32)))
    while (first := talk.wait_for(p.Previews)).data.rows.split:
        pass
    assert first.whole and first.step is not None
    assert first.values["x"].shape == (1, 3) and first.values["product"].shape[0] == 1
    following = talk.wait_for(p.Previews)
    assert not following.whole and "x" not in following.values
    talk.send(p.Stop())
    talk.wait_for(Done)
