"""Edits of the wires around a node: insert, heal, detach, swap; each is one undo step.

The ports to connect are found by the checks that drawn wires undergo: the first port that fits by
type.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from nodeflow.document.analysis.declarations import declaration
from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.analysis.passthrough_nodes import REROUTE
from nodeflow.document.analysis.port_names import CONTROL, FEED, known_types, split_port
from nodeflow.document.analysis.wiring.shown_ports import in_ports, out_ports
from nodeflow.document.analysis.wiring.wire_check import check_type, fits_by_type
from nodeflow.document.edit import commands
from nodeflow.document.edit.shared_weights import Heirs
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import NodeRecord, Wire
from nodeflow.errors import NodeflowError
from nodeflow.graph.inference.infer_types import infer_types
from nodeflow.graph.types import TensorType

TENSOR_KINDS = ("tensor", "slot")


class Insertion(NamedTuple):
    """The in-port and out-port by which a node is inserted into a wire."""

    wire: Wire
    into: str
    out: str


def insertion(
    doc: Document, analysis: Analysis, record: NodeRecord, wire: Wire
) -> Insertion | None:
    """Return the first free in-port and the out-port that insert a node into a wire, or None.

    `record` need not be in the document yet. Unknown types fit.
    """
    op = declaration(record, doc)
    if op is None or record.id in (wire.source, wire.target):
        return None
    if record.id in doc.nodes and _would_loop(doc, analysis, record.id, wire):
        return None
    given = analysis.type_of(wire.source, wire.source_port)
    taken = {w.target_port for w in doc.wires_into(record.id)}
    free = [p for p in in_ports(doc, record) if p.kind in TENSOR_KINDS and p.name not in taken]
    for port in free:
        if given is not None and given.dtype not in port.dtypes:
            continue
        if given is not None and check_type(doc, analysis, given, record, port.name) is not None:
            continue
        out = _fitting_output(doc, analysis, record, port.name, given, wire)
        if out is not None:
            return Insertion(wire, port.name, out)
    return None


def _would_loop(doc: Document, analysis: Analysis, node: str, wire: Wire) -> bool:
    return node in analysis.ancestors(wire.source) or wire.target in analysis.ancestors(node)


def _fitting_output(
    doc: Document,
    analysis: Analysis,
    record: NodeRecord,
    port: str,
    given: TensorType | None,
    wire: Wire,
) -> str | None:
    """Return the first output of a node that the wire's target takes, or whose type is unknown."""
    types = _types_with(doc, analysis, record, port, given)
    target = doc.nodes[wire.target]
    for view in out_ports(doc, record):
        if view.kind != "tensor":
            continue
        found = types.get(view.name)
        if wire.target_port == FEED:
            return view.name if record.op == REROUTE else None
        if found is not None:
            if check_type(doc, analysis, found, target, wire.target_port) is None:
                return view.name
        elif _shares_dtype(doc, target, wire.target_port, view.dtypes):
            return view.name
    return None


def _types_with(
    doc: Document, analysis: Analysis, record: NodeRecord, port: str, given: TensorType | None
) -> dict[str, TensorType]:
    """Return the types of a node's outputs for a value of type `given` at `port`; {} if unknown."""
    op = declaration(record, doc)
    assert op is not None
    wired = {
        w.target_port: analysis.type_of(record.id, w.target_port) for w in _tensors(doc, record)
    }
    wired[port] = given
    types = known_types(op, wired, record.attrs)
    try:
        found = infer_types(op, [t for t in types if t is not None], op.bind_attrs(record.attrs))
    except (NodeflowError, ArithmeticError, TypeError, ValueError, LookupError):
        return {}
    if any(t is None for t in types):
        return {}
    return {op.output_name(i): t for i, t in enumerate(found)}


def _tensors(doc: Document, record: NodeRecord) -> list[Wire]:
    return [w for w in doc.wires_into(record.id) if split_port(w.target_port)[0] != CONTROL]


def _shares_dtype(doc: Document, target: NodeRecord, port: str, dtypes: Iterable[str]) -> bool:
    op = declaration(target, doc)
    if op is None:
        return True
    base = split_port(port)[0]
    taken = next((p.dtypes for p in op.inputs if p.name == base), ())
    return bool(set(taken) & set(dtypes))


def insert_on_wire(doc: Document, node_id: str, found: Insertion) -> None:
    """Insert a node into a wire, at the ports that `insertion` found."""
    wire = found.wire
    label = f"Insert {doc.node(node_id).name} between {doc.node(wire.source).name} and "
    with doc.transaction(label + doc.node(wire.target).name) as t:
        t.put_wire(Wire(wire.source, wire.source_port, node_id, found.into))
        t.put_wire(Wire(node_id, found.out, wire.target, wire.target_port))


