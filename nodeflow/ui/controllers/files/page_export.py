"""File → Export → Web page: writes the graph as one HTML file that works offline."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QFileDialog, QWidget

from nodeflow.atomic_write import write_atomically, writing
from nodeflow.drawing.formats.html_page import page_file
from nodeflow.errors import NodeflowError
from nodeflow.ui.actions.action_set import ActionSet
from nodeflow.ui.actions.binding import Binding, Blocked
from nodeflow.ui.canvas import CanvasView
from nodeflow.ui.core.state.user_settings import Settings
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.user_messages import Messages
from nodeflow.ui.popups.dialogs import confirmation_dialogs


class PageExport(QObject):
    """The action that writes the shown graph, with the values on its nodes, as a web page."""

    def __init__(
        self,
        window: QWidget,
        workspace: Workspace,
        canvas: CanvasView,
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
        self._window, self._workspace, self._canvas = window, workspace, canvas
        self._settings, self._messages, self._title = settings, messages, title
        actions.bind({"export_page": Binding(self.export, self._blocked)})

    def _blocked(self) -> Blocked | None:
        if not self._workspace.document.nodes:
            return Blocked("The graph is empty.")
        return None

    def export(self) -> None:
        """Write the page to a file that the user chooses."""
        document, state = self._workspace.document, self._canvas.node_state
        start = document.path or self._settings.last_folder() / self._title()
        name = f"{start.stem}-{document.scope}" if document.scope else start.stem
        chosen, _ = QFileDialog.getSaveFileName(
            self._window,
            "Export web page",
            str(start.with_name(f"{name}.html")),
            "Web pages (*.html)",
        )
        if not chosen:
            return
        path = Path(chosen)
        if path.suffix.lower() != ".html":
            path = path.with_name(f"{path.name}.html")
        names = {node_id: record.name for node_id, record in document.nodes.items()}
        values = {name: state.value_of(node_id) for node_id, name in names.items()}
        views = {names[i]: view for i, view in state.views().items() if i in names}
        page = page_file(
            document,
            title=name,
            values={n: value for n, value in values.items() if value and not value.is_what_if},
            views={n: view for n, view in views.items() if not view.is_what_if},
            analysis=self._workspace.analysis,
        )
        try:
            with writing(path):
                write_atomically(path, page.encode())
        except NodeflowError as error:
            confirmation_dialogs.show_problem(self._window, "The page was not written", error)
        else:
            self._messages.show_status(f"Wrote {path.name}")
