"""Dropout, and the random numbers it needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.op import Op, Sample
from nodeflow.graph.types import DTYPES, FLOATS, TensorType
from nodeflow.ops import functions as F
from nodeflow.ops import lowering
from nodeflow.ops.base import register
from nodeflow.ops.composed import Composed
from nodeflow.ops.normalization import TRAINING, check_flag
from nodeflow.ops.random import SEED
from nodeflow.ops.samples import values
from nodeflow.ops.training_mode import training_flag


@register
class RandomUniformLike(Op):
    """Random numbers in the shape of another tensor."""

    id = "random_uniform_like"
    category = "Random"
    keywords = ("noise", "even", "mask")
    doc = (
        "Evenly distributed random numbers from 0 to 1 in the shape of another tensor.\n\nNew ones "
        "each time it runs; 1 itself is never drawn. No gradient flows."
    )
    random = True
    differentiable = True
    inputs = (Port("like", "Only its shape is used.", DTYPES),)
    attrs = (Attr("dtype", "dtype", "float32", "Data type.", choices=FLOATS), SEED)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        return types[0].with_dtype(attrs["dtype"])

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        part = lowering.Part("out", lowering.Random("uniform"), (), outs[0])
        return lowering.Composite(("like",), (part,), ("out",))

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        return attrs["stream"].uniform(arrays[0].shape, attrs["dtype"])

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        return (None,)

    def samples(self) -> Iterator[Sample]:
        for dtype in DTYPES:
            yield Sample((values((2, 3), dtype),))
        yield Sample((values((2, 3)),), {"dtype": "float64", "seed": 3}, smooth=True)
        yield Sample((values((0, 3)),))
        yield Sample((values((1, 1)),))


@register
class Dropout(Composed):
    """Random gaps while training."""

    id = "dropout"
    category = "Layers"
    keywords = ("regularization", "noise", "overfitting", "mask")
    doc = (
        "While training, a share of the elements is 0 and the others are scaled up.\n\nEach "
        "element is dropped with probability rate, and kept ones are divided by 1 - rate, so that "
        "the mean stays. Otherwise x passes as it is. New elements are drawn at each step, from "
        "the run's seed and the node's stream, or from `seed`. Gradient: the same mask. Srivastava "
        "and others, 2014."
    )
    random = True
    inputs = (Port("x", "Input.", FLOATS), TRAINING)
    attrs = (
        Attr("rate", "float", 0.5, "Share that is dropped.", minimum=0, maximum=1),
        SEED,
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        check_flag(types[1:])
        return types[0]

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        x, rate = inputs[0], attrs["rate"]
        training = inputs[1] if len(inputs) > 1 else training_flag(x.graph)
        drawn = F.random_uniform_like(x, seed=attrs["seed"], dtype=x.dtype, name="drawn")
        kept = F.where(drawn >= rate, x * (1 / (1 - rate) if rate < 1 else 0.0), 0)
        return F.where(training, kept, x)

    def samples(self) -> Iterator[Sample]:
        on, off = np.array(True), np.array(False)
        for dtype in FLOATS:
            yield Sample((values((4, 3), dtype), on), smooth=dtype == "float64")
            yield Sample((values((4, 3), dtype), off), {"rate": 0.2}, smooth=dtype == "float64")
            yield Sample((values((4, 3), dtype),), {"seed": 5}, smooth=dtype == "float64")
        yield Sample((values((2, 3)), on), {"rate": 1.0}, smooth=True)
        yield Sample((values((2, 3)), on), {"rate": 0.0}, smooth=True)
        yield Sample((values((0, 3)), on))
        yield Sample((values((1, 1)), on), smooth=True)
