"""A part of a solved lesson as a subgraph, which later lessons offer."""

from __future__ import annotations

from collections.abc import Callable

from nodeflow.document.analysis.subgraphs.instance_paths import instances_of
from nodeflow.document.analysis.subgraphs.subgraph_interface import port_names
from nodeflow.document.analysis.traversal import upstream
from nodeflow.document.edit import commands
from nodeflow.document.edit.inserting.import_definitions import import_definitions
from nodeflow.document.edit.subgraphs import create_subgraph
from nodeflow.document.edit.subgraphs.definitions import remove_definition
from nodeflow.document.edit.subgraphs.subgraph_ports import add_port, move_port, rename_port
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import INPUTS, OUTPUTS
from nodeflow.lessons.errors import LessonProblem
from nodeflow.lessons.schema import Lesson, Part
from nodeflow.lessons.start import copied


def part_of(answer: Document, part: Part) -> Document:
    """Extract the part of a student's answer between the part's inputs and its result node. Return
    a document that contains it as one subgraph instance.

    Raises:
        LessonProblem: the answer lacks one of these nodes, or the result node is itself an input.
    """
    document = copied(answer)
    records = {name: document.node_named(name) for name in (*part.inputs, part.node)}
    inputs = {record.id for n in part.inputs if (record := records[n])}
    inner = _between(document, inputs, part.node)
    if not inner or None in records.values():
        raise LessonProblem(f"the answer has no {part.node} that is made from its inputs")
    commands.remove(document, [i for i in document.nodes if i not in inner | inputs])
    commands.remove(document, [], [w.key for i in inputs for w in document.wires_into(i)])
    instance = create_subgraph.create(document, inner, part.name)
    definition = document.definition(document.nodes[instance].attrs["definition"])
    assert definition is not None
    rename_port(definition, OUTPUTS, port_names(definition, OUTPUTS)[0], part.node)
    for index, name in enumerate(part.inputs):
        if name not in port_names(definition, INPUTS):
            add_port(definition, INPUTS, name)
        move_port(definition, INPUTS, name, index)
    commands.remove(document, [i for i in document.nodes if i != instance])
    return copied(document)


def _ids(document: Document, name: str) -> set[str]:
    record = document.node_named(name)
    return set() if record is None else {record.id}


def _between(document: Document, inputs: set[str], name: str) -> set[str]:
    """Return the ids of the nodes that compute the node ``name`` from ``inputs``, including the
    constants and variables that they read.
    """
    cut = copied(document)
    commands.remove(cut, [], [w.key for i in inputs for w in cut.wires_into(i)])
    return upstream(cut, _ids(cut, name)) - inputs


def offer(document: Document, part: Document) -> None:
    """Add to a document the subgraph definition that a learner made in an earlier lesson, from the
    document that `part_of` returns.
    """
    with document.transaction("Offer a part") as t:
        import_definitions(document, t, part, part.nodes.values())


def with_own_parts(
    start: Document, lesson: Lesson, own: Callable[[str], Document | None]
) -> Document:
    """Return a copy of a lesson's start document. In it, the subgraphs that the learner made in
    earlier lessons replace the given subgraphs.

    Args:
        own: takes the id of an earlier lesson. It returns the learner's subgraphs, or None.
    """
    result = copied(start)
    for name, earlier in lesson.uses.items():
        part = own(earlier)
        if part is not None and name in part.subgraphs and not instances_of(result, name):
            remove_definition(result, name)
            offer(result, part)
    return copied(result)
