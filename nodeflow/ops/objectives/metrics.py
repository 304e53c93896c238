"""Metrics: the quality of predictions, in terms that people use.

All are computed on the given rows. Accuracies are means over rows, so their mean over batches,
weighted by rows, is the value on the whole set. Precision, recall, F1, AUC, R squared and the
confusion matrix are not means. They declare how they accumulate (``metric_state``), and training
measures them on the whole set.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nodeflow.errors import RunError, ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Tensor
from nodeflow.graph.op import Op, Sample
from nodeflow.graph.types import (
    FLOATS,
    NUMBERS,
    REALS,
    TensorType,
    compatible,
    numpy_dtype,
    shape_text,
)
from nodeflow.ops import functions as F
from nodeflow.ops import lowering
from nodeflow.ops.base import register
from nodeflow.ops.composed import Composed, equal_shapes
from nodeflow.ops.indexing.slicing import INDICES
from nodeflow.ops.objectives.metric_state import Accumulating, State
from nodeflow.ops.samples import values

SCALAR = TensorType("float32", ())
ON_THE_BATCH = (
    "Computed on the given rows. Training measures it on the whole split, because it is not the "
    "mean of its values on batches."
)


def share(hits: Tensor) -> Tensor:
    """Return the fraction of true elements."""
    return F.reduce_mean(F.cast(hits, dtype="float32"))


# ---- classes ----------------------------------------------------------------------------------


class ClassMetric(Composed):
    """The base class of metrics whose labels are class numbers or one-hot rows."""

    category = "Metric"
    differentiable = False
    inputs = (
        Port("labels", "Class numbers, or one-hot rows.", REALS),
        Port("predictions", "Logits or probabilities; the last axis holds the classes.", NUMBERS),
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        labels, predictions = types
        rows = predictions.shape[:-1]
        if not predictions.rank:
            raise ShapeError("predictions need an axis of classes", port="predictions")
        numbers = labels.dtype in INDICES and compatible(labels.shape, rows)
        if not numbers and not compatible(labels.shape, predictions.shape):
            raise ShapeError(
                f"labels {shape_text(labels.shape)} and predictions "
                f"{shape_text(predictions.shape)} do not fit",
                port="labels",
                hint="Labels are integers, one per row, or rows like the predictions.",
            )
        return SCALAR

    def samples(self) -> Iterator[Sample]:
        scores = values((5, 3), "float64")
        for dtype in INDICES:
            yield Sample((np.array([0, 2, 1, 0, 2], dtype), scores.astype("float32")))
        for dtype in REALS:
            yield Sample((np.eye(3)[[0, 2, 1, 0, 2]].astype(numpy_dtype(dtype)), scores))
        for dtype in NUMBERS:
            yield Sample((np.array([[0, 2], [1, 0]]), values((2, 2, 3), dtype)))
        yield Sample((np.zeros(0, "int64"), values((0, 3))))
        yield Sample((np.zeros(1, "int32"), values((1, 1))))
        yield Sample((np.array(2), np.array([0.0, np.nan, 1.0])))


def class_numbers(labels: Tensor, predictions: Tensor) -> Tensor:
    """Return int64 class numbers from class numbers or one-hot rows."""
    if len(labels.shape) < len(predictions.shape):
        return F.cast(labels, dtype="int64")
    return F.argmax(F.cast(labels, dtype="uint8") if labels.dtype == "bool" else labels, axis=-1)


@register
class Accuracy(ClassMetric):
    """The fraction of correct predictions."""

    id = "accuracy"
    keywords = ("metric", "classification", "correct", "argmax", "percent")
    doc = (
        "The share of rows whose highest score is at the label's class.\n\nOf equal scores the "
        "first counts. A mean over rows. No gradient flows."
    )

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        labels, predictions = inputs
        found = F.argmax(predictions, axis=-1)
        return share(F.equal(class_numbers(labels, predictions), found))


@register
class TopKAccuracy(ClassMetric):
    """The fraction of rows whose label is among the highest scores."""

    id = "top_k_accuracy"
    keywords = ("metric", "classification", "top 5", "correct")
    doc = (
        "The share of rows whose label is among the k classes with the highest scores.\n\nA label "
        "is a hit if fewer than k classes score higher, so all classes that tie for rank k are "
        "hits. A score of NaN is higher than all others. A mean over rows. No gradient flows."
    )
    attrs = (Attr("k", "int", 5, "Number of classes that are hits.", minimum=1),)

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        labels, predictions = inputs
        numbers = F.expand_dims(class_numbers(labels, predictions), axis=-1)
        chosen = F.equal(numbers, F.positions(predictions, axis=-1))
        score = F.reduce_sum(F.where(chosen, predictions, 0), axis=-1, keepdims=True)
        higher = F.cast(F.logical_not(predictions <= score), dtype="int64")
        found = F.reduce_sum(higher, axis=-1) < attrs["k"]
        return share(F.logical_and(found, F.reduce_any(chosen, axis=-1)))

    def samples(self) -> Iterator[Sample]:
        for sample in super().samples():
            yield Sample(sample.inputs, {"k": 2})


# ---- yes or no --------------------------------------------------------------------------------


class BinaryMetric(Composed):
    """The base class of binary metrics.

    Labels other than 0, and predictions above a threshold, are positive.
    """

    category = "Metric"
    differentiable = False
    inputs = (
        Port("labels", "Positive where not 0.", REALS),
        Port("predictions", "Scores or probabilities of the positive class.", FLOATS),
    )
    attrs = (Attr("threshold", "float", 0.5, "Predictions above it are positive."),)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        equal_shapes(types[0], types[1], "labels predictions", "Insert a reshape.")
        return SCALAR

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        labels, predictions = inputs
        wanted = labels if labels.dtype == "bool" else F.cast(labels, dtype="bool")
        return self.measure(wanted, predictions > attrs["threshold"])

    def measure(self, wanted: Tensor, found: Tensor) -> Tensor:
        """Return the metric from two bool tensors."""
        raise NotImplementedError(self.id)

    def samples(self) -> Iterator[Sample]:
        for dtype in REALS:
            labels = np.array([[1, 0, 1], [0, 0, 1]], numpy_dtype(dtype))
            yield Sample((labels, values((2, 3), "float32", 0, 1)))
            yield Sample((labels, values((2, 3), "float64", 0, 1)), {"threshold": 0.2})
        yield Sample((np.zeros((0, 3), bool), values((0, 3))))
        yield Sample((np.ones((1, 1)), np.array([[np.nan]])))


def count(hits: Tensor) -> Tensor:
    """Return the number of true elements, as float64."""
    return F.cast(F.reduce_sum(F.cast(hits, dtype="int64")), dtype="float64")


def ratio(part: Tensor, whole: Tensor) -> Tensor:
    """Return ``part / whole`` as float32, or 0 where ``whole`` is 0. Both are counts."""
    return F.cast(part / F.maximum(whole, 1), dtype="float32")


@register
class BinaryAccuracy(BinaryMetric):
    """The fraction of correct yes-or-no predictions."""

    id = "binary_accuracy"
    keywords = ("metric", "classification", "correct", "threshold")
    doc = (
        "The share of predictions on the right side of the threshold.\n\nA mean over elements. No "
        "gradient flows."
    )

    def measure(self, wanted: Tensor, found: Tensor) -> Tensor:
        return share(F.equal(wanted, found))


class CountedMetric(Accumulating, BinaryMetric):
    """The base class of ratios of counts. Counts of batches add up to the counts of the whole
    set.
    """

    def parts(self, hits: Any, found: Any, wanted: Any) -> tuple[Any, Any]:
        """Return the numerator and the denominator of a ratio metric, such as precision.

        Args:
            hits: the number of true positives.
            found: the number of predicted positives.
            wanted: the number of actual positives.
        """
        raise NotImplementedError(self.id)

    def measure(self, wanted: Tensor, found: Tensor) -> Tensor:
        hits = F.logical_and(wanted, found)
        return ratio(*self.parts(count(hits), count(found), count(wanted)))

    def state(self, *arrays: np.ndarray, **attrs: Any) -> State:
        wanted, found = arrays[0] != 0, arrays[1] > attrs["threshold"]
        return tuple(np.array(np.count_nonzero(x)) for x in (wanted & found, found, wanted))

    def result(self, state: State, **attrs: Any) -> np.ndarray:
        part, whole = self.parts(*state)
        return np.array(part / np.maximum(whole, 1), "float32")


@register
class Precision(CountedMetric):
    """The fraction of predicted positives that are right."""

    id = "precision"
    keywords = ("metric", "classification", "positive predictive value")
    doc = (
        "The share of true positives among all predicted positives.\n\n0 if there are no "
        f"predicted positives. {ON_THE_BATCH} No gradient flows."
    )

    def parts(self, hits: Any, found: Any, wanted: Any) -> tuple[Any, Any]:
        return hits, found


@register
class Recall(CountedMetric):
    """The fraction of positives that are found."""

    id = "recall"
    keywords = ("metric", "classification", "sensitivity", "hit rate")
    doc = (
        "The share of true positives among all positive labels.\n\n0 if there are no positive "
        f"labels. {ON_THE_BATCH} No gradient flows."
    )

    def parts(self, hits: Any, found: Any, wanted: Any) -> tuple[Any, Any]:
        return hits, wanted


@register
class F1Score(CountedMetric):
    """The harmonic mean of precision and recall."""

    id = "f1_score"
    keywords = ("metric", "classification", "f measure", "harmonic mean")
    doc = (
        "The harmonic mean of precision and recall.\n\n2 * TP / (2 * TP + FP + FN); 0 if there "
        f"are no positives at all. {ON_THE_BATCH} No gradient flows."
    )

    def parts(self, hits: Any, found: Any, wanted: Any) -> tuple[Any, Any]:
        return hits * 2, wanted + found


@register
class AUC(Accumulating, Op):
    """The area under the ROC curve: the probability that a positive ranks above a negative."""

    id = "auc"
    category = "Metric"
    keywords = ("metric", "classification", "roc", "ranking", "area under the curve")
    doc = (
        "The area under the ROC curve: the probability that a positive scores above a "
        "negative.\n\nIt is the share of pairs of a positive and a negative in which the positive "
        "scores higher; ties count half. It is exact, without bins (Mann and Whitney, 1947). NaN "
        f"without positives or negatives, or with a score of NaN. {ON_THE_BATCH} No gradient "
        "flows."
    )
    inputs = BinaryMetric.inputs

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        equal_shapes(types[0], types[1], "labels predictions", "Insert a reshape.")
        return SCALAR

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        scores = types[1].with_shape((types[1].size,))
        order = scores.with_dtype("int64")
        wanted = lowering.Elementwise("x" if types[0].dtype == "bool" else "x != 0", ("x",))
        parts = (
            lowering.Part("wanted", wanted, ("labels",), types[0].with_dtype("bool")),
            lowering.Part("flat", lowering.Alias(), ("wanted",), scores.with_dtype("bool")),
            lowering.Part("scores", lowering.Alias(), ("predictions",), scores),
            lowering.Part("order", lowering.Order(), ("scores",), order, (("aside", order),)),
            lowering.Part("out", lowering.PairsInOrder(), ("flat", "scores", "order"), outs[0]),
        )
        return lowering.Composite(("labels", "predictions"), parts, ("out",))

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        return self.result(self.state(*arrays))

    def state(self, *arrays: np.ndarray, **attrs: Any) -> State:
        return arrays[0].ravel() != 0, arrays[1].ravel()

    def merge(self, states: Sequence[State]) -> State:
        return tuple(np.concatenate(part) for part in zip(*states, strict=True))

    def result(self, state: State, **attrs: Any) -> np.ndarray:
        labels, scores = state
        positives, negatives = scores[labels], np.sort(scores[~labels])
        pairs = positives.size * negatives.size
        if not pairs or np.isnan(scores).any():
            return np.array(np.nan, "float32")
        above = np.searchsorted(negatives, positives, "left").sum()
        not_below = np.searchsorted(negatives, positives, "right").sum()
        return np.array((above + not_below) / (2 * pairs), "float32")

    def samples(self) -> Iterator[Sample]:
        for dtype in REALS:
            labels = np.array([[1, 0, 1], [0, 0, 1]], numpy_dtype(dtype))
            yield Sample((labels, values((2, 3), "float32")))
        yield Sample((np.array([1, 0, 1, 0]), np.array([0.5, 0.5, 1.0, 0.0])))
        yield Sample((np.zeros((0, 3), bool), values((0, 3))))
        yield Sample((np.ones((1, 1)), np.ones((1, 1))))
        yield Sample((np.array([1, 0]), np.array([np.nan, 1.0])))


def _same(
    type_: TensorType, wanted: TensorType, cast: lowering.Elementwise
) -> lowering.Elementwise | lowering.Alias:
    """Return ``cast`` for converting one type to another, or an alias, which computes nothing, if
    the types are equal.
    """
    return lowering.Alias() if type_ == wanted else cast


@register
class ConfusionMatrix(Accumulating, Op):
    """Counts of predicted classes for each actual class."""

    id = "confusion_matrix"
    category = "Metric"
    keywords = ("metric", "classification", "errors", "table", "counts")
    doc = (
        "The number of times each class (row) was predicted as each class (column), as int64.\n\n"
        "Right predictions are on the diagonal. Labels and predictions are class numbers of the "
        "same shape; use argmax to get them from scores. A number outside 0 to classes - 1 is an "
        "error when run. Training measures it on the whole split. No gradient flows."
    )
    inputs = (
        Port("labels", "Class numbers.", INDICES),
        Port("predictions", "Class numbers.", INDICES),
    )
    attrs = (Attr("classes", "int", 10, "Number of classes.", minimum=1),)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        equal_shapes(types[0], types[1], "labels predictions", "Insert argmax before predictions.")
        return TensorType("int64", (attrs["classes"], attrs["classes"]))

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        """Lower the confusion matrix to a scatter-add: each pair of label and prediction adds 1 to
        its cell. A pair outside the classes gets the index -1, which raises an error in the run.
        """
        wide = [t.with_dtype("int64") for t in types]
        pairs = wide[0].with_shape((wide[0].size,))
        place = lowering.Elementwise(
            "where((x < 0) or (x >= classes) or (y < 0) or (y >= classes), -1, x * classes + y)",
            ("x", "y"),
            {"classes": attrs["classes"]},
        )
        one = lowering.Elementwise("1", ())
        cast = lowering.Elementwise("cast(x)", ("x",))
        parts = (
            *(
                lowering.Part(f"wide {name}", _same(t, w, cast), (name,), w)
                for name, t, w in zip(("labels", "predictions"), types, wide, strict=True)
            ),
            lowering.Part("places", place, ("wide labels", "wide predictions"), wide[0]),
            lowering.Part("flat", lowering.Alias(), ("places",), pairs),
            lowering.Part("ones", one, (), pairs),
            lowering.Part("sums", lowering.ScatterAdd(0, from_end=False), ("ones", "flat"),
                          pairs.with_shape((attrs["classes"] ** 2,))),
            lowering.Part("out", lowering.Alias(), ("sums",), outs[0]),
        )  # fmt: skip
        return lowering.Composite(("labels", "predictions"), parts, ("out",))

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        return self.result(self.state(*arrays, **attrs))

    def result(self, state: State, **attrs: Any) -> np.ndarray:
        return state[0]

    def state(self, *arrays: np.ndarray, **attrs: Any) -> State:
        classes = attrs["classes"]
        rows, columns = (
            self._numbers(port.name, a, classes)
            for port, a in zip(self.inputs, arrays, strict=True)
        )
        counts = np.bincount(rows * classes + columns, minlength=classes * classes)
        return (counts.reshape(classes, classes).astype("int64"),)

    def _numbers(self, port: str, array: np.ndarray, classes: int) -> np.ndarray:
        numbers = array.astype(np.int64).ravel()
        if (bad := numbers[(numbers < 0) | (numbers >= classes)]).size:
            raise RunError(
                f"{bad[0]} is not one of {classes} classes",
                port=port,
                hint="Raise `classes`, or check the numbers.",
            )
        return numbers

    def samples(self) -> Iterator[Sample]:
        for dtype in INDICES:
            labels = np.array([[0, 2, 1], [1, 1, 0]], dtype)
            yield Sample((labels, np.array([[0, 1, 1], [2, 1, 0]], "int64")), {"classes": 3})
            yield Sample((labels.astype("int32"), labels), {"classes": 4})
        yield Sample((np.zeros((0, 3), "int64"), np.zeros((0, 3), "int64")), {"classes": 2})
        yield Sample((np.zeros((), "int64"), np.zeros((), "int64")), {"classes": 1})


# ---- numbers ----------------------------------------------------------------------------------


@register
class RSquared(Accumulating, Composed):
    """The fraction of the labels' variance that predictions explain."""

    id = "r_squared"
    category = "Metric"
    keywords = ("metric", "regression", "determination", "explained variance")
    doc = (
        "1 - sum((labels - predictions)^2) / sum((labels - mean(labels))^2).\n\n1 is perfect; 0 "
        "is as good as always predicting the mean. It is NaN or -infinity if all labels are "
        f"equal. {ON_THE_BATCH}"
    )
    inputs = (
        Port("labels", "Target values.", FLOATS, "T"),
        Port("predictions", "Predicted values.", FLOATS, "T"),
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        equal_shapes(types[0], types[1], "labels predictions", "Insert a reshape.")
        return types[0].with_shape(())

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        labels, predictions = inputs
        left = F.reduce_sum(F.square(labels - predictions))
        whole = F.reduce_sum(F.square(labels - F.reduce_mean(labels)))
        return 1 - left / whole

    def state(self, *arrays: np.ndarray, **attrs: Any) -> State:
        """Return count, mean, and squared deviations of the labels, and squared errors."""
        labels, predictions = (a.astype(np.float64) for a in arrays)
        mean = labels.mean() if labels.size else 0.0
        whole, left = np.square(labels - mean).sum(), np.square(labels - predictions).sum()
        return tuple(np.array(x) for x in (labels.size, mean, whole, left))

    def merge(self, states: Sequence[State]) -> State:
        """Merge the partial results of several batches: counts, means, and sums of squared
        deviations. The deviations of the batches' means from the overall mean are added.
        """
        counts, means, wholes, lefts = (np.array(part) for part in zip(*states, strict=True))
        mean = np.sum(counts * means) / max(counts.sum(), 1)
        between = np.sum(counts * np.square(means - mean))
        joined = counts.sum(), mean, wholes.sum() + between, lefts.sum()
        return tuple(np.array(x) for x in joined)

    def result(self, state: State, **attrs: Any) -> np.ndarray:
        _, _, whole, left = state
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(1 - np.divide(left, whole))

    def samples(self) -> Iterator[Sample]:
        for dtype in FLOATS:
            arrays = values((2, 3), dtype), values((2, 3), dtype, start=7)
            yield Sample(arrays, smooth=dtype == "float64")
        yield Sample((values((0, 3)), values((0, 3))))
        yield Sample((values((1, 1)), values((1, 1), start=5)))
