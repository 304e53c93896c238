"""ROC, precision over recall and accuracy by class: compared with counting at every threshold."""

from __future__ import annotations

import numpy as np
import pytest

from nodeflow.document.io import flow
from nodeflow.host import protocol as p
from nodeflow.host.evaluation.evaluator import Evaluator
from nodeflow.host.views.kinds.class_accuracy import ClassAccuracyData
from nodeflow.host.views.kinds.thresholds import (
    MOST_POINTS,
    ThresholdData,
    _thinned,
    precision_recall,
    roc,
)
from nodeflow.host.views.view_kind import ViewProblem, discover_kinds
from nodeflow.resources import example


def rows_of(kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Scores, with ties, and which rows are of the class."""
    random = np.random.default_rng(7)
    is_class = random.random(400) < 0.3
    scores = np.round(random.normal(size=400) + is_class, {"ties": 1, "fine": 6, "one": 0}[kind])
    return np.zeros(400) if kind == "one" else scores, is_class


def brute_force(scores, is_class, threshold) -> tuple[int, int, int, int]:
    found = scores >= threshold
    right, wrong = int((found & is_class).sum()), int((found & ~is_class).sum())
    return right, wrong, int(is_class.sum()) - right, int((~is_class).sum()) - wrong


@pytest.mark.parametrize("kind", ["ties", "fine", "one"])
def test_a_roc_has_the_rates_at_every_threshold(kind):
    scores, is_class = rows_of(kind)
    x, y, area = roc(scores, is_class)
    points = [(0.0, 0.0)]
    for threshold in sorted(set(scores.tolist()), reverse=True):
        right, wrong, missed, passed = brute_force(scores, is_class, threshold)
        points.append((wrong / (wrong + passed), right / (right + missed)))
    np.testing.assert_allclose(np.stack([x, y], axis=1), points)
    pairs = scores[is_class][:, None] - scores[~is_class]
    chance = ((pairs > 0) + 0.5 * (pairs == 0)).mean()
    assert area == pytest.approx(chance)


@pytest.mark.parametrize("kind", ["ties", "fine", "one"])
def test_precision_and_recall_are_those_at_every_threshold(kind):
    scores, is_class = rows_of(kind)
    x, y, area = precision_recall(scores, is_class)
    points, mean, before = [(0.0, 1.0)], 0.0, 0.0
    for threshold in sorted(set(scores.tolist()), reverse=True):
        right, wrong, missed, _ = brute_force(scores, is_class, threshold)
        recall, precision = right / (right + missed), right / (right + wrong)
        points.append((recall, precision))
        mean += (recall - before) * precision
        before = recall
    np.testing.assert_allclose(np.stack([x, y], axis=1), points)
    assert area == pytest.approx(mean)


@pytest.mark.parametrize("make", [roc, precision_recall])
def test_a_class_without_rows_has_no_area(make):
    *_, area = make(np.arange(5.0), np.zeros(5, bool))
    assert np.isnan(area)
    if make is roc:
        assert np.isnan(make(np.arange(5.0), np.ones(5, bool))[2]), "no others either"


def test_a_curve_is_drawn_with_few_points_that_lie_on_it():
    random = np.random.default_rng(3)
    is_class = random.random(20_000) < 0.4
    x, y, _ = roc(random.normal(size=20_000) + is_class, is_class)
    few_x, few_y = _thinned(x, y)
    assert len(few_x) <= MOST_POINTS and (few_x[0], few_x[-1]) == (0, 1)
    assert set(zip(few_x, few_y, strict=True)) <= set(zip(x, y, strict=True))
    assert np.abs(np.interp(x, few_x, few_y) - y).max() < 0.02


# ---- of a graph ---------------------------------------------------------------------------------


def spirals(kind: str, name: str = "", split: str = ""):
    evaluator = Evaluator(flow.loads(example("spirals").read_text(encoding="utf-8")))
    options = (("split", split),) if split else ()
    spec = p.ViewSpec(kind, name, options)
    return discover_kinds()[kind].compute(evaluator.view_source(), spec), evaluator


def answers(evaluator, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Logits and classes of all rows of a split, by hand."""
    task = evaluator.view_source().task
    bindings = task.bindings([task.graph.tensor("loss").node])
    rows = {t.node.name: b.dataset.split(split)[b.column] for t, b in bindings.items()}
    x, y = (rows[n].rows(slice(0, len(rows[n]))).astype(np.float64) for n in ("x", "y"))
    v = evaluator.variables()
    hidden = np.maximum(x @ v["W1"] + v["b1"], 0)
    hidden = np.maximum(hidden @ v["W2"] + v["b2"], 0)
    return hidden @ v["W3"] + v["b3"], y.argmax(axis=1)


@pytest.mark.parametrize("split", ["test", "train"])
@pytest.mark.parametrize("kind", ["roc", "precision_recall"])
def test_two_classes_have_one_curve_that_of_the_second(kind, split):
    data, evaluator = spirals(kind, "logits", split)
    assert isinstance(data, ThresholdData)
    logits, truth = answers(evaluator, split)
    (curve,) = data.curves
    assert curve.name == "1" and curve.rows == truth.sum() and data.seen == len(truth)
    pairs = logits[:, 1] - logits[:, 0]
    if kind == "roc":
        across = pairs[truth == 1][:, None] - pairs[truth == 0]
        assert curve.area == pytest.approx(((across > 0) + 0.5 * (across == 0)).mean(), abs=1e-3)
    else:
        expected = precision_recall(pairs, truth == 1)[2]
        assert curve.area == pytest.approx(expected, abs=1e-3)


def test_accuracy_by_class_counts_rows_and_answers():
    data, evaluator = spirals("class_accuracy")
    assert isinstance(data, ClassAccuracyData)
    logits, truth = answers(evaluator, data.split)
    said = logits.argmax(axis=1)
    for index in (0, 1):
        right = ((said == index) & (truth == index)).sum()
        assert data.right[index] == right and data.rows[index] == (truth == index).sum()
        assert data.answered[index] == (said == index).sum()
        assert data.accuracy[index] == pytest.approx(right / (truth == index).sum())


def test_what_says_classes_only_has_no_threshold_but_an_accuracy():
    with pytest.raises(ViewProblem, match="without probabilities"):
        spirals("roc", "predicted")
    data, _ = spirals("class_accuracy", "predicted")
    same, _ = spirals("class_accuracy", "logits")
    np.testing.assert_array_equal(data.right, same.right)


def test_what_answers_nothing_is_refused_with_what_does():
    with pytest.raises(ViewProblem, match="labels") as refused:
        spirals("roc", "hidden1")
    assert "logits" in refused.value.hint
