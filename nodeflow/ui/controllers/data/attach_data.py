"""The menu behind "x has no data yet": a bundled data set, a file, or a sample value."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QObject, QPoint, Slot
from PySide6.QtWidgets import QFileDialog, QMenu, QWidget

from nodeflow.data.catalog import SOURCES, source_at
from nodeflow.document.analysis.datasets.column_types import StillReading
from nodeflow.document.analysis.datasets.dataset_node import dataset_types, document_folder
from nodeflow.document.edit.data.attach_data import attach_data
from nodeflow.errors import NodeflowError
from nodeflow.ui.actions.action_set import ActionSet
from nodeflow.ui.actions.binding import Binding, Blocked
from nodeflow.ui.canvas import CanvasView
from nodeflow.ui.core.concurrency.background_jobs import Background
from nodeflow.ui.core.state.user_settings import Settings
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.user_messages import Messages, sentence


class AttachData(QObject):
    """The action that offers data for the placeholders without data.

    Args:
        waiting: returns the names of the placeholders without data.
        show_sample: selects the node with this id and focuses its sample value.
    """

    def __init__(
        self,
        window: QWidget,
        workspace: Workspace,
        canvas: CanvasView,
        settings: Settings,
        messages: Messages,
        actions: ActionSet,
        waiting: Callable[[], tuple[str, ...]],
        show_sample: Callable[[str], None],
    ) -> None:
        super().__init__(window)
        self._window, self._workspace, self._canvas = window, workspace, canvas
        self._settings, self._messages = settings, messages
        self._waiting, self._show_sample = waiting, show_sample
        self._reading = Background(self)
        self._reading.done.connect(self.attach)
        self._reading.failed.connect(self._on_unreadable)
        self.menu: QMenu | None = None
        actions.bind({"attach_data": Binding(self.open, self._blocked)})

    def placeholders(self) -> list[str]:
        """Return the ids of the placeholders without data in the outermost graph."""
        root = self._workspace.root
        records = (root.node_named(name) for name in self._waiting())
        return [record.id for record in records if record is not None]

    def open(self) -> None:
        """Show the menu in the lower right corner, above the status bar's message."""
        if self.menu is not None:
            self.menu.deleteLater()
        self.menu = menu = QMenu(self._window)
        for source in SOURCES.values():
            if not source.takes_path:
                menu.addAction(source.title, partial(self.attach, source.id))
        menu.addSeparator()
        menu.addAction("A file…", self._choose)
        menu.addSeparator()
        menu.addAction("Set a sample value", self._sample)
        corner = self._window.mapToGlobal(QPoint(self._window.width(), self._window.height() - 32))
        menu.popup(corner - QPoint(menu.sizeHint().width() + 12, menu.sizeHint().height()))

    @Slot(object)
    def attach(self, source: str) -> None:
        """Add a data set and connect it to the placeholders that its columns fit."""
        root = self._workspace.root
        try:
            node = attach_data(
                root,
                self._workspace.root_analysis,
                source,
                self.placeholders(),
                document_folder(root),
            )
        except StillReading:
            self._messages.show_status(f"Reading {source}…")
            self._read(source, document_folder(root))
            return
        except NodeflowError as error:
            self._messages.show(sentence(error), "warning")
            return
        self._canvas.selection.select([node])
        self._canvas.viewport.ensure_visible(node)

    def _read(self, source: str, folder: os.PathLike[str] | None) -> None:
        """Attach the data set once its columns are known."""

        def columns() -> str:
            dataset_types({"source": source}, base_dir=folder)
            return source

        self._reading.run(columns)

    @Slot(object)
    def _on_unreadable(self, error: NodeflowError) -> None:
        self._messages.show(sentence(error), "warning")

    def _choose(self) -> None:
        folder = str(self._settings.data_folder())
        chosen, _ = QFileDialog.getOpenFileName(self._window, "Attach data", folder)
        if not chosen:
            return
        try:
            source = source_at(chosen)
        except NodeflowError as error:
            self._messages.show(sentence(error), "warning")
            return
        self._workspace.allow_source(source)
        self.attach(source)

    def _sample(self) -> None:
        self._show_sample(self.placeholders()[0])

    def _blocked(self) -> Blocked | None:
        if not self._workspace.path and self.placeholders():
            return None
        return Blocked("All placeholders have data.")
