"""Records that stand for variables of layers, where nodes outside use them (`inner_variable`)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from nodeflow.document.build.flow_names import out_port
from nodeflow.document.model.names import FreeNames
from nodeflow.document.model.records import NodeRecord, Wire
from nodeflow.graph.graph import Node

OP = "inner_variable"


def inner_variables(nodes: Iterable[Node], known: Collection[Node]) -> list[Node]:
    """Returns the variables that the nodes use and that a known node with outputs derived."""
    used = (tensor.node for node in nodes for tensor in node.inputs)
    variables = dict.fromkeys(n for n in used if n.op.id == "variable" and n not in known)
    return [v for v in variables if (owner := owner_of(v)) in known and owner.outputs]


def owner_of(variable: Node) -> Node:
    """The node that derived a variable."""
    assert variable.derived_from is not None
    return variable.graph.node(variable.derived_from)


def inner_record(variable: Node, node_id: str, names: Iterable[str]) -> NodeRecord:
    """Returns the record that stands for a variable: `h_kernel` for `h/kernel`.

    Args:
        names: those that are taken.
    """
    name = FreeNames().fresh(variable.name.replace("/", "_"), set(names))
    type_ = variable.outputs[0].type
    inside = variable.name.removeprefix(f"{owner_of(variable).name}/")
    attrs = {"variable": inside, "dtype": type_.dtype, "shape": list(type_.shape)}
    return NodeRecord(node_id, OP, name, attrs)


def inner_wire(variable: Node, node_id: str, end: Callable[[Node, str], tuple[str, str]]) -> Wire:
    """Returns the wire from the layer to the record of its variable."""
    owner = owner_of(variable)
    return Wire(*end(owner, out_port(owner, 0)), node_id, "layer")
