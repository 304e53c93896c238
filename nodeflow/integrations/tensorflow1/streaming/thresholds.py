"""Streaming metrics of scores between 0 and 1, computed from counts at many thresholds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nodeflow.errors import AttributeProblem
from nodeflow.graph.graph import Tensor
from nodeflow.integrations.tensorflow1.streaming.accumulate import (
    Pair,
    add_up,
    as_bool,
    as_float32,
    collected,
    fitting,
    result,
    weighted,
)
from nodeflow.ops import functions as F
from nodeflow.ops.program.assertion import assert_greater_equal, assert_less_equal
from nodeflow.ops.variables.scope import variable_scope

KINDS = {
    "tp": ("true_positives", True, True), "fn": ("false_negatives", True, False),
    "tn": ("true_negatives", False, False), "fp": ("false_positives", False, True),
}  # fmt: skip
"""For each short name, the name of the variable, whether labels are positive, and whether
predictions are.
"""
STEP = 1e-7
"""Distance of the outer thresholds from 0 and 1. It also keeps divisions finite."""


def _counts(
    labels: Any, predictions: Any, thresholds: Sequence[float], weights: Any, kinds: str
) -> dict[str, Pair]:
    """Return, for each kind of count in ``kinds``, such as true positives, its running total at
    each threshold and the update.
    """
    scores = as_float32(predictions)
    checks = [
        assert_greater_equal(scores, 0.0, message="predictions must be in [0, 1]"),
        assert_less_equal(scores, 1.0, message="predictions must be in [0, 1]"),
    ]
    with scores.graph.control_dependencies(checks):
        scores = F.identity(scores)
    wanted, scores = fitting(as_bool(labels), scores)
    each = F.ones_like(scores) if weights is None else weighted(F.ones_like(scores), weights)[1]
    limits = np.array(thresholds, "float32").reshape(-1, 1)
    above = F.greater(F.reshape(scores, shape=[1, -1]), limits)
    found = {yes: F.cast(above if yes else F.logical_not(above), dtype="float32")
             for yes in (True, False)}  # fmt: skip
    yes = F.cast(wanted, dtype="float32")
    columns = {True: yes * each, False: (1 - yes) * each}
    pairs = {}
    for kind in kinds.split():
        name, label, prediction = KINDS[kind]
        column = F.reshape(columns[label], shape=[-1, 1])
        amount = F.squeeze(F.matmul(found[prediction], column), axis=1)
        pairs[kind] = add_up(name, amount, (len(thresholds),))
    return pairs


def _even(count: int, *, last: float) -> list[float]:
    """Return ``count`` evenly spaced thresholds: the first is just below 0, the last is ``last``.

    Raises:
        AttributeProblem: ``count`` is below 2.
    """
    if count < 2:
        raise AttributeProblem("num_thresholds must be at least 2", port="num_thresholds")
    return [-STEP, *((i + 1) / (count - 1) for i in range(count - 2)), last]


# ---- counts and shares --------------------------------------------------------------------------


def _counted(kind: str, what: str) -> Callable[..., Pair]:
    def count(
        labels: Any,
        predictions: Any,
        thresholds: Sequence[float],
        weights: Any = None,
        metrics_collections: Any = None,
        updates_collections: Any = None,
        name: str | None = None,
    ) -> Pair:
        with variable_scope(name, KINDS[kind][0], (predictions, labels, weights)):
            kept, update = _counts(labels, predictions, thresholds, weights, kind)[kind]
            value = F.identity(kept, name="value")
            return collected(value, update, metrics_collections, updates_collections)

    count.__name__ = count.__qualname__ = f"{KINDS[kind][0]}_at_thresholds"
    count.__doc__ = (
        f"Return how many {what}, at each threshold.\n\nArgs:\n"
        "    labels: positive where they are not 0.\n"
        "    predictions: scores between 0 and 1; positive above a threshold.\n"
        "    weights: weight of each element.\n"
        "    metrics_collections, updates_collections: collections for value and update.\n"
        "    name: variable scope of its variables.\n\nReturns:\n"
        "    The value so far, and the update node that adds the batch of its run."
    )
    return count


true_positives_at_thresholds = _counted("tp", "labels are positive and predicted as positive")
false_positives_at_thresholds = _counted("fp", "labels are negative and predicted as positive")
true_negatives_at_thresholds = _counted("tn", "labels are negative and predicted as negative")
false_negatives_at_thresholds = _counted("fn", "labels are positive and predicted as negative")


def _share(part: Tensor, rest: Tensor) -> Tensor:
    return part / (STEP + part + rest)


def precision_at_thresholds(
    labels: Any,
    predictions: Any,
    thresholds: Sequence[float],
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """Return the share of predicted positives that are right, at each threshold.

    Arguments are as for `true_positives_at_thresholds`.
    """
    with variable_scope(name, "precision_at_thresholds", (predictions, labels, weights)):
        pairs = _counts(labels, predictions, thresholds, weights, "tp fp")
        return result(_share, [*pairs.values()], metrics_collections, updates_collections)


def recall_at_thresholds(
    labels: Any,
    predictions: Any,
    thresholds: Sequence[float],
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """Return the share of positive labels that are found, at each threshold.

    Arguments are as for `true_positives_at_thresholds`.
    """
    with variable_scope(name, "recall_at_thresholds", (predictions, labels, weights)):
        pairs = _counts(labels, predictions, thresholds, weights, "tp fn")
        return result(_share, [*pairs.values()], metrics_collections, updates_collections)


# ---- the whole curve ----------------------------------------------------------------------------


def auc(
    labels: Any,
    predictions: Any,
    weights: Any = None,
    num_thresholds: int = 200,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    curve: str = "ROC",
    name: str | None = None,
    summation_method: str = "trapezoidal",
    thresholds: Sequence[float] | None = None,
) -> Pair:
    """Return the area under a curve, approximated at thresholds.

    Args:
        labels: positive where they are not 0.
        predictions: scores between 0 and 1.
        weights: weight of each element.
        num_thresholds: number of thresholds, evenly spaced between 0 and 1.
        curve: "ROC", true over false positive rate, or "PR", precision over recall.
        summation_method: "trapezoidal", "minoring", "majoring", or "careful_interpolation", which
            is right for "PR" (Davis and Goadrich, 2006).
        thresholds: thresholds to use instead.

    Raises:
        AttributeProblem: there is no such curve or method.
    """
    heights = {
        "trapezoidal": lambda a, b: (a + b) / 2, "careful_interpolation": lambda a, b: (a + b) / 2,
        "minoring": F.minimum, "majoring": F.maximum,
    }  # fmt: skip
    if curve not in ("ROC", "PR"):
        raise AttributeProblem(f"curve must be ROC or PR, not {curve!r}", port="curve")
    if summation_method not in heights:
        raise AttributeProblem(
            f"summation_method must be one of {', '.join(heights)}, not {summation_method!r}",
            port="summation_method",
        )
    if thresholds is None:
        limits = _even(num_thresholds, last=1 + STEP)
    else:
        limits = [-STEP, *sorted(thresholds), 1 + STEP]

    def area(tp: Tensor, fn: Tensor, tn: Tensor, fp: Tensor) -> Tensor:
        if curve == "PR" and summation_method == "careful_interpolation":
            return _interpolated(tp, fp, fn)
        tiny = 1e-6
        hits = (tp + tiny) / (tp + fn + tiny)
        if curve == "ROC":
            x, y = fp / (fp + tn + tiny), hits
        else:
            x, y = hits, (tp + tiny) / (tp + fp + tiny)
        return F.reduce_sum((x[:-1] - x[1:]) * heights[summation_method](y[:-1], y[1:]))

    with variable_scope(name, "auc", (labels, predictions, weights)):
        pairs = _counts(labels, predictions, limits, weights, "tp fn tn fp")
        return result(area, [*pairs.values()], metrics_collections, updates_collections)


def _interpolated(tp: Tensor, fp: Tensor, fn: Tensor) -> Tensor:
    """Return the area under the precision-recall curve, interpolating between thresholds."""
    change, p = tp[:-1] - tp[1:], tp + fp
    slope = F.divide_no_nan(change, F.maximum(p[:-1] - p[1:], 0))
    intercept = tp[1:] - slope * p[1:]
    both = F.logical_and(p[:-1] > 0, p[1:] > 0)
    share = F.where(both, F.divide_no_nan(p[:-1], F.maximum(p[1:], 0)), F.ones_like(change))
    part = slope * (change + intercept * F.log(share))
    return F.reduce_sum(F.divide_no_nan(part, F.maximum(tp[1:] + fn[1:], 0)))


def sensitivity_at_specificity(
    labels: Any,
    predictions: Any,
    specificity: float,
    weights: Any = None,
    num_thresholds: int = 200,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """Return the share of positives found at the threshold nearest to a given specificity.

    Specificity is the share of negatives that are not predicted as positive. Other arguments are as
    for `auc`.

    Raises:
        AttributeProblem: the share is not between 0 and 1.
    """
    _is_share("specificity", specificity)

    def sensitivity(tp: Tensor, fn: Tensor, tn: Tensor, fp: Tensor) -> Tensor:
        place = F.argmin(F.abs(tn / (tn + fp + STEP) - specificity))
        hits, missed = F.gather(tp, place), F.gather(fn, place)
        return hits / (hits + missed + STEP)

    with variable_scope(name, "sensitivity_at_specificity", (predictions, labels, weights)):
        limits = _even(num_thresholds, last=1 + STEP)
        pairs = _counts(labels, predictions, limits, weights, "tp fn tn fp")
        return result(sensitivity, [*pairs.values()], metrics_collections, updates_collections)


def specificity_at_sensitivity(
    labels: Any,
    predictions: Any,
    sensitivity: float,
    weights: Any = None,
    num_thresholds: int = 200,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """Return the specificity at the threshold whose sensitivity is nearest to the given one.

    Specificity is the share of negatives that are not predicted as positive, sensitivity the share
    of positives that are. Other arguments are as for `auc`.

    Raises:
        AttributeProblem: the share is not between 0 and 1.
    """
    _is_share("sensitivity", sensitivity)

    def specificity(tp: Tensor, fn: Tensor, tn: Tensor, fp: Tensor) -> Tensor:
        distance = F.abs(tp / (tp + fn + STEP) - sensitivity)
        nearest = F.cast(F.equal(distance, F.reduce_min(distance)), dtype="int64")
        place = F.argmax(F.cumsum(nearest))  # the last one of equally near thresholds
        right, wrong = F.gather(tn, place), F.gather(fp, place)
        return right / (right + wrong + STEP)

    with variable_scope(name, "specificity_at_sensitivity", (predictions, labels, weights)):
        limits = _even(num_thresholds, last=1 - STEP)
        pairs = _counts(labels, predictions, limits, weights, "tp fn tn fp")
        return result(specificity, [*pairs.values()], metrics_collections, updates_collections)


def _is_share(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise AttributeProblem(f"{name} must be between 0 and 1, not {value!r}", port=name)
