"""Random choices: Bernoulli and categorical draws, and shuffling."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from nodeflow.errors import ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Tensor
from nodeflow.graph.op import Sample
from nodeflow.graph.types import DTYPES, FLOATS, TensorType, shape_text
from nodeflow.ops import functions as F
from nodeflow.ops.base import register
from nodeflow.ops.composed import Composed
from nodeflow.ops.distributions.normal_uniform import SEED
from nodeflow.ops.samples import values


class Choice(Composed):
    """The base class of random choices, composed of uniform numbers and other ops."""

    category = "Random"
    random = True
    differentiable = False
    everyday = False


@register
class RandomBernoulli(Choice):
    """Random zeros and ones, with a probability for each element."""

    id = "random_bernoulli"
    keywords = ("coin", "binary", "mask", "bernoulli", "probability")
    doc = (
        "1 with the probability that x holds for each element, else 0.\n\nEach run draws anew. No "
        "gradient flows."
    )
    inputs = (Port("x", "Probabilities.", FLOATS),)
    attrs = (SEED,)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        return types[0]

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        x = inputs[0]
        drawn = F.random_uniform_like(x, dtype=x.dtype, seed=attrs["seed"], name="drawn")
        return F.cast(drawn < x, dtype=x.dtype)

    def samples(self) -> Iterator[Sample]:
        for dtype in FLOATS:
            yield Sample((values((4, 3), dtype, 0.0, 1.0),))
        yield Sample((values((4, 3), "float64", 0.0, 1.0),), {"seed": 3})
        yield Sample((values((0, 3)),))
        yield Sample((np.ones((1, 1)),))


@register
class RandomCategorical(Choice):
    """Random class numbers with probabilities given by logits."""

    id = "random_categorical"
    keywords = ("multinomial", "sample", "softmax", "temperature", "token", "choice")
    doc = (
        "Class numbers (int64) drawn with the probabilities softmax(logits).\n\nlogits "
        "(n, classes) give (n, num_samples). Each draw is the argmax of the logits plus Gumbel "
        "noise. Each run draws anew. No gradient flows."
    )
    inputs = (Port("logits", "Scores of the classes.", FLOATS),)
    attrs = (Attr("num_samples", "int", 1, "Number of draws for each row.", minimum=0), SEED)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        logits = types[0]
        if logits.rank != 2:
            raise ShapeError(
                f"logits must be (n, classes), not {shape_text(logits.shape)}", port="logits"
            )
        return TensorType("int64", (logits.shape[0], attrs["num_samples"]))

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        logits = inputs[0]
        rows = F.tile(F.expand_dims(logits, axis=1), multiples=(1, attrs["num_samples"], 1))
        even = F.random_uniform_like(rows, dtype="float64", seed=attrs["seed"], name="drawn")
        noise = -F.log(-F.log(F.maximum(even, 2.0**-54)))
        return F.argmax(F.cast(rows, dtype="float64") + noise, axis=2)

    def samples(self) -> Iterator[Sample]:
        for dtype in FLOATS:
            yield Sample((values((4, 3), dtype),), {"num_samples": 5})
        yield Sample((values((2, 3)),), {"seed": 3})
        yield Sample((values((0, 3)),))
        yield Sample((values((1, 1)),))


@register
class RandomShuffle(Choice):
    """The slices of a tensor in random order."""

    id = "random_shuffle"
    keywords = ("permutation", "shuffle", "order", "permute", "deck")
    doc = (
        "The slices of x along the first axis in a random order.\n\nrange(n) gives a random "
        "permutation. Each run draws a new order. No gradient flows."
    )
    inputs = (Port("x", dtypes=DTYPES),)
    attrs = (SEED,)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        if not types[0].rank:
            raise ShapeError("random_shuffle needs an axis, not a scalar", port="x")
        return types[0]

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        x = inputs[0]
        place = F.positions(x, axis=0)
        drawn = F.random_uniform_like(place, dtype="float64", seed=attrs["seed"], name="drawn")
        return F.gather(x, F.argsort(drawn), axis=0)

    def samples(self) -> Iterator[Sample]:
        for dtype in DTYPES:
            yield Sample((values((4, 3), dtype),))
        yield Sample((values((4, 3)),), {"seed": 3})
        yield Sample((values((0, 3)),))
        yield Sample((values((1, 1)),))
