"""Conflicts of a merge as problems: the place in readable names, and each side's value in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nodeflow.document.analysis.subgraphs.instance_paths import graph_at, place_of_use
from nodeflow.document.diff.conflicts import (
    SIDES,
    Conflict,
    UnresolvedConflicts,
    conflicts_of,
    name_of,
)
from nodeflow.document.diff.differences import ABSENT
from nodeflow.document.diff.resolve_conflicts import CURRENT, choices, value_at
from nodeflow.document.diff.values import short
from nodeflow.document.model.document import Document
from nodeflow.document.model.problems import Problem
from nodeflow.document.model.records import Json
from nodeflow.errors import SurfaceText


@dataclass(frozen=True, slots=True)
class ConflictProblem(Problem):
    """A merge conflict as a problem: an error, or a warning if it is only about layout."""

    conflict: Conflict | None = None
    sides: tuple[str, ...] = ()
    """The choices, see `resolve.choices`."""


HINT = SurfaceText(
    "Decide it with nodeflow.document.diff.resolve_conflicts.",
    cli="Decide it with `nodeflow resolve FILE --keep SIDE`.",
    window="Keep the side that you want.",
)


def conflict_problems(doc: Document) -> list[ConflictProblem]:
    """Return the conflicts that a file lists as problems, in its order."""
    if doc.conflicts is None:
        return []
    places = _Places(doc.root)
    return [_problem(doc.root, conflict, places) for conflict in conflicts_of(doc)]


def values_in_words(doc: Document, conflict: Conflict) -> dict[str, str]:
    """Return each side's value in words. Add the document's current value if it differs from
    all.
    """
    said = {side: _said(doc, conflict, conflict.values.get(side, ABSENT)) for side in SIDES}
    if CURRENT in choices(doc, conflict):
        said[CURRENT] = _said(doc, conflict, value_at(doc, conflict))
    return said


def _problem(doc: Document, conflict: Conflict, places: _Places) -> ConflictProblem:
    sides = tuple(choices(doc, conflict))
    said = values_in_words(doc, conflict)
    if conflict.path:
        text = f"a merge could not decide{_what(doc, conflict)}: " + ", ".join(
            f"{side} {said[side]}" for side in ("ours", "theirs", "base")
        )
        text += f"; now {said[CURRENT]}" if CURRENT in said else ""
    else:
        text = f"{name_of(doc, conflict)}: {short(conflict.item)}"
    severity = "warning" if conflict.is_layout else "error"
    kind = UnresolvedConflicts.__name__
    node, port = places.of(conflict)
    return ConflictProblem(node, port, text, HINT, severity, kind, "", conflict, sides)


def _what(doc: Document, conflict: Conflict) -> str:
    """Return words for the subject of a conflict; "" if the problem's node and attribute
    suffice.
    """
    kind, *rest = conflict.path
    if kind == "node" and len(rest) > 1 and _holds(doc, conflict.node):
        return ""
    if kind == "node" and len(rest) == 1 and {"ours", "theirs"} <= conflict.values.keys():
        return " the graph that holds this node"
    if kind == "node" and len(rest) == 1:
        return " whether this node exists"
    return " this wire" if kind == "wire" else f" {name_of(doc, conflict)}"


def _holds(doc: Document, node_id: str) -> bool:
    return any(node_id in graph.nodes for graph in (doc, *doc.definitions()))


def _said(doc: Document, conflict: Conflict, value: Any) -> str:
    kind = conflict.path[0] if conflict.path else ""
    if value is ABSENT:
        return "no such thing" if conflict.is_whole else "no wire" if kind == "wire" else "not set"
    if conflict.is_whole:
        return _record(conflict, value)
    if kind == "wire" and isinstance(value, list) and len(value) == 2:
        source, port = value
        return f"from {_names(doc, source)}" + ("" if port == "out" else f":{port}")
    if kind == "training" and conflict.path[1:] in [("optimizer",), ("loss",)]:
        return _names(doc, value)
    return short(value)


def _record(conflict: Conflict, value: Json) -> str:
    """Return a node, frame or definition in words that distinguish it from the other version."""
    if not isinstance(value, dict):
        return short(value)
    others = [v for v in conflict.values.values() if isinstance(v, dict)]
    if {"ours", "theirs"} <= conflict.values.keys():
        scope = value.get("scope")
        return f"in the subgraph `{scope}`" if scope else "in the graph of the file"
    attrs = value.get("attrs")
    flat = {**value, **(attrs if isinstance(attrs, dict) else {})}
    differ = [
        f"{key} = {short(flat[key])}"
        for key in flat
        if key not in ("attrs", "scope") and any(_flat(o).get(key) != flat[key] for o in others)
    ]
    what = value.get("op") or value.get("title") or "it"
    return f"{short(what)} with {', '.join(differ)}" if differ else short(what)


def _flat(record: dict[str, Json]) -> dict[str, Json]:
    attrs = record.get("attrs")
    return {**record, **(attrs if isinstance(attrs, dict) else {})}


def _names(doc: Document, path: Json) -> str:
    """Return a path of ids with names in place of ids, as far as the nodes exist."""
    if not isinstance(path, str):
        return short(path)
    graphs = (doc, *doc.definitions())
    names = {i: g.nodes[i].name for i in path.split("/") for g in graphs if i in g.nodes}
    return short("/".join(names.get(step, step) for step in path.split("/")))


class _Places:
    """A finder of the readable places of conflicts: names of nodes, with the scope of an
    instance.
    """

    def __init__(self, root: Document) -> None:
        self._root = root
        self._scopes: dict[str, str] = {"": ""}

    def of(self, conflict: Conflict) -> tuple[str, str | None]:
        """Return the name of a conflict's node, and its port or attribute.

        For a conflict elsewhere the name is "".
        """
        kind, *rest = conflict.path or ("",)
        if kind not in ("node", "wire") or not rest:
            return "", kind if kind in ("training", "stage") else None
        for graph in (self._root, *self._root.definitions()):
            if rest[0] in graph.nodes:
                port = rest[-1] if len(rest) > 1 else None
                return self._scope(graph.scope) + graph.nodes[rest[0]].name, port
        return "", None

    def _scope(self, name: str) -> str:
        if name not in self._scopes:
            path = place_of_use(self._root, name)
            found = graph_at(self._root, path.split("/")) if path is not None else None
            self._scopes[name] = "".join(f"{step}/" for step in found[1]) if found else ""
        return self._scopes[name]
