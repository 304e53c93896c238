"""Ops that have effects, or that only order nodes or pass values on: assign, group, identity."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nodeflow.errors import GraphError, ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.op import Op, Sample
from nodeflow.graph.types import DTYPES, TensorType, compatible, shape_text
from nodeflow.ops.base import register
from nodeflow.ops.composed import resolve
from nodeflow.ops.elementwise import define
from nodeflow.ops.samples import values

define(
    "identity",
    "x itself, under its own name.",
    lambda x: x.copy(),
    "x",
    dtypes=DTYPES,
    gradient=lambda g, x, out: (g,),
    category="Utility",
    keywords=("pass", "name", "copy"),
)
define(
    "stop_gradient",
    "x itself, but no gradient flows back through it.\n\nFor optimizers, everything before it is "
    "constant.",
    lambda x: x.copy(),
    "x",
    dtypes=DTYPES,
    gradient=lambda g, x, out: (None,),
    category="Training",
    keywords=("constant", "detach", "freeze"),
)


@register
class Assign(Op):
    """The assignment of a value to a variable."""

    id = "assign"
    category = "Training"
    keywords = ("store", "set", "update", "variable")
    doc = (
        "Stores a value in a variable; the output is the new value.\n\nOther nodes of the same "
        "run still read the previous value, unless they use the output or depend on the assign. "
        "With each_step, an optimizer runs it in each step if its loss or schedule depends on the "
        "variable; moving averages and counters use this. An assign with update is part of an "
        "optimizer's step, so a run that executes it trains."
    )
    stateful = True
    differentiable = True
    inputs = (
        Port("variable", "Output of a variable.", DTYPES, "T"),
        Port("value", "New value; same shape.", DTYPES, "T"),
    )
    attrs = (
        Attr("each_step", "bool", False, "Run it in each training step."),
        Attr("update", "bool", False, "A run that executes it trains, as with an optimizer."),
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        variable, value = types
        if not compatible(variable.shape, value.shape):
            raise ShapeError(
                f"the variable has shape {shape_text(variable.shape)}, the value "
                f"{shape_text(value.shape)}",
                port="value",
                hint="They must be equal; nothing is broadcast.",
            )
        return variable

    def check_inputs(self, inputs: Sequence[Tensor]) -> None:
        """Raise GraphError unless the first input is a variable's output."""
        source = resolve(inputs[0]).node
        if source.op.id != "variable":
            raise GraphError(
                f"assign needs a variable, but {source.name} is a {source.op.id}",
                port="variable",
                hint="Connect the output of a variable to it.",
            )

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        return arrays[1].copy()

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        return None, grads[0]


@register
class Group(Op):
    """A node that runs several nodes."""

    id = "group"
    category = "Utility"
    keywords = ("together", "run", "no op", "control")
    doc = "Runs everything connected to it, and computes nothing.\n\nFetch it to run its inputs."
    stateful = True
    inputs = (Port("values", "Nodes to run.", DTYPES, variadic=True),)
    outputs = ()

    def infer(self, *types: TensorType, **attrs: Any) -> Sequence[TensorType]:
        return ()

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> tuple[()]:
        return ()

    def samples(self) -> Iterator[Sample]:
        yield Sample((values((2, 3)), values((4,), "int32")))
        yield Sample(())
