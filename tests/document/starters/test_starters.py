"""Graphs to begin with: made from data files, trained, and good."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nodeflow.data.survey import survey
from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.document.starters import STARTERS, fitting, look_at, make
from nodeflow.document.starters.catalog import StarterMisfit
from nodeflow.document.starters.choices import Choices
from nodeflow.document.starters.sizing import batch_size, epochs, for_pictures, for_table
from nodeflow.document.to_graph.task import Task
from nodeflow.engine.session import Session
from nodeflow.train.diagnosis.hints import Hint
from nodeflow.train.doctor.checks import Doctor
from nodeflow.train.events import Done, Epoch, Hints, Steps
from nodeflow.train.loop.event_stream import train
from tests import own_data


class Trained:
    """A document after its training: the losses, the metrics, and what it answers."""

    def __init__(self, document: Document, tier: str = "reference") -> None:
        self.document = document
        self.task = Task(document)
        training = self.task.training()
        self.session = Session(self.task.graph, tier=tier, seed=training.seed)
        self.session.initialize()
        self.losses: list[float] = []
        self.metrics: list[dict] = []
        self.hints: tuple[Hint, ...] = ()
        for event in Doctor(training, self.session.run).examined(train(self.session, training)):
            if isinstance(event, Steps):
                self.losses += [float(x) for x in event.losses]
            elif isinstance(event, (Epoch, Done)):
                self.metrics.append(event.metrics)
            elif isinstance(event, Hints):
                self.hints = event.hints

    def answers(self, x: np.ndarray) -> np.ndarray:
        feed = {self.task.tensor("x"): np.float32(x)}
        return np.asarray(self.session.run(self.task.tensor("prediction"), feed))

    def rows(self, split: str) -> tuple[np.ndarray, np.ndarray]:
        """The features and labels of a split, as the file has them."""
        record = next(r for r in self.document.nodes.values() if r.op == "dataset")
        columns = self.task.dataset(record.id).split(split)
        return tuple(columns[name].rows(slice(0, None)) for name in ("features", "labels"))


def errors(document: Document) -> list:
    return [p for p in Analysis(document).all_problems() if p.severity in ("error", "warning")]


def overlaps(document: Document) -> list:
    """Pairs of frames that cover each other."""
    rects = [(f.title, *f.rect) for f in document.frames.values()]
    return [
        (a, b)
        for i, (a, x, y, w, h) in enumerate(rects)
        for b, u, v, wide, high in rects[i + 1 :]
        if x < u + wide and u < x + w and y < v + high and v < y + h
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("own data")


@pytest.fixture(scope="module")
def flowers(folder):
    return Trained(make("classify", look_at(f"csv:{own_data.flowers(folder / 'iris.csv')}", {})))


@pytest.fixture(scope="module")
def houses(folder):
    return Trained(make("regress", look_at(f"csv:{own_data.houses(folder / 'houses.csv')}", {})))


@pytest.mark.thorough
def test_flowers_are_told_apart(flowers):
    assert np.isfinite(flowers.losses).all()
    features, labels = flowers.rows("test")
    hits = flowers.answers(features).argmax(axis=1) == labels.argmax(axis=1)
    assert hits.mean() >= 0.9
    assert flowers.answers([[5.0, 3.4, 1.5, 0.2], [6.9, 3.1, 5.8, 2.2]]).argmax(
        axis=1
    ).tolist() == [
        0,
        2,
    ], "raw rows fed by hand"


@pytest.mark.thorough
def test_a_classifier_answers_with_probabilities(flowers):
    probabilities = flowers.answers([[5.0, 3.4, 1.5, 0.2], [6.0, 2.8, 4.5, 1.3]])
    assert probabilities.shape == (2, 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.thorough
def test_prices_are_predicted_in_their_own_units(houses):
    assert np.isfinite(houses.losses).all()
    features, labels = houses.rows("test")
    found = houses.answers(features)
    left, whole = np.square(labels - found).sum(), np.square(labels - labels.mean()).sum()
    assert 1 - left / whole >= 0.8
    last = houses.metrics[-1]
    assert last["test/r_squared"] >= 0.8
    assert 1000 < last["test/mean_error"] < 40_000, "in units of the price"
    wanted = own_data.price(120, 4, 20, 5)
    assert abs(houses.answers([[120, 4, 20, 5]]).item() - wanted) < 0.15 * wanted


@pytest.mark.thorough
def test_statistics_are_those_of_the_training_split(houses):
    features, labels = houses.rows("train")
    nodes = houses.document
    scaled = nodes.node_named("scaled_x").attrs
    np.testing.assert_allclose(scaled["mean"], features.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(scaled["deviation"], features.std(axis=0), rtol=1e-4)
    assert nodes.node_named("prediction").attrs["inverse"] is True
    np.testing.assert_allclose(
        nodes.node_named("prediction").attrs["mean"], labels.mean(), rtol=1e-5
    )


@pytest.fixture(scope="module")
def sales(folder):
    choices = Choices.guessed(survey(own_data.series(folder / "sales.csv")))
    return Trained(make("series", look_at(choices.survey.source, choices.options())))


@pytest.mark.thorough
def test_a_series_is_forecast_better_than_by_its_last_value(sales):
    assert np.isfinite(sales.losses).all()
    windows, labels = sales.rows("test")
    found = sales.answers(windows)
    assert windows.ndim == 3 and found.shape == labels.shape
    naive = np.abs(labels[:, 0] - windows[:, -1, 0]).mean()
    assert np.abs(labels - found).mean() < 0.5 * naive
    assert sales.metrics[-1]["test/r_squared"] > 0.8


@pytest.fixture(scope="module")
def shapes(folder):
    choices = Choices.guessed(survey(own_data.pictures(folder / "shapes", 60)))
    return Trained(make("pictures", look_at(choices.survey.source, choices.options())), "auto")


@pytest.mark.thorough
def test_shapes_are_told_apart_in_pictures(shapes):
    assert np.isfinite(shapes.losses).all()
    random = np.random.default_rng(9)
    kinds = ("cross", "disc", "square")
    fresh = [own_data.shape_picture(kind, random) for kind in kinds for _ in range(20)]
    hits = shapes.answers(np.stack(fresh)[..., None] / 255).argmax(axis=1) == np.repeat(
        range(3), 20
    )
    assert hits.mean() >= 0.85


def test_arrays_fit_a_starter(folder):
    random = np.random.default_rng(6)
    rows, labels = random.normal(size=(90, 6)), np.arange(90) % 3
    np.savez(folder / "classes.npz", x=rows, y=labels)
    np.savez(folder / "numbers.npz", x=rows, y=random.normal(size=90))
    pictures = random.integers(0, 255, (90, 12, 12), np.uint8)
    np.savez(folder / "digits.npz", x=pictures, y=labels)
    np.save(folder / "table.npy", rows)
    wanted = {
        "classes.npz": "classify",
        "numbers.npz": "regress",
        "digits.npz": "pictures",
        "table.npy": "regress",
    }
    for name, task in wanted.items():
        choices = Choices.guessed(survey(folder / name))
        assert choices.task == task and not choices.misfit(task)
        assert [t for t in STARTERS if not choices.misfit(t)] == [task, "data"]
        material = look_at(choices.survey.source, choices.options())
        assert task in [s.id for s in fitting(material)]
        assert not errors(make(task, material))


@pytest.mark.sample(1)
@pytest.mark.parametrize("name", ["flowers", "houses", "sales", "shapes"])
def test_the_doctor_finds_no_fault(name, request):
    found = {hint.kind for hint in request.getfixturevalue(name).hints}
    assert found <= {"overfitting"}, "which early stopping ends, with the weights of before"


@pytest.mark.sample(1)
@pytest.mark.parametrize("name", ["flowers", "houses", "sales", "shapes"])
def test_documents_are_ordinary_and_well_laid_out(name, request):
    document = request.getfixturevalue(name).document
    assert not errors(document)
    assert not overlaps(document)
    framed = {
        i
        for frame in document.frames.values()
        for i, record in document.nodes.items()
        if frame.rect[0] <= record.pos[0] <= frame.rect[0] + frame.rect[2]
        and frame.rect[1] <= record.pos[1] <= frame.rect[1] + frame.rect[3]
    }
    assert framed == set(document.nodes)
    text = flow.dumps(document)
    assert flow.dumps(flow.loads(text)) == text


def test_which_starters_fit(tmp_path):
    flowers = look_at(f"csv:{own_data.flowers(tmp_path / 'iris.csv')}", {})
    houses = look_at(f"csv:{own_data.houses(tmp_path / 'houses.csv')}", {})
    assert [s.id for s in fitting(flowers)] == ["classify", "data"]
    assert [s.id for s in fitting(houses)] == ["regress", "data"]
    with pytest.raises(StarterMisfit, match="label with classes"):
        make("classify", houses)
    assert set(STARTERS) >= {"classify", "regress", "pictures"}


def test_sizes_follow_the_data():
    assert batch_size(120) == 8 and batch_size(1000) == 64 and batch_size(10**6) == 128
    assert batch_size(3) == 1, "never more than half of the rows"
    assert for_table(100, 4).hidden == (16,) and len(for_table(50_000, 4).hidden) == 2
    assert epochs(10**6, 3000) == 5 and epochs(100, 3000) == 200
    assert for_pictures(60_000).epochs <= 6


@pytest.mark.thorough
def test_a_table_of_few_rows_trains(tmp_path):
    path = own_data.flowers(tmp_path / "few.csv", 12)
    document = make("classify", look_at(f"csv:{path}", {}))
    assert np.isfinite(Trained(document).losses).all()


def test_a_text_is_continued_and_its_loss_is_that_of_numpy(tmp_path):
    path = tmp_path / "t.txt"
    path.write_text("abcde fghij. " * 90)
    choices = Choices.guessed(survey(path))
    choices.window = 12
    document = make("text", look_at(choices.survey.source, choices.options()))
    assert errors(document) == [] and overlaps(document) == []
    document.training["epochs"] = 2
    trained = Trained(document)
    assert trained.losses[-1] < trained.losses[0]
    tensor, run = trained.task.tensor, trained.session.run
    record = next(r for r in document.nodes.values() if r.op == "dataset")
    columns = trained.task.dataset(record.id).split("test")
    feed = {tensor("tokens"): columns["tokens"].rows(slice(0, 3))}
    feed[tensor("next")] = columns["targets"].rows(slice(0, 3))
    logits, loss = (
        np.asarray(x, np.float64) for x in run([tensor("logits"), tensor("loss")], feed)
    )
    total = np.log(np.exp(logits).sum(axis=-1))
    right = np.take_along_axis(logits, feed[tensor("next")][..., None], axis=-1)[..., 0]
    np.testing.assert_allclose(loss, (total - right).mean(), rtol=1e-5)


def test_without_scaling_there_is_no_normalize_node(folder):
    source = f"csv:{own_data.flowers(folder / 'raw.csv')}"
    for scale in (True, False):
        document = make("classify", look_at(source, {}, scale=scale))
        assert any(r.op == "normalize" for r in document.nodes.values()) is scale
