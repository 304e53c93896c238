"""Replacing an instance of a subgraph by the nodes of its definition, as one undo step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from nodeflow.document.analysis.datasets.dataset_node import DATASET
from nodeflow.document.analysis.declarations import declaration
from nodeflow.document.analysis.frozen_weights import TRAINABLE, can_freeze, is_switched_off
from nodeflow.document.analysis.node_flags import with_field
from nodeflow.document.analysis.passthrough_nodes import BYPASSED, MUTED, REROUTE, mode_of
from nodeflow.document.analysis.port_names import DONE, free_control, is_control
from nodeflow.document.analysis.subgraphs.instance_paths import (
    find_name,
    instance_problem,
    instances_of,
)
from nodeflow.document.analysis.subgraphs.loops_and_branches import is_flow
from nodeflow.document.analysis.subgraphs.shared_weights import (
    has_weights,
    owner_of,
    sharers_of,
)
from nodeflow.document.analysis.subgraphs.subgraph_interface import (
    BORDER,
    definition_of,
    leaving_wire,
    port_names,
)
from nodeflow.document.edit.commands import point
from nodeflow.document.edit.references import (
    rewrite_names,
    rewrite_settings,
    variable_names,
    with_variables,
)
from nodeflow.document.edit.shared_weights import with_copied_owner
from nodeflow.document.edit.streams import draws, with_stream
from nodeflow.document.edit.subgraphs.create_subgraph import middle
from nodeflow.document.model.document import Document
from nodeflow.document.model.errors import SubgraphError
from nodeflow.document.model.names import LONGEST, natural_key
from nodeflow.document.model.records import (
    INPUTS,
    OUTPUTS,
    SUBGRAPH,
    FrameRecord,
    Json,
    NodeRecord,
    Wire,
    stream_of,
)
from nodeflow.document.model.transaction import Transaction
from nodeflow.graph.name_patterns import scope_of

VARIABLE = "variable"


@dataclass
class _Move:
    """The data for moving nodes out of an instance: ids and names, inside -> outside, and the
    offset.

    Attributes:
        inner: the nodes that move; not the variables of an instance that shares weights.
        owner: the move of the instance with the weights; None if this one has its own.
    """

    record: NodeRecord
    inside: Document
    last: bool
    inner: list[NodeRecord]
    ids: dict[str, str]
    names: dict[str, str]
    offset: tuple[float, float]
    owner: _Move | None = None


def unpack_subgraph(doc: Document, node_id: str) -> list[str]:
    """Replace an instance by the nodes inside it, with the same wires; return the ids of these
    nodes.

    If it is the only instance, the nodes keep their ids, and their names if they are free, and the
    definition is removed. Otherwise they are copies with names in the instance's scope (`dense/W`).

    Instances with the same weights are unpacked together: the variables are the owner's, and layers
    share with the owner's layers.

    Raises:
        SubgraphError: the node is not an instance, cannot be expanded, or is bypassed.
    """
    record = doc.node(node_id)
    owner = owner_of(doc, record) or record
    members = [owner, *(doc.nodes[i] for i in sharers_of(doc, owner.id))]
    for member in dict.fromkeys([record.id, *(m.id for m in members)]):
        _check(doc, doc.nodes[member])
    made: list[str] = []
    with doc.transaction(f"Unpack {record.name}") as t:
        first: _Move | None = None
        for member in members:
            inside = definition_of(doc, member)
            assert inside is not None
            move = _plan(doc, t, member, inside, first)
            _unpack(doc, t, move)
            made += [move.ids[inner.id] for inner in move.inner]
            first = first or move
    return made


def _check(doc: Document, record: NodeRecord) -> None:
    """Raise SubgraphError unless an instance can be unpacked."""
    if is_flow(record):
        raise SubgraphError(
            "a loop or branch cannot be unpacked", hint="Enter it to see and edit what is inside."
        )
    problem = instance_problem(doc, record)
    if problem is not None or definition_of(doc, record) is None:
        raise problem.as_error() if problem else SubgraphError("it is not a subgraph")
    if mode_of(record) == BYPASSED:
        raise SubgraphError("it is bypassed", node=record.name, hint="Activate it first.")


def _unpack(doc: Document, t: Transaction, move: _Move) -> None:
    node_id, inside = move.record.id, move.inside
    outer = {f"{move.record.name}/{old}": new for old, new in move.names.items()}
    rewrite_names(doc, t, outer, skip=inside.nodes.keys() if move.last else ())
    rewrite_settings(doc, t, lambda steps: _out_of(steps, move))
    records = [_moved(move, inner) for inner in move.inner]
    wires = list(_wires(doc, move))
    before = [w for w in doc.wires_into(node_id) if is_control(w.target_port)]
    after = [w for w in doc.wires_out_of(node_id) if w.source_port == DONE]
    frames = [_moved_frame(t, move, frame) for frame in inside.frames.values()]
    t.drop_node(node_id)
    if move.last:
        remove_content(inside, t)
    for new in records:
        t.put_node(new)
    for wire in wires:
        t.put_wire(wire)
    for frame in frames:
        t.put_frame(frame)
    _order(doc, t, move, before, after)


def remove_content(definition: Document, t: Transaction) -> None:
    """Remove a definition with its content; it must have no instance."""
    inside = t.within(definition)
    for node_id in list(definition.nodes):
        inside.drop_node(node_id)
    for frame_id in list(definition.frames):
        inside.edit("frame", frame_id, None)
    t.edit("subgraph", definition.scope, None)


def _inner(inside: Document) -> list[NodeRecord]:
    nodes = [record for record in inside.nodes.values() if record.op not in BORDER]
    return sorted(nodes, key=lambda record: natural_key(record.id))


def _plan(
    doc: Document, t: Transaction, record: NodeRecord, inside: Document, owner: _Move | None
) -> _Move:
    last = len(instances_of(doc, inside.scope)) == 1
    nodes = _inner(inside)
    x, y = middle(nodes)
    shared = [n for n in nodes if owner is not None and n.op == VARIABLE]
    nodes = [n for n in nodes if n not in shared]
    offset = (record.pos[0] - x, record.pos[1] - y)
    ids = {inner.id: inner.id if last else t.new_id() for inner in nodes}
    taken = set(doc.names) - {record.name}
    names: dict[str, str] = {}
    for inner in nodes:
        scoped = f"{record.name}/{inner.name}"[:LONGEST]
        wanted = [inner.name, scoped] if last else [scoped]
        free = next((name for name in wanted if name not in taken), None)
        name = free or _fresh(doc, scoped, taken)
        names[inner.name] = name
        taken.add(name)
    if owner is not None:
        ids.update({n.id: owner.ids[n.id] for n in shared})
        names.update({n.name: owner.names[n.name] for n in shared})
    return _Move(record, inside, last, nodes, ids, names, offset, owner)


def _fresh(doc: Document, base: str, taken: set[str]) -> str:
    name = doc.fresh_name(base)
    number = 1
    while name in taken:
        name, number = f"{base}_{number}", number + 1
    return name


def _moved(move: _Move, inner: NodeRecord) -> NodeRecord:
    dx, dy = move.offset
    names = variable_names(inner)
    if names is not None:
        inner = with_variables(inner, [_own_name(move, name) for name in names])
    if mode_of(move.record) == MUTED:
        inner = with_field(inner, "mode", MUTED)
    if is_switched_off(move.record) and (can_freeze(inner) or inner.op == SUBGRAPH):
        inner = replace(inner, attrs={**inner.attrs, TRAINABLE: False})
    pos = point((inner.pos[0] + dx, inner.pos[1] + dy)) if dx or dy else inner.pos
    stream, prefix = stream_of(inner), stream_of(move.record)
    inner = _sharing(move, inner)
    inner = replace(inner, id=move.ids[inner.id], name=move.names[inner.name], pos=pos)
    if not draws(inner):
        return inner
    return with_stream(inner, f"{prefix}/{stream}".strip("/") if prefix else stream)


def _sharing(move: _Move, inner: NodeRecord) -> NodeRecord:
    """Return a moved layer or instance, which shares with the copy of its owner."""
    if move.owner is None:
        return with_copied_owner(inner, move.ids)
    owner = owner_of(move.inside, inner)
    if owner is None or not has_weights(move.inside, inner):
        return with_copied_owner(inner, move.ids)
    return with_field(inner, "share", move.owner.ids[owner.id])


def _own_name(move: _Move, name: Json) -> Json:
    """Return the new name of a variable whose node moved out of a subgraph.

    Other names are returned unchanged.
    """
    if isinstance(name, str) and (scope := scope_of(name)):
        return f"{_own_name(move, scope)}/*"
    found = find_name(move.inside, name) if isinstance(name, str) else None
    if found is None or not isinstance(name, str):
        return name
    first = found[0].name
    return move.names[first] + name[len(first) :]


def _moved_frame(t: Transaction, move: _Move, frame: FrameRecord) -> FrameRecord:
    dx, dy = move.offset
    x, y, width, height = frame.rect
    rect = (*point((x + dx, y + dy)), width, height) if dx or dy else frame.rect
    return replace(frame, id=frame.id if move.last else t.new_id("f"), rect=rect)


def _out_of(steps: list[str], move: _Move) -> list[str] | None:
    """Adapt a path of node ids to the unpacking of an instance. Return None if its node is gone.

    A path through the instance leads to the moved node, and a path to the instance leads to the
    node that computes its first output.
    """
    if move.record.id not in steps:
        return steps
    at = steps.index(move.record.id)
    if at + 1 < len(steps):
        node = move.ids.get(steps[at + 1])
        return None if node is None else [*steps[:at], node, *steps[at + 2 :]]
    first = next(iter(port_names(move.inside, OUTPUTS)), None)
    wire = leaving_wire(move.inside, first) if first else None
    node = move.ids.get(wire.source) if wire else None
    return None if node is None else [*steps[:at], node]


def _wires(doc: Document, move: _Move) -> Iterator[Wire]:
    """Yield the wires that carry values and replace the wires of the instance."""
    inside, ids = move.inside, move.ids
    inputs = inside.borders.get(INPUTS)
    node = move.record.id

    def start(wire: Wire) -> tuple[str, str] | None:
        """Return the source of an inner wire in the outer graph."""
        if wire.source != inputs:
            found = ids.get(wire.source)  # None for the border node of outputs
            return None if found is None else (found, wire.source_port)
        outer = doc.wires.get((node, wire.source_port))
        return None if outer is None or outer.source == node else (outer.source, outer.source_port)

    moved = {inner.id for inner in move.inner}
    for wire in inside.wires.values():
        source = start(wire) if wire.target in moved else None  # else it ends at a border node
        if source is not None:
            yield Wire(*source, ids[wire.target], wire.target_port)
    for wire in doc.wires_out_of(node):
        leaving = leaving_wire(inside, wire.source_port)
        source = start(leaving) if leaving is not None else None
        if source is not None and wire.target != node:
            yield Wire(*source, wire.target, wire.target_port)


def _order(
    doc: Document, t: Transaction, move: _Move, before: list[Wire], after: list[Wire]
) -> None:
    """Replace control wires of the instance: wires into it go to all nodes inside, and wires out of
    it start at the last nodes inside.
    """
    nodes = [doc.nodes[move.ids[inner.id]] for inner in move.inner]
    nodes = [n for n in nodes if n.op not in (DATASET, REROUTE) and declaration(n, doc) is not None]
    for wire in before:
        for record in nodes:
            port = _free_control(doc, record.id)
            t.put_wire(Wire(wire.source, wire.source_port, record.id, port))
    inside = {record.id for record in nodes}
    ends = [n for n in nodes if not any(w.target in inside for w in doc.wires_out_of(n.id))]
    for wire in after:
        for record in ends:
            port = wire.target_port
            if wire.key in doc.wires:
                port = _free_control(doc, wire.target)
            op = declaration(record, doc)
            out = op.output_name(0) if op is not None and op.outputs else DONE
            t.put_wire(Wire(record.id, out, wire.target, port))


def _free_control(doc: Document, node_id: str) -> str:
    return free_control({wire.target_port for wire in doc.wires_into(node_id)})
