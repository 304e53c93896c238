"""The document: what the user edits, with events and undo, in plain Python.

The document is the one truth. Views subscribe to it and own none; commands (see `commands`)
change it through `transaction`; the engine's process keeps a mirror by `apply_change`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Any

from nodeflow.document.errors import DocumentError, DocumentLocked, NoSuchNode
from nodeflow.document.events import Events, Subscriber
from nodeflow.document.history import History, Step
from nodeflow.document.names import FreeNames
from nodeflow.document.records import (
    ONLY,
    TABLES,
    Change,
    Edit,
    FrameRecord,
    Json,
    NodeRecord,
    Wire,
    compact_json,
    merge_edits,
    same,
)
from nodeflow.document.transaction import Transaction

_ID_NUMBER = re.compile(r"[a-z]([1-9][0-9]{0,14})")


class Document:
    """Nodes, wires, frames, subgraphs and training settings, with undo and events.

    Read the tables (`nodes`, `wires`, `frames`, `subgraphs`, `training`, `weights`) freely, but
    change them only in a `transaction`. `path` and `extra` (unknown fields of a file) are not
    part of undo.
    """

    locked = ""
    """Why this document cannot be changed, and what to do; empty if it can."""

    outer: Collection[str] = ()
    """Nodes of an enclosing document, shown for their outputs: their own inputs are not here."""

    def __init__(self) -> None:
        self.nodes: dict[str, NodeRecord] = {}
        self.wires: dict[tuple[str, str], Wire] = {}
        self.frames: dict[str, FrameRecord] = {}
        self.subgraphs: dict[str, Json] = {}
        self.incoming: dict[str, dict[str, Wire]] = {}  # node id -> port -> wire
        self.outgoing: dict[str, dict[tuple[str, str], Wire]] = {}  # node id -> wire's key -> wire
        self.next_id = 1
        self.revision = 0
        self.path: Path | None = None
        self.extra: dict[str, Json] = {}
        self._training: dict[str, dict[str, Json]] = {}
        self._weights: dict[str, str] = {}
        self._tables: dict[str, dict[Any, Any]] = {
            "node": self.nodes,
            "wire": self.wires,
            "frame": self.frames,
            "subgraph": self.subgraphs,
            "training": self._training,
            "weights": self._weights,
        }
        self._by_name: dict[str, str] = {}
        self._names = FreeNames()
        self._history = History()
        self._open: Transaction | None = None
        self._events = Events()
        self._digest: int | None = None

    # ---- reading ----------------------------------------------------------------------------

    @property
    def training(self) -> dict[str, Json]:
        """The training settings (see `training.Training`); do not change it in place."""
        return self._training.get(ONLY, {})

    @property
    def weights(self) -> str | None:
        """The file of trained variables, relative to the document, or None."""
        return self._weights.get(ONLY)

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
        if self._digest is None:
            items = ((t, k, v) for t in TABLES for k, v in self._tables[t].items())
            self._digest = sum(_item_hash(*item) for item in items) % _HASHES
        return f"{self._digest:032x}"

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
        outer = self._open
        t = self._open = outer or Transaction(self)
        mark = len(t.edits)
        try:
            yield t
            if outer is None:
                t.check()
        except BaseException:
            t.roll_back(mark)
            raise
        finally:
            self._open = outer
        if outer is None:
            self._commit(label, t.edits, merge)

    def seal(self) -> None:
        """Ends a run of merged edits: the next one is an undo step of its own."""
        self._history.seal()

    def undo(self) -> Change | None:
        """Takes the last step back; returns what changed, or None if there is none."""
        return self._replay(self._history.undo)

    def redo(self) -> Change | None:
        """Does the step that was undone again; returns what changed, or None if there is none."""
        return self._replay(self._history.redo)

    def apply_change(self, change: Change) -> None:
        """Applies a change of another document of the same content (mirror, journal): no undo.

        Raises DocumentError, with nothing done, where the content is not what the change expects.
        """
        for edit in change.edits:
            if edit.table not in self._tables:
                raise DocumentError(f"a change names the unknown table {edit.table!r}")
            if not same(self._tables[edit.table].get(edit.key), edit.before):
                raise DocumentError(f"the {edit.table} {edit.key!r} is not as the change expects")
        for edit in change.edits:
            self._put(edit)
        self.revision = change.revision
        self._events.publish(change)

    can_undo = property(lambda self: self._history.can_undo, doc="Is there a step to undo?")
    can_redo = property(lambda self: self._history.can_redo, doc="Is there a step to redo?")
    undo_label = property(lambda self: self._history.undo_label, doc="What undo takes back.")
    redo_label = property(lambda self: self._history.redo_label, doc="What redo does again.")
    is_modified = property(
        lambda self: self._history.is_modified, doc="Does it differ from what was saved last?"
    )

    def mark_saved(self) -> None:
        """Notes that the content as it is now is on disk."""
        self._history.mark_saved()

    def mark_modified(self) -> None:
        """Notes that the content is on no disk (recovered, imported)."""
        self._history.mark_modified()

    def subscribe(self, callback: Subscriber) -> Callable[[], None]:
        """Calls `callback(change)` after each transaction, undo and redo; returns `unsubscribe`."""
        return self._events.subscribe(callback)

    def fill(self, table: str, key: Any, value: Any) -> None:
        """Puts a record into a document that is being read: no undo, no event, no check."""
        if value is not None:
            self._put(Edit(table, key, None, value))

    # ---- the inside -------------------------------------------------------------------------

    def _commit(self, label: str, edits: list[Edit], merge: Any) -> None:
        merged = merge_edits(edits)
        if not merged:
            return
        self._history.add(Step(label, merged, merge))
        self.revision += 1
        self._events.publish(Change(label, merged, self.revision))

    def _replay(self, take: Callable[[], Step | None]) -> Change | None:
        if self._open is not None:
            raise DocumentError("undo and redo do not work inside a transaction")
        step = take()
        if step is None:
            return None
        for edit in step.edits:
            self._put(edit)
        self.revision += 1
        change = Change(step.label, step.edits, self.revision)
        self._events.publish(change)
        return change

    def _put(self, edit: Edit) -> None:
        """Writes one edit into its table and the indexes."""
        table, key, _, after = edit
        rows = self._tables[table]
        before = rows.get(key)
        if after is None:
            rows.pop(key, None)
        else:
            rows[key] = after
        if self._digest is not None:
            gone = 0 if before is None else _item_hash(table, key, before)
            come = 0 if after is None else _item_hash(table, key, after)
            self._digest = (self._digest + come - gone) % _HASHES
        if table == "wire":
            self._index_wire(before, after)
        elif table == "node":
            self._index_name(before, after)
            self._count_id(key)
        elif table == "frame":
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
        if after is not None:
            self._by_name[after.name] = after.id

    def _count_id(self, key: str) -> None:
        match = _ID_NUMBER.fullmatch(key)
        if match and int(match[1]) >= self.next_id:
            self.next_id = int(match[1]) + 1


_HASHES = 1 << 128


def _item_hash(table: str, key: Any, value: Any) -> int:
    content = value.to_json() if hasattr(value, "to_json") else value
    text = compact_json([table, key, content])
    return int.from_bytes(blake2b(text.encode(), digest_size=16).digest(), "little")
