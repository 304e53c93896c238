"""Streaming counts of right and wrong yes-or-no predictions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nodeflow.graph.graph import Tensor
from nodeflow.integrations.tensorflow1.streaming.accumulate import (
    Pair,
    add_up,
    as_bool,
    collected,
    fitting,
    ratio,
    result,
    weighted,
)
from nodeflow.ops import functions as F
from nodeflow.ops.variables.scope import variable_scope


def _hits(labels: Any, predictions: Any, wanted: bool, found: bool) -> Tensor:
    """Return a bool tensor: true where the label is ``wanted`` and the prediction is ``found``."""
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
        f"Return how many {what}.\n\nArgs:\n"
        "    labels, predictions: positive where they are not 0.\n"
        "    weights: weight of each element.\n"
        "    metrics_collections, updates_collections: collections for value and update.\n"
        "    name: variable scope of its variable.\n\nReturns:\n"
        "    The value so far, and the update node that adds the batch of its run."
    )
    return count


true_positives = _counted(
    "true_positives", "labels are positive and predicted as positive", True, True
)
false_positives = _counted(
    "false_positives", "labels are negative and predicted as positive", False, True
)
true_negatives = _counted(
    "true_negatives", "labels are negative and predicted as negative", False, False
)
false_negatives = _counted(
    "false_negatives", "labels are positive and predicted as negative", True, False
)


def precision(
    labels: Any,
    predictions: Any,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """Return the share of predicted positives that are right, 0 if nothing is predicted.

    Arguments are as for `true_positives`.
    """
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
    """Return the share of positive labels that are found, 0 if there are none.

    Arguments are as for `true_positives`.
    """
    with variable_scope(name, "recall", (predictions, labels, weights)):
        pairs = [f(labels, predictions, weights) for f in (true_positives, false_negatives)]
        return result(_share, pairs, metrics_collections, updates_collections)


def _share(part: Tensor, rest: Tensor) -> Tensor:
    return ratio(part, part + rest)
