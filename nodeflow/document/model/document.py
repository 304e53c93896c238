"""The document that the user edits, with events and undo, in plain Python.

The document is the single source of truth. Views subscribe to it and hold no state; commands (see
`edit.commands`) change it through `transaction`; the engine process keeps a mirror up to date with
`apply_change`.

The definition of a subgraph is also a document. It shares undo, ids and file with the document it
belongs to (`Document.definition`), so everything that edits or shows a document also works inside a
subgraph.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path
from typing import Any

from nodeflow.data.document_folder import allowance
from nodeflow.document.model.errors import DocumentError, DocumentLocked
from nodeflow.document.model.events import Events, Subscriber
from nodeflow.document.model.history import Aside, History, Step
from nodeflow.document.model.records import (
    ONLY,
    SCOPED,
    TABLES,
    Change,
    Edit,
    Json,
    merge_edits,
    same,
)
from nodeflow.document.model.tables import HASHES, GraphTables, SharedTables, item_hash
from nodeflow.document.model.transaction import Transaction

CONFLICTS = "conflicts"
"""The field of a file that lists the unresolved conflicts of a merge."""


@dataclass(eq=False)
class _File(SharedTables):
    """The state that a document shares with its definitions."""

    root: Document = field(kw_only=True)
    definitions: dict[str, Document] = field(default_factory=dict)
    history: History = field(default_factory=History)
    events: Events = field(default_factory=Events)
    open: Transaction | None = None
    revision: int = 0
    path: Path | None = None
    allowed: tuple[str, ...] = ()


class Document(GraphTables):
    """Nodes, wires, frames, subgraphs, training settings and stage, with undo and events.

    Read the tables (`nodes`, `wires`, `frames`, `subgraphs`, `training`, `stage`, `lesson`,
    `weights`, `extra`) freely, but change them only in a `transaction`. `path` is not part of undo.

    `subgraphs` maps the name of each definition to its further fields; `definition(name)` returns
    its graph. `scope` is the name of a definition, and "" for a file's own graph.
    """

    locked = ""
    """Why this document is read-only, and how to proceed; empty if it can be changed."""

    outer: Collection[str] = ()
    """Nodes of the enclosing document that only provide outputs; their inputs are not shown."""

    def __init__(self, *, part_of: Document | None = None, scope: str = "") -> None:
        self._file = _File(root=self) if part_of is None else part_of._file
        super().__init__(self._file, scope)

    @property
    def revision(self) -> int:
        """The number of changes to the file so far."""
        return self._file.revision

    @revision.setter
    def revision(self, number: int) -> None:
        self._file.revision = number

    @property
    def path(self) -> Path | None:
        """The path of the document's file, or None."""
        return self._file.path

    @path.setter
    def path(self, path: Path | None) -> None:
        self._file.path = path

    @property
    def allowed(self) -> tuple[str, ...]:
        """The paths outside the document's folder that the user allows it to read
        (`nodeflow.data.document_folder`).
        """
        return self._file.allowed

    @allowed.setter
    def allowed(self, allowed: tuple[str, ...]) -> None:
        self._file.allowed = allowed

    def allow(self, *places: str | PathLike[str]) -> None:
        """Allow the document to read these files, and everything in these folders."""
        more = (path for place in places for path in allowance(place))
        self.allowed = tuple(dict.fromkeys((*self.allowed, *more)))

    def use_file_of(self, other: Document) -> None:
        """Take the path and the permissions of the document that this one is a copy of."""
        self.path, self.allowed = other.path, other.allowed

    # ---- definitions ------------------------------------------------------------------------

    @property
    def root(self) -> Document:
        """The file's own graph; a definition returns the document that it belongs to."""
        return self._file.root

    def definition(self, name: str) -> Document | None:
        """Return the graph inside a subgraph, or None if the file has no definition of this
        name.
        """
        return self.graph(name) if name in self.subgraphs else None

    def definitions(self) -> list[Document]:
        """Return the graphs inside all subgraphs that the file defines, by name."""
        return [self.graph(name) for name in sorted(self.subgraphs)]

    def use_definitions(self, other: Document) -> None:
        """Take the definitions of the document that this one is a read-only copy of."""
        self._file.definitions = other._file.definitions
        self.subgraphs = self.tables["subgraph"] = other.subgraphs

    def graph(self, scope: str) -> Document:
        """Return the definition with this name, made if needed; for "", return the file's own
        graph.
        """
        if not scope:
            return self.root
        found = self._file.definitions.get(scope)
        if found is None:
            found = self._file.definitions[scope] = Document(part_of=self.root, scope=scope)
        return found

    # ---- reading ----------------------------------------------------------------------------

    @property
    def training(self) -> dict[str, Json]:
        """The training settings (see `nodeflow.train.settings`); do not change it in place."""
        return self._file.training.get(ONLY, {})

    @property
    def stage(self) -> dict[str, Json]:
        """The pinned views and controls (see `edit.stage`); do not change it in place."""
        return self._file.stage.get(ONLY, {})

    @property
    def lesson(self) -> dict[str, Json]:
        """The lesson that the file belongs to, preserved; do not change it in place."""
        return self._file.lesson.get(ONLY, {})

    @property
    def weights(self) -> str | None:
        """The file of trained variables, relative to the document, or None."""
        return self._file.weights.get(ONLY)

    @property
    def extra(self) -> dict[str, Json]:
        """The unknown fields of the file, preserved; do not change them in place.

        Set them only while a document is being made: there is no undo and no event.
        """
        return self._file.extra.get(ONLY, {})

    @extra.setter
    def extra(self, fields: dict[str, Json]) -> None:
        self.apply(Edit("extra", ONLY, None, fields or None))

    @property
    def conflicts(self) -> Json:
        """The unresolved conflicts of a merge, as the file lists them (`diff.conflicts`), or
        None."""
        return self.extra.get(CONFLICTS)

    def digest(self) -> str:
        """Return a hash of the document's content, which detects a copy that is out of step.

        Each edit updates the hash, so its cost does not grow with the document.
        """
        file, root = self._file, self.root
        if file.digest is None:
            tables = [(t, root.tables[t]) for t in TABLES]
            for part in file.definitions.values():
                tables += [(part.table_name(t), part.tables[t]) for t in SCOPED]
            items = ((t, k, v) for t, rows in tables for k, v in rows.items())
            file.digest = sum(item_hash(*item) for item in items) % HASHES
        return f"{file.digest:032x}"

    # ---- changing ---------------------------------------------------------------------------

    @contextmanager
    def transaction(self, label: str, merge: Any = None) -> Iterator[Transaction]:
        """Open an undo step: its edits are undone together and published as one Change.

        If the block raises, all of its edits are reverted. A nested transaction joins the outer
        one. Consecutive steps with the same `merge` key (not None) become one undo step, such as
        typing in one field or dragging the same nodes. `seal` ends such a run of steps.
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
        """The identity of the current content: undo and redo return to the same object.

        Equal states have equal content as long as all changes are made in this document, and none
        with `apply_change`.
        """
        return self._file.history.now

    def seal(self) -> None:
        """End a run of merged edits: the next edit starts a new undo step."""
        self._file.history.seal()

    def note_aside(
        self, label: str, redo: Callable[[], bool], undo: Callable[[], bool], merge: Any = None
    ) -> None:
        """Add an undo step for an action outside the document's content, such as a what-if value.

        Consecutive steps with the same `merge` key become one step, as in `transaction`.

        Args:
            redo, undo: do the action again, or reverse it; return whether anything changed. If
                nothing changed, the next step is undone or redone as well.
        """
        self._file.history.add_aside(Aside(label, redo, undo, merge))

    def undo(self) -> Change | None:
        """Undo the last step; return the change, or None if the document did not change."""
        return self._replay(self._file.history.undo)

    def redo(self) -> Change | None:
        """Redo the step that was undone last; return the change, or None if the document did not
        change.
        """
        return self._replay(self._file.history.redo)

    def apply_change(self, change: Change) -> None:
        """Apply a change that was made in another document with the same content, without undo.

        The mirror and the journal use it. If the content differs from the state that the change
        expects, raise DocumentError and change nothing.
        """
        for edit in change.edits:
            part, kind = self.home(edit.table)
            if not same(part.tables[kind].get(edit.key), edit.before):
                raise DocumentError(
                    f"the {edit.table} {edit.key!r} does not have the state that the change expects"
                )
        for edit in change.edits:
            self.apply(edit)
        self.revision = change.revision
        self._file.events.publish(replace(change, state=None))

    can_undo = property(lambda self: self._file.history.can_undo, doc="Is there a step to undo?")
    can_redo = property(lambda self: self._file.history.can_redo, doc="Is there a step to redo?")
    undo_label = property(
        lambda self: self._file.history.undo_label, doc="Label of the step to undo."
    )
    redo_label = property(
        lambda self: self._file.history.redo_label, doc="Label of the step to redo."
    )
    is_modified = property(
        lambda self: self._file.history.is_modified, doc="Does it differ from what was saved last?"
    )

    def mark_saved(self) -> None:
        """Record that the current content is on disk."""
        self._file.history.mark_saved()

    def mark_modified(self) -> None:
        """Record that the content is not on disk, because it was recovered or imported."""
        self._file.history.mark_modified()

    def subscribe(self, callback: Subscriber) -> Callable[[], None]:
        """Call `callback(change)` after each transaction, undo and redo; return `unsubscribe`.

        The document of a file publishes every change, including changes in its subgraphs. A
        definition publishes its part of each change (`Change.within`), unless that part is empty.
        """
        if not self.scope:
            return self._file.events.subscribe(callback)

        def publish_own(change: Change) -> None:
            own = change.within(self.scope)
            if own.edits:
                callback(own)

        return self._file.events.subscribe(publish_own)

    def fill(self, table: str, key: Any, value: Any) -> None:
        """Add a record while a document is being read: no undo, no event, no check."""
        if value is not None:
            self.apply(Edit(self.table_name(table), key, None, value))

    # ---- the inside -------------------------------------------------------------------------

    def _commit(self, label: str, edits: list[Edit], merge: Any) -> None:
        merged = merge_edits(edits)
        if not merged:
            return
        self._file.history.add(Step(label, merged, merge))
        self.revision += 1
        self._file.events.publish(Change(label, merged, self.revision, self.state))

    def _replay(self, take: Callable[[], Step | Aside | None]) -> Change | None:
        if self._file.open is not None:
            raise DocumentError("undo and redo do not work inside a transaction")
        step = take()
        while isinstance(step, Aside):
            if step.redo():
                return None
            step = take()
        if step is None:
            return None
        for edit in step.edits:
            self.apply(edit)
        self.revision += 1
        change = Change(step.label, step.edits, self.revision, self.state)
        self._file.events.publish(change)
        return change
