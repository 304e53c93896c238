"""Creating a subgraph from nodes of a graph, as one undo step.

Nodes keep their ids, names and positions inside, so that unpacking a new subgraph restores the
document (see `unpack_subgraph`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from nodeflow.document.analysis.datasets.dataset_node import DATASET
from nodeflow.document.analysis.passthrough_nodes import REROUTE
from nodeflow.document.analysis.port_names import DONE
from nodeflow.document.analysis.subgraphs.subgraph_interface import (
    BORDER,
    DEFINITION,
    PORTS,
    is_port_name,
)
from nodeflow.document.analysis.traversal import downstream, upstream
from nodeflow.document.analysis.wiring.shown_ports import in_ports, out_ports
from nodeflow.document.edit.commands import point
from nodeflow.document.edit.references import rewrite_names, rewrite_settings
from nodeflow.document.edit.shared_weights import separated
from nodeflow.document.layout.card_size import node_size
from nodeflow.document.model.document import Document
from nodeflow.document.model.errors import BadName, SubgraphError
from nodeflow.document.model.names import FreeNames, check_name, natural_key
from nodeflow.document.model.records import INPUTS, OUTPUTS, SUBGRAPH, FrameRecord, NodeRecord, Wire
from nodeflow.document.model.transaction import Transaction

GAP = 120.0
"""Distance between a definition's nodes and its border nodes."""
ACTIONS = ("assign", "group", "print")

Source = tuple[str, str]


@dataclass
class _Interface:
    """The connections of a selection: input and output ports in order, and the wires at them."""

    inputs: dict[Source, str]
    outputs: dict[Source, str]
    entering: list[Wire]
    leaving: list[Wire]


def create(doc: Document, ids: Iterable[str], name: str | None = None) -> str:
    """Move nodes (and frames) into a new subgraph and put an instance in their place.

    Values wired in from outside become inputs, and values wired out become outputs. If no value is
    wired out, unused values become outputs. Return the instance's id.

    Args:
        name: the name of the definition and its instance, made unique if it is taken; by default
            the title of the frame around all the nodes, or `subgraph`.

    Raises:
        SubgraphError: there are no nodes to move, or a path between two of them leads through a
            node outside.
        BadName: the name is invalid.
    """
    ids = list(dict.fromkeys(ids))
    chosen = {i for i in ids if i in doc.nodes and doc.nodes[i].op not in BORDER}
    frames = _frames(doc, {i for i in ids if i in doc.frames}, chosen)
    if not chosen:
        raise SubgraphError("a subgraph needs nodes", hint="Select some nodes first.")
    _check_convex(doc, chosen)
    apart = separated(doc, chosen)
    if apart is not None:
        sharer, owner = (record.name for record in apart)
        raise SubgraphError(
            f"`{sharer}` shares the weights of `{owner}`, and only one of them is selected",
            hint=f"Select both, or give {sharer} own weights.",
        )
    if name is None:
        name = _title_around(doc, frames, chosen)
    definition_name = FreeNames().fresh(check_definition(name), doc.subgraphs)
    interface = _interface(doc, chosen)
    with doc.transaction(f"Make the subgraph {definition_name}") as t:
        instance = NodeRecord(
            t.new_id(),
            SUBGRAPH,
            instance_name(doc, name),
            {DEFINITION: definition_name},
            middle([doc.nodes[i] for i in chosen]),
            {"stream": ""},  # so that the nodes inside draw the same random numbers as before
        )
        moved = {doc.nodes[i].name: f"{instance.name}/{doc.nodes[i].name}" for i in chosen}
        rewrite_names(doc, t, moved, skip=chosen)
        rewrite_settings(doc, t, lambda steps: _into(steps, chosen, instance.id))
        _move_in(doc, t, definition_name, chosen, frames, interface)
        t.put_node(instance)
        for (source, port), name in interface.inputs.items():
            t.put_wire(Wire(source, port, instance.id, name))
        for wire in interface.leaving:
            port = interface.outputs[wire.source, wire.source_port]
            t.put_wire(Wire(instance.id, port, wire.target, wire.target_port))
    return instance.id


def check_definition(name: str) -> str:
    """Return `name`; raise BadName if a definition cannot have it, such as a name with a scope."""
    if "/" in check_name(name):
        raise BadName(f"{name!r} is not a valid name for a subgraph", hint="Leave the `/` out.")
    return name


