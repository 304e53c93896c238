"""Layers that use the variables of another layer.

A file stores a layer as one node, whose variables are derived. A layer that shares names its owner
in the field `share`. In a graph it is a node of another op (`SharedLayer`), which is connected to
the owner's output, but does not read its value.
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
from nodeflow.ops.layers.layer import Layer, shared_op, sharing

OWNER = Port("owner", "An output of the layer whose variables are used.", DTYPES, by_node=True)


def owner_of(tensor: Tensor) -> Node:
    """Return the layer node that owns the variables of a layer's output. If the layer shares, it is
    the layer that it shares with.

    Raises:
        GraphError: no layer with variables computes the tensor.
    """
    node = layer_of(tensor)
    if not node.op.variables(dict(node.attrs)):
        raise GraphError(
            f"{node.name} has no variables inside: it is a {node.op.short_id}",
            port="owner",
            hint="Connect the output of a layer.",
        )
    return node


def layer_of(tensor: Tensor) -> Node:
    """Return the layer node that owns the variables of a layer's output. If the layer shares, it is
    the layer that it shares with.
    """
    node = tensor.node
    while isinstance(node.op, (Shared, SharedLayer)):
        node = node.inputs[0].node
    return node


def inside_of(owner: Node) -> dict[str, Tensor]:
    """Return the variables of a layer by their names within the layer."""
    full = {name: f"{owner.name}/{name}" for name in owner.op.variables(dict(owner.attrs))}
    return {name: owner.graph.tensor(n) for name, n in full.items() if n in owner.graph}


def check_weights(owner: Node, op: Layer, types: Sequence[TensorType], attrs: Any) -> None:
    """Raise ShapeError unless the owner has all variables that a layer needs for these inputs, in
    the same shapes.

    For a block do nothing, because each of its inner layers is checked by itself.
    """
    if isinstance(op, Block):
        return
    dtype, given = op.weight_dtype(*types, **attrs), inside_of(owner)
    for name, (shape, _) in op.weights(*types, **attrs).items():
        found, wanted = given.get(name), TensorType(dtype, shape)
        if found is None:
            text = f"it needs a {name}, but `{owner.name}`, whose weights it shares, has none"
        elif found.type != wanted:
            text = (
                f"it needs a {name} {_type_text(wanted)}, but `{owner.name}`, whose weights it "
                f"shares, has one {_type_text(found.type)}"
            )
        else:
            continue
        raise ShapeError(
            text, port="owner", hint="Give both the same settings and inputs of the same size."
        )


def _type_text(type_: TensorType) -> str:
    return f"of {type_.dtype} {shape_text(type_.shape)}"


@register
class Shared(Composed):
    """A layer that uses the variables of another layer."""

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
        """Raise GraphError unless the first input is the output of a layer, whose variables can be
        shared.
        """
        owner_of(inputs[0])

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor | Sequence[Tensor]:
        op, bound = _layer(attrs)
        return compose_shared(op, inputs, bound)


class SharedLayer(Composed):
    """A layer of one kind that uses the variables of another layer of this kind.

    Its ports and attributes are the layer's, after a first in-port for the owner. No list of ops
    contains it: a document has the layer itself, with the field `share`.
    """

    category = "Internal"
    hidden = True
    random = True

    def __init__(self, layer: Layer) -> None:
        self.layer = layer
        self.id = shared_op(layer.id)
        self.version = layer.version
        self.doc = f"{layer.title} with the variables of another layer."
        self.inputs = (OWNER, *layer.inputs)
        self.outputs = layer.outputs
        self.attrs = layer.attrs
        self.explicit = layer.explicit
        self.shown_attrs = layer.shown_attrs

    def bind_attrs(self, given: Mapping[str, Any]) -> dict[str, Any]:
        return self.layer.bind_attrs(given)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType | Sequence[TensorType]:
        return self.layer.infer(*types[1:], **attrs)

    def check_inputs(self, inputs: Sequence[Tensor]) -> None:
        """Raise GraphError unless the first input is the output of a layer of the same type as this
        one, whose variables it shares.
        """
        owner = owner_of(inputs[0])
        if owner.op is not self.layer:
            raise GraphError(
                f"it is a {self.layer.short_id}, and `{owner.name}`, whose weights it shares, is "
                f"a {owner.op.short_id}",
                port="owner",
                hint="Share with a layer of the same kind.",
            )

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor | Sequence[Tensor]:
        return compose_shared(self.layer, inputs, attrs)


def compose_shared(
    op: Layer, inputs: Sequence[Tensor], attrs: Mapping[str, Any]
) -> Tensor | Sequence[Tensor]:
    """Build a layer that uses the variables of another layer, and return its output.

    Args:
        inputs: an output of the other layer, then the inputs of the new layer.
    """
    owner = owner_of(inputs[0])
    check_weights(owner, op, [t.type for t in inputs[1:]], attrs)
    with sharing(owner, inside_of(owner)):
        return op.compose(*inputs[1:], **attrs)


def can_share(op_id: str) -> bool:
    """Return whether an op is a layer that can use the variables of another one."""
    op = REGISTRY.lookup(op_id) if op_id in REGISTRY else None
    return isinstance(op, Layer) and op.can_share


def _layer(attrs: Mapping[str, Any]) -> tuple[Layer, dict[str, Any]]:
    op = REGISTRY.lookup(attrs["layer"])
    if not isinstance(op, Layer) or not op.can_share:
        raise AttributeProblem(
            f"{op.short_id} cannot share its variables", port="layer", hint="Make it once."
        )
    return op, op.bind_attrs(attrs["settings"] or {})


def register_shared_layers() -> None:
    """Register the `SharedLayer` of each layer that can share."""
    for op in REGISTRY:
        if isinstance(op, Layer) and op.can_share:
            REGISTRY.register_unlisted(SharedLayer(op))
