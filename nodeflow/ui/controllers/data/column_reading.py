"""The columns of data sets, read on another thread and shown when they arrive."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtWidgets import QWidget

from nodeflow.document.analysis.datasets.column_types import COLUMN_TYPES, StillReading
from nodeflow.document.analysis.datasets.dataset_node import DATASET
from nodeflow.document.edit.data.dataset_placeholders import complete
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import Change
from nodeflow.ui.core.concurrency.thread_signal import ThreadSignal
from nodeflow.ui.core.state.workspace import Workspace


class ColumnReading(QObject):
    """A reader of columns. It repeats the analysis of the document once the columns are known.

    A dataset node that was added before its columns were known gets its placeholders then.
    """

    _came = Signal()

    def __init__(self, window: QWidget, workspace: Workspace) -> None:
        super().__init__(window)
        self._workspace = workspace
        self._awaited: list[tuple[Document, str]] = []
        workspace.changed.connect(self._on_changed)
        workspace.replaced.connect(self._awaited.clear)
        self._came.connect(self._on_came, Qt.ConnectionType.QueuedConnection)
        COLUMN_TYPES.read_apart(ThreadSignal(self, "_came").emit)

    def close(self) -> None:
        """Stop reading on another thread. From then on, callers wait for columns."""
        COLUMN_TYPES.read_apart(None)

    @Slot(object)
    def _on_changed(self, change: Change) -> None:
        document, analysis = self._workspace.document, self._workspace.analysis
        for record in change.nodes_added:
            waits = any(p.kind == StillReading.__name__ for p in analysis.problems_of(record.id))
            if record.op == DATASET and waits:
                self._awaited.append((document, record.id))

    @Slot()
    def _on_came(self) -> None:
        self._workspace.reanalyse()
        awaited, self._awaited = self._awaited, []
        for document, node in awaited:
            if node not in document.nodes or document.wires_out_of(node) or document.locked:
                continue
            complete(document, [node])
            if not document.wires_out_of(node):
                self._awaited.append((document, node))
