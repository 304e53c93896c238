"""Streaming metrics of the k classes with the highest scores, for rows with several labels."""

from __future__ import annotations

from typing import Any

from nodeflow.errors import ShapeError
from nodeflow.graph.graph import Tensor
from nodeflow.graph.types import shape_text
from nodeflow.integrations.tensorflow1.streaming.accumulate import Pair, add_up, result
from nodeflow.ops import functions as F
from nodeflow.ops.namespaces.arguments import as_float, scoped, tensor


def _ids(labels: Any, found: Any) -> tuple[Tensor, Tensor]:
    """Return class numbers of labels and predictions, both with a last axis of classes.

    Raises:
        ShapeError: the ranks do not fit.
    """
    labels, found = (F.cast(tensor(t), dtype="int64") for t in (labels, found))
    if len(found.shape) == len(labels.shape) + 1:
        labels = F.expand_dims(labels, axis=-1)
    if len(found.shape) != len(labels.shape):
        raise ShapeError(
            f"labels {shape_text(labels.shape)} and predictions {shape_text(found.shape)} do not "
            "fit",
            hint="Give both the same rank, or labels with one axis less.",
        )
    return labels, found


def _among(ids: Tensor, others: Tensor) -> Tensor:
    """Return a bool tensor like ``ids`` (..., n): true where an id occurs in the same row of
    ``others`` (..., m).
    """
    return F.reduce_any(
        F.equal(F.expand_dims(ids, axis=-1), F.expand_dims(others, axis=-2)), axis=-1
    )


def _first(ids: Tensor) -> Tensor:
    """Return a bool tensor like ``ids``: true where an id occurs for the first time in its row."""
    same = F.equal(F.expand_dims(ids, axis=-1), F.expand_dims(ids, axis=-2))
    before = F.tril(F.cast(same, dtype="int64"), offset=-1)
    return F.equal(F.reduce_sum(before, axis=-1), 0)


def _size(ids: Tensor, others: Tensor, shared: bool, class_id: int | None) -> Tensor:
    """Count, in each row, the distinct ids that also occur (or do not occur) in the same row of
    ``others``.

    Args:
        shared: count the ids among the others (True), or not among them.
        class_id: count only this class.
    """
    there = _among(ids, others)
    counts = F.logical_and(_first(ids), there if shared else F.logical_not(there))
    if class_id is not None:
        counts = F.logical_and(counts, F.equal(ids, class_id))
    return F.reduce_sum(F.cast(counts, dtype="float64"), axis=-1)


def _total(name: str, each: Tensor, weights: Any) -> Pair:
    if weights is not None:
        each = each * F.cast(as_float(weights), dtype="float64")
    return add_up(name, F.reduce_sum(each))


def _name(name: str | None, what: str, k: int | None, class_id: int | None) -> str:
    found = f"{what}_at_{'k' if k is None else k}"
    return name or (found if class_id is None else f"{found}_class{class_id}")


def precision_at_top_k(
    labels: Any,
    predictions_idx: Any,
    k: int | None = None,
    class_id: int | None = None,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """Return the share of predicted classes that are among the labels.

    Args:
        labels: class numbers, (...,) or (..., labels); numbers outside the classes never match.
        predictions_idx: class numbers, (..., k), the best one first.
        k: used only for the name.
        class_id: count only this class.
        weights: weight of each row.
        metrics_collections, updates_collections: collections for value and update.

    Returns:
        The value so far, and the update node that adds the batch of its run.
    """
    with scoped(_name(name, "precision", k, class_id), "", [labels, predictions_idx]):
        labels, found = _ids(labels, predictions_idx)
        pairs = [
            _total("true_positives", _size(found, labels, True, class_id), weights),
            _total("false_positives", _size(found, labels, False, class_id), weights),
        ]
        return result(_share, pairs, metrics_collections, updates_collections)


def recall_at_top_k(
    labels: Any,
    predictions_idx: Any,
    k: int | None = None,
    class_id: int | None = None,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """Return the share of labels that are among the predicted classes.

    Arguments are as for `precision_at_top_k`.
    """
    with scoped(_name(name, "recall", k, class_id), "", [labels, predictions_idx]):
        labels, found = _ids(labels, predictions_idx)
        pairs = [
            _total("true_positives", _size(found, labels, True, class_id), weights),
            _total("false_negatives", _size(labels, found, False, class_id), weights),
        ]
        return result(_share, pairs, metrics_collections, updates_collections)


def _share(part: Tensor, rest: Tensor) -> Tensor:
    return part / (part + rest)


def precision_at_k(
    labels: Any,
    predictions: Any,
    k: int,
    class_id: int | None = None,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """Apply `precision_at_top_k` to the k classes with the highest scores.

    Args:
        predictions: scores, (..., classes).
    """
    return precision_at_top_k(
        labels, F.top_k(predictions, k=k)[1], k, class_id, weights, metrics_collections,
        updates_collections, name,
    )  # fmt: skip


def recall_at_k(
    labels: Any,
    predictions: Any,
    k: int,
    class_id: int | None = None,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """Apply `recall_at_top_k` to the k classes with the highest scores.

    Args:
        predictions: scores, (..., classes).
    """
    return recall_at_top_k(
        labels, F.top_k(predictions, k=k)[1], k, class_id, weights, metrics_collections,
        updates_collections, name,
    )  # fmt: skip


def average_precision_at_k(
    labels: Any,
    predictions: Any,
    k: int,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """Return the mean of average precision: the precisions at each hit among the k best classes.

    The sum of each row is divided by its number of labels, at most k.

    Args:
        labels: class numbers, (...,) or (..., labels); numbers outside the classes do not count.
        predictions: scores, (..., classes).
        weights: weight of each row.
    """
    scores = tensor(predictions)
    with scoped(_name(name, "average_precision", k, None), "", [labels, scores]):
        labels, found = _ids(labels, F.top_k(scores, k=k)[1])
        classes = F.size(scores, axis=-1, dtype="int64")
        labels = F.where(labels >= classes, F.cast(-1, dtype="int64"), labels)
        hits = F.cast(_among(found, labels), dtype="float64")
        precisions = F.cumsum(hits, axis=-1) / F.cumsum(F.ones_like(hits), axis=-1)
        relevant = F.reduce_sum(F.cast(labels >= 0, dtype="int64"), axis=-1)
        whole = F.cast(F.minimum(relevant, k), dtype="float64")
        each = F.reduce_sum(precisions * hits, axis=-1) / whole
        most = F.ones_like(each)
        pairs = [_total("total", each, weights), _total("max", most, weights)]
        return result(F.divide_no_nan, pairs, metrics_collections, updates_collections)
