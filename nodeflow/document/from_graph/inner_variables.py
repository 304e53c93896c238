"""Records for the variables of layers, and for the updates of these variables, that nodes outside
the layer use (op `inner_variable`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from nodeflow.document.analysis.training_settings import is_optimizer
from nodeflow.document.from_graph.flow_names import out_port
from nodeflow.document.model.names import FreeNames
from nodeflow.document.model.records import NodeRecord, Wire
from nodeflow.graph.graph import Node
from nodeflow.ops.training_mode import chosen_updates
from nodeflow.ops.variables.inner_variable import INSIDE

OP = "inner_variable"


def inner_variables(nodes: Iterable[Node], known: Collection[Node]) -> list[Node]:
    """Return the variables and updates that a layer in `known` created and one of `nodes` uses."""
    used = (n for node in nodes for n in (*(t.node for t in node.inputs), *awaited(node)))
    variables = dict.fromkeys(n for n in used if n.op.id in INSIDE and n not in known)
    variables = {v: None for v in variables if v.derived_from is not None}
    return [v for v in variables if (owner := owner_of(v)) in known and owner.outputs]


def awaited(node: Node) -> list[Node]:
    """Return the nodes that a node must wait for by the user's control dependencies."""
    if not is_optimizer(node.op.id):
        return list(node.control_inputs)
    own = (n for n in node.control_inputs if n.derived_from is None or n.op.id != "assign")
    return [*own, *chosen_updates(node)]


def owner_of(variable: Node) -> Node:
    """Return the node that derived a variable."""
    assert variable.derived_from is not None
    return variable.graph.node(variable.derived_from)


def inner_record(variable: Node, node_id: str, names: Iterable[str]) -> NodeRecord:
    """Return the record that stands for a layer's variable, named `h_kernel` for `h/kernel`.

    Args:
        names: taken names.
    """
    name = FreeNames().fresh(variable.name.replace("/", "_"), set(names))
    type_ = variable.outputs[0].type
    inside = variable.name.removeprefix(f"{owner_of(variable).name}/")
    attrs = {"variable": inside, "dtype": type_.dtype, "shape": list(type_.shape)}
    return NodeRecord(node_id, OP, name, attrs)


def inner_wire(variable: Node, node_id: str, end: Callable[[Node, str], tuple[str, str]]) -> Wire:
    """Return the wire from a layer to the record that stands for its variable."""
    owner = owner_of(variable)
    return Wire(*end(owner, out_port(owner, 0)), node_id, "layer")
