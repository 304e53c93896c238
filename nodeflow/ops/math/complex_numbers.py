"""Complex numbers: made from two parts, and split into parts; bits read as another dtype.

Arithmetic uses the ordinary ops (``add``, ``multiply``). numpy computes them in both tiers. Complex
numbers have no gradients: a gradient sweep that meets one raises an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from nodeflow.errors import ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Tensor
from nodeflow.graph.op import Op, Sample
from nodeflow.graph.registry import REGISTRY
from nodeflow.graph.shapes import UNKNOWN
from nodeflow.graph.types import (
    COMPLEX,
    FLOATS,
    REALS,
    TensorType,
    broadcast_shapes,
    float_limits,
    numpy_dtype,
)
from nodeflow.ops import functions as F
from nodeflow.ops.base import register
from nodeflow.ops.composed import Composed
from nodeflow.ops.samples import values

WHOLE = {"float32": "complex64", "float64": "complex128"}
"""Float dtype -> complex dtype whose parts have it."""
PART = {whole: part for part, whole in WHOLE.items()}
CATEGORY = "Signal"


@register
class Complex(Op):
    """A complex number from its two parts."""

    id = "complex"
    category = CATEGORY
    everyday = False
    keywords = ("imaginary", "real", "cartesian", "complex64", "complex128")
    doc = (
        "The complex number real + imag j.\n\nShapes broadcast as in numpy. float32 gives "
        "complex64, float64 complex128. Complex numbers have no gradient yet."
    )
    inputs = (
        Port("real", "Real part.", tuple(WHOLE), "T"),
        Port("imag", "Imaginary part.", tuple(WHOLE), "T"),
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        shape = broadcast_shapes(*(t.shape for t in types))
        return TensorType(WHOLE[types[0].dtype], shape)

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        real, imag = np.broadcast_arrays(*arrays)
        made = np.empty(real.shape, WHOLE[real.dtype.name])
        made.real, made.imag = real, imag
        return made

    def samples(self) -> Iterator[Sample]:
        for dtype in WHOLE:
            yield Sample((values((2, 3), dtype), values((3,), dtype, start=5)))
        yield Sample((values((0, 3)), values((1, 1))))
        yield Sample((np.array([np.nan, np.inf, -0.0]), np.array([1.0, -0.0, -np.inf])))


class OfParts(Op):
    """The base class of functions of a number's parts. A real number has an imaginary part of 0."""

    category = CATEGORY
    everyday = False
    inputs = (Port("x", dtypes=(*WHOLE, *COMPLEX)),)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        return types[0].with_dtype(PART.get(types[0].dtype, types[0].dtype))

    function: Callable[[np.ndarray], np.ndarray]

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        x = arrays[0]
        return np.array(type(self).function(x), np.real(x).dtype)

    def samples(self) -> Iterator[Sample]:
        for dtype in (*WHOLE, *COMPLEX):
            yield Sample((values((2, 3), dtype),))
        yield Sample((values((0, 3), "complex64"),))
        yield Sample((values((1, 1), "complex128"),))
        odd = [complex(np.nan, 1), complex(-0.0, -0.0), complex(-1, 0), complex(-1, -0.0)]
        yield Sample((np.array(odd),))


@register
class Real(OfParts):
    """The real part."""

    id = "real"
    keywords = ("complex", "part")
    doc = "The real part of x.\n\nA real number is its own real part."
    function = np.real


@register
class Imag(OfParts):
    """The imaginary part."""

    id = "imag"
    keywords = ("complex", "part", "imaginary")
    doc = "The imaginary part of x.\n\nIt is 0 for real numbers."
    function = np.imag


@register
class Angle(OfParts):
    """The angle of a complex number."""

    id = "angle"
    keywords = ("complex", "phase", "argument", "arg", "polar")
    doc = (
        "The angle of x in the complex plane, from -pi to pi, in radians.\n\nFor real numbers 0, "
        "or pi where they are negative. For the distance from 0 use abs."
    )
    function = np.angle


@register
class Conj(Op):
    """The complex conjugate."""

    id = "conj"
    category = CATEGORY
    everyday = False
    keywords = ("complex", "conjugate", "adjoint")
    doc = (
        "The complex conjugate: x with the sign of its imaginary part changed.\n\nReal numbers do "
        "not change."
    )
    inputs = (Port("x", dtypes=(*WHOLE, *COMPLEX)),)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        return types[0].with_shape(types[0].shape)

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        return np.array(np.conj(arrays[0]))

    def samples(self) -> Iterator[Sample]:
        return REGISTRY.lookup("real").samples()  # type: ignore[return-value]


