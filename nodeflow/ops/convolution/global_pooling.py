"""Global pooling: one number per row and channel, from reductions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nodeflow.errors import ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Tensor
from nodeflow.graph.op import Sample
from nodeflow.graph.types import FLOATS, TensorType, shape_text
from nodeflow.ops import functions as F
from nodeflow.ops.base import register
from nodeflow.ops.composed import Composed
from nodeflow.ops.samples import values


class GlobalPool(Composed):
    """The base class of global pooling: one number per row and channel."""

    category = "Layers"
    inputs = (Port("x", "Images, series or volumes.", FLOATS),)
    attrs = (
        Attr("channels", "choice", "last", "Position of the channel axis.",
             choices=("last", "first")),
        Attr("keepdims", "bool", False, "Keep the other axes with size 1."),
    )  # fmt: skip
    reduce = ""

    def axes(self, rank: int, channels: str) -> tuple[int, ...]:
        return tuple(range(1, rank - 1) if channels == "last" else range(2, rank))

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x = types[0]
        if x.rank < 3:
            raise ShapeError(
                f"{self.id} needs rows, places and channels, not {shape_text(x.shape)}", port="x"
            )
        axes = self.axes(x.rank, attrs["channels"])
        kept = [(1 if a in axes else d) for a, d in enumerate(x.shape)]
        if attrs["keepdims"]:
            return x.with_shape(kept)
        return x.with_shape(d for a, d in enumerate(x.shape) if a not in axes)

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        axes = self.axes(len(inputs[0].shape), attrs["channels"])
        return getattr(F, self.reduce)(inputs[0], axis=axes, keepdims=attrs["keepdims"])

    def samples(self) -> Iterator[Sample]:
        for dtype in FLOATS:
            yield Sample((values((2, 4, 5, 3), dtype),), smooth=dtype == "float64")
        attrs = {"channels": "first", "keepdims": True}
        yield Sample((values((2, 3, 4)),), attrs, smooth=True)
        yield Sample((values((0, 3, 4)),))
        yield Sample((values((1, 1, 1)),), smooth=True)


@register
class GlobalAveragePool(GlobalPool):
    """The mean of each channel."""

    id = "global_average_pool"
    reduce = "reduce_mean"
    keywords = ("pooling", "mean", "cnn", "squeeze")
    doc = (
        "The mean of each channel over all places.\n\n(n, height, width, channels) gives (n, "
        "channels), whatever the size of the images. Lin, Chen and Yan, 2014."
    )


@register
class GlobalMaxPool(GlobalPool):
    """The largest element of each channel."""

    id = "global_max_pool"
    reduce = "reduce_max"
    keywords = ("pooling", "maximum", "cnn")
    doc = (
        "The largest element of each channel over all places.\n\n(n, height, width, channels) "
        "gives (n, channels). NaN if any is NaN. Gradient: shared equally by equal largest "
        "elements."
    )
