"""Initial values stored in a file beside the graph, such as the weights of an opened model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from nodeflow.errors import RunError
from nodeflow.graph.declaration import Attr
from nodeflow.graph.graph import Node
from nodeflow.graph.op import Op, Sample
from nodeflow.graph.types import TensorType, numpy_dtype, shape_text, type_of_array
from nodeflow.ops.base import register
from nodeflow.ops.distributions.normal_uniform import SHAPE
from nodeflow.ops.inputs import full_shape

STORED = "stored"


@register
class Stored(Op):
    """Initial values from a file."""

    id = STORED
    category = "Internal"
    hidden = True
    doc = (
        "The initial value stored in a file of the graph, such as the weights of an opened "
        "model.\n\nVariables start with it; any other node reads zeros."
    )
    attrs = (SHAPE, Attr("dtype", "dtype", "float32", "Data type."))

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        return TensorType(attrs["dtype"], full_shape(attrs["shape"]))

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        return np.zeros(attrs["shape"], numpy_dtype(attrs["dtype"]))

    def samples(self) -> Iterator[Sample]:
        yield Sample((), {"shape": (2, 3)})
        yield Sample((), {"shape": (0, 3), "dtype": "bool"})
        yield Sample((), {"shape": (), "dtype": "int64"})


def is_stored(variable: Node) -> bool:
    """Return whether a variable gets its initial value from the values that are stored with the
    graph (`Graph.stored`).
    """
    initializer = None if variable.inputs else variable.attrs["initializer"]
    return initializer is not None and initializer.get("op") == STORED


def stored_value(variable: Node) -> np.ndarray:
    """Return the initial value of a variable that the file of initial values holds.

    Raises:
        RunError: the file has no value for it, or one of another type.
        NodeflowError: the file cannot be read.
    """
    found = variable.graph.stored.get(variable.stream)
    wanted = variable.outputs[0].type
    if found is None:
        raise RunError(
            "there is no stored initial value for this variable",
            node=variable.name,
            hint="A copy has none: choose another initializer, or copy the value.",
        )
    there = type_of_array(found).with_value(None)
    if there != wanted:
        raise RunError(
            f"its stored initial value is {there.dtype} {shape_text(there.shape)}, but the "
            f"variable is {wanted.dtype} {shape_text(wanted.shape)}",
            node=variable.name,
            hint="Set the value's dtype and shape, or choose another initializer.",
        )
    return np.asarray(found)
