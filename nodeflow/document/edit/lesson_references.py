"""The nodes to which a lesson in a document refers: given nodes by id, all others by name."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from nodeflow.document.model.document import Document
from nodeflow.document.model.records import ONLY, Json, same
from nodeflow.document.model.transaction import Transaction

BY_ID = ("given", "given_frames", "locked")
"""The fields of a lesson that list ids."""
NAMES = ("node", "by", "input", "inputs")
"""The fields of checks, questions, deeds, milestones and mistakes that name nodes."""
KEYED = ("inputs", "change")
"""The fields whose keys name nodes."""
GRAPH, TEXTS = "graph", "texts"


def forget_in_lesson(doc: Document, t: Transaction, gone: Collection[str]) -> None:
    """Remove references to deleted nodes from the lesson's lists of nodes that learners get."""
    lesson = dict(doc.lesson)
    for field in BY_ID:
        if isinstance(lesson.get(field), list):
            lesson[field] = [i for i in lesson[field] if i not in gone]
    if isinstance(lesson.get("start"), dict):
        lesson["start"] = {i: a for i, a in lesson["start"].items() if i not in gone}
    _set(doc, t, lesson)


def rename_in_lesson(doc: Document, t: Transaction, old: str, new: str) -> None:
    """Rename a node in the fields of a lesson, and in the graphs of its typical mistakes."""

    def turned(name: Any) -> Any:
        if name == old:
            return new
        is_part = isinstance(name, str) and name.startswith((f"{old}:", f"{old}/"))
        return new + name[len(old) :] if is_part else name

    lesson = {
        name: value if name == TEXTS else _renamed(value, turned)
        for name, value in doc.lesson.items()
    }
    _set(doc, t, lesson)


def _renamed(value: Json, turned: Callable[[Any], Any]) -> Json:
    if isinstance(value, list):
        return [_renamed(item, turned) for item in value]
    if not isinstance(value, dict):
        return value
    result = {}
    for name, inner in value.items():
        if name in KEYED and isinstance(inner, dict):
            result[name] = {turned(key): one for key, one in inner.items()}
        elif name in NAMES:
            result[name] = [turned(i) for i in inner] if isinstance(inner, list) else turned(inner)
        elif name == GRAPH:
            result[name] = _renamed_graph(inner, turned)
        else:
            result[name] = _renamed(inner, turned)
    return result


def _renamed_graph(graph: Json, turned: Callable[[Any], Any]) -> Json:
    """Rename a node of a mistaken graph, unless another node there has the new name."""
    if not isinstance(graph, dict) or not isinstance(graph.get("nodes"), list):
        return graph
    names = [node.get("name") for node in graph["nodes"] if isinstance(node, dict)]
    now = [turned(name) for name in names]
    if len(set(map(str, now))) < len(now):
        return graph
    nodes = [
        {**node, "name": turned(node.get("name"))} if isinstance(node, dict) else node
        for node in graph["nodes"]
    ]
    return {**graph, "nodes": nodes}


def _set(doc: Document, t: Transaction, lesson: dict[str, Json]) -> None:
    if not same(lesson, doc.lesson):
        t.edit("lesson", ONLY, lesson or None)
