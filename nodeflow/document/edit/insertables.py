"""What can be added besides ops: subgraphs of the file, and the user's library.

Palette and search list ops. So an offer is an op with an id of its own (`subgraph/dense`,
`library/subgraphs/dense`), and `add` knows what adding one means.
"""

from __future__ import annotations

from pathlib import Path

from nodeflow.document.analysis.paths import unused, uses
from nodeflow.document.analysis.subgraph_declarations import SubgraphDeclaration
from nodeflow.document.analysis.subgraph_interface import DEFINITION
from nodeflow.document.edit import commands, library
from nodeflow.document.edit.commands import Point
from nodeflow.document.edit.create_subgraph import instance_name
from nodeflow.document.edit.definitions import add_instance
from nodeflow.document.model.document import Document
from nodeflow.document.model.errors import FlowRead
from nodeflow.document.model.records import SUBGRAPH, NodeRecord

LIBRARY = "library"


class Offer(SubgraphDeclaration):
    """A subgraph or template as palette and search show it.

    Attributes:
        note: a word about it, such as that nothing uses it.
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
    ) -> None:
        super().__init__(definition)
        self.id = op_id
        self._title = title
        self.doc = doc
        self.category = category
        self.note = note
        self.attrs = ()

    @property
    def title(self) -> str:
        return self._title


def offers(doc: Document, folder: Path | None = None, *, every: bool = False) -> list[Offer]:
    """Returns the subgraphs that a graph can have instances of, and what is in the library.

    Args:
        every: also the subgraphs that would contain themselves here: to be looked at.
    """
    found, idle = [], unused(doc) if doc.subgraphs else []
    for definition in doc.definitions():
        if every or not doc.scope or doc.scope not in uses(doc, definition.scope):
            name, note = definition.scope, "not used" if definition in idle else ""
            text = "A subgraph of this file.\n\nEvery instance follows when it is edited."
            found.append(Offer(f"{SUBGRAPH}/{name}", name, text, definition, note=note))
    for item in library.items(folder):
        kind = "subgraph" if item.kind == library.SUBGRAPHS else "template"
        more = "one node" if kind == "subgraph" else "plain nodes"
        text = f"A {kind} of your library.\n\nIt is inserted as {more}."
        op_id = f"{LIBRARY}/{item.kind}/{item.name}"
        found.append(Offer(op_id, item.name, text, category="Library", note=kind))
    return found


def library_item(op_id: str, folder: Path | None = None) -> library.Item:
    """Returns what an offer of the library stands for; raises FlowRead if it is gone."""
    _, kind, name = op_id.split("/", 2)
    item = next((i for i in library.items(folder) if (i.kind, i.name) == (kind, name)), None)
    if item is None:
        raise FlowRead(f"{name!r} is no longer in the library")
    return item


def is_offer(op_id: str) -> bool:
    """Says whether an id in a palette is that of an offer, not of an op."""
    return op_id.startswith((f"{SUBGRAPH}/", f"{LIBRARY}/"))


def called(op_id: str) -> str:
    """Returns what an op, or what an offer stands for, is called in the label of an undo step."""
    return op_id.rpartition("/")[2] if is_offer(op_id) else op_id


def preview(doc: Document, op_id: str) -> NodeRecord:
    """Returns the node that `add` would make, without an id; of the library one without ports."""
    name = called(op_id)
    if op_id.startswith(f"{SUBGRAPH}/"):
        return NodeRecord("", SUBGRAPH, instance_name(doc, name), {DEFINITION: name})
    if op_id.startswith(f"{LIBRARY}/"):
        return NodeRecord("", SUBGRAPH, doc.fresh_name(name))
    return NodeRecord("", op_id, doc.fresh_name(op_id))


def add(
    doc: Document, op_id: str, pos: Point, attrs: dict | None = None, folder: Path | None = None
) -> list[str]:
    """Adds a node of an op, or what an offer stands for; returns the ids of the new nodes."""
    place, _, rest = op_id.partition("/")
    if place == SUBGRAPH and rest:
        return [add_instance(doc, rest, pos)]
    if place == LIBRARY and rest:
        return library.insert(doc, library_item(op_id, folder), pos)
    return [commands.add_node(doc, op_id, pos, attrs=attrs)]