# ---- the moved nodes, and the ports
# ---------------------------------------------------------------


def _frames(doc: Document, named: set[str], chosen: set[str]) -> list[FrameRecord]:
    """Return the frames to move: the given frames, and frames that contain only selected nodes."""
    found = []
    for frame in doc.frames.values():
        held = _held(doc, frame)
        if frame.id in named or (held and chosen.issuperset(held)):
            found.append(frame)
    return found


def _title_around(doc: Document, frames: list[FrameRecord], chosen: set[str]) -> str:
    """Return, as a valid name, the title of the largest moved frame that holds all moved nodes."""
    around = [f for f in frames if chosen <= set(_held(doc, f))]
    largest = max(around, key=lambda f: f.rect[2] * f.rect[3], default=None)
    title = "" if largest is None else largest.title.strip()
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode()
    name = re.sub(r"[^A-Za-z0-9]+", "_", plain).strip("_")[:80]
    return (name if not name[:1].isdigit() else f"_{name}") or "subgraph"


def _held(doc: Document, frame: FrameRecord) -> list[str]:
    """Return the ids of the nodes whose upper left corner lies in a frame."""
    x, y, width, height = frame.rect
    return [
        n.id for n in doc.nodes.values() if x <= n.pos[0] < x + width and y <= n.pos[1] < y + height
    ]


def _check_convex(doc: Document, chosen: set[str]) -> None:
    between = (downstream(doc, chosen) & upstream(doc, chosen)) - chosen
    if between:
        name = doc.nodes[min(between, key=natural_key)].name
        raise SubgraphError(
            f"`{name}` lies between: it depends on the selection, and the selection depends on it",
            hint=f"Select `{name}` as well.",
        )


def _interface(doc: Document, chosen: set[str]) -> _Interface:
    nodes = sorted(chosen, key=lambda i: _reading_order(doc, i))
    entering = [w for i in nodes for w in _in_port_order(doc, i) if w.source not in chosen]
    leaving = [w for i in nodes for w in _out_port_order(doc, i) if w.target not in chosen]
    names = FreeNames()
    taken: set[str] = set()

    def name_all(sources: Iterable[Source]) -> dict[Source, str]:
        found: dict[Source, str] = {}
        for source in sources:
            if source not in found:
                found[source] = names.fresh(_port_name(doc, *source), taken)
                taken.add(found[source])
        return found

    outputs = name_all((w.source, w.source_port) for w in leaving)
    if not leaving:
        outputs = name_all(_ends(doc, nodes))
    inputs = name_all((w.source, w.source_port) for w in entering)
    return _Interface(inputs, outputs, entering, leaving)


def _reading_order(doc: Document, node_id: str) -> tuple:
    x, y = doc.nodes[node_id].pos
    return (y, x, natural_key(node_id))


def _in_port_order(doc: Document, node_id: str) -> list[Wire]:
    names = [port.name for port in in_ports(doc, doc.nodes[node_id])]
    wires = doc.wires_into(node_id)
    return sorted(wires, key=lambda w: (_index(names, w.target_port), natural_key(w.target_port)))


def _out_port_order(doc: Document, node_id: str) -> list[Wire]:
    names = [port.name for port in out_ports(doc, doc.nodes[node_id])]
    wires = doc.wires_out_of(node_id)
    return sorted(wires, key=lambda w: (_index(names, w.source_port), natural_key(w.source_port)))


def _index(names: list[str], name: str) -> int:
    return names.index(name) if name in names else len(names)


def _ends(doc: Document, nodes: list[str]) -> list[Source]:
    """Return the outputs of these nodes that no node reads."""
    found: list[Source] = []
    for node_id in nodes:
        record = doc.nodes[node_id]
        if record.op not in (*ACTIONS, DATASET) and not doc.wires_out_of(node_id):
            ports = [p.name for p in out_ports(doc, record) if p.kind == "tensor"]
            found += [(node_id, port) for port in ports]
    return found


