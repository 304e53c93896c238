"""The nodes with a breakpoint, in all graphs of the file."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from nodeflow.document.analysis.node_flags import has_breakpoint
from nodeflow.document.analysis.subgraphs.instance_paths import scoped_name, walk
from nodeflow.document.model.records import Change
from nodeflow.ui.core.state.workspace import Workspace

LATER_MS = 60


class Breakpoints(QObject):
    """The breakpoints of the current document, including those inside subgraphs.

    Signals:
        changed: the set of breakpoints changed.
    """

    changed = Signal()

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(workspace)
        self._workspace = workspace
        self.paths: list[str] = []
        """Paths of node ids to the nodes with breakpoints, starting at the file's own graph."""
        self._last = ""
        self._later = QTimer(self, singleShot=True, interval=LATER_MS)
        self._later.timeout.connect(self.refresh)
        workspace.replaced.connect(self.refresh)
        workspace.edited.connect(self._on_edited)

    @Slot()
    def refresh(self) -> None:
        """Update the list of breakpoints from the document."""
        self._later.stop()
        found = [path for path, _, r in walk(self._workspace.root) if r.extra and has_breakpoint(r)]
        if found != self.paths:
            self.paths = found
            self.changed.emit()

    @property
    def names(self) -> list[str]:
        """Return the full names of the nodes with breakpoints."""
        return [name for p in self.paths if (name := scoped_name(self._workspace.root, p))]

    def next(self) -> str | None:
        """Return the next path to a breakpoint, cyclically; None if there is none."""
        if not self.paths:
            return None
        at = self.paths.index(self._last) + 1 if self._last in self.paths else 0
        self._last = self.paths[at % len(self.paths)]
        return self._last

    @Slot(object)
    def _on_edited(self, change: Change) -> None:
        if change.flags_nodes or not change.only_moves:
            self._later.start()