@register
class Bitcast(Op):
    """A tensor's bits, read as another dtype."""

    id = "bitcast"
    category = "Utility"
    everyday = False
    keywords = ("reinterpret", "view", "bits", "BitCast", "union")
    doc = (
        "The bits of x read as numbers of another dtype.\n\nA smaller dtype adds a last axis with "
        "the parts of each number, lowest bytes first. For a larger dtype, the last axis must "
        "hold the parts of one number, and disappears. To convert values, use cast. No gradient "
        "flows."
    )
    inputs = (Port("x", dtypes=(*REALS, *COMPLEX)),)
    attrs = (
        Attr(
            "type",
            "dtype",
            "int32",
            "The dtype of the result.",
            choices=tuple(d for d in (*REALS, *COMPLEX) if d != "bool"),
        ),
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x, dtype = types[0], attrs["type"]
        old, new = (numpy_dtype(d).itemsize for d in (x.dtype, dtype))
        if old == new or not x.has_rank:
            return TensorType(dtype, x.shape if old == new else UNKNOWN)
        if old > new:
            return TensorType(dtype, (*x.shape, old // new))
        if not x.shape or x.shape[-1] not in (None, new // old):
            raise ShapeError(
                f"{dtype} takes {new // old} {x.dtype} along the last axis",
                port="x",
                hint=f"Give it a shape that ends in {new // old}.",
            )
        return TensorType(dtype, x.shape[:-1])

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        x, dtype = arrays[0], numpy_dtype(attrs["type"])
        shape = self.infer(TensorType(x.dtype.name, x.shape), **attrs).shape
        return np.frombuffer(x.tobytes(), dtype).reshape(shape).copy()  # type: ignore[arg-type]

    widens = False

    def samples(self) -> Iterator[Sample]:
        for dtype in self.inputs[0].dtypes:
            size = numpy_dtype(dtype).itemsize
            yield Sample((values((2, 3), dtype),), {"type": f"uint{min(8 * size, 64)}"})
        for target in self.attrs[0].choices:
            ratio = numpy_dtype(target).itemsize
            last = (ratio,) if ratio > 1 else ()
            yield Sample((values((2, 3, *last), "uint8", 0, 100),), {"type": target})
        yield Sample((values((0, 3), "float32"),))
        yield Sample((values((1, 1), "float32"),))


@register
class SaturateCast(Composed):
    """A cast that clips to the range of the new dtype."""

    id = "saturate_cast"
    category = "Utility"
    everyday = False
    keywords = ("convert", "clip", "clamp", "overflow", "cast")
    doc = (
        "x as another dtype; values out of its range become its lowest or highest value.\n\ncast "
        "wraps integers instead, and turns large floats into infinities. NaN stays NaN in floats "
        "and becomes 0 in integers. Gradient: that of cast, and 0 out of range."
    )
    differentiable = True
    inputs = (Port("value", "Values to convert.", tuple(d for d in REALS if d != "bool")),)
    attrs = (
        Attr("dtype", "dtype", "float32", "The dtype to convert to.",
             choices=tuple(d for d in REALS if d != "bool")),
    )  # fmt: skip

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        return types[0].with_dtype(attrs["dtype"])

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        x, dtype = inputs[0], attrs["dtype"]
        low, high = max(_low(x.dtype), _low(dtype)), min(_high(x.dtype), _high(dtype))
        narrows = (low, high) != (_low(x.dtype), _high(x.dtype))
        if narrows and x.type.is_float == (dtype in FLOATS):  # cast clips floats to integers
            x = F.clip_by_value(x, min=low, max=high)
        return F.cast(x, dtype=dtype)

    def samples(self) -> Iterator[Sample]:
        wide = np.array([[-1e30, 300.0, -0.5], [70000.0, -200.0, 1e30]])
        for dtype in self.inputs[0].dtypes:
            with np.errstate(all="ignore"):
                yield Sample((np.nan_to_num(wide.astype(numpy_dtype(dtype))),), {"dtype": "int16"})
        for dtype in self.attrs[0].choices:
            yield Sample((wide.astype("float64"),), {"dtype": dtype})
            yield Sample((np.array([-300, 0, 70000]),), {"dtype": dtype})
        yield Sample((values((2, 3)),), {"dtype": "float64"}, smooth=True)
        yield Sample((values((0, 3)),))
        yield Sample((values((1, 1)),))


def _low(dtype: str) -> Any:
    return -_high(dtype) if dtype in FLOATS else int(np.iinfo(dtype).min)


def _high(dtype: str) -> Any:
    return float(float_limits(dtype).max) if dtype in FLOATS else int(np.iinfo(dtype).max)
