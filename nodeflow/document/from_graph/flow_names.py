"""Names that a document gives to the ports of a loop or branch written in Python."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from nodeflow.document.analysis.subgraphs.loops_and_branches import AGAIN, COND, KINDS, PRED
from nodeflow.document.analysis.subgraphs.subgraph_interface import is_port_name
from nodeflow.document.model.names import FreeNames
from nodeflow.graph.declaration import NodeDeclaration
from nodeflow.ops.control_flow.scan_body import Body, parse


class Names(NamedTuple):
    """The names of the ports of a loop or branch, in the order of its op."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def is_flow_node(node: Any) -> bool:
    """Return whether a node is a loop or branch with a body that a user wrote."""
    return node.op.id in KINDS and bool(_main(node).names)


def _main(node: Any) -> Body:
    return parse(node.attrs["true_body" if node.op.id == COND else "body"])


def port_names(node: Any) -> Names:
    """Return the names of the ports of a loop or branch."""
    body, free, taken = _main(node), FreeNames(), {PRED, AGAIN}

    def name(wanted: str) -> str:
        wanted = re.sub(r"[^A-Za-z0-9_]", "_", wanted.rpartition("/")[2])[:80]
        found = free.fresh(wanted if is_port_name(wanted) else f"_{wanted}", taken)
        taken.add(found)
        return found

    inputs = [name(wanted) for wanted in body.names]
    if node.op.id == COND:
        outputs = [name(_source(body, end)) for end in body.outputs]
        return Names((PRED, *inputs), tuple(outputs))
    count = node.attrs["carried"]
    results = [name(_source(body, end, count)) for end in body.outputs[count:]]
    return Names(tuple(inputs), (*inputs[:count], *results))


def _source(body: Body, end: tuple[int, int], carried: int = 0) -> str:
    """Return a name for an output of a body, taken from the node or input that provides its
    value.
    """
    index, port = end
    if index < 0:
        return f"all_{body.names[port]}" if port < carried else f"{body.names[port]}_out"
    return body.nodes[index].name or "out"


def in_port(node: Any, index: int) -> str:
    """Return the name that a node's input has in a document."""
    op: NodeDeclaration = node.op
    return port_names(node).inputs[index] if is_flow_node(node) else op.input_name(index)


def out_port(node: Any, index: int) -> str:
    """Return the name that a node's output has in a document."""
    op: NodeDeclaration = node.op
    return port_names(node).outputs[index] if is_flow_node(node) else op.output_name(index)
