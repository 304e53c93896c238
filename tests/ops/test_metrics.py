"""Metrics against counting by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.errors import RunError, ShapeError
from nodeflow.ops.samples import values
from tests.ops.test_semantics import INF, NAN, call

SCORES = np.array([[0.1, 0.7, 0.2], [0.5, 0.2, 0.3], [0.2, 0.2, 0.6], [0.4, 0.4, 0.2]])
CLASSES = np.array([1, 2, 2, 1])


@pytest.mark.parametrize("labels", [CLASSES, np.eye(3)[CLASSES], np.eye(3, dtype=bool)[CLASSES]])
def test_accuracies_of_classes(labels: np.ndarray) -> None:
    assert call("accuracy", labels, SCORES) == 0.5
    assert [call("top_k_accuracy", labels, SCORES, k=k) for k in (1, 2, 3)] == [0.75, 1.0, 1.0]
    assert call("accuracy", labels, SCORES).dtype == np.float32


def test_top_k_at_the_edges() -> None:
    assert call("top_k_accuracy", np.array([3, -1]), SCORES[:2], k=3) == 0  # no such class
    odd = np.array([[NAN, 0.0, 1.0], [0.0, NAN, 1.0], [INF, 0.0, -INF]])
    assert [call("top_k_accuracy", np.array([c] * 3), odd, k=1) for c in range(3)] == [
        pytest.approx(1 / 3), 0.0, 0.0,
    ]  # fmt: skip
    assert np.isnan(call("accuracy", np.zeros(0, "int32"), np.zeros((0, 3))))


WANTED = np.array([1, 1, 1, 0, 0, 0, 0, 1])
FOUND = np.array([0.9, 0.8, 0.3, 0.7, 0.2, 0.1, 0.5, 0.6])


@pytest.mark.parametrize("dtype", ["bool", "int32", "float32"])
def test_yes_or_no(dtype: str) -> None:
    labels = WANTED.astype(dtype)
    assert call("binary_accuracy", labels, FOUND) == 6 / 8
    assert call("precision", labels, FOUND) == 3 / 4
    assert call("recall", labels, FOUND) == 3 / 4
    assert call("precision", labels, FOUND, threshold=0.25) == pytest.approx(4 / 6)
    assert call("recall", labels, FOUND, threshold=0.25) == 1
    assert call("f1_score", labels, FOUND, threshold=0.25) == pytest.approx(0.8)


def test_without_positives_there_is_no_division_by_zero() -> None:
    none = np.zeros(3)
    for op in ("precision", "recall", "f1_score"):
        assert call(op, none, none) == 0
        assert call(op, np.ones(3), none) == 0
        assert call(op, none[:0], none[:0]) == 0


def test_auc_counts_pairs() -> None:
    labels, scores = values((40,), "bool"), np.round(values((40,), start=9), 1)
    pairs = list(itertools.product(scores[labels], scores[~labels]))
    expected = sum((p > n) + 0.5 * (p == n) for p, n in pairs) / len(pairs)
    assert call("auc", labels, scores) == np.float32(expected)
    assert call("auc", np.array([0, 1]), np.array([0.0, 1.0])) == 1
    for labels in ([0, 0], [1, 1]):
        assert np.isnan(call("auc", np.array(labels), np.array([0.0, 1.0])))


def test_confusion_matrix() -> None:
    found = call("confusion_matrix", CLASSES, SCORES.argmax(1), classes=3)
    assert found.tolist() == [[0, 0, 0], [1, 1, 0], [1, 0, 1]]
    with pytest.raises(RunError, match="3 is not one of 3 classes") as caught:
        call("confusion_matrix", np.array([0]), np.array([3]), classes=3)
    assert caught.value.port == "predictions"


def test_r_squared() -> None:
    labels, found = values((4, 3)), values((4, 3), start=3)
    expected = 1 - np.var(labels - found) / np.var(labels)
    shifted = found - (found - labels).mean()  # so that the mean error is 0
    assert call("r_squared", labels, shifted) == pytest.approx(expected)
    assert call("r_squared", labels, labels) == 1
    assert call("r_squared", labels, np.full((4, 3), labels.mean())) == pytest.approx(0)
    assert call("r_squared", [1.0, 1.0], [0.0, 1.0]) == -INF


def test_labels_that_do_not_fit_are_refused() -> None:
    with nf.Graph():
        scores = nf.placeholder("float32", [None, 3])
        for shape, dtype in (((None,), "float32"), ((None, 4), "int32"), ((5, 1), "int32")):
            with pytest.raises(ShapeError, match="do not fit") as caught:
                nf.accuracy(nf.placeholder(dtype, shape), scores)
            assert caught.value.port == "labels"
        assert nf.gradients(nf.accuracy(nf.placeholder("int32", [None]), scores), scores) == [None]
