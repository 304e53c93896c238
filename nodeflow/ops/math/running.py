"""Running products, extremes and logsumexp along an axis; running sums are in ``cumsum``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.op import Op, Sample
from nodeflow.graph.types import FLOATS, NUMBERS, TensorType, normalize_axis
from nodeflow.ops import functions as F
from nodeflow.ops import lowering
from nodeflow.ops.base import accumulator, register
from nodeflow.ops.samples import special, values

EXCLUSIVE = Attr("exclusive", "bool", False, "Leave the element itself out.")


def positions_along(x: Tensor, axis: int) -> Tensor:
    """Return 0, 1, 2, ... along an axis of x, in a shape that broadcasts to x."""
    rank = len(x.shape)
    axis = normalize_axis(axis, rank)
    place = F.positions(x, axis=axis)
    return F.expand_dims(place, axis=tuple(range(1, rank - axis))) if axis + 1 < rank else place


class Running(Op):
    """The base class of ops that combine each element with all elements before it."""

    category = "Math"
    differentiable = True
    inputs = (Port("x", dtypes=NUMBERS),)
    attrs = (
        Attr("axis", "int", 0, "Axis along which elements are combined."),
        Attr("reverse", "bool", False, "Start from the end."),
    )
    kind = ""
    """The way to combine elements (see ``lowering.Running``)."""
    combine: np.ufunc
    start: float = 0
    """The neutral element. Exclusive results start from it."""

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        normalize_axis(attrs["axis"], types[0].rank)
        return types[0]

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        axis = normalize_axis(attrs["axis"], types[0].rank)
        return lowering.Running(self.kind, axis, attrs.get("exclusive", False), attrs["reverse"])

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        x, axis = arrays[0], attrs["axis"]
        source = np.flip(x, axis) if attrs["reverse"] else x
        with np.errstate(all="ignore"):
            wide = accumulator(x.dtype.name)
            out = self.combine.accumulate(source, axis=axis, dtype=wide).astype(x.dtype)
        if attrs.get("exclusive"):
            out = np.roll(out, 1, axis)
            np.moveaxis(out, axis, 0)[:1] = self.start
        return np.ascontiguousarray(np.flip(out, axis)) if attrs["reverse"] else out

    def samples(self) -> Iterator[Sample]:
        for dtype in self.inputs[0].dtypes:
            for attrs in ({"axis": 1}, {"reverse": True}):
                yield Sample((values((3, 4), dtype),), attrs, smooth=dtype == "float64")
                yield Sample((values((3, 4, 2), dtype),), attrs)
        for attrs in self._variants():
            finite = not attrs.get("exclusive") or np.isfinite(self.start)
            yield Sample((values((2, 3, 4)),), attrs, smooth=finite)
            yield Sample((values((3, 10), self.inputs[0].dtypes[-1], 0, 3),), attrs)
        yield Sample((values((0, 3)),), smooth=True)
        yield Sample((values((1, 1)),), smooth=True)
        yield Sample((special("float32"),), {"reverse": True})
        yield Sample((special("float64"),))

    def _variants(self) -> Iterator[dict[str, Any]]:
        switches = (False, True) if any(a.name == "exclusive" for a in self.attrs) else (None,)
        for exclusive in switches:
            for reverse in (False, True):
                more = {} if exclusive is None else {"exclusive": exclusive}
                yield {"axis": -2, "reverse": reverse, **more}


@register
class CumProd(Running):
    """Running products."""

    id = "cumprod"
    everyday = False
    keywords = ("cumulative", "product", "prefix", "scan", "compound")
    doc = (
        "The running products along an axis: each result multiplies all elements up to that "
        "place.\n\n`exclusive` leaves the element itself out, so products start from 1. `reverse` "
        "starts from the end. Integers wrap. Gradient: the running sum of g * out from the other "
        "end, divided by x, as in TensorFlow; NaN where an element is 0."
    )
    attrs = (Running.attrs[0], EXCLUSIVE, Running.attrs[1])
    kind, combine, start = "prod", np.multiply, 1

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        attrs = {**node.attrs, "reverse": not node.attrs["reverse"]}
        return (F.cumsum(grads[0] * node.outputs[0], **attrs) / node.inputs[0],)


class RunningExtreme(Running):
    """The base class of running extremes. The gradient goes to the last element that was the
    extreme.
    """

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        x, out, reverse = node.inputs[0], node.outputs[0], node.attrs["reverse"]
        axis = node.attrs["axis"]
        place = positions_along(x, axis)
        first = F.reduce_max(place) if reverse else 0
        places = F.where(F.equal(x, out), place, first)  # a result of NaN takes the first NaN
        last = (F.cummin if reverse else F.cummax)(places, **node.attrs)
        return (F.add_along_axis(grads[0], last, x, axis=axis),)


@register
class CumMax(RunningExtreme):
    """Running maxima."""

    id = "cummax"
    everyday = False
    keywords = ("cumulative", "maximum", "prefix", "record", "envelope")
    doc = (
        "The running maximum along an axis: the largest of all elements up to each place.\n\nNaN "
        "from the first NaN on. `reverse` starts from the end. Gradient: to the last of equal "
        "largest elements."
    )
    kind, combine = "max", np.maximum


@register
class CumMin(RunningExtreme):
    """Running minima."""

    id = "cummin"
    everyday = False
    keywords = ("cumulative", "minimum", "prefix", "record", "envelope")
    doc = (
        "The running minimum along an axis: the smallest of all elements up to each place.\n\nNaN "
        "from the first NaN on. `reverse` starts from the end. Gradient: to the last of equal "
        "smallest elements."
    )
    kind, combine = "min", np.minimum


@register
class LogCumSumExp(Running):
    """Running logsumexp."""

    id = "logcumsumexp"
    everyday = False
    keywords = ("cumulative", "cumulative_logsumexp", "smooth maximum", "logarithm", "prefix")
    doc = (
        "log of the running sum of exp(x) along an axis, without overflow.\n\n`exclusive` leaves "
        "the element itself out, so results start from -infinity. `reverse` starts from the end. "
        "Gradient: g * exp(x - out), summed from the other end, also without overflow."
    )
    inputs = (Port("x", dtypes=FLOATS),)
    attrs = (Running.attrs[0], EXCLUSIVE, Running.attrs[1])
    kind, combine, start = "logsumexp", np.logaddexp, -np.inf

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        x, out, g = node.inputs[0], node.outputs[0], grads[0]
        attrs = {**node.attrs, "reverse": not node.attrs["reverse"]}
        level = F.where(F.is_finite(out), out, 0)

        def part(size: Tensor) -> Tensor:
            """Return the part of the gradient that comes from incoming gradients of one sign, whose
            absolute values are ``size``. Sums are computed as logarithms; the log of an empty sum
            is -infinity.
            """
            flows = F.logical_and(size > 0, F.is_finite(out))
            logs = F.where(flows, F.log(F.where(flows, size, 1)) - level, float("-inf"))
            total = F.logcumsumexp(logs, **attrs)
            some = total > float("-inf")
            return F.where(some, F.exp(x + F.where(some, total, 0)), 0)

        return (part(g) - part(-g),)
