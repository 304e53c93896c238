"""The differences of two documents: additions, removals and changes by node, wire and setting.

Nodes are matched by id, so a renamed node counts as changed. Two nodes with one id, but different
ops and names, are different nodes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from nodeflow.document.diff.facts import ENTITIES, LAYOUT, Facts, Path, facts_of, same_fact
from nodeflow.document.diff.merged_facts import renamed_definitions, renumbered
from nodeflow.document.model.document import Document
from nodeflow.document.model.names import natural_key
from nodeflow.document.model.records import SETTINGS, Json

ADDED, REMOVED, CHANGED = "added", "removed", "changed"
ABSENT = object()
"""The value of a fact that a document does not have."""


@dataclass(frozen=True)
class FieldChange:
    """The values of one fact before and after; `ABSENT` if the fact is missing."""

    field: str
    before: object
    after: object


@dataclass(frozen=True)
class Difference:
    """A node, wire, setting or other thing that was added, removed or changed.

    Attributes:
        kind: ``node``, ``wire``, ``frame``, ``subgraph``, ``training``, ``stage``, ``lesson``,
            ``weights`` or ``file``.
        change: `ADDED`, `REMOVED` or `CHANGED`.
        scope: the name of the definition around it; "" for the graph of the file.
        name: its name for people: a node's name, a wire's target, a setting.
        path: its path among the facts, by id.
        fields: changed fields, or all fields of an added or removed node; for a wire, its source.
    """

    kind: str
    change: str
    scope: str
    name: str
    path: Path
    fields: tuple[FieldChange, ...] = ()

    @property
    def is_layout(self) -> bool:
        """True if only positions changed."""
        return self.change == CHANGED and all(f.field in LAYOUT for f in self.fields)


def compare(before: Document, after: Document, *, layout: bool = False) -> list[Difference]:
    """Return the changes between two documents, sorted by graph; empty if there are none.

    Args:
        layout: whether to include positions of nodes and rectangles of frames.
    """
    old, new = facts_of(before), facts_of(after)
    followed = renamed_definitions(old, new)
    old = renumbered(old, {}, followed)
    names = _Names(old, new)
    held_before, held_after = _by_owner(old), _by_owner(new)
    changed = _by_owner(p for p in {**old, **new} if not same_fact(old, new, p))
    found = [
        difference
        for owner, paths in changed.items()
        for difference in _differences(
            owner, paths, (held_before.get(owner, []), held_after.get(owner, [])), old, new, names
        )
    ]
    found += [_renamed(*pair) for pair in followed.items()]
    shown = (d for d in found if layout or not d.is_layout)
    return sorted((d if layout else _without_layout(d) for d in shown), key=_order)


def _by_owner(paths: Iterable[Path]) -> dict[Path, list[Path]]:
    """Group paths by the node, frame or definition that they describe; any other path stands
    alone.
    """
    found: dict[Path, list[Path]] = {}
    for path in paths:
        found.setdefault(path[:2] if path[0] in ENTITIES else path, []).append(path)
    return found


def _renamed(old: str, new: str) -> Difference:
    change = FieldChange("name", old, new)
    return Difference("subgraph", CHANGED, "", new, ("subgraph", new), (change,))


class _Names:
    """Readable names for the nodes, frames and definitions that paths refer to by id."""

    def __init__(self, old: Facts, new: Facts) -> None:
        self._old, self._new = old, new

    def node(self, node_id: str, *, before: bool = False) -> str:
        first, second = (self._old, self._new) if before else (self._new, self._old)
        path = ("node", node_id, "name")
        return str(first.get(path, second.get(path, node_id)))

    def value(self, kind: str, field: str, value: Json, *, before: bool) -> Json:
        """Return a changed value as users read it.

        Names replace the ids of nodes, and text such as ``split:1`` the source of a wire.
        """
        if kind == "node" and field == "share" and isinstance(value, str):
            return self.node(value, before=before)
        if kind == "wire":
            source, port = value
            name = self.node(source, before=before)
            return name if port == "out" else f"{name}:{port}"
        if kind == "training" and field in ("optimizer", "loss") and isinstance(value, str):
            return self._path(value, before)
        if kind == "training" and field == "monitor" and isinstance(value, dict):
            return self._measured(value, before)
        if kind == "training" and field == "metrics" and isinstance(value, list):
            return [self._measured(m, before) if isinstance(m, dict) else m for m in value]
        if kind == "stage" and isinstance(value, list):
            return [self._measured(m, before) if isinstance(m, dict) else m for m in value]
        if kind == "training" and field == "schedule" and isinstance(value, list):
            return [self._phase(m, before) if isinstance(m, dict) else m for m in value]
        return value

    def _measured(self, metric: dict[str, Json], before: bool) -> Json:
        node = metric.get("node")
        return {**metric, "node": self._path(node, before)} if isinstance(node, str) else metric

    def _phase(self, phase: dict[str, Json], before: bool) -> Json:
        optimizer = phase.get("optimizer")
        named = self._path(optimizer, before) if isinstance(optimizer, str) else optimizer
        return {**phase, "optimizer": named}

    def _path(self, path: str, before: bool) -> str:
        return "/".join(self.node(step, before=before) for step in path.split("/"))


def _differences(
    owner: Path,
    changed: list[Path],
    held: tuple[list[Path], list[Path]],
    old: Facts,
    new: Facts,
    names: _Names,
) -> Iterator[Difference]:
    """Yield the differences of one node, frame, definition or setting.

    ``held`` has all paths that describe it before and after.
    """
    if owner[0] not in ENTITIES:
        yield _setting(owner, old, new, names)
        return
    if owner in old and owner in new and not is_replaced(owner, old, new):
        yield _entity(owner, CHANGED, changed, old, new, names)
        return
    before, after = ([p for p in paths if p != owner] for paths in held)
    if owner in old:
        yield _entity(owner, REMOVED, before, old, {}, names)
    if owner in new:
        yield _entity(owner, ADDED, after, {}, new, names)


def is_replaced(owner: Path, old: Facts, new: Facts) -> bool:
    """Return whether one id belongs to two different nodes: both op and name differ."""
    keys = [(*owner, field) for field in ("op", "name")]
    return owner[0] == "node" and not any(same_fact(old, new, key) for key in keys)


def _entity(
    owner: Path, change: str, paths: list[Path], old: Facts, new: Facts, names: _Names
) -> Difference:
    kind, key = owner
    holder = new if owner in new else old
    scope = "" if kind == "subgraph" else str(holder[owner])
    name = key if kind == "subgraph" else holder[(*owner, "name" if kind == "node" else "title")]

    def at(facts: Facts, path: Path) -> object:
        if path not in facts:
            return ABSENT
        field = path[2] if len(path) == 3 else ""
        return names.value(kind, field, facts[path], before=facts is old)

    fields = [
        FieldChange(
            "subgraph" if p == owner else p[-1] if len(p) == 4 else p[2], at(old, p), at(new, p)
        )
        for p in sorted(paths)
    ]
    return Difference(kind, change, scope, str(name), owner, tuple(fields))


def _setting(path: Path, old: Facts, new: Facts, names: _Names) -> Difference:
    kind, field = path[0], path[-1]
    change = ADDED if path not in old else REMOVED if path not in new else CHANGED
    before = names.value(kind, field, old[path], before=True) if path in old else ABSENT
    after = names.value(kind, field, new[path], before=False) if path in new else ABSENT
    scope, name = "", field
    if kind == "wire":
        end = new if ("node", path[1]) in new else old
        scope = str(end["node", path[1]])
        name = f"{names.node(path[1])}:{path[2]}"
        field = "source"
    return Difference(kind, change, scope, name, path, (FieldChange(field, before, after),))


def _without_layout(found: Difference) -> Difference:
    if found.change != CHANGED:
        return found
    fields = tuple(f for f in found.fields if f.field not in LAYOUT)
    return Difference(found.kind, found.change, found.scope, found.name, found.path, fields)


_KINDS = (*SETTINGS, "weights", "file", "subgraph", "node", "wire", "frame")


def _order(found: Difference) -> tuple[object, ...]:
    return found.scope, _KINDS.index(found.kind), natural_key(found.name), found.path, found.change
