"""Types of the variables inside layers and instances, before they share weights."""

from __future__ import annotations

import json
from functools import lru_cache

from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.analysis.subgraphs.shared_weights import kind_of_weights, possible_owners
from nodeflow.document.model.records import SUBGRAPH, NodeRecord, share_of
from nodeflow.errors import NodeflowError
from nodeflow.graph.graph import Graph
from nodeflow.graph.registry import REGISTRY
from nodeflow.graph.types import TensorType

WeightTypes = dict[str, TensorType | None]
"""Name of a variable within its layer or instance -> its type; None if unknown."""
_PROBE = "probe"


def fitting_owners(analysis: Analysis, record: NodeRecord) -> list[NodeRecord]:
    """Return the nodes that could share their weights with this node, sorted by name.

    Weight types that are not yet known count as fitting, because a node may get its inputs later.
    """
    others = possible_owners(analysis.doc, record)
    own = weight_types(analysis, record) if others else {}
    return [other for other in others if _fit(own, weight_types(analysis, other))]


def _fit(own: WeightTypes | None, other: WeightTypes | None) -> bool:
    if own is None or other is None:
        return True
    return all(
        (name in other and None in (type_, other[name])) or other.get(name) == type_
        for name, type_ in own.items()
    )


def weight_types(analysis: Analysis, record: NodeRecord) -> WeightTypes | None:
    """Return the types of a node's own variables by name, or None if they are unknown.

    A subgraph's variables include those of the nodes inside it; shared weights do not count.
    """
    if record.op != SUBGRAPH:
        return _of_layer(analysis, record)
    inside = analysis.inside.get(record.id)
    if inside is None:
        return None
    found: WeightTypes = {}
    for inner in inside.doc.nodes.values():
        if inner.op == "variable":
            found[inner.name] = inside.type_of(inner.id, "out")
        elif not share_of(inner) and kind_of_weights(inner) is not None:
            types = weight_types(inside, inner)
            if types is None:
                return None
            found |= {f"{inner.name}/{name}": type_ for name, type_ in types.items()}
    return found


def _of_layer(analysis: Analysis, record: NodeRecord) -> WeightTypes | None:
    op = REGISTRY.lookup(record.op)
    types = tuple(
        type_
        for port in op.inputs
        if (type_ := analysis.type_of(record.id, port.name)) is not None or not port.optional
    )
    known = tuple(type_ for type_ in types if type_ is not None)
    if len(known) < len(types):
        return None
    return _made(op.id, known, json.dumps(record.attrs, sort_keys=True))


@lru_cache(maxsize=1024)
def _made(op_id: str, types: tuple[TensorType, ...], attrs: str) -> WeightTypes | None:
    """Return the types of the variables that a layer makes for inputs of some types."""
    graph, op = Graph(), REGISTRY.lookup(op_id)
    feed = REGISTRY.lookup("placeholder")
    try:
        inputs = [graph.apply(feed, dtype=t.dtype, shape=t.shape) for t in types]
        graph.apply(op, *inputs, name=_PROBE, **json.loads(attrs))
        made = op.variables(op.bind_attrs(json.loads(attrs)))
        return {name: graph.tensor(f"{_PROBE}/{name}").type for name in made}
    except (NodeflowError, ArithmeticError, TypeError, ValueError, LookupError):
        return None
