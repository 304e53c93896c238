"""Streaming metrics that are means over elements or over classes."""

from __future__ import annotations

from typing import Any

from nodeflow.errors import ShapeError
from nodeflow.graph.graph import Tensor
from nodeflow.graph.types import shape_text
from nodeflow.integrations.tensorflow1.streaming.accumulate import (
    Pair,
    add_up,
    as_float32,
    collected,
    fitting,
    ratio,
    result,
    squeezed,
    weighted,
)
from nodeflow.ops import functions as F
from nodeflow.ops.namespaces.arguments import as_float, tensor
from nodeflow.ops.namespaces.maths import confusion_matrix
from nodeflow.ops.variables.scope import variable_scope


def mean(
    values: Any,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """Return the mean of all values of all batches.

    Args:
        weights: weight of each value, of the values' shape or a shape that broadcasts to it.
        metrics_collections, updates_collections: collections for value and update.
        name: variable scope of its variables.

    Returns:
        The value so far, and the update node that adds the batch of its run.
    """
    with variable_scope(name, "mean", (values, weights)):
        values = as_float32(values)
        if weights is None:
            number = F.cast(F.size(values), dtype="float32")
        else:
            values, each = weighted(values, weights)
            number = F.reduce_sum(each)
        pairs = add_up("total", F.reduce_sum(values)), add_up("count", number)
        return result(ratio, pairs, metrics_collections, updates_collections)


def mean_tensor(
    values: Any,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """Return the mean over batches of each element of a tensor; arguments are as for `mean`.

    Raises:
        ShapeError: only a run knows a size.
    """
    with variable_scope(name, "mean", (values, weights)):
        values = as_float32(values)
        if not values.type.is_static:
            raise ShapeError(
                f"mean_tensor needs a known shape, not {shape_text(values.shape)}",
                node=values.name,
            )
        number = F.ones_like(values)
        if weights is not None:
            values, number = weighted(values, weights)
        pairs = [
            add_up("total_tensor", values, values.shape),
            add_up("count_tensor", number, values.shape),
        ]
        return result(ratio, pairs, metrics_collections, updates_collections)


def percentage_below(
    values: Any,
    threshold: Any,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """Return the share of values below a threshold, from 0 to 1.

    Other arguments are as for `mean`.
    """
    below = F.cast(F.less(values, threshold), dtype="float32")
    return mean(
        below, weights, metrics_collections, updates_collections,
        name or "percentage_below_threshold",
    )  # fmt: skip


def accuracy(
    labels: Any,
    predictions: Any,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """Return the share of predictions that equal their labels; other arguments as for `mean`."""
    labels, predictions = fitting(labels, predictions)
    if labels.dtype != predictions.dtype:
        predictions = F.cast(predictions, dtype=labels.dtype)
    right = F.cast(F.equal(predictions, labels), dtype="float32")
    return mean(right, weights, metrics_collections, updates_collections, name or "accuracy")


def mean_absolute_error(
    labels: Any,
    predictions: Any,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """Return the mean of ``|labels - predictions|``; other arguments are as for `mean`."""
    labels, predictions = fitting(labels, predictions)
    error = F.abs(predictions - labels)
    return mean(
        error, weights, metrics_collections, updates_collections, name or "mean_absolute_error"
    )


def mean_squared_error(
    labels: Any,
    predictions: Any,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """Return the mean of (labels - predictions)^2; other arguments are as for `mean`."""
    labels, predictions = fitting(labels, predictions)
    error = F.squared_difference(labels, predictions)
    return mean(
        error, weights, metrics_collections, updates_collections, name or "mean_squared_error"
    )


def root_mean_squared_error(
    labels: Any,
    predictions: Any,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """Return the square root of `mean_squared_error`."""
    value, update = mean_squared_error(
        labels, predictions, weights, name=name or "root_mean_squared_error"
    )
    return collected(F.sqrt(value), F.sqrt(update), metrics_collections, updates_collections)


def mean_relative_error(
    labels: Any,
    predictions: Any,
    normalizer: Any,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """Return the mean of ``|labels - predictions|`` / normalizer, 0 where normalizer is 0.

    Other arguments are as for `mean`.
    """
    labels, predictions = fitting(labels, predictions)
    predictions, normalizer = squeezed(predictions, normalizer)
    error = F.divide_no_nan(F.abs(labels - predictions), normalizer)
    return mean(
        error, weights, metrics_collections, updates_collections, name or "mean_relative_error"
    )


def mean_cosine_distance(
    labels: Any,
    predictions: Any,
    dim: int,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """Return the mean of 1 - labels · predictions, for vectors of length 1 along an axis.

    Args:
        dim: the axis of the vectors.
    """
    labels, predictions = fitting(labels, predictions)
    products = F.reduce_sum(predictions * labels, axis=dim, keepdims=True)
    value, update = mean(products, weights, name=name or "mean_cosine_distance")
    return collected(1 - value, 1 - update, metrics_collections, updates_collections)


# ---- over classes -------------------------------------------------------------------------------


def _flat(x: Any, dtype: str = "int64") -> Tensor:
    return F.cast(F.reshape(tensor(x), shape=[-1]), dtype=dtype)


def mean_per_class_accuracy(
    labels: Any,
    predictions: Any,
    num_classes: int,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """Return the mean over classes of the accuracy within each class.

    Args:
        labels, predictions: class numbers below num_classes, of one shape.

    Returns:
        The value so far; the update returns the accuracy of each class, as in TensorFlow.
    """
    with variable_scope(name, "mean_accuracy", (predictions, labels, weights)):
        labels, predictions = _flat(labels), _flat(predictions)
        right = F.cast(F.equal(predictions, labels), dtype="float32")
        ones = F.ones_like(right)
        if weights is not None:
            each = _flat(as_float(weights), "float32")
            right, ones = right * each, ones * each
        total = F.segment_sum(ones, labels, count=num_classes)
        hits = F.segment_sum(right, labels, count=num_classes)
        kept, new = (
            add_up(n, amount, (num_classes,)) for n, amount in (("total", total), ("count", hits))
        )
        value = F.reduce_mean(ratio(new[0], kept[0]), name="mean_accuracy")
        update = F.divide_no_nan(new[1], F.maximum(kept[1], 0), name="update_op")
        return collected(value, update, metrics_collections, updates_collections)


def mean_iou(
    labels: Any,
    predictions: Any,
    num_classes: int,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """Return the mean over classes of intersection over union: TP / (TP + FP + FN).

    Classes that occur neither among labels nor among predictions are left out.

    Returns:
        The value so far; the update returns the confusion matrix, as in TensorFlow.
    """
    with variable_scope(name, "mean_iou", (predictions, labels, weights)):
        given = None if weights is None else _flat(as_float(weights), "float64")
        matrix = confusion_matrix(_flat(labels), _flat(predictions), num_classes, "float64",
                                  weights=given)  # fmt: skip
        total, update = add_up("total_confusion_matrix", matrix, (num_classes, num_classes))
        return collected(_iou(total), update, metrics_collections, updates_collections)


def _iou(matrix: Tensor) -> Tensor:
    rows, columns = (F.cast(F.reduce_sum(matrix, axis=a), dtype="float32") for a in (0, 1))
    right = F.cast(F.diag_part(matrix), dtype="float32")
    union = rows + columns - right
    there = F.reduce_sum(F.cast(F.not_equal(union, 0), dtype="float32"))
    shares = right / F.where(union > 0, union, F.ones_like(union))
    return F.divide_no_nan(F.reduce_sum(shares), there)
