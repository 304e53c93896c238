"""The formula of a node as a tree, from which its text and its LaTeX are written.

The leaves are placeholders, variables and data sets, shown by name, and constants, shown by value.
Nodes with several consumers, and nodes beyond the size limit, are also shown by name.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

from nodeflow.document.analysis.bound_attributes import bound_attributes
from nodeflow.document.analysis.declarations import declaration
from nodeflow.document.analysis.port_names import split_port
from nodeflow.document.analysis.wiring.shown_ports import in_ports, out_ports
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import INPUTS, OUTPUTS, SUBGRAPH, NodeRecord
from nodeflow.document.to_graph.inline_passthrough import inlined
from nodeflow.graph.declaration import NodeDeclaration
from nodeflow.ops.layers.sharing import OWNER

ENDS = ("placeholder", "variable", "dataset", SUBGRAPH, INPUTS, OUTPUTS)
MOST_TERMS = 40
"""The maximum number of ops in one formula; nodes further away are shown by name."""
LONGEST_LIST = 6


@dataclass(frozen=True)
class Named:
    """A node, or one of its outputs, shown by name."""

    name: str
    output: int | None = None


@dataclass(frozen=True)
class Literal:
    """A constant's value: a number, a bool, or a short list of them."""

    value: Any


@dataclass(frozen=True)
class Missing:
    """An input without a wire."""

    port: str


@dataclass(frozen=True)
class Applied:
    """An op applied to terms; `attrs` are the attributes that differ from their defaults.

    A layer that shares weights applies its `owner`; then `attrs` are the attributes that differ
    from those of the owner.
    """

    op: NodeDeclaration
    args: tuple[Term, ...]
    attrs: dict[str, Any] = field(default_factory=dict, hash=False)
    output: int | None = None
    owner: str | None = None


Term = Named | Literal | Missing | Applied


def formula_tree(doc: Document, node_id: str, most: int = MOST_TERMS) -> Term:
    """Return the formula of a node; raise NoSuchNode."""
    doc, node_id = inlined(doc, node_id)
    record = doc.node(node_id)
    if record.op in ENDS or declaration(record, doc) is None:
        return Named(record.name)
    opened = _opened(doc, record, most)
    made: dict[str, Term] = {}
    for node in reversed(opened):  # sources first, so that no recursion is needed
        made[node] = _apply(doc, doc.nodes[node], made)
    return made[node_id]


def _opened(doc: Document, root: NodeRecord, most: int) -> list[str]:
    """Return the nodes that are shown as formulas rather than by name, each after its consumers.

    These are the nodes nearest to the root, at most `most`, except nodes with several consumers.
    """
    depth, order = {root.id: 0}, [root.id]
    for node in order:
        for wire in doc.wires_into(node):
            record = doc.nodes[wire.source]
            new = wire.source not in depth and len(depth) < most
            new = new and wire.target_port != OWNER.name  # a layer that shares names its owner
            if new and record.op not in ENDS and declaration(record, doc) is not None:
                depth[wire.source] = depth[node] + 1
                order.append(wire.source)
    uses = Counter(w.source for node in order for w in doc.wires_into(node))
    shared = {node for node in order if uses[node] > 1 and doc.nodes[node].op != "constant"}
    return _users_first(doc, root.id, set(order) - shared)


def _users_first(doc: Document, root: str, opened: set[str]) -> list[str]:
    """Return the nodes in reverse postorder. A loop is cut where it returns to a node."""
    done: dict[str, None] = {}
    stack: list[tuple[str, bool]] = [(root, False)]
    seen: set[str] = set()
    while stack:
        node, finished = stack.pop()
        if finished:
            done[node] = None
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            stack += [(w.source, False) for w in doc.wires_into(node) if w.source in opened]
    return list(reversed(done))


def _apply(doc: Document, record: NodeRecord, made: dict[str, Term]) -> Term:
    op = declaration(record, doc)
    assert op is not None
    if op.id == "constant":
        return _constant(record)
    args: list[Term] = []
    owner: NodeRecord | None = None
    for port in in_ports(doc, record):
        wire = doc.wires.get((record.id, port.name))
        if wire is not None and port.name == OWNER.name:
            owner = doc.nodes[wire.source]
            continue
        if port.kind != "tensor" or (wire is None and port.optional):
            continue
        args.append(_argument(doc, made, wire) if wire else Missing(port.name))
    if owner is not None:
        return Applied(op, tuple(args), _other_attrs(op, record, owner), owner=owner.name)
    return Applied(op, tuple(args), changed_attrs(doc, op, record))


def applied(doc: Document, record: NodeRecord) -> Term:
    """Return a node with its own inputs by name, even if formulas show it by its name."""
    return _apply(doc, record, {})


def _other_attrs(op: NodeDeclaration, record: NodeRecord, owner: NodeRecord) -> dict[str, Any]:
    """Return the attributes of a layer that differ from those of another layer of its kind."""
    pairs = ((a.name, *(r.attrs.get(a.name, a.default) for r in (record, owner))) for a in op.attrs)
    return {name: mine for name, mine, theirs in pairs if mine != theirs}


def _argument(doc: Document, made: dict[str, Term], wire: Any) -> Term:
    source = doc.nodes[wire.source]
    if source.op == INPUTS:
        return Named(wire.source_port)
    term = made.get(source.id) or _end(source)
    op = declaration(source, doc)
    names = [p.name for p in out_ports(doc, source)]
    several = len(names) > 1 or split_port(wire.source_port)[1] is not None
    if op is None or not op.computes or not several:
        return term
    index = split_port(wire.source_port)[1]
    index = names.index(wire.source_port) if index is None else index
    if isinstance(term, Applied):
        return replace(term, output=index)
    return Named(term.name, index) if isinstance(term, Named) else term


def _end(record: NodeRecord) -> Term:
    return _constant(record) if record.op == "constant" else Named(record.name)


def _constant(record: NodeRecord) -> Term:
    value = record.attrs.get("value", 0.0)
    short = isinstance(value, list) and len(value) <= LONGEST_LIST
    if short and not any(isinstance(item, list) for item in value):
        return Literal(value)
    return Named(record.name) if isinstance(value, (list, str)) else Literal(value)


def changed_attrs(doc: Document, op: NodeDeclaration, record: NodeRecord) -> dict[str, Any]:
    """Return the attributes of a node that differ from the op's defaults, in the op's order.

    Leave out attributes that wires give.
    """
    changed, given = {}, bound_attributes(doc, record)
    for attr in op.attrs:
        if attr.name not in record.attrs or attr.name in given:
            continue
        value, default = record.attrs[attr.name], attr.default
        if value != (list(default) if isinstance(default, tuple) else default):
            changed[attr.name] = value
    return changed
