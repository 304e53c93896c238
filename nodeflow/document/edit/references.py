"""Updating references to nodes: training settings and stage refer by id, attributes by name.

Ids are unique in a file, so a path of ids (`n9/n4`) is rewritten step by step, whatever graphs it
leads through. Names are resolved by `instance_paths.find_name`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

from nodeflow.document.analysis.plain_declaration import plain_declaration
from nodeflow.document.analysis.subgraphs.instance_paths import find_name, find_variable, graphs
from nodeflow.document.analysis.subgraphs.subgraph_interface import definition_of
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import Json, NodeRecord, same
from nodeflow.document.model.transaction import Transaction
from nodeflow.graph.name_patterns import scope_of

Steps = list[str]
_IS_PATH = re.compile(r"n[0-9]+(/n[0-9]+)*")


def rewrite_settings(
    doc: Document, t: Transaction, change: Callable[[Steps], Steps | None]
) -> None:
    """Replace the paths of ids in training settings and stage by `change`; drop paths that
    become None.
    """
    _rewrite_training(doc, t, change)
    _rewrite_stage(doc, t, change)


def _rewrite_training(
    doc: Document, t: Transaction, change: Callable[[Steps], Steps | None]
) -> None:
    settings = dict(doc.root.training)
    for key in ("optimizer", "loss"):
        if isinstance(settings.get(key), str):
            settings[key] = _rewritten(settings[key], change)
    if settings.get("metrics"):
        metrics = [{**m, "node": _rewritten(m["node"], change)} for m in settings["metrics"]]
        settings["metrics"] = [m for m in metrics if m["node"] is not None]
    if settings.get("monitor"):
        node = _rewritten(settings["monitor"]["node"], change)
        settings["monitor"] = None if node is None else {**settings["monitor"], "node": node}
    if settings.get("schedule"):
        phases = [_rewritten_phase(phase, change) for phase in settings["schedule"]]
        settings["schedule"] = [p for p in phases if p["optimizer"] is not None] or None
    if (settings.get("sweep") or {}).get("vary"):
        settings["sweep"] = _rewritten_sweep(settings["sweep"], change)
    settings = {key: value for key, value in settings.items() if value is not None}
    if not same(settings, doc.root.training):
        t.set_training(settings)


def _rewritten_phase(
    phase: dict[str, Json], change: Callable[[Steps], Steps | None]
) -> dict[str, Json]:
    nodes = {key: _rewritten(phase[key], change) for key in ("optimizer", "loss")
             if isinstance(phase.get(key), str)}  # fmt: skip
    changed = {**phase, **nodes}
    return {key: value for key, value in changed.items() if key != "loss" or value is not None}


def _rewrite_stage(doc: Document, t: Transaction, change: Callable[[Steps], Steps | None]) -> None:
    """Replace the paths of pinned views and controls; unpin items whose path becomes None.

    Names such as ``training``, which stand in place of a node, stay.
    """
    stage = dict(doc.root.stage)
    for kind in ("views", "controls"):
        if stage.get(kind):
            stage[kind] = [item for old in stage[kind] if (item := _repinned(old, change))]
    stage = {kind: items for kind, items in stage.items() if items != []}
    if not same(stage, doc.root.stage):
        t.set_stage(stage)


def _repinned(item: dict[str, Json], change: Callable[[Steps], Steps | None]) -> Json:
    path = item.get("node")
    if not isinstance(path, str) or not _IS_PATH.fullmatch(path):
        return item
    path = _rewritten(path, change)
    return None if path is None else {**item, "node": path}


def _rewritten_sweep(sweep: Json, change: Callable[[Steps], Steps | None]) -> Json:
    """Return the attributes that a sweep varies, with rewritten paths.

    The path ``training`` means the settings themselves and stays.
    """
    found = {
        (path if path == "training" else _rewritten(path, change)): attrs
        for path, attrs in sweep["vary"].items()
    }
    found.pop(None, None)
    return {**sweep, "vary": found}


def _rewritten(path: str, change: Callable[[Steps], Steps | None]) -> str | None:
    steps = change(path.split("/"))
    return None if steps is None else "/".join(steps)


def rewrite_names(
    doc: Document, t: Transaction, mapping: Mapping[str, str], skip: Collection[str] = ()
) -> None:
    """Rewrite attributes that name nodes of this graph, in all graphs of the file.

    `mapping` maps old names of nodes of `doc`, with scopes, to new names. Call it while the nodes
    still have the old names. Nodes with ids in `skip` stay unchanged.
    """
    changes: list[tuple[Document, NodeRecord]] = []
    for graph in graphs(doc):
        for record in graph.nodes.values():
            names = variable_names(record) if record.id not in skip else None
            if names is not None:
                renamed = [_renamed(doc, graph, name, mapping) for name in names]
                if renamed != names:
                    changes.append((graph, with_variables(record, renamed)))
    for graph, record in changes:
        t.within(graph).put_node(record)


def variable_names(record: NodeRecord) -> list[Json] | None:
    """Return the names in a node's attribute `variables`; None if its op has no such attribute."""
    names = record.attrs.get("variables")
    op = plain_declaration(record.op) if isinstance(names, list) else None
    declared = op is not None and any(a.name == "variables" and a.kind == "names" for a in op.attrs)
    return names if declared else None


def with_variables(record: NodeRecord, names: list[Json]) -> NodeRecord:
    """Return a copy of the node with other names in its attribute `variables`."""
    return replace(record, attrs={**record.attrs, "variables": names})


def _renamed(doc: Document, graph: Document, name: Json, mapping: Mapping[str, str]) -> Json:
    found = None
    if isinstance(name, str):
        found = find_name(graph, name) or find_variable(graph, name)
    if found is None and isinstance(name, str) and (scope := scope_of(name)):
        renamed = _renamed(doc, graph, scope, mapping)
        return name if renamed == scope else f"{renamed}/*"
    if found is None or not isinstance(name, str):
        return name
    if graph is doc:
        for count in range(1, len(found) + 1):
            prefix = "/".join(record.name for record in found[:count])
            if prefix in mapping:
                return mapping[prefix] + name[len(prefix) :]
    inside = definition_of(graph, found[0]) if len(found) > 1 else None
    if inside is None:
        return name
    scope = f"{found[0].name}/"
    return scope + _renamed(doc, inside, name[len(scope) :], mapping)