def _port_name(doc: Document, source: str, port: str) -> str:
    """Return the name of a port: the name of the value's node, or of that node's port."""
    seen: set[str] = set()
    while doc.nodes[source].op == REROUTE and source not in seen:
        seen.add(source)
        wire = doc.wires.get((source, "x"))
        if wire is not None:
            source, port = wire.source, wire.source_port
    record = doc.nodes[source]
    own = record.name.rpartition("/")[2]
    several = len(out_ports(doc, record)) > 1
    if record.op in (DATASET, INPUTS) or (record.op == SUBGRAPH and port != DONE):
        name = port
    else:
        name = f"{own}_{port.replace('.', '_')}" if several and port != DONE else own
    name = re.sub(r"[^A-Za-z0-9_]", "_", name)[:80]
    return name if is_port_name(name) else f"_{name}"


def instance_name(doc: Document, name: str) -> str:
    """Return a name for an instance that is also free as a scope: no node is named `NAME/...`."""
    found = doc.fresh_name(name)
    number = 1
    while any(other.startswith(f"{found}/") for other in doc.slashed):
        found = doc.fresh_name(f"{name}_{number}")
        number += 1
    return found


def _into(steps: list[str], chosen: set[str], instance: str) -> list[str]:
    at = next((i for i, step in enumerate(steps) if step in chosen), None)
    return steps if at is None else [*steps[:at], instance, *steps[at:]]


def _move_in(
    doc: Document,
    t: Transaction,
    name: str,
    chosen: set[str],
    frames: list[FrameRecord],
    interface: _Interface,
) -> None:
    """Create the definition from nodes of this graph."""
    records = [doc.nodes[i] for i in sorted(chosen, key=natural_key)]
    inner = [w for r in records for w in doc.wires_into(r.id) if w.source in chosen]
    for frame in frames:
        t.edit("frame", frame.id, None)
    for record in records:
        t.drop_node(record.id)
    definition, inside = define(doc, t, name, interface.inputs, interface.outputs)
    for record in records:
        inside.put_node(record)
    for frame in frames:
        inside.put_frame(frame)
    inputs, outputs = definition.borders[INPUTS], definition.borders[OUTPUTS]
    for wire in inner:
        inside.put_wire(wire)
    for wire in interface.entering:
        port = interface.inputs[wire.source, wire.source_port]
        inside.put_wire(Wire(inputs, port, wire.target, wire.target_port))
    for (source, port), name in interface.outputs.items():
        inside.put_wire(Wire(source, port, outputs, name))
    place_borders(definition, inside)


def define(
    doc: Document,
    t: Transaction,
    name: str,
    inputs: Mapping[Source, str],
    outputs: Mapping[Source, str],
) -> tuple[Document, Transaction]:
    """Add a definition with ports only; return it and a transaction for it."""
    t.edit("subgraph", name, {})
    definition = doc.definition(name)
    assert definition is not None
    inside = t.within(definition)
    for op, called, ports in ((INPUTS, "inputs", inputs), (OUTPUTS, "outputs", outputs)):
        attrs = {PORTS: list(ports.values())}
        inside.put_node(NodeRecord(t.new_id(), op, called, attrs))
    return definition, inside


def place_borders(definition: Document, inside: Transaction) -> None:
    """Place the border nodes to the left and right of the other nodes."""
    left, top, right, _ = box(definition, _inner(definition))
    for op in BORDER:
        record = definition.nodes[definition.borders[op]]
        width, _ = node_size(definition, record)
        x = left - GAP - width if op == INPUTS else right + GAP
        inside.put_node(replace(record, pos=point((x, top))))


def _inner(definition: Document) -> list[NodeRecord]:
    return [record for record in definition.nodes.values() if record.op not in BORDER]


def box(doc: Document, records: list[NodeRecord]) -> tuple[float, float, float, float]:
    """Return the left, top, right and bottom of nodes, with sizes estimated without types."""
    corners = [(*record.pos, *node_size(doc, record)) for record in records] or [(0, 0, 0, 0)]
    return (
        min(x for x, *_ in corners),
        min(y for _, y, *_ in corners),
        max(x + width for x, _, width, _ in corners),
        max(y + height for _, y, _, height in corners),
    )


def middle(records: list[NodeRecord]) -> tuple[float, float]:
    """Return the position for an instance that replaces nodes: the middle of their positions."""
    xs = [record.pos[0] for record in records] or [0]
    ys = [record.pos[1] for record in records] or [0]
    return point(((min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2))
