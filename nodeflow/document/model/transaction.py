"""The edits of one open undo step, and the checks at its end."""

from __future__ import annotations

from typing import Any

from nodeflow.document.model.errors import DanglingWire, NameTaken
from nodeflow.document.model.names import check_name
from nodeflow.document.model.records import ONLY, Edit, FrameRecord, Json, NodeRecord, Wire
from nodeflow.document.model.tables import GraphTables


class Transaction:
    """The edits of one open transaction; each method applies its edit immediately.

    It writes into one graph: the document's own or a subgraph's definition. `within` returns a view
    of the same transaction that writes into another graph of the file.
    """

    def __init__(self, graph: GraphTables, outer: Transaction | None = None) -> None:
        self._graph = graph
        self.edits: list[Edit] = [] if outer is None else outer.edits
        self._clashes: list[tuple[GraphTables, str, str]] = [] if outer is None else outer._clashes

    def within(self, graph: GraphTables) -> Transaction:
        """Return a transaction for another graph of the same file, such as a subgraph definition.
        Its edits belong to this transaction.
        """
        return self if graph is self._graph else Transaction(graph, self)

    def edit(self, table: str, key: Any, after: Any) -> None:
        """Set `key` of a table to `after`; None removes it."""
        graph = self._graph
        name = graph.table_name(table)
        edit = Edit(name, key, graph.tables[table].get(key), after)
        if table == "node" and after is not None:
            holder = graph.ids_by_name.get(after.name)
            if holder is not None and holder != key:
                self._clashes.append((graph, holder, key))
        graph.write(table, edit)
        self.edits.append(edit)

    def put_node(self, record: NodeRecord) -> None:
        """Add a node, or replace the node with the same id."""
        check_name(record.name)
        self.edit("node", record.id, record)

    def put_wire(self, wire: Wire) -> None:
        """Add a wire; it replaces the wire that ended at the same input port."""
        self.edit("wire", wire.key, wire)

    def put_frame(self, frame: FrameRecord) -> None:
        """Add a frame, or replace the frame with the same id."""
        self.edit("frame", frame.id, frame)

    def drop_node(self, node_id: str) -> None:
        """Remove a node and the wires that touch it."""
        graph = self._graph
        for wire in [*graph.wires_into(node_id), *graph.wires_out_of(node_id)]:
            if wire.key in graph.wires:  # a wire from the node to itself is in both lists
                self.edit("wire", wire.key, None)
        self.edit("node", node_id, None)

    def drop_wire(self, key: tuple[str, str]) -> None:
        """Remove the wire that ends at (node id, port)."""
        self.edit("wire", key, None)

    def set_training(self, settings: dict[str, Json]) -> None:
        """Replace the training settings."""
        self.edit("training", ONLY, settings or None)

    def set_stage(self, stage: dict[str, Json]) -> None:
        """Replace the pinned views and controls."""
        self.edit("stage", ONLY, stage or None)

    def new_id(self, prefix: str = "n") -> str:
        """Return an id that this document has never used."""
        graph = self._graph
        graph.next_id += 1
        return f"{prefix}{graph.next_id - 1}"

    def check(self) -> None:
        """Raise NameTaken or DanglingWire if the edits leave the document inconsistent."""
        self._restore_names()
        for graph, holder, other in self._clashes:
            a, b = graph.nodes.get(holder), graph.nodes.get(other)
            if a is not None and b is not None and a.name == b.name:
                raise NameTaken(
                    f"another node is called {a.name!r}",
                    hint=f"{graph.fresh_name(a.name)!r} is free",
                )
        for place, key, before, after in self.edits:
            if after is None and place == "wire":
                continue
            graph, table = self._graph.home(place)
            if table == "wire" and after is not None and graph.wires.get(key) is after:
                for end in (after.source, after.target):
                    if end not in graph.nodes:
                        raise DanglingWire(f"no node has the id {end!r}, which a wire needs")
            elif table == "node" and key not in graph.nodes and graph.has_wires(key):
                raise DanglingWire(f"wires still end at {before.name if before else key!r}")

    def roll_back(self, mark: int) -> None:
        """Revert all edits except the first `mark` ones."""
        while len(self.edits) > mark:
            self._graph.apply(self.edits.pop().inverse())
        self._restore_names()

    def _restore_names(self) -> None:
        """Let ``ids_by_name`` lead to the current owner of each name that two nodes had at once."""
        for graph, holder, _ in self._clashes:
            if holder in graph.nodes:
                graph.ids_by_name[graph.nodes[holder].name] = holder
