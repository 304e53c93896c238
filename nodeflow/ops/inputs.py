"""Inputs of a graph: constants, placeholders and variables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from nodeflow.errors import (
    AttributeProblem,
    DtypeError,
    MissingFeed,
    NodeflowError,
    ShapeError,
)
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.inference.constant_propagation import known_value
from nodeflow.graph.op import Op, Sample
from nodeflow.graph.registry import REGISTRY
from nodeflow.graph.shapes import UNKNOWN
from nodeflow.graph.types import (
    Shape,
    TensorType,
    compatible,
    literal,
    shape_text,
)
from nodeflow.ops.base import register
from nodeflow.ops.samples import values


def literal_at(port: str, value: Any, dtype: str) -> np.ndarray:
    """Return a literal as an array (``types.literal``); an error names the attribute."""
    try:
        return literal(value, dtype)
    except NodeflowError as error:
        raise error.at(None, port) from None


@register
class Constant(Op):
    """A value that never changes."""

    id = "constant"
    category = "Inputs"
    keywords = ("number", "literal", "value", "array")
    doc = (
        "A value that never changes.\n\nA number, or nested lists of numbers, of the chosen "
        "dtype. It must be exact in that dtype: 5.5 is no int32."
    )
    attrs = (
        Attr("value", "literal", 0.0, "The number, or nested lists of numbers."),
        Attr("dtype", "dtype", "float32", "Data type."),
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        array = literal_at("value", **attrs_of(attrs))
        return TensorType(attrs["dtype"], array.shape, known_value(array))

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        return literal(attrs["value"], attrs["dtype"]).copy()

    def samples(self) -> Iterator[Sample]:
        yield Sample((), {"value": 2.5, "dtype": "float32"})
        yield Sample((), {"value": [[1, 2, 3], [4, 5, 6]], "dtype": "int32"})
        yield Sample((), {"value": [True, False], "dtype": "bool"})
        yield Sample((), {"value": [], "dtype": "float64"})
        yield Sample((), {"value": ["NaN", "-Infinity", -0.0], "dtype": "float32"})
        yield Sample((), {"value": values((2, 3), "uint8", 0, 200), "dtype": "uint8"})


def attrs_of(attrs: Mapping[str, Any]) -> dict[str, Any]:
    """Return only the attributes ``value`` and ``dtype``."""
    return {"value": attrs["value"], "dtype": attrs["dtype"]}


@register
class Placeholder(Op):
    """A value that is fed in a run."""

    id = "placeholder"
    category = "Inputs"
    keywords = ("feed", "input", "data")
    doc = (
        "A value that is fed when the graph runs.\n\nIts shape may have unknown sizes; without a "
        "shape any value fits. If nothing is fed, the sample is used. Without a sample, the run "
        "ends with an error that says how to feed a value."
    )
    stateful = True
    attrs = (
        Attr("dtype", "dtype", "float32", "Data type."),
        Attr("shape", "shape", None, "Sizes; none: any shape.", optional=True),
        Attr("sample", "literal", None, "Value used if nothing is fed.", optional=True),
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        shape = UNKNOWN if attrs["shape"] is None else checked_shape(attrs["shape"])
        if attrs["sample"] is not None:
            found = literal_at("sample", attrs["sample"], attrs["dtype"]).shape
            if not compatible(shape, found):
                raise ShapeError(
                    f"the sample has shape {shape_text(found)}, not {shape_text(shape)}",
                    port="sample",
                    hint="Change the sample or the shape.",
                )
        return TensorType(attrs["dtype"], shape)

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        """Return the placeholder's sample value, which is used if no value is fed.

        Raises:
            MissingFeed: there is no sample.
        """
        if attrs["sample"] is None:
            type_ = self.infer(**attrs)
            raise MissingFeed(f"this placeholder needs a value of {type_}")
        return literal(attrs["sample"], attrs["dtype"]).copy()

    def samples(self) -> Iterator[Sample]:
        sample = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
        yield Sample((), {"dtype": "float32", "shape": (None, 3), "sample": sample})
        yield Sample((), {"dtype": "int64", "shape": (), "sample": 7})
        yield Sample((), {"dtype": "float32", "sample": sample})


def checked_shape(shape: Shape, port: str = "shape") -> Shape:
    """Return the shape unchanged, after checking its sizes.

    Raises:
        ShapeError: a size is negative.
    """
    if any(d is not None and d < 0 for d in shape):
        raise ShapeError(
            f"{shape_text(shape)} has a negative size",
            port=port,
            hint="Use sizes of 0 or more.",
        )
    return shape


def full_shape(shape: Shape, port: str = "shape") -> tuple[int, ...]:
    """Return a shape after checking that all sizes are known.

    Raises:
        ShapeError: a size is negative or unknown.
    """
    known = tuple(d for d in checked_shape(shape, port) if d is not None)
    if len(known) < len(shape):
        raise ShapeError(
            f"{shape_text(shape)} has an unknown size", port=port, hint="Give every size."
        )
    return known


@register
class Variable(Op):
    """A value that is kept between runs."""

    id = "variable"
    category = "Inputs"
    keywords = ("weights", "parameter", "state", "trainable")
    doc = (
        "A value that is kept between runs and changed by assign and by optimizers.\n\nIt starts "
        "with `value` (broadcast to `shape`), with numbers from `initializer`, or with the tensor "
        "connected to `initial`, which overrides both. Every read in a run returns the value from "
        "before the run, unless a control dependency orders it after an assign. No gradient flows "
        "to its initial value."
    )
    stateful = True
    random = True
    differentiable = True
    inputs = (
        Port(
            "initial", "Initial value; overrides the attributes.", optional=True,
            gives=("value", "initializer", "seed"),
        ),
    )  # fmt: skip
    attrs = (
        Attr(
            "value",
            "literal",
            0.0,
            "Initial value, broadcast to the shape.",
            label="Initial value",
        ),
        Attr("dtype", "dtype", "float32", "Data type."),
        Attr("shape", "shape", None, "Sizes; none: the sizes of the value.", optional=True),
        Attr("initializer", "initializer", None, "Initializer of the value.", optional=True),
        Attr("trainable", "bool", True, "Whether optimizers change it.", advanced=True),
        Attr(
            "seed",
            "int",
            None,
            "Own seed of the initializer: variables with the same seed and shape start with the "
            "same numbers; none: same as training.",
            optional=True,
            advanced=True,
        ),
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        shape, dtype = attrs["shape"], attrs["dtype"]
        if shape is not None:
            full_shape(shape)
        if types:
            return self._from_initial(types[0], shape, dtype)
        if attrs["initializer"] is not None:
            if shape is None:
                raise AttributeProblem(
                    "an initializer needs a shape", port="shape", hint="Give every size."
                )
            bind_initializer(attrs["initializer"], shape, dtype)
            return TensorType(dtype, shape)
        found = literal_at("value", attrs["value"], dtype).shape
        if shape is not None and not _fills(found, shape):
            raise ShapeError(
                f"a value of shape {shape_text(found)} does not fill {shape_text(shape)}",
                port="value",
                hint="Change the value or the shape.",
            )
        return TensorType(dtype, found if shape is None else shape)

    def _from_initial(self, initial: TensorType, shape: Shape | None, dtype: str) -> TensorType:
        if initial.dtype != dtype:
            raise DtypeError(
                f"the variable is {dtype} but its initial value is {initial.dtype}",
                port="initial",
                hint=f"Set dtype to {initial.dtype}, or insert a Cast to {dtype}.",
            )
        if shape is not None and not compatible(shape, initial.shape):
            raise ShapeError(
                f"the initial value has shape {shape_text(initial.shape)}, not {shape_text(shape)}",
                port="initial",
            )
        return TensorType(dtype, shape or full_shape(initial.shape, "initial"))

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        """Return the initial value of the variable. ``stream`` has the random numbers for an
        initializer.
        """
        dtype, shape = attrs["dtype"], attrs["shape"]
        if arrays:
            return arrays[0].copy()
        if attrs["initializer"] is not None:
            op, bound = bind_initializer(attrs["initializer"], shape, dtype)
            stream = {"stream": attrs["stream"]} if op.random else {}
            return op.reference(**bound, **stream)
        value = literal(attrs["value"], dtype)
        return np.broadcast_to(value, value.shape if shape is None else shape).copy()

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        return [None] * len(node.inputs)

    def samples(self) -> Iterator[Sample]:
        yield Sample((), {"value": [1.0, 2.0], "trainable": False})
        yield Sample((), {"value": 3, "dtype": "int64", "shape": (2, 3)})
        yield Sample((values((2, 3), "float32"),))
        drawn = {"op": "random_normal", "stddev": 0.03}
        yield Sample((), {"initializer": drawn, "shape": (4, 3), "dtype": "float64"})


def _fills(found: Shape, shape: Shape) -> bool:
    """Return whether a value broadcasts to exactly this shape."""
    lead = len(shape) - len(found)
    return lead >= 0 and all(f in (1, d) for f, d in zip(found, shape[lead:], strict=True))


def bind_initializer(
    initializer: Mapping[str, Any], shape: Shape, dtype: str
) -> tuple[Op, dict[str, Any]]:
    """Return the op that an initializer names and its complete attributes.

    Raises:
        AttributeProblem: there is no such op, or it does not fill the given shape.
    """
    try:
        op = REGISTRY.lookup(initializer["op"])
        needs = {a.name for a in op.attrs}
        fills = all(p.optional for p in op.inputs) and {"shape", "dtype"} <= needs
        if not fills or op.stateful:
            known = [o.id for o in REGISTRY if o.category == "Random"]
            raise AttributeProblem(
                f"{op.id} is not an initializer", hint=f"Use {', '.join(known)}."
            )
        given = {k: v for k, v in initializer.items() if k != "op"}
        bound = op.bind_attrs({**given, "shape": shape, "dtype": dtype})
        op.infer(**bound)
    except NodeflowError as error:
        error.port = "initializer"
        raise
    return op, bound
