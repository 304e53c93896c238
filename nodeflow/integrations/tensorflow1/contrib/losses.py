"""`tf.contrib.losses`: the losses of `tf.losses` with the predictions first."""

from __future__ import annotations

from typing import Any

from nodeflow.graph.graph import Tensor
from nodeflow.ops.namespaces import losses

__all__ = [
    "absolute_difference",
    "add_loss",
    "compute_weighted_loss",
    "cosine_distance",
    "get_losses",
    "get_regularization_losses",
    "get_total_loss",
    "hinge_loss",
    "log_loss",
    "mean_squared_error",
    "sigmoid_cross_entropy",
    "softmax_cross_entropy",
    "sparse_softmax_cross_entropy",
]

add_loss = losses.add_loss
compute_weighted_loss = losses.compute_weighted_loss
get_losses = losses.get_losses
get_regularization_losses = losses.get_regularization_losses
get_total_loss = losses.get_total_loss


def absolute_difference(
    predictions: Any, labels: Any = None, weights: Any = 1.0, scope: str | None = None
) -> Tensor:
    """Return the mean of |predictions - labels|, as `tf.losses` does."""
    return losses.absolute_difference(labels, predictions, weights, scope)


def mean_squared_error(
    predictions: Any, labels: Any = None, weights: Any = 1.0, scope: str | None = None
) -> Tensor:
    """Return the mean of (predictions - labels)², as `tf.losses` does."""
    return losses.mean_squared_error(labels, predictions, weights, scope)


def log_loss(
    predictions: Any,
    labels: Any = None,
    weights: Any = 1.0,
    epsilon: float = 1e-7,
    scope: str | None = None,
) -> Tensor:
    """Return the cross-entropy of probabilities and bits, as `tf.losses` does."""
    return losses.log_loss(labels, predictions, weights, epsilon, scope)


def hinge_loss(
    logits: Any, labels: Any = None, scope: str | None = None, target: Any = None
) -> Tensor:
    """Return max(0, 1 - labels · logits) of each element, with labels 0 and 1 as -1 and 1."""
    given = target if labels is None else labels
    return losses.hinge_loss(given, logits, 1.0, scope, None, losses.Reduction.NONE)


def cosine_distance(
    predictions: Any,
    labels: Any = None,
    axis: int | None = None,
    weights: Any = 1.0,
    scope: str | None = None,
    dim: int | None = None,
) -> Tensor:
    """Return the cosine distance of unit vectors, as `tf.losses` does."""
    return losses.cosine_distance(labels, predictions, axis, weights, scope, dim=dim)


def sigmoid_cross_entropy(
    logits: Any,
    multi_class_labels: Any,
    weights: Any = 1.0,
    label_smoothing: float = 0,
    scope: str | None = None,
) -> Tensor:
    """Return the cross-entropy of sigmoids, as `tf.losses` does."""
    return losses.sigmoid_cross_entropy(multi_class_labels, logits, weights, label_smoothing, scope)


def softmax_cross_entropy(
    logits: Any,
    onehot_labels: Any,
    weights: Any = 1.0,
    label_smoothing: float = 0,
    scope: str | None = None,
) -> Tensor:
    """Return the cross-entropy of a softmax, as `tf.losses` does."""
    return losses.softmax_cross_entropy(onehot_labels, logits, weights, label_smoothing, scope)


def sparse_softmax_cross_entropy(
    logits: Any, labels: Any, weights: Any = 1.0, scope: str | None = None
) -> Tensor:
    """Return the cross-entropy of a softmax and class numbers, as `tf.losses` does."""
    return losses.sparse_softmax_cross_entropy(labels, logits, weights, scope)
