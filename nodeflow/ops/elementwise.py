"""Elementwise ops: one declaration each.

``expression`` is the scalar formula that the compiled tier inlines into fused loops; its names are
the ports, and the functions of ``nodeflow.engine.mathlib``. ``gradient`` reads as its formula: it
gets the gradient of the output, the inputs, and the output.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.op import Attr, Op, Port
from nodeflow.graph.registry import REGISTRY
from nodeflow.graph.types import (
    FLOATS,
    NUMBERS,
    TensorType,
    broadcast_shapes,
    numpy_dtype,
)
from nodeflow.ops.lowering import Elementwise as ElementwiseLowering


class Elementwise(Op):
    """An op that computes each element of its output from the same element of its inputs."""

    def __init__(
        self,
        op_id: str,
        doc: str,
        reference: Callable[..., Any],
        expression: str,
        *,
        names: str = "x",
        dtypes: tuple[str, ...] = NUMBERS,
        result: str | None = None,
        gradient: Callable[..., Sequence[Tensor | None]] | None = None,
        attrs: tuple[Attr, ...] = (),
        category: str = "Math",
        keywords: tuple[str, ...] = (),
    ) -> None:
        self.id = op_id
        self.doc = doc
        self.category = category
        self.keywords = keywords
        self.inputs = tuple(Port(n, dtypes=dtypes, group="T") for n in names.split())
        self.attrs = attrs
        self.broadcasts = len(self.inputs) > 1
        self.differentiable = gradient is not None
        self.expression = expression
        self._reference = reference
        self._result = result
        self._gradient = gradient

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        shape = broadcast_shapes(*(t.shape for t in types))
        return TensorType(self._result or types[0].dtype, shape)

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        dtype = numpy_dtype(self._result or str(arrays[0].dtype))
        with np.errstate(all="ignore"):
            return np.asarray(self._reference(*arrays, **attrs)).astype(dtype, copy=False)

    def gradient(self, node: Node, *grads: Tensor | None) -> Sequence[Tensor | None]:
        assert self._gradient is not None
        return self._gradient(grads[0], *node.inputs, node.outputs[0], **node.attrs)

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        return ElementwiseLowering(self.expression, tuple(p.name for p in self.inputs), attrs)


def define(*args: Any, **kwargs: Any) -> Elementwise:
    """Declare and register an elementwise op."""
    op = Elementwise(*args, **kwargs)
    REGISTRY.register(op)
    return op


define(
    "add",
    "The sum x + y.",
    np.add,
    "x + y",
    names="x y",
    gradient=lambda g, x, y, out: (g, g),
    keywords=("plus", "+", "sum"),
)
define(
    "multiply",
    "The product x * y.",
    np.multiply,
    "x * y",
    names="x y",
    gradient=lambda g, x, y, out: (g * y, g * x),
    keywords=("times", "*", "product"),
)
define(
    "exp",
    "e to the power x.",
    np.exp,
    "exp(x)",
    dtypes=FLOATS,
    gradient=lambda g, x, out: (g * out,),
)
