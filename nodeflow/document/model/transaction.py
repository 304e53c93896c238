"""The edits of one undo step while they are being made, and whether they may stand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nodeflow.document.model.errors import DanglingWire, NameTaken
from nodeflow.document.model.names import check_name
from nodeflow.document.model.records import ONLY, Edit, FrameRecord, Json, NodeRecord, Wire

if TYPE_CHECKING:
    from nodeflow.document.model.document import Document


class Transaction:
    """The edits of one open transaction; each method makes one edit at once.

    It writes into one graph: the document's own or a subgraph's definition. `within` gives the
    same transaction for another.
    """

    def __init__(self, document: Document, outer: Transaction | None = None) -> None:
        self._document = document
        self.edits: list[Edit] = [] if outer is None else outer.edits
        self._clashes: list[tuple[Document, str, str]] = [] if outer is None else outer._clashes

    def within(self, document: Document) -> Transaction:
        """Returns this transaction as it writes into another graph of the same file."""
        return self if document is self._document else Transaction(document, self)

    def edit(self, table: str, key: Any, after: Any) -> None:
        """Puts `after` (None removes) under `key` of a table."""
        doc = self._document
        name = table if not doc.scope else doc.table_name(table)
        edit = Edit(name, key, doc._tables[table].get(key), after)
        if table == "node" and after is not None:
            holder = doc._by_name.get(after.name)
            if holder is not None and holder != key:
                self._clashes.append((doc, holder, key))
        doc._write(table, edit)
        self.edits.append(edit)

    def put_node(self, record: NodeRecord) -> None:
        """Adds a node, or replaces the one with the same id."""
        check_name(record.name)
        self.edit("node", record.id, record)

    def put_wire(self, wire: Wire) -> None:
        """Adds a wire; one that ended at the same input port is replaced."""
        self.edit("wire", wire.key, wire)

    def put_frame(self, frame: FrameRecord) -> None:
        """Adds a frame, or replaces the one with the same id."""
        self.edit("frame", frame.id, frame)

    def drop_node(self, node_id: str) -> None:
        """Removes a node and the wires that touch it."""
        doc = self._document
        for wire in [*doc.wires_into(node_id), *doc.wires_out_of(node_id)]:
            if wire.key in doc.wires:  # one from the node to itself is in both
                self.edit("wire", wire.key, None)
        self.edit("node", node_id, None)

    def drop_wire(self, key: tuple[str, str]) -> None:
        """Removes the wire that ends at (node id, port)."""
        self.edit("wire", key, None)

    def set_training(self, settings: dict[str, Json]) -> None:
        """Replaces the training settings."""
        self.edit("training", ONLY, settings or None)

    def new_id(self, prefix: str = "n") -> str:
        """Returns an id that was never used in this document."""
        doc = self._document
        doc.next_id += 1
        return f"{prefix}{doc.next_id - 1}"

    def check(self) -> None:
        """Raises if the edits so far leave two equal names or a wire without an end."""
        self._restore_names()
        for doc, holder, other in self._clashes:
            a, b = doc.nodes.get(holder), doc.nodes.get(other)
            if a is not None and b is not None and a.name == b.name:
                raise NameTaken(
                    f"another node is called {a.name!r}",
                    hint=f"{doc.fresh_name(a.name)!r} is free",
                )
        for place, key, before, after in self.edits:
            if after is None and place == "wire":
                continue
            doc, table = self._document.root.home(place)
            if table == "wire" and after is not None and doc.wires.get(key) is after:
                for end in (after.source, after.target):
                    if end not in doc.nodes:
                        raise DanglingWire(f"no node has the id {end!r}, which a wire needs")
            elif table == "node" and key not in doc.nodes and doc.has_wires(key):
                raise DanglingWire(f"wires still end at {before.name if before else key!r}")

    def roll_back(self, mark: int) -> None:
        """Takes back the edits made since there were `mark` of them."""
        while len(self.edits) > mark:
            self._document.root._put(self.edits.pop().inverse())
        self._restore_names()

    def _restore_names(self) -> None:
        """A name that two nodes had for a while belongs to the one that still has it."""
        for doc, holder, _ in self._clashes:
            if holder in doc.nodes:
                doc._by_name[doc.nodes[holder].name] = holder
