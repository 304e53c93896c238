"""Streaming metrics of the k best-scored classes, of which several may be right."""

from __future__ import annotations

from typing import Any

from nodeflow.errors import ShapeError
from nodeflow.graph.graph import Tensor
from nodeflow.graph.types import shape_text
from nodeflow.ops import functions as F
from nodeflow.ops.namespaces.arguments import as_float, scoped, tensor
from nodeflow.ops.streaming.accumulate import Pair, add_up, result


def _ids(labels: Any, found: Any) -> tuple[Tensor, Tensor]:
    """Class numbers of labels and of predictions, both with an axis of them at the end.

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
            hint="Both have the same rank, or the labels one axis less.",
        )
    return labels, found


def _among(ids: Tensor, others: Tensor) -> Tensor:
    """Which ids are among the others, row by row."""
    return F.reduce_any(
        F.equal(F.expand_dims(ids, axis=-1), F.expand_dims(others, axis=-2)), axis=-1
    )


def _first(ids: Tensor) -> Tensor:
    """Which ids stand in their row for the first time, as a set counts each once."""
    same = F.equal(F.expand_dims(ids, axis=-1), F.expand_dims(ids, axis=-2))
    before = F.tril(F.cast(same, dtype="int64"), offset=-1)
    return F.equal(F.reduce_sum(before, axis=-1), 0)


def _size(ids: Tensor, others: Tensor, shared: bool, class_id: int | None) -> Tensor:
    """How many different ids of each row are, or are not, among the others."""
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
    """How many of the predicted classes are among the labels.

    Args:
        labels: class numbers, (...,) or (..., labels); numbers that are no class never match.
        predictions_idx: class numbers, (..., k), the best one first.
        k: only for the name.
        class_id: count this class alone.
        weights: how much each row counts.
        metrics_collections, updates_collections: where value and update are added.

    Returns:
        The value so far, and the node that takes in the batch of its run.
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
    """How many of the labels are among the predicted classes; arguments as of
    `precision_at_top_k`."""
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
    """`precision_at_top_k` of the k classes with the highest scores.

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
    """`recall_at_top_k` of the k classes with the highest scores.

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
    """The mean of average precision: of the precisions down to each hit among the k best.

    Each row's sum is divided by how many labels it has, at most k.

    Args:
        labels: class numbers, (...,) or (..., labels); what is no class does not count.
        predictions: scores, (..., classes).
        weights: how much each row counts.
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
