"""Losses over very many classes, from a few sampled ones: NCE and sampled softmax.

The samplers follow TensorFlow: classes are drawn until enough of them differ, and expected counts
refer to that number of draws.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nodeflow.errors import AttributeProblem, RunError, ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Tensor
from nodeflow.graph.op import Op, Sample
from nodeflow.graph.types import FLOATS, TensorType, compatible, shape_text
from nodeflow.ops import functions as F
from nodeflow.ops.activations.softmax import impossible_score
from nodeflow.ops.base import register
from nodeflow.ops.composed import Composed
from nodeflow.ops.distributions.normal_uniform import SEED
from nodeflow.ops.samples import values

CLASSES = ("int64", "int32")
NUM_TRUE = Attr("num_true", "int", 1, "Target classes of each row.", minimum=1)
NUM_SAMPLED = Attr("num_sampled", "int", 5, "Number of classes to draw.", minimum=1)
UNIQUE = Attr("unique", "bool", True, "Draw no class twice.")


def check_true(labels: TensorType, attrs: dict[str, Any], port: str) -> None:
    """Raise ShapeError unless labels are (n, num_true)."""
    if labels.rank != 2 or not compatible((labels.shape[1],), (attrs["num_true"],)):
        raise ShapeError(
            f"{port} {shape_text(labels.shape)} must be (n, {attrs['num_true']})",
            port=port,
            hint="One row for each example, with num_true class numbers.",
        )


class CandidateSampler(Op):
    """The base class of samplers: randomly drawn classes and their expected counts."""

    category = "Random"
    random = True
    everyday = False
    inputs = (Port("true_classes", "Target classes, (n, num_true).", CLASSES),)
    outputs = (
        Port("sampled_candidates", "Class numbers, (num_sampled,)."),
        Port("true_expected_count", "Expected counts of the target classes, (n, num_true)."),
        Port("sampled_expected_count", "Expected counts of the drawn classes, (num_sampled,)."),
    )
    attrs = (
        NUM_TRUE,
        NUM_SAMPLED,
        UNIQUE,
        Attr("range_max", "int", 10, "Number of classes.", minimum=1),
        SEED,
    )

    def infer(self, *types: TensorType, **attrs: Any) -> Sequence[TensorType]:
        check_true(types[0], attrs, "true_classes")
        if attrs["unique"] and attrs["num_sampled"] > attrs["range_max"]:
            raise AttributeProblem(
                f"cannot draw {attrs['num_sampled']} different classes from {attrs['range_max']}",
                port="num_sampled",
            )
        drawn = TensorType("int64", (attrs["num_sampled"],))
        return drawn, types[0].with_dtype("float32"), drawn.with_dtype("float32")

    def probability(self, classes: np.ndarray, attrs: dict[str, Any]) -> np.ndarray:
        """Return the probability of each class in one draw."""
        raise NotImplementedError

    def choose(self, even: np.ndarray, attrs: dict[str, Any]) -> np.ndarray:
        """Return the class numbers that a sampler draws, from random numbers that are uniform
        between 0 and 1.
        """
        raise NotImplementedError

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> Sequence[np.ndarray]:
        true, count, wanted = arrays[0], attrs["range_max"], attrs["num_sampled"]
        if true.size and (true.min() < 0 or true.max() >= count):
            bad = true[(true < 0) | (true >= count)].flat[0]
            raise RunError(f"class {bad} is not one of {count}", port="true_classes")
        size, tries = wanted, wanted
        while True:
            drawn = self.choose(attrs["stream"].uniform((size,), "float64"), attrs)
            if not attrs["unique"]:
                break
            _, first = np.unique(drawn, return_index=True)
            if len(first) >= wanted:
                order = np.sort(first)[:wanted]
                tries, drawn = int(order[-1]) + 1, drawn[order]
                break
            size *= 4
        expected = [self.expected(c, tries, attrs) for c in (true, drawn)]
        return drawn.astype("int64"), *(e.astype("float32") for e in expected)

    def expected(self, classes: np.ndarray, tries: int, attrs: dict[str, Any]) -> np.ndarray:
        """Return how often each class is expected in a sample.

        If the sampled classes are unique, this is the probability that the class occurs.

        Args:
            tries: the number of draws.
        """
        p = self.probability(classes.astype(np.float64), attrs)
        with np.errstate(divide="ignore"):
            return -np.expm1(tries * np.log1p(-p)) if attrs["unique"] else p * tries

    def samples(self) -> Iterator[Sample]:
        for dtype in CLASSES:
            yield Sample((np.array([[1, 2], [0, 7], [3, 3]], dtype),), {"num_true": 2})
        yield Sample((np.array([[1], [0]]),), {"unique": False, "num_sampled": 4, "seed": 2})
        yield Sample((np.array([[1], [0]]),), {"num_sampled": 10})
        yield Sample((np.zeros((0, 1), "int64"),))
        yield Sample((np.zeros((1, 1), "int64"),))


@register
class LogUniformCandidateSampler(CandidateSampler):
    """A sampler that draws small class numbers more often, as for words sorted by frequency."""

    id = "log_uniform_candidate_sampler"
    keywords = ("zipf", "negative sampling", "word2vec", "nce", "frequency")
    doc = (
        "Classes drawn with the probability log((c + 2) / (c + 1)) / log(range_max + 1).\n\nThat "
        "is Zipf's law for classes numbered by frequency. Returns the classes, and the expected "
        "counts of the targets and of these classes. No gradient flows."
    )

    def probability(self, classes: np.ndarray, attrs: dict[str, Any]) -> np.ndarray:
        return np.log1p(1 / (classes + 1)) / math.log1p(attrs["range_max"])

    def choose(self, even: np.ndarray, attrs: dict[str, Any]) -> np.ndarray:
        count = attrs["range_max"]
        found = np.floor(np.exp(even * math.log1p(count))) - 1
        return np.clip(found, 0, count - 1).astype("int64")


@register
class UniformCandidateSampler(CandidateSampler):
    """A sampler that draws all classes with equal probability."""

    id = "uniform_candidate_sampler"
    keywords = ("negative sampling", "nce", "even")
    doc = (
        "Classes drawn with the same probability, 1 / range_max.\n\nReturns the classes, and the "
        "expected counts of the targets and of these classes. No gradient flows."
    )

    def probability(self, classes: np.ndarray, attrs: dict[str, Any]) -> np.ndarray:
        return np.full(classes.shape, 1 / attrs["range_max"])

    def choose(self, even: np.ndarray, attrs: dict[str, Any]) -> np.ndarray:
        return np.floor(even * attrs["range_max"]).astype("int64")


@register
class FixedUnigramCandidateSampler(CandidateSampler):
    """A sampler that draws classes by given counts."""

    id = "fixed_unigram_candidate_sampler"
    keywords = ("negative sampling", "word2vec", "nce", "frequency", "counts")
    doc = (
        "Classes drawn in proportion to given counts to the power of distortion.\n\nword2vec uses "
        "0.75. The first num_reserved_ids classes are never drawn and have no count. Returns the "
        "classes, and the expected counts of the targets and of these classes. No gradient flows."
    )
    attrs = (
        *CandidateSampler.attrs[:-1],
        Attr("distortion", "float", 1.0, "Power of the counts."),
        Attr("num_reserved_ids", "int", 0, "Number of first classes without a count.", minimum=0),
        Attr("unigrams", "literal", [1.0] * 10, "A count for each class that is not reserved."),
        SEED,
    )

    def infer(self, *types: TensorType, **attrs: Any) -> Sequence[TensorType]:
        self._shares(attrs)
        return super().infer(*types, **attrs)

    def _shares(self, attrs: dict[str, Any]) -> np.ndarray:
        counts, reserved = np.asarray(attrs["unigrams"], "float64"), attrs["num_reserved_ids"]
        if counts.shape != (attrs["range_max"] - reserved,) or not (counts > 0).all():
            raise AttributeProblem(
                f"unigrams must be {attrs['range_max'] - reserved} numbers above 0, one for each "
                "class that is not reserved",
                port="unigrams",
            )
        weights = np.concatenate([np.zeros(reserved), counts ** attrs["distortion"]])
        return weights / weights.sum()

    def probability(self, classes: np.ndarray, attrs: dict[str, Any]) -> np.ndarray:
        return self._shares(attrs)[classes.astype("int64")]

    def choose(self, even: np.ndarray, attrs: dict[str, Any]) -> np.ndarray:
        ends = np.cumsum(self._shares(attrs))
        found = np.searchsorted(ends, even * ends[-1], side="right")
        return np.minimum(found, attrs["range_max"] - 1)

    def samples(self) -> Iterator[Sample]:
        yield from super().samples()
        attrs = {"unigrams": [5, 1, 1, 3, 2, 2, 1, 1], "num_reserved_ids": 2, "distortion": 0.75}
        yield Sample((np.array([[1], [2]]),), attrs)


class SampledLoss(Composed):
    """The base class of losses from the scores of the targets and of a few drawn classes."""

    category = "Loss"
    random = True
    everyday = False
    inputs = (
        Port("weights", "Weights of all classes, (classes, d).", FLOATS, "T"),
        Port("biases", "Biases of all classes, (classes,).", FLOATS, "T"),
        Port("labels", "Target classes, (n, num_true).", CLASSES),
        Port("inputs", "Features, (n, d).", FLOATS, "T"),
    )
    removes = False
    attrs: tuple[Attr, ...] = ()

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        weights, biases, labels, inputs = types
        check_true(labels, attrs, "labels")
        classes = attrs["num_classes"]
        if weights.rank != 2 or not compatible((weights.shape[0],), (classes,)):
            raise ShapeError(
                f"weights {shape_text(weights.shape)} must be ({classes}, d)", port="weights"
            )
        if not compatible(biases.shape, (classes,)):
            raise ShapeError(
                f"biases {shape_text(biases.shape)} must be ({classes},)", port="biases"
            )
        if not compatible(inputs.shape, (labels.shape[0], weights.shape[1])):
            raise ShapeError(
                f"inputs {shape_text(inputs.shape)} must be (n, {weights.shape[1]}), one for each "
                "row of labels",
                port="inputs",
            )
        if attrs["num_sampled"] > classes:
            raise AttributeProblem(
                f"cannot draw {attrs['num_sampled']} different classes from {classes}",
                port="num_sampled",
            )
        rows = labels.shape[0] if inputs.shape[0] is None else inputs.shape[0]
        return inputs.with_shape((rows,))

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        weights, biases, labels, x = inputs
        labels = F.cast(labels, dtype="int64")
        sampled, expected, expected_sampled = F.log_uniform_candidate_sampler(
            labels,
            num_true=attrs["num_true"],
            num_sampled=attrs["num_sampled"],
            range_max=attrs["num_classes"],
            seed=attrs["seed"],
            name="sampled",
        )
        drawn = sampled, expected, expected_sampled
        return self.of_samples(weights, biases, labels, x, drawn, **attrs)

    def of_samples(
        self,
        weights: Tensor,
        biases: Tensor,
        labels: Tensor,
        x: Tensor,
        drawn: Sequence[Tensor],
        **attrs: Any,
    ) -> Tensor:
        """Return the training loss over the target classes and the sampled classes.

        Args:
            weights, biases: a row and a number for each class.
            labels: the target classes, (n, num_true).
            x: the inputs, (n, features).
            drawn: the results of a candidate sampler.
        """
        sampled, expected, expected_sampled = drawn
        labels = F.cast(labels, dtype=sampled.dtype)

        def corrected(scores: Tensor, count: Tensor) -> Tensor:
            return scores - F.log(F.cast(count, dtype=x.dtype))

        own = F.reduce_sum(F.gather(weights, labels) * F.expand_dims(x, axis=1), axis=-1)
        true = corrected(own + F.gather(biases, labels), expected)
        others = F.matmul(x, F.gather(weights, sampled), transpose_y=True)
        others = corrected(others + F.gather(biases, sampled), expected_sampled)
        if attrs["remove_accidental_hits"]:
            same = F.equal(F.expand_dims(labels, axis=-1), sampled)
            hit = F.reduce_any(same, axis=1)
            others = F.where(hit, impossible_score(others.dtype), others)
        share = F.ones_like(true) * (1 / attrs["num_true"])
        return self.loss(
            F.concat([share, F.zeros_like(others)], axis=1), F.concat([true, others], axis=1)
        )

    def loss(self, targets: Tensor, scores: Tensor) -> Tensor:
        """Return the loss of each row."""
        raise NotImplementedError(self.id)

    def samples(self) -> Iterator[Sample]:
        def arrays(rows: int, true: int, dtype: str = "float64", kind: str = "int64") -> tuple:
            labels = (np.arange(rows * true).reshape(rows, true) * 5 % 7).astype(kind)
            pair = values((7, 3), dtype), values((7,), dtype, start=30)
            return *pair, labels, values((rows, 3), dtype, start=40)

        sizes = {"num_classes": 7, "num_sampled": 4}
        for dtype in FLOATS:
            for kind in CLASSES:
                yield Sample(arrays(2, 1, dtype, kind), sizes, smooth=dtype == "float64")
        for removes in (False, True):
            attrs = {**sizes, "num_true": 2, "remove_accidental_hits": removes, "seed": 4}
            yield Sample(arrays(2, 2), attrs, smooth=True)
        yield Sample(arrays(0, 1), sizes)
        one = values((1, 1)), values((1,)), np.zeros((1, 1), "int64"), values((1, 1), start=3)
        yield Sample(one, {"num_classes": 1, "num_sampled": 1})


def _attrs(removes: bool) -> tuple[Attr, ...]:
    return (
        NUM_SAMPLED,
        Attr("num_classes", "int", 10, "Number of all classes.", minimum=1),
        NUM_TRUE,
        Attr(
            "remove_accidental_hits", "bool", removes, "Leave out drawn classes that are targets."
        ),
        SEED,
    )


_DRAWN = (
    " are drawn by the log-uniform sampler, so number classes by frequency. Their scores are "
    "corrected by their expected counts."
)


@register
class NCELoss(SampledLoss):
    """The loss of noise contrastive estimation."""

    id = "nce_loss"
    keywords = ("noise contrastive", "negative sampling", "word2vec", "skip gram", "embedding")
    doc = (
        "Loss over many classes: the targets against a few others, as yes-or-no questions.\n\nOne "
        "loss per row, (n,). Others" + _DRAWN + " Gutmann and Hyvarinen, 2010."
    )
    attrs = _attrs(removes=False)

    def loss(self, targets: Tensor, scores: Tensor) -> Tensor:
        each = F.sigmoid_cross_entropy_with_logits(targets, scores)
        return F.reduce_sum(each, axis=1)


@register
class SampledSoftmaxLoss(SampledLoss):
    """Softmax over a few classes."""

    id = "sampled_softmax_loss"
    keywords = ("large vocabulary", "negative sampling", "cross entropy", "language model")
    doc = (
        "Softmax cross-entropy over the targets and a few other classes.\n\nOne loss per row, "
        "(n,), for training; use the full softmax for evaluation. Others"
        + _DRAWN
        + " Jean et al., 2014."
    )
    attrs = _attrs(removes=True)

    def loss(self, targets: Tensor, scores: Tensor) -> Tensor:
        return F.softmax_cross_entropy_with_logits(F.stop_gradient(targets), scores)
