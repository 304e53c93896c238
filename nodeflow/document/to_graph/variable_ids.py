"""Identities of variables, by which saved values still find their variables after renaming.

A variable is identified by the id of its node and its stream (`records.stream_of`). Renaming,
grouping and unpacking change neither, and together they distinguish the instances of a subgraph. A
variable derived by an optimizer combines the ids of the optimizer's node and of the variable that
it belongs to. A layer's variable combines the layer's id with its own name and stream.
"""

from __future__ import annotations

from typing import NamedTuple

from nodeflow.document.to_graph.build_result import Build
from nodeflow.graph.graph import Node
from nodeflow.ops import REGISTRY
from nodeflow.ops.macro_ops import Optimizer


class VariableId(NamedTuple):
    """The identity of a variable in one document, which renaming its node does not change.

    Attributes:
        id: the id of the variable's node, such as ``n4``. A variable that an optimizer keeps, such
            as Adam's mean ``m``, combines the optimizer's id, the id of the variable that it
            belongs to, and its own name: ``n20:n4:m``.
        stream: the name of the node's stream of random numbers, such as ``W``; for a variable that
            an optimizer keeps, ``W:m``.
    """

    id: str
    stream: str


def variable_ids(built: Build) -> dict[str, VariableId]:
    """Return the identity of each variable in a built graph, by its name. Identities survive
    renaming, so trained values find their variable again.
    """
    own = {node: path for path, node in built.nodes.items()}
    found: dict[str, VariableId] = {}
    for tensor in built.graph.variables:
        node = tensor.node
        path = own.get(node)
        if path is not None and node.derived_from is None:
            found[node.name] = VariableId(_last(path), node.stream)
        else:
            found[node.name] = _derived(built, node, found)
    return found


def slot_names(built: Build) -> set[str]:
    """Return the names of the variables that optimizers created for their state, such as
    velocities.
    """
    owners = {n.name for n in built.graph.nodes if isinstance(n.op, Optimizer)}
    return {v.node.name for v in built.graph.variables if v.node.derived_from in owners}


def _derived(built: Build, node: Node, known: dict[str, VariableId]) -> VariableId:
    owner = node.derived_from or ""
    record = built.document.node_named(owner)
    first = "" if record is None else _last(record.id)
    rest = node.name.removeprefix(f"{owner}/")
    steps = rest.split("/")
    for count in range(len(steps) - 1, 0, -1):
        of = known.get("/".join(steps[:count]))
        if of is not None:
            slot = "/".join(steps[count:])
            return VariableId(f"{first}:{of.id}:{slot}", f"{of.stream}:{slot}")
    draws = record is not None and record.op in REGISTRY and REGISTRY.lookup(record.op).random
    return VariableId(f"{first}:{rest}", node.stream if draws else rest)  # a layer's variable


def _last(path: str) -> str:
    """Return the last id of a path such as ``n9/n4``.

    Grouping and unpacking nodes change only the preceding ids.
    """
    return path.rpartition("/")[2]
