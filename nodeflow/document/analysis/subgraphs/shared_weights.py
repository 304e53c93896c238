"""Layers and instances of subgraphs that use the weights of another node, their *owner*.

The field `share` of a node holds the id of its owner, a node of the same graph. Both are layers of
one kind, or instances of one definition. An owner has its own weights. If a file names an owner
that shares as well, the weights belong to the last owner of the chain.
"""

from __future__ import annotations

from dataclasses import replace

from nodeflow.document.analysis.passthrough_nodes import BYPASSED, mode_of
from nodeflow.document.analysis.subgraphs.subgraph_interface import DEFINITION, definition_of
from nodeflow.document.model.document import Document
from nodeflow.document.model.names import natural_key
from nodeflow.document.model.problems import Problem
from nodeflow.document.model.records import SUBGRAPH, NodeRecord, share_of
from nodeflow.errors import GraphError, NodeflowError, UnknownName
from nodeflow.ops import REGISTRY
from nodeflow.ops.layers.sharing import can_share

DEEPEST = 40
"""The maximum depth of nested instances, as in `instance_paths`."""
_OWN = "Give it own weights, or share with another node."


def kind_of_weights(record: NodeRecord) -> str | None:
    """Return a key that owner and sharer have in common: a layer's op, or an instance's definition.

    Return None for a node that cannot share weights.
    """
    if record.op == SUBGRAPH:
        name = record.attrs.get(DEFINITION)
        return (
            f"{SUBGRAPH} {name}" if isinstance(name, str) and "flow" not in record.attrs else None
        )
    return record.op if can_share(record.op) else None


def has_weights(doc: Document, record: NodeRecord) -> bool:
    """Return whether a node has weights that it could share: a layer, or an instance with layers or
    variables inside."""
    if kind_of_weights(record) is None:
        return False
    waiting, seen = [record.attrs.get(DEFINITION)] if record.op == SUBGRAPH else [], set()
    if not waiting:
        return True
    while waiting:
        name = waiting.pop()
        inside = doc.definition(name) if isinstance(name, str) and name not in seen else None
        seen.add(name)
        for inner in inside.nodes.values() if inside is not None else ():
            if inner.op == "variable" or can_share(inner.op):
                return True
            if inner.op == SUBGRAPH:
                waiting.append(inner.attrs.get(DEFINITION))
    return False


def owner_of(doc: Document, record: NodeRecord) -> NodeRecord | None:
    """Return the node whose weights a node uses, which is the node itself if it does not share.

    Return None if there is no such node, or if the references form a circle.
    """
    seen = set()
    found: NodeRecord | None = record
    while found is not None and (owner := share_of(found)):
        if found.id in seen:
            return None
        seen.add(found.id)
        found = doc.nodes.get(owner)
    return found


def sharers_of(doc: Document, node_id: str) -> list[str]:
    """Return the nodes that use the weights of a node, sorted by id."""
    found = (doc.nodes[i] for i in doc.sharers)
    ids = [r.id for r in found if (o := owner_of(doc, r)) is not None and o.id == node_id]
    return sorted((i for i in ids if i != node_id), key=natural_key)


def possible_owners(doc: Document, record: NodeRecord) -> list[NodeRecord]:
    """Return the nodes with own weights that a node may share with, sorted by name."""
    kind = kind_of_weights(record)
    if not has_weights(doc, record):
        return []
    found = [
        other
        for other in doc.nodes.values()
        if other.id != record.id and not share_of(other) and kind_of_weights(other) == kind
    ]
    return sorted(found, key=lambda other: natural_key(other.name))


def sharing_problem(doc: Document, record: NodeRecord) -> Problem | None:
    """Return the problem that a node cannot use the weights of its owner, or None."""
    if not share_of(record):
        return None
    owner, kind = owner_of(doc, record), kind_of_weights(record)
    if owner is None:
        problem = Problem(
            record.name,
            None,
            f"`{record.name}` shares the weights of a node that does not exist",
            _OWN,
            kind=UnknownName.__name__,
        )
        if doc.nodes.get(share_of(record)) is not None:
            return replace(
                problem,
                message=f"`{record.name}` shares weights with nodes none of which has its own",
                kind=GraphError.__name__,
            )
        return problem
    if kind is None:
        text = f"`{record.name}` has no weights that it could share with `{owner.name}`"
    elif kind_of_weights(owner) != kind:
        text = (
            f"`{record.name}` cannot share the weights of `{owner.name}`: "
            f"{_kind_text(record)} and {_kind_text(owner)} have different weights"
        )
    elif mode_of(owner) == BYPASSED:
        text = f"`{record.name}` shares the weights of `{owner.name}`, which is bypassed"
    else:
        return None
    return Problem(record.name, None, text, _OWN, kind=GraphError.__name__)


def _kind_text(record: NodeRecord) -> str:
    if record.op == SUBGRAPH:
        return f"the subgraph `{record.attrs.get(DEFINITION)}`"
    return record.op


def variables_inside(doc: Document, record: NodeRecord, depth: int = 0) -> list[str]:
    """Return the names of the variables of a layer or an instance, with their scope."""
    inside = definition_of(doc, record) if record.op == SUBGRAPH else None
    if inside is None:
        return [f"{record.name}/{name}" for name in _variables_of(record)]
    found: list[str] = []
    for inner in sorted(inside.nodes.values(), key=lambda other: natural_key(other.id)):
        if inner.op == "variable":
            found.append(inner.name)
        elif not share_of(inner) and kind_of_weights(inner) is not None and depth < DEEPEST:
            found += variables_inside(inside, inner, depth + 1)
    return [f"{record.name}/{name}" for name in found]


def _variables_of(record: NodeRecord) -> tuple[str, ...]:
    op = REGISTRY.lookup(record.op) if record.op in REGISTRY else None
    try:
        return () if op is None else op.variables(op.bind_attrs(record.attrs))
    except NodeflowError:  # the analysis reports the problem of the attributes
        return ()
