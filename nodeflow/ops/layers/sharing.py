"""A layer that uses the variables of another one.

A file stores a layer as one node, whose variables are derived. A sharing node is connected to the
layer's output, but does not read its value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nodeflow.errors import AttributeProblem, GraphError, ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.registry import REGISTRY
from nodeflow.graph.types import DTYPES, TensorType, shape_text
from nodeflow.ops.base import register
from nodeflow.ops.composed import Composed
from nodeflow.ops.layers.blocks import Block
from nodeflow.ops.layers.layer import Layer, sharing

OWNER = Port("owner", "An output of the layer whose variables are used.", DTYPES, by_node=True)


def owner_of(tensor: Tensor) -> Node:
    """Return the layer that owns the variables: the layer of a tensor, or the one it shares with.

    Raises:
        GraphError: the tensor is no layer's output.
    """
    node = tensor.node
    while node.op.id == Shared.id:
        node = node.inputs[0].node
    if not node.op.variables(dict(node.attrs)):
        raise GraphError(
            f"{node.name} has no variables inside: it is a {node.op.short_id}",
            port="owner",
            hint="Connect the output of a layer.",
        )
    return node


def inside_of(owner: Node) -> dict[str, Tensor]:
    """Return the variables of a layer by their names in it."""
    full = {name: f"{owner.name}/{name}" for name in owner.op.variables(dict(owner.attrs))}
    return {name: owner.graph.tensor(n) for name, n in full.items() if n in owner.graph}


@register
class Shared(Composed):
    """A layer with the variables of another one."""

    id = "layers/shared"
    category = "Internal"
    hidden = True
    random = True
    doc = (
        "A layer that uses the variables of another layer.\n\nThe owner is an output of that "
        "layer. `layer` and `settings` are the op and its attributes. In Python such a node is "
        "added by calling a layer again with reuse, or a layer object a second time."
    )
    inputs = (OWNER, Port("values", "Inputs of the layer.", DTYPES, variadic=True))
    outputs = (Port("outs", "Outputs of the layer.", variadic=True),)
    attrs = (
        Attr("layer", "string", "layers/dense", "Op of the layer."),
        Attr("settings", "json", None, "Its attributes.", optional=True),
    )
    shown_attrs = ("layer",)

    def infer(self, *types: TensorType, **attrs: Any) -> Sequence[TensorType]:
        op, bound = _layer(attrs)
        result = op.infer(*types[1:], **bound)
        return (result,) if isinstance(result, TensorType) else tuple(result)

    def check_inputs(self, inputs: Sequence[Tensor]) -> None:
        """Raise GraphError unless the first input is a layer's output."""
        owner_of(inputs[0])

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor | Sequence[Tensor]:
        op, bound = _layer(attrs)
        owner = owner_of(inputs[0])
        given = inside_of(owner)
        types = [t.type for t in inputs[1:]]
        wanted = {} if isinstance(op, Block) else op.weights(*types, **bound)
        for name, (shape, _) in wanted.items():
            found = given.get(name)
            if found is None or found.shape != shape:
                has = "no" if found is None else f"one of {shape_text(found.shape)}"
                raise ShapeError(
                    f"it needs a {name} of {shape_text(shape)}, but the layer that it shares with "
                    f"has {has}",
                    port="owner",
                    hint="Give both the same settings and inputs of the same size.",
                )
        with sharing(owner, given):
            return op.compose(*inputs[1:], **bound)


def _layer(attrs: Mapping[str, Any]) -> tuple[Layer, dict[str, Any]]:
    op = REGISTRY.lookup(attrs["layer"])
    if not isinstance(op, Layer) or not op.can_share:
        raise AttributeProblem(
            f"{op.short_id} cannot share its variables", port="layer", hint="Make it once."
        )
    return op, op.bind_attrs(attrs["settings"] or {})
