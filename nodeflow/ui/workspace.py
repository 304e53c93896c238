"""The open document with its analysis and selection: what every part of the window looks at.

It holds no truth of its own. Views ask it for the document and listen; when another document is
opened they are told once, by ``replaced``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from PySide6.QtCore import QObject, Signal

from nodeflow.document.analysis import Analysis
from nodeflow.document.declarations import declaration
from nodeflow.document.flow import natural
from nodeflow.document.model import Document
from nodeflow.document.problems import Problem
from nodeflow.document.records import Change, NodeRecord
from nodeflow.document.training import is_optimizer
from nodeflow.graph.op import Op

GROUP = "group"
"""What an optimizer becomes when it is unpacked."""


class Workspace(QObject):
    """The current document and analysis, their events as signals, and the selection.

    Signals (all on the GUI thread):
        replaced: another document was opened.
        changed(Change): a transaction, an undo or a redo; the analysis is already up to date.
        analysed(set of node ids): types or problems of these nodes changed.
        selected(tuple of node ids): another selection.
        saved: the document was saved, so that its title and marks changed.
    """

    replaced = Signal()
    changed = Signal(object)
    analysed = Signal(object)
    selected = Signal(object)
    saved = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.document = Document()
        self.analysis = Analysis(self.document)
        self._touched: set[str] = set()
        self._first = self.document.subscribe(self._analyse)
        self._last = self.document.subscribe(self._announce)
        self._selection: tuple[str, ...] = ()
        self._optimizers: set[str] = set()
        self.file_problems: list[Problem] = []
        """What is wrong with the plugin folder's files: of no document."""

    def open(self, document: Document, analysis: Analysis | None = None) -> None:
        """Make another document the current one."""
        self._first()
        self._last()
        self.document = document
        self.analysis = analysis or Analysis(document)
        self._first = document.subscribe(self._analyse)
        self._last = document.subscribe(self._announce)
        self._selection = ()
        self._optimizers = {n.id for n in document.nodes.values() if is_optimizer(n.op)}
        self.replaced.emit()
        self.announce_last()
        self.selected.emit(())

    def announce_last(self) -> None:
        """Tell of changes after everybody who has subscribed to the document by now.

        The analysis hears of a change first, then the canvas, and then the signals are emitted: a
        slot finds all of them up to date.
        """
        self._last()
        self._last = self.document.subscribe(self._announce)

    def reanalyse(self) -> None:
        """Look at everything again: the document's folder changed, or a data set was fetched."""
        touched = self.analysis.refresh_datasets()
        if touched:
            self.analysed.emit(touched)

    def redeclare(self, ops: Collection[str], problems: list[Problem]) -> None:
        """Look again at the nodes of these ops, which came, went or changed."""
        self.file_problems = problems
        self._optimizers = {n.id for n in self.document.nodes.values() if is_optimizer(n.op)}
        self.analysed.emit(self.analysis.refresh_ops(ops))

    # ---- reading ----------------------------------------------------------------------------

    @property
    def selection(self) -> tuple[str, ...]:
        """Ids of the selected nodes that still exist."""
        return tuple(i for i in self._selection if i in self.document.nodes)

    @property
    def raw_selection(self) -> tuple[str, ...]:
        """Ids of everything selected, frames too, as the canvas said it last."""
        return self._selection

    @property
    def base_dir(self) -> str | None:
        """The folder that relative files of the document start from."""
        return str(self.document.path.parent) if self.document.path else None

    @property
    def title(self) -> str:
        return self.document.path.stem if self.document.path else "Untitled"

    def declaration(self, record: NodeRecord) -> Op | None:
        """What declares a node: its op, the dataset's declaration, or None where unknown."""
        return declaration(record, self.document, base_dir=self.base_dir)

    def problems(self) -> list[Problem]:
        """Every problem of the document, errors first."""
        return sorted([*self.file_problems, *self.analysis.all_problems()], key=_severity)

    @property
    def optimizers(self) -> list[str]:
        """Ids of the nodes to train with, as `training.optimizers` finds them.

        Kept edit by edit, because large documents are asked often.
        """
        named = self.document.nodes.get(self.document.training.get("optimizer") or "")
        group = {named.id} if named is not None and named.op == GROUP else set()
        return sorted(self._optimizers | group, key=natural)

    def nodes_of(self, *ops: str) -> list[NodeRecord]:
        return [record for record in self.document.nodes.values() if record.op in ops]

    # ---- changing ---------------------------------------------------------------------------

    def select(self, ids: Iterable[str]) -> None:
        """Note the canvas's selection and tell the panels."""
        ids = tuple(ids)
        if ids != self._selection:
            self._selection = ids
            self.document.seal()
            self.selected.emit(ids)

    def _analyse(self, change: Change) -> None:
        self._touched = self.analysis.update(change)
        self._optimizers -= {record.id for record in change.nodes_removed}
        now = [*change.nodes_added, *(after for _, after in change.nodes_changed)]
        self._optimizers |= {record.id for record in now if is_optimizer(record.op)}

    def _announce(self, change: Change) -> None:
        touched, self._touched = self._touched, set()
        self.changed.emit(change)
        if touched:
            self.analysed.emit(touched)


def _severity(problem: Problem) -> int:
    return ("error", "warning", "info").index(problem.severity)