def bridges(doc: Document, analysis: Analysis, ids: Iterable[str]) -> list[Wire]:
    """Return the wires that would connect the neighbours of these nodes without them.

    Each wire that leaves the group is replaced by a wire from the first entering wire whose value
    its target takes. Entering wires are tried in the order of ports, upstream from the source of
    the leaving wire.
    """
    group = set(ids)
    healed: list[Wire] = []
    known: dict[str, list[Wire]] = {}
    for node_id in sorted(group):
        for wire in doc.wires_out_of(node_id):
            if wire.target in group or split_port(wire.target_port)[0] == CONTROL:
                continue
            for source in _entries(doc, node_id, group, known):
                bridge = Wire(source.source, source.source_port, wire.target, wire.target_port)
                if fits_by_type(
                    doc, analysis, bridge
                ):  # parallel to an existing path, so it closes no loop
                    healed.append(bridge)
                    break
    return healed


def _entries(
    doc: Document, node_id: str, group: set[str], known: dict[str, list[Wire]]
) -> Iterator[Wire]:
    """Yield the wires that enter a group of nodes, the nearest to `node_id` first."""
    seen, waiting = {node_id}, deque([node_id])
    while waiting:
        node = waiting.popleft()
        if node not in known:
            known[node] = _by_port(doc, doc.nodes[node])
        for wire in known[node]:
            if wire.source not in group:
                yield wire
            elif wire.source not in seen:
                seen.add(wire.source)
                waiting.append(wire.source)


def _by_port(doc: Document, record: NodeRecord) -> list[Wire]:
    """Return the wires into a node in the order of its ports, without control wires."""
    wires = _tensors(doc, record)
    if len(wires) > 1:
        names = [port.name for port in in_ports(doc, record)]
        wires.sort(key=lambda w: names.index(w.target_port) if w.target_port in names else 999)
    return wires


def remove_and_heal(
    doc: Document, analysis: Analysis, ids: Iterable[str], heirs: Heirs | None = None
) -> int:
    """Remove nodes and connect their neighbours where types fit; return the number of wires.

    Args:
        heirs: who keeps shared weights, as for `commands.remove`.
    """
    ids = list(ids)
    healed = bridges(doc, analysis, ids)
    what = doc.node(ids[0]).name if len(ids) == 1 else f"{len(ids)} nodes"
    with doc.transaction(f"Delete {what} and heal") as t:
        for wire in healed:
            t.put_wire(wire)
        commands.remove(doc, ids, heirs=heirs)
    return len(healed)


def detach(doc: Document, analysis: Analysis, ids: Iterable[str]) -> int:
    """Disconnect nodes from all other nodes, and connect those to each other where types fit.

    Return how many wires were removed or replaced.
    """
    ids = list(ids)
    group = set(ids)
    healed = bridges(doc, analysis, ids)
    cut = [w for i in ids for w in doc.wires_into(i) if w.source not in group]
    out = [w for i in ids for w in doc.wires_out_of(i) if w.target not in group]
    what = doc.node(ids[0]).name if len(ids) == 1 else f"{len(ids)} nodes"
    if not cut and not out:
        return 0
    with doc.transaction(f"Detach {what}") as t:
        for wire in healed:
            t.put_wire(wire)
        kept = {wire.key for wire in healed}
        commands.remove(doc, [], [w.key for w in (*cut, *out) if w.key not in kept])
    return len(cut) + len(out)


def swap_inputs(doc: Document, node_id: str) -> bool:
    """Swap the wires of a node's first two inputs; return False if it has fewer."""
    record = doc.node(node_id)
    ports = [p.name for p in in_ports(doc, record) if p.kind == "tensor"][:2]
    if len(ports) < 2 or not any((node_id, port) in doc.wires for port in ports):
        return False
    first, second = (doc.wires.get((node_id, port)) for port in ports)
    with doc.transaction(f"Swap {record.name}'s inputs") as t:
        for wire, port in ((first, ports[1]), (second, ports[0])):
            if wire is None:
                t.drop_wire((node_id, port))
            else:
                t.put_wire(wire._replace(target_port=port))
    return True


def cut_wires(doc: Document, keys: Iterable[tuple[str, str]]) -> int:
    """Remove several wires; return how many."""
    keys = [key for key in keys if key in doc.wires]
    if keys:
        with doc.transaction("Cut a wire" if len(keys) == 1 else f"Cut {len(keys)} wires"):
            commands.remove(doc, [], keys)
    return len(keys)


def add_dot(doc: Document, key: tuple[str, str], pos: tuple[float, float], size: float = 20) -> str:
    """Insert a reroute dot into a wire, centred at `pos`; return the dot's id."""
    wire = doc.wires[key]
    with doc.transaction("Add a dot"):
        corner = (pos[0] - size / 2, pos[1] - size / 2)
        name = doc.fresh_name(REROUTE)
        dot = commands.add_node(doc, REROUTE, corner, name)
        insert_on_wire(doc, dot, Insertion(wire, "x", "out"))
    return dot
