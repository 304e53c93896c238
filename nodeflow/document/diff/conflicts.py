"""Unresolved conflicts of a merge, stored in the file's field ``conflicts``.

Each conflict is an object with the path of a fact (`facts`) and its values in ``base``, ``ours``
and ``theirs``; a version without a value is left out. If one side removed a node, frame or
definition, that is one conflict, whose values are whole records.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from nodeflow.document.diff.facts import ENTITIES, LAYOUT, Facts, Path, entity
from nodeflow.document.model.document import Document
from nodeflow.document.model.errors import DocumentError
from nodeflow.document.model.records import SETTINGS, Json
from nodeflow.errors import GraphError, SurfaceText

BASE, OURS, THEIRS = "base", "ours", "theirs"
SIDES = (BASE, OURS, THEIRS)


class UnresolvedConflicts(DocumentError, GraphError):
    """A file to be trained that still lists conflicts of a merge.

    Remedy: Decide each conflict, or remove the field conflicts from the file.
    """


@dataclass(frozen=True)
class Conflict:
    """One entry of a file's list of conflicts.

    Attributes:
        path: the path of the fact; empty if the entry names none.
        values: ``base``, ``ours`` or ``theirs`` -> the value there; missing values are left out.
        item: the entry as stored in the file.
    """

    path: Path
    values: Mapping[str, Json] = field(hash=False)
    item: Json = field(hash=False)

    @property
    def node(self) -> str:
        """The id of the node, or of the wire's target, that the conflict concerns; "" if there
        is none.
        """
        return self.path[1] if len(self.path) > 1 and self.path[0] in ("node", "wire") else ""

    @property
    def is_whole(self) -> bool:
        """Whether the conflict concerns a whole node, frame or definition, not one field."""
        return len(self.path) == 2 and self.path[0] in ENTITIES

    @property
    def is_layout(self) -> bool:
        """True if the conflict only concerns the drawing: a position, or a frame."""
        return self.path[:1] == ("frame",) or (
            self.path[:1] == ("node",) and self.path[2:] in [(name,) for name in LAYOUT]
        )


def conflict(path: Path, *sides: Facts) -> dict[str, Json]:
    """Return the conflict at a path in the file's format: the values in base, ours and theirs."""
    found: dict[str, Json] = {"path": list(path)}
    for name, facts in zip(SIDES, sides, strict=True):
        if path in facts:
            whole = path[0] in ENTITIES and len(path) == 2
            found[name] = entity(facts, path) if whole else facts[path]
    return found


def conflicts_of(doc: Document) -> list[Conflict]:
    """Return the conflicts listed in a file, in its order."""
    return conflicts_in(doc.conflicts)


def conflicts_in(listed: Json) -> list[Conflict]:
    """Return the conflicts in the value of a file's field ``conflicts``."""
    items = listed if isinstance(listed, list) else [] if listed is None else [listed]
    return [_read(item) for item in items]


def name_of(doc: Document, found: Conflict) -> str:
    """Return the place of a conflict in words, such as ``adam.learning_rate``."""
    kind, *rest = found.path or ("",)
    if kind in ("node", "wire"):
        name = node_name(doc, found)
        if kind == "wire":
            return f"the wire into {name}:{'.'.join(rest[1:])}"
        return ".".join([name, *(part for part in rest[1:] if part != "attrs")])
    if kind == "frame":
        titles = [v.get("title") for v in found.values.values() if isinstance(v, dict)]
        frames = (g.frames.get(rest[0]) for g in (doc.root, *doc.definitions()) if rest)
        title = next((f.title for f in frames if f), next((t for t in titles if t), ""))
        return ".".join([f"the frame {title or rest[0]}", *rest[1:]])
    if kind == "subgraph":
        return ".".join([f"the subgraph {rest[0]}" if rest else kind, *rest[1:]])
    if kind == "weights":
        return "the file of weights"
    if kind in (*SETTINGS, "file"):
        return ".".join(found.path[kind == "file" :])
    return "an entry of the list `conflicts` that names no place"


def node_name(doc: Document, found: Conflict) -> str:
    """Return the name of the node, or of the wire's target, that a conflict concerns."""
    node_id = found.path[1] if len(found.path) > 1 else ""
    for graph in (doc.root, *doc.definitions()):
        if node_id in graph.nodes:
            return graph.nodes[node_id].name
    sides = (v for v in found.values.values() if isinstance(v, dict))
    return next((str(side["name"]) for side in sides if "name" in side), node_id)


def described(doc: Document) -> Iterator[str]:
    """Yield the place of each conflict of a document, in readable names."""
    return (name_of(doc, found) for found in conflicts_of(doc))


def refuse_conflicts(doc: Document) -> None:
    """Raise UnresolvedConflicts, which names the conflicts, if a file lists any.

    Conflicts about layout do not count (`Conflict.is_layout`): they do not affect the computation.
    """
    places = [name_of(doc, found) for found in conflicts_of(doc) if not found.is_layout]
    if places:
        more = f" and {len(places) - 5} more" if len(places) > 5 else ""
        raise UnresolvedConflicts(
            f"a merge left conflicts in this file: {', '.join(places[:5])}{more}",
            hint=SurfaceText(
                "Decide each with nodeflow.document.diff.resolve_conflicts.",
                cli="List and decide them with `nodeflow resolve FILE`.",
                window="Decide each in the Problems panel.",
            ),
        )


def _read(item: Json) -> Conflict:
    """Return the conflict that an item of the file's list of conflicts describes.

    Its path leads to the place in the document, such as a node's attribute. The path of an invalid
    item is empty.
    """
    path = item.get("path") if isinstance(item, dict) else None
    if not (isinstance(path, list) and all(isinstance(step, str) for step in path)):
        return Conflict((), {}, item)
    match path:
        case (
            ["node" | "frame" | "subgraph", _]
            | ["node" | "frame" | "subgraph" | "wire", _, _]
            | ["node", _, "attrs", _]
            | ["training" | "stage" | "lesson" | "file", _]
            | ["weights"]
        ):
            return Conflict(tuple(path), {s: item[s] for s in SIDES if s in item}, item)
    return Conflict((), {}, item)
