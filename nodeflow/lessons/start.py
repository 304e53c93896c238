"""The graph that a learner begins with: the given nodes of a lesson, without its solution."""

from __future__ import annotations

import json

from nodeflow.document.analysis.subgraphs.instance_paths import unused as unused_definitions
from nodeflow.document.analysis.subgraphs.instance_paths import uses
from nodeflow.document.edit.commands import remove
from nodeflow.document.edit.sweep_settings import TRAINING
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import NodeRecord
from nodeflow.lessons.schema import ANSWERS, Lesson


def copied(document: Document) -> Document:
    """Return a copy of a document, unmodified and without undo, which may read the same files."""
    copy = flow.loads(flow.dumps(document))
    copy.use_file_of(document)
    return copy


def start_of(document: Document, lesson: Lesson) -> Document:
    """Return the document that a student starts a lesson with. It holds the nodes and frames that
    the lesson gives, with the lesson's start attributes.

    Its ``lesson`` field holds only the id and version of the lesson.
    """
    start = copied(document)
    remove(start, [node for node in start.nodes if node not in lesson.given])
    unused = {d.scope for d in unused_definitions(start) if not _is_used(start, d.scope, lesson)}
    data = json.loads(flow.dumps(start))
    data["frames"] = [frame for frame in data["frames"] if frame["id"] in lesson.given_frames]
    data["subgraphs"] = {n: body for n, body in data["subgraphs"].items() if n not in unused}
    for node in data["nodes"]:
        node["attrs"] = {**node["attrs"], **lesson.start.get(node["id"], {})}
    training = {**data["training"], **lesson.start.get(TRAINING, {})}
    data["training"] = {name: value for name, value in training.items() if value is not None}
    data["lesson"] = {ANSWERS: lesson.id, "version": lesson.version}
    result = flow.loads(json.dumps(data))
    result.use_file_of(document)
    return result


def _is_used(document: Document, definition: str, lesson: Lesson) -> bool:
    """Return whether the lesson offers the learner a subgraph definition, directly or inside
    another definition.
    """
    return any(definition in uses(document, name) for name in lesson.uses)


def altered(start: Document, answer: Document, lesson: Lesson) -> list[str]:
    """Return the names of the nodes that the lesson gives and locks, and that an answer changed,
    rewired or lacks.
    """
    return sorted(
        record.name
        for record in start.nodes.values()
        if lesson.locks(record.id) and not _is_kept(start, answer, record)
    )


def _is_kept(start: Document, answer: Document, record: NodeRecord) -> bool:
    found = answer.node_named(record.name)
    if found is None or (found.op, found.attrs) != (record.op, record.attrs):
        return False
    return _sources(start, record) <= _sources(answer, found)


def _sources(document: Document, record: NodeRecord) -> set[tuple[str, str, str]]:
    """Return the wires into a node as a set of (input port, source node's name, source port)."""
    return {
        (wire.target_port, document.nodes[wire.source].name, wire.source_port)
        for wire in document.wires_into(record.id)
    }
