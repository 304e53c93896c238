"""Losses against formulas in plain numpy and scipy, and what they do at the edges."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.special

import nodeflow as nf
from nodeflow.errors import MissingInput, ShapeError
from nodeflow.ops.samples import values
from tests.ops.evaluate import evaluate
from tests.ops.test_semantics import call, slope

Y = values((4, 3), low=0.05, high=0.95)
P = values((4, 3), low=0.05, high=0.95, start=8)
X = values((4, 3), low=-3, high=3, start=5)
SIGNS = np.sign(values((4, 3), start=3))


def log_softmax(x: np.ndarray) -> np.ndarray:
    return x - scipy.special.logsumexp(x, axis=-1, keepdims=True)


def focal(y: np.ndarray, x: np.ndarray, alpha: float, gamma: float) -> np.ndarray:
    p = scipy.special.expit(x)
    return -(
        y * alpha * (1 - (y * p + (1 - y) * (1 - p))) ** gamma * np.log(p)
        + (1 - y) * (1 - alpha) * (1 - (y * p + (1 - y) * (1 - p))) ** gamma * np.log(1 - p)
    )


CASES: list[tuple[str, tuple[np.ndarray, np.ndarray], dict[str, Any], Callable]] = [
    ("mean_absolute_error", (Y, X), {}, lambda y, p: np.abs(y - p)),
    ("huber_loss", (Y, X), {}, lambda y, p: scipy.special.huber(1.0, p - y)),
    ("huber_loss", (Y, X), {"delta": 0.4}, lambda y, p: scipy.special.huber(0.4, p - y)),
    ("hinge_loss", (SIGNS, X), {}, lambda y, p: np.maximum(0, 1 - y * p)),
    ("kl_divergence", (Y, P), {}, lambda y, p: (y * np.log(y / p)).sum(-1)),
    ("binary_cross_entropy", (Y, P), {},
     lambda y, p: -(y * np.log(p) + (1 - y) * np.log(1 - p))),
    ("binary_cross_entropy", (Y, X), {"from_logits": True},
     lambda y, x: -(y * np.log(scipy.special.expit(x)) + (1 - y) * np.log(scipy.special.expit(-x)))
     ),
    ("categorical_cross_entropy", (Y, P), {}, lambda y, p: -(y * np.log(p)).sum(-1)),
    ("categorical_cross_entropy", (Y, X), {"from_logits": True},
     lambda y, x: -(y * log_softmax(x)).sum(-1)),
    ("focal_loss", ((SIGNS + 1) / 2, X), {}, lambda y, x: focal(y, x, 0.25, 2.0)),
    ("focal_loss", ((SIGNS + 1) / 2, X), {"alpha": 0.7, "gamma": 1.5},
     lambda y, x: focal(y, x, 0.7, 1.5)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("op", "arrays", "attrs", "formula"), CASES, ids=[f"{c[0]}-{c[2]}" for c in CASES]
)
def test_loss_follows_its_formula(op: str, arrays: tuple, attrs: dict, formula: Callable) -> None:
    each = formula(*arrays)
    for reduction, expected in (("none", each), ("mean", each.mean()), ("sum", each.sum())):
        got = call(op, *arrays, reduction=reduction, **attrs)
        np.testing.assert_allclose(got, expected, rtol=1e-13)


def test_binary_cross_entropy_keeps_the_digits_of_large_scores() -> None:
    labels = np.array([1.0, 0.0, 1.0, 0.0], "float32")
    scores = np.array([30.0, -30.0, -1e4, 1e4], "float32")
    attrs = {"from_logits": True, "reduction": "none"}
    got = call("binary_cross_entropy", labels, scores, **attrs)
    small = math.log1p(math.exp(-30))
    np.testing.assert_allclose(got, [small, small, 1e4, 1e4], rtol=1e-6)


def test_binary_cross_entropy_has_its_gradient_at_a_score_of_zero() -> None:
    _, by_score = slope("binary_cross_entropy", [1.0, 0.0], [0.0, 0.0], from_logits=True)
    assert by_score.tolist() == [-0.25, 0.25]


def test_certain_and_wrong_is_finite() -> None:
    for op in ("binary_cross_entropy", "categorical_cross_entropy", "kl_divergence"):
        loss = call(op, [[0.0, 1.0]], [[1.0, 0.0]])
        assert 10 < loss < 20, op
        assert np.isfinite(slope(op, [[0.0, 1.0]], [[1.0, 0.0]])[1]).all()


def test_losses_at_their_corners() -> None:
    assert slope("mean_absolute_error", [1.0], [1.0])[1].tolist() == [0.0]
    assert slope("huber_loss", [0.0, 0.0], [1.0, -1.0], reduction="sum")[1].tolist() == [1.0, -1.0]
    assert slope("hinge_loss", [1.0], [1.0])[1].tolist() == [0.0]
    assert np.isnan(call("mean_absolute_error", np.zeros((0, 3)), np.zeros((0, 3))))
    assert call("huber_loss", np.zeros((0, 3)), np.zeros((0, 3)), reduction="sum") == 0


def test_losses_broadcast_nothing() -> None:
    with nf.Graph():
        labels = nf.placeholder("float32", [None, 1])
        with pytest.raises(ShapeError, match="labels and predictions") as caught:
            nf.huber_loss(labels, nf.placeholder("float32", [None]))
        assert (caught.value.port, "reshape" in caught.value.hint) == ("labels", True)
        with pytest.raises(ShapeError, match="an axis of classes"):
            nf.kl_divergence(nf.constant(0.5), nf.constant(0.5))


def test_penalties() -> None:
    weights, bias = np.array([[1.0, -2.0], [0.0, 3.0]]), np.array([-1.0])
    assert call("l1_regularization", weights, bias, strength=0.5) == 3.5
    assert call("l2_regularization", weights, bias, strength=0.5) == 7.5
    by_weights, _ = slope("l2_regularization", weights, bias, strength=0.5)
    np.testing.assert_array_equal(by_weights, weights)
    assert slope("l1_regularization", weights, strength=2.0)[0].tolist() == [[2, -2], [0, 2]]
    with nf.Graph() as graph, pytest.raises(MissingInput, match=r"values\.0"):
        graph.apply("l2_regularization")


def test_a_loss_is_one_node_that_derives_others() -> None:
    with nf.Graph() as graph:
        x = nf.variable(np.array([0.5, 2.0]), name="x")
        loss = nf.huber_loss(nf.constant(np.zeros(2)), x, name="loss")
        derived = [n for n in graph.nodes if n.derived_from == "loss"]
        (by_x,) = nf.gradients(loss, x)
        assert all(n.name.startswith("loss/") for n in derived)
        assert evaluate([loss, by_x], {})[1].tolist() == [0.25, 0.5]
