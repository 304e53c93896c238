"""Losses of classification: from class numbers with weights, and from independent logits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from nodeflow.errors import ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Tensor
from nodeflow.graph.op import Sample
from nodeflow.graph.types import FLOATS, TensorType, compatible, normalize_axis, shape_text
from nodeflow.ops import functions as F
from nodeflow.ops.base import register
from nodeflow.ops.composed import Composed, equal_shapes
from nodeflow.ops.indexing.slicing import INDICES
from nodeflow.ops.objectives.losses import REDUCTION, RESHAPE, binary_each
from nodeflow.ops.samples import values


@register
class SigmoidCrossEntropy(Composed):
    """Cross-entropy of independent yes-or-no labels."""

    id = "sigmoid_cross_entropy_with_logits"
    category = "Loss"
    keywords = ("binary", "logistic", "multi-label", "bce", "bce_with_logits")
    doc = (
        "The cross-entropy of labels between 0 and 1 with sigmoid(logits), for each element.\n\n"
        "labels * softplus(-logits) + (1 - labels) * softplus(logits), which is exact for large "
        "logits. Both inputs must have the same shape; the result has it too."
    )
    inputs = (
        Port("labels", "0, 1, or a number between.", FLOATS, "T"),
        Port("logits", "Logits, before sigmoid.", FLOATS, "T"),
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        return types[0].with_shape(equal_shapes(types[0], types[1], "labels logits", RESHAPE))

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        return binary_each(*inputs)

    def samples(self) -> Iterator[Sample]:
        for dtype in FLOATS:
            arrays = values((2, 3), dtype, 0.0, 1.0), values((2, 3), dtype, start=7)
            yield Sample(arrays, smooth=dtype == "float64")
        yield Sample((np.array([0.0, 1.0, 0.5]), np.array([1e4, -1e4, np.nan])))
        yield Sample((values((0, 3)), values((0, 3))))
        yield Sample((values((1, 1)), values((1, 1), start=3)), smooth=True)


@register
class NLLLoss(Composed):
    """The negative log-likelihood, from class numbers and log-probabilities."""

    id = "nll_loss"
    category = "Loss"
    keywords = (
        "negative log likelihood", "class numbers", "class weights", "ignore_index",
        "sparse",
    )  # fmt: skip
    doc = (
        "-log_probabilities at the labels' classes, times the weights of the classes.\n\nlabels "
        "have the shape of log_probabilities without `axis` and hold class numbers. The mean is "
        "weighted, as in PyTorch and ONNX. Labels equal to ignore_index do not count. A label "
        "outside the classes is an error when run."
    )
    inputs = (
        Port("labels", "Class numbers.", INDICES),
        Port("log_probabilities", "Log-probabilities, as from log_softmax.", FLOATS, "T"),
        Port("weights", "Weight of each class; 1 if not connected.", FLOATS, "T", optional=True),
    )
    attrs = (
        Attr("axis", "int", -1, "Axis of the classes."),
        Attr("ignore_index", "int", None, "Label that does not count.", optional=True),
        REDUCTION,
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        labels, scores = types[:2]
        axis = normalize_axis(attrs["axis"], scores.rank)
        each = (*scores.shape[:axis], *scores.shape[axis + 1 :])
        if not compatible(labels.shape, each):
            raise ShapeError(
                f"labels {shape_text(labels.shape)} must be {shape_text(each)}, one for each row",
                port="labels",
            )
        if len(types) > 2 and (
            types[2].rank != 1 or not compatible(types[2].shape, (scores.shape[axis],))
        ):
            raise ShapeError(
                f"weights {shape_text(types[2].shape)} must be one number for each class",
                port="weights",
            )
        shape = tuple(a if b is None else b for a, b in zip(labels.shape, each, strict=True))
        return scores.with_shape(shape if attrs["reduction"] == "none" else ())

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        labels, scores = F.cast(inputs[0], dtype="int64"), inputs[1]
        axis = normalize_axis(attrs["axis"], len(scores.shape))
        counted = None
        if attrs["ignore_index"] is not None:
            counted = F.not_equal(labels, attrs["ignore_index"])
            labels = F.where(counted, labels, 0)
        # A label of -1 must be refused, although an index of -1 counts from the end.
        size = F.size(scores, axis=axis, dtype="int64")
        labels = F.where(labels < 0, size, labels)
        picked = F.take_along_axis(scores, F.expand_dims(labels, axis=axis), axis=axis)
        each = -F.squeeze(picked, axis=axis)
        weight = F.gather(inputs[2], labels) if len(inputs) > 2 else F.ones_like(each)
        if counted is not None:
            weight = F.where(counted, weight, 0)
            each = F.where(counted, each, 0)
        loss = each * weight
        if attrs["reduction"] == "none":
            return loss
        total = F.reduce_sum(loss)
        return total if attrs["reduction"] == "sum" else total / F.reduce_sum(weight)

    def samples(self) -> Iterator[Sample]:
        weights = values((3,), "float64", 0.5, 2.0)
        for dtype in FLOATS:
            for kind in INDICES:
                arrays = np.array([2, 0], kind), values((2, 3), dtype)
                yield Sample(arrays, smooth=dtype == "float64")
        labels, scores = np.array([[1, 2], [0, 1]]), values((2, 3, 2))
        for reduction in REDUCTION.choices:
            attrs = {"axis": 1, "reduction": reduction}
            yield Sample((labels, scores, weights), attrs, smooth=True)
            yield Sample((labels, scores), {**attrs, "ignore_index": 1}, smooth=True)
        odd = np.array([-100, 2, 1])
        yield Sample((odd, values((3, 3)), weights), {"ignore_index": -100}, smooth=True)
        yield Sample((np.zeros(0, "int32"), values((0, 3))))
        yield Sample((np.array([0]), values((1, 1))), smooth=True)
