"""Placeholders without a shape, in losses and branches: what they give with a shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.errors import NodeflowError
from nodeflow.ops.namespaces import losses

SCORES = np.linspace(0.1, 0.9, 6, dtype="float32").reshape(2, 3)
LABELS = np.array([[0, 1, 0], [1, 0, 1]], "float32")
NUMBERS = np.array([2, 0], "int32")
ROWS = np.array([[1.0], [3.0]], "float32")
TIERS = ("reference", "compiled")
Loss = Callable[[nf.Tensor, nf.Tensor, Any], nf.Tensor]


def by_name(name: str, **more: Any) -> Loss:
    def loss(labels: nf.Tensor, scores: nf.Tensor, weights: Any) -> nf.Tensor:
        return getattr(losses, name)(labels, scores, weights=weights, **more)

    return loss


LOSSES: dict[str, Loss] = {
    **{
        name: by_name(name)
        for name in (
            *("absolute_difference", "hinge_loss", "huber_loss", "log_loss", "mean_squared_error"),
            *("mean_pairwise_squared_error", "sigmoid_cross_entropy", "softmax_cross_entropy"),
        )
    },
    "cosine_distance": by_name("cosine_distance", axis=1),
    "smoothed": by_name("softmax_cross_entropy", label_smoothing=0.1),
    "sum": by_name("mean_squared_error", reduction="weighted_sum"),
    "each": by_name("mean_squared_error", reduction="none"),
}


def computed(loss: Loss, shape: Any, weights: Any, tier: Any, feeds: Any = None) -> list[Any]:
    """A loss and its gradient for the scores."""
    with nf.Graph() as graph:
        labels = nf.placeholder("float32", shape)
        scores = nf.placeholder("float32", shape)
        value = loss(labels, scores, weights)
        (slope,) = nf.gradients(value, scores)
        assert slope is not None
    with nf.Session(graph, tier=tier) as session:
        return session.run([value, slope], {labels: LABELS, scores: SCORES, **(feeds or {})})


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_is_the_one_of_known_shapes(name: str, weighted: bool, tier: Any) -> None:
    weights: Any = 1.0
    if weighted:
        weights = ROWS[:, 0] if name in ("softmax_cross_entropy", "smoothed") else ROWS
    known = computed(LOSSES[name], [2, 3], weights, tier)
    for ours, expected in zip(computed(LOSSES[name], None, weights, tier), known, strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-7)


def test_smoothing_needs_no_known_number_of_classes() -> None:
    (value, _), (known, _) = (
        computed(LOSSES["smoothed"], shape, 1.0, "reference") for shape in ([None, None], [2, 3])
    )
    np.testing.assert_allclose(value, known, rtol=1e-6)


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("labels", [NUMBERS, NUMBERS[:, None]], ids=["vector", "column"])
@pytest.mark.parametrize("weights", [1.0, ROWS[:, 0], ROWS], ids=["none", "vector", "column"])
def test_class_numbers_have_any_of_both_forms(labels: Any, weights: Any, tier: Any) -> None:
    logs = SCORES - np.log(np.exp(SCORES).sum(1, keepdims=True))
    each = -logs[[0, 1], NUMBERS]
    plain = isinstance(weights, float)
    expected = each.mean() if plain else (each * ROWS[:, 0]).sum() / 2
    with nf.Graph() as graph:
        numbers, scores = nf.placeholder("int32"), nf.placeholder("float32")
        loss = losses.sparse_softmax_cross_entropy(numbers, scores, weights=weights)
        (slope,) = nf.gradients(loss, scores)
        assert slope is not None
    with nf.Session(graph, tier=tier) as session:
        value, moved = session.run([loss, slope], {numbers: labels, scores: SCORES})
    np.testing.assert_allclose(value, expected, rtol=1e-5)
    factor = np.ones((2, 1)) if plain else ROWS
    softmax = np.exp(logs)
    np.testing.assert_allclose(moved, (softmax - np.eye(3)[NUMBERS]) * factor / 2, rtol=1e-5)


def test_weights_of_another_rank_end_the_run() -> None:
    with nf.Graph() as graph:
        labels, scores, weights = (nf.placeholder("float32") for _ in range(3))
        loss = losses.mean_squared_error(labels, scores, weights=weights)
    fed = {labels: LABELS, scores: SCORES}
    with nf.Session(graph) as session:
        mean = session.run(loss, {**fed, weights: 2.0})
        np.testing.assert_allclose(mean, 2 * np.mean((LABELS - SCORES) ** 2), rtol=1e-6)
        with pytest.raises(NodeflowError, match=r"weights of shape \[3\] do not fit"):
            session.run(loss, {**fed, weights: [1.0, 2.0, 3.0]})


@pytest.mark.parametrize("tier", TIERS)
def test_a_branch_takes_conditions_and_values_of_unknown_rank(tier: Any) -> None:
    with nf.Graph() as graph:
        chosen, x = nf.placeholder("bool"), nf.placeholder("float32")
        either = nf.cond(chosen, lambda: x * x, lambda: nf.reduce_sum(x))
        (slope,) = nf.gradients(either, x)
        first = nf.case([(chosen, lambda: x), (nf.logical_not(chosen), lambda: -x)])
        assert slope is not None
    with nf.Session(graph, tier=tier) as session:
        for value in (SCORES, SCORES[0], np.float32(3)):
            yes = session.run([either, slope, first], {chosen: True, x: value})
            for ours, expected in zip(yes, (value * value, 2 * value, value), strict=True):
                np.testing.assert_allclose(ours, expected, rtol=1e-6)
            no = session.run([either, slope, first], {chosen: False, x: value})
            for ours, expected in zip(no, (value.sum(), np.ones_like(value), -value), strict=True):
                np.testing.assert_allclose(ours, expected, rtol=1e-6)
        with pytest.raises(NodeflowError, match="the condition must be one bool"):
            session.run(either, {chosen: [True, False], x: SCORES})
