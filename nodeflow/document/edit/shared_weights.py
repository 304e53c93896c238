"""Edits of shared weights: share, stop sharing, and pass on the weights of a removed owner.

A node that shares names its owner by id, in the field `share`. Edits keep this canonical: an owner
never shares with another node.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from nodeflow.document.analysis.frozen_weights import TRAINABLE
from nodeflow.document.analysis.node_flags import with_field
from nodeflow.document.analysis.subgraphs.instance_paths import variables_of
from nodeflow.document.analysis.subgraphs.shared_weights import (
    kind_of_weights,
    owner_of,
    sharers_of,
    sharing_problem,
)
from nodeflow.document.edit.streams import with_stream
from nodeflow.document.model.document import Document
from nodeflow.document.model.errors import BadValue
from nodeflow.document.model.records import NodeRecord, share_of, stream_of
from nodeflow.document.model.transaction import Transaction

Heirs = Mapping[str, str | None]
"""Id of a removed owner -> id of the sharing node that keeps its weights; None: each gets its
own."""


def share_weights(doc: Document, node_id: str, owner_id: str | None) -> None:
    """Let a node use the weights of another node; None as `owner_id` gives it its own weights.

    If the other node shares as well, its owner becomes the owner. Nodes that used the weights of
    this node then use the new weights.

    Raises:
        BadValue: the nodes are of different kinds, or have no weights to share.
    """
    record = doc.node(node_id)
    if owner_id is None:
        if share_of(record):
            with doc.transaction(f"Give {record.name} own weights") as t:
                t.put_node(with_field(record, "share", None))
        return
    owner = owner_of(doc, doc.node(owner_id))
    if owner is None or owner.id == node_id:
        raise BadValue(f"`{record.name}` cannot share its own weights", hint="Choose another node.")
    shared = with_field(record, "share", owner.id)
    problem = sharing_problem(doc, shared)
    if problem is not None:
        raise BadValue(problem.message, hint=f"Choose another {_noun(record)}.")
    if shared == record:
        return
    with doc.transaction(f"Share the weights of {owner.name} with {record.name}") as t:
        for other in sharers_of(doc, node_id):
            t.put_node(with_field(doc.nodes[other], "share", owner.id))
        t.put_node(shared)


def _noun(record: NodeRecord) -> str:
    return record.op.rpartition("/")[2].replace("_", " ")


def heirs_of(doc: Document, removed: Iterable[str]) -> dict[str, list[str]]:
    """Return owner id -> ids of the nodes that remain and use the owner's weights.

    Only nodes to be removed are owners here, and only those with such users are listed.
    """
    gone = set(removed)
    found = (
        {i: [s for s in sharers_of(doc, i) if s not in gone] for i in gone} if doc.sharers else {}
    )
    return {owner: sharers for owner, sharers in found.items() if sharers}


def hand_over(doc: Document, t: Transaction, gone: Iterable[str], heirs: Heirs) -> None:
    """Give the weights of nodes to be removed to the nodes that share them.

    By default the first node that has all the owner's variables keeps them, and the others share
    with it. Call this before the owners are removed.
    """
    for owner_id, sharers in heirs_of(doc, gone).items():
        owner = doc.nodes[owner_id]
        heir = heirs[owner_id] if owner_id in heirs else _heir(doc, owner, sharers)
        if heir is not None and heir not in sharers:
            raise BadValue(f"no node with the id {heir!r} shares the weights of `{owner.name}`")
        for node_id in sharers:
            record = with_field(
                doc.nodes[node_id], "share", None if heir in (None, node_id) else heir
            )
            t.put_node(_inheriting(record, owner) if node_id == heir else record)


def _heir(doc: Document, owner: NodeRecord, sharers: list[str]) -> str:
    needed = set(variables_of(owner))
    complete = (i for i in sharers if needed <= set(variables_of(doc.nodes[i])))
    return next(complete, sharers[0])


def _inheriting(record: NodeRecord, owner: NodeRecord) -> NodeRecord:
    """Return a node that owns its weights again, with the start values of the former owner.

    It takes over the initializers and the random stream.
    """
    kept = {
        name: value
        for name, value in owner.attrs.items()
        if name == TRAINABLE or name.endswith("_initializer")
    }
    own = {name: value for name, value in record.attrs.items() if name != TRAINABLE}
    return with_stream(replace(record, attrs={**own, **kept}), stream_of(owner))


def with_copied_owner(record: NodeRecord, ids: Mapping[str, str]) -> NodeRecord:
    """Return a copied node that shares with the copy of its owner, if the owner was copied as
    well.
    """
    owner = share_of(record)
    return with_field(record, "share", ids[owner]) if owner in ids else record


def without_lost_owner(doc: Document, record: NodeRecord, known: NodeRecord | None) -> NodeRecord:
    """Return the record to paste for a copied node that shares weights with a node outside the
    copy.

    It shares with the same owner if this document has it; otherwise it has its own weights.

    Args:
        known: the owner where the node was copied.
    """
    owner = doc.nodes.get(share_of(record))
    same = (
        owner is not None
        and known is not None
        and owner.name == known.name
        and kind_of_weights(owner) == kind_of_weights(record) == kind_of_weights(known)
    )
    return record if same else with_field(record, "share", None)


def separated(doc: Document, chosen: Iterable[str]) -> tuple[NodeRecord, NodeRecord] | None:
    """Return a node that shares weights, and the node that owns them, if only one of the two is
    among the chosen nodes. If there is no such pair, return None.
    """
    inside = set(chosen)
    for node_id in doc.sharers:
        record = doc.nodes[node_id]
        owner = owner_of(doc, record)
        if owner is not None and (node_id in inside) != (owner.id in inside):
            return record, owner
    return None
