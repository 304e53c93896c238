"""What a subgraph's instance and the two nodes at the border of its definition declare.

An instance is a node with the op `subgraph`, whose attribute `definition` names a definition of
the file. Inside a definition, one node `subgraph_inputs` has what comes in as its out-ports, and
one node `subgraph_outputs` has what goes out as its in-ports. Their attribute `ports` is the list
of the ports' names, in order: that list is the subgraph's interface. The graph that is run has no
node for any of the three (see `flatten`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from nodeflow.document.model.errors import BadPort, UnknownSubgraph
from nodeflow.document.model.problems import Problem
from nodeflow.document.model.records import INPUTS, OUTPUTS, SUBGRAPH, NodeRecord, Wire
from nodeflow.errors import NodeflowError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.op import Op
from nodeflow.graph.types import TensorType

if TYPE_CHECKING:
    from nodeflow.document.model.document import Document

BORDER = (INPUTS, OUTPUTS)
DEFINITION = "definition"
PORTS = "ports"
PORT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
RESERVED = ("done",)  # the out-port that carries order alone


class BorderOp(Op):
    """The inputs, or the outputs, of a subgraph as a node inside it."""

    category = "Subgraph"
    attrs = (Attr(PORTS, "json", None, "Names of the ports, in order."),)
    hidden = True
    is_graph_op = False

    def __init__(self, op_id: str, ports: Sequence[str] = ()) -> None:
        shown = tuple(Port(name) for name in ports)
        self.id = op_id
        self.inputs = shown if op_id == OUTPUTS else ()
        self.outputs = shown if op_id == INPUTS else ()
        side = "comes into" if op_id == INPUTS else "leaves"
        self.doc = f"What {side} the subgraph.\n\nEach port is one of the subgraph's."

    @property
    def title(self) -> str:
        return "From outside" if self.id == INPUTS else "To the outside"


class SubgraphOp(Op):
    """An instance of a subgraph; its ports are those of the definition."""

    id = SUBGRAPH
    category = "Subgraph"
    doc = "A graph as one node.\n\nEnter it to see and edit what is inside."
    attrs = (Attr(DEFINITION, "string", "", "Name of the definition in this file."),)
    hidden = True
    is_graph_op = False

    def __init__(self, definition: Document | None = None) -> None:
        self.definition = definition
        self.inputs = ()
        self.outputs = ()
        if definition is not None:
            names = port_names(definition, INPUTS)
            self.inputs = tuple(Port(n, optional=not is_required(definition, n)) for n in names)
            self.outputs = tuple(Port(name) for name in port_names(definition, OUTPUTS))

    @property
    def title(self) -> str:
        return f"Subgraph {self.definition.scope}" if self.definition is not None else "Subgraph"

    def infer(self, *types: TensorType, **attrs: Any) -> list[TensorType]:
        """The types of all outputs; raises the first error that is found inside."""
        from nodeflow.document.analysis.analysis import Analysis, Carried

        if self.definition is None:
            raise UnknownSubgraph("there is no such subgraph")
        given = {port.name: Carried(t) for port, t in zip(self.inputs, types, strict=False)}
        inside = Analysis(self.definition, given=given)
        for problem in inside.all_problems():
            if problem.severity == "error":
                error = problem.as_error()
                raise NodeflowError(f"{error.where}: {error.message}", hint=error.hint)
        found = [inside.leaving(port.name)[0] for port in self.outputs]
        if any(t is None for t in found):
            raise NodeflowError("what comes in does not tell the type of all outputs")
        return [t for t in found if t is not None]


def definition_of(doc: Document, record: NodeRecord) -> Document | None:
    """Returns the definition that an instance refers to, or None if the file has none such."""
    name = record.attrs.get(DEFINITION)
    return doc.definition(name) if isinstance(name, str) else None


def subgraph_op(doc: Document | None, record: NodeRecord) -> Op:
    """Returns the declaration of an instance or a border node."""
    if record.op == SUBGRAPH:
        return SubgraphOp(None if doc is None else definition_of(doc, record))
    return BorderOp(record.op, good_ports(record))


def good_ports(border: NodeRecord) -> list[str]:
    """Returns the ports of a border node, without names that cannot be one or come twice."""
    found = border.attrs.get(PORTS)
    names = found if isinstance(found, list) else []
    return list(dict.fromkeys(name for name in names if is_port_name(name)))


def border_problems(definition: Document, op_id: str) -> list[Problem]:
    """Returns what is wrong with the list of a definition's inputs or outputs."""
    held = border(definition, op_id)
    if held is None:
        return []
    found, good = held.attrs.get(PORTS), good_ports(held)
    if found is None or found == good:
        return []
    names = found if isinstance(found, list) else [found]
    twice = [n for i, n in enumerate(names) if n in names[:i]]
    bad = [n for n in names if not is_port_name(n)]
    what = f"{bad[0]!r} is no name of a port" if bad else f"two ports are called {twice[0]!r}"
    text = f"{what}, in the subgraph `{definition.scope}`"
    hint = "A port is called by letters, digits and underscores, each by another name."
    return [Problem(held.name, PORTS, text, hint, kind=BadPort.__name__)]


def is_port_name(name: Any) -> bool:
    """Says whether a subgraph's port can have this name."""
    good = isinstance(name, str) and PORT_NAME.fullmatch(name) is not None
    return good and name not in RESERVED


def border(definition: Document, op_id: str) -> NodeRecord | None:
    """Returns the node that holds the inputs, or the outputs, of a definition."""
    found = definition.borders.get(op_id)
    return None if found is None else definition.nodes[found]


def port_names(definition: Document, op_id: str) -> list[str]:
    """Returns the names of a subgraph's inputs (`INPUTS`) or outputs, in order."""
    found = border(definition, op_id)
    return [] if found is None else good_ports(found)


def inner_wires(definition: Document, port: str) -> Iterator[Wire]:
    """Yields the wires that lead from an input port into the definition."""
    node = definition.borders.get(INPUTS)
    for wire in definition.wires_out_of(node) if node is not None else ():
        if wire.source_port == port:
            yield wire


def leaving_wire(definition: Document, port: str) -> Wire | None:
    """Returns the wire inside a definition that ends at one of its outputs."""
    node = definition.borders.get(OUTPUTS)
    return None if node is None else definition.wires.get((node, port))


def is_required(definition: Document, port: str) -> bool:
    """Says whether an input needs a wire: something inside that it leads to does."""
    waiting, seen = [(definition, port)], set()
    while waiting:
        inside, name = waiting.pop()
        if (inside.scope, name) in seen:
            continue
        seen.add((inside.scope, name))
        for wire in inner_wires(inside, name):
            target = inside.nodes[wire.target]
            nested = definition_of(inside, target) if target.op == SUBGRAPH else None
            if nested is not None:
                waiting.append((nested, wire.target_port))
            elif _needs(target, wire.target_port):
                return True
    return False


def _needs(target: NodeRecord, port: str) -> bool:
    from nodeflow.document.analysis.declarations import op_of
    from nodeflow.document.analysis.ports import is_control, split_port

    op = op_of(target)
    if op is None or is_control(port):
        return False
    declared = next((p for p in op.inputs if p.name == split_port(port)[0]), None)
    return declared is not None and not declared.optional
