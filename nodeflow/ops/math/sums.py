"""The sum of many tensors, and linear interpolation."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from typing import Any

from nodeflow.errors import MissingInput, ShapeError
from nodeflow.graph.declaration import Port
from nodeflow.graph.graph import Tensor
from nodeflow.graph.op import Sample
from nodeflow.graph.types import FLOATS, NUMBERS, TensorType, unify_shapes
from nodeflow.ops import functions as F
from nodeflow.ops.base import register
from nodeflow.ops.composed import Composed
from nodeflow.ops.elementwise import define
from nodeflow.ops.samples import values


@register
class AddN(Composed):
    """The sum of many tensors."""

    id = "add_n"
    everyday = False
    category = "Math"
    keywords = ("sum", "total", "accumulate", "several", "list")
    doc = (
        "The sum of all inputs, which must have the same shape.\n\nAdds from first to last. "
        "Integers wrap. Gradient: the same to each input."
    )
    inputs = (Port("inputs", "Tensors to add.", NUMBERS, "T", variadic=True),)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        if not types:
            raise MissingInput("add_n has no input", port="inputs.0", hint="Connect tensors to it.")
        shape = types[0].shape
        for index, type_ in enumerate(types):
            try:
                shape = unify_shapes(shape, type_.shape)
            except ShapeError as error:
                hint = "add broadcasts."
                raise ShapeError(error.message, port=f"inputs.{index}", hint=hint) from None
        return types[0].with_shape(shape)

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        first, *others = inputs
        return reduce(F.add, others, first) if others else F.identity(first)

    def samples(self) -> Iterator[Sample]:
        for dtype in NUMBERS:
            arrays = tuple(values((2, 3), dtype, start=s) for s in (1, 7, 13))
            yield Sample(arrays, smooth=dtype == "float64")
            yield Sample(arrays[:1], smooth=dtype == "float64")
        yield Sample((values((0, 3)), values((0, 3))))
        yield Sample((values((1, 1)), values((1, 1), start=3)), smooth=True)
        yield Sample((values(()), values((), start=3)), smooth=True)


define(
    "lerp",
    "The linear interpolation from x to y: x + (y - x) * weight.\n\nShapes broadcast as in numpy. "
    "A weight outside 0 to 1 extrapolates. Gradient: 1 - weight for x, weight for y, y - x for "
    "the weight.",
    lambda x, y, weight: x + (y - x) * weight,
    "x + (y - x) * weight",
    ports=(
        Port("x", dtypes=FLOATS, group="T"),
        Port("y", dtypes=FLOATS, group="T"),
        Port("weight", "Position on the way: 0 at x, 1 at y.", FLOATS, "T"),
    ),
    gradient=lambda g, x, y, weight, out: (g * (1 - weight), g * weight, g * (y - x)),
    keywords=("linear interpolation", "mix", "blend", "interpolate"),
    everyday=False,
)
