"""What a merge could not decide, as data in the file: its field ``conflicts``.

Each is an object with the path of a fact (`facts`) and the values that ``base``, ``ours`` and
``theirs`` have there; a side that has none is left out. A node, frame or definition that one side
removed is one conflict, whose values are the whole record.
"""

from __future__ import annotations

from collections.abc import Iterator

from nodeflow.document.diff.facts import CONFLICTS, ENTITIES, Facts, Path, entity
from nodeflow.document.model.document import Document
from nodeflow.document.model.errors import DocumentError
from nodeflow.document.model.records import Json
from nodeflow.errors import GraphError

SIDES = ("base", "ours", "theirs")


class UnresolvedConflicts(DocumentError, GraphError):
    """A file that a merge left with conflicts is trained."""


def conflict(path: Path, *sides: Facts) -> dict[str, Json]:
    """Returns the conflict at a path of base, ours and theirs."""
    found: dict[str, Json] = {"path": list(path)}
    for name, facts in zip(SIDES, sides, strict=True):
        if path in facts:
            whole = path[0] in ENTITIES and len(path) == 2
            found[name] = entity(facts, path) if whole else facts[path]
    return found


def conflicts_of(doc: Document) -> list[dict[str, Json]]:
    """Returns the conflicts that a file lists; entries that are none are left out."""
    listed = doc.extra.get(CONFLICTS)
    items = listed if isinstance(listed, list) else []
    return [item for item in items if isinstance(item, dict) and _is_path(item.get("path"))]


def described(doc: Document) -> Iterator[str]:
    """Yields the place of each conflict, in names."""
    names = {n.id: n.name for graph in (doc, *doc.definitions()) for n in graph.nodes.values()}
    for item in conflicts_of(doc):
        kind, *rest = item["path"]
        if kind in ("node", "wire"):
            sides = (item[side] for side in SIDES if isinstance(item.get(side), dict))
            known = next((side["name"] for side in sides if "name" in side), rest[0])
            name = names.get(rest[0], known)
            if kind == "wire":
                yield f"the wire into {name}:{'.'.join(rest[1:])}"
            else:
                yield ".".join([str(name), *(part for part in rest[1:] if part != "attrs")])
        elif kind in ("training", "weights", "file"):
            yield ".".join(item["path"][kind == "file" :])
        else:
            yield " ".join(item["path"])


def refuse_conflicts(doc: Document) -> None:
    """Raises UnresolvedConflicts, which names them, if a file lists conflicts."""
    places = list(described(doc))
    if not places and doc.extra.get(CONFLICTS):
        places = ["the field conflicts of the file"]
    if places:
        more = f" and {len(places) - 5} more" if len(places) > 5 else ""
        raise UnresolvedConflicts(
            f"a merge left conflicts in this file: {', '.join(places[:5])}{more}",
            hint="Decide each, and remove it from the list `conflicts` of the file.",
        )


def _is_path(value: Json) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(v, str) for v in value)
