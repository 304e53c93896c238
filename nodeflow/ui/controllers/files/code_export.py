"""File → Export → Export code: shows the graph as a program, and writes it to a folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QFileDialog, QWidget

from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.document.to_graph.task import Task
from nodeflow.errors import NodeflowError
from nodeflow.ui.actions.action_set import ActionSet
from nodeflow.ui.actions.binding import Binding, Blocked
from nodeflow.ui.core.concurrency.background_jobs import Background
from nodeflow.ui.core.state.user_settings import Settings
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.user_messages import Messages
from nodeflow.ui.popups.dialogs import confirmation_dialogs


class CodeExport(QObject):
    """The action that shows the graph's code and writes it to the user's folder."""

    def __init__(
        self,
        window: QWidget,
        workspace: Workspace,
        settings: Settings,
        messages: Messages,
        actions: ActionSet,
        title: Callable[[], str],
    ) -> None:
        """Make the controller.

        Args:
            title: returns the document's name.
        """
        super().__init__(window)
        self._window, self._workspace = window, workspace
        self._settings, self._messages = settings, messages
        self._title, self._folder = title, ""
        self._writing = Background(self)
        self._writing.done.connect(self._on_written)
        self._writing.failed.connect(self._on_failed)
        actions.bind({"export_code": Binding(self.show, self._blocked)})

    def _blocked(self) -> Blocked | None:
        if not self._workspace.root.nodes:
            return Blocked("The graph is empty.")
        return None

    def show(self) -> None:
        """Show the code of the graph in its current state."""
        from nodeflow.exchange.code_targets import code_of, export_code, module_name
        from nodeflow.ui.popups.dialogs.code_dialog import CodeDialog

        document = _snapshot(self._workspace.root)
        name = module_name(self._title())
        dialog = CodeDialog(self._window, lambda target: code_of(_task(document), name, target))
        if not dialog.exec():
            return
        target = dialog.target
        start = document.path.parent if document.path else self._settings.last_folder()
        chosen = QFileDialog.getExistingDirectory(self._window, "Folder for the code", str(start))
        if chosen:
            self._folder = chosen
            self._messages.show_status("Writing the code…")
            self._writing.run(lambda: export_code(_task(document), name, target, chosen))

    @Slot(object)
    def _on_written(self, files: list[str]) -> None:
        self._messages.show_status(f"Written to {self._folder}: {', '.join(files)}")

    @Slot(object)
    def _on_failed(self, error: NodeflowError) -> None:
        confirmation_dialogs.show_problem(self._window, "The code was not written", error)


def _snapshot(document: Document) -> Document:
    found = flow.loads(flow.dumps(document))
    found.path = document.path
    found.allowed = document.allowed
    return found


def _task(document: Document) -> Task:
    return Task(document, file=Path(document.path) if document.path else None)
