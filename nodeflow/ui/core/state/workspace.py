"""The open document with its analysis and selection: the model of every part of the window.

Views read the document from here and connect to the signals. ``replaced`` is emitted when
another document was opened.

The shown graph is the file's own graph or the inside of a subgraph (``path``): of an instance,
or of an unused definition. Each of these graphs is a document, so views treat them alike.
``root`` is the file's own graph, for everything that concerns the file.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence
from os import PathLike

from PySide6.QtCore import QObject, Signal

from nodeflow.data.document_folder import DocumentFolder
from nodeflow.document.analysis.datasets.dataset_node import document_folder, place_of
from nodeflow.document.analysis.datasets.outside_data import weights_problem
from nodeflow.document.analysis.declarations import declaration
from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.analysis.subgraphs.instance_paths import (
    ALONE,
    find_name,
    graph_at,
    graphs,
    path_of,
    place_of_use,
)
from nodeflow.document.analysis.training_settings import is_optimizer, optimizers
from nodeflow.document.diff.conflicts import conflicts_in
from nodeflow.document.diff.problems import ConflictProblem, conflict_problems
from nodeflow.document.io import flow
from nodeflow.document.model.document import CONFLICTS, Document
from nodeflow.document.model.names import natural_key
from nodeflow.document.model.problems import Problem
from nodeflow.document.model.records import SUBGRAPH, Change, Edit, NodeRecord
from nodeflow.graph.declaration import NodeDeclaration
from nodeflow.graph.registry import REGISTRY
from nodeflow.ops.layers.layer import Layer
from nodeflow.ui.core.concurrency import garbage_collection
from nodeflow.ui.core.state.offered_ops import OfferedOps

GROUP = "group"
"""The op that takes an optimizer's place when the optimizer is unpacked."""


