"""How nodes outside of a layer use the variables that it has derived."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_READERS = "readers of layers' variables"


def read_by_node(graph: Any, tensor: Any) -> Any:
    """A tensor itself; a variable inside of a layer by way of a node, which a file can keep."""
    if tensor.node.op.id != "variable" or tensor.node.derived_from is None:
        return tensor
    owner = graph.node(tensor.node.derived_from)
    if owner.op.category != "Layers":
        return tensor
    readers = graph.collections.setdefault(_READERS, [])
    for variable, reader in readers:
        if variable is tensor and reader.node.name in graph:
            return reader
    inside = tensor.name.removeprefix(f"{owner.name}/")
    with graph.name_scope(None):
        made = graph.apply(
            "layers/variable", owner.outputs[0], variable=inside, shape=tensor.type.shape,
            dtype=tensor.dtype, name=f"{owner.name}_{inside.replace('/', '_')}",
        )  # fmt: skip
    readers.append((tensor, made))
    return made


def values_read(node: Any) -> Sequence[Any]:
    """The inputs whose values a node reads: not those that only say which node is meant."""
    if not any(port.by_node for port in node.op.inputs):
        return node.inputs
    return [t for i, t in enumerate(node.inputs) if not node.op.input_port(i).by_node]
