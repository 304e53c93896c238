"""The views on nodes, with ids of nodes converted to the names that the computation uses."""

from __future__ import annotations

from typing import Any

from nodeflow.document.analysis.node_flags import view_of
from nodeflow.document.analysis.subgraphs.instance_paths import find_name, path_of, scoped_name
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import Json, NodeRecord
from nodeflow.host.protocol import ViewSpec

ROW = "#"
ABSOLUTE = "/"
"""The prefix of an id path from the file's top graph. Without it, an id is in the node's graph."""


def spec_of(graph: Document, record: NodeRecord, scope: str = "") -> ViewSpec | None:
    """Return the specification of the view on a node. None if it has no view.

    Args:
        graph: the graph that contains the node.
        scope: the prefix of the names of that graph's nodes.
    """
    view = view_of(record)
    if view is None:
        return None
    options: dict[str, Any] = {key: value for key, value in view.items() if key != "kind"}
    if "x" in options:
        options["x"] = _name(graph, options["x"], scope)
    chosen = sorted((k, v) for k, v in options.items() if isinstance(v, (str, int, float)))
    return ViewSpec(str(view["kind"]), scope + record.name, tuple(chosen))


def pinned_views(graph: Document) -> dict[str, ViewSpec]:
    """Return the view that is pinned to each node of a graph, by the name of the node.

    A view is a picture of the node's value, such as a plot. Nodes without one are left out.
    """
    specs = ((record.name, spec_of(graph, record)) for record in graph.nodes.values())
    return {name: spec for name, spec in specs if spec is not None}


def stored(graph: Document, option: str, value: Any, scope: str = "") -> Json:
    """Translate an option of a view to the form that the document stores, with ids in place of node
    names. Return None if there is no such node.
    """
    if option != "x" or value == ROW or not isinstance(value, str):
        return value
    name, bracket, column = value.partition("[")
    record = graph.node_named(name.removeprefix(scope))
    if name.startswith(scope) and record is not None:
        return f"{record.id}{bracket}{column}"
    found = find_name(graph.root, name)
    return None if found is None else f"{ABSOLUTE}{path_of(found)}{bracket}{column}"


def _name(graph: Document, kept: Json, scope: str) -> str | None:
    """Return the name for a value that `stored` returned."""
    if not isinstance(kept, str) or kept == ROW:
        return kept if isinstance(kept, str) else None
    place, bracket, column = kept.partition("[")
    if place.startswith(ABSOLUTE):
        name = scoped_name(graph.root, place.removeprefix(ABSOLUTE))
    else:
        record = graph.nodes.get(place)
        name = None if record is None else scope + record.name
    return None if name is None else f"{name}{bracket}{column}"
