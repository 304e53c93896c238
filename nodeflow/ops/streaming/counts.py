"""Streaming counts of right and wrong answers to yes-or-no questions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nodeflow.graph.graph import Tensor
from nodeflow.ops import functions as F
from nodeflow.ops.streaming.accumulate import (
    Pair,
    add_up,
    as_bool,
    collected,
    fitting,
    ratio,
    result,
    weighted,
)
from nodeflow.ops.variables.scope import variable_scope


def _hits(labels: Any, predictions: Any, wanted: bool, found: bool) -> Tensor:
    """Where a label is ``wanted`` and its prediction ``found``."""
    labels, predictions = fitting(as_bool(labels), as_bool(predictions))
    first = labels if wanted else F.logical_not(labels)
    return F.logical_and(first, predictions if found else F.logical_not(predictions))


def _counted(name: str, what: str, wanted: bool, found: bool) -> Callable[..., Pair]:
    def count(
        labels: Any,
        predictions: Any,
        weights: Any = None,
        metrics_collections: Any = None,
        updates_collections: Any = None,
        name: str | None = None,
    ) -> Pair:
        with variable_scope(name, count.__name__, (predictions, labels, weights)):
            hits = F.cast(_hits(labels, predictions, wanted, found), dtype="float32")
            if weights is not None:
                hits, _ = weighted(hits, weights)
            kept, update = add_up("count", F.reduce_sum(hits))
            value = F.identity(kept, name="value")
            return collected(value, update, metrics_collections, updates_collections)

    count.__name__ = count.__qualname__ = name
    count.__doc__ = (
        f"How many {what}.\n\nArgs:\n    labels, predictions: yes where they are not 0.\n"
        "    weights: how much each counts.\n"
        "    metrics_collections, updates_collections: where value and update are added.\n"
        "    name: the scope of its variable.\n\nReturns:\n"
        "    The value so far, and the node that takes in the batch of its run."
    )
    return count


true_positives = _counted("true_positives", "labels are yes and predicted as yes", True, True)
false_positives = _counted("false_positives", "labels are no and predicted as yes", False, True)
true_negatives = _counted("true_negatives", "labels are no and predicted as no", False, False)
false_negatives = _counted("false_negatives", "labels are yes and predicted as no", True, False)


def precision(
    labels: Any,
    predictions: Any,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """How many of the predicted are right, 0 where nothing is predicted; arguments as of
    `true_positives`."""
    with variable_scope(name, "precision", (predictions, labels, weights)):
        pairs = [f(labels, predictions, weights) for f in (true_positives, false_positives)]
        return result(_share, pairs, metrics_collections, updates_collections)


def recall(
    labels: Any,
    predictions: Any,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """How many of the right are predicted, 0 where nothing is right; arguments as of
    `true_positives`."""
    with variable_scope(name, "recall", (predictions, labels, weights)):
        pairs = [f(labels, predictions, weights) for f in (true_positives, false_negatives)]
        return result(_share, pairs, metrics_collections, updates_collections)


def _share(part: Tensor, rest: Tensor) -> Tensor:
    return ratio(part, part + rest)
