"""The interface of a subgraph: the ports of its instances and of its two border nodes.

An instance is a node with the op `subgraph`, whose attribute `definition` names a definition of the
file. In a definition, the out-ports of the node `subgraph_inputs` are the subgraph's inputs, and
the in-ports of the node `subgraph_outputs` are its outputs. Their attribute `ports` lists the names
of the ports in order. The graph that runs contains none of these nodes (see `flatten`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from nodeflow.document.analysis.plain_declaration import plain_declaration
from nodeflow.document.analysis.port_names import is_control, split_port
from nodeflow.document.model.document import Document
from nodeflow.document.model.errors import BadPort
from nodeflow.document.model.problems import Problem
from nodeflow.document.model.records import INPUTS, OUTPUTS, SUBGRAPH, NodeRecord, Wire
from nodeflow.graph.declaration import Port

BORDER = (INPUTS, OUTPUTS)
DEFINITION = "definition"
PORTS = "ports"
PORT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
RESERVED = ("done",)  # the out-port that only carries order


def definition_of(doc: Document, record: NodeRecord) -> Document | None:
    """Return the definition that an instance refers to, or None if there is none."""
    name = record.attrs.get(DEFINITION)
    return doc.definition(name) if isinstance(name, str) else None


def instance_inputs(definition: Document) -> tuple[Port, ...]:
    """Return the in-ports of a definition's instances."""
    names = port_names(definition, INPUTS)
    return tuple(Port(name, optional=not is_required(definition, name)) for name in names)


def instance_outputs(definition: Document) -> tuple[Port, ...]:
    """Return the out-ports of a definition's instances."""
    return tuple(Port(name) for name in port_names(definition, OUTPUTS))


def border_inputs(record: NodeRecord) -> tuple[Port, ...]:
    """Return the in-ports of a node at the border of a subgraph."""
    return tuple(Port(name) for name in good_ports(record)) if record.op == OUTPUTS else ()


def border_outputs(record: NodeRecord) -> tuple[Port, ...]:
    """Return the out-ports of a node at the border of a subgraph."""
    return tuple(Port(name) for name in good_ports(record)) if record.op == INPUTS else ()


def good_ports(border: NodeRecord) -> list[str]:
    """Return the names of a border node's ports, without invalid and repeated names."""
    found = border.attrs.get(PORTS)
    names = found if isinstance(found, list) else []
    return list(dict.fromkeys(name for name in names if is_port_name(name)))


def border_problems(definition: Document, op_id: str) -> list[Problem]:
    """Return the problems of a definition's list of inputs or outputs."""
    held = border(definition, op_id)
    if held is None:
        return []
    found, good = held.attrs.get(PORTS), good_ports(held)
    if found is None or found == good:
        return []
    names = found if isinstance(found, list) else []
    twice = [n for i, n in enumerate(names) if n in names[:i]]
    bad = [n for n in names if not is_port_name(n)]
    what = f"the list of ports is {found!r:.60}"
    if names:
        said = f"two ports are called {twice[0]!r}" if not bad else ""
        what = said or f"{bad[0]!r:.60} is not a valid port name"
    text = f"{what}, in the subgraph `{definition.scope}`"
    hint = "Use letters, digits and underscores, and another name for each port."
    return [Problem(held.name, PORTS, text, hint, kind=BadPort.__name__)]


def is_port_name(name: Any) -> bool:
    """Return whether a subgraph's port can have this name."""
    good = isinstance(name, str) and PORT_NAME.fullmatch(name) is not None
    return good and name not in RESERVED


def border(definition: Document, op_id: str) -> NodeRecord | None:
    """Return the node that holds the inputs, or the outputs, of a definition."""
    found = definition.borders.get(op_id)
    return None if found is None else definition.nodes[found]


def port_names(definition: Document, op_id: str) -> list[str]:
    """Return the names of a subgraph's inputs (`INPUTS`) or outputs, in order."""
    found = border(definition, op_id)
    return [] if found is None else good_ports(found)


def inner_wires(definition: Document, port: str) -> Iterator[Wire]:
    """Yield the wires inside a definition that start at this input."""
    node = definition.borders.get(INPUTS)
    for wire in definition.wires_out_of(node) if node is not None else ():
        if wire.source_port == port:
            yield wire


def leaving_wire(definition: Document, port: str) -> Wire | None:
    """Return the wire inside a definition that ends at this output; None if there is none."""
    node = definition.borders.get(OUTPUTS)
    return None if node is None else definition.wires.get((node, port))


def is_required(definition: Document, port: str) -> bool:
    """Return whether a subgraph's input must be wired, because a required in-port inside reads
    it.
    """
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
    if is_control(port):
        return False
    if target.op == OUTPUTS:
        return port in good_ports(target)
    op = plain_declaration(target.op)
    declared = () if op is None else op.inputs
    return any(p.name == split_port(port)[0] and not p.optional for p in declared)
