"""The derived nodes of each macro node, and the edits that affect derived nodes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from nodeflow.document.model.records import NodeRecord, mode_of, stream_of
from nodeflow.document.to_graph.build_result import Build
from nodeflow.graph.graph import Node
from nodeflow.graph.types import TensorType
from nodeflow.ops import REGISTRY
from nodeflow.ops.composed import Composed
from nodeflow.ops.macro_ops import Optimizer


@dataclass
class Segment:
    """A node of the graph for a document's node, and the nodes that it derived."""

    node: Node
    derived: tuple[Node, ...]
    record: NodeRecord
    types: tuple[TensorType, ...]
    """The types of the inputs when the derived nodes were made."""
    controls: tuple[Node, ...]
    inside: tuple[Node, ...] = ()
    """The derived nodes of the layers whose variables the node uses."""


def derives_late(record: NodeRecord) -> bool:
    """Return whether the nodes that a node derives depend on everything upstream of it. This is so
    for optimizers and gradients, but not for layers.
    """
    if record.op not in REGISTRY:
        return False
    op = REGISTRY.lookup(record.op)
    return op.macro and not isinstance(op, Composed)


def only_values(before: NodeRecord | None, after: NodeRecord | None) -> bool:
    """Return whether an edit changes nothing but a node's attributes: op, name, stream and mode are
    the same before and after.
    """
    if before is None or after is None:
        return False
    named = before.op == after.op and before.name == after.name
    named = named and stream_of(before) == stream_of(after)
    return named and mode_of(before) == mode_of(after)


def is_trained(record: NodeRecord) -> bool:
    """Return whether a node is a variable that optimizers change by default."""
    return record.op == "variable" and record.attrs.get("trainable", True) is not False


def changed_numbers(before: NodeRecord, after: NodeRecord) -> set[str]:
    """Return the names of changed attributes, if an optimizer's constants hold all of them.

    `Optimizer.numbers` lists such attributes. Return an empty set if any other attribute changed.
    """
    op = REGISTRY.lookup(after.op)
    old, new = before.attrs, after.attrs
    names = {name for name in {*old, *new} if old.get(name) != new.get(name)}
    return names if isinstance(op, Optimizer) and names.issubset(op.numbers) else set()


def number_constants(
    derived: Iterable[Node], owner: str, names: set[str]
) -> Iterator[tuple[Node, str]]:
    """Yield (constant node, name) for the constants among the derived nodes that hold an
    optimizer's numbers, such as its learning rate. Each number has one constant per dtype.
    """
    scope = f"{owner}/"
    for node in derived:
        if node.op.id != "constant" or not node.name.startswith(scope):
            continue
        name = node.name[len(scope) :]
        base, _, count = name.rpartition("_")
        if name in names:
            yield node, name
        elif base in names and count.isdecimal():
            yield node, base


def inside_owner(
    build: Build, segments: Mapping[str, Segment], record: NodeRecord
) -> tuple[Node, ...]:
    """Return the nodes derived by the layers that a node refers to, such as the owner of shared
    weights.

    If one of them changes, the node has to be derived again.
    """
    by_node = {port.name for port in REGISTRY.lookup(record.op).inputs if port.by_node}
    if not by_node:
        return ()
    wires = build.document.wires_into(record.id)
    owners = (segments.get(w.source) for w in wires if w.target_port in by_node)
    return tuple(n for owner in owners if owner for n in (*owner.derived, *owner.inside))


def shared_inside(segment: Segment | None) -> tuple[Node, ...]:
    """Return the derived nodes that nodes elsewhere may use: all nodes that a layer derived,
    because other layers may share its variables. Return an empty tuple for other nodes.
    """
    is_layer = segment is not None and segment.node.op.category == "Layers"
    return segment.derived if segment is not None and is_layer else ()
