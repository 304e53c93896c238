"""Tensors from attributes or from the shape of another tensor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from nodeflow.errors import AttributeProblem
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.op import Sample
from nodeflow.graph.registry import REGISTRY
from nodeflow.graph.types import (
    DTYPES,
    FLOATS,
    TensorType,
    literal,
    normalize_axis,
    numpy_dtype,
    type_of_array,
)
from nodeflow.ops import functions as F
from nodeflow.ops import lowering
from nodeflow.ops.base import register
from nodeflow.ops.elementwise import Elementwise, define
from nodeflow.ops.inputs import full_shape, literal_at
from nodeflow.ops.runtime_attributes import (
    LATER,
    SIZES,
    RuntimeAttributes,
    check_rank,
    dims,
    has_later,
    shape_port,
)
from nodeflow.ops.samples import special, values


def literal_of(attrs: Mapping[str, Any]) -> np.ndarray:
    """Return the attributes `value` and `dtype` as an array."""
    return literal(attrs["value"], attrs["dtype"])


@register
class Fill(RuntimeAttributes):
    """A tensor filled with one value."""

    id = "fill"
    category = "Inputs"
    keywords = ("zeros", "ones", "constant")
    doc = (
        "A tensor of a given shape, filled with one value.\n\nA connected shape or value "
        "overrides the attribute; the result then has the value's dtype. Gradient: the sum, to "
        "the value."
    )
    differentiable = True
    runtime = ("shape", "value")
    inputs = (
        shape_port(),
        Port(
            "value",
            "Value of every element; overrides the attribute.",
            optional=True,
            gives=("dtype",),
        ),
    )
    attrs = (
        Attr("shape", "shape", (2, 3), "Sizes."),
        Attr("value", "literal", 0.0, "Value of every element."),
        Attr("dtype", "dtype", "float32", "Data type."),
    )

    def bound(self, types: Sequence[TensorType], attrs: Mapping[str, Any]) -> dict[str, Any]:
        found = super().bound(types[:1], attrs)
        if len(types) > 1:
            check_rank("value", types[1], 0)
            found |= {"value": types[1], "dtype": types[1].dtype}
        return found

    def infer_known(self, *types: TensorType, **attrs: Any) -> TensorType:
        value, shape = attrs["value"], attrs["shape"]
        wired = isinstance(value, TensorType)
        if not wired and literal_at("value", value, attrs["dtype"]).shape != ():
            raise AttributeProblem("fill takes one number", port="value", hint="Use constant.")
        return TensorType(attrs["dtype"], dims(shape) if has_later(shape) else full_shape(shape))

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        names = ("shape", "value")[: len(types)]
        known = () if len(types) > 1 else literal_at("value", attrs["value"], attrs["dtype"])
        parts = [lowering.Part("out", lowering.Elementwise("x", ("x",)), ("value",), outs[0])]
        if len(types) < 2:
            one = outs[0].with_shape(())
            parts.insert(0, lowering.Part("value", lowering.Known(np.asarray(known)), (), one))
        return lowering.Composite(names, parts, ("out",))

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        wired = {"shape": arrays[0]} if arrays else {}
        shape = self._found((), wired, attrs)["shape"] if wired else attrs["shape"]
        return np.full(shape, arrays[1] if len(arrays) > 1 else literal_of(attrs))

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        if len(node.inputs) < 2:
            return [None] * len(node.inputs)
        return None, F.reduce_sum(grads[0]) if node.inputs[1].type.is_float else None

    def samples(self) -> Iterator[Sample]:
        yield Sample((), {"shape": (2, 3), "value": 7})
        yield Sample((), {"shape": (0, 3), "value": 255, "dtype": "uint8"})
        yield Sample((), {"shape": (), "value": True, "dtype": "bool"})
        for dtype in SIZES:
            yield Sample((np.array([2, 3], dtype),), {"value": 2.5})
        yield Sample((np.array([2, 3], "int32"), values(())), smooth=True)
        for dtype in DTYPES:
            yield Sample((np.array([2], "int64"), values((), dtype)))
        yield Sample((np.array([0, 3], "int32"), values(())), smooth=True)
        yield Sample((np.array([1], "int32"),))


@register
class OneHot(RuntimeAttributes):
    """One-hot vectors."""

    id = "one_hot"
    category = "Shape"
    keywords = ("classes", "labels", "indicator")
    doc = (
        "Class numbers as vectors with on_value at the class and off_value elsewhere.\n\nThe new "
        "axis of size depth is at axis (default last). A number outside 0 to depth - 1 gives "
        "off_value everywhere."
    )
    runtime = ("depth",)
    inputs = (
        Port("indices", "Class numbers.", ("int32", "int64", "uint8")),
        shape_port("depth", "Number of classes; overrides the attribute."),
    )
    attrs = (
        Attr("depth", "int", 10, "Number of classes.", minimum=0),
        Attr("on_value", "literal", 1, "Value at the class."),
        Attr("off_value", "literal", 0, "Value elsewhere."),
        Attr("axis", "int", -1, "Position of the new axis."),
        Attr("dtype", "dtype", "float32", "Data type."),
    )

    def _values(self, attrs: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
        on, off, dtype = attrs["on_value"], attrs["off_value"], attrs["dtype"]
        if dtype == "bool":
            on, off = bool(on), bool(off)
        return literal_at("on_value", on, dtype), literal_at("off_value", off, dtype)

    def infer_known(self, *types: TensorType, **attrs: Any) -> TensorType:
        for name, value in zip(("on_value", "off_value"), self._values(attrs), strict=True):
            if value.shape != ():
                raise AttributeProblem(f"{name} must be one number", port=name)
        axis = normalize_axis(attrs["axis"], types[0].rank + 1)
        shape = list(types[0].shape)
        shape.insert(axis, None if attrs["depth"] is LATER else attrs["depth"])
        return TensorType(attrs["dtype"], tuple(shape))

    def lower_known(
        self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any
    ) -> Any:
        axis = normalize_axis(attrs["axis"], types[0].rank + 1)
        on, off = self._values(attrs)
        wide = types[0].with_dtype("int64")
        numbers = np.arange(attrs["depth"]).reshape((-1,) + (1,) * (types[0].rank - axis))
        shape = (*types[0].shape[:axis], 1, *types[0].shape[axis:])
        parts = [
            lowering.Part("wide", lowering.Elementwise("cast(x)", ("x",)), ("x",), wide),
            lowering.Part("index", lowering.Alias(), ("wide",), wide.with_shape(shape)),
            *(
                lowering.Part(name, lowering.Known(array), (), type_of_array(array))
                for name, array in (("class", numbers), ("on", on), ("off", off))
            ),
            lowering.Part(
                "hit",
                lowering.Elementwise("i == c", ("i", "c")),
                ("index", "class"),
                outs[0].with_dtype("bool"),
            ),
            lowering.Part(
                "out",
                lowering.Elementwise("where(h, a, b)", ("h", "a", "b")),
                ("hit", "on", "off"),
                outs[0],
            ),
        ]
        return lowering.Composite(("x",), parts, ("out",))

    def compute(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        on, off = self._values(attrs)
        axis = normalize_axis(attrs["axis"], arrays[0].ndim + 1)
        classes = np.arange(attrs["depth"]).reshape((-1,) + (1,) * (arrays[0].ndim - axis))
        return np.where(np.expand_dims(arrays[0], axis) == classes, on, off)

    def samples(self) -> Iterator[Sample]:
        yield Sample((np.array([0, 2, 1, 5, -1], "int32"),), {"depth": 3})
        yield Sample((values((2, 3), "int64", 0, 3),), {"depth": 4, "axis": 0, "dtype": "float64"})
        yield Sample((values((2, 3), "uint8", 0, 3),), {"depth": 4, "axis": 1, "dtype": "bool"})
        yield Sample((np.array(1, "int64"),), {"depth": 4, "on_value": 5, "dtype": "int32"})
        yield Sample((np.zeros(0, "int32"),), {"depth": 2, "off_value": -1.0})
        for dtype in SIZES:
            yield Sample((np.array([0, 2], "int32"), np.array(3, dtype)))


def saturating_cast(x: np.ndarray, dtype: str) -> np.ndarray:
    """Cast ``x`` to ``dtype``. From floats to integers it saturates, and NaN gives 0; integers
    wrap.
    """
    target = numpy_dtype(dtype)
    if dtype == "bool":
        return x != 0
    if x.dtype.kind == "c" and target.kind != "c":
        x = np.real(x)
    if x.dtype.kind != "f" or target.kind not in "iu":
        with np.errstate(all="ignore"):
            return x.astype(target)
    limits = np.iinfo(target)
    # Compare instead of clipping: float(limits.max) may round up to a number that is too large.
    above, below = x >= float(limits.max), x <= float(limits.min)
    inside = np.where(above | below | np.isnan(x), 0, x).astype(target)
    low, high = target.type(limits.min), target.type(limits.max)
    return np.where(above, high, np.where(below, low, inside))


class Cast(Elementwise):
    """An elementwise cast to the dtype of an attribute."""

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        return types[0].with_dtype(attrs["dtype"])

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        return saturating_cast(arrays[0], attrs["dtype"])

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        source = node.inputs[0]
        return (F.cast(grads[0], dtype=source.dtype) if source.type.is_float else None,)

    def samples(self) -> Iterator[Sample]:
        for source in DTYPES:
            for target in DTYPES:
                arrays = [values((2, 3), source, -300, 300), values((0, 3), source)]
                arrays.append(values((1, 1), source))
                if source in FLOATS:
                    wide = [-1e30, 1e30, 2.0**31, 2.0**63, -(2.0**31), 255.5, -0.5, 0.99]
                    with np.errstate(over="ignore"):
                        arrays += [special(source), np.array(wide).astype(source)]
                for array in arrays:
                    smooth = source == target == "float64" and array.ndim == 2
                    yield Sample((array,), {"dtype": target}, smooth=smooth)


REGISTRY.register(
    Cast(
        "cast",
        "x as another dtype.\n\nFloats to integers drop the fraction; values out of range become "
        "the smallest or largest integer, NaN becomes 0. Integers wrap. To bool: true where x is "
        "not 0. Of complex numbers the real part is taken.",
        lambda x, dtype: x,
        "cast(x)",
        dtypes=DTYPES,
        attrs=(Attr("dtype", "dtype", "float32", "The dtype of the result."),),
        gradient=lambda g, x, out, dtype: (g,),
        category="Utility",
        keywords=("convert", "dtype", "type", "float", "int"),
    )
)
define(
    "zeros_like",
    "Zeros in the shape and dtype of x.\n\nNo gradient flows.",
    np.zeros_like,
    "0",
    dtypes=DTYPES,
    gradient=lambda g, x, out: (None,),
    category="Inputs",
    keywords=("fill", "0"),
)
define(
    "ones_like",
    "Ones in the shape and dtype of x.\n\nNo gradient flows.",
    np.ones_like,
    "1",
    dtypes=DTYPES,
    gradient=lambda g, x, out: (None,),
    category="Inputs",
    keywords=("fill", "1"),
)
