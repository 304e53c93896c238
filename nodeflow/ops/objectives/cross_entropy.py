"""Cross-entropy of logits, without overflow or lost digits for large ones; mean squared error."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nodeflow.errors import RunError, ShapeError
from nodeflow.graph.declaration import Port
from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.op import Op, Sample
from nodeflow.graph.types import FLOATS, TensorType, numpy_dtype, shape_text, unify_shapes
from nodeflow.ops import functions as F
from nodeflow.ops import lowering
from nodeflow.ops.activations.softmax import elementwise, log_softmax, log_softmax_parts
from nodeflow.ops.base import accumulator, register
from nodeflow.ops.indexing.slicing import INDICES
from nodeflow.ops.math.reduction import element_count
from nodeflow.ops.samples import values


@register
class SoftmaxCrossEntropy(Op):
    """Cross-entropy from logits and label probabilities."""

    id = "softmax_cross_entropy_with_logits"
    category = "Loss"
    keywords = ("classification", "log loss", "labels", "one hot")
    doc = (
        "The cross-entropy between label probabilities and softmax(logits), per row.\n\n"
        "-sum(labels * log_softmax(logits)) along the last axis: (n, classes) gives (n,). Labels "
        "are one-hot or any probabilities that sum to 1. Gradient for the logits: softmax(logits) "
        "- labels, as in TensorFlow, even if the labels sum to another number; for the labels: "
        "-log_softmax(logits)."
    )
    differentiable = True
    inputs = (
        Port("labels", "Probabilities, for example one-hot rows.", FLOATS, "T"),
        Port("logits", "Logits, before softmax.", FLOATS, "T"),
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        try:
            shape = unify_shapes(types[0].shape, types[1].shape)
        except ShapeError as error:
            one_less = types[0].rank == types[1].rank - 1
            hint = "For class numbers use sparse_softmax_cross_entropy." if one_less else None
            raise ShapeError(
                f"labels and logits: {error.message}", port="labels", hint=hint
            ) from None
        if not shape:
            raise ShapeError("logits need an axis of classes, not a scalar", port="logits")
        return types[0].with_shape(shape[:-1])

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        row = types[1]
        parts = [
            *log_softmax_parts(row, -1),
            elementwise("terms", "-(y * p)", {"y": "labels", "p": "out"}, row),
            lowering.Part("loss", lowering.Reduce("sum", (row.rank - 1,)), ("terms",), outs[0]),
        ]
        return lowering.Composite(("labels", "x"), parts, ("loss",))

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        labels, logits = arrays
        with np.errstate(all="ignore"):
            terms = labels * log_softmax(logits, -1)
            total = np.sum(terms, axis=-1, dtype=accumulator(labels.dtype.name))
            return np.asarray(-total).astype(labels.dtype, copy=False)

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        labels, logits = node.inputs
        g = F.expand_dims(grads[0], axis=-1)
        return g * -F.log_softmax(logits), g * (F.softmax(logits) - labels)

    def samples(self) -> Iterator[Sample]:
        for dtype in FLOATS:
            labels = np.array([[0, 1, 0], [0.2, 0.3, 0.5]], numpy_dtype(dtype))
            yield Sample((labels, values((2, 3), dtype)), smooth=dtype == "float64")
            yield Sample((labels, np.array([[1e4, -1e4, 0], [0, 0, 0]], numpy_dtype(dtype))))
        for shape in ((2, 3, 4), (1, 1), (3,)):
            shares = values(shape, low=0.1)  # the gradient is exact for labels that sum to 1
            shares /= shares.sum(-1, keepdims=True)
            yield Sample((shares, values(shape, start=5)), smooth=True)
        yield Sample((values((2, 3, 4)), values((2, 3, 4), start=5)))
        yield Sample((values((0, 3)), values((0, 3))))
        yield Sample((values((2, 0)), values((2, 0))))


@register
class SparseSoftmaxCrossEntropy(Op):
    """Cross-entropy from logits and class numbers."""

    id = "sparse_softmax_cross_entropy"
    category = "Loss"
    keywords = ("classification", "log loss", "class numbers")
    doc = (
        "The cross-entropy between class numbers and softmax(logits), per row.\n\n"
        "-log_softmax(logits)[label]: labels (n,) and logits (n, classes) give (n,). A label "
        "outside 0 to classes - 1 is an error when run. Gradient: softmax(logits) - one_hot(label)."
    )
    differentiable = True
    inputs = (
        Port("labels", "Class numbers.", INDICES),
        Port("logits", "Logits, before softmax.", FLOATS),
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        labels, logits = types
        if logits.rank != labels.rank + 1:
            raise ShapeError(
                f"labels {shape_text(labels.shape)} and logits {shape_text(logits.shape)}: logits "
                "must have one axis more",
                port="labels",
                hint="For one-hot labels use softmax_cross_entropy_with_logits.",
            )
        try:
            return logits.with_shape(unify_shapes(labels.shape, logits.shape[:-1]))
        except ShapeError as error:
            raise ShapeError(f"labels and logits: {error.message}", port="labels") from None

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        rows = outs[0]
        parts = [
            *log_softmax_parts(types[1], -1),
            lowering.Part("picked", lowering.Pick(), ("out", "labels"), rows),
            elementwise("loss", "-x", {"x": "picked"}, rows),
        ]
        return lowering.Composite(("labels", "x"), parts, ("loss",))

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        labels, logits = arrays
        classes = logits.shape[-1]
        if labels.size and (labels.min() < 0 or labels.max() >= classes):
            bad = labels[(labels < 0) | (labels >= classes)].flat[0]
            raise RunError(
                f"label {bad} is not one of {classes} classes",
                port="labels",
                hint=f"Use 0 to {classes - 1}.",
            )
        picked = np.expand_dims(labels.astype(np.int64), -1)
        if not labels.size:
            return np.zeros(labels.shape, logits.dtype)
        return np.asarray(-np.take_along_axis(log_softmax(logits, -1), picked, -1)[..., 0])

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        labels, logits = node.inputs
        classes = logits.shape[-1] if logits.type.has_rank else None
        if classes is not None:
            target = F.one_hot(labels, depth=classes, dtype=logits.dtype)
        else:
            numbers = F.positions(logits, axis=-1, dtype=labels.dtype)
            target = F.cast(F.equal(F.expand_dims(labels, axis=-1), numbers), dtype=logits.dtype)
        return None, F.expand_dims(grads[0], axis=-1) * (F.softmax(logits) - target)

    def samples(self) -> Iterator[Sample]:
        for dtype in FLOATS:
            for kind in INDICES:
                labels = np.array([2, 0], kind)
                yield Sample((labels, values((2, 3), dtype)), smooth=dtype == "float64")
        yield Sample((np.array(1, "int64"), values((3,))), smooth=True)
        yield Sample((np.array([[1, 3, 0], [2, 2, 1]]), values((2, 3, 4))), smooth=True)
        yield Sample((np.zeros(0, "int32"), values((0, 3))))
        yield Sample((np.array([0, 1]), np.array([[1e4, -1e4], [1e4, -1e4]], "float32")))


@register
class MeanSquaredError(Op):
    """Mean of squared differences."""

    id = "mean_squared_error"
    category = "Loss"
    keywords = ("regression", "mse", "least squares")
    doc = (
        "The mean of (predictions - labels)^2 over all elements, a scalar.\n\nBoth must have the "
        "same shape. Gradient for the predictions: 2 (predictions - labels) / count."
    )
    differentiable = True
    inputs = (
        Port("labels", "Target values.", FLOATS, "T"),
        Port("predictions", "Predicted values.", FLOATS, "T"),
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        try:
            unify_shapes(types[0].shape, types[1].shape)
        except ShapeError as error:
            raise ShapeError(
                f"labels and predictions: {error.message}",
                port="labels",
                hint="Insert a reshape, so that nothing is broadcast by accident.",
            ) from None
        return types[0].with_shape(())

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        axes = tuple(range(types[0].rank))
        parts = [
            elementwise("squares", "(p - y) * (p - y)", {"y": "y", "p": "p"}, types[0]),
            lowering.Part("loss", lowering.Reduce("mean", axes), ("squares",), outs[0]),
        ]
        return lowering.Composite(("y", "p"), parts, ("loss",))

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        labels, predictions = arrays
        with np.errstate(all="ignore"):
            errors = np.square(predictions - labels)
            total = np.sum(errors, dtype=accumulator(labels.dtype.name))
            return np.asarray(total / np.float64(errors.size)).astype(labels.dtype)

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        labels, predictions = node.inputs
        scale = grads[0] * 2 / element_count(predictions, None)
        by_predictions = scale * (predictions - labels)
        return -by_predictions, by_predictions

    def samples(self) -> Iterator[Sample]:
        for dtype in FLOATS:
            arrays = values((2, 3), dtype), values((2, 3), dtype, start=7)
            yield Sample(arrays, smooth=dtype == "float64")
        yield Sample((values(()), values((), start=5)), smooth=True)
        yield Sample((values((0, 3)), values((0, 3))))
