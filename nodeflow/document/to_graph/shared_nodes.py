"""Nodes of a flat document that use the weights of other nodes.

In a flat document, a layer that shares is a node of another op (`nodeflow.ops.layers.sharing`),
connected to its owner. In an instance that shares, a variable is a dot behind the owner's variable,
and each layer shares with the same layer of the owner. So references are resolved by id, before
names, and the ordinary gradient sweep reaches the owner's variables.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from nodeflow.document.analysis.node_flags import with_field
from nodeflow.document.analysis.passthrough_nodes import REROUTE
from nodeflow.document.analysis.subgraphs.instance_paths import find_variable
from nodeflow.document.analysis.subgraphs.shared_weights import owner_of, sharing_problem
from nodeflow.document.model.records import NodeRecord, Wire, share_of
from nodeflow.ops import REGISTRY
from nodeflow.ops.layers.layer import shared_op
from nodeflow.ops.layers.sharing import OWNER, can_share

if TYPE_CHECKING:
    from nodeflow.document.to_graph.flatten import Place

VARIABLE = "variable"


def weights_place(place: Place) -> Place:
    """Return the place (subgraph instance) whose weights are used in the given place. This is the
    given place unless the instance shares the weights of another one.
    """
    if place.outer is None or place.instance is None:
        return place
    outer = weights_place(place.outer)
    owner = owner_of(outer.graph, place.instance)
    return place if owner is None else outer.inner.get(owner.id, place)


def owner_at(place: Place, record: NodeRecord) -> tuple[Place, NodeRecord] | None:
    """Return the layer or variable that owns the weights of a node, and the place (subgraph
    instance) of the owner.

    Return None if the node uses its own weights, or if sharing fails.
    """
    if record.op == VARIABLE:
        owner: NodeRecord | None = record
    elif can_share(record.op) and sharing_problem(place.graph, record) is None:
        owner = owner_of(place.graph, record)
    else:
        return None
    where = weights_place(place)
    if owner is None or (where is place and owner.id == record.id):
        return None
    return where, owner


def without_own_weights(place: Place, record: NodeRecord) -> NodeRecord:
    """Return the record that a node has in the flat document (without subgraphs) if it shares
    another node's weights. A variable becomes a dot, which only forwards the owner's variable; a
    layer becomes a layer that reads the owner's weights. Any other record stays the same.

    Ids and names are still without the prefixes of subgraph instances.
    """
    found = owner_at(place, record)
    if found is None:
        owner = share_of(record)  # not found, or no owner for this node
        return with_field(record, "share", place.ids + owner) if owner else record
    if record.op == VARIABLE:
        extra = {key: value for key, value in record.extra.items() if key == "mode"}
        return replace(record, op=REROUTE, attrs={}, extra=extra)
    return replace(with_field(record, "share", None), op=shared_op(record.op))


def owner_wire(place: Place, record: NodeRecord) -> Wire | None:
    """Return a wire of the flat document (without subgraphs) from the layer that owns a node's
    weights to the node. Return None if the node uses its own weights.
    """
    found = owner_at(place, record)
    if found is None:
        return None
    where, owner = found
    source, target = where.ids + owner.id, place.ids + record.id
    if record.op == VARIABLE:
        return Wire(source, "out", target, "x")
    return Wire(source, REGISTRY.lookup(owner.op).output_name(0), target, OWNER.name)


def takes_wire(place: Place, record: NodeRecord, port: str) -> bool:
    """Return whether a wire of the document also exists in the flat document, where subgraphs are
    replaced by their content.

    The initial value of a variable whose layer shares weights has no wire there, because the owner
    of the weights has it.
    """
    if record.op == VARIABLE:
        return owner_at(place, record) is None
    return port != OWNER.name or owner_at(place, record) is None


def variable_name(place: Place, name: str) -> str | None:
    """Return the full name of the variable that ``name`` means inside a place (the document or a
    subgraph instance); None if there is no such variable.

    If a layer on the way shares its weights, the variable belongs to the layer that owns them.
    """
    found = find_variable(place.graph, name)
    if found is None:
        return None
    inner: Place | None = place
    for record in found[:-1]:
        inner = inner.inner.get(record.id) if inner is not None else None
    if inner is None:
        return place.names + name
    path = "/".join(record.name for record in found)
    rest = name.removeprefix(path)
    where, owner = owner_at(inner, found[-1]) or (inner, found[-1])
    return where.names + owner.name + rest
