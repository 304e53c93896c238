"""The document: what the user edits, with events and undo, in plain Python.

The document is the one truth. Views subscribe to it and own none; commands (see `commands`)
change it through `transaction`; the engine's process keeps a mirror by `apply_change`.

The definition of a subgraph is a document too, which shares undo, ids and file with the one it
stands in (`Document.definition`). So whatever edits or shows a document does so inside as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

from nodeflow.document.model.errors import DocumentError, DocumentLocked, NoSuchNode
from nodeflow.document.model.events import Events, Subscriber
from nodeflow.document.model.history import History, Step
from nodeflow.document.model.names import FreeNames
from nodeflow.document.model.records import (
    INPUTS,
    ONLY,
    OUTPUTS,
    SCOPED,
    TABLES,
    Change,
    Edit,
    FrameRecord,
    Json,
    NodeRecord,
    Wire,
    key_text,
    merge_edits,
    same,
    to_text,
)
from nodeflow.document.model.transaction import Transaction

_ID_NUMBER = re.compile(r"[a-z]([1-9][0-9]{0,14})")


@dataclass(eq=False)
class _File:
    """What a document and the definitions in it have in common."""

    root: Document
    subgraphs: dict[str, dict[str, Json]] = field(default_factory=dict)
    training: dict[str, dict[str, Json]] = field(default_factory=dict)
    weights: dict[str, str] = field(default_factory=dict)
    definitions: dict[str, Document] = field(default_factory=dict)
    history: History = field(default_factory=History)
    events: Events = field(default_factory=Events)
    open: Transaction | None = None
    digest: int | None = None
    next_id: int = 1
    revision: int = 0
    path: Path | None = None


def _shared(name: str, doc: str) -> Any:
    """An attribute that a document and its definitions have in common."""

    def get(self: Document) -> Any:
        return getattr(self._file, name)

    def put(self: Document, value: Any) -> None:
        setattr(self._file, name, value)

    return property(get, put, doc=doc)


class Document:
    """Nodes, wires, frames, subgraphs and training settings, with undo and events.

    Read the tables (`nodes`, `wires`, `frames`, `subgraphs`, `training`, `weights`) freely, but
    change them only in a `transaction`. `path` and `extra` (unknown fields of a file) are not
    part of undo.

    `subgraphs` holds the names of the definitions with their further fields; what is in them is
    `definition(name)`. `scope` is the name of a definition, and "" for a file's own graph.
    """

    locked = ""
    """Why this document cannot be changed, and what to do; empty if it can."""

    outer: Collection[str] = ()
    """Nodes of an enclosing document, shown for their outputs: their own inputs are not here."""

    next_id: int = _shared("next_id", "Number of the next id.")
    revision: int = _shared("revision", "Counts the changes.")
    path: Path | None = _shared("path", "The file, or None.")

    def __init__(self, *, part_of: Document | None = None, scope: str = "") -> None:
        self._file = _File(self) if part_of is None else part_of._file
        self.scope = scope
        self.nodes: dict[str, NodeRecord] = {}
        self.wires: dict[tuple[str, str], Wire] = {}
        self.frames: dict[str, FrameRecord] = {}
        self.subgraphs = self._file.subgraphs
        self.incoming: dict[str, dict[str, Wire]] = {}  # node id -> port -> wire
        self.outgoing: dict[str, dict[tuple[str, str], Wire]] = {}  # node id -> wire's key -> wire
        self.borders: dict[str, str] = {}  # of a definition: op -> id of the node with its ports
        self.slashed: set[str] = set()  # names with a scope in them
        self.extra: dict[str, Json] = {}
        self._tables: dict[str, dict[Any, Any]] = {
            "node": self.nodes,
            "wire": self.wires,
            "frame": self.frames,
            "subgraph": self.subgraphs,
            "training": self._file.training,
            "weights": self._file.weights,
        }
        self._by_name: dict[str, str] = {}
        self._names = FreeNames()

    # ---- definitions ------------------------------------------------------------------------

    @property
    def root(self) -> Document:
        """The file's own graph: this document, unless it is a definition in another."""
        return self._file.root

    def definition(self, name: str) -> Document | None:
        """Returns the graph inside a subgraph, or None if the file defines none of this name."""
        return self._part(name) if name in self.subgraphs else None

    def definitions(self) -> list[Document]:
        """Returns the graphs inside all subgraphs that the file defines, by name."""
        return [self._part(name) for name in sorted(self.subgraphs)]

    def use_definitions(self, other: Document) -> None:
        """Looks definitions up in another document: for a copy that is only read."""
        self._file.definitions = other._file.definitions
        self.subgraphs = self._tables["subgraph"] = other.subgraphs

    def table_name(self, kind: str) -> str:
        """Returns what edits call this document's table of nodes, wires or frames."""
        if not self.scope:
            return kind
        return f"{kind}@{self.scope}" if kind in SCOPED else kind

    def home(self, table: str) -> tuple[Document, str]:
        """Returns which graph of the file holds a table that an edit names, and its kind."""
        if table in self._tables:
            return self, table
        kind, _, scope = table.partition("@")
        if kind not in SCOPED or not scope:
            raise DocumentError(f"a change names the unknown table {table!r}")
        return self._part(scope), kind

    def _part(self, name: str) -> Document:
        found = self._file.definitions.get(name)
        if found is None:
            found = self._file.definitions[name] = Document(part_of=self.root, scope=name)
        return found

    # ---- reading ----------------------------------------------------------------------------

    @property
    def training(self) -> dict[str, Json]:
        """The training settings (see `training_settings.Training`); do not change it in place."""
        return self._file.training.get(ONLY, {})

    @property
    def weights(self) -> str | None:
        """The file of trained variables, relative to the document, or None."""
        return self._file.weights.get(ONLY)

    def node(self, node_id: str) -> NodeRecord:
        """Returns the node with this id; raises NoSuchNode."""
        try:
            return self.nodes[node_id]
        except KeyError:
            raise NoSuchNode(f"no node has the id {node_id!r}") from None

    def node_named(self, name: str) -> NodeRecord | None:
        """Returns the node with this name, or None."""
        found = self._by_name.get(name)
        return None if found is None else self.nodes[found]

    @property
    def names(self) -> Iterable[str]:
        """The names of all nodes."""
        return self._by_name.keys()

    def wires_into(self, node_id: str) -> list[Wire]:
        """Returns the wires that end at a node, feeds included."""
        return list(self.incoming.get(node_id, {}).values())

    def wires_out_of(self, node_id: str) -> list[Wire]:
        """Returns the wires that start at a node."""
        return list(self.outgoing.get(node_id, {}).values())

    def fresh_name(self, base: str) -> str:
        """Returns `base`, or `base_1`, `base_2`, ...: the first that no node has."""
        return self._names.fresh(base, self._by_name)

    def has_wires(self, node_id: str) -> bool:
        """Says whether any wire starts or ends at a node."""
        return bool(self.incoming.get(node_id) or self.outgoing.get(node_id))

    def digest(self) -> str:
        """Returns a hash of the content, for telling whether a mirror has diverged.

        Kept up to date edit by edit: its cost does not grow with the document.
        """
        file, root = self._file, self.root
        if file.digest is None:
            tables = [(t, root._tables[t]) for t in TABLES]
            for part in file.definitions.values():
                tables += [(part.table_name(t), part._tables[t]) for t in SCOPED]
            items = ((t, k, v) for t, rows in tables for k, v in rows.items())
            file.digest = sum(_item_hash(*item) for item in items) % _HASHES
        return f"{file.digest:032x}"

    # ---- changing ---------------------------------------------------------------------------

    @contextmanager
    def transaction(self, label: str, merge: Any = None) -> Iterator[Transaction]:
        """Opens one undo step; every edit in it is undone together and reported as one Change.

        If the block raises, all of its edits are taken back. A transaction inside another joins
        it. With the same `merge` key (not None) as the step before, both become one undo step:
        typing in one field, dragging the same nodes. `seal` ends such a run.
        """
        if self.locked:
            raise DocumentLocked(self.locked)
        outer = self._file.open
        t = Transaction(self) if outer is None else outer.within(self)
        self._file.open = outer or t
        mark = len(t.edits)
        try:
            yield t
            if outer is None:
                t.check()
        except BaseException:
            t.roll_back(mark)
            raise
        finally:
            self._file.open = outer
        if outer is None:
            self._commit(label, t.edits, merge)

    @property
    def state(self) -> Any:
        """Stands for the content as it is now: undo and redo lead back to the same objects.

        Equal states have equal content as long as every change is one of this document's own, and
        none comes from elsewhere (`apply_change`).
        """
        return self._file.history.now

    def seal(self) -> None:
        """Ends a run of merged edits: the next one is an undo step of its own."""
        self._file.history.seal()

    def undo(self) -> Change | None:
        """Takes the last step back; returns what changed, or None if there is none."""
        return self._replay(self._file.history.undo)

    def redo(self) -> Change | None:
        """Does the step that was undone again; returns what changed, or None if there is none."""
        return self._replay(self._file.history.redo)

    def apply_change(self, change: Change) -> None:
        """Applies a change of another document of the same content (mirror, journal): no undo.

        Raises DocumentError, with nothing done, where the content is not what the change expects.
        """
        for edit in change.edits:
            part, kind = self.home(edit.table)
            if not same(part._tables[kind].get(edit.key), edit.before):
                raise DocumentError(
                    f"the {edit.table} {edit.key!r} does not have the state that the change expects"
                )
        for edit in change.edits:
            self._put(edit)
        self.revision = change.revision
        self._file.events.publish(replace(change, state=None))

    can_undo = property(lambda self: self._file.history.can_undo, doc="Is there a step to undo?")
    can_redo = property(lambda self: self._file.history.can_redo, doc="Is there a step to redo?")
    undo_label = property(lambda self: self._file.history.undo_label, doc="What undo takes back.")
    redo_label = property(lambda self: self._file.history.redo_label, doc="What redo does again.")
    is_modified = property(
        lambda self: self._file.history.is_modified, doc="Does it differ from what was saved last?"
    )

    def mark_saved(self) -> None:
        """Notes that the content as it is now is on disk."""
        self._file.history.mark_saved()

    def mark_modified(self) -> None:
        """Notes that the content is on no disk (recovered, imported)."""
        self._file.history.mark_modified()

    def subscribe(self, callback: Subscriber) -> Callable[[], None]:
        """Calls `callback(change)` after each transaction, undo and redo; returns `unsubscribe`.

        A file's own document tells every change, those inside its subgraphs included; a
        definition tells what `Change.within` says of it, if there is anything.
        """
        if not self.scope:
            return self._file.events.subscribe(callback)

        def told(change: Change) -> None:
            own = change.within(self.scope)
            if own.edits:
                callback(own)

        return self._file.events.subscribe(told)

    def fill(self, table: str, key: Any, value: Any) -> None:
        """Puts a record into a document that is being read: no undo, no event, no check."""
        if value is not None:
            self.root._put(Edit(self.table_name(table), key, None, value))

    # ---- the inside -------------------------------------------------------------------------

    def _commit(self, label: str, edits: list[Edit], merge: Any) -> None:
        merged = merge_edits(edits)
        if not merged:
            return
        self._file.history.add(Step(label, merged, merge))
        self.revision += 1
        self._file.events.publish(Change(label, merged, self.revision, self.state))

    def _replay(self, take: Callable[[], Step | None]) -> Change | None:
        if self._file.open is not None:
            raise DocumentError("undo and redo do not work inside a transaction")
        step = take()
        if step is None:
            return None
        for edit in step.edits:
            self.root._put(edit)
        self.revision += 1
        change = Change(step.label, step.edits, self.revision, self.state)
        self._file.events.publish(change)
        return change

    def _put(self, edit: Edit) -> None:
        """Writes one edit into its table and the indexes; the root's does so for all of them."""
        doc, kind = (self, edit.table) if edit.table in self._tables else self.home(edit.table)
        doc._write(kind, edit)

    def _write(self, table: str, edit: Edit) -> None:
        """Writes one edit into a table of this graph."""
        name, key, _, after = edit
        rows = self._tables[table]
        before = rows.get(key)
        if after is None:
            rows.pop(key, None)
        else:
            rows[key] = after
        file = self._file
        if file.digest is not None:
            gone = 0 if before is None else _item_hash(name, key, before)
            come = 0 if after is None else _item_hash(name, key, after)
            file.digest = (file.digest + come - gone) % _HASHES
        if table == "wire":
            self._index_wire(before, after)
        elif table == "node":
            self._index_name(before, after)
        if before is None and table in ("node", "frame"):
            self._count_id(key)

    def _index_wire(self, before: Wire | None, after: Wire | None) -> None:
        if before is not None:
            self.incoming[before.target].pop(before.target_port, None)
            self.outgoing[before.source].pop(before.key, None)
        if after is not None:
            self.incoming.setdefault(after.target, {})[after.target_port] = after
            self.outgoing.setdefault(after.source, {})[after.key] = after

    def _index_name(self, before: NodeRecord | None, after: NodeRecord | None) -> None:
        if before is not None and self._by_name.get(before.name) == before.id:
            del self._by_name[before.name]
            self._names.freed(before.name)
            self.slashed.discard(before.name)
            if self.borders.get(before.op) == before.id:
                del self.borders[before.op]
        if after is not None:
            self._by_name[after.name] = after.id
            if "/" in after.name:
                self.slashed.add(after.name)
            if self.scope and after.op in (INPUTS, OUTPUTS):
                self.borders[after.op] = after.id

    def _count_id(self, key: str) -> None:
        match = _ID_NUMBER.fullmatch(key)
        if match and int(match[1]) >= self.next_id:
            self.next_id = int(match[1]) + 1


_HASHES = 1 << 128


def _item_hash(table: str, key: Any, value: Any) -> int:
    text = f"{table} {key_text(key)} {to_text(value)}"
    return int.from_bytes(blake2b(text.encode(), digest_size=16).digest(), "little")
