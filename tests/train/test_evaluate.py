"""Every metric measured in batches is what it is on the whole split, computed by other means."""

from __future__ import annotations

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.data.data_splits import DataSplits
from nodeflow.engine.columns import Column
from nodeflow.ops.objectives.metric_state import Accumulating
from nodeflow.train.evaluation.evaluate_split import accumulators, evaluate
from nodeflow.train.training import Binding, Training

ROWS, CLASSES = 1003, 4
random = np.random.default_rng(5)
CLASS = random.integers(0, CLASSES, ROWS)
SCORES = (random.normal(size=(ROWS, CLASSES)) + 1.5 * np.eye(CLASSES)[CLASS]).astype("float32")
WANTED = np.sort(random.random(ROWS) < 0.3).astype("float32")  # most batches lack one of the two
FOUND = np.clip(WANTED * 0.3 + random.random(ROWS) * 0.7, 0, 1).round(2).astype("float32")


def by_pairs(labels, scores):
    """The area under the curve, by comparing every pair."""
    above, below = scores[labels > 0][:, None], scores[labels == 0][None]
    return np.mean((above > below) + 0.5 * (above == below))


def counts():
    hits = float(np.sum((FOUND > 0.5) & (WANTED > 0)))
    return hits, float(np.sum(FOUND > 0.5)), float(WANTED.sum())


TOP = np.argsort(-SCORES, axis=1, kind="stable")
HITS, POSITIVE, RIGHT = counts()
MATRIX = np.zeros((CLASSES, CLASSES), "int64")
np.add.at(MATRIX, (CLASS, TOP[:, 0]), 1)
EXPECTED = {
    "accuracy": np.mean(TOP[:, 0] == CLASS),
    "top_k_accuracy": np.mean([c in row[:2] for c, row in zip(CLASS, TOP, strict=True)]),
    "binary_accuracy": np.mean((FOUND > 0.5) == (WANTED > 0)),
    "precision": HITS / POSITIVE,
    "recall": HITS / RIGHT,
    "f1_score": 2 * HITS / (POSITIVE + RIGHT),
    "auc": by_pairs(WANTED, FOUND),
    "confusion_matrix": MATRIX,
    "r_squared": 1 - np.mean((WANTED - FOUND) ** 2) / np.var(WANTED.astype("float64")),
}
METRICS = [op for op in nf.REGISTRY.ids() if nf.REGISTRY.lookup(op).category == "Metric"]


class Model:
    """Every metric in one graph, fed from columns."""

    def __init__(self):
        with nf.Graph() as self.graph:
            number = nf.placeholder("int64", [None], name="number")
            scores = nf.placeholder("float32", [None, CLASSES], name="scores")
            wanted = nf.placeholder("float32", [None], name="wanted")
            found = nf.placeholder("float32", [None], name="found")
            best = nf.argmax(scores, axis=1)
            self.metrics = {
                "accuracy": nf.accuracy(number, scores),
                "top_k_accuracy": nf.top_k_accuracy(number, scores, k=2),
                "confusion_matrix": nf.confusion_matrix(number, best, classes=CLASSES),
            }
            for op in ("binary_accuracy", "precision", "recall", "f1_score", "auc", "r_squared"):
                self.metrics[op] = getattr(nf, op)(wanted, found)
            self.derived = nf.sqrt(1 - self.metrics["f1_score"]) + self.metrics["auc"]
            self.mixed = self.metrics["f1_score"] + nf.reduce_mean(found)
            self.weight = nf.variable(1.0, name="weight")
            loss = nf.reduce_mean(nf.square(found * self.weight))
            train = nf.gradient_descent(loss)
        columns = {"number": CLASS, "scores": SCORES, "wanted": WANTED, "found": FOUND}
        data = DataSplits("data", "memory", {"test": {k: Column(v) for k, v in columns.items()}})
        bindings = {self.graph.tensor(name): Binding(data, name) for name in columns}
        self.training = Training(train, loss, bindings=bindings)

    def measure(self, tensors, batch_size):
        with nf.Session(self.graph, tier="reference") as session:
            session.initialize()
            return evaluate(session, self.training, tensors, "test", batch_size)


@pytest.fixture(scope="module")
def model():
    return Model()


def test_no_metric_is_forgotten(model):
    assert set(model.metrics) == set(EXPECTED) == set(METRICS)


@pytest.mark.sample(3)
@pytest.mark.parametrize("batch_size", [1, 17, 100, ROWS, 5000])
def test_metrics_over_batches_are_those_of_the_whole(model, batch_size):
    values = model.measure(list(model.metrics.values()), batch_size)
    for name, value in zip(model.metrics, values, strict=True):
        np.testing.assert_allclose(value, EXPECTED[name], rtol=2e-6, err_msg=name)


def test_what_is_computed_from_metrics_is_computed_at_the_end(model):
    (value,) = model.measure([model.derived], 50)
    assert value == pytest.approx(np.sqrt(1 - EXPECTED["f1_score"]) + EXPECTED["auc"], rel=1e-6)
    bound = model.training.bindings
    assert len(accumulators(model.derived, bound)) == 2
    assert accumulators(model.mixed, bound) == [], "it is a mean of batches, whatever else it is"


@pytest.mark.parametrize(
    "op", [o for o in METRICS if isinstance(nf.REGISTRY.lookup(o), Accumulating)]
)
def test_an_accumulated_batch_is_the_value_of_the_op(model, op):
    """The graph's own formula on one batch, and the accumulated one, agree."""
    tensor = model.metrics[op]
    needed = model.training.used_bindings([tensor.node])
    feeds = {t: b.dataset.split("test")[b.column].rows(slice(None)) for t, b in needed.items()}
    with nf.Session(model.graph, tier="reference") as session:
        session.initialize()
        whole = session.run(tensor, feeds)
    (value,) = model.measure([tensor], ROWS)
    assert value.dtype == whole.dtype
    np.testing.assert_allclose(value, whole, rtol=2e-6)


def test_r_squared_keeps_its_digits_far_from_zero():
    """Sums of squares would lose everything here; squares around the means do not."""
    op = nf.REGISTRY.lookup("r_squared")
    labels = 1e8 + random.normal(size=1000)
    found = labels + 0.1 * random.normal(size=1000)
    states = [op.state(labels[i : i + 30], found[i : i + 30]) for i in range(0, 1000, 30)]
    expected = 1 - np.sum((labels - found) ** 2) / np.sum((labels - labels.mean()) ** 2)
    assert op.result(op.merge(states)) == pytest.approx(expected, rel=1e-6)
