"""The tables of one graph and their indexes: wires by node, nodes by name."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from nodeflow.document.model.errors import DocumentError, NoSuchNode
from nodeflow.document.model.names import FreeNames
from nodeflow.document.model.records import (
    INPUTS,
    OUTPUTS,
    SCOPED,
    SUBGRAPH,
    Edit,
    FrameRecord,
    Json,
    NodeRecord,
    Wire,
    key_text,
    share_of,
    stream_of,
    to_text,
)
from nodeflow.document.model.wire_index import WireIndex

_ID_NUMBER = re.compile(r"[a-z]([1-9][0-9]{0,14})")


@dataclass(eq=False)
class SharedTables:
    """The tables that all graphs of one file share."""

    subgraphs: dict[str, dict[str, Json]] = field(default_factory=dict)
    training: dict[str, dict[str, Json]] = field(default_factory=dict)
    stage: dict[str, dict[str, Json]] = field(default_factory=dict)
    lesson: dict[str, dict[str, Json]] = field(default_factory=dict)
    weights: dict[str, str] = field(default_factory=dict)
    extra: dict[str, dict[str, Json]] = field(default_factory=dict)
    digest: int | None = None
    next_id: int = 1


class GraphTables(ABC):
    """The nodes, wires and frames of one graph: a file's own, or the definition of a subgraph.

    `scope` is the name of the definition, and "" for a file's own graph. Read the tables freely;
    only transactions and `Document` write into them.
    """

    def __init__(self, shared: SharedTables, scope: str) -> None:
        self._shared = shared
        self.scope = scope
        self.nodes: dict[str, NodeRecord] = {}
        self.wires: dict[tuple[str, str], Wire] = {}
        self.frames: dict[str, FrameRecord] = {}
        self.subgraphs = shared.subgraphs
        self.incoming, self.outgoing = WireIndex(), WireIndex()  # by target, by source
        self.borders: dict[str, str] = {}  # for a definition: op -> id of the node with its ports
        self.slashed: set[str] = set()  # names with a scope in them
        self.streams: dict[str, str] = {}  # nodes with the field `stream`: id -> stream
        self.ids_by_stream: dict[str, set[str]] = {}  # the same nodes
        self.prefixed: set[str] = set()  # the nodes among them that are instances of subgraphs
        self.sharers: dict[str, str] = {}  # nodes with the field `share`: id -> id of the owner
        self.tables: dict[str, dict[Any, Any]] = {
            "node": self.nodes,
            "wire": self.wires,
            "frame": self.frames,
            "subgraph": self.subgraphs,
            "training": shared.training,
            "stage": shared.stage,
            "lesson": shared.lesson,
            "weights": shared.weights,
            "extra": shared.extra,
        }
        self.ids_by_name: dict[str, str] = {}
        self._names = FreeNames()

    # ---- the file ---------------------------------------------------------------------------

    @abstractmethod
    def graph(self, scope: str) -> GraphTables:
        """Return the graph with this name: a subgraph definition, made if needed, or the file's own
        graph for "".
        """

    @property
    def next_id(self) -> int:
        """The number of the next id; all graphs of a file share it."""
        return self._shared.next_id

    @next_id.setter
    def next_id(self, number: int) -> None:
        self._shared.next_id = number

    def table_name(self, kind: str) -> str:
        """Return the full name that edits use for a kind of table, such as `node`. Inside a
        subgraph definition it is `node@NAME`.
        """
        if not self.scope:
            return kind
        return f"{kind}@{self.scope}" if kind in SCOPED else kind

    def home(self, table: str) -> tuple[GraphTables, str]:
        """Split the table name of an edit. Return the graph (the file's own, or a subgraph
        definition) that has the table, and the kind of the table.

        Raise DocumentError if the table is unknown.
        """
        kind, at, scope = table.partition("@")
        if kind not in (SCOPED if at else self.tables) or bool(at) != bool(scope):
            raise DocumentError(f"a change names the unknown table {table!r}")
        return self.graph(scope), kind

    # ---- reading ----------------------------------------------------------------------------

    def node(self, node_id: str) -> NodeRecord:
        """Return the node with this id; raise NoSuchNode."""
        try:
            return self.nodes[node_id]
        except KeyError:
            raise NoSuchNode(f"no node has the id {node_id!r}") from None

    def node_named(self, name: str) -> NodeRecord | None:
        """Return the node with this name, or None."""
        found = self.ids_by_name.get(name)
        return None if found is None else self.nodes[found]

    @property
    def names(self) -> Iterable[str]:
        """The names of all nodes."""
        return self.ids_by_name.keys()

    def wires_into(self, node_id: str) -> list[Wire]:
        """Return the wires that end at a node, including wires that feed it from a dataset."""
        return list(self.incoming.at(node_id))

    def wires_out_of(self, node_id: str) -> list[Wire]:
        """Return the wires that start at a node."""
        return list(self.outgoing.at(node_id))

    def fresh_name(self, base: str) -> str:
        """Return the first name that no node has: `base`, or `base_1`, `base_2`, ..."""
        return self._names.fresh(base, self.ids_by_name)

    def has_wires(self, node_id: str) -> bool:
        """Return whether any wire starts or ends at a node."""
        return node_id in self.incoming or node_id in self.outgoing

    # ---- writing ----------------------------------------------------------------------------

    def apply(self, edit: Edit) -> None:
        """Apply an edit to the table that it names, such as the nodes or wires of a graph.

        The graph may be this one or any other graph of the file.
        """
        graph, kind = self.home(edit.table)
        graph.write(kind, edit)

    def write(self, table: str, edit: Edit) -> None:
        """Apply an edit to a table of this graph, such as its nodes or wires, and update the
        indexes.

        The edit names the record and its new value; None removes the record.
        """
        name, key, _, after = edit
        rows = self.tables[table]
        before = rows.get(key)
        if after is None:
            rows.pop(key, None)
        else:
            rows[key] = after
        shared = self._shared
        if shared.digest is not None:
            gone = 0 if before is None else item_hash(name, key, before)
            come = 0 if after is None else item_hash(name, key, after)
            shared.digest = (shared.digest + come - gone) % HASHES
        if table == "wire":
            self._index_wire(before, after)
        elif table == "node":
            self._index_name(before, after)
            self._index_stream(key, after)
            self._index_share(key, after)
        if before is None and table in ("node", "frame"):
            self._count_id(key)

    def _index_wire(self, before: Wire | None, after: Wire | None) -> None:
        if before is not None:
            self.incoming.remove(before.target, before)
            self.outgoing.remove(before.source, before)
        if after is not None:
            self.incoming.add(after.target, after)
            self.outgoing.add(after.source, after)

    def _index_name(self, before: NodeRecord | None, after: NodeRecord | None) -> None:
        if before and after and (before.name, before.op) == (after.name, after.op):
            return
        if before is not None and self.ids_by_name.get(before.name) == before.id:
            del self.ids_by_name[before.name]
            self._names.freed(before.name)
            self.slashed.discard(before.name)
            if self.borders.get(before.op) == before.id:
                del self.borders[before.op]
        if after is not None:
            self.ids_by_name[after.name] = after.id
            if "/" in after.name:
                self.slashed.add(after.name)
            if self.scope and after.op in (INPUTS, OUTPUTS):
                self.borders[after.op] = after.id

    def _index_stream(self, key: str, after: NodeRecord | None) -> None:
        if self.streams and key in self.streams:
            self.ids_by_stream[self.streams.pop(key)].discard(key)
            self.prefixed.discard(key)
        if after is not None and after.extra and "stream" in after.extra:
            stream = self.streams[key] = stream_of(after)
            self.ids_by_stream.setdefault(stream, set()).add(key)
            if after.op == SUBGRAPH:
                self.prefixed.add(key)

    def _index_share(self, key: str, after: NodeRecord | None) -> None:
        self.sharers.pop(key, None)
        if after is not None and after.extra and (owner := share_of(after)):
            self.sharers[key] = owner

    def _count_id(self, key: str) -> None:
        match = _ID_NUMBER.fullmatch(key)
        if match and int(match[1]) >= self._shared.next_id:
            self._shared.next_id = int(match[1]) + 1


HASHES = 1 << 128


def item_hash(table: str, key: Any, value: Any) -> int:
    """Return the hash of one row of a table; a document's digest is the sum over all rows."""
    text = f"{table} {key_text(key)} {to_text(value)}"
    return int.from_bytes(blake2b(text.encode(), digest_size=16).digest(), "little")
