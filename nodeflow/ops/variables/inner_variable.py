"""A node for a variable or update inside a layer that a node outside the layer uses.

Gradients, averages or penalties of weights use such variables. In a graph they are ordinary
tensors. A file has one node for a layer and none for its derived nodes, so a save inserts this node
between the layer and the user of the variable or update.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nodeflow.errors import GraphError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Graph, Tensor
from nodeflow.graph.op import Expansion, Op
from nodeflow.graph.types import DTYPES, TensorType, shape_text
from nodeflow.ops.base import register
from nodeflow.ops.layers.sharing import layer_of

INSIDE = ("variable", "assign")
"""Ops that it may stand for."""


@register
class InnerVariable(Op):
    """A variable inside a layer."""

    id = "inner_variable"
    category = "Internal"
    hidden = True
    doc = (
        "A variable inside a layer, such as its kernel, or the update of one.\n\nConnected nodes "
        "use the variable itself: gradients, assigns, averages and penalties of weights. An "
        "update (`update_mean`) moves an average. An optimizer that waits for some updates moves "
        "only these."
    )
    macro = True
    transparent = True
    inputs = (Port("layer", "An output of the layer.", DTYPES),)
    attrs = (
        Attr("variable", "string", "kernel", "Name inside the layer."),
        Attr("dtype", "dtype", "float32", "Data type of the variable."),
        Attr("shape", "shape", (), "Sizes of the variable."),
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        return TensorType(attrs["dtype"], attrs["shape"])

    def expand(self, graph: Graph, name: str, inputs: Sequence[Tensor], **attrs: Any) -> Expansion:
        owner = layer_of(inputs[0])
        full = f"{owner.name}/{attrs['variable']}"
        if full not in graph or graph.node(full).op.id not in INSIDE:
            raise GraphError(
                f"{owner.name} has no variable {attrs['variable']!r}",
                port="variable",
                hint="Name one of its variables, or remove this node.",
            )
        variable = graph.tensor(full)
        if variable.type != TensorType(attrs["dtype"], attrs["shape"]):
            raise GraphError(
                f"{full} is {variable.type}, not {attrs['dtype']} {shape_text(attrs['shape'])}",
                port="shape",
                hint=f"Set the shape to {list(variable.shape)} and the dtype to {variable.dtype}.",
            )
        return Expansion(alias=(variable,))
