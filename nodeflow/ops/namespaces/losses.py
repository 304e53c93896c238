"""`losses`: weighted losses in a collection, with the names and formulas of `tf.losses`.

Each function adds its loss to `GraphKeys.LOSSES`; `get_total_loss` sums this collection. If
predictions are float64, everything is computed in float64; TensorFlow 1 uses float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nodeflow.errors import AttributeProblem, GraphError, ShapeError, suggest
from nodeflow.graph.graph import Tensor, get_default_graph
from nodeflow.graph.types import shape_text, unify_shapes
from nodeflow.ops import functions as F
from nodeflow.ops.namespaces.arguments import as_float, one_axis, scoped
from nodeflow.ops.variables.collections import GraphKeys, members
from nodeflow.public import publish

__all__ = [
    "Reduction",
    "absolute_difference",
    "add_loss",
    "compute_weighted_loss",
    "cosine_distance",
    "get_losses",
    "get_regularization_loss",
    "get_regularization_losses",
    "get_total_loss",
    "hinge_loss",
    "huber_loss",
    "log_loss",
    "mean_pairwise_squared_error",
    "mean_squared_error",
    "sigmoid_cross_entropy",
    "softmax_cross_entropy",
    "sparse_softmax_cross_entropy",
]


def __getattr__(name: str) -> Any:
    hint = suggest(name, __all__)
    text = f"losses has no {name!r}"
    raise AttributeError(f"{text}. {hint}" if hint else text)


class Reduction:
    """Reductions of weighted losses to one number."""

    NONE = "none"
    SUM = "weighted_sum"
    MEAN = "weighted_mean"
    """The sum, divided by the sum of the weights."""
    SUM_OVER_BATCH_SIZE = "weighted_sum_over_batch_size"
    """The sum, divided by the number of losses."""
    SUM_BY_NONZERO_WEIGHTS = "weighted_sum_by_nonzero_weights"
    """The sum, divided by the number of losses whose weight is not 0."""
    SUM_OVER_NONZERO_WEIGHTS = SUM_BY_NONZERO_WEIGHTS

    @classmethod
    def all(cls) -> tuple[str, ...]:
        """Return every reduction."""
        return (
            cls.NONE,
            cls.SUM,
            cls.MEAN,
            cls.SUM_OVER_BATCH_SIZE,
            cls.SUM_BY_NONZERO_WEIGHTS,
        )

    @classmethod
    def validate(cls, key: str) -> None:
        """Raise an error for an unknown reduction.

        Raises:
            AttributeProblem: there is no such reduction.
        """
        if key not in cls.all():
            raise AttributeProblem(
                f"reduction must be one of {', '.join(cls.all())}, not {key!r}", port="reduction"
            )


# ---- the collection -----------------------------------------------------------------------------


def add_loss(loss: Tensor, loss_collection: str | None = GraphKeys.LOSSES) -> None:
    """Add a loss to a collection of its graph, unless the collection is None."""
    if loss_collection:
        loss.graph.add_to_collection(loss_collection, loss)


def get_losses(scope: str | None = None, loss_collection: str = GraphKeys.LOSSES) -> list[Tensor]:
    """Return the losses of the default graph.

    Args:
        scope: a regular expression; keeps losses whose name begins with a match.
    """
    return members(get_default_graph(), loss_collection, scope)


def get_regularization_losses(scope: str | None = None) -> list[Tensor]:
    """Return the losses from regularizers of variables and layers in the default graph."""
    return members(get_default_graph(), GraphKeys.REGULARIZATION_LOSSES, scope)


def get_regularization_loss(
    scope: str | None = None, name: str = "total_regularization_loss"
) -> Tensor:
    """Return the sum of the regularization losses, 0 if there are none."""
    return _total(get_regularization_losses(scope), name)


def get_total_loss(
    add_regularization_losses: bool = True, name: str = "total_loss", scope: str | None = None
) -> Tensor:
    """Return the sum of all losses and, by default, of the regularization losses.

    Raises:
        GraphError: there is no loss.
    """
    losses = get_losses(scope)
    if add_regularization_losses:
        losses = [*losses, *get_regularization_losses(scope)]
    if not losses:
        raise GraphError(
            "there is no loss in the graph",
            hint="Make one by a function of losses, or add it by losses.add_loss.",
        )
    return _total(losses, name)


def _total(losses: Sequence[Tensor], name: str) -> Tensor:
    if not losses:
        return get_default_graph().apply("constant", value=0.0, dtype="float32", name=name)
    if len(losses) == 1:
        return F.identity(losses[0], name=name)
    total = losses[0]
    for loss in losses[1:-1]:
        total = total + loss
    return F.add(total, losses[-1], name=name)


# ---- weights ------------------------------------------------------------------------------------


def compute_weighted_loss(
    losses: Any,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:
    """Multiply losses by weights, reduce them to one number and add it to a collection.

    Args:
        losses: any shape.
        weights: a number, or a tensor that is a scalar or has the losses' rank, with 1 or the
            losses' size along each axis.
        scope: name scope of the new nodes.
        loss_collection: collection of the result; None: none.
        reduction: one of `Reduction`.

    Returns:
        A scalar, 0 if all weights are 0; with `Reduction.NONE` each loss. The mean of no losses at
        all is NaN.

    Raises:
        ShapeError: the weights do not fit.
        AttributeProblem: the reduction is unknown.
    """
    Reduction.validate(reduction)
    each = as_float(losses)
    with scoped(scope, "weighted_loss", [each]):
        loss = _reduced(each, weights, reduction)
    add_loss(loss, loss_collection)
    return loss


def _reduced(each: Tensor, weights: Any, reduction: str) -> Tensor:
    plain = isinstance(weights, (int, float)) and not isinstance(weights, bool)
    if plain and weights:  # equal weights, so all losses count
        each = each if weights == 1 else each * float(weights)
        if reduction == Reduction.NONE:
            return each
        if reduction == Reduction.SUM:
            return F.reduce_sum(each, name="value")
        mean = F.reduce_mean(each, name="value")
        return mean * (1 / float(weights)) if reduction == Reduction.MEAN and weights != 1 else mean
    factor = _checked_weights(weights, each)
    weighted = each * factor
    if reduction == Reduction.NONE:
        return weighted
    total = F.reduce_sum(weighted)
    if reduction == Reduction.SUM:
        return total
    if reduction == Reduction.SUM_OVER_BATCH_SIZE:
        return F.reduce_mean(weighted, name="value")
    counted = factor if reduction == Reduction.MEAN else _present(factor)
    return _safe_divide(total, F.reduce_sum(F.ones_like(each) * counted))


def _checked_weights(weights: Any, each: Tensor) -> Tensor:
    factor = as_float(weights, each)
    if factor.dtype != each.dtype:
        factor = F.cast(factor, dtype=each.dtype)
    if not (factor.type.has_rank and each.type.has_rank):
        return factor if factor.type.has_rank and not factor.type.rank else _of_rank(factor, each)
    sizes, wanted = factor.shape, each.shape
    fits = not sizes or (
        len(sizes) == len(wanted)
        and all(s in (1, None) or w is None or s == w for s, w in zip(sizes, wanted, strict=True))
    )
    if not fits:
        raise ShapeError(
            f"weights of shape {shape_text(sizes)} do not fit losses of {shape_text(wanted)}",
            hint="Give one number, or the same rank with 1 or the same size along each axis.",
        )
    return factor


def _of_rank(factor: Tensor, each: Tensor) -> Tensor:
    """Return weights that a run checks: they must be scalar or have the rank of the losses."""
    rank = F.rank(factor)
    fits = F.logical_or(F.equal(rank, 0), F.equal(rank, F.rank(each)))
    text = "weights of shape {} do not fit losses of {}"
    checked = F.assert_true(fits, F.shape(factor), F.shape(each), message=text)
    with factor.graph.control_dependencies([checked]):
        return F.identity(factor)


def _present(factor: Tensor) -> Tensor:
    return F.cast(F.not_equal(factor, F.zeros_like(factor)), dtype=factor.dtype, name="present")


def _safe_divide(total: Tensor, count: Tensor) -> Tensor:
    """Return total / count; 0 where the count is not positive."""
    some = F.greater(count, F.zeros_like(count))
    ratio = total / F.where(some, count, F.ones_like(count))
    return F.where(some, ratio, F.zeros_like(ratio), name="value")


# ---- losses -------------------------------------------------------------------------------------


def absolute_difference(
    labels: Any,
    predictions: Any,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:
    """Add the loss abs(predictions - labels); other arguments are the same as for
    `compute_weighted_loss`.
    """
    labels, predictions = _pair("absolute_difference", labels, predictions)
    with scoped(scope, "absolute_difference", [predictions]) as inside:
        losses = F.abs(predictions - labels)
        return compute_weighted_loss(losses, weights, inside, loss_collection, reduction)


def mean_squared_error(
    labels: Any,
    predictions: Any,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:
    """Add the loss (predictions - labels) ** 2; other arguments are the same as for
    `compute_weighted_loss`.
    """
    labels, predictions = _pair("mean_squared_error", labels, predictions)
    with scoped(scope, "mean_squared_error", [predictions]) as inside:
        losses = F.square(predictions - labels)
        return compute_weighted_loss(losses, weights, inside, loss_collection, reduction)


def huber_loss(
    labels: Any,
    predictions: Any,
    weights: Any = 1.0,
    delta: float = 1.0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:
    """Add e ** 2 / 2 up to delta, delta * e - delta ** 2 / 2 beyond; e = abs(predictions - labels).

    Other arguments are the same as for `compute_weighted_loss`.
    """
    labels, predictions = _pair("huber_loss", labels, predictions)
    with scoped(scope, "huber_loss", [predictions]) as inside:
        losses = F.huber_loss(labels, predictions, delta=delta, reduction="none", name="each")
        return compute_weighted_loss(losses, weights, inside, loss_collection, reduction)


def log_loss(
    labels: Any,
    predictions: Any,
    weights: Any = 1.0,
    epsilon: float = 1e-7,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:
    """Add -labels * log(predictions + epsilon) - (1 - labels) * log(1 - predictions + epsilon).

    Other arguments are the same as for `compute_weighted_loss`.
    """
    labels, predictions = _pair("log_loss", labels, predictions)
    with scoped(scope, "log_loss", [predictions]) as inside:
        right = labels * F.log(predictions + epsilon)
        losses = -right - (1 - labels) * F.log(1 - predictions + epsilon)
        return compute_weighted_loss(losses, weights, inside, loss_collection, reduction)


def hinge_loss(
    labels: Any,
    logits: Any,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:
    """Add the loss max(0, 1 - (2 * labels - 1) * logits), for labels of 0 and 1.

    Other arguments are the same as for `compute_weighted_loss`.
    """
    labels, logits = _pair("hinge_loss", labels, logits)
    with scoped(scope, "hinge_loss", [logits]) as inside:
        losses = F.hinge_loss(2 * labels - 1, logits, reduction="none", name="each")
        return compute_weighted_loss(losses, weights, inside, loss_collection, reduction)


def cosine_distance(
    labels: Any,
    predictions: Any,
    axis: int | None = None,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
    dim: int | None = None,
) -> Tensor:
    """Add the loss 1 - sum(predictions * labels) along an axis, for vectors of length 1.

    The lengths are not checked. Other arguments are the same as for `compute_weighted_loss`.

    Raises:
        GraphError: there is no axis.
    """
    along = one_axis("cosine_distance", axis, dim, None)
    if along is None:
        raise GraphError("cosine_distance needs an axis", hint="axis=-1 is the last one.")
    labels, predictions = _pair("cosine_distance", labels, predictions)
    with scoped(scope, "cosine_distance_loss", [predictions]) as inside:
        losses = 1 - F.reduce_sum(predictions * labels, axis=along, keepdims=True)
        return compute_weighted_loss(losses, weights, inside, loss_collection, reduction)


def mean_pairwise_squared_error(
    labels: Any,
    predictions: Any,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
) -> Tensor:
    """Add the mean squared difference of the differences between pairs of a row's elements.

    For each row, it is the mean of (d_i - d_j) ** 2 over all ordered pairs of different elements,
    with d = predictions - labels. The result is the weighted sum over rows.

    Args:
        weights: a number, or a tensor (rows, 1, ...) with one weight per row.
    """
    labels, predictions = _pair("mean_pairwise_squared_error", labels, predictions)
    with scoped(scope, "mean_pairwise_squared_error", [predictions]):
        d = predictions - labels
        factor = _checked_weights(weights, d)
        if not d.type.has_rank:
            d = F.reshape(d, shape=F.stack([F.shape(d)[0], -1]))
            factor = F.reshape(factor, shape=[-1, 1])
        axes = tuple(range(1, len(d.shape)))
        present = _present(factor) * F.ones_like(d)
        count = F.reduce_sum(present, axis=axes, keepdims=True)
        rest = F.maximum(count - 1, 0)
        squares = F.reduce_sum(F.square(d), axis=axes, keepdims=True)
        total = F.square(F.reduce_sum(d, axis=axes, keepdims=True))
        pairs = 2 * _safe_divide(squares, rest) - 2 * _safe_divide(total, count * rest)
        loss = F.reduce_sum(pairs * factor)
    add_loss(loss, loss_collection)
    return loss


def sigmoid_cross_entropy(
    multi_class_labels: Any,
    logits: Any,
    weights: Any = 1.0,
    label_smoothing: float = 0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:
    """Add the cross-entropy of labels of 0 and 1 with sigmoid(logits), for each element.

    Args:
        label_smoothing: share by which labels move to 1 / 2.

    Other arguments are the same as for `compute_weighted_loss`.
    """
    labels, logits = _pair("sigmoid_cross_entropy", multi_class_labels, logits)
    with scoped(scope, "sigmoid_cross_entropy_loss", [logits]) as inside:
        if label_smoothing:
            labels = labels * (1 - label_smoothing) + 0.5 * label_smoothing
        losses = F.binary_cross_entropy(
            labels, logits, from_logits=True, reduction="none", name="each"
        )
        return compute_weighted_loss(losses, weights, inside, loss_collection, reduction)


def softmax_cross_entropy(
    onehot_labels: Any,
    logits: Any,
    weights: Any = 1.0,
    label_smoothing: float = 0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:
    """Add the cross-entropy of label probabilities with softmax(logits), for each row.

    Args:
        onehot_labels: (rows, classes); no gradient flows into them.
        label_smoothing: share by which labels move to 1 / classes.

    Other arguments are the same as for `compute_weighted_loss`.
    """
    labels, logits = _pair("softmax_cross_entropy", onehot_labels, logits)
    with scoped(scope, "softmax_cross_entropy_loss", [logits]) as inside:
        if label_smoothing:
            classes = logits.shape[-1] if logits.type.has_rank else None
            if classes is None:
                classes = F.cast(F.shape(logits)[-1], dtype=logits.dtype)
            labels = labels * (1 - label_smoothing) + label_smoothing / classes
        losses = F.softmax_cross_entropy_with_logits(F.stop_gradient(labels), logits, name="each")
        return compute_weighted_loss(losses, weights, inside, loss_collection, reduction)


def sparse_softmax_cross_entropy(
    labels: Any,
    logits: Any,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:
    """Add the cross-entropy of class numbers with softmax(logits), for each row.

    Labels and weights of shape (rows, 1) count as (rows,). Other arguments are as for
    `compute_weighted_loss`.
    """
    scores = as_float(logits)
    numbers = scores.graph.as_tensor(labels, None if isinstance(labels, np.ndarray) else "int32")
    with scoped(scope, "sparse_softmax_cross_entropy_loss", [scores]) as inside:
        losses = F.sparse_softmax_cross_entropy(_without_last(numbers, scores), scores, name="each")
        if isinstance(weights, (Tensor, np.ndarray)):
            factor = scores.graph.as_tensor(weights)
            weights = _without_last(factor, scores) if factor.shape != () else factor
        return compute_weighted_loss(losses, weights, inside, loss_collection, reduction)


def _without_last(x: Tensor, logits: Tensor) -> Tensor:
    """If x and the logits have equal ranks, remove the last axis of x, provided its size is 1.
    Where a rank is unknown, reshape x to the shape of the logits without the last axis.
    """
    if not (x.type.has_rank and logits.type.has_rank):
        return F.reshape(x, shape=F.shape(logits)[:-1])
    same = len(x.shape) == len(logits.shape)
    return F.squeeze(x, axis=-1) if same and x.shape[-1] == 1 else x


def _pair(function: str, labels: Any, predictions: Any) -> tuple[Tensor, Tensor]:
    """Return labels and predictions as floats of one dtype and one shape.

    Raises:
        GraphError: one of them is missing.
        ShapeError: their shapes differ.
    """
    if labels is None or predictions is None:
        raise GraphError(f"{function} needs labels and predictions")
    guess = as_float(predictions, labels)
    wanted = as_float(labels, guess)
    if wanted.dtype != guess.dtype:
        wanted = F.cast(wanted, dtype=guess.dtype)
    try:
        unify_shapes(wanted.shape, guess.shape)
    except ShapeError as error:
        numbers = function == "softmax_cross_entropy" and len(wanted.shape) == len(guess.shape) - 1
        raise ShapeError(
            f"{function}: labels of shape {shape_text(wanted.shape)} and predictions of "
            f"{shape_text(guess.shape)}: {error.message}",
            hint="For class numbers use sparse_softmax_cross_entropy."
            if numbers
            else "Insert a reshape, so that nothing is broadcast by accident.",
        ) from None
    return wanted, guess


publish(globals(), __all__)
