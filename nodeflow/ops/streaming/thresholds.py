"""Streaming metrics of scores between 0 and 1 that are counted at many thresholds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nodeflow.errors import AttributeProblem
from nodeflow.graph.graph import Tensor
from nodeflow.ops import functions as F
from nodeflow.ops.program.assertion import assert_greater_equal, assert_less_equal
from nodeflow.ops.streaming.accumulate import (
    Pair,
    add_up,
    as_bool,
    as_float32,
    collected,
    fitting,
    result,
    weighted,
)
from nodeflow.ops.variables.scope import variable_scope

KINDS = {
    "tp": ("true_positives", True, True), "fn": ("false_negatives", True, False),
    "tn": ("true_negatives", False, False), "fp": ("false_positives", False, True),
}  # fmt: skip
"""Short name -> name of the variable, whether the label is yes, whether the prediction is."""
STEP = 1e-7
"""What lies beyond 0 and 1, and keeps divisions finite."""


def _counts(
    labels: Any, predictions: Any, thresholds: Sequence[float], weights: Any, kinds: str
) -> dict[str, Pair]:
    """Counts at each threshold, of the kinds that are named."""
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
    """Thresholds from just below 0 to 1, evenly spaced."""
    if count < 2:
        raise AttributeProblem("num_thresholds is at least 2", port="num_thresholds")
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
        f"How many {what}, at each threshold.\n\nArgs:\n    labels: yes where they are not 0.\n"
        "    predictions: scores between 0 and 1; yes where they are above a threshold.\n"
        "    weights: how much each counts.\n"
        "    metrics_collections, updates_collections: where value and update are added.\n"
        "    name: the scope of its variables.\n\nReturns:\n"
        "    The value so far, and the node that takes in the batch of its run."
    )
    return count


true_positives_at_thresholds = _counted("tp", "labels are yes and predicted as yes")
false_positives_at_thresholds = _counted("fp", "labels are no and predicted as yes")
true_negatives_at_thresholds = _counted("tn", "labels are no and predicted as no")
false_negatives_at_thresholds = _counted("fn", "labels are yes and predicted as no")


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
    """How many of the predicted are right, at each threshold; arguments as of
    `true_positives_at_thresholds`."""
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
    """How many of the right are predicted, at each threshold; arguments as of
    `true_positives_at_thresholds`."""
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
    """The area under a curve, approximated at thresholds.

    Args:
        labels: yes where they are not 0.
        predictions: scores between 0 and 1.
        weights: how much each counts.
        num_thresholds: how many, evenly between 0 and 1.
        curve: "ROC", hits over false alarms, or "PR", precision over recall.
        summation_method: "trapezoidal", "minoring", "majoring", or "careful_interpolation", which
            is right for "PR" (Davis and Goadrich, 2006).
        thresholds: thresholds to take instead.

    Raises:
        AttributeProblem: the curve or the method is none of these.
    """
    heights = {
        "trapezoidal": lambda a, b: (a + b) / 2, "careful_interpolation": lambda a, b: (a + b) / 2,
        "minoring": F.minimum, "majoring": F.maximum,
    }  # fmt: skip
    if curve not in ("ROC", "PR"):
        raise AttributeProblem(f"curve is ROC or PR, not {curve!r}", port="curve")
    if summation_method not in heights:
        raise AttributeProblem(
            f"summation_method is one of {', '.join(heights)}, not {summation_method!r}",
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
    """The area under the curve of precision and recall, positives linear between thresholds."""
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
    """How many of the right are predicted, at the threshold at which nearest to a share
    ``specificity`` of the wrong are not; other arguments as of `auc`.

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
    """How many of the wrong are not predicted, at the threshold at which nearest to a share
    ``sensitivity`` of the right are; other arguments as of `auc`.

    Raises:
        AttributeProblem: the share is not between 0 and 1.
    """
    _is_share("sensitivity", sensitivity)

    def specificity(tp: Tensor, fn: Tensor, tn: Tensor, fp: Tensor) -> Tensor:
        distance = F.abs(tp / (tp + fn + STEP) - sensitivity)
        nearest = F.cast(F.equal(distance, F.reduce_min(distance)), dtype="int64")
        place = F.argmax(F.cumsum(nearest))  # the last of those that are equally near
        right, wrong = F.gather(tn, place), F.gather(fp, place)
        return right / (right + wrong + STEP)

    with variable_scope(name, "specificity_at_sensitivity", (predictions, labels, weights)):
        limits = _even(num_thresholds, last=1 - STEP)
        pairs = _counts(labels, predictions, limits, weights, "tp fn tn fp")
        return result(specificity, [*pairs.values()], metrics_collections, updates_collections)


def _is_share(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise AttributeProblem(f"{name} is between 0 and 1, not {value!r}", port=name)
