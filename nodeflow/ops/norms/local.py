"""Normalization by neighbouring channels."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from typing import Any

from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Tensor
from nodeflow.graph.op import Sample
from nodeflow.graph.types import FLOATS, TensorType, normalize_axis
from nodeflow.ops import functions as F
from nodeflow.ops.base import register
from nodeflow.ops.composed import Composed
from nodeflow.ops.samples import values


@register
class LocalResponseNormalization(Composed):
    """Channels divided by a norm of their neighbours."""

    id = "local_response_normalization"
    everyday = False
    category = "Neural network"
    keywords = ("lrn", "local response norm", "alexnet", "channels", "inhibition")
    doc = (
        "x / (bias + alpha * sum)^beta, with the sum of squares over neighbouring channels.\n\n"
        "The sum includes up to `depth_radius` channels on either side. alpha multiplies the sum "
        "as in TensorFlow; in PyTorch and ONNX it multiplies the mean. Krizhevsky, Sutskever and "
        "Hinton, 2012."
    )
    inputs = (Port("x", dtypes=FLOATS),)
    attrs = (
        Attr("depth_radius", "int", 5, "Neighbours on either side.", minimum=0),
        Attr("bias", "float", 1.0, "Added to the sum."),
        Attr("alpha", "float", 1.0, "Factor of the sum."),
        Attr("beta", "float", 0.5, "Exponent."),
        Attr("axis", "int", -1, "Axis of the channels."),
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        normalize_axis(attrs["axis"], types[0].rank)
        return types[0]

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        x, radius = inputs[0], attrs["depth_radius"]
        rank = len(x.shape)
        axis = normalize_axis(attrs["axis"], rank)
        border = [[radius, radius] if a == axis else [0, 0] for a in range(rank)]
        wide = F.pad(F.square(x), paddings=border)

        def shifted(by: int) -> Tensor:
            end = by - 2 * radius or None
            begin = [by if a == axis else None for a in range(rank)]
            stop = [end if a == axis else None for a in range(rank)]
            return F.strided_slice(wide, begin=begin, end=stop)

        total = reduce(F.add, [shifted(by) for by in range(2 * radius + 1)])
        return x / F.power(total * attrs["alpha"] + attrs["bias"], attrs["beta"])

    def samples(self) -> Iterator[Sample]:
        for dtype in FLOATS:
            yield Sample((values((2, 7), dtype),), {"depth_radius": 2}, smooth=dtype == "float64")
        attrs = {"depth_radius": 1, "bias": 2.0, "alpha": 0.3, "beta": 0.75, "axis": 1}
        yield Sample((values((2, 4, 3)),), attrs, smooth=True)
        yield Sample((values((2, 3)),), smooth=True)
        yield Sample((values((2, 3)),), {"depth_radius": 0}, smooth=True)
        yield Sample((values((0, 3)),), {"depth_radius": 1})
        yield Sample((values((1, 1)),), {"depth_radius": 1}, smooth=True)
