"""Losses: the distance of predictions from labels, as one number to minimize."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from nodeflow.errors import MissingInput, ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Tensor
from nodeflow.graph.op import Sample
from nodeflow.graph.types import FLOATS, TensorType
from nodeflow.ops import functions as F
from nodeflow.ops.base import register
from nodeflow.ops.composed import Composed, equal_shapes
from nodeflow.ops.samples import values

REDUCTION = Attr(
    "reduction", "choice", "mean", "Mean or sum of all losses; none keeps each.",
    choices=("mean", "sum", "none"),
)  # fmt: skip
EPSILON = Attr("epsilon", "float", 1e-7, "Lower bound of the probabilities.", minimum=0)
FROM_LOGITS = Attr(
    "from_logits", "bool", False, "Predictions are logits, before sigmoid or softmax."
)
RESHAPE = "Insert a reshape, so that nothing is broadcast by accident."


class Loss(Composed):
    """The base class of losses: one loss per element, or per row (``rows``), which are then
    reduced.
    """

    category = "Loss"
    inputs = (
        Port("labels", "Target values.", FLOATS, "T"),
        Port("predictions", "Predicted values.", FLOATS, "T"),
    )
    attrs = (REDUCTION,)
    rows = False
    """Whether the last axis holds the classes of one row."""
    domain = ((-2.0, 2.0), (-2.0, 2.0))
    """Ranges of labels and predictions in samples."""

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        names = " ".join(port.name for port in self.inputs)
        shape = equal_shapes(types[0], types[1], names, RESHAPE)
        if self.rows and not shape:
            raise ShapeError(
                f"{self.id} needs an axis of classes, not a scalar", port=self.inputs[1].name
            )
        each = shape[:-1] if self.rows else shape
        return types[0].with_shape(each if attrs["reduction"] == "none" else ())

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        reduction = attrs.pop("reduction")
        each = self.each(*inputs, **attrs)
        if reduction == "none":
            return each
        return F.reduce_mean(each) if reduction == "mean" else F.reduce_sum(each)

    def each(self, labels: Tensor, predictions: Tensor, **attrs: Any) -> Tensor:
        """Return the loss of each element, or of each row (example), before it is averaged or
        summed.
        """
        raise NotImplementedError(self.id)

    def variants(self) -> Iterator[dict[str, Any]]:
        """Yield sets of attributes to test in addition to the defaults."""
        return iter(())

    def samples(self) -> Iterator[Sample]:
        for dtype in FLOATS:
            yield Sample(self._pair((2, 3), dtype), smooth=dtype == "float64")
        for reduction in REDUCTION.choices:
            yield Sample(self._pair((2, 1, 4)), {"reduction": reduction}, smooth=True)
        for attrs in self.variants():
            yield Sample(self._pair((2, 3)), attrs, smooth=True)
            yield Sample(self._pair((2, 3), "float32"), attrs)
        yield Sample(self._pair((0, 3)))
        yield Sample(self._pair((1, 1)), smooth=True)
        odd = np.array([[np.nan, np.inf, -np.inf, 0.0, 1.0, -0.0]])
        yield Sample((self._pair((1, 6))[0], odd))

    def _pair(self, shape: tuple[int, ...], dtype: str = "float64") -> tuple[np.ndarray, ...]:
        (low, high), (least, most) = self.domain
        return values(shape, dtype, low, high), values(shape, dtype, least, most, start=7)


PROBABILITIES = ((0.05, 0.95), (0.05, 0.95))


@register
class MeanAbsoluteError(Loss):
    """Mean of absolute differences."""

    id = "mean_absolute_error"
    keywords = ("regression", "mae", "l1", "metric")
    doc = (
        "The mean of |predictions - labels|.\n\nOutliers influence it less than the mean squared "
        "error. Both must have the same shape. The gradient is 0 where they are equal."
    )

    def each(self, labels: Tensor, predictions: Tensor, **attrs: Any) -> Tensor:
        return F.abs(predictions - labels)


@register
class Huber(Loss):
    """Squared error near the label, absolute error far from it."""

    id = "huber_loss"
    keywords = ("regression", "robust", "smooth l1", "outliers")
    doc = (
        "Half the squared error where it is small, delta times the absolute error elsewhere.\n\n"
        "With e = |predictions - labels|: e^2 / 2 up to delta, then delta * (e - delta / 2). "
        "Huber, 1964."
    )
    attrs = (
        Attr("delta", "float", 1.0, "Error above which the loss is linear.", minimum=0),
        REDUCTION,
    )

    def each(self, labels: Tensor, predictions: Tensor, **attrs: Any) -> Tensor:
        error = F.abs(predictions - labels)
        squared = F.minimum(error, attrs["delta"])
        return squared * (error - squared * 0.5)

    def variants(self) -> Iterator[dict[str, Any]]:
        yield {"delta": 0.3}


@register
class Hinge(Loss):
    """The hinge loss, which is zero beyond a margin."""

    id = "hinge_loss"
    keywords = ("classification", "margin", "svm", "support vector")
    doc = (
        "max(0, 1 - labels * predictions), for labels of -1 and 1.\n\nThe loss of support vector "
        "machines: it is 0 beyond a margin of 1. The gradient is 0 at the margin."
    )
    domain = ((-1.0, 1.0), (-2.0, 2.0))

    def each(self, labels: Tensor, predictions: Tensor, **attrs: Any) -> Tensor:
        return F.relu(1 - labels * predictions)


@register
class KLDivergence(Loss):
    """The difference between two distributions."""

    id = "kl_divergence"
    keywords = ("kullback", "leibler", "relative entropy", "distribution")
    doc = (
        "The divergence of predicted from label probabilities, per row.\n\nsum(labels * "
        "log(labels / predictions)) along the last axis: 0 where both are equal. Probabilities "
        "below epsilon count as epsilon in the logarithms, without gradient. Kullback and "
        "Leibler, 1951."
    )
    attrs = (EPSILON, REDUCTION)
    rows = True
    domain = PROBABILITIES

    def each(self, labels: Tensor, predictions: Tensor, **attrs: Any) -> Tensor:
        least = attrs["epsilon"]
        ratio = F.log(F.maximum(labels, least)) - F.log(F.maximum(predictions, least))
        return F.reduce_sum(labels * ratio, axis=-1)

    def variants(self) -> Iterator[dict[str, Any]]:
        yield {"epsilon": 1e-3, "reduction": "none"}


def binary_each(labels: Tensor, logits: Tensor) -> Tensor:
    """Return the cross-entropy with sigmoid(logits), exact for large logits and in the gradient."""
    return labels * F.softplus(-logits) + (1 - labels) * F.softplus(logits)


@register
class BinaryCrossEntropy(Loss):
    """Cross-entropy of yes-or-no labels."""

    id = "binary_cross_entropy"
    keywords = ("classification", "log loss", "logistic", "sigmoid", "bce")
    doc = (
        "The cross-entropy of labels of 0 and 1 (or between) with predicted probabilities.\n\n"
        "-(labels * log(p) + (1 - labels) * log(1 - p)). With from_logits, predictions are logits "
        "and p = sigmoid(logit), computed so that large logits lose no digits. Otherwise p is "
        "limited to epsilon to 1 - epsilon, without gradient outside."
    )
    attrs = (FROM_LOGITS, EPSILON, REDUCTION)
    domain = PROBABILITIES

    def each(self, labels: Tensor, predictions: Tensor, **attrs: Any) -> Tensor:
        if attrs["from_logits"]:
            return binary_each(labels, predictions)
        least = attrs["epsilon"]
        p = F.clip_by_value(predictions, min=least, max=max(1 - least, least))
        return -(labels * F.log(p) + (1 - labels) * F.log(1 - p))

    def variants(self) -> Iterator[dict[str, Any]]:
        yield {"from_logits": True}
        yield {"epsilon": 1e-3, "reduction": "sum"}


@register
class CategoricalCrossEntropy(Loss):
    """Cross-entropy of one class among several."""

    id = "categorical_cross_entropy"
    keywords = ("classification", "log loss", "softmax", "one hot", "classes")
    doc = (
        "The cross-entropy of label probabilities with predicted ones, per row.\n\n-sum(labels * "
        "log(predictions)) along the last axis. With from_logits, predictions are logits, and a "
        "stable log softmax is taken first. Otherwise probabilities below epsilon count as "
        "epsilon, without gradient. For class numbers use sparse_softmax_cross_entropy."
    )
    attrs = (FROM_LOGITS, EPSILON, REDUCTION)
    rows = True
    domain = PROBABILITIES

    def each(self, labels: Tensor, predictions: Tensor, **attrs: Any) -> Tensor:
        if attrs["from_logits"]:
            return F.softmax_cross_entropy_with_logits(labels, predictions)
        logs = F.log(F.maximum(predictions, attrs["epsilon"]))
        return -F.reduce_sum(labels * logs, axis=-1)

    def variants(self) -> Iterator[dict[str, Any]]:
        yield {"from_logits": True}
        yield {"from_logits": True, "reduction": "none"}

    def _pair(self, shape: tuple[int, ...], dtype: str = "float64") -> tuple[np.ndarray, ...]:
        labels, predictions = super()._pair(shape, dtype)
        # The gradient for the logits is the derivative only if labels sum to 1.
        return labels / labels.sum(-1, keepdims=True, dtype=dtype), predictions


@register
class Focal(Loss):
    """The focal loss: cross-entropy with less weight on easy examples."""

    id = "focal_loss"
    keywords = ("classification", "imbalance", "rare", "detection", "logits")
    doc = (
        "Binary cross-entropy from logits, with less weight on examples that are already "
        "right.\n\n-a * (1 - q)^gamma * log(q), where q is the probability predicted for the "
        "label; a is alpha for labels of 1, 1 - alpha for 0. Lin and others, 2017."
    )
    inputs = (
        Port("labels", "Labels of 0 and 1.", FLOATS, "T"),
        Port("logits", "Logits, before sigmoid.", FLOATS, "T"),
    )
    attrs = (
        Attr("alpha", "float", 0.25, "Weight of labels of 1.", minimum=0, maximum=1),
        Attr(
            "gamma", "float", 2.0, "Strength with which easy examples are weighted down.", minimum=0
        ),
        REDUCTION,
    )
    domain = ((0.0, 1.0), (-2.0, 2.0))

    def each(self, labels: Tensor, predictions: Tensor, **attrs: Any) -> Tensor:
        alpha, rest = attrs["alpha"], 1 - labels
        wrong = labels * F.sigmoid(-predictions) + rest * F.sigmoid(predictions)
        weight = labels * alpha + rest * (1 - alpha)
        return weight * F.power(wrong, attrs["gamma"]) * binary_each(labels, predictions)

    def variants(self) -> Iterator[dict[str, Any]]:
        yield {"alpha": 0.6, "gamma": 1.5}
        yield {"gamma": 0.0}


class Penalty(Composed):
    """The base class of penalties on large weights."""

    category = "Loss"
    inputs = (Port("values", "Weights, of any shapes.", FLOATS, "T", variadic=True),)
    attrs = (Attr("strength", "float", 0.01, "Weight of the term in the loss.", minimum=0),)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        if not types:
            raise MissingInput(
                f"{self.id} has no input", port="values.0", hint="Connect a variable to it."
            )
        return types[0].with_shape(())

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        total = self.size(inputs[0])
        for weights in inputs[1:]:
            total = total + self.size(weights)
        return total * attrs["strength"]

    def size(self, weights: Tensor) -> Tensor:
        """Return the sum that the penalty is proportional to."""
        raise NotImplementedError(self.id)

    def samples(self) -> Iterator[Sample]:
        for dtype in FLOATS:
            arrays = values((2, 3), dtype), values((4,), dtype, start=9)
            yield Sample(arrays, {"strength": 0.5}, smooth=dtype == "float64")
        yield Sample((values((1, 1)),), smooth=True)
        yield Sample((values((0, 3)), values(())), smooth=True)


@register
class L1(Penalty):
    """A penalty that makes weights exactly zero."""

    id = "l1_regularization"
    keywords = ("lasso", "sparse", "penalty", "regularizer")
    doc = (
        "strength times the sum of the weights' absolute values, to be added to the loss.\n\nIt "
        "makes many weights exactly 0. The gradient is 0 at 0."
    )

    def size(self, weights: Tensor) -> Tensor:
        return F.reduce_sum(F.abs(weights))


@register
class L2(Penalty):
    """A penalty that keeps weights small."""

    id = "l2_regularization"
    keywords = ("ridge", "penalty", "regularizer", "weight decay")
    doc = (
        "strength times the sum of the weights' squares, to be added to the loss.\n\nThe gradient "
        "is 2 * strength * weight. The optimizers' weight_decay shrinks weights separately from "
        "the loss."
    )

    def size(self, weights: Tensor) -> Tensor:
        return F.reduce_sum(F.square(weights))
