"""`losses` against TensorFlow 1's formulas in numpy, values and gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.special

import nodeflow as nf
from nodeflow.errors import AttributeProblem, GraphError, ShapeError
from nodeflow.ops.namespaces import losses as loss_functions
from nodeflow.ops.samples import values
from nodeflow.ops.variables.regularizers import l2_regularizer
from nodeflow.ops.variables.scope import get_variable

R = loss_functions.Reduction
ROWS = np.array([[0.5], [0.0], [2.0]])


def softmax_ce(labels: np.ndarray, logits: np.ndarray, smoothing: float = 0.0) -> np.ndarray:
    labels = labels * (1 - smoothing) + smoothing / logits.shape[-1]
    return -(labels * scipy.special.log_softmax(logits, -1)).sum(-1)


def sigmoid_ce(labels: np.ndarray, logits: np.ndarray, smoothing: float = 0.0) -> np.ndarray:
    labels = labels * (1 - smoothing) + 0.5 * smoothing
    return np.maximum(logits, 0) - logits * labels + np.log1p(np.exp(-np.abs(logits)))


def huber(labels: np.ndarray, guesses: np.ndarray, delta: float = 1.0) -> np.ndarray:
    e = np.abs(labels - guesses)
    return np.where(e <= delta, e**2 / 2, delta * e - delta**2 / 2)


def log_loss(labels: np.ndarray, p: np.ndarray, epsilon: float = 1e-7) -> np.ndarray:
    return -labels * np.log(p + epsilon) - (1 - labels) * np.log(1 - p + epsilon)


LABELS = (values((3, 4), start=2) > 0).astype("float64")
PLAIN = values((3, 4)), values((3, 4), start=5)
SCORES = LABELS, values((3, 4), start=5)
CHANCES = LABELS, values((3, 4), "float64", 0.1, 0.9)
ONE_HOT = np.eye(4)[[1, 0, 3]], values((3, 4), start=5)

CASES: list[tuple[Callable[..., Any], Callable[..., np.ndarray], tuple, dict[str, Any]]] = [
    (loss_functions.mean_squared_error, lambda y, p: (p - y) ** 2, PLAIN, {}),
    (loss_functions.absolute_difference, lambda y, p: abs(p - y), PLAIN, {}),
    (loss_functions.huber_loss, huber, PLAIN, {}),
    (loss_functions.huber_loss, huber, PLAIN, {"delta": 0.4}),
    (loss_functions.hinge_loss, lambda y, s: np.maximum(0, 1 - (2 * y - 1) * s), SCORES, {}),
    (loss_functions.log_loss, log_loss, CHANCES, {}),
    (loss_functions.log_loss, log_loss, CHANCES, {"epsilon": 0.01}),
    (loss_functions.sigmoid_cross_entropy, sigmoid_ce, SCORES, {}),
    (loss_functions.sigmoid_cross_entropy, sigmoid_ce, SCORES, {"label_smoothing": 0.2}),
    (loss_functions.softmax_cross_entropy, softmax_ce, ONE_HOT, {}),
    (loss_functions.softmax_cross_entropy, softmax_ce, ONE_HOT, {"label_smoothing": 0.1}),
    (
        loss_functions.cosine_distance,
        lambda y, p, axis: 1 - (y * p).sum(axis, keepdims=True),
        PLAIN,
        {"axis": 1},
    ),
]


def numpy_of(function: Callable[..., np.ndarray], arrays: tuple, attrs: dict) -> np.ndarray:
    return function(*arrays, **{k.replace("label_", ""): v for k, v in attrs.items()})


def reduced(losses: np.ndarray, weights: Any, reduction: str) -> Any:
    """`compute_weighted_loss` as TensorFlow 1 writes it."""
    full = np.broadcast_to(weights, losses.shape)
    weighted = losses * full
    count = {
        R.MEAN: full.sum(),
        R.SUM_OVER_BATCH_SIZE: losses.size,
        R.SUM_BY_NONZERO_WEIGHTS: (full != 0).sum(),
    }.get(reduction)
    if reduction == R.NONE:
        return weighted
    if count is None:
        return weighted.sum()
    return weighted.sum() / count if count > 0 else np.float64(0)


def run(fetches: Any, feeds: dict | None = None) -> Any:
    with nf.Session(nf.get_default_graph(), tier="reference") as session:
        session.initialize()
        return session.run(fetches, feeds)


@pytest.mark.parametrize(("loss", "formula", "arrays", "attrs"), CASES)
@pytest.mark.parametrize("reduction", R.all())
@pytest.mark.parametrize("weights", [1.0, 0.3, 0.0, "rows"])
def test_values(loss, formula, arrays, attrs, reduction, weights) -> None:
    each = numpy_of(formula, arrays, attrs)
    given = weights if weights != "rows" else ROWS[:, 0] if each.ndim == 1 else ROWS
    with nf.Graph():
        made = loss(*arrays, weights=given, reduction=reduction, **attrs)
        found = run(made)
        assert loss_functions.get_losses() == [made]
    np.testing.assert_allclose(found, reduced(each, given, reduction), rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize(("loss", "formula", "arrays", "attrs"), CASES)
def test_gradients(loss, formula, arrays, attrs) -> None:
    labels, guesses = arrays
    rows = ROWS[:, 0] if numpy_of(formula, arrays, attrs).ndim == 1 else ROWS

    def at(x: np.ndarray) -> float:
        each = numpy_of(formula, (labels, x), attrs)
        return float(reduced(each, rows, R.SUM_BY_NONZERO_WEIGHTS))

    with nf.Graph():
        x = nf.constant(guesses)
        (gradient,) = nf.gradients(loss(labels, x, weights=rows, **attrs), x)
        found = run(gradient)
    expected = np.zeros_like(guesses)
    for place in np.ndindex(guesses.shape):
        step = np.zeros_like(guesses)
        step[place] = 1e-6
        expected[place] = (at(guesses + step) - at(guesses - step)) / 2e-6
    np.testing.assert_allclose(found, expected, atol=1e-7)


def test_class_numbers() -> None:
    labels, logits = np.array([1, 0, 3]), values((3, 4), start=5)
    expected = softmax_ce(np.eye(4)[labels], logits)
    with nf.Graph():
        flat = loss_functions.sparse_softmax_cross_entropy(labels, logits)
        deep = loss_functions.sparse_softmax_cross_entropy(labels[:, None], logits, weights=ROWS)
        first, second = run([flat, deep])
    np.testing.assert_allclose(first, expected.mean(), rtol=1e-12)
    np.testing.assert_allclose(second, (expected * ROWS[:, 0]).sum() / 2, rtol=1e-12)


def test_mean_pairwise_squared_error() -> None:
    labels, guesses = PLAIN
    weights = np.array([[1.0], [0.0], [0.5]])
    expected = 0.0
    for row, weight in zip(guesses - labels, weights[:, 0], strict=True):
        pairs = [(a - b) ** 2 for i, a in enumerate(row) for j, b in enumerate(row) if i != j]
        expected += weight * np.mean(pairs)
    with nf.Graph():
        found = run(loss_functions.mean_pairwise_squared_error(labels, guesses, weights))
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_the_total_loss_holds_all_losses_and_penalties() -> None:
    with nf.Graph():
        with pytest.raises(GraphError, match="there is no loss"):
            loss_functions.get_total_loss()
        assert run(loss_functions.get_regularization_loss()) == 0
        loss_functions.mean_squared_error([1.0], [3.0])
        with nf.name_scope("other"):
            loss_functions.add_loss(nf.constant(2.0, name="own"))
        loss_functions.absolute_difference([1.0], [3.0], loss_collection=None)
        v = get_variable("v", initializer=[2.0], regularizer=l2_regularizer(0.5))
        total = loss_functions.get_total_loss()
        assert total.name == "total_loss"
        assert run(total) == 4 + 2 + 0.5 * 4 / 2
        assert run(loss_functions.get_total_loss(add_regularization_losses=False)) == 6
        assert len(loss_functions.get_losses("other")) == 1
        assert len(loss_functions.get_regularization_losses()) == 1
        assert v.name == "v"


def test_integers_are_taken_as_floats() -> None:
    with nf.Graph():
        assert run(loss_functions.mean_squared_error(np.array([1, 2]), [1.5, 2.0])) == 0.125
        assert loss_functions.mean_squared_error([1, 2], [1, 2]).dtype == "float32"


def test_what_does_not_fit_is_refused() -> None:
    with nf.Graph():
        with pytest.raises(ShapeError, match="broadcast"):
            loss_functions.mean_squared_error(np.zeros((3, 1)), np.zeros(3))
        with pytest.raises(ShapeError, match="do not fit"):
            loss_functions.mean_squared_error(
                np.zeros((3, 2)), np.zeros((3, 2)), weights=np.zeros(3)
            )
        with pytest.raises(AttributeProblem, match="reduction must be one of"):
            loss_functions.mean_squared_error([1.0], [1.0], reduction="mean")
        with pytest.raises(GraphError, match="needs an axis"):
            loss_functions.cosine_distance([1.0], [1.0])
        with pytest.raises(GraphError, match="needs labels"):
            loss_functions.hinge_loss(None, [1.0])
        with pytest.raises(AttributeError, match="mean_squared_error"):
            loss_functions.mean_square_error  # noqa: B018


def test_scopes() -> None:
    with nf.Graph():
        loss = loss_functions.mean_squared_error([1.0], [3.0], scope="mine")
        assert loss.name.startswith("mine/")
        assert loss_functions.log_loss([1.0], [0.3]).name.startswith("log_loss/")
