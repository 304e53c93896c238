"""Edits of whole definitions of subgraphs: add an instance, rename, make independent, remove."""

from __future__ import annotations

from dataclasses import replace

from nodeflow.document.analysis.node_flags import with_field
from nodeflow.document.analysis.subgraphs.instance_paths import check_recursion, instances_of
from nodeflow.document.analysis.subgraphs.subgraph_interface import DEFINITION, definition_of
from nodeflow.document.edit.commands import Point, point
from nodeflow.document.edit.references import rewrite_settings
from nodeflow.document.edit.shared_weights import hand_over, with_copied_owner
from nodeflow.document.edit.streams import with_free_stream
from nodeflow.document.edit.subgraphs.create_subgraph import check_definition, instance_name
from nodeflow.document.edit.subgraphs.unpack_subgraph import remove_content
from nodeflow.document.model.document import Document
from nodeflow.document.model.errors import NameTaken, SubgraphError, UnknownSubgraph
from nodeflow.document.model.names import FreeNames
from nodeflow.document.model.records import SUBGRAPH, NodeRecord, Wire
from nodeflow.document.model.transaction import Transaction
from nodeflow.errors import suggest


def add_instance(doc: Document, name: str, pos: Point) -> str:
    """Add an instance of a definition and return its id.

    Raises:
        UnknownSubgraph: the file has no definition of this name.
        RecursiveSubgraph: the subgraph would contain itself.
    """
    if doc.definition(name) is None:
        hint = suggest(name, doc.subgraphs)
        raise UnknownSubgraph(f"the file has no subgraph {name!r}", hint=hint)
    check_recursion(doc, name)
    with doc.transaction(f"Add {name}") as t:
        called = instance_name(doc, name)
        record = NodeRecord(t.new_id(), SUBGRAPH, called, {DEFINITION: name}, point(pos))
        t.put_node(with_free_stream(doc, record))
    return record.id


def rename_definition(doc: Document, old: str, new: str) -> None:
    """Rename a definition and update its instances; raise BadName or NameTaken."""
    definition = _definition(doc, old)
    if old == check_definition(new):
        return
    if new in doc.subgraphs:
        hint = f"{FreeNames().fresh(new, doc.subgraphs)!r} is free"
        raise NameTaken(f"another subgraph is called {new!r}", hint=hint)
    with doc.transaction(f"Rename the subgraph {old} to {new}") as t:
        _copy(definition, t, new, {}, remove=True)
        for graph, record in instances_of(doc, old):
            attrs = {**record.attrs, DEFINITION: new}
            t.within(graph).put_node(replace(record, attrs=attrs))


def make_independent(doc: Document, node_id: str) -> str:
    """Give an instance a copy of its definition; return the name of the copy.

    If it is the only instance, it keeps the definition.
    """
    record = doc.node(node_id)
    definition = definition_of(doc, record)
    if definition is None:
        raise UnknownSubgraph(f"the file has no subgraph {record.attrs.get(DEFINITION)!r}")
    if len(instances_of(doc, definition.scope)) == 1:
        return definition.scope
    name = FreeNames().fresh(definition.scope, doc.subgraphs)
    with doc.transaction(f"Make {record.name} independent") as t:
        ids = {old: t.new_id() for old in definition.nodes}
        ids.update({old: t.new_id("f") for old in definition.frames})
        _copy(definition, t, name, ids)
        hand_over(doc, t, [node_id], {})
        own = with_field(record, "share", None)  # other instances have other weights
        t.put_node(replace(own, attrs={**record.attrs, DEFINITION: name}))
        rewrite_settings(doc, t, lambda steps: _through(steps, node_id, ids))
    return name


def remove_definition(doc: Document, name: str) -> None:
    """Remove an unused definition; raise SubgraphError if it is used."""
    definition = _definition(doc, name)
    used = instances_of(doc, name)
    if used:
        graph, record = used[0]
        where = f" in `{graph.scope}`" if graph.scope else ""
        raise SubgraphError(
            f"the subgraph `{name}` is used by `{record.name}`{where}",
            hint="Remove its instances first.",
        )
    with doc.transaction(f"Remove the subgraph {name}") as t:
        remove_content(definition, t)


def _definition(doc: Document, name: str) -> Document:
    found = doc.definition(name)
    if found is None:
        raise UnknownSubgraph(f"the file has no subgraph {name!r}")
    return found


def _copy(
    definition: Document, t: Transaction, name: str, ids: dict[str, str], remove: bool = False
) -> None:
    """Copy a definition under another name; `ids` has the new ids of its nodes."""
    header = definition.subgraphs[definition.scope]
    nodes, wires = list(definition.nodes.values()), list(definition.wires.values())
    frames = list(definition.frames.values())
    if remove:
        remove_content(definition, t)
    t.edit("subgraph", name, header)
    copy = definition.definition(name)
    assert copy is not None
    inside = t.within(copy)
    for node in nodes:
        copied = with_copied_owner(node, ids)
        inside.put_node(replace(copied, id=ids.get(node.id, node.id)))
    for wire in wires:
        source, target = ids.get(wire.source, wire.source), ids.get(wire.target, wire.target)
        inside.put_wire(Wire(source, wire.source_port, target, wire.target_port))
    for frame in frames:
        inside.put_frame(replace(frame, id=ids.get(frame.id, frame.id)))


def _through(steps: list[str], instance: str, ids: dict[str, str]) -> list[str]:
    if instance not in steps[:-1]:
        return steps
    at = steps.index(instance) + 1
    return [*steps[:at], ids.get(steps[at], steps[at]), *steps[at + 1 :]]
