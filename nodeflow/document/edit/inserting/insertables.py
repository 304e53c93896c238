"""Things that can be inserted besides ops: subgraphs of the file, and items of the user's library.

Palette and search list declarations. So each of these things has a declaration with an id
(`subgraph/dense`, `library/subgraphs/dense`), and `add` inserts any of them.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from nodeflow.document.analysis.declarations import declaration
from nodeflow.document.analysis.plain_declaration import plain_declaration
from nodeflow.document.analysis.subgraph_declarations import SubgraphDeclaration
from nodeflow.document.analysis.subgraphs.instance_paths import graphs, instances_in, unused, uses
from nodeflow.document.analysis.subgraphs.loops_and_branches import is_flow
from nodeflow.document.analysis.subgraphs.subgraph_interface import DEFINITION
from nodeflow.document.edit import commands
from nodeflow.document.edit.commands import Point
from nodeflow.document.edit.inserting import flow_templates, library
from nodeflow.document.edit.subgraphs.create_subgraph import instance_name
from nodeflow.document.edit.subgraphs.definitions import add_instance
from nodeflow.document.model.document import Document
from nodeflow.document.model.errors import FlowRead
from nodeflow.document.model.names import automatic_name
from nodeflow.document.model.records import SUBGRAPH, NodeRecord
from nodeflow.graph.declaration import Port

LIBRARY = "library"


class Insertable(SubgraphDeclaration):
    """A subgraph or template as palette and search show it.

    Attributes:
        note: a remark, such as that it is not used.
    """

    def __init__(
        self,
        op_id: str,
        title: str,
        doc: str,
        definition: Document | None = None,
        *,
        category: str = SubgraphDeclaration.category,
        note: str = "",
        keywords: tuple[str, ...] = (),
    ) -> None:
        super().__init__(definition)
        self.keywords = keywords
        self.id = op_id
        self._title = title
        self.doc = doc
        self.category = category
        self.note = note
        self.attrs = ()

    @property
    def title(self) -> str:
        return self._title


def available(
    doc: Document, folder: Path | None = None, *, every: bool = False
) -> list[Insertable]:
    """Return all subgraphs that a user can insert into a graph.

    These are built-in templates, subgraph definitions of the document, and files of the user's
    library.

    Args:
        every: include subgraphs that would contain themselves here, for browsing.
    """
    found, idle = [], unused(doc) if doc.subgraphs else []
    for name, template in flow_templates.TEMPLATES.items():
        offer = Insertable(
            f"{flow_templates.PREFIX}/{name}",
            template.title,
            template.doc,
            category=flow_templates.CATEGORY,
            keywords=template.keywords,
        )
        offer.inputs = tuple(Port(port) for port in template.inputs)
        offer.outputs = tuple(Port(port) for port in template.outputs)
        found.append(offer)
    bodies = bodies_in(doc)
    for definition in doc.definitions():
        if definition.scope in bodies:
            continue
        if every or not doc.scope or doc.scope not in uses(doc, definition.scope):
            name, note = definition.scope, "not used" if definition in idle else ""
            text = "A subgraph of this file.\n\nEvery instance follows when it is edited."
            found.append(Insertable(f"{SUBGRAPH}/{name}", name, text, definition, note=note))
    for item in library.items(folder):
        kind = "subgraph" if item.kind == library.SUBGRAPHS else "template"
        more = "one node" if kind == "subgraph" else "plain nodes"
        text = f"A {kind} of your library.\n\nIt is inserted as {more}."
        op_id = f"{LIBRARY}/{item.kind}/{item.name}"
        found.append(Insertable(op_id, item.name, text, category="Library", note=kind))
    return found


def bodies_in(doc: Document) -> set[str]:
    """Return the definitions that are bodies of loops and branches, and so not insertable."""
    return {
        str(record.attrs.get(DEFINITION))
        for graph in graphs(doc)
        for record in instances_in(graph)
        if is_flow(record)
    }


def library_item(op_id: str, folder: Path | None = None) -> library.Item:
    """Return the library item with an id; raise FlowRead if it no longer exists."""
    _, kind, name = op_id.split("/", 2)
    item = next((i for i in library.items(folder) if (i.kind, i.name) == (kind, name)), None)
    if item is None:
        raise FlowRead(f"{name!r} is no longer in the library")
    return item


def is_insertable(op_id: str) -> bool:
    """Return whether an id in a palette belongs to an insertable, not to an op."""
    return op_id.startswith((f"{SUBGRAPH}/", f"{LIBRARY}/", f"{flow_templates.PREFIX}/"))


def display_name(op_id: str) -> str:
    """Return the name of an op or insertable for the label of an undo step."""
    return op_id.rpartition("/")[2]


def preview(doc: Document, op_id: str) -> NodeRecord:
    """Return the node that `add` would add, without an id; for a library item, it has no ports."""
    name = display_name(op_id)
    if op_id.startswith(f"{SUBGRAPH}/"):
        return NodeRecord("", SUBGRAPH, instance_name(doc, name), {DEFINITION: name})
    if is_insertable(op_id):
        return NodeRecord("", SUBGRAPH, doc.fresh_name(name))
    record = NodeRecord("", op_id, doc.fresh_name(automatic_name(op_id)))
    op = declaration(record, doc)
    return record if op is None else replace(record, attrs=op.first_attrs())


def add(
    doc: Document, op_id: str, pos: Point, attrs: dict | None = None, folder: Path | None = None
) -> list[str]:
    """Add a node of an op, or an insertable; return the ids of the new nodes."""
    place, _, rest = op_id.partition("/")
    if place == SUBGRAPH and rest:
        return [add_instance(doc, rest, pos)]
    if place == LIBRARY and rest:
        return library.insert(doc, library_item(op_id, folder), pos)
    if place == flow_templates.PREFIX and rest:
        return flow_templates.insert(doc, rest, pos)
    op = plain_declaration(op_id)
    first = op.first_attrs(attrs) if op is not None else attrs
    return [commands.add_node(doc, op_id, pos, attrs=first)]