class Workspace(QObject):
    """The current document and analysis, their events as signals, and the selection.

    Signals (all on the GUI thread):
        replaced: another document was opened.
        entered: another graph of the document is shown, or the same graph at another instance.
        changed(Change): a transaction, undo or redo, restricted to the shown graph. The
            analysis is already up to date.
        edited(Change): the same change with all its effects on the file.
        analysed(set of node ids): types or problems of these nodes changed.
        selected(tuple of node ids): the selection changed.
        allowed: the user allowed the document to read more files.
        saved: the document was saved, so that its title and marks changed.
    """

    replaced = Signal()
    entered = Signal()
    edited = Signal(object)
    changed = Signal(object)
    analysed = Signal(object)
    selected = Signal(object)
    saved = Signal()
    allowed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.root = self.document = Document()
        self.root_analysis = self.analysis = Analysis(self.document)
        self.given_title = ""
        self._text: tuple[int, str] | None = None
        self.path: tuple[str, ...] = ()
        self._apart: dict[str, Analysis] = {}
        """Analyses of the definitions that the file's own analysis does not reach, by
        definition.
        """
        self._first = self.document.subscribe(self._analyse)
        self._last = self.document.subscribe(self._announce)
        self._selection: tuple[str, ...] = ()
        self._selected_of: tuple = ()
        self._selected_now: tuple[str, ...] = ()
        self.offered = OfferedOps(self)
        """The ops that the open lesson offers."""
        self._optimizers: set[str] = set()
        self._conflicts_of: tuple[Document, int] | None = None
        self._conflicts: Sequence[ConflictProblem] = ()
        self.file_problems: list[Problem] = []
        """Problems of files in the plugin folder, which belong to no document."""

    def open(
        self,
        document: Document,
        analysis: Analysis | None = None,
        given_title: str = "",
        text: str | None = None,
    ) -> None:
        """Make another document the current one.

        Args:
            given_title: its title while it has no file.
            text: its canonical text, if known.
        """
        self.given_title = given_title
        self._text = None if text is None else (document.revision, text)
        self._first()
        self._last()
        self.root = self.document = document
        self.root_analysis = self.analysis = analysis or Analysis(document)
        self.path = ()
        self._apart = {}
        self._first = document.subscribe(self._analyse)
        self._last = document.subscribe(self._announce)
        self._selection = ()
        self._optimizers = {n.id for n in document.nodes.values() if is_optimizer(n.op)}
        self.replaced.emit()
        garbage_collection.clear_up()
        self.announce_last()
        self.selected.emit(())

    # ---- subgraphs --------------------------------------------------------------------------

    def enter(self, node_id: str) -> bool:
        """Show the inside of an instance in the shown graph.

        Return False if the node is no instance.
        """
        return self.go_to((*self.path, node_id))

    def leave(self) -> None:
        """Show the graph that holds the shown instance, and select the instance there."""
        if self.path:
            self.go_to(self.path[:-1])

    def go_to(self, path: Iterable[str]) -> bool:
        """Show the graph inside an instance.

        If the path begins with a bare definition (`paths.ALONE`) that has a running instance,
        show that instance instead.

        Args:
            path: the ids of the instances that lead to the graph.
        """
        path = self._in_use(tuple(path))
        place = self._place(path)
        if place is None:
            return False
        self.document.seal()
        self.path = path
        self.document, self.analysis = place
        if self.root_analysis.at(path) is self.analysis:
            self._apart.clear()
        self.analysis.take_touched()
        self._selection = ()
        self.entered.emit()
        self.announce_last()
        self.selected.emit(())
        return True

    def _in_use(self, path: tuple[str, ...]) -> tuple[str, ...]:
        """Turn a path that begins with a definition into a path through an instance, if one
        exists.
        """
        used = place_of_use(self.root, path[0][1:]) if _is_apart(path) else None
        if used is None or used.startswith(ALONE):
            return path
        steps = (*used.split("/"), *path[1:])
        return steps if self.has(steps) else path

    @property
    def scope(self) -> str:
        """The prefix of full names in the shown graph, such as ``outer/sums/``; empty in the
        file's own graph.

        In an unused definition no node has this prefix.
        """
        scope = "".join(f"{name}/" for name in self.path_names)
        return f"{ALONE}{scope}" if self.is_apart else scope

    @property
    def is_apart(self) -> bool:
        """Whether a bare definition is shown instead of an instance. Its nodes have no values."""
        return _is_apart(self.path)

    @property
    def path_names(self) -> list[str]:
        """Return the names of the instances that lead to the shown graph."""
        return self.names_of(self.path)

    def names_of(self, path: Iterable[str]) -> list[str]:
        """Return the names of the instances of a path; empty if it leads nowhere."""
        found = graph_at(self.root, path)
        return [] if found is None else found[1]

    def has(self, path: Iterable[str]) -> bool:
        """Return whether a path leads to a graph."""
        return graph_at(self.root, path) is not None

    def full_name(self, name: str) -> str:
        """Return the full name in the document for a name in the shown graph."""
        return self.scope + name

    def find(self, name: str) -> str | None:
        """Return the path of ids of the node with this full name, or None."""
        found = find_name(self.root, name)
        return None if found is None else path_of(found)

    def _place(self, path: tuple[str, ...]) -> tuple[Document, Analysis] | None:
        """Return the graph at a path and its analysis, or None."""
        found = graph_at(self.root, path)
        return None if found is None else (found[0], self._analysis_at(path, found[0]))

    def _analysis_at(self, path: tuple[str, ...], graph: Document) -> Analysis:
        """Return the file's analysis of a graph.

        If inference does not reach the graph, analyse it separately.
        """
        found = self.root_analysis.at(path)
        head = self.root.definition(path[0][1:]) if _is_apart(path) else None
        if found is None and head is not None:
            found = self._made_for(head).at(path[1:])
        return found or self._made_for(graph)

    def _made_for(self, graph: Document) -> Analysis:
        if graph.scope not in self._apart:
            self._apart[graph.scope] = Analysis(graph)
        return self._apart[graph.scope]

    def _follow(self, change: Change) -> bool:
        """Stay in the shown graph after a change, or leave the graph if it no longer exists.

        Returns:
            Whether another graph is shown now.
        """
        path = renamed(self.path, change)
        while (place := self._place(path)) is None:
            path = path[:-1]
        if place == (self.document, self.analysis) and path == self.path:
            return False
        self.go_to(path)
        return True

    def announce_last(self) -> None:
        """Subscribe to the document again, to be called after all other subscribers.

        The analysis gets a change first, then the canvas, and then the signals of this class
        are emitted. So a slot finds analysis and canvas up to date.
        """
        self._last()
        self._last = self.root.subscribe(self._announce)

    def reanalyse(self) -> None:
        """Analyse the data sets again, because the document's folder changed or a data set was
        fetched.
        """
        for analysis in (self.root_analysis, *self._apart.values()):
            analysis.refresh_datasets()
        touched = self.analysis.take_touched()
        if touched:
            self.analysed.emit(touched)

    def redeclare(self, ops: Collection[str], problems: list[Problem]) -> None:
        """Analyse the nodes of some ops again, because these ops were added, removed or changed."""
        self.file_problems = problems
        self._optimizers = {n.id for n in self.root.nodes.values() if is_optimizer(n.op)}
        touched = self.root_analysis.refresh_ops(ops)
        for analysis in self._apart.values():
            analysis.refresh_ops(ops)
        self.analysed.emit(touched | self.analysis.take_touched())

    # ---- reading ----------------------------------------------------------------------------

    @property
    def state(self) -> tuple[Document, int]:
        """The document and its revision. Equal pairs mean equal content."""
        return self.root, self.root.revision

    def text(self) -> str:
        """Return the open graph as the text that saving would write."""
        known, self._text = self._text, None  # a large text is not kept after one use
        is_known = known is not None and known[0] == self.root.revision
        return known[1] if known is not None and is_known else flow.dumps(self.root)

    @property
    def selection(self) -> tuple[str, ...]:
        """Return the ids of the selected nodes that still exist."""
        of = (self._selection, self.document, self.document.revision)
        if self._selected_of != of:
            nodes = self.document.nodes
            self._selected_of = of
            self._selected_now = tuple(i for i in self._selection if i in nodes)
        return self._selected_now

    @property
    def selected_instance(self) -> NodeRecord | None:
        """Return the selected node if it is an instance of a subgraph and nothing else is
        selected.
        """
        chosen = self.selection
        record = self.document.nodes[chosen[0]] if len(chosen) == 1 else None
        return record if record is not None and record.op == SUBGRAPH else None

    @property
    def raw_selection(self) -> tuple[str, ...]:
        """The ids of everything that the canvas last announced as selected, including frames."""
        return self._selection

    @property
    def base_dir(self) -> DocumentFolder:
        """The start folder of relative paths, and the permissions to read outside of it."""
        return document_folder(self.root)

    @property
    def title(self) -> str:
        """The name of the file; for a copy of an example, the example's title."""
        return self.root.path.stem if self.root.path else self.given_title or "Untitled"

    def declaration(self, record: NodeRecord) -> NodeDeclaration | None:
        """Return the declaration of a node: from its op or its dataset; None if unknown."""
        return declaration(record, self.document, base_dir=self.base_dir)

    def problems(self) -> list[Problem]:
        """Return all problems of the document, errors first."""
        weights = weights_problem(self.root)
        of_file = [*self.file_problems, *([weights] if weights else [])]
        known = self.root_analysis.all_problems()
        return sorted([*of_file, *self.conflicts, *known], key=_severity)

    @property
    def conflicts(self) -> Sequence[ConflictProblem]:
        """The undecided conflicts of a merge in the file; cached until the next edit."""
        now = (self.root, self.root.revision)
        if self._conflicts_of != now:
            self._conflicts_of, self._conflicts = now, conflict_problems(self.root)
        return self._conflicts

    def conflicts_at(self, node_id: str) -> list[Problem]:
        """Return the conflicts at a node or at a wire into it. Ids are unique in a file."""
        return [p for p in self.conflicts if p.conflict is not None and p.conflict.node == node_id]

    @property
    def optimizers(self) -> list[str]:
        """Return the paths of the optimizers that a training can use, as
        `training_settings.optimizers` does.

        In a document without subgraphs this list is updated edit by edit, because large
        documents are queried often.
        """
        if self.root.subgraphs or self.root.training.get("schedule"):
            return optimizers(self.root)
        named = self.document.nodes.get(self.document.training.get("optimizer") or "")
        group = {named.id} if named is not None and named.op == GROUP else set()
        return sorted(self._optimizers | group, key=natural_key)

    @property
    def has_variables(self) -> bool:
        """Return whether the file has variables or layers, in its own graph or in a subgraph."""
        ops = {n.op for graph in graphs(self.root) for n in graph.nodes.values()}
        return "variable" in ops or any(op in REGISTRY and _is_layer(op) for op in ops)

    # ---- changing ---------------------------------------------------------------------------

    def select(self, ids: Iterable[str]) -> None:
        """Store the selection of the canvas and emit `selected`."""
        ids = tuple(ids)
        if ids != self._selection:
            self._selection = ids
            self.document.seal()
            self.selected.emit(ids)

    def allow(self, *places: str | PathLike[str]) -> None:
        """Let the document read files and folders that its user typed or chose."""
        new = [place for place in places if not self.base_dir.may_read(os.fspath(place))]
        if new:
            self.root.allow(*new)
            self.reanalyse()
            self.allowed.emit()

    def allow_source(self, source: str) -> None:
        """Let the document read the file or folder that a data source names, if it names one."""
        place = place_of(self.root, source)
        if place is not None:
            self.allow(place)

    def _analyse(self, change: Change) -> None:
        for analysis in (self.root_analysis, *self._apart.values()):
            analysis.update(change)
        change = change.within("")
        self._optimizers -= {record.id for record in change.nodes_removed}
        now = [*change.nodes_added, *(after for _, after in change.nodes_changed)]
        self._optimizers |= {record.id for record in now if is_optimizer(record.op)}

    def _announce(self, change: Change) -> None:
        self.edited.emit(change)
        moved = self._follow(change)
        touched = self.analysis.take_touched() | self.root_analysis.take_touched()
        touched |= {node for edit in change.of("extra") for node in _in_conflict(edit)}
        self.changed.emit(change.within(self.document.scope))
        if touched and not moved:
            self.analysed.emit(touched)


def _is_layer(op: str) -> bool:
    return isinstance(REGISTRY.lookup(op), Layer)


def _in_conflict(edit: Edit) -> set[str]:
    """Return the nodes whose conflicts an edit changes; "" stands for a conflict without a node."""
    found = {""}
    for fields in (edit.before, edit.after):
        listed = conflicts_in((fields or {}).get(CONFLICTS))
        found.update(conflict.node for conflict in listed)
    return found


def _is_apart(path: tuple[str, ...]) -> bool:
    return bool(path) and path[0].startswith(ALONE)


def renamed(path: tuple[str, ...], change: Change) -> tuple[str, ...]:
    """Return a path with the new name of its first definition, if a change renamed that
    definition.
    """
    gone = [edit.key for edit in change.of("subgraph") if edit.after is None]
    come = [edit.key for edit in change.of("subgraph") if edit.before is None]
    if _is_apart(path) and gone == [path[0][1:]] and len(come) == 1:
        return (f"{ALONE}{come[0]}", *path[1:])
    return path


def _severity(problem: Problem) -> int:
    return ("error", "warning", "info").index(problem.severity)
